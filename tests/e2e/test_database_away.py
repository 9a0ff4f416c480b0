"""PostgreSQL goes away and comes back, as seen by stations of a real portal."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from ocpp.v16 import call
from websockets.exceptions import InvalidStatus

from energycloud.simulator import SimulatedStation
from energycloud.simulator.link import NotConnected
from tests.e2e.portal import Portal, database, free_port

pytestmark = [pytest.mark.engines, pytest.mark.postgresql]


class Line:
    """The line between portal and database: `cut` it, and connections are reset and refused until `mend`."""

    def __init__(self, url: str) -> None:
        self.target, self.port = urlsplit(url), free_port()
        self.url = urlunsplit(self.target._replace(netloc=f"{self.target.username}@127.0.0.1:{self.port}"))
        self.server: asyncio.Server | None = None
        self.open: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        if self.server:
            self.server.close()
        for writer in list(self.open):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.target.hostname, self.target.port)
        self.open |= {writer, back}

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass
            finally:
                sink.transport.abort()

        await asyncio.gather(copy(reader, back), copy(there, writer))
        self.open -= {writer, back}


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[tuple[Portal, Line, str]]:
    """A portal behind a line, and the password of its station E2E-1."""
    with database(folder) as named:
        line = Line(named["DATABASE_URL"])
        await line.mend()
        portal = Portal(folder, named | {"DATABASE_URL": line.url})
        try:
            await asyncio.to_thread(portal.start)
            yield portal, line, await asyncio.to_thread(portal.add_station, "E2E-1", "--access-mode", "open")
        finally:
            await line.cut()
            await asyncio.to_thread(portal.stop)


async def test_stations_wait_for_it_and_are_answered_soon_after_it_is_back(tmp_path: Path) -> None:
    async with house(tmp_path) as (portal, line, password):
        await line.cut()
        with pytest.raises(InvalidStatus, match="503"):
            await SimulatedStation(portal.ws, "E2E-1", password).connect()
        await line.mend()
        await asyncio.sleep(3)
        async with SimulatedStation(portal.ws, "E2E-1", password) as station:
            number = await station.start(1, "X")
            await line.cut()
            ending = asyncio.create_task(station.call(call.Heartbeat()))
            await asyncio.sleep(16)  # long enough for a pool that tries again after 1, 2, 4, 8, 16 … seconds
            assert not ending.done()
            await line.mend()
            began = time.monotonic()
            await asyncio.wait_for(ending, 30)
            assert time.monotonic() - began < 12
            await station.stop(1, "Local")
        rows = await asyncio.to_thread(portal.ask, "[[row.transaction_id, row.running] for row in Transaction.objects.all()]")
        assert rows == [[str(number), False]]


async def test_the_portal_ends_although_it_is_away(tmp_path: Path) -> None:
    async with house(tmp_path) as (portal, line, password):
        station = SimulatedStation(portal.ws, "E2E-1", password)
        await station.connect()
        await station.heartbeat()
        await line.cut()
        asking = asyncio.create_task(station.call(call.Heartbeat()))
        await asyncio.sleep(1)
        process = portal.process
        assert process is not None
        process.terminate()
        assert await asyncio.wait_for(station.closed(), 15) == 1012
        with pytest.raises(NotConnected):
            await asking
        assert await asyncio.to_thread(process.wait, 25) in {0, -signal.SIGTERM}
        await station.aclose()
