"""Firmware of the demo, which its simulated stations can install, an update for tonight, and a log that a station has uploaded."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.files.base import ContentFile

from energycloud.simulator.files import firmware
from energycloud.simulator.makes import MAKES
from stations.actions import add_firmware, plan_update
from stations.firmware import tonight
from stations.models import FirmwareUpdate, Station, StationUpload
from tenancy.models import Organization

MAKE, VERSION = "alfen-double", "6.6.0-4230"
TO_UPDATE, FETCHED = "P1 right", "Visitors fast"
LOG = """2.11. 06:58:04 boot 4.1.4.42
2.11. 07:12:51 outlet 1 insulation test passed 1.2 MOhm
2.11. 07:13:40 outlet 1 charging 41.2 kW
2.11. 07:41:19 outlet 1 error 0x21A4: contactor did not open, temperature 61 C
2.11. 07:41:20 outlet 1 faulted
"""


def make(platform: Organization, now: datetime) -> None:
    of = MAKES[MAKE]
    file = add_firmware(
        actor=None, organization=platform, file=ContentFile(firmware(of, VERSION), f"NG9xx-{VERSION}.fw"), vendor=of.vendor, model="NG9*",
        version=VERSION, notes="Mends readers that hang after a card was held to them twice.",
    )  # fmt: skip
    stations = {station.alias: station for station in Station.objects.select_related("location__organization")}
    waits, broken = stations[TO_UPDATE], stations[FETCHED]
    begin, end = tonight(waits.location.zone, now)
    plan_update(
        actor=None, station=waits, firmware=file, why=FirmwareUpdate.Why.FAULT, asked_for_by="Reception, Havenkwartier",
        reason="The reader hangs when a card is held to it twice", window_from=begin, window_until=end,
    )  # fmt: skip
    asked = now - timedelta(days=2, hours=3)
    upload = StationUpload(
        station=broken, created_at=asked, expires_at=asked + timedelta(hours=2), state=StationUpload.State.ARRIVED, size=len(LOG),
        arrived_at=asked + timedelta(minutes=2), file_name=f"{broken.identity}-diagnostics.txt",
    )  # fmt: skip
    upload.file.save("log", ContentFile(LOG.encode()), save=False)
    upload.save()
