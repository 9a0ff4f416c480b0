"""What both versions say and read alike, of what `stations.ocpp.calls16` and `stations.ocpp.calls201` say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from stations.ocpp import intents
from stations.ocpp.events import Payload
from stations.ocpp.intents import AskListVersion, CancelReservation, ClearCache, Intent, SendLog, TellVendor, UpdateFirmware
from stations.ocpp.profiles import iso

Call = tuple[str, Payload]
Reader = Callable[[Payload], Intent | None]

# In words of `intents`, what a status of an answer means
OUTCOMES = {
    "Accepted": intents.ACCEPTED,
    "AcceptedCanceled": intents.ACCEPTED,
    "Unlocked": intents.ACCEPTED,
    "Scheduled": intents.SCHEDULED,
    "RebootRequired": intents.REBOOT_REQUIRED,
    "Rejected": intents.REJECTED,
    "NotFound": intents.REJECTED,
    "InvalidCertificate": intents.REJECTED,
    "RevokedCertificate": intents.REJECTED,
    "UnlockFailed": intents.FAILED,
    "Failed": intents.FAILED,
    "NotSupported": intents.NOT_SUPPORTED,
    "NotImplemented": intents.NOT_SUPPORTED,
    "Occupied": intents.OCCUPIED,
    "Faulted": intents.FAULTED,
    "Unavailable": intents.UNAVAILABLE,
    "VersionMismatch": intents.MISMATCH,
    "UnknownVendorId": intents.NOT_SUPPORTED,
    "UnknownMessageId": intents.NOT_SUPPORTED,
}


def given(said: Payload) -> Payload:
    """Those fields of which something is known."""
    return {name: value for name, value in said.items() if value is not None}


def flag(configuration: Mapping[str, str], key: str) -> bool | None:
    """What a station has told of itself under this key; None where it never said."""
    return {"true": True, "false": False}.get(configuration.get(key, "").strip().lower())


def whole(told: Any) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def span(intent: SendLog, since: str, until: str) -> Payload:
    """From when to when, by the names of these fields."""
    return given({since: iso(intent.since) if intent.since else None, until: iso(intent.until) if intent.until else None})


def log(intent: SendLog) -> Call:
    return "GetLog", {
        "logType": "SecurityLog" if intent.security else "DiagnosticsLog", "requestId": intent.key,
        "log": {"remoteLocation": intent.url, **span(intent, "oldestTimestamp", "latestTimestamp")},
        "retries": intent.retries, "retryInterval": intent.retry_interval,
    }  # fmt: skip


def _tell(intent: TellVendor) -> Call:
    return "DataTransfer", {"vendorId": intent.vendor_id} | given({"messageId": intent.message_id or None, "data": intent.data or None})


CALLS: dict[type[Any], Callable[[Any], Call]] = {
    AskListVersion: lambda intent: ("GetLocalListVersion", {}),
    CancelReservation: lambda intent: ("CancelReservation", {"reservationId": intent.key}),
    ClearCache: lambda intent: ("ClearCache", {}),
    TellVendor: _tell,
}


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def signed_update(p: Payload) -> Intent:
    """SignedUpdateFirmware of 1.6, UpdateFirmware of 2.0.1."""
    firmware = p["firmware"]
    return UpdateFirmware(
        firmware["location"], datetime.fromisoformat(firmware["retrieveDateTime"]), p["requestId"], firmware.get("signature", ""),
        firmware.get("signingCertificate", ""), p.get("retries", 0), p.get("retryInterval", 0),
    )  # fmt: skip


READERS: dict[str, Reader] = {
    "CancelReservation": lambda p: CancelReservation(p["reservationId"]),
    "ClearCache": lambda p: ClearCache(),
    "DataTransfer": lambda p: TellVendor(p["vendorId"], p.get("messageId", ""), str(p.get("data", ""))),
    "GetLocalListVersion": lambda p: AskListVersion(),
    "GetLog": lambda p: SendLog(
        p["log"]["remoteLocation"], p["requestId"], p["logType"] == "SecurityLog", moment(p["log"].get("oldestTimestamp")),
        moment(p["log"].get("latestTimestamp")),
    ),
}  # fmt: skip


def read(readers: Mapping[str, Reader], action: str, payload: Payload) -> Intent | None:
    """What a CALL of ours wanted; None where that is no intent."""
    reader = readers.get(action)
    try:
        return reader(payload) if reader else None
    except (KeyError, TypeError, ValueError, IndexError):
        return None
