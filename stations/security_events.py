"""Security events in words: what a station tells by SecurityEventNotification (OCPP 2.0.1 appendix 1; the names that the security extension
of 1.6 has for the same)."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from stations.explain import FAULT, OFF, WAITING

Text = str | Promise


class SecurityMeaning(NamedTuple):
    """`state` is one of the six states of `explain`; `critical` is what the standard calls it: it may not get lost."""

    state: str
    word: Text
    sentence: Text
    critical: bool = False


_PASSWORD = lazy("The station could not log in. Its password or certificate does not fit; renew it.")
_SERVER = lazy("The station did not trust whom it reached. Its root certificate is missing or old, or somebody stands in between.")
EVENTS: dict[str, SecurityMeaning] = {
    # Our own
    "CertificateRequestRefused": SecurityMeaning(
        WAITING, lazy("Got no certificate"), lazy("It asked for a certificate and got none. Why stands among its certificates.")
    ),
    "FirmwareUpdated": SecurityMeaning(OFF, lazy("Firmware updated"), lazy("Its firmware was changed."), True),
    "FailedToAuthenticateAtCsms": SecurityMeaning(WAITING, lazy("Could not log in"), _PASSWORD),
    "CsmsFailedToAuthenticate": SecurityMeaning(FAULT, lazy("Did not trust the portal"), _SERVER),
    "SettingSystemTime": SecurityMeaning(OFF, lazy("Clock set"), lazy("Its clock was set by more than a little."), True),
    "StartupOfTheDevice": SecurityMeaning(OFF, lazy("Started"), lazy("The station has started."), True),
    "ResetOrReboot": SecurityMeaning(OFF, lazy("Restarted"), lazy("The station was reset or has restarted."), True),
    "SecurityLogWasCleared": SecurityMeaning(
        FAULT, lazy("Security log cleared"), lazy("Somebody has emptied its security log. If that was none of you, find out who."),
        True,
    ),
    "ReconfigurationOfSecurityParameters": SecurityMeaning(
        WAITING, lazy("Security settings changed"), lazy("A key, a certificate or the security profile was changed.")
    ),
    "MemoryExhaustion": SecurityMeaning(
        WAITING, lazy("Memory full"), lazy("The station has run out of memory or storage. A reset helps for a while; tell its maker."), True
    ),
    "InvalidMessages": SecurityMeaning(
        WAITING, lazy("Invalid messages"), lazy("It was sent messages that it could not read. Look at the log for what was sent.")
    ),
    "AttemptedReplayAttacks": SecurityMeaning(
        FAULT, lazy("Replayed messages"), lazy("It got messages that had been sent before: somebody may try to take it over.")
    ),
    "TamperDetectionActivated": SecurityMeaning(
        FAULT, lazy("Opened or tampered with"), lazy("It was opened or moved. Unless somebody works at it, send a technician."),
        True,
    ),
    "InvalidFirmwareSignature": SecurityMeaning(
        FAULT, lazy("Wrong signature of firmware"), lazy("The firmware that it fetched does not fit its signature, and was not installed.")
    ),
    "InvalidFirmwareSigningCertificate": SecurityMeaning(
        FAULT, lazy("Firmware signed by a stranger"), lazy("It does not trust who signed the firmware, and did not install it.")
    ),
    "InvalidCsmsCertificate": SecurityMeaning(FAULT, lazy("Did not trust the portal's certificate"), _SERVER),
    "InvalidChargingStationCertificate": SecurityMeaning(
        WAITING, lazy("Certificate refused"), lazy("The certificate that it was sent does not fit it. It goes on with the one that it has.")
    ),
    "InvalidTLSVersion": SecurityMeaning(
        WAITING, lazy("TLS too old"), lazy("What it reached offers only a version of TLS that it does not accept.")
    ),
    "InvalidTLSCipherSuite": SecurityMeaning(
        WAITING, lazy("Weak encryption offered"), lazy("What it reached offers only encryption that it does not accept.")
    ),
    "MaintenanceLoginAccepted": SecurityMeaning(
        WAITING, lazy("Somebody logged in at the station"), lazy("Somebody has opened its own service page or port."), True
    ),
    "MaintenanceLoginFailed": SecurityMeaning(
        FAULT, lazy("Failed login at the station"), lazy("Somebody has tried to open its service page with a wrong password."), True
    ),
}  # fmt: skip
# As the security extension of OCPP 1.6 says it
_SAME = {
    "FailedToAuthenticateAtCentralSystem": "FailedToAuthenticateAtCsms",
    "CentralSystemFailedToAuthenticate": "CsmsFailedToAuthenticate",
    "InvalidCentralSystemCertificate": "InvalidCsmsCertificate",
    "InvalidChargePointCertificate": "InvalidChargingStationCertificate",
}


def meaning(kind: str) -> SecurityMeaning:
    """Of a type as a station writes it; one that is not in the standard stands for itself."""
    return EVENTS.get(_SAME.get(kind, kind)) or SecurityMeaning(
        WAITING, kind, lazy("The standard does not know this event; its maker does.")
    )


def alarming() -> list[str]:
    """Types that the standard calls critical and that are not in the course of things, in all spellings: starts and set clocks are."""
    found = {kind for kind, one in EVENTS.items() if one.critical and one.state != OFF}
    return sorted(found | {other for other, kind in _SAME.items() if kind in found})
