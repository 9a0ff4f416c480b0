"""Periods that lists are limited to: whole days in some zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

PERIODS = [
    ("today", _("Today")),
    ("yesterday", _("Yesterday")),
    ("week", _("In the last 7 days")),
    ("month", _("This month")),
    ("last_month", _("Last month")),
]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins in `zone`."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def safe_midnight(day: date, zone: ZoneInfo, later: int = 0) -> datetime:
    """Midnight also of days at the ends of the calendar."""
    earliest, latest = date(1900, 1, 1), date(9990, 1, 1)
    return midnight(min(max(day, earliest), latest) + timedelta(days=later), zone)


def period(name: str, today: date) -> tuple[date, date]:
    """First day, and the day after the last one."""
    month = today.replace(day=1)
    match name:
        case "today":
            return today, today + timedelta(days=1)
        case "yesterday":
            return today - timedelta(days=1), today
        case "week":
            return today - timedelta(days=6), today + timedelta(days=1)
        case "last_month":
            return (month - timedelta(days=1)).replace(day=1), month
    return month, today + timedelta(days=1)
