"""Honest availability: the share of time in which a driver could really have charged at a connector. Pure: it knows what `Facts` say.

Every second of a connector has one reason, the first of REASONS that holds; what is left is usable. A connector that charges, is being
prepared, is suspended, finishes or is reserved is usable: it serves a driver. (A reservation keeps it free for somebody who will charge.)
Before the first connection of a station nothing counts, and of a connector that was added later nothing before that.

Moments are whole seconds since 1970, so that the parts of a day always sum up to it, also on the days that have 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

Text = str | Promise
Interval = tuple[int, int]  # from, until: not including it
FOREVER = 1 << 40

USABLE = "usable"
DEACTIVATED, OFFLINE, MAINTENANCE, OUT_OF_SERVICE = "deactivated", "offline", "maintenance", "out_of_service"
FAULTED, UNAVAILABLE, UNREPORTED = "faulted", "unavailable", "unreported"


class Reason(NamedTuple):
    """`state` is one of the six, `pattern` tells those of one colour apart (see static/css/station.css)."""

    word: Text
    sentence: Text
    state: str
    pattern: str = ""


# In the order in which they are asked: the first that holds is the reason.
REASONS: dict[str, Reason] = {
    DEACTIVATED: Reason(
        lazy("Deactivated"), lazy("The station was deactivated in this portal: its connections were refused."), "off"
    ),
    OFFLINE: Reason(
        lazy("Offline"),
        lazy("The station was not connected, or silent for so long that it counts as offline. Short breaks do not count."),
        "fault", "stripes",
    ),
    MAINTENANCE: Reason(lazy("Maintenance"), lazy("There was a maintenance window."), "busy", "grid"),
    OUT_OF_SERVICE: Reason(
        lazy("Out of service"), lazy("Somebody took the station or the connector out of service from here."), "off", "stripes"
    ),
    FAULTED: Reason(lazy("Faulted"), lazy("The connector, or the station as a whole, reported a fault."), "fault"),
    UNAVAILABLE: Reason(
        lazy("Unavailable"), lazy("The connector, or the station as a whole, reported that it is out of service."), "waiting", "dots"
    ),
    UNREPORTED: Reason(lazy("Not reported yet"), lazy("The station had not told the status of the connector yet."), "off", "dots"),
}  # fmt: skip
FREE_OR_USED = Reason(lazy("Usable"), lazy("A driver could have charged, or did."), "available")
_ORDER = {reason: number for number, reason in enumerate(REASONS)}


def reason_of(slug: str) -> Reason:
    return REASONS.get(slug, FREE_OR_USED)


class Facts(NamedTuple):
    """What is known of a connector around the time that is asked for; all intervals in order and apart.

    `born` is when it began to count: the first connection of its station, or when it was added to it later; None before. `heard` are the
    times in which the station was connected, each of the others those in which that reason holds; `reported` is when the connector told
    its first status.
    """

    born: int | None
    heard: Sequence[Interval] = ()
    deactivated: Sequence[Interval] = ()
    maintenance: Sequence[Interval] = ()
    out_of_service: Sequence[Interval] = ()
    faulted: Sequence[Interval] = ()
    unavailable: Sequence[Interval] = ()
    reported: int | None = None


class Span(NamedTuple):
    begin: int
    end: int
    reason: str

    @property
    def seconds(self) -> int:
        return self.end - self.begin


class Tally(NamedTuple):
    """Seconds: counted at all, heard (the plain uptime), usable (the honest one), and lost by reason."""

    seconds: int = 0
    online: int = 0
    usable: int = 0
    lost: dict[str, int] = {}


def spans(facts: Facts, begin: int, end: int) -> list[Span]:
    """The time from `begin` until `end`, as far as it counts, in spans of one reason each, without a gap."""
    begin = max(begin, facts.born) if facts.born is not None else end
    if begin >= end:
        return []
    marks: list[tuple[int, int, int]] = []  # when, which reason, how many more
    for reason, number in _ORDER.items():
        for since, until in _intervals(facts, reason):
            if since < end and until > begin:
                marks += ((max(since, begin), number, 1), (min(until, end), number, -1))
    marks.sort()
    names, counts = list(_ORDER), [0] * len(_ORDER)
    found: list[Span] = []
    at, index = begin, 0
    while at < end:
        while index < len(marks) and marks[index][0] <= at:
            counts[marks[index][1]] += marks[index][2]
            index += 1
        until = marks[index][0] if index < len(marks) else end
        reason = next((name for name, count in zip(names, counts, strict=True) if count), USABLE)
        if found and found[-1].reason == reason:
            found[-1] = Span(found[-1].begin, until, reason)
        else:
            found.append(Span(at, until, reason))
        at = until
    return found


def _intervals(facts: Facts, reason: str) -> Iterable[Interval]:
    if reason == OFFLINE:
        return _between(facts.heard)
    if reason == UNREPORTED:
        return ((0, facts.reported if facts.reported is not None else FOREVER),)
    named: Sequence[Interval] = getattr(facts, reason)
    return named


def _between(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """What the intervals leave out."""
    at = 0
    for since, until in intervals:
        if since > at:
            yield at, since
        at = max(at, until)
    yield at, FOREVER


def tally(facts: Facts, begin: int, end: int) -> Tally:
    lost: dict[str, int] = {}
    for span in spans(facts, begin, end):
        lost[span.reason] = lost.get(span.reason, 0) + span.seconds
    usable, seconds = lost.pop(USABLE, 0), sum(lost.values())
    since = max(begin, facts.born) if facts.born is not None else end
    online = sum(max(min(until, end) - max(came, since), 0) for came, until in facts.heard)
    return Tally(seconds + usable, online, usable, lost)


def share(part: int, whole: int) -> str:
    """As a percentage with two decimals, rounded down: 100 is said only of all of it. Of nothing it is a dash."""
    if whole <= 0:
        return "–"
    hundredths = part * 10_000 // whole
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


# -- from what was recorded -------------------------------------------------------------------------------------------------------------


def joined(periods: Iterable[tuple[float, float]], grace: float) -> list[Interval]:
    """Periods in order, as one where the break between two is no longer than `grace` seconds."""
    found: list[tuple[float, float]] = []
    for since, until in periods:
        if found and since - found[-1][1] <= grace:
            found[-1] = (found[-1][0], max(until, found[-1][1]))
        else:
            found.append((since, until))
    return [(int(since), int(until)) for since, until in found if int(until) > int(since)]


def while_value(changes: Iterable[tuple[float, object]], value: object) -> list[Interval]:
    """When something had this value that changed so, in order: each holds until the next."""
    found: list[Interval] = []
    since: int | None = None
    for at, new in changes:
        if new == value and since is None:
            since = int(at)
        elif new != value and since is not None:
            if int(at) > since:
                found.append((since, int(at)))
            since = None
    return found if since is None else [*found, (since, FOREVER)]


def union(*many: Iterable[Interval]) -> list[Interval]:
    """Those of all, in order and apart."""
    return joined(sorted(interval for some in many for interval in some), 0)
