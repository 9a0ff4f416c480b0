"""Transactions: list, page, inbox."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from stations.models import Station, Transaction, UnmatchedMessage
from stations.pages import transaction
from tenancy.rights import get_for


def transactions(request: HttpRequest) -> HttpResponse:
    rows = request.drill.limit(Transaction.objects.visible_to(request.user)).select_related("station", "connector", "station__location")
    return render(request, "stations/transactions.html", {"title": _("Transactions"), "rows": rows[:50]})


def station_transactions(request: HttpRequest, pk: int) -> HttpResponse:
    station = get_for(request.user, Station.objects.select_related("location"), pk=pk)
    rows = Transaction.objects.visible_to(request.user).filter(station=station).select_related("connector", "station__location")
    return render(request, "stations/transactions.html", {"title": str(station), "rows": rows[:50]})


def inbox(request: HttpRequest) -> HttpResponse:
    rows = request.drill.limit(UnmatchedMessage.objects.visible_to(request.user)).filter(resolved_at=None).select_related("station")
    return render(request, "stations/inbox.html", {"title": _("Inbox"), "rows": rows[:50]})


urlpatterns: list[URLPattern] = [
    path("transactions/", transactions, name="transactions"),
    path("transactions/inbox/", inbox, name="inbox"),
    *transaction.urlpatterns,
    path("stations/<int:pk>/transactions/", station_transactions, name="station_transactions"),
]
