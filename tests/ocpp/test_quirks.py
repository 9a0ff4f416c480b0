"""What real stations do (domain §9): retries, strange ids, lost clocks, falling meters, late news."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stations import evidence, nudges, plots
from stations.actions import ask
from stations.actions.corrections import close_transaction, correct_transaction, version_of, void_transaction
from stations.gateway import hub, unmatched
from stations.gateway.reports import MOST_OPEN
from stations.models import CardOffer, Command, Connector, Correction, Deviation, MeterSample, Station, Transaction, UnmatchedMessage
from stations.ocpp.intents import Stop
from stations.problems import what_is
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until
from tests.ocpp.test_messages import meter, now, start, stop
from tests.ocpp.test_transactions201 import TOKEN, tell, value

pytestmark = pytest.mark.engines


def the_transaction() -> Transaction:
    return Transaction.objects.get()


def test_the_same_start_after_a_reconnect_gets_the_same_id(gateway: Gateway) -> None:
    at, wire = now(), gateway.connect()
    first = start(wire, at=at)
    wire.close()
    wire = gateway.connect()
    assert start(wire, at=at)["transactionId"] == first["transactionId"]
    stop(wire, first["transactionId"])
    assert start(wire, at=at)["transactionId"] == first["transactionId"], "even when it has ended meanwhile"
    assert Transaction.objects.count() == 1
    assert CardOffer.objects.count() == 1


def test_the_same_stop_again_changes_nothing(wire: Wire) -> None:
    transaction, at = start(wire)["transactionId"], now()
    for _ in range(3):
        assert stop(wire, transaction, 4000, at) == {}
    assert the_transaction().energy_wh == 3000
    assert not UnmatchedMessage.objects.exists()


def test_what_a_stop_brings_along_is_kept_once_however_often_it_is_sent(wire: Wire) -> None:
    transaction, began, at = start(wire, at=now(hours=-1))["transactionId"], now(minutes=-30), now()
    data = [
        {"timestamp": began, "sampledValue": [{"value": "2.5", "unit": "kWh"}, {"value": "16", "measurand": "Current.Import"}]},
        {"timestamp": at, "sampledValue": [{"value": "4000", "context": "Transaction.End"}, {"value": "", "measurand": "Voltage"}]},
    ]
    meter(wire, {"value": "2.5", "unit": "kWh"}, transaction=transaction, at=began)
    for _ in range(3):
        assert stop(wire, transaction, 4000, at, transactionData=data) == {}
    assert sorted(MeterSample.objects.values_list("value", flat=True)) == [2.5, 16.0, 4000.0]
    assert (the_transaction().energy_wh, the_transaction().problems) == (3000, [])


def test_a_stop_that_contradicts_the_first_is_kept_in_the_inbox(wire: Wire) -> None:
    transaction = start(wire)["transactionId"]
    stop(wire, transaction, 4000)
    assert stop(wire, transaction, 9999) == {}
    assert the_transaction().meter_stop == 4000
    assert UnmatchedMessage.objects.get().payload["meterStop"] == 9999


@pytest.mark.parametrize("unknown", [-1, 0, 999_999])
def test_unknown_transaction_ids_are_answered_normally_and_kept(unknown: int, wire: Wire) -> None:
    assert meter(wire, {"value": "10"}, transaction=unknown) == {}
    at = now()
    for _ in range(2):
        assert stop(wire, unknown, 4000, at) == {}
    rows = {row.action: row for row in UnmatchedMessage.objects.all()}
    assert rows["StopTransaction"].payload["meterStop"] == 4000
    assert rows["StopTransaction"].count == 2
    assert MeterSample.objects.count() == 1, "the value itself is kept at the connector"


def test_every_end_under_the_same_id_is_kept_and_those_worked_off_take_no_place(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unmatched, "MAX_WAITING", 2)
    first, second = now(hours=-3), now(hours=-2)
    for at, energy in ((first, 5000), (second, 7000), (first, 5000), (now(), 9000)):
        assert stop(wire, -1, energy, at) == {}
    kept = UnmatchedMessage.objects.order_by("first_at")
    assert [(row.payload["meterStop"], row.count) for row in kept] == [(5000, 2), (7000, 1)], "and not more than may wait"
    UnmatchedMessage.objects.update(resolved_at=timezone.now())
    stop(wire, -1, 11_000)
    stop(wire, -1, 7000, second)
    assert {row.payload["meterStop"] for row in UnmatchedMessage.objects.filter(resolved_at=None)} == {7000, 11_000}


def test_a_transaction_of_another_station_is_unknown(gateway: Gateway, tree: Tree) -> None:
    mine = start(gateway.connect())["transactionId"]
    other = gateway.connect("VOLT-0001")
    assert stop(other, mine, 4000) == {}
    assert the_transaction().running
    assert UnmatchedMessage.objects.get().station == tree.other_station


def test_meter_values_that_come_after_the_end_are_kept_and_change_nothing_else(wire: Wire) -> None:
    number = start(wire)["transactionId"]
    stop(wire, number, meter=5000)
    late = (timezone.now() - timedelta(seconds=20)).isoformat()
    assert meter(wire, {"value": "4000"}, transaction=number, at=late) == {}
    assert MeterSample.objects.get().value == 4000
    row = Transaction.objects.get()
    assert (row.running, row.meter_stop, row.problems) == (False, 5000, [])
    assert not UnmatchedMessage.objects.exists()


def test_a_transaction_that_was_offline_arrives_late_in_order_with_its_own_times(wire: Wire) -> None:
    transaction = start(wire, at=now(hours=-5))["transactionId"]
    for hour in (4, 3):
        meter(wire, {"value": str(1000 + (5 - hour) * 100)}, transaction=transaction, at=now(hours=-hour))
    stop(wire, transaction, 1500, at=now(hours=-2))
    row = the_transaction()
    assert row.ended_at is not None
    assert round((row.ended_at - row.started_at).total_seconds() / 3600) == 3
    assert row.problems == []
    assert MeterSample.objects.count() == 2


def test_an_offline_start_with_a_card_that_is_refused_is_kept_and_flagged(wire: Wire) -> None:
    answer = start(wire, tag="0BADC0DE", at=now(hours=-1))
    assert answer["idTagInfo"]["status"] == "Invalid"
    assert answer["transactionId"]
    stop(wire, answer["transactionId"])
    assert the_transaction().problems == ["refused_card"]
    assert the_transaction().energy_wh == 4000


@pytest.mark.parametrize("at", ["1970-01-01T00:00:12Z", "2099-01-01T00:00:00Z", "yesterday"])
def test_an_impossible_time_is_kept_as_it_came_while_ours_stands_in(at: str, wire: Wire) -> None:
    transaction = wire.call("StartTransaction", {"connectorId": 1, "idTag": "X", "meterStart": 0, "timestamp": at})["transactionId"]
    row = the_transaction()
    assert row.reported_start == at
    assert abs((row.started_at - row.start_received_at).total_seconds()) < 1
    assert "clock" in row.problems
    stop(wire, transaction, 10, at=at)
    row.refresh_from_db()
    assert row.ended_at is not None
    assert row.ended_at >= row.started_at
    assert row.reported_end == at


def test_a_time_without_zone_is_taken_as_utc_and_flagged(wire: Wire) -> None:
    start(wire, at=now().removesuffix("Z"))
    assert "clock" in the_transaction().problems


def test_a_wrong_clock_is_noticed_by_statuses_and_so_is_one_put_right(gateway: Gateway, tree: Tree) -> None:
    def report(wire: Wire, **shift: float) -> float:
        payload = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": now(**shift)}
        wire.call("StatusNotification", payload)
        return Station.objects.get(pk=tree.station.pk).clock_offset or 0.0

    wire = gateway.connect()
    assert report(wire) == 0
    assert 7100 < report(wire, hours=2) < 7300
    assert abs(report(wire)) < 5
    assert 3500 < report(wire, hours=1) < 3700
    assert abs(report(gateway.connect())) < 5, "nor is it forgotten at a reconnect"


def test_of_what_a_station_never_ends_the_newest_are_remembered(gateway: Gateway, tree: Tree) -> None:
    at = timezone.now() - timedelta(days=30)
    Transaction.objects.bulk_create(
        Transaction(
            station=tree.station, connector=tree.connector, transaction_id=f"old-{n}", id_tag="X", verdict="Accepted", meter_start=n,
            started_at=at + timedelta(seconds=n), reported_start=f"r{n}", start_received_at=at,
        )
        for n in range(6000)
    )  # fmt: skip
    wire, first = gateway.connect(), now()
    for n in range(20):
        start(wire, meter=1000 + n, at=first if n == 0 else now())
    assert hub._hub is not None
    (connected,) = hub._hub.connections.values()
    assert len(connected.state.open) <= MOST_OPEN
    assert Transaction.objects.filter(ended_at=None).count() == MOST_OPEN
    assert Transaction.objects.filter(problems=["not_ended"]).count() == 6019, "each left the one before without an end"
    assert start(wire, at=first)["transactionId"] == int(Transaction.objects.get(reported_start=first).transaction_id)


def test_a_falling_meter_is_flagged_and_takes_nothing_back(wire: Wire) -> None:
    transaction = start(wire)["transactionId"]
    for wh in ("3000", "2000"):
        meter(wire, {"value": wh}, transaction=transaction)
    row = the_transaction()
    assert row.meter_last == 3000
    stop(wire, transaction, 2500)
    row.refresh_from_db()
    assert "meter_fell" in row.problems
    assert row.meter_stop == 2500


@pytest.mark.parametrize(
    ("told", "stop_at", "problems"),
    [
        ({"value": "6000", "context": "Transaction.End"}, 1000, ["meter_fell"]),
        ({"value": "4.1", "unit": "kWh", "context": "Transaction.End"}, 4050, []),  # as exact as it can be told so
        ({"value": "4.1", "unit": "kWh"}, 3950, ["meter_fell"]),
    ],
)
def test_an_end_that_its_own_values_contradict(told: dict[str, Any], stop_at: int, problems: list[str], wire: Wire) -> None:
    stop(wire, start(wire)["transactionId"], stop_at, transactionData=[{"timestamp": now(), "sampledValue": [told]}])
    row = the_transaction()
    assert (row.meter_stop, row.problems, row.to_review) == (stop_at, problems, bool(problems))
    if "context" not in told or not problems:  # told while charging it is the same
        number = start(wire, meter=stop_at)["transactionId"]
        meter(wire, told | {"context": "Sample.Periodic"}, transaction=number)
        stop(wire, number, stop_at, at=now())
        assert Transaction.objects.get(transaction_id=str(number)).problems == problems


@pytest.mark.parametrize(
    ("stop_at", "stands", "problems"), [(7000, 7000, ["meter_fell"]), (9000, 9000, []), (None, 9000, ["no_end_meter"])]
)
def test_a_late_value_above_the_end(stop_at: Any, stands: int, problems: list[str], wire: Wire) -> None:
    transaction = start(wire, at=now(hours=-2))["transactionId"]
    stop(wire, transaction, stop_at, at=now(minutes=-1))
    meter(wire, {"value": "9000"}, transaction=transaction, at=now(minutes=-5))
    row = the_transaction()
    told = {"meter_last": 9000} if problems else {}
    assert {"meter_stop": row.meter_stop, "problems": row.problems} | told == {"meter_stop": stands, "problems": problems} | told
    meter(wire, {"value": str(stands + 50)}, transaction=transaction, at=now())  # after it, and the same
    assert the_transaction().problems == problems
    meter(wire, {"value": str(stands + 500), "context": "Transaction.End"}, transaction=transaction, at=now())
    assert the_transaction().problems == sorted({"beyond_end", *problems})
    assert the_transaction().to_review
    next_one = start(wire, meter=12_000)["transactionId"]
    Transaction.objects.filter(transaction_id=str(transaction)).update(problems=[])
    stop(wire, next_one, 13_000)
    meter(wire, {"value": "13000"}, transaction=transaction, at=now())  # of the one since
    assert not Transaction.objects.exclude(problems=[]).exists()


PHASES = ("L1", "L2", "L3")


@pytest.mark.parametrize(
    ("told", "kwh"),
    [
        ([[{"value": str(20_000 + wh), "phase": phase} for phase in PHASES] for wh in (0, 500, 1000)], 3),
        ([[{"value": "250", "measurand": "Energy.Active.Import.Interval"}]] * 12, 3),
        ([[{"value": str(wh), "phase": phase, "location": "Inlet"} for phase in PHASES] for wh in (0, 1000)], 0),  # of the whole station
        ([[{"value": "20000", "phase": phase} for phase in PHASES]] * 3, 0),
        ([[{"value": "3000", "measurand": "Energy.Active.Import.Interval", "context": "Sample.Clock"}]], 0),  # of the one before
        ([[{"value": "50000"}, {"value": "3", "measurand": "Energy.Active.Import.Interval"}]] * 3, 0),  # the meter was told
        ([[{"value": "50000"}, {"value": "1000", "measurand": "Energy.Active.Import.Interval"}]] * 3, 3),  # and stood still
    ],
)
def test_energy_that_the_meter_does_not_tell_is_added_up(told: list[list[dict[str, Any]]], kwh: int, wire: Wire) -> None:
    transaction, at = start(wire, meter=50_000, at=now(minutes=-15))["transactionId"], now()
    data = [{"timestamp": now(minutes=-14 + number), "sampledValue": values} for number, values in enumerate(told)]
    meter(wire, *told[0], transaction=transaction, at=data[0]["timestamp"])
    for _twice in range(2):
        assert stop(wire, transaction, 50_000, at=at, transactionData=data[1:]) == {}
    row = the_transaction()
    assert (row.energy_wh, row.problems, row.to_review) == (kwh * 1000, ["added_up"] if kwh else [], bool(kwh))
    assert not UnmatchedMessage.objects.exists()


def test_values_that_count_each_charge_from_zero_agree_with_a_meter_that_does_not(wire: Wire) -> None:
    def charge(*values: int, stop_at: int) -> Transaction:
        number = start(wire, meter=2000, at=now(hours=-1))["transactionId"]
        for minutes, wh in enumerate(values):
            meter(wire, {"value": str(wh)}, transaction=number, at=now(minutes=minutes - 30))
        running = Transaction.objects.get(transaction_id=str(number))
        assert running.energy_wh == max(values)
        stop(wire, number, stop_at)
        running.refresh_from_db()
        return running

    row = charge(0, 1500, 3000, 4500, stop_at=8000)
    assert (row.energy_wh, row.problems) == (6000, [])
    assert [(one.kind, one.count) for one in Deviation.objects.all()] == [("from_zero", 1)]
    assert [point.energy for point in plots.of(row).points] == [0, 0, 1500, 3000, 4500, 6000]
    assert charge(0, 1500, 3000, 4500, stop_at=5000).problems == ["meter_fell"], "more was counted than the meter says"
    assert charge(0, 1500, stop_at=1600).problems == ["meter_fell", "negative"], "it has lost its count"


def test_what_flowed_between_two_charges_is_told(gateway: Gateway) -> None:
    wire, other = gateway.connect(), gateway.connect("LUM-0002", subprotocols=["ocpp2.0.1"])
    for at, begun, over in ((-9, 1000, 2000), (-8, 2090, 3000), (-7, 53_000, 54_000), (-6, 0, 1000), (-5, 0, 1000)):
        stop(wire, start(wire, meter=begun, at=now(hours=at))["transactionId"], over, at=now(hours=at + 0.5))
        evse, tx, at201 = {"id": 1, "connectorId": 1 + at % 2}, f"T{at}", now(hours=at)
        tell(other, "Started", 0, value(begun, "Transaction.Begin", at201), evse=evse, idToken=TOKEN, tx=tx, at=at201)
        tell(other, "Ended", 1, value(over, "Transaction.End"), tx=tx, at=now(hours=at + 0.5))
    told = Deviation.objects.filter(kind="gap").values_list("action", "detail", "count")
    detail = "50.0 kWh (3000 Wh → 53000 Wh)"
    assert set(told) == {("StartTransaction", detail, 1), ("TransactionEvent", detail, 1)}


def test_a_meter_that_ends_below_its_start_is_flagged(wire: Wire) -> None:
    stop(wire, start(wire)["transactionId"], 10)
    assert "negative" in the_transaction().problems
    assert the_transaction().energy_wh == -990


def test_an_end_before_the_start_is_flagged(wire: Wire) -> None:
    stop(wire, start(wire, at=now())["transactionId"], at=now(hours=-1))
    assert "ends_before_start" in the_transaction().problems


def test_a_new_start_without_the_end_of_the_old_one(wire: Wire) -> None:
    first = start(wire, at=now(hours=-3))["transactionId"]
    second = start(wire)["transactionId"]
    assert first != second
    assert Transaction.objects.get(transaction_id=str(first)).problems == ["not_ended"]
    assert stop(wire, first, 2000, at=now(hours=-1)) == {}, "its end may still come"
    row = Transaction.objects.get(transaction_id=str(first))
    assert (row.running, row.problems) == (False, ["not_ended"]), "the meter does not tell the two apart"
    stop(wire, second, 5000)
    late, other = (start(wire, meter=wh, at=now(minutes=at))["transactionId"] for wh, at in ((5000, -30), (8000, -10)))
    stop(wire, late, 8000, at=now(minutes=-20))
    stop(wire, other, 9000)
    assert Transaction.objects.get(transaction_id=str(late)).problems == []


def test_numbers_as_text_and_text_as_numbers_are_understood(wire: Wire) -> None:
    payload = {"connectorId": "1", "idTag": "X", "meterStart": "1000.4", "timestamp": now()}
    assert wire.call("StartTransaction", payload)["transactionId"]
    assert the_transaction().meter_start == 1000


def test_charges_whose_ids_the_station_mixes_up(wire: Wire) -> None:
    cards = (CARD, "041DAA48A4C3F6")
    cases: list[tuple[float, tuple[str, str], list[str]]] = [(-9, (cards[1], CARD), ["swapped"]), (-6, cards, []), (-3, (CARD, CARD), [])]
    for minute, given, problems in cases:
        begun = [start(wire, connector, tag, at=now(minutes=minute))["transactionId"] for connector, tag in enumerate(cards, 1)]
        for number, tag in zip(begun, given, strict=True):
            stop(wire, number, at=now(minutes=minute + 1), idTag=tag)
        rows = Transaction.objects.filter(transaction_id__in=[str(number) for number in begun])
        assert [{*row.problems} & {"swapped"} for row in rows] == [{*problems}] * 2


def test_a_start_that_does_not_tell_its_meter(wire: Wire) -> None:
    """An error would make the station send it again and again. It begins where the charge before it has ended, as far as is known."""
    stop(wire, start(wire)["transactionId"], 4000)
    for number, told in enumerate(({}, {"meterStart": None}, {"meterStart": ""}), 1):
        payload = {"connectorId": 1, "idTag": CARD, "timestamp": now(minutes=number - 9)} | told
        given = wire.call("StartTransaction", payload)["transactionId"]
        meter(wire, {"value": "5000"}, transaction=given)
        assert wire.call("StartTransaction", payload)["transactionId"] == given
        stop(wire, given, 5000, at=now(minutes=number - 8))
        row = Transaction.objects.get(transaction_id=str(given))
        assert (row.problems, row.meter_start, row.energy_wh) == (
            ["no_start_meter"],
            4000 if number == 1 else 5000,
            1000 if number == 1 else 0,
        )


def test_a_start_without_a_card_is_refused_and_kept_for_people(wire: Wire) -> None:
    for _ in range(2):
        wire.call("StartTransaction", {"connectorId": 1, "meterStart": 7000, "idTag": None, "timestamp": "2026-01-01T00:00:00Z"})
    kept = UnmatchedMessage.objects.get()
    assert (kept.count, kept.payload["meterStart"]) == (2, 7000)
    assert "was refused" in what_is(kept)


def test_null_and_nothing_for_what_may_be_left_out(wire: Wire) -> None:
    payload = {"connectorId": 1, "status": "Charging", "errorCode": "NoError", "info": None, "vendorId": None, "timestamp": None}
    assert wire.call("StatusNotification", payload) == {}
    sampled = [{"value": "2000", "phase": None, "unit": "", "context": None}, {"value": "230", "measurand": "Voltage", "location": ""}]
    payload = {"connectorId": 1, "transactionId": None, "meterValue": [{"timestamp": now(), "sampledValue": sampled}]}
    assert wire.call("MeterValues", payload) == {}
    assert set(MeterSample.objects.values_list("value", flat=True)) == {2000, 230}
    assert wire.call("BootNotification", {"chargePointVendor": "x", "chargePointModel": "y", "iccid": None})["status"] == "Accepted"


@pytest.mark.parametrize(
    ("beside", "reason"),
    [({"reason": "CableStolen"}, "Other"), ({"reason": ["Local"]}, "Other"), ({"reason": ""}, "Local"), ({"idTag": "X" * 30}, "Local"),
     ({"idTag": None, "reason": None}, "Local"), ({"transactionData": "none"}, "Local"),
     ({"transactionData": [{"timestamp": None, "sampledValue": [{"value": "1", "unit": "Furlong"}, {"value": 3.5}]}]}, "Local")],
)  # fmt: skip
def test_the_end_of_a_transaction_is_kept_whatever_stands_beside_it(beside: dict[str, Any], reason: str, wire: Wire) -> None:
    """An error would make the station send the same kWh again and again."""
    assert stop(wire, start(wire)["transactionId"], 4000, **beside) == {}
    assert (the_transaction().energy_wh, the_transaction().stop_reason) == (3000, reason)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"errorCode": "E42", "vendorErrorCode": "X1"}, ("OtherError", "X1", "E42")),
        ({"errorCode": "E42", "info": "relay"}, ("OtherError", "E42", "relay")),
        ({"errorCode": 42, "vendorErrorCode": 7, "info": "y" * 60}, ("OtherError", "7", "42: " + "y" * 46)),
        ({"errorCode": "groundfailure"}, ("GroundFailure", "", "")),
        ({"errorCode": None}, ("OtherError", "", "")),
        ({}, ("OtherError", "", "")),
    ],
)
def test_a_fault_is_taken_however_it_is_spelled(told: dict[str, Any], kept: tuple[str, ...], wire: Wire) -> None:
    assert wire.call("StatusNotification", {"connectorId": 1, "status": "Faulted", **told}) == {}
    found = Connector.objects.get(station__identity="LUM-0001", number=1)
    assert (found.status, found.error_code, found.vendor_error_code, found.info) == ("Faulted", *kept)


def test_fields_that_are_not_in_the_schema_are_passed_over(wire: Wire) -> None:
    assert (
        wire.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError", "vendorExtra": {"x": [1]}}) == {}
    )


def test_the_same_message_id_for_two_messages_is_two_messages(wire: Wire) -> None:
    for number in (1, 2):
        wire.call("StatusNotification", {"connectorId": number, "status": "Charging", "errorCode": "NoError"}, message_id="1")
    assert Station.objects.get(identity="LUM-0001").connectors.filter(status="Charging").count() == 2


def test_more_energy_than_the_connector_can_give_is_flagged(wire: Wire) -> None:
    stop(wire, start(wire, at=now(hours=-1))["transactionId"], 90_000)
    assert the_transaction().problems == ["too_much"], "22 kW for an hour are 22 kWh"


def test_a_late_end_takes_force_over_one_put_in_by_hand(gateway: Gateway, tree: Tree) -> None:
    """The station refuses to stop, somebody closes it, another charge begins; then the station reports the end after all."""
    wire = gateway.connect()
    began = now(hours=-2)
    number = start(wire, at=began)["transactionId"]
    command = ask(actor=tree.ada, station=Station.objects.get(pk=tree.station.pk), intent=Stop(str(number)))
    message, _action, _payload = wire.expect_call()
    wire.answer(message, {"status": "Rejected"})
    until(lambda: Command.objects.get(pk=command.pk).state == Command.State.REJECTED)
    row = the_transaction()
    ended = timezone.now() - timedelta(hours=1)
    close_transaction(actor=tree.ada, transaction=row, version=version_of(row), ended_at=ended, meter_stop=3000, reason="It is over.")
    meter(wire, {"value": "2900"}, transaction=number)
    second = start(wire, at=now())["transactionId"]
    row.refresh_from_db()
    assert (row.running, row.problems, second != number) == (False, [], True), "it has ended here"
    at = now(minutes=-30)
    for _ in range(2):
        assert stop(wire, number, 4000, at, reason="EVDisconnected") == {}
    row.refresh_from_db()
    assert (row.meter_stop, row.stop_reason, row.closed_by_hand, row.reported_end) == (4000, "EVDisconnected", False, at)
    assert (row.problems, row.to_review, row.billable) == ([], False, True)
    assert [one.kind for one in Correction.objects.order_by("pk")] == ["closed", "reported"]
    told = Correction.objects.get(kind="reported")
    assert (told.before["meter_stop"], told.after["meter_stop"], told.actor) == (3000, 4000, None)
    assert not UnmatchedMessage.objects.exists()


def by_hand(tree: Tree, began: str, wire: Wire) -> tuple[int, Transaction]:
    number = start(wire, at=began)["transactionId"]
    row = the_transaction()
    close_transaction(actor=tree.ada, transaction=row, version=version_of(row), ended_at=timezone.now(), meter_stop=3000, reason="Over.")
    row.refresh_from_db()
    return number, row


@pytest.mark.parametrize("lost", [False, True], ids=["told", "the nudge is lost"])
def test_what_is_measured_after_a_close_by_hand_is_attached_and_brings_it_up_again(
    lost: bool, gateway: Gateway, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lost:
        monkeypatch.setattr(nudges, "transaction_closed", lambda *_: None)
        monkeypatch.setattr(hub, "BEAT", 0.1)
    wire = gateway.connect()
    number, row = by_hand(tree, now(hours=-2), wire)

    def measured(wh: int) -> bool:
        assert meter(wire, {"value": str(wh)}, {"value": f"OCMF{wh}", "format": "SignedData"}, transaction=number) == {}
        row.refresh_from_db()
        return row.to_review

    until(lambda: measured(4000))  # from when the gateway has heard of it
    assert (row.problems, row.meter_stop, row.closed_by_hand, row.meter_last) == (["beyond_end"], 3000, True, 4000)
    Transaction.objects.update(reviewed_at=timezone.now())
    assert not measured(4000), "that was known when it was decided"
    assert measured(5000)
    assert set(row.signed_values.values_list("value", flat=True)) == {"OCMF4000", "OCMF5000"}
    assert 5000 in [one.value for one in evidence.of(row).suggestions if one.field == "meter_stop"]
    assert not UnmatchedMessage.objects.exists()
    stop(wire, number, 6000)
    row.refresh_from_db()
    assert (row.problems, row.meter_stop, row.billable) == ([], 6000, True)


def test_a_late_end_of_what_is_not_settled_asks_for_a_new_decision(wire: Wire, tree: Tree) -> None:
    number, row = by_hand(tree, now(hours=-2), wire)
    void_transaction(actor=tree.ada, transaction=row, version=version_of(row), reason="A test.")
    stop(wire, number, 12_990)
    row.refresh_from_db()
    assert (row.void, row.problems, row.to_review, row.billable, row.meter_stop) == (False, ["after_decision"], True, False, 12_990)
    told = Correction.objects.get(kind="reported")
    assert (told.before["void"], told.after["void"]) == (True, False)


def test_what_was_corrected_is_not_undone_when_the_station_repeats_itself(wire: Wire, tree: Tree) -> None:
    number, at = start(wire)["transactionId"], now()
    stop(wire, number, 10, at)
    row = the_transaction()
    correct_transaction(actor=tree.ada, transaction=row, version=version_of(row), values={"meter_stop": 2000}, reason="Read there.")
    assert stop(wire, number, 10, at) == {}
    assert the_transaction().meter_stop == 2000
    assert not UnmatchedMessage.objects.exists()
