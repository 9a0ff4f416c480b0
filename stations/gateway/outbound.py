"""Commands on their way: taking what is due, and booking what the station answered. State changes are compare-and-swap."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Min, QuerySet
from django.utils import timezone

from stations import credentials, file_progress, hooks, security_changes, security_steps
from stations.bulk import jobs
from stations.configuration.catalogue import known as known_key
from stations.gateway import bulk, certification, device, reserved, smart_charging, transaction_answers
from stations.gateway.deviations import Notebook
from stations.gateway.entries import Answered, Consequence
from stations.models import (
    Availability,
    AvailabilityChange,
    Command,
    ConfigurationChange,
    ConfigurationKey,
    Connector,
    Frame,
    Station,
)
from stations.ocpp import frames, intents, masking, numbering, reading
from stations.ocpp.commands import in_parts
from stations.ocpp.frames import CallError
from stations.ocpp.intents import (
    AskTransaction,
    CancelReservation,
    ClearMonitors,
    Configure,
    ConfigureMany,
    ReadConfiguration,
    ReadMonitors,
    ReadReport,
    Reserve,
    SetMonitor,
    SetMonitors,
    Start,
    Switch,
)
from stations.ocpp.versions import has_variables, reader, speaker

log = logging.getLogger("stations.gateway")


class Outgoing(NamedTuple):
    """A command marked as sent, with the frame to put on the wire."""

    command_id: int
    station_id: int
    message_id: str
    text: str
    timeout: int
    secrets: tuple[str, ...]  # in the text, and nobody is to read them


def take(gateway: str, free: Callable[[int], bool]) -> list[Outgoing]:
    """The oldest queued command of every station of `gateway` that is `free` (connected here, nothing outstanding), marked as sent."""
    now = timezone.now()
    queued = Command.objects.filter(state=Command.State.QUEUED, deadline__gt=now, station__gateway=gateway, station__connected=True)
    _give_up_foreign(queued, now)
    oldest = queued.order_by().values_list("station_id").annotate(Min("pk"))
    due = Command.objects.in_bulk([pk for station, pk in oldest if free(station)][:1000])
    taken: list[Outgoing] = []
    if not due:
        return taken
    with transaction.atomic():
        for command in due.values():
            message_id = str(uuid.uuid4())
            try:
                masked = _shown(command)
                secrets = masking.secrets_in(command.action, command.payload, masked)
                shown = frames.call(message_id, command.action, masked)
                text = frames.call(message_id, command.action, command.payload)
            except Exception:  # it must not hold up those of other stations
                log.exception("command %d cannot be written", command.pk)
                _fail([command.pk], "InternalError", "It cannot be written as a message.", now)
                continue
            frame = Frame.objects.create(
                station_id=command.station_id, at=now, direction=Frame.Direction.OUT, action=command.action, call=shown
            )
            if Command.objects.filter(pk=command.pk, state=Command.State.QUEUED).update(
                state=Command.State.SENT, sent_at=now, message_id=message_id, frame=frame, payload=_sealed(command)
            ):
                taken.append(Outgoing(command.pk, command.station_id, message_id, text, command.timeout, secrets))
            else:
                frame.delete()  # cancelled or expired meanwhile
    return taken


def _give_up_foreign(queued: QuerySet[Command], now: datetime) -> None:
    """What was written in another version than the station speaks since it is back."""
    foreign = queued.exclude(version=F("station__ocpp_version")).exclude(version="")
    if keys := list(foreign.values_list("pk", flat=True)[:100]):
        _fail(keys, "NotSupported", "The station speaks another version of OCPP now.", now)


def _fail(commands: Sequence[int], code: str, said: str, now: datetime) -> None:
    left = Command.objects.filter(pk__in=commands, state=Command.State.QUEUED)
    left.update(state=Command.State.FAILED, error_code=code, error_description=said, answered_at=now)


def _shown(command: Command) -> dict[str, Any]:
    return masking.without_secrets(command.action, command.payload, every_value=command.secret)


def _sealed(command: Command) -> dict[str, Any]:
    """The payload as it is kept once it is on its way: a password is masked. A password of the station's own lets it in from now on, too:
    whether it takes it is told by what it comes back with, for its answer may come late or never."""
    shown = _shown(command)
    version = speaker(command.version)
    wanted = version.intent(command.action, command.payload) if shown is not command.payload else None
    if isinstance(wanted, Configure) and wanted.key.lower() == version.PASSWORD_KEY.lower():
        security_changes.password_sent(command, credentials.digest(wanted.value))
    return shown


def answered(entries: Sequence[Answered], changed: set[int], manners: Notebook | None = None) -> None:
    """Book answers: the command's state, the log, and what the answer means for the station. Called by the ledger."""
    if not entries:
        return
    commands = Command.objects.in_bulk([entry.command_id for entry in entries])
    for entry in entries:
        command = commands.get(entry.command_id)
        if command is None:
            continue
        answer, text = entry.answer, entry.text
        failed = isinstance(answer, CallError)
        fields: dict[str, Any] = {"answered_at": entry.at}
        if isinstance(answer, CallError):
            fields |= {
                "state": Command.State.FAILED,
                "error_code": reading.clean(answer.code, 40),
                "error_description": reading.clean(masking.without(entry.secrets, answer.description), 255),
            }
            if answer.code in frames.NOT_KNOWN:
                certification.not_known(command)
        else:
            yes = reader(command.version).accepted(command.action, answer.payload)
            shown = masking.without_secrets(command.action, answer.payload)
            fields |= {"state": Command.State.ACCEPTED if yes else Command.State.REJECTED}
            fault = reader(command.version).answer_fault(command.action, command.payload, answer.payload)
            telling = not fault or in_parts(command.action)
            try:
                fields["answer"] = storable(shown, entry.secrets)
            except RecursionError:
                fault, telling = "The answer is nested too deeply.", False
            if shown is not answer.payload:
                text = frames.result(answer.message_id, shown)
            if fault:
                failed = True
                if manners:
                    manners.note(command.station_id, Notebook.BAD_ANSWER, command.action, "", entry.at)
                fields |= {
                    "state": Command.State.FAILED,
                    "error_code": "FormationViolation",
                    "error_description": reading.clean(masking.without(entry.secrets, fault), 255),
                }
            if telling:
                _consequences(command, answer.payload, entry.at)
        # A late answer still tells what happened, so it also replaces a time-out.
        Command.objects.filter(pk=command.pk, state__in=[Command.State.SENT, Command.State.TIMED_OUT]).update(**fields)
        if command.frame_id:
            text = masking.without(entry.secrets, text).replace("\x00", "")
            Frame.objects.filter(pk=command.frame_id).update(answer=text, answered_at=entry.at, failed=failed)
        for name, value in fields.items():
            setattr(command, name, value)
        file_progress.answered([command])
        changed.add(command.station_id)
    security_steps.answered(list(commands.values()))
    if items := {command.item_id for command in commands.values() if command.item_id}:
        jobs.answered(items)


def _consequences(command: Command, answer: dict[str, Any], at: datetime) -> None:
    """What an answer changes in our picture of the station."""
    version = speaker(command.version)
    wanted = version.intent(command.action, command.payload)
    if consequence := CONSEQUENCES.get(type(wanted)):
        consequence(command, wanted, version.outcome(answer), answer, at)


def _configured(command: Command, wanted: Configure, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    if has_variables(command.version):
        device.configured(command, wanted, answer, at)
        return
    if outcome not in (intents.ACCEPTED, intents.REBOOT_REQUIRED):
        return
    key, value = wanted.key[:50], wanted.value[:500]
    values = {"value": value, "updated_at": at, "reboot_required": outcome == intents.REBOOT_REQUIRED, "only_set": True}
    known = ConfigurationKey.objects.filter(station_id=command.station_id, key=key).values_list("value", flat=True).first()
    ConfigurationKey.objects.update_or_create(station_id=command.station_id, key=key, defaults=values)
    if known != value or masking.hides(value):  # of a secret nobody knows whether it is another one
        ConfigurationChange.objects.create(station_id=command.station_id, at=at, key=key, before=known, after=value, command=command)
    hooks.tell_configuration_changed(command.station_id, [wanted.key])


def _switched(command: Command, wanted: Switch, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    if outcome not in (intents.ACCEPTED, intents.SCHEDULED):
        return
    operative = Availability.OPERATIVE if wanted.operative else Availability.INOPERATIVE
    switch = Availability.SCHEDULED if outcome == intents.SCHEDULED and not wanted.operative else operative
    connectors = Connector.objects.filter(station_id=command.station_id)
    if wanted.connector:
        connectors = connectors.filter(number__in=numbering.of_same_evse(wanted.connector) if wanted.whole else [wanted.connector])
    AvailabilityChange.objects.bulk_create(
        [
            AvailabilityChange(connector_id=pk, at=at, availability=switch, command=command)
            for pk in connectors.exclude(availability=switch).values_list("pk", flat=True)
        ]
    )
    connectors.update(availability=switch)


def _keep_configuration(command: Command, wanted: ReadConfiguration, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    if has_variables(command.version):
        if wanted.keys:
            device.read(command, wanted.keys, answer, at)
        else:
            device.report_asked(command, outcome, at)
        return
    entries, unknown = answer.get("configurationKey"), speaker(command.version).keys_unknown(answer)
    if not isinstance(entries, list):
        if not unknown:
            return
        entries = []
    known = {row.key: row for row in ConfigurationKey.objects.filter(station_id=command.station_id)}
    before = {row.key: row.value for row in known.values()}
    booted_at = Station.objects.filter(pk=command.station_id).values_list("booted_at", flat=True).first()
    rows: dict[str, ConfigurationKey] = {}
    for key, item in _fitting(entries, command.version):
        row = known.get(key) or ConfigurationKey(station_id=command.station_id, key=key)
        value = "" if item.get("value") is None else reading.clean(item["value"], 500)
        row.value = masking.MASK if masking.is_secret(key) and value else masking.without_url_passwords(value)
        # Reading puts nothing in force
        row.readonly, row.reboot_required = reading.yes(item.get("readonly")), row.waits_for_reset(booted_at)
        row.updated_at, row.only_set = at, False
        rows[key] = row
    asked = wanted.keys
    # Where the whole configuration was asked for, what is not in the answer is gone; of some keys, those that the station does not know.
    gone = [key for key in before if key not in rows and (not asked or (key in asked and key in unknown))]
    ConfigurationKey.objects.filter(pk__in=[known[key].pk for key in gone]).delete()
    room = max(0, ConfigurationKey.MOST - len(known) + len(gone))
    ConfigurationKey.objects.bulk_create([row for row in rows.values() if row.pk is None][:room])
    bulk.update(
        ConfigurationKey, ("value", "readonly", "updated_at", "reboot_required", "only_set"),
        [(row.pk, row.value, row.readonly, at, row.reboot_required, False) for key, row in rows.items() if key in known],
    )  # fmt: skip
    changed = [key for key, row in rows.items() if before.get(key) != row.value]
    changed += gone
    if before:  # the first time that it is read nothing has changed
        ConfigurationChange.objects.bulk_create(
            [
                ConfigurationChange(
                    station_id=command.station_id, at=at, key=key, before=before.get(key), command=command,
                    after=rows[key].value if key in rows else None,
                )
                for key in changed
            ]
        )  # fmt: skip
    hooks.tell_configuration_changed(command.station_id, changed)


def _fitting(entries: list[Any], version: str) -> list[tuple[str, dict[str, Any]]]:
    """Those told keys that are kept: where there are too many, the known ones first."""
    told = [(reading.clean(item["key"], 50), item) for item in entries if isinstance(item, dict) and isinstance(item.get("key"), str)]
    found = {key: item for key, item in told if key}
    order = sorted(found, key=lambda key: known_key(key, version) is None) if len(found) > ConfigurationKey.MOST else list(found)
    return [(key, found[key]) for key in order[: ConfigurationKey.MOST]]


CONSEQUENCES: dict[type[Any], Consequence] = {
    Configure: _configured,
    ConfigureMany: lambda command, wanted, outcome, answer, at: device.configured(command, wanted, answer, at),
    ReadConfiguration: _keep_configuration,
    ReadReport: lambda command, wanted, outcome, answer, at: device.report_asked(command, outcome, at),
    ReadMonitors: lambda command, wanted, outcome, answer, at: device.report_asked(command, outcome, at),
    SetMonitor: lambda command, wanted, outcome, answer, at: device.monitors_set(command, [wanted], answer, at),
    SetMonitors: lambda command, wanted, outcome, answer, at: device.monitors_set(command, wanted.monitors, answer, at),
    ClearMonitors: lambda command, wanted, outcome, answer, at: device.monitors_cleared(command, wanted, answer, at),
    Switch: _switched,
    Start: transaction_answers.started,
    AskTransaction: transaction_answers.asked,
    **smart_charging.CONSEQUENCES,
    Reserve: reserved.made,
    CancelReservation: reserved.cancelled,
    **certification.CONSEQUENCES,
}


def time_out(command_ids: Sequence[int]) -> list[int]:
    """No answer came in time; returns the stations concerned."""
    late = Command.objects.filter(pk__in=command_ids, state=Command.State.SENT)
    stations = list(late.values_list("station_id", flat=True))
    cleared = list(late.filter(action="ClearChargingProfile"))
    late.update(state=Command.State.TIMED_OUT)
    for command in cleared:
        smart_charging.perhaps_cleared(command)
    return stations


def expire(now: datetime) -> list[int]:
    """Close what was never delivered, and what was sent by a process that is gone; returns the stations concerned."""
    stale = Command.objects.filter(state=Command.State.QUEUED, deadline__lte=now)
    expired = list(stale)
    stations = [command.station_id for command in expired]
    if expired:
        stale.update(state=Command.State.EXPIRED)
        for command in expired:
            shown = _shown(command)
            if shown is not command.payload:
                Command.objects.filter(pk=command.pk, state=Command.State.EXPIRED).update(payload=shown)
    # `sent` rows are timed out by their gateway; the extra minute leaves it the first word
    orphans = [
        pk
        for pk, sent, timeout in Command.objects.filter(state=Command.State.SENT).values_list("pk", "sent_at", "timeout")
        if sent and (now - sent).total_seconds() > timeout + 60
    ]
    return stations + (time_out(orphans) if orphans else [])


def storable(value: Any, secrets: tuple[str, ...] = ()) -> Any:
    """JSON without U+0000, which PostgreSQL cannot store, and without these secrets."""
    if isinstance(value, str):
        return masking.without(secrets, value.replace("\x00", ""))
    if isinstance(value, list):
        return [storable(item, secrets) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item, secrets) for key, item in value.items()}
    return value
