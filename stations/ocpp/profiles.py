"""Charging profiles (OCPP 1.6 §3.13, 2.0.1 part 2 block K), whichever version says them: how much may be taken, when, and of what.

Currents are amperes per phase; times are in UTC. A profile is made into the payload of a version here; `profile_reading` reads it back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

Payload = dict[str, Any]

# What a profile is for
DEFAULT = "TxDefaultProfile"  # every transaction that has none of its own
TRANSACTION = "TxProfile"  # the one that runs
STATION = "StationMaxProfile"  # the station as a whole
EXTERNAL = "ExternalConstraints"  # set by others, such as an energy manager beside the station; only ever reported
PURPOSES = (DEFAULT, TRANSACTION, STATION)
# From when its steps count
ABSOLUTE, RELATIVE, DAILY, WEEKLY = "absolute", "relative", "daily", "weekly"  # RELATIVE: from the start of each transaction
AMPERES, WATTS = "A", "W"
UNITS = (AMPERES, WATTS)
MOST_STEPS = 1024  # read of what a station says

_PURPOSES16 = {DEFAULT: "TxDefaultProfile", TRANSACTION: "TxProfile", STATION: "ChargePointMaxProfile"}
_PURPOSES201 = {
    DEFAULT: "TxDefaultProfile", TRANSACTION: "TxProfile", STATION: "ChargingStationMaxProfile",
    EXTERNAL: "ChargingStationExternalConstraints",
}  # fmt: skip
OURS = {theirs: ours for names in (_PURPOSES16, _PURPOSES201) for ours, theirs in names.items()}


class Step(NamedTuple):
    """From `start` seconds on at most `limit`; `phases` is how many are used, None where that is not said."""

    start: int
    limit: float
    phases: int | None = None


class Profile(NamedTuple):
    """`id` tells it from others of its station, `level` from those of the same purpose: the highest counts. `start` is where an absolute or
    repeated schedule begins, `duration` how many seconds it lasts (None: its last step has no end)."""

    id: int
    purpose: str
    steps: tuple[Step, ...]
    unit: str = AMPERES
    level: int = 0
    kind: str = ABSOLUTE
    start: datetime | None = None
    duration: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    transaction_id: str = ""
    minimum: float | None = None  # below that charging is inefficient


class Schedule(NamedTuple):
    """What a station composed of all its profiles: from `start` on, for `duration` seconds."""

    start: datetime | None
    duration: int | None
    unit: str
    steps: tuple[Step, ...]

    def at(self, seconds: float) -> Step | None:
        """The step that holds so long after the start; None before the first or after the end."""
        if self.duration is not None and seconds >= self.duration:
            return None
        return next((step for step in reversed(self.steps) if step.start <= seconds), None)


# -- to a payload -----------------------------------------------------------------------------------------------------------------------


def iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def purpose16(purpose: str) -> str:
    return _PURPOSES16[purpose]


def purpose201(purpose: str) -> str:
    return _PURPOSES201[purpose]


def _round(limit: float) -> int | float:
    """One decimal place is what both versions allow; downwards, so that nothing is exceeded."""
    tenths = int(limit * 10 + 1e-6)
    return tenths // 10 if tenths % 10 == 0 else tenths / 10


def _schedule(profile: Profile) -> Payload:
    steps = [
        {"startPeriod": step.start, "limit": _round(step.limit)} | ({"numberPhases": step.phases} if step.phases else {})
        for step in profile.steps
    ]
    found: Payload = {"chargingRateUnit": profile.unit, "chargingSchedulePeriod": steps}
    if profile.start and profile.kind != RELATIVE:
        found["startSchedule"] = iso(profile.start)
    if profile.duration is not None:
        found["duration"] = profile.duration
    if profile.minimum is not None:
        found["minChargingRate"] = _round(profile.minimum)
    return found


def _rest(profile: Profile) -> Payload:
    found: Payload = {"stackLevel": profile.level, "chargingProfileKind": "Recurring"}
    if profile.kind in (DAILY, WEEKLY):
        found["recurrencyKind"] = profile.kind.capitalize()
    else:
        found["chargingProfileKind"] = profile.kind.capitalize()
    for name, at in (("validFrom", profile.valid_from), ("validTo", profile.valid_until)):
        if at:
            found[name] = iso(at)
    return found


def made16(profile: Profile) -> Payload:
    """ChargingProfile of 1.6 (§7.8)."""
    found = {"chargingProfileId": profile.id, "chargingProfilePurpose": _PURPOSES16[profile.purpose], **_rest(profile)}
    if profile.transaction_id:
        found["transactionId"] = int(profile.transaction_id)
    return found | {"chargingSchedule": _schedule(profile)}


def made201(profile: Profile) -> Payload:
    """ChargingProfileType of 2.0.1 (part 2 §2.10)."""
    found = {"id": profile.id, "chargingProfilePurpose": _PURPOSES201[profile.purpose], **_rest(profile)}
    if profile.transaction_id:
        found["transactionId"] = profile.transaction_id
    return found | {"chargingSchedule": [{"id": 1, **_schedule(profile)}]}
