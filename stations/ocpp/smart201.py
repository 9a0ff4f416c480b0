"""What stations say of smart charging in OCPP 2.0.1 and 2.1 (part 2, block K)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stations.ocpp import profile_reading
from stations.ocpp.events import CarSchedule, ChargingNeeds, Event, LimitNotified, Payload, ProfilesReported
from stations.ocpp.numbering import number
from stations.ocpp.profiles import MOST_STEPS, Profile
from stations.ocpp.reading import clean, reported

MOST_PROFILES = 100  # in one report


def _place(evse: Any) -> int:
    """-1 where there can be none such."""
    return number(evse) if isinstance(evse, int) else 0


def _limit(p: Payload) -> Event:
    limit, schedules = p["chargingLimit"], p.get("chargingSchedule") or [{}]
    schedule = schedules[0]
    start = schedule.get("startSchedule")
    return LimitNotified(
        _place(p.get("evseId")), clean(limit["chargingLimitSource"], 20), False, bool(limit.get("isGridCritical")),
        schedule.get("chargingRateUnit", ""), profile_reading.steps_of(schedule.get("chargingSchedulePeriod"))[:MOST_STEPS],
        reported(start).at if start else None,
    )  # fmt: skip


def _reported(p: Payload) -> Event:
    found: list[Profile] = []
    for told in p["chargingProfile"][:MOST_PROFILES]:
        try:
            found.append(profile_reading.read(told))
        except (KeyError, TypeError, ValueError, IndexError):
            continue  # of a report the good ones are kept
    key = p["requestId"]
    source = clean(p["chargingLimitSource"], 20)
    return ProfilesReported(int(key) if abs(key) < 2**63 else 0, _place(p["evseId"]), source, tuple(found), bool(p.get("tbc")))


def _needs(p: Payload) -> Event:
    needs = p["chargingNeeds"]
    car = needs.get("acChargingParameters") or {}
    energy = car.get("energyAmount") or (needs.get("dcChargingParameters") or {}).get("energyAmount")
    departure = needs.get("departureTime")
    return ChargingNeeds(
        _place(p["evseId"]), _positive(car.get("evMaxCurrent")), _positive(energy), reported(departure) if departure else None
    )


def _positive(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 < value < 1e9 else None


READERS: dict[str, Callable[[Payload], Event]] = {
    "NotifyChargingLimit": _limit,
    "ClearedChargingLimit": lambda p: LimitNotified(_place(p.get("evseId")), clean(p["chargingLimitSource"], 20), True),
    "ReportChargingProfiles": _reported,
    "NotifyEVChargingNeeds": _needs,
    "NotifyEVChargingSchedule": lambda p: CarSchedule(_place(p["evseId"])),
}
