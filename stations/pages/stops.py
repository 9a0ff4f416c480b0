"""A stop that was asked for from here, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stations import command_words
from stations.models import Command, Transaction
from stations.ocpp.intents import Stop
from stations.pages.command_rows import CommandRow


class StopAsked(NamedTuple):
    """`stuck`: the station refused, and the transaction is open still; it can be closed by hand."""

    row: CommandRow
    stuck: bool


def last_stop(transaction: Transaction, commands: Iterable[CommandRow]) -> StopAsked | None:
    """The latest of `commands`, the newest first, that asked to stop this transaction."""
    for row in commands:
        wanted = command_words.intent_of(row.command)
        if isinstance(wanted, Stop) and wanted.transaction_id == transaction.transaction_id:
            refused = row.command.state in {Command.State.REJECTED, Command.State.FAILED}
            return StopAsked(row, refused and transaction.running)
    return None
