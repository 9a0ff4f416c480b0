"""One simulated station. Tests drive it step by step (`connect`, `boot`, `start` …); `run` lives by itself, reconnecting."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ocpp.exceptions import OCPPError
from ocpp.v16 import call
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from energycloud.simulator import configuration
from energycloud.simulator.cars import CARS, Car, ac_power, dc_power
from energycloud.simulator.makes import MAKES, Make
from energycloud.simulator.protocol import Protocol

log = logging.getLogger("energycloud.simulator")
# The library logs every payload: names and cards of drivers have no place in a log.
_quiet = logging.getLogger("energycloud.simulator.ocpp")
_quiet.setLevel(logging.CRITICAL)

SLOWEST_RETRY = 60.0  # seconds between attempts to connect


class NotConnected(ConnectionError):
    """There is no socket, or it closed before the answer came."""


@dataclass
class Session:
    """A car at an outlet that charges. `soc` in percent, `power` in W, meter values in Wh."""

    tag: str
    car: Car
    soc: float
    meter_start: int
    transaction_id: int = 0
    power: float = 0.0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Outlet:
    """A connector as OCPP 1.6 numbers them, from 1."""

    number: int
    register: float = 0.0  # Wh
    status: str = "Available"
    error_code: str = "NoError"
    vendor_error_code: str = ""
    info: str = ""
    session: Session | None = None
    operative: bool = True
    remote_tag: str = ""  # a remote start that waits for its car
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class SimulatedStation:
    """`url` ends where the identity begins, as in ws://127.0.0.1:8000/ocpp/. `speed` 60 makes an hour last a minute; energy follows."""

    def __init__(
        self, url: str, identity: str, password: str, *, make: Make = MAKES["alfen-double"], connectors: int | None = None,
        serial: str = "", speed: float = 1.0, rng: random.Random | None = None,
    ) -> None:  # fmt: skip
        self.url, self.identity, self.password, self.make, self.speed = url, identity, password, make, speed
        self.rng = rng or random.Random()
        self.serial = serial or "".join(self.rng.choice("0123456789") if sign == "9" else sign for sign in make.serial)
        self.outlets = {number: Outlet(number) for number in range(1, (connectors or make.connectors) + 1)}
        self.configuration = configuration.keys(
            len(self.outlets), make.current_type, local_list=make.local_list not in ("no", "unknown"), security=make.security_log
        )
        self.local_list: dict[str, dict[str, str]] = {}  # UID -> idTagInfo
        self.local_list_version = 0
        self.operative = True  # connector 0
        self.received: deque[tuple[str, dict[str, Any]]] = deque(maxlen=500)  # the server's CALLs, in order
        self.deaf_to: set[str] = set()  # actions it never answers
        self.lock_stuck = False
        self.reboot_seconds = 3.0
        self.firmware, self.firmware_status = make.firmware, "Idle"
        self.must_boot = True
        self.attended: set[int] = set()  # connectors at which a behaviour.Driver acts
        self.online = asyncio.Event()  # booted and reported
        self._persistent = False  # `run` reconnects: what must not be lost may wait for it
        self._left_open: list[Any] = []  # transactions that an earlier run of the program could not end
        self._connection: ClientConnection | None = None
        self._protocol: Protocol | None = None
        self._reader: asyncio.Task[None] | None = None
        self._heart: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- the connection -------------------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """One attempt. Raises InvalidStatus when the server refuses (401 …), OSError when there is none."""
        token = base64.b64encode(f"{self.identity}:{self.password}".encode()).decode()
        self._connection = await connect(
            self.url + quote(self.identity, safe=""), subprotocols=["ocpp1.6"], compression=None, proxy=None,  # type: ignore[list-item]
            additional_headers={"Authorization": f"Basic {token}"}, close_timeout=2, ping_interval=60, ping_timeout=30,
        )  # fmt: skip
        self._protocol = Protocol(self, self._connection, response_timeout=30, logger=_quiet)
        self._reader = asyncio.create_task(self._read(self._protocol), name=f"reader of {self.identity}")

    async def _read(self, protocol: Protocol) -> None:
        try:
            await protocol.start()
        except ConnectionClosed:
            pass
        except Exception:
            log.exception("%s read something it cannot handle", self.identity)
        finally:
            self.online.clear()

    async def disconnect(self) -> None:
        self.online.clear()
        if self._heart:
            self._heart.cancel()
        if self._connection:
            await self._connection.close()
        if self._reader:
            await asyncio.wait({self._reader})

    async def closed(self) -> int:
        """Wait until the socket is closed; its close code."""
        if self._connection is None or self._reader is None:
            raise NotConnected(self.identity)
        await asyncio.wait({self._reader})
        return self._connection.close_code or 1006

    async def aclose(self) -> None:
        """Disconnect and end everything this station does."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.disconnect()

    async def __aenter__(self) -> SimulatedStation:
        await self.connect()
        return self

    async def __aexit__(self, *_details: object) -> None:
        await self.aclose()

    async def call(self, payload: Any) -> Any:
        """Send a CALL, return the answer. Raises OCPPError for a CALLERROR, NotConnected when the socket closes, TimeoutError."""
        if self._protocol is None or self._reader is None or self._reader.done():
            raise NotConnected(self.identity)
        question = asyncio.ensure_future(self._protocol.call(payload, suppress=False, skip_schema_validation=True))
        try:
            await asyncio.wait({question, self._reader}, return_when=asyncio.FIRST_COMPLETED)
            if not question.done():
                raise NotConnected(self.identity)
            return question.result()
        except ConnectionClosed as error:
            raise NotConnected(self.identity) from error
        finally:
            question.cancel()

    async def deliver(self, payload: Any) -> Any:
        """For what must not be lost: sent when the station is (again) online. None when the server answers with an error."""
        while True:
            await self.online.wait()
            try:
                return await self.call(payload)
            except (NotConnected, TimeoutError):
                await asyncio.sleep(1)
            except OCPPError as error:
                log.warning("%s: %s was answered with %s", self.identity, type(payload).__name__, error)
                return None

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do `work` beside; it is ended with the station, and its failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, (NotConnected, TimeoutError)):
            log.error("%s failed", self.identity, exc_info=error)

    async def pause(self, seconds: float) -> None:
        """Let simulated time pass."""
        await asyncio.sleep(seconds / self.speed)

    async def run(self) -> None:
        """Connect, boot, report, and again whenever the socket closes: at once, then ever more slowly."""
        retry, told = 0.5, False
        self._persistent = True
        while True:
            try:
                await self.connect()
                try:
                    if self.must_boot and not await self.boot():
                        continue
                    await self.report()
                    retry, told = 0.5, False
                    self.online.set()
                    while self._left_open:
                        await self.call(self._left_open[0])
                        del self._left_open[0]
                    await self.closed()
                finally:
                    await self.disconnect()
                if self.must_boot:
                    await asyncio.sleep(self.reboot_seconds)
            except (OSError, TimeoutError, WebSocketException, OCPPError) as error:
                refused = isinstance(error, InvalidStatus) and error.response.status_code in (401, 429)
                retry = min(SLOWEST_RETRY, max(retry * 2, 15.0 if refused else 1.0))
                if not told and (refused or retry > 10):
                    told = True
                    log.warning("%s cannot connect (%s); again in %d s", self.identity, error or type(error).__name__, retry)
            await asyncio.sleep(retry * self.rng.uniform(0.8, 1.2))

    # -- what it sends --------------------------------------------------------------------------------------------------------------

    async def boot(self) -> bool:
        """Whether the server accepted; when not, waits as long as it asked for."""
        make = self.make
        answer = await self.call(call.BootNotification(
            charge_point_vendor=make.vendor, charge_point_model=make.model, charge_point_serial_number=self.serial,
            firmware_version=self.firmware, meter_type="MID" if make.current_type == "AC" else "DC meter",
            meter_serial_number=self.serial[-8:],
        ))  # fmt: skip
        if answer.status != "Accepted":
            await asyncio.sleep(answer.interval or 30)
            return False
        self.must_boot = False
        if answer.interval:
            self.configuration["HeartbeatInterval"].value = str(answer.interval)
        self._start_heart()
        return True

    def _start_heart(self) -> None:
        if self._heart:
            self._heart.cancel()
        self._heart = asyncio.create_task(self._beat(), name=f"heartbeat of {self.identity}")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(max(1, int(self.configuration["HeartbeatInterval"].value)))
            try:
                await self.heartbeat()
            except NotConnected:
                return
            except (OCPPError, TimeoutError) as error:
                log.warning("%s: heartbeat: %s", self.identity, error)

    async def heartbeat(self) -> None:
        await self.call(call.Heartbeat())

    async def report(self) -> None:
        """The status of the station and of every connector."""
        for number in (0, *self.outlets):
            await self.status(number)

    async def status(
        self, number: int, status: str | None = None, error_code: str = "NoError", *, vendor_error_code: str = "", info: str = "",
    ) -> None:  # fmt: skip
        """Take and report a status; without one, report the present one again."""
        if number == 0:
            shown, code, vendor, text = status or ("Available" if self.operative else "Unavailable"), error_code, vendor_error_code, info
        else:
            outlet = self.outlets[number]
            if status:
                outlet.status, outlet.error_code, outlet.vendor_error_code, outlet.info = status, error_code, vendor_error_code, info
            shown, code, vendor, text = outlet.status, outlet.error_code, outlet.vendor_error_code, outlet.info
        await self.call(call.StatusNotification(
            connector_id=number, error_code=code, status=shown, timestamp=now(), info=text or None, vendor_error_code=vendor or None,
            vendor_id=self.make.vendor if vendor else None,
        ))  # fmt: skip

    async def show(self, number: int, status: str, *details: Any, **more: Any) -> None:
        """`status`, for whoever does not care whether the station is online: it is reported at the next connect anyway."""
        try:
            await self.status(number, status, *details, **more)
        except (NotConnected, TimeoutError, OCPPError):
            log.debug("%s: %s not reported", self.identity, status)

    async def authorize(self, tag: str) -> str:
        """The server's verdict over a card, such as "Accepted" or "Invalid"; that of the local list while there is no connection."""
        try:
            answer = await self.call(call.Authorize(id_tag=tag))
        except NotConnected:
            if not self._persistent:
                raise
            return self.authorize_offline(tag)
        return str(answer.id_tag_info["status"])

    def authorize_offline(self, tag: str) -> str:
        """OCPP 1.6 §3.5.3: by the list; a card that is not on it only where that is allowed."""
        entry = self.local_list.get(tag.upper()) if self.is_on("LocalAuthListEnabled") else None
        if entry is None:
            return "Accepted" if self.is_on("AllowOfflineTxForUnknownId") else "Invalid"
        if not self.is_on("LocalAuthorizeOffline"):
            return "Invalid"
        return "Expired" if entry.get("expiry_date", "9") < now() else entry["status"]

    def is_on(self, key: str) -> bool:
        return key in self.configuration and self.configuration[key].value.lower() == "true"

    async def start(self, number: int, tag: str, *, car: Car | None = None, soc: float = 40.0, authorize: bool = False) -> int:
        """Begin a transaction and show Charging; the transaction id, or 0 when the verdict was not "Accepted": it is ended again."""
        outlet = self.outlets[number]
        if authorize and await self.authorize(tag) != "Accepted":
            return 0
        session = Session(tag, car or CARS[0], soc, round(outlet.register))
        outlet.session = session
        began = now()
        answer = await self.deliver_or_call(
            call.StartTransaction(connector_id=number, id_tag=tag, meter_start=session.meter_start, timestamp=began)
        )
        if answer is None:
            outlet.session = None
            return 0
        session.transaction_id = answer.transaction_id
        if answer.id_tag_info["status"] != "Accepted":
            await self.stop(number, "DeAuthorized")
            return 0
        self.set_power(outlet)
        await self.show(number, "Charging")
        return session.transaction_id

    async def deliver_or_call(self, payload: Any) -> Any:
        """`deliver` when the station lives by itself (`run`), else one attempt."""
        return await (self.deliver(payload) if self._persistent else self.call(payload))

    def set_power(self, outlet: Outlet) -> None:
        """What the car takes now."""
        if session := outlet.session:
            if self.make.current_type == "DC":
                power = dc_power(session.car, self.make.max_power, session.soc)
            else:
                power = ac_power(session.car, self.make.phases, self.make.max_current, self.make.voltage, session.soc)
            session.power = power * self.rng.uniform(0.985, 1.0) if session.soc < 100 else 0.0

    def flow(self, outlet: Outlet, seconds: float) -> None:
        """Energy flows for `seconds` of simulated time."""
        if session := outlet.session:
            energy = session.power * seconds / 3600
            outlet.register += energy
            session.soc = min(100.0, session.soc + energy / session.car.battery * 100)
            self.set_power(outlet)

    async def meter(self, number: int, *, seconds: float = 0.0, context: str = "Sample.Periodic") -> None:
        """Let energy flow for `seconds`, then send MeterValues."""
        outlet = self.outlets[number]
        self.flow(outlet, seconds)
        session = outlet.session
        await self.call(call.MeterValues(
            connector_id=number, transaction_id=session.transaction_id if session and session.transaction_id else None,
            meter_value=[{"timestamp": now(), "sampledValue": self.sampled(outlet, context)}],
        ))  # fmt: skip

    def sampled(self, outlet: Outlet, context: str) -> list[dict[str, str]]:
        """The measured values of an outlet, those that MeterValuesSampledData names."""
        session, make = outlet.session, self.make
        power = session.power if session else 0.0
        volts = make.voltage * self.rng.uniform(0.99, 1.01)
        values = [{"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": f"{outlet.register:.0f}"},
                  {"measurand": "Power.Active.Import", "unit": "W", "value": f"{power:.0f}"}]  # fmt: skip
        if make.current_type == "DC":
            values += [{"measurand": "Current.Import", "unit": "A", "value": f"{power / volts:.1f}"},
                       {"measurand": "Voltage", "unit": "V", "value": f"{volts:.1f}"}]  # fmt: skip
            if session:
                values.append({"measurand": "SoC", "unit": "Percent", "location": "EV", "value": f"{session.soc:.0f}"})
        else:
            used = min(make.phases, session.car.ac_phases) if session else make.phases
            for phase in range(1, make.phases + 1):
                current = power / volts / used if phase <= used else 0.0
                between = volts * self.rng.uniform(0.997, 1.003)
                values += [{"measurand": "Current.Import", "unit": "A", "phase": f"L{phase}", "value": f"{current:.2f}"},
                           {"measurand": "Voltage", "unit": "V", "phase": f"L{phase}-N", "value": f"{between:.1f}"}]  # fmt: skip
        wanted = self.configuration["MeterValuesSampledData"].value.split(",")
        return [{**value, "context": context} for value in values if value["measurand"] in wanted]

    async def stop(self, number: int, reason: str = "Local", *, tag: str | None = None) -> None:
        """End the transaction of an outlet; nothing when there is none."""
        outlet = self.outlets[number]
        session, outlet.session = outlet.session, None
        if session is None:
            return
        try:
            await self.deliver_or_call(call.StopTransaction(
                meter_stop=round(outlet.register), timestamp=now(), transaction_id=session.transaction_id, reason=reason, id_tag=tag,
            ))  # fmt: skip
        finally:
            session.ended.set()

    # -- what the server asks for ---------------------------------------------------------------------------------------------------

    def outlets_at(self, connector_id: int) -> list[Outlet] | None:
        """The outlets that a connector id means (0 all of them); None when there is no such connector."""
        if connector_id == 0:
            return list(self.outlets.values())
        outlet = self.outlets.get(connector_id)
        return [outlet] if outlet else None

    def outlet_for_start(self, connector_id: int | None) -> Outlet | None:
        for outlet in self.outlets_at(connector_id or 0) or ():
            if outlet.session is None and outlet.operative and outlet.status in ("Available", "Preparing", "Finishing"):
                return outlet
        return None

    def outlet_of(self, transaction_id: int) -> Outlet | None:
        for outlet in self.outlets.values():
            if outlet.session and outlet.session.transaction_id == transaction_id:
                return outlet
        return None

    async def remote_started(self, outlet: Outlet, tag: str) -> None:
        """The driver plugs in within seconds of the remote start. A life of its own (behaviour.Driver) takes over when there is one."""
        if outlet.number in self.attended:
            outlet.remote_tag = tag
            outlet.woken.set()
            return
        await self.show(outlet.number, "Preparing")
        await self.start(outlet.number, tag, authorize=self.configuration["AuthorizeRemoteTxRequests"].value.lower() == "true")

    async def finish(self, number: int, reason: str) -> None:
        """End the transaction as the server asked, and say that the car is still plugged in."""
        if self.outlets[number].session:
            await self.stop(number, reason)
            await self.show(number, "Finishing")
            if number not in self.attended:
                await self.pause(5)
                await self.free(number)

    def take_local_list(self, version: int, update_type: str, items: list[dict[str, Any]]) -> str:
        """The UpdateStatus (OCPP 1.6 §7.46) of a SendLocalList."""
        if self.make.local_list == "no":
            return "NotSupported"
        if update_type == "Differential" and version <= self.local_list_version:
            return "VersionMismatch"
        if self.make.local_list == "fails" or (update_type == "Differential" and self.make.local_list == "whole"):
            return "Failed"
        entries = dict(self.local_list) if update_type == "Differential" else {}
        for item in items:
            uid = item["id_tag"].upper()
            entries.pop(uid, None)
            if "id_tag_info" in item:
                entries[uid] = item["id_tag_info"]
        most, at_once = (int(self.configuration[key].value) for key in ("LocalAuthListMaxLength", "SendLocalListMaxLength"))
        if len(entries) > most or len(items) > at_once:
            return "Failed"
        self.local_list, self.local_list_version = entries, version
        return "Accepted"

    async def free(self, number: int) -> None:
        """Nothing plugged in any more: Available, or Unavailable when it was switched off meanwhile."""
        outlet = self.outlets[number]
        await self.show(number, "Available" if outlet.operative and self.operative else "Unavailable")

    async def restart(self, reason: str) -> None:
        """Reset: end what runs, close the socket, come back with a BootNotification. Faults are cured, as they often are."""
        for outlet in self.outlets.values():
            await self.stop(outlet.number, reason)
            if outlet.status != "Unavailable":
                outlet.status, outlet.error_code, outlet.vendor_error_code, outlet.info = "Available", "NoError", "", ""
        self.must_boot = True
        await self.disconnect()

    async def change_availability(self, connector_id: int, *, operative: bool) -> None:
        outlets = self.outlets_at(connector_id) or []
        if connector_id == 0:
            self.operative = operative
            await self.status(0)
        for outlet in outlets:
            outlet.operative = operative
            if outlet.session is None and outlet.status in ("Available", "Unavailable"):
                await self.free(outlet.number)

    def configuration_changed(self, key: str) -> None:
        if key == "HeartbeatInterval" and self._heart:
            self._start_heart()
        elif key == "AuthorizationKey":
            self.password = self.configuration[key].value  # from the next connection on

    async def triggered(self, message: str, connector_id: int | None) -> None:
        numbers = [connector_id] if connector_id is not None else [0, *self.outlets]
        match message:
            case "BootNotification":
                await self.boot()
            case "Heartbeat":
                await self.heartbeat()
            case "StatusNotification":
                for number in numbers:
                    await self.status(number)
            case "MeterValues":
                for number in numbers:
                    if number:
                        await self.meter(number, context="Trigger")
            case "DiagnosticsStatusNotification":
                await self.call(call.DiagnosticsStatusNotification(status="Idle"))
            case "FirmwareStatusNotification":
                await self.call(call.FirmwareStatusNotification(status=self.firmware_status))

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
                    self._left_open.append(call.StopTransaction(
                        meter_stop=kept["register"], timestamp=kept["at"], transaction_id=kept["transaction"], reason="PowerLoss"
                    ))  # fmt: skip


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
