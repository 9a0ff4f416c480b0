"""The station's side of OCPP 1.6J: what it answers to the server's CALLs. What follows from an answer is the station's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp.charge_point import snake_to_camel_case
from ocpp.exceptions import NotImplementedError as NotHere
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result

from energycloud.simulator import configuration, files, profiles
from energycloud.simulator.security16 import Security
from energycloud.simulator.smart16 import Smart

if TYPE_CHECKING:
    from energycloud.simulator.station import SimulatedStation

TRIGGERS = {
    "BootNotification", "Heartbeat", "MeterValues", "StatusNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification",
}  # fmt: skip


class Protocol(Smart, Security, ChargePoint):
    """One connection. `after` handlers run once the answer is out, so they may send CALLs of their own."""

    def __init__(self, station: SimulatedStation, connection: Any, **options: Any) -> None:
        super().__init__(station.identity, connection, **options)
        self.station = station

    async def _handle_call(self, msg: Any) -> Any:
        self.station.received.append((msg.action, msg.payload))
        if msg.action in self.station.deaf_to:
            return None
        return await super()._handle_call(msg)

    @on("RemoteStartTransaction")
    def on_remote_start(
        self, id_tag: str, connector_id: int | None = None, charging_profile: dict[str, Any] | None = None, **_rest: Any
    ) -> Any:
        outlet = self.station.outlet_for_start(connector_id, id_tag)
        if outlet and charging_profile:
            profile = profiles.read(snake_to_camel_case(charging_profile), outlet.number, identity="chargingProfileId")
            if not self.station.make.smart or profile.purpose != "TxProfile" or profiles.fault(profile, highest_level=99, most_periods=24):
                return call_result.RemoteStartTransaction("Rejected")
            self.station.pending_profiles[outlet.number] = profile
        return call_result.RemoteStartTransaction("Accepted" if outlet else "Rejected")

    @after("RemoteStartTransaction")
    def after_remote_start(self, id_tag: str, connector_id: int | None = None, **_rest: Any) -> None:
        outlet = self.station.outlet_for_start(connector_id, id_tag)
        if outlet:
            self.station.later(self.station.remote_started(outlet, id_tag))

    @on("RemoteStopTransaction")
    def on_remote_stop(self, transaction_id: int, **_rest: Any) -> Any:
        return call_result.RemoteStopTransaction("Accepted" if self.station.outlet_of(transaction_id) else "Rejected")

    @after("RemoteStopTransaction")
    def after_remote_stop(self, transaction_id: int, **_rest: Any) -> None:
        outlet = self.station.outlet_of(transaction_id)
        if outlet:
            self.station.later(self.station.finish(outlet.number, "Remote"))

    @on("Reset")
    def on_reset(self, type: str, **_rest: Any) -> Any:
        return call_result.Reset("Accepted")

    @after("Reset")
    def after_reset(self, type: str, **_rest: Any) -> None:
        self.station.later(self.station.restart(f"{type}Reset"))

    @on("UnlockConnector")
    def on_unlock(self, connector_id: int, **_rest: Any) -> Any:
        if connector_id not in self.station.outlets or self.station.make.cable:
            return call_result.UnlockConnector("NotSupported")
        return call_result.UnlockConnector("UnlockFailed" if self.station.lock_stuck else "Unlocked")

    @after("UnlockConnector")
    def after_unlock(self, connector_id: int, **_rest: Any) -> None:
        outlet = self.station.outlets.get(connector_id)
        if outlet and outlet.session and not self.station.make.cable and not self.station.lock_stuck:
            self.station.later(self.station.finish(connector_id, "UnlockCommand"))

    @on("ChangeAvailability")
    def on_change_availability(self, connector_id: int, type: str, **_rest: Any) -> Any:
        outlets = self.station.outlets_at(connector_id)
        if outlets is None:
            return call_result.ChangeAvailability("Rejected")
        busy = type == "Inoperative" and any(outlet.session for outlet in outlets)
        return call_result.ChangeAvailability("Scheduled" if busy else "Accepted")

    @after("ChangeAvailability")
    def after_change_availability(self, connector_id: int, type: str, **_rest: Any) -> None:
        if self.station.outlets_at(connector_id) is not None:
            self.station.later(self.station.change_availability(connector_id, operative=type == "Operative"))

    @on("GetConfiguration")
    def on_get_configuration(self, key: list[str] | None = None, **_rest: Any) -> Any:
        known = self.station.configuration
        entries = [
            {"key": name, "readonly": entry.shape is None, **({} if entry.secret else {"value": entry.value})}
            for name, entry in known.items()
            if not key or name in key
        ]
        unknown = [name for name in key or () if name not in known]
        return call_result.GetConfiguration(configuration_key=entries, unknown_key=unknown)

    @on("ChangeConfiguration")
    def on_change_configuration(self, key: str, value: str, **_rest: Any) -> Any:
        if key == "SecurityProfile" and key in self.station.configuration and not self.may_change_profile(value):
            return call_result.ChangeConfiguration("Rejected")
        return call_result.ChangeConfiguration(configuration.change(self.station.configuration, key, value))

    @after("ChangeConfiguration")
    def after_change_configuration(self, key: str, value: str, **_rest: Any) -> None:
        entry = self.station.configuration.get(key)
        if entry and entry.value == value:
            self.station.configuration_changed(key)

    @on("TriggerMessage")
    def on_trigger(self, requested_message: str, connector_id: int | None = None, **_rest: Any) -> Any:
        if requested_message not in TRIGGERS:
            return call_result.TriggerMessage("NotImplemented")
        known = connector_id is None or self.station.outlets_at(connector_id) is not None
        return call_result.TriggerMessage("Accepted" if known else "Rejected")

    @after("TriggerMessage")
    def after_trigger(self, requested_message: str, connector_id: int | None = None, **_rest: Any) -> None:
        if requested_message in TRIGGERS and (connector_id is None or self.station.outlets_at(connector_id) is not None):
            self.station.later(self.station.triggered(requested_message, connector_id))

    @on("ClearCache")
    def on_clear_cache(self, **_rest: Any) -> Any:
        return call_result.ClearCache("Accepted")

    @on("DataTransfer")
    def on_data_transfer(self, vendor_id: str, **_rest: Any) -> Any:
        return call_result.DataTransfer("UnknownVendorId")

    @on("GetLocalListVersion")
    def on_get_local_list_version(self, **_rest: Any) -> Any:
        if self.station.make.local_list == "unknown":
            raise NotHere(description="GetLocalListVersion")
        return call_result.GetLocalListVersion(list_version=-1 if self.station.make.local_list == "no" else self.station.local_list_version)

    @on("SendLocalList")
    def on_send_local_list(
        self, list_version: int, update_type: str, local_authorization_list: list[dict[str, Any]] | None = None, **_rest: Any
    ) -> Any:
        if self.station.make.local_list == "unknown":
            raise NotHere(description="SendLocalList")
        return call_result.SendLocalList(self.station.take_local_list(list_version, update_type, local_authorization_list or []))

    @on("UpdateFirmware")
    def on_update_firmware(self, **_payload: Any) -> Any:
        return call_result.UpdateFirmware()

    @after("UpdateFirmware")
    def after_update_firmware(
        self, location: str, retrieve_date: str, retries: int | None = None, retry_interval: int | None = None, **_rest: Any
    ) -> None:
        async def say(status: str) -> None:
            await self.station.deliver_or_call(call.FirmwareStatusNotification(status=status))

        self.station.later(files.update(self.station, say, location, retrieve_date, retries or 0, retry_interval or 60))

    @on("GetDiagnostics")
    def on_get_diagnostics(self, **_payload: Any) -> Any:
        name = files.log_name(self.station, "DiagnosticsLog")
        return call_result.GetDiagnostics(file_name=name if self.station.make.diagnostics else None)

    @after("GetDiagnostics")
    def after_get_diagnostics(self, location: str, **_rest: Any) -> None:
        if self.station.make.diagnostics:

            async def say(status: str) -> None:
                await self.station.call(call.DiagnosticsStatusNotification(status=status))

            self.station.later(files.upload(self.station, say, location, "DiagnosticsLog", failed="UploadFailed"))
