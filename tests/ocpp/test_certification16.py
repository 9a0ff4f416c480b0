"""The test cases that a certified OCPP 1.6 server passes, each by its name and number with the alliance, seen from the station's end.

Here: Core, Remote Trigger, and what of the other profiles is one message and its answer. Further cases stand with their part: lists (042,
043) in test_local_lists, firmware and diagnostics (044, 045) and the security log (079) in test_station_files, secure firmware (080, 081)
in test_operations, reservations (046-053) in test_reservations, charging profiles (056-067) in test_smart_charging, certificates (074-078)
in test_certificates, the upgrade of the security profile (083) in test_security_changes, TLS (086, 087) in test_security_profiles.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from passes.actions import create_pass
from passes.models import ChargePass, PassGroup
from stations.actions import ask, send_new_password
from stations.models import Command, ConfigurationKey, Connector, Frame, Station, Transaction
from stations.ocpp.intents import (
    LOG_STATUS,
    AskListVersion,
    ClearCache,
    Configure,
    Intent,
    ReadConfiguration,
    Reset,
    Start,
    Stop,
    Switch,
    TellVendor,
    Trigger,
    Unlock,
)
from tests.conftest import CARD, STATION_PASSWORD, Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines


def at(**before: float) -> str:
    return (datetime.now(UTC) - timedelta(**before)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Point:
    """A charge point under test: what it sends must be answered as the case says."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.connect()

    def connect(self) -> None:
        self.wire: Wire = self.gateway.connect()

    def boot(self) -> None:
        answer = self.wire.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        assert abs((datetime.fromisoformat(answer["currentTime"]) - datetime.now(UTC)).total_seconds()) < 60
        for number in (0, 1, 2):
            self.status(number, "Available")
        assert "currentTime" in self.wire.call("Heartbeat")

    def status(self, connector: int, status: str, error: str = "NoError") -> None:
        assert self.wire.call("StatusNotification", {"connectorId": connector, "status": status, "errorCode": error}) == {}
        assert Connector.objects.get(station__identity="LUM-0001", number=connector).status == status

    def authorize(self, tag: str = CARD) -> str:
        return str(self.wire.call("Authorize", {"idTag": tag})["idTagInfo"]["status"])

    def start(self, tag: str = CARD, meter: int = 1000, **ago: float) -> tuple[int, str]:
        body = {"connectorId": 1, "idTag": tag, "meterStart": meter, "timestamp": at(**ago)}
        answer = self.wire.call("StartTransaction", body)
        return answer["transactionId"], answer["idTagInfo"]["status"]

    def stop(self, transaction: int, reason: str = "Local", meter: int = 3000, tag: str = "", **ago: float) -> Any:
        body = {"transactionId": transaction, "meterStop": meter, "timestamp": at(**ago), "reason": reason}
        return self.wire.call("StopTransaction", body | ({"idTag": tag} if tag else {}))

    def asked(self, intent: Intent, answer: dict[str, Any]) -> tuple[str, dict[str, Any], Command]:
        """What the point was sent, and the command after its answer."""
        until(lambda: Station.objects.get(identity="LUM-0001").connected)
        station = Station.objects.select_related("location__organization").get(identity="LUM-0001")
        command = ask(actor=None, station=station, intent=intent)
        message_id, action, payload = self.wire.expect_call()
        self.wire.answer(message_id, answer)
        until(lambda: Command.objects.get(pk=command.pk).answered_at)
        return action, payload, Command.objects.get(pk=command.pk)


@pytest.fixture
def point(gateway: Gateway) -> Point:
    found = Point(gateway)
    found.boot()
    return found


def row(transaction: int) -> Transaction:
    return Transaction.objects.get(station__identity="LUM-0001", transaction_id=str(transaction))


def charged(transaction: int, reason: str) -> None:
    found = row(transaction)
    assert (found.running, found.energy_wh, found.stop_reason, found.problems) == (False, 2000, reason, [])


def test_tc_001_cold_boot(gateway: Gateway) -> None:
    Point(gateway).boot()


def test_tc_003_plug_first(point: Point) -> None:
    point.status(1, "Preparing")
    assert point.authorize() == "Accepted"
    transaction, said = point.start()
    assert said == "Accepted"
    point.status(1, "Charging")
    point.status(1, "Finishing")
    assert point.stop(transaction, tag=CARD)["idTagInfo"]["status"] == "Accepted"
    point.status(1, "Available")
    charged(transaction, "Local")


def test_tc_004_1_id_first(point: Point) -> None:
    assert point.authorize() == "Accepted"
    point.status(1, "Preparing")
    transaction, said = point.start()
    assert (said, row(transaction).running) == ("Accepted", True)


def test_tc_004_2_id_first_and_no_cable_in_time(point: Point) -> None:
    assert point.authorize() == "Accepted"
    point.status(1, "Preparing")
    point.status(1, "Available")
    assert not Transaction.objects.exists()


@pytest.mark.parametrize("ends", [True, False], ids=["tc_005_1", "tc_005_3"])
def test_tc_005_the_cable_is_pulled_at_the_car(ends: bool, point: Point) -> None:
    transaction, _said = point.start()
    point.status(1, "Charging")
    point.status(1, "SuspendedEV")
    if ends:
        point.stop(transaction, "EVDisconnected")
        point.status(1, "Finishing")
        charged(transaction, "EVDisconnected")
    else:
        point.status(1, "Charging")
        assert row(transaction).running


def test_tc_007_a_cached_id_starts_without_authorize(point: Point) -> None:
    point.status(1, "Preparing")
    assert point.start()[1] == "Accepted"


@pytest.mark.parametrize("plugged", [True, False], ids=["tc_010_cable_first", "tc_011_1_start_first"])
def test_tc_010_remote_start(plugged: bool, point: Point) -> None:
    if plugged:
        point.status(1, "Preparing")
    action, payload, command = point.asked(Start(CARD, 1), {"status": "Accepted"})
    assert (action, payload, command.state) == ("RemoteStartTransaction", {"idTag": CARD, "connectorId": 1}, "accepted")
    assert point.authorize() == "Accepted"
    if not plugged:
        point.status(1, "Preparing")
    assert point.start()[1] == "Accepted"


def test_tc_011_2_remote_start_and_no_cable_in_time(point: Point) -> None:
    assert point.asked(Start(CARD, 1), {"status": "Accepted"})[2].state == "accepted"
    point.status(1, "Preparing")
    point.status(1, "Available")
    assert not Transaction.objects.exists()


def test_tc_012_remote_stop(point: Point) -> None:
    transaction, _said = point.start()
    action, payload, command = point.asked(Stop(str(transaction)), {"status": "Accepted"})
    assert (action, payload, command.state) == ("RemoteStopTransaction", {"transactionId": transaction}, "accepted")
    point.stop(transaction, "Remote")
    charged(transaction, "Remote")


@pytest.mark.parametrize(("hard", "kind"), [(True, "Hard"), (False, "Soft")], ids=["tc_013_hard", "tc_014_soft"])
def test_tc_013_reset(hard: bool, kind: str, point: Point) -> None:
    transaction, _said = point.start()
    action, payload, command = point.asked(Reset(hard), {"status": "Accepted"})
    assert (action, payload, command.state) == ("Reset", {"type": kind}, "accepted")
    point.stop(transaction, f"{kind}Reset")
    point.wire.close()
    point.connect()
    point.boot()
    charged(transaction, f"{kind}Reset")


@pytest.mark.parametrize(
    ("word", "state"),
    [("Unlocked", "accepted"), ("NotSupported", "rejected"), ("UnlockFailed", "rejected")],
    ids=["tc_017_1_no_session", "tc_030_2_not_supported", "tc_030_1_failure"],
)
def test_tc_017_unlock(word: str, state: str, point: Point) -> None:
    action, payload, command = point.asked(Unlock(1), {"status": word})
    assert (action, payload, command.state) == ("UnlockConnector", {"connectorId": 1}, state)


def test_tc_018_1_unlock_with_a_session(point: Point) -> None:
    transaction, _said = point.start()
    assert point.asked(Unlock(1), {"status": "Unlocked"})[2].state == "accepted"
    point.stop(transaction, "UnlockCommand")
    charged(transaction, "UnlockCommand")


def test_tc_019_get_configuration(point: Point) -> None:
    keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}, {"key": "NumberOfConnectors", "readonly": True, "value": "2"}]
    assert point.asked(ReadConfiguration(), {"configurationKey": keys, "unknownKey": []})[:2] == ("GetConfiguration", {})
    assert set(ConfigurationKey.objects.values_list("key", "value", "readonly")) == {
        ("HeartbeatInterval", "300", False), ("NumberOfConnectors", "2", True),
    }  # fmt: skip
    some = point.asked(ReadConfiguration(("NumberOfConnectors",)), {"configurationKey": keys[1:]})
    assert some[:2] == ("GetConfiguration", {"key": ["NumberOfConnectors"]})
    assert ConfigurationKey.objects.count() == 2


@pytest.mark.parametrize(
    ("word", "state", "kept"),
    [("Accepted", "accepted", "300"), ("NotSupported", "rejected", None), ("Rejected", "rejected", None)],
    ids=["tc_021", "tc_040_1_not_supported", "tc_040_2_invalid"],
)
def test_tc_021_change_configuration(word: str, state: str, kept: str | None, point: Point) -> None:
    action, payload, command = point.asked(Configure("MeterValueSampleInterval", "300"), {"status": word})
    assert (action, payload, command.state) == ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "300"}, state)
    assert ConfigurationKey.objects.values_list("value", flat=True).first() == kept


@pytest.mark.parametrize(
    ("fields", "tag", "word"),
    [
        ({}, "0BADC0DE", "Invalid"),
        ({"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, CARD, "Expired"),
        ({"blocked": True}, CARD, "Blocked"),
    ],
    ids=["tc_023_1_invalid", "tc_023_2_expired", "tc_023_3_blocked"],
)
def test_tc_023_authorize(fields: dict[str, Any], tag: str, word: str, point: Point) -> None:
    ChargePass.objects.update(**fields)
    assert point.authorize(tag) == word


def test_tc_024_lock_failure(point: Point) -> None:
    assert point.authorize() == "Accepted"
    point.status(1, "Faulted", "ConnectorLockFailure")
    assert not Transaction.objects.exists()
    assert Connector.objects.get(station__identity="LUM-0001", number=1).error_code == "ConnectorLockFailure"


@pytest.mark.parametrize("make", [lambda _t: Start(CARD, 1), lambda t: Stop(str(t))], ids=["tc_026_start", "tc_028_stop"])
def test_tc_026_remote_start_and_stop_are_rejected(make: Callable[[int], Intent], point: Point) -> None:
    transaction, _said = point.start()
    assert point.asked(make(transaction), {"status": "Rejected"})[2].state == "rejected"
    assert row(transaction).running


def test_tc_031_unlock_of_an_unknown_connector(point: Point) -> None:
    assert point.asked(Unlock(9), {"status": "NotSupported"})[2].state == "rejected"


@pytest.mark.parametrize("before_boot", [True, False], ids=["tc_032_1_stop_before_boot", "tc_032_2_stop_after_boot"])
def test_tc_032_power_failure_with_a_transaction(before_boot: bool, point: Point) -> None:
    transaction, _said = point.start(minutes=20)
    point.wire.close()
    point.connect()
    if before_boot:
        point.stop(transaction, "PowerLoss", minutes=10)
    point.boot()
    if not before_boot:
        point.stop(transaction, "PowerLoss", minutes=10)
    charged(transaction, "PowerLoss")


@pytest.mark.parametrize(("tag", "word"), [(CARD, "Accepted"), ("0BADC0DE", "Invalid")], ids=["tc_037_1_valid", "tc_037_3_invalid"])
def test_tc_037_a_start_while_offline(tag: str, word: str, point: Point) -> None:
    point.wire.close()
    point.connect()
    transaction, said = point.start(tag, minutes=30)
    assert said == word
    found = row(transaction)
    assert (datetime.now(UTC) - found.started_at) > timedelta(minutes=29)
    assert found.problems == ([] if word == "Accepted" else ["refused_card"])


def test_tc_039_a_whole_transaction_while_offline(point: Point) -> None:
    point.wire.close()
    point.connect()
    transaction, said = point.start(minutes=40)
    point.stop(transaction, tag=CARD, minutes=10)
    assert said == "Accepted"
    charged(transaction, "Local")
    found = row(transaction)
    assert found.ended_at
    assert timedelta(minutes=29) < found.ended_at - found.started_at < timedelta(minutes=31)


@pytest.mark.parametrize(
    ("version", "told"), [(7, "accepted"), (0, "accepted"), (-1, "accepted")], ids=["tc_042_2", "tc_042_1", "not_supported"]
)
def test_tc_042_local_list_version(version: int, told: str, point: Point) -> None:
    action, payload, command = point.asked(AskListVersion(), {"listVersion": version})
    assert (action, payload, command.state, command.answer) == ("GetLocalListVersion", {}, told, {"listVersion": version})


def measured(point: Point) -> Any:
    value = {"value": "5", "context": "Trigger", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    return point.wire.call("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": at(), "sampledValue": [value]}]})


@pytest.mark.parametrize(
    ("wish", "name", "then"),
    [
        (Trigger("MeterValues", 1), "MeterValues", measured),
        (Trigger("Heartbeat"), "Heartbeat", lambda point: point.wire.call("Heartbeat")),
        (Trigger("StatusNotification", 1), "StatusNotification", lambda point: point.status(1, "Available")),
        (Trigger(LOG_STATUS), "DiagnosticsStatusNotification", lambda p: p.wire.call("DiagnosticsStatusNotification", {"status": "Idle"})),
        (
            Trigger("FirmwareStatusNotification"), "FirmwareStatusNotification",
            lambda point: point.wire.call("FirmwareStatusNotification", {"status": "Idle"}),
        ),
        (Trigger("BootNotification"), "BootNotification", lambda point: point.boot()),
    ],
)  # fmt: skip
def test_tc_054_trigger_message(wish: Trigger, name: str, then: Callable[[Point], Any], point: Point) -> None:
    action, payload, command = point.asked(wish, {"status": "Accepted"})
    named = {"connectorId": wish.connector} if wish.connector else {}
    assert (action, payload, command.state) == ("TriggerMessage", {"requestedMessage": name} | named, "accepted")
    assert not isinstance(then(point), str), "no error"


def test_tc_055_trigger_message_is_rejected(point: Point) -> None:
    for word in ("Rejected", "NotImplemented"):
        assert point.asked(Trigger("MeterValues", 1), {"status": word})[2].state == "rejected"


@pytest.mark.parametrize(("word", "state"), [("Accepted", "accepted"), ("Rejected", "rejected")])
def test_tc_061_clear_cache(word: str, state: str, point: Point) -> None:
    action, payload, command = point.asked(ClearCache(), {"status": word})
    assert (action, payload, command.state) == ("ClearCache", {}, state)


@pytest.mark.parametrize(("word", "state"), [("Accepted", "accepted"), ("Rejected", "rejected"), ("UnknownVendorId", "rejected")])
def test_tc_062_data_transfer_to_a_charge_point(word: str, state: str, point: Point) -> None:
    action, payload, command = point.asked(TellVendor("org.example", "m", "x"), {"status": word})
    assert (action, payload, command.state) == ("DataTransfer", {"vendorId": "org.example", "messageId": "m", "data": "x"}, state)


def test_tc_064_data_transfer_to_the_server(point: Point) -> None:
    assert point.wire.call("DataTransfer", {"vendorId": "org.example", "messageId": "m"})["status"] in {
        "UnknownVendorId",
        "UnknownMessageId",
    }


def test_tc_068_a_card_of_the_same_group_stops(point: Point, tree: Tree) -> None:
    fleet = PassGroup.objects.create(organization=tree.customer, name="Fleet", group_id="FLEET")
    create_pass(actor=None, organization=tree.customer, uid="11223344")
    ChargePass.objects.filter(uid__in=[CARD, "11223344"]).update(group=fleet)
    assert point.wire.call("Authorize", {"idTag": CARD})["idTagInfo"]["parentIdTag"] == "FLEET"
    transaction, _said = point.start()
    point.stop(transaction, tag="11223344")
    charged(transaction, "Local")
    assert row(transaction).stop_id_tag == "11223344"


@pytest.mark.parametrize(("connector", "answer"), [(1, "Accepted"), (0, "Accepted"), (1, "Scheduled"), (1, "Rejected")])
def test_change_availability(connector: int, answer: str, point: Point) -> None:
    if answer == "Scheduled":
        point.start()
    action, payload, command = point.asked(Switch(False, connector), {"status": answer})
    assert (action, payload) == ("ChangeAvailability", {"connectorId": connector, "type": "Inoperative"})
    assert command.state == ("rejected" if answer == "Rejected" else "accepted")
    kept = {"Accepted": "Inoperative", "Scheduled": "Scheduled", "Rejected": "Operative"}[answer]
    assert Connector.objects.get(station__identity="LUM-0001", number=1).availability == kept


@pytest.mark.parametrize("word", ["Accepted", "Rejected"])
def test_tc_073_update_password(word: str, point: Point, tree: Tree) -> None:
    send_new_password(actor=tree.bob, station=Station.objects.get(identity="LUM-0001"))
    message_id, action, payload = point.wire.expect_call()
    assert (action, payload["key"]) == ("ChangeConfiguration", "AuthorizationKey")
    point.wire.answer(message_id, {"status": word})
    until(lambda: Command.objects.get().answered_at)
    point.wire.close()
    secret = bytes.fromhex(payload["value"]) if len(payload["value"]) == 40 else payload["value"].encode()
    right = payload["value"] if word == "Accepted" else STATION_PASSWORD
    assert len(secret) >= 16
    assert "currentTime" in point.gateway.connect(password=right).call("Heartbeat")
    assert payload["value"] not in str(list(Frame.objects.values_list("call", "answer")))


def test_tc_085_basic_authentication(gateway: Gateway) -> None:
    Point(gateway).boot()
    for options in ({"user": "LUM-0002"}, {"password": "wrong-password-0123"}, {"headers": {}}):
        with pytest.raises(InvalidStatus) as refused:
            gateway.connect(**options)
        assert refused.value.response.status_code == 401


def test_tc_088_only_a_common_subprotocol_is_agreed_upon(gateway: Gateway) -> None:
    wire = gateway.connect(subprotocols=["ocpp1.6"])
    assert wire.socket.subprotocol == "ocpp1.6"
    assert json.dumps(wire.call("Heartbeat"))
