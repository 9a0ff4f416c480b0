"""Which module speaks which version: the one place where the versions of OCPP meet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from stations.ocpp import calls16, calls201, registers, schemas, v16
from stations.ocpp.events import STARTED, Ended, Event, TransactionReport
from stations.ocpp.frames import OcppError
from stations.ocpp.intents import Installed, Intent, ReadRoots
from stations.ocpp.profiles import Schedule
from stations.ocpp.replies import Reply
from stations.ocpp.v201 import V201

# Keys of the configuration, or variables, by which stations tell what they can do
PROFILES_KEY = calls16.PROFILES_KEY
TELLING_KEYS = (calls16.PROFILES_KEY, calls16.SECURITY_KEY, calls16.ANY_KEY, *calls201.TELLING_KEYS)


class Speaker(Protocol):
    """What we want, in a version: see `stations.ocpp.calls16`."""

    CONNECTS_ANEW: bool
    PASSWORD_IS_HEX: bool
    PASSWORD_KEY: str  # by which a station gets the password that it authenticates with
    SOFT_RESET_WAITS: bool  # until no charge runs; else charges that run are ended
    UNLOCK_ENDS_CHARGE: bool  # else it is refused while one runs

    ROOTS: Collection[str]  # for what certificates can be installed

    def reading_roots(self) -> Sequence[ReadRoots]: ...

    def installed(self, wanted: ReadRoots, answer: dict[str, Any]) -> list[Installed]: ...

    def missing_profile(self, intent: type[Any], configuration: Mapping[str, str]) -> str: ...

    def raising(self, profile: int, url: str, wireless: bool, known: Mapping[str, str]) -> Sequence[Intent]: ...

    def call(self, intent: Intent) -> tuple[str, dict[str, Any]]: ...

    def intent(self, action: str, payload: dict[str, Any]) -> Intent | None: ...

    def connector_named(self, action: str, payload: dict[str, Any]) -> int | None: ...

    def remote_start(self, action: str, payload: dict[str, Any]) -> int | None: ...

    def log_name(self, action: str, answer: dict[str, Any]) -> str | None: ...

    def tells_security_log(self, configuration: Mapping[str, str]) -> bool | None: ...

    def reserves_any(self, configuration: Mapping[str, str]) -> bool | None: ...

    def key_of(self, name: str) -> str: ...

    def list_version(self, answer: dict[str, Any]) -> int | None: ...

    def checks_signatures(self, configuration: Mapping[str, str]) -> bool | None: ...

    def outcome(self, answer: dict[str, Any]) -> str: ...

    def keys_unknown(self, answer: dict[str, Any]) -> list[str]: ...

    def values_told(self, answer: dict[str, Any]) -> dict[str, str]: ...

    def keys_told(self, answer: dict[str, Any]) -> int: ...

    def schedule(self, answer: dict[str, Any]) -> Schedule | None: ...

    def check(self, action: str, payload: dict[str, Any]) -> str: ...

    def without_secrets(self, action: str, payload: dict[str, Any], *, every_value: bool = False) -> dict[str, Any]: ...

    def triggers(self, configuration: Mapping[str, str] | None = None) -> frozenset[str]: ...

    def needs_connector(self, message: str) -> bool: ...


class Reader(Protocol):
    """What stations say in a version, and what we answer: see `stations.ocpp.v16`."""

    @property
    def VERSION(self) -> str: ...

    @property
    def NAME(self) -> str: ...

    @property
    def COMMANDS(self) -> Collection[str]: ...

    def read(self, action: str, payload: dict[str, Any], faults: list[str] | None = None) -> Event: ...

    def reply(self, action: str, said: Reply) -> dict[str, Any]: ...

    def spelled(self, code: str) -> str: ...

    def answer_fault(self, action: str, asked: dict[str, Any], answer: dict[str, Any]) -> str: ...

    def accepted(self, action: str, answer: dict[str, Any]) -> bool: ...


class Version(NamedTuple):
    """`shown` is what pages of stations themselves call it."""

    shown: str
    reader: Reader
    speaker: Speaker
    variables: bool = True  # it has a device model of variables; else a configuration of keys


# By what follows "ocpp" in the WebSocket subprotocol
VERSIONS: dict[str, Version] = {
    "1.6": Version("OCPP 1.6J", cast(Reader, v16), cast(Speaker, calls16), variables=False),
    "2.0.1": Version("OCPP 2.0.1", V201("v201", "OCPP 2.0.1"), cast(Speaker, calls201)),
    "2.1": Version("OCPP 2.1", V201("v21", "OCPP 2.1"), cast(Speaker, calls201)),
}
SUBPROTOCOL = "ocpp"
# What may end a transaction, and in which version
_ENDING = {"StopTransaction": "1.6", "TransactionEvent": "2.0.1"}
PROTOCOLS = tuple(version.shown for version in VERSIONS.values())
# As stations have it in `ocpp_version`
WITH_VARIABLES = frozenset(name for name, version in VERSIONS.items() if version.variables)


def has_variables(version: str) -> bool:
    """Whether stations that speak it have a device model instead of configuration keys."""
    return _version(version).variables


def agreed(offered: Collection[str]) -> str:
    """The version to speak with a station that offers these subprotocols, the one it likes best first; empty where we know none."""
    known = (name.removeprefix(SUBPROTOCOL) for name in offered if name.startswith(SUBPROTOCOL))
    return next((version for version in known if version in VERSIONS), "")


def _version(version: str) -> Version:
    """Also of a station that has never told its version: 1.6."""
    return VERSIONS.get(version.removeprefix(SUBPROTOCOL), VERSIONS["1.6"])


def speaker(version: str) -> Speaker:
    return _version(version).speaker


def telling(intent: type[Any]) -> frozenset[str]:
    """The keys by which a station of any version tells whether it has what `intent` needs."""
    return frozenset({PROFILES_KEY, calls201.FEATURES.get(intent, ("",))[0]})


# A key or variable in small letters -> what the same is called in the other versions. One may be written without its instance.
_IN_201 = {key.casefold(): said for key, said in calls201.SAME_KEYS.items()}
_IN_16 = {name.casefold(): key for key, said in calls201.SAME_KEYS.items() for name in (said, said.partition(":")[0])}


def key_in(version: str, key: str) -> str:
    """What stations of `version` call what `key` means in any version; `key` where it has no other name there, or does not exist."""
    return (_IN_201 if has_variables(version) else _IN_16).get(key.casefold(), key)


def speakers() -> tuple[Speaker, ...]:
    """Each once."""
    return tuple({id(one.speaker): one.speaker for one in VERSIONS.values()}.values())


def said_in(action: str, payload: dict[str, Any]) -> str:
    """The version in which a CALL of ours was said, as its words tell; one of them where both say it alike."""
    having = [name for name, one in VERSIONS.items() if action in one.reader.COMMANDS]
    if len(having) == 1:
        return having[0]
    return next((name for name in having if not speaker(name).check(action, payload)), having[0] if having else "1.6")


def reader(version: str) -> Reader:
    return _version(version).reader


def actions(*intents: type[Any]) -> tuple[str, ...]:
    """The names of the CALLs that say one of `intents`, in any version: to find what was asked. Only those of ACTIONS."""
    return tuple(speaker[intent] for intent in intents for speaker in (calls16.ACTIONS, calls201.ACTIONS))


def messages_of_stations(version: str = "") -> frozenset[str]:
    """The names of the messages that stations send: those that speak `version`, or in any."""
    of = [_version(version)] if version else VERSIONS.values()
    found = (schemas.names(one.reader.VERSION) - frozenset(one.reader.COMMANDS) for one in of)
    return frozenset().union(*found)


def begins(action: str, payload: Any) -> bool:
    """Whether a message of a station says that a transaction has begun."""
    return isinstance(payload, dict) and (action == "StartTransaction" or payload.get("eventType") == STARTED)


def meter_at_begin(action: str, payload: Any) -> int | None:
    """What a message of a station that has its own ids says of the meter where a transaction began (Wh)."""
    event = _read(action, payload)
    return registers.first(event.samples) if isinstance(event, TransactionReport) and event.kind == STARTED else None


def _read(action: str, payload: Any) -> Any:
    version = _ENDING.get(action)
    if version is None or not isinstance(payload, dict):
        return None
    try:
        return reader(version).read(action, payload)
    except (OcppError, KeyError, TypeError, ValueError):
        return None


def ended_of(action: str, payload: Any) -> Ended | None:
    """What a message of a station says of the end of a transaction; None where it says nothing of one, or nothing of its meter."""
    event = _read(action, payload)
    end = registers.as_end(event) if isinstance(event, TransactionReport) else event
    return end if isinstance(end, Ended) and end.metered else None
