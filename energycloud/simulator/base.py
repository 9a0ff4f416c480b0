"""What a simulated station is, whichever version it speaks: outlets, cars and meters, its local list, limits and reservations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ocpp.exceptions import OCPPError

from energycloud.simulator.cars import Car, ac_power, dc_power
from energycloud.simulator.certificates import Certificates
from energycloud.simulator.link import Link, NotConnected
from energycloud.simulator.makes import MAKES, Make
from energycloud.simulator.profiles import LEAST_AC, Limit, Profile, Profiles

log = logging.getLogger("energycloud.simulator")


@dataclass
class Session:
    """A car at an outlet that charges, or is about to. `soc` in percent, `power` in W, meter values in Wh."""

    tag: str
    car: Car
    soc: float
    meter_start: int
    transaction_id: Any = 0
    power: float = 0.0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Meter:
    register: float = 0.0  # Wh


@dataclass
class Outlet:
    """A connector as OCPP 1.6 numbers them, from 1; `evse` and `connector` as 2.0.1 does. Connectors of one EVSE share its meter."""

    number: int
    evse: int = 0
    connector: int = 1
    meter: Meter = field(default_factory=Meter)
    status: str = "Available"  # in the words of OCPP 1.6, whichever version is spoken
    error_code: str = "NoError"
    vendor_error_code: str = ""
    info: str = ""
    plugged: bool = False
    session: Session | None = None
    operative: bool = True
    limited: Limit | None = None  # what charging profiles leave
    remote_tag: str = ""  # a remote start that waits for its car
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def register(self) -> float:
        return self.meter.register

    @register.setter
    def register(self, value: float) -> None:
        self.meter.register = value


@dataclass
class Reservation:
    """`numbers`: the outlets; none: whichever is free."""

    id: int
    numbers: tuple[int, ...]
    tag: str
    group: str
    expires: datetime
    clock: asyncio.Task[Any] | None = None


class Station(Link):
    """One simulated station; what it says is up to its version."""

    version: str
    most_profiles, highest_level, most_periods = 40, 99, 24

    def __init__(
        self, url: str, identity: str, password: str, *, make: Make = MAKES["alfen-double"], connectors: int | None = None,
        serial: str = "", speed: float = 1.0, rng: random.Random | None = None, **security: Any,
    ) -> None:  # fmt: skip
        """`security`: what Link takes: secure_url, security_profile, tls, client_certificate."""
        super().__init__(url, identity, password, speed=speed, rng=rng, **security)
        self.make = make
        self.serial = serial or "".join(self.rng.choice("0123456789") if sign == "9" else sign for sign in make.serial)
        self.outlets: dict[int, Outlet] = {}
        meters: dict[int, Meter] = {}
        for number in range(1, (connectors or make.connectors) + 1):
            evse, connector = (number - 1) // make.per_evse + 1, (number - 1) % make.per_evse + 1
            self.outlets[number] = Outlet(number, evse, connector, meters.setdefault(evse, Meter()))
        self.local_list: dict[str, dict[str, Any]] = {}  # UID -> idTagInfo, or idTokenInfo
        self.local_list_version = 0
        self.cache: dict[str, dict[str, Any]] = {}  # likewise, of cards that were accepted
        self.groups: dict[str, str] = {}  # UID -> parent or group id, as the server told with its last verdict
        self.operative = True  # the station as a whole
        self.lock_stuck = False
        self.firmware, self.firmware_status, self.log_status = make.firmware, "Idle", "Idle"
        self.attended: set[int] = set()  # connectors at which a behaviour.Driver acts
        self.profiles = Profiles()
        self.pending_profiles: dict[int, Profile] = {}  # outlet to what came with a remote start
        self.reservations: dict[int, Reservation] = {}
        self.certificates = Certificates(self.identity, make.vendor)
        self._aligned: asyncio.Task[None] | None = None

    # -- what each version does in its own way ----------------------------------------------------------------------------------------

    @abstractmethod
    async def status(
        self, number: int, status: str | None = None, error_code: str = "NoError", *, vendor_error_code: str = "", info: str = "",
    ) -> None:  # fmt: skip
        """Take and report a status; without one, report the present one again."""

    @abstractmethod
    async def authorize(self, tag: str) -> str:
        """The server's verdict over a card, such as "Accepted" or "Invalid"; that of the local list while there is no connection."""

    async def present(self, number: int, tag: str) -> bool:
        """A card is held up at an outlet: whether it may charge."""
        return await self.authorize(tag) == "Accepted"

    async def plug(self, number: int) -> None:
        """A car is plugged in."""
        self.outlets[number].plugged = True
        if self.outlets[number].session is None:
            await self.show(number, "Preparing")

    @abstractmethod
    async def start(self, number: int, tag: str, *, car: Car | None = None, soc: float = 40.0, authorize: bool = False) -> Any:
        """Let energy flow; the transaction id, or something false when the verdict was not "Accepted": it is ended again."""

    @abstractmethod
    async def meter(self, number: int, *, seconds: float = 0.0, context: str = "Sample.Periodic") -> None:
        """Let energy flow for `seconds`, then send meter values."""

    @abstractmethod
    async def stop(self, number: int, reason: str = "Local", *, tag: str | None = None) -> None:
        """End the transaction of an outlet; nothing when there is none. `reason` in the words of OCPP 1.6."""

    async def full(self, number: int) -> None:
        """The car takes no more."""
        await self.show(number, "SuspendedEV")

    async def keep_charging(self, number: int, *, seconds: float = math.inf, tag: str | None = None) -> bool:
        """Let energy flow and send meter values until the charge is stopped; or its driver ends it: after `seconds`, or soon after the
        car is full. Whether the driver did."""
        outlet = self.outlets[number]
        session = outlet.session
        passing, by_driver = 3.0, False
        while session is not None and outlet.session is session:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(session.ended.wait(), passing / self.speed)
            if outlet.session is not session:
                break
            seconds -= passing
            with contextlib.suppress(NotConnected, TimeoutError, OCPPError):  # the meter goes on; the next value says how far
                await self.meter(number, seconds=passing)
            if session.soc >= 100 and outlet.status == "Charging":
                await self.full(number)
                seconds = min(seconds, self.rng.uniform(60, 300))
            if by_driver := seconds <= 0:
                await self.stop(number, self.rng.choice(("Local", "EVDisconnected")), tag=tag)
                await self.show(number, "Finishing")
            passing = self.sample_interval
        if session is not None:
            await session.ended.wait()
        return by_driver

    async def charge_remotely(self, number: int) -> None:
        """What a remote start began where no driver acts: the car charges until it is stopped or full, then leaves. Only in `run`."""
        if self._persistent and await self.keep_charging(number):
            await self.pause(5)
            await self.free(number)

    @abstractmethod
    async def security_event(self, kind: str, info: str = "") -> None:
        """Tell of something that concerns security, such as "StartupOfTheDevice"."""

    async def reservation_ended(self, reservation: Reservation, how: str) -> None:
        """`how`: "Expired" or "Removed"."""

    @abstractmethod
    async def restart(self, reason: str) -> None:
        """End what runs, close the socket, come back with a BootNotification. Faults are cured, as they often are."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """How it is set, without secrets."""

    @property
    @abstractmethod
    def sample_interval(self) -> int:
        """Seconds between meter values of a transaction."""

    @property
    @abstractmethod
    def aligned_interval(self) -> int:
        """Seconds between meter values by the clock; 0: none."""

    @property
    @abstractmethod
    def asks_for_remote_starts(self) -> bool:
        """Whether a card is asked about although the server itself started the charge."""

    # -- statuses ---------------------------------------------------------------------------------------------------------------------

    async def show(self, number: int, status: str, *details: Any, **more: Any) -> None:
        """`status`, for whoever does not care whether the station is online: it is reported at the next connect anyway."""
        try:
            await self.status(number, status, *details, **more)
        except (NotConnected, TimeoutError, OCPPError):
            log.debug("%s: %s not reported", self.identity, status)

    async def free(self, number: int) -> None:
        """Nothing plugged in any more: Available or Reserved, or Unavailable when it was switched off meanwhile."""
        outlet = self.outlets[number]
        outlet.plugged = False
        await self.show(number, self.idle_status(outlet))

    def idle_status(self, outlet: Outlet) -> str:
        if not (outlet.operative and self.operative):
            return "Unavailable"
        return "Reserved" if any(outlet.number in one.numbers for one in self.reservations.values()) else "Available"

    def outlets_at(self, connector_id: int) -> list[Outlet] | None:
        """The outlets that a number means (0 all of them); None when there is no such one."""
        if connector_id == 0:
            return list(self.outlets.values())
        outlet = self.outlets.get(connector_id)
        return [outlet] if outlet else None

    def siblings(self, outlet: Outlet) -> list[Outlet]:
        """The other connectors of its EVSE: only one of them charges at a time."""
        return [one for one in self.outlets.values() if one.evse == outlet.evse and one is not outlet]

    def is_free(self, outlet: Outlet) -> bool:
        return outlet.operative and outlet.status == "Available" and not any(one.session or one.plugged for one in self.siblings(outlet))

    def outlet_of(self, transaction_id: Any) -> Outlet | None:
        for outlet in self.outlets.values():
            if outlet.session and outlet.session.transaction_id == transaction_id:
                return outlet
        return None

    async def finish(self, number: int, reason: str) -> None:
        """End the transaction as the server asked, and say that the car is still plugged in."""
        if self.outlets[number].session:
            await self.stop(number, reason)
            await self.show(number, "Finishing")
            if number not in self.attended:
                await self.pause(5)
                await self.free(number)

    def cure(self, outlet: Outlet) -> None:
        """What a restart does to an outlet."""
        if outlet.status != "Unavailable":
            outlet.status = self.idle_status(outlet)
            outlet.error_code, outlet.vendor_error_code, outlet.info = "NoError", "", ""
        outlet.plugged = False

    # -- energy -----------------------------------------------------------------------------------------------------------------------

    def set_power(self, outlet: Outlet) -> None:
        """What the car takes now, and no more than the profiles in force allow."""
        make, session = self.make, outlet.session
        if session is None:
            return
        charging = sum(1 for one in self.outlets.values() if one.session)
        place = outlet.evse if self.version == "2.0.1" else outlet.number
        limit = self.profiles.limit(place, str(session.transaction_id or ""), datetime.now(UTC), session.began, charging) or Limit()
        outlet.limited = limit
        if make.current_type == "DC":
            power = dc_power(session.car, min(make.max_power, limit.power(make.voltage, 1)), session.soc)
        else:
            phases = min(make.phases, limit.phases or make.phases)
            used = min(phases, session.car.ac_phases)
            current = min(make.max_current, limit.power(make.voltage, phases) / make.voltage / used)
            if limit.amps is not None:
                current = min(current, limit.amps)
            power = ac_power(session.car, phases, current, make.voltage, session.soc) if current >= LEAST_AC else 0.0
        session.power = power * self.rng.uniform(0.985, 1.0) if session.soc < 100 else 0.0

    def withholds(self, outlet: Outlet) -> bool:
        """Whether it is the station that lets no energy flow."""
        return bool(outlet.session and outlet.session.soc < 100 and outlet.session.power <= 0)

    def flow(self, outlet: Outlet, seconds: float) -> None:
        """Energy flows for `seconds` of simulated time."""
        if session := outlet.session:
            energy = session.power * seconds / 3600
            outlet.register += energy
            session.soc = min(100.0, session.soc + energy / session.car.battery * 100)
            self.set_power(outlet)

    async def limits_changed(self) -> None:
        """Charging profiles came, went or reached another period."""
        for outlet in self.outlets.values():
            if outlet.session:
                self.set_power(outlet)
                await self.tell_withheld(outlet)

    async def tell_withheld(self, outlet: Outlet) -> None:
        if outlet.session and outlet.status in ("Charging", "SuspendedEVSE"):
            wanted = "SuspendedEVSE" if self.withholds(outlet) else "Charging"
            if wanted != outlet.status:
                await self.show(outlet.number, wanted)

    def measured(self, outlet: Outlet) -> list[dict[str, Any]]:
        """What the meter of an outlet shows, in the words that both versions share; `value` a number."""
        session, make = outlet.session, self.make
        power = session.power if session else 0.0
        volts = make.voltage * self.rng.uniform(0.99, 1.01)
        values: list[dict[str, Any]] = [
            {"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": round(outlet.register)},
            {"measurand": "Power.Active.Import", "unit": "W", "value": round(power)},
        ]
        if make.current_type == "DC":
            values += [{"measurand": "Current.Import", "unit": "A", "value": round(power / volts, 1)},
                       {"measurand": "Voltage", "unit": "V", "value": round(volts, 1)}]  # fmt: skip
            if session:
                values.append({"measurand": "SoC", "unit": "Percent", "location": "EV", "value": round(session.soc)})
        else:
            limit = outlet.limited or Limit()
            used = min(make.phases, session.car.ac_phases, limit.phases or make.phases) if session else make.phases
            for phase in range(1, make.phases + 1):
                current = power / volts / used if phase <= used else 0.0
                between = volts * self.rng.uniform(0.997, 1.003)
                values += [{"measurand": "Current.Import", "unit": "A", "phase": f"L{phase}", "value": round(current, 2)},
                           {"measurand": "Voltage", "unit": "V", "phase": f"L{phase}-N", "value": round(between, 1)}]  # fmt: skip
        return values

    async def catch_up(self) -> None:
        if self._aligned is None or self._aligned.done():
            self._aligned = self.later(self._keep_aligned())

    async def _keep_aligned(self) -> None:
        """Meter values at full quarters of an hour, or what `aligned_interval` makes of that."""
        while True:
            interval = self.aligned_interval
            wait = interval - time.time() % interval if interval else 5.0
            await asyncio.sleep(min(wait, 5.0))  # it may change meanwhile
            if wait <= 5.0 and interval and interval == self.aligned_interval:
                for outlet in self.outlets.values():
                    if outlet.connector == 1 or outlet.session:
                        with contextlib.suppress(NotConnected, TimeoutError, OCPPError):
                            await self.meter(outlet.number, context="Sample.Clock")

    # -- reservations -----------------------------------------------------------------------------------------------------------------

    def reserve(self, reservation: Reservation) -> str:
        """The ReservationStatus: the reservation is kept when it is "Accepted". One with the same id is replaced."""
        outlets = [self.outlets[number] for number in reservation.numbers or self.outlets if number in self.outlets]
        if not self.make.reserves or not outlets or reservation.expires <= datetime.now(UTC):
            return "Rejected"
        old = self.reservations.get(reservation.id)
        ours = old.numbers if old else ()
        usable = [one for one in outlets if self.is_free(one) or (one.status == "Reserved" and one.number in ours)]
        kept = sum(1 for one in self.reservations.values() if not one.numbers and one is not old)
        if len(usable) <= (0 if reservation.numbers else kept):
            if usable or any(one.session or one.plugged or one.status == "Reserved" for one in outlets):
                return "Occupied"
            return "Faulted" if any(one.status == "Faulted" for one in outlets) else "Unavailable"
        if old and old.clock:
            old.clock.cancel()
        self.reservations[reservation.id] = reservation
        reservation.clock = self.later(self._expire(reservation))
        return "Accepted"

    async def _expire(self, reservation: Reservation) -> None:
        await asyncio.sleep(max(0.0, (reservation.expires - datetime.now(UTC)).total_seconds()))
        await self.end_reservation(reservation, "Expired")

    async def end_reservation(self, reservation: Reservation, how: str = "") -> None:
        """`how`: "Expired", "Removed"; nothing when it was used or cancelled."""
        if self.reservations.get(reservation.id) is reservation:
            del self.reservations[reservation.id]
        if reservation.clock and reservation.clock is not asyncio.current_task():
            reservation.clock.cancel()
        if how:
            with contextlib.suppress(NotConnected, TimeoutError, OCPPError):
                await self.reservation_ended(reservation, how)
        await self.show_reserved()

    async def show_reserved(self) -> None:
        """Every outlet shows whether it is reserved."""
        for outlet in self.outlets.values():
            if outlet.status in ("Available", "Reserved") and outlet.status != self.idle_status(outlet):
                await self.show(outlet.number, self.idle_status(outlet))

    def reservation_for(self, number: int, tag: str) -> Reservation | None:
        """The one that this card may use there."""
        group = self.groups.get(tag.upper(), "")
        for one in self.reservations.values():
            if (not one.numbers or number in one.numbers) and (one.tag.upper() == tag.upper() or (one.group and one.group == group)):
                return one
        return None

    def kept_for_another(self, number: int, tag: str) -> bool:
        """Whether a reservation keeps this card from charging there."""
        if self.reservation_for(number, tag):
            return False
        if any(number in one.numbers for one in self.reservations.values()):
            return True
        kept = sum(1 for one in self.reservations.values() if not one.numbers)
        left = sum(1 for one in self.outlets.values() if self.is_free(one) or one.number == number)
        return kept > 0 and left <= kept

    # -- cards while there is no connection -------------------------------------------------------------------------------------------

    def take_list(self, version: int, *, differential: bool, items: dict[str, dict[str, Any] | None], most: int, at_once: int) -> str:
        """Take a local list; the status of the answer. `items`: UID to what is known of it, None: remove."""
        if differential and version <= self.local_list_version:
            return "VersionMismatch"
        if self.make.local_list == "fails" or (differential and self.make.local_list == "whole"):
            return "Failed"
        entries = dict(self.local_list) if differential else {}
        for uid, info in items.items():
            entries.pop(uid, None)
            if info is not None:
                entries[uid] = info
        if len(entries) > most or len(items) > at_once:
            return "Failed"
        self.local_list, self.local_list_version = entries, version
        return "Accepted"

    # -- across restarts of the program -----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What a real station keeps in its memory without power: its meters, its list, and transactions that have no end yet."""
        kept = {"list": {"version": self.local_list_version, "entries": self.local_list}, "firmware": self.firmware}
        return kept | {
            str(outlet.number): {
                "register": round(outlet.register),
                "transaction": outlet.session.transaction_id if outlet.session else 0,
                "at": now(),
            }
            for outlet in self.outlets.values()
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up `state`; what charged then is reported as ended by the loss of power."""
        self.firmware = state.get("firmware", self.firmware)
        if kept_list := state.get("list"):
            self.local_list, self.local_list_version = kept_list["entries"], kept_list["version"]
        for outlet in self.outlets.values():
            kept = state.get(str(outlet.number))
            if kept:
                outlet.register = max(outlet.register, float(kept["register"]))
                if kept["transaction"]:
                    self.left_open(outlet, kept)

    @abstractmethod
    def left_open(self, outlet: Outlet, kept: dict[str, Any]) -> None:
        """A transaction that the loss of power ended: `kept` as `state` has it."""


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
