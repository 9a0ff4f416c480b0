"""The cards of a batch: what is decided of each, and who has to be asked first."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stations import hooks
from stations.gateway.entries import Entry, Question, Received
from stations.models import AccessMode, Settlement, Station
from stations.ocpp import events
from stations.ocpp.replies import Card
from stations.plausible import CLOCK_TOLERANCE, effective

# Where no card is held to a station: it lets everybody charge, or it should not have charged
FREE = hooks.Verdict("Accepted", "no_authorization", settlement=Settlement.OPEN)
NO_CARD = hooks.Verdict("", "no_card")


def judge(
    offered: Sequence[tuple[Received, str]], charges: Collection[Received] = ()
) -> tuple[dict[Received, hooks.Verdict], dict[Entry, Question]]:
    """The verdict on each card that a message carries, in a constant number of queries; and the messages that cannot be booked before
    card providers were asked, with the question. `charges`: those reports of transactions whose card would be the one that charges."""
    if not offered:
        return {}, {}
    stations = Station.objects.filter(pk__in={entry.state.station_id for entry, _tag in offered}).order_by()
    places = {row[0]: hooks.place_from(*row) for row in stations.values_list(*hooks.PLACE_FIELDS)}
    offers = {}
    for entry, id_tag in offered:
        if place := places.get(entry.state.station_id):
            offers[entry] = _offer(entry, place, id_tag, entry in charges)
    verdicts = {entry: hooks.Verdict("Invalid", "unknown") for entry, _tag in offered}  # of a station that is deleted meanwhile
    verdicts.update(zip(offers, hooks.authorize(list(offers.values())), strict=True))
    questions: dict[Entry, Question] = {}
    if hooks.inquirer:
        questions = {
            entry: Question(offers[entry], verdict.ask)
            for entry, verdict in verdicts.items()
            if verdict.ask and entry.future is not None and entry.advice is None
        }
    return verdicts, questions


def without_card(stations: Collection[int]) -> dict[int, hooks.Verdict]:
    """What holds where nobody held a card to the station and it charged all the same: free where everybody may charge."""
    if not stations:
        return {}
    rows = Station.objects.filter(pk__in=stations).order_by().values_list(*hooks.PLACE_FIELDS)
    places = [hooks.place_from(*row) for row in rows]
    return {place.station: FREE if place.access_mode == AccessMode.OPEN else NO_CARD for place in places}


def said(verdict: hooks.Verdict) -> Card:
    """What a station is told of it."""
    return Card(verdict.status, verdict.expiry, verdict.group_id, verdict.reason)


def _offer(entry: Received, place: hooks.Place, id_tag: str, charges: bool) -> hooks.Offer:
    event = entry.event
    if isinstance(event, events.Started):
        at = effective(event.at.at, entry.at) or entry.at
        live = entry.at - at < CLOCK_TOLERANCE
        return hooks.Offer(place, id_tag, at, event.connector, hooks.START, live, entry.advice)
    if isinstance(event, events.TransactionReport):
        at = effective(event.at.at, entry.at) or entry.at
        live = entry.at - at < CLOCK_TOLERANCE and not event.offline
        purpose = hooks.START if charges else hooks.STOP
        return hooks.Offer(place, id_tag, at, event.connector or None, purpose, live, entry.advice, event.id_type)
    purpose = hooks.STOP if isinstance(event, events.Ended) else hooks.AUTHORIZE
    return hooks.Offer(place, id_tag, entry.at, None, purpose, True, entry.advice, getattr(event, "id_type", ""))
