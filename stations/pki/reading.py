"""Reading certificates that come from outside: never an exception, never more than there is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LONGEST = 64 * 1024  # characters of PEM that are looked at


def fingerprint(der: bytes) -> str:
    """What tells a certificate from all others: SHA-256, hexadecimal."""
    return hashlib.sha256(der).hexdigest()


def serial(certificate: x509.Certificate) -> str:
    """Hexadecimal, without leading zeros."""
    return f"{certificate.serial_number:X}"


@lru_cache(maxsize=2_000)
def read(der: bytes) -> x509.Certificate | None:
    """None where it is none, or says what no certificate may say."""
    try:
        found = x509.load_der_x509_certificate(der)
        _ = (found.subject, found.issuer, found.extensions, found.not_valid_after_utc, found.serial_number)
        return found if found.serial_number > 0 else None
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def read_pem(text: str) -> list[x509.Certificate]:
    """Every certificate in `text`; none where one of them cannot be read."""
    if len(text) > LONGEST:
        return []
    try:
        found = [read(one.public_bytes(Encoding.DER)) for one in x509.load_pem_x509_certificates(text.encode())]
    except (ValueError, TypeError, UnicodeEncodeError):
        return []
    return [one for one in found if one] if all(found) else []


@lru_cache(maxsize=500)
def kept(pem: str) -> x509.Certificate:
    """One that was read before it was kept."""
    return x509.load_pem_x509_certificate(pem.encode())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@lru_cache(maxsize=20_000)
def signed(der: bytes, authority: bytes) -> bool:
    """Whether `authority` (DER) has signed it, by name and by signature."""
    found, signer = read(der), read(authority)
    if found is None or signer is None:
        return False
    try:
        found.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign certificates."""
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        try:
            return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            return False


def is_root(certificate: x509.Certificate) -> bool:
    """Whether it is an authority that has signed itself."""
    own = der(certificate)
    return is_authority(certificate) and signed(own, own)


def for_clients(certificate: x509.Certificate) -> bool:
    """Where it says what it is for, that must be it."""
    try:
        said = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in said or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in said


def common_names(named: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    return [str(one.value) for one in named.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def chains(leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime) -> bool:
    """Whether signatures lead from `leaf`, over some of `between`, to one of `roots`, all valid at `at`."""
    found, left = leaf, list(between)
    for _step in range(5):
        if not _valid(found, at):
            return False
        if any(signed(der(found), der(root)) and _valid(root, at) for root in roots):
            return True
        above = next((one for one in left if is_authority(one) and signed(der(found), der(one))), None)
        if above is None:
            return False
        left.remove(above)
        found = above
    return False


def _valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
