"""What a simulated OCPP 2.0.1 station answers to whoever operates it: remote start, reset, availability, lists (B, C, F, G)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from energycloud.simulator import profiles
from energycloud.simulator.base import Outlet
from energycloud.simulator.cars import some_car
from energycloud.simulator.protocol201 import Answer, Payload, answers

if TYPE_CHECKING:
    from energycloud.simulator.station201 import SimulatedStation201


def outlets_of(station: SimulatedStation201, evse: Payload | None) -> list[Outlet]:
    """Those that an EVSEType means; none where there is no such."""
    evse = evse or {}
    return [
        one for one in station.outlets.values()
        if evse.get("id", one.evse) == one.evse and evse.get("connectorId", one.connector) == one.connector
    ]  # fmt: skip


def outlet_for_start(station: SimulatedStation201, evse: int | None, tag: str) -> Outlet | None:
    """Where a remote start charges: best where a car waits already."""
    found = [
        one for one in station.outlets.values()
        if evse in (None, one.evse) and one.operative and one.status in ("Available", "Preparing", "Finishing", "Reserved")
        and not (one.session and one.session.tag) and one.number not in station.admitted and one.number not in station.lingering
        and not any(other.session or other.plugged for other in station.siblings(one)) and not station.kept_for_another(one.number, tag)
    ]  # fmt: skip
    return next(iter(sorted(found, key=lambda one: not one.plugged)), None)


@answers("RequestStartTransaction")
def request_start(station: SimulatedStation201, payload: Payload) -> Answer:
    token = payload["idToken"]["idToken"]
    if group := payload.get("groupIdToken"):
        station.groups[token.upper()] = group["idToken"]
    outlet = outlet_for_start(station, payload.get("evseId"), token)
    if outlet is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "NoEVSE", "additionalInfo": "Nothing is free there."}}
    if told := payload.get("chargingProfile"):
        profile = profiles.read(told, outlet.evse, identity="id")
        if profile.purpose != "TxProfile" or profiles.fault(
            profile, highest_level=station.highest_level, most_periods=station.most_periods
        ):
            return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
        station.pending_profiles[outlet.number] = profile
    answer: Payload = {"status": "Accepted"}
    if outlet.session:
        answer["transactionId"] = outlet.session.transaction_id
    return answer, remote_started(station, outlet, token, payload["remoteStartId"])


async def remote_started(station: SimulatedStation201, outlet: Outlet, token: str, remote_start_id: int) -> None:
    """Somebody plugs in within seconds. A life of its own (behaviour.Driver) takes over when there is one."""
    if station.model.is_on("AuthCtrlr.AuthorizeRemoteStart") and await station.authorize(token) != "Accepted":
        return
    await station.admit(outlet, token, remote_start_id)
    if outlet.number in station.attended:
        outlet.remote_tag = token
        outlet.woken.set()
    elif await station.start(outlet.number, token, car=some_car(station.rng, dc=station.make.current_type == "DC")):
        await station.charge_remotely(outlet.number)


@answers("RequestStopTransaction")
def request_stop(station: SimulatedStation201, payload: Payload) -> Answer:
    outlet = station.outlet_of(payload["transactionId"])
    if outlet is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
    return {"status": "Accepted"}, station.finish(outlet.number, "Remote")


@answers("GetTransactionStatus")
def get_transaction_status(station: SimulatedStation201, payload: Payload) -> Answer:
    asked = payload.get("transactionId")
    if asked is None:
        return {"messagesInQueue": bool(station.queue)}
    waiting = any(one.payload["transactionInfo"]["transactionId"] == asked for one in station.queue)
    runs = station.outlet_of(asked) is not None or any(one.transaction_id == asked for one in station.lingering.values())
    return {"messagesInQueue": waiting, "ongoingIndicator": runs}


@answers("CostUpdated")
def cost_updated(station: SimulatedStation201, payload: Payload) -> Answer:
    """It has no display."""
    return {}


@answers("Reset")
def reset(station: SimulatedStation201, payload: Payload) -> Answer:
    evse = payload.get("evseId")
    outlets = outlets_of(station, {"id": evse} if evse else None)
    if not outlets:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    waits = payload["type"] == "OnIdle" and any(one.session or one.number in station.lingering for one in outlets)
    return {"status": "Scheduled" if waits else "Accepted"}, _reset(station, outlets if evse else None, waits=waits)


async def _reset(station: SimulatedStation201, outlets: list[Outlet] | None, *, waits: bool) -> None:
    """`outlets` None: the whole station."""
    while waits and any(one.session or one.number in station.lingering for one in outlets or station.outlets.values()):
        await station.pause(2)
    if outlets is None:
        await station.restart("OnIdle" if waits else "ImmediateReset")
        return
    for outlet in outlets:
        await station.end_all(outlet, "ImmediateReset")
        await station.show(outlet.number, "Unavailable")
    await station.pause(1)
    for outlet in outlets:
        outlet.status = "Available"
        await station.free(outlet.number)


@answers("UnlockConnector")
def unlock(station: SimulatedStation201, payload: Payload) -> Answer:
    outlets = outlets_of(station, {"id": payload["evseId"], "connectorId": payload["connectorId"]})
    if not outlets:
        return {"status": "UnknownConnector"}
    if outlets[0].session and outlets[0].session.tag:
        return {"status": "OngoingAuthorizedTransaction"}
    if station.make.cable or station.lock_stuck:
        return {"status": "UnlockFailed", "statusInfo": {"reasonCode": "FixedCable" if station.make.cable else "UnlockFailed"}}
    return {"status": "Unlocked"}


@answers("ChangeAvailability")
def change_availability(station: SimulatedStation201, payload: Payload) -> Answer:
    outlets, operative = outlets_of(station, payload.get("evse")), payload["operationalStatus"] == "Operative"
    if not outlets:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    busy = not operative and any(one.session for one in outlets)
    whole = not payload.get("evse")
    return {"status": "Scheduled" if busy else "Accepted"}, _change(station, outlets, operative=operative, whole=whole)


async def _change(station: SimulatedStation201, outlets: list[Outlet], *, operative: bool, whole: bool) -> None:
    if whole:
        station.operative = operative
    for outlet in outlets:
        outlet.operative = operative
        if outlet.session is None and outlet.status in ("Available", "Unavailable", "Reserved"):
            await station.free(outlet.number)


@answers("TriggerMessage")
def trigger(station: SimulatedStation201, payload: Payload) -> Answer:
    wanted, outlets = payload["requestedMessage"], outlets_of(station, payload.get("evse"))
    running = [one for one in outlets if one.session]
    if not outlets or (wanted == "BootNotification" and not station.must_boot) or (wanted == "TransactionEvent" and not running):
        return {"status": "Rejected"}
    return ({"status": "Accepted"}, _triggered(station, wanted, outlets)) if wanted in TRIGGERS else {"status": "NotImplemented"}


TRIGGERS = {
    "BootNotification", "FirmwareStatusNotification", "Heartbeat", "LogStatusNotification", "MeterValues", "SignChargingStationCertificate",
    "StatusNotification", "TransactionEvent",
}  # fmt: skip


async def _triggered(station: SimulatedStation201, wanted: str, outlets: list[Outlet]) -> None:
    match wanted:
        case "BootNotification":
            await station.boot("Triggered")
        case "Heartbeat":
            await station.heartbeat()
        case "StatusNotification":
            for outlet in outlets:
                await station.status(outlet.number)
        case "MeterValues":
            for outlet in outlets:
                if outlet.connector == 1 or outlet.session:
                    values = station.meter_values(outlet, "Trigger", "TxUpdatedMeasurands")
                    await station.call("MeterValues", {"evseId": outlet.evse, "meterValue": values})
        case "TransactionEvent":
            for outlet in outlets:
                if outlet.session:
                    await station.meter(outlet.number, context="Trigger")
        case "FirmwareStatusNotification":
            await station.call("FirmwareStatusNotification", _with_request({"status": station.firmware_status}))
        case "LogStatusNotification":
            await station.call("LogStatusNotification", _with_request({"status": station.log_status}))
        case "SignChargingStationCertificate":
            await station.call("SignCertificate", {
                "csr": station.certificates.request(), "certificateType": "ChargingStationCertificate",
            })  # fmt: skip


def _with_request(told: Payload) -> Payload:
    return told if told["status"] == "Idle" else told | {"requestId": 0}


@answers("ClearCache")
def clear_cache(station: SimulatedStation201, _payload: Payload) -> Answer:
    if not station.model.is_on("AuthCacheCtrlr.Enabled"):
        return {"status": "Rejected"}
    station.cache.clear()
    return {"status": "Accepted"}


@answers("GetLocalListVersion")
def get_local_list_version(station: SimulatedStation201, _payload: Payload) -> Answer:
    return {"versionNumber": station.local_list_version}


@answers("SendLocalList")
def send_local_list(station: SimulatedStation201, payload: Payload) -> Answer:
    if not station.model.is_on("LocalAuthListCtrlr.Enabled"):
        return {"status": "Failed", "statusInfo": {"reasonCode": "NotEnabled"}}
    items: dict[str, dict[str, Any] | None] = {
        entry["idToken"]["idToken"].upper(): entry.get("idTokenInfo") for entry in payload.get("localAuthorizationList", ())
    }
    status = station.take_list(
        payload["versionNumber"], differential=payload["updateType"] == "Differential", items=items,
        most=int(station.model["LocalAuthListCtrlr.Entries"].most or 0), at_once=station.model.number("LocalAuthListCtrlr.ItemsPerMessage"),
    )  # fmt: skip
    return {"status": status}


@answers("DataTransfer")
def data_transfer(station: SimulatedStation201, payload: Payload) -> Answer:
    return {"status": "UnknownMessageId" if payload["vendorId"] == station.make.vendor else "UnknownVendorId"}


@answers("SetNetworkProfile")
def set_network_profile(station: SimulatedStation201, payload: Payload) -> Answer:
    """Kept in its slot; in use after a reset, when NetworkConfigurationPriority names the slot first."""
    profile, slot = payload["connectionData"], payload["configurationSlot"]
    known = station.model["OCPPCommCtrlr.NetworkConfigurationPriority"].choices.split(",")
    wrong = ""
    if str(slot) not in known:
        wrong = "InvalidConfSlot"
    elif profile["ocppTransport"] != "JSON" or not profile["ocppCsmsUrl"].startswith(("ws://", "wss://")):
        wrong = "InvalidNetworkConf"
    elif profile["securityProfile"] < station.security_profile:
        wrong = "NoSecurityDowngrade"
    elif profile["securityProfile"] == 3 and station.client_certificate is None:
        wrong = "InvalidNetworkConf"
    if wrong:
        return {"status": "Rejected", "statusInfo": {"reasonCode": wrong}}
    station.networks[slot] = profile
    return {"status": "Accepted"}
