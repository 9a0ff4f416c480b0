"""The certificates and the key of a simulated station, real ones: it makes its request, checks what comes back, verifies firmware."""

from __future__ import annotations

import base64
import hashlib
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

MOST = 20  # certificates that it stores


@dataclass(frozen=True)
class HashData:
    """CertificateHashData, SHA-256 (OCPP 1.6 security extension, OCPP 2.0.1 §2.6)."""

    issuer_name: str
    issuer_key: str
    serial: str

    def told(self) -> dict[str, str]:
        return {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": self.issuer_name,
            "issuerKeyHash": self.issuer_key,
            "serialNumber": self.serial,
        }

    def same(self, told: dict[str, str], certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether the server means this one, in whichever hash algorithm it asks."""
        other = hash_data(certificate, issuer, told["hashAlgorithm"])
        return (other.issuer_name, other.issuer_key, other.serial) == (
            told["issuerNameHash"].lower(), told["issuerKeyHash"].lower(), told["serialNumber"].lower().lstrip("0") or "0",
        )  # fmt: skip


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "SHA256") -> HashData:
    key = issuer.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return HashData(
        hashlib.new(algorithm, certificate.issuer.public_bytes()).hexdigest(),
        hashlib.new(algorithm, _bit_string(key)).hexdigest(),
        f"{certificate.serial_number:x}",
    )


def _bit_string(spki: bytes) -> bytes:
    """The key inside a SubjectPublicKeyInfo, without its tag, length and number of unused bits, as OCSP hashes it (RFC 6960 §4.1.1)."""

    def header(at: int) -> tuple[int, int]:
        length = spki[at + 1]
        if length < 0x80:
            return at + 2, length
        size = length & 0x7F
        return at + 2 + size, int.from_bytes(spki[at + 2 : at + 2 + size])

    inside, _length = header(0)
    begin, length = header(inside)  # AlgorithmIdentifier
    key, length = header(begin + length)
    return spki[key + 1 : key + length]


class Certificates:
    """What one station has installed, by the type's name in its version."""

    def __init__(self, identity: str, organization: str) -> None:
        self.identity, self.organization = identity, organization
        self.installed: list[tuple[str, x509.Certificate]] = []
        self.key: ec.EllipticCurvePrivateKey | None = None  # of the last request
        self.chain: list[x509.Certificate] = []  # the station's own, leaf first
        self.chain_key: ec.EllipticCurvePrivateKey | None = None

    # -- roots ------------------------------------------------------------------------------------------------------------------------

    def install(self, kind: str, pem: str) -> str:
        """The InstallCertificateStatus: "Rejected" for what is no certificate in force, "Failed" when there is no room."""
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            return "Rejected"
        if not in_time(certificate):
            return "Rejected"
        if (kind, certificate) in self.installed:
            return "Accepted"
        if len(self.installed) >= MOST:
            return "Failed"
        self.installed.append((kind, certificate))
        return "Accepted"

    def ids(self, kinds: list[str] | None) -> list[tuple[str, dict[str, str]]]:
        return [(kind, hash_data(one, self._issuer(one)).told()) for kind, one in self.installed if not kinds or kind in kinds]

    def delete(self, told: dict[str, str]) -> str:
        """The DeleteCertificateStatus. Its own certificate cannot be deleted (OCPP 2.0.1 M04.FR.06)."""
        for one in self.chain[:1]:
            if hash_data(one, self._issuer(one)).same(told, one, self._issuer(one)):
                return "Failed"
        for entry in self.installed:
            issuer = self._issuer(entry[1])
            if hash_data(entry[1], issuer).same(told, entry[1], issuer):
                self.installed.remove(entry)
                return "Accepted"
        return "NotFound"

    def _issuer(self, certificate: x509.Certificate) -> x509.Certificate:
        for one in (*(root for _kind, root in self.installed), *self.chain):
            if one.subject == certificate.issuer:
                return one
        return certificate

    # -- its own ----------------------------------------------------------------------------------------------------------------------

    def request(self) -> str:
        """A certificate signing request with a new key, PEM: common name is the identity (OCPP 2.0.1 A00.FR.511)."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, self.identity), x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization)]
        asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(self.key, hashes.SHA256())
        return asked.public_bytes(serialization.Encoding.PEM).decode()

    def take_signed(self, pem: str) -> bool:
        """Keep a chain for the key of the last request; False when it is not for that key, not in force, or not signed as it says."""
        try:
            chain = x509.load_pem_x509_certificates(pem.encode())
        except ValueError:
            return False
        if self.key is None or not chain or chain[0].public_key() != self.key.public_key() or not all(map(in_time, chain)):
            return False
        if not all(signed_by(one, above) for one, above in itertools.pairwise(chain)):
            return False
        self.chain, self.chain_key, self.key = chain, self.key, None
        return True

    def client_certificate(self) -> tuple[bytes, bytes] | None:
        """(key, chain) in PEM, for TLS."""
        if self.chain_key is None:
            return None
        key = self.chain_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )  # fmt: skip
        return key, b"".join(one.public_bytes(serialization.Encoding.PEM) for one in self.chain)

    # -- firmware ---------------------------------------------------------------------------------------------------------------------

    def may_sign(self, pem: str) -> bool:
        """Whether firmware signed with this certificate is to be trusted: in force, and of a manufacturer's root where one is installed."""
        try:
            certificate = x509.load_pem_x509_certificates(pem.encode())[0]
        except (ValueError, IndexError):
            return False
        roots = [root for kind, root in self.installed if kind == "ManufacturerRootCertificate"]
        return in_time(certificate) and (not roots or any(certificate == root or signed_by(certificate, root) for root in roots))


def in_time(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_before_utc <= datetime.now(UTC) < certificate.not_valid_after_utc


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def signature_holds(content: bytes, signature: str, certificate_pem: str) -> bool:
    """Whether `signature` (Base64, over SHA-256) of `content` was made with the key of this certificate: ECDSA, RSA-PSS or RSA PKCS#1."""
    try:
        key = x509.load_pem_x509_certificates(certificate_pem.encode())[0].public_key()
        given = base64.b64decode(signature, validate=True)
    except (ValueError, IndexError):
        return False
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            key.verify(given, content, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
    if isinstance(key, rsa.RSAPublicKey):
        for kind in (padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), padding.PKCS1v15()):
            try:
                key.verify(given, content, kind, hashes.SHA256())
            except InvalidSignature:
                continue
            return True
    return False
