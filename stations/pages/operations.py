"""The page Operations: what is done to many stations, and what is kept for them; one door each."""

from __future__ import annotations

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenancy.links import link
from tenancy.rights import (
    MANAGE_LOCATIONS,
    MANAGE_NETWORKS,
    MANAGE_PASSES,
    MANAGE_STATIONS,
    READ,
    READ_CONFIGURATION,
    anywhere,
    at_platform,
)

Text = str | Promise


class Door(NamedTuple):
    """`page` is the name of its address; one needs one of `rights` somewhere."""

    label: Text
    text: Text
    icon: str
    page: str
    rights: tuple[str, ...] = (READ,)
    platform: bool = False  # one needs the first of them there


DOORS: list[Door] = [
    Door(lazy("Vendor codes"), lazy("What the error codes of a make mean, and what to do."), icon="vocabulary", page="vendor_codes"),
    Door(
        lazy("Availability"),
        lazy("How much of the time drivers could charge: by station, location and organization, month by month."),
        "chart-bar",
        "availability",
    ),
    Door(
        lazy("Firmware"),
        lazy("Files for stations: for which make and model, and who may use them."),
        "cpu",
        "firmware_files",
    ),
    Door(
        lazy("Firmware updates"),
        lazy("Which station gets which firmware, why, and how far it is."),
        "cloud-download",
        "firmware_updates",
    ),
    Door(
        lazy("Imports"),
        lazy("Files with many things at once, checked before anything is written."),
        "file-import",
        "imports",
        (MANAGE_PASSES, MANAGE_NETWORKS, MANAGE_STATIONS, MANAGE_LOCATIONS),
    ),
    Door(
        lazy("Hardware templates"),
        lazy("The technical data of a model, entered once and used wherever stations are added."),
        "cpu",
        "hardware_templates",
        (MANAGE_STATIONS,),
    ),
    Door(
        lazy("Bulk jobs"),
        lazy("The same done to many stations: what would come of it, how far it is, and what came of each."),
        "stack-2",
        "bulk_jobs",
    ),
    Door(
        lazy("Configuration templates"),
        lazy("Values that stations of a model should have: compare stations with them, and set them at many at once."),
        "template",
        "configuration_templates",
        (READ_CONFIGURATION,),
    ),
    Door(
        lazy("Exports"),
        lazy("Files of long lists that you had written. They are kept for a week."),
        "file-export",
        "exports",
    ),
    Door(
        lazy("Reservations"),
        lazy("Connectors that are kept for a card, and what became of it."),
        "calendar-time",
        "reservations",
    ),
    Door(
        lazy("Maintenance windows"),
        lazy("When stations are worked at: errors are expected then, and raise no incident."),
        "tool",
        "maintenance_windows",
    ),
    Door(
        lazy("Certificates"),
        lazy("By which stations prove who they are: of which station, from whom, until when."),
        "certificate",
        "certificates",
        (READ_CONFIGURATION,),
    ),
    Door(
        lazy("Certificate authorities"),
        lazy("Who signs certificates of stations, and whose certificates are believed."),
        "shield-lock",
        "authorities",
        (MANAGE_STATIONS,),
        platform=True,
    ),
]


def is_open(request: HttpRequest, door: Door) -> bool:
    if door.platform:
        return at_platform(request.user, door.rights[0])
    return any(anywhere(request.user, right) for right in door.rights)


def operations(request: HttpRequest) -> HttpResponse:
    shown = [(door, link(door.page)) for door in DOORS if is_open(request, door)]
    return render(request, "stations/operations.html", {"title": _("Operations"), "doors": shown})


urlpatterns: list[URLPattern] = [path("operations/", operations, name="operations")]
