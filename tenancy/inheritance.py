"""What an organization has from those above it: the value that counts, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tenancy.models import Organization


class Inherited(NamedTuple):
    """`source` is the organization that has set `value`; None where nobody has."""

    value: Any
    source: Organization | None


def chain(path: str) -> list[Organization]:
    """The organization with this path and those above it, the nearest first. One query."""
    keys = [int(part) for part in path.strip("/").split("/") if part]
    found = Organization.objects.select_related("logo").in_bulk(keys)
    return [found[pk] for pk in reversed(keys) if pk in found]


def inherited(nearest_first: Sequence[Organization], field: str) -> Inherited:
    for organization in nearest_first:
        if (value := getattr(organization, field)) not in (None, "", False):
            return Inherited(value, organization)
    return Inherited(None, None)
