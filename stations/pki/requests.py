"""CSRs of stations: whether one may be signed (OCPP 2.0.1 part 2 A00, A02; 1.6 security whitepaper §4.1.4 and §4.2)."""

from __future__ import annotations

from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from stations.ocpp.reading import clean
from stations.pki.reading import common_names

# Why a request is refused
UNREADABLE, SIGNATURE, WEAK, KIND, NAME, NO_AUTHORITY, NO_V2G = (
    "unreadable", "signature", "weak", "kind", "name", "no_authority", "no_v2g",
)  # fmt: skip
LEAST_RSA, MOST_RSA, LEAST_EC = 2048, 8192, 256  # bits
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)  # with others nobody speaks TLS (RFC 8446 §4.2.7)


class Refused(NamedTuple):
    """`detail` is what the reason is about, such as the name that was found."""

    reason: str
    detail: str = ""


def read(text: str) -> x509.CertificateSigningRequest | None:
    """PEM; some stations write its line breaks as two characters."""
    try:
        found = x509.load_pem_x509_csr(text.replace("\\n", "\n").strip().encode())
        _ = (found.subject, found.extensions)
        return found
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def refusal(csr: x509.CertificateSigningRequest | None, identity: str) -> Refused | None:
    """Why a certificate of the station `identity` is not made from this; None where it may be."""
    if csr is None:
        return Refused(UNREADABLE)
    try:
        key = csr.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return Refused(KIND)
    if isinstance(key, rsa.RSAPublicKey):
        if not LEAST_RSA <= key.key_size <= MOST_RSA:
            return Refused(WEAK, f"RSA, {key.key_size}")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.key_size < LEAST_EC:
            return Refused(WEAK, f"EC, {key.key_size}")
        if not isinstance(key.curve, CURVES):
            return Refused(KIND, key.curve.name)
    else:
        return Refused(KIND)
    try:
        proven = csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        proven = False
    if not proven:
        return Refused(SIGNATURE)
    if (names := common_names(csr)) != [identity]:
        return Refused(NAME, clean(", ".join(names), 100))
    return None
