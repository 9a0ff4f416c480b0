"""Energy of transactions whose station told no register of the whole connector, or one that stood still: added up from registers per
phase, or from intervals. Where only power is told beside a meter that stood still, people look at it.

Looked for only when such a transaction ends, or when more of it comes after its end: whose meter rises costs nothing. Each is looked at by
itself, so that nothing another station tells takes anything from it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Max, Min, Q

from stations.gateway.courses import Course, Problem, flag
from stations.models import Deviation, MeterSample, MeterSeries, Transaction
from stations.ocpp import registers
from stations.ocpp.events import Channel, Sample
from stations.plausible import effective

if TYPE_CHECKING:
    from stations.gateway.book import Book
    from stations.gateway.reports import Reports

INTERVAL = "Energy.Active.Import.Interval"
POWER = "Power.Active.Import"
FLOWS = {"W": 1000.0, "kW": 1.0}  # by unit: from how much on a meter rises
STILL = timedelta(minutes=15)  # for so long it does not stand still then
CLOCK = "Sample.Clock"
PHASES = ("L1", "L2", "L3")
MOST_SAMPLES = 20_000  # of one charge, the oldest
MOST_CHARGES = 5  # of one station in a batch
NEAR = timedelta(seconds=5)  # what is measured at the start is a little older or younger
AFTER = timedelta(seconds=1)  # and what is measured at the end a little younger
LATE = timedelta(minutes=1)  # a register that was told so shortly before the end is as good as the one there

Value = tuple[Channel, datetime, float]


class Span(NamedTuple):
    """Which values are of a charge. `begun`: its start is known; what an interval tells that ends there is of the time before."""

    connectors: frozenset[int]
    since: datetime
    until: datetime
    begun: bool


class Sum(NamedTuple):
    """Wh; `start` as the phases tell it. `fell`: a register did, or an interval is negative."""

    start: int
    energy: int
    fell: bool


def tells(samples: Iterable[Sample]) -> bool:
    """Whether any of these could be added up."""
    return any(
        channel.measurand == INTERVAL or (channel.measurand == registers.REGISTER and channel.phase) for _at, channel, _value in samples
    )


def once(sample: Sample, received: datetime) -> bool:
    """Whether it can be told apart from the same one that came before: an interval with an impossible time cannot."""
    at, channel, _value = sample
    return channel.measurand != INTERVAL or effective(at, received) is not None


def lacks_registers(row: Transaction) -> bool:
    """Whether what is over was added up, or has told nothing that its energy follows from; nobody has decided on it."""
    decided = row.reviewed_at is not None or row.closed_by_hand or row.void
    return not decided and (Problem.ADDED_UP in row.problems or row.meter_stop == row.meter_start)


def add_up(reports: Reports) -> None:
    """The energy of what has ended without a register, where values tell it otherwise; a flag where the last register is an old one."""
    looked_for = reports.unmetered | reports.untold | reports.stood
    if not looked_for:
        return
    looked: Counter[int] = Counter()
    spans = {key: span_of(reports, key) for key in looked_for}
    told = Told(reports.book_of_all, {pk for span in spans.values() for pk in span.connectors})
    for key, span in spans.items():
        course = reports.courses[key]
        assert course.row is not None
        series, pending = told.at(span.connectors)
        more = _tells_more(series, pending)
        if key in reports.stood and not more:
            continue
        looked[key[0]] += 1
        if looked[key[0]] > MOST_CHARGES:
            if key in reports.stood and more == {POWER}:
                continue
            flag(course.row, Problem.NO_END_METER)
            if key in reports.unmetered:
                flag(course.row, Problem.NO_START_METER)
            continue
        _add_up(reports, key, course, span, series, pending)
        stood = key in reports.stood or (key in reports.unmetered and course.row.meter_last == course.row.meter_start)
        if stood and Problem.ADDED_UP not in course.row.problems and _flowed(span, series, pending):
            flag(course.row, Problem.STOOD_STILL)


def ends(book: Book) -> None:
    """Of what the portal numbers (1.6): where the meter at the end is the one at the start, and values tell that energy has flowed."""
    still = {pk: one for pk, one in book.stopped.items() if one[1].meter_stop == one[0].meter_start and not one[0].closed_by_hand}
    if not still:
        return
    told = Told(book, {known.connector_id for known, _event, _entry in still.values()})
    looked: Counter[int] = Counter()
    for pk, (known, event, entry) in still.items():
        mine, pending = told.at({known.connector_id})
        mine = {key: channel for key, channel in mine.items() if not registers.draws(channel)}
        pending = [one for one in pending if not registers.draws(one[0])]
        if not (more := _tells_more(mine, pending)):
            continue
        problems = book.problems.setdefault(pk, set())
        looked[known.station_id] += 1
        if looked[known.station_id] > MOST_CHARGES:
            problems |= {Problem.NO_END_METER} if more != {POWER} else set()
            continue
        span = Span(frozenset({known.connector_id}), known.started_at, effective(event.at.at, entry.at) or entry.at, begun=True)
        values, cut = _values(span, mine, pending)
        found = _sum(span, _without_what_was_before(span, list(values)))
        if found is None or found.energy <= registers.ROUNDED:
            if _flowed(span, mine, pending):
                problems.add(Problem.STOOD_STILL)
            continue
        meter = known.meter_start + found.energy
        book.stopped[pk] = (known._replace(meter_last=meter), event._replace(meter_stop=meter), entry)
        problems.discard(Problem.NO_END_METER)
        problems |= {Problem.ADDED_UP} | ({Problem.NO_END_METER} if cut else set())
        if found.fell:
            problems.add(Problem.METER_FELL)
            book.manners.note(known.station_id, Deviation.Kind.METER, entry.action, "", entry.at)


def _without_what_was_before(span: Span, values: list[Value]) -> list[Value]:
    """The first interval by the clock may tell of the charge before."""
    clock = [at for of, at, _value in values if of.measurand == INTERVAL and of.context == CLOCK and at > span.since]
    first = min(clock, default=None)
    return [one for one in values if not (one[1] == first and one[0].measurand == INTERVAL and one[0].context == CLOCK)]


def span_of(reports: Reports, key: tuple[int, str]) -> Span:
    course = reports.courses[key]
    row = course.row
    assert row is not None
    if key in reports.ended:
        report, entry, _meter = reports.ended[key]
        until = effective(report.at.at, entry.at) or entry.at
    else:
        until = row.ended_at or row.started_at
    return Span(frozenset({row.connector_id, *course.places}), row.started_at, until, bool(row.reported_start))


class Told:
    """What was told of energy at some connectors: the series that are kept, and the values of a batch, which are not written yet."""

    def __init__(self, book: Book, connectors: Collection[int]) -> None:
        self._series: dict[int, dict[int, Channel]] = defaultdict(dict)
        self._pending: dict[int, list[Value]] = defaultdict(list)
        phases = ["", *PHASES, *(f"{phase}-N" for phase in PHASES)]
        measurands = (INTERVAL, POWER, registers.REGISTER)
        rows = MeterSeries.objects.filter(connector__in=connectors, measurand__in=measurands, phase__in=phases)
        for pk, connector, *of in rows.values_list("pk", "connector_id", *Channel._fields):
            self._series[connector][pk] = Channel(*of)
        for at, channel, when, value in book.series.samples:
            if at.pk in connectors:
                self._pending[at.pk].append((channel, when, value))

    def at(self, connectors: Collection[int]) -> tuple[dict[int, Channel], list[Value]]:
        """The series by primary key, and the values, of these connectors."""
        series = {pk: channel for one in connectors for pk, channel in self._series[one].items()}
        return series, [value for one in connectors for value in self._pending[one]]


def _add_up(
    reports: Reports, key: tuple[int, str], course: Course, span: Span, series: dict[int, Channel], pending: Sequence[Value]
) -> None:
    row = course.row
    assert row is not None
    whole = _last_whole(span, series, pending)
    if key in reports.untold and not _told_at_end(span, series, pending, moved=key not in reports.unmetered):
        flag(row, Problem.NO_END_METER)
    if key not in reports.unmetered | reports.stood:
        return
    values, cut = _values(span, series, pending)
    if key in reports.stood or (whole is not None and whole > span.since + NEAR):  # the meter was told
        found = _sum(span, _without_what_was_before(span, list(values)))
        if found is None or found.energy <= registers.ROUNDED:
            return  # and has not moved
    else:
        found = _sum(span, values)
    if found is None or (found.energy == 0 and whole is not None and not (cut or found.fell)):
        if cut:
            flag(row, Problem.NO_START_METER)
            flag(row, Problem.NO_END_METER)
        return
    ended = reports.ended.get(key)
    if ended is None and Problem.ADDED_UP in row.problems and found.energy < (row.meter_stop or 0) - row.meter_start:
        return  # more was known when it ended
    if whole is None and found.start:
        row.meter_start = found.start
    row.meter_last = row.meter_start + found.energy
    row.problems = [one for one in row.problems if one not in (Problem.NO_START_METER, Problem.NO_END_METER)]
    flag(row, Problem.ADDED_UP)
    if cut or course.missing:  # what is missing may tell more
        flag(row, Problem.NO_END_METER)
    if found.fell:
        if Problem.METER_FELL not in row.problems:
            told = ended[1] if ended else course.entry
            if told is not None:
                reports.book_of_all.manners.note(row.station_id, Deviation.Kind.METER, told.action, "", told.at)
        flag(row, Problem.METER_FELL)
    course.changed = True
    if ended is not None:
        reports.ended[key] = (*ended[:2], row.meter_last)
    else:
        row.meter_stop = row.meter_last
        reports.mended.add(key)


def _last_whole(span: Span, series: dict[int, Channel], pending: Sequence[Value]) -> datetime | None:
    """When the register of the whole connector was told last."""
    of_whole = [pk for pk, channel in series.items() if is_whole(channel)]
    found = MeterSample.objects.filter(series__in=of_whole, at__range=(span.since - NEAR, span.until + AFTER)).order_by("-at")
    times = [*found.values_list("at", flat=True)[:1]] if of_whole else []
    return max([*times, *(at for channel, at, _value in pending if is_whole(channel) and _within(span, at))], default=None)


def _told_at_end(span: Span, series: dict[int, Channel], pending: Sequence[Value], *, moved: bool) -> bool:
    """Whether the last register is as good as the one at the end. One of the start is only where the meter has `moved` since."""
    later = {pk: channel for pk, channel in series.items() if channel.context != registers.BEGIN}
    whole = _last_whole(span, later, [one for one in pending if one[0].context != registers.BEGIN])
    return whole is not None and whole >= span.until - LATE and (moved or whole > span.since + NEAR)


def is_whole(channel: Channel) -> bool:
    return registers.register_wh(channel, 0.0) is not None


def _adds(channel: Channel) -> bool:
    return channel.measurand in (INTERVAL, registers.REGISTER) and not is_whole(channel)


def _tells_more(series: dict[int, Channel], pending: Sequence[Value]) -> set[str]:
    """The measurands that tell of what flows, but for registers of the whole connector."""
    told = [*series.values(), *(of for of, _at, _value in pending)]
    return {channel.measurand for channel in told if _adds(channel) or channel.measurand == POWER}


def _flowed(span: Span, series: dict[int, Channel], pending: Sequence[Value]) -> bool:
    """Whether by the power that was told so much has flowed that no meter stands still."""
    of_power = {pk: of for pk, of in series.items() if of.measurand == POWER and not registers.draws(of)}
    which = Q()
    for unit, least in FLOWS.items():
        if mine := [pk for pk, of in of_power.items() if of.unit == unit]:
            which |= Q(series__in=mine, value__gt=least)
    told = MeterSample.objects.filter(which, at__range=(span.since, span.until)) if which else MeterSample.objects.none()
    times = [at for at in told.aggregate(first=Min("at"), last=Max("at")).values() if at is not None]
    for of, at, value in pending:
        if of.measurand == POWER and not registers.draws(of) and value > FLOWS.get(of.unit, value) and span.since <= at <= span.until:
            times.append(at)
    return bool(times) and max(times) - min(times) > STILL


def _within(span: Span, at: datetime) -> bool:
    return span.since - NEAR <= at <= span.until + AFTER


def _values(span: Span, series: dict[int, Channel], pending: Sequence[Value]) -> tuple[Iterator[Value], bool]:
    """What can be added up, in order of time, and whether there is more of it."""
    told: dict[tuple[Channel, datetime], float] = {}
    wanted = [pk for pk, channel in series.items() if _adds(channel)]
    cut = False
    if wanted:
        samples = MeterSample.objects.filter(series__in=wanted, at__range=(span.since - NEAR, span.until + AFTER)).order_by("at")
        rows = list(samples.values_list("series_id", "at", "value")[: MOST_SAMPLES + 1])
        cut = len(rows) > MOST_SAMPLES
        told = {(series[pk], at): value for pk, at, value in rows[:MOST_SAMPLES]}
    for channel, at, value in pending:
        if _within(span, at) and _adds(channel):
            told.setdefault((channel, at), value)
    return ((channel, at, value) for (channel, at), value in sorted(told.items(), key=lambda one: one[0][1])), cut


def _sum(span: Span, values: Iterable[Value]) -> Sum | None:
    """None: nothing is told. Of several places that tell the same the one counts that counts of whole registers."""
    phases: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    intervals: dict[int, dict[bool, _Intervals]] = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(dict))))
    for channel, at, value in values:
        wh, phase, place = _wh(channel, value), channel.phase.removesuffix("-N"), registers.rank(channel)
        if wh is None:
            continue
        if channel.measurand == registers.REGISTER and phase in PHASES:
            phases[place][phase].append(wh)
        elif channel.measurand == INTERVAL and (at > span.since or (at == span.since and not span.begun)):
            intervals[place][channel.context == CLOCK][at][channel.context][phase] = wh
    twice = [place for place, of in phases.items() if any(len(told) > 1 for told in of.values())]
    if twice:
        registered = phases[min(twice)].values()
        rises = [_rise(told) for told in registered]
        return Sum(round(sum(told[0] for told in registered)), round(sum(wh for wh, _fell in rises)), any(fell for _wh, fell in rises))
    if not intervals:
        return None
    sums = [_together(told) for told in intervals[min(intervals)].values()]  # by the clock the same energy may be told, too
    return Sum(0, round(max(wh for wh, _fell in sums)), any(fell for _wh, fell in sums))


_Intervals = defaultdict[datetime, defaultdict[str, dict[str, float]]]  # by time, context and phase


def _rise(told: Sequence[float]) -> tuple[float, bool]:
    """What a register has risen, and whether it fell meanwhile: then a part of it at a time."""
    steps = [after - before for before, after in pairwise(told)]
    if any(step < -1 for step in steps):
        return sum(step for step in steps if step > 0), True
    return max(told[-1] - told[0], 0.0), False


def _together(told: _Intervals) -> tuple[float, bool]:
    """The sum, without negative ones, and whether there are such. What is told twice of a moment counts once."""
    total, fell = 0.0, False
    for contexts in told.values():
        found = [phases[""] if "" in phases else sum(phases.get(one, 0.0) for one in PHASES) for phases in contexts.values()]
        total += max(0.0, *found)
        fell = fell or min(found) < 0
    return total, fell


def _wh(channel: Channel, value: float) -> float | None:
    return registers.register_wh(channel._replace(measurand=registers.REGISTER, phase=""), value)
