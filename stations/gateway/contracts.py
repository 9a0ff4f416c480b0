"""Whether certificates are revoked (OCSP), and contracts for plug and charge: what stations of 2.0.1 ask on behalf of cars (M01, M02, M06,
C07). Called by the ledger.

We answer for what our own authorities have signed. Of certificates of others we know what their responders have said, where the portal may
ask these (stations.gateway.responders); else we say that we do not know.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.x509 import ocsp

from stations import hooks
from stations.authorities import SEALED_FOR
from stations.gateway.entries import Entry, Handler, Received
from stations.models import Authority, Revocation, StationCertificate
from stations.ocpp.events import AskedCertificate, CardOffered, ContractWanted, StatusWanted
from stations.ocpp.replies import Answer, Reply
from stations.pki import reading, signing
from stations.pki.signing import HashData, Revoked
from tenancy import sealing

MOST_RESULT = 5500  # characters of ocspResult
LONGEST_CHAIN = 10  # certificates
GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"


class _Ours(NamedTuple):
    """A certificate of an authority of ours."""

    certificate: str
    sealed_key: str
    asked: HashData
    known: bool
    revoked: Revoked | None

    @property
    def status(self) -> str:
        return REVOKED if self.revoked else GOOD if self.known else UNKNOWN


def _ours(asked: Sequence[AskedCertificate]) -> dict[AskedCertificate, _Ours]:
    """Those among them that authorities of ours have signed, or would have; three queries."""
    found: dict[AskedCertificate, tuple[int, str, str, HashData]] = {}
    rows = list(Authority.objects.exclude(sealed_key="").order_by().values_list("pk", "certificate", "sealed_key"))
    for one in asked:
        hashes = _hashes(one)
        for pk, pem, key in rows if hashes else ():
            root = reading.kept(pem)
            known = signing.hash_data(root, root, hashes.algorithm) if hashes else None
            if known and hashes and (known.name_hash, known.key_hash) == (hashes.name_hash, hashes.key_hash):
                found[one] = (pk, pem, key, hashes)
    if not found:
        return {}
    serials = {hashes.serial.upper() for *_rest, hashes in found.values()}
    signed = set(StationCertificate.objects.filter(serial__in=serials).order_by().values_list("authority_id", "serial"))
    revoked = {
        (authority, serial): Revoked(serial, at, reason)
        for authority, serial, at, reason in Revocation.objects.filter(serial__in=serials)
        .order_by()
        .values_list("authority_id", "serial", "at", "reason")
    }
    return {
        one: _Ours(pem, key, hashes, (pk, hashes.serial.upper()) in signed, revoked.get((pk, hashes.serial.upper())))
        for one, (pk, pem, key, hashes) in found.items()
    }


def _hashes(asked: AskedCertificate) -> HashData | None:
    """None where it cannot be what it should be."""
    found = HashData(asked.algorithm, asked.name_hash.strip(), asked.key_hash.strip(), asked.serial.strip()).folded
    maker = signing.HASHES.get(found.algorithm)
    try:
        sizes = {len(bytes.fromhex(found.name_hash)), len(bytes.fromhex(found.key_hash))}
        serial = int(found.serial, 16)
    except ValueError:
        return None
    return found if maker and sizes == {maker().digest_size} and 0 < serial < 2**160 else None


def _status(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """GetCertificateStatus (M06)."""
    asked = {entry: entry.event.asked for entry in entries if isinstance(entry.event, StatusWanted)}
    ours = _ours(list(asked.values()))
    answers: dict[Entry, Reply | str] = {}
    for entry in entries:
        one = asked[entry]
        if one in ours:
            result = _signed_answer(ours[one], entry.at.replace(minute=0, second=0, microsecond=0))
        else:
            result = base64.b64encode(entry.responses.get(one, b"")).decode()
        if result and len(result) <= MOST_RESULT:
            answers[entry] = {"status": "Accepted", "ocspResult": result}
        else:
            answers[entry] = Answer("Failed", "NotAvailable")
    return answers


@lru_cache(maxsize=2_000)
def _signed_answer(one: _Ours, hour: datetime) -> str:
    """Base64; empty where the key cannot be read any more. Signing takes time, so an answer is given again for an hour."""
    key = sealing.unseal(SEALED_FOR, one.sealed_key)
    if key is None:
        return ""
    der = signing.status_answer(reading.kept(one.certificate), key, one.asked, one.known, one.revoked, hour)
    return base64.b64encode(der).decode()


def _contract(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """Get15118EVCertificate (M01, M02): only who knows mobility operators can have it answered."""
    answers: dict[Entry, Reply | str] = {}
    for entry in entries:
        event = entry.event
        assert isinstance(event, ContractWanted)
        exi = hooks.contracts(entry.state.station_id, event.schema, event.action, event.exi) if hooks.contracts else ""
        answers[entry] = {"status": "Accepted" if exi else "Failed", "exiResponse": exi}
    return answers


HANDLERS: dict[type[Any], Handler] = {
    StatusWanted: _status, ContractWanted: _contract,
}  # fmt: skip


def judge(offered: Sequence[Received]) -> dict[Received, str]:
    """What is said of the certificates that came with an Authorize (AuthorizeCertificateStatusEnumType, C07); nothing of one without.

    The card itself, an eMAID, is decided on like any other. A certificate counts only for the eMAID that it names, under an authority of
    contracts. CertChainError is also said where nobody can tell whether it is revoked: a certificate that was not looked at is not called
    good.
    """
    came = {
        entry: entry.event for entry in offered if isinstance(entry.event, CardOffered) and (entry.event.certificate or entry.event.chain)
    }
    if not came:
        return {}
    kept = Authority.objects.filter(use__in=[Authority.Use.MOBILITY, Authority.Use.V2G]).order_by().values_list("certificate", flat=True)
    roots = [reading.kept(pem) for pem in kept]
    ours = _ours([one for event in came.values() for one in event.chain])
    found = {}
    for entry, event in came.items():
        # What our own authorities have signed are certificates of stations: none of them is a contract
        states = {
            one: (REVOKED if ours[one].revoked else UNKNOWN) if one in ours else _told(entry.responses.get(one)) for one in event.chain
        }
        found[entry] = _verdict(event, roots, states, entry.at)
    return found


def _verdict(event: CardOffered, roots: Sequence[x509.Certificate], states: Mapping[AskedCertificate, str], at: datetime) -> str:
    """`states`: whether each certificate that the station asks about is revoked."""
    asked = {hashes: state for one, state in states.items() if (hashes := _hashes(one))}
    whole = len(asked) == len(states)
    if event.certificate:
        chain = reading.read_pem(event.certificate)
        if not chain or len(chain) > LONGEST_CHAIN:
            return "CertChainError"
        if at > chain[0].not_valid_after_utc:
            return "CertificateExpired"
        if not reading.chains(chain[0], chain[1:], roots, at):
            return "CertChainError"
        if not any(same_contract(name, event.id_tag) for name in reading.common_names(chain[0])):
            return "NoCertificateAvailable"
        named = {one: _names_of(one, [*chain[1:], *roots], {hashes.algorithm for hashes in asked}) for one in chain}
        # They must be about what was sent, and at least about the contract itself
        whole = whole and asked.keys() <= set().union(*named.values()) and not asked.keys().isdisjoint(named[chain[0]])
    else:  # the station has looked at the chain itself
        known = {_issuer(signing.hash_data(root, root, hashes.algorithm)) for root in roots for hashes in asked}
        whole = whole and any(_issuer(hashes) in known for hashes in asked)
    if REVOKED in states.values():
        return "CertificateRevoked"
    return "Accepted" if whole and set(states.values()) == {GOOD} else "CertChainError"


def _names_of(one: x509.Certificate, signers: Sequence[x509.Certificate], algorithms: Collection[str]) -> set[HashData]:
    """As a station may name it."""
    above = [signer for signer in signers if signer.subject == one.issuer and reading.signed(reading.der(one), reading.der(signer))]
    return {signing.hash_data(one, signer, algorithm).folded for signer in above for algorithm in algorithms}


def _issuer(hashes: HashData) -> tuple[str, str, str]:
    return hashes.algorithm, hashes.name_hash.lower(), hashes.key_hash.lower()


_SIGNS = re.compile(r"[^0-9A-Za-z]")
_WITHOUT_CHECK_DIGIT = (11, 14)  # characters of an id of a contract by DIN 91286, and of an eMAID by ISO 15118-1


def same_contract(one: str, other: str) -> bool:
    """Whether two eMAIDs are the same: capitals, what stands between the parts, and a check digit that only one of them has do not
    matter."""
    short, long = sorted((_SIGNS.sub("", text).upper() for text in (one, other)), key=len)
    if short == long:
        return bool(short)
    return len(short) in _WITHOUT_CHECK_DIGIT and len(long) == len(short) + 1 and long.startswith(short)


def _told(response: bytes | None) -> str:
    if not response:
        return UNKNOWN
    said = ocsp.load_der_ocsp_response(response).certificate_status
    return {ocsp.OCSPCertStatus.GOOD: GOOD, ocsp.OCSPCertStatus.REVOKED: REVOKED}.get(said, UNKNOWN)
