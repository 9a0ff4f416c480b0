"""What many cards tell together. Pure: it knows the counts it is given and nothing else.

Many different cards refused: the access mode. One card refused again and again while others charge: the card, or its provider. Nothing at
all in the activity although people plug in: the reader. Cards that are known with their bytes in the other order: the reader too.

What has been mended meanwhile is no finding any more: a card that would charge now, refusals under another access mode than today's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

MANY = 3  # different cards refused, or refusals of one card
MOST = 3  # findings of a kind that are told
# Refusals for which the card itself is not to blame
MODE_REASONS = frozenset({"mode", "unknown", "not_listed", "network_unknown"})

OFFLINE, QUIET, READER, BYTE_ORDER, MODE, NETWORK, CARD, MENDED, FINE = (
    "offline", "quiet", "reader", "byte_order", "mode", "network", "card", "mended", "fine",
)  # fmt: skip


class Card(NamedTuple):
    """How often a card was accepted and refused at a station; `reasons` are those of the refusals, with their number."""

    card: str
    accepted: int = 0
    refused: int = 0
    reasons: Mapping[str, int] = {}
    reversed_known: bool = False  # a pass has its UID with the bytes in the other order
    since: Mapping[str, int] | None = None  # `reasons` since it was last accepted anywhere; None: all, where it never was
    other_mode: int = 0  # of `lately`, those for MODE_REASONS while the access mode was another than today
    now: bool = False  # it would charge there now

    @property
    def lately(self) -> Mapping[str, int]:
        """Reasons of the refusals since it was last accepted."""
        if self.since is not None:
            return self.since
        return {} if self.accepted else self.reasons

    @property
    def by_mode(self) -> int:
        """Those of them by the access mode of today."""
        return max(0, sum(count for reason, count in self.lately.items() if reason in MODE_REASONS) - self.other_mode)


class Seen(NamedTuple):
    """What happened at a station in the days looked at. `plugged` counts how often a connector was plugged in, None where that was not
    looked at."""

    station: int
    online: bool
    plugged: int | None
    cards: Sequence[Card] = ()


class Finding(NamedTuple):
    """`station` is 0 where it is about none alone, `card` empty where it is about more than one. `cards` counts different cards, `times`
    how often it happened, `others` the cards that charged meanwhile."""

    kind: str
    station: int = 0
    card: str = ""
    cards: int = 0
    times: int = 0
    others: int = 0
    reason: str = ""
    blamed: frozenset[str] = frozenset()  # cards that this explains


def diagnose(places: Iterable[Seen]) -> list[Finding]:
    """The findings, the gravest first; a single one, FINE or QUIET, where nothing is wrong. None at all where nothing was looked at."""
    seen = list(places)
    found: dict[str, list[Finding]] = {}
    by_mode: set[tuple[int, str]] = set()
    for place in seen:
        for finding in _of_place(place, alone=len(seen) == 1):
            found.setdefault(finding.kind, []).append(finding)
        if any(one.station == place.station for one in found.get(MODE, ())):
            by_mode |= {(place.station, card.card) for card in _turned_away(place)}
    blamed = {(one.station, card) for one in found.get(BYTE_ORDER, ()) for card in one.blamed}
    found[CARD], found[MENDED] = _of_cards(seen, by_mode | blamed)
    told = [
        one
        for kind in (OFFLINE, READER, BYTE_ORDER, MODE, NETWORK, CARD, MENDED)
        for one in sorted(found.get(kind, ()), key=lambda finding: -finding.times)[:MOST]
    ]
    if told or not seen:
        return told
    cards = _merged(seen)
    if not cards:
        return [Finding(QUIET, seen[0].station if len(seen) == 1 else 0)]
    charged = sum(card.accepted > 0 for card in cards.values())
    return [Finding(FINE, cards=len(cards), others=charged, times=sum(card.refused for card in cards.values()))]


def _of_place(place: Seen, *, alone: bool) -> Iterable[Finding]:
    if not place.cards:
        if not place.online and alone:
            yield Finding(OFFLINE, place.station)
        elif place.online and place.plugged:
            yield Finding(READER, place.station, times=place.plugged)
        return
    charged = sum(card.accepted > 0 for card in place.cards)
    if turned := _turned_round(place):
        yield Finding(
            BYTE_ORDER,
            place.station,
            turned[0].card if len(turned) == 1 else "",
            len(turned),
            sum(card.refused for card in turned),
            charged,
            blamed=frozenset(card.card for card in turned),
        )
    away = _turned_away(place)
    still = charged - sum(card.accepted > 0 for card in away)
    if len(away) >= MANY and len(away) > still:
        reasons = [reason for card in away for reason in card.lately if reason in MODE_REASONS]
        yield Finding(
            MODE, place.station, "", len(away), sum(card.by_mode for card in away), still, max(sorted(set(reasons)), key=reasons.count)
        )
    silent = [card for card in place.cards if card.lately.get("network_silent")]
    if len(silent) >= 2:
        times = sum(card.lately["network_silent"] for card in silent)
        yield Finding(NETWORK, place.station, "", len(silent), times, charged, "network_silent")


def _turned_round(place: Seen) -> list[Card]:
    """Cards that the reader sends with their bytes in the other order. One that was tried once is no proof; and where a card with as many
    bytes charges, the reader is right and the UID that is known is wrong."""
    right = {len(card.card) for card in place.cards if card.accepted}
    turned = [card for card in place.cards if card.reversed_known and not card.accepted and not card.now and len(card.card) not in right]
    return turned if len(turned) >= 2 or sum(card.refused for card in turned) >= 2 else []


def _turned_away(place: Seen) -> list[Card]:
    """Cards that do not charge there, or no more, and that nothing is wrong with by themselves."""
    return [card for card in place.cards if not card.reversed_known and not card.now and card.by_mode]


def _of_cards(seen: Sequence[Seen], explained: set[tuple[int, str]]) -> tuple[list[Finding], list[Finding]]:
    """One card refused again and again since it last charged, while others charge, where nothing else explains it: those that are refused
    still, and those that would charge now."""
    places = [place._replace(cards=[card for card in place.cards if (place.station, card.card) not in explained]) for place in seen]
    charging = {card.card for card in _merged(seen).values() if card.accepted}
    found: tuple[list[Finding], list[Finding]] = ([], [])
    for card in _merged(places).values():
        others, times = len(charging - {card.card}), sum(card.lately.values())
        if others and times >= MANY:
            reason = max(sorted(card.lately), key=lambda reason: card.lately[reason])
            kind = MENDED if card.now else CARD
            found[card.now].append(Finding(kind, 0, card.card, 1, times, others, reason))
    return found


def _merged(seen: Iterable[Seen]) -> dict[str, Card]:
    """Each card over all stations."""
    found: dict[str, Card] = {}
    for card in (card for place in seen for card in place.cards):
        before = found.get(card.card, Card(card.card))
        reasons = _added([before.reasons, card.reasons])
        since = [one.since for one in (before, card) if one.since is not None]
        found[card.card] = Card(
            card.card, before.accepted + card.accepted, before.refused + card.refused, reasons,
            before.reversed_known or card.reversed_known, _added(since) if since else None, before.other_mode + card.other_mode,
            # Where it was not refused there is nothing to mend
            all(one.now for one in (before, card) if one.lately) and bool(before.now or card.now),
        )  # fmt: skip
    return found


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for count in counts:
        for reason, number in count.items():
            total[reason] = total.get(reason, 0) + number
    return total
