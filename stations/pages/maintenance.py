"""Maintenance windows: the list of all, and planning, changing and ending one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
import django_tables2
from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import actions, explain
from stations.actions.maintenance import overlapping
from stations.maintenance import local, period, where
from stations.models import MaintenanceWindow, Station
from stations.moments import WallField, at_location, on_the_wall
from stations.ocpp import numbering
from stations.pages.fleet import trail
from stations.tables import station_cell
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.personal import person
from tenancy.rights import CHANGE_AVAILABILITY, get_for, may
from ui.forms import confirm_page, form_page, next_url
from ui.lists import ListPage, Table
from ui.templatetags.ui import state

COMING, RUNNING, PAST = "coming", "running", "past"


def state_of(window: MaintenanceWindow, now: datetime) -> tuple[str, str, Any]:
    """(coming, running or past; which of the six states; its word)."""
    if window.ends_at <= now:
        return PAST, explain.OFF, _("Past")
    return (RUNNING, explain.WAITING, _("Running")) if window.starts_at <= now else (COMING, explain.BUSY, _("Coming"))


# -- the forms ----------------------------------------------------------------------------------------------------------------------------


class WindowForm(forms.Form):
    """Times are those of the location. A window that runs has begun: its beginning is only shown."""

    connector_number = forms.TypedChoiceField(label=lazy("Of"), coerce=int)
    starts_at = WallField(label=lazy("From"))
    ends_at = WallField(label=lazy("Until"))
    comment = forms.CharField(
        label=lazy("Comment"), max_length=200, help_text=lazy("What is done, and by whom: everybody who sees the station reads it.")
    )

    def __init__(self, data: Any, *, station: Station, window: MaintenanceWindow | None = None) -> None:
        self.zone = station.location.zone
        now = timezone.now()
        began = window is not None and window.starts_at <= now
        start = window.starts_at if window else now
        initial: dict[str, Any] = {"starts_at": on_the_wall(start, self.zone)}
        if window:
            initial |= {"ends_at": on_the_wall(window.ends_at, self.zone), "comment": window.comment}
        super().__init__(data, initial=initial)
        here = _("Times are those of the location, %s.") % station.location.time_zone
        self.fields["starts_at"].help_text = _("It has begun already.") if began else here
        if began:
            del self.fields["starts_at"]
            self.fields["ends_at"].help_text = here
        if window:
            del self.fields["connector_number"]
            return
        numbers = station.connectors.filter(number__gt=0).order_by("number").values_list("number", flat=True)
        choices = [(0, _("The whole station")), *((number, _("Connector %s") % numbering.shown(number)) for number in numbers)]
        self.fields["connector_number"].choices = choices  # type: ignore[attr-defined]

    def moments(self, values: dict[str, Any]) -> dict[str, Any]:
        """The cleaned values with times as moments."""
        found = dict(values)
        if "starts_at" in found:
            found["starts_at"] = at_location(found["starts_at"], self.zone)
        found["ends_at"] = at_location(found["ends_at"], self.zone, late=True)
        return found


def _tell_overlaps(request: HttpRequest, window: MaintenanceWindow, station: Station) -> None:
    for other in overlapping(window)[:5]:
        told = f"{where(other)}, {period(other, station.location.zone)}: {other.comment}"
        messages.warning(request, _("It overlaps with another maintenance window. %s") % told)


def maintenance_add(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    station = get_for(user, Station.objects.select_related("location__organization"), CHANGE_AVAILABILITY, pk=pk)
    form = WindowForm(request.POST or None, station=station)

    def save(values: dict[str, Any]) -> None:
        (window,) = actions.plan_maintenance(actor=user, stations=[station], **form.moments(values))
        _tell_overlaps(request, window, station)

    back = next_url(request, link("station_care", pk))
    return form_page(
        request, form, save, title=_("Plan maintenance"), submit_label=_("Plan maintenance"), cancel_url=back,
        done=_("Maintenance planned."), done_url=back, breadcrumbs=trail(station),
        intro=_(
            "In this time errors are expected and raise no incident. It switches nothing off: to keep drivers away, take the station out "
            "of service too."
        ),
    )  # fmt: skip


def window_of(request: HttpRequest, pk: int) -> MaintenanceWindow:
    rows = MaintenanceWindow.objects.select_related("station__location__organization")
    return get_for(user_of(request), rows, CHANGE_AVAILABILITY, pk=pk)


def maintenance_edit(request: HttpRequest, pk: int) -> HttpResponse:
    window = window_of(request, pk)
    station = window.station
    back = next_url(request, link("station_care", station.pk))
    if window.ends_at <= timezone.now():
        return confirm_page(
            request, lambda: None, title=_("Change maintenance"), consequences=[], submit_label="", cancel_url=back, done="",
            done_url=back, refusal=_("This maintenance window is over, so it stays as it is. Plan a new one."), breadcrumbs=trail(station),
        )  # fmt: skip
    form = WindowForm(request.POST or None, station=station, window=window)

    def save(values: dict[str, Any]) -> None:
        fields = form.moments(values)
        for name in ("starts_at", "ends_at"):  # the page shows minutes
            was = getattr(window, name)
            if name in fields and on_the_wall(was, form.zone).replace(second=0, microsecond=0) == values[name]:
                fields[name] = was
        _tell_overlaps(request, actions.edit_maintenance(actor=user_of(request), window=window, **fields), station)

    return form_page(
        request, form, save, title=_("Change maintenance"), submit_label=_("Save"), cancel_url=back, done=_("Saved."), done_url=back,
        breadcrumbs=trail(station), intro=f"{where(window)}, {period(window, station.location.zone)}",
    )  # fmt: skip


def maintenance_end(request: HttpRequest, pk: int) -> HttpResponse:
    window = window_of(request, pk)
    station, now = window.station, timezone.now()
    back = next_url(request, link("station_care", station.pk))
    running = window.starts_at < now
    said = f"{where(window)}, {period(window, station.location.zone)}: {window.comment}"
    return confirm_page(
        request, lambda: actions.end_maintenance(actor=user_of(request), window=window),
        title=_("End maintenance now?") if running else _("Cancel this maintenance?"),
        consequences=[said, _("From now on errors count again.") if running else _("It is taken off the list; the history keeps it.")],
        refusal=_("It is over already.") if window.ends_at <= now else "",
        submit_label=_("End maintenance") if running else _("Cancel maintenance"), submit_class="btn-primary", cancel_url=back,
        keep_label="" if running else _("Keep it"),
        done=_("Maintenance ended.") if running else _("Maintenance cancelled."), done_url=back, breadcrumbs=trail(station),
    )  # fmt: skip


# -- the list -----------------------------------------------------------------------------------------------------------------------------


class WindowFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="in_state",
        choices=[(RUNNING, lazy("Running")), (COMING, lazy("Coming")), (PAST, lazy("Past"))],
    )  # fmt: skip
    q = django_filters.CharFilter(label=lazy("Station, location or comment"), method="named", max_length=100)

    class Meta:
        model = MaintenanceWindow
        fields: tuple[str, ...] = ()

    def in_state(self, rows: QuerySet[MaintenanceWindow], name: str, value: str) -> QuerySet[MaintenanceWindow]:
        now = timezone.now()
        if value == PAST:
            return rows.filter(ends_at__lte=now)
        return rows.filter(ends_at__gt=now, **({"starts_at__lte": now} if value == RUNNING else {"starts_at__gt": now}))

    def named(self, rows: QuerySet[MaintenanceWindow], name: str, value: str) -> QuerySet[MaintenanceWindow]:
        text = value.replace("\x00", "").strip()
        return rows.filter(
            Q(station__identity__icontains=text)
            | Q(station__alias__icontains=text)
            | Q(station__location__name__icontains=text)
            | Q(comment__icontains=text)
        )


class WindowTable(Table):
    station = django_tables2.Column(lazy("Station"), accessor="station__identity")
    of = django_tables2.Column(lazy("Of"), accessor="connector_number")
    state = django_tables2.Column(lazy("State"), accessor="ends_at", orderable=False)
    starts_at = django_tables2.Column(lazy("From"))
    ends_at = django_tables2.Column(lazy("Until"))
    comment = django_tables2.Column(lazy("Comment"), attrs={"td": {"class": "wide"}})
    by = django_tables2.Column(lazy("Planned by"), accessor="created_by", orderable=False, empty_values=())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = timezone.now()

    def render_station(self, record: MaintenanceWindow) -> SafeString:
        return station_cell(record.station, "station_care")

    def value_station(self, record: MaintenanceWindow) -> str:
        return record.station.identity

    def render_of(self, record: MaintenanceWindow) -> str:
        return where(record)

    def render_state(self, record: MaintenanceWindow) -> SafeString:
        _kind, look, word = state_of(record, self.now)
        return state(look, word)

    def value_state(self, record: MaintenanceWindow) -> str:
        return str(state_of(record, self.now)[2])

    def render_starts_at(self, record: MaintenanceWindow) -> str:
        return local(record.starts_at, record.station.location.zone)

    def render_ends_at(self, record: MaintenanceWindow) -> str:
        return local(record.ends_at, record.station.location.zone)

    def value_starts_at(self, record: MaintenanceWindow) -> str:
        return record.starts_at.astimezone(record.station.location.zone).isoformat(timespec="seconds")

    def value_ends_at(self, record: MaintenanceWindow) -> str:
        return record.ends_at.astimezone(record.station.location.zone).isoformat(timespec="seconds")

    def render_by(self, record: MaintenanceWindow) -> str:
        place = record.station.location
        return person(self.request.user, record.created_by, place.organization.path, place.pk) or "–"


class WindowList(ListPage):
    model, table_class, filterset_class = MaintenanceWindow, WindowTable, WindowFilter
    title = lazy("Maintenance windows")
    intro = lazy(
        "Times in which errors are expected. Each is shown in the time of its location. To end or cancel those of many stations, choose "
        "the stations in their list."
    )
    empty_title = lazy("No maintenance is planned.")
    empty_text = lazy("Plan it on the tab “Maintenance and notes” of a station, or for many in the list of stations.")
    export_name = "maintenance"

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("station__location__organization", "created_by")

    def breadcrumbs(self) -> list[tuple[str, str]]:
        return [(_("Operations"), link("operations"))]


def rows_of(user: Any, station: Station, now: datetime, most: int) -> list[dict[str, Any]]:
    """The windows of one station for its tab: what runs and comes, soonest first, then what is past, newest first."""
    rows = MaintenanceWindow.objects.visible_to(user).filter(station=station).select_related("created_by")
    found = [*rows.filter(ends_at__gt=now).order_by("starts_at", "pk")[:most], *rows.filter(ends_at__lte=now)[:most]]
    zone, path_, own = station.location.zone, station.location.organization.path, may(user, CHANGE_AVAILABILITY, station)
    told = []
    for window in found:
        kind, look, word = state_of(window, now)
        open_ = kind != PAST
        overlaps = open_ and any(
            other is not window
            and other.starts_at < window.ends_at
            and other.ends_at > window.starts_at
            and (not other.connector_number or not window.connector_number or other.connector_number == window.connector_number)
            for other in found
        )
        told.append(
            {
                "window": window, "look": look, "word": word, "where": where(window), "period": period(window, zone), "overlaps": overlaps,
                "by": person(user, window.created_by, path_, station.location_id),
                "edit_url": link("maintenance_edit", window.pk) if own and open_ else "",
                "end_url": link("maintenance_end", window.pk) if own and open_ else "",
                "end_label": _("End now") if kind == RUNNING else _("Cancel"),
            }
        )  # fmt: skip
    return told


urlpatterns: list[URLPattern] = [
    path("operations/maintenance/", WindowList.as_view(), name="maintenance_windows"),
    path("stations/<int:pk>/maintenance/add/", maintenance_add, name="station_maintenance_add"),
    path("maintenance/<int:pk>/edit/", maintenance_edit, name="maintenance_edit"),
    path("maintenance/<int:pk>/end/", maintenance_end, name="maintenance_end"),
]
