"""What `stations` asks of the apps above it: they register an answer in their `AppConfig.ready`, so nothing here imports upward."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from django.utils.functional import Promise

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from stations.cards import Face
    from stations.models import CardOffer, Station, Transaction
    from tenancy.models import User

AUTHORIZE, START, STOP = "authorize", "start", "stop"


class Place(NamedTuple):
    """A station, as far as it matters for who may charge there. `mode_from` says where the access mode is set."""

    station: int
    location: int
    organization_path: str
    access_mode: str
    mode_from: str  # "station" or "location"
    time_zone: str


# What `place_from` needs of a station
PLACE_FIELDS = ("pk", "location_id", "location__organization__path", "access_mode", "location__access_mode", "location__time_zone")


def place_from(pk: int, location: int, path: str, own_mode: str, inherited_mode: str, time_zone: str) -> Place:
    return Place(pk, location, path, own_mode or inherited_mode, "station" if own_mode else "location", time_zone)


def place_of(station: Station) -> Place:
    at = station.location
    return place_from(station.pk, at.pk, at.organization.path, station.access_mode, at.access_mode, at.time_zone)


class Advice(NamedTuple):
    """What a card provider said when it was asked in real time; `allowed` (OCPI AllowedType) is empty where it did not answer in time."""

    provider: int = 0
    allowed: str = ""
    token: int = 0
    group_id: str = ""


class Offer(NamedTuple):
    """A card held to a station. `purpose`: to be authorized, to start, or to stop a transaction. `live` says that it happens now and is not
    reported later; `advice` is what providers said, None when nobody was asked yet. `id_type` is what the station says that it is
    (IdTokenEnumType of 2.0.1); empty, it is a card."""

    place: Place
    id_tag: str
    at: datetime
    connector: int | None = None
    purpose: str = AUTHORIZE
    live: bool = True
    advice: Advice | None = None
    id_type: str = ""


class Step(NamedTuple):
    """One rule that was looked at. `good`: it speaks for charging, against it, or (None) neither. `record` is the kind of thing on which
    that rests and `key` its primary key, `detail` what more there is to say."""

    rule: str
    good: bool | None
    record: str = ""
    key: int = 0
    detail: str = ""


class Verdict(NamedTuple):
    """What may be charged with a card, and why.

    `status` is OCPP's AuthorizationStatus, `reason` a word for our own log; `holder` names the pass for people, `expiry` is for the station
    (how long it may remember this), `group_id` its parent id. `ask` names providers that must be asked before this stands.
    """

    status: str
    reason: str
    holder: str = ""
    expiry: datetime | None = None
    settlement: str = ""
    group_id: str = ""
    pass_key: int | None = None
    token_key: int | None = None
    steps: tuple[Step, ...] = ()
    ask: tuple[int, ...] = ()


# Decides over many offers in a constant number of queries; called inside the ledger's transaction.
authorizer: Callable[[Sequence[Offer]], list[Verdict]] | None = None
# Asks the providers that a verdict names; never raises, and answers within their deadlines. Not called inside a transaction.
inquirer: Callable[[Offer, Sequence[int]], Awaitable[Advice]] | None = None
# Called when a gateway process comes to its end, on its event loop: what inquirers have opened is closed.
closers: list[Callable[[], Awaitable[None]]] = []
# Called when who may charge at stations may have changed: their keys. Inside the transaction that changes it.
access_changed: list[Callable[[Collection[int]], None]] = []

# Called with a station and those of its configuration keys that have another value than was known, inside the transaction that keeps it.
configuration_changed: list[Callable[[int, Collection[str]], None]] = []

# What transactions that have just ended cost, by their keys, for the displays of their stations; taxes included. Called inside the ledger's
# transaction, in a constant number of queries.
total_costs: Callable[[Sequence[Transaction]], Mapping[int, float]] | None = None


def authorize(offers: Sequence[Offer]) -> list[Verdict]:
    if authorizer is None:
        raise RuntimeError("no app decides who may charge: `passes` must be installed")
    return authorizer(offers) if offers else []


def tell_access_changed(stations: Iterable[int]) -> None:
    keys = list(stations)
    for listener in access_changed:
        listener(keys)


def tell_configuration_changed(station: int, keys: Collection[str]) -> None:
    if keys:
        for listener in configuration_changed:
            listener(station, keys)


# Gives the contract certificate that a car wants (Get15118EVCertificate): of station, ISO 15118 schema, "Install" or "Update", and request
# the answer, both in EXI (base64); empty where there is none. Called inside the ledger's transaction: what takes long is done before.
contracts: Callable[[int, str, str, str], str] | None = None


class SheetTab(NamedTuple):
    """A tab of a station's data sheet that belongs to an app above: name, label, page, and the right that it needs."""

    name: str
    label: str | Promise
    page: str
    right: str


sheet_tabs: list[SheetTab] = []


class Card(NamedTuple):
    """What somebody may know of a card: the name of its pass and where that is edited, or that its pass is not theirs to see."""

    name: str = ""
    url: str = ""
    hidden: bool = False
    user: str = ""  # whose pass it is


class Button(NamedTuple):
    """A way to something that can be done about it."""

    label: str
    url: str
    icon: str = ""


class Remark(NamedTuple):
    """What is told of many cards together. `state` is one of the six; `evidence` what it rests on, `advice` what to do, `who` who could
    do it where the reader may not."""

    state: str
    sentence: str
    evidence: str = ""
    advice: str = ""
    buttons: tuple[Button, ...] = ()
    who: str = ""


class ModeEffect(NamedTuple):
    """What other access modes mean for passes on lists: how many there are, how many of them charge now, no longer charge, begin to,
    charged free and are then paid for by their holders, and the other way round. `cards` are the first of those that no longer charge;
    `networks` says whether card providers are connected there. Not `counted`: there are too many to look at."""

    listed: int = 0
    worked: int = 0
    stop: int = 0
    begin: int = 0
    paid: int = 0
    free: int = 0
    cards: tuple[Card, ...] = ()
    networks: bool = False
    counted: bool = True


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

    def startable(self, user: User | AnonymousUser, place: Place) -> list[tuple[str, str]]:
        """(UID, name) of passes that `user` may see and that may charge at this station."""

    def changed_by_move(self, user: User | AnonymousUser, from_path: str, to_path: str) -> tuple[int, int]:
        """Of the cards that `user` may see: how many that charge at the organization with `from_path` do not at the other, and how many
        begin to."""

    def changed_by_mode(self, user: User, changes: Sequence[tuple[Place, str]]) -> ModeEffect:
        """What comes of it where each of these stations is given another access mode in force, as far as `user` may see passes. A constant
        number of queries."""

    def doings(self, user: User | AnonymousUser, offer: CardOffer, face: Face) -> tuple[Button, ...]:
        """What can be done about a card that was offered: the reasons of the decision, and a pass of an unknown card. `face` is the card
        as the person may see it; station, location and organization must be loaded. No query."""

    def check_url(self, user: User | AnonymousUser, station: Station) -> str:
        """The page that checks a card at `station`; empty for who may not."""

    def remarks(self, user: User, station: Station) -> list[Remark]:
        """What the cards offered lately at `station` tell together; nothing for who may not see them."""


cards: Cards | None = None


class FileColumn(NamedTuple):
    """A column that an app above adds to files of transactions, such as what they cost. `values(user, transactions)` gives the cell of each
    that has one, by key, in a constant number of queries; station, location and organization are loaded. `right` is what one needs
    somewhere to get the column at all."""

    label: str | Promise
    values: Callable[[User, Sequence[Transaction]], Mapping[int, str | float]]
    right: str = ""


transaction_columns: list[FileColumn] = []


def reason_label(reason: str) -> str:
    """The sentence for a verdict's reason; the bare word where nobody has one."""
    return str(cards.reasons.get(reason, reason)) if cards else reason


def known_cards(user: User | AnonymousUser, id_tags: Collection[str]) -> dict[str, Card]:
    return cards.known(user, id_tags) if cards and id_tags else {}


def cards_named(user: User | AnonymousUser, text: str) -> list[str]:
    return cards.named(user, text) if cards and text else []


def doings(user: User | AnonymousUser, offer: CardOffer, face: Face) -> tuple[Button, ...]:
    return cards.doings(user, offer, face) if cards else ()


def check_url(user: User | AnonymousUser, station: Station) -> str:
    return cards.check_url(user, station) if cards else ""


def remarks(user: User, station: Station) -> list[Remark]:
    return cards.remarks(user, station) if cards else []


def cards_changed_by_move(user: User | AnonymousUser, from_path: str, to_path: str) -> tuple[int, int]:
    return cards.changed_by_move(user, from_path, to_path) if cards else (0, 0)


def cards_changed_by_mode(user: User, changes: Sequence[tuple[Place, str]]) -> ModeEffect:
    return cards.changed_by_mode(user, changes) if cards and changes else ModeEffect()


# The weight of passes in a shared capacity (stations.models.Priority), by their key; a pass without one of its own is left out. One query.
priorities: Callable[[Collection[int]], Mapping[int, int]] | None = None


def priorities_of(pass_keys: Collection[int]) -> Mapping[int, int]:
    return priorities(pass_keys) if priorities and pass_keys else {}
