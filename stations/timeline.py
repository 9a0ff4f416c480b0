"""The activity of a station: everything that happened, from six sources, as one line of time, newest first.

Paged by a key (`Mark`), not by number: what is added meanwhile moves nothing, and page 1000 costs what page 1 costs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import command_words, explain, hooks, out_of_service, security_events
from stations.cards import Faces
from stations.models import CardOffer, Command, Connector, OutOfService, SecurityEvent, Station, StatusChange, Transaction
from stations.ocpp import numbering
from stations.vendor_codes import Codes
from tenancy.links import link
from tenancy.models import User
from tenancy.personal import person
from tenancy.rights import may
from ui.templatetags.ui import exact

KINDS: dict[str, str | Promise] = {
    "status": lazy("Status changes"),
    "card": lazy("Cards"),
    "transaction": lazy("Transactions"),
    "command": lazy("Commands"),
    "out": lazy("Out of service"),
    "connection": lazy("Connection"),
    "security": lazy("Security"),
}


# What an entry of the kind needs beside seeing the station
_RIGHT_OF = {
    "card": CardOffer.read_right,
    "transaction": Transaction.read_right,
    "security": SecurityEvent.read_right,
}


class Mark(NamedTuple):
    """A place in the line: everything older comes after it. `rank` orders the sources where times are equal."""

    at: datetime
    rank: int
    pk: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.rank}_{self.pk}"

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """None when it is none."""
        try:
            at, rank, pk = text.rsplit("_", 2)
            mark = cls(datetime.fromisoformat(at.replace(" ", "+")), int(rank), int(pk))
        except ValueError:
            return None
        return mark if mark.at.tzinfo and 1970 < mark.at.year < 2200 and 0 <= mark.pk < 2**63 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """One entry. `state` is one of the six of `explain`, `word` goes with it; `text` says more, and may come from the station;
    `url` is of ours and leads to the thing."""

    mark: Mark
    kind: str
    state: str
    word: str
    title: str
    text: str = ""
    url: str = ""
    who: str = ""
    reported_at: datetime | None = None  # when we received it, where that was much later
    buttons: tuple[hooks.Button, ...] = ()

    @property
    def at(self) -> datetime:
        return self.mark.at


def happenings(
    user: User | AnonymousUser,
    station: Station,
    *,
    kinds: Iterable[str] = KINDS,
    since: datetime | None = None,
    until: datetime | None = None,
    after: Mark | None = None,
    limit: int = 50,
) -> tuple[list[Happening], Mark | None]:
    """The newest `limit` entries and, when there are more, the mark to go on from. A constant number of queries."""
    wanted = set(kinds)
    reader = _Reader(user, station, since, until, after, limit + 1)
    parts = [source(reader, rank) for rank, source in enumerate(_SOURCES) if _KIND_OF[rank] in wanted]
    found = list(islice(heapq.merge(*parts, key=lambda one: one[0], reverse=True), limit + 1))
    more = found[limit - 1][0] if len(found) > limit else None
    cards = Faces(user, ((row.id_tag, station.location) for _mark, row in found[:limit] if isinstance(row, (CardOffer, Transaction))))
    codes = Codes(station)
    charges = command_words.charges_of((row for _mark, row in found[:limit] if isinstance(row, Command)), user)
    return [_shown(user, station, mark, row, cards, codes, charges) for mark, row in found[:limit]], more


def kinds_for(user: User | AnonymousUser, station: Station) -> dict[str, str | Promise]:
    """The kinds of entries that this person may see there."""
    return {kind: label for kind, label in KINDS.items() if kind not in _RIGHT_OF or may(user, _RIGHT_OF[kind], station)}


class _Reader:
    def __init__(
        self,
        user: User | AnonymousUser,
        station: Station,
        since: datetime | None,
        until: datetime | None,
        after: Mark | None,
        limit: int,
    ) -> None:
        self.user, self.station, self.since, self.until, self.after, self.limit = user, station, since, until, after, limit

    def rows(self, rank: int, queryset: QuerySet[Any], field: str) -> list[tuple[Mark, Any]]:
        """The rows after the mark within the period, newest first."""
        condition = Q()
        if self.since:
            condition &= Q(**{f"{field}__gte": self.since})
        if self.until:
            condition &= Q(**{f"{field}__lt": self.until})
        if mark := self.after:
            older = Q(**{f"{field}__lt": mark.at})
            if rank < mark.rank:
                older |= Q(**{field: mark.at})
            elif rank == mark.rank:
                older |= Q(**{field: mark.at, "pk__lt": mark.pk})
            condition &= older
        found = queryset.filter(condition).order_by(f"-{field}", "-pk")[: self.limit]
        return [(Mark(getattr(row, field), rank, row.pk), row) for row in found]

    def fits(self, mark: Mark) -> bool:
        if (self.since and mark.at < self.since) or (self.until and mark.at >= self.until):
            return False
        return self.after is None or mark < self.after


class Fact(NamedTuple):
    """Something the station's own row remembers: only the latest of its kind is known."""

    title: str
    state: str
    word: str
    text: str = ""


def _status(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    connectors = list(Connector.objects.filter(station=reader.station))
    numbers = {connector.pk: connector for connector in connectors}
    found = reader.rows(rank, StatusChange.objects.visible_to(reader.user).filter(connector__in=connectors), "at")
    for _mark, row in found:
        row.connector = numbers[row.connector_id]
    return found


def _cards(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    found = reader.rows(rank, CardOffer.objects.visible_to(reader.user).filter(station=reader.station), "at")
    for _mark, row in found:
        row.station = reader.station
    return found


def _starts(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    queryset = Transaction.objects.visible_to(reader.user).filter(station=reader.station).select_related("connector")
    return reader.rows(rank, queryset, "started_at")


def _ends(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    queryset = Transaction.objects.visible_to(reader.user).filter(station=reader.station, ended_at__isnull=False)
    return reader.rows(rank, queryset.select_related("connector"), "ended_at")


def _commands(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    queryset = Command.objects.visible_to(reader.user).filter(station=reader.station).select_related("requested_by")
    found = reader.rows(rank, queryset, "created_at")
    for _mark, row in found:
        row.station = reader.station
    return found


def _security(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    return reader.rows(rank, SecurityEvent.objects.visible_to(reader.user).filter(station=reader.station), "at")


def _connection(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    station = reader.station
    known: list[tuple[datetime | None, Fact]] = [
        (station.first_connected_at, Fact(_("Connected for the first time"), explain.AVAILABLE, _("Connected"))),
        (
            None if station.connected_at == station.first_connected_at else station.connected_at,
            Fact(
                _("Latest connection"),
                explain.AVAILABLE,
                _("Connected"),
                _("from %(address)s, OCPP %(version)s") % {"address": station.address, "version": station.ocpp_version},
            ),
        ),
        (station.booted_at, Fact(_("Latest start of the station"), explain.BUSY, _("Booted"), station.firmware_version)),
        (
            None if station.connected else station.disconnected_at,
            Fact(_("The connection was closed"), explain.FAULT, _("Disconnected")),
        ),
    ]
    found = [(Mark(at, rank, number), fact) for number, (at, fact) in enumerate(known) if at]
    return sorted((pair for pair in found if reader.fits(pair[0])), key=lambda pair: pair[0], reverse=True)


def _outs(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    return _of_outs(reader, rank, "since")


def _returns(reader: _Reader, rank: int) -> list[tuple[Mark, Any]]:
    return _of_outs(reader, rank, "ended_at")


def _of_outs(reader: _Reader, rank: int, field: str) -> list[tuple[Mark, Any]]:
    rows = OutOfService.objects.visible_to(reader.user).filter(station=reader.station, **{f"{field}__isnull": False})
    found = reader.rows(rank, rows.select_related("created_by", "ended_by", "command"), field)
    for _mark, row in found:
        row.station = reader.station
    return found


_SOURCES: Sequence[Callable[[_Reader, int], list[tuple[Mark, Any]]]] = (
    _connection, _status, _cards, _starts, _ends, _security, _commands, _outs, _returns,
)  # fmt: skip
_KIND_OF = ("connection", "status", "card", "transaction", "transaction", "security", "command", "out", "out")


# -- in words ---------------------------------------------------------------------------------------------------------------------------


def _shown(
    user: User | AnonymousUser, station: Station, mark: Mark, row: Any, cards: Faces, codes: Codes, charges: Mapping[int, Transaction]
) -> Happening:
    if isinstance(row, StatusChange):
        return _shown_status(mark, row, codes)
    if isinstance(row, CardOffer):
        return _shown_card(user, station, mark, row, cards)
    if isinstance(row, Transaction):
        return _shown_transaction(station, mark, row, cards)
    if isinstance(row, Command):
        charge = charges.get(row.pk)
        return Happening(
            mark=mark,
            kind="command",
            state=command_words.command_state(row),
            word=command_words.command_word(row),
            title=command_words.command_title(row, user, str(charge) if charge else None),
            url=link("transaction", charge.pk) if charge else "",
            text=command_words.command_result(row, user),
            who=command_words.command_asker(row, user),
        )
    if isinstance(row, OutOfService):
        return _shown_out(user, station, mark, row)
    if isinstance(row, SecurityEvent):
        event = security_events.meaning(row.type)
        critical = [_("critical by the standard")] if event.critical else []
        said = " · ".join([str(event.sentence), *critical, *filter(None, [row.type, row.info])])
        return Happening(
            mark=mark, kind="security", state=event.state, word=_("Security event"), title=str(event.word), text=said,
            reported_at=_late(mark, row),
        )  # fmt: skip
    return Happening(mark=mark, kind="connection", state=row.state, word=row.word, title=row.title, text=row.text)


def _shown_out(user: User | AnonymousUser, station: Station, mark: Mark, row: OutOfService) -> Happening:
    at = station.location
    where = _("Connector %s") % numbering.shown(row.connector_number) if row.connector_number else _("Station")
    if _SOURCES[mark.rank] is _outs:
        word = _("Deactivated") if row.deactivated else _("Out of service")
        until = [_("until %s") % exact(row.until, at.zone)] if row.until else []
        who = person(user, row.created_by, at.organization.path, at.pk)
        text = " · ".join([*until, *filter(None, [row.comment])])
        return Happening(mark=mark, kind="out", state=explain.OFF, word=word, title=where, text=text, who=who)
    who = person(user, row.ended_by, at.organization.path, at.pk) or _("the portal")
    if row.command and out_of_service.refused(row):
        return Happening(
            mark=mark, kind="out", state=explain.FAULT, word=_("Did not go out of service"), title=where,
            text=command_words.command_result(row.command, user), who=who,
        )  # fmt: skip
    word = _("Activated") if row.deactivated else _("In service again")
    return Happening(mark=mark, kind="out", state=explain.AVAILABLE, word=word, title=where, text=row.comment, who=who)


def _late(mark: Mark, row: Any) -> datetime | None:
    received: datetime = row.received_at
    return received if (received - mark.at).total_seconds() > 60 else None


def _shown_status(mark: Mark, row: StatusChange, codes: Codes) -> Happening:
    number = row.connector.number
    meaning = explain.status(row.status, number)
    parts = []
    if row.error_code and row.error_code != "NoError":
        parts.append(row.error_code)
    if row.vendor_error_code:
        parts.append(_("vendor code %s") % row.vendor_error_code)
    if row.info:
        parts.append(row.info)
    if (row.vendor_error_code or row.error_code not in {"", "NoError"}) and (known := codes.of(row.vendor_error_code, row.info)):
        parts.append(known.meaning)
    return Happening(
        mark=mark,
        kind="status",
        state=meaning.state,
        word=str(meaning.word),
        title=_("Connector %s") % row.connector.shown if number else _("Station"),
        text=" · ".join(parts),
        reported_at=_late(mark, row),
    )


def _shown_card(user: User | AnonymousUser, station: Station, mark: Mark, row: CardOffer, cards: Faces) -> Happening:
    meaning = explain.verdict(row.verdict)
    card = cards.of(row.id_tag, station.location, row.holder)
    where = _("connector %s") % numbering.shown(row.connector_number) if row.connector_number else ""
    reason = hooks.reason_label(row.reason)
    if row.id_type not in ("", "ISO14443"):
        where = " · ".join(part for part in (where, str(explain.id_type(row.id_type))) if part)
    return Happening(
        mark=mark,
        kind="card",
        state=meaning.state,
        word=str(meaning.word),
        title=_("Card %s") % str(card),
        text=f"{where} · {reason}" if where else reason,
        url=card.url,
        buttons=hooks.doings(user, row, card),
    )


def _shown_transaction(station: Station, mark: Mark, row: Transaction, cards: Faces) -> Happening:
    url = link("transaction", row.pk)
    where = _("connector %s") % row.connector.shown if row.connector.number else _("connector not said")
    if _SOURCES[mark.rank] is _starts:
        who = cards.of(row.id_tag, station.location)
        return Happening(
            mark=mark, kind="transaction", state=explain.CHARGING, word=_("Started"), title=_("Transaction %s") % row.pk,
            text=_("%(where)s, card %(card)s") % {"where": where, "card": who}, url=url,
        )  # fmt: skip
    reason = str(explain.STOP_REASONS.get(row.stop_reason, row.stop_reason))
    energy = f"{row.energy_wh / 1000:.2f} kWh"
    text = ", ".join(part for part in (where, energy, reason) if part)
    return Happening(
        mark=mark, kind="transaction", state=explain.BUSY, word=_("Ended"), title=_("Transaction %s") % row.pk, text=text, url=url,
    )  # fmt: skip
