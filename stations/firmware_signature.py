"""Signatures of firmware, as its maker gives them: whether one fits the file and the certificate of who signed it.

OCPP 2.0.1 part 2, L01, and the security extension of 1.6 send both to the station, which checks them itself: what does not fit here would
only fail there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MOST = 20_000  # bytes of a file that holds a signature or a certificate
LONGEST_SIGNATURE, LONGEST_CERTIFICATE = 800, 5500  # characters, as the schemas of OCPP allow them
_HASHES: tuple[hashes.HashAlgorithm, ...] = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())


class Digests(NamedTuple):
    """Of a file: its size, and its digest by each of _HASHES."""

    size: int
    values: tuple[bytes, ...]

    @classmethod
    def of(cls, pieces: Iterable[bytes]) -> Digests:
        size, found = 0, [hashlib.new(one.name) for one in _HASHES]
        for piece in pieces:
            size += len(piece)
            for one in found:
                one.update(piece)
        return cls(size, tuple(one.digest() for one in found))

    @property
    def sha256(self) -> str:
        return self.values[0].hex()


class Seal(NamedTuple):
    """What is kept, and sent to stations: base64, and PEM. Both empty: none."""

    signature: str = ""
    certificate: str = ""


def checked(digests: Digests, signature: bytes, certificate: bytes, now: datetime) -> Seal:
    """The seal, once it is sure that it fits the file. Empty where neither was given. ValidationError {"signature_file" or
    "certificate_file": …}"""
    if not signature and not certificate:
        return Seal()
    if not certificate:
        raise ValidationError({"certificate_file": _("A signature needs the certificate of who made it: add that too.")})
    if not signature:
        raise ValidationError({"signature_file": _("A signing certificate alone proves nothing: add the signature too.")})
    found, raw = _certificate(certificate, now), _signature(signature)
    if not _fits(found, raw, digests):
        raise ValidationError({"signature_file": _("This signature does not fit: it is of another file, or made with another key.")})
    sealed = Seal(base64.b64encode(raw).decode(), found.public_bytes(Encoding.PEM).decode())
    if len(sealed.certificate) > LONGEST_CERTIFICATE:
        raise ValidationError({"certificate_file": _("This certificate is longer than OCPP allows.")})
    if len(sealed.signature) > LONGEST_SIGNATURE:
        raise ValidationError({"signature_file": _("This signature is longer than OCPP allows.")})
    return sealed


def subject(certificate: str) -> str:
    """Whose certificate it is, for people; empty where it cannot be read."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
        return found.subject.rfc4514_string()[:200]
    except ValueError:
        return ""


def _certificate(data: bytes, now: datetime) -> x509.Certificate:
    """PEM or DER; of a chain the first."""
    try:
        found = x509.load_pem_x509_certificate(data) if b"-----BEGIN" in data else x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise ValidationError({"certificate_file": _("This is no certificate: a PEM or DER file is needed.")}) from error
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
        said = _("This certificate is not valid now, so stations refuse it: it is valid from %(since)s until %(until)s.")
        raise ValidationError({
            "certificate_file": said % {"since": found.not_valid_before_utc.date(), "until": found.not_valid_after_utc.date()},
        })  # fmt: skip
    return found


def _signature(data: bytes) -> bytes:
    """As base64, with or without line breaks, else as it is."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return data


def _fits(certificate: x509.Certificate, signature: bytes, digests: Digests) -> bool:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ValidationError({"certificate_file": _("The key of this certificate is neither RSA nor of an elliptic curve.")})
    return any(_verifies(key, signature, digest, one) for one, digest in zip(_HASHES, digests.values, strict=True))


def _verifies(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, signature: bytes, digest: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    """By any of the ways in which makers sign."""
    done = utils.Prehashed(algorithm)
    pads = (padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO), padding.PKCS1v15())
    for pad in pads if isinstance(key, rsa.RSAPublicKey) else pads[:1]:
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, digest, pad, done)
            else:
                key.verify(signature, digest, ec.ECDSA(done))
            return True
        except (InvalidSignature, ValueError):
            continue
    return False
