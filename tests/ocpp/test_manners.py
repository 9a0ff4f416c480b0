"""A station that does not keep to OCPP harms nobody, and is told apart on its page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from stations.models import Deviation
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway
from tests.ocpp.test_commands import ask, state
from tests.ocpp.test_messages import now

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
    assert noticed() == {("mended", "MeterValues"): 1, ("unknown_transaction", "StopTransaction"): 1, ("clock", "StatusNotification"): 1,
                         ("before_boot", "StatusNotification"): 2}  # fmt: skip
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


def test_what_harms_nothing_is_told_all_the_same(gateway: Gateway) -> None:
    wire = gateway.connect()
    assert wire.call("StatusNotification", AVAILABLE) == {}
    begun = {"connectorId": 1, "idTag": CARD, "meterStart": 5, "timestamp": now()}
    number = wire.call("StartTransaction", begun)["transactionId"]
    assert wire.call("StartTransaction", begun)["transactionId"] == number
    below = {"connectorId": 2, "meterValue": [{"timestamp": now(), "sampledValue": [{"value": "-5"}]}]}
    assert wire.call("MeterValues", below) == {}
    assert noticed() == {("before_boot", "StatusNotification"): 1, ("sent_again", "StartTransaction"): 1, ("meter", "MeterValues"): 1}
    wire.call("BootNotification", {"chargePointVendor": "Alfen", "chargePointModel": "Eve"})
    wire.call("StatusNotification", AVAILABLE)
    assert noticed()[("before_boot", "StatusNotification")] == 1


@pytest.mark.parametrize(("action", "right"), [
    ("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": "", "sampledValue": [{"value": "7"}]}]}),
    ("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": ""}),
])  # fmt: skip
def test_a_right_time_heals_the_clock(action: str, right: dict[str, Any], gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect()
    number = wire.call("StartTransaction", {"connectorId": 1, "idTag": CARD, "meterStart": 5, "timestamp": now()})["transactionId"]
    wire.call("StopTransaction", {"transactionId": number, "meterStop": 6, "timestamp": "1970-01-01T00:00:00Z"})
    tree.station.refresh_from_db()
    assert (tree.station.clock_offset or 0) < -1000
    wire.call(action, json.loads(json.dumps(right).replace('"timestamp": ""', f'"timestamp": "{now()}"')))
    tree.station.refresh_from_db()
    assert abs(tree.station.clock_offset or 0) < 60


@pytest.mark.parametrize("answer", [{"status": "Perhaps"}, {}])
def test_an_answer_that_says_neither_yes_nor_no(answer: Any, gateway: Gateway) -> None:
    wire = gateway.connect()
    wire.call("Heartbeat")
    row = ask("ClearCache", {})
    wire.answer(wire.expect_call()[0], answer)
    wire.call("Heartbeat")
    assert state(row) == "failed"
    assert noticed() == {("bad_answer", "ClearCache"): 1}
