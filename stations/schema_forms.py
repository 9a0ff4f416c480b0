"""Forms made from JSON schemas: a schema and what was typed give a tree of fields, and what was typed gives a payload.

What was typed is flat, as browsers send it: `p.csChargingProfiles.stackLevel`, `p.key.0`; `<path>:n` is how many rows a list has, and
`<path>:on` that a part is sent though nothing in it is filled in. `typed_of` writes a payload that way, `payload_of` reads it back.
Knows no version of OCPP and no station: schemas of drafts 4 and 6, as the `ocpp` package ships them, with `$ref` to their definitions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Schema = dict[str, Any]
Typed = Mapping[str, str]

ROOT = "p"
MAX_ROWS = 100  # of a list in a form
MAX_FIELDS = 600  # of a form; browsers' forms are read up to 1000
MAX_DEPTH = 12
EMPTY = '""'  # what is typed for an empty text; an empty field is left out

OBJECT, ARRAY, TEXT, LINES, INTEGER, NUMBER, BOOLEAN, CHOICE, TIME, JSON = (
    "object", "array", "text", "lines", "integer", "number", "boolean", "choice", "time", "json",
)  # fmt: skip


class _Absent:
    pass


ABSENT: Final = _Absent()
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?\d{1,18}([.,]\d{1,12})?([eE][+-]?\d{1,2})?")


@dataclass
class Field:
    """A field as it is drawn; `children` are the fields of an object, or the rows of a list."""

    path: str
    label: str
    kind: str
    required: bool
    value: str = ""
    error: str = ""
    hints: list[str] = field(default_factory=list)
    choices: list[tuple[str, str]] = field(default_factory=list)
    children: list[Field] = field(default_factory=list)
    on: bool = False  # sent though nothing in it is filled in
    longest: int | None = None
    row: int | None = None  # its number in a list
    most: bool = False  # a list that takes no more rows here

    @property
    def dom_id(self) -> str:
        return "f-" + re.sub(r"[^\w-]", "-", self.path)

    @property
    def filled(self) -> bool:
        """Whether something in it was typed, or is wrong: then it is drawn open."""
        return bool(self.value or self.error or self.on) or any(child.filled for child in self.children)

    @property
    def block(self) -> bool:
        return self.kind in {OBJECT, ARRAY}


# -- schemas ------------------------------------------------------------------------------------------------------------------------------


def _resolved(schema: Any, root: Schema) -> Schema:
    """What `$ref` stands for, with what is said beside it."""
    for _step in range(MAX_DEPTH):
        if not isinstance(schema, dict) or "$ref" not in schema:
            break
        found: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema if isinstance(schema, dict) else {}


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return CHOICE
    match schema.get("type"):
        case "object" if schema.get("properties") or schema.get("additionalProperties") is False:
            return OBJECT
        case "array" if isinstance(schema.get("items"), dict):
            return ARRAY
        case "string" if schema.get("format") == "date-time":
            return TIME
        case "string":
            return LINES if schema.get("maxLength", 0) > 500 else TEXT
        case "integer":
            return INTEGER
        case "number":
            return NUMBER
        case "boolean":
            return BOOLEAN
    return JSON


def _parts(schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
    """The properties of an object: name, schema, required; those that are required first."""
    needed = set(schema.get("required", ()))
    parts = schema.get("properties", {})
    for name in sorted(parts, key=lambda name: name not in needed):
        yield name, parts[name], name in needed


# -- a payload as if it had been typed ----------------------------------------------------------------------------------------------------


def typed_of(schema: Schema, payload: Any) -> dict[str, str]:
    """`payload` as it would have been typed. What the schema does not know is left out; what is of another type is written as it is."""
    found: dict[str, str] = {}
    _type(schema, schema, payload, ROOT, found, 0)
    return found


def _type(schema: Any, root: Schema, value: Any, path: str, found: dict[str, str], depth: int) -> None:
    schema = _resolved(schema, root)
    kind = _kind(schema)
    if depth > MAX_DEPTH or len(found) > 20 * MAX_FIELDS:
        return
    if kind == OBJECT and isinstance(value, dict):
        found[f"{path}:on"] = "1"
        for name, part, _needed in _parts(schema):
            if name in value:
                _type(part, root, value[name], f"{path}.{name}", found, depth + 1)
    elif kind == ARRAY and isinstance(value, list):
        found[f"{path}:n"] = str(len(value))
        if not value:
            found[f"{path}:on"] = "1"
        for number, item in enumerate(value):
            _type(schema["items"], root, item, f"{path}.{number}", found, depth + 1)
    elif isinstance(value, bool):
        found[path] = "true" if value else "false"
    elif isinstance(value, str) and kind != JSON:
        found[path] = value or EMPTY
    else:
        found[path] = json.dumps(value, ensure_ascii=False)


def too_long(typed: Typed) -> bool:
    """Whether this is too much for a form."""
    return len(typed) > MAX_FIELDS or any(name.endswith(":n") and _count(count) > MAX_ROWS for name, count in typed.items())


# -- what was typed as a payload ----------------------------------------------------------------------------------------------------------


def payload_of(schema: Schema, typed: Typed, zone: ZoneInfo) -> tuple[Any, dict[str, str]]:
    """The payload, and by path what could not be read. A time without a zone is one in `zone`."""
    reader = _Reader(schema, typed, zone)
    payload, errors = reader.read(schema, ROOT, True, 0)
    return ({} if payload is ABSENT else payload), errors


class _Reader:
    def __init__(self, root: Schema, typed: Typed, zone: ZoneInfo) -> None:
        self.root, self.typed, self.zone = root, typed, zone

    def read(self, schema: Any, path: str, needed: bool, depth: int) -> tuple[Any, dict[str, str]]:
        schema = _resolved(schema, self.root)
        kind = _kind(schema)
        if depth > MAX_DEPTH:
            return ABSENT, {}
        if kind == OBJECT:
            return self._object(schema, path, needed, depth)
        if kind == ARRAY:
            return self._array(schema, path, needed, depth)
        text = self.typed.get(path, "").replace("\r\n", "\n")
        if not text.strip() and kind not in {TEXT, LINES}:
            text = ""
        if not text:
            return ABSENT, ({path: _("This is needed.")} if needed else {})
        try:
            return self._scalar(kind, text), {}
        except ValueError as error:
            return text, {path: str(error)}

    def _object(self, schema: Schema, path: str, needed: bool, depth: int) -> tuple[Any, dict[str, str]]:
        found: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for name, part, part_needed in _parts(schema):
            value, wrong = self.read(part, f"{path}.{name}", part_needed, depth + 1)
            if value is not ABSENT:
                found[name] = value
            errors |= wrong
        return (found, errors) if needed or self._touched(path) else (ABSENT, {})

    def _touched(self, path: str) -> bool:
        """Whether somebody has ticked this part, or typed something in it; that a list in it begins with a row says nothing."""
        begin = f"{path}."
        return bool(self.typed.get(f"{path}:on")) or any(
            value and name.startswith(begin) and not name.endswith(":n") for name, value in self.typed.items()
        )

    def _array(self, schema: Schema, path: str, needed: bool, depth: int) -> tuple[Any, dict[str, str]]:
        rows: list[Any] = []
        errors: dict[str, str] = {}
        for number in range(rows_of(schema, self.typed, path, needed)):
            here = f"{path}.{number}"
            value, wrong = self.read(schema["items"], here, True, depth + 1)
            rows.append(None if value is ABSENT else value)
            errors |= {here: _("Fill this in, or remove the row.")} if value is ABSENT else wrong
        if rows or needed or self.typed.get(f"{path}:on"):
            return rows, errors
        return ABSENT, {}

    def _scalar(self, kind: str, text: str) -> Any:
        match kind:
            case "integer":
                if not _INTEGER.fullmatch(text.strip()):
                    raise ValueError(_("Type a whole number."))
                return int(text)
            case "number":
                if not _NUMBER.fullmatch(text.strip()):
                    raise ValueError(_("Type a number, such as 16 or 16.5."))
                text = text.strip().replace(",", ".")
                return float(text) if {".", "e", "E"} & set(text) else int(text)
            case "boolean":
                return text == "true"
            case "time":
                return self._time(text.strip())
            case "json":
                try:
                    found = json.loads(text)
                except (ValueError, RecursionError):
                    return text
                return whole(found)
        return "" if text == EMPTY else text

    def _time(self, text: str) -> str:
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is not None:
                return text
            there = at.replace(tzinfo=self.zone).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(_("Write the time like 2026-07-26T14:30, or with its zone like 2026-07-26T12:30:00Z.")) from None
        if there.astimezone(self.zone).replace(tzinfo=None) != at:
            raise ValueError(_("There is no such time: clocks are put forward over it. Take one before or after, or write its zone."))
        return f"{there:%Y-%m-%dT%H:%M:%S}Z"


def whole(value: Any) -> Any:
    """`value` itself; ValueError where a text in it holds half a character ("\\ud800"), which cannot be sent, stored or shown."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("unicode_escape").decode()
        raise ValueError(_("%s is half a character and cannot be sent.") % half) from None
    except RecursionError:
        raise ValueError(_("This is nested too deeply.")) from None
    return value


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def rows_of(schema: Schema, typed: Typed, path: str, needed: bool) -> int:
    """How many rows a list has: one that is needed begins with one."""
    count = typed.get(f"{path}:n", "")
    return min(_count(count), MAX_ROWS) if count else max(int(schema.get("minItems", 0)), 1) if needed else 0


def with_row(typed: Typed, path: str, rows: int) -> dict[str, str]:
    """One row more in the list at `path`, which has `rows`."""
    return {**typed, f"{path}:n": str(min(rows + 1, MAX_ROWS))}


def without_row(typed: Typed, path: str, number: int) -> dict[str, str]:
    """The list at `path` without the row `number`; those behind it move up."""
    begin, count = f"{path}.", _count(typed.get(f"{path}:n", ""))
    found: dict[str, str] = {}
    for name, value in typed.items():
        if name.startswith(begin):
            head = re.match(r"\d{1,5}", name[len(begin) :])
            row = int(head[0]) if head else -1
            if row == number:
                continue
            if head and row > number:
                name = f"{begin}{row - 1}{name[len(begin) + len(head[0]) :]}"
        found[name] = value
    found[f"{path}:n"] = str(max(count - 1, 0))
    return found


# -- what the schema says against a payload -----------------------------------------------------------------------------------------------


def path_of(steps: Any, more: str = "") -> str:
    return ".".join([ROOT, *map(str, steps), *([more] if more else [])])


def complaint(error: Any) -> tuple[str, str]:
    """(path, sentence) of an error of jsonschema-rs."""
    kind, path = error.kind, path_of(error.instance_path)
    match kind.name:
        case "required":
            return path_of(error.instance_path, kind.property), _("This is needed.")
        case "maxLength":
            return path, ngettext("At most %d character.", "At most %d characters.", kind.limit) % kind.limit
        case "minLength":
            return path, ngettext("At least %d character.", "At least %d characters.", kind.limit) % kind.limit
        case "enum":
            return path, _("One of: %s.") % ", ".join(map(str, kind.options))
        case "type":
            return path, _("This must be of the type %s.") % ", ".join(map(str, kind.types))
        case "multipleOf":
            return path, _("A multiple of %s, such as 16.5.") % kind.multiple_of
        case "minimum":
            return path, _("At least %s.") % kind.limit
        case "maximum":
            return path, _("At most %s.") % kind.limit
        case "minItems":
            return path, ngettext("At least %d row.", "At least %d rows.", kind.limit) % kind.limit
        case "maxItems":
            return path, ngettext("At most %d row.", "At most %d rows.", kind.limit) % kind.limit
        case "additionalProperties":
            return path, _("Not known here: %s.") % ", ".join(map(str, kind.unexpected))
    return path, str(error.message)


# -- the fields ---------------------------------------------------------------------------------------------------------------------------


def fields_of(schema: Schema, typed: Typed, errors: Mapping[str, str], hints: Mapping[str, Any], time_hint: str = "") -> list[Field]:
    """The fields of a payload. `hints` say more of a field by its name; `time_hint` stands at every time."""
    root = _Drawer(schema, typed, errors, hints, time_hint).draw(schema, ROOT, "", True, 0)
    return root.children


class _Drawer:
    def __init__(self, root: Schema, typed: Typed, errors: Mapping[str, str], hints: Mapping[str, Any], time_hint: str) -> None:
        self.root, self.typed, self.errors, self.hints, self.time_hint = root, typed, errors, hints, time_hint

    def draw(self, schema: Any, path: str, label: str, needed: bool, depth: int, row: int | None = None) -> Field:
        schema = _resolved(schema, self.root)
        kind = _kind(schema)
        hints = self._hints(schema, kind, label if row is None else "")
        found = Field(
            path, label, kind, needed, self.typed.get(path, ""), self.errors.get(path, ""), hints,
            longest=schema.get("maxLength"), row=row, on=bool(self.typed.get(f"{path}:on")),
        )  # fmt: skip
        if depth > MAX_DEPTH:
            return found
        if kind == OBJECT:
            found.children = [self.draw(part, f"{path}.{name}", name, must, depth + 1) for name, part, must in _parts(schema)]
        elif kind == ARRAY:
            count = rows_of(schema, self.typed, path, needed)
            found.children = [self.draw(schema["items"], f"{path}.{number}", label, True, depth + 1, number) for number in range(count)]
            found.most = count >= min(MAX_ROWS, schema.get("maxItems", MAX_ROWS))
        elif kind in {CHOICE, BOOLEAN}:
            options = [("true", _("yes")), ("false", _("no"))] if kind == BOOLEAN else [(str(one), str(one)) for one in schema["enum"]]
            found.choices = [("", _("Choose one") if needed else _("– leave out –")), *options]
        return found

    def _hints(self, schema: Schema, kind: str, label: str) -> list[str]:
        said = []
        if text := described(schema):
            said.append(text)
        if hint := self.hints.get(label):
            said.append(str(hint))
        if kind == TIME:
            said.append(self.time_hint)
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and high is not None:
            said.append(_("%(low)s to %(high)s.") % {"low": low, "high": high})
        elif low is not None or high is not None:
            said.append(_("At least %s.") % low if high is None else _("At most %s.") % high)
        if schema.get("multipleOf"):
            said.append(_("In steps of %s.") % schema["multipleOf"])
        if kind in {TEXT, LINES} and schema.get("maxLength"):
            said.append(ngettext("At most %d character.", "At most %d characters.", schema["maxLength"]) % schema["maxLength"])
        if "default" in schema:
            said.append(_("Left out it counts as %s.") % json.dumps(schema["default"]))
        return said


def described(schema: Schema) -> str:
    """The description of a schema without the identifiers that OCPP 2.0.1 writes into it."""
    lines = [line.strip() for line in str(schema.get("description", "")).splitlines()]
    return " ".join(line for line in lines if line and "urn:x-" not in line)
