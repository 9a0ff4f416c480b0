"""Technical data of a model: what a hardware template says of a station and of each of its connectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from stations.models import Connector, CurrentType, HardwareTemplate, Station

TECHNICAL = ("current_type", "phases", "voltage", "max_current", "communication")
# Field of a connector -> what it is called in a template
OF_CONNECTORS = {"format": "format", "plug": "plug", "max_current": "connector_current"}
PLUG_LENGTH = 20  # as Connector.plug


def several(text: str) -> list[str]:
    """What stands between the semicolons: "CCS; CHAdeMO" as ["CCS", "CHAdeMO"]."""
    return [part.strip() for part in text.split(";")] if text.strip() else []


def together(values: Sequence[Any]) -> str:
    """The other way round: once where all are alike."""
    texts = ["" if value is None else str(value) for value in values]
    return texts[0] if texts and len(set(texts)) == 1 else ";".join(texts)


def spread(values: Sequence[Any], count: int) -> list[Any]:
    """One value for each of `count` connectors; one alone stands for all of them. ValidationError where the numbers do not fit."""
    if len(values) == 1:
        return list(values) * count
    if len(values) != count:
        raise ValidationError(
            _("Write one value for all connectors, or one for each with ; between: there are %(connectors)d connectors, not %(values)d.")
            % {"connectors": count, "values": len(values)}
        )
    return list(values)


def plugs_of(text: str, count: int) -> list[str]:
    """The plug of each connector, as it is written where there is one field for all."""
    plugs = spread(several(text) or [""], count)
    if any(len(plug) > PLUG_LENGTH for plug in plugs):
        raise ValidationError(_("A plug has at most %d characters.") % PLUG_LENGTH)
    return plugs


def of_connectors(template: HardwareTemplate) -> list[dict[str, Any]]:
    """The fields of each connector of which the template says something."""
    return [
        _said({"format": template.format, "plug": plug, "max_current": template.connector_current})
        for plug in plugs_of(template.plug, template.connectors)
    ]


def of_station(template: HardwareTemplate) -> dict[str, Any]:
    """The fields of a station of which the template says something."""
    return _said({name: getattr(template, name) for name in TECHNICAL})


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", None)}


def as_template(station: Station, connectors: Sequence[Connector]) -> dict[str, Any]:
    """The fields of a template that describes this station, with these connectors (0 is left out)."""
    own = [connector for connector in connectors if connector.number]
    currents = {connector.max_current for connector in own}
    plugs = together([connector.plug for connector in own])
    name = " ".join(part for part in (station.vendor, station.model) if part) or str(station)
    return {
        "name": name[:80], "vendor": station.vendor, "model": station.model, **{name: getattr(station, name) for name in TECHNICAL},
        "connectors": max(1, len(own)), "format": own[0].format if own else Connector.Format.SOCKET.value,
        "plug": plugs if len(plugs) <= PLUG_LENGTH else (own[0].plug if own else ""),
        "connector_current": currents.pop() if len(currents) == 1 else None,
    }  # fmt: skip


_AC_ONLY = frozenset({"type1", "type2", "type3", "schuko", "cee", "cee16", "cee32"})
_DC_ONLY = ("ccs", "combo", "chademo")


def unfit(current_type: str, format: str, plugs: Sequence[str]) -> dict[str, str]:
    """Why connectors like these cannot give this current, by field. One of several plugs may be for the other current."""
    found, names = {}, [re.sub(r"[\s_-]", "", plug.casefold()) for plug in plugs if plug]
    if current_type == CurrentType.DC:
        if format == Connector.Format.SOCKET:
            found["format"] = _("DC comes through a cable that is fixed to the station. Choose the cable.")
        if names and all(name in _AC_ONLY for name in names):
            found["plug"] = _("%s gives AC only. Enter CCS, CHAdeMO or the like, or choose AC as the current.") % plugs[0]
    elif names and all(name.startswith(_DC_ONLY) for name in names):
        found["plug"] = _("%s gives DC only. Choose DC as the current, or enter another plug.") % plugs[0]
    return found


class Change(NamedTuple):
    """What taking a template over does: to the station, or to its connector `number`. `before` is None where the connector is new."""

    number: int
    field: str
    before: Any
    after: Any


def what_changes(template: HardwareTemplate, station: Station, connectors: Sequence[Connector]) -> list[Change]:
    """Connectors that are missing are added, those beyond the template stay as they are, and so does what it leaves empty."""
    found = [
        Change(0, name, getattr(station, name), value) for name, value in of_station(template).items() if getattr(station, name) != value
    ]
    there = {connector.number: connector for connector in connectors}
    for number, fields in enumerate(of_connectors(template), 1):
        if number not in there:
            found.append(Change(number, "", None, None))
        for name, value in fields.items():
            before = getattr(there[number], name) if number in there else None
            if before != value:
                found.append(Change(number, name, before, value))
    return found


def power_of(template: HardwareTemplate) -> int | None:
    """Watts of a connector; None when unknown."""
    current = template.connector_current or template.max_current
    return current * template.voltage * (template.phases if template.current_type == CurrentType.AC else 1) if current else None
