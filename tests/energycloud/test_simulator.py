"""Simulated stations against a server of a few lines that checks every message against the schemas."""

from __future__ import annotations

from typing import Any

import pytest

from energycloud.simulator import MAKES, SimulatedStation201
from energycloud.simulator.makes import Make
from tests.energycloud.csms import Server, server

CARD = "04A1B2C3D4E5F6"
pytestmark = pytest.mark.asyncio


async def arrived(csms: Server, make: Make | str = "alfen-201", **options: Any) -> SimulatedStation201:
    chosen = MAKES[make] if isinstance(make, str) else make
    station = SimulatedStation201(csms.url, "SIM-1", "p" * 20, make=chosen, speed=1000, **options)
    await station.connect()
    assert await station.boot()
    await station.report()
    return station


def events(csms: Server) -> list[tuple[str, str, str | None]]:
    return [(one["eventType"], one["triggerReason"], one["transactionInfo"].get("chargingState")) for one in csms.of("TransactionEvent")]


async def test_plug_first_then_a_card_then_gone() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        await station.plug(1)
        assert await station.present(1, CARD)
        transaction = await station.start(1, CARD)
        await station.meter(1, seconds=600)
        await station.stop(1, "Local", tag=CARD)
        await station.free(1)
        assert events(csms) == [
            ("Started", "CablePluggedIn", "EVConnected"), ("Updated", "Authorized", "EVConnected"),
            ("Updated", "ChargingStateChanged", "Charging"), ("Updated", "MeterValuePeriodic", "Charging"),
            ("Ended", "StopAuthorized", "EVConnected"),
        ]  # fmt: skip
        told = csms.of("TransactionEvent")
        assert [one["seqNo"] for one in told] == [0, 1, 2, 3, 4]
        assert {one["transactionInfo"]["transactionId"] for one in told} == {transaction}
        energy = told[-1]["meterValue"][0]["sampledValue"][0]
        assert energy["value"] == pytest.approx(1800, rel=0.05)
        assert energy["unitOfMeasure"] == {"unit": "Wh"}
        assert [one["connectorStatus"] for one in csms.of("StatusNotification")] == ["Available", "Available", "Occupied", "Available"]
        await station.aclose()


async def test_without_a_connection_events_wait_and_go_out_in_order() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        assert await station.authorize(CARD) == "Accepted"  # in its cache from now on
        await station.disconnect()
        assert await station.start(1, CARD, authorize=True)
        await station.meter(1, seconds=600)
        await station.stop(1, "EVDisconnected")
        assert events(csms) == []
        await station.connect()
        await station.flush()
        told = csms.of("TransactionEvent")
        assert [one["seqNo"] for one in told] == list(range(len(told)))
        assert all(one["offline"] for one in told)
        assert (told[0]["eventType"], told[-1]["eventType"]) == ("Started", "Ended")
        await station.aclose()


async def test_a_remote_start_and_stop_of_a_station_with_two_connectors_per_evse() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms, "alpitronic-201")
        ask = {"idToken": {"idToken": CARD, "type": "ISO14443"}, "remoteStartId": 42, "evseId": 2}
        assert (await csms.ask("RequestStartTransaction", ask))["status"] == "Accepted"
        await csms.until(lambda: station.outlets[3].status == "Charging")
        assert (await csms.ask("RequestStartTransaction", ask | {"remoteStartId": 43}))["status"] == "Rejected"
        first = csms.of("TransactionEvent")[0]
        assert (first["triggerReason"], first["transactionInfo"]["remoteStartId"], first["evse"]) == (
            "RemoteStart", 42, {"id": 2, "connectorId": 1},
        )  # fmt: skip
        transaction = first["transactionInfo"]["transactionId"]
        assert (await csms.ask("RequestStopTransaction", {"transactionId": "nonsense"}))["status"] == "Rejected"
        assert (await csms.ask("GetTransactionStatus", {"transactionId": transaction}))["ongoingIndicator"] is True
        assert await csms.ask("RequestStopTransaction", {"transactionId": transaction}) == {"status": "Accepted"}
        last = await csms.until(lambda: [one for one in csms.of("TransactionEvent") if one["eventType"] == "Ended"])
        assert (last[0]["triggerReason"], last[0]["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")
        await station.aclose()


async def test_the_device_model_is_read_reported_and_set() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        assert await csms.ask("GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"}) == {"status": "Accepted"}
        parts = await csms.until(lambda: csms.of("NotifyReport") and not csms.of("NotifyReport")[-1]["tbc"] and csms.of("NotifyReport"))
        assert [part["seqNo"] for part in parts] == list(range(len(parts)))
        assert len(parts) > 2
        assert 60 <= sum(len(part["reportData"]) for part in parts) <= 140

        def one(component: str, variable: str, value: str, **more: Any) -> dict[str, Any]:
            return {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value, **more}

        answer = await csms.ask("SetVariables", {"setVariableData": [
            one("SampledDataCtrlr", "TxUpdatedInterval", "30"), one("SecurityCtrlr", "Identity", "X"),
            one("TxCtrlr", "TxStartPoint", "Moonrise"), one("Kettle", "Available", "true"), one("TxCtrlr", "Moonrise", "1"),
            one("TxCtrlr", "EVConnectionTimeOut", "9", attributeType="Target"), one("OCPPCommCtrlr", "WebSocketPingInterval", "20"),
        ]})  # fmt: skip
        assert [result["attributeStatus"] for result in answer["setVariableResult"]] == [
            "Accepted", "Rejected", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType", "RebootRequired",
        ]  # fmt: skip
        assert station.sample_interval == 30
        read = await csms.ask("GetVariables", {"getVariableData": [
            {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}},
            {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}},
        ]})  # fmt: skip
        assert [(one["attributeStatus"], one.get("attributeValue")) for one in read["getVariableResult"]] == [
            ("Rejected", None), ("Accepted", "Available"),
        ]  # fmt: skip
        asked = {"requestId": 6, "componentVariable": [{"component": {"name": "Kettle"}}]}
        assert await csms.ask("GetReport", asked) == {"status": "EmptyResultSet"}
        await station.aclose()
