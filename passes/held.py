"""A card held to stations in thought: what each of them would answer now, gathered by how it charges and who pays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from passes.authorizing import authorize
from passes.reasons import REASONS
from stations.hooks import Offer, Verdict, place_of
from stations.models import Settlement, Station

MOST = 200  # stations that are decided on
NAMED = 5  # of each way, by name
ASKED, REFUSED = "asked", "refused"

# How it charges -> which of the six states, in words, and who pays
WAYS: dict[str, tuple[str, str | Promise, str | Promise]] = {
    str(Settlement.WHITELIST): ("available", _("Free"), _("The driver pays nothing; the owner of the station pays.")),
    str(Settlement.OPEN): ("available", _("Free, as any card"), _("The station is open to any card: its owner pays.")),
    str(Settlement.ROAMING_FREE): ("busy", _("Roaming free"), _("The holder of the card pays, without the roaming surcharge.")),
    str(Settlement.ROAMING): ("busy", _("Roaming"), _("The holder of the card pays the card provider.")),
    ASKED: ("waiting", _("Its provider is asked"), _("The card provider is asked each time. If it agrees, the holder of the card pays.")),
    REFUSED: ("off", _("Not accepted"), ""),
}  # fmt: skip


class Way(NamedTuple):
    """Stations at which a card charges in the same way."""

    state: str
    word: str | Promise
    pays: str | Promise  # who does; where it is refused, why
    total: int
    stations: list[Station]  # the first of them
    more: int


def verdicts(uid: str, stations: Iterable[Station]) -> list[Verdict]:
    """What each station would hear of this card now. Their locations and organizations must be loaded."""
    now = timezone.now()
    return authorize([Offer(place_of(station), uid, now) for station in stations])


def ways(decided: Iterable[tuple[Station, Verdict]]) -> list[Way]:
    """The stations by how the card charges there."""
    grouped: dict[tuple[str, str], list[Station]] = {}
    for station, verdict in decided:
        grouped.setdefault(_way(verdict), []).append(station)
    order = list(WAYS)
    made = []
    for (way, reason), stations in sorted(grouped.items(), key=lambda pair: (order.index(pair[0][0]), -len(pair[1]))):
        state, word, pays = WAYS[way]
        pays = REASONS.get(reason, reason) if reason else pays
        made.append(Way(state, word, pays, len(stations), stations[:NAMED], max(len(stations) - NAMED, 0)))
    return made


def _way(verdict: Verdict) -> tuple[str, str]:
    if verdict.status == "Accepted":
        return verdict.settlement, ""
    return (ASKED, "") if verdict.ask else (REFUSED, verdict.reason)
