"""What is missing of a transaction whose station numbers its reports, what the station says of it, and who began it from here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from stations import command_words
from stations.actions import CommandRefused, ask_about_transaction
from stations.models import Command, Connector, Transaction
from stations.ocpp.intents import AskTransaction, NotPossible, Start
from stations.ocpp.versions import actions, speaker
from tenancy.rights import TRIGGER_MESSAGES, Missing, get_for, may
from ui.forms import attempt

LOOKED_AT = 30  # starts that were asked for, among which is the one that began it
BEFORE = timedelta(days=1)  # a station may wait as long for the car
NAMED = 8  # numbers of reports, or spans of them, that are named
NO_RIGHT = lazy("Your role does not ask stations for messages here.")


def context(request: HttpRequest, row: Transaction, now: datetime) -> dict[str, Any]:
    """`row` comes through the door, with its station and location."""
    return {
        "shown": bool(lost(row) or said(row) or _doubtful(row)),
        "lost": lost(row) or (_("The station says that nothing is plugged in here, and has not ended it.") if _doubtful(row) else ""),
        "said": said(row),
        "asks": row.last_report is not None and (row.running or bool(row.missing_reports) or not row.reported_start),
        "why_not_ask": _why_not(request, row),
        "begun": _begun_by(request, row, now) if row.remote_start is not None else None,
    }


def _doubtful(row: Transaction) -> bool:
    """Whether it goes on at a connector that is said to be free."""
    return row.running and row.last_report is not None and row.connector.status == Connector.Status.AVAILABLE


def lost(row: Transaction) -> str:
    """Which reports have not come, in a sentence; empty where none is missing."""
    found = []
    if row.last_report is not None and not row.reported_start:
        found.append(_("The report of its start has not come."))
    if count := len(row.missing_reports):
        found.append(
            ngettext("Of its reports number %(which)s is missing.", "Of its reports numbers %(which)s are missing.", count)
            % {"which": spans(row.missing_reports)}
        )
    return " ".join(found)


def spans(numbers: Sequence[int]) -> str:
    """[1, 2, 3, 7] as "1–3, 7"."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in found[:NAMED]]
    return ", ".join(shown) + ("…" if len(found) > NAMED else "")


def said(row: Transaction) -> str:
    """What the station said when it was asked; empty where it was not asked."""
    if row.asked_at is None:
        return ""
    if row.said_to_wait is None:
        return _("The station was asked about it and has not told.")
    waits = (
        _("Reports of it still wait in the station and will come.")
        if row.said_to_wait
        else _("No report of it waits in the station: what has not come is lost.")
    )
    if row.said_to_go_on and row.running:
        return f"{_('The station says that it goes on.')} {waits}"
    if row.said_to_go_on is False and row.running and not row.said_to_wait:
        return _("The station says that it is over, and no report of it waits there: its end is lost. It can be closed by hand.")
    return waits


def _why_not(request: HttpRequest, row: Transaction) -> str:
    if not may(request.user, TRIGGER_MESSAGES, row):
        return str(NO_RIGHT)
    if not row.station.connected:
        return _("The station is not connected.")
    try:
        speaker(row.station.ocpp_version).call(AskTransaction(row.transaction_id))
    except NotPossible as error:
        return str(error)
    return ""


def _begun_by(request: HttpRequest, row: Transaction, now: datetime) -> tuple[str, datetime] | None:
    """Who asked for it from here, as the reader may know them, and when."""
    asked = Command.objects.visible_to(request.user).filter(station=row.station_id, action__in=actions(Start))
    asked = asked.filter(created_at__gte=row.started_at - BEFORE, created_at__lte=row.ended_at or now).select_related("requested_by")
    for command in asked.order_by("-created_at", "-pk")[:LOOKED_AT]:
        if speaker(command.version).remote_start(command.action, command.payload) == row.remote_start:
            command.station = row.station
            return command_words.command_asker(command, request.user), command.created_at
    return None


@require_POST
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the station about a transaction; its page shows what it says."""
    row = get_for(request.user, Transaction.objects.select_related("station__location__organization"), pk=pk)
    if not may(request.user, TRIGGER_MESSAGES, row):
        raise Missing(TRIGGER_MESSAGES, row.station.location.organization.path)
    try:
        attempt(lambda: ask_about_transaction(actor=request.user, transaction=row))  # type: ignore[arg-type]
        messages.success(request, _("Asked %s. What it says is shown here.") % row.station)
    except CommandRefused as refusal:
        messages.error(request, str(refusal))
    return redirect(row.get_absolute_url())


urlpatterns: list[URLPattern] = [path("transactions/<int:pk>/ask/", ask, name="transaction_ask")]
