"""The page of one transaction: facts, plot, problems, signed values; live while it runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import explain, hooks, plots, problems
from stations.cards import Faces
from stations.controls import Situation
from stations.models import CardOffer, Command, Correction, SignedMeterValue, Transaction
from stations.ocpp.versions import speaker
from stations.pages import correct, transaction_files, transaction_reports
from stations.pages.command_rows import command_rows
from stations.pages.sheet_head import action
from stations.pages.stops import last_stop
from stations.tables import state_of
from tenancy.links import link, organization_link
from tenancy.personal import MASK
from tenancy.rights import CORRECT_TRANSACTIONS, READ_LOGS, get_for, may

SHOWN = 120  # rows of the table of values
MOST_SIGNED = 500  # shown; all of them are in the files
LOOKED_AT = 30  # commands among which is the one that asked to stop it


def _transaction(request: HttpRequest, pk: int) -> Transaction:
    return get_for(request.user, Transaction.objects.select_related("station__location__organization", "connector"), pk=pk)


def transaction(request: HttpRequest, pk: int) -> HttpResponse:
    """The page; for htmx the part that changes while it runs (`?part=values`: the rows of the table of values)."""
    row = _transaction(request, pk)
    live = request.headers.get("HX-Request") == "true"
    if live and request.GET.get("part") == "values":
        return render(request, "stations/transaction_values.html", _values(row))
    context = _facts(request, row) | _values(row)
    if live:
        return render(request, "stations/transaction_live.html", context | {"part": True})
    signed = list(SignedMeterValue.objects.visible_to(request.user).filter(transaction=row).order_by("at", "pk")[:MOST_SIGNED])
    return render(request, "stations/transaction.html", context | _values(row) | {
        "breadcrumbs": [(_("Transactions"), link("transactions")), (row.station.name_and_id, row.station.get_absolute_url())],
        "signed": [(value, transaction_files.format_of(value.value)) for value in signed],
        "public_keys": transaction_files.public_keys(request, row) if signed else [],
        "mask": MASK,
    })  # fmt: skip


def _values(row: Transaction) -> dict[str, Any]:
    zone, plot = row.station.location.zone, plots.of(row, SHOWN)
    days = {point.at.astimezone(zone).date() for point in plot.points}
    pattern = "%Y-%m-%d %H:%M:%S" if len(days) > 1 else "%H:%M:%S"
    rows = [(point.at.astimezone(zone).strftime(pattern), point) for point in plot.points]
    return {
        "transaction": row,
        "zone": zone,
        "plot": plot,
        "rows": rows,
        "with_charge": any(point.charge is not None for _at, point in rows),
    }


def _facts(request: HttpRequest, row: Transaction) -> dict[str, Any]:
    now = timezone.now()
    station, zone = row.station, row.station.location.zone
    duration = (row.ended_at or now) - row.started_at
    hours = duration.total_seconds() / 3600
    cards = Faces(request.user, [(tag, station.location) for tag in (row.id_tag, row.stop_id_tag)])
    offer = (
        CardOffer.objects.visible_to(request.user)
        .filter(station=station, action="StartTransaction", id_tag=row.id_tag, at__gte=row.start_received_at)
        .filter(at__lte=row.end_received_at or now)
        .order_by("at", "pk")
        .first()
    )
    if offer:
        offer.station = station
    state, word = state_of(row)
    verdict = explain.verdict(row.verdict)
    stop = situation = None
    if row.running:
        situation = Situation(request.user, station, now)
        stop = action(situation, "stop", row.get_absolute_url(), row.connector)
        current = situation.transaction_at(row.connector)
        if not stop.reason and current is not None and current.pk != row.pk:
            stop = stop._replace(reason=_("Another transaction runs at this connector, so the station cannot be asked to end this one."))
        if not stop.reason and not row.connector.number and len(situation.running) > 1:
            stop = stop._replace(reason=_("The station has not said at which of its connectors this is."))
    commands = Command.objects.visible_to(request.user).filter(station=station, created_at__gte=row.start_received_at)
    asked = command_rows(commands.select_related("requested_by").order_by("-created_at", "-pk")[:LOOKED_AT], situation) if situation else []
    return {
        "stop_asked": last_stop(row, asked),
        "title": _("Transaction %s") % row.pk,
        "transaction": row,
        "station": station,
        "location": station.location,
        "zone": zone,
        "state": state,
        "state_word": word,
        "duration": duration if duration > timedelta(0) else None,
        "average": row.energy_wh / hours if hours > 0 and row.energy_wh > 0 else None,
        "power_now": row.connector.power if row.running and _fresh(row.connector.measured_at, row.started_at) else None,
        "charge_now": row.connector.state_of_charge if row.running and _fresh(row.connector.measured_at, row.started_at) else None,
        "card": cards.of(row.id_tag, station.location),
        "stop_card": cards.of(row.stop_id_tag, station.location),
        "sees_cards": cards.seen(station.location),
        "organization": organization_link(request.user, station.location.organization),
        "verdict": verdict,
        "reason": hooks.reason_label(offer.reason) if offer else verdict.sentence,
        "doings": hooks.doings(request.user, offer, cards.of(row.id_tag, station.location)) if offer else (),
        "settlement": explain.SETTLEMENTS.get(row.settlement),
        "stop_reason": explain.STOP_REASONS.get(row.stop_reason, row.stop_reason),
        "advice": problems.advice(row),
        "log_url": f"{reverse('station_logs', args=[station.pk])}?{_period(row, now)}" if may(request.user, READ_LOGS, row) else "",
        "stop": stop,
        "reports": transaction_reports.context(request, row, now),
        "corrections": correct.history(request, row),
        "corrected_names": _corrected(row),
        "in_inbox": problems.why_in_inbox(row),
        "may_correct": may(request.user, CORRECT_TRANSACTIONS, row),
        "close_url": link("transaction_close", row.pk),
        "correct_url": link("transaction_correct", row.pk),
        "here": row.get_absolute_url(),
        "interval_key": speaker(station.ocpp_version).key_of("MeterValueSampleInterval"),
    }


def _corrected(row: Transaction) -> dict[str, str]:
    """By name of a value: what it was before somebody corrected it, in words. What the station reported since counts as reported."""
    found: dict[str, str] = {}
    for one in row.corrections.order_by("at", "pk"):
        if one.kind == Correction.Kind.REPORTED:
            found = {name: was for name, was in found.items() if name not in one.after}
        elif one.kind == Correction.Kind.VALUES:
            for name, was in one.before.items():
                found.setdefault(name, correct.in_words(name, was, row.station.location.zone))
    return found


def _period(row: Transaction, now: datetime) -> str:
    """The log's filter for the time from just before the start until just after the end."""
    zone, slack = row.station.location.zone, timedelta(minutes=2)
    first = min(row.started_at, row.start_received_at) - slack
    last = max(row.ended_at or now, row.end_received_at or row.ended_at or now) + slack
    period = {"since": f"{first.astimezone(zone):%Y-%m-%dT%H:%M:%S}"}
    if not row.running:
        period["until"] = f"{last.astimezone(zone):%Y-%m-%dT%H:%M:%S}"
    return urlencode(period)


def _fresh(measured: datetime | None, started: datetime) -> bool:
    """Whether the connector's latest values are of this transaction."""
    return measured is not None and measured >= started


def transaction_plot(request: HttpRequest, pk: int) -> JsonResponse:
    """What `static/js/transaction_plot.js` draws; see `plots.as_json`."""
    row = _transaction(request, pk)
    return JsonResponse(plots.as_json(plots.of(row), row.station.location.time_zone))


urlpatterns: list[URLPattern] = [
    path("transactions/<int:pk>/", transaction, name="transaction"),
    path("transactions/<int:pk>/plot.json", transaction_plot, name="transaction_plot"),
    *transaction_files.urlpatterns,
    *transaction_reports.urlpatterns,
]
