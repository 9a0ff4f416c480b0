"""Transactions: list, the station's tab, inbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Now
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.filters import StationTransactionFilter, TransactionFilter
from stations.models import Station, Transaction
from stations.pages import correct, inbox, transaction
from stations.pages.sheet import sheet_context
from stations.tables import StationTransactionTable, TransactionTable
from tenancy.personal import seen_value
from tenancy.rights import READ_TRANSACTIONS, Missing, anywhere, get_for
from ui.lists import Action, CappedPaginator, ListPage, counted_up_to
from ui.templatetags.ui import duration, grouped, kwh

MOST_ADDED = 100_000  # rows whose energy and time are added up: no page waits longer for them


class TransactionPaginator(CappedPaginator):
    most = MOST_ADDED


class TransactionList(ListPage):
    model = Transaction
    table_class = TransactionTable
    filterset_class = TransactionFilter
    title = lazy("Transactions")
    hidden_columns: Sequence[str] = (
        "end", "settlement", "stop_reason", "problems", "corrected", "holder", "charge_pass", "identity", "alias", "connector", "evse_id",
        "location", "organization",
    )  # fmt: skip
    empty_title = lazy("No charge yet.")
    empty_text = lazy("Every charge at your stations appears here as soon as it begins.")
    export_name = "transactions"
    export_kind = "transactions"
    export_all = True
    live = True
    paginator_class = TransactionPaginator

    def admit(self) -> None:
        if not anywhere(self.request.user, READ_TRANSACTIONS):
            raise Missing(READ_TRANSACTIONS)

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset()
        span = ExpressionWrapper(Coalesce(F("ended_at"), Now()) - F("started_at"), output_field=DurationField())
        shown_tag = seen_value(self.request.user, Transaction, "id_tag")
        annotated = rows.with_energy().annotate(span=span, shown_tag=shown_tag)  # type: ignore[attr-defined]
        return annotated.order_by("-started_at", "-pk")  # type: ignore[no-any-return]

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("station__location__organization", "connector")

    def totals(self, rows: QuerySet[Any]) -> Sequence[tuple[str, str]]:
        """Over all that match, as far as they are counted. What waits in the inbox, what is not settled, and meters that ran backwards are
        left out, and it is said how many."""
        if counted_up_to(rows, MOST_ADDED) > MOST_ADDED:
            return [(_("Energy"), _("too many to add up: choose a period"))]
        told = rows.order_by().with_told()  # type: ignore[attr-defined]
        waits, other = told.waits(), Q(void=True) | Q(energy__lt=0)
        good = ~waits & ~other
        # Times are added up by the database where it can; a duration that is not over yet counts until now.
        sums = told.aggregate(
            wh=Sum("energy", filter=good), took=Sum("span", filter=good), waiting=Count("pk", filter=waits),
            left=Count("pk", filter=other & ~waits),
        )  # fmt: skip
        counts = ((_("%s in the inbox"), sums["waiting"]), (_("%s not settled or negative"), sums["left"]))
        left = [text % grouped(count) for text, count in counts if count]
        found = [(_("Energy"), kwh(sums["wh"] or 0)), (_("Time"), duration(sums["took"] or timedelta(0)))]
        return [*found, (_("Left out"), ", ".join(left))] if left else found

    def get_actions(self) -> Sequence[Action]:
        scope = self.request.GET.get("in")
        return [Action(_("Inbox"), f"{reverse('inbox')}{'?' + urlencode({'in': scope}) if scope else ''}", "inbox")]


class StationTransactions(TransactionList):
    """The Transactions tab of a station."""

    table_class = StationTransactionTable
    filterset_class = StationTransactionFilter
    template_name = "stations/station_transactions.html"
    hidden_columns = ("end", "settlement", "stop_reason", "problems", "corrected", "holder", "charge_pass", "evse_id")
    export_kind = "station_transactions"
    empty_title = lazy("Nobody has charged here yet.")
    empty_text = lazy("Start a charge from the head of this page, or hold a card to the reader.")
    live = False  # by the station's own topic

    station: Station

    def admit(self) -> None:
        self.station = get_for(
            self.request.user, Station.objects.select_related("location__organization"), READ_TRANSACTIONS, pk=self.kwargs["pk"]
        )  # fmt: skip
        self.request.zone = self.station.location.zone  # type: ignore[attr-defined]

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(station=self.station)

    def get_actions(self) -> Sequence[Action]:
        return ()

    def get_context(self) -> dict[str, Any]:
        context = sheet_context(self.request, self.station, active="transactions")
        return {**context, "live_topic": f"station:{self.station.pk}", "here": self.request.get_full_path()}


urlpatterns: list[URLPattern] = [
    path("transactions/", TransactionList.as_view(), name="transactions"),
    *inbox.urlpatterns,
    *correct.urlpatterns,
    *transaction.urlpatterns,
    path("stations/<int:pk>/transactions/", StationTransactions.as_view(), name="station_transactions"),
]
