"""Reservations in words, who keeps a connector, and what becomes of them by time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import command_words, explain, nudges
from stations.explain import Meaning
from stations.models import Command, DeviceVariable, Reservation, Station, Transaction
from stations.ocpp import intents
from stations.ocpp.numbering import of_same_evse, shown
from stations.ocpp.versions import has_variables

Text = str | Promise
State = Reservation.State

AT_ONCE = 500  # looked at in one run
LATE = timedelta(minutes=2)  # a start before the end is told by then

STATES: dict[str, Meaning] = {
    State.ASKED: Meaning(explain.WAITING, State.ASKED.label, lazy("The station was asked and has not answered yet.")),
    State.MADE: Meaning(explain.AVAILABLE, State.MADE.label, lazy("The station keeps it free for this card.")),
    State.UNCERTAIN: Meaning(
        explain.WAITING, State.UNCERTAIN.label, lazy("The station did not answer: it may keep the connector all the same.")
    ),
    State.REFUSED: Meaning(explain.FAULT, State.REFUSED.label, lazy("Nothing is kept.")),
    State.USED: Meaning(explain.CHARGING, State.USED.label, lazy("The card charged by it.")),
    State.CANCELLED: Meaning(explain.OFF, State.CANCELLED.label, lazy("It was cancelled before it was used.")),
    State.EXPIRED: Meaning(explain.OFF, State.EXPIRED.label, lazy("Nobody came in time.")),
    State.REMOVED: Meaning(explain.OFF, State.REMOVED.label, lazy("The station has ended it by itself.")),
}
# What a station answered or told: (state, word) -> a sentence
_WORDS: dict[tuple[str, str], Text] = {
    (State.REFUSED, intents.OCCUPIED): lazy("A car is there already, or it is reserved for somebody else."),
    (State.REFUSED, intents.FAULTED): lazy("The connector has a fault."),
    (State.REFUSED, intents.UNAVAILABLE): lazy("The connector is out of service."),
    (State.REFUSED, intents.REJECTED): lazy("The station takes no reservations, or none of this kind: try a certain connector."),
    (State.REFUSED, intents.NOT_SUPPORTED): lazy("The station does not know reservations."),
    (State.REFUSED, "undelivered"): lazy("The station was not reached in time: nothing is kept."),
    (State.REMOVED, intents.REJECTED): lazy("When it was to be cancelled the station said that it has no such reservation."),
    (State.CANCELLED, Reservation.HERE_ALONE): lazy(
        "Cancelled here alone: the station had no connection, so it keeps the connector all the same until the time is over."
    ),
    (State.USED, Reservation.OTHER_CARD): lazy("Another card charged by it. The station says so itself, so it is over."),
    (State.USED, Reservation.OTHER_PLACE): lazy("The card charged by it, but at another connector."),
    (State.USED, Reservation.OTHER_BOTH): lazy(
        "Another card charged by it, at another connector. The station says so itself, so it is over."
    ),
    (State.EXPIRED, "NoTransaction"): lazy("The card was shown, but no charge began."),
}


def meaning(row: Reservation) -> Meaning:
    """Its state, with what the station said. One whose time is over keeps nothing, whenever that is written down."""
    if row.state in Reservation.STANDING and row.until <= timezone.now():
        return STATES[State.EXPIRED]
    found = STATES[row.state]
    said = _WORDS.get((row.state, row.word))
    if said is None and row.state == State.REFUSED and row.word:
        said = command_words.error_said(row.word, "")
    return found._replace(sentence=said) if said else found


def where(row: Reservation) -> str:
    if row.connector_number:
        return _("Connector %s") % shown(row.connector_number)
    return _("Any connector, %s") % PLUGS.get(row.plug, row.plug) if row.plug else _("Any connector")


# ConnectorEnumType of 2.0.1, those that cars plug into -> for people
PLUGS: dict[str, Text] = {
    "cType2": lazy("Type 2 cable"), "sType2": lazy("Type 2 socket"), "cType1": lazy("Type 1 cable"), "cCCS2": lazy("CCS 2"),
    "cCCS1": lazy("CCS 1"), "cG105": lazy("CHAdeMO"), "cTesla": lazy("Tesla"), "sType3": lazy("Type 3 socket"),
}  # fmt: skip


def plugs_of(station: Station) -> list[str]:
    """The kinds of plugs that it says it has, where one can be reserved by its kind and there is more than one."""
    told = DeviceVariable.objects.filter(station=station, component="Connector", key__endswith="/ConnectorType", value__in=PLUGS)
    kinds = sorted(set(told.values_list("value", flat=True))) if has_variables(station.ocpp_version) else []
    return kinds if len(kinds) > 1 else []


def standing_at(stations: Collection[int]) -> dict[int, list[Reservation]]:
    """By station: those by which a connector is kept now, the one that ends first before the others. One query."""
    found: dict[int, list[Reservation]] = {}
    for row in Reservation.objects.standing().filter(station__in=stations).order_by("until", "pk"):
        found.setdefault(row.station_id, []).append(row)
    return found


def fits(row: Reservation, uid: str, group_id: str) -> bool:
    """Whether a card may charge by this reservation: it is the one, or of its group."""
    return row.id_tag.casefold() == uid.casefold() or bool(row.group_id and row.group_id == group_id)


def used_by(row: Reservation, uid: str, group_id: str | None, connector: int) -> str:
    """The word for a charge that its station says is by this reservation; empty where that is as it was made. `uid`, `group_id` and
    `connector` may not be known: empty, None and 0."""
    other_card = bool(uid) and not fits(row, uid, group_id or "") and not (group_id is None and row.group_id)
    other_place = bool(connector and row.connector_number) and connector not in of_same_evse(row.connector_number)
    if other_card:
        return Reservation.OTHER_BOTH if other_place else Reservation.OTHER_CARD
    return Reservation.OTHER_PLACE if other_place else ""


def kept_from(station: int, at: datetime, connector: int | None, uid: str, group_id: str = "") -> Reservation | None:
    """The reservation by which something was kept for another card at that moment: this connector, or one of the station where no
    connector is known. None where the card had one itself."""
    rows = Reservation.objects.filter(station=station, created_at__lte=at, until__gt=at).exclude(state__in=[State.ASKED, State.REFUSED])
    rows = rows.filter(Q(ended_at=None) | Q(ended_at__gt=at))
    if connector:
        rows = rows.filter(connector_number__in=of_same_evse(connector))
    found = list(rows.order_by("until", "pk")[:20])
    if any(fits(row, uid, group_id) for row in found):
        return None
    return found[0] if found else None


# -- by time ----------------------------------------------------------------------------------------------------------------------------


def advance() -> None:
    """Reservations that nobody answered for, and those that are over. Run by the tick."""
    now = timezone.now()
    changed = {*_settle(now), *_expire(now)}
    if changed:
        nudges.stations_changed(*changed)


def _settle(now: datetime) -> Iterable[int]:
    """What became of those whose command came to an end without an answer that says yes or no."""
    rows = Reservation.objects.filter(state=State.ASKED).exclude(command__state__in=Command.OPEN).select_related("command")
    for row in rows.order_by("pk")[:AT_ONCE]:
        command = row.command
        if command is not None and command.state in (Command.State.ACCEPTED, Command.State.REJECTED):
            continue  # being booked just now
        if command is not None and command.state == Command.State.TIMED_OUT:
            fields: dict[str, Any] = {"state": State.UNCERTAIN}
        else:
            word = command.error_code if command is not None and command.state == Command.State.FAILED else "undelivered"
            fields = {"state": State.REFUSED, "word": word, "ended_at": now}
        Reservation.objects.filter(pk=row.pk, state=State.ASKED).update(**fields)
        yield row.station_id


def _expire(now: datetime) -> Iterable[int]:
    """Those that are over: used, where the card charged there meanwhile and its station did not say by which reservation."""
    rows = Reservation.objects.filter(state__in=Reservation.OPEN, until__lte=now - LATE).select_related("station").order_by("until")
    for row in rows[:AT_ONCE]:
        charges = Transaction.objects.filter(station=row.station_id, id_tag__iexact=row.id_tag, verdict="Accepted")
        charges = charges.filter(started_at__gte=row.created_at, started_at__lte=row.until)
        if row.connector_number:
            charges = charges.filter(connector__number__in=of_same_evse(row.connector_number))
        charge = charges.order_by("started_at").first()
        state, at = (State.USED, charge.started_at) if charge else (State.EXPIRED, row.until)
        Reservation.objects.filter(pk=row.pk, state=row.state).update(state=state, transaction=charge, ended_at=at)
        yield row.station_id
