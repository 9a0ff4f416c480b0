"""The register of a running transaction, value by value: one rule for every version of OCPP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import F, OuterRef, Subquery

from stations.gateway.entries import OpenTransaction, Received, StationState, Way
from stations.models import Connector, Deviation, Transaction
from stations.ocpp import numbering, registers
from stations.ocpp.events import Channel, Sample
from stations.plausible import SLACK_WH, effective

if TYPE_CHECKING:
    from stations.gateway.book import Book

Kind = Deviation.Kind
Problem = Transaction.Problem

# The meter at the end of such a charge may be another, or people look at it anyway
_UNSURE = {Problem.ADDED_UP, Problem.NO_END_METER, Problem.NOT_ENDED, Problem.BEYOND_END, Problem.NEGATIVE, Problem.METER_FELL}


class Step(NamedTuple):
    """By how much the meter has risen at once (Wh), and since when it had stood."""

    energy: float
    lasted: timedelta


class Leap(NamedTuple):
    """Registers of a charge that goes on (Wh), far above where it stood. `draws`: the first that was told of what the station draws."""

    running: OpenTransaction
    entry: Received
    told: Sequence[Sample]
    steps: Sequence[Step]
    draws: bool = False


MOST_MARKS = 10
_WHOLE = Channel(registers.REGISTER, "Wh", "", registers.END, "Outlet")


def follow(book: Book, entry: Received, running: OpenTransaction | None, told: Sequence[Sample], *, sure: bool) -> int:
    """What the meter of the connector says by these registers (Wh), the latest of which counts. Not `sure` that they are of `running`:
    nothing is held against that."""
    station, action, last = entry.state.station_id, entry.action, told[-1]
    register = round(last.value)
    if register < 0:
        book.manners.note(station, Kind.METER, action, f"{register} Wh < 0 Wh", entry.at)
    if running is None:
        return register
    before, way, at, place = _stands(book, running), _way(book, running), effective(last.at, entry.at), registers.rank(last.channel)
    draws, first = registers.draws(last.channel), way.place is None
    if (first and draws and not sure) or (way.place is not None and place > way.place):
        return before  # another meter: of what the station draws
    if way.place is not None and place < way.place and way.guessed:
        before, way = _lower(book, running, way)
    if sure and way.guessed and at and at < way.guessed[0]:  # measured before what may not be of this charge
        stands, way = way.guessed[1], way._replace(guessed=(way.guessed[0], max(register, way.guessed[1])))
    else:
        stands = before
        if register > before and (not sure or (first and draws)):
            way = way._replace(guessed=way.guessed or (at or entry.at, before))
        elif register >= before and not draws:
            way = way._replace(guessed=None)
    if sure:
        counted = _of_session(book, entry, running, register, stands)
        if counted != register:
            told, register = [one._replace(value=one.value + counted - register) for one in told], counted
        if registers.fell(stands, register):
            book.manners.note(station, Kind.METER, action, f"{register} Wh < {stands} Wh", entry.at)
            book.problems.setdefault(running.pk, set()).add(Problem.METER_FELL)
    steps, reached = _steps(stands, way.reached, told, entry)
    if steps or register > stands + SLACK_WH:
        book.leaps.append(Leap(running, entry, told, steps if sure else [], draws=first and draws))
    book.ways[running] = way._replace(reached=reached, place=place)
    book.meters[running] = max(register, before)
    return register


def ends(
    book: Book, entry: Received, running: OpenTransaction | None, at: datetime | None, told: Sequence[Sample], stop: int | None
) -> None:
    """Before what its end tells of `running` is followed. `stop`: the meter there, None where it is not told."""
    if running is None:
        return
    way, at = _way(book, running), effective(at, entry.at) or entry.at
    if way.guessed and at < way.guessed[0]:
        _lower(book, running, way)
    values = [one for one in registers.timed(told) if one.channel.context != registers.BEGIN]
    if stop is not None:
        values.append(Sample(at, _WHOLE, stop))
    steps, _reached = _steps(_stands(book, running), _way(book, running).reached, values, entry)
    if steps:
        book.leaps.append(Leap(running, entry, [], steps))


def mark(book: Book, running: OpenTransaction, samples: Sequence[Sample]) -> None:
    """What is told as the meter at its start or its end, apart from these (1.6), is held against them when it ends."""
    way = _way(book, running)
    own = [one for one in samples if one.channel.context in (registers.BEGIN, registers.END) and one not in way.marks]
    told = [one for one in own if (registers.register_wh(one.channel, one.value) or 0) > 0]
    if told and len(way.marks) + len(told) <= MOST_MARKS:
        book.ways[running] = way._replace(marks=(*way.marks, *told))


def marks(book: Book, running: OpenTransaction | None) -> Sequence[Sample]:
    return _way(book, running).marks if running is not None else ()


def look_within(book: Book, entry: Received, pk: int, told: Sequence[Sample]) -> None:
    """Whether the meter has fallen between values that came together."""
    if fell := registers.falls(told):
        book.manners.note(entry.state.station_id, Kind.METER, entry.action, f"{fell[1]} Wh < {fell[0]} Wh", entry.at)
        book.problems.setdefault(pk, set()).add(Problem.METER_FELL)


def passed_over(book: Book, running: OpenTransaction) -> None:
    """What was followed last is not the meter of this charge."""
    if (way := _way(book, running)).guessed:
        _lower(book, running, way)


def _stands(book: Book, running: OpenTransaction) -> int:
    return book.meters.get(running, running.meter)


def _way(book: Book, running: OpenTransaction) -> Way:
    return book.ways.get(running, running.way)


def _lower(book: Book, running: OpenTransaction, way: Way) -> tuple[int, Way]:
    """Back to where it stood by what is its own."""
    assert way.guessed is not None
    meter = book.meters[running] = way.guessed[1]
    way = book.ways[running] = way._replace(guessed=None, reached=None, place=registers.OUTLETS)
    book.lowered.add(running)
    return meter, way


def _steps(meter: float, reached: datetime | None, told: Sequence[Sample], entry: Received) -> tuple[list[Step], datetime | None]:
    """By how much the meter has risen at once, and in which time, since it stood at `meter`; and when it came to where it stands now."""
    steps: list[Step] = []
    for when, _channel, wh in told:
        if wh > meter:
            at = effective(when, entry.at)
            if reached and at and at >= reached and wh - meter > SLACK_WH:
                steps.append(Step(wh - meter, at - reached))
            meter, reached = wh, at
    return steps, reached


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
