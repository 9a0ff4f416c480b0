"""The data sheet of a station: its tabs Overview, Configuration and Details, and the parts of it that live."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from stations import explain
from stations.controls import Situation
from stations.models import AccessMode, Command, ConfigurationKey, Connector, CurrentType, Station
from stations.ocpp import v16
from stations.pages import activity, commands
from stations.pages.command_rows import CommandRow, command_rows
from stations.pages.overview import connect_context, overview_context
from stations.pages.sheet_head import action, all_tabs, head, sheet_context
from tenancy.links import link
from tenancy.rights import MANAGE_STATIONS, READ, READ_CONFIGURATION, READ_TRANSACTIONS, get_for
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
    active, name = next(((tab, name) for tab, _label, name, _right in all_tabs() if tab == wanted), ("overview", "station"))
    context = head(Situation(request.user, station), link(name, pk), active)
    context |= {"zone": station.location.zone, "here": link(name, pk), "active_tab": active}
    context["head_url"] = request.get_full_path()
    return render(request, "stations/sheet_head.html", context)


# -- configuration ----------------------------------------------------------------------------------------------------------------------


class Key:
    """A configuration key as it is shown: a secret one masked, with the outcome of the latest attempt to change it."""

    def __init__(self, row: ConfigurationKey, change: CommandRow | None) -> None:
        self.row, self.change = row, change
        self.secret = v16.is_secret(row.key)
        self.value = v16.MASK if self.secret else row.value

    @property
    def long(self) -> bool:
        return len(self.value) > 40


def configuration_context(request: HttpRequest, situation: Situation, back: str) -> dict[str, Any]:
    station = situation.station
    attempts = Command.objects.visible_to(request.user).filter(station=station, action="ChangeConfiguration")
    changes: dict[str, CommandRow] = {}
    for row in command_rows(attempts.select_related("requested_by").order_by("-created_at", "-pk")[:200], situation):
        changes.setdefault(str(row.command.payload.get("key", "")), row)
    known = ConfigurationKey.objects.visible_to(request.user).filter(station=station).order_by("key")
    keys = [Key(row, changes.pop(row.key, None)) for row in known]
    reads = Command.objects.visible_to(request.user).filter(station=station, action="GetConfiguration")
    latest = command_rows(reads.select_related("requested_by").order_by("-created_at", "-pk")[:1], situation)
    return {
        "station": station,
        "zone": station.location.zone,
        "now": situation.now,
        "here": back,
        "keys": keys,
        "reboot_waits": [key.row.key for key in keys if key.row.reboot_required],
        # Attempts at keys the station has not told us of
        "other_changes": [row for row in changes.values() if row.command.state != Command.State.ACCEPTED][:5],
        "latest_read": latest[0] if latest else None,
        "refresh": action(situation, "get-configuration", back, place="c"),
        "reset": action(situation, "reset-soft", back, place="c"),
        "refusal": situation.why_not("change-configuration"),
        "change_url": reverse("station_command", args=[station.pk, "change-configuration"]),
        "fragment_url": link("station_configuration_live", station.pk),
    }


def configuration(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk, READ_CONFIGURATION)
    situation = Situation(request.user, station)
    context = sheet_context(request, station, "configuration", situation)
    context |= configuration_context(request, situation, context["here"])
    # The key chosen in the table, to be changed in the form beside it
    wanted = request.GET.get("key", "")[:50]
    chosen = next((key for key in context["keys"] if key.row.key == wanted), None)
    context |= {"chosen_key": wanted, "chosen_value": chosen.value if chosen and not chosen.secret else ""}
    return render(request, "stations/configuration.html", context)


def configuration_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk, READ_CONFIGURATION)
    context = configuration_context(request, Situation(request.user, station), link("station_configuration", pk))
    return render(request, "stations/configuration_live.html", context)


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
        "delete_url": link("station_delete", pk),
        "password_url": link("station_password", pk),
        "connector_add_url": link("connector_add", pk),
    }
    return render(request, "stations/details.html", context)


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/", overview, name="station"),
    path("stations/<int:pk>/overview/", overview_fragment, name="station_overview"),
    path("stations/<int:pk>/head/", head_fragment, name="station_head"),
    path("stations/<int:pk>/configuration/", configuration, name="station_configuration"),
    path("stations/<int:pk>/configuration/live/", configuration_fragment, name="station_configuration_live"),
    path("stations/<int:pk>/details/", details, name="station_details"),
    *activity.urlpatterns,
    *commands.urlpatterns,
]
