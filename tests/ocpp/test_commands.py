"""What we ask of stations: a durable queue, in order, one at a time, each with an outcome."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from django.utils import timezone

from stations import command_words, explain
from stations.actions import CommandRefused, request_command
from stations.gateway import hub, outbound
from stations.gateway.entries import Answered, StationState
from stations.models import AvailabilityChange, Command, ConfigurationChange, ConfigurationKey, Connector, Frame, Station
from stations.ocpp import masking
from stations.ocpp.frames import CallResult
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines


def ask(action: str, payload: dict[str, Any] | None = None, identity: str = "LUM-0001", timeout: int = 10) -> Command:
    station = Station.objects.select_related("location__organization").get(identity=identity)
    return request_command(actor=None, station=station, action=action, payload=payload or {}, timeout=timeout)


def state(command: Command) -> str:
    command.refresh_from_db()
    return command.state


@pytest.fixture
def online(wire: Wire) -> Wire:
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    return wire


@pytest.mark.parametrize(
    ("action", "payload", "answer", "outcome"),
    [
        ("RemoteStartTransaction", {"idTag": "X", "connectorId": 1}, {"status": "Accepted"}, "accepted"),
        ("RemoteStopTransaction", {"transactionId": 7}, {"status": "Rejected"}, "rejected"),
        ("Reset", {"type": "Hard"}, {"status": "Accepted"}, "accepted"),
        ("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"}, "accepted"),
        ("UnlockConnector", {"connectorId": 1}, {"status": "UnlockFailed"}, "rejected"),
        ("UnlockConnector", {"connectorId": 1}, {"status": "NotSupported"}, "rejected"),
        ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, {"status": "Scheduled"}, "accepted"),
        ("GetConfiguration", {}, {"configurationKey": [{"key": "A", "readonly": True, "value": "1"}], "unknownKey": []}, "accepted"),
        ("ChangeConfiguration", {"key": "A", "value": "2"}, {"status": "RebootRequired"}, "accepted"),
        ("ChangeConfiguration", {"key": "A", "value": "2"}, {"status": "NotSupported"}, "rejected"),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}, {"status": "NotImplemented"}, "rejected"),
        ("ClearCache", {}, {"status": "Accepted"}, "accepted"),
        ("GetDiagnostics", {"location": "ftp://x"}, {}, "accepted"),
    ],
)
def test_every_command_goes_out_and_its_answer_comes_back(
    action: str, payload: dict[str, Any], answer: dict[str, Any], outcome: str, online: Wire
) -> None:
    command = ask(action, payload)
    message_id, sent, body = online.expect_call()
    assert (sent, body) == (action, payload)
    online.answer(message_id, answer)
    until(lambda: state(command) == outcome)
    assert command.answer == answer
    frame = Frame.objects.get(direction="out")
    assert frame.action == action
    assert frame.answered_at


def test_what_does_not_fit_the_schema_is_never_sent(online: Wire) -> None:
    for action, payload in (("Reset", {"type": "Now"}), ("Reset", {}), ("Explode", {}), ("Heartbeat", {})):
        with pytest.raises(CommandRefused) as refused:
            ask(action, payload)
        assert refused.value.code == "invalid"
    assert online.silent()


def test_a_station_that_is_not_connected_is_not_asked(gateway: Gateway) -> None:
    with pytest.raises(CommandRefused) as refused:
        ask("Reset", {"type": "Soft"})
    assert refused.value.code == "not_connected"


def test_in_order_and_one_at_a_time(online: Wire) -> None:
    """OCPP-J 1.6 §4.1.1: no CALL while one waits for its answer."""
    asked = [ask("TriggerMessage", {"requestedMessage": "Heartbeat"}), ask("ClearCache"), ask("Reset", {"type": "Soft"})]
    for command in asked:
        message_id, action, _body = online.expect_call()
        assert action == command.action
        assert online.silent(0.7), "the next one waits for the answer"
        assert "currentTime" in online.call("Heartbeat"), "the other direction does not"
        online.answer(message_id, {"status": "Accepted"})
    until(lambda: Command.objects.filter(state="accepted").count() == 3)


def test_one_that_is_never_answered_times_out_and_the_next_is_delivered(online: Wire) -> None:
    silent, following = ask("ClearCache", timeout=1), ask("Reset", {"type": "Soft"})
    first_id, action, _body = online.expect_call()
    assert action == "ClearCache"
    message_id, action, _body = online.expect_call()
    assert action == "Reset"
    assert state(silent) == "timed_out"
    online.answer(message_id, {"status": "Accepted"})
    until(lambda: state(following) == "accepted")
    online.answer(first_id, {"status": "Accepted"})
    until(lambda: state(silent) == "accepted"), "late, but it is what happened"  # type: ignore[func-returns-value]


def test_one_that_cannot_be_written_costs_itself_only(online: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = masking.secrets_in

    def secrets_in(action: str, *rest: Any) -> Any:
        if action == "ClearCache":
            raise TypeError("nobody thought of this")
        return wanted(action, *rest)

    monkeypatch.setattr(masking, "secrets_in", secrets_in)
    bad, good = ask("ClearCache"), ask("Reset", {"type": "Soft"})
    message_id, action, _payload = online.expect_call()
    online.answer(message_id, {"status": "Accepted"})
    assert action == "Reset"
    until(lambda: state(good) == "accepted")
    assert (state(bad), bad.error_description) == ("failed", "It cannot be written as a message.")


def test_numbers_that_a_database_makes_larger_than_64_bits_are_sent(online: Wire) -> None:
    profile = {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1e30}]},
    }  # fmt: skip
    ask("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    _message_id, _action, payload = online.expect_call()
    (period,) = payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert float(period["limit"]) == 1e30


def test_an_error_of_the_station_is_a_failure_with_its_words(online: Wire) -> None:
    command = ask("ClearCache")
    message_id, _action, _body = online.expect_call()
    online.socket.send(f'[4,"{message_id}","GenericError","door open",{{}}]')
    until(lambda: state(command) == "failed")
    assert (command.error_code, command.error_description) == ("GenericError", "door open")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[4,"%s","",""]', ""),
        ('[4,"%s","InternalError"]', "InternalError"),
        ('[4,"%s"]', ""),
        ('[4,"%s",{"a":1},7,7]', "{'a': 1}"),
        ('[4,"%s","a\\u0000b","\\u0000",{}]', "ab"),
        ('[4,"%s","' + "x" * 300 + '","' + "y" * 300 + '",{}]', "x" * 40),
        ('[3,"%s"]', "FormationViolation"),
        ('[3,"%s","Accepted"]', "FormationViolation"),
        ('[3,"%s",{"status":', "FormationViolation"),
        ('[3,"%s",{}]', "FormationViolation"),
        ('[3,"%s",{"status":7}]', "FormationViolation"),
        ('[3,"%s",{"status":"Perhaps"}]', "FormationViolation"),
        ('[3,"%s",{"status":"Scheduled"}]', "FormationViolation"),  # a yes, but not to this
        ('[3,"%s",{"status":"Accepted","more":' + "[" * 900 + "]" * 900 + "}]", "FormationViolation"),
    ],
)
def test_an_answer_that_says_neither_yes_nor_no_is_a_failure(text: str, code: str, online: Wire) -> None:
    command, following = ask("ClearCache"), ask("Reset", {"type": "Soft"})
    online.socket.send(text.replace("%s", online.expect_call()[0]))
    assert online.expect_call()[1] == "Reset", "the next one is delivered at once"
    until(lambda: state(command) == "failed")
    assert command.error_code == code
    assert Frame.objects.get(action="ClearCache").failed
    assert state(following) == "sent"


@pytest.mark.parametrize(("status", "outcome"), [("Accepted", "accepted"), ("Rejected", "rejected")])
def test_words_of_an_older_ocpp_are_understood(status: str, outcome: str, online: Wire) -> None:
    command = ask("UnlockConnector", {"connectorId": 1})
    online.answer(online.expect_call()[0], {"status": status, "vendorExtra": 1})
    until(lambda: state(command) == outcome)


def test_what_was_not_delivered_in_time_is_never_sent(online: Wire) -> None:
    ask("ClearCache", timeout=30)
    waiting = ask("Reset", {"type": "Hard"}, timeout=30)
    online.expect_call()
    Command.objects.filter(pk=waiting.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    until(lambda: state(waiting) == "expired")
    assert online.silent(1)


def test_the_queue_of_stations_that_never_answer_holds_up_no_other(gateway: Gateway, online: Wire, tree: Tree) -> None:
    silent = gateway.connect("LUM-0002")
    silent.call("Heartbeat")
    Command.objects.bulk_create(
        Command(station=tree.dc_station, action="ClearCache", deadline=timezone.now() + timedelta(minutes=1)) for _ in range(1500)
    )
    command = ask("ClearCache")
    online.answer(online.expect_call(3)[0], {"status": "Accepted"})
    until(lambda: state(command) == "accepted")


def test_it_goes_to_the_newest_socket_only(gateway: Gateway, online: Wire) -> None:
    new = gateway.connect()
    assert online.closed() == 4001
    command = ask("ClearCache")
    message_id, _action, _body = new.expect_call()
    new.answer(message_id, {"status": "Accepted"})
    until(lambda: state(command) == "accepted")


def test_it_waits_for_a_station_that_comes_right_back(gateway: Gateway, online: Wire) -> None:
    first = ask("ClearCache", timeout=1)
    online.expect_call()
    waiting = ask("TriggerMessage", {"requestedMessage": "Heartbeat"}, timeout=20)
    online.close()
    again = gateway.connect()
    message_id, action, _body = again.expect_call()
    assert action == "TriggerMessage"
    again.answer(message_id, {"status": "Accepted"})
    until(lambda: state(waiting) == "accepted")
    assert state(first) in {"sent", "timed_out"}


def test_the_answer_of_one_station_is_not_taken_for_anothers(gateway: Gateway, online: Wire) -> None:
    other = gateway.connect("VOLT-0001")
    command = ask("ClearCache", timeout=2)
    message_id, _action, _body = online.expect_call()
    other.answer(message_id, {"status": "Accepted"})
    assert "currentTime" in other.call("Heartbeat")
    assert state(command) == "sent"


def test_what_an_answer_changes_in_our_picture(online: Wire, tree: Tree) -> None:
    def done(action: str, payload: dict[str, Any], answer: dict[str, Any]) -> None:
        command = ask(action, payload)
        online.answer(online.expect_call()[0], answer)
        until(lambda: state(command) == "accepted")

    keys = [
        {"key": "HeartbeatInterval", "readonly": "false", "value": "300"},
        {"key": "AuthorizationKey", "readonly": False, "value": "secret-secret-secret"},
    ]
    done("GetConfiguration", {}, {"configurationKey": keys})
    assert dict(ConfigurationKey.objects.values_list("key", "value")) == {"HeartbeatInterval": "300", "AuthorizationKey": "****"}
    assert not ConfigurationKey.objects.filter(readonly=True).exists()
    assert not Frame.objects.filter(answer__contains="secret-secret").exists()
    done("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}, {"status": "Accepted"})
    assert ConfigurationKey.objects.get(key="HeartbeatInterval").value == "60"
    done("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, {"status": "Scheduled"})
    assert Connector.objects.get(pk=tree.connector.pk).availability == "Scheduled"
    online.call("StatusNotification", {"connectorId": 1, "status": "Unavailable", "errorCode": "NoError"})
    assert Connector.objects.get(pk=tree.connector.pk).availability == "Inoperative"
    done("ChangeAvailability", {"connectorId": 0, "type": "Operative"}, {"status": "Accepted"})
    assert set(Connector.objects.filter(station=tree.station).values_list("availability", flat=True)) == {"Operative"}
    assert list(ConfigurationChange.objects.values_list("key", "before", "after")) == [("HeartbeatInterval", "300", "60")]
    switched = AvailabilityChange.objects.filter(connector=tree.connector).order_by("pk")
    assert list(switched.values_list("availability", flat=True)) == ["Scheduled", "Inoperative", "Operative"]


def test_what_a_station_does_not_know_and_what_is_too_much(tree: Tree) -> None:
    station, now = tree.station, timezone.now()

    def booked(action: str, payload: dict[str, Any], answer: dict[str, Any]) -> Command:
        row = Command.objects.create(station=station, action=action, payload=payload, deadline=now, state="sent", message_id="m")
        outbound.answered([Answered(now, cast("StationState", None), row.pk, "", CallResult("m", answer))], set())
        row.refresh_from_db()
        return row

    keys = [{"key": f"X{number}", "readonly": False, "value": "1"} for number in range(1100)]
    keys.append({"key": "HeartbeatInterval", "readonly": False, "value": "300"})
    row = booked("GetConfiguration", {}, {"configurationKey": keys})
    assert ConfigurationKey.objects.count() == 1000
    assert ConfigurationKey.objects.get(key="HeartbeatInterval").only_set is False
    assert command_words.command_result(row, tree.bob) == "1101 keys read. Only 1000 of them are kept, those of the standard first."
    row = booked("GetConfiguration", {"key": ["X7"]}, {"configurationKey": [], "unknownKey": ["X7", "X8"]})
    assert command_words.command_result(row, tree.bob) == "The station does not know: X7, X8."
    assert (command_words.command_word(row), command_words.command_state(row)) == ("Unknown key", explain.FAULT)
    assert list(ConfigurationChange.objects.values_list("key", "after")) == [("X7", None)]
    assert ConfigurationKey.objects.filter(key__in=["X7", "X8"]).count() == 1, "what was not asked for stays"
    booked("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}, {"status": "RebootRequired"})
    assert ConfigurationKey.objects.get(key="HeartbeatInterval").only_set
    for answer, said in (({}, "neither yes nor no."), ({"status": "Banana"}, "neither yes nor no (“Banana”).")):
        assert said in command_words.command_result(booked("Reset", {"type": "Soft"}, answer), tree.bob)


def test_too_many_at_once_are_refused(online: Wire) -> None:
    for _ in range(20):
        ask("ClearCache")
    with pytest.raises(CommandRefused) as refused:
        ask("ClearCache")
    assert refused.value.code == "busy"


def test_nothing_is_sent_that_nobody_asked_for(online: Wire) -> None:
    """Domain §9: never by ourselves right after connect or after a boot."""
    online.call("BootNotification", {"chargePointVendor": "x", "chargePointModel": "y"})
    assert online.silent(1)


@pytest.mark.parametrize(("key", "outcome"), [("AuthorizationKey", "expired"), ("HeartbeatInterval", "queued")])
def test_a_password_is_never_sent_masked(key: str, outcome: str, tree: Tree, transactional_db: None) -> None:
    """The socket went away between taking the command and writing it: others wait for the next socket, a masked one must not."""
    now = timezone.now()
    Station.objects.filter(pk=tree.station.pk).update(connected=True, gateway="g1", first_connected_at=now)
    command = ask("ChangeConfiguration", {"key": key, "value": "a-new-password-0123"})
    (taken,) = outbound.take("g1", lambda _station: True)
    assert "a-new-password-0123" in taken.text
    hub._put_back(command.pk)
    assert state(command) == outcome
    assert [out for out in outbound.take("g1", lambda _station: True) if "****" in out.text] == []
