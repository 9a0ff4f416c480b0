"""Transactions as rows of a list."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import django_tables2
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import explain, hooks
from stations.cards import Faces
from stations.models import Settlement, Station, Transaction
from tenancy.links import link
from tenancy.rights import anywhere
from ui.templatetags.ui import duration, kwh, state, when

NUMBER = {"th": {"class": "text-end"}, "td": {"class": "text-end"}}


def state_of(row: Transaction) -> tuple[str, str]:
    """Which of the six states, and its word."""
    if row.running:
        return (explain.WAITING, _("Not ended")) if Transaction.Problem.NOT_ENDED in row.problems else (explain.CHARGING, _("Charging"))
    if row.void:
        return explain.OFF, _("Not to be settled")
    if row.reviewed_at:
        return explain.OFF, _("Closed by hand") if row.closed_by_hand else _("Ended, decided on")
    return (explain.FAULT, _("Ended, with a problem")) if row.problems else (explain.OFF, _("Ended"))


def iso(row: Transaction, name: str) -> str:
    """A time of `row` for a file: in the location's zone, with its offset."""
    at = getattr(row, name)
    return at.astimezone(row.station.location.zone).isoformat(timespec="seconds") if at else ""


def station_cell(station: Station, page: str) -> SafeString:
    """A station in a list of what is at many: a link to its page of that name, and below it where it is."""
    under = " · ".join(str(part) for part in (station.beside, station.location) if part)
    return format_html('<a href="{}">{}</a><span class="sub">{}</span>', link(page, station.pk), station, under)


def _where(record: Transaction) -> str:
    return _("connector %s") % record.connector.shown if record.connector.number else ""


class TransactionTable(django_tables2.Table):
    number = django_tables2.Column(lazy("Transaction"), accessor="pk", attrs={"td": {"class": "first"}})
    station = django_tables2.Column(lazy("Station"), accessor="station__identity")
    card = django_tables2.Column(lazy("Card"), accessor="id_tag", order_by=("shown_tag", "pk"))
    start = django_tables2.Column(lazy("Start"), accessor="started_at")
    end = django_tables2.Column(lazy("End"), accessor="ended_at", empty_values=())
    duration = django_tables2.Column(lazy("Duration"), accessor="span", attrs=NUMBER)
    energy = django_tables2.Column(lazy("Energy"), attrs=NUMBER)
    settlement = django_tables2.Column(lazy("Settlement"), empty_values=())
    state = django_tables2.Column(lazy("State"), accessor="ended_at", empty_values=(), orderable=False, attrs={"td": {"class": "states"}})
    stop_reason = django_tables2.Column(lazy("Stop reason"), empty_values=())
    problems = django_tables2.Column(lazy("Problems"), empty_values=(), orderable=False)
    corrected = django_tables2.Column(lazy("Corrected"), accessor="reviewed_at", empty_values=(), orderable=False)
    holder = django_tables2.Column(lazy("User"), accessor="id_tag", empty_values=(), orderable=False)
    charge_pass = django_tables2.Column(lazy("Pass"), accessor="id_tag", empty_values=(), orderable=False)
    identity = django_tables2.Column(lazy("Station id"), accessor="station__identity")
    alias = django_tables2.Column(lazy("Alias"), accessor="station__alias")
    connector = django_tables2.Column(lazy("Connector"), accessor="connector__number", attrs=NUMBER)
    evse_id = django_tables2.Column(lazy("EVSE ID"), accessor="connector__evse_id")
    location = django_tables2.Column(lazy("Location"), accessor="station__location__name")
    organization = django_tables2.Column(lazy("Organization"), accessor="station__location__organization__name")

    class Meta:
        model = Transaction
        default = "–"
        fields = (
            "number", "station", "card", "start", "end", "duration", "energy", "settlement", "state", "stop_reason", "problems",
            "corrected", "holder", "charge_pass", "identity", "alias", "connector", "evse_id", "location", "organization",
        )  # fmt: skip
        sequence = fields

    @functools.cached_property
    def cards(self) -> Faces:
        """The cards of all rows, with their passes."""
        return Faces(self.request.user, ((row.id_tag, row.station.location) for row in self.data))

    def as_values(self, exclude_columns: Sequence[str] | None = None) -> Iterator[Sequence[Any]]:
        """For a file. Every column has its `value_…` here, asked directly: the library looks each one's signature up for every cell."""
        names = [column.name for column in self.columns if column.name not in (exclude_columns or ())]
        # Numbers stand alone in a file, so the head names the unit.
        user = self.request.user
        more = [column for column in hooks.transaction_columns if not column.right or anywhere(user, column.right)]
        heads = [_("Energy (kWh)") if name == "energy" else str(self.columns[name].header) for name in names]
        yield [*heads, *(str(column.label) for column in more)]
        values: list[Callable[[Transaction], Any]] = [getattr(self, f"value_{name}") for name in names]
        added = [column.values(user, list(self.data)) for column in more]
        for record in self.data:
            yield [*(value(record) for value in values), *(cells.get(record.pk, "") for cells in added)]

    def render_number(self, record: Transaction) -> SafeString:
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.get_absolute_url(), record.pk, record.station.location)

    def value_number(self, record: Transaction) -> int:
        return record.pk

    def render_station(self, record: Transaction) -> SafeString:
        return format_html(
            '<a href="{}">{}</a><span class="sub">{}</span>',
            record.station.get_absolute_url(),
            record.station,
            " · ".join(part for part in (record.station.beside, _where(record)) if part),
            " · ".join(part for part in (record.station.beside, _("connector %s") % record.connector.shown) if part),
        )

    def value_station(self, record: Transaction) -> str:
        return f"{record.station.name_and_id} / {record.connector.shown}"

    def render_card(self, record: Transaction) -> SafeString:
        card = self.cards.of(record.id_tag, record.station.location)
        if card.name:
            name = format_html('<a href="{}">{}</a>', card.url, card.name) if card.url else card.name
            return format_html('{}<span class="sub">{}</span>', name, card.number)
        return format_html("{}", card.number)

    def value_card(self, record: Transaction) -> str:
        card = self.cards.of(record.id_tag, record.station.location)
        return f"{card.number} ({card.name})" if card.name else card.number

    def render_start(self, record: Transaction) -> SafeString | str:
        return when(record.started_at, record.station.location.zone)

    def value_start(self, record: Transaction) -> str:
        return iso(record, "started_at")

    def render_end(self, record: Transaction) -> SafeString | str:
        return when(record.ended_at, record.station.location.zone)

    def value_end(self, record: Transaction) -> str:
        return iso(record, "ended_at")

    def render_duration(self, record: Transaction) -> str:
        return duration(self._span(record))

    def value_duration(self, record: Transaction) -> timedelta:
        return timedelta(seconds=int(self._span(record).total_seconds()))

    @staticmethod
    def _span(record: Transaction) -> timedelta:
        return (record.ended_at or timezone.now()) - record.started_at

    def render_energy(self, record: Transaction) -> SafeString | str:
        """With the settlement below it, where that has no column of its own."""
        if not record.settlement or "settlement" in self.columns.names():
            return kwh(record.energy_wh)
        return format_html('{}<span class="sub">{}</span>', kwh(record.energy_wh), self.value_settlement(record))

    def value_energy(self, record: Transaction) -> float:
        """kWh."""
        return record.energy_wh / 1000

    def render_settlement(self, record: Transaction) -> str:
        return self.value_settlement(record) or "–"

    def value_settlement(self, record: Transaction) -> str:
        return str(Settlement(record.settlement).label) if record.settlement else ""

    def render_state(self, record: Transaction) -> SafeString:
        more: list[str] = record.problem_labels
        if not more and not record.running and record.stop_reason:
            more = [str(explain.STOP_REASONS.get(record.stop_reason, record.stop_reason))]
        lines = format_html_join("", '<span class="sub">{}</span>', ((line,) for line in more))
        return format_html("{}{}", state(*state_of(record)), lines)

    def value_state(self, record: Transaction) -> str:
        return "; ".join([state_of(record)[1], *record.problem_labels])

    def render_stop_reason(self, record: Transaction) -> str:
        return str(explain.STOP_REASONS.get(record.stop_reason, record.stop_reason)) or "–"

    def value_stop_reason(self, record: Transaction) -> str:
        return record.stop_reason

    def value_organization(self, record: Transaction) -> str:
        return record.station.location.organization.name

    def render_problems(self, record: Transaction) -> str:
        return self.value_problems(record) or "–"

    def value_problems(self, record: Transaction) -> str:
        return "; ".join(record.problem_labels)

    def render_corrected(self, record: Transaction) -> str:
        return self.value_corrected(record) or "–"

    def value_corrected(self, record: Transaction) -> str:
        """What somebody decided of it."""
        if record.void:
            return _("Not to be settled")
        if record.closed_by_hand:
            return _("Closed by the portal") if record.stop_reason == "ClosedByPortal" else _("Closed by hand")
        return _("Decided on") if record.reviewed_at else ""

    def value_holder(self, record: Transaction) -> str:
        return self.cards.of(record.id_tag, record.station.location).user

    def render_holder(self, record: Transaction) -> str:
        return self.value_holder(record) or "–"

    def value_charge_pass(self, record: Transaction) -> str:
        return self.cards.of(record.id_tag, record.station.location).name

    def render_charge_pass(self, record: Transaction) -> str:
        return self.value_charge_pass(record) or "–"

    def value_identity(self, record: Transaction) -> str:
        return record.station.identity

    def value_alias(self, record: Transaction) -> str:
        return record.station.alias

    def render_connector(self, record: Transaction) -> str:
        return record.connector.shown if record.connector.number else "–"

    def value_connector(self, record: Transaction) -> int | str:
        number = record.connector.number
        return number if number < 100 else record.connector.shown

    def value_evse_id(self, record: Transaction) -> str:
        return record.connector.evse_id

    def value_location(self, record: Transaction) -> str:
        return record.station.location.name


class StationTransactionTable(TransactionTable):
    """On the data sheet of a station, which need not be named again in every row."""

    class Meta:
        model = Transaction
        default = "–"
        fields = (
            "number", "connector", "card", "start", "end", "duration", "energy", "settlement", "state", "stop_reason", "problems",
            "corrected", "holder", "charge_pass", "evse_id",
        )  # fmt: skip
        sequence = fields
        exclude = ("station", "identity", "alias", "location", "organization")

    def render_number(self, record: Transaction) -> SafeString:
        return format_html('<a href="{}">{}</a>', record.get_absolute_url(), record.pk)
