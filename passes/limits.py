"""Ends charges whose pass has charged all it may meanwhile: a limit in kWh decides at the start, and once more while energy flows."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q

from passes.authorizing import limits_of, used
from passes.decision import Limits, Used
from passes.models import ChargePass
from stations.actions import CommandRefused, request_command
from stations.models import Command, Settlement, Transaction

ORIGIN = "limit"
STOP = "RemoteStopTransaction"
FREE = (Settlement.WHITELIST, Settlement.ROAMING_FREE)  # what a pass is limited in; for their own money drivers charge on


def stop_used_up() -> int:
    """Ask stations to stop; once per transaction, unless the question never reached the station. Returns how many were asked."""
    asked = 0
    limited = Q(daily_kwh__isnull=False) | Q(monthly_kwh__isnull=False)
    limited |= Q(group__daily_kwh__isnull=False) | Q(group__monthly_kwh__isnull=False)
    running = Transaction.objects.filter(ended_at=None, settlement__in=FREE, verdict="Accepted", station__connected=True)
    running = running.filter(pass_key__in=ChargePass.objects.filter(limited).values("pk"))
    transactions = list(running.select_related("station__location__organization").order_by("pk"))
    passes = ChargePass.objects.select_related("group").in_bulk({one.pass_key for one in transactions})
    known: dict[tuple[str, int, str, date], Used] = {}
    for one in transactions:
        charge_pass, zone = passes.get(one.pass_key or 0), one.station.location.zone
        day = one.started_at.astimezone(zone).date()  # what it takes counts there, however long it goes on
        for limited_by in (charge_pass, charge_pass.group if charge_pass else None):
            if limited_by is None:
                continue
            limits = limits_of(limited_by)
            key = (limits.record, limits.key, zone.key, day)
            if key not in known:
                known[key] = used(limits.record, limits.key, one.started_at, zone.key)
            if _over(limits, known[key]):
                asked += _stop(one)
                break
    return asked


def _over(limits: Limits, so_far: Used) -> bool:
    """Whether the pass or group has used up what it may."""
    most = ((limits.daily_kwh, so_far.day), (limits.monthly_kwh, so_far.month))
    return any(kwh is not None and energy >= kwh * 1000 for kwh, energy in most)


def _stop(one: Transaction) -> bool:
    if not one.transaction_id.isdecimal():
        return False
    payload: dict[str, Any] = {"transactionId": int(one.transaction_id)}
    try:
        with transaction.atomic():
            # Two clocks must not both ask
            if not Transaction.objects.select_for_update().filter(pk=one.pk, ended_at=None).exists():
                return False
            before = Command.objects.filter(station=one.station, action=STOP, origin=ORIGIN, created_at__gte=one.start_received_at)
            if before.filter(payload=payload).exclude(state=Command.State.EXPIRED).exists():
                return False
            request_command(actor=None, station=one.station, action=STOP, payload=payload, origin=ORIGIN)
    except CommandRefused:
        return False  # it is asked again when it can be
    return True
