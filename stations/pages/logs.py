"""Every message both ways."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from stations.models import Frame, Station
from tenancy.rights import get_for


def station_logs(request: HttpRequest, pk: int) -> HttpResponse:
    station = get_for(request.user, Station.objects.select_related("location"), pk=pk)
    frames = Frame.objects.visible_to(request.user).filter(station=station)
    return render(request, "stations/logs.html", {"title": str(station), "station": station, "frames": frames[:50]})


def frame(request: HttpRequest, pk: int, frame_pk: int) -> HttpResponse:
    station = get_for(request.user, Station.objects.select_related("location"), pk=pk)
    found = get_for(request.user, Frame.objects.filter(station=station), pk=frame_pk)
    return render(request, "stations/frame.html", {"title": found.action or _("Message"), "station": station, "frame": found})


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/logs/", station_logs, name="station_logs"),
    path("stations/<int:pk>/logs/<int:frame_pk>/", frame, name="frame"),
]
