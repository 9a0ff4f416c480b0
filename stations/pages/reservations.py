"""Reservations: the list of all, that of a station, and cancelling one."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import actions, hooks
from stations.actions.reservations import why_not_cancelled
from stations.cards import Faces
from stations.controls import Situation
from stations.maintenance import local
from stations.models import Reservation, Station
from stations.pages.fleet import trail
from stations.pages.sheet_head import sheet_context
from stations.reservations import meaning, where
from stations.tables import station_cell
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.personal import person, seen_value, where_seen
from tenancy.rights import PERSONAL_DATA, READ, READ_TRANSACTIONS, START_CHARGING, anywhere, get_for, may
from ui.forms import confirm_page, next_url
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import exact, state

State = Reservation.State
STANDS, OVER = "stands", "over"


# -- the lists ----------------------------------------------------------------------------------------------------------------------------


class ReservationFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(
        label=lazy("State"), empty_label=lazy("Any"), method="in_state",
        choices=[(STANDS, lazy("Stands now")), (OVER, lazy("Over")), *State.choices],
    )  # fmt: skip
    q = django_filters.CharFilter(label=lazy("Station, location or card"), method="named", max_length=100)

    class Meta:
        model = Reservation
        fields: tuple[str, ...] = ()

    def in_state(self, rows: QuerySet[Reservation], name: str, value: str) -> QuerySet[Reservation]:
        now = timezone.now()
        standing = Q(state__in=Reservation.STANDING)
        if value == STANDS:
            return rows.filter(standing, until__gt=now)
        if value == OVER:
            return rows.exclude(state=State.ASKED).exclude(standing & Q(until__gt=now))
        if value == State.EXPIRED:
            return rows.filter(Q(state=value) | (standing & Q(until__lte=now)))
        rows = rows.filter(state=value)
        return rows.filter(until__gt=now) if value in Reservation.STANDING else rows

    def named(self, rows: QuerySet[Reservation], name: str, value: str) -> QuerySet[Reservation]:
        text = value.replace("\x00", "").strip()
        return rows.filter(
            Q(station__identity__icontains=text)
            | Q(station__alias__icontains=text)
            | Q(station__location__name__icontains=text)
            | self.of_card(value)
        )

    def of_card(self, value: str) -> Q:
        """A card is looked for only where its number is shown."""
        text, user = value.replace("\x00", "").strip(), self.request.user
        cards = Q(id_tag__icontains=text) | Q(id_tag__in=hooks.cards_named(user, text))
        return cards & where_seen(user, Reservation) if anywhere(user, PERSONAL_DATA) else Q(pk__in=[])


class ReservationTable(Table):
    station = django_tables2.Column(lazy("Station"), accessor="station__identity")
    of = django_tables2.Column(lazy("Reserved"), accessor="connector_number")
    card = django_tables2.Column(lazy("Card"), accessor="id_tag", order_by=("shown_tag", "pk"))
    state = django_tables2.Column(lazy("State"), orderable=False)
    created_at = django_tables2.Column(lazy("From"))
    until = django_tables2.Column(lazy("Until"), attrs={"td": {"class": "text-nowrap"}})
    by = django_tables2.Column(lazy("Made by"), accessor="created_by", orderable=False, empty_values=())
    key = django_tables2.Column(lazy("Number"), orderable=False)
    act = django_tables2.Column("", accessor="pk", orderable=False, exclude_from_export=True)

    @functools.cached_property
    def cards(self) -> Faces:
        return Faces(self.request.user, ((row.id_tag, row.station.location) for row in self.data))

    def render_station(self, record: Reservation) -> SafeString:
        return station_cell(record.station, "station_reservations")

    def value_station(self, record: Reservation) -> str:
        return record.station.identity

    def render_of(self, record: Reservation) -> str:
        return where(record)

    def render_card(self, record: Reservation) -> SafeString | str:
        card = self.cards.of(record.id_tag, record.station.location)
        name = format_html('<a href="{}">{}</a>', card.url, card.name) if card.url else card.name
        group = format_html('<span class="sub">{}</span>', _("and its group")) if record.group_id else ""
        return format_html('{}<span class="sub">{}</span>{}', name, card.number, group) if card.name else format_html("{}{}", card, group)

    def value_card(self, record: Reservation) -> str:
        return str(self.cards.of(record.id_tag, record.station.location))

    def render_state(self, record: Reservation) -> SafeString:
        found = meaning(record)
        by = ""
        if record.transaction_id and may(self.request.user, READ_TRANSACTIONS, record.station):
            by = format_html(
                ' <a href="{}">{}</a>', link("transaction", record.transaction_id), _("Transaction %s") % record.transaction_id
            )
        return format_html('{}<span class="sub">{}{}</span>', state(found.state, str(found.word)), found.sentence, by)

    def value_state(self, record: Reservation) -> str:
        return str(meaning(record).word)

    def render_created_at(self, record: Reservation) -> str:
        return local(record.created_at, record.station.location.zone)

    def render_until(self, record: Reservation) -> SafeString:
        zone = record.station.location.zone
        begun = _("from %s") % local(record.created_at, zone)
        return format_html('{}<span class="sub">{}</span>', local(record.until, zone), begun)

    def value_created_at(self, record: Reservation) -> str:
        return record.created_at.astimezone(record.station.location.zone).isoformat(timespec="seconds")

    def value_until(self, record: Reservation) -> str:
        return record.until.astimezone(record.station.location.zone).isoformat(timespec="seconds")

    def render_by(self, record: Reservation) -> str:
        place = record.station.location
        return person(self.request.user, record.created_by, place.organization.path, place.pk) or "–"

    def render_act(self, record: Reservation) -> SafeString | str:
        if why_not_cancelled(record) or not may(self.request.user, START_CHARGING, record.station):
            return ""
        url = link("reservation_cancel", record.pk, next=self.request.get_full_path())
        return format_html('<a class="btn btn-sm" href="{}">{}</a>', url, _("Cancel"))


class ReservationList(ListPage):
    model, table_class, filterset_class = Reservation, ReservationTable, ReservationFilter
    title = lazy("Reservations")
    intro = lazy("Connectors that are kept for a card. Each is shown in the time of its location.")
    empty_title = lazy("Nothing is reserved.")
    empty_text = lazy("Reserve a connector with the button “Reserve” of a station, or from a pass.")
    export_name = "reservations"
    live = True
    hidden_columns: Sequence[str] = ("created_at", "key")

    def get_queryset(self) -> QuerySet[Any]:
        shown_tag = seen_value(self.request.user, Reservation, "id_tag")
        rows: QuerySet[Any] = super().get_queryset().annotate(shown_tag=shown_tag)
        return rows.order_by("-created_at", "-pk")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("station__location__organization", "created_by")

    def breadcrumbs(self) -> Sequence[tuple[str, str]]:
        return [(_("Operations"), link("operations"))]


class StationReservationFilter(ReservationFilter):
    q = django_filters.CharFilter(label=lazy("Card"), method="named", max_length=100)

    def named(self, rows: QuerySet[Reservation], name: str, value: str) -> QuerySet[Reservation]:
        return rows.filter(self.of_card(value))


class StationReservationTable(ReservationTable):
    class Meta(Table.Meta):
        exclude = ("station",)


class StationReservations(ReservationList):
    """The Reservations tab of a station."""

    table_class = StationReservationTable
    filterset_class = StationReservationFilter
    template_name = "stations/station_transactions.html"
    empty_title = lazy("Nothing was ever reserved here.")
    empty_text = lazy("Each free connector on the overview has a button “Reserve”; “Reserve” under More asks which one.")
    live = False  # by the station's own topic
    station: Station

    def admit(self) -> None:
        self.station = get_for(self.request.user, Station.objects.select_related("location__organization"), READ, pk=self.kwargs["pk"])
        self.request.zone = self.station.location.zone  # type: ignore[attr-defined]

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(station=self.station)

    def get_actions(self) -> Sequence[Action]:
        return ()

    def get_context(self) -> dict[str, Any]:
        context = sheet_context(self.request, self.station, active="reservations")
        return {**context, "live_topic": f"station:{self.station.pk}", "here": self.request.get_full_path()}


# -- cancelling ---------------------------------------------------------------------------------------------------------------------------


def reservation_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    row = get_for(user, Reservation.objects.select_related("station__location__organization"), START_CHARGING, pk=pk)
    station = row.station
    back = next_url(request, link("station_reservations", station.pk))
    situation = Situation(user, station)
    card = Faces(user, [(row.id_tag, station.location)]).of(row.id_tag, station.location)

    def act() -> None:
        try:
            actions.cancel_reservation(actor=user, reservation=row)
        except actions.CommandRefused as refusal:
            raise ValidationError(str(refusal)) from refusal

    words = {"where": where(row), "card": card, "until": exact(row.until, station.location.zone)}
    return confirm_page(
        request, act, title=_("Cancel this reservation?"),
        consequences=[
            _("%(where)s is reserved for %(card)s until %(until)s.") % words,
            _("The station is asked to give it free. Then whoever comes may charge.")
            if station.connected
            else _("The station has no connection, so it cannot be asked: it keeps it until then. Only the record here is cancelled."),
        ],
        refusal=why_not_cancelled(row) or (situation.unreachable() if station.connected else ""),
        submit_label=_("Cancel reservation"), keep_label=_("Keep it"), cancel_url=back, done_url=back, breadcrumbs=trail(station),
        done=_("Asked %s to cancel the reservation.") % station if station.connected else _("Cancelled here."),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("operations/reservations/", ReservationList.as_view(), name="reservations"),
    path("stations/<int:pk>/reservations/", StationReservations.as_view(), name="station_reservations"),
    path("reservations/<int:pk>/cancel/", reservation_cancel, name="reservation_cancel"),
]
