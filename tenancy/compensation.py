"""What an owner gets for a kWh that others charge: each level of the tree has its own, or that of the nearest one above it."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from django.utils import formats

from tenancy.models import Organization

CURRENCY = "EUR"
KINDS = ("compensation_ac", "compensation_dc")


class Given(NamedTuple):
    """`amount` per kWh ex VAT and the organization that set it; None and None where nobody did."""

    amount: Decimal | None = None
    by: Organization | None = None


def given_at(organization: Organization) -> dict[str, Given]:
    """By the names of the fields: what is in force at `organization`, its own or that of the nearest one above. One query."""
    above = list(Organization.objects.filter(pk__in=[*organization.ancestor_ids, organization.pk]))
    above.sort(key=lambda row: -row.depth)
    found: dict[str, Given] = {}
    for kind in KINDS:
        giver = next((row for row in above if getattr(row, kind) is not None), None)
        found[kind] = Given(getattr(giver, kind), giver) if giver else Given()
    return found


def amount_in_words(amount: Decimal | None) -> str:
    """ "0.23 EUR/kWh": with two decimals, or as many as it has."""
    if amount is None:
        return "–"
    exponent = amount.normalize().as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{formats.number_format(amount, decimals)}\N{NO-BREAK SPACE}{CURRENCY}/kWh"
