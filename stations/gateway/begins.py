"""The meter at the start of a charge, held against what was told later: one rule for every version of OCPP.

Where none was told at the start, what is told later of that moment is it. Else the two contradict each other, and so does a value after it
that no connector can have given in that time (some stations say 0 while they do not know it yet): people decide on that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Min, Q

from stations import plausible
from stations.gateway import added_up, meters
from stations.gateway.courses import Course, Key, flag
from stations.gateway.entries import KNOWN_FIELDS, Known, Received
from stations.models import MeterSample, Transaction
from stations.ocpp import registers
from stations.ocpp.events import Channel, Ended, Sample

if TYPE_CHECKING:
    from stations.gateway.book import Book
    from stations.gateway.reports import Reports

Problem = Transaction.Problem


class _Told(NamedTuple):
    at: datetime
    channel: Channel
    wh: float


# -- what cannot be -----------------------------------------------------------------------------------------------------------------------


def judge_leaps(book: Book) -> None:
    rows = Transaction.objects.filter(pk__in={leap.running.pk for leap in book.leaps}).order_by()
    known = {row[0]: Known(*row) for row in rows.values_list(*KNOWN_FIELDS)}
    for leap in book.leaps:
        pk = leap.running.pk
        if pk not in known:
            continue
        leaps = leapt(known[pk], leap.told, leap.entry)
        if leaps and leap.draws:
            meters.passed_over(book, leap.running)
        elif leaps:
            book.problems.setdefault(pk, set()).add(Problem.OTHER_START)
        if any(plausible.too_sudden(step.energy, step.lasted, known[pk].power) for step in leap.steps):
            book.problems.setdefault(pk, set()).add(Problem.TOO_MUCH)


def doubtful(known: Known, event: Ended, entry: Received, problems: Iterable[str]) -> bool:
    """Whether what an end brings along says that the meter at the start was another one."""
    if Problem.ADDED_UP in problems:
        return False
    if Problem.TOO_MUCH not in problems and Problem.CLOCK not in problems and leapt(known, registers.timed(event.samples), entry):
        return True
    begin, end = registers.at(event.samples, registers.BEGIN), registers.at(event.samples, registers.END)
    if begin is None or begin == end == 0:
        return False
    # Of another register than the one at start and end, but of as much energy: no contradiction
    digit = registers.exactness(event.samples)
    starts = [event.meter_stop - (stop - begin) for stop in (event.meter_stop, event.meter_stop if end is None else end)]
    return all(unlike(start, known.meter_start, digit) for start in starts)


def leapt(known: Known, told: Sequence[Sample], entry: Received) -> bool:
    """Whether one of these registers (Wh) is of more energy than the connector can have given since the start."""
    if Problem.CLOCK in known.problems:
        return False
    for when, _channel, wh in told:
        at = plausible.effective(when, entry.at) or entry.at
        if at >= known.started_at and plausible.too_much(round(wh) - known.meter_start, at - known.started_at, known.power):
            return True
    return False


def unlike(told: int | float, stands: int, digit: float) -> bool:
    """Whether both cannot be the same (Wh). `digit`: what the last one of `told` is worth; what is that exact itself is told as it is."""
    exact = digit < 1 or stands % digit == 0
    return abs(told - stands) > (1 if exact else 1 + digit)


# -- what was told later (2.0.1) ----------------------------------------------------------------------------------------------------------


def settle(reports: Reports) -> None:
    """Before the charges of a batch are written: those that end in it, and those of whose begin more was told."""
    wanted: dict[Key, Course] = {}
    for key in {*reports.begins, *reports.ended}:
        course = reports.courses[key]
        row = course.row
        if row is None or row.reviewed_at is not None or row.closed_by_hand:
            continue
        if not course.begun:
            wanted[key] = course
        elif key in reports.begins and unlike(reports.begins[key][0], row.meter_start, reports.begins[key][1]):
            flag(row, Problem.OTHER_START)
    if not wanted:
        return
    spans = {key: added_up.span_of(reports, key) for key in wanted}
    told = added_up.Told(reports.book_of_all, {pk for span in spans.values() for pk in span.connectors})
    for key, course in wanted.items():
        _settle(reports, key, course, _first_told(spans[key], *told.at(spans[key].connectors)))


def _settle(reports: Reports, key: Key, course: Course, told: Sequence[_Told]) -> None:
    row = course.row
    assert row is not None
    if key in reports.begins:
        start, digit = reports.begins[key]
        before = [one.wh for one in told if one.channel.context == registers.BEGIN or (row.reported_start and one.at == row.started_at)]
        if any(unlike(start, round(wh), digit) for wh in before) or (start > row.meter_start and unlike(start, row.meter_start, digit)):
            flag(row, Problem.OTHER_START)  # what came first stands
            return
        row.problems = [one for one in row.problems if one != Problem.NO_START_METER]
    else:
        later = [one for one in told if one.at >= row.started_at]
        if not later or any(one.channel.context == registers.BEGIN for one in told):
            return
        start = round(min(later, key=lambda one: one.at).wh)
        if start >= row.meter_start - 1:
            return
    row.meter_start = start
    course.changed = course.begun = True
    if key not in reports.ended:
        reports.mended.add(key)


def _first_told(span: added_up.Span, series: dict[int, Channel], pending: Sequence[added_up.Value]) -> list[_Told]:
    """The first registers of the whole connector, one of each kind, and all that this batch brings; of the place that counts."""
    since, until = span.since - added_up.NEAR, span.until + added_up.AFTER
    mine = {pk: channel for pk, channel in series.items() if added_up.is_whole(channel)}
    firsts = MeterSample.objects.filter(series__in=mine, at__range=(since, until)).order_by().values_list("series").annotate(Min("at"))
    which = Q()
    for pk, at in firsts:
        which |= Q(series=pk, at=at)
    rows = MeterSample.objects.filter(which).values_list("series", "at", "value") if which else ()
    found = [(at, mine[pk], value) for pk, at, value in rows]
    found += [(at, channel, value) for channel, at, value in pending if since <= at <= until]
    told = [_Told(at, channel, wh) for at, channel, value in found if (wh := registers.register_wh(channel, value)) is not None]
    best = min((registers.rank(one.channel) for one in told), default=0)
    return [one for one in told if registers.rank(one.channel) == best]
