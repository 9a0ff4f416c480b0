"""Energy of transactions whose station told no register of the whole connector: added up from registers per phase, or from intervals.

Looked for only when such a transaction ends: whoever tells whole registers costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q

from stations.gateway.courses import Problem, flag
from stations.gateway.series import Series
from stations.models import MeterSample, MeterSeries
from stations.ocpp import registers
from stations.ocpp.events import Channel
from stations.plausible import effective

if TYPE_CHECKING:
    from stations.gateway.reports import Reports

INTERVAL = "Energy.Active.Import.Interval"
PHASES = ("L1", "L2", "L3")
MOST_SAMPLES = 50_000  # of all that end in a batch
BEFORE = timedelta(seconds=5)  # what is measured at the start is a little older

Value = tuple[Channel, datetime, float]  # Wh


class Span(NamedTuple):
    connector: int
    since: datetime
    until: datetime


def add_up(reports: Reports) -> None:
    """The energy of what has ended without a register, where values tell it otherwise."""
    keys = list(reports.unmetered)
    spans = []
    for key in keys:
        row, (report, entry, _meter) = reports.courses[key].row, reports.ended[key]
        assert row is not None
        spans.append(Span(row.connector_id, row.started_at, effective(report.at.at, entry.at) or entry.at))
    for key, told in zip(keys, meters(spans, reports.book_of_all.series), strict=True):
        row = reports.courses[key].row
        if told is None or row is None:
            continue
        row.meter_start, row.meter_last = told
        row.problems = [one for one in row.problems if one not in (Problem.NO_START_METER, Problem.NO_END_METER)]
        flag(row, Problem.ADDED_UP)
        reports.ended[key] = (*reports.ended[key][:2], told[1])


def meters(spans: Sequence[Span], pending: Series) -> list[tuple[int, int] | None]:
    """The meter at start and end (Wh) of each, in a constant number of queries; `pending` is not written yet. None: nothing is told."""
    if not spans:
        return []
    connectors = {span.connector for span in spans}
    told: dict[int, dict[tuple[Channel, datetime], float]] = defaultdict(dict)
    rows = MeterSeries.objects.filter(Q(measurand=INTERVAL) | Q(measurand=registers.REGISTER, phase__gt=""), connector__in=connectors)
    series = {pk: (connector, Channel(*of)) for pk, connector, *of in rows.values_list("pk", "connector_id", *Channel._fields)}
    if series:
        within = {"at__gte": min(span.since for span in spans) - BEFORE, "at__lte": max(span.until for span in spans)}
        samples = MeterSample.objects.filter(series__in=list(series), **within).order_by("-at")
        for pk, at, value in samples.values_list("series_id", "at", "value")[:MOST_SAMPLES]:
            connector, channel = series[pk]
            told[connector][(channel, at)] = value
    for one, channel, at, value in pending.samples:
        if one.pk in connectors:
            told[one.pk][(channel, at)] = value
    return [_meters(span, [(channel, at, value) for (channel, at), value in told[span.connector].items()]) for span in spans]


def _meters(span: Span, told: Iterable[Value]) -> tuple[int, int] | None:
    found = sorted(((channel, at, wh) for channel, at, value in told if (wh := _wh(channel, value)) is not None), key=lambda one: one[1])
    by_phase: dict[str, list[float]] = defaultdict(list)
    intervals: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for channel, at, wh in found:
        phase = channel.phase.removesuffix("-N")
        if at > span.until or at < span.since - BEFORE:
            continue
        if channel.measurand == INTERVAL and at > span.since:  # one at the start is of the time before
            intervals[(channel.context, channel.location)][phase] += wh
        elif channel.measurand == registers.REGISTER and phase in PHASES:
            by_phase[phase].append(wh)
    if any(len(values) > 1 for values in by_phase.values()):
        return round(sum(values[0] for values in by_phase.values())), round(sum(values[-1] for values in by_phase.values()))
    # The same energy may be told by the clock, too
    sums = [phases[""] if "" in phases else sum(phases.get(one, 0.0) for one in PHASES) for phases in intervals.values()]
    return (0, round(max(sums))) if sums else None


def _wh(channel: Channel, value: float) -> float | None:
    return registers.register_wh(channel._replace(measurand=registers.REGISTER, phase=""), value)
