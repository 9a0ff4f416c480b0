"""The data sheet of a station: its tabs Overview and Details, and the parts of it that live."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from stations import explain
from stations.controls import Situation
from stations.models import AccessMode, Connector, CurrentType, Station
from stations.pages import activity, commands
from stations.pages.overview import connect_context, overview_context
from stations.pages.sheet_head import all_tabs, head, sheet_context
from tenancy.links import link
from tenancy.rights import MANAGE_STATIONS, READ, READ_TRANSACTIONS, get_for
from ui.templatetags.ui import duration

__all__ = ["sheet_context", "urlpatterns"]

Text = str | Promise


def station_of(request: HttpRequest, pk: int, right: str = READ) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), right, pk=pk)


def overview(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    context = sheet_context(request, station, "overview", situation)
    return render(request, "stations/overview.html", {**context, **overview_context(request, situation, context["here"])})


def overview_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of the Overview."""
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    return render(request, "stations/overview_live.html", overview_context(request, situation, link("station", pk)))


def head_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of the head, for the tab that `?tab=` names."""
    station = station_of(request, pk)
    wanted = request.GET.get("tab", "")
    active, name = next(((tab, name) for tab, _label, name, _right in all_tabs() if tab == wanted), ("", "station"))
    context = head(Situation(request.user, station), link(name, pk), active)
    context |= {"zone": station.location.zone, "here": link(name, pk), "active_tab": active}
    context["head_url"] = request.get_full_path()
    return render(request, "stations/sheet_head.html", context)


# -- details ----------------------------------------------------------------------------------------------------------------------------


TOLD = ("vendor", "model", "serial_number", "firmware_version", "iccid", "imsi", "meter_type", "meter_serial_number")


def _filled(station: Station, names: Iterable[str]) -> list[tuple[Any, str]]:
    return [(Station._meta.get_field(name), getattr(station, name)) for name in names if getattr(station, name)]


def _entered(station: Station) -> list[tuple[Text, str]]:
    """Technical data and the like, as people entered it."""
    facts: list[tuple[Text, str]] = [
        (_("Station id"), station.identity),
        (_("Alias"), station.alias or "–"),
        (_("May connect"), _("yes") if station.active else _("no: deactivated")),
        (_("Access mode"), str(AccessMode(station.access_mode).label) if station.access_mode else _("as its location")),
        (_("Current"), str(CurrentType(station.current_type).label)),
        (_("Voltage"), f"{station.voltage} V"),
    ]
    if station.current_type == CurrentType.AC:
        facts.append((_("Phases"), str(station.phases)))
    facts.append((_("Maximum current"), f"{station.max_current} A" if station.max_current else "–"))
    facts.append((_("Communication"), station.communication or "–"))
    return facts


def _network(station: Station) -> list[tuple[Text, str, datetime | None]]:
    facts: list[tuple[Text, str, datetime | None]] = [
        (_("Added"), "", station.created_at),
        (_("Connected for the first time"), "" if station.first_connected_at else _("never"), station.first_connected_at),
    ]
    if station.first_connected_at:
        facts += [
            (_("Latest connection"), "", station.connected_at),
            (_("Connection now"), _("open") if station.connected else _("closed"), None if station.connected else station.disconnected_at),
            (_("Last message"), "", station.last_message_at),
            (_("Network address"), station.address or "–", None),
            (_("OCPP version"), station.ocpp_version or "–", None),
        ]
        if station.clock_offset is not None:
            facts.append((_("Its clock"), clock(station.clock_offset), None))
    for label, value in ((_("Firmware"), station.firmware_status), (_("Diagnostics"), station.diagnostics_status)):
        if shown := explain.background(value):
            facts.append((label, str(shown[1]), None))
    return facts


def clock(offset: float) -> str:
    """How a station's clock differs from ours; `offset` in seconds."""
    if abs(offset) < 1:
        return _("as ours")
    return (_("%s fast") if offset > 0 else _("%s slow")) % duration(abs(offset))


def details(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    context = sheet_context(request, station, "details", situation)
    connectors = [
        {
            "connector": connector,
            "status": explain.status(connector.status),
            "switch": explain.availability(connector.availability),
            "format": Connector.Format(connector.format).label,
            "edit_url": link("connector_edit", pk, connector.pk),
            "delete_url": link("connector_delete", pk, connector.pk),
        }
        for connector in situation.connectors
    ]
    context |= connect_context(request, situation.station)
    context |= {
        "connectors": connectors,
        "told": [(field.verbose_name, value) for field, value in _filled(station, TOLD)],
        "entered": _entered(station),
        "network": _network(station),
        "sees_meter": situation.may(READ_TRANSACTIONS),
        "may_manage": situation.may(MANAGE_STATIONS),
        "edit_url": link("station_edit", pk),
        "evse_ids_url": link("station_evse_ids", pk),
        "template_add_url": link("hardware_template_add", station=str(pk)),
        "access_url": link("station_access", pk),
        "alias_url": link("station_alias", pk),
        "delete_url": link("station_delete", pk),
        "password_url": link("station_password", pk),
        "connector_add_url": link("connector_add", pk),
    }
    return render(request, "stations/details.html", context)


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/", overview, name="station"),
    path("stations/<int:pk>/overview/", overview_fragment, name="station_overview"),
    path("stations/<int:pk>/head/", head_fragment, name="station_head"),
    path("stations/<int:pk>/details/", details, name="station_details"),
    *activity.urlpatterns,
    *commands.urlpatterns,
]
