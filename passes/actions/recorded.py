"""Restrictions and lists as the record keeps them: readable later, and by those alone who may see the places and the pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from passes.models import Listing
from passes.models.restrictions import hours_in_words
from stations.models import Location, Station
from tenancy import audit
from tenancy.models import User
from tenancy.personal import MASK

_PLACES: dict[str, Any] = {
    "only_stations": Station.objects.select_related("location__organization"),
    "only_locations": Location.objects.select_related("organization"),
}


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    """As `audit.differences`, with places and times in place of keys and windows."""
    found = audit.differences(before, after)
    for name in _PLACES.keys() & found.keys():
        sides = [values.get(name) or [] for values in (before, after)]
        rows = {row.pk: audit.named(row) for row in _PLACES[name].filter(pk__in={key for side in sides for key in side})}
        found[name] = [[rows.get(key, str(key)) for key in side] for side in sides]
    if "hours" in found:
        found["hours"] = [hours_in_words(values.get("hours") or []) for values in (before, after)]
    return found


def record_lists(actor: User | None, verb: str, written: Iterable[tuple[Listing, dict[str, Any]]]) -> None:
    """At the organization of each pass, which those above it read too; and where the list is of an organization below, there too. Those do
    not learn what a pass of an organization above is called."""
    rows = [(listing.charge_pass, listing.charge_pass.organization, listing.organization, changes) for listing, changes in written]
    audit.record_each(actor, verb, [(one, own, changes) for one, own, _at, changes in rows])
    below = [(one, at, changes) for one, own, at, changes in rows if not own.path.startswith(at.path)]
    audit.record_each(actor, verb, below, name=MASK)
