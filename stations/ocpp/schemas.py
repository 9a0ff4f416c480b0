"""The JSON schemas that the `ocpp` package ships, checked by jsonschema-rs (1 µs instead of 200)."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any

import jsonschema_rs
import ocpp
import orjson

MOST_ENTRIES = 2000  # of all lists and objects of a payload, for it to be looked at fault by fault

_FOLDER = Path(ocpp.__file__).parent


@functools.cache
def validator(version: str, name: str) -> jsonschema_rs.Validator | None:
    """The validator of `name` ("MeterValues", "MeterValuesResponse") in version "v16"; None when the version knows no such message."""
    if not name.isalnum() or not _file(version, name).is_file():
        return None
    # Formats are not checked: stations send timestamps without a zone, which are read leniently and flagged.
    return jsonschema_rs.validator_for(_schema(version, name), validate_formats=False)


def _file(version: str, name: str) -> Path:
    """2.0.1 names the file of a CALL XxxRequest.json, 1.6 Xxx.json; so does 2.1 where there is no answer."""
    folder = _FOLDER / version / "schemas"
    if version != "v16" and not name.endswith("Response") and (file := folder / f"{name}Request.json").is_file():
        return file
    return folder / f"{name}.json"


@functools.cache
def _schema(version: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(_file(version, name).read_text("utf-8-sig"))
    return found


def schema(version: str, name: str) -> dict[str, Any]:
    """The schema of an action that the version knows; not to be changed."""
    return _schema(version, name)


@functools.cache
def required(version: str, name: str) -> frozenset[str]:
    """The fields without which a message is none."""
    return frozenset(_schema(version, name).get("required", ()))


@functools.cache
def choices(version: str, name: str, *fields: str) -> frozenset[str]:
    """What a field may say, or one in each of a list of objects; empty when the message has no such field, or it may say anything."""
    found = described = _schema(version, name)
    for field in fields:
        described = described.get("properties", {}).get(field, {})
        described = described.get("items", described)
        if "$ref" in described:
            described = found["definitions"][described["$ref"].rpartition("/")[2]]
    return frozenset(described.get("enum", ()))


@functools.cache
def names(version: str) -> frozenset[str]:
    """Every action of a version."""
    stems = (file.stem for file in (_FOLDER / version / "schemas").glob("*.json"))
    return frozenset(stem.removesuffix("Request") for stem in stems if not stem.endswith("Response"))


def known_anywhere(name: str) -> bool:
    """Whether any version has this action."""
    return any(name in names(version) for version in ("v16", "v201", "v21"))


def first_error(version: str, name: str, payload: dict[str, Any]) -> jsonschema_rs.ValidationError | None:
    checker = validator(version, name)
    return None if checker is None else _first(checker, payload)


def _first(checker: jsonschema_rs.Validator, payload: Any) -> jsonschema_rs.ValidationError | None:
    try:
        checker.validate(payload)
    except jsonschema_rs.ValidationError as error:
        return error
    return None


def errors(checker: jsonschema_rs.Validator, payload: Any, most: int) -> list[jsonschema_rs.ValidationError]:
    """At most `most`. Of a payload with very many entries only the first: the library makes all of them before it gives one, and every
    other station would wait for that."""
    if not crowded(payload):
        return list(itertools.islice(checker.iter_errors(payload), most))
    found = _first(checker, payload)
    return [found] if found else []


def crowded(payload: Any, most: int = MOST_ENTRIES) -> bool:
    """Whether it has more entries than that."""
    seen, left = 0, [payload]
    while left:
        one = left.pop()
        if isinstance(one, dict | list):
            seen += len(one)
            if seen > most:
                return True
            left.extend(one.values() if isinstance(one, dict) else one)
    return False
