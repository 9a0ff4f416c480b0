"""One simulated station that speaks OCPP 1.6J. Tests drive it step by step (`connect`, `boot`, `start` …); `run` lives by itself."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from ocpp.exceptions import OCPPError
from ocpp.v16 import call
from websockets.asyncio.client import ClientConnection

from energycloud.simulator import configuration
from energycloud.simulator.base import Outlet, Session, Station, now
from energycloud.simulator.cars import CARS, Car, some_car
from energycloud.simulator.link import NotConnected, quiet
from energycloud.simulator.protocol import Protocol

log = logging.getLogger("energycloud.simulator")


class SimulatedStation(Station):
    version, subprotocol = "1.6", "ocpp1.6"

    def __init__(self, *given: Any, **options: Any) -> None:
        """As Station."""
        super().__init__(*given, **options)
        make = self.make
        self.configuration = configuration.keys(len(self.outlets), make)
        if "SecurityProfile" in self.configuration:
            self.configuration["SecurityProfile"].value = str(self.security_profile)
        self._left_open: list[Any] = []  # transactions that an earlier run of the program could not end

    def speaker(self, connection: ClientConnection) -> Protocol:
        return Protocol(self, connection, response_timeout=30, logger=quiet)

    async def call(self, payload: Any) -> Any:
        """Send a CALL, return the answer. Raises OCPPError for a CALLERROR, NotConnected when the socket closes, TimeoutError."""
        if not self.connected:
            raise NotConnected(self.identity)
        return await self.ask(self._protocol.call(payload, suppress=False, skip_schema_validation=True))

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

    async def catch_up(self) -> None:
        await super().catch_up()
        while self._left_open:
            await self.call(self._left_open[0])
            del self._left_open[0]

    def settings(self) -> dict[str, str]:
        return {name: "****" if key.secret else key.value for name, key in self.configuration.items()}

    @property
    def heartbeat_interval(self) -> int:
        return int(self.configuration["HeartbeatInterval"].value)

    @property
    def sample_interval(self) -> int:
        return int(self.configuration["MeterValueSampleInterval"].value) or 60

    @property
    def aligned_interval(self) -> int:
        return int(self.configuration["ClockAlignedDataInterval"].value)

    @property
    def asks_for_remote_starts(self) -> bool:
        return self.is_on("AuthorizeRemoteTxRequests")

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

    async def authorize(self, tag: str) -> str:
        """The server's verdict over a card, such as "Accepted" or "Invalid"; that of the local list while there is no connection."""
        try:
            answer = await self.call(call.Authorize(id_tag=tag))
        except NotConnected:
            if not self._persistent:
                raise
            return self.authorize_offline(tag)
        self.groups[tag.upper()] = answer.id_tag_info.get("parent_id_tag") or ""
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
        if self.kept_for_another(number, tag):
            return 0
        reserved = self.reservation_for(number, tag)
        session = Session(tag, car or CARS[0], soc, round(outlet.register))
        outlet.session, outlet.plugged = session, True
        began = now()
        answer = await self.deliver_or_call(call.StartTransaction(
            connector_id=number, id_tag=tag, meter_start=session.meter_start, timestamp=began,
            reservation_id=reserved.id if reserved else None,
        ))  # fmt: skip
        if reserved:
            await self.end_reservation(reserved)
        if answer is None:
            outlet.session = None
            return 0
        session.transaction_id = answer.transaction_id
        if answer.id_tag_info["status"] != "Accepted":
            await self.stop(number, "DeAuthorized")
            return 0
        if pending := self.pending_profiles.pop(number, None):  # came with the remote start
            self.profiles.put(replace(pending, transaction=str(session.transaction_id)))
        self.set_power(outlet)
        await self.show(number, "SuspendedEVSE" if self.withholds(outlet) else "Charging")
        return int(session.transaction_id)

    async def deliver_or_call(self, payload: Any) -> Any:
        """`deliver` when the station lives by itself (`run`), else one attempt."""
        return await (self.deliver(payload) if self._persistent else self.call(payload))

    async def meter(self, number: int, *, seconds: float = 0.0, context: str = "Sample.Periodic") -> None:
        """Let energy flow for `seconds`, then send MeterValues."""
        outlet = self.outlets[number]
        self.flow(outlet, seconds)
        await self.tell_withheld(outlet)
        session = outlet.session
        await self.call(call.MeterValues(
            connector_id=number, transaction_id=session.transaction_id if session and session.transaction_id else None,
            meter_value=[{"timestamp": now(), "sampledValue": self.sampled(outlet, context)}],
        ))  # fmt: skip

    def sampled(self, outlet: Outlet, context: str) -> list[dict[str, str]]:
        """The measured values of an outlet, those that MeterValuesSampledData names."""
        key = "MeterValuesAlignedData" if context == "Sample.Clock" else "MeterValuesSampledData"
        wanted = self.configuration[key].value.split(",")
        return [
            {**value, "value": str(value["value"]), "context": context} for value in self.measured(outlet) if value["measurand"] in wanted
        ]

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
            self.profiles.end(str(session.transaction_id))
            session.ended.set()

    # -- what the server asks for ---------------------------------------------------------------------------------------------------

    def outlet_for_start(self, connector_id: int | None, tag: str = "") -> Outlet | None:
        for outlet in self.outlets_at(connector_id or 0) or ():
            kept = outlet.status == "Reserved" and (not tag or self.reservation_for(outlet.number, tag))
            if outlet.session is None and outlet.operative and (kept or outlet.status in ("Available", "Preparing", "Finishing")):
                return outlet
        return None

    async def remote_started(self, outlet: Outlet, tag: str) -> None:
        """The driver plugs in within seconds of the remote start. A life of its own (behaviour.Driver) takes over when there is one."""
        if outlet.number in self.attended:
            outlet.remote_tag = tag
            outlet.woken.set()
            return
        await self.plug(outlet.number)
        if await self.start(
            outlet.number, tag, car=some_car(self.rng, dc=self.make.current_type == "DC"), authorize=self.asks_for_remote_starts
        ):
            await self.charge_remotely(outlet.number)

    def take_local_list(self, version: int, update_type: str, items: list[dict[str, Any]]) -> str:
        """The UpdateStatus (OCPP 1.6 §7.46) of a SendLocalList."""
        if self.make.local_list == "no":
            return "NotSupported"
        most, at_once = (int(self.configuration[key].value) for key in ("LocalAuthListMaxLength", "SendLocalListMaxLength"))
        known = {item["id_tag"].upper(): item.get("id_tag_info") for item in items}
        return self.take_list(version, differential=update_type == "Differential", items=known, most=most, at_once=at_once)

    async def restart(self, reason: str) -> None:
        for outlet in self.outlets.values():
            await self.stop(outlet.number, reason)
            self.cure(outlet)
        self.must_boot = True
        await self.disconnect()

    async def change_availability(self, connector_id: int, *, operative: bool) -> None:
        outlets = self.outlets_at(connector_id) or []
        if connector_id == 0:
            self.operative = operative
            await self.status(0)
        for outlet in outlets:
            outlet.operative = operative
            if outlet.session is None and outlet.status in ("Available", "Unavailable", "Reserved"):
                await self.free(outlet.number)

    def configuration_changed(self, key: str) -> None:
        if key == "HeartbeatInterval" and self._heart:
            self._start_heart()
        elif key == "AuthorizationKey":
            self.password = self.configuration[key].value  # from the next connection on
        elif key == "SecurityProfile":
            self.switch(self.url, int(self.configuration[key].value))
            self.later(self.disconnect())  # and back, the other way
        elif key == "CpoName":
            self.certificates.organization = self.configuration[key].value

    async def triggered(self, message: str, connector_id: int | None, *, signed: bool = False) -> None:
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
            case "FirmwareStatusNotification" if signed:
                await self.call(call.SignedFirmwareStatusNotification(status=self.firmware_status))
            case "FirmwareStatusNotification":
                await self.call(call.FirmwareStatusNotification(status=self.firmware_status))
            case "LogStatusNotification":
                await self.call(call.LogStatusNotification(status=self.log_status, request_id=0 if self.log_status != "Idle" else None))
            case "SignChargePointCertificate":
                await self.call(call.SignCertificate(csr=self.certificates.request()))

    async def security_event(self, kind: str, info: str = "") -> None:
        if self.make.security_log:
            await self.call(call.SecurityEventNotification(type=kind, timestamp=now(), tech_info=info or None))

    def left_open(self, outlet: Outlet, kept: dict[str, Any]) -> None:
        if not isinstance(kept["transaction"], int):
            return  # it spoke 2.0.1 then
        self._left_open.append(call.StopTransaction(
            meter_stop=kept["register"], timestamp=kept["at"], transaction_id=kept["transaction"], reason="PowerLoss"
        ))  # fmt: skip
