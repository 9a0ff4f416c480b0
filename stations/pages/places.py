"""Locations and the map."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import django_filters
import django_tables2
from django.conf import settings
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions, explain
from stations.cards import Faces
from stations.forms import LocationForm
from stations.models import AccessMode, Connection, Connector, Location, Station, Transaction
from tenancy.hooks import Part
from tenancy.links import link, organization_link
from tenancy.models import Organization, User
from tenancy.pages.organizations import MANY, NAME, NUMBER, proposed, trail
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_STATIONS, READ, READ_TRANSACTIONS, anywhere, get_for, holds, may
from ui.forms import confirm_page, form_page
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import state

MOST_STATIONS = 100  # on the page of a location
REACHABLE = (Connection.ONLINE, Connection.PENDING)
WORST = (explain.FAULT, explain.WAITING, explain.CHARGING, explain.BUSY, explain.AVAILABLE, explain.OFF)


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


# -- states of whole locations ------------------------------------------------------------------------------------------------------------


class Counts:
    """How many connectors of each location are in which of the six states, in two queries for all. A connector of a station that is not
    reachable counts as the station: nobody knows what it does."""

    def __init__(self, locations: Iterable[Location]) -> None:
        pks = [location.pk for location in locations]
        self.states: dict[int, Counter[str]] = {pk: Counter() for pk in pks}
        connections = Station.objects.filter(location__in=pks).connections()
        rows = Connector.objects.filter(station__location__in=pks, number__gt=0).order_by()
        for location, station, status in rows.values_list("station__location", "station", "status"):
            connection = connections[station]
            self.states[location][explain.status(status).state if connection in REACHABLE else explain.connection(connection).state] += 1

    def worst(self, pk: int) -> str:
        return next((name for name in WORST if self.states[pk][name]), explain.OFF)

    def words(self, pk: int) -> list[tuple[str, str]]:
        """(state, "2 free") for every state that occurs, the worst first."""
        return [(name, f"{self.states[pk][name]} {WORDS[name]}") for name in WORST if self.states[pk][name]]


WORDS = {
    explain.FAULT: lazy("faulted or offline"),
    explain.WAITING: lazy("waiting"),
    explain.CHARGING: lazy("charging"),
    explain.BUSY: lazy("in use"),
    explain.AVAILABLE: lazy("free"),
    explain.OFF: lazy("out of service"),
}


# -- the list ---------------------------------------------------------------------------------------------------------------------------


class LocationFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name, street or city"), method="named")
    access_mode = django_filters.ChoiceFilter(label=lazy("Access mode"), empty_label=lazy("Any"), choices=AccessMode.choices)

    class Meta:
        model = Location
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Location], name: str, value: str) -> QuerySet[Location]:
        text = value.replace("\x00", "").strip()
        return rows.filter(name__icontains=text) | rows.filter(street__icontains=text) | rows.filter(city__icontains=text)


class LocationTable(Table):
    name = django_tables2.Column(lazy("Location"), attrs=NAME)
    organization = django_tables2.Column(lazy("Organization"), accessor="organization__name", attrs=NAME)
    station_count = django_tables2.Column(lazy("Stations"), attrs=NUMBER)
    connectors = django_tables2.Column(lazy("Connectors"), accessor="pk", orderable=False)
    access_mode = django_tables2.Column(lazy("Access mode"))
    time_zone = django_tables2.Column(lazy("Time zone"))

    class Meta(Table.Meta):
        default = "–"

    def __init__(self, data: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        self._counts: Counts | None = None

    @property
    def counts(self) -> Counts:
        if self._counts is None:
            self._counts = Counts(row.record for row in self.rows)
        return self._counts

    def render_name(self, record: Location) -> SafeString:
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record, record.address)

    def value_name(self, record: Location) -> str:
        return record.name

    def render_organization(self, record: Location) -> SafeString:
        return organization_link(self.request.user, record.organization)

    def value_organization(self, record: Location) -> str:
        return record.organization.name

    def render_connectors(self, record: Location) -> SafeString | str:
        words = self.counts.words(record.pk)
        return (
            format_html_join(" ", '<span class="connector-line">{}</span>', ((state(name, text),) for name, text in words))
            if words
            else "–"
        )

    def value_connectors(self, record: Location) -> str:
        return ", ".join(text for _name, text in self.counts.words(record.pk))


class LocationList(ListPage):
    model = Location
    table_class = LocationTable
    filterset_class = LocationFilter
    title = lazy("Locations")
    export_name = "locations"
    live = True
    hidden_columns = ("time_zone",)
    empty_title = lazy("No locations yet.")
    empty_text = lazy("A location is a place with an address at which stations stand.")

    def get_queryset(self) -> QuerySet[Any]:
        count = Station.objects.filter(location=OuterRef("pk")).order_by().values("location").annotate(n=Count("pk")).values("n")
        rows: QuerySet[Any] = super().get_queryset().annotate(station_count=Coalesce(Subquery(count), 0))
        return rows

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization")

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(self.request.user, MANAGE_LOCATIONS):
            return []
        return [Action(_("Add a location"), link("location_add"), icon="plus")]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)


# -- one location -----------------------------------------------------------------------------------------------------------------------


def path_to(user: User, location: Location) -> list[tuple[Any, str]]:
    own = location.organization
    return [*trail(user, own), (own, own.get_absolute_url() if holds(user, READ, own.path) else "")]


def location(request: HttpRequest, pk: int) -> HttpResponse:
    """The stations that stand here, and what they do now; `?part=live` gives the part that changes."""
    user = user_of(request)
    found = get_for(user, Location.objects.select_related("organization"), pk=pk)
    stations = list(
        Station.objects.visible_to(user).filter(location=found).with_connection().prefetch_related("connectors")[: MOST_STATIONS + 1]
    )
    open_here = Transaction.objects.visible_to(user).filter(station__location=found, ended_at=None)
    running = list(open_here.select_related("station", "connector")[:MOST_STATIONS])
    cards = Faces(user, ((row.id_tag, found) for row in running))
    here = {"in": f"l{found.pk}"}
    head = [Action(_("Look only at this"), link("stations", **here), icon="filter")]
    if may(user, MANAGE_STATIONS, found):
        head.insert(0, Action(_("Add stations"), link("stations_add", **here), icon="plus"))
    if may(user, MANAGE_LOCATIONS, found):
        head.append(Action(_("Edit"), link("location_edit", found.pk), icon="pencil"))
        head.append(Action(_("Delete"), link("location_delete", found.pk), icon="trash"))
    context = {
        "title": found.name,
        "location": found,
        "zone": found.zone,
        "breadcrumbs": path_to(user, found),
        "entries": [_row(station) for station in stations[:MOST_STATIONS]],
        "all_url": link("stations", **here) if len(stations) > MOST_STATIONS else "",
        "running": [(row, cards.of(row.id_tag, found)) for row in running],
        "sees_charges": may(user, READ_TRANSACTIONS, found),
        "live_url": link("location", found.pk, part="live"),
        "map_url": link("map", **here),
        "actions": head,
    }
    return render(request, "stations/location_live.html" if request.GET.get("part") == "live" else "stations/location.html", context)


class Row(NamedTuple):
    """A station of the location. What an `absent` one does nobody knows: its connectors are shown as it last reported them."""

    station: Station
    connection: explain.Meaning
    connectors: list[tuple[Connector, str, explain.Text]]
    absent: bool


def _row(station: Any) -> Row:
    absent = station.connection not in REACHABLE
    connectors = []
    for connector in station.connectors.all():
        if connector.number:
            meaning = explain.status(connector.status, connector.number)
            connectors.append((connector, explain.OFF if absent else meaning.state, meaning.word))
    return Row(station, explain.connection(station.connection), connectors, absent)


def location_add(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    owner = proposed(request, "organization", MANAGE_LOCATIONS)
    form = LocationForm(request.POST or None, initial={"organization": owner.pk}, user=user)

    def save(values: dict[str, Any]) -> Location:
        owner = get_for(user, Organization.objects.all(), MANAGE_LOCATIONS, pk=values.pop("organization").pk)
        return actions.create_location(actor=user, organization=owner, **values)

    return form_page(
        request, form, save, title=_("Add a location"), submit_label=_("Add"), cancel_url=link("locations"),
        done=_("Location added. Next: the stations that stand there."), done_url=lambda made: made.get_absolute_url(),
        breadcrumbs=[(_("Locations"), link("locations"))],
    )  # fmt: skip


def location_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, Location.objects.select_related("organization"), MANAGE_LOCATIONS, pk=pk)
    form = LocationForm(request.POST or None, instance=copy.copy(found), user=user)
    return form_page(
        request, form, lambda values: actions.edit_location(actor=user, location=found, **values),
        title=_("Edit %s") % found, submit_label=_("Save"), cancel_url=found.get_absolute_url(), done=_("Saved."),
        done_url=found.get_absolute_url(), breadcrumbs=[*path_to(user, found), (found, found.get_absolute_url())],
    )  # fmt: skip


def location_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = get_for(user, Location.objects.select_related("organization"), MANAGE_LOCATIONS, pk=pk)
    drilled = request.GET.get("in") == f"l{pk}"  # the scope goes with it
    after = reverse("organization", args=[found.organization_id]) if drilled else found.organization.get_absolute_url()
    return confirm_page(
        request, lambda: actions.delete_location(actor=user, location=found),
        title=_("Delete %s?") % found, consequences=[_("The location %s is gone. What was done to it stays in the record.") % found],
        refusal=actions.why_location_stays(found), submit_label=_("Delete location"), cancel_url=found.get_absolute_url(),
        done=_("%s is deleted.") % found, done_url=after,
        breadcrumbs=[*path_to(user, found), (found, found.get_absolute_url())],
    )  # fmt: skip


# -- the map ----------------------------------------------------------------------------------------------------------------------------

MOST_ON_MAP = 5000


def locations_map(request: HttpRequest) -> HttpResponse:
    """Every location with its worst state; `?part=live` gives the list beside the map with the data of its marks.

    Without a tile server the map is plain: places, their names and how they lie to each other.
    """
    user = user_of(request)
    drill = request.drill  # type: ignore[attr-defined]
    rows = list(drill.limit(Location.objects.visible_to(user))[: MOST_ON_MAP + 1])
    cut = len(rows) > MOST_ON_MAP
    del rows[MOST_ON_MAP:]
    counts = Counts(rows)
    entries = [(row, counts.worst(row.pk), counts.words(row.pk)) for row in rows]
    pins = [
        {
            "name": row.name, "city": row.city, "url": row.get_absolute_url(), "lat": row.latitude, "lng": row.longitude, "state": worst,
            "words": [{"state": name, "text": str(text)} for name, text in words],
        }
        for row, worst, words in entries
        if row.latitude is not None and row.longitude is not None
    ]  # fmt: skip
    context = {
        "title": _("Map"),
        "pins": pins,
        "cut": MOST_ON_MAP if cut else 0,
        "topic": f"in:{drill.token or 'all'}",
        "live_url": link("map", part="live"),
        "placed": [entry for entry in entries if entry[0].latitude is not None],
        "unplaced": [entry for entry in entries if entry[0].latitude is None],
        "tiles": {"url": settings.MAP_TILES_URL, "attribution": settings.MAP_TILES_ATTRIBUTION},
    }
    return render(request, "stations/map_list.html" if request.GET.get("part") == "live" else "stations/map.html", context)


# -- in the list of organizations, and on the page of one ---------------------------------------------------------------------------------


def locations_by_path(user: User) -> dict[str, int]:
    return dict(Location.objects.visible_to(user).order_by().values_list("organization__path").annotate(Count("pk")))


def stations_by_path(user: User) -> dict[str, int]:
    return dict(Station.objects.visible_to(user).order_by().values_list("location__organization__path").annotate(Count("pk")))


def part_of_organization(request: HttpRequest, organization: Organization) -> Part:
    """Its locations, and how its stations and those below are."""
    by_connection = Station.objects.visible_to(request.user).below(organization.path).connection_counts()
    tiles = [
        (
            explain.connection(value),
            by_connection[value],
            link("stations", **{"connection": value, "in": f"o{organization.pk}"}),
        )
        for value in Connection.values
        if by_connection.get(value)
    ]
    own = list(Location.objects.visible_to(request.user).filter(organization=organization)[: MANY + 1])
    total = sum(by_connection.values())
    context = {
        "organization": organization,
        "tiles": tiles,
        "stations": ngettext("%d station here and below", "%d stations here and below", total) % total,
        "locations": own[:MANY],
        "all_url": link("locations", **{"in": f"o{organization.pk}"}) if len(own) > MANY else "",
        "add_url": link("location_add", organization=str(organization.pk)),
        "may_add": holds(user_of(request), MANAGE_LOCATIONS, organization.path),
    }
    return Part("stations/organization_part.html", context)


urlpatterns: list[URLPattern] = [
    path("locations/", LocationList.as_view(), name="locations"),
    path("locations/add/", location_add, name="location_add"),
    path("locations/<int:pk>/", location, name="location"),
    path("locations/<int:pk>/edit/", location_edit, name="location_edit"),
    path("locations/<int:pk>/delete/", location_delete, name="location_delete"),
    path("map/", locations_map, name="map"),
]
