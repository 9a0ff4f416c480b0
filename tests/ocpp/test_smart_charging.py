"""Charging profiles over the wire, in both versions, and the controller that sends them. Named by the alliance's test cases of 1.6 and the
use cases of 2.0.1, block K."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from stations.actions import ask
from stations.capacity import control
from stations.models import CapacityPlan, CapacityShare, Command, Connector, ExternalLimit, Location, Station, StationProfile, Transaction
from stations.ocpp import profiles
from stations.ocpp.intents import ClearProfile, GetProfiles, GetSchedule, Intent, SetProfile, Start
from stations.ocpp.profiles import Profile, Step
from stations.ocpp.versions import speaker
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines

LIMIT = Profile(1, profiles.DEFAULT, (Step(0, 16.0), Step(3600, 6.0)), level=1)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def one(wire: Wire) -> Wire:
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    return wire


@pytest.fixture
def two(gateway: Gateway) -> Wire:
    found = gateway.connect(subprotocols=["ocpp2.0.1"])
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    return found


def wish(intent: Intent) -> Command:
    return ask(actor=None, station=Station.objects.select_related("location__organization").get(identity="LUM-0001"), intent=intent)


def said(wire: Wire, intent: Intent, action: str, answer: Any) -> tuple[Any, Command]:
    """The payload that goes out, and the command once it was answered."""
    command = wish(intent)
    message_id, name, payload = wire.expect_call()
    assert name == action
    wire.answer(message_id, answer)
    until(lambda: Command.objects.get(pk=command.pk).answered_at)
    command.refresh_from_db()
    return payload, command


def started(wire: Wire) -> Transaction:
    now = timezone.now().isoformat()
    answer = wire.call("StartTransaction", {"connectorId": 1, "idTag": CARD, "meterStart": 0, "timestamp": now})
    wire.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    return Transaction.objects.get(transaction_id=str(answer["transactionId"]))


def test_tc_056_central_smart_charging_tx_default_profile(one: Wire) -> None:
    payload, command = said(one, SetProfile(1, LIMIT), "SetChargingProfile", {"status": "Accepted"})
    told = payload["csChargingProfiles"]
    assert (payload["connectorId"], told["chargingProfilePurpose"], told["chargingProfileKind"]) == (1, "TxDefaultProfile", "Absolute")
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 3600, "limit": 6}]
    assert told["chargingSchedule"] == {"chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    row = StationProfile.objects.get(station__identity="LUM-0001")
    assert (command.state, row.profile_id, row.steps) == ("accepted", 1, [[0, 16.0, None], [3600, 6.0, None]])
    _payload, command = said(one, SetProfile(1, LIMIT._replace(id=2, level=0)), "SetChargingProfile", {"status": "NotSupported"})
    assert (command.state, StationProfile.objects.count()) == ("rejected", 1)


def test_tc_057_central_smart_charging_tx_profile(one: Wire) -> None:
    running = started(one)
    wanted = Profile(5, profiles.TRANSACTION, (Step(0, 7.25, 1),), start=AT, duration=600, transaction_id=running.transaction_id)
    payload, _command = said(one, SetProfile(1, wanted), "SetChargingProfile", {"status": "Accepted"})
    told = payload["csChargingProfiles"]
    assert told["transactionId"] == int(running.transaction_id)
    assert told["chargingSchedule"] == {
        "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7.2, "numberPhases": 1}],
        "startSchedule": "2026-11-22T12:00:00Z", "duration": 600,
    }  # fmt: skip


def test_tc_059_remote_start_with_charging_profile(one: Wire) -> None:
    wanted = Profile(5, profiles.TRANSACTION, (Step(0, 4000.0),), "W", kind=profiles.RELATIVE)
    payload, _command = said(one, Start(CARD, 1, wanted), "RemoteStartTransaction", {"status": "Accepted"})
    told = payload["chargingProfile"]
    assert (told["chargingProfilePurpose"], told["chargingProfileKind"]) == ("TxProfile", "Relative")
    assert told["chargingSchedule"]["chargingRateUnit"] == "W"
    assert "transactionId" not in told


def test_tc_066_get_composite_schedule(one: Wire) -> None:
    answer = {
        "status": "Accepted", "connectorId": 1, "scheduleStart": "2026-11-22T12:00:00Z",
        "chargingSchedule": {"duration": 300, "chargingRateUnit": "A", "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16.0}, {"startPeriod": 60, "limit": 6.0}]},
    }  # fmt: skip
    payload, command = said(one, GetSchedule(1, 300, "A"), "GetCompositeSchedule", answer)
    assert payload == {"connectorId": 1, "duration": 300, "chargingRateUnit": "A"}
    composed = speaker("1.6").schedule(command.answer)
    assert composed is not None
    assert composed == (AT, 300, "A", (Step(0, 16.0), Step(60, 6.0)))
    assert [step.limit if (step := composed.at(at)) else None for at in (0, 59, 60, 299, 300)] == [16, 16, 6, 6, None]


def test_tc_067_clear_charging_profile(one: Wire) -> None:
    for number in (1, 2):
        said(one, SetProfile(number, LIMIT._replace(id=number)), "SetChargingProfile", {"status": "Accepted"})
    payload, command = said(one, ClearProfile(1), "ClearChargingProfile", {"status": "Accepted"})
    assert (payload, command.state) == ({"id": 1}, "accepted")
    assert [row.profile_id for row in StationProfile.objects.all()] == [2]
    payload, command = said(
        one, ClearProfile(connector=2, purpose=profiles.DEFAULT, level=1), "ClearChargingProfile", {"status": "Unknown"}
    )
    assert payload == {"connectorId": 2, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
    assert not StationProfile.objects.exists(), "what is not there is gone"


@pytest.mark.parametrize(("purpose", "named"), [(profiles.DEFAULT, "TxDefaultProfile"), (profiles.STATION, "ChargingStationMaxProfile")])
def test_k01_k02_k03_set_charging_profile(two: Wire, purpose: str, named: str) -> None:
    wanted = LIMIT._replace(purpose=purpose, kind=profiles.DAILY, start=AT, valid_until=AT + timedelta(days=3))
    payload, _command = said(two, SetProfile(0, wanted), "SetChargingProfile", {"status": "Accepted"})
    told = payload["chargingProfile"]
    assert (payload["evseId"], told["chargingProfilePurpose"], told["recurrencyKind"]) == (0, named, "Daily")
    assert told["validTo"] == "2026-11-25T12:00:00Z"
    assert told["chargingSchedule"][0]["startSchedule"] == "2026-11-22T12:00:00Z"
    assert StationProfile.objects.get().purpose == purpose


def test_k05_remote_start_with_charging_profile(two: Wire) -> None:
    payload, _command = said(
        two, Start(CARD, 1, LIMIT._replace(purpose=profiles.TRANSACTION)), "RequestStartTransaction", {"status": "Accepted"}
    )
    assert payload["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"


def test_k08_get_composite_schedule(two: Wire) -> None:
    schedule = {
        "evseId": 1, "duration": 600, "scheduleStart": "2026-11-22T12:00:00Z", "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000.0}],
    }  # fmt: skip
    _payload, command = said(two, GetSchedule(1, 600), "GetCompositeSchedule", {"status": "Accepted", "schedule": schedule})
    assert speaker("2.0.1").schedule(command.answer) == (AT, 600, "W", (Step(0, 11000.0),))
    _payload, command = said(two, GetSchedule(9, 600), "GetCompositeSchedule", {"status": "Rejected"})
    assert (command.state, speaker("2.0.1").schedule(command.answer)) == ("rejected", None)


def test_k09_get_and_report_charging_profiles(two: Wire) -> None:
    said(two, SetProfile(1, LIMIT), "SetChargingProfile", {"status": "Accepted"})
    payload, command = said(two, GetProfiles(77), "GetChargingProfiles", {"status": "Accepted"})
    assert payload == {"requestId": 77, "chargingProfile": {}}
    assert (command.state, StationProfile.objects.count()) == ("accepted", 0)
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]}
    told = {"id": 3, "stackLevel": 0, "chargingProfilePurpose": "ChargingStationExternalConstraints", "chargingProfileKind": "Absolute",
            "chargingSchedule": [schedule]}  # fmt: skip
    report = {"requestId": 77, "chargingLimitSource": "EMS", "evseId": 1, "chargingProfile": [told, told | {"id": 10**30}]}
    assert two.call("ReportChargingProfiles", report) == {}
    row = StationProfile.objects.get()
    assert (row.profile_id, row.purpose, row.source, row.reported, row.report) == (3, profiles.EXTERNAL, "EMS", True, 77)
    _payload, command = said(two, GetProfiles(78), "GetChargingProfiles", {"status": "NoProfiles"})
    assert (command.state, StationProfile.objects.count()) == ("accepted", 0)
    said(two, SetProfile(1, LIMIT), "SetChargingProfile", {"status": "Accepted"})
    early = wish(GetProfiles(79))
    message_id, _name, _payload = two.expect_call()
    assert two.call("ReportChargingProfiles", report | {"requestId": 79, "chargingProfile": [told]}) == {}
    two.answer(message_id, {"status": "Accepted"})  # which comes after the report
    until(lambda: Command.objects.get(pk=early.pk).answered_at)
    assert [(row.profile_id, row.report) for row in StationProfile.objects.all()] == [(3, 79)]


def test_k10_clear_charging_profile(two: Wire) -> None:
    said(two, SetProfile(1, LIMIT), "SetChargingProfile", {"status": "Accepted"})
    payload, _command = said(two, ClearProfile(purpose=profiles.DEFAULT), "ClearChargingProfile", {"status": "Accepted"})
    assert payload == {"chargingProfileCriteria": {"chargingProfilePurpose": "TxDefaultProfile"}}
    assert not StationProfile.objects.exists()


def test_k11_k12_k13_limits_of_others(two: Wire, tree: Tree) -> None:
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]}
    limit = {"chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": True}, "chargingSchedule": [schedule], "evseId": 1}
    assert two.call("NotifyChargingLimit", limit) == {}
    assert two.call("NotifyChargingLimit", limit) == {}
    row = ExternalLimit.objects.get()
    assert (row.station, row.connector_number, row.source, row.critical, row.steps) == (tree.station, 1, "EMS", True, [[0, 10.0, None]])
    for number in range(1, 60):
        two.call("NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "SO"}, "evseId": number})
    assert ExternalLimit.objects.count() <= ExternalLimit.MOST
    assert two.call("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 1}) == {}
    assert not ExternalLimit.objects.filter(source="EMS").exists()


def test_k15_k16_what_a_car_asks_for(two: Wire, tree: Tree) -> None:
    needs = {"requestedEnergyTransfer": "AC_three_phase", "acChargingParameters": {
        "energyAmount": 20000, "evMinCurrent": 6, "evMaxCurrent": 13, "evMaxVoltage": 230}}  # fmt: skip
    assert two.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}) == {"status": "Rejected"}
    plan_of(tree.location, 40)
    CapacityShare.objects.create(connector=tree.connector)
    assert two.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}) == {"status": "Processing"}
    share = CapacityShare.objects.get()
    assert (share.car_maximum, share.car_energy) == (13, 20000)
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]}
    said_of_it = {"timeBase": AT.isoformat(), "evseId": 1, "chargingSchedule": schedule}
    assert two.call("NotifyEVChargingSchedule", said_of_it) == {"status": "Accepted"}


def plan_of(location: Location, amperes: int) -> CapacityPlan:
    Station.objects.filter(identity="LUM-0002").update(active=False)
    return CapacityPlan.objects.create(location=location, limit_l1=amperes, limit_l2=amperes, limit_l3=amperes)


def begun(wire: Wire) -> Transaction:
    """One with an id of the station's own."""
    wire.call("StatusNotification", {"timestamp": AT.isoformat(), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1})
    now, connector = timezone.now(), Connector.objects.get(station__identity="LUM-0001", number=1)
    return Transaction.objects.create(
        station=connector.station, connector=connector, transaction_id="T-1", id_tag=CARD, verdict="Accepted", started_at=now,
        reported_start="", start_received_at=now, meter_start=0,
    )  # fmt: skip


@pytest.mark.parametrize(("subprotocol", "begin"), [("ocpp1.6", started), ("ocpp2.0.1", begun)])
def test_the_controller_gives_a_default_and_then_a_share(
    gateway: Gateway, tree: Tree, subprotocol: str, begin: Callable[[Wire], Any]
) -> None:
    wire = gateway.connect(subprotocols=[subprotocol])
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    plan = plan_of(tree.location, 40)
    control.run()
    assert wire.silent(), "not right after it has connected"
    Station.objects.update(connected_at=timezone.now() - timedelta(hours=1))
    names = ("chargingProfile", "csChargingProfiles")

    def profile(accept: str = "Accepted") -> Any:
        message_id, action, payload = wire.expect_call()
        assert action == "SetChargingProfile"
        wire.answer(message_id, {"status": accept})
        until(lambda: not Command.objects.filter(state__in=Command.OPEN).exists())
        return next(payload[name] for name in names if name in payload), payload

    def look() -> None:
        CapacityPlan.objects.filter(pk=plan.pk).update(next_at=timezone.now())
        control.run()

    def limits(told: Any) -> list[Any]:
        schedule = told["chargingSchedule"]
        schedule = schedule[0] if isinstance(schedule, list) else schedule
        return [(one["startPeriod"], one["limit"]) for one in schedule["chargingSchedulePeriod"]]

    look()
    told, _payload = profile()
    assert (told["chargingProfilePurpose"], told["chargingProfileKind"]) == ("TxDefaultProfile", "Relative")
    assert limits(told) == [(0, 0), (600, 6)], "a newcomer waits for its share, and has the safe value where nobody gives it one"
    begin(wire)
    look()
    told, payload = profile()
    assert told["chargingProfilePurpose"] == "TxProfile"
    assert limits(told) == [(0, 16), (660, 6)]
    assert (payload.get("connectorId") or payload["evseId"]) == 1
    look()
    share = CapacityShare.objects.get(connector__station=tree.station, connector__number=1)
    assert (share.granted, share.bound, share.why) == (16, 16, "all")
    assert share.transaction == Transaction.objects.get()
