"""The inbox: messages of transactions that are not known, or that ended otherwise before."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from django.db.models import Count, Q

from stations.gateway import bulk, outbound
from stations.gateway.entries import Received
from stations.models import Deviation, UnmatchedMessage
from stations.ocpp import events, frames, registers

MAX_WAITING = 1000  # entries per station and action, of ends and of what is none; the log keeps the rest
LARGEST = 30_000  # characters of a message that is kept whole; the log has every one whole
MOST_OF_LIST, LONGEST_TEXT = 20, 4000  # of a larger one: from both ends of a list, and of a text

Key = tuple[int, str, str, str]  # station, action, transaction id, which end


class Message(NamedTuple):
    """The latest one of a batch, how often it came, and the transaction that it contradicts."""

    entry: Received
    times: int
    about: int | None


def which(event: Any, kind: str) -> str:
    """The key of an entry that is kept because of this `kind` of deviation."""
    found = which_end(event)
    return UnmatchedMessage.TOO_MANY if found and kind == Deviation.Kind.NO_END else found


def add(messages: dict[Key, Message], key: Key, entry: Received, about: int | None = None) -> None:
    """Once more in this batch; the latest is what is kept."""
    messages[key] = Message(entry, (messages[key].times if key in messages else 0) + 1, about)


def keep_refused(messages: dict[Key, Message], entry: Received) -> None:
    """A start that cannot be read is refused; what it tells may still be of use to people."""
    if entry.action != "StartTransaction":
        return
    try:
        call = frames.parse(entry.text)
    except (frames.OcppError, frames.Ignored):
        return
    if isinstance(call, frames.Call):
        which = hashlib.sha256(repr(sorted(call.payload.items())).encode(errors="replace")).hexdigest()
        key = (entry.state.station_id, entry.action, "", (UnmatchedMessage.BEGINS + which)[:32])
        add(messages, key, entry)


def which_end(event: Any) -> str:
    """Tells an end, or a begin that names its transaction, from others of the same transaction id; empty for what is neither."""
    if isinstance(event, events.TransactionReport):
        if event.kind == events.STARTED:
            return (UnmatchedMessage.BEGINS + hashlib.sha256(f"{event.at.text}|{event.id_tag}".encode(errors="replace")).hexdigest())[:32]
        event = registers.as_end(event, -1)  # which may be without a meter
    if not isinstance(event, events.Ended):
        return ""
    return hashlib.sha256(f"{event.meter_stop}|{event.at.text}|{event.id_tag}".encode(errors="replace")).hexdigest()[:32]


def shortened(payload: dict[str, Any], size: int) -> dict[str, Any]:
    """A payload of so many characters as it is kept. What begins and ends a charge stands at the ends of its lists."""
    if size <= LARGEST:
        return payload
    found = {key: _shortened(value) for key, value in payload.items()}
    if len(json.dumps(found)) > LARGEST:  # wide and deep to annoy us: what says most is plain
        plain = [(key[:50], value) for key, value in payload.items() if isinstance(value, int | float | str)]
        found = {key: value[:300] if isinstance(value, str) else value for key, value in plain[:20]}
    return found | {UnmatchedMessage.CUT: size}


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        kept = value if len(value) <= 2 * MOST_OF_LIST else [*value[:MOST_OF_LIST], *value[-MOST_OF_LIST:]]
        return [_shortened(item) for item in kept]
    return value


def write(messages: dict[Key, Message]) -> None:
    """One row per key, with the latest message whole; in a constant number of queries."""
    rows = UnmatchedMessage.objects.filter(station__in={key[0] for key in messages})
    ends, waiting = ~Q(key="") & ~Q(key__startswith=UnmatchedMessage.BEGINS), rows.filter(resolved_at=None).order_by()
    counts: dict[tuple[int, str, bool], int] = {}
    for station, action, count, of_ends in waiting.values_list("station", "action").annotate(Count("pk"), ends=Count("pk", filter=ends)):
        counts |= {(station, action, True): of_ends, (station, action, False): count - of_ends}
    rows = rows.filter(transaction_id__in={key[2] for key in messages}, key__in={key[3] for key in messages})
    known = {(row.station_id, row.action, row.transaction_id, row.key): row for row in rows}
    again, new = [], []
    for key, (entry, times, about) in messages.items():
        call = frames.parse(entry.text)
        assert isinstance(call, frames.Call)
        payload = outbound.storable(shortened(call.payload, len(entry.text)))
        if row := known.get(key):
            # What was decided of a transaction stands: the very same message says nothing new.
            again.append((row.pk, entry.at, payload, row.count + times, row.resolved_at if row.about_id else None))
        elif counts.get(of := (*key[:2], bool(key[3]) and not key[3].startswith(UnmatchedMessage.BEGINS)), 0) < MAX_WAITING:
            counts[of] = counts.get(of, 0) + 1
            new.append(UnmatchedMessage(
                station_id=key[0], action=key[1], transaction_id=key[2], key=key[3], about_id=about, first_at=entry.at, last_at=entry.at,
                count=times, payload=payload,
            ))  # fmt: skip
    bulk.update(UnmatchedMessage, ("last_at", "payload", "count", "resolved_at"), again)
    UnmatchedMessage.objects.bulk_create(new)
