"""The inbox: transactions that cannot be as they were reported, and messages of transactions nobody knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST

from stations import problems
from stations.actions import corrections
from stations.actions.corrections import version_of
from stations.actions.inbox import dismiss_unmatched
from stations.cards import Faces
from stations.models import Transaction, UnmatchedMessage
from stations.pages.correct import sides
from tenancy.links import link
from tenancy.rights import CORRECT_TRANSACTIONS, PERSONAL_DATA, READ_LOGS, READ_TRANSACTIONS, Missing, anywhere, get_for, may
from ui.forms import attempt, refuse
from ui.lists import CappedPaginator, counted_up_to
from ui.templatetags.ui import exact, kwh

PAGE = 25
MOST_CANDIDATES = 20
NO_RIGHT = lazy("Your role does not work off the inbox here.")


def inbox(request: HttpRequest) -> HttpResponse:
    """What needs somebody's eye, one tab for each of its two kinds."""
    if not anywhere(request.user, READ_TRANSACTIONS):
        raise Missing(READ_TRANSACTIONS)
    drill = request.drill  # type: ignore[attr-defined]
    unmatched = drill.limit(UnmatchedMessage.objects.visible_to(request.user)).filter(resolved_at=None)
    wrong = drill.limit(Transaction.objects.visible_to(request.user)).to_review()
    counts = {"messages": counted_up_to(unmatched), "problems": counted_up_to(wrong)}
    show = request.GET.get("show", "")
    if show not in counts:  # the one in which something waits
        show = "problems" if counts["problems"] and not counts["messages"] else "messages"
    rows: QuerySet[Any] = wrong if show == "problems" else unmatched
    paginator = CappedPaginator(rows.select_related("station__location__organization"), PAGE)
    page = paginator.get_page(request.GET.get("page"))
    scope = {"in": request.GET["in"]} if request.GET.get("in") else {}
    here = reverse("inbox")

    def url(**query: str) -> str:
        return f"{here}?{urlencode(scope | query)}"

    context: dict[str, Any] = {
        "title": _("Inbox"),
        "breadcrumbs": [(_("Transactions"), f"{reverse('transactions')}{'?' + urlencode(scope) if scope else ''}")],
        "tabs": [
            (_("Messages without a transaction"), url(show="messages"), show == "messages", counts["messages"] or None),
            (_("Transactions that cannot be so"), url(show="problems"), show == "problems", counts["problems"] or None),
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
        context["entries"] = [_problem(request, row) for row in page]
    return render(request, "stations/inbox_list.html" if request.headers.get("HX-Request") == "true" else "stations/inbox.html", context)


def _problem(request: HttpRequest, row: Transaction) -> dict[str, Any]:
    return {
        "row": row,
        "why": problems.why_in_inbox(row),
        "advice": problems.advice(row),
        "url": link("transaction_close" if row.running else "transaction_correct", row.pk, next=request.get_full_path()),
        "refusal": "" if may(request.user, CORRECT_TRANSACTIONS, row) else NO_RIGHT,
    }


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
        "refusal": "" if may(request.user, CORRECT_TRANSACTIONS, row) else NO_RIGHT,
        "joins": bool(corrections.end_of(row)),
        "about_url": link("transaction", row.about_id) if row.about_id else "",
    }


class TakeForm(forms.Form):
    """Why what the station says now is true. `doubts` have to be answered."""

    reason = forms.CharField(label=lazy("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}))
    sure = forms.BooleanField(label=lazy("It is right all the same"))
    version = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, row: Transaction, doubts: list[str]) -> None:
        super().__init__(data, initial={"version": version_of(row)})
        if not doubts:
            del self.fields["sure"]


class JoinForm(forms.Form):
    """Which transaction of the same station the message ends."""

    transaction = forms.ChoiceField(label=lazy("It is the end of"), widget=forms.RadioSelect)
    reason = forms.CharField(label=lazy("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}))
    version = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, *, candidates: list[Transaction], labels: dict[int, str], initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        self.candidates = {str(row.pk): row for row in candidates}
        self.fields["transaction"].choices = [(key, labels[row.pk]) for key, row in self.candidates.items()]  # type: ignore[attr-defined]

    @property
    def chosen(self) -> Transaction:
        return self.candidates[self.cleaned_data["transaction"]]


def inbox_entry(request: HttpRequest, pk: int) -> HttpResponse:
    """One message: the transaction that it ends is chosen, or it is dismissed."""
    rows = UnmatchedMessage.objects.select_related("station__location__organization")
    entry = get_for(request.user, rows, CORRECT_TRANSACTIONS, pk=pk)
    about = Transaction.objects.visible_to(request.user).select_related("station__location__organization", "connector__station")
    if entry.about_id and not entry.resolved_at and (row := about.filter(pk=entry.about_id).first()):
        return _contradicted(request, entry, row)
    end, zone, back = corrections.end_of(entry), entry.station.location.zone, link("inbox", show="messages")
    candidates = _candidates(request, entry, end)
    form = JoinForm(
        request.POST if request.method == "POST" else None, candidates=candidates, labels=_labels(request, entry, candidates, end),
        initial={"transaction": candidates[0].pk} if candidates else {},
    )  # fmt: skip
    context: dict[str, Any] = {
        **_entry(request, entry), "title": _("Message without a transaction"), "form": form, "end": end, "candidates": candidates,
        "end_at": exact(end["ended_at"], zone) if end else "", "end_meter": kwh(end["meter_stop"]) if end else "", "back": back,
        "resolved": entry.resolved_at, "breadcrumbs": [(_("Transactions"), link("transactions")), (_("Inbox"), back)],
    }  # fmt: skip
    if request.method == "POST" and candidates and not entry.resolved_at and not request.POST.get("again") and form.is_valid():
        row = form.chosen
        if request.POST.get("confirmed"):
            try:
                attempt(lambda: corrections.join_unmatched(
                    actor=request.user, entry=entry, transaction=row, version=form.cleaned_data["version"],  # type: ignore[arg-type]
                    reason=form.cleaned_data["reason"],
                ))  # fmt: skip
                messages.success(request, _("Joined: transaction %s has its end.") % row.pk)
                return redirect(row.get_absolute_url())
            except ValidationError as error:
                refuse(form, error)
        else:
            before = {name: getattr(row, name) for name in corrections.VALUES}
            context |= {
                "sides": sides(before, before | {name: end[name] for name in ("ended_at", "meter_stop")}, zone), "chosen": row,
                "hidden": [("transaction", row.pk), ("reason", form.cleaned_data["reason"]), ("version", version_of(row))],
            }  # fmt: skip
    return render(request, "stations/inbox_entry.html", context)


def _contradicted(request: HttpRequest, entry: UnmatchedMessage, row: Transaction) -> HttpResponse:
    """The station has ended a transaction twice, each time otherwise: both sides, and what it says now can be taken."""
    entry.about = row
    before = {name: getattr(row, name) for name in corrections.VALUES}
    after = before | corrections.new_end(entry, row)
    doubts = []
    if corrections.more_than_possible(row, after):
        doubts.append(_("This is more energy than the connector can give in this time."))
    if corrections.too_long(after):
        doubts.append(_("It would have taken longer than anybody charges."))
    form = TakeForm(request.POST if request.method == "POST" else None, row=row, doubts=doubts)
    if request.method == "POST" and form.is_valid():
        try:
            attempt(lambda: corrections.take_new_end(
                actor=request.user, entry=entry, version=form.cleaned_data["version"],  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
            ))  # fmt: skip
            messages.success(request, _("Taken: transaction %s has the end that the station says now.") % row.pk)
            return redirect(row.get_absolute_url())
        except ValidationError as error:
            refuse(form, error)
            row.refresh_from_db()
            form.data = form.data.copy()  # type: ignore[attr-defined]
            form.data["version"] = version_of(row)  # type: ignore[index]
    back = link("inbox", show="messages")
    return render(request, "stations/inbox_entry.html", {
        **_entry(request, entry), "title": _("An end that contradicts another"), "form": form, "doubts": doubts, "about": row, "back": back,
        "both": sides(before, after, row.station.location.zone),
        "breadcrumbs": [(_("Transactions"), link("transactions")), (_("Inbox"), back)],
    })  # fmt: skip


def _candidates(request: HttpRequest, entry: UnmatchedMessage, end: dict[str, Any]) -> list[Transaction]:
    """Of the same station, open or closed by hand; those whose meter and start fit go first."""
    if not end:
        return []
    rows = Transaction.objects.visible_to(request.user).filter(Q(ended_at=None) | Q(closed_by_hand=True), station=entry.station_id)
    found = list(rows.select_related("connector__station", "station__location__organization")[:MOST_CANDIDATES])
    return sorted(found, key=lambda row: not _fits(row, end))


def _fits(row: Transaction, end: dict[str, Any]) -> bool:
    card = not end["stop_id_tag"] or end["stop_id_tag"] == row.id_tag
    return bool(card and row.started_at <= end["ended_at"] and row.meter_start <= end["meter_stop"])


def _labels(request: HttpRequest, entry: UnmatchedMessage, rows: list[Transaction], end: dict[str, Any]) -> dict[int, str]:
    at = entry.station.location
    cards = Faces(request.user, [(row.id_tag, at) for row in rows])
    labels = {}
    for row in rows:
        parts = [
            _("Transaction %s") % row.pk, _("connector %s") % row.connector.shown, _("since %s") % exact(row.started_at, at.zone),
            _("meter at start %s") % kwh(row.meter_start), str(cards.of(row.id_tag, at)),
        ]  # fmt: skip
        if row.closed_by_hand:
            parts.append(_("closed by hand"))
        if _fits(row, end):
            parts.append(_("fits"))
        labels[row.pk] = " · ".join(parts)
    return labels


@require_POST
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an entry out of the inbox."""
    rows = UnmatchedMessage.objects.select_related("station__location__organization")
    entry = get_for(request.user, rows, CORRECT_TRANSACTIONS, pk=pk)
    try:
        dismiss_unmatched(actor=request.user, entry=entry)  # type: ignore[arg-type]
        messages.success(request, _("Dismissed. The station's log keeps the messages."))
    except ValidationError as error:
        messages.info(request, error.messages[0])
    scope = request.POST.get("in", "")
    return redirect(f"{reverse('inbox')}?{urlencode({'show': 'messages'} | ({'in': scope} if scope else {}))}")


urlpatterns: list[URLPattern] = [
    path("transactions/inbox/", inbox, name="inbox"),
    path("transactions/inbox/<int:pk>/", inbox_entry, name="inbox_entry"),
    path("transactions/inbox/<int:pk>/dismiss/", dismiss, name="inbox_dismiss"),
]
