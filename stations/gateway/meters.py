"""The register of a running transaction, value by value: one rule for every version of OCPP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, OuterRef, Subquery

from stations.gateway.entries import OpenTransaction, Received, StationState
from stations.models import Connector, Deviation, Transaction
from stations.ocpp import numbering, registers
from stations.ocpp.events import Sample
from stations.plausible import SLACK_WH

if TYPE_CHECKING:
    from stations.gateway.book import Book

Kind = Deviation.Kind
Problem = Transaction.Problem

# The meter at the end of such a charge may be another, or people look at it anyway
_UNSURE = {Problem.ADDED_UP, Problem.NO_END_METER, Problem.NOT_ENDED, Problem.BEYOND_END, Problem.NEGATIVE, Problem.METER_FELL}


def follow(book: Book, entry: Received, running: OpenTransaction | None, register: int, samples: list[Sample], *, sure: bool) -> int:
    """What the meter of the connector says by this register (Wh). Not `sure` that it is of `running`: nothing is held against that."""
    station, action = entry.state.station_id, entry.action
    if register < 0:
        book.manners.note(station, Kind.METER, action, f"{register} Wh < 0 Wh", entry.at)
    if running is None:
        return register
    before = book.meters.get(running, running.meter)
    if sure:
        register = _of_session(book, entry, running, register, before)
        if registers.fell(before, register):
            book.manners.note(station, Kind.METER, action, f"{register} Wh < {before} Wh", entry.at)
            book.problems.setdefault(running.pk, set()).add(Problem.METER_FELL)
    if register > before + SLACK_WH:
        book.leaps.append((running.pk, entry, samples))
    book.meters[running] = max(register, before)
    return register


def _of_session(book: Book, entry: Received, running: OpenTransaction, register: int, before: int) -> int:
    """The register, where the station counts what it tells while charging from 0 and its start and end by the meter. Should it have lost
    its count instead, its end is below its start, or below what was counted."""
    if running.start is None:
        return register
    shifted, counts = running.start + register, book.sessions.get(running, running.session)
    if counts is None:
        counts = register >= 0 and registers.fell(running.start, register) and not registers.fell(before, shifted)
        book.sessions[running] = counts
        if counts:
            book.manners.note(entry.state.station_id, Kind.FROM_ZERO, entry.action, f"{register} Wh < {running.start} Wh", entry.at)
    return shifted if counts and registers.fell(before, register) and not registers.fell(before, shifted) else register


def counted_twice(book: Book) -> None:
    """Flag what has ended, and began within what the one before it at its connector had taken, as the meter says which then went on. Where
    every charge is counted by itself they begin alike. After the ends are written."""
    mended = {book.of_transactions.courses[key].running.pk for key in book.of_transactions.mended}
    if not (pks := {*book.stopped, *mended}):
        return
    took_energy = Transaction.objects.filter(meter_stop__gt=F("meter_start") + registers.ROUNDED, void=False)
    here = took_energy.filter(station=OuterRef("station"), connector=OuterRef("connector"), started_at__lte=OuterRef("started_at"))
    before = Subquery(here.exclude(pk=OuterRef("pk")).order_by("-started_at", "-pk").values("pk")[:1])
    rows = took_energy.filter(pk__in=pks, reviewed_at=None, closed_by_hand=False).annotate(before=before).order_by()
    pairs = [(pk, before) for pk, before in rows.values_list("pk", "before") if before is not None]
    found = Transaction.objects.in_bulk([pk for pair in pairs for pk in pair])
    for row, last in [(found[pk], found[before]) for pk, before in pairs]:
        assert row.meter_stop is not None
        assert last.meter_stop is not None
        slack = registers.ROUNDED if row.meter_start % 1000 else 1000  # of whole kWh the last digit may be cut off
        inside = last.meter_start + registers.ROUNDED < row.meter_start < last.meter_stop - slack
        if inside and registers.fell(row.meter_stop, last.meter_stop) and Problem.ADDED_UP not in (*last.problems, *row.problems):
            book.problems.setdefault(row.pk, set()).add(Problem.COUNTED_TWICE)
            book.changed.add(row.station_id)


def gaps(book: Book) -> None:
    """Note where a charge begins with more on the meter than the one before it ended with. After the batch is written."""
    begun = [(row, "StartTransaction", entry.state) for row, entry in book.new]
    for course in book.of_transactions.courses.values():
        row = course.row
        if course.new and row and row.reported_start and row.meter_last is not None and Problem.NO_START_METER not in row.problems:
            begun.append((row, "TransactionEvent", next(iter(course.states))))
    places = {row.pk: _same_meter(row.connector_id, state) for row, _action, state in begun}
    if not any(places.values()):
        return
    of_connector = Transaction.objects.filter(station=OuterRef("station"), connector=OuterRef("pk")).exclude(pk__in=places)
    before = Subquery(of_connector.order_by("-started_at", "-pk").values("pk")[:1])
    found = Connector.objects.filter(pk__in=set[int]().union(*places.values())).annotate(before=before).order_by()
    earlier = Transaction.objects.in_bulk([pk for pk in found.values_list("before", flat=True) if pk is not None])
    last_at = {one.connector_id: one for one in earlier.values()}
    for row, action, _state in begun:
        here = [last_at[place] for place in places[row.pk] if place in last_at]
        last = max(here, key=lambda one: (one.started_at, one.pk), default=None)
        if last is None or last.meter_stop is None or last.started_at > row.started_at or _UNSURE & set(last.problems):
            continue
        if registers.fell(row.meter_start, last.meter_stop):
            gap = f"{(row.meter_start - last.meter_stop) / 1000:.1f} kWh ({last.meter_stop} Wh → {row.meter_start} Wh)"
            book.manners.note(row.station_id, Kind.GAP, action, gap, row.start_received_at)


def _same_meter(connector_pk: int, state: StationState) -> set[int]:
    """The connectors of an EVSE have one meter. Empty of one that was not known before: nobody has charged there."""
    number = next((one.number for one in state.connectors.values() if one.pk == connector_pk), None)
    return {state.connectors[one].pk for one in numbering.of_same_evse(number) if one in state.connectors} if number else set()
