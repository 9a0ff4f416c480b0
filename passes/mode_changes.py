"""What another access mode means for passes: those that charge at some stations and then no longer do, and the other way round.

It asks the decision itself, as passes.reach does: what is true at some times of the week, or until an amount of energy, counts as true. A
constant number of queries, whatever the number of passes and stations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from passes.authorizing import Everything, everything_at, line
from passes.decision import Facts, ListingFact, decide, speaking
from passes.models import ChargePass, Listing
from passes.reach import ROAMED, of_places
from stations.hooks import Card, ModeEffect, Offer, Place
from stations.models import Settlement
from tenancy.models import User
from tenancy.personal import sees

MOST = 40_000  # listings that are looked at; of more nothing is counted
NAMED = 20


def changed_by_mode(user: User, changes: Sequence[tuple[Place, str]]) -> ModeEffect:
    """See stations.hooks.Cards. Only passes that `user` may see are counted: what stands above them, or beside, is not theirs to know."""
    groups: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for place, after in changes:
        groups[place.organization_path, place.access_mode, after].append(place)
    lines = {above for path, _before, _after in groups for above in line(path)}
    if not groups or Listing.objects.filter(organization__path__in=lines).count() > MOST:
        return ModeEffect(counted=not groups)
    known = everything_at(lines)
    mine = set(ChargePass.objects.visible_to(user).filter(listings__organization__path__in=lines).order_by().values_list("pk", flat=True))
    looked = _Look(known, mine, timezone.now())
    for (path, before, after), places in groups.items():
        looked.at(path, places, before, after)
    return looked.effect(user)


class _Look:
    def __init__(self, known: Everything, mine: set[int], now: datetime) -> None:
        self.known, self.mine, self.now = known, mine, now
        self.by_path: dict[str, list[str]] = defaultdict(list)
        for uid, listings in known.listings.items():
            for one in listings:
                self.by_path[one.organization_path].append(uid)
        self.listed: set[int] = set()
        self.worked: set[int] = set()
        self.stop: set[int] = set()
        self.begin: set[int] = set()
        self.paid: set[int] = set()
        self.free: set[int] = set()

    def at(self, path: str, places: Sequence[Place], before: str, after: str) -> None:
        by_location: dict[int, set[int]] = defaultdict(set)
        for place in places:
            by_location[place.location].add(place.station)
        policy = next((self.known.policies[above] for above in reversed(line(path)) if above in self.known.policies), ("refuse", 0))
        one = places[0]
        for uid in {uid for above in line(path) for uid in self.by_path.get(above, ())}:
            listings = self.known.listings[uid]
            spoken = speaking(path, listings)
            if spoken is None or spoken.charge_pass.key not in self.mine:
                continue
            facts = Facts(listings, self.known.tokens.get(uid, ()), self.known.providers, *policy)
            facts = of_places(facts, _inside(spoken, by_location), times=False)
            forms = [_form(Offer(one._replace(access_mode=mode), uid, self.now), facts) for mode in (before, after)]
            self._keep(spoken.charge_pass.key, *forms)

    def _keep(self, key: int, was: str, becomes: str) -> None:
        self.listed.add(key)
        if was:
            self.worked.add(key)
        if was and not becomes:
            self.stop.add(key)
        elif becomes and not was:
            self.begin.add(key)
        elif becomes in ROAMED and was not in ROAMED:
            self.paid.add(key)
        elif was in ROAMED and becomes not in ROAMED:
            self.free.add(key)

    def effect(self, user: User) -> ModeEffect:
        some = ChargePass.objects.visible_to(user).filter(pk__in=sorted(self.stop)[: NAMED * 5]).select_related("organization")
        cards = (Card(str(one), one.get_absolute_url()) if sees(user, one) else Card(hidden=True) for one in some[:NAMED])
        return ModeEffect(
            len(self.listed), len(self.worked), len(self.stop), len(self.begin), len(self.paid), len(self.free), tuple(cards),
            bool(self.known.networks),
        )  # fmt: skip


def _inside(spoken: ListingFact, by_location: dict[int, set[int]]) -> bool:
    """Whether the places to which a pass is restricted have one of these stations."""
    every = {station for stations in by_location.values() for station in stations}
    left: Iterable[Any] = every
    for limits in spoken.charge_pass.limits:
        if limits.only_stations or limits.only_locations:
            there = every & set(limits.only_stations)
            there |= {station for location in limits.only_locations for station in by_location.get(location, ())}
            left = there & set(left)
    return bool(left)


def _form(offer: Offer, facts: Facts) -> str:
    """How the card charges, a Settlement; empty: it does not."""
    verdict = decide(offer, facts)
    return str(Settlement.ROAMING) if verdict.ask else verdict.settlement
