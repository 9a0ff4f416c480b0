"""Commands in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _

from stations import command_words
from stations.controls import Situation
from stations.models import Command
from tenancy.models import User


class CommandRow(NamedTuple):
    """A command in words."""

    command: Command
    title: str
    state: str
    word: str
    result: str
    asker: str
    took: str

    @classmethod
    def of(cls, command: Command, viewer: User | AnonymousUser) -> CommandRow:
        """`station` and `requested_by` of `command` must be there already."""
        took = ""
        if command.answered_at and command.sent_at:
            seconds = max(0.0, (command.answered_at - command.sent_at).total_seconds())
            took = _("%d ms") % round(seconds * 1000) if seconds < 1 else _("%s s") % f"{seconds:.1f}"
        return cls(
            command,
            command_words.command_title(command, viewer),
            command_words.command_state(command),
            command_words.command_word(command),
            command_words.command_result(command, viewer),
            command_words.command_asker(command, viewer),
            took,
        )


def command_rows(commands: Iterable[Command], situation: Situation) -> list[CommandRow]:
    """`commands` of the station of `situation`, read with `requested_by`, for who looks at it."""
    rows = []
    for command in commands:
        command.station = situation.station
        rows.append(CommandRow.of(command, situation.user))
    return rows
