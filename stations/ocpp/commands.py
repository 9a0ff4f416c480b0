"""Commands of ours and their answers against the schemas of a version: what can be sent, and whether an answer says yes."""

from __future__ import annotations

from collections.abc import Collection

from stations.ocpp import schemas
from stations.ocpp.events import Payload
from stations.ocpp.variables import Variable

_YES = frozenset({"Accepted", "AcceptedCanceled", "Scheduled", "RebootRequired", "Unlocked", "EmptyResultSet", "NoProfiles"})
# Questions what there is: that there is nothing is no refusal
_ASKS = frozenset({"GetInstalledCertificateIds"})
# 2.0.1 answers some CALLs with a list of results, each with a status of its own
_RESULTS = {
    "setVariableResult": "attributeStatus", "getVariableResult": "", "setMonitoringResult": "status", "clearMonitoringResult": "status",
}  # fmt: skip


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
    if "status" in answer:
        return [str(answer["status"])]
    for field, name in _RESULTS.items():
        results = answer.get(field)
        if name and isinstance(results, list):
            return [str(one.get(name, "")) for one in results if isinstance(one, dict)]
    return []


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


def answer_fault(version: str, name: str, action: str, answer: Payload) -> str:
    """Why a CALLRESULT says neither yes nor no, in a sentence; empty when it says one of them."""
    if "status" not in schemas.required(version, f"{action}Response"):
        return ""
    known, status = schemas.choices(version, f"{action}Response", "status"), answer.get("status")
    if isinstance(status, str) and status and (not known or status in known or status in _YES or status == "Rejected"):
        return ""
    return f"The answer to {action} has no status that {name} knows: {str(status)[:40]!r}."
