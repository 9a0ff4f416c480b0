"""A charging station under test that speaks OCPP 2.0.1: each answer and each CALL of ours fits the published schema."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from stations.actions import ask
from stations.models import Command, Connector, Station, Transaction
from stations.ocpp import schemas
from stations.ocpp.intents import Intent
from tests.conftest import CARD
from tests.ocpp.conftest import Gateway, Wire, until

TOKEN = {"idToken": CARD, "type": "ISO14443"}
EVSE = {"id": 1, "connectorId": 1}
BEGIN, END, CLOCK = "Transaction.Begin", "Transaction.End", "Sample.Clock"


def at(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def metered(wh: float, context: str = "Sample.Periodic", **more: Any) -> dict[str, Any]:
    sample = {"value": wh, "context": context, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}, **more}
    return {"meterValue": [{"timestamp": at(), "sampledValue": [sample]}]}


def state(name: str) -> dict[str, Any]:
    return {"transactionInfo": {"chargingState": name}}


def fits(name: str, payload: Any) -> bool:
    checker = schemas.validator("v201", name)
    assert checker is not None
    return checker.is_valid(payload)


class Point:
    """A charging station under test."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.number, self.transaction = gateway, -1, "TX-1"
        self.connect()

    def connect(self) -> None:
        self.wire: Wire = self.gateway.connect(subprotocols=["ocpp2.0.1"])

    def call(self, action: str, payload: dict[str, Any]) -> Any:
        assert fits(action, payload), f"the test's own {action}"
        answer = self.wire.call(action, payload)
        assert fits(f"{action}Response", answer), answer
        return answer

    def boot(self, reason: str = "PowerUp") -> None:
        told = {"vendorName": "V", "model": "M", "serialNumber": "S-1", "firmwareVersion": "1.2", "modem": {"iccid": "89", "imsi": "20"}}
        answer = self.call("BootNotification", {"reason": reason, "chargingStation": told})
        assert (answer["status"], answer["interval"] > 0) == ("Accepted", True)
        assert abs((datetime.fromisoformat(answer["currentTime"]) - datetime.now(UTC)).total_seconds()) < 60
        for evse in (1, 2):
            self.status("Available", evse)
        assert set(self.call("Heartbeat", {})) == {"currentTime"}

    def status(self, word: str, evse: int = 1, connector: int = 1) -> str:
        body = {"timestamp": at(), "connectorStatus": word, "evseId": evse, "connectorId": connector}
        assert self.call("StatusNotification", body) == {}
        return Connector.objects.get(station__identity="LUM-0001", number=evse + 100 * (connector - 1)).status

    def told(self, kind: str, trigger: str, *, ago: float = 0, **more: Any) -> dict[str, Any]:
        self.number += 1
        info = {"transactionId": self.transaction} | more.pop("transactionInfo", {})
        return {
            "eventType": kind, "timestamp": at(minutes=ago), "triggerReason": trigger, "seqNo": self.number, "transactionInfo": info, **more
        }  # fmt: skip

    def event(self, kind: str, trigger: str, **more: Any) -> Any:
        return self.call("TransactionEvent", self.told(kind, trigger, **more))

    def charge(self, *, ago: float = 0) -> None:
        """State: EnergyTransferStarted."""
        said = self.event("Started", "Authorized", ago=ago, evse=EVSE, idToken=TOKEN, **state("EVConnected"), **metered(1000, BEGIN))
        assert said == {"idTokenInfo": said["idTokenInfo"]}
        assert said["idTokenInfo"]["status"] == "Accepted"
        assert self.event("Updated", "ChargingStateChanged", ago=ago, **state("Charging")) == {}

    def end(self, trigger: str, reason: str, **more: Any) -> Any:
        info = {"transactionInfo": {"chargingState": "Idle", "stoppedReason": reason}}
        return self.event("Ended", trigger, **info, **metered(3000, END), **more)

    def charged(self, reason: str) -> None:
        found = row(self.transaction)
        assert (found.running, found.energy_wh, found.stop_reason, found.problems) == (False, 2000, reason, [])
        assert (found.missing_reports, found.last_report) == ([], self.number)

    def asked(self, intent: Intent, answer: dict[str, Any]) -> tuple[str, dict[str, Any], Command]:
        """What the station was sent, and the command after its answer."""
        until(lambda: Station.objects.get(identity="LUM-0001").connected)
        command = ask(actor=None, station=station(), intent=intent)
        message_id, action, payload = self.wire.expect_call()
        assert fits(action, payload), payload
        assert fits(f"{action}Response", answer)
        self.wire.answer(message_id, answer)
        until(lambda: Command.objects.get(pk=command.pk).answered_at)
        return action, payload, Command.objects.get(pk=command.pk)


def station() -> Station:
    return Station.objects.select_related("location__organization").get(identity="LUM-0001")


def row(transaction: str = "TX-1") -> Transaction:
    return Transaction.objects.get(station__identity="LUM-0001", transaction_id=transaction)
