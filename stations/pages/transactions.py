"""Transactions: list, the station's tab, inbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet, Sum
from django.db.models.functions import Coalesce, Now
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST

from stations import problems
from stations.actions.inbox import dismiss_unmatched
from stations.filters import StationTransactionFilter, TransactionFilter
from stations.models import Station, Transaction, UnmatchedMessage
from stations.pages import transaction
from stations.pages.sheet import sheet_context
from stations.tables import StationTransactionTable, TransactionTable
from tenancy.personal import seen_value
from tenancy.rights import CORRECT_TRANSACTIONS, PERSONAL_DATA, READ_LOGS, READ_TRANSACTIONS, Missing, anywhere, get_for, may
from ui.lists import Action, ListPage
from ui.templatetags.ui import kwh


class TransactionList(ListPage):
    model = Transaction
    table_class = TransactionTable
    filterset_class = TransactionFilter
    title = lazy("Transactions")
    hidden_columns: Sequence[str] = ("end", "stop_reason", "organization")
    empty_title = lazy("No charge yet.")
    empty_text = lazy("Every charge at your stations appears here as soon as it begins.")
    export_name = "transactions"
    live = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not anywhere(request.user, READ_TRANSACTIONS):
            raise Missing(READ_TRANSACTIONS)
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset()
        span = ExpressionWrapper(Coalesce(F("ended_at"), Now()) - F("started_at"), output_field=DurationField())
        shown_tag = seen_value(self.request.user, Transaction, "id_tag")
        annotated = rows.with_energy().annotate(span=span, shown_tag=shown_tag)  # type: ignore[attr-defined]
        return annotated.order_by("-started_at", "-pk")  # type: ignore[no-any-return]

    def for_page(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("station__location__organization", "connector")

    def totals(self, rows: QuerySet[Any]) -> Sequence[tuple[str, str]]:
        """Over all that match; the page itself says how many those are."""
        return [(_("Energy"), kwh(rows.order_by().aggregate(total=Sum("energy"))["total"] or 0))]

    def get_actions(self) -> Sequence[Action]:
        scope = self.request.GET.get("in")
        return [Action(_("Inbox"), f"{reverse('inbox')}{'?' + urlencode({'in': scope}) if scope else ''}", "inbox")]


class StationTransactions(TransactionList):
    """The Transactions tab of a station."""

    table_class = StationTransactionTable
    filterset_class = StationTransactionFilter
    template_name = "stations/station_transactions.html"
    hidden_columns = ("end", "stop_reason")
    empty_title = lazy("Nobody has charged here yet.")
    empty_text = lazy("Start a charge from the head of this page, or hold a card to the reader.")
    live = False  # by the station's own topic

    station: Station

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.pk: int = kwargs["pk"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.station = get_for(
            request.user, Station.objects.select_related("location__organization"), READ_TRANSACTIONS, pk=self.pk
        )  # fmt: skip
        request.zone = self.station.location.zone  # type: ignore[attr-defined]
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(station=self.station)

    def get_actions(self) -> Sequence[Action]:
        return ()

    def get_context(self) -> dict[str, Any]:
        context = sheet_context(self.request, self.station, active="transactions")
        return {**context, "live_topic": f"station:{self.station.pk}", "here": self.request.get_full_path()}


PAGE = 25


def inbox(request: HttpRequest) -> HttpResponse:
    """What needs somebody's eye: messages of transactions nobody knows, and transactions that cannot be right."""
    if not anywhere(request.user, READ_TRANSACTIONS):
        raise Missing(READ_TRANSACTIONS)
    drill = request.drill  # type: ignore[attr-defined]
    unmatched = drill.limit(UnmatchedMessage.objects.visible_to(request.user)).filter(resolved_at=None)
    wrong = drill.limit(Transaction.objects.visible_to(request.user)).exclude(problems=[])
    show = "problems" if request.GET.get("show") == "problems" else "messages"
    rows: QuerySet[Any] = wrong if show == "problems" else unmatched
    paginator = Paginator(rows.select_related("station__location__organization"), PAGE)
    page = paginator.get_page(request.GET.get("page"))
    scope = {"in": request.GET["in"]} if request.GET.get("in") else {}
    here = reverse("inbox")

    def url(**query: str) -> str:
        query = scope | query
        return f"{here}?{urlencode(query)}" if query else here

    counts = {"messages": unmatched.count(), "problems": wrong.count()}
    context: dict[str, Any] = {
        "title": _("Inbox"),
        "breadcrumbs": [(_("Transactions"), f"{reverse('transactions')}{'?' + urlencode(scope) if scope else ''}")],
        "tabs": [
            (_("Messages without a transaction"), url(), show == "messages", counts["messages"] or None),
            (_("Transactions with a problem"), url(show="problems"), show == "problems", counts["problems"] or None),
        ],
        "show": show,
        "page": page,
        "page_url": url(show=show),
        "here": request.get_full_path(),
        "live_topic": f"in:{request.GET.get('in') or 'all'}",
    }
    if show == "messages":
        context["entries"] = [_entry(request, row) for row in page]
    else:
        context["entries"] = [(row, problems.advice(row)) for row in page]
    return render(request, "stations/inbox_list.html" if request.headers.get("HX-Request") == "true" else "stations/inbox.html", context)


def _entry(request: HttpRequest, row: UnmatchedMessage) -> dict[str, Any]:
    zone = row.station.location.zone
    period = {"since": row.first_at, "until": row.last_at + timedelta(seconds=1)}
    log = urlencode({"action": row.action} | {name: f"{at.astimezone(zone):%Y-%m-%dT%H:%M:%S}" for name, at in period.items()})
    return {
        "row": row,
        "what": problems.what_is(row),
        "advice": problems.what_to_do(row),
        "content": problems.content(row, cards=may(request.user, PERSONAL_DATA, row)),
        "zone": zone,
        "log_url": f"{reverse('station_logs', args=[row.station_id])}?{log}" if may(request.user, READ_LOGS, row) else "",
        "refusal": "" if may(request.user, CORRECT_TRANSACTIONS, row) else _("Your role does not work off the inbox here."),
    }


@require_POST
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an entry out of the inbox."""
    queryset = UnmatchedMessage.objects.select_related("station__location__organization")
    entry = get_for(request.user, queryset, CORRECT_TRANSACTIONS, pk=pk)
    try:
        dismiss_unmatched(actor=request.user, entry=entry)  # type: ignore[arg-type]
        messages.success(request, _("Dismissed. The station's log keeps the messages."))
    except ValidationError as error:
        messages.info(request, error.messages[0])
    scope = request.POST.get("in", "")
    return redirect(f"{reverse('inbox')}{'?' + urlencode({'in': scope}) if scope else ''}")


urlpatterns: list[URLPattern] = [
    path("transactions/", TransactionList.as_view(), name="transactions"),
    path("transactions/inbox/", inbox, name="inbox"),
    path("transactions/inbox/<int:pk>/dismiss/", dismiss, name="inbox_dismiss"),
    *transaction.urlpatterns,
    path("stations/<int:pk>/transactions/", StationTransactions.as_view(), name="station_transactions"),
]
