"""The cards of a batch: what is decided of each, and who has to be asked first."""

from __future__ import annotations

from collections.abc import Sequence

from stations import hooks
from stations.gateway.entries import Entry, Question, Received
from stations.models import Station
from stations.ocpp import events
from stations.ocpp.replies import Card
from stations.plausible import CLOCK_TOLERANCE, effective


def judge(offered: Sequence[tuple[Received, str]]) -> tuple[dict[Received, hooks.Verdict], dict[Entry, Question]]:
    """The verdict on each card that a message carries, in a constant number of queries; and the messages that cannot be booked before
    card providers were asked, with the question."""
    if not offered:
        return {}, {}
    stations = Station.objects.filter(pk__in={entry.state.station_id for entry, _tag in offered}).order_by()
    places = {row[0]: hooks.place_from(*row) for row in stations.values_list(*hooks.PLACE_FIELDS)}
    offers = {}
    for entry, id_tag in offered:
        if place := places.get(entry.state.station_id):
            offers[entry] = _offer(entry, place, id_tag)
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


def said(verdict: hooks.Verdict) -> Card:
    """What a station is told of it."""
    return Card(verdict.status, verdict.expiry, verdict.group_id)


def _offer(entry: Received, place: hooks.Place, id_tag: str) -> hooks.Offer:
    event = entry.event
    if isinstance(event, events.Started):
        at = effective(event.at.at, entry.at) or entry.at
        live = entry.at - at < CLOCK_TOLERANCE
        return hooks.Offer(place, id_tag, at, event.connector, hooks.START, live, entry.advice)
    purpose = hooks.STOP if isinstance(event, events.Ended) else hooks.AUTHORIZE
    return hooks.Offer(place, id_tag, entry.at, None, purpose, True, entry.advice)
