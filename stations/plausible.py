"""What can be true of a transaction: pure, for the ledger and for those who correct."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stations.models.charging import Transaction
from stations.models.infrastructure import CurrentType
from stations.ocpp import registers

Problem = Transaction.Problem

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # a station that says it is earlier has lost its clock
CLOCK_TOLERANCE = timedelta(seconds=60)
LATEST = timedelta(weeks=4)  # what a station says to be older was hardly kept for so long: it has another clock
LONGEST = timedelta(days=7)  # a charge that somebody puts in takes longer only when they say so twice
MOST_WH = 1_000_000  # in one transaction: more than any battery takes, however long
MARGIN = 1.2  # of the power: what is entered of a connector may be a little too low
SLACK_WH = 5_000  # clocks and meters are read at different moments
STALE = timedelta(minutes=10)  # a value may have been measured so long before it is told
MOST_VOLTS = 1_000  # of DC
# W, where nobody has entered what a connector can give
UNKNOWN_POWER = {CurrentType.AC: 43_500, CurrentType.DC: 1_000_000}


def effective(reported: datetime | None, received: datetime) -> datetime | None:
    """The station's time where it is plausible; None where ours must stand in."""
    return reported if reported and EARLIEST <= reported <= received + CLOCK_TOLERANCE else None


def clock_wrong(reported: datetime | None, received: datetime, *, exact: bool) -> bool:
    """Whether people should look at the station's time, whichever is in force. `exact`: with its zone."""
    return not exact or reported is None or effective(reported, received) is None or reported < received - LATEST


def too_long(started: datetime, ended: datetime, start_received: datetime, end_received: datetime) -> bool:
    """Whether it has taken longer than anybody charges, and that is not how long it was until we have heard of its end."""
    lasted = ended - started
    return lasted > LONGEST and lasted > end_received - start_received + timedelta(days=1)


def most_power(current_type: str, max_current: int | None, voltage: int, phases: int) -> int:
    """W that a connector gives at most; a high guess where that is not known. A DC station's voltage is that of the car."""
    if not max_current:
        return UNKNOWN_POWER[CurrentType(current_type)]
    return max_current * (voltage * phases if current_type == CurrentType.AC else MOST_VOLTS)


def most_energy(lasted: timedelta, power: float) -> float:
    """Wh that can have been charged meanwhile."""
    return min(float(MOST_WH), power * MARGIN * max(lasted.total_seconds(), 0.0) / 3600 + SLACK_WH)


def too_much(energy: int, lasted: timedelta, power: float, *, clock_wrong: bool = False) -> bool:
    """Whether `energy` (Wh) is more than the connector can have given. Where the times are not to be trusted only by what is never true."""
    return energy > (MOST_WH if clock_wrong else most_energy(lasted, power))


def too_sudden(energy: float, lasted: timedelta, power: float) -> bool:
    """Whether `energy` (Wh) is far more than the connector can have given between two values that were told so long after each other."""
    return energy > most_energy(lasted + STALE, power)


def at_the_end(
    *, started: datetime, ended: datetime, meter_start: int, meter_last: int | None, meter_stop: int, power: float, clock_wrong: bool
) -> set[str]:
    """The problems that show when it is known how a transaction ended."""
    found: set[Problem] = set()
    if clock_wrong:
        found.add(Problem.CLOCK)
    if ended < started:
        found.add(Problem.ENDS_BEFORE_START)
    if meter_stop < meter_start:
        found.add(Problem.NEGATIVE)
    if meter_last is not None and registers.fell(meter_last, meter_stop):
        found.add(Problem.METER_FELL)
    if too_much(meter_stop - meter_start, ended - started, power, clock_wrong=clock_wrong or ended < started):
        found.add(Problem.TOO_MUCH)
    return {str(problem) for problem in found}
