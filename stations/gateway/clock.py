"""Times: theirs and ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # a station that says it is earlier has lost its clock
CLOCK_TOLERANCE = timedelta(seconds=60)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def effective(reported: datetime | None, received: datetime) -> datetime | None:
    """The station's time where it is plausible; None where ours must stand in."""
    return reported if reported and EARLIEST <= reported <= received + CLOCK_TOLERANCE else None
