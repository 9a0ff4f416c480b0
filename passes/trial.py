"""May this card charge here, now? A trial of the decision: nothing is written, and no provider is really asked."""

from __future__ import annotations

from typing import NamedTuple

from django.utils import timezone

from passes.authorizing import authorize
from passes.models import normalize_uid
from stations.hooks import START, Offer, Verdict, place_of
from stations.models import Station


class Trial(NamedTuple):
    """`asks` are the providers that would be asked in real time if the card were held to the reader: their answer would count."""

    station: Station
    uid: str
    connector: int | None
    verdict: Verdict
    asks: tuple[int, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.verdict.status == "Accepted"


def attempt(station: Station, uid: str, connector: int | None = None) -> Trial:
    """The verdict for starting a charge at `station` (with location and organization) now, by what is known without asking anybody."""
    uid, place, now = normalize_uid(uid), place_of(station), timezone.now()
    asking, known = authorize([Offer(place, uid, now, connector, START, live) for live in (True, False)])
    return Trial(station, uid, connector, known, asking.ask)
