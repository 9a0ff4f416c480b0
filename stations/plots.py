"""Power and energy over the time of one transaction, from its meter samples.

The database makes at most so many buckets, so a week of values every ten seconds costs the page no more than an hour of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db.models import Avg, BigIntegerField, F, Func, Max, Value
from django.db.models.expressions import Combinable
from django.utils import timezone

from stations.models import MeterSample, MeterSeries, Transaction
from stations.ocpp import registers

MOST = 1000  # points of a plot
KILO = {"kW": 1000.0, "kWh": 1000.0}
PHASES = ("L1", "L2", "L3")
POWER, ENERGY, CHARGE = "Power.Active.Import", "Energy.Active.Import.Register", "SoC"


class Epoch(Func):
    """Whole seconds since 1970 of a time."""

    output_field = BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(FLOOR(EXTRACT(EPOCH FROM %(expressions)s)) AS bigint)", **extra)


class Point(NamedTuple):
    at: datetime
    power: float | None  # W
    energy: float | None  # Wh since the start
    charge: float | None  # percent

    @property
    def kw(self) -> float | None:
        return None if self.power is None else self.power / 1000

    @property
    def kwh(self) -> float | None:
        return None if self.energy is None else self.energy / 1000


@dataclass
class Plot:
    start: datetime
    end: datetime
    points: list[Point] = field(default_factory=list)
    # The station does not measure power: it is the energy register's rise between two points, shown at the later one
    derived: bool = False
    peak: float | None = None  # W

    @property
    def measured(self) -> bool:
        """Whether there is more than the two readings that every transaction has."""
        return bool(self.points)


@dataclass
class _Bucket:
    at: int = 0
    mean: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))  # (measurand, phase) -> values
    peak: dict[tuple[str, str], float] = field(default_factory=dict)


def of(transaction: Transaction, most: int = MOST) -> Plot:
    """Two queries. At most about `most` points; fewer when there are fewer values."""
    start, end = transaction.started_at, transaction.ended_at or timezone.now()
    plot = Plot(start, end)
    if end <= start:
        return plot
    series = {row.pk: row for row in _wanted(MeterSeries.objects.filter(connector=transaction.connector_id))}
    buckets = _buckets(series, start, end, most)
    if not buckets:
        return plot
    phases = {m: _phases(series.values(), m) for m in (POWER, ENERGY, CHARGE)}
    rows = [Point(datetime.fromtimestamp(one.at, UTC), *(_total(one, m, phases[m]) for m in (POWER, ENERGY, CHARGE))) for one in buckets]
    plot.derived = all(row.power is None for row in rows)
    base = _base(transaction, [row.energy for row in rows if row.energy is not None])
    points: list[Point] = []
    if rows[0].at > start:
        points.append(Point(start, None, 0.0, None))
    points += [row._replace(at=max(row.at, start), energy=None if row.energy is None else row.energy - base) for row in rows]
    if transaction.ended_at and transaction.meter_stop is not None and points[-1].at < end:
        points.append(Point(end, None, float(transaction.meter_stop - transaction.meter_start), None))
    if plot.derived:
        points = _with_derived_power(points)
        peaks = [point.power for point in points]
    else:
        peaks = [_peak(one, phases[POWER]) for one in buckets]
    plot.peak = max((peak for peak in peaks if peak is not None), default=None)
    plot.points = points
    return plot


def _base(transaction: Transaction, told: list[float]) -> int:
    """What the register stood at when it began: 0 where its values count from there, though its start and its end do not."""
    start = transaction.meter_start
    from_zero = bool(told) and registers.fell(start, told[0]) and not registers.fell(max(told), transaction.energy_wh)
    return 0 if from_zero else start


def as_json(plot: Plot, zone: str) -> dict[str, Any]:
    """Columns as uPlot wants them: seconds since 1970, kW, kWh, percent; null where nothing was measured."""

    def column(name: str) -> list[float | None]:
        return [None if (value := getattr(point, name)) is None else round(value, 3) for point in plot.points]

    power = column("kw")
    if plot.derived and power and power[0] is None:  # each holds since the point before: so that the first interval is drawn
        power[0] = next((power[at] for at, point in enumerate(plot.points) if at and point.energy is not None), None)
    return {
        "zone": zone,
        "start": plot.start.timestamp(),
        "end": plot.end.timestamp(),
        "derived": plot.derived,
        "t": [round(point.at.timestamp(), 3) for point in plot.points],
        "kw": power,
        "kwh": column("kwh"),
        "charge": column("charge") if any(point.charge is not None for point in plot.points) else [],
    }


def _wanted(series: Iterable[MeterSeries]) -> list[MeterSeries]:
    """Of each measurand the series at the outlet, or where there is none those at the first other place."""
    by_measurand: dict[str, dict[str, list[MeterSeries]]] = defaultdict(lambda: defaultdict(list))
    for row in series:
        if row.measurand in {POWER, ENERGY, CHARGE}:
            by_measurand[row.measurand][row.location].append(row)
    found = []
    for places in by_measurand.values():
        found += places["Outlet"] if "Outlet" in places else places[min(places)]
    return found


def _buckets(series: dict[int, MeterSeries], start: datetime, end: datetime, most: int) -> list[_Bucket]:
    if not series:
        return []
    width = max(1, -(-int((end - start).total_seconds()) // most))
    # Typed by hand: a composite key leaves the stubs at a loss.
    number: Combinable = (F("epoch") - Value(int(start.timestamp()))) / Value(width)
    found = (
        MeterSample.objects.filter(series__in=list(series), at__gte=start, at__lte=end)
        .annotate(epoch=Epoch("at"))
        .annotate(bucket=number)
        .order_by("bucket")
        .values("bucket", "series_id")
        .annotate(last=Max("epoch"), mean=Avg("value"), peak=Max("value"))
    )
    buckets: dict[int, _Bucket] = defaultdict(_Bucket)
    for row in found:
        one, bucket = series[row["series_id"]], buckets[row["bucket"]]
        factor, key = KILO.get(one.unit, 1.0), (one.measurand, one.phase)
        # A register counts as it stands at the bucket's end, everything else on the average.
        bucket.mean[key].append((row["peak"] if one.measurand == ENERGY else row["mean"]) * factor)
        bucket.peak[key] = max(bucket.peak.get(key, row["peak"] * factor), row["peak"] * factor)
        bucket.at = max(bucket.at, row["last"])
    return [buckets[key] for key in sorted(buckets)]


def _phases(series: Iterable[MeterSeries], measurand: str) -> tuple[str, ...]:
    """The phases to be added up: none where the station reports the sum itself."""
    names = {row.phase for row in series if row.measurand == measurand}
    if "" in names or not names:
        return ("",)
    return PHASES if names & set(PHASES) else tuple(sorted(name for name in names if name.endswith("-N")))


def _total(bucket: _Bucket, measurand: str, phases: tuple[str, ...]) -> float | None:
    values = [bucket.mean[measurand, phase] for phase in phases if (measurand, phase) in bucket.mean]
    if not values:
        return None
    return sum(max(several) if measurand == ENERGY else sum(several) / len(several) for several in values)


def _peak(bucket: _Bucket, phases: tuple[str, ...]) -> float | None:
    values = [bucket.peak[POWER, phase] for phase in phases if (POWER, phase) in bucket.peak]
    return sum(values) if values else None


def _with_derived_power(points: list[Point]) -> list[Point]:
    out: list[Point] = []
    before: Point | None = None
    for point in points:
        power = None
        if before is not None and before.energy is not None and point.energy is not None:
            hours = (point.at - before.at).total_seconds() / 3600
            power = (point.energy - before.energy) / hours if hours > 0 and point.energy >= before.energy else None
        out.append(point._replace(power=power))
        if point.energy is not None:
            before = point
    return out
