"""Where, when and how much may be charged: what a pass or a group of passes is limited to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

MOST_PLACES, MOST_HOURS = 200, 21
KWH: dict[str, Any] = {"null": True, "blank": True, "validators": [MinValueValidator(1), MaxValueValidator(1_000_000)]}


def check_keys(value: Any) -> None:
    if not isinstance(value, list) or len(value) > MOST_PLACES or not all(type(key) is int and key > 0 for key in value):
        raise ValidationError(_("Choose at most %d of them.") % MOST_PLACES)


def check_hours(value: Any) -> None:
    good = isinstance(value, list) and len(value) <= MOST_HOURS and all(_is_window(window) for window in value)
    if not good:
        raise ValidationError(_("Times are days of the week with a beginning and an end, at most %d of them.") % MOST_HOURS)


def _is_window(window: Any) -> bool:
    if not isinstance(window, dict) or set(window) != {"days", "from", "to"}:
        return False
    days = window["days"]
    good_days = isinstance(days, list) and bool(days) and all(type(day) is int and 0 <= day <= 6 for day in days)
    good_times = all(isinstance(window[end], str) for end in ("from", "to"))
    good_times = good_times and _is_time(window["from"]) and (_is_time(window["to"]) or window["to"] == "24:00")
    return good_days and good_times and (window["from"] != window["to"] or window["to"][:5] == "00:00")


def _is_time(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return True


def hours_in_words(hours: Iterable[Mapping[str, Any]]) -> list[str]:
    """Each window: "Monday–Friday, 08:00–18:00"."""
    found = []
    for one in hours:
        end = "24:00" if one["to"][:5] == "00:00" else one["to"][:5]
        late = gettext(" (on the next day)") if end < one["from"] else ""
        found.append(f"{days_in_words(one['days'])}, {one['from'][:5]}–{end}{late}")
    return found


def days_in_words(days: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    if len(days) == 7:
        return gettext("every day")
    said = [
        str(WEEKDAYS[run[0]]) if len(run) == 1 else f"{WEEKDAYS[run[0]]}{'–' if len(run) > 2 else ', '}{WEEKDAYS[run[-1]]}" for run in runs
    ]
    return ", ".join(said)


class Restricted(models.Model):
    """Nothing set: no restriction. Days, months and hours are those of the station's location."""

    # Keys of stations and of locations: the pass works at these alone
    only_stations = models.JSONField(_("Only these stations"), default=list, blank=True, validators=[check_keys])
    only_locations = models.JSONField(_("Only these locations"), default=list, blank=True, validators=[check_keys])
    # [{"days": [0, …, 6], "from": "08:00", "to": "18:00"}], Monday is 0; one that ends before it begins ends on the next day, and one that
    # ends at 00:00 at the end of its day
    hours = models.JSONField(_("Only at these times"), default=list, blank=True, validators=[check_hours])
    daily_kwh = models.PositiveIntegerField(_("At most per day (kWh)"), **KWH)
    monthly_kwh = models.PositiveIntegerField(_("At most per month (kWh)"), **KWH)

    RESTRICTIONS = ("only_stations", "only_locations", "hours", "daily_kwh", "monthly_kwh")

    class Meta:
        abstract = True

    @property
    def restricted(self) -> bool:
        return any(getattr(self, name) for name in self.RESTRICTIONS)
