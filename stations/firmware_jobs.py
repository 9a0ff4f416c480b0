"""Firmware updates that are due: told to their stations when they may begin. Run by the tick (energycloud.tick)."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from stations import addresses, file_progress, nudges
from stations.actions.commands import CommandRefused, ask
from stations.actions.files import why_firmware_unfit
from stations.file_progress import Update, charging
from stations.models import FirmwareUpdate
from stations.ocpp.intents import UpdateFirmware

log = logging.getLogger("stations.files")

LOOKED_AT = 500  # planned updates in one round


def advance() -> int:
    """Follow what is under way, close windows that have passed, and tell the stations whose turn it is; how many were told."""
    file_progress.follow_up()
    now = timezone.now()
    joins = ("firmware__organization", "station__location__organization")
    due = list(
        FirmwareUpdate.objects.filter(state=Update.PLANNED, window_from__lte=now)
        .select_related(*joins).order_by("-station__connected", "window_until", "pk")[:LOOKED_AT]
    )  # fmt: skip
    if not due:
        return 0
    busy = charging({update.station_id for update in due})
    at_once = FirmwareUpdate.objects.filter(state__in=[Update.SENT, Update.DOWNLOADING]).count()
    sent = 0
    for update in due:
        unfit = why_firmware_unfit(update.station, update.firmware) if not update.firmware.retired_at else ""
        if unfit:
            why = "window_unfit"
        elif not update.station.connected:
            why = "window_not_connected"
        elif update.station_id in busy:
            why = "window_charging"
        else:
            why = "window_busy"
            if update.window_until > now and at_once + sent < settings.FIRMWARE_AT_ONCE:
                sent += _send(update)
                continue
        if update.window_until <= now:
            fields = {"state": Update.FAILED, "state_at": now, "problem": why}
            if FirmwareUpdate.objects.filter(pk=update.pk, state=Update.PLANNED).update(**fields):
                nudges.stations_changed(update.station_id)
    return sent


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
            update.command = ask(
                actor=None, station=update.station, intent=UpdateFirmware(addresses.firmware_url(update), now), origin="firmware",
                recorded=False,
            )  # fmt: skip
            update.save(update_fields=["command"])
    except CommandRefused as refused:
        log.info("%s is not told of its firmware yet: %s", update.station, refused.code)
        return 0
    return 1
