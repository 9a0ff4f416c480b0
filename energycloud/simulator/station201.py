"""One simulated station that speaks OCPP 2.0.1. Tests drive it step by step (`connect`, `boot`, `plug`, `present`, `start` …).

What it says of a transaction goes through a queue: without a connection it waits there, marked `offline`, and goes out in order later.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ocpp.exceptions import OCPPError
from websockets.asyncio.client import ClientConnection

from energycloud.simulator import control201, monitors201, security201, smart201, upkeep201, variables201
from energycloud.simulator.base import Outlet, Reservation, Session, Station, now
from energycloud.simulator.cars import CARS, Car
from energycloud.simulator.link import NotConnected, Payload, quiet
from energycloud.simulator.model201 import Variable, make_model
from energycloud.simulator.monitors201 import Monitors
from energycloud.simulator.profiles import Profile
from energycloud.simulator.protocol201 import HANDLERS, Protocol201

log = logging.getLogger("energycloud.simulator")

SPEAKERS = (control201, monitors201, security201, smart201, upkeep201, variables201)  # importing them fills HANDLERS
WATCH_SECONDS = 15  # how often it looks at what is monitored

# A reason to stop, in the words of OCPP 1.6: (triggerReason, stoppedReason)
STOPPED = {
    "DeAuthorized": ("Deauthorized", "DeAuthorized"),
    "EVDisconnected": ("EVCommunicationLost", "EVDisconnected"),
    "HardReset": ("ResetCommand", "ImmediateReset"),
    "SoftReset": ("ResetCommand", "ImmediateReset"),
    "ImmediateReset": ("ResetCommand", "ImmediateReset"),
    "Reboot": ("ResetCommand", "Reboot"),
    "PowerLoss": ("AbnormalCondition", "PowerLoss"),
    "Remote": ("RemoteStop", "Remote"),
    "Timeout": ("EVConnectTimeout", "Timeout"),
    "EmergencyStop": ("AbnormalCondition", "EmergencyStop"),
    "Local": ("StopAuthorized", "Local"),
}
BOOTED = {"Reboot": "FirmwareUpdate", "ImmediateReset": "RemoteReset", "OnIdle": "ScheduledReset", "PowerLoss": "PowerUp"}


@dataclass
class Session201(Session):
    """A transaction. `flowing`: between start and stop of energy; `tag` is empty until a card was accepted."""

    seq: int = 0  # of its next event
    state: str = "Idle"
    flowing: bool = False
    remote_start_id: int | None = None
    reserved: int | None = None
    refused: bool = False  # the server did not accept its card
    stopped: str = ""  # why energy ended, while the transaction goes on until the car is gone


@dataclass
class Told:
    """An event that waits for its turn."""

    payload: Payload
    session: Session201 | None = None
    answer: Payload | None = None
    attempts: int = 0


@dataclass
class Admitted:
    """A card that was accepted before there is a transaction."""

    tag: str
    remote_start_id: int | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class SimulatedStation201(Station):
    version, subprotocol = "2.0.1", "ocpp2.0.1"

    def __init__(self, *given: Any, **options: Any) -> None:
        """As Station."""
        super().__init__(*given, **options)
        self.monitors = Monitors(self)
        self.model = make_model(self)
        self.queue: deque[Told] = deque()
        self.admitted: dict[int, Admitted] = {}  # by outlet
        self.lingering: dict[int, Session201] = {}  # transactions that only wait for their car to leave
        self.heat: dict[int, float] = {}  # EVSE to a temperature that a test wants
        self.networks: dict[int, Payload] = {}  # configuration slot to NetworkConnectionProfile
        self.boot_reason = "PowerUp"
        self.booted = False  # since the program began
        self._reported: dict[int, str] = {}
        self._sending = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    def speaker(self, connection: ClientConnection) -> Protocol201:
        self._reported.clear()
        return Protocol201(self, connection, response_timeout=30, logger=quiet)

    async def call(self, action: str, payload: Payload | None = None, *, check: bool = True) -> Payload:
        """Send a CALL; the payload of the answer. Raises OCPPError for a CALLERROR, NotConnected when the socket closes, TimeoutError.

        `check=False` also sends what the schema does not allow.
        """
        if not self.connected:
            raise NotConnected(self.identity)
        answer: Payload = await self.ask(self._protocol.ask(action, payload or {}, check=check))
        return answer

    @property
    def actions(self) -> list[str]:
        """The actions that it answers."""
        return sorted(HANDLERS)

    # -- how it is set ----------------------------------------------------------------------------------------------------------------

    @property
    def heartbeat_interval(self) -> int:
        return self.model.number("OCPPCommCtrlr.HeartbeatInterval")

    @property
    def sample_interval(self) -> int:
        return self.model.number("SampledDataCtrlr.TxUpdatedInterval") or 60

    @property
    def aligned_interval(self) -> int:
        return self.model.number("AlignedDataCtrlr.Interval") if self.model.is_on("AlignedDataCtrlr.Enabled") else 0

    @property
    def asks_for_remote_starts(self) -> bool:
        return False  # it has asked before the driver hears of it

    def settings(self) -> dict[str, str]:
        return {
            f"{one.component}.{one.name}": "****" if one.mutability == "WriteOnly" else one.now
            for one in self.model.every.values() if not one.evse
        }  # fmt: skip

    def points(self, which: str) -> list[str]:
        """`which`: "TxStartPoint" or "TxStopPoint"."""
        return self.model[f"TxCtrlr.{which}"].value.split(",")

    def variable_changed(self, variable: Variable) -> bool:
        """Do as it says now; whether the station must connect anew for that."""
        if variable.name == "HeartbeatInterval" and self._heart:
            self._start_heart()
        elif variable.name == "OrganizationName":
            self.certificates.organization = variable.value
        elif variable.name == "BasicAuthPassword":
            self.password = variable.value
            return True
        return False

    # -- being there --------------------------------------------------------------------------------------------------------------------

    async def boot(self, reason: str = "") -> bool:
        """Whether the server accepted; when not, waits as long as it asked for."""
        answer = await self.call("BootNotification", {
            "reason": reason or self.boot_reason,
            "chargingStation": {
                "serialNumber": self.serial[:25], "model": self.make.model[:20], "vendorName": self.make.vendor,
                "firmwareVersion": self.firmware, "modem": {"iccid": "8931089318104314834"} if self.make.communication == "4G" else {},
            },
        })  # fmt: skip
        if answer["status"] != "Accepted":
            await asyncio.sleep(answer["interval"] or 30)
            return False
        self.must_boot, self.booted = False, True
        if answer["interval"]:
            self.model["OCPPCommCtrlr.HeartbeatInterval"].value = str(answer["interval"])
        self._start_heart()
        return True

    async def heartbeat(self) -> None:
        await self.call("Heartbeat")

    async def report(self) -> None:
        """The status of every connector."""
        for number in self.outlets:
            await self.status(number)

    async def catch_up(self) -> None:
        await super().catch_up()
        await self.flush()
        if self._watch is None or self._watch.done():
            self._watch = self.later(self._keep_watch())

    async def _keep_watch(self) -> None:
        while True:
            await self.pause(WATCH_SECONDS)
            await self.monitors.look()

    def connector_status(self, outlet: Outlet) -> str:
        """In the words of 2.0.1."""
        return outlet.status if outlet.status in ("Available", "Reserved", "Unavailable", "Faulted") else "Occupied"

    def availability(self, evse: int = 0) -> str:
        """Of an EVSE, or of the whole station."""
        found = {self.connector_status(one) for one in self.outlets.values() if evse in (0, one.evse)}
        order = ("Occupied", "Reserved", "Available", "Faulted") if evse else ("Available", "Occupied", "Reserved", "Faulted")
        return next((status for status in order if status in found), "Unavailable")

    def temperature(self, evse: int) -> float:
        """Celsius."""
        power = sum(one.session.power for one in self.outlets.values() if one.evse == evse and one.session)
        return self.heat.get(evse, 23.0 + evse + 31.0 * power / max(1, self.make.max_power))

    async def status(
        self, number: int, status: str | None = None, error_code: str = "NoError", *, vendor_error_code: str = "", info: str = "",
    ) -> None:  # fmt: skip
        """Take a status, in the words of OCPP 1.6, and report what of it is new; without one, report the present one again."""
        if number == 0:
            for each in self.outlets:
                await self.status(each)
            return
        outlet = self.outlets[number]
        before = outlet.status
        if status:
            outlet.status, outlet.error_code, outlet.vendor_error_code, outlet.info = status, error_code, vendor_error_code, info
        shown = self.connector_status(outlet)
        if status is None or self._reported.get(number) != shown:
            await self.call("StatusNotification", {
                "timestamp": now(), "connectorStatus": shown, "evseId": outlet.evse, "connectorId": outlet.connector,
            })  # fmt: skip
            self._reported[number] = shown
        if "Faulted" in (before, outlet.status) and before != outlet.status:
            await self.monitors.problem(outlet, cleared=outlet.status != "Faulted")
        session = outlet.session
        charges = outlet.status in ("Charging", "SuspendedEV", "SuspendedEVSE")
        if isinstance(session, Session201) and session.flowing and charges and session.state != outlet.status:
            await self.tell(outlet, session, "Updated", "ChargingStateChanged", state=outlet.status)

    async def security_event(self, kind: str, info: str = "") -> None:
        event = {"type": kind, "timestamp": now()} | ({"techInfo": info} if info else {})
        await self.call("SecurityEventNotification", event)

    async def reservation_ended(self, reservation: Reservation, how: str) -> None:
        await self.call("ReservationStatusUpdate", {"reservationId": reservation.id, "reservationUpdateStatus": how})

    # -- cards ------------------------------------------------------------------------------------------------------------------------

    async def authorize(self, tag: str) -> str:
        """The server's verdict over a card; that of the local list, then of the cache, while there is no connection."""
        if self.model.is_on("AuthCtrlr.LocalPreAuthorize") and self.known_locally(tag) == "Accepted":
            return "Accepted"
        try:
            answer = await self.call("Authorize", {"idToken": id_token(tag)})
        except NotConnected:
            return self.known_locally(tag) or ("Accepted" if self.model.is_on("AuthCtrlr.OfflineTxForUnknownIdEnabled") else "Unknown")
        return self.learn(tag, answer["idTokenInfo"])

    def learn(self, tag: str, info: Payload) -> str:
        """Keep what the server says of a card; its status."""
        self.groups[tag.upper()] = (info.get("groupIdToken") or {}).get("idToken", "")
        if info["status"] == "Accepted" and self.model.is_on("AuthCacheCtrlr.Enabled"):
            self.cache[tag.upper()] = info
        else:
            self.cache.pop(tag.upper(), None)
        return str(info["status"])

    def known_locally(self, tag: str) -> str:
        """The verdict of the local list or of the cache (C12, C13); empty where neither may be asked or knows the card."""
        if not self.model.is_on("AuthCtrlr.LocalAuthorizeOffline"):
            return ""
        entry = self.local_list.get(tag.upper()) if self.model.is_on("LocalAuthListCtrlr.Enabled") else None
        if entry is None and self.model.is_on("AuthCacheCtrlr.Enabled"):
            entry = self.cache.get(tag.upper())
        if entry is None:
            return ""
        return "Expired" if entry.get("cacheExpiryDateTime", "9") < now() else str(entry["status"])

    async def present(self, number: int, tag: str) -> bool:
        """A card is held up: begins a charge, or ends the one that it began. Whether it was accepted."""
        outlet = self.outlets[number]
        session = outlet.session
        if session and session.tag:
            group = self.groups.get(tag.upper())
            if session.tag != tag and not (group and group == self.groups.get(session.tag.upper())):
                return False
            await self.stop(number, "Local", tag=tag)
            return True
        if await self.authorize(tag) != "Accepted" or self.kept_for_another(number, tag):
            return False
        await self.admit(outlet, tag)
        return True

    async def admit(self, outlet: Outlet, tag: str, remote_start_id: int | None = None) -> None:
        """A card, or the server itself, may charge here: part of the transaction, or its beginning, or kept until it begins."""
        trigger = "Authorized" if remote_start_id is None else "RemoteStart"
        session = outlet.session
        if isinstance(session, Session201):
            session.tag, session.remote_start_id = tag, remote_start_id
            await self._use_reservation(outlet, session)
            await self.tell(outlet, session, "Updated", trigger, token=tag)
        elif "Authorized" in self.points("TxStartPoint") or (outlet.plugged and "EVConnected" in self.points("TxStartPoint")):
            session = await self.begin(outlet, trigger, tag=tag, remote_start_id=remote_start_id)
            if not outlet.plugged:
                self.later(self._give_up(outlet, session))
        else:
            self.admitted[outlet.number] = Admitted(tag, remote_start_id)
            if not outlet.plugged:
                self.later(self._give_up(outlet, None))

    async def _give_up(self, outlet: Outlet, session: Session201 | None) -> None:
        """Nobody plugs in."""
        admitted = self.admitted.get(outlet.number)
        await self.pause(self.model.number("TxCtrlr.EVConnectionTimeOut"))
        if outlet.plugged or outlet.session is not session:
            return
        if session:
            await self.stop(outlet.number, "Timeout")
            await self.free(outlet.number)
        elif admitted and self.admitted.get(outlet.number) is admitted:
            del self.admitted[outlet.number]

    # -- a charge ---------------------------------------------------------------------------------------------------------------------

    async def begin(self, outlet: Outlet, trigger: str, *, tag: str = "", remote_start_id: int | None = None) -> Session201:
        """The transaction begins."""
        session = Session201(tag, CARS[0], 40.0, round(outlet.register), remote_start_id=remote_start_id)
        session.transaction_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        outlet.session = session
        await self._use_reservation(outlet, session)
        state = "EVConnected" if outlet.plugged else "Idle"
        await self.tell(outlet, session, "Started", trigger, state=state, token=tag, context="Transaction.Begin")
        return session

    async def _use_reservation(self, outlet: Outlet, session: Session201) -> None:
        if session.tag and (reserved := self.reservation_for(outlet.number, session.tag)):
            session.reserved = reserved.id
            await self.end_reservation(reserved)

    async def plug(self, number: int) -> None:
        outlet = self.outlets[number]
        if outlet.plugged:
            return
        outlet.plugged = True
        await self.show(number, "Preparing")
        if isinstance(outlet.session, Session201):
            await self.tell(outlet, outlet.session, "Updated", "CablePluggedIn", state="EVConnected")
        elif "EVConnected" in self.points("TxStartPoint"):
            admitted = self.admitted.pop(number, None)
            if admitted:
                await self.begin(outlet, "CablePluggedIn", tag=admitted.tag, remote_start_id=admitted.remote_start_id)
            else:
                await self.begin(outlet, "CablePluggedIn")

    async def start(self, number: int, tag: str, *, car: Car | None = None, soc: float = 40.0, authorize: bool = False) -> str:
        """Plug in and hold up the card where that has not happened, and let energy flow; the transaction id, "" when refused."""
        outlet = self.outlets[number]
        await self.plug(number)
        if not (outlet.session and outlet.session.tag) and number not in self.admitted:
            if authorize and not await self.present(number, tag):
                return ""
            if not authorize:
                if self.kept_for_another(number, tag):
                    return ""
                await self.admit(outlet, tag)
        session = outlet.session
        if session is None:
            admitted = self.admitted.pop(number, None) or Admitted(tag)
            trigger = "Authorized" if admitted.remote_start_id is None else "RemoteStart"
            session = await self.begin(outlet, trigger, tag=admitted.tag, remote_start_id=admitted.remote_start_id)
        assert isinstance(session, Session201)
        if session.refused:
            await self.stop(number, "DeAuthorized")
            return ""
        if pending := self.pending_profiles.pop(number, None):
            self.profiles.put(Profile(**{**vars(pending), "transaction": session.transaction_id}))
        session.car, session.soc, session.flowing = car or CARS[0], soc, True
        self.set_power(outlet)
        await self.show(number, "SuspendedEVSE" if self.withholds(outlet) else "Charging")
        if session.state not in ("Charging", "SuspendedEVSE"):  # no connection: the event waits
            await self.tell(outlet, session, "Updated", "ChargingStateChanged", state=outlet.status)
        return str(session.transaction_id)

    def set_power(self, outlet: Outlet) -> None:
        super().set_power(outlet)
        if isinstance(outlet.session, Session201) and not outlet.session.flowing:
            outlet.session.power = 0.0

    async def meter(self, number: int, *, seconds: float = 0.0, context: str = "Sample.Periodic") -> None:
        """Let energy flow for `seconds`, then send meter values: of the transaction, or of an EVSE without one."""
        outlet = self.outlets[number]
        self.flow(outlet, seconds)
        await self.tell_withheld(outlet)
        if isinstance(outlet.session, Session201):
            trigger = {"Trigger": "Trigger", "Sample.Clock": "MeterValueClock"}.get(context, "MeterValuePeriodic")
            await self.tell(outlet, outlet.session, "Updated", trigger, context=context)
        else:
            values = self.meter_values(outlet, context, "TxUpdatedMeasurands")
            await self.call("MeterValues", {"evseId": outlet.evse, "meterValue": values})
        await self.monitors.look()

    def meter_values(self, outlet: Outlet, context: str, measurands: str) -> list[Payload]:
        variable = "AlignedDataCtrlr.Measurands" if context == "Sample.Clock" else f"SampledDataCtrlr.{measurands}"
        wanted = self.model[variable].value.split(",")
        values = []
        for value in self.measured(outlet):
            if value["measurand"] in wanted:
                told = {**value, "context": context, "unitOfMeasure": {"unit": value["unit"]}}
                del told["unit"]
                values.append(told)
        return [{"timestamp": now(), "sampledValue": values}] if values else []

    async def stop(self, number: int, reason: str = "Local", *, tag: str | None = None) -> None:
        """Energy ends, and the transaction with it where TxStopPoint says so; else it ends when the car is gone (`free`)."""
        outlet = self.outlets[number]
        session, outlet.session = outlet.session, None
        self.admitted.pop(number, None)
        if not isinstance(session, Session201):
            return
        self.flow(outlet, 0)
        flowed, session.flowing, session.power = session.flowing, False, 0.0
        trigger, _stopped = STOPPED.get(reason, ("AbnormalCondition", "Other"))
        lasts = {"EVConnected"} >= set(self.points("TxStopPoint")) and outlet.plugged and flowed
        try:
            if lasts and reason in ("Local", "Remote", "DeAuthorized"):
                session.stopped = reason
                self.lingering[number] = session
                await self.tell(outlet, session, "Updated", trigger, state="EVConnected", token=tag or "")
            else:
                await self.end(outlet, session, reason, tag=tag)
        finally:
            session.ended.set()

    async def end(self, outlet: Outlet, session: Session201, reason: str, *, trigger: str = "", tag: str | None = None) -> None:
        """The transaction is over."""
        found, stopped = STOPPED.get(reason, ("AbnormalCondition", "Other"))
        state = "Idle" if trigger == "EVCommunicationLost" or reason in ("EVDisconnected", "Timeout") else "EVConnected"
        await self.tell(
            outlet, session, "Ended", trigger or found, state=state if outlet.plugged else "Idle", reason=stopped, token=tag or "",
            context="Transaction.End",
        )  # fmt: skip
        self.profiles.end(str(session.transaction_id))

    async def free(self, number: int) -> None:
        """The car is gone: what lasted until now ends."""
        outlet = self.outlets[number]
        if lingering := self.lingering.pop(number, None):
            await self.end(outlet, lingering, lingering.stopped, trigger="EVCommunicationLost")
        elif outlet.session and outlet.plugged:
            await self.stop(number, "EVDisconnected")
        await super().free(number)

    async def tell(
        self, outlet: Outlet, session: Session201, kind: str, trigger: str, *, state: str = "", reason: str = "", token: str = "",
        context: str = "",
    ) -> Payload | None:  # fmt: skip
        """A TransactionEvent: the answer, or None when it waits for a connection."""
        if state:
            session.state = state
        info: Payload = {"transactionId": session.transaction_id, "chargingState": session.state}
        if reason:
            info["stoppedReason"] = reason
        if session.remote_start_id is not None and trigger == "RemoteStart":
            info["remoteStartId"] = session.remote_start_id
        event: Payload = {
            "eventType": kind, "timestamp": now(), "triggerReason": trigger, "seqNo": session.seq, "transactionInfo": info,
            "evse": {"id": outlet.evse, "connectorId": outlet.connector},
        }  # fmt: skip
        if not (self.connected and not self.must_boot):
            event["offline"] = True
        if token:
            event["idToken"] = id_token(token)
        if session.reserved is not None:
            event["reservationId"], session.reserved = session.reserved, None
        measurands = {"Started": "TxStartedMeasurands", "Updated": "TxUpdatedMeasurands", "Ended": "TxEndedMeasurands"}[kind]
        if context and (values := self.meter_values(outlet, context, measurands)):
            event["meterValue"] = values
        if kind == "Updated" and self.make.current_type == "AC" and session.flowing and session.power:
            event["numberOfPhasesUsed"] = min(self.make.phases, session.car.ac_phases)
        session.seq += 1
        entry = Told(event, session)
        self.queue.append(entry)
        await self.flush()
        return entry.answer

    async def flush(self) -> None:
        """Send what waits, as far as there is a connection."""
        async with self._sending:
            while self.queue and self.connected and not self.must_boot:
                entry = self.queue[0]
                entry.attempts += 1
                try:
                    entry.answer = await self.call("TransactionEvent", entry.payload)
                except NotConnected:
                    return
                except (OCPPError, TimeoutError) as error:
                    log.warning("%s: a TransactionEvent was answered with %s", self.identity, error or "nothing")
                    if entry.attempts < self.model.number("OCPPCommCtrlr.MessageAttempts[TransactionEvent]"):
                        continue
                if self.queue and self.queue[0] is entry:
                    self.queue.popleft()
                self._heed(entry)

    def _heed(self, entry: Told) -> None:
        """What the server says of the card of a transaction (E05)."""
        info, session = (entry.answer or {}).get("idTokenInfo"), entry.session
        if info is None or session is None or "idToken" not in entry.payload:
            return
        if self.learn(entry.payload["idToken"]["idToken"], info) == "Accepted" or entry.payload["eventType"] == "Ended":
            return
        session.refused = True
        outlet = self.outlet_of(session.transaction_id)
        if outlet and session.flowing and self.model.is_on("TxCtrlr.StopTxOnInvalidId"):
            self.later(self.finish(outlet.number, "DeAuthorized"))

    # -- starting anew ------------------------------------------------------------------------------------------------------------------

    async def restart(self, reason: str) -> None:
        for outlet in self.outlets.values():
            await self.end_all(outlet, reason)
            self.cure(outlet)
        self.must_boot, self.boot_reason = True, BOOTED.get(reason, "Unknown")
        self.model["ChargingStation.Available"].value = "true"
        for slot in self.model["OCPPCommCtrlr.NetworkConfigurationPriority"].value.split(","):
            if slot.isdecimal() and (network := self.networks.get(int(slot))):
                url = network["ocppCsmsUrl"]
                self.switch(url if url.endswith("/") else url + "/", network["securityProfile"])
                self.model["OCPPCommCtrlr.ActiveNetworkProfile"].value = slot
                break
        await self.disconnect()

    async def end_all(self, outlet: Outlet, reason: str) -> None:
        """Both a transaction that charges and one that only waits for its car to leave."""
        if lingering := self.lingering.pop(outlet.number, None):
            await self.end(outlet, lingering, reason)
        await self.stop(outlet.number, "ImmediateReset" if reason == "OnIdle" else reason)

    def state(self) -> dict[str, Any]:
        kept = super().state()
        for outlet in self.outlets.values():
            session = outlet.session or self.lingering.get(outlet.number)
            if isinstance(session, Session201):
                kept[str(outlet.number)] |= {"transaction": session.transaction_id, "seq": session.seq}
        return kept | {"queue": [entry.payload for entry in self.queue]}

    def restore(self, state: dict[str, Any]) -> None:
        self.queue.extend(Told({**payload, "offline": True}) for payload in state.get("queue", ()))
        super().restore(state)

    def left_open(self, outlet: Outlet, kept: dict[str, Any]) -> None:
        if not isinstance(kept["transaction"], str):
            return  # it spoke 1.6 then
        values = [{"value": kept["register"], "measurand": "Energy.Active.Import.Register", "context": "Transaction.End",
                   "unitOfMeasure": {"unit": "Wh"}}]  # fmt: skip
        self.queue.append(Told({
            "eventType": "Ended", "timestamp": kept["at"], "triggerReason": "AbnormalCondition", "seqNo": kept.get("seq", 0),
            "offline": True, "transactionInfo": {"transactionId": kept["transaction"], "stoppedReason": "PowerLoss"},
            "evse": {"id": outlet.evse, "connectorId": outlet.connector}, "meterValue": [{"timestamp": kept["at"], "sampledValue": values}],
        }))  # fmt: skip


def id_token(tag: str) -> Payload:
    """What kind of token it is, by its look: what a reader for cards reads is hexadecimal."""
    is_card = len(tag) in (8, 14, 20) and all(sign in "0123456789abcdefABCDEF" for sign in tag)
    return {"idToken": tag, "type": "ISO14443" if is_card else "Central"}
