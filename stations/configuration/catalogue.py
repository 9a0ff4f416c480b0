"""Known configuration keys: what each does, in which unit, and what may be typed.

`known(key, version)` is the only way in. The keys of a version stand in a module of their own (keys16), so that those of another one are
added beside them. A key that is not known is of the make of the station: it has no entry, and any value can be typed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

Text = str | Promise

NUMBER, SWITCH, CHOICE, LIST, TEXT, SECRET = "number", "switch", "choice", "list", "text", "secret"
CORE, LOCAL_LIST, RESERVATION, SMART, FIRMWARE, SECURITY, VENDOR = "core", "list", "reservation", "smart", "firmware", "security", "vendor"

# In the order in which they are shown
GROUPS: dict[str, Text] = {
    CORE: lazy("Charging and connection"),
    LOCAL_LIST: lazy("Local list"),
    RESERVATION: lazy("Reservations"),
    SMART: lazy("Smart charging"),
    FIRMWARE: lazy("Firmware and logs"),
    SECURITY: lazy("Security"),
    VENDOR: lazy("Keys of the make"),
}


@dataclass(frozen=True)
class Known:
    """`text` says in one sentence what it does; `zero` what 0 means where that is not simply nothing. `least` and `most` are what makes
    sense, not what a station must take. `readonly` is by the standard. `warning` says what a wrong value does; one that `cuts_off` may
    keep the station away for good."""

    key: str
    group: str
    name: Text
    text: Text
    kind: str
    unit: str = ""
    least: int | None = None
    most: int | None = None
    zero: Text = ""
    choices: tuple[tuple[str, Text], ...] = field(default=())
    readonly: bool = False
    reboot: bool = False
    warning: Text = ""
    cuts_off: bool = False


def known(key: str, version: str = "") -> Known | None:
    """The entry of `key` in the OCPP `version` of a station ("1.6"; empty: it never told). Capitals do not matter."""
    return catalogue(version).get(key.casefold())


@lru_cache(4)
def catalogue(version: str = "") -> dict[str, Known]:
    """All entries of a version, by folded key."""
    from stations.configuration import keys16

    return {entry.key.casefold(): entry for entry in keys16.KEYS}


def group_of(key: str, version: str = "") -> str:
    found = known(key, version)
    return found.group if found else VENDOR
