"""Security events in plain words (1.6 security whitepaper §4.5, 2.0.1 part 2 appendix 1). Nothing here reads the database."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

Text = str | Promise

_NOT_LET_IN = lazy("The portal did not let the station in: its password or certificate was wrong.")
_NOT_BELIEVED = lazy("The station did not believe that it spoke to the portal: its root certificate does not fit.")
_NOT_THE_PORTAL = lazy(
    "The portal showed a certificate that the station does not believe. Install the root of the portal's certificate on it; look "
    "whether its clock is right and whether somebody stands between it and the portal."
)
_NOT_ITS_OWN = lazy(
    "The station refused the certificate that was signed for it: it does not belong to its key, or it does not know who signed it."
)

SECURITY: dict[str, Text] = {
    "FirmwareUpdated": lazy("New firmware was installed."),
    "FailedToAuthenticateAtCentralSystem": _NOT_LET_IN,
    "FailedToAuthenticateAtCsms": _NOT_LET_IN,
    "CentralSystemFailedToAuthenticate": _NOT_BELIEVED,
    "CsmsFailedToAuthenticate": _NOT_BELIEVED,
    "SettingSystemTime": lazy("The clock of the station was set."),
    "StartupOfTheDevice": lazy("The station has started."),
    "ResetOrReboot": lazy("The station was reset or has rebooted."),
    "SecurityLogWasCleared": lazy("The security log of the station was cleared."),
    "ReconfigurationOfSecurityParameters": lazy("Keys, passwords or the security profile of the station were changed."),
    "MemoryExhaustion": lazy("The memory of the station is full. That may come of an attack, or of a fault in its software."),
    "InvalidMessages": lazy("The station was sent messages that it could not make sense of."),
    "AttemptedReplayAttacks": lazy("Somebody has sent the station what was recorded before."),
    "TamperDetectionActivated": lazy("The station was opened or tampered with. Have somebody look at it."),
    "InvalidFirmwareSignature": lazy("The signature of new firmware was wrong, so it was not installed. Look where the file came from."),
    "InvalidFirmwareSigningCertificate": lazy(
        "The certificate of who signed new firmware is not known to the station. Install the manufacturer's root on it first."
    ),
    "InvalidCentralSystemCertificate": _NOT_THE_PORTAL,
    "InvalidCsmsCertificate": _NOT_THE_PORTAL,
    "InvalidChargePointCertificate": _NOT_ITS_OWN,
    "InvalidChargingStationCertificate": _NOT_ITS_OWN,
    "InvalidTLSVersion": lazy("An encryption older than TLS 1.2 was offered, which the station refuses."),
    "InvalidTLSCipherSuite": lazy("An encryption was offered that is too weak for the station."),
    "MaintenanceLoginAccepted": lazy("Somebody has logged in at the station to work on it."),
    "MaintenanceLoginFailed": lazy("Somebody has failed to log in at the station."),
    "CertificateRequestRefused": lazy("The station asked for a certificate and did not get one. Why stands among its certificates."),
}


def security_event(kind: str) -> str:
    """What it means, in a sentence; empty where that is known to its vendor alone."""
    return str(SECURITY.get(kind, ""))
