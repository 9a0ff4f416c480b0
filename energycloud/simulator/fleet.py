"""Many simulated stations in one process, and the file in which the demo keeps what they need to connect."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from energycloud.simulator.base import Station
from energycloud.simulator.behaviour import Driver
from energycloud.simulator.makes import MAKES
from energycloud.simulator.versions import simulated

log = logging.getLogger("energycloud.simulator")


@dataclass
class Known:
    """A station as the simulator knows it. `make` is a key of MAKES; `cards` are accepted there."""

    identity: str
    password: str
    make: str = "alfen-double"
    connectors: int = 0  # 0: as the make has them
    serial: str = ""
    cards: list[str] = field(default_factory=list)
    begin: str = "idle"  # see behaviour.Driver
    registers: list[int] = field(default_factory=list)  # Wh, per connector
    version: str = ""  # of OCPP; empty: as the make speaks


def write_private(path: Path, content: Any) -> None:
    """JSON that only the owner of the file may read; whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(content, handle, indent=1)
    part.replace(path)


def read_json(path: Path) -> Any:
    """None when there is no such file, or nothing readable in it."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


class Fleet:
    """The first `lively` of `stations` have drivers; the others connect and are idle. `memory`: see Station.state.

    `security` is what each station is given of it: see Link.
    """

    def __init__(
        self, url: str, stations: Sequence[Known], *, lively: int, speed: float, seed: int | None, memory: Path | None = None,
        **security: Any,
    ) -> None:  # fmt: skip
        self.memory = memory
        kept = (read_json(memory) or {}) if memory else {}
        self.stations: list[Station] = []
        self.drivers: list[Driver] = []
        for index, known in enumerate(stations):
            rng = random.Random(f"{seed}:{known.identity}") if seed is not None else random.Random()
            make = MAKES[known.make]
            if known.version:
                make = replace(make, version=known.version)
            station = simulated(
                url, known.identity, known.password, make=make, connectors=known.connectors or None, serial=known.serial,
                speed=speed, rng=rng, **security,
            )  # fmt: skip
            for outlet, register in zip(station.outlets.values(), known.registers, strict=False):
                outlet.register = max(outlet.register, register)
            station.restore(kept.get(known.identity, {}))
            self.stations.append(station)
            if index < lively:
                for outlet in station.outlets.values():
                    begin = known.begin if outlet.number == 1 else "idle"
                    self.drivers.append(Driver(station, outlet, known.cards, rng, begin=begin))

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for station in self.stations:
                    group.create_task(station.run(), name=station.identity)
                    await asyncio.sleep(0.02)
                for driver in self.drivers:
                    group.create_task(lasting(driver), name=f"{driver.station.identity}/{driver.outlet.number}")
                for station in {driver.station.identity: driver.station for driver in self.drivers}.values():
                    if station.version == "2.0.1":  # what happens meanwhile is told afterwards
                        group.create_task(lapses(station), name=f"network of {station.identity}")
                group.create_task(self.remember())
        finally:
            self.save()
            await asyncio.gather(*(station.aclose() for station in self.stations), return_exceptions=True)

    async def remember(self) -> None:
        while True:
            await asyncio.sleep(3)
            self.save()

    def save(self) -> None:
        if self.memory:
            write_private(self.memory, {station.identity: station.state() for station in self.stations})


async def lapses(station: Station) -> None:
    """Now and then there is no network for less than a minute."""
    while True:
        await station.pause(station.rng.expovariate(1 / 3600) + 300)
        if station.online.is_set():
            await station.lose_connection(station.rng.uniform(15, 45))


async def lasting(driver: Driver) -> None:
    """A driver's mishap ends neither the connector's day nor the fleet."""
    while True:
        try:
            await driver.live()
        except Exception:
            log.exception("at %s/%d something went wrong", driver.station.identity, driver.outlet.number)
            await asyncio.sleep(30)
