"""What a simulated OCPP 2.0.1 station answers about its device model (B05 to B08)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from energycloud.simulator.base import now
from energycloud.simulator.model201 import READ_ONLY, READ_WRITE, WRITE_ONLY, Variable
from energycloud.simulator.protocol201 import Answer, Payload, answers

if TYPE_CHECKING:
    from energycloud.simulator.station201 import SimulatedStation201

PART = 25  # entries of a report in one message
# Components of the summary (B07): whether it can be charged here
SUMMARY = ("Available", "AvailabilityState", "Problem")
CRITERIA = {"Active": "Active", "Available": "Available", "Enabled": "Enabled", "Problem": "Problem"}


@answers("GetVariables")
def get_variables(station: SimulatedStation201, payload: Payload) -> Answer:
    return {"getVariableResult": [_got(station, asked) for asked in payload["getVariableData"]]}


def _got(station: SimulatedStation201, asked: Payload) -> Payload:
    kind = asked.get("attributeType", "Actual")
    result: Payload = {"component": asked["component"], "variable": asked["variable"], "attributeType": kind}
    found = station.model.find(asked["component"], asked["variable"])
    if isinstance(found, str):
        return result | {"attributeStatus": found}
    if kind != "Actual" and kind not in found.others:
        return result | {"attributeStatus": "NotSupportedAttributeType"}
    if found.mutability == WRITE_ONLY:
        return result | {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "WriteOnly"}}
    return result | {"attributeStatus": "Accepted", "attributeValue": found.now if kind == "Actual" else found.others[kind]}


@answers("SetVariables")
def set_variables(station: SimulatedStation201, payload: Payload) -> Answer:
    results, anew = [], False
    for asked in payload["setVariableData"]:
        kind, value = asked.get("attributeType", "Actual"), asked["attributeValue"]
        found = station.model.find(asked["component"], asked["variable"])
        status, why = _set(found, kind, value)
        if isinstance(found, Variable) and status in ("Accepted", "RebootRequired") and kind == "Actual":
            anew = station.variable_changed(found) or anew
        result = {"component": asked["component"], "variable": asked["variable"], "attributeType": kind, "attributeStatus": status}
        results.append(result | ({"attributeStatusInfo": {"reasonCode": why}} if why else {}))
    return {"setVariableResult": results}, station.disconnect() if anew else None


def _set(found: Variable | str, kind: str, value: str) -> tuple[str, str]:
    """(SetVariableStatus, reason code)"""
    if isinstance(found, str):
        return found, ""
    if kind != "Actual" and kind not in found.others:
        return "NotSupportedAttributeType", ""
    if found.mutability == READ_ONLY:
        return "Rejected", "ReadOnly"
    if not found.fits(value):
        return "Rejected", "OutofRange" if found.kind in ("integer", "decimal") else "InvalidValue"
    if kind == "Actual":
        found.value = value
    else:
        found.others[kind] = value
    return ("RebootRequired", "") if found.reboot else ("Accepted", "")


@answers("GetBaseReport")
def get_base_report(station: SimulatedStation201, payload: Payload) -> Answer:
    every = list(station.model.every.values())
    match payload["reportBase"]:
        case "ConfigurationInventory":
            every = [one for one in every if one.mutability in (READ_WRITE, WRITE_ONLY)]
        case "SummaryInventory":
            every = [one for one in every if one.name in SUMMARY and one.component in ("ChargingStation", "EVSE", "Connector")]
    return {"status": "Accepted"}, send_report(station, payload["requestId"], every)


@answers("GetReport")
def get_report(station: SimulatedStation201, payload: Payload) -> Answer:
    found = station.model.matching(payload.get("componentVariable"))
    if wanted := payload.get("componentCriteria"):
        # A component counts when it says so of itself; one that does not say whether it is available or enabled is (B08.FR.07 to 10)
        told = {(one.component, one.evse, one.connector, one.name): one.now.lower() for one in station.model.every.values()}

        def fits(one: Variable) -> bool:
            place = (one.component, one.evse, one.connector)
            return any(
                told.get((*place, CRITERIA[criterion]), "false" if criterion == "Problem" else "true") == "true" for criterion in wanted
            )

        found = [one for one in found if fits(one)]
    if not found:
        return {"status": "EmptyResultSet"}
    return {"status": "Accepted"}, send_report(station, payload["requestId"], found)


async def send_report(station: SimulatedStation201, request: int, variables: list[Variable]) -> None:
    parts = [variables[first : first + PART] for first in range(0, len(variables), PART)]
    for number, part in enumerate(parts):
        await station.call("NotifyReport", {
            "requestId": request, "generatedAt": now(), "seqNo": number, "tbc": number < len(parts) - 1,
            "reportData": [one.report() for one in part],
        })  # fmt: skip
