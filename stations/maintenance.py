"""Maintenance windows as detection, availability and the pages ask for them: who is in maintenance when.

Inside a window errors are expected: they raise no incident, and the time counts as one in which nobody could rely on the station.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _

from stations.models import MaintenanceWindow
from stations.ocpp import numbering

if TYPE_CHECKING:
    from stations.controls import Situation

Windows = dict[int, list[MaintenanceWindow]]


def in_maintenance(stations: Collection[int], at: datetime) -> Windows:
    """The windows that are open at `at`, by the key of their station; the one that ends last comes first. One query, whatever their number.
    A window with connector 0 is one of the whole station."""
    return windows_between(stations, at, at)


def windows_between(stations: Collection[int], since: datetime, until: datetime) -> Windows:
    """Those that are open at any moment from `since` to `until`; a window is open from its start until just before its end."""
    found: Windows = {}
    rows = MaintenanceWindow.objects.filter(station__in=stations, starts_at__lte=until, ends_at__gt=since)
    for window in rows.order_by("-ends_at", "pk"):
        found.setdefault(window.station_id, []).append(window)
    return found


def open_now(situation: Situation) -> list[MaintenanceWindow]:
    """Those of a station that somebody looks at; read once."""
    found: list[MaintenanceWindow] | None = situation.__dict__.get("_maintenance")
    if found is None:
        found = in_maintenance([situation.station.pk], situation.now).get(situation.station.pk, [])
        situation.__dict__["_maintenance"] = found
    return found


def local(moment: datetime, zone: ZoneInfo, beside: datetime | None = None) -> str:
    """Date and time to the minute in `zone`; the time alone where the day is that of `beside`."""
    there = moment.astimezone(zone)
    if beside is not None and beside.astimezone(zone).date() == there.date():
        return f"{there:%H:%M}"
    return f"{formats.date_format(there, 'j M Y')} {there:%H:%M}"


def period(window: MaintenanceWindow, zone: ZoneInfo) -> str:
    """ "21 Nov 2026 14:00 – 16:00" """
    return f"{local(window.starts_at, zone)} – {local(window.ends_at, zone, window.starts_at)}"


def where(window: MaintenanceWindow) -> str:
    return _("Connector %s") % numbering.shown(window.connector_number) if window.connector_number else _("The whole station")


def told(window: MaintenanceWindow, zone: ZoneInfo, now: datetime) -> str:
    """ "In maintenance until 16:00: new cable" """
    said = _("In maintenance until %(when)s: %(why)s") if not window.connector_number else (
        _("Connector %(number)s is in maintenance until %(when)s: %(why)s")
    )  # fmt: skip
    return said % {"number": numbering.shown(window.connector_number), "when": local(window.ends_at, zone, now), "why": window.comment}
