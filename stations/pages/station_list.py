"""The list of stations, and what can be done to many of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import django_filters
import django_tables2
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import actions, explain
from stations.bulk import KINDS, Kind
from stations.imports.stations import exported
from stations.maintenance import local
from stations.models import AccessMode, Availability, Connection, Connector, MaintenanceWindow, SecurityProfile, Station
from stations.ocpp import numbering
from stations.ocpp.versions import VERSIONS
from tenancy.links import link
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS, anywhere, granted_paths
from ui.lists import Action, BulkAction, ListPage, Table
from ui.templatetags.ui import state, when

CLOCK_WRONG = 60.0  # seconds
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
    service = django_filters.ChoiceFilter(
        label=lazy("Service"), empty_label=lazy("Any"), method="with_service",
        choices=[
            ("in", lazy("In service")), ("out", lazy("Out of service, or a connector of it")), ("maintenance", lazy("In maintenance")),
            ("deactivated", lazy("Deactivated")),
        ],
    )  # fmt: skip
    access = django_filters.ChoiceFilter(label=lazy("Access"), empty_label=lazy("Any"), choices=AccessMode.choices, method="with_access")

    version = django_filters.ChoiceFilter(
        label=lazy("OCPP version"), empty_label=lazy("Any"), method="with_version",
        choices=[*((one, one) for one in VERSIONS), ("none", lazy("Not known yet"))],
    )  # fmt: skip
    security = django_filters.ChoiceFilter(
        label=lazy("Security profile"), empty_label=lazy("Any"), choices=SecurityProfile.choices, method="with_security"
    )

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

    def with_service(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        """What we have switched or planned, whatever the station reports."""
        if value == "deactivated":
            return rows.filter(active=False)
        out = Connector.objects.visible_to(self.request.user).exclude(availability=Availability.OPERATIVE).values("station")
        if value == "out":
            return rows.filter(pk__in=out)
        maintained = open_windows(self.request).values("station")
        if value == "maintenance":
            return rows.filter(pk__in=maintained)
        return rows.filter(active=True).exclude(pk__in=out).exclude(pk__in=maintained)

    def with_access(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        return rows.filter(Q(access_mode=value) | Q(access_mode="", location__access_mode=value))

    def with_version(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        return rows.filter(ocpp_version="" if value == "none" else value)

    def with_security(self, rows: QuerySet[Station], name: str, value: str) -> QuerySet[Station]:
        """What is demanded of it, whatever it does."""
        return rows.filter(security_profile=value)


def open_windows(request: HttpRequest) -> QuerySet[MaintenanceWindow]:
    """The maintenance that is going on now; of each station what ends last comes first."""
    now = timezone.now()
    return MaintenanceWindow.objects.visible_to(request.user).filter(starts_at__lte=now, ends_at__gt=now).order_by("-ends_at", "pk")


def service_of(record: Station) -> list[tuple[str, str, str]]:
    """(state, in short, in full) of what we have switched off at a station of the list, or have in maintenance; nothing where neither."""
    found = [] if record.active else [(explain.OFF, _("Deactivated"), _("Deactivated"))]
    connectors = [one for one in record.connectors.all() if one.number]
    off = [one for one in connectors if one.availability != Availability.OPERATIVE]
    whole = len(off) == len(connectors) and len({one.availability for one in off}) == 1
    for one in off[:1] if whole else off:
        meaning = explain.availability(one.availability)
        words = str(meaning.word) if whole else f"{_('Connector %s') % one.shown}: {meaning.word}"
        found.append((meaning.state, words, words))
    for window in record.open_windows[:1]:  # type: ignore[attr-defined]
        until = local(window.ends_at, record.location.zone, timezone.now())
        named = {"until": until, "number": numbering.shown(window.connector_number)}
        said = _("Connector %(number)s in maintenance until %(until)s") if window.connector_number else _("In maintenance until %(until)s")
        found.append((explain.WAITING, _("In maintenance"), said % named))
    return found


class StationTable(Table):
    station = django_tables2.Column(lazy("Station"), accessor="identity", order_by=("alias", "identity"))
    connection = django_tables2.Column(lazy("Connection"))
    connectors = django_tables2.Column(lazy("Connectors"), accessor="pk", orderable=False)
    service = django_tables2.Column(lazy("Service"), accessor="pk", orderable=False)
    model = django_tables2.Column(lazy("Model"), empty_values=(), order_by=("vendor", "model"), attrs={"td": {"class": "long-text model"}})
    firmware = django_tables2.Column(lazy("Firmware"), accessor="firmware_version", attrs={"td": {"class": "long-text"}})
    location = django_tables2.Column(lazy("Location"), accessor="location__name")
    organization = django_tables2.Column(lazy("Organization"), accessor="location__organization__name")
    serial_number = django_tables2.Column(lazy("Serial number"))
    evse_ids = django_tables2.Column(lazy("EVSE IDs"), accessor="pk", orderable=False)
    access = django_tables2.Column(lazy("Access"), accessor="access_mode", empty_values=(), orderable=False)
    address = django_tables2.Column(lazy("Network address"))
    ocpp_version = django_tables2.Column(lazy("OCPP"))
    security_profile = django_tables2.Column(lazy("Security profile"))
    heard = django_tables2.Column(
        lazy("Last message"), accessor="last_message_at", attrs={"th": {"class": "text-end"}, "td": {"class": "text-end text-nowrap"}}
    )

    class Meta(Table.Meta):
        default = "–"

    def render_station(self, record: Station) -> SafeString:
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record, record.beside)

    def value_station(self, record: Station) -> str:
        return record.identity if not record.alias else f"{record.identity} ({record.alias})"

    def render_connection(self, record: Station, value: str) -> SafeString:
        """And below it what we have switched off, which no station need report."""
        meaning = explain.connection(value)
        marks = [(state(dot, short, full),) for dot, short, full in service_of(record)[0 if record.active else 1 :]]
        shown = state(meaning.state, str(meaning.word), str(meaning.sentence))
        return format_html("{}{}", shown, format_html_join("", '<span class="sub">{}</span>', marks))

    def value_connection(self, value: str) -> str:
        return str(explain.connection(value).word)

    def render_service(self, record: Station) -> SafeString:
        marks = service_of(record) or [(explain.AVAILABLE, "", _("In service"))]
        return format_html_join("", '<span class="d-block">{}</span>', [(state(dot, full),) for dot, _short, full in marks])

    def value_service(self, record: Station) -> str:
        return ", ".join(full for _dot, _short, full in service_of(record)) or _("In service")

    def render_connectors(self, record: Station) -> SafeString:
        if record.connection == Connection.NEVER:  # type: ignore[attr-defined]
            return format_html('<span class="text-secondary">{}</span>', _("Preapproved, has not connected yet"))
        words, absent = [], record.connection in ABSENT  # type: ignore[attr-defined]
        for connector in record.connectors.all():
            if connector.number or connector.status == Connector.Status.FAULTED:
                meaning = explain.status_among(connector, record.connectors.all())
                code = connector.error_code if connector.error_code != "NoError" else ""
                shown = state(explain.OFF if absent else meaning.state, str(meaning.word), str(meaning.sentence))
                words.append((connector.shown if connector.number else _("station"), shown, code))
        lines = format_html_join(
            "", '<span class="connector-line"><span class="num text-secondary">{}</span> {} <small>{}</small></span>', words
        )
        return format_html('{}<span class="sub">{}</span>', lines, _("last reported")) if absent and words else lines

    def value_connectors(self, record: Station) -> str:
        shown = [c for c in record.connectors.all() if c.number or c.status == Connector.Status.FAULTED]
        return ", ".join(f"{c.shown}: {explain.status_among(c, shown).word}" for c in shown)

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


def chosen_in_words(request: HttpRequest) -> str:
    """Which were meant: the filters that are set, or that they were ticked."""
    if request.POST.get("all") != "1":
        return _("ticked in the list")
    page = StationList()
    page.setup(request)
    filterset = page.filtered()[1]
    drill = request.drill  # type: ignore[attr-defined]
    said = [*([str(drill)] if drill else []), *(chip.text for chip in (page.chips(filterset) if filterset else ()))]
    return _("all that match: %s") % "; ".join(said) if said else _("all")


@cache
def bulk_action(kind: Kind) -> BulkAction:
    """What the list offers of a kind: its form, if it has one; then the page of the job shows what would come of it."""

    def run(request: HttpRequest, rows: Any) -> HttpResponseBase:
        form: Any = kind.form(request, request.POST) if kind.form else None
        params = form.params() if form is not None and form.is_valid() else {}
        try:
            job = actions.look_at_many(actor=user_of(request), kind=kind, stations=rows, params=params, chosen=chosen_in_words(request))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect(request.get_full_path())
        return redirect(link("bulk_job", job.pk))

    return BulkAction(
        kind.slug, kind.label, run, icon=kind.icon, right=kind.right, form=kind.form, group=kind.group, sorts_out=True,
        submit_label=lazy("See what would happen"),
    )  # fmt: skip


class KindActions(Sequence[BulkAction]):
    """Every kind of bulk job there is, those of a group together."""

    def _all(self) -> list[BulkAction]:
        found = [bulk_action(kind) for kind in KINDS.values()]
        groups = list(dict.fromkeys(str(action.group) for action in found))
        return sorted(found, key=lambda action: groups.index(str(action.group)))

    def __getitem__(self, at: Any) -> Any:
        return self._all()[at]

    def __len__(self) -> int:
        return len(KINDS)


class StationList(ListPage):
    model = Station
    table_class = StationTable
    filterset_class = StationFilter
    title = lazy("Stations")
    export_name = "stations"
    export_kind = "stations"
    live = True
    hidden_columns = ("service", "organization", "serial_number", "evse_ids", "access", "address", "ocpp_version", "security_profile")
    empty_title = lazy("No stations yet.")
    empty_text = lazy("Add one: the portal then shows what to type into it.")
    bulk_actions = KindActions()

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().with_connection()  # type: ignore[attr-defined, no-any-return]

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("location__organization").prefetch_related(
            Prefetch("connectors", Connector.objects.visible_to(self.request.user).order_by("number")),
            Prefetch("maintenance_windows", open_windows(self.request), to_attr="open_windows"),
        )

    def more_exports(self) -> Sequence[tuple[str, str]]:
        return self.for_import()

    def lines(self, table: Table) -> Iterator[Sequence[Any]]:
        """Also what can be imported again: every column of the import, whatever is shown."""
        if self.request.GET.get("as") == "import":
            return exported(row.record for row in table.rows)
        return super().lines(table)

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(self.request.user, MANAGE_STATIONS):
            return []
        return [
            Action(_("Add stations"), link("stations_add"), icon="plus"),
            *(
                [Action(_("Import"), link("import_add", kind="stations"), icon="upload")]
                if granted_paths(self.request.user, MANAGE_STATIONS)
                else []
            ),
        ]

    def get_empty_action(self) -> Action | None:
        return next(iter(self.get_actions()), None)
