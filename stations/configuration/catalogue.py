"""Known configuration keys: what each does, in which unit, and what may be typed.

`known(key, version)` is the only way in. The keys of OCPP 1.6 stand in keys16, the variables of 2.0.1 in keys201: what is written
Component/Variable is one of those. A key that is not known is of the make of the station: it has no entry, and any value can be typed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from stations.ocpp.variables import Variable
from stations.ocpp.versions import has_variables

Text = str | Promise

NUMBER, SWITCH, CHOICE, LIST, TEXT, SECRET = "number", "switch", "choice", "list", "text", "secret"
DECIMAL = "decimal"  # a number that may have a fraction, or be below 0
CORE, LOCAL_LIST, RESERVATION, SMART, FIRMWARE, SECURITY, VENDOR = "core", "list", "reservation", "smart", "firmware", "security", "vendor"

# Of the variables of 2.0.1 alone
CONNECTION, AUTH, TRANSACTIONS, MEASURE = "connection", "auth", "transactions", "measure"
MONITORING, CLOCK, DISPLAY, PLUG_AND_CHARGE, DEVICE = "monitoring", "clock", "display", "plug", "device"

# In the order in which they are shown
GROUPS: dict[str, Text] = {
    CORE: lazy("Charging and connection"),
    CONNECTION: lazy("Connection"),
    TRANSACTIONS: lazy("Transactions"),
    MEASURE: lazy("Measurements"),
    AUTH: lazy("Cards"),
    LOCAL_LIST: lazy("Local list"),
    RESERVATION: lazy("Reservations"),
    SMART: lazy("Smart charging"),
    FIRMWARE: lazy("Firmware and logs"),
    SECURITY: lazy("Security"),
    MONITORING: lazy("Reports and monitors"),
    CLOCK: lazy("Clock"),
    DISPLAY: lazy("Display and prices"),
    PLUG_AND_CHARGE: lazy("Plug and charge"),
    DEVICE: lazy("The station and its parts"),
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
    least: float | None = None
    most: float | None = None
    zero: Text = ""
    choices: tuple[tuple[str, Text], ...] = field(default=())
    readonly: bool = False
    reboot: bool = False
    warning: Text = ""
    cuts_off: bool = False


def known(key: str, version: str = "") -> Known | None:
    """The entry of `key`; capitals do not matter. A variable is known whichever instance, EVSE or connector it is of."""
    if "/" not in key:
        return _keys().get(key.casefold())
    found = Variable.parse(key)
    if found is None:
        return None
    name, variables = found.name.casefold(), _variables()
    return variables.get(f"{found.component.casefold()}/{name}") or variables.get(f"*/{name}")


def catalogue(version: str = "") -> dict[str, Known]:
    """All entries of a version ("1.6"; empty: the station never told), by folded key."""
    return _variables() if has_variables(version) else _keys()


@lru_cache(1)
def _keys() -> dict[str, Known]:
    from stations.configuration import keys16

    return {entry.key.casefold(): entry for entry in keys16.KEYS}


@lru_cache(1)
def _variables() -> dict[str, Known]:
    from stations.configuration import keys201

    return {entry.key.casefold(): entry for entry in keys201.KEYS}


def group_of(key: str, version: str = "") -> str:
    found = known(key, version)
    return found.group if found else VENDOR
