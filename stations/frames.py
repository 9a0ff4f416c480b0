"""What a logged frame says, in short and in full, without the secrets that it may carry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from django.db.models import Q
from django.utils.translation import gettext as _

from stations.frame_words import WRITERS
from stations.models import Frame
from stations.ocpp import commands, masking

SHORT = 160  # characters of a summary
MOST_INDENTED = 2_000_000  # characters
NOISE = ("Heartbeat", "MeterValues")

# What may stand for a value in raw text, in any message: "value", "attributeValue", "apnPassword", "vpn"
_ANY_VALUE = re.compile(
    r'"(\w{0,40}(?:value|passw\w{0,20}|pwd|pin|psk|secret|techinfo)|\w{1,40}key|vpn|apn)\\*"\s*:.*', re.DOTALL | re.IGNORECASE
)
_WITHOUT_NAME = ('"vpn', '"writeonly"', "\\u00")  # a secret whose name says nothing, or is written so that it is not found


class Message(NamedTuple):
    """A frame as people read it. `call` and `answer` are indented JSON, or the text itself where it is none."""

    frame: Frame
    at: str  # date and time with milliseconds, in the zone asked for
    day: str
    time: str
    exact: str  # the same as ISO 8601 with its offset
    summary: str
    outcome: str  # the answer in a word or two; empty while there is none
    latency: int | None  # milliseconds from the call to its answer; only known for calls of ours
    call: str
    answer: str

    @property
    def incoming(self) -> bool:
        return self.frame.direction == Frame.Direction.IN

    @property
    def waiting(self) -> bool:
        return not self.incoming and not self.frame.answer and not self.frame.failed


def read(frame: Frame, zone: ZoneInfo, *, cards: bool, whole: bool = True) -> Message:
    """`frame` with its secrets masked and its times in `zone`; without `cards` the numbers of cards are masked too. Where it need not be
    `whole`, call and answer are empty: it is for a list."""
    try:
        return _read(frame, zone, _parse(frame.call), _parse(frame.answer), cards, whole)
    except RecursionError:  # nested a thousand deep to annoy us
        return _read(frame, zone, None, None, cards, whole)


def _read(frame: Frame, zone: ZoneInfo, call: Any, answer: Any, cards: bool, whole: bool) -> Message:
    payload = _masked(frame.action, call[3], cards) if _is_call(call) else None
    if payload is not None:
        call = [*call[:3], payload]
    result = answer[2] if isinstance(answer, list) and len(answer) > 2 and answer[0] == 3 and isinstance(answer[2], dict) else None
    if result is not None:
        result = _masked(frame.action, result, cards)
        answer = [*answer[:2], result]
    elif not cards and masking.names_cards(frame.call):
        answer = _short_error(answer)

    def mask(text: str) -> str:
        return mask_raw(text, cards)

    said = answered = ""
    if whole:
        said = _pretty(call) if payload is not None else mask(frame.call)
        answered = _pretty(answer) if result is not None else mask(_pretty(answer) if answer is not None else frame.answer)
    local = frame.at.astimezone(zone)
    latency = None
    if frame.direction == Frame.Direction.OUT and frame.answered_at:
        latency = max(0, round((frame.answered_at - frame.at).total_seconds() * 1000))
    return Message(
        frame=frame,
        at=f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}",
        day=f"{local:%Y-%m-%d}",
        time=f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}",
        exact=local.isoformat(timespec="milliseconds"),
        summary=_cut(_summary(frame.action, payload, result) if payload is not None else mask(frame.call)),
        outcome=_cut(_outcome(frame, answer, result, mask)),
        latency=latency,
        call=said,
        answer=answered,
    )


def wire(message: Message) -> tuple[Any, Any]:
    """Call and answer as they went over the wire, masked: JSON where they are, text where not, None where there is none."""
    return tuple(_loads(text) if text else None for text in (message.call, message.answer))  # type: ignore[return-value]


def mask_raw(text: str, cards: bool) -> str:
    """Raw text, perhaps cut off, without secrets; without `cards` nothing of it where it may hold the number of a card."""
    if not cards and masking.names_cards(text):
        return masking.MASK
    folded = text.lower()
    if masking.is_secret(text) or any(sign in folded for sign in _WITHOUT_NAME):
        text = _ANY_VALUE.sub(rf'"\1":{masking.MASK}', text)  # to the end: where a value ends is not certain in such text
    return masking.without_url_passwords(text)


def _masked(action: str, payload: dict[str, Any], cards: bool) -> dict[str, Any]:
    shown = masking.without_secrets(action, payload)
    return {key: _masked_text(value) for key, value in (shown if cards else masking.without_cards(action, shown)).items()}


def _short_error(answer: Any) -> Any:
    """An error without its description and details, which may repeat what the message said."""
    if not isinstance(answer, list) or len(answer) < 4 or answer[0] != 4:
        return answer
    return [*answer[:3], *(masking.MASK if part else part for part in answer[3:])]


def _masked_text(value: Any) -> Any:
    """Passwords in addresses, such as that of an FTP server for diagnostics."""
    if isinstance(value, str):
        return masking.without_url_passwords(value)
    if isinstance(value, list):
        return [_masked_text(item) for item in value]
    if isinstance(value, dict):
        return {key: _masked_text(item) for key, item in value.items()}
    return value


def masked(action: str, payload: dict[str, Any], *, cards: bool) -> dict[str, Any]:
    """A payload without its secrets; without `cards` the numbers of cards are masked too."""
    return _masked(action, payload, cards)


def may_name_cards() -> Q:
    """The frames that may hold the number of a card."""
    found = Q()
    for sign in masking.CARD_SIGNS:
        found |= Q(call__icontains=sign) | Q(answer__icontains=sign)
    return found


def _is_call(call: Any) -> bool:
    return isinstance(call, list) and len(call) == 4 and call[0] == 2 and isinstance(call[3], dict)


def _parse(text: str) -> Any:
    if not text:
        return None
    try:
        orjson.loads(text)  # stricter: no NaN, no half characters, which nobody could write out again
        return json.loads(text)  # exact: integers of any length
    except ValueError:
        return None


def _loads(text: str) -> Any:
    parsed = _parse(text)
    return text if parsed is None else parsed


def _pretty(parsed: Any) -> str:
    text = json.dumps(parsed, indent=2, ensure_ascii=False)
    # What is nested deeply would be nearly all indentation, megabytes of it
    return text if len(text) <= MOST_INDENTED else json.dumps(parsed, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


# -- in short -----------------------------------------------------------------------------------------------------------------------


def _summary(action: str, payload: dict[str, Any], result: dict[str, Any] | None) -> str:
    writer = WRITERS.get(action)
    try:
        text = writer(payload) if writer else ""
    except (TypeError, AttributeError, KeyError, ValueError, IndexError):
        text = ""  # a station may put anything anywhere
    if action == "StartTransaction" and result and "transactionId" in result:
        text += " → " + _("transaction %s") % result["transactionId"]
    return text or _plain(payload)


def _outcome(frame: Frame, answer: Any, result: dict[str, Any] | None, mask: Callable[[str], str]) -> str:
    if isinstance(answer, list) and answer and answer[0] == 4:
        return mask(" · ".join(str(part) for part in answer[2:4] if part))
    if not frame.answer and frame.direction == Frame.Direction.IN and not frame.failed:
        return _("Ignored: nothing waits for it")
    if result is None:
        return mask(frame.answer)
    info = result.get("idTagInfo") or result.get("idTokenInfo")
    if isinstance(info, dict) and info.get("status"):
        return str(info["status"])
    if isinstance(waits := result.get("messagesInQueue"), bool):
        return _("Reports wait") if waits else _("No reports wait")
    if result.get("status"):
        return str(result["status"])
    if said := commands.results(result):
        return ", ".join(dict.fromkeys(status for _name, status, _reason in said))
    keys = result.get("configurationKey")
    if isinstance(keys, list):
        return _("%d keys") % len(keys)
    return _("Answered") if not set(result) - {"currentTime"} else _plain(result)


def _plain(payload: dict[str, Any]) -> str:
    """The payload's own names and values, without braces and quotes."""
    return ", ".join(f"{key}: {value if not isinstance(value, (dict, list)) else json.dumps(value)}" for key, value in payload.items())


def parse_moment(text: str, zone: ZoneInfo, *, late: bool = False) -> datetime:
    """A date and time without zone as it is shown in `zone`. Of the two meanings of the repeated hour in autumn `late` takes the second.

    Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=zone, fold=int(late)) if moment.tzinfo is None else moment
