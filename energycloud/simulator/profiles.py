"""Charging profiles of either version, and what they leave for a car (OCPP 1.6 §3.13, OCPP 2.0.1 K)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Payload = dict[str, Any]
WHOLE = ("ChargePointMaxProfile", "ChargingStationMaxProfile")  # what the whole station may take, as each version spells it
EXTERNAL = "ChargingStationExternalConstraints"
PERIODS = {"Daily": 86_400, "Weekly": 604_800}
LEAST_AC = 6.0  # A: below, a car does not charge at all (IEC 61851-1)


@dataclass(frozen=True)
class Limit:
    """What may be taken now: A per phase or W in all, and over how many phases."""

    amps: float | None = None
    watts: float | None = None
    phases: int | None = None

    def power(self, voltage: float, phases: int) -> float:
        """W that an outlet with `phases` phases (1 for direct current) may give; infinite without a limit."""
        by_current = float("inf") if self.amps is None else self.amps * voltage * min(phases, self.phases or phases)
        return min(by_current, float("inf") if self.watts is None else self.watts)

    def shared(self, among: int) -> Limit:
        return Limit(
            self.amps / among if self.amps is not None else None, self.watts / among if self.watts is not None else None, self.phases
        )


@dataclass(frozen=True)
class Profile:
    """`place`: the connector (1.6) or EVSE (2.0.1), 0 for all. `told` is what the server sent, in its own words."""

    id: int
    place: int
    purpose: str
    level: int
    kind: str
    transaction: str
    told: Payload

    @property
    def schedules(self) -> list[Payload]:
        given = self.told["chargingSchedule"]
        return list(given) if isinstance(given, list) else [given]

    def limit_at(self, at: datetime, began: datetime | None) -> Limit | None:
        """None when it says nothing about that moment. `began`: the transaction, if there is one."""
        first, last = _moment(self.told.get("validFrom")), _moment(self.told.get("validTo"))
        if (first and at < first) or (last and at >= last):
            return None
        schedule = self.schedules[0]
        start = _moment(schedule.get("startSchedule"))
        if self.kind == "Relative" or start is None:
            start = began or at
        elapsed = (at - start).total_seconds()
        if self.kind == "Recurring":
            elapsed %= PERIODS.get(self.told.get("recurrencyKind", "Daily"), 86_400)
        if elapsed < 0 or (schedule.get("duration") is not None and elapsed >= schedule["duration"]):
            return None
        found = None
        for period in schedule["chargingSchedulePeriod"]:
            if period["startPeriod"] <= elapsed:
                found = period
        if found is None:
            return None
        value, phases = float(found["limit"]), found.get("numberPhases")
        return Limit(value, None, phases) if schedule["chargingRateUnit"] == "A" else Limit(None, value, phases)


def read(told: Payload, place: int, *, identity: str) -> Profile:
    """`identity`: what this version calls the id of a profile."""
    return Profile(
        id=told[identity], place=place, purpose=told["chargingProfilePurpose"], level=told["stackLevel"], kind=told["chargingProfileKind"],
        transaction=str(told.get("transactionId") or ""), told=told,
    )  # fmt: skip


def fault(profile: Profile, *, highest_level: int, most_periods: int) -> str:
    """A reason why a station cannot follow this profile, or nothing."""
    if not 0 <= profile.level <= highest_level:
        return "InvalidStackLevel"
    if profile.kind == "Recurring" and (profile.told.get("recurrencyKind") is None or not profile.schedules[0].get("startSchedule")):
        return "InvalidProfile"
    if profile.purpose in WHOLE and (profile.place or profile.kind == "Relative"):
        return "InvalidProfile"
    for schedule in profile.schedules:
        periods = schedule["chargingSchedulePeriod"]
        if not periods or periods[0]["startPeriod"] != 0 or len(periods) > most_periods:
            return "InvalidSchedule"
    return ""


class Profiles:
    """Those that a station has."""

    def __init__(self) -> None:
        self.every: list[Profile] = []

    def put(self, profile: Profile) -> None:
        """In the place of the one with its id, and of one with the same purpose and level at the same place (and transaction)."""
        same = (profile.place, profile.purpose, profile.level, profile.transaction)
        self.every = [
            one for one in self.every if one.id != profile.id and (one.place, one.purpose, one.level, one.transaction) != same
        ] + [profile]  # fmt: skip

    def clear(self, identity: int | None, place: int | None, purpose: str | None, level: int | None) -> int:
        """Remove those that fit all that is given; how many there were."""
        before = len(self.every)
        if identity is not None:
            self.every = [one for one in self.every if one.id != identity]
        else:
            self.every = [
                one
                for one in self.every
                if not (place in (None, one.place) and purpose in (None, one.purpose) and level in (None, one.level))
                or one.purpose == EXTERNAL
            ]
        return before - len(self.every)

    def end(self, transaction: str) -> None:
        """A profile for one transaction ends with it."""
        self.every = [one for one in self.every if one.purpose != "TxProfile" or one.transaction != transaction]

    def limit(self, place: int, transaction: str, at: datetime, began: datetime | None, charging: int) -> Limit | None:
        """What is in force at one place while `charging` outlets share the station; None without any profile."""
        own = self._highest([one for one in self.every if one.purpose == "TxProfile" and one.transaction in (transaction, "")
                             and one.place in (place, 0) and transaction], at, began)  # fmt: skip
        if own is None:
            default = [one for one in self.every if one.purpose == "TxDefaultProfile" and one.place in (place, 0)]
            own = self._highest(sorted(default, key=lambda one: one.place == 0), at, began)
        found = [own] if own else []
        for purposes in (WHOLE, (EXTERNAL,)):
            whole = self._highest([one for one in self.every if one.purpose in purposes and one.place in (0, place)], at, None)
            if whole:
                found.append(whole.shared(max(1, charging)) if place else whole)
        if not found:
            return None
        amps = [one.amps for one in found if one.amps is not None]
        watts = [one.watts for one in found if one.watts is not None]
        phases = [one.phases for one in found if one.phases is not None]
        return Limit(min(amps, default=None), min(watts, default=None), min(phases, default=None))

    @staticmethod
    def _highest(some: list[Profile], at: datetime, began: datetime | None) -> Limit | None:
        for profile in sorted(some, key=lambda one: -one.level):  # stable: what stands first wins among equals
            limit = profile.limit_at(at, began)
            if limit:
                return limit
        return None

    def composite(
        self, place: int, transaction: str, began: datetime | None, *, seconds: int, unit: str, voltage: int, phases: int, most: float,
        charging: int = 1,
    ) -> list[Payload]:  # fmt: skip
        """The periods of the next `seconds`: where profiles say nothing, `most` (W) is the limit. In whole seconds from now."""
        now = datetime.now(UTC)
        moments = sorted({0, *(math.ceil(offset) for offset in self._changes(now, began, seconds) if 0 < offset <= seconds - 1)})
        periods: list[Payload] = []
        for offset in moments:
            limit = self.limit(place, transaction, now + timedelta(seconds=offset), began, charging) or Limit()
            used = min(phases, limit.phases or phases)
            power = min(most, limit.power(voltage, phases))
            value = round(power if unit == "W" else power / voltage / used, 1)
            period: Payload = {"startPeriod": offset, "limit": value, "numberPhases": used}
            if not periods or (periods[-1]["limit"], periods[-1]["numberPhases"]) != (value, used):
                periods.append(period)
        return periods

    def _changes(self, now: datetime, began: datetime | None, seconds: int) -> list[float]:
        """When a limit may change, in seconds from now."""
        found: list[float] = []
        for profile in self.every:
            schedule = profile.schedules[0]
            bounds = (_moment(profile.told.get(key)) for key in ("validFrom", "validTo"))
            found += [(moment - now).total_seconds() for moment in bounds if moment]
            start = _moment(schedule.get("startSchedule"))
            if profile.kind == "Relative" or start is None:
                start = began or now
            first = (start - now).total_seconds()
            steps = [float(period["startPeriod"]) for period in schedule["chargingSchedulePeriod"]]
            if schedule.get("duration") is not None:
                steps.append(float(schedule["duration"]))
            if profile.kind == "Recurring":
                every = PERIODS.get(profile.told.get("recurrencyKind", "Daily"), 86_400)
                first = first % every - every
                found += [first + step + turn * every for step in steps for turn in range(seconds // every + 3)]
            else:
                found += [first + step for step in steps]
        return found


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
