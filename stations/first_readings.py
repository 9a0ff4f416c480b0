"""What a station is made of is read without anybody asking: when it starts for the first time, and with another firmware or OCPP version.

Run by the tick, a few stations at a time, so that a fleet that comes back at once is not asked at once. Each is asked once: a refusal
stands, and only what got no answer is tried again, MOST_TRIES times in all. One that names another firmware at every start is asked
once in AGAIN.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from stations.actions import CommandRefused, ask
from stations.models import Command, FirstReading, Station
from stations.ocpp.intents import ReadConfiguration

ORIGIN = "first_reading"
SETTLED = timedelta(minutes=1)  # after a start: the station has more to say then, and one that starts again and again is never asked
AT_ONCE = 10  # asked in one run
PATIENCE = 120  # seconds in which it may be delivered, and answered
MOST_TRIES = 3
PAUSE = timedelta(minutes=10)  # after a try without an answer
AGAIN = timedelta(hours=1)  # between two firmwares

_State = Command.State


def ask_stations() -> int:
    """Returns how many were asked."""
    now = timezone.now()
    due = _due(now).select_related("location__organization", "first_reading").order_by("booted_at", "pk")
    return sum(_ask(station, now) for station in due[:AT_ONCE])


def _due(now: datetime) -> QuerySet[Station]:
    """Those that were accepted (their start is booked), stay connected, and have nothing else to do."""
    quiet = now - SETTLED
    rows = Station.objects.filter(connected=True, active=True, booted_at__lte=quiet, connected_at__lte=quiet)
    rows = rows.alias(made=Concat("ocpp_version", Value(" "), "firmware_version"))
    other = ~Q(first_reading__of=F("made")) & Q(first_reading__asked_at__lte=now - AGAIN)
    unheard = Q(first_reading__command=None) | Q(first_reading__command__state__in=(_State.TIMED_OUT, _State.EXPIRED))
    again = unheard & Q(first_reading__tries__lt=MOST_TRIES, first_reading__asked_at__lte=now - PAUSE)
    busy = Command.objects.filter(station=OuterRef("pk"), state__in=Command.OPEN).order_by()
    return rows.filter(Q(first_reading=None) | other | again).exclude(Exists(busy))


def _ask(station: Station, now: datetime) -> bool:
    made = f"{station.ocpp_version} {station.firmware_version}"
    with transaction.atomic():
        known = getattr(station, "first_reading", None)
        if known is None:
            known, new = FirstReading.objects.get_or_create(station=station, defaults={"asked_at": now})
            if not new:
                return False  # another clock was quicker
        tries = known.tries + 1 if known.of == made else 1
        mine = FirstReading.objects.filter(pk=known.pk, asked_at=known.asked_at, tries=known.tries)
        if not mine.update(of=made, asked_at=now, tries=tries, command=None):
            return False
        try:
            command = ask(actor=None, station=station, intent=ReadConfiguration(), timeout=PATIENCE, origin=ORIGIN, recorded=False)
        except CommandRefused:
            return False  # gone in this moment: tried again as what got no answer
        FirstReading.objects.filter(pk=known.pk).update(command=command)
    return True
