"""A simulated station that a test moves step by step while a browser, in the test's own thread, looks on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar

from energycloud.simulator import MAKES, Station, simulated

T = TypeVar("T")


class StationAtHand:
    """`do(station.show(1, "Preparing"))` runs that in the station's own thread and waits for it. It speaks the version of its make."""

    def __init__(self, url: str, identity: str, password: str, *, make: str = "alfen-double") -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, name=identity, daemon=True)
        self.thread.start()
        self.station = self.do(self._make(url, identity, password, make))

    async def _make(self, url: str, identity: str, password: str, make: str) -> Station:
        return simulated(url, identity, password, make=MAKES[make], speed=60)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def arrive(self) -> None:
        """Connect, boot and report."""
        self.do(self.station.connect())
        self.do(self.station.boot())

    def close(self) -> None:
        self.do(self.station.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


@contextmanager
def station_at_hand(url: str, identity: str, password: str, **options: Any) -> Iterator[StationAtHand]:
    one = StationAtHand(url, identity, password, **options)
    try:
        yield one
    finally:
        one.close()
