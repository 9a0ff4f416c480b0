"""Taking stations and connectors out of service, for a time or until somebody puts them in again, and deactivating stations for a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import nudges
from stations.actions.commands import ask
from stations.actions.infrastructure import edit_station
from stations.models import BulkItem, Command, OutOfService, Station
from stations.ocpp import numbering
from stations.ocpp.intents import Switch
from tenancy import audit
from tenancy.models import User


@transaction.atomic
def take_out_of_service(
    *,
    actor: User | None,
    station: Station,
    connector_number: int = 0,
    until: datetime | None = None,
    comment: str = "",
    item: BulkItem | None = None,
) -> OutOfService:
    """Ask the station to switch itself (number 0) or a connector off; at `until` the portal asks it to switch on again.

    CommandRefused where it cannot be asked, ValidationError where `until` is over. What was open of the same connector ends here.
    """
    _check(until)
    command = ask(actor=actor, station=station, intent=Switch(False, connector_number), item=item)
    return _begin(actor, station, until, comment, connector_number=connector_number, command=command)


@transaction.atomic
def put_in_service(*, actor: User | None, station: Station, connector_number: int = 0, item: BulkItem | None = None) -> Command:
    """Ask the station to switch itself or a connector on again. What is open of it ends when the station says yes."""
    command = ask(actor=actor, station=station, intent=Switch(True, connector_number), item=item)
    _open(station, connector_number=connector_number, deactivated=False).update(command=command)
    return command


@transaction.atomic
def deactivate_station(*, actor: User | None, station: Station, until: datetime | None = None, comment: str = "") -> OutOfService:
    """Refuse the connections of a station until it is activated, or until `until`; also where it is deactivated already."""
    _check(until)
    edit_station(actor=actor, station=station, active=False)
    return _begin(actor, station, until, comment, deactivated=True)


@transaction.atomic
def activate_station(*, actor: User | None, station: Station) -> Station:
    return edit_station(actor=actor, station=station, active=True)


@transaction.atomic
def change_out_of_service(*, actor: User | None, row: OutOfService, until: datetime | None, comment: str) -> None:
    """Another end or comment for what is still open; ValidationError where it is over meanwhile."""
    _check(until)
    before = row.until, row.comment
    if not OutOfService.objects.filter(pk=row.pk, ended_at=None).update(until=until, comment=comment):
        raise ValidationError(_("It is in service again already."))
    row.until, row.comment = until, comment
    changes: dict[str, list[str | None]] = {"until": [_iso(before[0]), _iso(until)], "comment": [before[1], comment]}
    _record(actor, "edit_out_of_service", row, {name: pair for name, pair in changes.items() if pair[0] != pair[1]})
    nudges.stations_changed(row.station_id)


def _check(until: datetime | None) -> None:
    if until is not None and until <= timezone.now():
        raise ValidationError({"until": _("This time is over already. Choose a later one, or none.")})


def _open(station: Station, **of: Any) -> Any:
    return OutOfService.objects.filter(station=station, ended_at=None, **of)


def _begin(actor: User | None, station: Station, until: datetime | None, comment: str, **of: Any) -> OutOfService:
    same = {"connector_number": of.get("connector_number", 0), "deactivated": of.get("deactivated", False)}
    _open(station, **same).update(ended_at=timezone.now(), ended_by=actor)
    row = OutOfService.objects.create(station=station, until=until, comment=comment, created_by=actor, **of)
    _record(actor, "take_out_of_service", row, {"until": [None, _iso(until)], "comment": [None, comment]})
    nudges.stations_changed(station.pk)
    return row


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="minutes") if at else None


def _record(actor: User | None, verb: str, row: OutOfService, changes: dict[str, Any]) -> None:
    """In the history of the station, which stays."""
    number = {"connector": [None, numbering.shown(row.connector_number)]} if row.connector_number else {}
    audit.record(actor, verb, row.station, row.station.location.organization, number | changes)
