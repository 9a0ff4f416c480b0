"""What the monitors of a station that speaks OCPP 2.0.1 have seen, and what changed between two readings of its device model."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import django_filters
import django_tables2
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import command_words, explain
from stations.configuration.catalogue import Text, known
from stations.configuration.values import MASK, in_words, is_secret, shown
from stations.controls import Situation
from stations.models import DeviceEvent, DeviceReport, DeviceVariable, Severity, Station, Transaction
from stations.models.device import ACTUAL
from stations.ocpp import masking
from stations.ocpp.intents import Configure
from stations.pages.configuration_rows import changes_between, station_of
from stations.pages.device_model import Progress, subpages
from stations.pages.device_monitors import severity_state, severity_words
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.pages.shared import number_of
from tenancy.rights import PERSONAL_DATA
from ui.lists import ListPage, Table
from ui.templatetags.ui import exact, state, when

LONG = {"td": {"class": "long-text value"}}
KINDS: dict[str, Text] = {
    "HardWiredNotification": lazy("told by itself"), "HardWiredMonitor": lazy("monitor that is built in"),
    "PreconfiguredMonitor": lazy("monitor by its maker"), "CustomMonitor": lazy("monitor set from here"),
}  # fmt: skip
TRIGGERS: dict[str, Text] = {
    "Alerting": lazy("went beyond its limit"), "Delta": lazy("has changed"), "Periodic": lazy("told now and then"),
}  # fmt: skip


class EventFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Variable or code"), method="of_text", max_length=100)
    severity = django_filters.ChoiceFilter(
        label=lazy("At least as severe as"), choices=[(str(value), f"{value} · {label}") for value, label in Severity.choices],
        method="as_severe", empty_label=lazy("All"),
    )  # fmt: skip
    stands = django_filters.ChoiceFilter(
        label=lazy("Alerts"), choices=[("1", lazy("That still stand"))], method="standing", empty_label=lazy("All events")
    )

    class Meta:
        model = DeviceEvent
        fields: tuple[str, ...] = ()

    def of_text(self, rows: QuerySet[DeviceEvent], name: str, value: str) -> QuerySet[DeviceEvent]:
        text = value.replace("\x00", "").strip()
        return rows.filter(key__icontains=text) | rows.filter(tech_code__icontains=text) if text else rows

    def as_severe(self, rows: QuerySet[DeviceEvent], name: str, value: str) -> QuerySet[DeviceEvent]:
        return rows.filter(severity__lte=int(value))

    def standing(self, rows: QuerySet[DeviceEvent], name: str, value: str) -> QuerySet[DeviceEvent]:
        return rows.filter(stands=True)


class EventTable(Table):
    at = django_tables2.Column(lazy("When"))
    severity = django_tables2.Column(lazy("Severity"), empty_values=())
    key = django_tables2.Column(lazy("Variable"), attrs=LONG)
    value = django_tables2.Column(lazy("Value"), orderable=False, empty_values=(), attrs=LONG)
    what = django_tables2.Column(lazy("What happened"), accessor="pk", orderable=False)
    code = django_tables2.Column(lazy("Code of the make"), accessor="pk", orderable=False, attrs=LONG)

    def __init__(self, *args: Any, station: Station, situation: Situation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.station, self.cards = station, situation.may(PERSONAL_DATA)

    @cached_property
    def charges(self) -> dict[str, Transaction]:
        """Those that events of this page tell of, by the station's id. One query."""
        ids = {row.transaction_id for row in self.data} - {""}
        rows = Transaction.objects.visible_to(self.request.user).filter(station=self.station, transaction_id__in=ids).order_by("pk")
        return {row.transaction_id: row for row in rows} if ids else {}

    def render_at(self, record: DeviceEvent) -> SafeString | str:
        return when(record.at, self.station.location.zone)

    def value_at(self, record: DeviceEvent) -> str:
        return exact(record.at, self.station.location.zone)

    def render_severity(self, record: DeviceEvent) -> SafeString:
        return state(severity_state(record.severity), str(severity_words(record.severity)))

    def value_severity(self, record: DeviceEvent) -> str:
        return str(severity_words(record.severity))

    def render_key(self, record: DeviceEvent) -> SafeString:
        entry = known(record.key)
        if entry is None:
            return format_html("<code>{}</code>", record.key)
        return format_html('{}<span class="sub"><code>{}</code></span>', entry.name, record.key)

    def value_key(self, record: DeviceEvent) -> str:
        return record.key

    def value_value(self, record: DeviceEvent) -> str:
        if is_secret(record.key) or (not self.cards and masking.is_personal(record.key)):
            return MASK if record.value else ""
        return shown(record.key, record.value)

    def render_value(self, record: DeviceEvent) -> SafeString:
        text = self.value_value(record)
        words = in_words(known(record.key), text)
        return format_html('{}<span class="sub"><code>{}</code></span>', words, text) if words else format_html("<code>{}</code>", text)

    def value_what(self, record: DeviceEvent) -> str:
        said = _("is well again") if record.cleared else str(TRIGGERS.get(record.trigger, record.trigger))
        return f"{said} ({KINDS.get(record.kind, record.kind)})"

    def render_what(self, record: DeviceEvent) -> SafeString:
        said = self.value_what(record)
        more = (
            [state(explain.FAULT if (record.severity or 9) <= Severity.CRITICAL else explain.WAITING, _("Still stands"))]
            if record.stands
            else []
        )
        about: list[str] = []
        if record.transaction_id:
            charge = self.charges.get(record.transaction_id)
            about.append(
                format_html('<a href="{}">{}</a>', link("transaction", charge.pk), _("Transaction %s") % charge)
                if charge
                else _("transaction %s") % record.transaction_id
            )
        if record.cause is not None:
            about.append(_("brought about by event %d") % record.cause)
        sub = format_html('<span class="sub">{}</span>', format_html_join(", ", "{}", ((one,) for one in about))) if about else ""
        return format_html("{} {}{}", said, more[0] if more else "", sub)

    def value_code(self, record: DeviceEvent) -> str:
        info = "" if is_secret(record.key) or (not self.cards and masking.is_personal(record.key)) else record.tech_info
        return ": ".join(part for part in (record.tech_code, info) if part)

    def render_code(self, record: DeviceEvent) -> str:
        return self.value_code(record) or "–"


class EventList(ListPage):
    model = DeviceEvent
    table_class = EventTable
    filterset_class = EventFilter
    template_name = "stations/device_events.html"
    title = lazy("Events")
    export_name = "events"
    empty_title = lazy("The station has told of no event.")
    empty_text = lazy("What its monitors see, and what it notices by itself, is listed here.")

    def admit(self) -> None:
        self.station = station_of(self.request, self.kwargs["pk"])
        self.situation = Situation(self.request.user, self.station)

    def get_queryset(self) -> QuerySet[Any]:
        return DeviceEvent.objects.visible_to(self.request.user).filter(station=self.station)

    def table_kwargs(self) -> dict[str, Any]:
        return {"station": self.station, "situation": self.situation}

    def get_context(self) -> dict[str, Any]:
        sheet = sheet_context(self.request, self.station, "configuration", self.situation)
        pages = subpages(self.station, "station_device_events", self.situation)
        return {**sheet, "here": self.request.get_full_path(), "subpages": pages}


# -- what changed between two readings -----------------------------------------------------------------------------------------------------


class Changed(NamedTuple):
    """A variable that has another value at the end than at the beginning."""

    key: str
    name: Text
    before: str
    before_words: str
    after: str
    after_words: str
    kind: str  # of the six states
    word: Text
    times: int
    from_here: bool
    at: datetime
    history_url: str
    group: Text  # what can be set, and what the station only tells


def changed_between(request: HttpRequest, situation: Situation, since: datetime, until: datetime) -> list[Changed]:
    """In the order of the variables; what went back to what it was is left out."""
    station = situation.station
    found = changes_between(request, station, since, until)
    told_only = set(
        DeviceVariable.objects.visible_to(request.user)
        .filter(station=station, attribute=ACTUAL, mutability="ReadOnly").order_by().values_list("key", flat=True)
    )  # fmt: skip
    cards, changed = situation.may(PERSONAL_DATA), []
    for key, steps in sorted(found.items(), key=lambda one: (one[0] in told_only, one[0])):
        before, after = steps[-1].before, steps[0].after
        entry = known(key)

        def told(value: str | None, key: str = key) -> str:
            if value and (is_secret(key) or (not cards and masking.is_personal(key))):
                return MASK
            return shown(key, value or "")

        word = _("new") if before is None else _("gone") if after is None else _("changed")
        last = steps[0].command
        from_here = last is not None and isinstance(command_words.intent_of(last), Configure)
        changed.append(Changed(
            key, entry.name if entry else "", told(before), in_words(entry, told(before)), told(after), in_words(entry, told(after)),
            explain.AVAILABLE if before is None else explain.OFF if after is None else explain.WAITING, word, len(steps), from_here,
            steps[0].at, link("station_configuration_history", station.pk, key=key),
            _("Measured, or told only") if key in told_only else _("Can be set"),
        ))  # fmt: skip
    return changed


def reports(request: HttpRequest, pk: int) -> HttpResponse:
    """`?from=` and `to` are two readings that are whole; without them the latest two of everything."""
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    rows = list(DeviceReport.objects.visible_to(request.user).filter(station=station).order_by("-asked_at", "-pk")[: DeviceReport.MOST])
    whole = [row for row in rows if row.finished_at and row.base != DeviceReport.Base.MONITORS]
    full = [row for row in whole if row.base == DeviceReport.Base.FULL]
    chosen = {row.pk: row for row in whole}
    to = chosen.get(number_of(request, "to") or 0) or (full[0] if full else None)
    since = chosen.get(number_of(request, "from") or 0) or next((row for row in full if to and row.asked_at < to.asked_at), None)
    changed: list[Changed] = []
    if since and to and since.finished_at and to.finished_at:
        first, last = sorted((since.finished_at, to.finished_at))
        changed = changed_between(request, situation, first, last)
    return render(request, "stations/device_reports.html", sheet_context(request, station, "configuration", situation) | {
        "progress": [Progress.of(row, situation) for row in rows], "whole": whole, "since": since, "to": to, "changed": changed,
        "subpages": subpages(station, "station_device_reports", situation),
    })  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/configuration/events/", EventList.as_view(), name="station_device_events"),
    path("stations/<int:pk>/configuration/readings/", reports, name="station_device_reports"),
]
