"""What many cards tell together. Pure: it knows the counts it is given and nothing else.

Many different cards refused: the access mode. One card refused again and again while others charge: the card, or its provider. Nothing at
all in the activity although people plug in: the reader. Cards that are known with their bytes in the other order: the reader too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

MANY = 3  # different cards refused, or refusals of one card
MOST = 3  # findings of a kind that are told
# Refusals for which the card itself is not to blame
MODE_REASONS = frozenset({"mode", "unknown", "not_listed", "network_unknown"})

OFFLINE, QUIET, READER, BYTE_ORDER, MODE, NETWORK, CARD, FINE = (
    "offline", "quiet", "reader", "byte_order", "mode", "network", "card", "fine",
)  # fmt: skip


class Card(NamedTuple):
    """How often a card was accepted and refused at a station; `reasons` are those of the refusals, with their number."""

    card: str
    accepted: int = 0
    refused: int = 0
    reasons: Mapping[str, int] = {}
    reversed_known: bool = False  # a pass has its UID with the bytes in the other order


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
    found[CARD] = _of_cards(seen, by_mode)
    told = [
        one
        for kind in (OFFLINE, READER, BYTE_ORDER, MODE, NETWORK, CARD)
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
    if turned := [card for card in place.cards if card.reversed_known and not card.accepted]:
        yield Finding(
            BYTE_ORDER,
            place.station,
            turned[0].card if len(turned) == 1 else "",
            len(turned),
            sum(card.refused for card in turned),
            charged,
        )
    away = _turned_away(place)
    if len(away) >= MANY and len(away) > charged:
        reasons = [reason for card in away for reason in card.reasons]
        yield Finding(
            MODE, place.station, "", len(away), sum(card.refused for card in away), charged, max(sorted(set(reasons)), key=reasons.count)
        )
    silent = [card for card in place.cards if card.reasons.get("network_silent")]
    if len(silent) >= 2:
        times = sum(card.reasons["network_silent"] for card in silent)
        yield Finding(NETWORK, place.station, "", len(silent), times, charged, "network_silent")


def _turned_away(place: Seen) -> list[Card]:
    """Cards that never charged there, and that nothing is wrong with by themselves."""
    return [card for card in place.cards if not card.accepted and not card.reversed_known and MODE_REASONS & card.reasons.keys()]


def _of_cards(seen: Sequence[Seen], by_mode: set[tuple[int, str]]) -> list[Finding]:
    """One card refused again and again while others charge, where the access mode does not explain it."""
    places = [place._replace(cards=[card for card in place.cards if (place.station, card.card) not in by_mode]) for place in seen]
    cards = _merged(places)
    charged = sum(card.accepted > 0 for card in _merged(seen).values())
    return [
        Finding(
            CARD, 0, card.card, 1, card.refused, charged, max(sorted(card.reasons), key=lambda reason: card.reasons[reason], default="")
        )
        for card in cards.values()
        if charged and card.refused >= MANY and not card.accepted and not card.reversed_known
    ]


def _merged(seen: Iterable[Seen]) -> dict[str, Card]:
    """Each card over all stations."""
    found: dict[str, Card] = {}
    for card in (card for place in seen for card in place.cards):
        before = found.get(card.card, Card(card.card))
        reasons = dict(before.reasons)
        for reason, count in card.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
        found[card.card] = Card(
            card.card, before.accepted + card.accepted, before.refused + card.refused, reasons,
            before.reversed_known or card.reversed_known,
        )  # fmt: skip
    return found
