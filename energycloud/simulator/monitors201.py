"""Monitors of a simulated OCPP 2.0.1 station: values that pass a limit, change or are told now and then (N02 to N08)."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocpp.exceptions import OCPPError

from energycloud.simulator.base import Outlet, now
from energycloud.simulator.link import NotConnected
from energycloud.simulator.model201 import Variable
from energycloud.simulator.protocol201 import Answer, Payload, answers

if TYPE_CHECKING:
    from energycloud.simulator.station201 import SimulatedStation201

THRESHOLDS, PERIODIC = ("UpperThreshold", "LowerThreshold"), ("Periodic", "PeriodicClockAligned")
HARD_WIRED, PRECONFIGURED, CUSTOM = "HardWiredMonitor", "PreconfiguredMonitor", "CustomMonitor"
CRITERIA = {"ThresholdMonitoring": THRESHOLDS, "DeltaMonitoring": ("Delta",), "PeriodicMonitoring": PERIODIC}
MOST, PART = 100, 20


@dataclass
class Monitor:
    id: int
    variable: Variable
    type: str
    value: float
    severity: int
    transaction: bool = False
    origin: str = CUSTOM
    passed: bool = False  # the limit is passed now
    last: str = ""  # the value that was told last
    told_at: float = 0.0

    def report(self) -> Payload:
        return {"id": self.id, "transaction": self.transaction, "value": self.value, "type": self.type, "severity": self.severity}


class Monitors:
    """Those of one station."""

    def __init__(self, station: SimulatedStation201) -> None:
        self.station = station
        self.every: dict[int, Monitor] = {}
        self.base, self.level = "All", 9
        self._events = 0
        self._filled = False

    def fill(self) -> None:
        """What the factory has put in: the temperature of each EVSE."""
        if self._filled:
            return
        self._filled = True
        for one in self.station.model.every.values():
            if one.name == "Temperature":
                self.add(one, "UpperThreshold", 90.0, 2, origin=HARD_WIRED)
                if self.base != "HardWiredOnly":
                    self.add(one, "UpperThreshold", 75.0, 5, origin=PRECONFIGURED)

    def add(
        self, variable: Variable, kind: str, value: float, severity: int, *, transaction: bool = False, origin: str = CUSTOM, known: int = 0
    ) -> Monitor:
        number = known or max(self.every, default=0) + 1
        monitor = Monitor(number, variable, kind, value, severity, transaction, origin, last=variable.now, told_at=time.monotonic())
        self.every[number] = monitor
        return monitor

    async def look(self) -> None:
        """Send what there is to tell. Without a connection nothing is told."""
        self.fill()
        if not self.station.connected or self.station.must_boot or not self.station.model.is_on("MonitoringCtrlr.Enabled"):
            return
        events = [event for one in list(self.every.values()) if one.severity <= self.level and (event := self._event(one))]
        if events:
            with contextlib.suppress(NotConnected, TimeoutError, OCPPError):
                await self.notify(events)

    def _event(self, monitor: Monitor) -> Payload | None:
        value, cleared, trigger = monitor.variable.now, False, "Alerting"
        if monitor.transaction and not any(one.session for one in self.station.outlets.values() if monitor.variable.evse in (0, one.evse)):
            return None
        if monitor.type in THRESHOLDS:
            passed = float(value) > monitor.value if monitor.type == "UpperThreshold" else float(value) < monitor.value
            if passed == monitor.passed:
                return None
            monitor.passed, cleared = passed, not passed
        elif monitor.type == "Delta":
            numeric = monitor.variable.kind in ("integer", "decimal")
            changed = abs(float(value) - float(monitor.last or 0)) >= monitor.value if numeric else value != monitor.last
            if not changed:
                return None
            trigger = "Delta"
        else:
            if (time.monotonic() - monitor.told_at) * self.station.speed < monitor.value:
                return None
            trigger = "Periodic"
        monitor.last, monitor.told_at = value, time.monotonic()
        event = self.event(monitor.variable, value, trigger, monitor.origin, cleared=cleared)
        event["variableMonitoringId"] = monitor.id
        return event

    def event(self, variable: Variable, value: str, trigger: str, origin: str, *, cleared: bool = False) -> Payload:
        self._events += 1
        event: Payload = {
            "eventId": self._events, "timestamp": now(), "trigger": trigger, "actualValue": value, "eventNotificationType": origin,
            "component": variable.told_component(), "variable": variable.told_variable(),
        }  # fmt: skip
        running = [one.session for one in self.station.outlets.values() if one.session and variable.evse and one.evse == variable.evse]
        if running:
            event["transactionId"] = running[0].transaction_id
        return event | ({"cleared": True} if cleared else {})

    async def notify(self, events: list[Payload]) -> None:
        await self.station.call("NotifyEvent", {"generatedAt": now(), "seqNo": 0, "tbc": False, "eventData": events})

    async def problem(self, outlet: Outlet, *, cleared: bool) -> None:
        """A connector broke, or works again."""
        variable = self.station.model.every["connector", outlet.evse, outlet.connector, "problem", ""]
        event = self.event(variable, "false" if cleared else "true", "Alerting", "HardWiredNotification", cleared=cleared)
        if not cleared:
            event["techCode"] = (outlet.vendor_error_code or outlet.error_code)[:50]
            event["techInfo"] = f"{outlet.error_code}: {outlet.info}"[:500]
        await self.notify([event])


@answers("SetVariableMonitoring")
def set_variable_monitoring(station: SimulatedStation201, payload: Payload) -> Answer:
    station.monitors.fill()
    return {"setMonitoringResult": [_set(station, asked) for asked in payload["setMonitoringData"]]}


def _set(station: SimulatedStation201, asked: Payload) -> Payload:
    monitors = station.monitors
    result: Payload = {"type": asked["type"], "component": asked["component"], "variable": asked["variable"], "severity": asked["severity"]}
    known = asked.get("id", 0)
    if known:
        result["id"] = known
    variable = station.model.find(asked["component"], asked["variable"])
    if isinstance(variable, str):
        return result | {"status": variable}
    numeric = variable.kind in ("integer", "decimal")
    if not variable.monitored or (asked["type"] in THRESHOLDS and not numeric):
        return result | {"status": "UnsupportedMonitorType"}
    old = monitors.every.get(known)
    wrong = asked["value"] < 0 if asked["type"] in ("Delta", *PERIODIC) else False
    if wrong or not 0 <= asked["severity"] <= 9 or (known and (old is None or old.variable is not variable or old.origin == HARD_WIRED)):
        return result | {"status": "Rejected"}
    same = (variable.key, asked["type"], asked["severity"])
    if any((one.variable.key, one.type, one.severity) == same and one.id != known for one in monitors.every.values()):
        return result | {"status": "Duplicate"}
    if not known and len(monitors.every) >= MOST:
        return result | {"status": "Rejected", "statusInfo": {"reasonCode": "NoFreeMonitors"}}
    made = monitors.add(
        variable, asked["type"], asked["value"], asked["severity"], transaction=asked.get("transaction", False), known=known
    )  # fmt: skip
    return result | {"status": "Accepted", "id": made.id}


@answers("ClearVariableMonitoring")
def clear_variable_monitoring(station: SimulatedStation201, payload: Payload) -> Answer:
    station.monitors.fill()
    results: list[Payload] = []
    for number in payload["id"]:
        monitor = station.monitors.every.get(number)
        status = "NotFound" if monitor is None else "Rejected" if monitor.origin == HARD_WIRED else "Accepted"
        if status == "Accepted":
            del station.monitors.every[number]
        results.append({"id": number, "status": status})
    return {"clearMonitoringResult": results}


@answers("SetMonitoringBase")
def set_monitoring_base(station: SimulatedStation201, payload: Payload) -> Answer:
    monitors, base = station.monitors, payload["monitoringBase"]
    monitors.fill()
    if base != "All":
        monitors.every = {number: one for number, one in monitors.every.items() if one.origin == HARD_WIRED}
    if base == "FactoryDefault":
        for one in station.model.every.values():
            if one.name == "Temperature":
                monitors.add(one, "UpperThreshold", 75.0, 5, origin=PRECONFIGURED)
    monitors.base = base
    return {"status": "Accepted"}


@answers("SetMonitoringLevel")
def set_monitoring_level(station: SimulatedStation201, payload: Payload) -> Answer:
    if not 0 <= payload["severity"] <= 9:
        return {"status": "Rejected"}
    station.monitors.level = payload["severity"]
    return {"status": "Accepted"}


@answers("GetMonitoringReport")
def get_monitoring_report(station: SimulatedStation201, payload: Payload) -> Answer:
    station.monitors.fill()
    kinds = [kind for criterion in payload.get("monitoringCriteria", ()) for kind in CRITERIA[criterion]]
    there = {one.key for one in station.model.matching(payload.get("componentVariable"))}
    found = [one for one in station.monitors.every.values() if one.variable.key in there and (not kinds or one.type in kinds)]
    if not found:
        return {"status": "EmptyResultSet"}
    return {"status": "Accepted"}, _send(station, payload["requestId"], found)


async def _send(station: SimulatedStation201, request: int, found: list[Monitor]) -> None:
    by_variable: dict[Any, list[Monitor]] = {}
    for one in found:
        by_variable.setdefault(one.variable.key, []).append(one)
    groups = [
        {"component": some[0].variable.told_component(), "variable": some[0].variable.told_variable(),
         "variableMonitoring": [one.report() for one in some]}
        for some in by_variable.values()
    ]  # fmt: skip
    parts = [groups[first : first + PART] for first in range(0, len(groups), PART)]
    for number, part in enumerate(parts):
        await station.call("NotifyMonitoringReport", {
            "requestId": request, "generatedAt": now(), "seqNo": number, "tbc": number < len(parts) - 1, "monitor": part,
        })  # fmt: skip
