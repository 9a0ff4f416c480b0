"""Transactions of OCPP 2.0.1 over the websocket: TransactionEvent, statuses and meter values, by the use cases of part 2."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stations.models import CardOffer, Connector, Transaction
from tests.conftest import CARD
from tests.ocpp.conftest import Gateway, Wire

pytestmark = pytest.mark.engines

TOKEN = {"idToken": CARD, "type": "ISO14443"}


def now(**shift: float) -> str:
    return (timezone.now() + timedelta(**shift)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def wire(gateway: Gateway) -> Wire:
    """LUM-0001, connected, speaking 2.0.1."""
    return gateway.connect(subprotocols=["ocpp2.0.1"])


def value(wh: float, context: str = "Sample.Periodic", at: str | None = None, **more: Any) -> dict[str, Any]:
    return {"timestamp": at or now(), "sampledValue": [{"value": wh, "context": context, **more}]}


def payload(
    kind: str, number: int, *values: dict[str, Any], tx: str = "T-1", state: str = "", at: str | None = None, info: Any = None, **more: Any
) -> dict[str, Any]:  # fmt: skip
    told = {"transactionId": tx} | ({"chargingState": state} if state else {}) | (info or {})
    said = {"eventType": kind, "timestamp": at or now(), "triggerReason": "Trigger", "seqNo": number, "transactionInfo": told}
    return said | ({"meterValue": list(values)} if values else {}) | more


def tell(wire: Wire, kind: str, number: int, *values: dict[str, Any], **more: Any) -> Any:
    return wire.call("TransactionEvent", payload(kind, number, *values, **more))


def occupied(wire: Wire, status: str = "Occupied", evse: int = 1) -> Any:
    return wire.call("StatusNotification", {"timestamp": now(), "connectorStatus": status, "evseId": evse, "connectorId": 1})


def status() -> str:
    return Connector.objects.get(station__identity="LUM-0001", number=1).status


def one(tx: str = "T-1") -> Transaction:
    return Transaction.objects.get(station__identity="LUM-0001", transaction_id=tx)


EVSE = {"id": 1, "connectorId": 1}


def test_e02_plug_first_then_card_then_energy_then_end(wire: Wire) -> None:
    assert occupied(wire) == {}
    assert status() == "Preparing"
    assert tell(wire, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, state="EVConnected", triggerReason="CablePluggedIn") == {}
    row = one()
    assert (row.running, row.id_tag, row.meter_start, row.connector.number) == (True, "", 1000, 1)
    said = tell(wire, "Updated", 1, idToken=TOKEN, triggerReason="Authorized")
    assert said == {"idTokenInfo": {"status": "Accepted"}} or said["idTokenInfo"]["status"] == "Accepted"
    tell(wire, "Updated", 2, state="Charging", triggerReason="ChargingStateChanged")
    assert status() == "Charging"
    assert occupied(wire) == {}
    assert status() == "Charging"
    kwh: Any = {"unitOfMeasure": {"unit": "kWh"}}
    tell(wire, "Updated", 3, value(2.5, **kwh), triggerReason="MeterValuePeriodic")
    tell(wire, "Updated", 4, value(3, unitOfMeasure={"unit": "Wh", "multiplier": 3}), state="SuspendedEV")
    assert (status(), one().meter_last) == ("SuspendedEV", 3000)
    tell(wire, "Ended", 5, value(3100, "Transaction.End"), state="Idle", info={"stoppedReason": "EVDisconnected"})
    assert status() == "Finishing"
    occupied(wire, "Available")
    assert status() == "Available"
    row = one()
    assert (row.meter_stop, row.stop_reason, row.problems, row.missing_reports) == (3100, "EVDisconnected", [], [])
    assert (row.id_tag, row.verdict, row.last_report) == (CARD, "Accepted", 5)
    assert [offer.action for offer in CardOffer.objects.all()] == ["StartTransaction"]
