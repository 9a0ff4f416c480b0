"""Reading what stations write, leniently: numbers, texts, times, meter values. For the messages of any version."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import orjson

from stations.ocpp import schemas
from stations.ocpp.events import Channel, Payload, Reported, VendorData
from stations.ocpp.frames import OcppError

MOST_FAULTS = 1000  # of one message that are put right
MOST_DATA = 4000  # characters kept of what vendors tell each other
LARGEST = 1e15  # a number beyond is no measurement
UNITS = {"Energy": "Wh", "Power": "W", "Current": "A", "Voltage": "V", "Temperature": "Celsius", "SoC": "Percent"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNIX = re.compile(r"(\d{10}|\d{13})(?:\.\d*)?\Z", re.ASCII)
_channels: dict[tuple[Any, ...], Channel] = {}


def number(value: Any) -> Any:
    """A number that was sent as text; anything else unchanged."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    return value


def whole(value: Any) -> Any:
    """ "1234", "1234.0", 1234.5 as an int; anything else unchanged."""
    found = number(value)
    if isinstance(found, float) and math.isfinite(found) and abs(found) < LARGEST:
        return round(found)
    return value


def write_whole(payload: Payload) -> None:
    """Counts that came as 5.0, which the schemas since 2.0.1 take for whole numbers, become 5. In place; not what is measured, nor what
    vendors put in."""
    for key, value in payload.items():
        if type(value) is float:
            if value.is_integer() and abs(value) < LARGEST:
                payload[key] = int(value)
        elif type(value) is dict:
            if key not in _NOT_COUNTS:
                write_whole(value)
        elif type(value) is list and key not in _NOT_COUNTS:
            for one in value:
                if type(one) is dict:
                    write_whole(one)


_NOT_COUNTS = frozenset({"customData", "data", "meterValue"})


def yes(value: Any) -> bool:
    """A truth value, which may be told as its word."""
    return value.strip().casefold() in {"true", "1"} if isinstance(value, str) else bool(value)


def clean(text: Any, longest: int) -> str:
    """Text of a station as we keep it: no control characters, not longer than `longest`."""
    return _CONTROL.sub("", str(text)).strip()[:longest]


def spelled_as(word: str, known: Iterable[str]) -> str:
    """One of `known` that is the same word but for capitals and blanks around it; empty where none is."""
    folded = word.strip().casefold()
    return next((one for one in known if one.casefold() == folded), "")


def energy(unit: str, value: float) -> tuple[str, float]:
    """A unit of energy as OCPP spells it, with the value in it: MWh is not of OCPP. Other units stay as they are."""
    folded = unit.casefold()
    if folded == "mwh":
        return "kWh", value * 1000
    return {"wh": "Wh", "kwh": "kWh"}.get(folded, unit), value


def told_time(value: Any) -> str:
    """A time as `reported` reads it, of whatever stands where one belongs: a number as text, nothing of what is neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def reported(text: str) -> Reported:
    """An ISO 8601 time; without a zone it is taken as UTC and marked as inexact. Seconds or milliseconds since 1970 are as good."""
    text = clean(text, 100)
    try:
        if text[4:5].isdigit() and (unix := _UNIX.match(text)):
            return Reported(text[:40], datetime.fromtimestamp(float(text) / (1000 if len(unix[1]) == 13 else 1), UTC), True)
        at = datetime.fromisoformat(text.upper())  # of RFC 3339, which has "t" and "z", too
        if at.tzinfo is None:
            return Reported(text[:40], at.replace(tzinfo=UTC), False)
        return Reported(text[:40], at.astimezone(UTC), True)
    except (ValueError, OverflowError):
        return Reported(text[:40], None, False)


def iso(at: datetime) -> str:
    """A time of ours, in UTC with milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def register(p: Payload, field: str) -> int:
    value: int = p[field]
    if abs(value) >= LARGEST:
        raise OcppError("PropertyConstraintViolation", f"{field}: {value} Wh is no reading of a meter.")
    return value


def code_of(keyword: str) -> str:
    """The error code for what a schema's `keyword` refuses, as OCPP-J 1.6 §4.2.3 spells it."""
    if keyword == "type":
        return "TypeConstraintViolation"
    if keyword in {"required", "minItems", "maxItems"}:
        return "OccurenceConstraintViolation"
    if keyword == "additionalProperties":
        return "FormationViolation"
    return "PropertyConstraintViolation"


def drop_unknown(checker: jsonschema_rs.Validator, payload: Payload) -> None:
    """Take out the fields that a schema does not know, at any depth."""
    for error in schemas.errors(checker, payload, MOST_FAULTS):
        if error.kind.name == "additionalProperties":
            holder: Any = payload
            for step in error.instance_path:
                holder = holder[step]
            for name in error.kind.unexpected:  # type: ignore[attr-defined]
                holder.pop(name, None)


def refusal(action: str, worst: jsonschema_rs.ValidationError) -> OcppError:
    """What a payload that cannot be mended is answered with."""
    return OcppError(code_of(worst.kind.name), f"{_path(action, worst)}: {worst.message}"[:255], detail=fault(action, worst))


def fault(action: str, error: jsonschema_rs.ValidationError) -> str:
    """Where a schema was broken and by which of its keywords; without the value, which may be the number of a card."""
    return f"{_path(action, error)}: {error.kind.name}"[:255]


def _path(action: str, error: jsonschema_rs.ValidationError) -> str:
    return "/".join(map(str, error.instance_path)) or action


def not_here(version: str, name: str, action: str) -> OcppError:
    """What an action is answered with that stations may not send here, or that the version does not have; `name` is its name for people."""
    if action in schemas.names(version):
        return OcppError("NotSupported", f"{action} is known, but not supported here.")
    return OcppError("NotImplemented", f"There is no {action[:40]} in {name}.", detail=clean(action, 40))


def good_values(entries: Any, mended: Callable[[Payload], Payload], fits: Callable[[Payload], bool]) -> list[Payload]:
    """MeterValue entries with the sampled values that are malformed left out: those that do not fit even when they are mended. One that
    stands without its list is taken as a list of one."""
    kept = []
    for entry in entries if isinstance(entries, list) else [entries]:
        samples = entry.get("sampledValue") if isinstance(entry, dict) else None
        if not isinstance(samples, list | dict):
            continue
        told = samples if isinstance(samples, list) else [samples]
        if good := [one for one in (mended(sampled) for sampled in told if isinstance(sampled, dict)) if fits(one)]:
            kept.append({"timestamp": told_time(entry.get("timestamp")), "sampledValue": good})
    return kept


def channel(measurand: str | None, unit: str | None, phase: str | None, context: str | None, location: str | None) -> Channel:
    """With what is left out put in: the defaults of OCPP 1.6 §7.43 and 2.0.1 part 2, SampledValueType."""
    key = (measurand, unit, phase, context, location)
    found = _channels.get(key)
    if found is None:
        name = measurand or "Energy.Active.Import.Register"
        default = UNITS.get(name.partition(".")[0], "")
        found = _channels[key] = Channel(name, unit or default, phase or "", context or "Sample.Periodic", location or "Outlet")
    return found


def vendor_data(p: Payload) -> VendorData:
    """A DataTransfer of any version: its data is a text in 1.6 and anything in 2.0.1."""
    data = p.get("data", "")
    text = data if isinstance(data, str) else orjson.dumps(data).decode()
    return VendorData(clean(p["vendorId"], 255), clean(p.get("messageId") or "", 50), clean(text, MOST_DATA))
