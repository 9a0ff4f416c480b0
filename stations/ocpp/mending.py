"""Putting right what stations write otherwise than the schemas have it, where its meaning is plain: payloads that are in use already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema_rs

from stations.ocpp import schemas
from stations.ocpp.events import OCCUPIED, Payload
from stations.ocpp.reading import number, spelled_as, whole

MOST = 100  # faults of one message
# Other stations wait meanwhile: a longer list is not looked at entry by entry; an entry with more in it is not mended, nor one that comes
# after so many faults
MOST_ENTRIES, MOST_IN_ENTRY, MOST_FAULTS = 3000, 60, 4000
ANY_TYPE = "Central"  # of a token whose type is not told, or none that OCPP has
# The lists in messages of which each entry counts for itself, and in its entries those of which each does
LISTS = {"NotifyEvent": "eventData", "NotifyReport": "reportData", "NotifyMonitoringReport": "monitor"}
_PARTS = {"NotifyReport": "variableAttribute", "NotifyMonitoringReport": "variableMonitoring"}
_MOST_PARTS = {"variableAttribute": 4}
LEFT_OUT = "leftOut"  # beside what was mended: how many of those cannot be understood
NOT_READ = "not understood"  # why
# Of an event: what stands in where it is not told, or is nothing that OCPP has
_UNTOLD: Payload = {
    "eventId": 0, "timestamp": "", "trigger": "Alerting", "eventNotificationType": "HardWiredNotification", "actualValue": "",
}  # fmt: skip
_NAMED = frozenset({"component", "variable", "variableAttribute", "variableMonitoring"})
_OF_PART = frozenset({"type", "value", "id", "transaction", "severity"})  # without which a part tells nothing
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


def entries(checker: jsonschema_rs.Validator, action: str, payload: Payload) -> int:
    """Those that can be understood stay; gives how many values, monitors or events do not. Where nothing can be, only the first stays,
    by which the message is judged; where there are too many, the list is as it came."""
    name, part = LISTS[action], _PARTS.get(action, "")
    payload.setdefault("generatedAt", "")
    if action == "NotifyEvent":
        payload.setdefault("seqNo", 0)
    told, good, left, spent = payload.get(name), [], 0, 0
    if not isinstance(told, list) or len(told) > MOST_ENTRIES:
        return 0
    # Each alone, without what else the message has
    frame: Payload = {"generatedAt": "", "seqNo": 0} | ({} if action == "NotifyEvent" else {"requestId": 0})
    for one in told:
        alone = frame | {name: [one]}
        count = _parts(one, part)
        fits = checker.is_valid(alone)
        if not fits and isinstance(one, dict) and spent < MOST_FAULTS:
            spent += _mend_entry(checker, alone, one, part)
            fits = checker.is_valid(alone)
        if fits:
            good.append(one)
            left += count - _parts(one, part)
        else:
            left += count
    payload[name] = good or told[:1]
    return left if good else left - sum(_parts(one, part) for one in told[:1])


def _parts(one: Any, part: str) -> int:
    """How much an entry tells."""
    told = one.get(part) if isinstance(one, dict) else None
    return max(len(told), 1) if isinstance(told, list) else 1


def _mend_entry(checker: jsonschema_rs.Validator, alone: Payload, one: Payload, part: str) -> int:
    """Gives how many faults it had; of its parts those without any that cannot be put right stay."""
    parts = one.get(part)
    if isinstance(parts, list):
        del parts[_MOST_PARTS.get(part, len(parts)) :]
    if schemas.crowded(one, MOST_IN_ENTRY) or (_write_out(one) and checker.is_valid(alone)):
        return 0
    found, lost = schemas.errors(checker, alone, MOST_FAULTS), set()
    for error in found:
        path = list(error.instance_path)[2:]
        if not _put_right(one, path, error) and len(path) > 1 and path[0] == part:
            lost.add(path[1])
    if isinstance(parts, list) and len(lost) < len(parts):
        parts[:] = [told for at, told in enumerate(parts) if at not in lost]
    return len(found)


def _write_out(one: Payload) -> bool:
    """Values as OCPP writes them, which has all of them as texts; whether there were others."""
    attributes, found = one.get("variableAttribute"), False
    for holder_of in (one, *(attributes if isinstance(attributes, list) else ())):
        for name in _TEXTS & holder_of.keys() if isinstance(holder_of, dict) else ():
            value = holder_of[name]
            if isinstance(value, bool | int | float):
                holder_of[name], found = str(value).lower() if isinstance(value, bool) else str(value), True
    return found


_READ: dict[str, Callable[[str], Any]] = {"integer": whole, "number": number}  # numbers that came as texts


def _put_right(one: Payload, path: list[Any], error: jsonschema_rs.ValidationError) -> bool:
    """One fault of an entry; False where it cannot be put right. What stands beside the name of a variable may be missing, or be left
    out."""
    kind, value = error.kind.name, error.instance
    told: dict[str, Any] = error.kind.as_dict()
    try:
        if kind == "additionalProperties":
            for extra in told["unexpected"]:
                holder(one, [*path, extra]).pop(extra, None)
        elif kind == "maxLength":
            holder(one, path)[path[-1]] = str(value)[: told["limit"]]
        elif kind == "enum" and isinstance(value, str) and (right := spelled_as(value, told["options"])):
            holder(one, path)[path[-1]] = right
        elif kind == "type" and isinstance(value, str) and not isinstance(found := _READ.get(told["types"][0], str)(value), str):
            holder(one, path)[path[-1]] = found
        elif (field := str(path[0]) if path else told.get("property", "")) in _UNTOLD:
            one[field] = _UNTOLD[field]
        elif path and field not in _NAMED:
            one.pop(field, None)
        elif path[2:] and field in _PARTS.values() and path[2] not in _OF_PART:
            holder(one, path[:3]).pop(path[2], None)
        else:
            return False
    except (KeyError, IndexError, TypeError, AttributeError):
        return False  # another fault has taken it away
    return True
