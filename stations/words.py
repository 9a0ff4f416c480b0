"""Times and durations as the pages write them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _


def duration(span: timedelta) -> str:
    """ "45 s", "12 min", "2 h 05 min", "3 d 4 h"; with its sign where it is negative."""
    seconds = int(span.total_seconds())
    sign, seconds = ("−", -seconds) if seconds < 0 else ("", seconds)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        text = _("%(days)d d %(hours)d h") % {"days": days, "hours": hours % 24}
    elif hours:
        text = _("%(hours)d h %(minutes)02d min") % {"hours": hours, "minutes": minutes % 60}
    elif minutes:
        text = _("%d min") % minutes
    else:
        text = _("%d s") % seconds
    return sign + text


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """Date and time to the second, in `zone`; empty for None."""
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
