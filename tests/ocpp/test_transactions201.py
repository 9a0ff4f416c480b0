"""Transactions of OCPP 2.0.1 over the websocket: TransactionEvent, statuses and meter values, by the use cases of part 2."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from stations import hooks, missing_reports, problems
from stations.actions import ask, corrections, tell_cost
from stations.gateway import ledger
from stations.models import CardOffer, Connector, Deviation, SignedMeterValue, Station, Transaction, UnmatchedMessage
from stations.ocpp.intents import Start, Stop
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines

TOKEN = {"idToken": CARD, "type": "ISO14443"}


def now(**shift: float) -> str:
    return (timezone.now() + timedelta(**shift)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def wire(gateway: Gateway) -> Wire:
    """LUM-0001, connected, speaking 2.0.1."""
    return gateway.connect(subprotocols=["ocpp2.0.1"])


def value(wh: float, context: str = "Sample.Periodic", at: str | None = None, **more: Any) -> dict[str, Any]:
    return {"timestamp": at or now(), "sampledValue": [{"value": wh, "context": context, **more}]}


def payload(
    kind: str, number: int, *values: dict[str, Any], tx: str = "T-1", state: str = "", at: str | None = None, info: Any = None, **more: Any
) -> dict[str, Any]:  # fmt: skip
    told = {"transactionId": tx} | ({"chargingState": state} if state else {}) | (info or {})
    said = {"eventType": kind, "timestamp": at or now(), "triggerReason": "Trigger", "seqNo": number, "transactionInfo": told}
    return said | ({"meterValue": list(values)} if values else {}) | more


def tell(wire: Wire, kind: str, number: int, *values: dict[str, Any], **more: Any) -> Any:
    return wire.call("TransactionEvent", payload(kind, number, *values, **more))


def occupied(wire: Wire, status: str = "Occupied", evse: int = 1) -> Any:
    return wire.call("StatusNotification", {"timestamp": now(), "connectorStatus": status, "evseId": evse, "connectorId": 1})


def status() -> str:
    return Connector.objects.get(station__identity="LUM-0001", number=1).status


def one(tx: str = "T-1") -> Transaction:
    return Transaction.objects.get(station__identity="LUM-0001", transaction_id=tx)


EVSE = {"id": 1, "connectorId": 1}


def test_e02_plug_first_then_card_then_energy_then_end(wire: Wire) -> None:
    assert occupied(wire) == {}
    assert status() == "Preparing"
    assert tell(wire, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, state="EVConnected", triggerReason="CablePluggedIn") == {}
    row = one()
    assert (row.running, row.id_tag, row.meter_start, row.connector.number) == (True, "", 1000, 1)
    said = tell(wire, "Updated", 1, idToken=TOKEN, triggerReason="Authorized")
    assert said["idTokenInfo"]["status"] == "Accepted"
    tell(wire, "Updated", 2, state="Charging", triggerReason="ChargingStateChanged")
    assert status() == "Charging"
    assert occupied(wire) == {}
    assert status() == "Charging"
    kwh: Any = {"unitOfMeasure": {"unit": "kWh"}}
    tell(wire, "Updated", 3, value(2.5, **kwh), triggerReason="MeterValuePeriodic")
    tell(wire, "Updated", 4, value(3, unitOfMeasure={"unit": "Wh", "multiplier": 3}), state="SuspendedEV")
    assert (status(), one().meter_last) == ("SuspendedEV", 3000)
    tell(wire, "Ended", 5, value(3100, "Transaction.End"), state="Idle", info={"stoppedReason": "EVDisconnected"})
    assert status() == "Finishing"
    occupied(wire, "Available")
    assert status() == "Available"
    row = one()
    assert (row.meter_stop, row.stop_reason, row.problems, row.missing_reports) == (3100, "EVDisconnected", [], [])
    assert (row.id_tag, row.verdict, row.last_report) == (CARD, "Accepted", 5)
    assert [offer.action for offer in CardOffer.objects.all()] == ["StartTransaction"]


def test_e01_the_answer_is_the_same_when_a_report_comes_twice_and_nothing_is_booked_twice(wire: Wire, gateway: Gateway) -> None:
    begin = payload("Started", 0, value(100, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, state="Charging")
    signed = {"signedMeterData": "AAAA", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": ""}
    middle = payload("Updated", 1, value(200, signedMeterValue=signed))
    last = payload("Ended", 2, value(300, "Transaction.End"))
    for each in (begin, middle, last):
        assert wire.call("TransactionEvent", each) == wire.call("TransactionEvent", each)
    again = gateway.connect(subprotocols=["ocpp2.0.1"])
    for each in (begin, middle, last):
        again.call("TransactionEvent", each)
    row = one()
    assert (row.meter_start, row.meter_stop, row.problems, row.last_report) == (100, 300, [], 2)
    assert CardOffer.objects.count() == 1
    assert SignedMeterValue.objects.get().value.startswith('{"signedMeterData":"AAAA"')
    assert not UnmatchedMessage.objects.exists()


def test_e01_reports_in_any_order_make_the_same_transaction(wire: Wire) -> None:
    tell(wire, "Ended", 4, value(5000, "Transaction.End"), evse=EVSE, info={"stoppedReason": "PowerLoss"}, at=now(minutes=-1))
    row = one()
    assert row.missing_reports == [0, 1, 2, 3]
    assert set(row.problems) == {"no_start_meter", "no_card"}
    assert (row.running, row.meter_stop) == (False, 5000)
    tell(wire, "Updated", 2, value(3000), at=now(minutes=-30))
    tell(wire, "Started", 0, value(1000, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, state="Charging", at=now(hours=-1), offline=True)
    row = one()
    assert row.missing_reports == [1, 3]
    assert (row.problems, row.energy_wh, row.id_tag, row.verdict) == ([], 4000, CARD, "Accepted")
    assert abs(row.started_at - timezone.now() + timedelta(hours=1)) < timedelta(seconds=10)
    assert status() != "Charging"
    assert row.running is False


def test_e01_a_lost_start_costs_no_kwh(wire: Wire) -> None:
    tell(wire, "Updated", 3, value(1500), evse=EVSE, idToken=TOKEN, state="Charging")
    tell(wire, "Updated", 4, value(2500))
    tell(wire, "Ended", 5)
    row = one()
    assert (row.meter_start, row.meter_stop, row.problems) == (1500, 2500, ["no_start_meter"])


def test_e03_id_first_has_no_connector_until_the_station_says_it(wire: Wire) -> None:
    said = tell(wire, "Started", 0, idToken=TOKEN, triggerReason="Authorized")
    assert said["idTokenInfo"]["status"] == "Accepted"
    assert one().connector.number == 0
    tell(wire, "Updated", 1, value(700), evse={"id": 2, "connectorId": 1}, state="EVConnected", triggerReason="CablePluggedIn")
    assert one().connector.number == 2
    tell(wire, "Updated", 2, evse={"id": 2, "connectorId": 1}, state="Charging")
    assert Connector.objects.get(station__identity="LUM-0001", number=2).status == "Charging"


def test_e05_a_refused_card_is_told_so_and_what_it_charges_is_flagged(wire: Wire) -> None:
    stranger = {"idToken": "DEADBEEF", "type": "ISO14443"}
    begun = payload("Started", 0, value(0, "Transaction.Begin"), evse=EVSE, idToken=stranger, state="Charging", offline=True)
    said = wire.call("TransactionEvent", begun)
    assert wire.call("TransactionEvent", begun) == said
    assert said["idTokenInfo"]["status"] == "Unknown"
    tell(wire, "Ended", 1, value(900, "Transaction.End"), info={"stoppedReason": "DeAuthorized"})
    assert one().problems == ["refused_card"]


def test_e06_no_card_waits_in_the_inbox_only_when_something_was_charged(wire: Wire) -> None:
    tell(wire, "Started", 0, value(10, "Transaction.Begin"), evse=EVSE, state="EVConnected")
    tell(wire, "Ended", 1, value(10, "Transaction.End"))
    tell(wire, "Started", 0, value(10, "Transaction.Begin"), evse=EVSE, state="EVConnected", tx="T-2")
    tell(wire, "Ended", 1, value(900, "Transaction.End"), tx="T-2")
    assert (one().problems, one("T-2").problems) == (["no_card"], ["no_card"])
    assert [row.transaction_id for row in Transaction.objects.to_review()] == ["T-2"]
    none = {"idToken": "", "type": "NoAuthorization"}
    assert tell(wire, "Started", 0, evse=EVSE, tx="T-3", idToken=none) == {"idTokenInfo": {"status": "Accepted"}}
    tell(wire, "Ended", 1, value(950, "Transaction.End"), tx="T-3")
    assert (one("T-3").verdict, one("T-3").settlement) == ("Accepted", "open")


def test_e07_what_contradicts_the_first_end_goes_to_the_inbox(wire: Wire) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, idToken=TOKEN)
    tell(wire, "Ended", 1, value(500, "Transaction.End"))
    tell(wire, "Ended", 1, value(800, "Transaction.End"))
    entry = UnmatchedMessage.objects.get()
    assert (one().meter_stop, entry.about, corrections.end_of(entry)["meter_stop"]) == (500, one(), 800)


def test_e11_two_stations_with_the_same_id_have_two_transactions(wire: Wire, gateway: Gateway, tree: Tree) -> None:
    other = gateway.connect("VOLT-0001", subprotocols=["ocpp2.0.1"])
    for each in (wire, other):
        tell(each, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE)
    tell(other, "Ended", 1, value(5, "Transaction.End"))
    assert one().running
    assert Transaction.objects.filter(transaction_id="T-1").count() == 2


def test_more_charges_than_can_be_wait_for_people_and_their_ends_count(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stations.gateway.reports.MOST_OPEN", 3)
    for number in range(6):
        assert "idTokenInfo" in tell(wire, "Started", 0, value(1000), tx=f"X-{number}", evse=EVSE, idToken=TOKEN)
    assert Transaction.objects.filter(ended_at=None).count() == 3
    kept = UnmatchedMessage.objects.order_by("pk")
    assert [row.transaction_id for row in kept] == ["X-3", "X-4", "X-5"]
    assert problems.what_is(kept[2]).endswith("more went on than can be. It is booked when it ends. Its meter stood at 1000 Wh.")
    tell(wire, "Ended", 1, value(1000, "Transaction.Begin"), value(2500, "Transaction.End"), tx="X-5", evse=EVSE)
    assert one("X-5").meter_stop == 2500


def test_made_up_ends_wait_for_people_instead_of_filling_the_table(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stations.gateway.reports.MOST_ENDS", 3)
    for number in range(5):
        assert "idTokenInfo" in tell(wire, "Ended", 1, value(900, "Transaction.End"), tx=f"X-{number}", evse=EVSE, idToken=TOKEN)
    assert sorted(Transaction.objects.values_list("transaction_id", flat=True)) == ["X-0", "X-1", "X-2"]
    assert sorted(UnmatchedMessage.objects.values_list("transaction_id", flat=True)) == ["X-3", "X-4"]
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, idToken=TOKEN)
    tell(wire, "Ended", 1, value(2500, "Transaction.End"))
    assert one().meter_stop == 2500, "a charge that was begun ends as ever"


def test_whole_numbers_and_words_of_21(gateway: Gateway) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.1"])
    strange = value(5, measurand="Energy.Active.Import.LocalGeneration.Register")
    tell(wire, "Started", 0.0, value(100, "Transaction.Begin"), evse={"id": 1.0, "connectorId": 1.0}, idToken=TOKEN)
    tell(wire, "Ended", 3.0, strange, value(700, "Transaction.End"))
    assert (one().meter_start, one().meter_stop, one().missing_reports, one().connector.number) == (100, 700, [1, 2], 1)
    assert Deviation.objects.get(kind="unknown_value").detail == strange["sampledValue"][0]["measurand"]
    assert wire.call("SignCertificate", {"csr": "x", "certificateType": "V2G20Certificate"})["status"] == "Rejected"


def test_e12_offline_reports_do_not_move_a_connector_that_is_free_now(wire: Wire) -> None:
    occupied(wire, "Available")
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, offline=True, state="Charging", at=now(hours=-2))
    tell(wire, "Ended", 1, value(5, "Transaction.End"), offline=True, at=now(hours=-1))
    assert status() == "Available"


def test_e13_a_fault_is_not_hidden_by_what_the_car_does(wire: Wire) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, state="Charging")
    occupied(wire, "Faulted")
    tell(wire, "Updated", 1, state="SuspendedEVSE")
    assert status() == "Faulted"
    occupied(wire)
    assert status() == "SuspendedEVSE"
    tell(wire, "Ended", 2, value(5, "Transaction.End"), info={"stoppedReason": "GroundFault"})
    assert status() == "Finishing"


def test_e14_the_portal_asks_about_what_is_missing_once_and_shows_what_it_hears(wire: Wire, as_ada: Client, tree: Tree) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, idToken=TOKEN)
    tell(wire, "Updated", 2, value(5))
    tell(wire, "Ended", 6, value(9, "Transaction.End"))
    assert (one().missing_reports, missing_reports.ask_stations()) == ([1, 3, 4, 5], 0)  # not right after a connect
    long_ago = timezone.now() - timedelta(minutes=5)
    Station.objects.filter(identity="LUM-0001").update(connected_at=long_ago)
    Transaction.objects.update(end_received_at=long_ago)
    assert (missing_reports.ask_stations(), missing_reports.ask_stations()) == (1, 0)
    message_id, action, asked = wire.expect_call()
    assert (action, asked) == ("GetTransactionStatus", {"transactionId": "T-1"})
    wire.answer(message_id, {"ongoingIndicator": False, "messagesInQueue": True})
    until(lambda: one().said_to_wait)
    page = as_ada.get(one().get_absolute_url()).content.decode()
    assert "1, 3–5" in page
    assert "still wait in the station" in page
    tell(wire, "Updated", 3, value(6))
    assert one().missing_reports == [1, 4, 5]


def test_f02_a_remote_start_is_found_back_in_its_transaction(wire: Wire, as_ada: Client, tree: Tree) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, state="EVConnected")
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse={"id": 2, "connectorId": 1}, tx="T-2", state="EVConnected")
    station = Station.objects.select_related("location__organization").get(identity="LUM-0001")
    ask(actor=tree.ada, station=station, intent=Start(CARD, 1))
    message_id, action, asked = wire.expect_call()
    assert action == "RequestStartTransaction"
    wire.answer(message_id, {"status": "Accepted", "transactionId": "T-1"})
    until(lambda: one().remote_start)
    assert one().remote_start == asked["remoteStartId"]
    tell(wire, "Updated", 1, idToken=TOKEN, triggerReason="RemoteStart", tx="T-2", info={"remoteStartId": asked["remoteStartId"]})
    assert one("T-2").remote_start == asked["remoteStartId"]
    assert "from the portal by" in as_ada.get(one().get_absolute_url()).content.decode()
    ask(actor=tree.ada, station=station, intent=Stop("T-2"))
    message_id, action, asked = wire.expect_call()
    assert (action, asked) == ("RequestStopTransaction", {"transactionId": "T-2"})
    tell(wire, "Ended", 2, value(5, "Transaction.End"), tx="T-2", info={"stoppedReason": "Remote"})
    assert one("T-2").stop_reason == "Remote"


def test_g01_a_station_of_one_status_for_everything_between_is_shown_as_finely_as_it_is_known(wire: Wire, gateway: Gateway) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, state="Charging")
    occupied(wire, "Unavailable")
    again = gateway.connect(subprotocols=["ocpp2.0.1"])
    occupied(again)
    assert status() == "Charging"
    occupied(again, "Reserved")
    assert status() == "Reserved"


def test_i03_what_it_cost_goes_with_the_answer_to_its_end(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "total_costs", lambda rows: {row.pk: row.energy_wh / 1000 * 0.4 for row in rows})
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE)
    assert tell(wire, "Ended", 1, value(5000, "Transaction.End")) == {"totalCost": 2.0}


def test_i02_the_running_cost_is_told(wire: Wire, tree: Tree) -> None:
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE)
    tell_cost(actor=tree.ada, transaction=one(), total=Decimal("1.25"))
    _id, action, said = wire.expect_call()
    assert (action, said) == ("CostUpdated", {"transactionId": "T-1", "totalCost": 1.25})


def test_j02_everyday_reports_read_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look(execute: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    def watched(batch: Any) -> Any:
        with connection.execute_wrapper(look):
            return commit(batch)

    commit = ledger._commit_once
    tell(wire, "Started", 0, value(0, "Transaction.Begin"), evse=EVSE, idToken=TOKEN, state="Charging")
    tell(wire, "Updated", 1, value(5))
    monkeypatch.setattr(ledger, "_commit_once", watched)
    tell(wire, "Updated", 2, value(6), evse=EVSE)
    assert asked
    assert not [sql for sql in asked if sql.startswith("SELECT")]
    assert (one().meter_last, one().last_report) == (6, 2)


def test_j01_meter_values_outside_of_transactions_are_shown(wire: Wire) -> None:
    wire.call("MeterValues", {"evseId": 1, "meterValue": [value(1234, measurand="Power.Active.Import")]})
    assert Connector.objects.get(station__identity="LUM-0001", number=1).power == 1234


def test_e15_numbers_that_no_station_should_send_lose_nothing(wire: Wire) -> None:
    tell(wire, "Started", 2**40, value(0, "Transaction.Begin"), evse={"id": 99}, info={"remoteStartId": 2**70}, idToken=TOKEN)
    tell(wire, "Updated", 2**31 - 1, value(7))
    tell(wire, "Updated", -5, value(8))
    assert tell(wire, "Started", 0, tx=" ", idToken=TOKEN)["idTokenInfo"]["status"]
    tell(wire, "Ended", 0, value(9, "Transaction.End"))
    row = one()
    assert (row.meter_stop, row.remote_start, row.connector.number) == (9, None, 0)
    assert len(row.missing_reports) <= 100
