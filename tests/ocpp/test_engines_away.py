"""The database or the queue goes away for a moment: stations wait, and are never told that it is their fault."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection

from stations import nudges
from stations.gateway import hub, ledger
from stations.models import Frame, Station, Transaction
from tests.ocpp.conftest import Gateway, Wire, until
from tests.ocpp.test_commands import ask, state
from tests.ocpp.test_messages import now, start

pytestmark = pytest.mark.engines


def test_a_deadlock_or_a_locked_database_is_tried_again_and_nothing_is_booked_twice(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    original, failures = ledger._commit_once, ["deadlock detected", "database is locked", "server closed the connection unexpectedly"]

    def commit(batch: list[Any]) -> Any:
        outcome = original(batch) if len(failures) == 2 else None  # once the work was done, and the commit failed
        if failures:
            raise OperationalError(failures.pop())
        return outcome or original(batch)

    monkeypatch.setattr(ledger, "_commit_once", commit)
    assert start(wire)["transactionId"] == int(Transaction.objects.get().transaction_id)
    assert not Frame.objects.filter(failed=True).exists()


@pytest.mark.postgresql
def test_connections_to_the_database_that_were_cut_are_made_again(gateway: Gateway, wire: Wire) -> None:
    other = gateway.connect("LUM-0002")
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert start(wire, at=now())["transactionId"]
        assert "currentTime" in other.call("Heartbeat")
        command = ask("ClearCache")
        wire.answer(wire.expect_call()[0], {"status": "Accepted"})
        until(lambda command=command: state(command) == "accepted")
    assert not Frame.objects.filter(failed=True).exists()


def test_a_batch_with_one_message_that_the_database_refuses_is_booked_without_it(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    wires = [gateway.connect(identity) for identity in ("LUM-0001", "LUM-0002", "VOLT-0001")]
    original = ledger._commit_once

    def commit(batch: list[Any]) -> Any:
        if any("poison" in getattr(entry, "text", "") for entry in batch):
            raise DatabaseError("value out of range")
        return original(batch)

    monkeypatch.setattr(ledger, "_commit_once", commit)
    threads = [
        threading.Thread(target=wire.call, args=("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}))
        for wire in wires[1:]
    ]
    for thread in threads:
        thread.start()
    assert wires[0].raw(json.dumps([2, "1", "DataTransfer", {"vendorId": "poison"}]))[2] == "InternalError"
    for thread in threads:
        thread.join(10)
    kept = Frame.objects.get(failed=True)
    assert (kept.station.identity, kept.action) == ("LUM-0001", "DataTransfer")
    assert Station.objects.filter(connectors__status="Charging").count() == 2


def test_without_a_queue_messages_are_answered_and_commands_delivered(
    gateway: Gateway, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channel layer and Redis carry only nudges."""

    class Away:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            raise ConnectionError("Redis is away")

        async def group_add(self, group: str, channel: str) -> None:
            raise ConnectionError("Redis is away")

    for module in (hub, nudges):
        monkeypatch.setattr(module, "get_channel_layer", Away)
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    assert start(wire)["transactionId"]
    command = ask("ClearCache")
    wire.answer(wire.expect_call(3)[0], {"status": "Accepted"})
    until(lambda: state(command) == "accepted")
    assert gateway.connect("LUM-0002").call("Heartbeat")
