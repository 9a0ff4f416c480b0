"""The head that all tabs of a station's data sheet share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from stations.models import Connection, Station

TABS = (
    ("overview", _("Overview"), "station"),
    ("transactions", _("Transactions"), "station_transactions"),
    ("activity", _("Activity"), "station_activity"),
    ("configuration", _("Configuration"), "station_configuration"),
    ("logs", _("Logs"), "station_logs"),
    ("details", _("Details"), "station_details"),
)


def sheet_context(request: HttpRequest, station: Station, active: str) -> dict[str, Any]:
    """What `stations/sheet.html` needs, for the tab named `active`. `station` comes from `get_for`, with location and organization."""
    connection = station.connection_at()
    tabs = []
    for name, label, url_name in TABS:
        try:
            tabs.append((label, reverse(url_name, args=[station.pk]), name == active, None))
        except NoReverseMatch:
            continue
    return {
        "title": str(station),
        "station": station,
        "connection": connection,
        "connection_label": Connection(connection).label,
        "tabs": tabs,
        "breadcrumbs": [(str(station.location.organization), None), (str(station.location), None)],
    }
