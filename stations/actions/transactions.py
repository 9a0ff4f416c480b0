"""Asking stations about their transactions, and telling them what these cost."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction as database
from django.utils import timezone

from stations import nudges
from stations.actions.commands import ask
from stations.models import Command, Transaction
from stations.ocpp.intents import AskTransaction, TellCost
from tenancy.models import User


@database.atomic
def ask_about_transaction(*, actor: User | None, transaction: Transaction, origin: str = "") -> Command:
    """Ask the station whether a transaction goes on there, and whether it has reports of it that have not reached us.

    What it says stands on the transaction (`said_to_go_on`, `said_to_wait`). CommandRefused says why it cannot be asked.
    """
    wanted = AskTransaction(transaction.transaction_id)
    command = ask(actor=actor, station=transaction.station, intent=wanted, origin=origin, recorded=actor is not None)
    Transaction.objects.filter(pk=transaction.pk).update(asked_at=timezone.now(), said_to_go_on=None, said_to_wait=None)
    nudges.stations_changed(transaction.station_id)
    return command


def tell_cost(*, actor: User | None, transaction: Transaction, total: Decimal) -> Command:
    """Let the station show what a running transaction costs so far, taxes included, in its own currency. CommandRefused where it cannot."""
    wanted = TellCost(transaction.transaction_id, float(total))
    return ask(actor=actor, station=transaction.station, intent=wanted, origin="cost", recorded=actor is not None)
