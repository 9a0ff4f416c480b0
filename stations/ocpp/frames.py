"""OCPP-J frames (OCPP-J 1.6 §4):

CALL [2, id, action, payload], CALLRESULT [3, id, payload], CALLERROR [4, id, code, description, details]."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import orjson

NO_CALL = "RpcFrameworkError"  # what is no readable CALL; 1.6 has no word of its own for it
NOT_KNOWN = frozenset({"NotImplemented", "NotSupported"})  # codes of a CALLERROR by which it tells that it has not even tried
UNREADABLE_ID = "-1"  # the message id of an answer to a frame whose own id could not be read


class Call(NamedTuple):
    message_id: str
    action: str
    payload: dict[str, Any]


class CallResult(NamedTuple):
    message_id: str
    payload: dict[str, Any]


class CallError(NamedTuple):
    message_id: str
    code: str
    description: str


class OcppError(Exception):
    """A CALL that gets a CALLERROR: `code` as 1.6 spells it where it has it; versions.Reader.spelled knows the others. `detail` is what
    is wrong without the value, which may be the number of a card."""

    def __init__(self, code: str, description: str, message_id: str = UNREADABLE_ID, action: str = "", detail: str = "") -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description, self.message_id, self.action, self.detail = code, description, message_id, action, detail


class Ignored(Exception):
    """A frame that OCPP says must not be answered: an unknown message type, or an answer that makes no sense."""


# The head of a frame whose rest is no JSON: an answer with the station's own message id ends its waiting
_HEAD = re.compile(r'\s*\[\s*([234])\s*,\s*"([^"\\\x00-\x1f]{1,64})"\s*,')


# U+0000 as JSON writes it: a backslash before it that is escaped itself makes it plain text
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def parse(text: str) -> Call | CallResult | CallError:
    """Raises OcppError for a CALL (or something that may have been one) that cannot be read, Ignored for what makes no sense at all.

    An answer that cannot be read is a CallError: it ends our waiting as well. U+0000, which no database takes, is left out of what is said.
    """
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        head = _HEAD.match(text)
        if head and head[1] != "2":
            return _broken(head[2])
        raise OcppError(NO_CALL, f"This is not JSON: {error.msg}.", head[2] if head else UNREADABLE_ID) from None
    if not isinstance(frame, list) or not frame:
        raise OcppError(NO_CALL, "A frame is an array: [2, id, action, payload].")
    kind, message_id = frame[0], frame[1] if len(frame) > 1 else None
    if "\\u0000" in text:
        said = 3 if kind == 2 else 2
        frame[said:] = orjson.loads(_NUL.sub(r"\1", text))[said:]
    if kind == 2:
        if not isinstance(message_id, str) or not 1 <= len(message_id) <= 64:
            raise OcppError(NO_CALL, "The message id must be a string of at most 64 characters.")
        action = frame[2] if len(frame) > 2 else None
        if not isinstance(action, str):
            raise OcppError(NO_CALL, "The action must be a string.", message_id)
        action = action.replace("\0", "\N{REPLACEMENT CHARACTER}")[:40]  # no database takes U+0000
        if len(frame) != 4 or not isinstance(frame[3], dict):
            raise OcppError(NO_CALL, "A CALL is [2, id, action, payload] with an object as payload.", message_id, action)
        return Call(message_id, action, frame[3])
    if kind == 3 and isinstance(message_id, str):
        return CallResult(message_id, frame[2]) if len(frame) > 2 and isinstance(frame[2], dict) else _broken(message_id)
    if kind == 4 and isinstance(message_id, str):
        description = frame[3] if len(frame) > 3 and isinstance(frame[3], str) else ""
        return CallError(message_id, str(frame[2]) if len(frame) > 2 else "", description)
    if kind in (3, 4) or len(frame) > 2:
        raise Ignored
    raise OcppError(NO_CALL, "A frame is an array: [2, id, action, payload].")


def _broken(message_id: str) -> CallError:
    return CallError(message_id, "FormationViolation", "The answer is not [3, id, payload].")


def _written(frame: list[Any]) -> str:
    try:
        return orjson.dumps(frame).decode()
    except TypeError:  # it knows no whole numbers above 64 bits, which is what PostgreSQL makes of 1e30
        return json.dumps(frame, separators=(",", ":"))


def call(message_id: str, action: str, payload: dict[str, Any]) -> str:
    return _written([2, message_id, action, payload])


def result(message_id: str, payload: dict[str, Any]) -> str:
    return _written([3, message_id, payload])


def error(message_id: str, code: str, description: str) -> str:
    return orjson.dumps([4, message_id, code, description[:255], {}]).decode()
