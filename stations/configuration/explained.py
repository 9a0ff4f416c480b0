"""The catalogue for the help: each known key in words."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext as _

from stations.configuration.catalogue import DECIMAL, GROUPS, LIST, NUMBER, SECRET, SWITCH, Known, Text, catalogue
from stations.configuration.values import range_of


class Explained(NamedTuple):
    entry: Known
    takes: str  # what may be typed


def configuration_keys(version: str = "") -> list[tuple[Text, list[Explained]]]:
    """(group, its keys), in their order."""
    entries = list(catalogue(version).values())
    found = [(label, [Explained(entry, takes(entry)) for entry in entries if entry.group == slug]) for slug, label in GROUPS.items()]
    return [(label, keys) for label, keys in found if keys]


def takes(entry: Known) -> str:
    if entry.kind == DECIMAL:
        return range_of(entry) or _("A number.")
    if entry.kind == NUMBER:
        if entry.least is None or entry.most is None:
            said = [_("A number, in %s.") % entry.unit if entry.unit not in ("", "×") else _("A number.")]
        else:
            said = [range_of(entry)]
        return " ".join([*said, f"0: {entry.zero}."] if entry.zero else said)
    if entry.kind == SWITCH:
        return _("On or off (true or false).")
    if entry.kind == SECRET:
        return _("Secret: it is never shown.")
    if entry.kind == LIST:
        return _("Several of: %s.") % ", ".join(str(label) for _name, label in entry.choices)
    if entry.choices:
        return ", ".join(f"{name}: {label}" for name, label in entry.choices) + "."
    return _("Text.")
