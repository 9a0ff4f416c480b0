"""Stations that misbehave as back offices and makers of firmware report it: no kWh is lost, nothing else is harmed, and what they do is
told apart on their page."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from stations.gateway import endless
from stations.models import Connector, Deviation, MeterSample, Transaction, UnmatchedMessage
from stations.pages.manners import MEANINGS
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire
from tests.ocpp.test_messages import meter, now, start, stop
from tests.ocpp.test_transactions201 import EVSE, TOKEN, one, payload, tell, value
from tests.stations.sheets import text

pytestmark = pytest.mark.engines


@pytest.fixture
def wire201(gateway: Gateway) -> Wire:
    return gateway.connect(subprotocols=["ocpp2.0.1"])


def noticed() -> dict[str, int]:
    return {row.kind: row.count for row in Deviation.objects.filter(station__identity="LUM-0001")}


def connector() -> Connector:
    return Connector.objects.get(station__identity="LUM-0001", number=1)


def test_every_kind_has_words() -> None:
    assert MEANINGS.keys() == set(Deviation.Kind)


# -- OCPP 1.6 -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0, 2**63 - 1, None, "earlier"])
def test_values_under_a_wrong_id_are_of_the_only_charge_at_their_connector(wrong: Any, wire: Wire) -> None:
    earlier = start(wire, at=now(hours=-3))["transactionId"]
    stop(wire, earlier, 1000, at=now(hours=-2))
    number = start(wire)["transactionId"]
    meter(wire, {"value": "1500"}, transaction=earlier if wrong == "earlier" else wrong)
    meter(wire, {"value": "1400"}, {"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"}, transaction=wrong and 4711)
    row = Transaction.objects.get(transaction_id=str(number))
    assert (row.meter_last, row.problems, connector().power) == (1500, [], 7400)
    assert Transaction.objects.get(transaction_id=str(earlier)).meter_stop == 1000
    assert noticed() == {"other_id": 2}
    assert not UnmatchedMessage.objects.exists()
    stop(wire, number, 2000)
    row.refresh_from_db()
    assert (row.energy_wh, row.problems) == (1000, [])


def test_values_under_a_wrong_id_are_nobodys_where_it_is_not_clear(wire: Wire) -> None:
    """None runs at the connector, or two do, or they are measured by the clock."""
    first = start(wire)["transactionId"]
    wire.call("MeterValues", {"connectorId": 2, "transactionId": 0, "meterValue": [{"timestamp": now(), "sampledValue": [{"value": "9"}]}]})
    meter(wire, {"value": "1800", "context": "Sample.Clock"})
    assert UnmatchedMessage.objects.get().transaction_id == "0"
    start(wire, meter=1300)
    meter(wire, {"value": "1700"}, transaction=0)
    assert Transaction.objects.get(transaction_id=str(first)).meter_last is None
    assert UnmatchedMessage.objects.get().count == 2
    assert noticed() == {"unknown_transaction": 2, "no_end": 1}
    assert MeterSample.objects.count() == 3, "the numbers are kept with the connector"


@pytest.mark.parametrize(
    ("sampled", "kept"),
    [
        ({"value": "1.5", "unit": "kwh"}, 1500),
        ({"value": "1500", "measurand": "energy.active.import.register", "unit": "WH"}, 1500),
        ({"value": "1500", "context": "Periodic"}, 1500),
        ({"value": "1500", "location": "Cable", "format": "raw"}, 1500),
        ({"value": "1500", "unit": "MJ"}, None),
        ({"value": "1500", "phase": "A"}, None),
    ],
)
def test_words_of_meter_values_as_stations_spell_them(sampled: dict[str, Any], kept: int | None, wire: Wire) -> None:
    number = start(wire)["transactionId"]
    assert meter(wire, sampled, {"value": "230", "measurand": "Voltage"}, transaction=number) == {}
    assert Transaction.objects.get().meter_last == kept
    assert noticed() == {"mended": 1}


def test_one_value_without_its_list(wire: Wire) -> None:
    number = start(wire)["transactionId"]
    body = {"timestamp": "2024-04-16T17:28:55.000000001+02", "sampledValue": {"value": "1.5", "unit": "kWh"}}
    assert wire.call("MeterValues", {"connectorId": 1, "transactionId": str(number), "meterValue": body}) == {}
    assert Transaction.objects.get().meter_last == 1500
    assert stop(wire, number, 2000, transactionData=body) == {}
    assert Transaction.objects.get().energy_wh == 1000


def test_a_status_before_the_start_in_small_letters(wire: Wire) -> None:
    assert wire.call("StatusNotification", {"connectorId": 1, "status": "charging", "errorCode": "noerror"}) == {}
    assert (connector().status, connector().error_code) == ("Charging", "NoError")


def test_an_end_that_comes_again_and_again(wire: Wire) -> None:
    number, at = start(wire)["transactionId"], now()
    for reason in ("Local", "Remote", "Local", "Local", "Local"):
        assert stop(wire, number, 3000, at, reason=reason, idTag="") == {}
    row = Transaction.objects.get()
    assert (row.energy_wh, row.stop_reason, row.problems) == (2000, "Local", [])
    assert noticed() == {"repeated": 1}


@pytest.mark.parametrize("named", [{}, {"transactionId": None}, {"transactionId": ""}, {"transactionId": "abc"}, {"transactionId": 10**30}])
def test_an_end_of_no_transaction_is_kept_for_people(named: dict[str, Any], wire: Wire, as_ada: Client) -> None:
    """Never guessed: an end under any id would let one stop what another pays for."""
    start(wire)
    assert wire.call("StopTransaction", {"meterStop": 3000, "timestamp": now(), **named}) == {}
    assert Transaction.objects.get().running
    assert UnmatchedMessage.objects.get().transaction_id == "0"
    assert "3000" in as_ada.get(reverse("inbox"), {"show": "messages"}).content.decode()


@pytest.mark.parametrize(
    "more",
    [
        {"transactionData": [{"timestamp": "2026-01-02T03:04:05Z", "sampledValue": [{"value": str(number)}]} for number in range(3000)]},
        {f"extra{number}": ["x" * 300] * 20 for number in range(30)},
    ],
)
def test_a_very_long_end_of_no_transaction_is_kept_in_short(more: dict[str, Any], wire: Wire, as_ada: Client) -> None:
    assert wire.call("StopTransaction", {"transactionId": 4711, "meterStop": 3000, "timestamp": now(), **more}) == {}
    kept = UnmatchedMessage.objects.get().payload
    assert len(json.dumps(kept)) < 31_000
    assert (kept["meterStop"], kept["transactionData"][-1] if "transactionData" in more else None) == (
        3000, more["transactionData"][-1] if "transactionData" in more else None,
    )  # fmt: skip
    page = as_ada.get(reverse("inbox"), {"show": "messages"}).content.decode()
    assert "The whole message is in the station" in page
    assert "3000" in page


def test_an_end_whose_meter_is_nothing(wire: Wire) -> None:
    number = start(wire)["transactionId"]
    meter(wire, {"value": "2500"}, transaction=number)
    stop(wire, number, 0)
    row = Transaction.objects.get()
    assert (row.billable, row.to_review, row.meter_last) == (False, True, 2500), "what was measured is there for who corrects it"


def test_starts_of_the_same_charge_with_other_times(wire: Wire, tree: Tree) -> None:
    numbers = {start(wire, at=now(seconds=-9 + each))["transactionId"] for each in range(3)}
    row = Transaction.objects.get()
    assert (numbers, row.problems, noticed()) == ({int(row.transaction_id)}, [], {"repeated": 2})
    meter(wire, {"value": "1500"}, transaction=row.pk)
    assert start(wire)["transactionId"] not in numbers, "energy has flowed: it is another one"
    assert stop(wire, max(numbers), 3000) == {}
    assert noticed()["no_end"] == 1


def test_charges_without_end_are_bounded_and_no_kwh_is_lost(wire: Wire, monkeypatch: pytest.MonkeyPatch, as_ada: Client) -> None:
    monkeypatch.setattr(endless, "MOST_OPEN", 3)
    keys = []
    for number in range(5):
        keys.append(start(wire, meter=1000 * number)["transactionId"])
        meter(wire, {"value": str(1000 * number + 400)}, transaction=keys[-1])
    rows = list(Transaction.objects.order_by("pk"))
    assert [row.running for row in rows] == [False, False, True, True, True]
    assert [(row.energy_wh, row.problems, row.reviewed_at) for row in rows[:2]] == [(400, ["not_ended"], None)] * 2
    shown = text(as_ada.get(reverse("transaction", args=[rows[0].pk])).content.decode())
    assert "Closed by the portal with the last value that came" in shown
    assert "closed by hand" not in shown.lower()
    stop(wire, keys[0], 700)  # after all
    rows[0].refresh_from_db()
    assert (rows[0].energy_wh, rows[0].closed_by_hand, rows[0].problems) == (700, False, [])
    meter(wire, {"value": "1900"}, transaction=keys[1])
    rows[1].refresh_from_db()
    assert (rows[1].meter_last, "beyond_end" in rows[1].problems) == (1900, True)


def test_an_end_that_does_not_tell_its_meter(wire: Wire) -> None:
    number = start(wire)["transactionId"]
    meter(wire, {"value": "2500"}, transaction=number)
    body = {"transactionId": number, "timestamp": now()}
    for _ in range(2):
        assert wire.call("StopTransaction", body) == {}
    row = Transaction.objects.get()
    assert (row.running, row.energy_wh, row.problems) == (False, 1500, ["no_end_meter"])
    assert stop(wire, number, 2600) == {}
    assert noticed() == {"mended": 2, "other_end": 1}


@pytest.mark.parametrize("anew", [False, True])
def test_boots_in_a_loop(anew: bool, gateway: Gateway, tree: Tree, as_bob: Client) -> None:
    wire = gateway.connect()
    for _ in range(4):
        assert wire.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})["status"] == "Accepted"
        if anew:
            wire = gateway.connect()
    assert noticed() == {"boots": noticed()["boots"]} | ({"reconnects": 4} if anew else {})
    assert noticed()["boots"] >= 2
    page = as_bob.get(reverse("station_manners", args=[tree.station.pk])).content.decode()
    assert "Starts again and again" in page
    assert "Look at its supply of power" in page


# -- OCPP 2.0.1 -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [(0, 0, 0, 0), (4, 0, 1, 2), (0, 1, 1, 1)], ids=["constant", "restart", "stuck"])
def test_reports_that_are_numbered_wrongly_count_by_their_time(numbers: tuple[int, ...], wire201: Wire) -> None:
    tell(wire201, "Started", numbers[0], value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, at=now(minutes=-9))
    for each, wh in ((1, 1500), (2, 2000)):
        tell(wire201, "Updated", numbers[each], value(wh), state="Charging", at=now(minutes=-9 + each))
        assert one().meter_last == wh
    assert one().charging_state == "Charging"
    tell(wire201, "Ended", numbers[3], at=now())
    assert (one().energy_wh, one().running) == (1000, False)
    assert noticed()["numbering"] >= 1


def test_a_repeated_report_is_no_wrong_number(wire201: Wire, gateway: Gateway) -> None:
    tell(wire201, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN)
    again = payload("Updated", 1, value(1500), state="Charging")
    later = payload("Updated", 2, value(1600), state="SuspendedEV")
    for each in (again, later, again):
        wire201.call("TransactionEvent", each)
    assert (one().meter_last, one().charging_state, noticed()) == (1600, "SuspendedEV", {})
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    lost = payload("Updated", 2, value(1700))
    wire.call("TransactionEvent", lost)
    assert one().meter_last == 1700, "what was measured is true, whatever its number"


def test_the_id_of_an_earlier_charge_loses_neither(wire201: Wire, as_ada: Client) -> None:
    for wh in (1000, 5000):
        at = now(minutes=wh / 1000 - 9)
        tell(wire201, "Started", 0, value(wh, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, at=at)
        tell(wire201, "Ended", 1, value(wh + 2000, "Transaction.End"), at=now(minutes=wh / 1000 - 8))
    assert (one().energy_wh, one().problems) == (2000, [])
    kept = UnmatchedMessage.objects.order_by("pk")
    assert [(row.payload["eventType"], row.payload["meterValue"][0]["sampledValue"][0]["value"]) for row in kept] == [
        ("Started", 5000), ("Ended", 7000),
    ]  # fmt: skip
    assert noticed() == {"reused_id": 2}
    assert "began another charge as transaction T-1" in as_ada.get(reverse("inbox"), {"show": "messages"}).content.decode()


def test_a_charge_under_the_id_of_an_earlier_one_is_shown_and_nothing_of_it_counts_for_that(wire201: Wire) -> None:
    tell(wire201, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, at=now(minutes=-9))
    tell(wire201, "Ended", 2, at=now(minutes=-8))
    other: dict[str, Any] = {"evse": EVSE, "idToken": {"idToken": "SOMEBODY", "type": "ISO14443"}}
    tell(wire201, "Started", 0, value(5000, "Transaction.Begin"), state="Charging", at=now(minutes=-3), **other)
    tell(wire201, "Updated", 1, value(6000), state="SuspendedEV", at=now(minutes=-2))
    assert (connector().status, connector().energy_register) == ("SuspendedEV", 6000)
    assert (one().energy_wh, one().id_tag, one().problems, one().missing_reports) == (0, CARD, ["no_end_meter"], [1])
    tell(wire201, "Ended", 2, at=now(minutes=-1))
    assert [row.payload["eventType"] for row in UnmatchedMessage.objects.order_by("pk")] == ["Started", "Ended"]
    assert connector().status == "Finishing"


SOMEBODY = {"idToken": {"idToken": "SOMEBODY", "type": "ISO14443"}}


@pytest.mark.parametrize(
    ("begin", "other"),
    [
        ((5000, -3, {"evse": EVSE} | SOMEBODY), True),  # a charge after a loss of power, whose counter begins anew
        ((70000, -3, {"evse": {"id": 2, "connectorId": 1}, "idToken": TOKEN}), True),
        ((1000, -8, {"evse": EVSE, "idToken": TOKEN}), False),  # its own start, with the clock put right
    ],
)
def test_the_id_of_a_charge_that_goes_on(begin: tuple[float, float, Any], other: bool, wire201: Wire, gateway: Gateway) -> None:
    first = value(1000, "Transaction.Begin", now(minutes=-40))  # long before what it is told with
    tell(wire201, "Started", 0, first, evse=EVSE, idToken=TOKEN, state="Charging", at=now(minutes=-9))
    tell(wire201, "Updated", 1, value(2000), at=now(minutes=-8))
    meter, minute, more = begin
    tell(wire201, "Started", 0, value(meter, "Transaction.Begin"), state="Charging", at=now(minutes=minute), **more)
    tell(wire201, "Updated", 1, value(meter + 2000), at=now(minutes=-2))
    assert one().meter_last == (3000 if not other else 2000)
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    tell(wire, "Updated", 2, value(2500 if other else 3000), at=now(minutes=-7.5))  # from the queue of the first one
    tell(wire, "Ended", 3, value(meter + 3000, "Transaction.End"), at=now(minutes=-1))
    kept = [(row.payload["eventType"], row.transaction_id) for row in UnmatchedMessage.objects.order_by("pk")]
    assert kept == ([("Started", "T-1"), ("Ended", "T-1")] if other else [])
    assert (one().id_tag, one().running, one().energy_wh) == (CARD, other, 1500 if other else 3000)
    assert one().problems == (["not_ended"] if other else [])


def test_an_id_that_the_station_has_used_is_not_given_to_it_again(wire201: Wire, gateway: Gateway) -> None:
    tell(wire201, "Ended", 0, value(2000, "Transaction.End"), evse=EVSE, idToken=TOKEN, tx="counted")
    key = one("counted").pk
    for number in range(key + 6, key + 15):
        tell(wire201, "Ended", 0, value(2000, "Transaction.End"), evse=EVSE, idToken=TOKEN, tx=str(number))
    wire = gateway.connect()
    given = [start(wire, meter=meter)["transactionId"] for meter in (2000, 3000)]
    assert all(given)
    assert {one(str(given[0])).meter_start, one(str(given[1])).meter_start} == {2000, 3000}


def test_what_was_missing_mends_both_ends(wire201: Wire) -> None:
    tell(wire201, "Started", 0, state="EVConnected", evse=EVSE, idToken=TOKEN, at=now(minutes=-9))
    tell(wire201, "Updated", 2, value(4000), state="Charging", at=now(minutes=-7))
    assert (one().meter_start, one().problems) == (4000, ["no_start_meter"])
    tell(wire201, "Ended", 4, at=now(minutes=-1))
    assert one().problems == ["no_end_meter", "no_start_meter"]
    tell(wire201, "Updated", 3, value(6000), at=now(seconds=-90), offline=True)
    assert one().problems == ["no_start_meter"]
    first = {"state": "Charging", "triggerReason": "ChargingStateChanged", "offline": True}
    tell(wire201, "Updated", 1, value(1000), at=now(minutes=-8), **first)
    assert (one().energy_wh, one().problems, one().running) == (5000, [], False)


def test_a_late_value_above_the_end_is_flagged(wire201: Wire) -> None:
    tell(wire201, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, at=now(minutes=-9))
    tell(wire201, "Ended", 2, value(5000, "Transaction.End"), at=now(minutes=-1))
    tell(wire201, "Updated", 1, value(6000), at=now(minutes=-5), offline=True)
    assert (one().meter_stop, one().problems) == (5000, ["meter_fell"])


@pytest.mark.parametrize(("end", "problems"), [(101000, []), (105000, ["not_ended"])])
def test_no_energy_is_settled_twice_at_a_connector(end: int, problems: list[str], wire201: Wire) -> None:
    tell(wire201, "Started", 0, value(100000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, tx="D1", at=now(minutes=-9))
    tell(wire201, "Started", 0, value(101000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, tx="D2", at=now(minutes=-8))
    tell(wire201, "Ended", 1, value(105000, "Transaction.End"), tx="D2", at=now(minutes=-1))
    tell(wire201, "Ended", 1, value(end, "Transaction.End"), tx="D1", at=now(minutes=-1))
    assert (one("D1").problems, one("D2").problems, one("D1").running) == (problems, [], False)


def test_which_register_counts(wire201: Wire) -> None:
    """That of the outlet, the latest by its time, in any unit of energy that OCPP has or meters know."""
    tell(wire201, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, at=now(minutes=-9))
    inlet, mwh = value(900000, location="Inlet"), value(0.003, unitOfMeasure={"unit": "MWH"}, at=now(minutes=-5))
    tell(wire201, "Updated", 1, inlet, mwh, value(2000, at=now(minutes=-6)), value(7, unitOfMeasure={"unit": "MJ"}))
    assert (one().meter_last, one().problems, connector().energy_register) == (3000, [], 3000)


def test_values_of_an_evse_are_of_the_connector_that_charges(wire201: Wire) -> None:
    tell(wire201, "Started", 0, value(1000, "Transaction.Begin"), evse={"id": 1, "connectorId": 2}, idToken=TOKEN)
    wire201.call("MeterValues", {"evseId": 1, "meterValue": [value(3000, "Sample.Clock")]})
    wire201.call("MeterValues", {"evseId": 1, "meterValue": [value(2000, "Sample.Clock")]})
    assert (one().meter_last, one().problems) == (3000, [])
    assert MeterSample.objects.exclude(series__connector__number=101).count() == 0


def test_a_charge_that_is_told_at_another_connector(wire201: Wire, gateway: Gateway) -> None:
    tell(wire201, "Started", 0, value(1000, "Transaction.Begin"), evse={"id": 1, "connectorId": 2}, idToken=TOKEN)
    tell(wire201, "Updated", 1, value(2000), evse={"id": 1})  # the same
    assert noticed() == {}
    tell(wire201, "Updated", 2, value(3000), evse={"id": 2, "connectorId": 1})
    assert noticed() == {"other_place": 1}
    assert (one().connector.number, one().meter_last) == (101, 3000)
    wire = gateway.connect()
    number = start(wire)["transactionId"]
    meter(wire, {"value": "1500"}, transaction=number)
    meter(wire, {"value": "1600"}, transaction=number, connector=2)
    assert list(Deviation.objects.filter(kind="other_place").values_list("action", "count")) == [
        ("MeterValues", 1),
        ("TransactionEvent", 1),
    ]


def test_what_comes_after_the_end_changes_nothing(wire201: Wire) -> None:
    tell(wire201, "Ended", 0, value(2000, "Transaction.End"), evse=EVSE, idToken=TOKEN)
    assert tell(wire201, "Updated", 1, value(2500), state="Charging") == {}
    assert tell(wire201, "Ended", 1, value(2000, "Transaction.End")) == {}
    assert (one().running, one().meter_stop) == (False, 2000)
    assert connector().status != "Charging"
    assert noticed() == {"after_end": 1}


BESIDE: list[dict[str, Any]] = [
        {"triggerReason": "cablepluggedin"}, {"triggerReason": "Because"}, {"triggerReason": None}, {"evse": {"id": "one"}},
        {"info": {"chargingState": "CHARGING"}}, {"info": {"stoppedReason": "Kicked", "timeSpentCharging": "5 min"}},
        {"cableMaxCurrent": "32 A", "numberOfPhasesUsed": "three"}, {"offline": "no"}, {"idToken": {"idToken": CARD}},
        {"idToken": {"idToken": CARD, "type": "iso14443"}}, {"idToken": {"idToken": "", "type": "NoAuthorization"}},
]  # fmt: skip


def test_a_report_is_worth_more_than_what_stands_beside_it(wire201: Wire) -> None:
    for number, more in enumerate(BESIDE):
        tx = f"T-{number}"
        assert isinstance(tell(wire201, "Started", 0, value(1000, "Transaction.Begin"), tx=tx, **{"evse": EVSE} | more), dict), more
        assert isinstance(tell(wire201, "Ended", 1, value(3000, "Transaction.End"), tx=tx, **more), dict), more
        assert (one(tx).energy_wh, one(tx).running) == (2000, False), more
        assert one(tx).id_tag == (CARD if more.get("idToken", {}).get("idToken") else ""), more


def test_what_names_no_place_and_no_card(wire201: Wire) -> None:
    assert wire201.call("StatusNotification", {"timestamp": now(), "connectorStatus": "available", "evseId": 0, "connectorId": 0}) == {}
    assert wire201.call("Authorize", {"idToken": {"idToken": "", "type": "NoAuthorization"}})["idTokenInfo"]["status"]
    body = {"requestId": 7, "generatedAt": now(), "seqNo": 0, "reportData": []}
    assert isinstance(wire201.call("NotifyReport", body), dict | str)
    assert "currentTime" in wire201.call("Heartbeat")


def test_a_huge_event_harms_nobody(wire201: Wire, gateway: Gateway) -> None:
    told = {
        "eventId": 1, "timestamp": now(), "trigger": "Delta", "actualValue": "x" * 2500, "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Made-up"}, "variable": {"name": "Thing"}, "techInfo": "y" * 500,
    }  # fmt: skip
    body = {"generatedAt": now(), "seqNo": 0, "eventData": [told | {"eventId": number} for number in range(80)]}
    assert wire201.call("NotifyEvent", body) == {}
    assert "currentTime" in gateway.connect("LUM-0002").call("Heartbeat")


def test_a_station_that_keeps_to_ocpp_is_told_nothing_of(wire: Wire, tree: Tree) -> None:
    number = start(wire, at=now(minutes=-20))["transactionId"]
    for minutes in (15, 10, 5):
        meter(wire, {"value": str(4000 - minutes * 100)}, transaction=number, at=now(minutes=-minutes))
    stop(wire, number, 4000, at=now())
    row = Transaction.objects.get()
    assert row.ended_at
    assert row.ended_at - row.started_at > timedelta(minutes=19)
    assert not Deviation.objects.exists()
