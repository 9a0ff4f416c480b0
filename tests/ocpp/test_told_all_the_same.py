"""What stations tell otherwise than OCPP has it counts all the same where its meaning is plain, and their page says what was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.actions import ask
from stations.command_words import title_of
from stations.gateway import added_up
from stations.models import Command, Connector, DeviceEvent, Station, Transaction, UnmatchedMessage
from stations.ocpp import masking, schemas, versions
from stations.ocpp.frames import OcppError
from stations.ocpp.intents import Start
from stations.ocpp.variables import Variable
from stations.problems import advice
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway, Wire, until
from tests.ocpp.test_manners import noticed
from tests.ocpp.test_messages import meter, start, stop
from tests.ocpp.test_messages import now as now16
from tests.ocpp.test_transactions201 import EVSE, TOKEN, now, one, payload, tell, value

pytestmark = pytest.mark.engines
STRANGER = {"idToken": "DEADBEEF", "type": "ISO14443"}


@pytest.fixture
def wire(gateway: Gateway) -> Wire:
    """LUM-0001, connected, speaking 2.0.1."""
    return gateway.connect(subprotocols=["ocpp2.0.1"])


# -- who pays -----------------------------------------------------------------------------------------------------------------------------


def test_a_card_that_only_stops_never_pays(wire: Wire) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, idToken=STRANGER, offline=True, at=now(hours=-1))
    tell(wire, "Updated", 1, value(9000), triggerReason="StopAuthorized", idToken=TOKEN)
    tell(wire, "Ended", 2, value(9000, "Transaction.End"), triggerReason="StopAuthorized", idToken=TOKEN)
    row = one()
    assert (row.id_tag, row.verdict, row.problems) == ("DEADBEEF", "Invalid", ["refused_card"])
    assert row.stop_id_tag == TOKEN["idToken"]


def test_nobody_pays_where_the_only_card_stopped(wire: Wire) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, at=now(hours=-1))
    tell(wire, "Ended", 1, value(9000, "Transaction.End"), triggerReason="StopAuthorized", idToken=TOKEN)
    row = one()
    assert (row.id_tag, row.verdict, row.problems, row.stop_id_tag) == ("", "", ["no_card"], TOKEN["idToken"])


# -- clocks and meters --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", ["1970", "2035"])
def test_an_impossible_time_is_told_whatever_message_it_stands_in(year: str, gateway: Gateway) -> None:
    wire, at = gateway.connect(), f"{year}-01-01T00:00:10Z"
    transaction = start(wire, at=at)["transactionId"]
    sampled = {"timestamp": at, "sampledValue": [{"value": "1500"}]}
    wire.call("MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": [sampled]})
    stop(wire, transaction, 1600, at)
    wire.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": at})
    assert {action for kind, action in noticed() if kind == "clock"} == {
        "StartTransaction", "MeterValues", "StopTransaction", "StatusNotification",
    }  # fmt: skip
    wire.close()
    Station.objects.update(clock_offset=None)
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    tell(wire, "Started", 0, evse=EVSE, at=at)
    assert ("clock", "TransactionEvent") in noticed()
    assert abs(Station.objects.get(identity="LUM-0001").clock_offset or 0) > 1e8
    tell(wire, "Updated", 1)
    wire.call("Heartbeat", {})
    assert abs(Station.objects.get(identity="LUM-0001").clock_offset or 0) < 60


def test_no_charge_is_refused_for_its_time(gateway: Gateway) -> None:
    wire, begun = gateway.connect(), timezone.now().replace(microsecond=0)
    seconds = int(begun.timestamp())
    times: tuple[tuple[dict[str, Any], bool], ...] = (
        ({}, False), ({"timestamp": None}, False), ({"timestamp": 0}, False), ({"timestamp": seconds}, True),
        ({"timestamp": seconds * 1000}, True), ({"timestamp": f"{seconds}"}, True),
    )  # fmt: skip
    for number, (at, known) in enumerate(times):
        begin = {"connectorId": 1, "idTag": TOKEN["idToken"], "meterStart": number * 1000} | at
        pk = wire.call("StartTransaction", begin)["transactionId"]
        assert wire.call("StartTransaction", begin)["transactionId"] == pk
        for _twice in range(2):
            wire.call("StopTransaction", {"transactionId": pk, "meterStop": number * 1000 + 500} | at)
        row = one(str(pk))
        assert (row.energy_wh, row.started_at == begun, row.ended_at == begun, row.problems) == (
            500,
            known,
            known,
            [] if known else ["clock"],
        )
    wire.close()
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    for number, (at, known) in enumerate(times):
        for kind, wh in (("Started", 1000), ("Started", 1000), ("Ended", 1500), ("Ended", 1500), ("Started", 1000)):
            said = payload(kind, int(kind == "Ended"), value(wh), tx=f"T-{number}", evse=EVSE, idToken=TOKEN)
            del said["timestamp"]
            assert wire.call("TransactionEvent", said | at)["idTokenInfo"]["status"] == "Accepted"
        row = one(f"T-{number}")
        assert (row.energy_wh, row.started_at == begun, row.ended_at == begun, row.problems) == (
            500,
            known,
            known,
            [] if known else ["clock"],
        )
    assert not UnmatchedMessage.objects.exists()


def test_a_clock_that_is_wrong_by_weeks_is_no_charge_that_comes_late(gateway: Gateway) -> None:
    cases: list[tuple[str, str, list[str]]] = [
        ("2020-01-01T00:00:30Z", "2020-01-01T01:00:30Z", ["clock"]), ("2020-01-01T00:00:30Z", now16(), ["clock"]),
        (now16(days=-35), now16(days=-34.9), ["clock"]), (now16(days=-9), now16(), ["clock"]),
        (now16(days=-20), now16(days=-19), []), (now16(days=-6), now16(), []), (now16(hours=-2).lower(), now16(hours=-1).lower(), []),
    ]  # fmt: skip
    wire = gateway.connect()
    for began, ended, problems in cases:
        pk = start(wire, at=began)["transactionId"]
        stop(wire, pk, 1500, ended)
        assert one(str(pk)).problems == problems, (began, ended)
    began_here = timezone.now() - timedelta(days=9)  # and that is when we have heard of it
    pk = start(wire, at=now16(days=-9))["transactionId"]
    Transaction.objects.filter(pk=pk).update(start_received_at=began_here)
    stop(wire, pk, 1500)
    assert one(str(pk)).problems == []
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    for number, (began, ended, problems) in enumerate(cases):
        reports = [("Started", 0, 1000, began), ("Ended", 1, 1500, ended)]
        for kind, number_of, wh, at in reports[:: -1 if number % 2 else 1]:
            tell(wire, kind, number_of, value(wh, at=at), tx=f"T-{number}", evse=EVSE, idToken=TOKEN, at=at)
        assert one(f"T-{number}").problems == problems, (began, ended)


def test_a_falling_meter_is_told_of_the_station(gateway: Gateway) -> None:
    wire = gateway.connect()
    transaction = start(wire, at=now16(hours=-1))["transactionId"]
    for wh in ("3000", "2000"):
        sampled = {"timestamp": now16(), "sampledValue": [{"value": wh}]}
        wire.call("MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": [sampled]})
    stop(wire, transaction, -4)
    assert {key for key in noticed() if key[0] == "meter"} == {("meter", "MeterValues"), ("meter", "StopTransaction")}
    assert "negative" in Transaction.objects.get().problems


# -- the device model ---------------------------------------------------------------------------------------------------------------------

ALARM = {
    "eventId": 1, "trigger": "Alerting", "actualValue": "true", "eventNotificationType": "HardWiredNotification",
    "component": {"name": "RCD"}, "variable": {"name": "Problem"}, "timestamp": "2026-01-02T03:04:05Z",
}  # fmt: skip


def alarm(wire: Wire, *told: dict[str, Any], **more: Any) -> Any:
    return wire.call("NotifyEvent", {"generatedAt": now(), "seqNo": 0, "eventData": [ALARM | one for one in told]} | more)


@pytest.mark.parametrize("key", ["Meter:A", "Relay@2", "a%3Ab", "K/1", "100%", "::@@//%%"])
def test_names_are_written_as_one_text_and_read_again(key: str) -> None:
    for variable in (Variable(key, key), Variable(key, key, key, key, 3, 2), Variable("A", "B", key), Variable("A", "B", "", key)):
        assert Variable.parse(str(variable)) == variable
    assert not masking.is_secret("A/B")
    assert masking.is_secret(str(Variable("x:Pin", "B")))


def test_an_alarm_is_kept_whatever_its_component_is_called(wire: Wire) -> None:
    place = {"evse": {"id": 1, "connectorId": 1}}
    strange = ({"name": "Meter:A"}, {"name": "Relay@2"}, {"name": "PowerContactor", "instance": "K1/K2", **place}, {"name": "\u200b"})
    assert alarm(wire, *({"component": one, "eventId": number} for number, one in enumerate(strange))) == {}
    kept = [(row.component, row.key, row.connector, row.stands) for row in DeviceEvent.objects.order_by("event_id")]
    assert kept == [
        ("Meter:A", "Meter%3AA/Problem", 0, True), ("Relay@2", "Relay%402/Problem", 0, True),
        ("PowerContactor", "PowerContactor:K1%2FK2@1.1/Problem", 1, True), ("?", "?/Problem", 0, True),
    ]  # fmt: skip
    assert noticed() == {("mended", "NotifyEvent"): 1}


def test_one_malformed_alarm_costs_no_other(wire: Wire) -> None:
    untold = dict.fromkeys(("eventNotificationType", "trigger"))
    assert alarm(wire, {"eventId": 1}, {"eventId": 2, "actualValue": True} | untold, {"eventId": 3, "component": "RCD"}) == {}
    assert alarm(wire, {"eventId": 4, "trigger": "Alert", "techCode": 7, "techInfo": "x" * 900}) == {}
    assert wire.call("NotifyEvent", {"eventData": [ALARM | {"eventId": 5}]}) == {}
    assert list(DeviceEvent.objects.order_by("event_id").values_list("event_id", "value", "tech_code")) == [
        (1, "true", ""), (2, "true", ""), (4, "true", "7"), (5, "true", ""),
    ]  # fmt: skip
    assert alarm(wire, {"component": "RCD"}) == "TypeConstraintViolation"
    assert noticed() == {("mended", "NotifyEvent"): 3, ("refused", "NotifyEvent"): 1}


# -- words --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [TOKEN["idToken"], {"idToken": TOKEN["idToken"]}, {"idToken": TOKEN["idToken"], "type": "RFID"}])
def test_a_card_whose_type_is_not_told(token: Any, wire: Wire) -> None:
    for answer in (wire.call("Authorize", {"idToken": token}), tell(wire, "Started", 0, evse=EVSE, idToken=token)):
        assert answer["idTokenInfo"]["status"] == "Accepted"
    assert one().id_tag == TOKEN["idToken"]
    assert noticed() == {("mended", "Authorize"): 1, ("mended", "TransactionEvent"): 1}


@pytest.mark.parametrize("more", [{}, {"reason": "Foo"}])
def test_a_station_may_start_whatever_it_says_of_why_and_who_made_it(more: dict[str, Any], gateway: Gateway) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    told = {"vendorName": "V" * 60, "model": "M" * 30, "firmwareVersion": "f" * 60}
    assert wire.call("BootNotification", {"chargingStation": told} | more)["status"] == "Accepted"
    assert Station.objects.get(identity="LUM-0001").vendor == "V" * 50
    told = {"vendorName": None, "model": 7, "modem": {"iccid": 12345, "imsi": None}}
    assert wire.call("BootNotification", {"chargingStation": told} | more)["status"] == "Accepted"
    assert Station.objects.filter(identity="LUM-0001", vendor="", model="7", iccid="12345").exists()
    wire = gateway.connect()
    assert wire.call("BootNotification", {"chargePointVendor": "W" * 40, "chargePointModel": "M"})["status"] == "Accepted"
    assert Station.objects.get(identity="LUM-0001").vendor == "W" * 20
    assert wire.call("BootNotification", {"chargePointModel": None, "iccid": 12345})["status"] == "Accepted"
    assert Station.objects.filter(identity="LUM-0001", vendor="", model="", iccid="12345").exists()
    assert noticed()["mended", "BootNotification"] == 4


def test_a_status_in_the_words_of_the_other_version(wire: Wire, gateway: Gateway) -> None:
    def shown() -> str:
        return Connector.objects.get(station__identity="LUM-0001", number=1).status

    assert wire.call("StatusNotification", {"connectorStatus": "charging", "evseId": 1, "connectorId": 1}) == {}
    assert shown() == "Charging"
    assert wire.call("StatusNotification", {"connectorStatus": "Available", "evseId": 1, "connectorId": 1}) == {}
    assert shown() == "Available"
    old = gateway.connect()
    assert old.call("StatusNotification", {"connectorId": 1, "status": "Occupied", "errorCode": "NoError"}) == {}
    assert shown() == "Preparing"
    assert noticed()["mended", "StatusNotification"] == 3


# -- energy -------------------------------------------------------------------------------------------------------------------------------


def test_energy_told_per_phase_or_per_interval_is_added_up(wire: Wire) -> None:
    def phases(wh: float, at: str) -> dict[str, Any]:
        return {"timestamp": at, "sampledValue": [{"value": wh, "phase": phase} for phase in ("L1", "L2", "L3")]}

    def interval(wh: float, at: str, context: str = "Sample.Periodic") -> dict[str, Any]:
        return {"timestamp": at, "sampledValue": [{"value": wh, "measurand": "Energy.Active.Import.Interval", "context": context}]}

    begun, later = now(minutes=-30), now(minutes=-20)
    tell(wire, "Started", 0, phases(100, begun), evse=EVSE, idToken=TOKEN, at=begun)
    tell(wire, "Ended", 1, phases(2100, later), at=later)
    assert (one().energy_wh, one().problems) == (6000, ["added_up"])
    tell(wire, "Started", 0, interval(9000, later), evse=EVSE, idToken=TOKEN, tx="T-2", at=later)
    tell(wire, "Updated", 1, interval(1000, now(minutes=-10)), interval(900, now(minutes=-9), "Sample.Clock"), tx="T-2")
    tell(wire, "Ended", 2, interval(1500, now()), tx="T-2")
    assert (one("T-2").energy_wh, one("T-2").problems) == (2500, ["added_up"])


SIGNED = {"signedMeterData": "A" * 2501, "signingMethod": "", "encodingMethod": "", "publicKey": ""}


@pytest.mark.parametrize(
    "beside",
    [
        {"signedMeterValue": SIGNED}, {"signedMeterValue": SIGNED | {"signedMeterData": None}}, {"signedMeterValue": "AAAA"},
        {"context": "Transaction.Stop"}, {"location": "Grid"}, {"location": "Upstream"}, {"phase": "L1-L2-L3"}, {"customData": {"a": 1}},
        {"value": 2, "unitOfMeasure": "kWh"}, {"value": 2, "unitOfMeasure": {"multiplier": "3"}},
        {"value": 2, "unitOfMeasure": {"unit": "kWh" + " " * 20, "multiplier": None}},
    ],
)  # fmt: skip
def test_a_number_is_kept_whatever_stands_beside_it(beside: dict[str, Any], wire: Wire) -> None:
    tell(wire, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, state="Charging", at=now(hours=-1))
    tell(wire, "Ended", 1, value(2000, **{"context": "Transaction.End"} | beside))
    assert (one().energy_wh, one().problems) == (1000, [])
    assert noticed() == {("mended", "TransactionEvent"): 1}


@pytest.mark.parametrize(
    ("end", "state", "problems"),
    [
        ((), "Charging", ["no_end_meter"]),
        ((), "", ["no_end_meter"]),
        ((), "EVConnected", []),  # nothing was told of it but that a car came and went
        ((value(11_000, measurand="Power.Active.Import"),), "Charging", ["no_end_meter"]),
        ((value(1e300),), "EVConnected", ["no_end_meter"]),
        ((value(2000, unitOfMeasure={"multiplier": "many"}),), "EVConnected", ["no_end_meter"]),
        ((value(2000, phase="L9"),), "EVConnected", ["no_end_meter"]),
    ],
)
def test_an_end_without_a_meter_waits_for_people(end: tuple[Any, ...], state: str, problems: list[str], wire: Wire) -> None:
    tell(wire, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, state=state, at=now(hours=-1))
    tell(wire, "Ended", 1, *end)
    assert (one().energy_wh, one().problems) == (0, problems)
    assert Transaction.objects.to_review().exists() == bool(problems)


@pytest.mark.parametrize(("seconds", "problems"), [(1800, ["no_end_meter"]), (20, [])])
def test_a_value_from_just_before_the_end_is_as_good(seconds: int, problems: list[str], wire: Wire) -> None:
    at = now(seconds=-seconds)
    tell(wire, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, state="Charging", at=now(hours=-1))
    tell(wire, "Updated", 1, value(5000, at=at), at=at)
    tell(wire, "Ended", 2)
    assert (one().energy_wh, one().problems) == (4000, problems)


def test_a_meter_told_at_the_end_alone_is_not_the_one_at_the_start(wire: Wire) -> None:
    tell(wire, "Started", 0, evse=EVSE, idToken=TOKEN, state="EVConnected", at=now(hours=-1))
    for number, state in ((1, "Charging"), (2, "EVConnected")):
        tell(wire, "Updated", number, state=state, at=now(minutes=-30))
    tell(wire, "Ended", 3, value(9000, "Transaction.End"))
    assert (one().energy_wh, one().problems) == (0, ["no_start_meter"])


INTERVAL = "Energy.Active.Import.Interval"
ONE_TO_FIVE = (1, 2, 3, 4, 5)


def interval(wh: float, at: str, context: str = "Sample.Periodic", **more: Any) -> dict[str, Any]:
    return value(wh, context, at, measurand=INTERVAL, **more)


def per_phase(outlet: float, at: str, inlet: float | None = None) -> dict[str, Any]:
    places = {"Outlet": outlet} | ({} if inlet is None else {"Inlet": inlet})
    return {
        "timestamp": at,
        "sampledValue": [{"value": wh, "phase": phase, "location": place} for phase in ("L1", "L2", "L3") for place, wh in places.items()],
    }


class Charge:
    """One that began `before` minutes ago. `started`, `updated` and `ended` tell of it, in whatever order."""

    def __init__(self, wire: Wire, before: int, tx: str) -> None:
        self.wire, self.before, self.tx = wire, before, tx

    def at(self, minute: float) -> str:
        return now(minutes=minute - self.before)

    def tell(self, kind: str, number: int, *values: dict[str, Any], **more: Any) -> None:
        tell(self.wire, kind, number, *values, tx=self.tx, at=self.at(number), offline=True, **{"evse": EVSE} | more)

    def started(self, *values: dict[str, Any], **more: Any) -> None:
        self.tell("Started", 0, *values, idToken=TOKEN, state="Charging", **more)

    def updated(self, *numbers: int, wh: float = 1000) -> None:
        for number in numbers:
            self.tell("Updated", number, interval(wh, self.at(number)))

    def ended(self, *values: dict[str, Any], **more: Any) -> None:
        self.tell("Ended", 6, *values, **more)

    def told(self) -> tuple[int | None, list[str]]:
        row = one(self.tx)
        return row.energy_wh, row.problems


@pytest.fixture
def charges(wire: Wire) -> Iterator[Charge]:
    return iter([Charge(wire, before, f"A-{before}") for before in range(100, 0, -10)])


def test_a_register_at_the_start_alone_hides_no_intervals(charges: Iterator[Charge]) -> None:
    charge = next(charges)
    charge.started(value(100_000, "Transaction.Begin", charge.at(0)))
    charge.updated(*ONE_TO_FIVE)
    charge.ended()
    assert charge.told() == (5000, ["added_up"])
    assert one(charge.tx).meter_start == 100_000
    charge = next(charges)
    charge.started(value(9000, "Transaction.Begin", charge.at(0)))
    charge.tell("Updated", 1, per_phase(3000, charge.at(1)))
    charge.ended(per_phase(3500, charge.at(6)))
    assert (charge.told()[0], one(charge.tx).meter_stop) == (1500, 10_500)
    charge = next(charges)
    charge.started(value(9000, "Transaction.Begin", charge.at(0)))
    charge.tell("Updated", 1, value(9000, at=charge.at(1)), interval(3, charge.at(1)))
    charge.ended()
    assert charge.told()[0] == 0  # the meter was told, and nothing has flowed
    assert "added_up" not in charge.told()[1]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_meter_that_stands_still_hides_nothing(version: str, gateway: Gateway) -> None:
    """Beside it values per phase, or power."""
    phases = ({"phase": "L1", "of": 1000}, {"phase": "L2", "of": 2000}, {"phase": "L3", "of": 3000})
    wire = gateway.connect(subprotocols=[f"ocpp{version}"])
    for number, (watts, rises, told) in enumerate(
        ((0, True, (6000, ["added_up"])), (11_000, False, (0, ["stood_still"])), (900, False, (0, []))), 1
    ):
        values: list[tuple[float, list[dict[str, Any]]]] = []
        for minute in (40, 20, 1):
            beside = [{"value": one["of"] * (2 - minute / 40), "phase": one["phase"]} for one in phases] if rises else []
            power = {"value": watts, "measurand": "Power.Active.Import"}
            values.append((minute, [{"value": 5000}, *([power] if watts else []), *beside]))
        last = now(seconds=-1)
        if version == "1.6":
            pk = start(wire, connector=number, meter=5000, at=now(minutes=-41))["transactionId"]
            for minute, sampled in values:
                meter(wire, *sampled, connector=number, transaction=pk, at=now(minutes=-minute))
            stop(wire, pk, 5000, last)
        else:
            pk, evse = f"T-{number}", {"id": number, "connectorId": 1}
            tell(wire, "Started", 0, value(5000, "Transaction.Begin"), tx=pk, evse=evse, idToken=TOKEN, at=now(minutes=-41))
            for report, (minute, sampled) in enumerate(values, 1):
                at = now(minutes=-minute)
                tell(wire, "Updated", report, {"timestamp": at, "sampledValue": sampled}, tx=pk, at=at)
            for _twice in range(2):
                tell(wire, "Ended", 4, value(5000, "Transaction.End", last), tx=pk, at=last)
        row = one(str(pk))
        assert (round(row.energy_wh, -3), row.problems) == told
    assert not UnmatchedMessage.objects.exists()


def test_what_comes_after_the_end_is_added(charges: Iterator[Charge]) -> None:
    charge = next(charges)
    charge.started()
    charge.ended()
    charge.updated(*ONE_TO_FIVE)
    assert charge.told() == (5000, ["added_up"])
    charge = next(charges)
    charge.started()
    charge.updated(1, 2, 4, 5)
    charge.ended()
    assert charge.told() == (4000, ["added_up", "no_end_meter"])
    charge.updated(3)
    assert charge.told() == (5000, ["added_up"])
    charge = next(charges)
    charge.ended(per_phase(1200, charge.at(6)))
    charge.tell("Updated", 1, per_phase(1100, charge.at(1)))
    charge.started(per_phase(1000, charge.at(0)))
    assert charge.told()[0] == 600
    charge = next(charges)
    charge.started()
    charge.updated(1, 2, 4, 5)
    charge.ended()
    Transaction.objects.filter(transaction_id=charge.tx).update(reviewed_at=timezone.now(), meter_stop=4321)
    charge.updated(3)
    assert charge.told()[0] == 4321  # somebody has decided


def test_intervals_are_added_whatever_their_contexts_and_clocks(charges: Iterator[Charge]) -> None:
    charge = next(charges)
    charge.started()
    charge.updated(*ONE_TO_FIVE)
    by_clock = [interval(900, charge.at(number), "Sample.Clock") for number in ONE_TO_FIVE]
    charge.ended(interval(500, charge.at(6), "Transaction.End"), *by_clock)
    assert charge.told()[0] == 5500
    charge = next(charges)
    charge.ended(*[interval(1000, charge.at(number)) for number in ONE_TO_FIVE], idToken=TOKEN)
    assert charge.told() == (5000, ["added_up", "no_end_meter"])  # others may be missing
    charge = next(charges)
    charge.started()
    charge.updated(1, 3)
    charge.updated(2, wh=-3000)
    charge.tell("Updated", 4)
    charge.tell("Updated", 5)
    charge.ended()
    assert charge.told() == (2000, ["added_up", "meter_fell"])
    assert noticed()["meter", "TransactionEvent"] == 1
    lost = [interval(1000, f"1970-01-01T00:{number:02}:00Z") for number in ONE_TO_FIVE]
    charge = next(charges)
    charge.before = 0
    tell(charge.wire, "Started", 0, tx=charge.tx, evse=EVSE, idToken=TOKEN, at="1970-01-01T00:00:00Z")
    for _twice in range(2):
        tell(charge.wire, "Updated", 1, *lost, tx=charge.tx, at="1970-01-01T00:05:00Z")
    tell(charge.wire, "Ended", 2, tx=charge.tx, at="1970-01-01T00:06:00Z")
    assert charge.told() == (5000, ["added_up", "clock"])


def test_one_place_is_measured_and_a_register_per_phase_that_falls_is_told(charges: Iterator[Charge]) -> None:
    charge = next(charges)
    charge.started(per_phase(1000, charge.at(0), 90_000))
    charge.ended(per_phase(2000, charge.at(6), 91_040))
    assert charge.told()[0] == 3000
    charge = next(charges)
    charge.started(per_phase(5000, charge.at(0)))
    for number, wh in ((1, 5600), (2, 100), (3, 400)):
        charge.tell("Updated", number, per_phase(wh, charge.at(number)))
    charge.ended()
    assert charge.told()[0] == 2700
    assert {"added_up", "meter_fell"} <= set(charge.told()[1])
    assert noticed()["meter", "TransactionEvent"] == 1


@pytest.mark.parametrize("first", [None, {"id": 2}])
def test_energy_from_before_the_connector_was_told_counts(first: dict[str, int] | None, charges: Iterator[Charge]) -> None:
    charge = next(charges)
    charge.started(evse=first)
    charge.tell("Updated", 1, interval(700, charge.at(1)), evse=first)
    for number in (2, 3, 4, 5):
        charge.tell("Updated", number, interval(700, charge.at(number)), evse={"id": 2, "connectorId": 2})
    charge.ended(evse=first)
    assert charge.told() == (3500, ["added_up"])
    assert one(charge.tx).connector.number == 102


def test_what_is_too_much_to_add_up_is_told_and_takes_nothing_from_others(
    charges: Iterator[Charge], gateway: Gateway, monkeypatch: pytest.MonkeyPatch, as_ada: Client
) -> None:
    monkeypatch.setattr(added_up, "MOST_SAMPLES", 4)
    charge = next(charges)
    charge.started()
    charge.updated(*ONE_TO_FIVE)
    charge.ended()
    assert charge.told() == (4000, ["added_up", "no_end_meter"])
    charge = next(charges)
    charge.started()
    charge.updated(1, 2, 3)
    charge.tell("Updated", 4)
    charge.tell("Updated", 5)
    charge.ended()
    assert charge.told() == (3000, ["added_up"])
    page = as_ada.get(reverse("transaction", args=[one(charge.tx).pk])).content.decode()
    assert "added up from values per phase" in page
    assert "by the meter at start and end" not in page
    assert "sent none" not in page


def test_the_capitals_of_an_id_do_not_matter(wire: Wire) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), tx="case", evse=EVSE, idToken=TOKEN)
    tell(wire, "Updated", 1, value(500), tx="CASE")
    tell(wire, "Ended", 2, value(900, "Transaction.End"), tx="Case")
    tell(wire, "Ended", 2, value(900, "Transaction.End"), tx="CASE")
    assert list(Transaction.objects.values_list("transaction_id", "meter_stop")) == [("case", 900)]


# -- what people read of it ---------------------------------------------------------------------------------------------------------------


def test_pages_say_it_in_the_words_of_the_station(wire: Wire, tree: Tree, as_bob: Client) -> None:
    assert wire.call("Dance", {}) == "NotImplemented"
    assert wire.call("StatusNotification", {"connectorStatus": "Asleep", "evseId": 2, "connectorId": 1}) == "PropertyConstraintViolation"
    told = wire.call("StatusNotification", {"connectorStatus": "Faulted", "evseId": 2, "connectorId": 2, "timestamp": now()})
    assert told == {}
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, idToken=STRANGER, offline=True)
    tell(wire, "Ended", 1, value(900, "Transaction.End"))
    until(lambda: Station.objects.get(pk=tree.station.pk).connected)
    station = Station.objects.select_related("location__organization").get(pk=tree.station.pk)
    command = ask(actor=None, station=station, intent=Start(TOKEN["idToken"], 102))
    assert title_of(command, values=True) == "Start charging at connector 2-2"
    overview = as_bob.get(reverse("station", args=[station.pk])).content.decode()
    assert "Connector 2-2" in overview
    assert "Connector 102" not in overview
    assert reverse("station_manners", args=[station.pk]) in overview
    page = as_bob.get(reverse("station_manners", args=[station.pk])).content.decode()
    assert "NotImplemented: Dance" in page
    assert "PropertyConstraintViolation: connectorStatus is a word that OCPP does not have" in page
    assert "AuthCtrlr/OfflineTxForUnknownIdEnabled" in str(advice(one())[0].what_now)


def test_an_evse_is_asked_once_for_its_schedule_and_an_empty_answer_tells_none(wire: Wire, tree: Tree, as_ada: Client) -> None:
    for connector in (1, 2):
        wire.call("StatusNotification", {"connectorStatus": "Available", "evseId": 1, "connectorId": connector, "timestamp": now()})
    until(lambda: Station.objects.get(pk=tree.station.pk).connected)
    as_ada.post(reverse("station_profiles_ask", args=[tree.station.pk]), {"what": "schedule"})
    asked = Command.objects.filter(station=tree.station, action="GetCompositeSchedule")
    evses = [one.payload["evseId"] for one in asked]
    assert len(evses) == len(set(evses)) > 0
    wire.answer(wire.expect_call()[0], {"status": "Accepted"})
    until(lambda: asked.filter(state="accepted").exists())
    page = as_ada.get(reverse("station_profiles", args=[tree.station.pk])).content.decode()
    assert "it told no schedule" in page


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("NotifyEvent", {"generatedAt": "", "seqNo": 0, "eventData": [{}] * 60_000}),
        ("ReportChargingProfiles", {"requestId": 1, "evseId": 1, "chargingLimitSource": "CSO", "chargingProfile": [{}] * 60_000}),
        ("Authorize", {"idToken": {"idToken": "A", "type": "Central", "additionalInfo": [{}] * 60_000}}),
    ],
)
def test_of_very_many_faults_the_first_is_found(action: str, payload: dict[str, Any]) -> None:
    """All of them would take half a minute, in which no other station is heard."""
    checker = schemas.validator("v201", action)
    assert checker is not None
    assert len(schemas.errors(checker, payload, 100)) == 1
    faults: list[str] = []
    with suppress(OcppError):
        versions.reader("2.0.1").read(action, payload, faults)
    assert len(faults) == 1
