"""Cards of providers as rows. What a provider tells of its cards is kept as it tells it, with its own `last_updated`; no audit entry is
written for each of millions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from django.db import transaction

from passes.models import Provider, RoamingToken
from passes.ocpi.objects import Card

_PARTY = re.compile(r"[A-Za-z]{2}\*[A-Za-z0-9]{3}")
_FIELDS = (
    "told_uid", "country_code", "party_id", "contract_id", "visual_number", "issuer", "group_id", "valid", "whitelist", "language",
    "last_updated",
)  # fmt: skip


class Kept(NamedTuple):
    added: int = 0
    changed: int = 0
    older: int = 0  # than what is here: answered, not applied


def takes(provider: Provider, country_code: str, party_id: str) -> bool:
    """Whether a provider may tell of cards of this party: of its own, and one that stands for a network of many of any."""
    if provider.ask_unknown:
        return bool(_PARTY.fullmatch(f"{country_code}*{party_id}"))
    return (country_code.upper(), party_id.upper()) == (provider.country_code, provider.party_id)


@transaction.atomic
def keep(provider: Provider, cards: Iterable[Card]) -> Kept:
    """Writes the cards of one message or page: a constant number of queries. Of one card told of twice the newer counts."""
    wanted: dict[tuple[str, str], Card] = {}
    for card in cards:
        before = wanted.get((card.uid, card.type))
        if before is None or card.last_updated >= before.last_updated:
            wanted[(card.uid, card.type)] = card
    if not wanted:
        return Kept()
    rows = RoamingToken.objects.select_for_update().filter(provider=provider, uid__in={uid for uid, _type in wanted}).order_by("pk")
    known = {(uid, kind): updated for uid, kind, updated in rows.values_list("uid", "type", "last_updated")}
    newer = [card for key, card in wanted.items() if key not in known or card.last_updated >= known[key]]
    RoamingToken.objects.bulk_create(
        [_row(provider, card) for card in newer], update_conflicts=True, unique_fields=["uid", "provider", "type"], update_fields=_FIELDS
    )
    added = sum((card.uid, card.type) not in known for card in newer)
    return Kept(added, len(newer) - added, len(wanted) - len(newer))


def _row(provider: Provider, card: Card) -> RoamingToken:
    own = card.is_of(provider.country_code, provider.party_id)
    party = {} if own else {"country_code": card.country_code, "party_id": card.party_id}
    return RoamingToken(provider=provider, uid=card.uid, type=card.type, **card.fields, **party)
