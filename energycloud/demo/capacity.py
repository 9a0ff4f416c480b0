"""A location of the demo whose stations, of both versions of OCPP, share what the grid gives; and who got what of it in the days before."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from stations.actions import set_capacity, set_share
from stations.capacity.picture import GRID_VOLTAGE
from stations.models import CapacityLoad, CapacityUse, Connector, Location, Priority, Transaction

PLACE, FIRST = "Wilhelminakade", "P1 gate"
LIMIT, MARGIN = 100, 4  # A per phase
DAYS = 7  # told of the past
BUCKET = CapacityUse.BUCKET


def make(now: datetime) -> None:
    location = Location.objects.get(name=PLACE)
    set_capacity(actor=None, location=location, limit_l1=LIMIT, limit_l2=LIMIT, limit_l3=LIMIT, margin=MARGIN)
    for connector in Connector.objects.filter(station__location=location, station__alias=FIRST, number__gt=0):
        set_share(actor=None, connector=connector, priority=Priority.HIGH)
    _past(location, now)


def _past(location: Location, now: datetime) -> None:
    """Every charge took the same all the time, and less where that was too much for the location."""
    taken: dict[datetime, dict[int, float]] = defaultdict(dict)
    rows = Transaction.objects.filter(station__location=location, started_at__gte=now - timedelta(days=DAYS), problems=[])
    for row in rows.exclude(ended_at=None):
        assert row.ended_at is not None
        hours = (row.ended_at - row.started_at).total_seconds() / 3600
        amperes = row.energy_wh / hours / (3 * GRID_VOLTAGE)
        at = datetime.fromtimestamp(row.started_at.timestamp() // BUCKET * BUCKET, UTC)
        while at < row.ended_at:
            taken[at][row.connector_id] = amperes
            at += timedelta(seconds=BUCKET)
    uses, loads = [], []
    for at, each in sorted(taken.items()):
        fits = min(1.0, (LIMIT - MARGIN) / sum(each.values()))
        for connector, amperes in each.items():
            got = amperes * fits * BUCKET  # A·s
            energy = got * 3 * GRID_VOLTAGE / 3600
            uses.append(CapacityUse(
                location=location, connector_id=connector, at=at, seconds=BUCKET, granted=got, measured=got, energy=energy
            ))  # fmt: skip
        phase = sum(each.values()) * fits * BUCKET
        loads.append(CapacityLoad(location=location, at=at, seconds=BUCKET, limit=LIMIT - MARGIN, l1=phase, l2=phase, l3=phase))
    CapacityUse.objects.bulk_create(uses, batch_size=2000)
    CapacityLoad.objects.bulk_create(loads, batch_size=2000)
