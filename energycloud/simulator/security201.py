"""What a simulated OCPP 2.0.1 station answers about certificates (A02, A03, M03 to M05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from energycloud.simulator.protocol201 import Answer, Payload, answers

if TYPE_CHECKING:
    from energycloud.simulator.station201 import SimulatedStation201


@answers("CertificateSigned")
def certificate_signed(station: SimulatedStation201, payload: Payload) -> Answer:
    certificates = station.certificates
    if payload.get("certificateType") == "V2GCertificate" or not certificates.take_signed(payload["certificateChain"]):
        told = station.security_event("InvalidChargingStationCertificate", "It does not belong to the key of the request.")
        return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidCertificate"}}, told
    station.client_certificate = certificates.client_certificate()
    return {"status": "Accepted"}, station.disconnect() if station.security_profile == 3 else None


@answers("InstallCertificate")
def install_certificate(station: SimulatedStation201, payload: Payload) -> Answer:
    status = station.certificates.install(payload["certificateType"], payload["certificate"])
    if status == "Rejected":
        told = station.security_event("InvalidCsmsCertificate", "It is no certificate that is in force.")
        return {"status": status, "statusInfo": {"reasonCode": "InvalidCertificate"}}, told
    return {"status": status}


@answers("GetInstalledCertificateIds")
def get_installed_certificate_ids(station: SimulatedStation201, payload: Payload) -> Answer:
    found = station.certificates.ids(payload.get("certificateType"))
    if not found:
        return {"status": "NotFound"}
    chain = [{"certificateType": kind, "certificateHashData": data} for kind, data in found]
    return {"status": "Accepted", "certificateHashDataChain": chain}


@answers("DeleteCertificate")
def delete_certificate(station: SimulatedStation201, payload: Payload) -> Answer:
    return {"status": station.certificates.delete(payload["certificateHashData"])}
