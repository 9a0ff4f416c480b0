"""The pages of smart charging: what is set at a location, who gets what and why, the profiles of a station."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.actions import set_capacity
from stations.capacity import charts, control, own, picture, record
from stations.models import (
    CapacityHours,
    CapacityLoad,
    CapacityPlan,
    CapacityShare,
    CapacityUse,
    Command,
    Connector,
    StationProfile,
)
from stations.ocpp import profile_reading
from stations.ocpp.profiles import Schedule, Step
from stations.pages import schedule_chart
from tests.conftest import Tree
from tests.stations.sheets import charging, online

pytestmark = pytest.mark.django_db

LIMIT = {"active": "on", "limit_l1": "63", "limit_l2": "63", "limit_l3": "40", "margin": "3", "minimum": "6", "safe": ""}


def page(client: Client, name: str, pk: int, **query: str) -> str:
    answer = client.get(reverse(name, args=[pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Client, name: str, *arguments: Any, **values: Any) -> str:
    return client.post(reverse(name, args=arguments), values, follow=True).content.decode()


def test_the_limit_is_set_and_what_does_not_fit_is_said_beside_its_field(as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    assert "Set the limit" in page(as_bob, "location_capacity", tree.location.pk)
    refused = post(as_bob, "location_capacity_edit", tree.location.pk, **LIMIT | {"safe": "25"})
    assert "2 connectors on L3 would take 50 A, and 37 A is the lowest limit of the week. At most 18 A fits" in refused
    assert 'value="25"' in refused
    one = post(as_bob, "location_capacity_edit", tree.location.pk, **LIMIT | {"limit_l3": "10", "safe": "10"})
    assert "only 0 is possible" in one
    assert "With less than the minimum current" in post(as_bob, "location_capacity_edit", tree.location.pk, **LIMIT | {"safe": "4"})
    assert "nothing is left" in post(as_bob, "location_capacity_edit", tree.location.pk, **LIMIT | {"margin": "40"})
    assert not CapacityPlan.objects.exists()
    assert "Who gets what now" in post(as_bob, "location_capacity_edit", tree.location.pk, **LIMIT)
    plan = CapacityPlan.objects.get(location=tree.location)
    assert plan.limits == (60, 60, 37)
    assert "It ends when it begins." in post(
        as_bob, "location_capacity_hours", tree.location.pk, days=["0"], begins="17:00", ends="17:00", limit="20"
    )
    shown = post(as_bob, "location_capacity_hours", tree.location.pk, days=["0", "4"], begins="17:00", ends="20:30", limit="20")
    assert "Monday, Friday" in shown
    hours = CapacityHours.objects.get()
    assert hours.rule.limit == 17, "the margin is kept free of it, too"
    CapacityHours.objects.update(days="0123456", begins="00:00", ends="12:00")
    later = CapacityHours.objects.create(plan=plan, days="0123456", begins="12:00", ends="00:00", limit=20)
    assert "3 A are kept free · now 17 A: hours with less" in page(as_bob, "location_capacity", tree.location.pk, part="live")
    later.delete()
    CapacityHours.objects.update(limit=2)
    again = post(as_bob, "location_capacity_hours", tree.location.pk, days=list("0123456"), begins="12:00", ends="00:00", limit="8")
    assert again.count("No car can charge in these hours: 5 A are less") == 1
    assert "no car can charge" in again
    assert "goes from 6 A to 0 A" in again
    CapacityHours.objects.exclude(pk=hours.pk).delete()
    post(as_bob, "capacity_hours_delete", hours.pk)
    assert not CapacityHours.objects.exists()


def test_who_gets_what_and_why(as_bob: Client, tree: Tree) -> None:
    online(tree.station, first_connected_at=timezone.now() - timedelta(days=2), booted_at=None)
    charging(tree.station, 1)
    plan = set_capacity(actor=None, location=tree.location, limit_l1=40, limit_l2=40, limit_l3=40)
    control.look(plan.pk, timezone.now())
    shown = page(as_bob, "location_capacity", tree.location.pk)
    assert "No limit yet" in shown
    assert "Being set up" in shown
    assert "more than the limit" not in shown, "nobody has answered yet"
    assert "Nothing has been recorded yet." in shown or "in all" in shown
    assert Command.objects.filter(origin=own.ORIGIN).exists()
    Command.objects.filter(action="SetChargingProfile").update(
        state="rejected", answer={"status": "NotSupported"}, answered_at=timezone.now()
    )
    control.look(plan.pk, timezone.now())
    shown = page(as_bob, "location_capacity", tree.location.pk, part="live")
    assert "Refuses limits" in shown
    assert "Its answer: NotSupported." in shown
    listed = as_bob.get(reverse("locations")).content.decode()
    assert "of 40 A" in listed
    connector = tree.connector
    post(as_bob, "connector_capacity", tree.station.pk, connector.pk, priority="4", rotation="STR")
    share = CapacityShare.objects.get(connector=connector)
    assert (share.priority, share.rotation) == (4, "STR")


def test_the_usage_of_a_day_in_chart_and_file(as_bob: Client, as_dan: Client, tree: Tree) -> None:
    set_capacity(actor=None, location=tree.location, limit_l1=40, limit_l2=40, limit_l3=40)
    at = datetime(2026, 11, 18, 10, tzinfo=UTC)
    for number in range(3):
        moment = at + timedelta(minutes=5 * number)
        CapacityUse.objects.create(
            location=tree.location, connector=tree.connector, at=moment, seconds=300, granted=16 * 300, measured=14 * 300, energy=805
        )
        CapacityLoad.objects.create(location=tree.location, at=moment, seconds=300, limit=40, l1=14 * 300)
    assert "2.4" in page(as_bob, "location_capacity", tree.location.pk, day="2026-11-18")
    drawn = as_bob.get(reverse("location_capacity_plot", args=[tree.location.pk]), {"day": "2026-11-18", "phase": "l2"}).json()
    assert (drawn["names"], drawn["amperes"], drawn["granted"], drawn["limit"]) == (["Gate · 1"], [[14] * 3], [16] * 3, [40] * 3)
    sent = as_bob.get(reverse("location_capacity_csv", args=[tree.location.pk]), {"day": "2026-11-18"})
    lines = b"".join(sent.streaming_content).decode().splitlines()  # type: ignore[arg-type]
    assert lines[1] == "2026-11-18T11:00:00+01:00,LUM-0001,1,16.0,14.0,0.805,40.0"
    assert as_dan.get(reverse("location_capacity_plot", args=[tree.location.pk])).status_code == 404
    # One that charges half of the time and another that does then: never more than the limit together
    other = Connector.objects.exclude(pk=tree.connector.pk).get(station=tree.station, number__gt=0)
    half = {"location": tree.location, "at": at + timedelta(hours=1), "seconds": 150, "granted": 40 * 150, "measured": 40 * 150}
    for connector in (tree.connector, other):
        CapacityUse.objects.create(connector=connector, energy=1, **half)
    CapacityLoad.objects.create(location=tree.location, at=half["at"], seconds=300, limit=39.99999999999999, l1=40 * 300)
    drawn = as_bob.get(reverse("location_capacity_plot", args=[tree.location.pk]), {"day": "2026-11-18"}).json()
    assert (sum(one[-1] for one in drawn["amperes"]), drawn["granted"][-1], drawn["limit"][-1]) == (40, 40, 40)
    sent = as_bob.get(reverse("location_capacity_csv", args=[tree.location.pk]), {"day": "2026-11-18"})
    assert b"".join(sent.streaming_content).decode().splitlines()[-1].endswith(",20.0,20.0,0.001,40.0")  # type: ignore[arg-type]
    CapacityUse.objects.filter(at__gt=at).delete()
    CapacityUse.objects.update(at=at - timedelta(days=365))
    record.forget_old()
    assert not CapacityUse.objects.exists()


def test_it_costs_the_same_queries_with_many_connectors(as_bob: Client, tree: Tree, django_assert_max_num_queries: Any) -> None:
    plan = set_capacity(actor=None, location=tree.location, limit_l1=400, limit_l2=400, limit_l3=400)
    online(tree.station)
    control.look(plan.pk, timezone.now())
    Connector.objects.bulk_create([Connector(station=tree.station, number=number) for number in range(3, 30)])
    control.look(plan.pk, timezone.now())
    with django_assert_max_num_queries(12):
        picture.take(CapacityPlan.objects.select_related("location").get(pk=plan.pk), timezone.now())
    with django_assert_max_num_queries(32):
        page(as_bob, "location_capacity", tree.location.pk)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_the_profiles_of_a_station(as_bob: Client, as_cy: Client, tree: Tree, version: str) -> None:
    online(tree.station, ocpp_version=version)
    shown = page(as_bob, "station_profiles", tree.station.pk)
    assert ("Ask for its profiles" in shown) is (version == "2.0.1")
    post(as_bob, "station_profiles_ask", tree.station.pk, what="schedule", connector="1")
    command = Command.objects.get(action="GetCompositeSchedule")
    told = {"duration": 600, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 13.0}]}
    answer = {"status": "Accepted", "chargingSchedule": told} if version == "1.6" else {
        "status": "Accepted", "schedule": told | {"evseId": 1, "scheduleStart": "2026-11-22T12:00:00Z"}}  # fmt: skip
    Command.objects.filter(pk=command.pk).update(state="accepted", answer=answer, answered_at=timezone.now())
    shown = page(as_cy, "station_profiles", tree.station.pk)
    assert "<strong>13 A per phase</strong>" in shown
    assert "before the limits were changed" not in shown
    assert "Set a limit" not in shown
    limit = {"connector": "1", "purpose": "TxProfile", "limit": "10", "unit": "A", "kind": "absolute", "level": "1"}
    assert "Nothing charges there now" in post(as_bob, "station_profiles_set", tree.station.pk, **limit)
    for wrong, said in (
        ({"connector": "0"}, "A running charge is limited where it runs."),
        ({"purpose": "TxDefaultProfile", "hours": "0"}, "Enter more than 0 hours."),
        ({"purpose": "TxDefaultProfile", "starts_at": "2020-01-01T10:00", "hours": "2"}, "it is over already"),
        ({"purpose": "TxDefaultProfile", "starts_at": "2050-01-01T10:00", "valid_until": "2050-01-01T09:00"}, "It begins only then"),
    ):
        assert said in post(as_bob, "station_profiles_set", tree.station.pk, **limit | wrong)
    assert not Command.objects.filter(action="SetChargingProfile").exists()
    daily = limit | {"purpose": "TxDefaultProfile", "kind": "daily", "starts_at": "2026-11-22T17:00", "hours": "3"}
    post(as_bob, "station_profiles_set", tree.station.pk, **daily)
    taken = Command.objects.filter(action="SetChargingProfile")
    taken.update(state="accepted", answered_at=timezone.now())
    assert "Asked before the limits were changed; ask again." in page(as_bob, "station_profiles", tree.station.pk)
    payload = taken.get().payload
    profile = payload.get("csChargingProfiles") or payload["chargingProfile"]
    schedule = profile["chargingSchedule"] if version == "1.6" else profile["chargingSchedule"][0]
    assert (profile["recurrencyKind"], schedule["startSchedule"], schedule["duration"]) == ("Daily", "2026-11-22T16:00:00Z", 10800)
    StationProfile.objects.create(
        station=tree.station, connector_number=1, profile_id=7, purpose="TxDefaultProfile", kind="daily", unit="A", steps=[[0, 10.0, None]],
        duration=7200,
    )  # fmt: skip
    shown = page(as_bob, "station_profiles", tree.station.pk)
    assert ("10 A per phase" in shown, "for 2 h 00 min" in shown, ">Over<" in shown) == (True, True, False)
    StationProfile.objects.update(kind="absolute", start=timezone.now() - timedelta(hours=3))
    assert ">Over<" in page(as_bob, "station_profiles", tree.station.pk)
    post(as_bob, "station_profiles_clear", tree.station.pk, profile="7")
    assert (Command.objects.get(action="ClearChargingProfile").payload) in ({"id": 7}, {"chargingProfileId": 7})


def test_two_plugs_of_a_charging_point_have_one_schedule(as_bob: Client, tree: Tree) -> None:
    online(tree.station, ocpp_version="2.0.1")
    Connector.objects.create(station=tree.station, number=101)
    post(as_bob, "station_profiles_ask", tree.station.pk, what="schedule", connector="1")
    told = {"evseId": 1, "duration": 600, "scheduleStart": "2026-11-22T12:00:00Z", "chargingRateUnit": "W"}
    told |= {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 20000.0, "numberPhases": 1}]}
    Command.objects.update(state="accepted", answer={"status": "Accepted", "schedule": told}, answered_at=timezone.now())
    shown = page(as_bob, "station_profiles", tree.station.pk)
    assert "Charging point 1 (connectors 1, 1-2)" in shown
    assert (shown.count("<strong>20.0\N{NO-BREAK SPACE}kW</strong>"), shown.count("with 1 phase ")) == (1, 1)
    assert "Ask for the charging schedule of charging point (EVSE) 1:" in shown
    Connector.objects.update(plug="CCS2")
    assert "with 1 phase" not in page(as_bob, "station_profiles", tree.station.pk)
    charging(tree.station, 101)
    limit = {"purpose": "TxProfile", "limit": "10", "unit": "A", "kind": "absolute", "level": "1"}
    assert '<option value="101"' not in page(as_bob, "station_profiles_set", tree.station.pk)
    post(as_bob, "station_profiles_set", tree.station.pk, connector="1", **limit)
    payload = Command.objects.get(action="SetChargingProfile").payload
    running = tree.station.transactions.get(ended_at=None).transaction_id
    assert (payload["evseId"], payload["chargingProfile"]["transactionId"]) == (1, running)


def test_schedules_of_a_station_are_drawn_on_one_scale_with_times() -> None:
    start, zone = datetime(2026, 11, 22, 23, tzinfo=UTC), ZoneInfo("UTC")
    low = Schedule(start, None, "W", (Step(0, 6400.0),))
    high = Schedule(start, 7200, "W", (Step(0, 40000.0), Step(60, 0.0), Step(3600, 20000.0)))
    most = schedule_chart.highest([low, None, high])
    one, two = (schedule_chart.drawn(each, most["W"], 6 * 3600, zone, start) for each in (low, high))
    assert (
        [tick.text for tick in one.values]
        == ["0\N{NO-BREAK SPACE}kW", "20\N{NO-BREAK SPACE}kW", "40\N{NO-BREAK SPACE}kW"]
        == [tick.text for tick in two.values]
    )
    assert (one.bars[0].height, [bar.height for bar in two.bars]) == ("16.0", ["100.0", "1.0", "50.0"])
    assert [tick.text for tick in two.times] == ["23:00", "00:00", "01:00"], "no room for the one after a minute"
    assert one.bars[0].times == "23:00 – 23 Nov 05:00"
    periods = [{"startPeriod": 0, "limit": 6}]
    told = {"scheduleStart": "9999-12-31T23:59:59Z", "duration": -5, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    read = profile_reading.composed({"schedule": told})
    assert read is not None
    assert schedule_chart.drawn(read, 6, 6 * 3600, zone, start).bars[0].times == "0:00 h – 6:00 h", "what makes no sense is left out"


def test_the_priority_of_a_pass_goes_before_that_of_the_connector(tree: Tree) -> None:
    online(tree.station)
    running = charging(tree.station, 1)
    type(running).objects.filter(pk=running.pk).update(pass_key=tree.charge_pass.pk)
    plan = set_capacity(actor=None, location=tree.location, limit_l1=40, limit_l2=40, limit_l3=40)

    def weight() -> int:
        seen = picture.take(CapacityPlan.objects.select_related("location").get(pk=plan.pk), timezone.now())
        return next(seat.weight for seat in seen.seats if seat.transaction)

    assert weight() == 2
    type(tree.charge_pass).objects.update(priority=4)
    assert weight() == 4


def test_a_location_of_one_phase(as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    one = LIMIT | {"limit_l1": "25", "limit_l2": "", "limit_l3": "0", "margin": "2"}
    refused = post(as_bob, "location_capacity_edit", tree.location.pk, **one | {"safe": "12"})
    assert "2 connectors on L1 would take 24 A, and 23 A" in refused
    shown = post(as_bob, "location_capacity_edit", tree.location.pk, **one)
    assert "L1 25 A" in shown
    assert '<div class="subheader">L2</div>' not in shown
    nothing = post(as_bob, "location_capacity_edit", tree.location.pk, **one | {"limit_l1": "0"})
    assert "at least one phase" in nothing
    two = post(as_bob, "location_capacity_edit", tree.location.pk, **LIMIT | {"limit_l2": ""})
    assert "Enter all three limits, or L1 alone." in two


def test_where_capacity_is_shared_the_portal_s_own_profiles_are_left_alone(as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    set_capacity(actor=None, location=tree.location, limit_l1=40, limit_l2=40, limit_l3=40)
    limit = {"station": tree.station, "purpose": "TxDefaultProfile", "kind": "relative", "unit": "A", "steps": [[0, 0.0, None]]}
    StationProfile.objects.create(**limit, connector_number=0, profile_id=own.DEFAULT_ID, level=own.ASSUMED_LEVEL)
    StationProfile.objects.create(**limit, connector_number=1, profile_id=770010, level=1)
    shown = page(as_bob, "station_profiles", tree.station.pk)
    assert shown.count("Goes before the portal") == 1
    assert f"profile={own.DEFAULT_ID}" not in shown
    assert "profile=770010" in shown
    page(as_bob, "station_profiles_clear", tree.station.pk, profile=str(own.DEFAULT_ID))
    assert "would set it again at once" in post(as_bob, "station_profiles_clear", tree.station.pk, profile=str(own.DEFAULT_ID))
    values = {"connector": "0", "purpose": "TxDefaultProfile", "limit": "10", "unit": "A", "kind": "absolute", "level": "1"}
    assert "only the station as a whole can be limited" in post(as_bob, "station_profiles_set", tree.station.pk, **values)
    assert not Command.objects.filter(origin="").exists()
    post(as_bob, "station_profiles_set", tree.station.pk, **values | {"purpose": "ChargePointMaxProfile"})


def test_what_is_measured_above_the_limit_is_told(as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    plan = set_capacity(actor=None, location=tree.location, limit_l1=20, limit_l2=20, limit_l3=20)
    now = timezone.now()
    seen = {"begun": (now - timedelta(hours=1)).isoformat(), "limit": [20] * 3, "bound": [20] * 3, "measured": [47.7, 1, 1], "safe": 6}
    CapacityPlan.objects.filter(pk=plan.pk).update(seen=seen, ran_at=now)
    shown = page(as_bob, "location_capacity", tree.location.pk)
    assert "More than the limit is measured on L1." in shown
    assert shown.count("fill-used fill-over") == 1
    CapacityPlan.objects.filter(pk=plan.pk).update(seen=seen | {"ahead": [63] * 3, "safe": 8})
    shown = page(as_bob, "location_capacity", tree.location.pk)
    assert "The limit has just been lowered" in shown, "the controller has not looked since"
    assert "More than the limit is measured" not in shown
    control.look(plan.pk, now)
    CapacityPlan.objects.filter(pk=plan.pk).update(seen=CapacityPlan.objects.get(pk=plan.pk).seen | {"measured": [47.7, 1, 1]})
    assert "The limit has just been lowered" in page(as_bob, "location_capacity", tree.location.pk)
    control.look(plan.pk, now + timedelta(minutes=2))
    assert CapacityPlan.objects.get(pk=plan.pk).seen["lowered"] == now.isoformat(), "not lowered again"
    begins, ends = ((now + timedelta(hours=by)).astimezone(tree.location.zone) for by in (-1, 1))
    added = {"days": list("0123456"), "begins": f"{begins:%H:%M}", "ends": f"{ends:%H:%M}", "limit": "9"}
    assert "These hours hold already." in post(as_bob, "location_capacity_hours", tree.location.pk, **added)


def test_a_connector_keeps_its_colour_and_the_limit_is_a_mean(tree: Tree) -> None:
    connectors = list(Connector.objects.filter(station__location=tree.location, number__gt=0).order_by("station__identity", "number"))
    got = [charts.Got(one, float(energy), 1, 1, 1) for energy, one in enumerate(connectors)]
    assert charts.colours(tree.bob, tree.location, charts.drawn(got[::-1], "l1")) == list(range(len(got)))
    assert charts.colours(tree.bob, tree.location, got[1:]) == list(range(1, len(got)))
    online(tree.station)
    plan = set_capacity(actor=None, location=tree.location, limit_l1=20, limit_l2=20, limit_l3=0)
    at = datetime(2026, 11, 18, 10, tzinfo=UTC)
    for second, limit in ((30, 20), (60, 20), (90, 8), (120, 8)):
        CapacityPlan.objects.update(limit_l1=limit, limit_l2=limit)
        record.keep(picture.take(CapacityPlan.objects.select_related("location").get(pk=plan.pk), at + timedelta(seconds=second)))
    assert CapacityLoad.objects.get().limit == 14


def test_who_cannot_set_up_tls_is_told_whom_to_ask_and_cannot_choose_it(as_bob: Client, as_ada: Client, tree: Tree) -> None:
    online(tree.station)
    shown = page(as_bob, "station_security", tree.station.pk)
    assert shown.count("Ask the operator of the platform for it.") == 1
    assert "OCPP_TLS_PORT" not in shown
    assert "OCPP_TLS_PORT" in page(as_ada, "station_security", tree.station.pk)
    form = page(as_bob, "station_security_demand", tree.station.pk)
    assert form.count(" disabled>") == 3, "0, 2 and 3"
