"""What a simulated OCPP 2.0.1 station answers about reservations (H) and charging profiles (K)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from energycloud.simulator import profiles
from energycloud.simulator.base import Reservation, now
from energycloud.simulator.control201 import outlets_of
from energycloud.simulator.model201 import CONNECTOR_TYPES
from energycloud.simulator.profiles import Profile
from energycloud.simulator.protocol201 import Answer, Payload, answers
from energycloud.simulator.smart16 import moment

if TYPE_CHECKING:
    from energycloud.simulator.station201 import SimulatedStation201


@answers("ReserveNow")
def reserve_now(station: SimulatedStation201, payload: Payload) -> Answer:
    evse, wanted = payload.get("evseId"), payload.get("connectorType")
    outlets = outlets_of(station, {"id": evse} if evse else None)
    if wanted:
        outlets = [one for one in outlets if CONNECTOR_TYPES.get(station.make.plug(one.number)) == wanted]
    if not outlets or not station.model.is_on("ReservationCtrlr.Enabled"):
        return {"status": "Rejected"}
    numbers = tuple(one.number for one in outlets) if evse or wanted else ()
    if wanted and not evse:  # one of those that fit
        numbers = tuple(one.number for one in outlets if station.is_free(one))[:1] or numbers
    reservation = Reservation(
        payload["id"], numbers, payload["idToken"]["idToken"], payload.get("groupIdToken", {}).get("idToken", ""),
        moment(payload["expiryDateTime"]),
    )  # fmt: skip
    status = station.reserve(reservation)
    return {"status": status}, station.show_reserved() if status == "Accepted" else None


@answers("CancelReservation")
def cancel_reservation(station: SimulatedStation201, payload: Payload) -> Answer:
    found = station.reservations.get(payload["reservationId"])
    return ({"status": "Accepted"}, station.end_reservation(found)) if found else {"status": "Rejected"}


@answers("SetChargingProfile")
def set_charging_profile(station: SimulatedStation201, payload: Payload) -> Answer:
    place = payload["evseId"]
    profile = profiles.read(payload["chargingProfile"], place, identity="id")
    wrong = profiles.fault(profile, highest_level=station.highest_level, most_periods=station.most_periods)
    if not station.model.is_on("SmartChargingCtrlr.Enabled"):
        wrong = "NotEnabled"
    elif place and place not in {one.evse for one in station.outlets.values()}:
        wrong = "UnknownEvse"
    elif profile.purpose == profiles.EXTERNAL:
        wrong = "InvalidProfile"  # K01.FR.22: those are not the server's to set
    elif profile.purpose == "TxProfile":
        running = station.outlet_of(profile.transaction)
        wrong = wrong or ("TxNotFound" if running is None or running.evse != place else "")
    same = [one for one in station.profiles.every if one.id != profile.id and _like(one) == _like(profile)]
    if not wrong and same:
        wrong = "DuplicateProfile"  # K01.FR.06
    if not wrong and len(station.profiles.every) >= station.most_profiles:
        wrong = "NoFreeProfiles"
    if wrong:
        return {"status": "Rejected", "statusInfo": {"reasonCode": wrong[:20]}}
    station.profiles.put(profile)
    return {"status": "Accepted"}, station.limits_changed()


def _like(profile: Profile) -> tuple[object, ...]:
    return profile.purpose, profile.level, profile.place, profile.transaction, profile.told.get("validFrom"), profile.told.get("validTo")


@answers("ClearChargingProfile")
def clear_charging_profile(station: SimulatedStation201, payload: Payload) -> Answer:
    criteria = payload.get("chargingProfileCriteria") or {}
    removed = station.profiles.clear(
        payload.get("chargingProfileId"), criteria.get("evseId"), criteria.get("chargingProfilePurpose"), criteria.get("stackLevel")
    )
    return ({"status": "Accepted"}, station.limits_changed()) if removed else {"status": "Unknown"}


@answers("GetChargingProfiles")
def get_charging_profiles(station: SimulatedStation201, payload: Payload) -> Answer:
    wanted = payload["chargingProfile"]
    sources = wanted.get("chargingLimitSource")
    found = [
        one for one in station.profiles.every
        if payload.get("evseId") in (None, one.place) and wanted.get("chargingProfilePurpose") in (None, one.purpose)
        and wanted.get("stackLevel") in (None, one.level) and (not wanted.get("chargingProfileId") or one.id in wanted["chargingProfileId"])
        and (not sources or ("SO" if one.purpose == profiles.EXTERNAL else "CSO") in sources)
    ]  # fmt: skip
    return ({"status": "Accepted"}, _report(station, payload["requestId"], found)) if found else {"status": "NoProfiles"}


async def _report(station: SimulatedStation201, request: int, found: list[Profile]) -> None:
    """A message for each place and source of limits."""
    groups: dict[tuple[int, str], list[Payload]] = {}
    for one in found:
        groups.setdefault((one.place, "SO" if one.purpose == profiles.EXTERNAL else "CSO"), []).append(one.told)
    for left, ((place, source), told) in zip(range(len(groups) - 1, -1, -1), groups.items(), strict=True):
        await station.call("ReportChargingProfiles", {
            "requestId": request, "chargingLimitSource": source, "chargingProfile": told, "evseId": place, "tbc": left > 0,
        })  # fmt: skip


@answers("GetCompositeSchedule")
def get_composite_schedule(station: SimulatedStation201, payload: Payload) -> Answer:
    make, evse = station.make, payload["evseId"]
    outlets = outlets_of(station, {"id": evse} if evse else None)
    if not outlets:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    unit = payload.get("chargingRateUnit") or ("W" if make.current_type == "DC" else "A")
    session = next((one.session for one in outlets if one.session), None) if evse else None
    evses = len({one.evse for one in outlets})
    periods = station.profiles.composite(
        evse, str(session.transaction_id) if session else "", session.began if session else None, seconds=payload["duration"], unit=unit,
        voltage=make.voltage, phases=make.phases if make.current_type == "AC" else 1, most=make.max_power * evses,
        charging=sum(1 for one in station.outlets.values() if one.session),
    )  # fmt: skip
    schedule = {"evseId": evse, "duration": payload["duration"], "scheduleStart": now(), "chargingRateUnit": unit}
    schedule["chargingSchedulePeriod"] = periods
    return {"status": "Accepted", "schedule": schedule}
