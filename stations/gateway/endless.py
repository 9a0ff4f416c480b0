"""Charges that a station begins again and again without ending one (OCPP 1.6, where the portal gives every start its id): only so many go
on at once. The oldest are closed with what is known of them, for people to look at; should an end come after all, it takes force."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stations.gateway import bulk
from stations.gateway.entries import OpenTransaction, Received
from stations.gateway.reports import MOST_OPEN, MOST_OPEN_OF_STATION
from stations.models import Correction, Transaction

if TYPE_CHECKING:
    from stations.gateway.book import Book

CLOSED = "ClosedByPortal"  # stop reason
_FIELDS = ("ended_at", "end_received_at", "meter_stop", "stop_reason", "problems", "reviewed_at", "closed_by_hand")


class GivenUp(NamedTuple):
    running: OpenTransaction
    entry: Received


def make_room(book: Book, entry: Received, connector_pk: int) -> None:
    """Before another one begins at this connector. `Book.given_up` has those that give way, by their keys."""
    state = entry.state
    if len(state.open) + len(book.new) < MOST_OPEN:
        return
    going = {one.pk: (key, one) for key, one in state.open.items() if one.pk not in book.stopped and one.pk not in book.given_up}
    begun = [row.connector_id for row, other in book.new if other.state is state]
    here = sorted(pk for pk, (_key, one) in going.items() if one.connector_pk == connector_pk)
    over = [*here[: max(0, len(here) + begun.count(connector_pk) + 1 - MOST_OPEN)]]
    rest = sorted(going.keys() - set(over))
    over += rest[: max(0, len(rest) + len(begun) + 1 - MOST_OPEN_OF_STATION)]
    for pk in over:
        key, one = going[pk]
        book.given_up[pk] = GivenUp(one, entry)
        book.closed.append((state, key))
        if anew := book.attached.get(state.station_id):
            book.closed.append((anew, key))


def close(book: Book) -> None:
    """Write them. One that has ended in the same batch is not touched."""
    rows = Transaction.objects.filter(pk__in=book.given_up.keys() - book.stopped.keys(), ended_at=None).order_by()
    closed, told = [], []
    for row in rows:
        running, entry = book.given_up[row.pk]
        meter = max(row.meter_start, row.meter_last or 0, book.meters.get(running, running.meter))
        ended = max(row.started_at, entry.at)
        problems = {*row.problems, *map(str, book.problems.pop(row.pk, ())), str(Transaction.Problem.NOT_ENDED)}
        closed.append((row.pk, ended, entry.at, meter, CLOSED, sorted(problems), None, True))
        told.append(Correction(
            transaction=row, kind=Correction.Kind.GIVEN_UP, at=entry.at, before={"ended_at": None, "meter_stop": None},
            after={"ended_at": ended.isoformat(), "meter_stop": meter, "stop_reason": CLOSED},
        ))  # fmt: skip
        book.changed.add(row.station_id)
    bulk.update(Transaction, _FIELDS, closed)
    Correction.objects.bulk_create(told)
