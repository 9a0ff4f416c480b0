"""Restrictions as the record keeps them: readable later, and by those alone who may see the places."""

from __future__ import annotations

from typing import Any

from passes.models.restrictions import hours_in_words
from stations.models import Location, Station
from tenancy import audit

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
