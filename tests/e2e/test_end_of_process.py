"""The process ends in the middle of the traffic: by force, or told to. No answered message may be missing afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v16 import call
from websockets.exceptions import WebSocketException

from energycloud.simulator import SimulatedStation
from energycloud.simulator.base import now
from energycloud.simulator.link import NotConnected
from tests.e2e.portal import Portal
from tests.e2e.portal import portal as run_portal

pytestmark = pytest.mark.engines

STATIONS = 20
PASSWORD = "one-password-for-all-1"
GONE = (NotConnected, OSError, WebSocketException, TimeoutError, OCPPError)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with run_portal(tmp_path) as started:
        yield started


class Witness:
    """Traffic of many stations, and everything that was answered."""

    def __init__(self, portal: Portal) -> None:
        portal.add_station("W-0", "--password", PASSWORD, location="Quay")
        portal.ask(
            "len(__import__('stations.actions').actions.add_stations(actor=None, location=Location.objects.get(), "
            f"identities=['W-%d' % n for n in range(1, {STATIONS})], password={PASSWORD!r}))"
        )
        self.stations = [SimulatedStation(portal.ws, f"W-{n}", PASSWORD) for n in range(STATIONS)]
        self.transactions: list[tuple[str, int]] = []
        self.samples: list[tuple[str, float]] = []
        self.statuses: dict[str, int] = {}

    async def talk(self, station: SimulatedStation) -> None:
        with contextlib.suppress(*GONE):
            await station.connect()
            count = 0
            while True:
                count += 1
                answer = await station.call(call.StartTransaction(connector_id=1, id_tag="X", meter_start=count, timestamp=now()))
                self.transactions.append((station.identity, answer.transaction_id))
                value = count * 1000 + int(station.identity[2:])
                sampled = [{"timestamp": now(), "sampledValue": [{"value": str(value), "measurand": "Voltage"}]}]
                await station.call(call.MeterValues(connector_id=1, meter_value=sampled))
                self.samples.append((station.identity, float(value)))
                await station.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Charging", info=str(count)))
                self.statuses[station.identity] = count

    async def watch(self, portal: Portal, number: int, seconds: float) -> list[int]:
        """Talk for `seconds`, end the portal with this signal; the close codes that the stations saw."""
        talking = [asyncio.create_task(self.talk(station)) for station in self.stations]
        await asyncio.sleep(seconds)
        await asyncio.to_thread(portal.stop, number)
        await asyncio.gather(*talking)
        codes = [await station.closed() for station in self.stations]
        for station in self.stations:
            await station.aclose()
        return codes

    def check(self, portal: Portal) -> None:
        assert len(self.samples) > STATIONS
        rows, samples, infos = portal.ask(
            "[list(Transaction.objects.values_list('station__identity', 'transaction_id')), "
            "list(MeterSample.objects.values_list('series__connector__station__identity', 'value')), "
            "list(Connector.objects.filter(number=1).values_list('station__identity', 'info'))]"
        )
        assert {(identity, str(pk)) for identity, pk in self.transactions} <= {(identity, pk) for identity, pk in rows}
        assert set(self.samples) <= {(identity, value) for identity, value in samples}
        kept = {identity: int(info or 0) for identity, info in infos}
        assert all(kept[identity] >= count for identity, count in self.statuses.items())


async def test_killed_without_warning_nothing_answered_is_lost(portal: Portal) -> None:
    witness = await asyncio.to_thread(Witness, portal)
    await witness.watch(portal, signal.SIGKILL, 3)
    await asyncio.to_thread(portal.start)
    await asyncio.to_thread(witness.check, portal)


async def test_told_to_end_it_answers_what_it_read_and_closes_with_1012(portal: Portal) -> None:
    witness = await asyncio.to_thread(Witness, portal)
    codes = await witness.watch(portal, signal.SIGTERM, 3)
    assert codes == [1012] * STATIONS
    await asyncio.to_thread(portal.start)
    await asyncio.to_thread(witness.check, portal)
    # Everything that was committed was answered as well: no station has a transaction that it does not know of.
    count = await asyncio.to_thread(portal.ask, "Transaction.objects.count()")
    assert count == len(witness.transactions)
