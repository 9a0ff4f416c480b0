"""Ends charges whose pass has charged all it may meanwhile: a limit in kWh decides at the start, and once more while energy flows."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from passes.authorizing import Day, Record, energy, limits_of
from passes.decision import FREE, Limits, Used
from passes.models import ChargePass
from stations.actions import CommandRefused, request_command
from stations.models import Command, Transaction
from stations.ocpp.intents import NotPossible, Stop
from stations.ocpp.versions import speaker

ORIGIN = "limit"


def stop_used_up() -> int:
    """Ask stations to stop; once per transaction, unless the question never reached the station. Returns how many were asked."""
    limited = Q(daily_kwh__isnull=False) | Q(monthly_kwh__isnull=False)
    limited |= Q(group__daily_kwh__isnull=False) | Q(group__monthly_kwh__isnull=False)
    running = Transaction.objects.filter(ended_at=None, settlement__in=FREE, verdict="Accepted", station__connected=True)
    running = running.filter(pass_key__in=ChargePass.objects.filter(limited).values("pk"))
    transactions = list(running.select_related("station__location__organization").order_by("pk"))
    passes = ChargePass.objects.select_related("group").in_bulk({one.pass_key for one in transactions})
    limits: dict[int, list[Limits]] = {pk: [limits_of(thing) for thing in (one, one.group) if thing] for pk, one in passes.items()}
    days: dict[Day, set[Record]] = {}
    for one in transactions:
        days.setdefault(_day(one), set()).update((each.record, each.key) for each in limits.get(one.pass_key or 0, ()))
    used = {day: energy(records, *day) for day, records in days.items()}
    return sum(
        _stop(one)
        for one in transactions
        if any(_over(each, used[_day(one)].get((each.record, each.key), Used())) for each in limits.get(one.pass_key or 0, ()))
    )


def _day(one: Transaction) -> Day:
    """What it takes counts to the day on which it began, however long it goes on."""
    zone = one.station.location.zone
    return zone.key, one.started_at.astimezone(zone).date()


def _over(limits: Limits, so_far: Used) -> bool:
    """Whether the pass or group has used up what it may."""
    most = ((limits.daily_kwh, so_far.day), (limits.monthly_kwh, so_far.month))
    return any(kwh is not None and wh >= kwh * 1000 for kwh, wh in most)


def _stop(one: Transaction) -> bool:
    try:
        action, payload = speaker(one.station.ocpp_version).call(Stop(one.transaction_id))
    except NotPossible:
        return False
    try:
        with transaction.atomic():
            # Two clocks must not both ask
            if not Transaction.objects.select_for_update().filter(pk=one.pk, ended_at=None).exists():
                return False
            before = Command.objects.filter(station=one.station, action=action, origin=ORIGIN, created_at__gte=one.start_received_at)
            if before.filter(payload=payload).exclude(state=Command.State.EXPIRED).exists():
                return False
            request_command(actor=None, station=one.station, action=action, payload=payload, origin=ORIGIN)
    except CommandRefused:
        return False  # it is asked again when it can be
    return True
