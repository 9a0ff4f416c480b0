"""The steps of changes that are on their way to stations (see SecurityChange): called by the clock, and when a station has answered.

What is asked of a station are commands of the durable queue, so that a restart loses nothing; what it says late counts as well.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import addresses, command_words, nudges
from stations.actions.commands import CommandRefused, ask
from stations.models import Command, SecurityChange, Station, Transaction
from stations.ocpp.frames import NOT_KNOWN
from stations.ocpp.intents import NOT_SUPPORTED, REBOOT_REQUIRED, REJECTED, ReadConfiguration, Reset
from stations.ocpp.versions import speaker
from stations.security_changes import AT_ONCE, DEADLINE, Kind, State, end

PATIENCE = 120  # seconds for the delivery of a command, and again for its answer
PAUSE = timedelta(seconds=60)  # between tries of a step that was not answered


def advance() -> int:
    """Take the next step of every change; returns how many have moved. Called by the clock."""
    now, moved = timezone.now(), 0
    # The door and answers decide about those that wait
    due = SecurityChange.objects.filter(Q(state=State.ASKING) | Q(deadline__lte=now), ended_at=None)
    keys = list(due.exclude(command__state__in=Command.OPEN).order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(keys), AT_ONCE):
        moved += _advance(keys[first : first + AT_ONCE], now)
    return moved


def answered(commands: Collection[Command]) -> None:
    """These commands have an answer: go on where one of them belongs to a change. Called by the ledger."""
    keys = list(SecurityChange.objects.filter(command__in=[one.pk for one in commands], ended_at=None).values_list("pk", flat=True))
    if keys:
        _advance(keys, timezone.now())


def _advance(keys: Sequence[int], now: datetime) -> int:
    moved = 0
    with transaction.atomic():
        rows = SecurityChange.objects.select_for_update(of=("self",)).filter(pk__in=keys, ended_at=None)
        for change in rows.select_related("command", "station__location__organization", "actor"):
            before = (change.state, change.step, change.command_id, change.note)
            (_advance_password if change.kind == Kind.PASSWORD else _advance_profile)(change, now)
            if (change.state, change.step, change.command_id, change.note) != before:
                moved += 1
                nudges.stations_changed(change.station_id)
    return moved


def _advance_password(change: SecurityChange, now: datetime) -> None:
    command = change.command
    state = command.state if command else Command.State.EXPIRED
    if state in Command.OPEN:
        return
    if state == Command.State.ACCEPTED and command:
        if change.accepted_at is None:
            _wait(change, command.answered_at or now)
    elif state == Command.State.TIMED_OUT or (command is None and change.state == State.WAITING):
        if change.state == State.ASKING:
            _wait(change, None, _("It has not answered, so nobody knows which password it has: both let it in."))
    elif command and not _has_surely_not(command):
        if change.state == State.ASKING:
            said = _("It answered with an error (%s), so nobody knows which password it has: both let it in until it comes with the new.")
            _wait(change, None, said % (command.error_code or command_words.command_word(command)))
    else:
        _fail(change, now, _why_refused(command))
        return
    if now < change.deadline or not change.accepted_at:
        return
    # After a yes nobody knows with which password it comes next: some take the new one only with their next restart. So neither is dropped
    change.deadline = now + DEADLINE
    change.save(update_fields=["deadline"])
    if change.fell_back_at:
        _say(change, _("It said yes and still comes with its old password. Both let it in until it comes with the new one."))
    else:
        _say(change, _("It said yes and has not connected anew since. Both passwords let it in until it comes with the new one."))


def _advance_profile(change: SecurityChange, now: datetime) -> None:
    """One command after the other; then the station comes back by itself, or after the restart that is the last of them."""
    if now >= change.deadline:
        _fail(change, now, _("It has not come back with the new profile in time. It goes on as before."))
        return
    command = change.command
    if change.state == State.WAITING or (command and command.state in Command.OPEN):
        return
    restarts_itself = False
    if command and command.state == Command.State.ACCEPTED:
        restarts_itself = speaker(command.version).outcome(command.answer or {}) != REBOOT_REQUIRED
        if isinstance(command_words.intent_of(command), ReadConfiguration):
            change.known = speaker(command.version).values_told(command.answer or {})
        change.step, change.command = change.step + 1, None
        change.save(update_fields=["step", "command", "known"])
    elif command and command.state in (Command.State.TIMED_OUT, Command.State.EXPIRED):
        if now < (command.sent_at or command.deadline) + timedelta(seconds=command.timeout) + PAUSE:
            return
    elif command:
        _fail(change, now, _why_refused(command))
        return
    _ask_next(change, now, restarts_itself)


def _ask_next(change: SecurityChange, now: datetime, restarts_itself: bool) -> None:
    station, said = change.station, speaker(change.station.ocpp_version)
    steps = said.raising(change.profile or 0, addresses.tls_url(station), is_wireless(station), change.known)
    # OCPP 1.6: who takes the new profile connects anew by itself, unless it wants a restart for that
    if change.step > 0 and change.step >= len(steps) - (1 if restarts_itself and said.CONNECTS_ANEW else 0):
        if change.step < len(steps) or len(steps) > 1:
            _wait(change, now)
        else:
            _fail(change, now, _("It does not tell its network profiles (NetworkConfigurationPriority), so none can be added."))
        return
    intent = steps[change.step]
    if isinstance(intent, Reset) and Transaction.objects.filter(station=station, ended_at=None).exists():
        _say(change, _("It is restarted when nobody charges any more."))
        return
    try:
        change.command = ask(actor=change.actor, station=station, intent=intent, timeout=PATIENCE)
    except CommandRefused as refusal:
        if refusal.code == "invalid":
            _fail(change, now, str(refusal))
        else:
            _say(change, str(refusal))
        return
    change.note = ""
    change.save(update_fields=["command", "note"])


def is_wireless(station: Station) -> bool:
    """By what people wrote of its communication; wired where that tells nothing."""
    return re.search(r"\d ?g\b|gprs|gsm|lte|umts|mobile|cellular|wi-?fi|wlan|sim", station.communication, re.IGNORECASE) is not None


def _wait(change: SecurityChange, accepted_at: datetime | None, note: str = "") -> None:
    change.state, change.accepted_at, change.note = State.WAITING, accepted_at, note
    change.save(update_fields=["state", "accepted_at", "note"])


def _say(change: SecurityChange, note: str) -> None:
    if change.note != note[:300]:
        change.note = note[:300]
        change.save(update_fields=["note"])


def _fail(change: SecurityChange, now: datetime, note: str) -> None:
    end([change], State.FAILED, {change.station_id: now}, note)


def _has_surely_not(command: Command) -> bool:
    """Whether it is certain that the station has not taken what it was to take. An error proves nothing: some take it, and fail after."""
    if command.sent_at is None:
        return True
    if command.state == Command.State.REJECTED:
        return speaker(command.version).outcome(command.answer or {}) in (REJECTED, NOT_SUPPORTED)
    return command.error_code in NOT_KNOWN


def _why_refused(command: Command | None) -> str:
    if command is None or command.state not in (Command.State.REJECTED, Command.State.FAILED):
        return _("It was not told: it was not connected.")
    said = command_words.command_result(command, AnonymousUser()) or command_words.command_word(command)
    return _("The station says no: %s") % said
