"""Keeping the times in which stations are heard (ConnectionPeriod). Called by the ledger, in its transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from stations.gateway import bulk
from stations.models import ConnectionPeriod


def begin(came: Mapping[int, tuple[datetime, str]]) -> None:
    """Stations (key -> when, from which address) are connected. One that was away for a moment goes on with the period it had, and so
    does one whose older socket is not closed yet."""
    if not came:
        return
    grace = timedelta(seconds=settings.STATION_CLOSED_GRACE)
    earliest = min(at for at, _address in came.values()) - grace
    recent = ConnectionPeriod.objects.filter(station__in=came, ended_at__gte=earliest).order_by("ended_at").values_list(
        "station_id", "pk", "ended_at"
    )  # fmt: skip
    again = {station: pk for station, pk, ended in recent if ended and ended >= came[station][0] - grace}
    goes_on = set(ConnectionPeriod.objects.filter(station__in=came, ended_at=None).values_list("station_id", flat=True))
    ConnectionPeriod.objects.filter(pk__in=[pk for station, pk in again.items() if station not in goes_on]).update(
        ended_at=None, reconnects=F("reconnects") + 1
    )
    ConnectionPeriod.objects.filter(station__in=goes_on, ended_at=None).update(reconnects=F("reconnects") + 1)
    ConnectionPeriod.objects.bulk_create(
        [
            ConnectionPeriod(station_id=station, began_at=at, address=address)
            for station, (at, address) in came.items()
            if station not in again and station not in goes_on
        ]
    )


def end(gone: Mapping[int, datetime]) -> None:
    """Stations (key -> since when) are not heard any more."""
    if gone:
        still_open = ConnectionPeriod.objects.filter(station__in=gone, ended_at=None).values_list("pk", "station_id", "began_at")
        bulk.update(ConnectionPeriod, ("ended_at",), [(pk, max(began, gone[station])) for pk, station, began in still_open])


def was_silent(silences: Sequence[tuple[int, datetime, datetime]]) -> None:
    """Stations (key, last heard, heard again) whose socket was open, but which said nothing for longer than STATION_OFFLINE_AFTER: they
    counted as offline from then on until now. Rare, so each is written by itself."""
    for station, last, again in silences:
        open_one = ConnectionPeriod.objects.filter(station=station, ended_at=None)
        address = open_one.values_list("address", flat=True).first()
        if address is None:
            continue
        end({station: last + timedelta(seconds=settings.STATION_OFFLINE_AFTER)})
        ConnectionPeriod.objects.create(station_id=station, began_at=again, address=address)
