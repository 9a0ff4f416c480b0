"""A composed schedule as steps with a scale and times, drawn by the server; the same numbers as text stand beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _

from stations.ocpp import profiles
from stations.ocpp.profiles import Schedule
from ui.templatetags.ui import kw

TOP, BOTTOM = 14, 114  # of the field in the drawing, in pixels; across it is drawn in percent, as wide as there is room
MOST = 100  # steps that are drawn
BETWEEN = 18.0  # percent that two times are apart, so that they do not touch on a phone


class Bar(NamedTuple):
    """A step: where it is drawn, and what it says."""

    x: str
    width: str
    y: str
    height: str
    times: str
    limit: str


class Tick(NamedTuple):
    at: str  # percent of the width, or pixels from the top
    text: str
    anchor: str = "end"


class Chart(NamedTuple):
    bars: list[Bar]
    times: list[Tick]
    values: list[Tick]


def limit_text(limit: float, unit: str) -> str:
    return kw(limit) if unit == profiles.WATTS else f"{limit:g} {_('A per phase')}"


def after(seconds: int) -> str:
    """Hours and minutes: "1:30"."""
    minutes = seconds // 60
    return f"{minutes // 60}:{minutes % 60:02d}"


def highest(schedules: Iterable[Schedule | None]) -> dict[str, float]:
    """The highest limit by unit: of all charging points of a station, so that their drawings can be compared."""
    found: dict[str, float] = {}
    for one in schedules:
        if one:
            found[one.unit] = max([found.get(one.unit, 0.0), *(step.limit for step in one.steps[:MOST])])
    return found


def drawn(schedule: Schedule, most: float, lasts: int, zone: ZoneInfo, now: datetime) -> Chart:
    """On a scale that reaches `most`. One that does not say how long it holds is drawn for `lasts` seconds."""
    said = schedule.duration or 0
    end = said if said > 0 else max(schedule.steps[-1].start + 3600, lasts)
    scale = _scale(most)
    steps = [step for step in schedule.steps[:MOST] if step.start < end]
    bars = []
    for index, step in enumerate(steps):
        until = min(steps[index + 1].start, end) if index + 1 < len(steps) else end
        height = max(1.0, (BOTTOM - TOP) * min(1.0, max(0.0, step.limit) / scale[-1]))
        times = f"{_time(schedule, step.start, zone, now)} – {_time(schedule, until, zone, now)}"
        x, width = 100 * step.start / end, 100 * max(0, until - step.start) / end
        bars.append(
            Bar(f"{x:.2f}%", f"{width:.2f}%", f"{BOTTOM - height:.1f}", f"{height:.1f}", times, limit_text(step.limit, schedule.unit))
        )
    values = [Tick(f"{BOTTOM - (BOTTOM - TOP) * value / scale[-1]:.1f}", _value(value, schedule.unit)) for value in scale]
    return Chart(bars, _times(schedule, [step.start for step in steps], end, zone, now), values)


def _scale(most: float) -> list[float]:
    """0, and two or three round values, of which the last is not less than `most`."""
    if not 0 < most < 1e12:
        return [0.0, 1.0]
    magnitude = 10 ** math.floor(math.log10(most / 2))
    step = next(magnitude * one for one in (1, 2, 2.5, 5, 10) if magnitude * one >= most / 2)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def _value(value: float, unit: str) -> str:
    return f"{value / 1000:g}\N{NO-BREAK SPACE}kW" if unit == profiles.WATTS else f"{value:g}\N{NO-BREAK SPACE}A"


def _clock(start: datetime, seconds: int, zone: ZoneInfo) -> datetime:
    """To the nearest minute: a station that begins with parts of a second is a second short of the times that it was given."""
    return (start + timedelta(seconds=seconds + 30)).astimezone(zone)


def _time(schedule: Schedule, seconds: int, zone: ZoneInfo, now: datetime) -> str:
    """By the clock of the location, with the date where that is not today; without a start so long after it."""
    if schedule.start is None:
        return _("%s h") % after(seconds)
    there = _clock(schedule.start, seconds, zone)
    day = "" if there.date() == now.astimezone(zone).date() else f"{formats.date_format(there, 'j M')} "
    return f"{day}{there:%H:%M}"


def _times(schedule: Schedule, starts: list[int], end: int, zone: ZoneInfo, now: datetime) -> list[Tick]:
    """Both ends, and the changes between them for which there is room; short, the days stand in the text."""

    def short(seconds: int) -> str:
        if schedule.start is None:
            return _time(schedule, seconds, zone, now)
        there = _clock(schedule.start, seconds, zone)
        return formats.date_format(there, "j M") if end > 86_400 else f"{there:%H:%M}"

    found = [Tick("0%", short(0), "start")]
    last = BETWEEN / 2
    for start in starts:
        at = 100 * start / end
        if at - last >= BETWEEN and at <= 100 - 1.5 * BETWEEN:
            found.append(Tick(f"{at:.2f}%", short(start), "middle"))
            last = at
    return [*found, Tick("100%", short(end))]
