"""Certificates in OCPP 1.6 (security whitepaper) and 2.0.1 (A02, A03, M03–M05): the CALLs that say what we want, and their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from stations.ocpp.calls import Call, Reader
from stations.ocpp.events import Payload
from stations.ocpp.intents import AskForRequest, DeleteRoot, GiveCertificate, Installed, InstallRoot, NotPossible, ReadRoots
from stations.ocpp.reading import clean

STATION, V2G = "ChargingStationCertificate", "V2GCertificate"
SERVER, MANUFACTURER = "CSMSRootCertificate", "ManufacturerRootCertificate"
# 1.6 knows these alone, the first under another name
USES16 = (SERVER, MANUFACTURER)
_IN_16 = {SERVER: "CentralSystemRootCertificate"}
_FROM_16 = {theirs: ours for ours, theirs in _IN_16.items()}


USES201 = (SERVER, MANUFACTURER, "V2GRootCertificate", "MORootCertificate")
_TRIGGER16 = "SignChargePointCertificate"
_TRIGGERS201 = {STATION: "SignChargingStationCertificate", V2G: "SignV2GCertificate"}


def _ours(use: str) -> str:
    return _FROM_16.get(use, use)


def _use16(use: str) -> str:
    if use not in USES16:
        raise NotPossible(_("OCPP 1.6 knows no certificates for plug and charge."))
    return _IN_16.get(use, use)


def _ask16(intent: AskForRequest) -> Call:
    if intent.use != STATION:
        raise NotPossible(_("OCPP 1.6 knows no certificates for plug and charge."))
    return "ExtendedTriggerMessage", {"requestedMessage": _TRIGGER16}


def _read16(intent: ReadRoots) -> Call:
    if len(intent.uses) != 1:
        raise NotPossible(_("OCPP 1.6 tells of certificates of one kind at a time."))
    return "GetInstalledCertificateIds", {"certificateType": _use16(intent.uses[0])}


def _delete(intent: DeleteRoot) -> Call:
    return "DeleteCertificate", {"certificateHashData": {
        "hashAlgorithm": intent.algorithm, "issuerNameHash": intent.name_hash, "issuerKeyHash": intent.key_hash,
        "serialNumber": intent.serial,
    }}  # fmt: skip


CALLS16: dict[type[Any], Callable[[Any], Call]] = {
    AskForRequest: _ask16,
    GiveCertificate: lambda intent: ("CertificateSigned", {"certificateChain": intent.chain}),
    InstallRoot: lambda intent: ("InstallCertificate", {"certificateType": _use16(intent.use), "certificate": intent.certificate}),
    ReadRoots: _read16,
    DeleteRoot: _delete,
}
CALLS201: dict[type[Any], Callable[[Any], Call]] = {
    AskForRequest: lambda intent: ("TriggerMessage", {"requestedMessage": _TRIGGERS201[intent.use]}),
    GiveCertificate: lambda intent: (
        "CertificateSigned", {"certificateChain": intent.chain} | ({"certificateType": intent.use} if intent.use else {}),
    ),
    InstallRoot: lambda intent: ("InstallCertificate", {"certificateType": intent.use, "certificate": intent.certificate}),
    ReadRoots: lambda intent: ("GetInstalledCertificateIds", {"certificateType": list(intent.uses)} if intent.uses else {}),
    DeleteRoot: _delete,
}  # fmt: skip


# The names of the CALLs, the same in both
ACTIONS: dict[type[Any], str] = {
    GiveCertificate: "CertificateSigned", InstallRoot: "InstallCertificate", ReadRoots: "GetInstalledCertificateIds",
    DeleteRoot: "DeleteCertificate",
}  # fmt: skip


def _hashes(p: Payload) -> DeleteRoot:
    return DeleteRoot(
        clean(p["hashAlgorithm"], 6), clean(p["issuerNameHash"], 128), clean(p["issuerKeyHash"], 128), clean(p["serialNumber"], 40)
    )


READERS16: dict[str, Reader] = {
    "CertificateSigned": lambda p: GiveCertificate(p["certificateChain"]),
    "InstallCertificate": lambda p: InstallRoot(_ours(p["certificateType"]), p["certificate"]),
    "GetInstalledCertificateIds": lambda p: ReadRoots((_ours(p["certificateType"]),)),
    "DeleteCertificate": lambda p: _hashes(p["certificateHashData"]),
}
READERS201: dict[str, Reader] = {
    "CertificateSigned": lambda p: GiveCertificate(p["certificateChain"], p.get("certificateType", "")),
    "InstallCertificate": lambda p: InstallRoot(p["certificateType"], p["certificate"]),
    "GetInstalledCertificateIds": lambda p: ReadRoots(tuple(p.get("certificateType", ()))),
    "DeleteCertificate": lambda p: _hashes(p["certificateHashData"]),
}


def triggered16(p: Payload) -> AskForRequest | None:
    return AskForRequest() if p["requestedMessage"] == _TRIGGER16 else None


def triggered201(p: Payload) -> AskForRequest | None:
    return next((AskForRequest(use) for use, message in _TRIGGERS201.items() if message == p["requestedMessage"]), None)


def installed16(wanted: ReadRoots, answer: Payload) -> list[Installed]:
    """What an answer to ReadRoots tells; what cannot be read is left out."""
    use = wanted.uses[0] if wanted.uses else SERVER
    return [Installed(use, one) for one in _told(answer.get("certificateHashData"))]


def installed201(wanted: ReadRoots, answer: Payload) -> list[Installed]:
    found: list[Installed] = []
    chains = answer.get("certificateHashDataChain")
    for chain in chains if isinstance(chains, list) else ():
        if not isinstance(chain, dict):
            continue
        use = clean(chain.get("certificateType", ""), 28)
        first = _told([chain.get("certificateHashData")])
        found += [Installed(use, one) for one in first]
        found += [Installed(use, one, True) for one in _told(chain.get("childCertificateHashData"))] if first else []
    return found


def _told(entries: Any) -> list[DeleteRoot]:
    found = []
    for one in entries if isinstance(entries, list) else ():
        try:
            found.append(_hashes(one))
        except (KeyError, TypeError):
            continue
    return found
