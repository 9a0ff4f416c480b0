"""Which module speaks which version: the one place where the versions of OCPP meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from stations.ocpp import calls16, schemas, v16
from stations.ocpp.events import Ended
from stations.ocpp.frames import OcppError
from stations.ocpp.intents import Intent

# What stations can speak with us, as their own pages call it
PROTOCOLS = ("OCPP 1.6J",)
# Keys of the configuration by which stations tell what they can do
TELLING_KEYS = (calls16.PROFILES_KEY, calls16.SECURITY_KEY)


class Speaker(Protocol):
    """See `stations.ocpp.calls16`."""

    def missing_profile(self, intent: type[Any], configuration: Mapping[str, str]) -> str: ...

    def call(self, intent: Intent) -> tuple[str, dict[str, Any]]: ...

    def intent(self, action: str, payload: dict[str, Any]) -> Intent | None: ...

    def log_name(self, action: str, answer: dict[str, Any]) -> str | None: ...

    def tells_security_log(self, configuration: Mapping[str, str]) -> bool | None: ...

    def outcome(self, answer: dict[str, Any]) -> str: ...

    def keys_unknown(self, answer: dict[str, Any]) -> list[str]: ...

    def keys_told(self, answer: dict[str, Any]) -> int: ...

    def check(self, action: str, payload: dict[str, Any]) -> str: ...

    def without_secrets(self, action: str, payload: dict[str, Any]) -> dict[str, Any]: ...

    def triggers(self) -> frozenset[str]: ...


def actions(*intents: type[Any]) -> tuple[str, ...]:
    """The names of the CALLs that say one of `intents`, in any version: to find what was asked. Only those of calls16.ACTIONS."""
    return tuple(calls16.ACTIONS[intent] for intent in intents)


def messages_of_stations() -> frozenset[str]:
    """The names of the messages that stations send, in any version."""
    return frozenset(schemas.names(v16.VERSION)) - v16.COMMANDS


def ended_of(action: str, payload: Any) -> Ended | None:
    """What a message of a station says of the end of a transaction; None where it says nothing of an end."""
    if action != "StopTransaction" or not isinstance(payload, dict):
        return None
    try:
        event = v16.read(action, payload)
    except (OcppError, KeyError, TypeError, ValueError):
        return None
    return event if isinstance(event, Ended) else None


def speaker(version: str) -> Speaker:
    """For "1.6", and for a station that has never told its version."""
    return calls16
