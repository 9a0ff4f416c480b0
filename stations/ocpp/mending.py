"""Putting right what stations write otherwise than the schemas have it, where its meaning is plain: payloads that are in use already."""

from __future__ import annotations

from typing import Any

import jsonschema_rs

from stations.ocpp import schemas
from stations.ocpp.events import OCCUPIED, Payload
from stations.ocpp.reading import spelled_as

MOST = 100  # faults of one message
# Of a list: other stations wait meanwhile, so what is longer, or has more to mend, is not looked at entry by entry
MOST_ENTRIES, MOST_MENDED = 500, 50
ANY_TYPE = "Central"  # of a token whose type is not told, or none that OCPP has
# The lists in messages of which each entry counts for itself
LISTS = {"NotifyEvent": "eventData", "NotifyReport": "reportData", "NotifyMonitoringReport": "monitor"}
# Of an event: what stands in where it is not told, or is nothing that OCPP has
_UNTOLD: Payload = {
    "eventId": 0, "timestamp": "", "trigger": "Alerting", "eventNotificationType": "HardWiredNotification", "actualValue": "",
}  # fmt: skip
_NAMED = frozenset({"component", "variable", "variableAttribute", "variableMonitoring", ""})
_TEXTS = frozenset({"actualValue", "techCode", "techInfo", "transactionId", "value"})
# What a connector does by the words of OCPP 1.6, of which 2.0.1 says that it is occupied
FINER = ("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing")


def faults(checker: jsonschema_rs.Validator, payload: Payload) -> list[jsonschema_rs.ValidationError]:
    return schemas.errors(checker, payload, MOST)


def clip(checker: jsonschema_rs.Validator, payload: Payload) -> None:
    """Texts that are too long, at any depth. Not for what tells one thing from another."""
    for error in faults(checker, payload):
        if error.kind.name == "maxLength":
            path = list(error.instance_path)
            holder(payload, path)[path[-1]] = str(error.instance)[: error.kind.as_dict()["limit"]]


def respell(checker: jsonschema_rs.Validator, payload: Payload) -> None:
    """Words that OCPP has with other capitals, at any depth."""
    for error in faults(checker, payload):
        word, path = error.instance, list(error.instance_path)
        if error.kind.name == "enum" and isinstance(word, str) and path and (right := spelled_as(word, error.kind.as_dict()["options"])):
            holder(payload, path)[path[-1]] = right


def holder(payload: Payload, path: list[Any]) -> Any:
    found: Any = payload
    for step in path[:-1]:
        found = found[step]
    return found


def write_texts(checker: jsonschema_rs.Validator, payload: Payload) -> None:
    """Numbers where texts belong, at any depth; what is neither is left out there."""
    for error in faults(checker, payload):
        if error.kind.name == "type" and error.kind.as_dict()["types"] == ["string"]:
            path = list(error.instance_path)
            where, value = holder(payload, path), error.instance
            if isinstance(value, int | float) and not isinstance(value, bool):
                where[path[-1]] = str(value)
            elif isinstance(where, dict):
                where.pop(path[-1], None)


def boot(version: str, payload: Payload) -> None:
    """BootNotification of 2.0.1: why it starts may be anything, and who made the station may be missing."""
    known = schemas.choices(version, "BootNotification", "reason")
    word = payload.get("reason")
    payload["reason"] = (spelled_as(word, known) if isinstance(word, str) else "") or "Unknown"
    told = payload.get("chargingStation")
    payload["chargingStation"] = {"vendorName": "", "model": ""} | (told if isinstance(told, dict) else {})
    if not isinstance(payload["chargingStation"].get("modem", {}), dict):
        del payload["chargingStation"]["modem"]


def token(checker: jsonschema_rs.Validator, payload: Payload) -> None:
    """The card, which may stand there as its number only, or without a type that OCPP has."""
    wrong = [list(error.instance_path) for error in faults(checker, payload)]
    wrong = [path for path in wrong if path[:1] == ["idToken"]]
    told = payload.get("idToken")
    if wrong and isinstance(told, str):
        payload["idToken"] = {"idToken": told, "type": ANY_TYPE}
    elif wrong and isinstance(told, dict) and isinstance(told.get("idToken"), str):
        if any(path[1:2] == ["additionalInfo"] for path in wrong):
            told.pop("additionalInfo", None)
        if "type" not in told or any(path[1:2] == ["type"] for path in wrong):
            told["type"] = ANY_TYPE


def status(payload: Payload) -> str:
    """StatusNotification of 2.0.1, whose "Occupied" OCPP 1.6 says in finer words: one of those, which "Occupied" then stands for."""
    word = payload.get("connectorStatus")
    finer = spelled_as(word, FINER) if isinstance(word, str) else ""
    if finer:
        payload["connectorStatus"] = OCCUPIED
    return finer


def entries(checker: jsonschema_rs.Validator, action: str, payload: Payload) -> None:
    """Those that can be understood; where there is none, or too many, the list stays as it came."""
    name = LISTS[action]
    payload.setdefault("generatedAt", "")
    if action == "NotifyEvent":
        payload.setdefault("seqNo", 0)
    told, good, mended = payload.get(name), [], 0
    for one in told if isinstance(told, list) and len(told) <= MOST_ENTRIES else ():
        alone = payload | {name: [one]}
        if isinstance(one, dict) and mended < MOST_MENDED and not checker.is_valid(alone):
            mended += 1
            _write_out(one)
            respell(checker, alone)
            clip(checker, alone)
            _mend_entry(checker, alone, one)
        if checker.is_valid(alone):
            good.append(one)
    if good:
        payload[name] = good


def _write_out(one: Payload) -> None:
    """Values as OCPP writes them, which has all of them as texts."""
    attributes = one.get("variableAttribute")
    for holder_of in (one, *(attributes if isinstance(attributes, list) else ())):
        for name in _TEXTS & holder_of.keys() if isinstance(holder_of, dict) else ():
            value = holder_of[name]
            if isinstance(value, bool | int | float):
                holder_of[name] = str(value).lower() if isinstance(value, bool) else str(value)


def _mend_entry(checker: jsonschema_rs.Validator, alone: Payload, one: Payload) -> None:
    """What stands beside the name of a variable may be missing, or be left out."""
    for error in faults(checker, alone):
        field = str([*error.instance_path, "", "", ""][2]) or error.kind.as_dict().get("property", "")
        if field in _UNTOLD:
            one[field] = _UNTOLD[field]
        elif field not in _NAMED:
            one.pop(field, None)
