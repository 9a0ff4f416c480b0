"""Forms made from schemas: what is typed gives the payload, and the payload gives what would have been typed."""

from __future__ import annotations

import itertools
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stations import console
from stations.ocpp import schemas, v16, versions
from stations.schema_forms import _kind, _resolved, fields_of, payload_of, too_long, typed_of, with_row, without_row

ZONE = ZoneInfo("Europe/Amsterdam")


def instance(schema: Any, root: Any, everything: bool, depth: int = 0) -> Any:
    """A payload that fits the schema: all there is, or only what is needed."""
    schema = _resolved(schema, root)
    if "enum" in schema:
        return schema["enum"][-1]
    match schema.get("type"):
        case "object":
            needed = schema.get("required", ())
            return {
                name: instance(part, root, everything, depth + 1)
                for name, part in schema.get("properties", {}).items()
                if (everything and depth < 8) or name in needed
            }
        case "array":
            most = min(schema.get("maxItems", 2), 2)
            return [instance(schema["items"], root, everything, depth + 1) for _row in range(most if everything else 1)]
        case "string":
            text = "2026-07-26T12:30:00.123Z" if schema.get("format") == "date-time" else "ftp://a\nb é"
            return text[: schema.get("maxLength", 100)]
        case "integer":
            return int(max(-3, schema.get("minimum", -3)))
        case "number":
            return 7.7 if everything else 16
        case "boolean":
            return False
    return {"any": [1, "x"]}


@pytest.mark.parametrize("version", ["v16", "v201"])
def test_every_message_goes_through_its_form_unchanged(version: str) -> None:
    """Also those of a version to come."""
    tried = 0
    for name, everything in itertools.product(sorted(schemas.names(version)), (True, False)):
        schema = schemas.schema(version, name)
        payload = instance(schema, schema, everything)
        checker = schemas.validator(version, name)
        assert checker is not None
        assert checker.is_valid(payload), name
        typed = typed_of(schema, payload)
        assert payload_of(schema, typed, ZONE) == (payload, {}), name
        assert len(fields_of(schema, typed, {}, {})) == len(schema.get("properties", {}))
        tried += 1
    assert tried >= 2 * len(v16.COMMANDS)


PROFILE = {
    "p.connectorId": "1", "p.csChargingProfiles.chargingProfileId": "7", "p.csChargingProfiles.stackLevel": "0",
    "p.csChargingProfiles.chargingProfilePurpose": "TxDefaultProfile", "p.csChargingProfiles.chargingProfileKind": "Absolute",
    "p.csChargingProfiles.validFrom": "2026-07-26T14:30", "p.csChargingProfiles.chargingSchedule.chargingRateUnit": "A",
    "p.csChargingProfiles.chargingSchedule.chargingSchedulePeriod:n": "2",
    "p.csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0.startPeriod": "0",
    "p.csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0.limit": "16",
    "p.csChargingProfiles.chargingSchedule.chargingSchedulePeriod.1.startPeriod": "3600",
    "p.csChargingProfiles.chargingSchedule.chargingSchedulePeriod.1.limit": "7,5",
}  # fmt: skip


def test_a_deep_form_is_read_with_times_of_the_location() -> None:
    schema = console.schema_of("1.6", "SetChargingProfile")
    payload, errors = payload_of(schema, PROFILE, ZONE)
    assert not errors
    assert not console.complaints("1.6", "SetChargingProfile", payload)
    profile = payload["csChargingProfiles"]
    assert profile["validFrom"] == "2026-07-26T12:30:00Z"
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 16}, {"startPeriod": 3600, "limit": 7.5}]


def test_rows_come_and_go_and_nothing_else_changes() -> None:
    schema, path = console.schema_of("1.6", "SetChargingProfile"), "p.csChargingProfiles.chargingSchedule.chargingSchedulePeriod"
    more = {**with_row(PROFILE, path, 2), f"{path}.2.startPeriod": "7200", f"{path}.2.limit": "10"}
    rows = payload_of(schema, without_row(more, path, 1), ZONE)[0]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert rows == [{"startPeriod": 0, "limit": 16}, {"startPeriod": 7200, "limit": 10}]
    key = console.schema_of("1.6", "GetConfiguration")
    assert payload_of(key, {}, ZONE) == ({}, {})
    assert payload_of(key, {"p.key:n": "1"}, ZONE)[1] == {"p.key.0": "Fill this in, or remove the row."}
    assert payload_of(key, without_row({"p.key:n": "1", "p.key.0": "a"}, "p.key", 0), ZONE) == ({}, {})
    assert too_long(typed_of(key, {"key": ["a"] * 101}))


@pytest.mark.parametrize(
    ("action", "typed", "path", "words"),
    [
        ("Reset", {}, "p.type", "needed"),
        ("Reset", {"p.type": "Soon"}, "p.type", "One of: Hard, Soft"),
        ("ReserveNow", {"p.connectorId": "one"}, "p.connectorId", "whole number"),
        ("ReserveNow", {"p.idTag": "A" * 21}, "p.idTag", "At most 20 characters"),
        ("ReserveNow", {"p.expiryDate": "tomorrow"}, "p.expiryDate", "Write the time like"),
        ("ChangeConfiguration", {"p.key": "AuthorizationKey", "p.value": "****"}, "p.value", "stars"),
        ("SetChargingProfile", {"p.csChargingProfiles.chargingSchedule.minChargingRate": "1.23"},
         "p.csChargingProfiles.chargingSchedule.minChargingRate", "multiple"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field(action: str, typed: dict[str, str], path: str, words: str) -> None:
    schema = console.schema_of("1.6", action)
    payload, errors = payload_of(schema, typed, ZONE)
    found = console.complaints("1.6", action, payload) | errors
    assert words in found[path]
    flat: dict[str, str] = {}

    def walk(fields: Any) -> None:
        for one in fields:
            flat[one.path] = one.error
            walk(one.children)

    walk(fields_of(schema, typed, found, {}))
    assert flat[path] == found[path]


def test_an_empty_text_is_typed_as_two_quotation_marks() -> None:
    schema = console.schema_of("1.6", "ChangeConfiguration")
    assert payload_of(schema, {"p.key": "a", "p.value": '""'}, ZONE) == ({"key": "a", "value": ""}, {})
    assert payload_of(schema, {"p.key": "a"}, ZONE)[1] == {"p.value": "This is needed."}
    assert _kind({"description": "anything"}) == "json"


def test_every_command_of_every_dialect_has_a_schema() -> None:
    for version in versions.VERSIONS:
        for action in console.commands(version):
            assert console.schema_of(version, action)["type"] == "object"
