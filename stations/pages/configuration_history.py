"""What a station's configuration was: every value that changed, with who changed it, and the way back to the former one."""

from __future__ import annotations

from typing import Any

import django_filters
import django_tables2
from django.db.models import QuerySet
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import command_words
from stations.configuration.catalogue import known
from stations.configuration.values import MASK, hides, in_words, is_secret, shown
from stations.controls import Situation
from stations.models import ConfigurationChange, Station
from stations.ocpp import masking
from stations.ocpp.intents import Configure, ConfigureMany
from stations.pages.command_rows import CommandRow
from stations.pages.configuration_rows import rows_of, station_of
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.rights import PERSONAL_DATA
from ui.lists import ListPage, Table
from ui.templatetags.ui import exact, state, when

LONG = {"td": {"class": "long-text value"}}


class ChangeFilter(django_filters.FilterSet):
    key = django_filters.CharFilter(label=lazy("Key"), method="of_key", max_length=50)

    class Meta:
        model = ConfigurationChange
        fields: tuple[str, ...] = ()

    def of_key(self, rows: QuerySet[ConfigurationChange], name: str, value: str) -> QuerySet[ConfigurationChange]:
        text = value.replace("\x00", "").strip()
        return rows.filter(key__icontains=text) if text else rows


class ChangeTable(Table):
    at = django_tables2.Column(lazy("When"))
    key = django_tables2.Column(lazy("Key"), attrs=LONG)
    before = django_tables2.Column(lazy("Before"), orderable=False, empty_values=(), attrs=LONG)
    after = django_tables2.Column(lazy("After"), orderable=False, empty_values=(), attrs=LONG)
    who = django_tables2.Column(lazy("Who"), accessor="pk", orderable=False)
    result = django_tables2.Column(lazy("Result"), accessor="pk", orderable=False)

    def __init__(self, *args: Any, station: Station, situation: Situation, writable: frozenset[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.station, self.situation, self.writable = station, situation, writable

    def render_at(self, record: ConfigurationChange) -> SafeString | str:
        return when(record.at, self.station.location.zone)

    def value_at(self, record: ConfigurationChange) -> str:
        return exact(record.at, self.station.location.zone)

    def render_key(self, record: ConfigurationChange) -> SafeString:
        entry = known(record.key, self.station.ocpp_version)
        if entry is None:
            return format_html("<code>{}</code>", record.key)
        return format_html('{}<span class="sub"><code>{}</code></span>', entry.name, record.key)

    def value_key(self, record: ConfigurationChange) -> str:
        return record.key

    def _value(self, record: ConfigurationChange, value: str | None) -> tuple[str, str]:
        """(as it is shown, in words)"""
        if value is None:
            return "", _("no such key")
        if is_secret(record.key, self.station.ocpp_version):
            return MASK if value else "", _("secret: never shown")
        if value and masking.is_personal(record.key) and not self.situation.may(PERSONAL_DATA):
            return MASK, _("tells of a person")
        value = shown(record.key, value, self.station.ocpp_version)
        return value, in_words(known(record.key, self.station.ocpp_version), value) or ("" if value else _("empty"))

    def _cell(self, record: ConfigurationChange, value: str | None) -> SafeString:
        text, words = self._value(record, value)
        if not text:
            return format_html('<span class="text-secondary">{}</span>', words)
        if not words:
            return format_html("<code>{}</code>", text)
        return format_html('{}<span class="sub"><code>{}</code></span>', words, text)

    def render_before(self, record: ConfigurationChange) -> SafeString:
        cell = self._cell(record, record.before)
        if record.before is None or record.key not in self.writable or self.situation.why_not("change-configuration"):
            return cell
        before, back = self._value(record, record.before)[0], self.request.get_full_path()
        url = link("station_configuration_change", self.station.pk, key=record.key, value=before, next=back)
        said = _("Put back: %(key)s, “%(value)s”") % {"key": record.key, "value": before}
        return format_html('{} <a class="btn btn-sm mt-1" href="{}" aria-label="{}">{}</a>', cell, url, said, _("Put back"))

    def value_before(self, record: ConfigurationChange) -> str:
        return self._value(record, record.before)[0]

    def render_after(self, record: ConfigurationChange) -> SafeString:
        return self._cell(record, record.after)

    def value_after(self, record: ConfigurationChange) -> str:
        return self._value(record, record.after)[0]

    def _changed_from_here(self, record: ConfigurationChange) -> bool:
        return record.command is not None and isinstance(command_words.intent_of(record.command), Configure | ConfigureMany)

    def render_who(self, record: ConfigurationChange) -> str:
        if record.command is None:
            return "–"
        record.command.station = self.station
        if self._changed_from_here(record):
            return command_words.command_asker(record.command, self.request.user)
        return _("not from here: at the station, or by its maker")

    def render_result(self, record: ConfigurationChange) -> SafeString | str:
        if record.command is None:
            return "–"
        record.command.station = self.station
        if not self._changed_from_here(record):
            return state("off", _("Found when it was read"))
        row = CommandRow.of(record.command, self.request.user)
        return format_html('{}<span class="sub">{}</span>', state(row.state, row.word), row.result)

    def value_result(self, record: ConfigurationChange) -> str:
        return CommandRow.of(record.command, self.request.user).result if self._changed_from_here(record) else _("Found when it was read")  # type: ignore[arg-type]


class ConfigurationHistory(ListPage):
    model = ConfigurationChange
    table_class = ChangeTable
    filterset_class = ChangeFilter
    template_name = "stations/configuration_history.html"
    title = lazy("History of the configuration")
    export_name = "configuration-history"
    empty_title = lazy("No value has changed yet.")
    empty_text = lazy("Every value that is changed here, or found changed when the configuration is read, is kept with what it was before.")

    def admit(self) -> None:
        self.station = station_of(self.request, self.kwargs["pk"])
        self.situation = Situation(self.request.user, self.station)

    def get_queryset(self) -> QuerySet[Any]:
        return ConfigurationChange.objects.visible_to(self.request.user).filter(station=self.station)

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("command__requested_by")

    def table_kwargs(self) -> dict[str, Any]:
        rows = rows_of(self.request, self.station).values()
        writable = frozenset(row.key for row in rows if not (row.readonly or is_secret(row.key) or hides(row.value)))
        return {"station": self.station, "situation": self.situation, "writable": writable}

    def get_context(self) -> dict[str, Any]:
        sheet = sheet_context(self.request, self.station, "configuration", self.situation)
        return {**sheet, "here": self.request.get_full_path(), "configuration_url": link("station_configuration", self.station.pk)}


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/configuration/history/", ConfigurationHistory.as_view(), name="station_configuration_history"),
]
