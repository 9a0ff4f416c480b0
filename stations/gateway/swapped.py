"""Two charges of a station, each ended with the card that began the other: the station has mixed up their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, Q

from stations.models import Transaction

if TYPE_CHECKING:
    from stations.gateway.book import Book

MOST = 100  # in a batch that are compared


def flag(book: Book) -> None:
    """Flag both. After the ends are written."""
    told = [pk for pk, (_known, event, _entry) in book.stopped.items() if event.id_tag]
    if not told:
        return
    fields = ("pk", "station", "id_tag", "stop_id_tag", "started_at", "ended_at")
    rows = list(Transaction.objects.filter(pk__in=told).exclude(stop_id_tag=F("id_tag")).order_by("pk").values_list(*fields)[:MOST])
    others = Q()
    for _pk, station, card, stop_card, started, ended in rows:
        others |= Q(station=station, id_tag=stop_card, stop_id_tag=card, started_at__lt=ended, ended_at__gt=started)
    if not others:
        return
    found = {
        (station, card, stop_card): pk for pk, station, card, stop_card, *_times in Transaction.objects.filter(others).values_list(*fields)
    }
    for pk, station, card, stop_card, *_times in rows:
        if (other := found.get((station, stop_card, card))) is not None:
            for each in (pk, other):
                book.problems.setdefault(each, set()).add(Transaction.Problem.SWAPPED)
            book.changed.add(station)
