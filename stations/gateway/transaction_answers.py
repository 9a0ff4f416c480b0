"""What stations answer when they are asked about transactions, or to begin one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stations.models import Command, Transaction
from stations.ocpp import intents
from stations.ocpp.intents import AskTransaction, Start
from stations.ocpp.reading import clean
from stations.ocpp.versions import speaker


def started(command: Command, wanted: Start, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    """A start that the station takes for a transaction that goes on already, because the car was plugged in before."""
    number = speaker(command.version).remote_start(command.action, command.payload)
    told = answer.get("transactionId")
    if outcome == intents.ACCEPTED and number is not None and isinstance(told, str) and (key := clean(told, 36)):
        Transaction.objects.filter(station=command.station_id, transaction_id=key, ended_at=None).update(remote_start=number)


def asked(command: Command, wanted: AskTransaction, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    goes_on, waits = answer.get("ongoingIndicator"), answer.get("messagesInQueue")
    if wanted.transaction_id:
        Transaction.objects.filter(station=command.station_id, transaction_id=wanted.transaction_id).update(
            said_to_go_on=goes_on if isinstance(goes_on, bool) else None, said_to_wait=waits if isinstance(waits, bool) else None
        )
