"""Firmware updates that are due: told to their stations when they may begin. Run by the tick (energycloud.tick)."""

from __future__ import annotations

import logging
from collections import Counter, deque
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from stations import addresses, file_progress, nudges
from stations.actions.commands import CommandRefused, ask
from stations.actions.files import why_firmware_unfit
from stations.controls import profiles_of
from stations.file_progress import Update, charging
from stations.models import FirmwareUpdate
from stations.ocpp.intents import UpdateFirmware
from stations.ocpp.versions import speaker

log = logging.getLogger("stations.files")

Signed = FirmwareUpdate.Signed
LOOKED_AT = 500  # planned updates in one round
# Who holds a place: not a station that has said nothing for longer
FETCHING = timedelta(minutes=10)
BEGINNING = timedelta(minutes=3)


def advance() -> int:
    """Follow what is under way, close windows that have passed, and tell the stations whose turn it is; how many were told."""
    file_progress.follow_up()
    now = timezone.now()
    joins = ("created_by", "firmware__organization", "station__location__organization")
    # However many one organization has: the first of each, then the second of each …
    first = ("-station__connected", "window_until", "pk")
    nth = Window(RowNumber(), partition_by=[F("station__location__organization")], order_by=first)
    rows = FirmwareUpdate.objects.filter(state=Update.PLANNED, window_from__lte=now).select_related(*joins).annotate(nth=nth)
    due = list(rows.order_by("-station__connected", "nth", "window_until", "pk")[:LOOKED_AT])
    if not due:
        return 0
    busy = charging({update.station_id for update in due})
    ready: dict[str, deque[FirmwareUpdate]] = {}  # of each partner
    waits: dict[str, list[FirmwareUpdate]] = {}  # why -> of which
    for update in due:
        if not update.firmware.retired_at and why_firmware_unfit(update.station, update.firmware):
            why = "unfit"
        elif not update.station.connected:
            why = "not_connected"
        elif update.station_id in busy:
            why = "charging"
        elif update.window_until > now:
            ready.setdefault(_partner(update.station.location.organization.path), deque()).append(update)
            continue
        else:
            why = "busy"
        waits.setdefault(why, []).append(update)
    sent, turned_away = _send_in_turn(ready)
    waits.setdefault("busy", []).extend(turned_away)
    for why, updates in waits.items():
        _set(updates, now, why)
    return sent


def _partner(path: str) -> str:
    """Whose stations share the places: the partner's, with all that is below it."""
    return "/".join(path.split("/")[:3])


def _send_in_turn(ready: dict[str, deque[FirmwareUpdate]]) -> tuple[int, list[FirmwareUpdate]]:
    """Tell as many stations as there are places: whose partner has the fewest is next, and each partner may have its share, also while
    others still hold more than theirs. How many were told, and those that wait on."""
    now = timezone.now()
    fetching = Q(state=Update.DOWNLOADING, state_at__gt=now - FETCHING) | Q(state=Update.SENT, state_at__gt=now - BEGINNING)
    paths = FirmwareUpdate.objects.filter(fetching).order_by().values_list("station__location__organization__path", flat=True)
    taken = Counter(_partner(path) for path in paths)
    share = max(1, settings.FIRMWARE_AT_ONCE // max(1, len({*taken, *ready})))
    sent, turned_away = 0, []
    while ready:
        partner = min(ready, key=lambda one: taken[one])
        if taken.total() >= settings.FIRMWARE_AT_ONCE and taken[partner] >= share:
            break
        update = ready[partner].popleft()
        if not ready[partner]:
            del ready[partner]
        if _send(update):
            sent += 1
            taken[partner] += 1
        else:
            turned_away.append(update)
    return sent, [*turned_away, *(update for queue in ready.values() for update in queue)]


def _set(updates: list[FirmwareUpdate], now: datetime, why: str) -> None:
    """Why they wait; those whose window has passed are over."""
    over = [update for update in updates if update.window_until <= now]
    on = [update for update in updates if update.window_until > now and update.problem != f"waits_{why}"]
    for some, fields in (
        (over, {"state": Update.FAILED, "state_at": now, "problem": f"window_{why}"}), (on, {"problem": f"waits_{why}"}),
    ):  # fmt: skip
        if some and FirmwareUpdate.objects.filter(pk__in=[one.pk for one in some], state=Update.PLANNED).update(**fields):
            nudges.stations_changed(*{one.station_id for one in some})


def _with_signature(update: FirmwareUpdate) -> str:
    """Whether the station gets the signature of the file too, and why not; empty where the file has none."""
    if not update.firmware.signed:
        return ""
    if update.signature_sent == Signed.REFUSED:
        return Signed.REFUSED
    told = profiles_of([update.station_id]).get(update.station_id, {})
    can = speaker(update.station.ocpp_version).checks_signatures(told)
    return Signed.SENT if can else Signed.UNKNOWN if can is None else Signed.LACKS


def _send(update: FirmwareUpdate) -> int:
    """Whether the station is being told now: by us, not by another process at the same time, and with nobody who charges there."""
    now, before = timezone.now(), update.station.firmware_version
    try:
        with transaction.atomic():
            rows = FirmwareUpdate.objects.filter(pk=update.pk, state=Update.PLANNED)
            if not rows.update(state=Update.SENT, state_at=now, before=before, problem=""):
                return 0
            if charging([update.station_id]):  # a car came meanwhile
                raise CommandRefused("busy", "")
            update.signature_sent = _with_signature(update)
            sealed = (update.firmware.signature, update.firmware.signing_certificate) if update.signature_sent == Signed.SENT else ()
            intent = UpdateFirmware(addresses.firmware_url(update), now, update.pk, *sealed)
            update.command = ask(actor=update.created_by, station=update.station, intent=intent, origin="firmware", recorded=False)
            update.save(update_fields=["command", "signature_sent"])
    except CommandRefused as refused:
        log.info("%s is not told of its firmware yet: %s", update.station, refused.code)
        return 0
    return 1
