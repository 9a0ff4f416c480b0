"""Asks stations, once each, about transactions of which reports are missing, or of which no end has come. Run by the tick."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction as database
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from stations.actions import CommandRefused
from stations.actions.transactions import ask_about_transaction
from stations.models import Command, Connector, Transaction

ORIGIN = "missing_reports"
QUIET = timedelta(minutes=1)  # after a connect, a start or the report in question: what is missing may be on its way
LATEST = timedelta(days=1)  # a station is not asked about what is older
AT_ONCE = 20  # asked in one run


def ask_stations() -> int:
    """Returns how many were asked."""
    return sum(_ask(row) for row in _due().select_related("station__location__organization").order_by("pk")[:AT_ONCE])


def _due() -> QuerySet[Transaction]:
    now = timezone.now()
    quiet = now - QUIET
    rows = Transaction.objects.filter(last_report__isnull=False, asked_at=None, started_at__gte=now - 7 * LATEST)
    rows = rows.filter(station__connected=True, station__active=True, station__connected_at__lt=quiet)
    rows = rows.filter(Q(station__booted_at=None) | Q(station__booted_at__lt=quiet))
    free = Q(connector__status=Connector.Status.AVAILABLE, connector__status_at__lt=quiet)
    lost = Q(ended_at=None) & (free | Q(told__contains=f'"{Transaction.Problem.NOT_ENDED}"'))
    gaps = Q(end_received_at__gte=now - LATEST, end_received_at__lt=quiet) & ~Q(missing_reports=[])
    busy = Command.objects.filter(station=OuterRef("station"), state__in=Command.OPEN).order_by()
    return rows.with_told().filter(lost | gaps).exclude(Exists(busy))


def _ask(row: Transaction) -> bool:
    try:
        with database.atomic():
            # Two clocks must not both ask
            if not Transaction.objects.select_for_update(of=("self",)).filter(pk=row.pk, asked_at=None).exists():
                return False
            ask_about_transaction(actor=None, transaction=row, origin=ORIGIN)
    except CommandRefused as refusal:
        if refusal.code == "invalid":  # it speaks another version now
            Transaction.objects.filter(pk=row.pk).update(asked_at=timezone.now())
        return False
    return True
