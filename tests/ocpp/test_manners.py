"""A station that does not keep to OCPP harms nobody, and is told apart on its page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from stations.models import Deviation
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway
from tests.ocpp.test_commands import ask, state

pytestmark = pytest.mark.engines

METERED = {"connectorId": 1, "meterValue": [{"timestamp": "2026-01-02T03:04:05Z", "sampledValue": [{"value": 5}]}]}
STOP = {"transactionId": 9223372036854775807, "meterStop": 5, "timestamp": "2026-01-02T03:04:05Z"}
AVAILABLE = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


def noticed() -> dict[tuple[str, str], int]:
    return {(one.kind, one.action): one.count for one in Deviation.objects.filter(station__identity="LUM-0001")}


@pytest.mark.parametrize(
    ("frame", "kind", "action"),
    [
        ('[2,"1","MeterValues",{"connectorId":1,"transactionId":,"meterValue":[]}]', "unreadable", ""),
        ('[3,"nothing",{}]', "stray", ""),
        ('[2,"1","Dance",{}]', "refused", ""),
        ('[2,"1","SetChargingProfile",{}]', "refused", "SetChargingProfile"),
        ('[2,"1","Authorize",{}]', "refused", "Authorize"),
    ],
)
def test_what_cannot_be_taken(frame: str, kind: str, action: str, gateway: Gateway) -> None:
    wire = gateway.connect()
    wire.socket.send(frame)
    wire.socket.send(frame)
    wire.call("Heartbeat")
    while noticed() != {(kind, action): 2}:  # answers to nothing are not answered
        wire.receive()


def test_what_is_understood_all_the_same(gateway: Gateway, tree: Tree, as_bob: Client) -> None:
    wire = gateway.connect()
    assert wire.call("MeterValues", METERED) == {}
    assert wire.call("StopTransaction", STOP) == {}
    assert wire.call("StatusNotification", AVAILABLE | {"timestamp": "1970-01-01T00:00:00"}) == {}
    assert wire.call("StatusNotification", AVAILABLE) == {}
    assert noticed() == {("mended", "MeterValues"): 1, ("unknown_transaction", "StopTransaction"): 1, ("clock", "StatusNotification"): 1}
    good = gateway.connect("LUM-0002")
    good.call("Heartbeat")
    assert not Deviation.objects.exclude(station__identity="LUM-0001").exists()
    url = reverse("station_manners", args=[tree.station.pk])
    page = as_bob.get(url).content.decode()
    assert "meterValue/0/sampledValue/0/value is of another type" in page
    assert "It reports a transaction that it never began here." in page
    as_bob.post(reverse("station_manners_forget", args=[tree.station.pk]))
    assert not noticed()
    assert "It keeps to OCPP" in as_bob.get(url).content.decode()


@pytest.mark.parametrize("answer", [{"status": "Perhaps"}, {}])
def test_an_answer_that_says_neither_yes_nor_no(answer: Any, gateway: Gateway) -> None:
    wire = gateway.connect()
    wire.call("Heartbeat")
    row = ask("ClearCache", {})
    wire.answer(wire.expect_call()[0], answer)
    wire.call("Heartbeat")
    assert state(row) == "failed"
    assert noticed() == {("bad_answer", "ClearCache"): 1}
