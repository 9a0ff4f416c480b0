"""May this card charge here, now? A trial of the decision: nothing is written, and no provider is really asked."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from passes.authorizing import authorize, facts_of, listings_at, used
from passes.decision import ListingFact, decide
from passes.models import ChargePass, Provider, RoamingToken, normalize_uid
from stations.hooks import START, Offer, Verdict, place_of
from stations.models import Station
from tenancy.actions.moves import keys
from tenancy.models import User
from tenancy.rights import MANAGE_NETWORKS, PERSONAL_DATA

MOST_NUMBERED = 2  # with one number: more than one is not one card


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


def whitelisted(station: Station, charge_pass: ChargePass) -> Verdict:
    """What the verdict would be if this pass were on the whitelist of the station's organization."""
    place = place_of(station)
    offer = Offer(place, charge_pass.uid, timezone.now(), None, START, live=False)
    own = listings_at([charge_pass.organization.path], Q(charge_pass=charge_pass.pk))
    fact = next((one.charge_pass for found in own.values() for one in found), None)
    if fact is None:  # deleted at this moment
        return authorize([offer])[0]
    listing = ListingFact(
        key=0, organization_path=place.organization_path, whitelist=True, roaming_free=False, below=False, charge_pass=fact
    )  # fmt: skip
    limited = [limits for limits in fact.limits if limits.daily_kwh is not None or limits.monthly_kwh is not None]
    energy = {(one.record, one.key): used(one.record, one.key, offer.at, place.time_zone) for one in limited}
    (facts,) = facts_of([offer])
    return decide(offer, facts._replace(listings=[listing, *facts.listings], used=energy))


def numbered(user: User, station: Station, typed: str) -> list[str]:
    """UIDs of cards with this contract id or visible number, of networks that are connected at the station's organization or above and
    whose cards `user` may see: to others a printed number must not tell what a reader accepts. They are looked for as written and
    without separators, the whole of it: that is what an index finds among millions."""
    uid = normalize_uid(typed)
    bare = uid.replace("*", "")
    written = {typed, typed.upper(), bare, *_usual(bare)} - {""}
    seen = Provider.objects.visible_to(user, MANAGE_NETWORKS).visible_to(user, PERSONAL_DATA)
    providers = list(seen.filter(active=True, organization__in=keys(station.location.organization.path)).values_list("pk", flat=True))
    tokens = RoamingToken.objects.filter(provider__in=providers).order_by()
    if tokens.filter(uid=uid).exists():
        return [uid]
    found: set[str] = set()
    for same in (Q(contract_id__in=written), Q(visual_number__in=written)):
        found |= {*tokens.filter(same).values_list("uid", flat=True).distinct()[:MOST_NUMBERED]}
    return sorted(found)


def _usual(bare: str) -> list[str]:
    """A contract id as it is mostly written: NL-TNM-C12345678-X, without its check digit, with stars."""
    parts = [bare[:2], bare[2:5], bare[5:]]
    if not (bare.isalnum() and parts[0].isalpha() and len(parts[2]) > 1):
        return []
    return [mark.join(each) for mark in "-*" for each in (parts, [*parts[:2], parts[2][:-1], parts[2][-1]])]
