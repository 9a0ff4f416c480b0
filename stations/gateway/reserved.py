"""Reservations as stations tell of them: made or refused, cancelled, used by a transaction, expired or removed. Found by (station, key)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from stations.gateway.entries import Entry, Received
from stations.models import Command, Deviation, Reservation, Transaction
from stations.ocpp import events, intents
from stations.ocpp.intents import CancelReservation, Reserve
from stations.ocpp.replies import Done, Reply
from stations.reservations import used_by

if TYPE_CHECKING:
    from stations.gateway.book import Book

State = Reservation.State
# ReservationUpdateStatusEnumType (2.1 has the last one) -> what has become of it
_UPDATES = {"Expired": State.EXPIRED, "Removed": State.REMOVED, "NoTransaction": State.EXPIRED}


def made(command: Command, wanted: Reserve, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    """The answer to ReserveNow, which may come late: then it still tells what is true."""
    asked = Reservation.objects.filter(station=command.station_id, key=wanted.key, command=command)
    if outcome == intents.ACCEPTED:
        asked.filter(state__in=[State.ASKED, State.UNCERTAIN]).update(state=State.MADE, word=outcome)
    else:
        asked.filter(state__in=[State.ASKED, State.UNCERTAIN]).update(state=State.REFUSED, word=outcome, ended_at=at)


def cancelled(command: Command, wanted: CancelReservation, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    """The answer to CancelReservation. A station refuses where it has no such reservation (1.6 §5.2, H02.FR.01): then
    none stands either."""
    standing = Reservation.objects.filter(station=command.station_id, key=wanted.key, state__in=Reservation.OPEN)
    state = {intents.ACCEPTED: State.CANCELLED, intents.REJECTED: State.REMOVED}.get(outcome)
    if state:
        standing.update(state=state, word=outcome, ended_at=at)


def updated(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """ReservationStatusUpdate."""
    told: dict[tuple[int, int], tuple[str, datetime]] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, events.ReservationUpdate) and 0 <= event.key <= Reservation.LARGEST_KEY:
            told[entry.state.station_id, event.key] = event.status, entry.at
    for row, (status, at) in _found(told, Reservation.OPEN):
        state = _UPDATES.get(status, State.REMOVED)
        Reservation.objects.filter(pk=row.pk, state=row.state).update(state=state, word=status[:40], ended_at=at)
        changed.add(row.station_id)
    return dict.fromkeys(entries, Done())


def used(book: Book, entries: Sequence[Received], starts: Mapping[Entry, int]) -> None:
    """What transactions tell of the reservation by which they charge. `starts`: the transactions that these messages began. Reads nothing
    where none tells of one."""
    told: dict[tuple[int, int], tuple[Received, str]] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, events.Started | events.TransactionReport):
            key = event.reservation
            if key is not None and 0 <= key <= Reservation.LARGEST_KEY:
                told[entry.state.station_id, key] = entry, getattr(event, "transaction_id", "")
    if not told:
        return
    stations, named = {station for station, _key in told}, [name for _entry, name in told.values() if name]
    rows = Transaction.objects.filter(Q(pk__in=starts.values()) | Q(transaction_id__in=named), station__in=stations).order_by()
    charges = {
        (station, name): (pk, uid, connector)
        for pk, station, name, uid, connector in rows.values_list("pk", "station_id", "transaction_id", "id_tag", "connector__number")
    }
    # One that has expired here may have been used by the station's clock
    for row, (entry, name) in _found(told, (*Reservation.OPEN, State.EXPIRED)):
        charge = charges.get((row.station_id, name or str(starts.get(entry, ""))))
        if charge is None:  # it was not booked
            continue
        pk, uid, connector = charge
        verdict = book.verdicts.get(entry)
        word = used_by(row, uid, verdict.group_id if verdict else None, connector)
        Reservation.objects.filter(pk=row.pk, state=row.state).update(state=State.USED, word=word, ended_at=entry.at, transaction_id=pk)
        if word:
            book.manners.note(row.station_id, Deviation.Kind.RESERVATION, entry.action, "", entry.at)
        book.changed.add(row.station_id)


def _found(told: Mapping[tuple[int, int], Any], states: Collection[str]) -> list[tuple[Reservation, Any]]:
    """Those reservations with these (station, key), each with what is told of it."""
    if not told:
        return []
    rows = Reservation.objects.filter(
        station__in={station for station, _key in told}, key__in={key for _station, key in told}, state__in=states
    ).order_by()
    return [(row, told[row.station_id, row.key]) for row in rows if (row.station_id, row.key) in told]
