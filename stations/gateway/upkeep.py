"""What must happen now and then: gateways that died, commands nobody took, old log rows. Called by the tick (energycloud.tick)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from stations import nudges
from stations.gateway import outbound, periods
from stations.models import Frame, GatewayProcess, SecurityEvent, Station

log = logging.getLogger("stations.upkeep")

DEAD_AFTER = timedelta(seconds=45)
PURGE_CHUNK = 20_000
SWEPT_AT_ONCE = 1000


def sweep(*, only_process: bool = False) -> int:
    """Stations of gateways that no longer beat are not connected. Returns how many were cleared.

    `only_process` at the start of the embedded portal, which is alone: whatever an earlier process left is dead.
    """
    dead = GatewayProcess.objects.all()
    if not only_process:
        dead = dead.filter(beat_at__lt=timezone.now() - DEAD_AFTER)
    count = 0
    for gateway in dead:
        with transaction.atomic():
            count += _left_behind(Station.objects.filter(gateway=gateway.name, connected=True), gateway.beat_at)
            gateway.delete()
    alive = GatewayProcess.objects.values("name")
    with transaction.atomic():
        count += _left_behind(Station.objects.filter(connected=True).exclude(gateway__in=alive), timezone.now())
    if count:
        log.warning("%d stations were connected to a process that is gone", count)
    return count


def _left_behind(stations: QuerySet[Station], at: datetime) -> int:
    keys = list(stations.values_list("pk", flat=True))
    for first in range(0, len(keys), SWEPT_AT_ONCE):
        portion = keys[first : first + SWEPT_AT_ONCE]
        Station.objects.filter(pk__in=portion).update(connected=False, disconnected_at=at)
        periods.end(dict.fromkeys(portion, at))
    return len(keys)


def expire_commands() -> None:
    with transaction.atomic():
        nudges.stations_changed(*outbound.expire(timezone.now()))


def purge_frames() -> int:
    """Drop log rows older than FRAME_RETENTION_DAYS, in small transactions; returns how many."""
    before = timezone.now() - timedelta(days=settings.FRAME_RETENTION_DAYS)
    total = 0
    while True:
        # Keys grow with time, so the first rows are the oldest: this never looks at more than it deletes, and one chunk.
        first = list(Frame.objects.order_by("pk").values_list("pk", "at")[:PURGE_CHUNK])
        old = [pk for pk, at in first if at < before]
        total += Frame.objects.filter(pk__in=old).delete()[0]
        if len(old) < PURGE_CHUNK:
            return total


def purge_security_events() -> int:
    """Of each station the newest stay; returns how many went. Stations tell what they like, as often as they like."""
    gone, most = 0, SecurityEvent.MOST
    many = SecurityEvent.objects.order_by().values_list("station").annotate(count=Count("pk")).filter(count__gt=most)
    for station, count in list(many[:SWEPT_AT_ONCE]):
        rows = SecurityEvent.objects.filter(station=station).order_by("received_at", "pk")
        left = count - most
        while left > 0 and (old := list(rows.values_list("pk", flat=True)[: min(left, PURGE_CHUNK)])):
            gone += SecurityEvent.objects.filter(pk__in=old).delete()[0]
            left -= len(old)
    return gone
