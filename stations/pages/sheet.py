"""The data sheet of a station and its commands."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from stations.actions import CommandRefused, request_command
from stations.models import Station
from stations.pages.sheet_head import sheet_context
from tenancy.rights import OPERATE_STATIONS, READ, get_for

__all__ = ["sheet_context", "urlpatterns"]


def _station(request: HttpRequest, pk: int, right: str = READ) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), right, pk=pk)


def overview(request: HttpRequest, pk: int) -> HttpResponse:
    station = _station(request, pk)
    return render(request, "stations/overview.html", sheet_context(request, station, "overview"))


def activity(request: HttpRequest, pk: int) -> HttpResponse:
    station = _station(request, pk)
    return render(request, "stations/activity.html", sheet_context(request, station, "activity"))


def configuration(request: HttpRequest, pk: int) -> HttpResponse:
    station = _station(request, pk)
    return render(request, "stations/configuration.html", sheet_context(request, station, "configuration"))


def details(request: HttpRequest, pk: int) -> HttpResponse:
    station = _station(request, pk)
    return render(request, "stations/details.html", sheet_context(request, station, "details"))


@require_POST
def command(request: HttpRequest, pk: int, slug: str) -> HttpResponse:
    station = _station(request, pk, OPERATE_STATIONS)
    calls = {"reset-soft": ("Reset", {"type": "Soft"}), "reset-hard": ("Reset", {"type": "Hard"}), "clear-cache": ("ClearCache", {})}
    if slug not in calls:
        return HttpResponse(status=404)
    action, payload = calls[slug]
    try:
        request_command(actor=request.user, station=station, action=action, payload=payload)  # type: ignore[arg-type]
        messages.success(request, _("Asked %(station)s: %(action)s.") % {"station": station, "action": action})
    except CommandRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("station", pk)


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/", overview, name="station"),
    path("stations/<int:pk>/activity/", activity, name="station_activity"),
    path("stations/<int:pk>/configuration/", configuration, name="station_configuration"),
    path("stations/<int:pk>/details/", details, name="station_details"),
    path("stations/<int:pk>/commands/<slug:slug>/", command, name="station_command"),
]
