"""Cars, as far as a station notices them: how much power they take at which state of charge."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Car:
    name: str
    battery: int  # Wh
    ac_phases: int
    ac_power: int  # W
    dc_power: int  # W, peak


CARS = (
    Car("Tesla Model 3", 60_000, 3, 11_000, 170_000),
    Car("Volkswagen ID.4", 77_000, 3, 11_000, 135_000),
    Car("Renault Zoe", 52_000, 3, 22_000, 46_000),
    Car("Hyundai Ioniq 5", 77_400, 3, 11_000, 220_000),
    Car("Kia Niro EV", 64_800, 3, 11_000, 80_000),
    Car("Peugeot e-208", 50_000, 1, 7_400, 100_000),
    Car("Volvo XC40 Recharge", 78_000, 3, 11_000, 150_000),
    Car("Mitsubishi Outlander PHEV", 20_000, 1, 3_700, 22_000),
    Car("BMW i4", 80_700, 3, 11_000, 200_000),
)


def ac_power(car: Car, phases: int, current: float, voltage: float, soc: float) -> float:
    """W that `car` takes from a socket that offers `current` A per phase: even, and less in the last percents."""
    used = min(car.ac_phases, phases)
    return min(car.ac_power, used * current * voltage) * _fall(soc, 96, 0.15)


def dc_power(car: Car, offered: float, soc: float) -> float:
    """W: full up to about half, then falling, slow above 80 %."""
    share = 1.0 if soc < 45 else 1.0 - (soc - 45) / 35 * 0.5 if soc < 80 else 0.5 - (soc - 80) / 20 * 0.42
    return min(offered, car.dc_power * share)


def _fall(soc: float, begin: float, end: float) -> float:
    return 1.0 if soc < begin else max(end, 1.0 - (soc - begin) / (100 - begin) * (1 - end))


def some_car(rng: random.Random, *, dc: bool) -> Car:
    return rng.choice([car for car in CARS if not dc or car.dc_power >= 40_000])
