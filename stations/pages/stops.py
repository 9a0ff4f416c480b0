"""A stop that was asked for from here: what became of it, and what to do where the station refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.urls import NoReverseMatch

from stations import explain
from stations.models import Command, Transaction
from stations.ocpp.intents import Stop
from stations.pages.command_rows import CommandRow
from tenancy.links import link


class StopAsked(NamedTuple):
    row: CommandRow
    close_url: str  # where the transaction is closed by hand; empty unless the station refused


def last_stop(transaction: Transaction, commands: Iterable[CommandRow]) -> StopAsked | None:
    """The latest of `commands`, the newest first, that asked to stop this transaction."""
    for row in commands:
        wanted = explain.intent_of(row.command)
        if isinstance(wanted, Stop) and wanted.transaction_id == transaction.transaction_id:
            refused = row.command.state in {Command.State.REJECTED, Command.State.FAILED}
            return StopAsked(row, _close_url(transaction) if refused and transaction.running else "")
    return None


def _close_url(transaction: Transaction) -> str:
    try:
        return link("transaction_close", transaction.pk)
    except NoReverseMatch:
        return ""
