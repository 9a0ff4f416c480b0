"""The device model of a simulated OCPP 2.0.1 station: components, their variables, and how they take changes (part 2, appendix 3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from energycloud.simulator.base import Outlet
    from energycloud.simulator.station201 import SimulatedStation201

Payload = dict[str, Any]
CONNECTOR_TYPES = {"Type 2": "sType2", "CCS": "cCCS2", "CHAdeMO": "cG105"}
TX_POINTS = "ParkingBayOccupancy,EVConnected,Authorized,PowerPathClosed,EnergyTransfer,DataSigned"
MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"
READ_ONLY, READ_WRITE, WRITE_ONLY = "ReadOnly", "ReadWrite", "WriteOnly"
_WHOLE, _DECIMAL = re.compile(r"-?\d{1,12}\Z"), re.compile(r"-?\d{1,12}(\.\d{1,9})?\Z")


@dataclass
class Variable:
    """One variable of one component. `kind` is its DataEnumType; `live` says what it is now, where that is not kept here."""

    component: str
    name: str
    value: str = ""
    kind: str = "string"
    mutability: str = READ_ONLY
    instance: str = ""  # of the variable
    evse: int = 0
    connector: int = 0
    unit: str = ""
    least: float | None = None
    most: float | None = None
    choices: str = ""  # separated by commas
    reboot: bool = False  # in force after a reboot only
    monitored: bool = False
    live: Callable[[], str] | None = None
    others: dict[str, str] = field(default_factory=dict)  # Target, MinSet, MaxSet

    @property
    def key(self) -> tuple[str, int, int, str, str]:
        return self.component.lower(), self.evse, self.connector, self.name.lower(), self.instance.lower()

    @property
    def now(self) -> str:
        return self.live() if self.live else self.value

    def told_component(self) -> Payload:
        told: Payload = {"name": self.component}
        if self.evse:
            told["evse"] = {"id": self.evse} | ({"connectorId": self.connector} if self.connector else {})
        return told

    def told_variable(self) -> Payload:
        return {"name": self.name} | ({"instance": self.instance} if self.instance else {})

    def report(self) -> Payload:
        """As ReportDataType."""
        actual: Payload = {"type": "Actual", "mutability": self.mutability, "persistent": self.live is None, "constant": False}
        if self.mutability != WRITE_ONLY:
            actual["value"] = self.now
        characteristics: Payload = {"dataType": self.kind, "supportsMonitoring": self.monitored}
        for name, value in (("unit", self.unit), ("minLimit", self.least), ("maxLimit", self.most), ("valuesList", self.choices)):
            if value not in ("", None):
                characteristics[name] = value
        others = [{"type": kind, "value": value, "mutability": READ_WRITE} for kind, value in self.others.items()]
        return {
            "component": self.told_component(), "variable": self.told_variable(), "variableAttribute": [actual, *others],
            "variableCharacteristics": characteristics,
        }  # fmt: skip

    def fits(self, value: str) -> bool:
        """Whether it may have this value."""
        match self.kind:
            case "boolean":
                return value.lower() in ("true", "false")
            case "integer" | "decimal":
                if not (_WHOLE if self.kind == "integer" else _DECIMAL).match(value):
                    return False
                number = float(value)
                return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)
            case "OptionList":
                return value in self.choices.split(",")
            case "MemberList" | "SequenceList":
                given = value.split(",") if value else []
                return len(set(given)) == len(given) and all(one in self.choices.split(",") for one in given)
            case "dateTime":
                try:
                    datetime.fromisoformat(value.replace("Z", "+00:00"))
                except ValueError:
                    return False
                return True
        least, most = int(self.least or 0), int(self.most or 500)
        return least <= len(value) <= most


class Model:
    """All of them, in order."""

    def __init__(self, variables: Iterator[Variable]) -> None:
        self.every = {one.key: one for one in variables}

    def __getitem__(self, name: str) -> Variable:
        """By "Component.Variable" or "Component.Variable[instance]" of the whole station."""
        component, _dot, rest = name.partition(".")
        variable, _bracket, instance = rest.rstrip("]").partition("[")
        return self.every[component.lower(), 0, 0, variable.lower(), instance.lower()]

    def is_on(self, name: str) -> bool:
        return self[name].now.lower() == "true"

    def number(self, name: str) -> int:
        return int(self[name].now)

    def of(self, component: Payload) -> list[Variable]:
        """The variables of the component that the server names."""
        evse = component.get("evse") or {}
        place = (component["name"].lower(), evse.get("id", 0), evse.get("connectorId", 0))
        return [] if component.get("instance") else [one for one in self.every.values() if one.key[:3] == place]

    def find(self, component: Payload, variable: Payload) -> Variable | str:
        """The variable, or "UnknownComponent", "UnknownVariable"."""
        there = self.of(component)
        if not there:
            return "UnknownComponent"
        for one in there:
            if one.name.lower() == variable["name"].lower() and one.instance.lower() == variable.get("instance", "").lower():
                return one
        return "UnknownVariable"

    def matching(self, wanted: list[Payload] | None) -> list[Variable]:
        """Those that ComponentVariables name: without a variable all of a component, without an EVSE every place of it."""
        if wanted is None:
            return list(self.every.values())
        found = []
        for one in self.every.values():
            for asked in wanted:
                component, variable = asked["component"], asked.get("variable")
                evse = component.get("evse") or {}
                if (
                    component["name"].lower() == one.component.lower() and evse.get("id", one.evse) == one.evse
                    and evse.get("connectorId", one.connector) == one.connector and not component.get("instance")
                    and (variable is None or (variable["name"].lower() == one.name.lower()
                         and variable.get("instance", one.instance).lower() == one.instance.lower()))
                ):  # fmt: skip
                    found.append(one)
                    break
        return found


def make_model(station: SimulatedStation201) -> Model:
    return Model(_every(station))


def _every(station: SimulatedStation201) -> Iterator[Variable]:
    make = station.make

    def yes(component: str, name: str, value: bool, mutability: str = READ_WRITE, instance: str = "") -> Variable:
        return Variable(component, name, "true" if value else "false", "boolean", mutability, instance)

    def count(
        component: str, name: str, value: int, mutability: str = READ_WRITE, instance: str = "", unit: str = "", most: float | None = None,
        reboot: bool = False, least: float = 0,
    ) -> Variable:  # fmt: skip
        return Variable(component, name, str(value), "integer", mutability, instance, unit=unit, least=least, most=most, reboot=reboot)

    def text(component: str, name: str, value: str, mutability: str = READ_ONLY, instance: str = "", **more: Any) -> Variable:
        return Variable(component, name, value, mutability=mutability, instance=instance, **more)

    def listed(component: str, name: str, value: str, choices: str, mutability: str = READ_WRITE, kind: str = "MemberList") -> Variable:
        return Variable(component, name, value, kind, mutability, choices=choices)

    fixed = READ_ONLY
    yield yes("ChargingStation", "Available", True, fixed)
    yield Variable("ChargingStation", "AvailabilityState", live=station.availability, kind="OptionList",
                   choices="Available,Occupied,Reserved,Unavailable,Faulted")  # fmt: skip
    yield Variable("ChargingStation", "Problem", live=lambda: _said(any(one.status == "Faulted" for one in station.outlets.values())),
                   kind="boolean", monitored=True)  # fmt: skip
    yield text("ChargingStation", "VendorName", make.vendor)
    yield text("ChargingStation", "Model", make.model)
    yield text("ChargingStation", "SerialNumber", station.serial)
    yield text("ChargingStation", "FirmwareVersion", "", live=lambda: station.firmware)
    yield count("ChargingStation", "SupplyPhases", 3, fixed)
    yield yes("ChargingStation", "AllowNewSessionsPendingFirmwareUpdate", False)
    comm = "OCPPCommCtrlr"
    yield count(comm, "ActiveNetworkProfile", 1, fixed)
    yield listed(comm, "FileTransferProtocols", "HTTP,HTTPS", "HTTP,HTTPS,FTP,SFTP", fixed)
    yield count(comm, "HeartbeatInterval", 300, unit="s", least=1, most=86_400)
    yield count(comm, "MessageAttemptInterval", 10, instance="TransactionEvent", unit="s")
    yield count(comm, "MessageAttempts", 3, instance="TransactionEvent")
    yield count(comm, "MessageTimeout", 30, fixed, "Default", unit="s")
    yield Variable(comm, "NetworkConfigurationPriority", "1", "SequenceList", READ_WRITE, choices="1,2,3", reboot=True)
    yield count(comm, "NetworkProfileConnectionAttempts", 3)
    yield count(comm, "OfflineThreshold", 600, unit="s")
    yield yes(comm, "QueueAllMessages", False)
    yield count(comm, "ResetRetries", 1)
    yield count(comm, "RetryBackOffRandomRange", 10, unit="s")
    yield count(comm, "RetryBackOffRepeatTimes", 3)
    yield count(comm, "RetryBackOffWaitMinimum", 10, unit="s")
    yield yes(comm, "UnlockOnEVSideDisconnect", True)
    yield count(comm, "WebSocketPingInterval", 60, unit="s", reboot=True)
    guard = "SecurityCtrlr"
    yield text(guard, "BasicAuthPassword", "", WRITE_ONLY, least=16, most=40)
    yield text(guard, "Identity", station.identity)
    yield text(guard, "OrganizationName", make.vendor, READ_WRITE)
    yield Variable(guard, "CertificateEntries", kind="integer", most=20, live=lambda: str(len(station.certificates.installed)))
    yield Variable(guard, "SecurityProfile", kind="integer", most=3, live=lambda: str(station.security_profile))
    yield yes(guard, "AdditionalRootCertificateCheck", False, fixed)
    yield count(guard, "MaxCertificateChainSize", 10_000, fixed)
    yield count(guard, "CertSigningWaitMinimum", 30, unit="s")
    yield count(guard, "CertSigningRepeatTimes", 3)
    yield yes("AuthCtrlr", "Enabled", True)
    yield count("AuthCtrlr", "AdditionalInfoItemsPerMessage", 1, fixed)
    yield yes("AuthCtrlr", "AuthorizeRemoteStart", False)
    yield yes("AuthCtrlr", "LocalAuthorizeOffline", True)
    yield yes("AuthCtrlr", "LocalPreAuthorize", False)
    yield yes("AuthCtrlr", "OfflineTxForUnknownIdEnabled", False)
    yield text("AuthCtrlr", "MasterPassGroupId", "", READ_WRITE, most=36)
    yield yes("AuthCacheCtrlr", "Available", True, fixed)
    yield yes("AuthCacheCtrlr", "Enabled", True)
    yield count("AuthCacheCtrlr", "LifeTime", 86_400, unit="s")
    yield listed("AuthCacheCtrlr", "Policy", "LRU", "LRU,LFU,FIFO,CUSTOM", kind="OptionList")
    yield Variable("AuthCacheCtrlr", "Storage", kind="integer", most=100_000, unit="B", live=lambda: str(60 * len(station.cache)))
    has_list = make.local_list not in ("no", "unknown")
    yield yes("LocalAuthListCtrlr", "Available", has_list, fixed)
    yield yes("LocalAuthListCtrlr", "Enabled", has_list)
    yield Variable("LocalAuthListCtrlr", "Entries", kind="integer", most=1000, live=lambda: str(len(station.local_list)))
    yield count("LocalAuthListCtrlr", "ItemsPerMessage", 200, fixed)
    yield count("LocalAuthListCtrlr", "BytesPerMessage", 65_000, fixed, unit="B")
    yield listed("TxCtrlr", "TxStartPoint", make.tx_start, TX_POINTS)
    yield listed("TxCtrlr", "TxStopPoint", make.tx_stop, TX_POINTS)
    yield count("TxCtrlr", "EVConnectionTimeOut", 60, unit="s")
    yield yes("TxCtrlr", "StopTxOnEVSideDisconnect", True)
    yield yes("TxCtrlr", "StopTxOnInvalidId", True)
    yield count("TxCtrlr", "MaxEnergyOnInvalidId", 0, unit="Wh")
    yield yes("TxCtrlr", "TxBeforeAcceptedEnabled", False)
    measured = MEASURANDS if make.current_type == "DC" else MEASURANDS.removesuffix(",SoC")
    sampled, aligned = "SampledDataCtrlr", "AlignedDataCtrlr"
    for one in (sampled, aligned):
        yield yes(one, "Available", True, fixed)
        yield yes(one, "Enabled", one == sampled)
        yield yes(one, "SignReadings", False)
    yield listed(sampled, "TxStartedMeasurands", "Energy.Active.Import.Register", MEASURANDS)
    yield listed(sampled, "TxUpdatedMeasurands", measured, MEASURANDS)
    yield count(sampled, "TxUpdatedInterval", 15, unit="s")
    yield listed(sampled, "TxEndedMeasurands", "Energy.Active.Import.Register", MEASURANDS)
    yield count(sampled, "TxEndedInterval", 0, unit="s")
    yield listed(aligned, "Measurands", "Energy.Active.Import.Register", MEASURANDS)
    yield count(aligned, "Interval", 900, unit="s")
    yield listed(aligned, "TxEndedMeasurands", "", MEASURANDS)
    yield count(aligned, "TxEndedInterval", 0, unit="s")
    yield yes(aligned, "SendDuringIdle", False)
    smart = "SmartChargingCtrlr"
    yield yes(smart, "Available", make.smart, fixed)
    yield yes(smart, "Enabled", make.smart)
    yield count(smart, "ProfileStackLevel", station.highest_level, fixed)
    yield listed(smart, "RateUnit", "A,W", "A,W", fixed)
    yield count(smart, "PeriodsPerSchedule", station.most_periods, fixed)
    yield Variable(smart, "Entries", kind="integer", instance="ChargingProfiles", most=station.most_profiles,
                   live=lambda: str(len(station.profiles.every)))  # fmt: skip
    yield yes(smart, "Phases3to1", make.current_type == "AC" and make.phases == 3, fixed)
    yield Variable(smart, "LimitChangeSignificance", "10.0", "decimal", READ_WRITE, unit="Percent", least=0, most=100)
    yield yes("ReservationCtrlr", "Available", make.reserves, fixed)
    yield yes("ReservationCtrlr", "Enabled", make.reserves)
    yield yes("ReservationCtrlr", "NonEvseSpecific", True, fixed)
    watch = "MonitoringCtrlr"
    yield yes(watch, "Available", True, fixed)
    yield yes(watch, "Enabled", True)
    yield count(watch, "ItemsPerMessage", 50, fixed, "SetVariableMonitoring")
    yield count(watch, "BytesPerMessage", 65_000, fixed, "SetVariableMonitoring", unit="B")
    yield count(watch, "ItemsPerMessage", 50, fixed, "ClearVariableMonitoring")
    yield count(watch, "OfflineQueuingSeverity", 5, most=9)
    yield Variable(watch, "ActiveMonitoringBase", kind="OptionList", choices="All,FactoryDefault,HardWiredOnly",
                   live=lambda: station.monitors.base)  # fmt: skip
    yield Variable(watch, "ActiveMonitoringLevel", kind="integer", most=9, live=lambda: str(station.monitors.level))
    data = "DeviceDataCtrlr"
    for action in ("GetReport", "GetVariables", "SetVariables"):
        yield count(data, "ItemsPerMessage", 50, fixed, action)
        yield count(data, "BytesPerMessage", 65_000, fixed, action, unit="B")
    yield count(data, "ConfigurationValueSize", 1000, fixed)
    yield count(data, "ReportingValueSize", 2500, fixed)
    yield Variable("ClockCtrlr", "DateTime", kind="dateTime", live=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    yield listed(
        "ClockCtrlr", "TimeSource", "Heartbeat", "Heartbeat,NTP,GPS,RealTimeClock,MobileNetwork,RadioTimeTransmitter", kind="SequenceList"
    )
    yield text("ClockCtrlr", "NtpServerUri", "pool.ntp.org", READ_WRITE, "1")
    yield text("ClockCtrlr", "TimeZone", "Europe/Amsterdam", READ_WRITE)
    yield yes("TariffCostCtrlr", "Available", True, fixed, "Cost")
    yield yes("TariffCostCtrlr", "Enabled", True, instance="Cost")
    yield text("TariffCostCtrlr", "Currency", "EUR", READ_WRITE, least=3, most=3)
    yield yes("DisplayMessageCtrlr", "Available", False, fixed)
    for outlet in station.outlets.values():
        if outlet.connector == 1:
            yield from _evse(station, outlet)
        yield from _connector(station, outlet)


def _evse(station: SimulatedStation201, outlet: Outlet) -> Iterator[Variable]:
    make, evse = station.make, outlet.evse
    of = [one for one in station.outlets.values() if one.evse == evse]

    def here(name: str, kind: str, live: Callable[[], str] | None = None, value: str = "", **more: Any) -> Variable:
        return Variable("EVSE", name, value, kind, evse=evse, live=live, **more)

    yield here("Available", "boolean", value="true")
    yield here("AvailabilityState", "OptionList", lambda: station.availability(evse), monitored=True,
               choices="Available,Occupied,Reserved,Unavailable,Faulted")  # fmt: skip
    yield here("AllowReset", "boolean", value="true")
    yield here("Problem", "boolean", lambda: _said(any(one.status == "Faulted" for one in of)), monitored=True)
    yield here("SupplyPhases", "integer", value=str(make.phases if make.current_type == "AC" else 0))
    yield here("Power", "decimal", lambda: f"{sum(one.session.power for one in of if one.session):.0f}", unit="W", most=make.max_power,
               monitored=True)  # fmt: skip
    yield here("Temperature", "decimal", lambda: f"{station.temperature(evse):.1f}", unit="Celsius", monitored=True)


def _connector(station: SimulatedStation201, outlet: Outlet) -> Iterator[Variable]:
    def here(name: str, kind: str, live: Callable[[], str] | None = None, value: str = "", **more: Any) -> Variable:
        return Variable("Connector", name, value, kind, evse=outlet.evse, connector=outlet.connector, live=live, **more)

    yield here("Available", "boolean", value="true")
    yield here("AvailabilityState", "OptionList", lambda: station.connector_status(outlet), monitored=True,
               choices="Available,Occupied,Reserved,Unavailable,Faulted")  # fmt: skip
    yield here("ConnectorType", "string", value=CONNECTOR_TYPES.get(station.make.plug(outlet.number), "Unknown"))
    yield here("SupplyPhases", "integer", value=str(station.make.phases if station.make.current_type == "AC" else 0))
    yield here("Problem", "boolean", lambda: _said(outlet.status == "Faulted"), monitored=True)


def _said(value: bool) -> str:
    return "true" if value else "false"
