"""What lists of transactions can be limited to."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as lazy

from stations import hooks
from stations.models import Correction, Location, Settlement, Transaction
from tenancy.models import Organization
from tenancy.personal import where_seen
from tenancy.rights import PERSONAL_DATA, anywhere
from ui.periods import PERIODS, midnight, period, safe_midnight
from ui.templatetags.ui import own_zone

Rows = QuerySet[Transaction]

MOST_CHOICES = 200
NONE = "none"
LARGEST = Decimal(10**15)  # Wh: what any database can compare with


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
        choices=[
            ("running", lazy("Running")), ("ended", lazy("Ended")), ("review", lazy("In the inbox")), ("problem", lazy("With a problem")),
            ("corrected", lazy("Values corrected")), ("by_hand", lazy("Closed by hand")), ("void", lazy("Not to be settled")),
        ],
    )  # fmt: skip
    problem = django_filters.ChoiceFilter(
        label=lazy("Problem"), empty_label=lazy("Any or none"), choices=Transaction.Problem.choices, method="has_problem"
    )
    settlement = django_filters.ChoiceFilter(
        label=lazy("Settlement"), empty_label=lazy("Any"), choices=[*Settlement.choices, (NONE, lazy("None"))], method="settled_by"
    )
    station = django_filters.CharFilter(label=lazy("Station"), method="at_station", max_length=60)
    card = django_filters.CharFilter(label=lazy("Pass or card"), method="with_card", max_length=60)
    at_least = django_filters.NumberFilter(
        label=lazy("At least (kWh)"), method="with_energy_from", widget=forms.NumberInput(attrs={"step": "any"})
    )
    at_most = django_filters.NumberFilter(
        label=lazy("At most (kWh)"), method="with_energy_to", widget=forms.NumberInput(attrs={"step": "any"})
    )
    longer = django_filters.NumberFilter(
        label=lazy("Longer than (h)"), method="longer_than", min_value=0, max_value=100_000,
        widget=forms.NumberInput(attrs={"min": 0, "step": "any"}),
    )  # fmt: skip
    organization = django_filters.ChoiceFilter(label=lazy("Organization"), empty_label=lazy("Any"), method="at_organization", choices=())
    location = django_filters.ChoiceFilter(label=lazy("Location"), empty_label=lazy("Any"), method="at_location", choices=())

    class Meta:
        model = Transaction
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not anywhere(self.request.user, PERSONAL_DATA):
            del self.filters["card"]
        if "organization" in self.filters:
            self._choices("organization", Organization.objects.visible_to(self.request.user).in_tree_order())
            self._choices("location", Location.objects.visible_to(self.request.user).order_by("name", "pk"))

    def _choices(self, name: str, rows: QuerySet[Any]) -> None:
        """What this person may see within the scope of the page; where that is too much to choose from, a part of its name is typed."""
        found = [(str(pk), label) for pk, label in self.request.drill.limit(rows).values_list("pk", "name")[: MOST_CHOICES + 1]]
        if len(found) > MOST_CHOICES:
            self.filters[name] = django_filters.CharFilter(label=self.filters[name].label, method=f"in_{name}_named", max_length=60)
            self.filters[name].parent, self.filters[name].model = self, Transaction
        elif len(found) < 2:
            del self.filters[name]
        else:
            self.filters[name].extra["choices"] = found

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
            case "review":
                return rows.to_review()  # type: ignore[attr-defined, no-any-return]
            case "corrected":
                corrected = Correction.objects.visible_to(self.request.user).filter(kind=Correction.Kind.VALUES)
                return rows.filter(reviewed_at__isnull=False, pk__in=corrected.values("transaction"))
            case "by_hand":
                return rows.filter(closed_by_hand=True)
            case "void":
                return rows.filter(void=True)
        return rows.exclude(problems=[])

    def settled_by(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(settlement="" if value == NONE else value)

    def has_problem(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.with_problem(value)  # type: ignore[attr-defined, no-any-return]

    def with_energy_from(self, rows: Any, name: str, value: Decimal) -> Any:
        return rows.filter(energy__gte=_wh(value))

    def with_energy_to(self, rows: Any, name: str, value: Decimal) -> Any:
        return rows.filter(energy__lte=_wh(value))

    def longer_than(self, rows: Any, name: str, value: Decimal) -> Any:
        return rows.filter(span__gt=timedelta(hours=float(value)))

    def at_organization(self, rows: Rows, name: str, value: str) -> Rows:
        """And below it."""
        path = Organization.objects.visible_to(self.request.user).filter(pk=value).values_list("path", flat=True).first()
        return rows.filter(station__location__organization__path__startswith=path) if path else rows.none()

    def at_location(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(station__location=int(value))

    def in_organization_named(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(station__location__organization__name__icontains=value)

    def in_location_named(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(station__location__name__icontains=value)

    def at_station(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(Q(station__identity__icontains=value) | Q(station__alias__icontains=value))

    def with_card(self, rows: Rows, name: str, value: str) -> Rows:
        """A part of the UID as the station sent it, or of the name of a pass that this person may see. What is masked is not found."""
        condition = Q(id_tag__icontains=value)
        if named := hooks.cards_named(self.request.user, value):
            rows = rows.alias(upper_tag=Upper("id_tag"))
            condition |= Q(upper_tag__in=named)
        return rows.filter(condition).filter(where_seen(self.request.user, Transaction))


def _wh(kwh: Decimal) -> Decimal:
    return max(min(kwh * 1000, LARGEST), -LARGEST)


class StationTransactionFilter(TransactionFilter):
    station = organization = location = None
    connector = django_filters.NumberFilter(
        label=lazy("Connector"), field_name="connector__number", min_value=0, widget=forms.NumberInput(attrs={"min": 0, "step": 1})
    )
