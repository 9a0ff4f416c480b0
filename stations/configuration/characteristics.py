"""What a value may be, by the catalogue and by what the station itself tells of its variable."""

from __future__ import annotations

from dataclasses import replace

from stations.configuration.catalogue import CHOICE, DECIMAL, LIST, NUMBER, SECRET, SWITCH, TEXT, VENDOR, Known, known
from stations.configuration.values import is_secret, parts
from stations.models import ConfigurationKey, DeviceVariable

Row = ConfigurationKey | DeviceVariable
# DataEnumType -> kind
_KINDS = {
    "boolean": SWITCH, "integer": NUMBER, "decimal": DECIMAL, "OptionList": CHOICE, "MemberList": LIST, "SequenceList": LIST,
    "string": TEXT, "dateTime": TEXT,
}  # fmt: skip
_UNITS = {"Celsius": "°C", "Percent": "%", "s": "s", "Fahrenheit": "°F"}


def entry_of(row: Row) -> Known | None:
    """The entry of the catalogue, with the data type, unit, limits and values that the station tells; None where nobody says anything.
    Without a name where the catalogue does not know it."""
    entry = known(row.key)
    if not isinstance(row, DeviceVariable):
        return entry
    base = entry or Known(row.key, VENDOR, "", "", TEXT)
    if row.hidden or is_secret(row.key):
        return replace(base, kind=SECRET, choices=())
    if not row.data_type:
        return replace(base, unit=_unit(row, base)) if entry or row.unit else None
    kind, told = _KINDS.get(row.data_type, TEXT), tuple(dict.fromkeys(parts(row.choices)))
    labels = {name.casefold(): label for name, label in base.choices}
    choices = tuple((name, labels.get(name.casefold(), name)) for name in told) or (base.choices if kind in {CHOICE, LIST} else ())
    if kind in {CHOICE, LIST} and not choices:
        kind = TEXT
    if kind == TEXT and base.kind in {CHOICE, LIST} and base.choices:  # told as text, known as one of a few
        kind, choices = base.kind, base.choices
    if kind == NUMBER and row.least is not None and row.least < 0:
        kind = DECIMAL
    least, most = (row.least, row.most) if kind in {NUMBER, DECIMAL} else (None, None)
    return replace(
        base, kind=kind, unit=_unit(row, base), choices=choices,
        least=_whole(least) if least is not None else base.least if kind == NUMBER else None,
        most=_whole(most) if most is not None else base.most if kind == NUMBER and base.least is not None else None,
    )  # fmt: skip


def _unit(row: DeviceVariable, base: Known) -> str:
    return unit_shown(row.unit) or base.unit


def unit_shown(unit: str) -> str:
    """A unit as people write it."""
    return _UNITS.get(unit, unit)


def _whole(number: float) -> float | int:
    return int(number) if number.is_integer() else number
