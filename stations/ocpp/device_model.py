"""What stations tell of their device model (OCPP 2.0.1 part 2, B and N): reports, monitors, and what they notice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stations.ocpp.events import Event, ModelReport, MonitorReport, MonitorTold, Notice, Noticed, Payload, Status, Told
from stations.ocpp.mending import LEFT_OUT
from stations.ocpp.numbering import MOST_EVSES, MOST_PER_EVSE, number
from stations.ocpp.reading import LARGEST, clean, reported
from stations.ocpp.variables import LONGEST_KEY, LONGEST_NAME, Variable

LONGEST = 2500  # characters of a value
# ConnectorStatusEnumType: what AvailabilityState may say
_STATES = frozenset({"Available", "Occupied", "Reserved", "Unavailable", "Faulted"})
_LARGEST_NUMBER = 2**31 - 1


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) and abs(value) < LARGEST else None


def _whole(value: Any) -> int:
    """A number that a column can hold; -1 for others."""
    return int(value) if -1 < value <= _LARGEST_NUMBER else -1


def _report(p: Payload) -> Event:
    told = []
    for one in p.get("reportData") or ():
        variable, has = Variable.read(one), one.get("variableCharacteristics") or {}
        for attribute in one["variableAttribute"]:
            value = attribute.get("value")
            told.append(Told(
                variable, attribute.get("type") or "Actual", None if value is None else clean(value, LONGEST),
                attribute.get("mutability") or "ReadWrite", bool(attribute.get("persistent")), bool(attribute.get("constant")),
                has.get("dataType") or "", clean(has.get("unit") or "", 16), _number(has.get("minLimit")), _number(has.get("maxLimit")),
                clean(has.get("valuesList") or "", 1000), bool(has.get("supportsMonitoring")),
            ))  # fmt: skip
    return ModelReport(_whole(p["requestId"]), _whole(p["seqNo"]), bool(p.get("tbc")), told, p.get(LEFT_OUT, 0))


def _monitors(p: Payload) -> Event:
    found = []
    for one in p.get("monitor") or ():
        variable = Variable.read(one)
        found += [
            MonitorTold(
                variable, _whole(watch["id"]), watch["type"], _number(watch["value"]) or 0.0, _severity(watch["severity"]),
                bool(watch["transaction"]),
            )
            for watch in one["variableMonitoring"]
        ]  # fmt: skip
    return MonitorReport(_whole(p["requestId"]), _whole(p["seqNo"]), bool(p.get("tbc")), found, p.get(LEFT_OUT, 0))


def _severity(value: int) -> int:
    return min(max(int(value), 0), 9)


def _events(p: Payload) -> Event:
    notices, statuses = [], []
    for one in p["eventData"]:
        at, variable, cause, monitor = reported(one["timestamp"]), Variable.read(one), one.get("cause"), one.get("variableMonitoringId")
        severity = one.get("severity")  # 2.1
        notices.append(Notice(
            _whole(one["eventId"]), at, one["trigger"], variable, clean(one["actualValue"], LONGEST),
            None if cause is None else _whole(cause), clean(one.get("techCode") or "", 50), clean(one.get("techInfo") or "", 500),
            bool(one.get("cleared")), clean(one.get("transactionId") or "", 36), None if monitor is None else _whole(monitor),
            one["eventNotificationType"], None if severity is None else _severity(severity),
        ))  # fmt: skip
        if variable.name == "AvailabilityState" and one["actualValue"] in _STATES and (at_connector := _place(variable)) is not None:
            statuses.append(Status(at_connector, one["actualValue"], "", "", "", "", at))
    return Noticed(notices, statuses)


def _place(variable: Variable) -> int | None:
    """The connector whose status its AvailabilityState is: of a connector, of an EVSE the first one's, or the station's."""
    if variable.component == "ChargingStation" and not variable.evse:
        return 0
    if variable.component in {"Connector", "EVSE"} and variable.evse:
        return number(variable.evse, variable.connector or None)
    return None


READERS: dict[str, Callable[[Payload], Event]] = {
    "NotifyEvent": _events,
    "NotifyMonitoringReport": _monitors,
    "NotifyReport": _report,
}

# Variables that say that something is broken (part 2, appendix), where they are true
PROBLEMS = frozenset({"Problem", "Tripped", "Overload"})
# What a broken component is as a code of OCPP 1.6 (§7.6), which has words in the portal
_CODES = {
    "ConnectorPlugRetentionLock": "ConnectorLockFailure", "EVRetentionLock": "ConnectorLockFailure",
    "GroundIsolationProtection": "GroundFailure", "RCD": "GroundFailure", "RCDRecloser": "GroundFailure",
    "TemperatureSensor": "HighTemperature", "ExternalTemperatureSensor": "HighTemperature", "AirCoolingSystem": "HighTemperature",
    "LiquidCoolingSystem": "HighTemperature", "OverCurrentProtection": "OverCurrentFailure",
    "OverCurrentProtectionRecloser": "OverCurrentFailure", "PowerContactor": "PowerSwitchFailure", "TokenReader": "ReaderFailure",
    "FiscalMetering": "PowerMeterFailure", "ControlMetering": "PowerMeterFailure", "ConnectedEV": "EVCommunicationError",
    "CPPWMController": "EVCommunicationError", "Controller": "InternalError",
}  # fmt: skip


def is_problem(notice: Notice) -> bool:
    return notice.variable.name in PROBLEMS and not notice.cleared and notice.value.strip().lower() in {"true", "1"}


def error_code(component: str) -> str:
    """The code of OCPP 1.6 for a component that reports a problem."""
    return _CODES.get(component, "OtherError")


NO_NAME = "no legal name"  # what of a message is not kept as it came, and why


def can_be_named(variable: Variable) -> bool:
    """Whether its name can be written as one text and read again; what else a station makes up is not kept."""
    text = str(variable)
    return len(text) <= LONGEST_KEY and text.isprintable() and Variable.parse(text) == variable


def named(variable: Variable) -> Variable:
    """It, or where it cannot be named, the like that can: what is alarming is kept whatever it is called."""
    if can_be_named(variable):
        return variable
    words = ("".join(one for one in text if one.isprintable() and one not in ":@/%")[:LONGEST_NAME] for text in variable[:4])
    component, name, component_instance, instance = words
    evse = variable.evse if 0 <= variable.evse <= MOST_EVSES else 0
    connector = variable.connector if evse and 0 <= variable.connector <= MOST_PER_EVSE else 0
    return Variable(component or "?", name or "?", component_instance, instance, evse, connector)
