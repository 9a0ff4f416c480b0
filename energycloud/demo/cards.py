"""The demo's passes, the lists they stand on, their users and groups, and a card provider whose cards roam."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from energycloud.demo import data
from passes.actions import create_group
from passes.authorizing import authorize
from passes.models import ChargePass, Listing, PassGroup, Provider, RoamingPolicy, RoamingToken
from stations.hooks import Offer, place_of
from stations.models import Station
from tenancy.actions import create_user
from tenancy.models import Organization, User

TOKENS = 60  # cards that the provider has told of
STRANGERS = 4  # of them are blocked


def make(rng: random.Random, organizations: dict[str, Organization], now: datetime) -> list[str]:
    """Everything; returns the UIDs of all cards there are."""
    platform = organizations[""]
    tokens = _network(rng, platform)
    groups = {
        (key, name): create_group(actor=None, organization=organizations[key], name=name, group_id=group_id, monthly_kwh=monthly)
        for key, name, group_id, monthly in data.GROUPS
    }
    spare = reversed(tokens)
    made = [
        (_pass(rng, organizations[key], card, next(spare) if card.public else None, groups.get((key, card.group)), now), card)
        for key, described in data.CARDS.items()
        for card in described
    ]
    ChargePass.objects.bulk_create([one for one, _card in made])
    listings = []
    for one, card in made:
        listings.append(Listing(
            charge_pass=one, organization=one.organization, uid=one.uid, whitelist=not card.roaming_free and not card.unlisted,
            roaming_free=card.roaming_free, below=card.below,
        ))  # fmt: skip
        if card.also:
            listings.append(Listing(charge_pass=one, organization=organizations[card.also], uid=one.uid, whitelist=True))
    Listing.objects.bulk_create(listings)
    RoamingPolicy.objects.create(organization=platform, when_silent=RoamingPolicy.Silent.KNOWN)
    return [one.uid for one, _card in made] + [token.uid for token in tokens]


def accepted(station: Station, uids: list[str], now: datetime) -> list[str]:
    """Those of the cards that charge at this station."""
    place = place_of(station)
    verdicts = authorize([Offer(place, uid, now, live=False) for uid in uids])
    return [uid for uid, verdict in zip(uids, verdicts, strict=True) if verdict.status == "Accepted"]


def _network(rng: random.Random, platform: Organization) -> list[RoamingToken]:
    name, country, party = data.PROVIDER
    provider = Provider.objects.create(organization=platform, name=name, country_code=country, party_id=party)
    tokens = []
    for number in range(TOKENS):
        contract = f"{country}{party}C{rng.randint(10_000_000, 99_999_999)}"
        tokens.append(RoamingToken(
            provider=provider, uid=uid(rng), contract_id=contract, issuer=name, valid=number >= STRANGERS,
            visual_number=f"{country}-{party}-C{contract[6:12]}-{contract[-1]}",
        ))  # fmt: skip
    return RoamingToken.objects.bulk_create(tokens)


def _pass(
    rng: random.Random, organization: Organization, card: data.Card, token: RoamingToken | None, group: PassGroup | None, now: datetime
) -> ChargePass:
    made = ChargePass(
        organization=organization, uid=token.uid if token else uid(rng), nickname=card.name, group=group, blocked=card.blocked,
        kind=ChargePass.Kind.PUBLIC if token else ChargePass.Kind.NON_PUBLIC, visible_number=token.visual_number if token else "",
        valid_until=now - timedelta(days=20) if card.expired else None, several_at_once=card.below,
    )  # fmt: skip
    if card.office_hours:
        made.hours = [{"days": [0, 1, 2, 3, 4], "from": "06:30", "to": "20:00"}]
    if card.monthly_kwh:
        made.monthly_kwh = card.monthly_kwh
    if card.holder:
        known = User.objects.filter(organization=organization, name=card.holder).first()
        made.user = known or create_user(actor=None, organization=organization, name=card.holder, email=None, password=None)
    return made


def uid(rng: random.Random) -> str:
    return f"04{rng.getrandbits(48):012X}"
