"""A station and an operator at a shell, over the real websocket and the real queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v16 import call
from websockets.exceptions import InvalidStatus

from energycloud.simulator import MAKES, SimulatedStation
from tests.conftest import CARD
from tests.e2e.portal import Portal
from tests.e2e.portal import portal as run_portal

pytestmark = pytest.mark.engines


async def until(what: Callable[[], Any], seconds: float = 15) -> Any:
    """Wait until `what` is true."""
    async with asyncio.timeout(seconds):
        while True:
            found = what()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.1)


async def send(portal: Portal, identity: str, action: str, payload: dict[str, Any] | None = None, *options: str) -> tuple[int, Any]:
    """`manage.py send`: (exit code, the printed answer)."""
    done = await asyncio.to_thread(portal.manage, "send", identity, action, json.dumps(payload or {}), *options)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="module")
def station_password(portal: Portal) -> str:
    password = portal.add_station("E2E-1", "--connectors", "2")
    portal.ask(f"create_pass(actor=None, organization=Organization.objects.get(), uid={CARD!r}, nickname='Pool car').pk")
    return password


async def test_a_stranger_and_a_wrong_password_are_answered_alike_and_noted(portal: Portal, station_password: str) -> None:
    answers = []
    for identity, password in (("NOBODY-1", station_password), ("E2E-1", "wrong-password-0000")):
        with pytest.raises(InvalidStatus) as refusal:
            await SimulatedStation(portal.ws, identity, password).connect()
        response = refusal.value.response
        answers.append((response.status_code, response.body, {name for name, _value in response.headers.raw_items()}))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    knocks = await asyncio.to_thread(portal.ask, "list(Knock.objects.order_by('identity').values_list('identity', 'reason'))")
    assert knocks == [["E2E-1", "password"], ["NOBODY-1", "unknown"]]


async def test_a_car_charges_and_is_stopped_from_a_shell(portal: Portal, station_password: str) -> None:
    async with SimulatedStation(portal.ws, "E2E-1", station_password, make=MAKES["alfen-double"]) as station:
        assert await station.boot()
        await station.report()
        assert await station.authorize("04FFFFFFFFFFFF") == "Invalid"
        assert await station.authorize(CARD) == "Accepted"
        number = await station.start(1, CARD)
        assert number > 0
        for _ in range(3):
            await station.meter(1, seconds=300)
        register = round(station.outlets[1].register)
        shown = await asyncio.to_thread(
            portal.ask, "list(Connector.objects.order_by('number').values_list('status', 'power', 'energy_register'))"
        )
        assert [row[0] for row in shown] == ["Available", "Charging", "Available"]
        assert shown[1][1] == pytest.approx(11_000, rel=0.05)
        assert shown[1][2] == register

        assert await send(portal, "E2E-1", "RemoteStopTransaction", {"transactionId": number}) == (0, {"status": "Accepted"})
        await until(lambda: station.outlets[1].session is None)
        assert await send(portal, "E2E-1", "RemoteStopTransaction", {"transactionId": number}) == (1, {"status": "Rejected"})
    row = await asyncio.to_thread(
        portal.ask,
        "list(Transaction.objects.values_list('transaction_id', 'meter_start', 'meter_stop', 'stop_reason', 'id_tag', 'problems'))",
    )
    assert row == [[str(number), 0, register, "Remote", CARD, []]]


async def test_everything_an_operator_asks_is_answered_on_standard_output(portal: Portal, station_password: str) -> None:
    async with SimulatedStation(portal.ws, "E2E-1", station_password) as station:
        await station.boot()
        await station.report()
        assert await send(portal, "E2E-1", "ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}) == (0, {"status": "Accepted"})
        await until(lambda: station.outlets[2].status == "Unavailable")
        assert await send(portal, "E2E-1", "RemoteStartTransaction", {"connectorId": 2, "idTag": CARD}) == (1, {"status": "Rejected"})
        assert await send(portal, "E2E-1", "UnlockConnector", {"connectorId": 1}) == (0, {"status": "Unlocked"})
        assert await send(portal, "E2E-1", "UnlockConnector", {"connectorId": 9}) == (1, {"status": "NotSupported"})
        code, answer = await send(portal, "E2E-1", "GetConfiguration", {"key": ["NumberOfConnectors", "Nonsense"]})
        assert code == 0
        assert answer == {"configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "2"}], "unknownKey": ["Nonsense"]}
        change = {"key": "MeterValueSampleInterval", "value": "30"}
        assert await send(portal, "E2E-1", "ChangeConfiguration", change) == (0, {"status": "Accepted"})
        assert station.configuration["MeterValueSampleInterval"].value == "30"
        for key, status, expected in (
            ("NumberOfConnectors", "Rejected", 1),
            ("Nonsense", "NotSupported", 1),
            ("WebSocketPingInterval", "RebootRequired", 0),
        ):
            assert await send(portal, "E2E-1", "ChangeConfiguration", {"key": key, "value": "9"}) == (expected, {"status": status})
        assert await send(portal, "E2E-1", "TriggerMessage", {"requestedMessage": "Heartbeat"}) == (0, {"status": "Accepted"})
        assert await send(portal, "E2E-1", "ClearCache") == (0, {"status": "Accepted"})
        assert await send(portal, "E2E-1", "CancelReservation", {"reservationId": 4}) == (1, {"status": "Rejected"})
        station.deaf_to.add("ClearCache")
        assert await send(portal, "E2E-1", "ClearCache", {}, "--timeout", "1") == (2, None)
    await until(lambda: asyncio.to_thread(portal.ask, "not Station.objects.get().connected"))
    assert await send(portal, "E2E-1", "ClearCache") == (3, None)


async def test_a_station_reboots_when_told_and_is_remotely_started(portal: Portal, station_password: str) -> None:
    station = SimulatedStation(portal.ws, "E2E-1", station_password, speed=20)
    station.reboot_seconds = 0.2
    life = asyncio.create_task(station.run())
    try:
        await asyncio.wait_for(station.online.wait(), 10)
        assert (await send(portal, "E2E-1", "RemoteStartTransaction", {"connectorId": 1, "idTag": CARD}))[0] == 0
        await until(lambda: station.outlets[1].status == "Charging")
        assert await send(portal, "E2E-1", "Reset", {"type": "Soft"}) == (0, {"status": "Accepted"})
        await until(lambda: not station.online.is_set())
        await asyncio.wait_for(station.online.wait(), 10)
        assert station.outlets[1].session is None
        last = await asyncio.to_thread(portal.ask, "Transaction.objects.order_by('-pk').values_list('stop_reason', flat=True)[0]")
        assert last == "SoftReset"
        boots = await asyncio.to_thread(portal.ask, "Frame.objects.filter(action='BootNotification').count()")
        assert boots >= 3
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        await station.aclose()


async def test_a_charge_survives_the_restart_of_the_portal(tmp_path: Path) -> None:
    with run_portal(tmp_path) as own:
        password = await asyncio.to_thread(own.add_station, "E2E-9", "--access-mode", "open")
        station = SimulatedStation(own.ws, "E2E-9", password)
        life = asyncio.create_task(station.run())
        try:
            await asyncio.wait_for(station.online.wait(), 10)
            number = await station.start(1, CARD)
            await asyncio.to_thread(own.stop)
            await until(lambda: not station.online.is_set())
            station.flow(station.outlets[1], 1800)
            ending = asyncio.create_task(station.stop(1, "Local"))  # while nobody listens
            await asyncio.to_thread(own.start)
            await asyncio.wait_for(ending, 30)
            row = await asyncio.to_thread(own.ask, "list(Transaction.objects.values_list('transaction_id', 'meter_stop', 'stop_reason'))")
            assert row == [[str(number), round(station.outlets[1].register), "Local"]]
            assert station.outlets[1].register > 5000
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            await station.aclose()


async def test_an_error_of_the_server_reaches_the_caller(portal: Portal, station_password: str) -> None:
    async with SimulatedStation(portal.ws, "E2E-1", station_password) as station:
        with pytest.raises(OCPPError):
            await station.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Dancing"))
        await station.heartbeat()
