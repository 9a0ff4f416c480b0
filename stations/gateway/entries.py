"""What the sockets hand to the ledger, and what it keeps in memory of each connected station."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from stations.hooks import Advice, Offer
from stations.ocpp import versions
from stations.ocpp.events import AskedCertificate, Channel, Event, Sample
from stations.ocpp.frames import CallError, CallResult, OcppError
from stations.ocpp.replies import Reply
from stations.ocpp.versions import Reader
from stations.plausible import most_power

if TYPE_CHECKING:
    from stations.models import Command


class ConnectorState:
    """A connector as the database has it; only the ledger writes here, after its commit."""

    __slots__ = ("number", "pk", "series", "status")

    def __init__(self, pk: int, number: int, status: tuple[str, ...]) -> None:
        self.pk, self.number, self.status = pk, number, status
        self.series: dict[Channel, int] | None = None  # None: not loaded yet


class Way(NamedTuple):
    """How the meter of what goes on has come to where it stands, as far as is remembered; kept by `stations.gateway.meters`."""

    reached: datetime | None = None  # when it was told first
    place: int | None = None  # where it is measured: registers.rank
    # Since when it stands there by values that may not be of this charge, and where it stood by its own (Wh)
    guessed: tuple[datetime, int] | None = None
    marks: tuple[Sample, ...] = ()  # what was told as the meter at its start and its end, apart from these (1.6)


class OpenTransaction:
    """A running transaction of a connected station."""

    __slots__ = (
        "begun", "card", "charged", "charging", "connector_pk", "last_report", "meter", "metered", "missing", "pk", "places", "reported_at",
        "session", "start", "verdict", "way",
    )  # fmt: skip

    def __init__(self, pk: int, connector_pk: int, meter: int, start: int | None = None) -> None:
        self.pk, self.connector_pk, self.meter = pk, connector_pk, meter
        # Of one that the portal numbers (1.6): the meter at its start, and whether its values count from 0 there (None: not known yet)
        self.start, self.session = start, None if start is not None else False
        self.way = Way()
        self.metered = True  # whether a register was seen at all
        self.begun = False  # whether the one at its start was told, as far as is remembered
        self.places: frozenset[int] = frozenset()  # connectors at which it was before it was known at which one it is
        self.reported_at: datetime | None = None  # the station's time of the latest report; None: not told since it is connected
        self.follow("", "", "", None, ())

    def follow(self, card: str, verdict: str, charging: str, last_report: int | None, missing: Iterable[int]) -> None:
        """What more there is to know of one that has the station's own id: see `stations.gateway.courses`."""
        self.card, self.verdict, self.charging, self.last_report, self.missing = card, verdict, charging, last_report, tuple(missing)
        # Whether energy may have flowed: who was never allowed to charge has got none while the station made the car wait
        self.charged = charging in ("Charging", "SuspendedEV") or (charging == "SuspendedEVSE" and bool(card or verdict))


class Known(NamedTuple):
    """What a batch needs of a transaction that it did not begin."""

    pk: int
    station_id: int
    transaction_id: str
    connector_id: int
    started_at: datetime
    ended_at: datetime | None
    meter_start: int
    meter_last: int | None
    meter_stop: int | None
    problems: list[str]
    reported_end: str
    reviewed_at: datetime | None
    closed_by_hand: bool
    void: bool
    stop_reason: str
    current_type: str
    max_current: int | None
    voltage: int
    phases: int
    connector_current: int | None
    start_received_at: datetime
    end_received_at: datetime | None

    @property
    def power(self) -> int:
        return most_power(self.current_type, self.connector_current or self.max_current, self.voltage, self.phases)


# Where each is found, from the transaction
KNOWN_FIELDS = (
    "pk", "station_id", "transaction_id", "connector_id", "started_at", "ended_at", "meter_start", "meter_last", "meter_stop", "problems",
    "reported_end", "reviewed_at", "closed_by_hand", "void", "stop_reason",
    "station__current_type", "station__max_current", "station__voltage", "station__phases", "connector__max_current",
    "start_received_at", "end_received_at",
)  # fmt: skip


class Over(NamedTuple):
    """The charge with an id of the station's own (2.0.1) that was the last to end at a connector, and the meter there (Wh).
    `metered`: the end itself told it."""

    pk: int
    at: datetime
    meter: int
    metered: bool


class StationState:
    """What the ledger remembers of a connected station, so that the everyday messages need no query."""

    __slots__ = ("boots", "clock_wrong", "connectors", "open", "over", "reused", "said", "started_before", "station_id", "written_at")

    def __init__(self, station_id: int) -> None:
        self.station_id = station_id
        self.connectors: dict[int, ConnectorState] = {}
        self.open: dict[str, OpenTransaction] = {}
        self.over: dict[int, Over] = {}  # by the keys of connectors, as far as is remembered
        self.reused: dict[str, datetime] = {}  # ids under which more than one charge has begun, and when the second one did
        self.written_at: datetime | None = None
        self.clock_wrong = False  # by the last message that carried a time
        # For how it keeps to OCPP: by action what it said last and how often in a row; when it has started, here and before it connected
        self.said: dict[str, tuple[int, int]] = {}
        self.boots: tuple[datetime, ...] = ()
        self.started_before: datetime | None = None


class Entry:
    """Something to be committed. `future` gets the outcome after the commit; None where nobody waits."""

    __slots__ = ("at", "future", "tries")

    def __init__(self, at: datetime, future: asyncio.Future[Any] | None = None) -> None:
        self.at, self.future, self.tries = at, future, 0


class Connect(Entry):
    """A request to upgrade. Outcome: Attached or Refused."""

    __slots__ = ("address", "certificate", "digest", "gateway", "identity", "keep_digest", "origin", "password_given", "tls", "version")

    def __init__(
        self,
        at: datetime,
        future: asyncio.Future[Any] | None,
        *,
        identity: str,
        digest: str,
        keep_digest: bool,
        address: str,
        version: str,
        gateway: str,
        origin: str = "",
        password_given: bool = True,
        tls: bool = False,
        certificate: bytes | None = None,
    ) -> None:
        super().__init__(at, future)
        self.password_given, self.tls, self.certificate = password_given, tls, certificate
        self.identity, self.digest, self.keep_digest = identity, digest, keep_digest
        self.address, self.version, self.gateway, self.origin = address, version, gateway, origin


class Disconnect(Entry):
    """A socket closed. Says nothing about the station when a newer one has taken its place."""

    __slots__ = ("generation", "station_id")

    def __init__(self, at: datetime, station_id: int, generation: int) -> None:
        super().__init__(at)
        self.station_id, self.generation = station_id, generation


class Received(Entry):
    """A CALL of a station, or what it sent instead. Outcome: the text to answer with, or None for no answer; or a Question, and then
    nothing is booked: it is submitted again with the `advice` that answers it."""

    __slots__ = ("action", "advice", "event", "faults", "message_id", "reader", "responses", "state", "text")

    def __init__(
        self,
        at: datetime,
        future: asyncio.Future[Any] | None,
        state: StationState,
        text: str,
        message_id: str,
        action: str,
        event: Event | OcppError | None,
        reader: Reader | None = None,
    ) -> None:
        super().__init__(at, future)
        self.reader = reader or versions.reader("")
        self.state, self.text, self.message_id, self.action, self.event = state, text, message_id, action, event
        self.advice: Advice | None = None
        self.faults: list[str] = []  # what had to be mended to read it
        self.responses: dict[AskedCertificate, bytes] = {}  # what others said of certificates (OCSP, DER)


class Closed(Entry):
    """Somebody has ended these transactions here: what the station still says of them is no everyday news."""

    __slots__ = ("state", "transactions")

    def __init__(self, at: datetime, state: StationState, transactions: list[str]) -> None:
        super().__init__(at)
        self.state, self.transactions = state, transactions


class Question(NamedTuple):
    """Card providers have to be asked before a card can be decided on."""

    offer: Offer
    providers: tuple[int, ...]


class Answered(Entry):
    """The station's answer to a command of ours."""

    __slots__ = ("answer", "command_id", "secrets", "state", "text")

    def __init__(
        self,
        at: datetime,
        state: StationState,
        command_id: int,
        text: str,
        answer: CallResult | CallError,
        secrets: tuple[str, ...] = (),
    ) -> None:
        super().__init__(at)
        self.secrets = secrets  # what it may repeat, and nobody is to read
        self.state, self.command_id, self.text, self.answer = state, command_id, text, answer


class Attached:
    """The upgrade is granted."""

    __slots__ = ("generation", "state", "station_id")

    def __init__(self, station_id: int, generation: int, state: StationState) -> None:
        self.station_id, self.generation, self.state = station_id, generation, state


class Refused:
    """The upgrade is refused; the stranger is not told why."""

    __slots__ = ()


# What books messages that come seldom: see `stations.gateway.rare`
Handler = Callable[[Sequence[Received], set[int]], dict[Entry, Reply | str]]
# What an answer to a wish changes: the command, what it wanted (secrets in it are masked), the outcome in a word of `intents`, the answer,
# and when it came. Called in the ledger's transaction; touches rows of the command's own station only.
Consequence = Callable[["Command", Any, str, dict[str, Any], datetime], None]
