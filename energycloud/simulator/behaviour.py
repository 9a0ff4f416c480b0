"""What happens at a connector all day: drivers come, hold up a card, charge, leave; now and then something breaks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from ocpp.exceptions import OCPPError

from energycloud.simulator.base import Outlet, Station
from energycloud.simulator.cars import Car, some_car
from energycloud.simulator.link import NotConnected

# (errorCode, vendorErrorCode, info)
AC_FAULTS = (("GroundFailure", "E1203", "RCD tripped"), ("ConnectorLockFailure", "E2110", "Socket lock does not close"),
             ("OverCurrentFailure", "E1107", "L2 above limit"), ("HighTemperature", "E3005", "Contactor 82 C"))  # fmt: skip
DC_FAULTS = (("EVCommunicationError", "0x4C", "Isolation test aborted"), ("PowerSwitchFailure", "0x71", "Power module 3"),
             ("HighTemperature", "0x1F", "Cooling pump"))  # fmt: skip
UNKNOWN_CARDS = ("04F1E2D3C4B5A6", "0A1B2C3D", "045C11AA907380", "7F33D1C2")


class Driver:
    """Everybody who comes to one connector. Seconds are simulated ones."""

    def __init__(self, station: Station, outlet: Outlet, cards: Sequence[str], rng: random.Random, *, begin: str = "idle") -> None:
        """`begin`: "idle", "charging" (a car is there from the start) or "broken" (a fault that only a reset cures)."""
        self.station, self.outlet, self.cards, self.rng, self.begin = station, outlet, list(cards), rng, begin
        self.dc = station.make.current_type == "DC"
        station.attended.add(outlet.number)

    async def live(self) -> None:
        station, outlet, rng = self.station, self.outlet, self.rng
        await station.online.wait()
        await station.pause(rng.uniform(1, 8))
        if self.begin == "broken":
            await self.break_down(float("inf"))
        elif self.begin == "charging":
            await self.visit(rng.choice(self.cards), soc=rng.uniform(25, 60))
        while True:
            called = await self.wait(rng.expovariate(1 / 180) + 10)
            await station.online.wait()
            if called:
                tag, outlet.remote_tag = outlet.remote_tag, ""
                await self.visit(tag, called=True)
            elif outlet.status == "Reserved" and rng.random() < 0.2:
                if kept := next((one for one in station.reservations.values() if outlet.number in one.numbers), None):
                    await self.visit(kept.tag, soc=rng.uniform(15, 80))
            elif station.is_free(outlet):
                chance = rng.random()
                if chance < 0.05:
                    await self.break_down(rng.uniform(60, 240))
                elif chance < 0.17:
                    await self.visit(rng.choice(UNKNOWN_CARDS))
                else:
                    await self.visit(rng.choice(self.cards), soc=rng.uniform(15, 80))

    async def wait(self, seconds: float) -> bool:
        """Whether a remote start came meanwhile."""
        try:
            await asyncio.wait_for(self.outlet.woken.wait(), seconds / self.station.speed)
        except TimeoutError:
            return False
        self.outlet.woken.clear()
        return True

    async def break_down(self, seconds: float) -> None:
        fault, vendor, info = self.rng.choice(DC_FAULTS if self.dc else AC_FAULTS)
        await self.station.show(self.outlet.number, "Faulted", fault, vendor_error_code=vendor, info=info)
        while seconds > 0 and self.outlet.status == "Faulted":  # a reset cures it
            await self.station.pause(2)
            seconds -= 2
        if self.outlet.status == "Faulted":
            await self.station.free(self.outlet.number)

    async def visit(self, tag: str, *, soc: float = 35.0, called: bool = False) -> None:
        """Plug in and hold up the card, or the other way round (no card when the charge was started remotely), charge, leave."""
        station, number, rng = self.station, self.outlet.number, self.rng
        card_first = not called and rng.random() < 0.3
        try:
            if not card_first:
                await station.plug(number)
                await station.pause(rng.uniform(2, 6))
            asks = not called or station.asks_for_remote_starts
            if not asks or await station.present(number, tag):
                if card_first:
                    await station.pause(rng.uniform(2, 6))
                    await station.plug(number)
                await station.pause(1.5)
                await self.charge(tag, some_car(rng, dc=self.dc), soc)
        except (NotConnected, TimeoutError, OCPPError):
            await station.online.wait()
        if self.outlet.plugged and self.outlet.status not in ("Faulted", "Unavailable"):
            await station.pause(rng.uniform(4, 30))
            await station.free(number)

    async def charge(self, tag: str, car: Car, soc: float) -> None:
        station, outlet, rng = self.station, self.outlet, self.rng
        if not await station.start(outlet.number, tag, car=car, soc=soc):
            return
        await station.keep_charging(
            outlet.number, seconds=(rng.uniform(8, 25) if self.dc else rng.uniform(12, 60)) * 60, tag=tag,
        )  # fmt: skip
