"""What is so at a location now: what each connector may take at most by what is known, who charges, and which limit holds.

A constant number of queries, however many connectors there are. Amperes per phase throughout.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery

from stations import hooks
from stations.capacity import hours, own, sharing
from stations.capacity.hours import Phases
from stations.models import (
    CapacityPlan,
    CapacityShare,
    CapacityStation,
    ConfigurationKey,
    Connector,
    CurrentType,
    DeviceVariable,
    ExternalLimit,
    MeterSample,
    MeterSeries,
    Station,
    StationProfile,
    Transaction,
)
from stations.models.device import ACTUAL
from stations.ocpp.profiles import AMPERES, DEFAULT, TRANSACTION

LASTS = 600  # seconds that a grant holds without being renewed; then its profile falls back by itself
GRACE = 60  # seconds that clocks may differ
RENEW = 240  # seconds after which it is renewed
QUIET = 30  # seconds after a connection or a start in which nothing is sent
AGAIN = 600  # seconds until a station that refused is asked again
FRESH = 180  # seconds that a measured value counts
FOLLOWS = 40  # seconds in which a car does what it is told
OBEYS = 2.0  # A above its bound that a connector may be measured
UNKNOWN_MAXIMUM = 32.0  # A, where nobody has entered what a connector can take
GRID_VOLTAGE, EFFICIENCY = 230.0, 0.93  # what a DC station takes for what it gives
PHASES = ("l1", "l2", "l3")
FIRST_PHASE = {"R": "l1", "S": "l2", "T": "l3"}
MOST = 2000  # connectors of a location
MOST_PROFILES = 20_000  # of stations of a location that are looked at
MOST_REPORTED = 2  # of a station that count beside those of which people have entered something: it can make up as many as it likes

# The status of a connector where a transaction wants current; empty: not told yet
WANTS = frozenset({*Connector.CAR_CHARGES, Connector.Status.PREPARING, "Occupied", ""})

# Why somebody gets what they get
ALL, SHARED, PAUSED, RESTS, FREE, SILENT, NO_LIMIT, REFUSED, SETTING, DISOBEYS, NO_ROOM, UNSEEN, OUTRANKED, BLOCKED, CLOSED = (
    "all", "shared", "paused", "rests", "free", "silent", "no_limit", "refused", "setting", "disobeys", "no_room", "unseen", "outranked",
    "blocked", "closed",
)  # fmt: skip
# What takes more than it is granted: it is granted that again and again, and counts with what it takes
UNRULY = frozenset({DISOBEYS, OUTRANKED})
# What is counted with its maximum because nothing bounds it
UNBOUNDED = frozenset({NO_LIMIT, REFUSED, UNSEEN})


@dataclass
class Seat:
    """A connector, and what is known of it. `bound` is the most that it can take now by what its station has confirmed."""

    connector: Connector
    station: Station
    share: CapacityShare
    default: CapacityStation | None
    transaction: Transaction | None
    resources: tuple[Hashable, ...]
    maximum: float
    silent: bool
    measured: float | None = None
    measured_at: datetime | None = None
    phase_currents: dict[str, float] = field(default_factory=dict)
    weight: int = 2
    bound: float = 0.0
    why: str = FREE
    demand: sharing.Demand = field(default_factory=sharing.Demand)
    target: int | None = None  # None: it does not take part
    unit: str = AMPERES
    level: int = 0  # of our profiles there
    outranked: float = 0.0  # A that a profile of others allows in place of ours
    outranked_share: bool = False  # also in place of a share

    @property
    def phases(self) -> int:
        return sum(one in PHASES for one in self.resources)

    @property
    def wants(self) -> bool:
        return self.transaction is not None and self.connector.status in WANTS

    @property
    def holds(self) -> bool:
        """Whether something is granted to the transaction that runs."""
        share = self.share
        return self.transaction is not None and share.transaction_id == self.transaction.pk and share.granted is not None


@dataclass
class Picture:
    plan: CapacityPlan
    now: datetime
    limits: Phases  # now
    ahead: Phases  # the lowest as long as a grant lasts
    safe: int  # what each connector may take by itself in the end
    seats: list[Seat]
    stations: dict[int, tuple[Station, CapacityStation | None]]
    phases: tuple[str, ...] = PHASES  # those that the location has

    @property
    def capacities(self) -> dict[Hashable, float]:
        found: dict[Hashable, float] = dict(zip(PHASES, self.ahead, strict=True))
        found = {phase: found[phase] for phase in self.phases}
        for station, _default in self.stations.values():
            if station.max_current and station.current_type == CurrentType.AC:
                found |= {(station.pk, phase): float(station.max_current) for phase in PHASES}
        reported: dict[int, int] = {}
        for seat in self.seats:
            one, station = seat.connector, seat.station
            if station.max_current or not any(isinstance(resource, tuple) for resource in seat.resources):
                continue
            if not (one.max_current or one.plug or one.evse_key):
                reported[station.pk] = reported.get(station.pk, 0) + 1
                if reported[station.pk] > MOST_REPORTED:
                    continue
            for phase in PHASES:
                found[(station.pk, phase)] = found.get((station.pk, phase), 0.0) + _maximum(seat)
        return found

    def total(self, name: str) -> Phases:
        """`bound` or `measured` of all, by phase."""
        sums = dict.fromkeys(PHASES, 0.0)
        for seat in self.seats:
            if name == "measured" and seat.phase_currents:
                for phase, amperes in seat.phase_currents.items():
                    sums[phase] += amperes
                continue
            amperes = getattr(seat, name) or 0.0
            for one in seat.resources:
                if one in sums:
                    sums[str(one)] += amperes
        return (sums["l1"], sums["l2"], sums["l3"])


def take(plan: CapacityPlan, now: datetime) -> Picture:
    """`plan` comes with its location."""
    zone, rules = plan.location.zone, [row.rule for row in plan.hours.all()]
    base = plan.limits
    limits = hours.limit_at(base, rules, now, zone)
    ahead = hours.lowest(base, rules, now, now + timedelta(seconds=LASTS + GRACE), zone)
    stations = list(
        Station.objects.filter(location=plan.location_id, active=True, first_connected_at__isnull=False)
        .order_by("pk")
        .select_related("location__organization", "capacity__command")
    )  # fmt: skip
    known = {one.pk: (one, getattr(one, "capacity", None)) for one in stations}
    connectors = list(
        Connector.objects.filter(station__in=known, number__gt=0).order_by("pk").select_related("capacity__command")[:MOST]
    )  # fmt: skip
    running: dict[int, Transaction] = {}
    for row in Transaction.objects.filter(station__in=known, connector__in=connectors, ended_at=None).order_by("pk"):
        running[row.connector_id] = row  # the latest
    weights = hooks.priorities_of([row.pass_key for row in running.values() if row.pass_key])
    told = told_of(known)
    outside = _outside(known, now)
    there = plan.phases
    seats = [_seat(one, *known[one.station_id], running.get(one.pk), weights, told, outside, there, now) for one in connectors]
    for seat in seats:
        seat.connector.station = seat.station
    _rank(seats, told, now)
    _measure(seats, now)
    for seat in seats:
        bound(seat, now)
    return Picture(plan, now, limits, ahead, safe_value(plan, hours.lowest_ever(base, rules), seats), seats, known, there)


def _seat(
    connector: Connector, station: Station, default: CapacityStation | None, transaction: Transaction | None, weights: Mapping[int, int],
    told: dict[int, dict[str, str]], outside: dict[tuple[int, int], float], there: tuple[str, ...], now: datetime,
) -> Seat:  # fmt: skip
    share = getattr(connector, "capacity", None) or CapacityShare(connector=connector)
    own = weights.get(transaction.pass_key) if transaction and transaction.pass_key else None
    dc = connector_is_dc(connector, station)
    wired = PHASES if dc or station.phases == 3 else (FIRST_PHASE[share.rotation[0]],)
    phases = tuple(one for one in wired if one in there) or there[:1]
    resources: tuple[Hashable, ...] = tuple(phases)
    if not dc:
        resources += tuple((station.pk, phase) for phase in phases)
    maximum = maximum_of(connector, station, dc, len(phases))
    seat = Seat(connector, station, share, default, transaction, resources, maximum, not station.connected, weight=own or share.priority)
    keys = told.get(station.pk, {})
    units = (keys.get("ChargingScheduleAllowedChargingRateUnit") or keys.get("SmartChargingCtrlr/RateUnit") or "").lower()
    names = {part.strip() for part in units.split(",")}
    seat.unit = "W" if dc or (units and not names & {"a", "current"}) else AMPERES
    limits = [outside[key] for key in ((station.pk, 0), (station.pk, connector.number)) if key in outside]
    if limits:
        seat.maximum = min(seat.maximum, *limits)
    return seat


def connector_is_dc(connector: Connector, station: Station) -> bool:
    connector.station = station
    return connector.is_dc


def maximum_of(connector: Connector, station: Station, dc: bool, phases: int = 3) -> float:
    """A per phase of the grid that a connector can take."""
    current = connector.max_current or station.max_current
    if not dc:
        return float(current or UNKNOWN_MAXIMUM)
    watts = float(current or 125) * station.voltage
    return watts / EFFICIENCY / (phases * GRID_VOLTAGE)


def watts(seat: Seat, amperes: float) -> float:
    """What a profile in watts says for so many amperes per phase."""
    if connector_is_dc(seat.connector, seat.station):
        return amperes * seat.phases * GRID_VOLTAGE * EFFICIENCY
    return amperes * seat.station.voltage * seat.phases


KEYS = (
    "ChargingScheduleAllowedChargingRateUnit", "ChargeProfileMaxStackLevel",
    "SmartChargingCtrlr/RateUnit", "SmartChargingCtrlr/ProfileStackLevel",
)  # fmt: skip


def told_of(stations: Iterable[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    wanted, columns = {"station__in": list(stations), "key__in": KEYS}, ("station_id", "key", "value")
    variables = DeviceVariable.objects.filter(attribute=ACTUAL, **wanted).order_by().values_list(*columns)
    rows = ConfigurationKey.objects.filter(**wanted).order_by().values_list(*columns)
    for station, key, value in rows.union(variables, all=True):
        found.setdefault(station, {})[key] = value
    return found


def _rank(seats: list[Seat], told: dict[int, dict[str, str]], now: datetime) -> None:
    """Sets `level`: the highest that the station takes, as it said or as it has accepted; and what profiles of others there allow."""
    rows: dict[int, list[StationProfile]] = {}
    of = {seat.station.pk for seat in seats}
    for row in StationProfile.objects.filter(station__in=of, purpose__in=(DEFAULT, TRANSACTION)).order_by("pk")[:MOST_PROFILES]:
        rows.setdefault(row.station_id, []).append(row)
    for seat in seats:
        mine = rows.get(seat.station.pk, [])
        seat.level = highest_level(told.get(seat.station.pk, {}), mine, seat.default)
        if seat.default is None or seat.default.safe is None:
            continue  # it counts with its maximum
        key = seat.transaction.transaction_id if seat.transaction else ""
        for row in mine:
            if (row.valid_until and row.valid_until <= now) or not own.outranks(row, seat.level, seat.connector.number, key):
                continue
            if row.purpose == TRANSACTION or not seat.holds:
                seat.outranked = max(seat.outranked, _most_of(row, seat))
                seat.outranked_share |= row.purpose == TRANSACTION


def highest_level(told: Mapping[str, str], rows: Iterable[StationProfile], default: CapacityStation | None) -> int:
    level = told.get("ChargeProfileMaxStackLevel") or told.get("SmartChargingCtrlr/ProfileStackLevel") or ""
    if level.isdecimal():
        return min(int(level), 1000)
    accepted = [row.level for row in rows if own.is_own(row.profile_id)]
    return max(accepted) if accepted else 0 if default is not None and default.refused_at else own.ASSUMED_LEVEL


def _most_of(row: StationProfile, seat: Seat) -> float:
    """A of the highest step of a profile of others, no more than the connector takes."""
    most = max((float(step[1]) for step in row.steps), default=0.0)
    per_ampere = 1.0 if row.unit == AMPERES else watts(seat, 1.0)
    return min(_maximum(seat), most / per_ampere)


def _outside(stations: Iterable[int], now: datetime) -> dict[tuple[int, int], float]:
    """The limits in amperes that something else has put on connectors, by (station, connector number), as they hold now."""
    found: dict[tuple[int, int], float] = {}
    for row in ExternalLimit.objects.filter(station__in=list(stations), unit=AMPERES):
        elapsed = (now - (row.start or row.at)).total_seconds()
        limit = next((one[1] for one in reversed(row.steps) if one[0] <= elapsed), None)
        if limit is not None:
            key = (row.station_id, row.connector_number)
            found[key] = min(found.get(key, limit), max(0.0, limit))
    return found


def _measure(seats: list[Seat], now: datetime) -> None:
    """What the charging ones take: the currents that they measure; with one phase, or where nothing else is known, by their power."""
    charging = {seat.connector.pk: seat for seat in seats if seat.transaction or seat.connector.status in Connector.CAR_CHARGES}
    latest = MeterSample.objects.filter(series=OuterRef("pk"), at__gte=now - timedelta(seconds=FRESH)).order_by("-at")
    series = MeterSeries.objects.filter(connector__in=charging, measurand="Current.Import", phase__in=("", "L1", "L2", "L3"))
    rows = series.annotate(value=Subquery(latest.values("value")[:1]), at=Subquery(latest.values("at")[:1]))
    for connector, phase, value, at in rows.values_list("connector_id", "phase", "value", "at"):
        seat = charging[connector]
        if value is None or connector_is_dc(seat.connector, seat.station):
            continue
        seat.measured = max(seat.measured or 0.0, value)
        seat.measured_at = max(seat.measured_at or at, at)
        if phase:
            grid = FIRST_PHASE[seat.share.rotation[("L1", "L2", "L3").index(phase)]]
            if grid not in seat.resources:  # a location of one phase, or a station that names the phase of its own
                grid = next(str(one) for one in seat.resources if one in PHASES)
            seat.phase_currents[grid] = max(seat.phase_currents.get(grid, 0.0), value)
    for seat in charging.values():
        at, power = seat.connector.measured_at, seat.connector.power
        if seat.measured is None and power is not None and at and (now - at).total_seconds() < FRESH:
            seat.measured_at = at
            if connector_is_dc(seat.connector, seat.station):
                seat.measured = power / EFFICIENCY / (seat.phases * GRID_VOLTAGE)
            elif seat.phases == 1 or power <= 0:
                seat.measured = power / seat.station.voltage
            else:  # all three, or one: what it takes of its busiest phase is not known, so nothing is taken from it
                there = [str(one) for one in seat.resources if one in PHASES]
                seat.phase_currents = dict.fromkeys(there, power / seat.station.voltage / len(there))


def bound(seat: Seat, now: datetime) -> None:
    """Sets `bound` and, where that is not as it should be, `why`.

    Without a default of ours at the station nothing bounds it. With it, a transaction begins with 0 A and has the safe value after LASTS;
    what was granted to it holds until it expires. What was asked for and not settled may be in force or not, so the larger counts. A
    silent station does not tell what begins and ends there.
    """
    share, default = seat.share, seat.default
    seat.bound, seat.why = _bounded(seat, now)
    confirmed = default is not None and default.safe is not None
    if seat.outranked > seat.bound and (seat.transaction is not None or seat.bound):
        seat.bound = seat.outranked
        seat.why = OUTRANKED if seat.outranked_share and not seat.silent else seat.why
    patient = _just_lowered(seat, now) and share.why != DISOBEYS  # it is granted its share again and again: that excuses nothing
    if seat.measured is not None and confirmed and seat.measured > seat.bound + OBEYS and not patient:
        seat.bound, seat.why = max(seat.bound, seat.measured), DISOBEYS


def _just_lowered(seat: Seat, now: datetime) -> bool:
    """Cars have some seconds to follow, and values come late: what was measured before counts for nothing."""
    granted = seat.share.granted_at
    return granted is not None and (seat.measured_at or now) < granted + timedelta(seconds=FOLLOWS)


def _bounded(seat: Seat, now: datetime) -> tuple[float, str]:
    share, default, running = seat.share, seat.default, seat.transaction
    safe = _default_bound(default)
    most = _maximum(seat)
    if safe is None and not seat.holds:
        if seat.silent:
            return most, UNSEEN
        return most, REFUSED if default is not None and default.refused_at else NO_LIMIT
    safe = most if safe is None else min(safe, most)
    open_command = share.wanted is not None and running is not None and share.transaction_id == running.pk
    pending = max(share.wanted or 0.0, 0.0) if open_command else 0.0
    if seat.holds:
        assert share.granted is not None
        held = max(share.granted, pending)
        rebooted = seat.station.booted_at is not None and share.granted_at is not None and seat.station.booted_at > share.granted_at
        expired = share.expires_at is None or now >= share.expires_at
        if expired:
            return max(share.fallback, pending, safe if rebooted else 0.0), SILENT if seat.silent else SETTING
        if seat.silent:
            return max(held, share.fallback), SILENT
        return max(held, safe if rebooted else 0.0), REFUSED if share.refused_at else SHARED
    if seat.silent:
        return max(safe, pending), SILENT
    if running is None:
        taken = seat.connector.status in Connector.CAR_CHARGES  # for somebody that we know nothing of
        return (safe, SETTING) if taken else (0.0, FREE)
    assert default is not None
    why = REFUSED if share.refused_at and share.transaction_id == running.pk else SETTING
    if default.confirmed_at is None or running.start_received_at < default.confirmed_at:
        return most, why
    begun = (now - min(running.started_at, running.start_received_at)).total_seconds()
    return max(pending, 0.0 if begun < LASTS - GRACE else safe), why


def _maximum(seat: Seat) -> float:
    """What it can take by its technical data; what others limit is no limit of ours."""
    return max(seat.maximum, maximum_of(seat.connector, seat.station, connector_is_dc(seat.connector, seat.station), seat.phases))


def _default_bound(default: CapacityStation | None) -> float | None:
    if default is None or default.safe is None:
        return None
    unsettled = default.command is not None and default.wanted is not None
    return max(default.safe, default.wanted or 0.0) if unsettled else default.safe


def safe_value(plan: CapacityPlan, lowest: Phases, seats: list[Seat]) -> int:
    """What every connector may have at once without exceeding the lowest limit of the week on any phase, beside those that nothing bounds:
    what was set where that fits, the minimum where it fits, or nothing."""
    room = dict(zip(PHASES, lowest, strict=True))
    count = dict.fromkeys(PHASES, 0)
    for seat in seats:
        refused = seat.default is not None and seat.default.safe is None and seat.default.refused_at is not None
        for phase in PHASES:
            if phase in seat.resources:
                if refused:
                    room[phase] -= _maximum(seat)
                else:
                    count[phase] += 1
    if plan.safe == 0:
        return 0
    possible = min((int(room[phase] // count[phase]) for phase in PHASES if count[phase]), default=plan.minimum)
    wanted = plan.safe if plan.safe is not None else plan.minimum
    for value in (wanted, plan.minimum):
        if value and plan.minimum <= value <= possible:
            return value
    return 0
