"""The History tab of a station, the History of a location, and what the record tells of them in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.urls import URLPattern, path

from stations import command_words
from stations.models import Command, Connector, Location, Station, UnmatchedMessage
from stations.ocpp import numbering, versions
from stations.pages.sheet_head import sheet_context
from tenancy.models import ServiceAccess
from tenancy.pages.history import ObjectHistory

KINDS = (
    "stations.firmwarefile",
    "stations.transaction",
    "stations.location",
    "stations.station",
    "stations.connector",
    "stations.unmatchedmessage",
    "stations.knock",
    "stations.vendorcode",
    "stations.bulkjob",
    "stations.configurationtemplate",
    "stations.hardwaretemplate",
)


def of_station(station: Station) -> Q:
    """Its connectors, and what of it was taken out of the inbox."""
    return _of_connectors_and_messages(station=station)


def of_location(location: Location) -> Q:
    """Its stations with all that belongs to them, and the service companies let in there."""
    stations = Q(object_type="stations.station", object_id__in=Station.objects.filter(location=location).values("pk"))
    accesses = ServiceAccess.objects.filter(place=f"l{location.pk}")
    return (
        stations
        | _of_connectors_and_messages(station__location=location)
        | Q(object_type="tenancy.serviceaccess", object_id__in=accesses.values("pk"))
    )


def _of_connectors_and_messages(**of: Any) -> Q:
    return Q(object_type="stations.connector", object_id__in=Connector.objects.filter(**of).order_by().values("pk")) | Q(
        object_type="stations.unmatchedmessage", object_id__in=UnmatchedMessage.objects.filter(**of).order_by().values("pk")
    )


BELONGING: dict[str, Callable[[Any], Q]] = {"stations.station": of_station, "stations.location": of_location}


def audited_words(action: str, payload: dict[str, Any], values: bool) -> str:
    version = versions.said_in(action, payload)
    number = versions.speaker(version).connector_named(action, payload)
    known = number if number is not None and numbering.possible(number) else None
    return command_words.title_of(Command(action=action, payload=payload, version=version, connector_number=known), values=values)


class StationHistory(ObjectHistory):
    """The History tab of a station."""

    of, joins = Station, ("location__organization",)
    template_name = "stations/station_history.html"

    def zone(self) -> ZoneInfo:
        return self.thing.location.zone  # type: ignore[no-any-return]

    def get_context(self) -> dict[str, Any]:
        return {**sheet_context(self.request, self.thing, active="history"), "here": self.request.get_full_path()}


class LocationHistory(ObjectHistory):
    of = Location

    def zone(self) -> ZoneInfo:
        return self.thing.zone  # type: ignore[no-any-return]


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/history/", StationHistory.as_view(), name="station_history"),
    path("locations/<int:pk>/history/", LocationHistory.as_view(), name="location_history"),
]
