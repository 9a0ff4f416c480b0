"""Certificates of stations: whom we believe to sign them, and whether one is good for a station now."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings

from stations.models import Authority, StationCertificate

# Why a certificate is not good enough; the reasons of Knock
OTHER_STATION, EXPIRED, EARLY, REVOKED, UNTRUSTED = "other", "expired", "early", "revoked", "untrusted"


class Trust:
    """Whom we believe, and which of some certificates are revoked: asked once for many that come at a time."""

    def __init__(self, authorities: Iterable[bytes], revoked: Collection[str] = ()) -> None:
        self.revoked = revoked  # fingerprints, see `fingerprint`
        self.by_name: dict[bytes, list[x509.Certificate]] = {}
        for der in authorities:
            if (one := _read(der)) is not None and _is_authority(one):
                self.by_name.setdefault(one.subject.public_bytes(), []).append(one)

    def verdict(self, der: bytes, identity: str, at: datetime) -> str:
        """Empty where `der` proves at `at` that its owner is the station `identity`; else the reason why it does not."""
        found = _read(der)
        if found is None or _is_authority(found) or not _for_clients(found):
            return UNTRUSTED
        signers = [one for one in self.by_name.get(found.issuer.public_bytes(), ()) if _signed(der, one.public_bytes(Encoding.DER))]
        if not signers:
            return UNTRUSTED
        if common_names(found) != [identity]:
            return OTHER_STATION
        if fingerprint(der) in self.revoked:
            return REVOKED
        if at < found.not_valid_before_utc:
            return EARLY
        if at > found.not_valid_after_utc or all(at > one.not_valid_after_utc for one in signers):
            return EXPIRED
        return ""


def trust(certificates: Sequence[bytes]) -> Trust:
    """For a look at these certificates; the same number of queries for many as for one."""
    found = [fingerprint(der) for der in certificates]
    revoked = StationCertificate.objects.filter(fingerprint__in=found, state=StationCertificate.State.REVOKED)
    return Trust(authorities(), set(revoked.values_list("fingerprint", flat=True)))


def verdict(der: bytes, identity: str, at: datetime) -> str:
    return trust([der]).verdict(der, identity, at)


def authorities() -> list[bytes]:
    """The authorities (DER) whose certificates of stations we believe: those kept here, and those of OCPP_TLS_CLIENT_CA."""
    found = [ssl.PEM_cert_to_DER_cert(pem) for pem in Authority.objects.filter(trusted=True).values_list("certificate", flat=True)]
    return [*found, *_bundle(settings.OCPP_TLS_CLIENT_CA, _changed(settings.OCPP_TLS_CLIENT_CA))]


def serial_of(der: bytes) -> str:
    """The serial number, hexadecimal; empty where it cannot be read."""
    found = _read(der)
    return f"{found.serial_number:X}" if found else ""


def fingerprint(der: bytes) -> str:
    """What tells a certificate from all others: SHA-256, hexadecimal."""
    return hashlib.sha256(der).hexdigest()


def common_names(certificate: x509.Certificate) -> list[str]:
    return [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _changed(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns if file else 0
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _bundle(file: str, changed: int) -> tuple[bytes, ...]:
    try:
        return tuple(one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(Path(file).read_bytes())) if file else ()
    except (OSError, ValueError):
        return ()


@lru_cache(maxsize=2_000)
def _read(der: bytes) -> x509.Certificate | None:
    """None where it is none, or says what no certificate may say."""
    try:
        found = x509.load_der_x509_certificate(der)
        _ = (found.subject, found.issuer, found.extensions, found.not_valid_after_utc, found.serial_number)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
    return found


@lru_cache(maxsize=20_000)
def _signed(der: bytes, authority: bytes) -> bool:
    found, signer = _read(der), _read(authority)
    if found is None or signer is None:
        return False
    try:
        found.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _for_clients(certificate: x509.Certificate) -> bool:
    """Where it says what it is for, that must be it."""
    try:
        said = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in said or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in said
