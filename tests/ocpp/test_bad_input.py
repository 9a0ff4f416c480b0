"""Hostile and broken input: the right error or close code, the rest of the fleet unharmed, nothing lost."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from stations.gateway.book import Book
from stations.models import CardOffer, Connector, Frame, Station, Transaction, UnmatchedMessage
from tests.conftest import CARD
from tests.ocpp.conftest import Gateway, Wire, until
from tests.ocpp.test_messages import now, start

pytestmark = pytest.mark.engines

BOOT = {"chargePointVendor": "Alfen BV", "chargePointModel": "NG910"}


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Reboot", {}, "NotImplemented"),
        ("heartbeat", {}, "NotImplemented"),
        ("Reset", {"type": "Soft"}, "NotSupported"),
        ("SecurityEventNotification", {"timestamp": "x"}, "OccurenceConstraintViolation"),
        ("BootNotification", [], "FormationViolation"),
        ("StatusNotification", {"connectorId": 1, "status": "Sleeping", "errorCode": "NoError"}, "PropertyConstraintViolation"),
        ("StatusNotification", {"connectorId": "one", "status": "Available", "errorCode": "NoError"}, "TypeConstraintViolation"),
        ("StatusNotification", {"connectorId": -1, "status": "Available", "errorCode": "NoError"}, "PropertyConstraintViolation"),
        (
            "StartTransaction",
            {"connectorId": 0, "idTag": "X", "meterStart": 1, "timestamp": "2026-01-01T00:00:00Z"},
            "PropertyConstraintViolation",
        ),
        ("Authorize", {"idTag": "X" * 21}, "PropertyConstraintViolation"),
        ("Authorize", {"idTag": None}, "TypeConstraintViolation"),
        ("StartTransaction", {"connectorId": 1, "idTag": "X", "meterStart": 10**30, "timestamp": "x"}, "TypeConstraintViolation"),
        ("StartTransaction", {"connectorId": 1, "idTag": "X", "meterStart": 2**62, "timestamp": "x"}, "PropertyConstraintViolation"),
        ("StartTransaction", {"connectorId": 1.5, "idTag": "X", "meterStart": 1, "timestamp": "x"}, "TypeConstraintViolation"),
        ("StopTransaction", {"transactionId": 1, "meterStop": -(2**63), "timestamp": "x"}, "PropertyConstraintViolation"),
        ("MeterValues", {"connectorId": 1, "meterValue": []}, "OccurenceConstraintViolation"),
        ("MeterValues", {"connectorId": 10**30, "meterValue": [{"timestamp": "x", "sampledValue": []}]}, "TypeConstraintViolation"),
    ],
)
def test_what_breaks_the_schema_gets_the_code_of_the_specification(action: str, payload: Any, code: str, wire: Wire) -> None:
    assert wire.call(action, payload) == code
    assert Frame.objects.get().failed, "it is in the log"
    assert "currentTime" in wire.call("Heartbeat"), "the socket goes on"


NO_OCPP = (
    "", "hello", "{", "[]", "[2]", '[2,"1"]', '[2,"1","Heartbeat"]', '[2,"1","Heartbeat",{},{}]', '[9,"1","Heartbeat",{}]', "null", "42",
    '"text"', '{"a":1}', '[2,1,"Heartbeat",{}]', '[2,"1",7,{}]', '["2","1","Heartbeat",{}]', "[" * 5000, "]", "\ufeff", "[[[[", "[3]",
    "[4]", '[2,"' + "i" * 5000 + '","Heartbeat",{}]', '[2,"1","Heart\\u0000beat",{}]', '[2,"1","",{}]', "[null,null,null,null]",
    "[2.0,1e999]",
)  # fmt: skip


def test_what_is_no_ocpp_does_not_end_the_conversation(wire: Wire) -> None:
    for text in NO_OCPP:
        wire.socket.send(text)
        wire.socket.send(json.dumps([2, "after", "Heartbeat", {}]))
        while (answer := wire.receive())[1] != "after":
            assert answer[0] == 4, "either an error or nothing at all"
            assert answer[2] in {"FormationViolation", "NotImplemented"}
        assert answer[0] == 3
    kept = Frame.objects.exclude(action="Heartbeat", failed=False).count()
    assert kept == len(NO_OCPP), "each is in the log"


@pytest.mark.parametrize(
    "text",
    ['[2,"7","StatusNotification",{"connectorId":1,', '[2, "7", "MeterValues", {"value": NaN}]', '[2,"7","Authorize",{"idTag":"\\ud800"}]',
     '[2,"7","Heartbeat"]', '[2,"7"]', '[2,"7",null,{}]'],
)  # fmt: skip
def test_an_error_carries_the_id_of_the_message_wherever_it_can_be_read(text: str, wire: Wire) -> None:
    """Else the station waits for an answer that never comes, and sends the same again."""
    assert wire.raw(text)[:3] == [4, "7", "FormationViolation"]


def test_nothing_but_rubbish_ends_it(wire: Wire) -> None:
    with contextlib.suppress(ConnectionClosed):
        for _ in range(80):
            wire.socket.send("rubbish")
    assert wire.closed() == 1008


def test_answers_to_nothing_are_kept_and_passed_over(wire: Wire) -> None:
    """Answering an answer could go on for ever."""
    texts = ['[3,"unknown",{}]', '[4,"unknown","GenericError","",{}]', '[4,"x","Code","d"]', '[3,"u"]', '[3,"u",{', "[3,7,{}]", "[4]"]
    for text in texts:
        wire.socket.send(text)
        assert "currentTime" in wire.call("Heartbeat")
        assert Frame.objects.filter(call=text).exists()


def test_a_frame_of_a_megabyte_is_too_big(gateway: Gateway) -> None:
    wire, other = gateway.connect(), gateway.connect("LUM-0002")
    with contextlib.suppress(ConnectionClosed):
        wire.socket.send(json.dumps([2, "1", "DataTransfer", {"vendorId": "x", "data": "x" * 1_000_000}]))
    assert wire.closed() == 1009
    assert "currentTime" in other.call("Heartbeat")
    assert "currentTime" in gateway.connect().call("Heartbeat")


def test_a_binary_frame_is_refused(wire: Wire) -> None:
    wire.socket.send(b'[2,"1","Heartbeat",{}]')
    assert wire.closed() == 1003


def test_a_flood_of_one_station_is_answered_in_its_turn_and_harms_no_other(gateway: Gateway) -> None:
    flooder, other = gateway.connect(), gateway.connect("LUM-0002")
    count, answers = 3000, 0

    def drain() -> None:
        nonlocal answers
        for _ in range(count):
            flooder.receive(30)
            answers += 1

    reader = threading.Thread(target=drain)
    reader.start()
    slowest = 0.0
    for number in range(count):
        flooder.socket.send(f'[2,"{number}","Heartbeat",{{}}]')
        if number % 300 == 0:
            began = time.monotonic()
            assert "currentTime" in other.call("Heartbeat")
            slowest = max(slowest, time.monotonic() - began)
    reader.join(60)
    assert answers == count
    assert Frame.objects.filter(station__identity="LUM-0001").count() == count
    assert slowest < 5


def test_a_half_open_socket_is_noticed_by_the_ping(gateway: Gateway) -> None:
    """The cable is cut: the socket stays, but nothing comes any more, not even a close or a pong."""
    gateway.server.config.ws_ping_interval = gateway.server.config.ws_ping_timeout = 0.3  # seconds instead of 30
    gateway.raw()
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    until(lambda: not Station.objects.get(identity="LUM-0001").connected, 5)


def test_texts_of_stations_are_kept_as_they_are(wire: Wire) -> None:
    """Escaping is the business of each page, mail and file."""
    for text in ("<script>alert(1)", "=cmd()", "@SUM(A1)", "' OR 1=1 --", "Ωμέγα ⚡", "%s %d {0}", "a\tb\\N", '{},"\\.'):
        assert wire.call("BootNotification", {"chargePointVendor": text, "chargePointModel": text})["status"] == "Accepted"
        assert Station.objects.get(identity="LUM-0001").vendor == text
        assert json.loads(Frame.objects.latest("pk").call)[3]["chargePointVendor"] == text


def test_characters_that_no_database_takes(wire: Wire) -> None:
    """PostgreSQL stores no U+0000, whichever column it would go to."""
    wire.call("BootNotification", {"chargePointVendor": "a\0b", "chargePointModel": "x"})
    assert Station.objects.get(identity="LUM-0001").vendor == "ab"
    at = now()
    values = [{"timestamp": at, "sampledValue": [{"value": "a\0", "format": "SignedData"}, {"value": "1\0"}, {"value": "7"}]}]
    for action, payload, fine in (
        ("Authorize", {"idTag": "A\0B"}, True),
        ("DataTransfer", {"vendorId": "x\0", "data": "\0\0"}, True),
        ("MeterValues", {"connectorId": 1, "meterValue": values}, True),
        ("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError", "info": "\0i", "vendorId": "\0"}, True),
        ("StartTransaction", {"connectorId": 1, "idTag": "\0", "meterStart": 1, "timestamp": at.replace("T", "\0")}, True),
        ("StopTransaction", {"transactionId": -1, "idTag": "\0", "meterStop": 1, "timestamp": "\0"}, True),
        ("StopTransaction", {"transactionId": -1, "meterStop": 2, "timestamp": "\\u0000 \\"}, True),
        ("SecurityEventNotification", {"type": "\0x", "techInfo": "\0", "timestamp": "\0"}, True),
        ("Heart\0beat", {"\0": "\0"}, False),
    ):
        assert isinstance(wire.call(action, payload, message_id="m\0"), dict) is fine
    assert UnmatchedMessage.objects.order_by("pk")[1].payload["timestamp"] == "\\u0000 \\"
    assert [frame.failed for frame in Frame.objects.order_by("pk")] == [False] * 9 + [True]


def test_keys_twice_and_deep_nesting(wire: Wire) -> None:
    assert wire.raw('[2,"1","Authorize",{"idTag":"A","idTag":"B"}]')[0] == 3
    assert CardOffer.objects.get().id_tag == "B"
    for depth in (400, 900, 5000, 60_000):
        deep = f'[2,"2","DataTransfer",{{"vendorId":"x","data":{"[" * depth}{"]" * depth}}}]'
        assert wire.raw(deep)[1:3] in (["2", "TypeConstraintViolation"], ["2", "FormationViolation"])
    assert "currentTime" in wire.call("Heartbeat")


@pytest.mark.parametrize("where", ["here", "in the database"])
def test_a_poisoned_message_costs_its_batch_nothing(where: str, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message that cannot be booked: it gets InternalError and is kept, everybody else's is booked."""
    original = Book._status

    def explode(self: Book, entry: Any, event: Any) -> Any:
        if event.info == "explode":
            if where == "here":
                raise ZeroDivisionError
            self.changes.append((None, entry.at, entry.at, None, "", "", ""))
        return original(self, entry, event)

    monkeypatch.setattr(Book, "_status", explode)
    wires = [gateway.connect(identity) for identity in ("LUM-0001", "LUM-0002", "VOLT-0001")]
    for number, wire in enumerate(wires):
        payload = {"connectorId": 1, "status": "Charging", "errorCode": "NoError", "info": "explode" if number == 1 else ""}
        wire.socket.send(json.dumps([2, "1", "StatusNotification", payload]))
    answers = [wire.receive() for wire in wires]
    assert [answer[0] for answer in answers] == [3, 4, 3]
    assert answers[1][2] == "InternalError"
    assert Frame.objects.filter(failed=True, call__contains="explode").count() == 1
    charging = set(Connector.objects.filter(status="Charging").values_list("station__identity", flat=True))
    assert charging == {"LUM-0001", "VOLT-0001"}
    assert "currentTime" in wires[1].call("Heartbeat")


def test_a_charge_goes_on_after_all_that(wire: Wire) -> None:
    assert wire.raw("rubbish")[0] == 4
    assert wire.call("BootNotification", BOOT)["status"] == "Accepted"
    assert start(wire, tag=CARD, at=now())["transactionId"] == int(Transaction.objects.get().transaction_id)
