"""Plug and charge: a station reads the contract of a car (eMAID, ISO 15118) and no card. It stands for the card of that contract: the pass
that has it as its visible number, or a network's card with this contract id."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from passes.models import ChargePass, Provider, RoamingToken
from stations.hooks import Offer

EMAID = "eMAID"


def forms_of(contract: str) -> list[str]:
    """How a contract id may be written: with separators or without, and without its check digit. The first one has no separators."""
    plain = re.sub(r"[\s*\-]", "", contract).upper()
    forms = [plain]
    if len(plain) in (14, 15):
        country, party, rest = plain[:2], plain[2:5], plain[5:14]
        forms += [plain[:14], f"{country}-{party}-{rest}", f"{country}*{party}*{rest}"]
        if check := plain[14:]:
            forms += [f"{country}-{party}-{rest}-{check}", f"{country}*{party}*{rest}*{check}"]
    return list(dict.fromkeys([contract, *forms]))


def by_contract(offers: Sequence[Offer]) -> list[Offer]:
    """The offers with the UID of the card in place of its contract; what no card is known for stays as it is. No query where no contract
    was offered."""
    contracts = {offer.id_tag: forms_of(offer.id_tag) for offer in offers if offer.id_type == EMAID}
    if not contracts:
        return list(offers)
    lines = {key for offer in offers if offer.id_type == EMAID for key in _keys(offer.place.organization_path)}
    every = {form for forms in contracts.values() for form in forms}
    known = _of_networks(every, lines) | _of_passes(every, lines)
    found = {tag: next((known[form] for form in forms if form in known), tag) for tag, forms in contracts.items()}
    return [offer._replace(id_tag=found[offer.id_tag]) if offer.id_type == EMAID else offer for offer in offers]


def _of_passes(forms: Collection[str], lines: Collection[int]) -> dict[str, str]:
    rows = ChargePass.objects.filter(organization__in=lines, visible_number__in=forms).order_by("-pk")
    return dict(rows.values_list("visible_number", "uid"))


def _of_networks(forms: Collection[str], lines: Collection[int]) -> dict[str, str]:
    providers = list(Provider.objects.filter(active=True, organization__in=lines).values_list("pk", flat=True))
    rows = RoamingToken.objects.filter(provider__in=providers, contract_id__in=forms).order_by("-valid", "pk") if providers else []
    return dict(reversed([(row.contract_id, row.uid) for row in rows]))  # one that is valid before others


def _keys(path: str) -> list[int]:
    return [int(part) for part in path.strip("/").split("/")]
