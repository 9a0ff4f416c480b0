"""What a simulated station answers of the security extension of OCPP 1.6 (white paper, edition 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp.exceptions import NotImplementedError as NotHere
from ocpp.routing import after, on
from ocpp.v16 import call, call_result

from energycloud.simulator import files

if TYPE_CHECKING:
    from energycloud.simulator.station import SimulatedStation

TRIGGERS = {
    "BootNotification", "LogStatusNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues", "SignChargePointCertificate",
    "StatusNotification",
}  # fmt: skip


class Security:
    """A station whose make has none of it answers NotImplemented."""

    station: SimulatedStation

    def _must_have(self, action: str) -> None:
        if not self.station.make.security_log:
            raise NotHere(description=action)

    def may_change_profile(self, value: str) -> bool:
        """Upwards only; 2 wants a root to trust, 3 a certificate of its own (white paper A05)."""
        station = self.station
        if not value.isdecimal() or not station.security_profile < int(value) <= 3:
            return False
        if station.tls is None and not any(kind == "CentralSystemRootCertificate" for kind, _root in station.certificates.installed):
            return int(value) < 2
        return int(value) < 3 or station.client_certificate is not None

    @on("ExtendedTriggerMessage")
    def on_extended_trigger(self, requested_message: str, connector_id: int | None = None, **_rest: Any) -> Any:
        self._must_have("ExtendedTriggerMessage")
        if requested_message not in TRIGGERS:
            return call_result.ExtendedTriggerMessage("NotImplemented")
        known = connector_id is None or self.station.outlets_at(connector_id) is not None
        return call_result.ExtendedTriggerMessage("Accepted" if known else "Rejected")

    @after("ExtendedTriggerMessage")
    def after_extended_trigger(self, requested_message: str, connector_id: int | None = None, **_rest: Any) -> None:
        if connector_id is None or self.station.outlets_at(connector_id) is not None:
            self.station.later(self.station.triggered(requested_message, connector_id, signed=True))

    @on("CertificateSigned")
    def on_certificate_signed(self, certificate_chain: str, **_rest: Any) -> Any:
        self._must_have("CertificateSigned")
        taken = self.station.certificates.take_signed(certificate_chain)
        if taken:
            self.station.client_certificate = self.station.certificates.client_certificate()
        else:
            self.station.later(
                self.station.security_event("InvalidChargePointCertificate", "It does not belong to the key of the request.")
            )
        return call_result.CertificateSigned("Accepted" if taken else "Rejected")

    @after("CertificateSigned")
    def after_certificate_signed(self, **_payload: Any) -> None:
        if self.station.security_profile == 3 and self.station.certificates.key is None:
            self.station.later(self.station.disconnect())  # and back, with the new certificate

    @on("InstallCertificate")
    def on_install_certificate(self, certificate_type: str, certificate: str, **_rest: Any) -> Any:
        self._must_have("InstallCertificate")
        status = self.station.certificates.install(certificate_type, certificate)
        if status == "Rejected":
            self.station.later(self.station.security_event("InvalidCentralSystemCertificate", "It is no certificate that is in force."))
        return call_result.InstallCertificate(status)

    @on("DeleteCertificate")
    def on_delete_certificate(self, certificate_hash_data: dict[str, str], **_rest: Any) -> Any:
        self._must_have("DeleteCertificate")
        return call_result.DeleteCertificate(self.station.certificates.delete({
            "hashAlgorithm": certificate_hash_data["hash_algorithm"], "issuerNameHash": certificate_hash_data["issuer_name_hash"],
            "issuerKeyHash": certificate_hash_data["issuer_key_hash"], "serialNumber": certificate_hash_data["serial_number"],
        }))  # fmt: skip

    @on("GetInstalledCertificateIds")
    def on_get_installed(self, certificate_type: str, **_rest: Any) -> Any:
        self._must_have("GetInstalledCertificateIds")
        found = [told for _kind, told in self.station.certificates.ids([certificate_type])]
        data: Any = found or None
        return call_result.GetInstalledCertificateIds("Accepted" if found else "NotFound", certificate_hash_data=data)

    @on("SignedUpdateFirmware")
    def on_signed_update(self, firmware: dict[str, Any], **_rest: Any) -> Any:
        self._must_have("SignedUpdateFirmware")
        trusted = self.station.certificates.may_sign(firmware["signing_certificate"])
        if not trusted:
            self.station.later(self.station.security_event("InvalidFirmwareSigningCertificate"))
        return call_result.SignedUpdateFirmware("Accepted" if trusted else "InvalidCertificate")

    @after("SignedUpdateFirmware")
    def after_signed_update(
        self, request_id: int, firmware: dict[str, Any], retries: int | None = None, retry_interval: int | None = None, **_rest: Any
    ) -> None:
        if not self.station.certificates.may_sign(firmware["signing_certificate"]):
            return

        async def say(status: str) -> None:
            await self.station.deliver_or_call(call.SignedFirmwareStatusNotification(status=status, request_id=request_id))

        self.station.later(files.update(
            self.station, say, firmware["location"], firmware["retrieve_date_time"], retries or 0, retry_interval or 60,
            install_at=firmware.get("install_date_time") or "", certificate=firmware["signing_certificate"],
            signature=firmware["signature"], signed=True,
        ))  # fmt: skip

    @on("GetLog")
    def on_get_log(self, log_type: str, **_rest: Any) -> Any:
        self._must_have("GetLog")
        return call_result.GetLog(status="Accepted", filename=files.log_name(self.station, log_type))

    @after("GetLog")
    def after_get_log(self, log: dict[str, Any], log_type: str, request_id: int, **_rest: Any) -> None:
        if not self.station.make.security_log:
            return

        async def say(status: str) -> None:
            await self.station.call(call.LogStatusNotification(status=status, request_id=request_id))

        self.station.later(files.upload(self.station, say, log["remote_location"], log_type, failed="UploadFailure"))
