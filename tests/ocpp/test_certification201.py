"""The test cases that a certified OCPP 2.0.1 server passes (Core and Advanced Security), each by its number with the alliance, seen from
the station's end. Each answer and each CALL of ours fits the published schema.

Here: A, B, E, F, G, J, N and P as far as no other file has them. Further cases stand with their part: C and D in test_authorization, M and
certificates of A in test_certificates, the security profiles in test_security_profiles and test_security_changes, variables, reports and
monitors in test_device_model, H in test_reservations, K in test_smart_charging, L and logs in test_operations.
A station is never held at the door by Pending or Rejected (B02, B03): who has the password is booked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from passes.models import ChargePass
from stations.actions import send_new_password
from stations.models import CardOffer, Command, Connector, MeterSample, SecurityEvent, SignedMeterValue, Transaction
from stations.models import Frame as Logged
from stations.ocpp.intents import (
    AskTransaction,
    NetworkProfile,
    ReadReport,
    Reset,
    Start,
    Stop,
    Switch,
    Trigger,
    Unlock,
)
from tests.conftest import CARD, STATION_PASSWORD, Tree
from tests.ocpp.conftest import Gateway, until
from tests.ocpp.point201 import BEGIN, CLOCK, END, EVSE, TOKEN, Point, at, fits, metered, row, state, station

pytestmark = pytest.mark.engines

STRANGER = {"idToken": "04BADC0DE00000", "type": "ISO14443"}
Step = tuple[str, dict[str, Any]]  # of a transaction: why it is reported, and what else it tells


def availability(number: int) -> str:
    return Connector.objects.get(station__identity="LUM-0001", number=number).availability


@pytest.fixture
def point(gateway: Gateway) -> Point:
    found = Point(gateway)
    found.boot()
    return found


# -- A: security --------------------------------------------------------------------------------------------------------------------


def test_tc_a_01_02_03_basic_authentication(gateway: Gateway) -> None:
    Point(gateway).call("Heartbeat", {})
    for options in ({"user": "LUM-0002"}, {"password": "wrong-password-0123"}):
        with pytest.raises(InvalidStatus) as refused:
            gateway.connect(subprotocols=["ocpp2.0.1"], **options)
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize("word", ["Accepted", "Rejected"], ids=["tc_a_09", "tc_a_10"])
def test_tc_a_09_update_the_password(word: str, point: Point, tree: Tree) -> None:
    send_new_password(actor=tree.bob, station=station())
    message_id, action, payload = point.wire.expect_call()
    setting = payload["setVariableData"][0]
    named = {key: setting[key] for key in ("component", "variable")}
    assert (action, named["component"], named["variable"]) == (
        "SetVariables", {"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"},
    )  # fmt: skip
    assert fits(action, payload)
    assert 16 <= len(setting["attributeValue"]) <= 40
    point.wire.answer(message_id, {"setVariableResult": [{**named, "attributeStatus": word}]})
    until(lambda: Command.objects.get().answered_at)
    point.wire.close()
    right = setting["attributeValue"] if word == "Accepted" else STATION_PASSWORD
    assert "currentTime" in point.gateway.connect(password=right, subprotocols=["ocpp2.0.1"]).call("Heartbeat")
    assert setting["attributeValue"] not in str(list(Logged.objects.values_list("call", "answer")))


def test_a04_security_events(point: Point) -> None:
    told = {"type": "SettingSystemTime", "timestamp": at(), "techInfo": "by NTP"}
    assert point.call("SecurityEventNotification", told) == {}
    assert [(one.type, one.info) for one in SecurityEvent.objects.all()] == [("SettingSystemTime", "by NTP")]


# -- B: provisioning ----------------------------------------------------------------------------------------------------------------


def test_tc_b_01_cold_boot(gateway: Gateway) -> None:
    for reason in (
        "PowerUp", "ApplicationReset", "FirmwareUpdate", "LocalReset", "RemoteReset", "ScheduledReset", "Triggered", "Watchdog", "Unknown",
    ):  # fmt: skip
        Point(gateway).boot(reason)
    found = station()
    assert (found.vendor, found.model, found.serial_number, found.firmware_version) == ("V", "M", "S-1", "1.2")
    assert found.booted_at
    assert found.ocpp_version == "2.0.1"


@pytest.mark.parametrize("base", ["ConfigurationInventory", "SummaryInventory"], ids=["tc_b_12", "b08"])
def test_tc_b_12_get_base_report(base: str, point: Point) -> None:
    action, payload, command = point.asked(ReadReport(base), {"status": "Accepted"})
    assert (action, payload["reportBase"], command.state) == ("GetBaseReport", base, "accepted")
    part = {
        "component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"},
        "variableAttribute": [{"value": "300", "mutability": "ReadWrite"}],
    }  # fmt: skip
    for number, more in enumerate((True, False)):
        told = {"requestId": payload["requestId"], "generatedAt": at(), "seqNo": number, "tbc": more, "reportData": [part]}
        assert point.call("NotifyReport", told) == {}


@pytest.mark.parametrize(
    ("hard", "evse", "runs", "answer"),
    [
        (False, 0, False, "Accepted"), (False, 0, True, "Scheduled"), (True, 0, True, "Accepted"),
        (False, 1, False, "Accepted"), (False, 1, True, "Scheduled"), (True, 1, True, "Accepted"),
    ],
    ids=["tc_b_20", "tc_b_21", "tc_b_22", "tc_b_25", "tc_b_26", "tc_b_27"],
)  # fmt: skip
def test_tc_b_20_reset(hard: bool, evse: int, runs: bool, answer: str, point: Point) -> None:
    if runs:
        point.charge()
    action, payload, command = point.asked(Reset(hard, evse), {"status": answer})
    kind = "Immediate" if hard else "OnIdle"
    assert (action, payload) == ("Reset", {"type": kind} | ({"evseId": evse} if evse else {}))
    assert command.state == "accepted"
    if runs:
        if hard:
            point.end("ResetCommand", "ImmediateReset")
        else:
            point.end("StopAuthorized", "Local", idToken=TOKEN)
        point.charged("ImmediateReset" if hard else "Local")
    if evse:
        assert point.status("Available") == "Available"
    else:
        point.wire.close()
        point.connect()
        point.boot("RemoteReset")


@pytest.mark.parametrize(("word", "told"), [("Accepted", "accepted"), ("Failed", "rejected")], ids=["tc_b_42", "tc_b_44"])
def test_tc_b_42_set_network_profile(word: str, told: str, point: Point) -> None:
    intent = NetworkProfile(2, "wss://portal.example.org/ocpp/", 2)
    assert point.asked(intent, {"status": word})[2].state == told


# -- E: transactions ------------------------------------------------------------------------------------------------------------------

FIRST: dict[str, Sequence[Step]] = {  # by which moment a station lets a transaction begin (TxStartPoint), and what follows
    "tc_e_01_power_path_closed": [("ChargingStateChanged", {"evse": EVSE, "idToken": TOKEN, **state("Charging"), **metered(1000, BEGIN)})],
    "tc_e_02_energy_transfer": [
        ("ChargingStateChanged", {"evse": EVSE, "idToken": TOKEN, **state("Charging"), **metered(1000, BEGIN)}),
        ("MeterValuePeriodic", metered(1500)),
    ],
    "tc_e_09_ev_connected": [
        ("CablePluggedIn", {"evse": EVSE, **state("EVConnected"), **metered(1000, BEGIN)}),
        ("Authorized", {"idToken": TOKEN}), ("ChargingStateChanged", state("Charging")),
    ],
    "tc_e_10_authorized": [
        ("Authorized", {"idToken": TOKEN}), ("CablePluggedIn", {"evse": EVSE, **state("EVConnected"), **metered(1000, BEGIN)}),
        ("ChargingStateChanged", state("Charging")),
    ],
    "tc_e_11_data_signed": [("SignedDataReceived", {"evse": EVSE, "idToken": TOKEN, **state("EVConnected"), **metered(1000, BEGIN)})],
    "tc_e_12_parking_bay_occupied": [
        ("EVDetected", {"evse": EVSE, **metered(1000, BEGIN)}), ("CablePluggedIn", state("EVConnected")),
        ("Authorized", {"idToken": TOKEN}), ("ChargingStateChanged", state("Charging")),
    ],
}  # fmt: skip


@pytest.mark.parametrize("steps", FIRST.values(), ids=FIRST)
def test_tc_e_01_start_options(steps: Sequence[Step], point: Point) -> None:
    for number, (trigger, told) in enumerate(steps):
        said = point.event("Updated" if number else "Started", trigger, **told)
        assert said == {} or said["idTokenInfo"]["status"] == "Accepted"
        assert ("idTokenInfo" in said) == ("idToken" in told), "a card is answered, and nothing else is"
    found = row()
    assert (found.running, found.id_tag, found.verdict, found.connector.number) == (True, CARD, "Accepted", 1)
    assert (found.meter_start, found.problems) == (1000, [])
    point.end("EVCommunicationLost", "EVDisconnected")
    point.charged("EVDisconnected")


@pytest.mark.parametrize("first", ["cable", "card"], ids=["tc_e_03", "tc_e_04"])
def test_tc_e_03_local_start(first: str, point: Point) -> None:
    if first == "cable":
        assert point.status("Occupied") == "Preparing"
        assert point.call("Authorize", {"idToken": TOKEN})["idTokenInfo"]["status"] == "Accepted"
    else:
        assert point.call("Authorize", {"idToken": TOKEN})["idTokenInfo"]["status"] == "Accepted"
        assert point.status("Occupied") == "Preparing"
    point.charge()
    assert point.status("Occupied") == "Charging"
    point.end("StopAuthorized", "Local", idToken=TOKEN)
    assert point.status("Available") == "Available"
    point.charged("Local")


def test_tc_e_38_the_car_is_not_ready(point: Point) -> None:
    point.event("Started", "Authorized", evse=EVSE, idToken=TOKEN, **state("EVConnected"), **metered(1000, BEGIN))
    point.event("Updated", "ChargingStateChanged", **state("SuspendedEV"))
    assert Connector.objects.get(station__identity="LUM-0001", number=1).status == "SuspendedEV"
    point.event("Updated", "ChargingStateChanged", **state("Charging"))
    assert row().running


CARD_STOPS: Step = ("StopAuthorized", {"reason": "Local", "idToken": TOKEN})
CABLE_STOPS: Step = ("EVCommunicationLost", {"reason": "EVDisconnected"})
LAST: dict[str, Step] = {
    "tc_e_07_power_path_closed": CARD_STOPS,
    "tc_e_08_energy_transfer_stopped": CARD_STOPS,
    "tc_e_14_ev_disconnected": CABLE_STOPS,
    "tc_e_15_stop_authorized": CARD_STOPS,
    "tc_e_19_parking_bay_unoccupied": ("EVDeparted", {"reason": "Local"}),
    "tc_e_20_ev_disconnected_at_the_car": CABLE_STOPS,
    "tc_e_21_remote": ("RemoteStop", {"reason": "Remote"}),
    "tc_e_22_suspended_by_the_car": ("ChargingStateChanged", {"reason": "StoppedByEV"}),
    "tc_e_39_deauthorized_timeout": ("EVConnectTimeout", {"reason": "Timeout"}),
    "e07_emergency": ("AbnormalCondition", {"reason": "EmergencyStop"}),
    "e07_energy": ("EnergyLimitReached", {"reason": "EnergyLimitReached"}),
    "e07_time": ("TimeLimitReached", {"reason": "TimeLimitReached"}),
}


@pytest.mark.parametrize("step", LAST.values(), ids=LAST)
def test_tc_e_07_stop_options(step: Step, point: Point) -> None:
    point.charge()
    trigger, more = step
    said = point.end(trigger, **more)
    assert said.keys() <= {"idTokenInfo", "totalCost"}
    assert ("idTokenInfo" in said) == ("idToken" in more)
    point.charged(more["reason"])


@pytest.mark.parametrize("pulled", [False, True], ids=["tc_e_16", "tc_e_17"])
def test_tc_e_16_deauthorized(pulled: bool, point: Point) -> None:
    """A card that was valid offline is not any more."""
    said = point.event("Started", "Authorized", evse=EVSE, idToken=STRANGER, offline=True, ago=5, **metered(1000, BEGIN))
    assert said["idTokenInfo"]["status"] != "Accepted"
    if pulled:
        point.event("Updated", "Deauthorized", **state("SuspendedEVSE"))
        point.end("EVCommunicationLost", "EVDisconnected")
    else:
        point.end("Deauthorized", "DeAuthorized")
    found = row()
    assert (found.running, found.energy_wh, found.problems) == (False, 2000, ["refused_card"])


def test_tc_e_26_the_cable_is_pulled_and_the_transaction_waits(point: Point) -> None:
    point.charge()
    point.event("Updated", "EVCommunicationLost", **state("EVConnected"))
    assert row().running
    point.event("Updated", "CablePluggedIn", **state("Charging"))
    point.end("StopAuthorized", "Local", idToken=TOKEN)
    point.charged("Local")


def test_tc_e_29_30_31_33_34_get_transaction_status(point: Point) -> None:
    point.charge()
    for goes_on, waits in ((True, True), (True, False), (False, True)):
        answer = {"ongoingIndicator": goes_on, "messagesInQueue": waits}
        action, payload, command = point.asked(AskTransaction("TX-1"), answer)
        assert (action, payload, command.state) == ("GetTransactionStatus", {"transactionId": "TX-1"}, "accepted")
        assert (row().said_to_go_on, row().said_to_wait) == (goes_on, waits)
    for waits in (True, False):
        action, payload, command = point.asked(AskTransaction(), {"messagesInQueue": waits})
        assert (action, payload, command.state) == ("GetTransactionStatus", {}, "accepted")
    assert row().running


def test_tc_e_53_every_transaction_counts_from_0(point: Point) -> None:
    for name in ("TX-1", "TX-2"):
        point.number, point.transaction = -1, name
        point.charge()
        point.end("StopAuthorized", "Local", idToken=TOKEN)
        point.charged("Local")


def test_e04_e08_e11_a_whole_transaction_while_offline(point: Point) -> None:
    """The reports of a queue, each with its own time, and a card that nobody could ask about."""
    point.wire.close()
    queue = [
        point.told("Started", "Authorized", ago=40, offline=True, evse=EVSE, idToken=TOKEN, **state("Charging"), **metered(1000, BEGIN)),
        point.told("Updated", "MeterValuePeriodic", ago=25, offline=True, **metered(2000)),
        point.told("Ended", "StopAuthorized", ago=10, offline=True, idToken=TOKEN, transactionInfo={"stoppedReason": "Local"},
                   **metered(3000, END)),
    ]  # fmt: skip
    point.connect()
    for report in queue:
        said = point.call("TransactionEvent", report)
        assert "idToken" not in report or said["idTokenInfo"]["status"] == "Accepted"
    point.charged("Local")
    found = row()
    assert found.ended_at
    assert timedelta(minutes=29) < found.ended_at - found.started_at < timedelta(minutes=31)
    assert Connector.objects.get(station__identity="LUM-0001", number=1).status == "Available", "it is free now"


@pytest.mark.parametrize("before_boot", [True, False])
def test_e16_power_failure_with_a_transaction(before_boot: bool, point: Point) -> None:
    point.charge(ago=20)
    point.wire.close()
    point.connect()
    report = point.told(
        "Ended", "AbnormalCondition", ago=1, offline=True, transactionInfo={"stoppedReason": "PowerLoss"}, **metered(3000, END)
    )
    if before_boot:
        assert point.call("TransactionEvent", report) == {}
    point.boot()
    if not before_boot:
        assert point.call("TransactionEvent", report) == {}
    point.charged("PowerLoss")


# -- F: remote control ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plugged", "authorizes", "comes"),
    [(True, True, True), (False, True, True), (False, False, True), (False, False, False)],
    ids=["tc_f_01", "tc_f_02", "tc_f_03", "tc_f_04"],
)
def test_tc_f_01_remote_start(plugged: bool, authorizes: bool, comes: bool, point: Point) -> None:
    if plugged:
        point.status("Occupied")
        point.event("Started", "CablePluggedIn", evse=EVSE, **state("EVConnected"), **metered(1000, BEGIN))
    answer = {"status": "Accepted"} | ({"transactionId": "TX-1"} if plugged else {})
    action, payload, command = point.asked(Start(CARD, 1), answer)
    assert (action, payload["idToken"], payload["evseId"], command.state) == ("RequestStartTransaction", TOKEN, 1, "accepted")
    if authorizes:
        assert point.call("Authorize", {"idToken": TOKEN})["idTokenInfo"]["status"] == "Accepted"
    if not comes:
        point.event("Started", "RemoteStart", idToken=TOKEN, transactionInfo={"remoteStartId": payload["remoteStartId"]})
        point.event("Ended", "EVConnectTimeout", transactionInfo={"stoppedReason": "Timeout"})
        assert (row().running, row().energy_wh, row().to_review) == (False, 0, False)
        return
    told = {"transactionInfo": {"remoteStartId": payload["remoteStartId"], "chargingState": "EVConnected"}}
    said = point.event("Updated" if plugged else "Started", "RemoteStart", evse=EVSE, idToken=TOKEN, **told)
    assert said["idTokenInfo"]["status"] == "Accepted"
    point.event("Updated", "ChargingStateChanged", **state("Charging"), **metered(1000, BEGIN))
    assert row().remote_start == payload["remoteStartId"]
    point.end("StopAuthorized", "Local", idToken=TOKEN)
    point.charged("Local")


def test_tc_f_05_remote_stop(point: Point) -> None:
    point.charge()
    assert point.asked(Stop("TX-1"), {"status": "Rejected"})[2].state == "rejected"
    assert row().running
    action, payload, command = point.asked(Stop("TX-1"), {"status": "Accepted"})
    assert (action, payload, command.state) == ("RequestStopTransaction", {"transactionId": "TX-1"}, "accepted")
    assert point.end("RemoteStop", "Remote") == {}
    point.charged("Remote")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("Unlocked", "accepted"),
        ("UnlockFailed", "rejected"),
        ("OngoingAuthorizedTransaction", "rejected"),
        ("UnknownConnector", "rejected"),
    ],
    ids=["tc_f_06", "tc_f_07", "f05_running", "f05_unknown"],
)
def test_tc_f_06_unlock(word: str, told: str, point: Point) -> None:
    action, payload, command = point.asked(Unlock(101), {"status": word})
    assert (action, payload, command.state) == ("UnlockConnector", {"evseId": 1, "connectorId": 2}, told)


def clocked(point: Point) -> None:
    for evse in (1, 2):
        assert point.call("MeterValues", {"evseId": evse, **metered(5, "Trigger")}) == {}


def reported(point: Point) -> None:
    assert point.event("Updated", "Trigger", **state("Charging"), **metered(1500, "Trigger")) == {}


def free(point: Point) -> None:
    assert point.status("Available") == "Available"


def taken(point: Point) -> None:
    assert point.status("Occupied") == "Charging"


TRIGGERED: dict[str, tuple[Trigger, bool, Callable[[Point], Any]]] = {
    "tc_f_11": (Trigger("MeterValues", 1), False, clocked),
    "tc_f_12": (Trigger("MeterValues"), False, clocked),
    "tc_f_13": (Trigger("TransactionEvent", 1), True, reported),
    "tc_f_14": (Trigger("TransactionEvent"), True, reported),
    "tc_f_15": (Trigger("LogStatusNotification"), False, lambda point: point.call("LogStatusNotification", {"status": "Idle"})),
    "tc_f_18": (Trigger("FirmwareStatusNotification"), False, lambda p: p.call("FirmwareStatusNotification", {"status": "Idle"})),
    "tc_f_20": (Trigger("Heartbeat"), False, lambda point: point.call("Heartbeat", {})),
    "tc_f_23": (Trigger("StatusNotification", 1), False, free),
    "tc_f_24": (Trigger("StatusNotification", 1), True, taken),
    "f06_boot": (Trigger("BootNotification"), False, lambda point: point.boot("Triggered")),
}


@pytest.mark.parametrize(("wish", "runs", "then"), TRIGGERED.values(), ids=TRIGGERED)
def test_tc_f_11_trigger_message(wish: Trigger, runs: bool, then: Callable[[Point], Any], point: Point) -> None:
    if runs:
        point.charge()
    action, payload, command = point.asked(wish, {"status": "Accepted"})
    assert (action, payload["requestedMessage"], command.state) == ("TriggerMessage", wish.message, "accepted")
    assert payload.get("evse", {}).get("id", 0) == wish.connector
    then(point)


def test_tc_f_27_trigger_message_not_implemented(point: Point) -> None:
    assert point.asked(Trigger("MeterValues"), {"status": "NotImplemented"})[2].state == "rejected"


# -- G: availability --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "evse", "changed"),
    [(Switch(False, 1, True), {"evse": {"id": 1}}, (1, 101)), (Switch(False), {}, (1, 2, 101)),
     (Switch(False, 101), {"evse": {"id": 1, "connectorId": 2}}, (101,))],
    ids=["evse_03_04_11", "station_05_06_14", "connector_07_08_17"],
)  # fmt: skip
def test_tc_g_03_change_availability(wish: Switch, evse: dict[str, Any], changed: tuple[int, ...], point: Point) -> None:
    """Out of service, into service, and out of it after the running charge."""
    point.status("Available", 1, 2)
    steps = (("Inoperative", "Accepted"), ("Operative", "Accepted"), ("Inoperative", "Scheduled"))
    for word, answer in steps:
        if answer == "Scheduled":
            point.charge()
        action, payload, command = point.asked(wish._replace(operative=word == "Operative"), {"status": answer})
        assert (action, payload) == ("ChangeAvailability", {"operationalStatus": word} | evse)
        assert command.state == "accepted"
        kept = "Scheduled" if answer == "Scheduled" else word
        for number in (1, 2, 101):
            assert availability(number) == (kept if number in changed else "Operative"), (number, word)
        if answer == "Accepted":
            for number in changed:
                point.status("Available" if word == "Operative" else "Unavailable", number % 100, number // 100 + 1)
    point.end("StopAuthorized", "Local", idToken=TOKEN)
    for number in changed:
        point.status("Unavailable", number % 100, number // 100 + 1)
        assert availability(number) == "Inoperative"
    point.charged("Local")


def test_tc_g_20_lock_failure(point: Point) -> None:
    assert point.call("Authorize", {"idToken": TOKEN})["idTokenInfo"]["status"] == "Accepted"
    told = {
        "eventId": 1, "timestamp": at(), "trigger": "Delta", "actualValue": "true", "eventNotificationType": "HardWiredNotification",
        "component": {"name": "ConnectorPlugRetentionLock", "evse": EVSE}, "variable": {"name": "Problem"},
    }  # fmt: skip
    assert point.call("NotifyEvent", {"generatedAt": at(), "seqNo": 0, "eventData": [told]}) == {}
    assert point.status("Faulted") == "Faulted"
    assert Connector.objects.get(station__identity="LUM-0001", number=1).error_code == "ConnectorLockFailure"
    assert not Transaction.objects.exists()


# -- J: meter values --------------------------------------------------------------------------------------------------------------------


def test_tc_j_01_clock_aligned_without_a_transaction(point: Point) -> None:
    for evse in (0, 1, 2):
        assert point.call("MeterValues", {"evseId": evse, **metered(7, CLOCK)}) == {}
    assert MeterSample.objects.count() == 3
    assert Connector.objects.get(station__identity="LUM-0001", number=2).energy_register == 7


@pytest.mark.parametrize("context", [CLOCK, "Sample.Periodic"], ids=["tc_j_02_03", "tc_j_07_09_10"])
def test_tc_j_02_values_of_a_transaction(context: str, point: Point) -> None:
    point.charge()
    trigger = "MeterValueClock" if context == CLOCK else "MeterValuePeriodic"
    for wh in (1500, 2500):
        assert point.event("Updated", trigger, **metered(wh, context)) == {}
        assert row().meter_last == wh
    point.end("StopAuthorized", "Local", idToken=TOKEN)
    point.charged("Local")


def test_tc_j_08_the_begin_before_the_evse_is_known(point: Point) -> None:
    point.event("Started", "Authorized", idToken=TOKEN)
    point.event("Updated", "CablePluggedIn", evse=EVSE, **state("EVConnected"), **metered(1000, BEGIN))
    point.end("StopAuthorized", "Local", idToken=TOKEN)
    point.charged("Local")
    assert row().connector.number == 1


def test_tc_j_04_11_signed_values(point: Point) -> None:
    point.charge()
    for context in (CLOCK, "Sample.Periodic"):
        signed = {"signedMeterData": f"T0NNRg=={context}", "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "MFkw"}
        point.event("Updated", "MeterValuePeriodic", **metered(1500, context, signedMeterValue=signed))
    kept = SignedMeterValue.objects.filter(transaction=row())
    assert sorted(kept.values_list("context", flat=True)) == [CLOCK, "Sample.Periodic"]
    assert all("OCMF" in value for value in kept.values_list("value", flat=True))


# -- P: data transfer ---------------------------------------------------------------------------------------------------------------------


def test_tc_p_02_data_transfer(point: Point) -> None:
    for told in ({}, {"messageId": "m"}, {"messageId": "m", "data": {"a": [1, None]}}):
        said = point.call("DataTransfer", {"vendorId": "org.example", **told})
        assert said["status"] in {"Rejected", "UnknownVendorId", "UnknownMessageId"}


def test_tc_p_03_custom_data(point: Point) -> None:
    """It is taken wherever it comes, and changes nothing."""
    own = {"customData": {"vendorId": "org.example", "note": "x"}}
    said = point.call("Authorize", {"idToken": {**TOKEN, **own}, **own})
    assert said["idTokenInfo"]["status"] == "Accepted"
    told = {"vendorName": "V", "model": "M", **own}
    assert point.call("BootNotification", {"reason": "PowerUp", "chargingStation": told, **own})["status"] == "Accepted"
    assert point.call("Heartbeat", own).keys() == {"currentTime"}


def test_c12_what_a_card_was_told_stands_in_the_activity(point: Point) -> None:
    ChargePass.objects.update(blocked=True)
    assert point.call("Authorize", {"idToken": TOKEN})["idTokenInfo"]["status"] == "Blocked"
    assert [(one.verdict, one.id_type) for one in CardOffer.objects.all()] == [("Blocked", "ISO14443")]
