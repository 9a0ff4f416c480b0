"""The list of stations, and what can be done to many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions, explain
from stations.models import AccessMode, Connection, Connector, Station, Transaction
from tenancy.links import link
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS, READ, RESET_STATIONS, anywhere
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import state, when

CLOCK_WRONG = 60.0  # seconds
RESET_AT_ONCE = 500  # stations: all of them come back at the same time
NAMED = 5  # of those that are left out
WORDS = 6  # of a search
FOUND_BY = ("identity", "alias", "serial_number", "vendor", "model", "firmware_version", "location__name", "location__city")
ABSENT = (Connection.OFFLINE, Connection.DEACTIVATED)


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


class StationFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Id, alias, EVSE ID, make, location"), method="named", max_length=100)
    connection = django_filters.ChoiceFilter(
        label=lazy("Connection"), empty_label=lazy("Any"), choices=Connection.choices, method="with_connection"
    )
    status = django_filters.ChoiceFilter(
        label=lazy("A connector is"), empty_label=lazy("Anything"), choices=[*Connector.Status.choices, ("none", lazy("Not reported yet"))],
        method="with_status",
    )  # fmt: skip
    problem = django_filters.ChoiceFilter(
        label=lazy("Problem"), empty_label=lazy("Any or none"), method="with_problem",
        choices=[("any", lazy("Has a problem")), ("clock", lazy("Wrong clock"))],
    )  # fmt: skip
    access = django_filters.ChoiceFilter(label=lazy("Access"), empty_label=lazy("Any"), choices=AccessMode.choices, method="with_access")

    class Meta:
        model = Station
        fields: tuple[str, ...] = ()

    def named(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        """Every word is found in some field of the station: "alfen 6.5.1" are those of a make with a firmware."""
        for word in value.replace("\x00", "").split()[:WORDS]:
            found = Q()
            for field in FOUND_BY:
                found |= Q(**{f"{field}__icontains": word})
            if key := word.replace("*", "").upper():
                found |= Q(pk__in=Connector.objects.visible_to(self.request.user).filter(evse_key__contains=key).values("station"))
            rows = rows.filter(found)
        return rows

    def with_connection(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(connection=value)

    def with_status(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        reported = Connector.objects.visible_to(self.request.user).filter(status="" if value == "none" else value)
        if value in ("none", Connector.Status.AVAILABLE):
            reported = reported.filter(number__gt=0)  # the station as a whole need not report, and "available" says nothing of it
        return rows.filter(pk__in=reported.values("station"))

    def with_problem(self, rows: Any, name: str, value: str) -> Any:
        """A problem is: offline, a connector faulted, or a wrong clock."""
        wrong = (Q(clock_offset__gt=CLOCK_WRONG) | Q(clock_offset__lt=-CLOCK_WRONG)) & Q(connected=True)
        if value == "clock":
            return rows.filter(wrong)
        faulted = Connector.objects.visible_to(self.request.user).filter(status=Connector.Status.FAULTED, station__active=True)
        return rows.filter(wrong | Q(connection=Connection.OFFLINE) | Q(pk__in=faulted.values("station")))

    def with_access(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        return rows.filter(Q(access_mode=value) | Q(access_mode="", location__access_mode=value))


class StationTable(Table):
    station = django_tables2.Column(lazy("Station"), accessor="identity", order_by=("alias", "identity"))
    connection = django_tables2.Column(lazy("Connection"))
    connectors = django_tables2.Column(lazy("Connectors"), accessor="pk", orderable=False)
    model = django_tables2.Column(lazy("Model"), empty_values=(), order_by=("vendor", "model"), attrs={"td": {"class": "long-text model"}})
    firmware = django_tables2.Column(lazy("Firmware"), accessor="firmware_version", attrs={"td": {"class": "long-text"}})
    location = django_tables2.Column(lazy("Location"), accessor="location__name")
    organization = django_tables2.Column(lazy("Organization"), accessor="location__organization__name")
    serial_number = django_tables2.Column(lazy("Serial number"))
    evse_ids = django_tables2.Column(lazy("EVSE IDs"), accessor="pk", orderable=False)
    access = django_tables2.Column(lazy("Access"), accessor="access_mode", empty_values=(), orderable=False)
    address = django_tables2.Column(lazy("Network address"))
    ocpp_version = django_tables2.Column(lazy("OCPP"))
    heard = django_tables2.Column(
        lazy("Last message"), accessor="last_message_at", attrs={"th": {"class": "text-end"}, "td": {"class": "text-end text-nowrap"}}
    )

    class Meta(Table.Meta):
        default = "–"

    def render_station(self, record: Station) -> SafeString:
        under = record.identity if record.alias else ""
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record, under)

    def value_station(self, record: Station) -> str:
        return record.identity if not record.alias else f"{record.identity} ({record.alias})"

    def render_connection(self, value: str) -> SafeString:
        meaning = explain.connection(value)
        return state(meaning.state, str(meaning.word))

    def value_connection(self, value: str) -> str:
        return str(explain.connection(value).word)

    def render_connectors(self, record: Station) -> SafeString:
        if record.connection == Connection.NEVER:  # type: ignore[attr-defined]
            return format_html('<span class="text-secondary">{}</span>', _("Preapproved, has not connected yet"))
        words, absent = [], record.connection in ABSENT  # type: ignore[attr-defined]
        for connector in record.connectors.all():
            if connector.number or connector.status == Connector.Status.FAULTED:
                meaning = explain.status(connector.status, connector.number)
                code = connector.error_code if connector.error_code != "NoError" else ""
                words.append((connector.number or _("station"), state(explain.OFF if absent else meaning.state, str(meaning.word)), code))
        lines = format_html_join(
            "", '<span class="connector-line"><span class="num text-secondary">{}</span> {} <small>{}</small></span>', words
        )
        return format_html('{}<span class="sub">{}</span>', lines, _("last reported")) if absent and words else lines

    def value_connectors(self, record: Station) -> str:
        shown = [c for c in record.connectors.all() if c.number or c.status == Connector.Status.FAULTED]
        return ", ".join(f"{c.number}: {explain.status(c.status, c.number).word}" for c in shown)

    def render_model(self, record: Station) -> SafeString | str:
        if not record.model:
            return record.vendor or "–"
        return format_html('{}<span class="sub">{}</span>', record.model, record.vendor)

    def value_model(self, record: Station) -> str:
        return " ".join(part for part in (record.vendor, record.model) if part)

    def render_location(self, record: Station) -> SafeString:
        return format_html(
            '<a href="{}">{}</a><span class="sub">{}</span>',
            record.location.get_absolute_url(),
            record.location,
            record.location.organization,
        )

    def value_location(self, record: Station) -> str:
        return record.location.name

    def render_evse_ids(self, record: Station) -> SafeString | str:
        found = [(connector.evse_id,) for connector in record.connectors.all() if connector.evse_id]
        return format_html_join("", '<span class="d-block text-nowrap">{}</span>', found) or "–"

    def value_evse_ids(self, record: Station) -> str:
        return ", ".join(connector.evse_id for connector in record.connectors.all() if connector.evse_id)

    def render_access(self, record: Station) -> SafeString:
        source = "" if record.access_mode else _("from location")
        return format_html('{}<span class="sub">{}</span>', record.effective_access_mode.label, source)

    def value_access(self, record: Station) -> str:
        return str(record.effective_access_mode.label)

    def render_heard(self, record: Station) -> SafeString | str:
        return when(record.last_message_at, record.location.zone)

    def value_heard(self, record: Station) -> str:
        return record.last_message_at.isoformat(timespec="seconds") if record.last_message_at else ""


# -- many at once -----------------------------------------------------------------------------------------------------------------------


def charging_at(request: HttpRequest, stations: QuerySet[Station]) -> int:
    return Transaction.objects.visible_to(request.user, READ).filter(station__in=stations.order_by().values("pk"), ended_at=None).count()


def activate(request: HttpRequest, rows: Any) -> str:
    count = actions.set_stations_active(actor=user_of(request), stations=rows.visible_to(request.user, MANAGE_STATIONS), active=True)
    return ngettext("%d station may connect again.", "%d stations may connect again.", count) % count


def deactivate(request: HttpRequest, rows: Any) -> str:
    count = actions.set_stations_active(actor=user_of(request), stations=rows.visible_to(request.user, MANAGE_STATIONS), active=False)
    return ngettext("%d station is deactivated.", "%d stations are deactivated.", count) % count


def what_deactivating_does(request: HttpRequest, rows: Any) -> list[str]:
    mine = rows.visible_to(request.user, MANAGE_STATIONS)
    count, already, charging = mine.filter(active=True).count(), mine.filter(active=False).count(), charging_at(request, mine)
    said = [
        ngettext(
            "%d station is disconnected now, and refused until it is activated again.",
            "%d stations are disconnected now, and refused until they are activated again.",
            count,
        ) % count
    ]  # fmt: skip
    if already:
        said.append(ngettext("%d is deactivated already.", "%d are deactivated already.", already) % already)
    if charging:
        said.append(
            ngettext(
                "%d car is charging there. The station goes on by itself, but its values arrive only after it is activated again.",
                "%d cars are charging there. The stations go on by themselves, but their values arrive only when they are activated again.",
                charging,
            ) % charging
        )  # fmt: skip
    return said


def why_not_deactivate(request: HttpRequest, rows: Any) -> str:
    if rows.visible_to(request.user, MANAGE_STATIONS).filter(active=True).exists():
        return ""
    return _("All of them are deactivated already.")


def reset(request: HttpRequest, rows: Any) -> str:
    """Whoever is not connected is left out before anything is asked of them."""
    asked, refused = 0, 0
    mine = rows.visible_to(request.user, RESET_STATIONS).select_related("location__organization")
    for station in mine[:RESET_AT_ONCE]:
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
    mine = rows.visible_to(request.user, RESET_STATIONS)
    connected, apart = mine.filter(connected=True), mine.filter(connected=False)
    count, left, charging = connected.count(), apart.count(), charging_at(request, connected)
    said = [
        ngettext("%d station starts again, which takes about a minute.", "%d stations start again, which takes about a minute.", count)
        % count
    ]
    if charging:
        said.append(ngettext("%d charge is ended by it.", "%d charges are ended by it.", charging) % charging)
    if left:
        names = ", ".join(str(station) for station in apart[:NAMED])
        more = "" if left <= NAMED else " " + _("and %d more") % (left - NAMED)
        said.append(
            ngettext("%d is not connected and is left out:", "%d are not connected and are left out:", left) % left + f" {names}{more}."
        )
    return said


def why_not_reset(request: HttpRequest, rows: Any) -> str:
    mine = rows.visible_to(request.user, RESET_STATIONS)
    if (count := mine.count()) > RESET_AT_ONCE:
        return _("At most %(most)d stations are reset at once; these are %(count)d. Choose fewer, with a filter for example.") % {
            "most": RESET_AT_ONCE, "count": count,
        }  # fmt: skip
    if not mine.filter(connected=True).exists():
        return _("None of them is connected, so none can be asked to reset. What happened to each is in its log.")
    return ""


class StationList(ListPage):
    model = Station
    table_class = StationTable
    filterset_class = StationFilter
    title = lazy("Stations")
    export_name = "stations"
    live = True
    hidden_columns = ("organization", "serial_number", "evse_ids", "access", "address", "ocpp_version")
    empty_title = lazy("No stations yet.")
    empty_text = lazy("Add one: the portal then shows what to type into it.")
    bulk_actions = (
        BulkAction("reset", lazy("Reset"), reset, what_resetting_does, icon="refresh", refusal=why_not_reset, right=RESET_STATIONS),
        BulkAction(
            "deactivate",
            lazy("Deactivate"),
            deactivate,
            what_deactivating_does,
            icon="ban",
            refusal=why_not_deactivate,
            right=MANAGE_STATIONS,
        ),
        BulkAction("activate", lazy("Activate"), activate, icon="circle-check", right=MANAGE_STATIONS),
    )

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().with_connection()  # type: ignore[attr-defined, no-any-return]

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("location__organization").prefetch_related(
            Prefetch("connectors", Connector.objects.visible_to(self.request.user).order_by("number"))
        )

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(self.request.user, MANAGE_STATIONS):
            return []
        return [Action(_("Add stations"), link("stations_add"), icon="plus")]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)
