"""What a simulated OCPP 1.6 station answers about reservations and charging profiles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ocpp.charge_point import snake_to_camel_case
from ocpp.exceptions import NotImplementedError as NotHere
from ocpp.routing import after, on
from ocpp.v16 import call_result

from energycloud.simulator import profiles
from energycloud.simulator.base import Reservation, now

if TYPE_CHECKING:
    from energycloud.simulator.station import SimulatedStation


class Smart:
    station: SimulatedStation

    @on("ReserveNow")
    def on_reserve(
        self, connector_id: int, expiry_date: str, id_tag: str, reservation_id: int, parent_id_tag: str = "", **_rest: Any
    ) -> Any:
        numbers = (connector_id,) if connector_id else ()
        return call_result.ReserveNow(
            self.station.reserve(Reservation(reservation_id, numbers, id_tag, parent_id_tag, moment(expiry_date)))
        )

    @after("ReserveNow")
    def after_reserve(self, **_payload: Any) -> None:
        self.station.later(self.station.show_reserved())

    @on("CancelReservation")
    def on_cancel_reservation(self, reservation_id: int, **_rest: Any) -> Any:
        return call_result.CancelReservation("Accepted" if reservation_id in self.station.reservations else "Rejected")

    @after("CancelReservation")
    def after_cancel_reservation(self, reservation_id: int, **_rest: Any) -> None:
        if found := self.station.reservations.get(reservation_id):
            self.station.later(self.station.end_reservation(found))

    @on("SetChargingProfile")
    def on_set_charging_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any], **_rest: Any) -> Any:
        station = self.station
        if not station.make.smart:
            return call_result.SetChargingProfile("NotSupported")
        profile = profiles.read(snake_to_camel_case(cs_charging_profiles), connector_id, identity="chargingProfileId")
        wrong = profiles.fault(profile, highest_level=station.highest_level, most_periods=station.most_periods)
        if wrong or (connector_id and connector_id not in station.outlets) or len(station.profiles.every) >= station.most_profiles:
            return call_result.SetChargingProfile("Rejected")
        if profile.purpose == "TxProfile":
            outlet = station.outlets.get(connector_id)
            running = outlet.session if outlet else None
            # OCPP 1.6 §5.16.2: only for a transaction that runs at that connector
            if running is None or profile.transaction not in ("", str(running.transaction_id)):
                return call_result.SetChargingProfile("Rejected")
        station.profiles.put(profile)
        return call_result.SetChargingProfile("Accepted")

    @after("SetChargingProfile")
    def after_set_charging_profile(self, **_payload: Any) -> None:
        self.station.later(self.station.limits_changed())

    @on("ClearChargingProfile")
    def on_clear_charging_profile(
        self, id: int | None = None, connector_id: int | None = None, charging_profile_purpose: str | None = None,
        stack_level: int | None = None, **_rest: Any,
    ) -> Any:  # fmt: skip
        removed = self.station.profiles.clear(id, connector_id, charging_profile_purpose, stack_level)
        return call_result.ClearChargingProfile("Accepted" if removed else "Unknown")

    @after("ClearChargingProfile")
    def after_clear_charging_profile(self, **_payload: Any) -> None:
        self.station.later(self.station.limits_changed())

    @on("GetCompositeSchedule")
    def on_get_composite_schedule(self, connector_id: int, duration: int, charging_rate_unit: str | None = None, **_rest: Any) -> Any:
        station, make = self.station, self.station.make
        if not make.smart:
            raise NotHere(description="GetCompositeSchedule")
        if station.outlets_at(connector_id) is None:
            return call_result.GetCompositeSchedule("Rejected")
        unit = charging_rate_unit or ("W" if make.current_type == "DC" else "A")
        session = station.outlets[connector_id].session if connector_id else None
        periods = station.profiles.composite(
            connector_id, str(session.transaction_id) if session else "", session.began if session else None, seconds=duration, unit=unit,
            voltage=make.voltage, phases=make.phases if make.current_type == "AC" else 1,
            most=make.max_power * (1 if connector_id else len(station.outlets)),
        )  # fmt: skip
        schedule = {"duration": duration, "charging_rate_unit": unit, "charging_schedule_period": periods}
        return call_result.GetCompositeSchedule("Accepted", connector_id=connector_id, schedule_start=now(), charging_schedule=schedule)


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
