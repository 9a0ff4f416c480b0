"""Whatever the published schemas allow – every message of a station, every answer to a command of ours – is read, answered and stored, or
refused with a code of its version: never a failure of ours, never a dropped socket."""

from __future__ import annotations

import functools
import json
import os
import uuid
from typing import Any

import jsonschema_rs
import pytest
from django.apps import apps
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stations.gateway import outbound
from stations.gateway.entries import Answered, StationState
from stations.gateway.series import LONGEST_MEASURAND
from stations.models import Command, Frame, MeterSeries
from stations.ocpp import frames, schemas, versions
from stations.ocpp.frames import CallResult
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway

# Not of the strategies: of what the gateway does meanwhile, in another thread
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the .random. module")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
ROUND = settings(  # without shrinking: what failed is in the message, and the portal remembers what came before
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
)  # fmt: skip
AT = "2026-11-01T10:00:00Z"
BOTH = {"DataTransfer"}  # sent by both sides
# OCPP-J 1.6 §4.2.3 and OCPP-J 2.0.1 §4.3
CODES = {
    "1.6": {
        "NotImplemented", "NotSupported", "ProtocolError", "SecurityError", "FormationViolation", "PropertyConstraintViolation",
        "OccurenceConstraintViolation", "TypeConstraintViolation", "GenericError",
    },
    "2.0.1": {
        "NotImplemented", "NotSupported", "ProtocolError", "SecurityError", "FormatViolation", "PropertyConstraintViolation",
        "OccurrenceConstraintViolation", "TypeConstraintViolation", "GenericError", "MessageTypeNotSupported", "RpcFrameworkError",
    },
}  # fmt: skip
CODES["2.1"] = CODES["2.0.1"]
SPOKEN_AS = {"2.1": "2.0.1"}  # what we send, in which 2.1 has the same
TIMES = st.sampled_from(
    ["2026-11-01T10:00:00Z", "2026-11-01T10:00:00.123+01:00", "1970-01-01T00:00:00Z", "2026-11-01T10:00:00", "9999-12-31T23:59:59Z", "x"]
)
WORDS = st.sampled_from(["", "A", "04A2B3C4D5E680", "=1+1", "<b>x</b>", "é\u2028", "1", "-1", "a/b:c@1"]) | st.text(
    st.characters(codec="utf-8"), max_size=12
)
NUMBERS = st.sampled_from([0, 1, 2, -1, 7, 33, 2**31 - 1, 2**63 - 1, 2**70]) | st.integers(0, 5)


@functools.cache
def payloads(folder: str, name: str) -> st.SearchStrategy[Any]:
    """What the schema of a message allows, with values that are typical or odd."""
    whole = schemas.schema(folder, name)
    return _of(whole, whole.get("definitions", {}))


def _of(schema: dict[str, Any], parts: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _of(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            fields = {key: _of(one, parts) for key, one in schema.get("properties", {}).items()}
            needed = set(schema.get("required", ()))
            return st.fixed_dictionaries(
                {key: one for key, one in fields.items() if key in needed},
                optional={key: one for key, one in fields.items() if key not in needed},
            )
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(_of(schema["items"], parts), min_size=least, max_size=min(schema.get("maxItems", 9), max(least, 2)))
        case "string":
            if schema.get("format") == "date-time":
                return TIMES
            longest = schema.get("maxLength", 40)
            return WORDS.map(lambda text: text[:longest]) | st.just("x" * min(longest, 3000))
        case "integer":
            return NUMBERS.filter(lambda one: schema.get("minimum", one) <= one <= schema.get("maximum", one))
        case "number":
            return NUMBERS | st.sampled_from([0.5, -3.25, 1e300])
        case "boolean":
            return st.booleans()
    return WORDS | NUMBERS


def from_stations() -> list[tuple[str, str]]:
    found = []
    for version in CODES:
        reader = versions.reader(version)
        found += [(version, action) for action in sorted((schemas.names(reader.VERSION) - set(reader.COMMANDS)) | BOTH)]
    return found


def fits(folder: str, name: str, payload: Any) -> bool:
    checker = schemas.validator(folder, name)
    assert checker is not None
    try:
        return checker.is_valid(payload)
    except ValueError:  # a number that is too large for the checker
        return False


@pytest.mark.engines
@pytest.mark.parametrize("version", sorted(CODES))
def test_every_message_that_the_schemas_allow_is_answered_and_kept(version: str, gateway: Gateway, tree: Tree) -> None:
    wire, folder = gateway.connect(subprotocols=[f"ocpp{version}"]), versions.reader(version).VERSION
    sent: list[str] = []

    def told(action: str) -> None:
        @ROUND
        @given(payloads(folder, action))
        def each(payload: Any) -> None:
            sent.append(uuid.uuid4().hex)
            wire.socket.send(json.dumps([2, sent[-1], action, payload]))
            answer = wire.receive()
            assert answer[1] == sent[-1], (action, payload, answer)
            if answer[0] == 3:
                assert fits(folder, f"{action}Response", answer[2]), (action, payload, answer)
            else:
                assert answer[2] in CODES[version], (action, payload, answer)

        each()

    for action in (action for spoken, action in from_stations() if spoken == version):
        told(action)
    kept = Frame.objects.filter(station=tree.station, direction="in", call__startswith="[2,").exclude(answer="").count()
    assert kept == len(sent)


@pytest.mark.engines
@pytest.mark.django_db
@pytest.mark.parametrize("version", sorted(CODES))
def test_every_answer_that_the_schemas_allow_gives_its_command_an_outcome(version: str, tree: Tree) -> None:
    reader, speaker = versions.reader(version), versions.speaker(version)
    said_as = versions.reader(SPOKEN_AS.get(version, version)).VERSION
    tree.station.ocpp_version = version
    tree.station.save()

    def asked(action: str) -> None:
        @ROUND
        @given(payloads(said_as, action), payloads(reader.VERSION, f"{action}Response"))
        def each(payload: Any, answer: Any) -> None:
            if not (fits(said_as, action, payload) and _kept(payload) and _kept(answer)) or "\\u0000" in json.dumps(payload):
                return
            assert speaker.check(action, payload) == ""
            speaker.intent(action, payload), speaker.connector_named(action, payload), speaker.outcome(answer)
            speaker.without_secrets(action, payload), speaker.without_secrets(action, answer)
            row = Command.objects.create(
                station=tree.station, action=action, payload=speaker.without_secrets(action, payload), version=version, state="sent",
                deadline=timezone.now(), sent_at=timezone.now(),
            )  # fmt: skip
            said = frames.parse(json.dumps([3, "m", answer]))
            assert isinstance(said, CallResult)
            outbound.answered([Answered(timezone.now(), StationState(tree.station.pk), row.pk, json.dumps([3, "m", answer]), said)], set())
            row.refresh_from_db()
            assert row.state in {"accepted", "rejected", "failed"}, (action, payload, answer)

        each()

    for action in sorted(reader.COMMANDS):
        asked(action)


def filled(schema: dict[str, Any], parts: dict[str, Any], name: str = "", *, longest: bool = False) -> Any:
    """All that a message can say, with U+0000 in every text that is free; or with the longest text everywhere."""
    if "$ref" in schema:
        return filled(parts[schema["$ref"].rpartition("/")[2]], parts, name, longest=longest)
    if "enum" in schema:
        return max(schema["enum"], key=len) if longest else schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {key: filled(one, parts, key, longest=longest) for key, one in schema.get("properties", {}).items()}
        case "array":
            return [filled(schema["items"], parts, longest=longest)] * schema.get("minItems", 1)
        case "string" if longest:
            return AT if schema.get("format") == "date-time" else "x" * min(schema.get("maxLength", 9000), 9000)
        case "string" if schema.get("format") == "date-time":
            return AT
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    return f"{name[:1]}\0\u202e"[: schema.get("maxLength", 9)]


@pytest.mark.engines
@pytest.mark.parametrize("version", sorted(CODES))
def test_texts_with_nul_are_kept_in_every_message(version: str, gateway: Gateway, tree: Tree) -> None:
    wire, folder = gateway.connect(subprotocols=[f"ocpp{version}"]), versions.reader(version).VERSION
    for spoken, action in from_stations():
        if spoken == version:
            whole = schemas.schema(folder, action)
            wire.socket.send(json.dumps([2, f"{action}\0", action, filled(whole, whole.get("definitions", {}))]))
            answer = wire.receive()
            assert answer[1] == f"{action}\0"
            assert answer[0] == 3 or answer[2] in CODES[version], (action, answer)


@pytest.mark.engines
@pytest.mark.parametrize("version", sorted(CODES))
def test_the_longest_texts_fit_into_their_columns(version: str, gateway: Gateway, tree: Tree) -> None:
    """SQLite keeps what is too long, PostgreSQL refuses the message with all that is in it."""
    wire, folder = gateway.connect(subprotocols=[f"ocpp{version}"]), versions.reader(version).VERSION
    for _spoken, action in (one for one in from_stations() if one[0] == version):
        whole = schemas.schema(folder, action)
        wire.socket.send(json.dumps([2, action, action, filled(whole, whole.get("definitions", {}), longest=True)]))
        answer = wire.receive()
        assert answer[0] == 3 or answer[2] in CODES[version], (action, answer)
    for model in apps.get_app_config("stations").get_models():
        texts = [field for field in model._meta.concrete_fields if field.max_length and field.get_internal_type() == "CharField"]
        for row in model._default_manager.all():
            assert [one.name for one in texts if len(getattr(row, one.attname) or "") > (one.max_length or 0)] == [], model


@pytest.mark.parametrize("folder", ["v201", "v21"])
def test_what_tells_one_value_from_another_fits_into_its_column(folder: str) -> None:
    """The enumerations of a sampled value; of a measurand that has no room its values are told as a deviation."""
    parts = schemas.schema(folder, "MeterValues")["definitions"]
    for name, part in (("phase", "PhaseEnumType"), ("context", "ReadingContextEnumType"), ("location", "LocationEnumType")):
        assert max(map(len, parts[part]["enum"])) <= MeterSeries._meta.get_field(name).max_length
    measurands = parts["MeasurandEnumType"]["enum"]
    assert {one for one in measurands if len(one) > LONGEST_MEASURAND} <= {"Energy.Active.Import.LocalGeneration.Register"}


def _kept(payload: Any) -> bool:
    """Whether a database can hold it: a number beyond 64 bits is refused when a frame is read or a command is asked for, and so is
    U+0000 in what we send."""
    if isinstance(payload, dict | list):
        return all(_kept(one) for one in (payload.values() if isinstance(payload, dict) else payload))
    return not isinstance(payload, int) or abs(payload) < 2**63


def test_the_schemas_themselves_are_sound() -> None:
    for version in versions.VERSIONS.values():
        for name in schemas.names(version.reader.VERSION):
            assert jsonschema_rs.meta.is_valid(schemas.schema(version.reader.VERSION, name)), name
