"""Asking a station to do something: a row in the durable queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import nudges
from stations.models import BulkItem, Command, DeviceVariable, Station
from stations.ocpp import numbering
from stations.ocpp.intents import Configure, ConfigureMany, Intent, NotPossible, Start
from stations.ocpp.versions import has_variables, speaker
from tenancy import audit
from tenancy.models import User

MAX_OPEN = 20  # commands that wait for one station


class CommandRefused(Exception):
    """The command cannot be queued; the message says why and what to do. `code` is "not_connected", "invalid" or "busy"."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@transaction.atomic
def request_command(
    *,
    actor: User | None,
    station: Station,
    action: str,
    payload: dict[str, Any] | None = None,
    timeout: int | None = None,
    origin: str = "",
    recorded: bool = True,
    item: BulkItem | None = None,
    connector: int | None = None,
) -> Command:
    """Queue `action` with `payload` (as OCPP spells them) for `station`.

    `timeout` seconds (default OCPP_COMMAND_TIMEOUT) each for delivery and for the answer. Raises CommandRefused when the station is
    not connected, when the payload does not fit the action's schema, or when too many commands wait already. Not `recorded` is what the
    portal does again and again by itself: the station's commands tell of it. `item` of a bulk job waits for the answer. `connector`: which
    one is meant, where the payload says only its EVSE.
    """
    payload = payload or {}
    seconds = timeout or settings.OCPP_COMMAND_TIMEOUT
    version = speaker(station.ocpp_version)
    if problem := version.check(action, payload):
        raise CommandRefused("invalid", problem)
    if not station.connected:
        raise CommandRefused("not_connected", _("%s is not connected, so it cannot be asked anything now.") % station)
    if Command.objects.filter(station=station, state__in=Command.OPEN).count() >= MAX_OPEN:
        raise CommandRefused("busy", _("%s has not worked off its earlier commands yet. Try again in a moment.") % station)
    connector = connector or version.connector_named(action, payload)
    secret = sets_hidden(station, action, payload)
    command = Command.objects.create(
        station=station,
        action=action,
        payload=payload,
        requested_by=actor,
        origin=origin,
        item=item,
        version=station.ocpp_version,
        timeout=seconds,
        secret=secret,
        connector_number=connector if connector is not None and numbering.possible(connector) else None,
        deadline=timezone.now() + timedelta(seconds=seconds),
    )
    if recorded:
        told = version.without_secrets(action, payload, every_value=secret)
        audit.record(actor, "command", station, station.location.organization, {action: [None, told]})
    nudges.command_queued(station.pk)
    return command


def sets_hidden(station: Station, action: str, payload: dict[str, Any]) -> bool:
    """Whether it sets a variable that, as the station says, can never be read."""
    wanted = speaker(station.ocpp_version).intent(action, payload)
    settings = wanted.settings if isinstance(wanted, ConfigureMany) else [wanted] if isinstance(wanted, Configure) else []
    keys = [one.key for one in settings] if has_variables(station.ocpp_version) else []
    return bool(keys) and DeviceVariable.objects.filter(station=station, key__in=keys, mutability="WriteOnly").exists()


def ask(
    *,
    actor: User | None,
    station: Station,
    intent: Intent,
    timeout: int | None = None,
    origin: str = "",
    recorded: bool = True,
    item: BulkItem | None = None,
) -> Command:
    """The same for an intent, in the version that the station speaks."""
    try:
        action, payload = speaker(station.ocpp_version).call(intent)
    except NotPossible as error:
        raise CommandRefused("invalid", str(error)) from error
    return request_command(
        actor=actor, station=station, action=action, payload=payload, timeout=timeout, origin=origin, recorded=recorded, item=item,
        connector=intent.connector if isinstance(intent, Start) else None,
    )  # fmt: skip
