"""What is out of service, until when and why, in words. Nothing here reads the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import formats
from django.utils.translation import gettext as _

from stations import command_words, explain
from stations.models import Availability, Command, Connector, OutOfService
from stations.ocpp.intents import Switch
from tenancy.personal import person

if TYPE_CHECKING:
    from stations.controls import Situation


NOT_DONE = (Command.State.REJECTED, Command.State.FAILED, Command.State.EXPIRED, Command.State.TIMED_OUT)


def moment(at: datetime, situation: Situation) -> str:
    """ "14:00", "tomorrow 8:00" or "3 May 14:00", in the zone of the place."""
    there, today = at.astimezone(situation.station.location.zone), situation.now.astimezone(situation.station.location.zone)
    clock = f"{there:%H:%M}"
    days = (there.date() - today.date()).days
    if days == 0:
        return clock
    if days == 1:
        return _("tomorrow %s") % clock
    return f"{formats.date_format(there, 'j M' if there.year == today.year else 'j M Y')} {clock}"


def sentence(row: OutOfService, situation: Situation) -> tuple[str, str]:
    """(one of the six states, what is so) of a row that is still open."""
    state, said = _said(row, situation)
    if row.comment:
        said = f"{said}: {row.comment}"
    who = whom(row, situation)
    return state, f"{said} ({who})" if who else said


def whom(row: OutOfService, situation: Situation) -> str:
    """Who took it out, as the reader may know it."""
    location = situation.station.location
    return person(situation.user, row.created_by, location.organization.path, location.pk) if row.created_by else ""


def _said(row: OutOfService, situation: Situation) -> tuple[str, str]:
    until = moment(row.until, situation) if row.until else ""
    over = row.until is not None and row.until <= situation.now
    if row.deactivated:
        if over:
            return explain.WAITING, _("Deactivated until %s; it is activated at any moment") % until
        return explain.OFF, _("Deactivated until %s") % until if until else _("Deactivated")
    command = row.command
    wanted = command_words.intent_of(command) if command else None
    back = isinstance(wanted, Switch) and wanted.operative
    if command and command.state in Command.OPEN:
        if back:
            return explain.WAITING, _("Asked to go in service again")
        return explain.WAITING, _("Asked to go out of service until %s") % until if until else _("Asked to go out of service")
    if over:
        if command and back:
            answer = command_words.command_result(command, situation.user)
            return explain.WAITING, _("Should be in service since %(until)s, but is not. %(answer)s It is asked again") % {
                "until": until, "answer": answer,
            }  # fmt: skip
        if not situation.station.connected:
            return explain.WAITING, _("Should be in service since %s; it is asked as soon as it is connected") % until
        return explain.WAITING, _("Out of service until %s; it is asked at any moment") % until
    connector = situation.connector(row.connector_number)
    if connector and connector.availability == Availability.SCHEDULED:
        if until:
            return explain.WAITING, _("Goes out of service when the running charge ends, until %s") % until
        return explain.WAITING, _("Goes out of service when the running charge ends")
    return explain.OFF, _("Out of service until %s") % until if until else _("Out of service")


def standing(rows: Iterable[OutOfService], connectors: Iterable[Connector]) -> list[OutOfService]:
    """Without those that are in service again, as the station has said when it was asked: their rows end a little later."""
    on = {one.number for one in connectors if one.availability == Availability.OPERATIVE}
    return [row for row in rows if not (row.connector_number in on and _came_back(row.command))]


def _came_back(command: Command | None) -> bool:
    if command is None or command.state != Command.State.ACCEPTED:
        return False
    wanted = command_words.intent_of(command)
    return isinstance(wanted, Switch) and wanted.operative


def refused(row: OutOfService) -> bool:
    """Whether it never went out of service, because the station did not do it."""
    if row.ended_at is None or row.command is None or row.command.state not in NOT_DONE:
        return False
    wanted = command_words.intent_of(row.command)
    return isinstance(wanted, Switch) and not wanted.operative
