"""Which charging profiles of a station are the portal's own, what outranks them, and what becomes of them when somebody takes them away.

What is lost is forgotten here, so that the controller counts with it and sends it again.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from stations.models import CapacityPlan, CapacityShare, CapacityStation, Command, Station, StationProfile
from stations.ocpp import numbering, profiles
from stations.ocpp.intents import ClearProfile, SetProfile

ORIGIN = "capacity"  # of the commands by which the controller asks
# Ids of our profiles at a station: that of its default, and of connector n this + n
DEFAULT_ID = 760_000
MOST_CONNECTORS = 1000
# The level of our profiles where a station has not told which is the highest that it takes; one that refuses it is asked with 0
ASSUMED_LEVEL = 8
_NO_SHARE = {"granted": None, "granted_at": None, "expires_at": None}
_NO_DEFAULT = {"safe": None, "confirmed_at": None}


def shares(station: Station) -> bool:
    """Whether the portal sets the limits of this station by itself."""
    return CapacityPlan.objects.filter(location=station.location_id, active=True).exists()


def is_own(profile: int) -> bool:
    return DEFAULT_ID <= profile < DEFAULT_ID + MOST_CONNECTORS


def cleared(command: Command, wanted: ClearProfile) -> None:
    """Something else than the controller asked the station to clear profiles: ours that fit may be gone, also where it does not answer."""
    if command.origin == ORIGIN:
        return
    if wanted.id is not None:
        if is_own(wanted.id):
            number = wanted.id - DEFAULT_ID
            _lost(command, default=not number, shares=Q(connector__number=number))
        return
    of = {wanted.purpose} if wanted.purpose else {profiles.DEFAULT, profiles.TRANSACTION}
    at = Q() if wanted.connector is None else Q(connector__number__in=numbering.of_same_evse(wanted.connector))
    _lost(
        command, default=profiles.DEFAULT in of and not wanted.connector,
        shares=at if profiles.TRANSACTION in of and wanted.connector != 0 else None,
    )  # fmt: skip


def replaced(command: Command, wanted: SetProfile) -> None:
    """Something else than the controller gave the station a profile: one of ours with its id, or of its purpose and level at the same
    place, has given way."""
    if command.origin == ORIGIN:
        return
    gone = Q(profile_id=wanted.profile.id) | Q(
        purpose=wanted.profile.purpose, level=wanted.profile.level, connector_number=wanted.connector
    )
    rows = StationProfile.objects.filter(gone, station=command.station_id, profile_id__gte=DEFAULT_ID)
    lost = [one for one in rows.values_list("profile_id", flat=True) if is_own(one)]
    if lost:
        _lost(command, default=DEFAULT_ID in lost, shares=Q(connector__number__in=[one - DEFAULT_ID for one in lost]))


def reported(station: int, sent_at: datetime | None, *, report: int | None) -> None:
    """The station has told all profiles that it has, asked at `sent_at`; ours that it confirmed before and that are not there are gone."""
    if sent_at is None:
        return
    there = set() if report is None else set(
        StationProfile.objects.filter(station=station, report=report, profile_id__gte=DEFAULT_ID).values_list("profile_id", flat=True)
    )  # fmt: skip
    if DEFAULT_ID not in there:
        CapacityStation.objects.filter(station=station, command=None, confirmed_at__lt=sent_at).update(**_NO_DEFAULT)
    missing = CapacityShare.objects.filter(connector__station=station, command=None, granted_at__lt=sent_at)
    missing.exclude(connector__number__in=[one - DEFAULT_ID for one in there]).update(**_NO_SHARE)


def _lost(command: Command, *, default: bool, shares: Q | None) -> None:
    """What was sent before is gone, also where the controller has not seen its answer yet."""
    before = Q(command__sent_at__lt=command.sent_at) if command.sent_at else Q(pk__in=[])
    if default:
        rows = CapacityStation.objects.filter(station=command.station_id)
        rows.update(**_NO_DEFAULT)
        rows.filter(before, wanted__isnull=False).update(command=None, wanted=None)
    if shares is not None:
        found = CapacityShare.objects.filter(shares, connector__station=command.station_id)
        pks = list(found.values_list("pk", flat=True))
        found.update(**_NO_SHARE)
        CapacityShare.objects.filter(before, pk__in=pks, wanted__isnull=False).update(command=None, wanted=None)


def outranks(row: StationProfile, level: int, connector: int, transaction_id: str) -> bool:
    """Whether a profile of others counts in place of ours with this level. A default at a connector goes before ours, which is one of the
    whole station, whatever its level."""
    if is_own(row.profile_id) or row.connector_number not in (0, connector):
        return False
    if row.purpose == profiles.TRANSACTION:
        return bool(transaction_id) and row.transaction_id in ("", transaction_id) and row.level >= level
    return row.purpose == profiles.DEFAULT and (row.level >= level or row.connector_number == connector)
