"""The list of stations; adding, editing and deleting stations and connectors; knocking."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import django_filters
import django_tables2
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from stations import actions, explain
from stations.forms import TECHNICAL, ConnectorForm, StationForm, StationsForm
from stations.models import Connection, Connector, Knock, Location, Station, Transaction
from stations.pages.overview import connect_context
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS, OPERATE_STATIONS, get_for
from ui.forms import confirm_page, form_page, refuse
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import state, when

CLOCK_WRONG = 60.0  # seconds


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


# -- the list ---------------------------------------------------------------------------------------------------------------------------


class StationFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Id, alias, serial number, EVSE ID, make"), method="named")
    connection = django_filters.ChoiceFilter(
        label=lazy("Connection"), empty_label=lazy("Any"), choices=Connection.choices, method="with_connection"
    )
    status = django_filters.ChoiceFilter(
        label=lazy("A connector is"), empty_label=lazy("Anything"), choices=[*Connector.Status.choices, ("none", lazy("Not reported yet"))],
        method="with_status",
    )  # fmt: skip
    location = django_filters.CharFilter(label=lazy("Location"), method="at_location")
    clock = django_filters.ChoiceFilter(
        label=lazy("Clock"), empty_label=lazy("Any"), choices=[("wrong", lazy("Wrong"))], method="with_clock"
    )

    class Meta:
        model = Station
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        text = value.replace("\x00", "").strip()
        found = Q()
        for field in ("identity", "alias", "serial_number", "vendor", "model", "firmware_version"):
            found |= Q(**{f"{field}__icontains": text})
        if key := text.replace("*", "").upper():
            found |= Q(pk__in=Connector.objects.visible_to(self.request.user).filter(evse_key__contains=key).values("station"))
        return rows.filter(found)

    def with_connection(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(connection=value)

    def with_status(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        reported = Connector.objects.visible_to(self.request.user).filter(status="" if value == "none" else value)
        if value in ("none", Connector.Status.AVAILABLE):
            reported = reported.filter(number__gt=0)  # the station as a whole need not report, and "available" says nothing of it
        return rows.filter(pk__in=reported.values("station"))

    def at_location(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        return rows.filter(Q(location__name__icontains=value) | Q(location__city__icontains=value))

    def with_clock(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        return rows.filter(Q(clock_offset__gt=CLOCK_WRONG) | Q(clock_offset__lt=-CLOCK_WRONG), connected=True)


class StationTable(Table):
    station = django_tables2.Column(lazy("Station"), accessor="identity", order_by=("alias", "identity"))
    connection = django_tables2.Column(lazy("Connection"))
    connectors = django_tables2.Column(lazy("Connectors"), accessor="pk", orderable=False)
    model = django_tables2.Column(lazy("Model"), empty_values=(), order_by=("vendor", "model"))
    firmware = django_tables2.Column(lazy("Firmware"), accessor="firmware_version")
    location = django_tables2.Column(lazy("Location"), accessor="location__name")
    organization = django_tables2.Column(lazy("Organization"), accessor="location__organization__name")
    serial_number = django_tables2.Column(lazy("Serial number"))
    address = django_tables2.Column(lazy("Network address"))
    ocpp_version = django_tables2.Column(lazy("OCPP"))
    heard = django_tables2.Column(
        lazy("Last message"), accessor="last_message_at", attrs={"th": {"class": "text-end"}, "td": {"class": "text-end"}}
    )

    class Meta(Table.Meta):
        default = "–"

    def render_station(self, record: Station) -> SafeString:
        under = record.identity if record.alias else ""
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record, under)

    def value_station(self, record: Station) -> str:
        return record.identity

    def render_connection(self, value: str) -> SafeString:
        meaning = explain.connection(value)
        return state(meaning.state, str(meaning.word))

    def value_connection(self, value: str) -> str:
        return str(explain.connection(value).word)

    def render_connectors(self, record: Station) -> SafeString:
        if record.first_connected_at is None:
            return format_html('<span class="text-secondary">{}</span>', _("Preapproved: may connect, has not yet"))
        words = []
        for connector in record.connectors.all():
            if connector.number or connector.status == Connector.Status.FAULTED:
                meaning = explain.status(connector.status, connector.number)
                words.append(
                    (
                        connector.number or "",
                        state(meaning.state, str(meaning.word)),
                        connector.error_code if connector.error_code != "NoError" else "",
                    )
                )
        return format_html_join(
            "", '<span class="connector-line"><span class="num text-secondary">{}</span> {} <small>{}</small></span>', words
        )

    def value_connectors(self, record: Station) -> str:
        return ", ".join(f"{c.number}: {explain.status(c.status, c.number).word}" for c in record.connectors.all() if c.number)

    def render_model(self, record: Station) -> str:
        return " ".join(part for part in (record.vendor, record.model) if part) or "–"

    def render_location(self, record: Station) -> SafeString:
        return format_html(
            '<a href="{}">{}</a><span class="sub">{}</span>',
            record.location.get_absolute_url(),
            record.location,
            record.location.organization,
        )

    def value_location(self, record: Station) -> str:
        return record.location.name

    def render_heard(self, record: Station) -> SafeString | str:
        return when(record.last_message_at, record.location.zone)

    def value_heard(self, record: Station) -> str:
        return record.last_message_at.isoformat(timespec="seconds") if record.last_message_at else ""


def activate(request: HttpRequest, rows: QuerySet[Station]) -> str:
    return _set_active(request, rows, active=True)


def deactivate(request: HttpRequest, rows: QuerySet[Station]) -> str:
    return _set_active(request, rows, active=False)


def _set_active(request: HttpRequest, rows: Any, *, active: bool) -> str:
    count = 0
    for station in rows.visible_to(request.user, MANAGE_STATIONS).filter(active=not active).select_related("location__organization"):
        actions.edit_station(actor=user_of(request), station=station, active=active)
        count += 1
    if active:
        return ngettext("%d station may connect again.", "%d stations may connect again.", count) % count
    return ngettext("%d station is deactivated.", "%d stations are deactivated.", count) % count


def what_deactivating_does(request: HttpRequest, rows: Any) -> list[str]:
    mine = rows.visible_to(request.user, MANAGE_STATIONS).filter(active=True)
    count, charging = (
        mine.count(),
        Transaction.objects.visible_to(request.user).filter(station__in=mine.values("pk"), ended_at=None).count(),
    )
    said = [
        ngettext(
            "%d station is disconnected now, and refused until it is activated again.",
            "%d stations are disconnected now, and refused until they are activated again.",
            count,
        ) % count
    ]  # fmt: skip
    if charging:
        said.append(
            ngettext(
                "%d car is charging there. The station goes on by itself, but its values arrive only after it is activated again.",
                "%d cars are charging there. The stations go on by themselves, but their values arrive only when they are activated again.",
                charging,
            ) % charging
        )  # fmt: skip
    return said


def reset(request: HttpRequest, rows: Any) -> str:
    asked, refused = 0, 0
    for station in rows.visible_to(request.user, OPERATE_STATIONS).select_related("location__organization"):
        try:
            actions.request_command(actor=user_of(request), station=station, action="Reset", payload={"type": "Soft"})
            asked += 1
        except actions.CommandRefused:
            refused += 1
    told = ngettext("%d station is asked to reset.", "%d stations are asked to reset.", asked) % asked
    if refused:
        told += " " + ngettext("%d is not connected and is left out.", "%d are not connected and are left out.", refused) % refused
    return told


def what_resetting_does(request: HttpRequest, rows: Any) -> list[str]:
    mine = rows.visible_to(request.user, OPERATE_STATIONS)
    connected, apart = mine.filter(connected=True).count(), mine.filter(connected=False).count()
    charging = (
        Transaction.objects.visible_to(request.user).filter(station__in=mine.filter(connected=True).values("pk"), ended_at=None).count()
    )
    said = [ngettext("%d station starts again; about a minute.", "%d stations start again; about a minute.", connected) % connected]
    if charging:
        said.append(ngettext("%d charge ends by it.", "%d charges end by it.", charging) % charging)
    if apart:
        said.append(ngettext("%d is not connected and is left out.", "%d are not connected and are left out.", apart) % apart)
    return said


class StationList(ListPage):
    model = Station
    table_class = StationTable
    filterset_class = StationFilter
    title = lazy("Stations")
    export_name = "stations"
    live = True
    hidden_columns = ("organization", "serial_number", "address", "ocpp_version")
    empty_title = lazy("No stations yet.")
    empty_text = lazy("Add one: the portal then shows what to type into it.")
    bulk_actions = (
        BulkAction("reset", lazy("Reset"), reset, what_resetting_does, icon="refresh"),
        BulkAction("deactivate", lazy("Deactivate"), deactivate, what_deactivating_does, icon="ban"),
        BulkAction("activate", lazy("Activate"), activate, icon="circle-check"),
    )

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().with_connection()  # type: ignore[attr-defined, no-any-return]

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("location__organization").prefetch_related(
            Prefetch("connectors", Connector.objects.visible_to(self.request.user).order_by("number"))
        )

    def get_actions(self) -> Sequence[Action]:
        return [Action(_("Add stations"), scoped(self.request, "stations_add"), icon="plus")]

    def get_empty_action(self) -> Action | None:
        return Action(_("Add stations"), scoped(self.request, "stations_add"), icon="plus")


def scoped(request: HttpRequest, name: str, *args: Any, **query: str) -> str:
    """The URL of a page with the scope of this one."""
    if request.GET.get("in"):
        query["in"] = request.GET["in"]
    return reverse(name, args=args) + (f"?{urlencode(query)}" if query else "")


# -- adding -----------------------------------------------------------------------------------------------------------------------------


@never_cache
def stations_add(request: HttpRequest) -> HttpResponse:
    """The passwords are in the answer to the POST and nowhere else: they are shown once, and kept by nobody."""
    user = user_of(request)
    knocking = request.GET.get("identity", "") if user.organization.parent_id is None else ""
    knock = Knock.objects.filter(identity=knocking).first() if knocking else None
    drill = request.drill  # type: ignore[attr-defined]
    initial: dict[str, Any] = {"identities": request.GET.get("identity", "")}
    if drill and drill.place:
        initial["location"] = drill.place.pk
    elif drill and (only := Location.objects.visible_to(user, MANAGE_STATIONS).below(drill.organization.path)[:2]) and len(only) == 1:
        initial["location"] = only[0].pk
    offers = bool(knock and knock.password_digest)
    form = StationsForm(request.POST or None, initial=initial, user=user, offers_password=offers)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        location = get_for(user, Location.objects.all(), MANAGE_STATIONS, pk=values["location"].pk)
        try:
            added = actions.add_stations(
                actor=user, location=location, identities=values["identities"], connectors=values["connectors"],
                connector_fields={"plug": values["plug"], "format": values["format"]},
                adopt_offered_password=bool(values.get("adopt")), alias=values["alias"], access_mode=values["access_mode"],
                **{name: values[name] for name in TECHNICAL},
            )  # fmt: skip
        except ValidationError as error:
            refuse(form, error)
        else:
            return shown_once(request, _("Added"), added, location)
    context = {
        "title": _("Add stations"),
        "form": form,
        "submit_label": _("Add"),
        "cancel_url": scoped(request, "stations"),
        "breadcrumbs": [(_("Stations"), scoped(request, "stations"))],
        "intro": _("They are preapproved: each may connect as soon as its password is typed into it."),
    }
    return render(request, "ui/form.html", context)


def shown_once(request: HttpRequest, title: str, added: Sequence[tuple[Station, str | None]], location: Location) -> HttpResponse:
    entries = []
    for station, password in added:
        address = connect_context(request, station)
        entries.append({"station": station, "password": password, "full_url": address["ocpp_full_url"], "url": address["ocpp_url"]})
    context = {
        "title": title,
        "entries": entries,
        "url": entries[0]["url"],
        "any_password": any(entry["password"] for entry in entries),
        "location": location,
        "breadcrumbs": [(_("Stations"), scoped(request, "stations")), (str(location), location.get_absolute_url())],
    }
    return render(request, "stations/passwords.html", context)


# -- one station ------------------------------------------------------------------------------------------------------------------------


def managed(request: HttpRequest, pk: int) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)


def trail(station: Station) -> list[tuple[Any, str]]:
    return [(station.location, station.location.get_absolute_url()), (station, station.get_absolute_url())]


def station_edit(request: HttpRequest, pk: int) -> HttpResponse:
    station = managed(request, pk)
    form = StationForm(request.POST or None, instance=copy.copy(station), user=user_of(request))
    return form_page(
        request, form, lambda values: actions.edit_station(actor=user_of(request), station=station, **values),
        title=_("Edit %s") % station, submit_label=_("Save"), cancel_url=reverse("station_details", args=[pk]), done=_("Saved."),
        done_url=reverse("station_details", args=[pk]), breadcrumbs=trail(station),
        intro=_("The id %s never changes: it is the station's address.") % station.identity,
    )  # fmt: skip


def station_delete(request: HttpRequest, pk: int) -> HttpResponse:
    station = managed(request, pk)
    frames = station.frames.count()
    return confirm_page(
        request, lambda: actions.delete_station(actor=user_of(request), station=station),
        title=_("Delete %s?") % station,
        consequences=[
            _("The station %s and its connectors are gone, and it is refused from now on.") % station.identity,
            ngettext("Its log of %d message is gone too.", "Its log of %d messages is gone too.", frames) % frames,
        ],
        refusal=actions.why_station_stays(station), submit_label=_("Delete station"), cancel_url=station.get_absolute_url(),
        done=_("%s is deleted.") % station, done_url=reverse("stations"), breadcrumbs=trail(station),
    )  # fmt: skip


@never_cache
def station_password(request: HttpRequest, pk: int) -> HttpResponse:
    station = managed(request, pk)
    if request.method == "POST":
        password = actions.renew_password(actor=user_of(request), station=station)
        return shown_once(request, _("New password"), [(station, password)], station.location)
    context = {
        "title": _("Renew the password of %s?") % station,
        "consequences": [
            _("The old password stops working at once, and the station is disconnected."),
            _("It comes back when the new one is typed into it. The new one is shown once."),
        ],
        "submit_label": _("Renew password"),
        "cancel_url": reverse("station_details", args=[pk]),
        "breadcrumbs": trail(station),
    }
    return render(request, "ui/confirm.html", context)


# -- connectors -------------------------------------------------------------------------------------------------------------------------


def connector_add(request: HttpRequest, pk: int) -> HttpResponse:
    station = managed(request, pk)
    used = list(station.connectors.values_list("number", flat=True))
    form = ConnectorForm(request.POST or None, initial={"number": max(used, default=0) + 1}, instance=Connector(station=station))
    return form_page(
        request, form, lambda values: actions.create_connector(actor=user_of(request), station=station, **values),
        title=_("Add a connector"), submit_label=_("Add"), cancel_url=reverse("station_details", args=[pk]), done=_("Connector added."),
        done_url=reverse("station_details", args=[pk]), breadcrumbs=trail(station),
    )  # fmt: skip


def connector_of(request: HttpRequest, pk: int, connector_pk: int) -> Connector:
    rows = Connector.objects.select_related("station__location__organization").filter(number__gt=0)
    return get_for(request.user, rows, MANAGE_STATIONS, pk=connector_pk, station=pk)


def connector_edit(request: HttpRequest, pk: int, connector_pk: int) -> HttpResponse:
    connector = connector_of(request, pk, connector_pk)
    form = ConnectorForm(request.POST or None, instance=copy.copy(connector))
    return form_page(
        request, form, lambda values: actions.edit_connector(actor=user_of(request), connector=connector, **values),
        title=_("Edit connector %d") % connector.number, submit_label=_("Save"), cancel_url=reverse("station_details", args=[pk]),
        done=_("Saved."), done_url=reverse("station_details", args=[pk]), breadcrumbs=trail(connector.station),
    )  # fmt: skip


def connector_delete(request: HttpRequest, pk: int, connector_pk: int) -> HttpResponse:
    connector = connector_of(request, pk, connector_pk)
    return confirm_page(
        request, lambda: actions.delete_connector(actor=user_of(request), connector=connector),
        title=_("Delete connector %d?") % connector.number,
        consequences=[_("It disappears from this station. Should the station report it again, it comes back.")],
        refusal=actions.why_connector_stays(connector), submit_label=_("Delete connector"),
        cancel_url=reverse("station_details", args=[pk]),
        done=_("Connector deleted."), done_url=reverse("station_details", args=[pk]), breadcrumbs=trail(connector.station),
    )  # fmt: skip


# -- knocking ---------------------------------------------------------------------------------------------------------------------------


def only_platform(request: HttpRequest) -> None:
    """Who knocks belongs to no tenant, so only the platform sees it."""
    if user_of(request).organization.parent_id is not None:
        raise Http404


def knocking(request: HttpRequest) -> HttpResponse:
    only_platform(request)
    knocks = list(Knock.objects.order_by("-last_at"))
    known = {
        row.identity: row for row in Station.objects.visible_to(request.user).filter(identity__in=[knock.identity for knock in knocks])
    }
    context = {
        "title": _("Knocking"),
        "entries": [
            (knock, known.get(knock.identity), f"{reverse('stations_add')}?identity={quote(knock.identity, safe='')}") for knock in knocks
        ],
        "breadcrumbs": [(_("Stations"), reverse("stations"))],
    }
    return render(request, "stations/knocking.html", context)


@require_POST
def knock_forget(request: HttpRequest, pk: int) -> HttpResponse:
    only_platform(request)
    knock = get_object_or_404(Knock, pk=pk)
    knock.delete()
    messages.success(request, _("%s is forgotten. Should it knock again, it is listed again.") % knock.identity)
    return redirect("knocking")


urlpatterns: list[URLPattern] = [
    path("stations/", StationList.as_view(), name="stations"),
    path("stations/add/", stations_add, name="stations_add"),
    path("stations/knocking/", knocking, name="knocking"),
    path("stations/knocking/<int:pk>/forget/", knock_forget, name="knock_forget"),
    path("stations/<int:pk>/edit/", station_edit, name="station_edit"),
    path("stations/<int:pk>/delete/", station_delete, name="station_delete"),
    path("stations/<int:pk>/password/", station_password, name="station_password"),
    path("stations/<int:pk>/connectors/add/", connector_add, name="connector_add"),
    path("stations/<int:pk>/connectors/<int:connector_pk>/edit/", connector_edit, name="connector_edit"),
    path("stations/<int:pk>/connectors/<int:connector_pk>/delete/", connector_delete, name="connector_delete"),
]
