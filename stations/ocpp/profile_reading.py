"""Charging profiles, and the schedule that a station composed of all it has, read from the payloads of either version."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stations.ocpp.profiles import EXTERNAL, MOST_STEPS, OURS, UNITS, Payload, Profile, Schedule, Step
from stations.ocpp.reading import number, reported


def _time(text: Any) -> datetime | None:
    """At the edges of the calendar, such as 9999-12-31 for an end that never comes, no clock can show it: as if it were not said."""
    at = reported(text).at if isinstance(text, str) else None
    return at if at and 1970 <= at.year < 3000 else None


def steps_of(periods: Any) -> tuple[Step, ...]:
    found = []
    for one in periods[:MOST_STEPS] if isinstance(periods, list) else ():
        start, limit, phases = number(one.get("startPeriod")), number(one.get("limit")), one.get("numberPhases")
        if isinstance(start, int | float) and isinstance(limit, int | float) and 0 <= start < 1e9 and abs(limit) < 1e9:
            found.append(Step(int(start), float(limit), phases if isinstance(phases, int) and 1 <= phases <= 3 else None))
    return tuple(sorted(found, key=lambda step: step.start))


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def read(told: Payload) -> Profile:
    """A profile of either version; KeyError, TypeError, IndexError or ValueError where it is none."""
    schedules = told["chargingSchedule"]
    schedule = schedules[0] if isinstance(schedules, list) else schedules
    kind = str(told.get("chargingProfileKind", ""))
    transaction = told.get("transactionId")
    key = int(told["id"] if "id" in told else told["chargingProfileId"])
    if abs(key) >= 2**63:
        raise ValueError(key)
    return Profile(
        key,
        OURS.get(told["chargingProfilePurpose"], EXTERNAL),
        steps_of(schedule["chargingSchedulePeriod"]),
        schedule["chargingRateUnit"],
        int(told["stackLevel"]),
        str(told.get("recurrencyKind") or "Daily").lower() if kind == "Recurring" else kind.lower(),
        _time(schedule.get("startSchedule")),
        _whole(schedule.get("duration")),
        _time(told.get("validFrom")),
        _time(told.get("validTo")),
        "" if transaction is None else str(transaction)[:36],
        schedule.get("minChargingRate"),
    )


def purpose_of(theirs: str | None) -> str:
    return OURS.get(theirs or "", "")


def composed(answer: Payload) -> Schedule | None:
    """What the answer to GetCompositeSchedule says, of either version; None where it says nothing that can be read."""
    told = answer.get("schedule")
    inner = told if isinstance(told, dict) else answer.get("chargingSchedule")
    if not isinstance(inner, dict):
        return None
    try:
        steps = steps_of(inner.get("chargingSchedulePeriod"))
    except AttributeError:
        return None
    start = inner.get("scheduleStart") or answer.get("scheduleStart") or inner.get("startSchedule")
    unit = inner.get("chargingRateUnit")
    return Schedule(_time(start), _whole(inner.get("duration")), unit, steps) if steps and unit in UNITS else None
