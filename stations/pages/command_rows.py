"""Commands in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _

from stations import authorities, certificate_words, command_words
from stations.controls import Situation
from stations.models import Command, InstalledCertificate
from stations.ocpp.intents import DeleteRoot
from tenancy.links import link
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
    about: str = ""  # what the title does not name, with its page
    about_url: str = ""

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
    return _named(rows, situation)


def _named(rows: list[CommandRow], situation: Situation) -> list[CommandRow]:
    """The transactions and certificates that are known here stand under our names instead of the station's ids."""
    wanted = [command_words.intent_of(row.command) for row in rows]
    charges = command_words.charges_of((row.command for row in rows), situation.user)
    every = list(authorities.every()) if any(isinstance(one, DeleteRoot) for one in wanted) else []
    named = []
    for row, intent in zip(rows, wanted, strict=True):
        if charge := charges.get(row.command.pk):
            title = command_words.command_title(row.command, situation.user, charge="")
            row = row._replace(title=title, about=_("Transaction %s") % charge, about_url=link("transaction", charge.pk))
        elif isinstance(intent, DeleteRoot):
            told = InstalledCertificate(
                algorithm=intent.algorithm, name_hash=intent.name_hash, key_hash=intent.key_hash, serial=intent.serial
            )
            if authority := certificate_words.recognized(told, every):
                row = row._replace(title=_("Delete the certificate %s") % authority)
        named.append(row)
    return named
