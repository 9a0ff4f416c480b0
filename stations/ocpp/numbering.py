"""Connectors have one number per station. OCPP 1.6 says it as it is; 2.0.1 numbers the connectors of each EVSE from 1.

The first connector of an EVSE has the number of the EVSE, the second that number + 100, and so on: with one connector per EVSE both
versions mean the same by a number. 0 is the station as a whole.
"""

from __future__ import annotations

MOST_EVSES = 32  # what says it has more gets an error: tables stay bounded
MOST_PER_EVSE = 8
_STEP = 100


def number(evse: int, connector: int | None = None) -> int:
    """Where no connector is said: the first of the EVSE. What is not possible stays so."""
    if not 0 <= evse < _STEP:
        return -1
    return evse + _STEP * ((connector or 1) - 1) if evse else 0


def evse_of(number: int) -> int:
    return number % _STEP


def connector_of(number: int) -> int:
    """Counted in its EVSE, from 1; of the station as a whole 0."""
    return number // _STEP + 1 if number else 0


def of_same_evse(number: int) -> range:
    """The numbers that the connectors of its EVSE may have."""
    return range(evse_of(number), _STEP * MOST_PER_EVSE, _STEP)


def possible(number: int) -> bool:
    return 0 <= number < _STEP * MOST_PER_EVSE and number % _STEP <= MOST_EVSES and (number < _STEP or number % _STEP > 0)


def shown(number: int) -> str:
    """For people: "1", or "1-2" for the second connector of EVSE 1."""
    return str(number) if number < _STEP else f"{evse_of(number)}-{connector_of(number)}"
