"""How a configuration differs from another one, or from a template."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from django.utils.translation import gettext as _

from stations.configuration.catalogue import GROUPS, group_of, known
from stations.configuration.values import MASK, is_secret, same
from stations.models import ConfigurationKey, DeviceVariable
from stations.models.device import ACTUAL
from stations.ocpp.versions import WITH_VARIABLES, key_in

SAME, DIFFERS, MISSING, EXTRA, HIDDEN = "same", "differs", "missing", "extra", "hidden"


class Value(NamedTuple):
    """A key of a station as it was last read."""

    value: str
    readonly: bool = False


Reading = Mapping[str, Value]  # by key


class Difference(NamedTuple):
    """`here` and `there` are None where there is no such key. MISSING: it is not here; EXTRA: not there; HIDDEN: secrets, which nobody
    compares. `readonly`: it cannot be changed here."""

    key: str
    kind: str
    here: str | None
    there: str | None
    readonly: bool = False
    readonly_there: bool = False


def readings(stations: Collection[int]) -> dict[int, dict[str, Value]]:
    """The configurations of many stations as they were last read, in two queries. For stations that were read through the door."""
    found: dict[int, dict[str, Value]] = {}
    keys = ConfigurationKey.objects.filter(station__in=stations).exclude(station__ocpp_version__in=WITH_VARIABLES).order_by()
    for station, key, value, readonly in keys.values_list("station_id", "key", "value", "readonly"):
        found.setdefault(station, {})[key] = Value(value, readonly)
    variables = DeviceVariable.objects.filter(station__in=stations, attribute=ACTUAL, station__ocpp_version__in=WITH_VARIABLES).order_by()
    for station, key, value, mutability in variables.values_list("station_id", "key", "value", "mutability"):
        found.setdefault(station, {})[key] = Value(value, mutability == "ReadOnly")
    return found


def differences(here: Reading, there: Reading, version: str = "") -> list[Difference]:
    """Of all keys of both, in the order of the groups."""
    return [_difference(key, here.get(key), there.get(key), version) for key in in_order({*here, *there}, version)]


def _difference(key: str, here: Value | None, there: Value | None, version: str) -> Difference:
    if is_secret(key, version) or MASK in (here and here.value, there and there.value):
        kind = HIDDEN
    elif here is None or there is None:
        kind = MISSING if here is None else EXTRA
    else:
        kind = SAME if same(known(key, version), here.value, there.value) else DIFFERS
    return Difference(
        key,
        kind,
        here.value if here else None,
        there.value if there else None,
        bool(here and here.readonly),
        bool(there and there.readonly),
    )


def against(entries: Mapping[str, str], here: Reading, version: str = "") -> list[Difference]:
    """What a template wants (`there`) and the station has (`here`). Capitals do not matter in keys; a key is called as the station does,
    also where another version calls it otherwise: where a template has the words of both, those of its version count."""
    spelt, wanted = {key.casefold(): key for key in here}, dict[str, Value]()
    for key, value in sorted(entries.items(), key=lambda one: key_in(version, one[0]) == one[0]):
        own = key_in(version, key)
        wanted[spelt.get(own.casefold(), own)] = Value(value)
    return differences({key: value for key, value in here.items() if key in wanted}, wanted, version)


def to_set(found: Iterable[Difference]) -> list[tuple[str, str]]:
    """(key, value) of what has to be set here, and can be, to be as there."""
    return [(one.key, one.there or "") for one in found if one.kind == DIFFERS and not one.readonly]


def left_out(found: Iterable[Difference]) -> list[tuple[str, str]]:
    """(key, why in a word or two) of what would have to be set here, and cannot be."""
    return [(one.key, why) for one in found if (why := _why_left(one))]


def _why_left(one: Difference) -> str:
    if one.kind == MISSING or (one.kind == HIDDEN and one.here is None):
        return _("not known")
    if one.kind == HIDDEN:
        return _("cannot be compared")
    return _("read-only") if one.kind == DIFFERS and one.readonly else ""


def in_order(keys: Collection[str], version: str = "") -> list[str]:
    """By group, in a group those of the catalogue as it has them, then the others by name."""
    from stations.configuration.catalogue import catalogue

    groups, places = list(GROUPS), {folded: place for place, folded in enumerate([*catalogue(), *catalogue("2.0.1")])}

    def place(key: str) -> tuple[int, int, str]:
        entry = known(key, version)
        return groups.index(group_of(key, version)), places[entry.key.casefold()] if entry else len(places), key.casefold()

    return sorted(keys, key=place)
