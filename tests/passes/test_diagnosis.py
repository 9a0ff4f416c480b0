"""What many cards tell together, written from the rules: many cards – the mode; one card – the card; nothing – the reader."""

from __future__ import annotations

import pytest

from passes.diagnosis import Card, Seen, diagnose


def good(number: int, times: int = 2) -> Card:
    return Card(f"04AAAA{number:02}", accepted=times)


def bad(number: int, times: int = 1, reason: str = "unknown", **more: bool) -> Card:
    return Card(f"04BBBB{number:02}", refused=times, reasons={reason: times}, **more)


def at(*cards: Card, station: int = 1, online: bool = True, plugged: int | None = 0) -> Seen:
    return Seen(station, online, plugged, cards)


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        ([], []),
        ([at()], ["quiet"]),
        ([at(plugged=None)], ["quiet"]),
        ([at(plugged=4)], ["reader"]),
        ([at(online=False)], ["offline"]),
        ([at(online=False, plugged=4)], ["offline"]),
        ([at(online=False), at(station=2)], ["quiet"]),  # which stations are offline is told elsewhere
        ([at(plugged=2), at(good(1), station=2)], ["reader"]),
        ([at(good(1), plugged=4)], ["fine"]),
        ([at(good(1), bad(1), bad(2))], ["fine"]),
        # many different cards
        ([at(bad(1), bad(2), bad(3))], ["mode"]),
        ([at(bad(1, reason="mode"), bad(2, reason="not_listed"), bad(3, reason="network_unknown"))], ["mode"]),
        ([at(good(1), good(2), good(3), bad(1), bad(2), bad(3))], ["fine"]),
        ([at(good(1), bad(1), bad(2), bad(3), bad(4, 9))], ["mode"]),
        ([at(bad(1), bad(2)), at(bad(3), station=2)], ["fine"]),
        ([at(bad(1, reason="expired"), bad(2, reason="blocked"), bad(3, reason="blocked"))], ["fine"]),
        # one card
        ([at(good(1), bad(1, 3, "blocked"))], ["card"]),
        ([at(good(1), bad(1, 2, "blocked"))], ["fine"]),
        ([at(bad(1, 9, "blocked"))], ["fine"]),  # nobody else has tried
        ([at(good(1)), at(bad(1, 2), station=2), at(bad(1, 1), station=3)], ["card"]),
        ([at(good(1)), at(bad(1, 3), station=2), at(Card("04BBBB01", accepted=1), station=3)], ["fine"]),
        ([at(good(1), *(bad(number, 4, "expired") for number in range(9)))], ["card"] * 3),
        # the order of the bytes
        ([at(bad(1, reversed_known=True))], ["fine"]),  # tried once
        ([at(bad(1, 2, reversed_known=True))], ["byte_order"]),
        ([at(bad(1, reversed_known=True), bad(2, reversed_known=True))], ["byte_order"]),
        ([at(good(1), bad(1, 2, reversed_known=True), bad(2, 2, reversed_known=True))], ["fine"]),  # the reader is right
        ([at(Card("04AAAA01020304", accepted=1), bad(1, 2, reversed_known=True))], ["byte_order"]),
        ([at(good(1), bad(1, 3, reversed_known=True))], ["card"]),
        ([at(*(bad(number, 5, reversed_known=True) for number in range(4)))], ["byte_order"]),
        ([at(Card("TAG", accepted=1), bad(1, 2, reversed_known=True), bad(2, 5, "blocked"))], ["byte_order", "card"]),
        # a card that charged before
        ([at(good(1), Card("X", 4, 3, {"blocked": 3}, since={"blocked": 3}))], ["card"]),
        ([at(good(1), Card("X", 4, 3, {"blocked": 3}, since={"blocked": 2}))], ["fine"]),
        ([at(Card("X", 4, 3, {"blocked": 3}, since={"blocked": 3}))], ["fine"]),  # nobody else has tried
        ([at(good(1), *(Card(f"X{n}", 1, 1, {"mode": 1}, since={"mode": 1}) for n in range(3)))], ["mode"]),
        # what has been mended
        ([at(good(1), bad(1, 3, "blocked", now=True))], ["mended"]),
        ([at(good(1)), at(bad(1, 3, "blocked", now=True), station=2), at(bad(1, 3, "blocked"), station=3)], ["card"]),
        ([at(good(1), *(bad(number, now=True) for number in range(4)))], ["fine"]),
        ([at(good(1), *(bad(number)._replace(other_mode=1) for number in range(4)))], ["fine"]),
        ([at(bad(1, 2, reversed_known=True, now=True))], ["fine"]),
        # the network
        ([at(bad(1, reason="network_silent"), bad(2, reason="network_silent"))], ["network"]),
        ([at(good(1), bad(1, reason="network_silent"))], ["fine"]),
    ],
)  # fmt: skip
def test_what_is_found(seen: list[Seen], kinds: list[str]) -> None:
    assert [finding.kind for finding in diagnose(seen)] == kinds


def test_a_finding_has_its_evidence() -> None:
    (mode,) = diagnose([at(good(1), bad(1, 2), bad(2), bad(3, reason="mode"), station=7)])
    assert (mode.station, mode.cards, mode.times, mode.others, mode.reason) == (7, 3, 4, 1, "unknown")
    (card,) = diagnose([at(good(1), good(2), bad(1, 5, "network_blocked"))])
    assert (card.card, card.times, card.others, card.reason) == ("04BBBB01", 5, 2, "network_blocked")
