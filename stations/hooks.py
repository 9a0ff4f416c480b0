"""What `stations` asks of the apps above it: they register an answer in their `AppConfig.ready`, so nothing here imports upward."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from django.utils.functional import Promise

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenancy.models import User


class Offer(NamedTuple):
    """A card held to a station."""

    organization_path: str
    access_mode: str
    id_tag: str
    at: datetime


class Verdict(NamedTuple):
    """What may be charged with a card, and why.

    `status` is OCPP's AuthorizationStatus, `reason` a word for our own log; `holder` names the pass for people,
    `expiry` is for the station.
    """

    status: str
    reason: str
    holder: str = ""
    expiry: datetime | None = None


# Decides over many offers in a constant number of queries; called inside the ledger's transaction.
authorizer: Callable[[Sequence[Offer]], list[Verdict]] | None = None


def authorize(offers: Sequence[Offer]) -> list[Verdict]:
    if authorizer is None:
        raise RuntimeError("no app decides who may charge: `passes` must be installed")
    return authorizer(offers) if offers else []


class Card(NamedTuple):
    """What somebody may know of a card: the name of its pass and where that is edited, or that its pass is not theirs to see."""

    name: str = ""
    url: str = ""
    hidden: bool = False


class Cards(Protocol):
    """The desk that knows passes."""

    # reason of a Verdict -> a sentence for people
    reasons: Mapping[str, str | Promise]

    def clean_uid(self, typed: str) -> str:
        """A card's UID as a station is told it; ValidationError says what is wrong with it."""

    def known(self, user: User | AnonymousUser, id_tags: Collection[str]) -> dict[str, Card]:
        """The cards among `id_tags` that have a pass, in a constant number of queries."""

    def named(self, user: User | AnonymousUser, text: str) -> list[str]:
        """UIDs of passes that `user` may see and whose name or number contains `text`; a bounded number of them."""

    def startable(self, user: User | AnonymousUser, organization_path: str) -> list[tuple[str, str]]:
        """(UID, name) of passes that `user` may see and that may charge at a station of this organization."""

    def changed_by_move(self, user: User | AnonymousUser, from_path: str, to_path: str) -> tuple[int, int]:
        """Of the cards that `user` may see: how many that charge at the organization with `from_path` do not at the other, and how many
        begin to."""


cards: Cards | None = None


def reason_label(reason: str) -> str:
    """The sentence for a verdict's reason; the bare word where nobody has one."""
    return str(cards.reasons.get(reason, reason)) if cards else reason


def known_cards(user: User | AnonymousUser, id_tags: Collection[str]) -> dict[str, Card]:
    return cards.known(user, id_tags) if cards and id_tags else {}


def cards_named(user: User | AnonymousUser, text: str) -> list[str]:
    return cards.named(user, text) if cards and text else []


def cards_changed_by_move(user: User | AnonymousUser, from_path: str, to_path: str) -> tuple[int, int]:
    return cards.changed_by_move(user, from_path, to_path) if cards else (0, 0)
