"""Frames that a computer made up: whatever a station sends, it gets an answer that is no failure of ours, and the others go on."""

from __future__ import annotations

import contextlib
import copy
import json
import os
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from stations.models import Frame, Transaction
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway, Wire, until
from tests.ocpp.test_commands import ask, state

pytestmark = pytest.mark.engines

AT = "2026-01-02T03:04:05Z"
SAMPLED = {"value": "1234.5", "measurand": "Power.Active.Import", "unit": "W", "phase": "L1", "context": "Sample.Clock", "location": "EV"}
REGISTER = {"value": "10", "format": "Raw"}
SIGNED = {"value": "OCMF|x", "format": "SignedData"}
VALUES = [{"timestamp": AT, "sampledValue": [SAMPLED, REGISTER, SIGNED]}]
SOUND: list[tuple[str, dict[str, Any]]] = [
    ("Authorize", {"idTag": "04A2B3C4D5E680"}),
    ("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M", "iccid": "1", "meterSerialNumber": "2"}),
    ("DataTransfer", {"vendorId": "V", "messageId": "m", "data": "d"}),
    ("DiagnosticsStatusNotification", {"status": "Idle"}),
    ("FirmwareStatusNotification", {"status": "Idle"}),
    ("Heartbeat", {}),
    ("LogStatusNotification", {"status": "Idle", "requestId": 1}),
    ("MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": VALUES}),
    ("SecurityEventNotification", {"type": "x", "timestamp": AT, "techInfo": "y"}),
    ("StartTransaction", {"connectorId": 1, "idTag": "X", "meterStart": 1, "timestamp": AT, "reservationId": 1}),
    (
        "StatusNotification",
        {"connectorId": 1, "status": "Faulted", "errorCode": "OtherError", "info": "i", "timestamp": AT, "vendorId": "v"},
    ),
    ("StopTransaction", {"transactionId": 7, "idTag": "X", "meterStop": 5, "timestamp": AT, "reason": "Local", "transactionData": VALUES}),
]

texts = st.text(max_size=12) | st.sampled_from(["", "\0", "=1+1", "<b>", "NaN", "1e999", "-1", "1970-01-01T00:00:00Z", "9" * 40, "x" * 300])
numbers = st.integers() | st.floats() | st.sampled_from([-1, 0, 1, 33, 2**31, 2**53, 2**63, 2**64, 10**400, 1.5, -0.0, 1e308])
scalars = st.none() | st.booleans() | numbers | texts
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A sound message with a few things changed anywhere inside."""
    action, payload = draw(st.sampled_from(SOUND))
    message: Any = [2, draw(st.sampled_from(["1", "\0", "m" * 36])), action, copy.deepcopy(payload)]
    for _ in range(draw(st.integers(0, 3))):
        holder, key = message, 3 if draw(st.integers(0, 9)) else draw(st.integers(0, 3))
        while isinstance(holder[key], (dict, list)) and holder[key] and draw(st.integers(0, 3)):
            holder = holder[key]
            key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        change = draw(st.sampled_from(["replace", "replace", "delete", "add"]))
        if change == "replace":
            holder[key] = draw(trees)
        elif change == "delete" and holder is not message:
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(texts)] = draw(trees)
        elif holder is not message:
            holder.insert(key, draw(trees))
    return json.dumps(message)


@st.composite
def cut(draw: st.DrawFn) -> str:
    """A message that was cut off, or has something thrown in."""
    text = draw(mutated())
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(texts) + (text[at:] if draw(st.booleans()) else "")


hostile = mutated() | cut() | trees.map(json.dumps) | st.text(max_size=60)


def tell(wire: Wire, text: str) -> None:
    """Send it, and a question behind it: what comes before the answer to that is the answer to `text`."""
    wire.socket.send(text)
    wire.socket.send('[2,"the end","Heartbeat",{}]')
    while (answer := wire.receive())[1] != "the end":
        assert answer[0] in (3, 4)
        assert answer[2] != "InternalError", text
        assert len(answer) == 3 + 2 * (answer[0] == 4)


@settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "150")), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frames=st.lists(hostile, min_size=1, max_size=6))
def test_whatever_one_station_sends_the_others_go_on(frames: list[str], gateway: Gateway, tree: Tree) -> None:
    wires: tuple[Wire, Wire] | None = getattr(gateway, "wires", None)
    if wires is None:
        connector = tree.dc_station.connectors.get(number=1)
        Transaction.objects.create(
            station=tree.dc_station, connector=connector, transaction_id="7", id_tag="X", verdict="Accepted", meter_start=1,
            started_at=timezone.now(), start_received_at=timezone.now(), reported_start=AT,
        )  # fmt: skip
        wires = gateway.wires = gateway.connect("LUM-0002"), gateway.connect("LUM-0001")  # type: ignore[attr-defined]
    bad, good = wires
    Transaction.objects.filter(transaction_id="7").update(ended_at=None)
    for text in frames:
        with contextlib.suppress(UnicodeEncodeError):  # no station can send half a character
            try:
                tell(bad, text)
            except ConnectionClosed:  # 50 unreadable frames in a row, and it has to come again
                bad = gateway.connect("LUM-0002")
                gateway.wires = (bad, good)  # type: ignore[attr-defined]
    assert "currentTime" in good.call("Heartbeat")
    assert not Frame.objects.filter(answer__contains="InternalError").exists()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=200))
def test_whatever_bytes_come_after_the_upgrade_the_others_go_on(data: bytes, gateway: Gateway) -> None:
    good: Wire = getattr(gateway, "good", None) or gateway.connect()
    gateway.good = good  # type: ignore[attr-defined]
    with gateway.raw("LUM-0002") as bare:
        bare.sendall(data)
    assert "currentTime" in good.call("Heartbeat")


COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "0123456789abcdef"}),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
    ("ClearCache", {}),
    ("GetConfiguration", {}),
    ("UnlockConnector", {"connectorId": 1}),
]
answer_fields = st.sampled_from(["status", "configurationKey", "unknownKey", "fileName"])
keys = st.dictionaries(st.sampled_from(["key", "value", "readonly"]), scalars)
odd = st.dictionaries(answer_fields, st.sampled_from(["Accepted", "Rejected"]) | scalars | st.lists(keys | scalars, max_size=4))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from(COMMANDS), answer=odd | trees, error=st.booleans())
def test_whatever_a_station_answers_its_command_has_an_outcome(
    command: tuple[str, dict[str, Any]], answer: Any, error: bool, gateway: Gateway
) -> None:
    wire: Wire | None = getattr(gateway, "wire", None)
    if wire is None:
        wire = gateway.wire = gateway.connect()  # type: ignore[attr-defined]
        wire.call("Heartbeat")
    row = ask(*command)
    message_id = wire.expect_call()[0]
    wire.socket.send(json.dumps([4, message_id, answer, answer, answer] if error else [3, message_id, answer]))
    until(lambda: state(row) not in {"queued", "sent"})
    assert row.state in {"accepted", "rejected", "failed"}
    assert "currentTime" in wire.call("Heartbeat")
