"""What was taken out of service for a time returns: the tick asks the stations, again until they say yes, and activates the deactivated.

The row (OutOfService) is the work. Its command changes by compare-and-swap together with the command itself, so that two clocks that run
at once ask once, and it may end at any point: what is final or gone is seen by the next run.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from stations import nudges
from stations.actions import CommandRefused, ask, set_stations_active
from stations.models import Availability, AvailabilityChange, Command, Connector, OutOfService, Station
from stations.ocpp.intents import Switch
from tenancy.models import User

ORIGIN = "out_of_service"
AT_ONCE = 100  # rows in one run
LATE = timedelta(minutes=5)  # so long an answer may still come after the time for it is over
SOON, LATER = timedelta(minutes=1), timedelta(minutes=10)  # until it is asked again: after silence, after a no

_State = Command.State


def run() -> None:
    """Everything that is due now; bounded work, the rest follows with the next run."""
    now = timezone.now()
    _settle(now)
    _return(now)
    _activate(now)


def _open(**of: object) -> QuerySet[OutOfService]:
    return OutOfService.objects.filter(ended_at=None, **of).select_related("command", "station__location__organization")


def _switch(value: str) -> Exists:
    """Whether our switch of what a row is about stands so."""
    return Exists(Connector.objects.filter(station=OuterRef("station"), number=OuterRef("connector_number"), availability=value))


def _settle(now: datetime) -> None:
    """What is in service, because it came back or never went, ends. A connector that came back only because the whole station did goes
    out again."""
    in_service = _open(deactivated=False).filter(_switch(Availability.OPERATIVE)).exclude(command__state__in=Command.OPEN)
    for row in in_service.order_by("pk"):
        command = row.command
        if command and command.state == _State.TIMED_OUT and command.created_at > now - LATE:
            continue
        back = _back(row)
        if back and row.connector_number and _by_the_whole(row, back, now):
            _ask(row, operative=False)
            continue
        by = back.command.requested_by if back and back.command else None
        _end(row, back.at if back else now, by)


def _back(row: OutOfService) -> AvailabilityChange | None:
    """When it was switched on since."""
    changes = AvailabilityChange.objects.filter(
        connector__station=row.station_id, connector__number=row.connector_number, at__gte=row.since, availability=Availability.OPERATIVE
    )
    return changes.select_related("command__requested_by").order_by("-at", "-pk").first()


def _by_the_whole(row: OutOfService, back: AvailabilityChange, now: datetime) -> bool:
    """Whether the station as a whole was switched on, after this connector had been asked for the last time, and it is to stay off."""
    whole = back.command is not None and not back.command.connector_number
    return whole and (row.until is None or row.until > now) and (row.command is None or row.command.created_at < back.at)


def _end(row: OutOfService, at: datetime, by: User | None) -> None:
    same = OutOfService.objects.filter(pk=row.pk, ended_at=None, command=row.command_id)
    if same.update(ended_at=max(at, row.since), ended_by=by):
        nudges.stations_changed(row.station_id)


def _return(now: datetime) -> None:
    """What is due is asked to come back; what has just been asked waits for its turn."""
    first = Q(command=None) | Q(command__created_at__lt=F("until"), command__state__in=_answered())
    silent = Q(command__state__in=(_State.TIMED_OUT, _State.EXPIRED, _State.ACCEPTED), command__created_at__lte=now - SOON)
    refused = Q(command__state__in=(_State.REJECTED, _State.FAILED), command__created_at__lte=now - LATER)
    due = _open(deactivated=False, until__lte=now, station__connected=True, station__active=True).filter(first | silent | refused)
    for row in due.exclude(_switch(Availability.OPERATIVE)).order_by("until", "pk")[:AT_ONCE]:
        _ask(row, operative=True)


def _answered() -> list[str]:
    return [state for state in _State.values if state not in Command.OPEN]


class _Lost(Exception):
    """Somebody else was quicker."""


def _ask(row: OutOfService, *, operative: bool) -> None:
    try:
        with transaction.atomic():
            wanted = Switch(operative, row.connector_number)
            command = ask(actor=None, station=row.station, intent=wanted, origin=ORIGIN, recorded=False)
            if not OutOfService.objects.filter(pk=row.pk, ended_at=None, command=row.command_id).update(command=command):
                raise _Lost
    except (CommandRefused, _Lost):
        return  # not connected, or too much waits: the next run looks again


def _activate(now: datetime) -> None:
    for row in _open(deactivated=True, until__lte=now).order_by("until", "pk")[:AT_ONCE]:
        with transaction.atomic():
            if OutOfService.objects.filter(pk=row.pk, ended_at=None, until__lte=now).update(ended_at=now):
                set_stations_active(actor=None, stations=Station.objects.filter(pk=row.station_id), active=True)
