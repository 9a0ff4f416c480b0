"""What stations say (OCPP 1.6 Core, and security events), answered after it is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from passes.actions import create_pass
from passes.models import ChargePass
from stations.models import (
    CardOffer,
    Connector,
    Frame,
    MeterSample,
    MeterSeries,
    SecurityEvent,
    SignedMeterValue,
    Station,
    StatusChange,
    Transaction,
)  # fmt: skip
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire

pytestmark = pytest.mark.engines


def now(**shift: float) -> str:
    return (timezone.now() + timedelta(**shift)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def start(wire: Wire, connector: int = 1, tag: str = CARD, meter: int = 1000, at: str | None = None) -> Any:
    return wire.call("StartTransaction", {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at or now()})


def stop(wire: Wire, transaction: int, meter: int = 5000, at: str | None = None, **more: Any) -> Any:
    return wire.call("StopTransaction", {"transactionId": transaction, "meterStop": meter, "timestamp": at or now(), **more})


def meter(wire: Wire, *values: dict[str, Any], connector: int = 1, transaction: int | None = None, at: str | None = None) -> Any:
    payload: dict[str, Any] = {"connectorId": connector, "meterValue": [{"timestamp": at or now(), "sampledValue": list(values)}]}
    return wire.call("MeterValues", payload | ({} if transaction is None else {"transactionId": transaction}))


def test_boot(wire: Wire) -> None:
    answer = wire.call("BootNotification", {
        "chargePointVendor": "Alfen BV", "chargePointModel": "NG910", "chargePointSerialNumber": "ACE1", "firmwareVersion": "6.5.1",
        "iccid": "8931", "imsi": "2040", "meterType": "MID", "meterSerialNumber": "M1",
    })  # fmt: skip
    assert answer["status"] == "Accepted"
    assert answer["interval"] == 300
    assert abs(datetime.fromisoformat(answer["currentTime"]) - datetime.now(UTC)) < timedelta(seconds=5)
    station = Station.objects.get(identity="LUM-0001")
    told = (station.vendor, station.model, station.serial_number, station.firmware_version, station.iccid, station.meter_serial_number)
    assert told == ("Alfen BV", "NG910", "ACE1", "6.5.1", "8931", "M1")
    assert station.booted_at


def test_heartbeat_gives_the_time_and_counts_as_a_message(wire: Wire) -> None:
    assert set(wire.call("Heartbeat")) == {"currentTime"}
    assert Station.objects.get(identity="LUM-0001").last_message_at


def test_every_message_and_its_answer_are_in_the_log_whole(wire: Wire) -> None:
    wire.call("Heartbeat", message_id="abc")
    frame = Frame.objects.get(action="Heartbeat")
    assert frame.call == '[2, "abc", "Heartbeat", {}]'
    assert frame.answer.startswith('[3,"abc",{"currentTime":')
    assert frame.answered_at is not None
    assert not frame.failed


def test_statuses_of_the_station_and_of_its_connectors(wire: Wire) -> None:
    for number, status, code in (
        (0, "Available", "NoError"),
        (1, "Charging", "NoError"),
        (2, "Faulted", "GroundFailure"),
        (7, "Available", "NoError"),
    ):
        payload = {"connectorId": number, "status": status, "errorCode": code, "vendorErrorCode": "E1", "info": "x", "timestamp": now()}
        assert wire.call("StatusNotification", payload) == {}
    found = Connector.objects.filter(station__identity="LUM-0001").values_list("number", "status", "error_code")
    assert list(found.order_by("number")) == [
        (0, "Available", "NoError"), (1, "Charging", "NoError"), (2, "Faulted", "GroundFailure"), (7, "Available", "NoError"),
    ]  # fmt: skip
    assert StatusChange.objects.count() == 4
    wire.call("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError", "vendorErrorCode": "E1", "info": "x"})
    assert StatusChange.objects.count() == 4, "the same status again is no change"


def test_connectors_have_a_bound(wire: Wire) -> None:
    payload = {"connectorId": 33, "status": "Available", "errorCode": "NoError"}
    assert wire.call("StatusNotification", payload) == "PropertyConstraintViolation"
    assert not Connector.objects.filter(number=33).exists()


@pytest.mark.parametrize(
    ("change", "tag", "status", "reason"),
    [
        ({}, CARD, "Accepted", "listed"),
        ({}, CARD.lower(), "Accepted", "listed"),
        ({}, "0BADC0DE", "Invalid", "unknown"),
        ({"blocked": True}, CARD, "Blocked", "blocked"),
        ({"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, CARD, "Expired", "expired"),
    ],
)
def test_a_card_is_judged_and_the_offer_is_kept(change: dict[str, Any], tag: str, status: str, reason: str, wire: Wire) -> None:
    ChargePass.objects.update(**change)
    assert wire.call("Authorize", {"idTag": tag})["idTagInfo"]["status"] == status
    offer = CardOffer.objects.get()
    assert (offer.id_tag, offer.verdict, offer.action) == (tag, status, "Authorize")
    assert reason in offer.reason


def test_at_an_open_station_every_card_works(wire: Wire, tree: Tree) -> None:
    Station.objects.filter(pk=tree.station.pk).update(access_mode="open")
    assert wire.call("Authorize", {"idTag": "0BADC0DE"})["idTagInfo"]["status"] == "Accepted"


def test_a_pass_of_another_tenant_is_no_pass_here(wire: Wire, tree: Tree) -> None:
    create_pass(actor=None, organization=tree.other_customer, uid="AABBCCDD")
    assert wire.call("Authorize", {"idTag": "AABBCCDD"})["idTagInfo"]["status"] == "Invalid"


def test_a_whole_transaction(wire: Wire, tree: Tree) -> None:
    began = now(minutes=-30)
    answer = start(wire, at=began)
    assert answer["idTagInfo"]["status"] == "Accepted"
    transaction = answer["transactionId"]
    assert transaction > 0
    row = Transaction.objects.get(station=tree.station, transaction_id=str(transaction))
    assert (row.running, row.meter_start, row.id_tag, row.verdict) == (True, 1000, CARD, "Accepted")
    assert row.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z") == began
    meter(wire, {"value": "2500", "unit": "Wh"}, transaction=transaction)
    row.refresh_from_db()
    assert (row.meter_last, row.energy_wh) == (2500, 1500)
    data = [{"timestamp": now(), "sampledValue": [{"value": "OCMF|x", "format": "SignedData", "context": "Transaction.End"}]}]
    assert stop(wire, transaction, 5000, reason="Remote", idTag=CARD, transactionData=data)["idTagInfo"]["status"] == "Accepted"
    row.refresh_from_db()
    assert (row.running, row.meter_stop, row.energy_wh, row.stop_reason, row.problems) == (False, 5000, 4000, "Remote", [])
    assert SignedMeterValue.objects.get().value == "OCMF|x"


def test_meter_values_are_numbers_with_their_meaning(wire: Wire) -> None:
    meter(
        wire,
        {"value": "1234.5", "measurand": "Energy.Active.Import.Register", "unit": "kWh"},
        {"value": "10900", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": "16.1", "measurand": "Current.Import", "unit": "A", "phase": "L2", "location": "EV", "context": "Sample.Clock"},
        {"value": "55", "measurand": "SoC", "unit": "Percent"},
        {"value": "7"},
    )
    kept = {(s.series.measurand, s.series.unit, s.series.phase, s.series.context, s.series.location): s.value
            for s in MeterSample.objects.select_related("series")}  # fmt: skip
    assert kept == {
        ("Energy.Active.Import.Register", "kWh", "", "Sample.Periodic", "Outlet"): 1234.5,
        ("Power.Active.Import", "W", "", "Sample.Periodic", "Outlet"): 10900.0,
        ("Current.Import", "A", "L2", "Sample.Clock", "EV"): 16.1,
        ("SoC", "Percent", "", "Sample.Periodic", "Outlet"): 55.0,
        ("Energy.Active.Import.Register", "Wh", "", "Sample.Periodic", "Outlet"): 7.0,
    }
    connector = Connector.objects.get(station__identity="LUM-0001", number=1)
    assert (connector.power, connector.state_of_charge) == (10900.0, 55.0)


def test_registers_in_kilowatt_hours_are_the_same_energy(wire: Wire) -> None:
    transaction = start(wire, meter=1000)["transactionId"]
    meter(
        wire, {"value": "2.5", "unit": "kWh"}, {"value": "7.4", "unit": "kW", "measurand": "Power.Active.Import"}, transaction=transaction
    )
    row, connector = Transaction.objects.get(), Connector.objects.get(station__identity="LUM-0001", number=1)
    assert (row.meter_last, row.energy_wh) == (2500, 1500)
    assert (connector.energy_register, connector.power) == (2500.0, 7400.0)
    assert stop(wire, transaction, 3000) == {}
    row.refresh_from_db()
    assert (row.energy_wh, row.problems) == (2000, [])


def test_a_transaction_goes_on_after_a_reconnect(gateway: Gateway) -> None:
    wire = gateway.connect()
    transaction = start(wire)["transactionId"]
    wire.close()
    wire = gateway.connect()
    meter(wire, {"value": "1700"}, transaction=transaction)
    assert Transaction.objects.get().energy_wh == 700
    wire.close()
    assert stop(gateway.connect(), transaction, 2000) == {}
    assert Transaction.objects.get().energy_wh == 1000


def test_values_sent_again_are_kept_once(wire: Wire) -> None:
    at = now()
    for _ in range(3):
        meter(wire, {"value": "100"}, at=at)
    assert (MeterSample.objects.count(), MeterSeries.objects.count()) == (1, 1)


@pytest.mark.parametrize("bad", ["", "abc", "NaN", "1e400", None, {"a": 1}, "12,5"])
def test_a_bad_value_does_not_cost_the_good_ones(bad: Any, wire: Wire) -> None:
    assert meter(wire, {"value": bad}, {"value": "1234.5"}, {"value": 77, "measurand": "Voltage"}) == {}
    assert sorted(MeterSample.objects.values_list("value", flat=True)) == [77.0, 1234.5]


def test_power_by_phase_is_added_up(wire: Wire) -> None:
    meter(wire, *({"value": "1000", "measurand": "Power.Active.Import", "unit": "W", "phase": phase} for phase in ("L1", "L2", "L3")))
    assert Connector.objects.get(station__identity="LUM-0001", number=1).power == 3000.0


def test_vendor_data_and_progress_reports(wire: Wire) -> None:
    assert wire.call("DataTransfer", {"vendorId": "x", "messageId": "y", "data": "z"}) == {"status": "UnknownVendorId"}
    assert wire.call("FirmwareStatusNotification", {"status": "Downloading"}) == {}
    assert wire.call("DiagnosticsStatusNotification", {"status": "Uploading"}) == {}
    station = Station.objects.get(identity="LUM-0001")
    assert (station.firmware_status, station.diagnostics_status) == ("Downloading", "Uploading")


def test_security_events(wire: Wire) -> None:
    assert wire.call("SecurityEventNotification", {"type": "InvalidMessages", "timestamp": now(), "techInfo": "x"}) == {}
    assert SecurityEvent.objects.get().type == "InvalidMessages"
    assert wire.call("SecurityEventNotification", {"type": "T" * 99, "timestamp": None, "techInfo": 7}) == {}
    assert SecurityEvent.objects.filter(type="T" * 50, info="7").exists()


def test_a_status_may_come_before_the_boot_and_without_any(wire: Wire) -> None:
    assert wire.call("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}) == {}
    assert start(wire)["transactionId"]
