"""What a simulated OCPP 2.0.1 station answers about firmware (L), logs and customers' data (N01, N09, N10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from energycloud.simulator import files
from energycloud.simulator.base import now
from energycloud.simulator.protocol201 import Answer, Payload, answers

if TYPE_CHECKING:
    from energycloud.simulator.station201 import SimulatedStation201

LONGEST = 512  # characters of customers' data in one message


@answers("UpdateFirmware")
def update_firmware(station: SimulatedStation201, payload: Payload) -> Answer:
    firmware, request = payload["firmware"], payload["requestId"]
    certificate = firmware.get("signingCertificate", "")
    if certificate and not station.certificates.may_sign(certificate):
        return {"status": "InvalidCertificate"}, station.security_event("InvalidFirmwareSigningCertificate")

    async def say(status: str) -> None:
        await station.online.wait() if station.must_boot else None
        await station.call("FirmwareStatusNotification", {"status": status, "requestId": request})

    return {"status": "Accepted"}, files.update(
        station, say, firmware["location"], firmware["retrieveDateTime"], payload.get("retries", 0), payload.get("retryInterval", 60),
        install_at=firmware.get("installDateTime", ""), certificate=certificate, signature=firmware.get("signature", ""), signed=True,
    )  # fmt: skip


@answers("GetLog")
def get_log(station: SimulatedStation201, payload: Payload) -> Answer:
    kind, request = payload["logType"], payload["requestId"]
    if kind == "DiagnosticsLog" and not station.make.diagnostics:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "NotSupported"}}
    busy = station.log_status == "Uploading"

    async def say(status: str) -> None:
        await station.call("LogStatusNotification", {"status": status, "requestId": request})

    work = files.upload(station, say, payload["log"]["remoteLocation"], kind, failed="UploadFailure")
    return {"status": "AcceptedCanceled" if busy else "Accepted", "filename": files.log_name(station, kind)}, work


@answers("CustomerInformation")
def customer_information(station: SimulatedStation201, payload: Payload) -> Answer:
    if not (payload["report"] or payload["clear"]):
        return {"status": "Rejected"}
    asked = [one for one in ("customerCertificate", "idToken", "customerIdentifier") if one in payload]
    if len(asked) != 1:
        return {"status": "Invalid"}
    tag = payload["idToken"]["idToken"].upper() if "idToken" in payload else str(payload.get("customerIdentifier", "")).upper()
    lines = [f"{name}: {told['status']}" for name, kept in (("local list", station.local_list), ("cache", station.cache))
             if (told := kept.get(tag))]  # fmt: skip
    if payload["clear"]:
        station.local_list.pop(tag, None)
        station.cache.pop(tag, None)
        station.groups.pop(tag, None)
    if not payload["report"]:
        lines = ["cleared"]
    return {"status": "Accepted"}, _report(station, payload["requestId"], "\n".join(lines) or "nothing is kept")


async def _report(station: SimulatedStation201, request: int, text: str) -> None:
    parts = [text[first : first + LONGEST] for first in range(0, len(text), LONGEST)]
    for number, part in enumerate(parts):
        await station.call("NotifyCustomerInformation", {
            "requestId": request, "generatedAt": now(), "seqNo": number, "tbc": number < len(parts) - 1, "data": part,
        })  # fmt: skip
