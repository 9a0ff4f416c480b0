"""Commands of ours and their answers against the schemas of a version: what can be sent, and whether an answer says yes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

from stations.ocpp import schemas
from stations.ocpp.events import Payload
from stations.ocpp.variables import Variable

_YES = frozenset({"Accepted", "AcceptedCanceled", "Scheduled", "RebootRequired", "Unlocked", "EmptyResultSet", "NoProfiles"})
# Questions what there is: that there is nothing is no refusal
_ASKS = frozenset({"GetInstalledCertificateIds"})
# What OCPP 1.5 said instead: stations have kept it
_OLDER = {("v16", "UnlockConnector"): "Accepted"}


class _Parts(NamedTuple):
    """A CALL that is answered with a list of results, each with a status of its own: the field of what is asked, that of the results, and
    that of the status. Of questions a status that is none of success is no refusal."""

    asked: str
    results: str
    status: str
    refuses: bool = True


_IN_PARTS = {
    "SetVariables": _Parts("setVariableData", "setVariableResult", "attributeStatus"),
    "GetVariables": _Parts("getVariableData", "getVariableResult", "attributeStatus", refuses=False),
    "SetVariableMonitoring": _Parts("setMonitoringData", "setMonitoringResult", "status"),
    "ClearVariableMonitoring": _Parts("id", "clearMonitoringResult", "status"),
}
_RESULTS = {parts.results: parts.status if parts.refuses else "" for parts in _IN_PARTS.values()}


def check(version: str, name: str, commands: Collection[str], action: str, payload: Payload) -> str:
    """Why this cannot be sent to a station, in a sentence; empty when it can. `name` is that of the version for people."""
    if action not in commands:
        return f"{name} has no command {action[:40]}. Known are: {', '.join(sorted(commands))}."
    error = schemas.first_error(version, action, payload)
    if error is None:
        return ""
    return f"{action} does not fit its schema: {'/'.join(map(str, error.instance_path)) or 'payload'}: {error.message}"


def statuses(answer: Payload) -> list[str]:
    """Every status that an answer says: one, or one for each result; none where it says none."""
    for field, name in _RESULTS.items():
        results = answer.get(field)
        if name and isinstance(results, list):
            return [str(one.get(name, "")) for one in results if isinstance(one, dict)]
    return [str(answer["status"])] if "status" in answer else []


def results(answer: Payload) -> list[tuple[str, str, str]]:
    """(what it is about, status, the station's reason) of each result that sets or clears something; a status alone is none."""
    found = []
    for field, name in _RESULTS.items():
        for one in answer.get(field) or () if name and isinstance(answer.get(field), list) else ():
            if not isinstance(one, dict):
                continue
            info = one.get("attributeStatusInfo") or one.get("statusInfo") or {}
            reason = str(info.get("additionalInfo") or info.get("reasonCode") or "") if isinstance(info, dict) else ""
            try:
                about = str(Variable.read(one))
            except (KeyError, TypeError, AttributeError):
                about = str(one.get("id", ""))
            found.append((about[:120], str(one.get(name, ""))[:40], reason))
    return found


def says_yes(action: str, answer: Payload) -> bool:
    if action in _ASKS and answer.get("status") == "NotFound":
        return True
    return all(status in _YES for status in statuses(answer)) and isinstance(answer.get("status", ""), str)


def in_parts(action: str) -> bool:
    """Whether it is answered with results of which each stands for itself, also where others are missing."""
    return action in _IN_PARTS


def answer_fault(version: str, name: str, action: str, asked: Payload, answer: Payload) -> str:
    """Why a CALLRESULT says neither yes nor no to what was asked, in a sentence; empty when it says one of them."""
    if action in _IN_PARTS and version != "v16":
        return _fault_in_parts(version, name, action, asked, answer)
    if "status" not in schemas.required(version, f"{action}Response"):
        return ""
    known, status = schemas.choices(version, f"{action}Response", "status"), answer.get("status")
    if isinstance(status, str) and status and (not known or status in known or status in ("Rejected", _OLDER.get((version, action)))):
        return ""
    return f"The answer to {action} has no status that {name} knows: {str(status)[:40]!r}."


def _fault_in_parts(version: str, name: str, action: str, asked: Payload, answer: Payload) -> str:
    """Each thing that was asked for wants a result with a status that is known."""
    parts = _IN_PARTS[action]
    results, wanted = answer.get(parts.results), asked.get(parts.asked)
    known = schemas.choices(version, f"{action}Response", parts.results, parts.status)
    told: Counter[str] = Counter()
    for one in results if isinstance(results, list) else ():
        about = _about(one)
        status = one.get(parts.status) if about else None
        if about and (not isinstance(status, str) or status not in known):
            return f"The answer to {action} has no status that {name} knows for {about[:80]}: {str(status)[:40]!r}."
        told[about.casefold()] += 1
    left = Counter(about for about in map(_about, wanted if isinstance(wanted, list) else ()) if about)
    missing = [about for about, count in left.items() if told[about.casefold()] < count]
    return f"The answer to {action} says nothing of {', '.join(missing)[:150]}." if missing else ""


def _about(one: Any) -> str:
    """Which variable, with its attribute, or which monitor is asked for or answered; empty where it names none."""
    try:
        if not isinstance(one, dict) or "component" not in one:
            return str(one["id"] if isinstance(one, dict) else one)
        attribute = one.get("attributeType") or "Actual"
        return f"{Variable.read(one)}{'' if attribute == 'Actual' else f' ({attribute})'}"
    except (KeyError, TypeError, AttributeError):
        return ""
