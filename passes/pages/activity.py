"""Cards offered: every card that was held to a reader with its verdict and the reasons, for all stations, a pass or a user."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
import django_tables2
from django import forms
from django.db.models import Q, QuerySet
from django.db.models.functions import Upper
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from passes.desk import add_offered
from passes.findings import remarks
from passes.models import ChargePass
from passes.pages.sheet import pass_of, sheet
from passes.reasons import REASONS
from passes.remedies import check_url
from passes.steps import Words, read
from stations import explain, hooks, reservations
from stations.cards import Faces
from stations.filters import zone_of
from stations.models import CardOffer, Settlement, Station
from stations.ocpp import numbering
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.shared import user_of
from tenancy.pages.users import sheet as sheet_of_user
from tenancy.pages.users import visible_user
from tenancy.personal import MASK, seen_value, sees, where_seen
from tenancy.rights import PERSONAL_DATA, READ_TRANSACTIONS, Missing, anywhere, get_for
from ui.lists import Action, ListPage, Table
from ui.periods import PERIODS, midnight, period, safe_midnight
from ui.templatetags.ui import exact, state, when

Rows = QuerySet[CardOffer]
UNKNOWN = Q(pass_key=None, token_key=None, holder="")
MOST_STRANGE = 300  # passes of one user whose cards are looked for where they were not known
STRANGE_DAYS = 30  # how far back the list of a pass looks for where its card was not known

ACTIONS = {
    "Authorize": lazy("at the reader"), "StartTransaction": lazy("to start"), "StopTransaction": lazy("to end"),
    "TransactionEvent": lazy("while charging"),
}  # fmt: skip


class OfferFilter(django_filters.FilterSet):
    period = django_filters.ChoiceFilter(label=lazy("Offered"), empty_label=lazy("At any time"), method="in_period", choices=PERIODS)
    since = django_filters.DateFilter(label=lazy("From"), method="from_day", widget=forms.DateInput(attrs={"type": "date"}))
    until = django_filters.DateFilter(label=lazy("To"), method="to_day", widget=forms.DateInput(attrs={"type": "date"}))
    station = django_filters.CharFilter(label=lazy("Station"), method="at_station", max_length=60)
    verdict = django_filters.ChoiceFilter(
        label=lazy("Verdict"), empty_label=lazy("Any"), method="with_verdict",
        choices=[("refused", lazy("Refused, for any reason")), *((name, one.word) for name, one in explain.VERDICTS.items())],
    )  # fmt: skip
    reason = django_filters.ChoiceFilter(label=lazy("Reason"), empty_label=lazy("Any"), choices=list(REASONS.items()))
    known = django_filters.ChoiceFilter(
        label=lazy("Card is"), empty_label=lazy("Known or not"), method="is_known",
        choices=[("yes", lazy("Known")), ("no", lazy("Unknown"))],
    )  # fmt: skip
    card = django_filters.CharFilter(label=lazy("Card"), method="with_card", max_length=60)

    class Meta:
        model = CardOffer
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not anywhere(self.request.user, PERSONAL_DATA):
            self.filters.pop("card", None)

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.request)

    def in_period(self, rows: Rows, name: str, value: str) -> Rows:
        first, after = period(value, timezone.now().astimezone(self.zone).date())
        return rows.filter(at__gte=midnight(first, self.zone), at__lt=midnight(after, self.zone))

    def from_day(self, rows: Rows, name: str, value: date) -> Rows:
        return rows.filter(at__gte=safe_midnight(value, self.zone))

    def to_day(self, rows: Rows, name: str, value: date) -> Rows:
        return rows.filter(at__lt=safe_midnight(value, self.zone, 1))

    def at_station(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(Q(station__identity__icontains=value) | Q(station__alias__icontains=value))

    def with_verdict(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.exclude(verdict="Accepted") if value == "refused" else rows.filter(verdict=value)

    def is_known(self, rows: Rows, name: str, value: str) -> Rows:
        return rows.filter(UNKNOWN) if value == "no" else rows.exclude(UNKNOWN)

    def with_card(self, rows: Rows, name: str, value: str) -> Rows:
        """A part of the UID as the station sent it, or of the name of a pass that this person may see. What is masked is not found."""
        condition = Q(id_tag__icontains=value)
        if named := hooks.cards_named(self.request.user, value):
            rows = rows.alias(upper_tag=Upper("id_tag"))
            condition |= Q(upper_tag__in=named)
        return rows.filter(condition).filter(where_seen(self.request.user, CardOffer))


class OneCardFilter(OfferFilter):
    """Of a pass or a user: there whose card it is has been said."""

    known = card = None


class OfferTable(Table):
    at = django_tables2.Column(lazy("Time"), accessor="at", attrs={"td": {"class": "text-nowrap"}})
    station = django_tables2.Column(lazy("Station"), accessor="station__identity")
    card = django_tables2.Column(lazy("Card"), accessor="id_tag", order_by=("shown_tag", "pk"))
    verdict = django_tables2.Column(lazy("Verdict"))
    reason = django_tables2.Column(lazy("Reason"), attrs={"td": {"class": "sentence"}})
    settlement = django_tables2.Column(lazy("Settlement"), empty_values=())
    organization = django_tables2.Column(lazy("Organization"), accessor="station__location__organization__name")

    class Meta(Table.Meta):
        default = "–"

    @functools.cached_property
    def cards(self) -> Faces:
        """The cards of all rows, with their passes."""
        return Faces(self.request.user, ((row.id_tag, row.station.location) for row in self.data))

    def as_values(self, exclude_columns: Sequence[str] | None = None) -> Iterator[Sequence[Any]]:
        """For a file: every column has its `value_…` here."""
        names = [column.name for column in self.columns if column.name not in (exclude_columns or ())]
        yield [str(self.columns[name].header) for name in names]
        values: list[Callable[[CardOffer], Any]] = [getattr(self, f"value_{name}") for name in names]
        for record in self.data:
            yield [value(record) for value in values]

    def render_at(self, record: CardOffer) -> SafeString:
        words = ACTIONS.get(record.action, record.action)
        return format_html(
            '<a href="{}">{}</a><span class="sub">{}</span>',
            link("card_offer", record.pk),
            when(record.at, record.station.location.zone),
            words,
        )

    def value_at(self, record: CardOffer) -> str:
        return record.at.astimezone(record.station.location.zone).isoformat(timespec="seconds")

    def render_station(self, record: CardOffer) -> SafeString:
        where = _("connector %s") % numbering.shown(record.connector_number) if record.connector_number else record.station.location
        under = " · ".join(str(part) for part in (record.station.beside, where) if part)
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', record.station.get_absolute_url(), record.station, under)

    def value_station(self, record: CardOffer) -> str:
        name = record.station.name_and_id
        return f"{name} / {numbering.shown(record.connector_number)}" if record.connector_number else name

    def render_card(self, record: CardOffer) -> SafeString:
        card = self.cards.of(record.id_tag, record.station.location)
        if card.name:
            name = format_html('<a href="{}">{}</a>', card.url, card.name) if card.url else card.name
            return format_html('{}<span class="sub">{}</span>', name, card.number)
        if url := add_offered(self.request.user, record, card):
            return format_html('{}<span class="sub"><a href="{}">{}</a></span>', card.number, url, _("Add as a pass"))
        return format_html("{}", card.number)

    def value_card(self, record: CardOffer) -> str:
        card = self.cards.of(record.id_tag, record.station.location)
        return f"{card.number} ({card.name})" if card.name else card.number

    def render_verdict(self, record: CardOffer) -> SafeString:
        meaning = explain.verdict(record.verdict)
        return state(meaning.state, str(meaning.word))

    def value_verdict(self, record: CardOffer) -> str:
        return str(explain.verdict(record.verdict).word)

    def render_reason(self, record: CardOffer) -> SafeString:
        return format_html('{} <a href="{}">{}</a>', hooks.reason_label(record.reason), link("card_offer", record.pk), _("Why?"))

    def value_reason(self, record: CardOffer) -> str:
        return hooks.reason_label(record.reason)

    def render_settlement(self, record: CardOffer) -> str:
        return str(Settlement(record.settlement).label) if record.settlement in Settlement.values else "–"

    def value_settlement(self, record: CardOffer) -> str:
        return str(Settlement(record.settlement).label) if record.settlement in Settlement.values else ""

    def render_organization(self, record: CardOffer) -> str:
        return record.station.location.organization.name

    def value_organization(self, record: CardOffer) -> str:
        return record.station.location.organization.name


class OfferList(ListPage):
    model = CardOffer
    table_class = OfferTable
    filterset_class = OfferFilter
    template_name = "passes/offers.html"
    title = lazy("Cards offered")
    intro = lazy("Every card that was held to a reader or named by a station, with what was decided, and why.")
    hidden_columns: Sequence[str] = ("organization",)
    empty_title = lazy("No card was offered yet.")
    empty_text = lazy("Every card appears here as soon as it is held to a reader, whether it is accepted or not.")
    export_name = "cards-offered"
    live = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not anywhere(request.user, READ_TRANSACTIONS):
            raise Missing(READ_TRANSACTIONS)
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset().annotate(shown_tag=seen_value(self.request.user, CardOffer, "id_tag"))
        return rows.order_by("-at", "-pk")

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("station__location__organization")

    def get_actions(self) -> Sequence[Action]:
        if not anywhere(self.request.user, PERSONAL_DATA):
            return []
        return [Action(_("Check a card"), link("card_check"), icon="help")]

    def get_context(self) -> dict[str, Any]:
        """What the cards at these stations tell together, whatever else the list is limited to."""
        if getattr(self.request, "htmx", False):
            return {}
        user = user_of(self.request)
        stations = self.request.drill.limit(Station.objects.visible_to(user, READ_TRANSACTIONS))  # type: ignore[attr-defined]
        if text := self.request.GET.get("station", "")[:60].replace("\x00", "").strip():
            stations = stations.filter(Q(identity__icontains=text) | Q(alias__icontains=text))
        return {"remarks": remarks(user, stations)}


def offers_of(user: User, passes: Collection[ChargePass]) -> Q:
    """The offers of cards of these passes, where `user` sees the cards; also where the card was not known, as far as that is not long ago:
    what is refused most is a card at a place that does not list it. Of many passes the newest are looked for so."""
    if not passes:
        return Q(pk__in=[])
    newest = sorted(passes, key=lambda one: -one.pk)[:MOST_STRANGE]
    tags = {form for one in newest for form in (one.uid, one.uid.lower())}  # as readers send it
    lately = timezone.now() - timedelta(days=STRANGE_DAYS)
    found = Q(pass_key__in=[one.pk for one in passes]) | Q(pass_key=None, at__gte=lately, id_tag__in=tags)
    return found & where_seen(user, CardOffer)


class OffersOfSome(OfferList):
    """Limited to some passes; whose they are is read by `read`."""

    filterset_class = OneCardFilter
    intro = lazy("Wherever you may see it: what was decided when the card was held to a reader.")
    empty_title = lazy("Not offered anywhere yet.")
    empty_text = lazy("As soon as it is held to a reader, it appears here with what was decided, and why.")
    live = False

    passes: Sequence[ChargePass]

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(offers_of(user_of(self.request), self.passes))

    def get_context(self) -> dict[str, Any]:
        return {}


class PassOffers(OffersOfSome):
    """The tab Activity of a pass."""

    template_name = "passes/pass_activity.html"
    charge_pass: ChargePass

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.charge_pass = pass_of(request, self.kwargs["pk"])
        if not sees(user_of(request), self.charge_pass):
            raise Missing(PERSONAL_DATA, self.charge_pass.organization.path)
        self.passes = [self.charge_pass]
        return super().dispatch(request, *args, **kwargs)

    def get_context(self) -> dict[str, Any]:
        url = link("card_check", card=self.charge_pass.uid) if anywhere(self.request.user, PERSONAL_DATA) else ""
        return {**sheet(self.request, self.charge_pass, "activity"), "check_url": url}


class UserOffers(OffersOfSome):
    """The tab Activity of a user: all of their passes that the reader may see."""

    template_name = "passes/user_activity.html"
    person: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = user_of(request)
        self.person = visible_user(request, self.kwargs["pk"])
        if not (sees(user, self.person) and anywhere(user, PERSONAL_DATA)):
            raise Missing(PERSONAL_DATA, self.person.organization.path)
        self.passes = list(ChargePass.objects.visible_to(user, PERSONAL_DATA).filter(user=self.person).order_by("pk"))
        return super().dispatch(request, *args, **kwargs)

    def get_context(self) -> dict[str, Any]:
        return sheet_of_user(self.request, self.person, "activity")


def _kept(row: CardOffer) -> str:
    """That something was reserved for another card then. The station turns others away by itself: the decision here knows nothing of it."""
    found = reservations.kept_from(row.station_id, row.at, row.connector_number, row.id_tag, _group_of(row))
    if found is None:
        return ""
    words = {"where": reservations.where(found), "until": exact(found.until, row.station.location.zone)}
    return _("%(where)s was reserved for another card until %(until)s: the station may have turned this one away.") % words


def _group_of(row: CardOffer) -> str:
    return ChargePass.objects.filter(pk=row.pass_key).values_list("group__group_id", flat=True).first() or "" if row.pass_key else ""


def offer(request: HttpRequest, pk: int) -> HttpResponse:
    """One card that was offered: what was decided, and each rule that was looked at."""
    user = user_of(request)
    row = get_for(user, CardOffer.objects.select_related("station__location__organization"), pk=pk)
    station, location = row.station, row.station.location
    steps = read(row.steps)
    faces = Faces(user, [(row.id_tag, location)])
    face = faces.of(row.id_tag, location)
    return render(request, "passes/offer.html", {
        "title": _("Card %(card)s at %(station)s") % {"card": face.name or face.number, "station": station},
        "breadcrumbs": [(_("Cards offered"), link("card_offers")), (str(station), link("station_activity", station.pk, kind="card"))],
        "offer": row,
        "connector_shown": numbering.shown(row.connector_number) if row.connector_number else "",
        "station": station,
        "location": location,
        "zone": location.zone,
        "card": face,
        "masked": face.number == MASK,
        "what": ACTIONS.get(row.action, row.action),
        "verdict": explain.verdict(row.verdict),
        "reason": hooks.reason_label(row.reason),
        "settlement": explain.SETTLEMENTS.get(row.settlement),
        "id_type": explain.id_type(row.id_type),
        "steps": Words(user, [steps]).of(steps, location, accepted=row.verdict == "Accepted"),
        "kept": _kept(row),
        "check_url": check_url(station.pk, row.id_tag, row.connector_number) if faces.seen(location) else "",
        "add_url": add_offered(user, row, face),
    })  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("activity/", OfferList.as_view(), name="card_offers"),
    path("activity/<int:pk>/", offer, name="card_offer"),
    path("passes/<int:pk>/activity/", PassOffers.as_view(), name="pass_activity"),
    path("users/<int:pk>/activity/", UserOffers.as_view(), name="user_activity"),
]
