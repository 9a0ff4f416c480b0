"""What stations say of charging profiles and limits, and what our wishes about profiles change: the profiles that a station has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from stations.capacity import own
from stations.gateway.entries import Consequence, Entry, Handler, Received
from stations.models import CapacityShare, Command, ExternalLimit, Station, StationProfile
from stations.ocpp import intents, numbering
from stations.ocpp.events import CarSchedule, ChargingNeeds, LimitNotified, ProfilesReported
from stations.ocpp.intents import ClearProfile, GetProfiles, SetProfile
from stations.ocpp.profiles import Profile
from stations.ocpp.replies import Answer, Done, Reply
from stations.ocpp.versions import speaker

STEPS_KEPT = 100  # of a profile or limit


def _steps(steps: Sequence[Any]) -> list[list[Any]]:
    return [list(step) for step in steps[:STEPS_KEPT]]


# -- what stations say ------------------------------------------------------------------------------------------------------------------


def _limits(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """The latest of a source at a place counts."""
    latest: dict[tuple[int, int, str], Received] = {}
    for entry in entries:
        event = entry.event
        assert isinstance(event, LimitNotified)
        if numbering.possible(event.place):
            latest[entry.state.station_id, event.place, event.source] = entry
            changed.add(entry.state.station_id)
    if latest:
        known = ExternalLimit.objects.filter(station__in={station for station, _place, _source in latest})
        rows = {(row.station_id, row.connector_number, row.source): row for row in known}
        gone = [rows[key].pk for key in latest if key in rows]
        kept = {station: sum(key[0] == station and key not in latest for key in rows) for station, _place, _source in latest}
        new = []
        for (station, place, source), entry in latest.items():
            event = entry.event
            assert isinstance(event, LimitNotified)
            if event.cleared or kept[station] >= ExternalLimit.MOST:
                continue
            kept[station] += 1
            new.append(
                ExternalLimit(
                    station_id=station, connector_number=place, source=source, critical=event.critical, unit=event.unit,
                    steps=_steps(event.steps), start=event.start, at=entry.at,
                )
            )  # fmt: skip
        ExternalLimit.objects.filter(pk__in=gone).delete()
        ExternalLimit.objects.bulk_create(new, ignore_conflicts=True)
    return dict.fromkeys(entries, Done())


def _profiles(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    for entry in entries:
        event = entry.event
        assert isinstance(event, ProfilesReported)
        if numbering.possible(event.place):
            for profile in event.profiles:
                keep(entry.state.station_id, event.place, profile, entry.at, source=event.source, reported=True, report=event.key)
            if not event.more:
                _all_told(entry.state.station_id, event.key)
            changed.add(entry.state.station_id)
    return dict.fromkeys(entries, Done())


# How far what asked for a report may be when the report comes, which may be before its answer
_ASKED = (Command.State.SENT, Command.State.ACCEPTED, Command.State.TIMED_OUT)


def _all_told(station: int, report: int) -> None:
    asked = Command.objects.filter(station=station, action="GetChargingProfiles", state__in=_ASKED).order_by("-pk")[:5]
    for command in asked:
        wanted = speaker(command.version).intent(command.action, command.payload)
        if wanted == GetProfiles(report):  # all that it has, not a part
            StationProfile.objects.filter(station=station, at__lt=command.sent_at or command.created_at).delete()
            own.reported(station, command.sent_at, report=report)


def _needs(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """Where the location shares its capacity, the car gets its profile from there, in the next seconds; elsewhere there is none."""
    stations = {entry.state.station_id for entry in entries}
    sharing = set(Station.objects.filter(pk__in=stations, location__capacity__active=True).values_list("pk", flat=True))
    for entry in entries:
        event = entry.event
        assert isinstance(event, ChargingNeeds)
        departure = event.departure.at if event.departure else None
        CapacityShare.objects.filter(connector__station=entry.state.station_id, connector__number=event.place).update(
            car_maximum=event.current, car_energy=event.energy, departure=departure
        )
        changed.add(entry.state.station_id)
    return {entry: Answer("Processing" if entry.state.station_id in sharing else "Rejected") for entry in entries}


def _schedules(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """The frame keeps it: what a car will take is measured."""
    return dict.fromkeys(entries, Answer("Accepted"))


HANDLERS: dict[type[Any], Handler] = {
    LimitNotified: _limits,
    ProfilesReported: _profiles,
    ChargingNeeds: _needs,
    CarSchedule: _schedules,
}


# -- the profiles that a station has ------------------------------------------------------------------------------------------------------


def keep(
    station: int, place: int, profile: Profile, at: datetime, *, source: str = "", reported: bool = False, report: int | None = None
) -> None:
    """One row per id and connector; where a station has too many, new ones are left out, and so is one at a place that there cannot be."""
    if not numbering.possible(place):
        return
    fields = {
        "purpose": profile.purpose, "level": max(-(2**31), min(2**31 - 1, profile.level)), "kind": profile.kind[:8],
        "unit": profile.unit[:1], "steps": _steps(profile.steps), "start": profile.start, "duration": profile.duration,
        "valid_from": profile.valid_from, "valid_until": profile.valid_until, "transaction_id": profile.transaction_id[:36],
        "source": source, "reported": reported, "report": report, "at": at,
    }  # fmt: skip
    rows = StationProfile.objects.filter(station=station)
    same = rows.filter(profile_id=profile.id, connector_number=place)
    if same.update(**fields) or rows.count() >= StationProfile.MOST:
        return
    StationProfile.objects.create(station_id=station, profile_id=profile.id, connector_number=place, **fields)


def _set(command: Command, wanted: SetProfile, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    if outcome != intents.ACCEPTED:
        return
    profile = wanted.profile
    own.replaced(command, wanted)
    # One of the same purpose and level at the same place gives way (1.6 §3.13.2, 2.0.1 K01.FR.05)
    alike = StationProfile.objects.filter(
        station=command.station_id, connector_number=wanted.connector, purpose=profile.purpose, level=profile.level, kind=profile.kind,
        transaction_id=profile.transaction_id,
    )  # fmt: skip
    alike.exclude(profile_id=profile.id).delete()
    StationProfile.objects.filter(station=command.station_id, profile_id=profile.id).exclude(connector_number=wanted.connector).delete()
    keep(command.station_id, wanted.connector, profile, at)


def _cleared(command: Command, wanted: ClearProfile, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    """Also where the station says that it has none such."""
    if outcome not in (intents.ACCEPTED, intents.UNKNOWN):
        return
    fits: QuerySet[StationProfile] = StationProfile.objects.filter(station=command.station_id)
    if wanted.id is not None:
        fits = fits.filter(profile_id=wanted.id)
    else:
        for name, value in (("connector_number", wanted.connector), ("purpose", wanted.purpose or None), ("level", wanted.level)):
            fits = fits.filter(**{name: value}) if value is not None else fits
    fits.delete()
    own.cleared(command, wanted)


def perhaps_cleared(command: Command) -> None:
    """It was asked to clear and has not answered."""
    wanted = speaker(command.version).intent(command.action, command.payload)
    if isinstance(wanted, ClearProfile):
        own.cleared(command, wanted)


def _asked(command: Command, wanted: GetProfiles, outcome: str, answer: dict[str, Any], at: datetime) -> None:
    """The reports, of which some may have come before, tell all that it has: what is not in them is gone."""
    if outcome == intents.ACCEPTED:
        at_place = Q() if wanted.connector is None else Q(connector_number=wanted.connector)
        of = Q(purpose=wanted.purpose) if wanted.purpose else Q()
        rows = StationProfile.objects.filter(at_place & of, station=command.station_id)
        rows.exclude(report=wanted.key, at__gte=command.sent_at or at).delete()
        if answer.get("status") == "NoProfiles" and wanted.connector is None and not wanted.purpose:
            own.reported(command.station_id, command.sent_at, report=None)


CONSEQUENCES: dict[type[Any], Consequence] = {
    SetProfile: _set,
    ClearProfile: _cleared,
    GetProfiles: _asked,
}
