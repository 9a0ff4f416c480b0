"""What lists of transactions can be limited to."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as lazy

from stations import hooks
from stations.models import Settlement, Transaction
from tenancy.personal import where_seen
from tenancy.rights import PERSONAL_DATA, anywhere
from ui.periods import PERIODS, midnight, period, safe_midnight
from ui.templatetags.ui import own_zone

Rows = QuerySet[Transaction]


def zone_of(request: Any) -> ZoneInfo:
    """In which zone a list's days are meant: that of the station or location it is limited to, else the reader's."""
    if zone := getattr(request, "zone", None):
        return zone  # type: ignore[no-any-return]
    drill = getattr(request, "drill", None)
    place = drill.place if drill else None
    return place.zone if place is not None else own_zone()


class TransactionFilter(django_filters.FilterSet):
    period = django_filters.ChoiceFilter(
        label=lazy("Started"),
        empty_label=lazy("At any time"),
        method="in_period",
        choices=PERIODS,
    )
    since = django_filters.DateFilter(label=lazy("From"), method="from_day", widget=forms.DateInput(attrs={"type": "date"}))
    until = django_filters.DateFilter(label=lazy("To"), method="to_day", widget=forms.DateInput(attrs={"type": "date"}))
    state = django_filters.ChoiceFilter(
        label=lazy("State"),
        empty_label=lazy("Any"),
        method="in_state",
        choices=[("running", lazy("Running")), ("ended", lazy("Ended")), ("problem", lazy("With a problem"))],
    )
    settlement = django_filters.ChoiceFilter(label=lazy("Settlement"), empty_label=lazy("Any"), choices=Settlement.choices)
    station = django_filters.CharFilter(label=lazy("Station"), method="at_station", max_length=60)
    card = django_filters.CharFilter(label=lazy("Card"), method="with_card", max_length=60)

    class Meta:
        model = Transaction
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not anywhere(self.request.user, PERSONAL_DATA):
            del self.filters["card"]

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.request)

    def in_period(self, rows: Rows, name: str, value: str) -> Rows:
        first, after = period(value, timezone.now().astimezone(self.zone).date())
        return rows.filter(started_at__gte=midnight(first, self.zone), started_at__lt=midnight(after, self.zone))

    def from_day(self, rows: Rows, name: str, value: date) -> Rows:
        return rows.filter(started_at__gte=safe_midnight(value, self.zone))

    def to_day(self, rows: Rows, name: str, value: date) -> Rows:
        return rows.filter(started_at__lt=safe_midnight(value, self.zone, 1))

    def in_state(self, rows: Rows, name: str, value: str) -> Rows:
        match value:
            case "running":
                return rows.filter(ended_at=None)
            case "ended":
                return rows.exclude(ended_at=None)
        return rows.exclude(problems=[])

    def at_station(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(Q(station__identity__icontains=value) | Q(station__alias__icontains=value))

    def with_card(self, rows: Rows, name: str, value: str) -> Rows:
        """A part of the UID as the station sent it, or of the name of a pass that this person may see. What is masked is not found."""
        condition = Q(id_tag__icontains=value)
        if named := hooks.cards_named(self.request.user, value):
            rows = rows.alias(upper_tag=Upper("id_tag"))
            condition |= Q(upper_tag__in=named)
        return rows.filter(condition).filter(where_seen(self.request.user, Transaction))


class StationTransactionFilter(TransactionFilter):
    station = None
    connector = django_filters.NumberFilter(
        label=lazy("Connector"), field_name="connector__number", min_value=0, widget=forms.NumberInput(attrs={"min": 0, "step": 1})
    )
