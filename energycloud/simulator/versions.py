"""Which class simulates a make."""

from __future__ import annotations

from typing import Any

from energycloud.simulator.base import Station
from energycloud.simulator.makes import MAKES, Make
from energycloud.simulator.station import SimulatedStation
from energycloud.simulator.station201 import SimulatedStation201


def simulated(url: str, identity: str, password: str, *, make: Make = MAKES["alfen-double"], **options: Any) -> Station:
    """A station of this make, in the version that it speaks."""
    kind = SimulatedStation201 if make.version == "2.0.1" else SimulatedStation
    return kind(url, identity, password, make=make, **options)
