"""Deactivating a station for a time, activating it again, and changing until when something is out of service."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from stations import out_of_service
from stations.actions import activate_station, change_out_of_service, deactivate_station
from stations.controls import Situation
from stations.models import Connection, OutOfService, Station
from stations.ocpp import numbering
from stations.pages.endings import AT, Ending
from tenancy.links import link
from tenancy.rights import CHANGE_AVAILABILITY, MANAGE_STATIONS, READ, Missing, get_for
from ui.forms import form_page, next_url


class Out(NamedTuple):
    """What is out of service, as a page shows it: `activate_url` is a POST, `change_url` a page; empty where one may not."""

    state: str
    sentence: str
    row: OutOfService | None = None
    change_url: str = ""
    activate_url: str = ""

    @property
    def connector_number(self) -> int | None:
        """None where the station is deactivated: that is ended otherwise."""
        return None if self.row is None or self.row.deactivated else self.row.connector_number


def outs(situation: Situation) -> list[Out]:
    """All that is out of service at a station now, and that it is deactivated."""
    station = situation.station
    found = []
    for row in situation.out_of_service:
        state, said = out_of_service.sentence(row, situation)
        right = MANAGE_STATIONS if row.deactivated else CHANGE_AVAILABILITY
        change = link("station_out", station.pk, row.pk) if situation.may(right) else ""
        found.append(Out(state, f"{said}.", row, change, _activate_url(situation) if row.deactivated else ""))
    if situation.connection == Connection.DEACTIVATED and not any(row.deactivated for row in situation.out_of_service):
        found.append(
            Out("off", _("Deactivated: its connections are refused until somebody activates it."), None, "", _activate_url(situation))
        )
    return found


def _activate_url(situation: Situation) -> str:
    return link("station_activate", situation.station.pk) if situation.may(MANAGE_STATIONS) else ""


def station_of(request: HttpRequest, pk: int, right: str = MANAGE_STATIONS) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), right, pk=pk)


def deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    back = next_url(request, link("station", pk))
    form = Ending(request.POST or None, zone=station.location.zone, now=timezone.now())
    lines = [_("The station is disconnected and refused until it is activated again. Nobody can charge there with a card meanwhile.")]
    if situation.cars():
        lines.append(_("A car that charges there now goes on; what it takes is reported when the station is back."))
    lines.append(_("To keep drivers away and stay connected, take it out of service instead."))

    def save(values: dict[str, Any]) -> OutOfService:
        return deactivate_station(actor=request.user, station=station, until=values["until"], comment=values["comment"])  # type: ignore[arg-type]

    return form_page(
        request, form, save, title=_("Deactivate %s") % station, submit_label=_("Deactivate"), cancel_url=back,
        done=_("%s is deactivated.") % station, done_url=back, breadcrumbs=_trail(station), intro=" ".join(lines),
    )  # fmt: skip


@require_POST
def activate(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    activate_station(actor=request.user, station=station)  # type: ignore[arg-type]
    messages.success(request, _("%s may connect again. Stations usually come back within minutes.") % station)
    return redirect(next_url(request, link("station", pk)))


def change(request: HttpRequest, pk: int, out_pk: int) -> HttpResponse:
    station = station_of(request, pk, READ)
    rows = OutOfService.objects.visible_to(request.user).filter(station=station).select_related("command", "created_by")
    row = get_for(request.user, rows, pk=out_pk)
    row.station = station
    right = MANAGE_STATIONS if row.deactivated else CHANGE_AVAILABILITY
    situation = Situation(request.user, station, out=[row])
    if not situation.may(right):
        raise Missing(right, station.location.organization.path)
    initial = {"ends": AT if row.until else "", "until": row.until, "comment": row.comment}
    form = Ending(request.POST or None, initial=initial, zone=station.location.zone, now=timezone.now())
    back = next_url(request, link("station", pk))
    intro = f"{out_of_service.sentence(row, situation)[1]}." if row.ended_at is None else _("It is in service again already.")

    def save(values: dict[str, Any]) -> None:
        change_out_of_service(actor=request.user, row=row, until=values["until"], comment=values["comment"])  # type: ignore[arg-type]

    title = _("Out of service: %s") % station
    if row.connector_number:
        title = _("Out of service: connector %s") % numbering.shown(row.connector_number)
    return form_page(
        request, form, save, title=title, submit_label=_("Save"), cancel_url=back, done=_("Saved."), done_url=back,
        breadcrumbs=_trail(station), intro=intro,
    )  # fmt: skip


def _trail(station: Station) -> list[tuple[Any, str]]:
    return [(station.location, station.location.get_absolute_url()), (station, station.get_absolute_url())]


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/deactivate/", deactivate, name="station_deactivate"),
    path("stations/<int:pk>/activate/", activate, name="station_activate"),
    path("stations/<int:pk>/out-of-service/<int:out_pk>/", change, name="station_out"),
]
