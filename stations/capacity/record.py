"""Who got what, for the chart: kept in buckets of time, of which the old ones are forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from stations.capacity.picture import GRID_VOLTAGE, NO_LIMIT, PHASES, Picture, Seat, connector_is_dc
from stations.models import CapacityLoad, CapacityPlan, CapacityUse

EVERY = 30.0  # seconds
LONGEST = 120.0  # seconds that one look speaks for


def keep(seen: Picture) -> None:
    """Add the time since the last look to the bucket that it is in."""
    plan, now = seen.plan, seen.now
    since = plan.recorded_at
    seconds = min(LONGEST, (now - since).total_seconds()) if since else EVERY
    if since and seconds < EVERY:
        return
    if not CapacityPlan.objects.filter(pk=plan.pk, recorded_at=since).update(recorded_at=now):
        return
    begins = datetime.fromtimestamp(now.timestamp() // CapacityUse.BUCKET * CapacityUse.BUCKET, UTC)
    known = {row.connector_id: row for row in CapacityUse.objects.filter(location=plan.location_id, at=begins)}
    rows = []
    for seat in seen.seats:
        if not (seat.bound or seat.measured) or (seat.why == NO_LIMIT and seat.transaction is None):
            continue  # before its first limit its whole maximum is kept free, for seconds
        row = known.get(seat.connector.pk) or CapacityUse(location_id=plan.location_id, connector=seat.connector, at=begins)
        taken = seat.measured if seat.measured is not None else mean(seat)
        row.seconds += seconds
        row.granted += seat.bound * seconds
        row.measured += taken * seconds
        row.energy += power(seat, taken) * seconds / 3600
        rows.append(row)
    fields = ("seconds", "granted", "measured", "energy")
    CapacityUse.objects.bulk_create([row for row in rows if row.pk is None], ignore_conflicts=True)
    CapacityUse.objects.bulk_update([row for row in rows if row.pk is not None], fields, batch_size=500)
    limit = min(one for phase, one in zip(PHASES, seen.limits, strict=True) if phase in seen.phases)
    load = CapacityLoad.objects.filter(location=plan.location_id, at=begins).first()
    load = load or CapacityLoad(location_id=plan.location_id, at=begins, limit=limit)
    load.limit = (load.limit * load.seconds + limit * seconds) / ((load.seconds + seconds) or 1)
    load.seconds += seconds
    for name, value in zip(PHASES, seen.total("measured"), strict=True):
        setattr(load, name, getattr(load, name) + value * seconds)
    load.save()


def mean(seat: Seat) -> float:
    """A per phase by the phases that are known."""
    currents = list(seat.phase_currents.values())
    return sum(currents) / len(currents) if currents else 0.0


def power(seat: Seat, amperes: float) -> float:
    """W: as measured, else by the current."""
    told = seat.connector.power
    if told is not None and seat.connector.measured_at and (timezone.now() - seat.connector.measured_at).total_seconds() < 600:
        return told if seat.transaction else 0.0
    voltage = GRID_VOLTAGE if connector_is_dc(seat.connector, seat.station) else seat.station.voltage
    return amperes * voltage * seat.phases


def forget_old() -> None:
    before = timezone.now() - timedelta(days=CapacityUse.KEPT_DAYS)
    for model in (CapacityUse, CapacityLoad):
        old = model._default_manager.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:20_000]
        model._default_manager.filter(pk__in=list(old)).delete()
