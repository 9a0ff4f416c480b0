"""The list of locations, and how many connectors of each are in which state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import django_filters
import django_tables2
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import explain
from stations.imports.locations import exported
from stations.models import AccessMode, Connection, Connector, Location, Station
from tenancy.links import link, organization_link
from tenancy.models import User
from tenancy.pages.shared import NAME, NUMBER, user_of
from tenancy.rights import MANAGE_LOCATIONS, granted_paths
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import state

REACHABLE = (Connection.ONLINE, Connection.PENDING)
WORST = (explain.FAULT, explain.WAITING, explain.CHARGING, explain.BUSY, explain.AVAILABLE, explain.OFF)


def may_add(user: User) -> bool:
    """A location is added to an organization: who holds the right at single locations only, as a service company does, adds none."""
    return bool(granted_paths(user, MANAGE_LOCATIONS))


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
    published = django_filters.ChoiceFilter(
        label=lazy("Published"), empty_label=lazy("Any"), choices=[("True", lazy("Yes")), ("False", lazy("No"))]
    )

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
    capacity = django_tables2.Column(lazy("Capacity in use"), accessor="pk", orderable=False, attrs=NUMBER)
    access_mode = django_tables2.Column(lazy("Access mode"))
    published = django_tables2.BooleanColumn(lazy("Published"), yesno=(lazy("Yes"), lazy("No")))
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
        return organization_link(user_of(self.request), record.organization)

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

    def render_capacity(self, record: Location) -> SafeString | str:
        said = self.value_capacity(record)
        return format_html('<a href="{}">{}</a>', link("location_capacity", record.pk), said) if said else "–"

    def value_capacity(self, record: Location) -> str:
        """Of the phase with least room: what is measured, and its limit."""
        plan = getattr(record, "capacity", None)
        if plan is None or not plan.active or not plan.seen:
            return ""
        if "measured" not in plan.seen:
            return _("being set up")
        measured, limit = min(zip(plan.seen["measured"], plan.seen["limit"], strict=True), key=lambda one: one[1] - one[0])
        return _("%(measured)d of %(limit)d A") % {"measured": round(measured), "limit": limit}


class LocationList(ListPage):
    model = Location
    table_class = LocationTable
    filterset_class = LocationFilter
    title = lazy("Locations")
    export_name = "locations"
    export_kind = "locations"
    live = True
    hidden_columns = ("published", "time_zone")
    empty_title = lazy("No locations yet.")
    empty_text = lazy("A location is a place with an address at which stations stand.")

    def get_queryset(self) -> QuerySet[Any]:
        count = Station.objects.filter(location=OuterRef("pk")).order_by().values("location").annotate(n=Count("pk")).values("n")
        rows: QuerySet[Any] = super().get_queryset().annotate(station_count=Coalesce(Subquery(count), 0))
        return rows

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("organization", "capacity")

    def more_exports(self) -> Sequence[tuple[str, str]]:
        return self.for_import()

    def lines(self, table: Table) -> Iterator[Sequence[Any]]:
        """Also what can be imported again: every column of the import, whatever is shown."""
        if self.request.GET.get("as") == "import":
            return exported(row.record for row in table.rows)
        return super().lines(table)

    def get_actions(self) -> Sequence[Action]:
        if not may_add(user_of(self.request)):
            return []
        return [
            Action(_("Add a location"), link("location_add"), icon="plus"),
            Action(_("Import"), link("import_add", kind="locations"), icon="upload"),
        ]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)
