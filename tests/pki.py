"""Certificates for tests: authorities, and what they sign."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Signed:
    """A certificate and its key."""

    def __init__(self, certificate: x509.Certificate, key: Key) -> None:
        self.certificate, self.key = certificate, key
        self.der, self.pem = certificate.public_bytes(DER), certificate.public_bytes(PEM)
        self.serial = f"{certificate.serial_number:X}"

    def written(self, file: Path) -> Path:
        """With its key, in one PEM file."""
        file.write_bytes(self.pem + self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return file


class Authority(Signed):
    def __init__(self, name: str = "Test authority", above: Authority | None = None) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        super().__init__(_sign(_name(name), key, above.certificate.subject if above else None, above.key if above else key, ca=True), key)

    def sign(self, identity: str, organization: str = "", *, days: tuple[int, int] = (-1, 30), key: Key | None = None) -> Signed:
        """For a station, in time from and until so many days from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        return Signed(_sign(_name(identity, organization), key, self.certificate.subject, self.key, days=days), key)

    def server(self, file: Path, key: Key | None = None) -> Path:
        """For 127.0.0.1 and localhost."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        return Signed(_sign(_name("portal.example.org"), key, self.certificate.subject, self.key, server=True), key).written(file)


def _name(common: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    return x509.Name([*parts, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else parts)


def _sign(
    name: x509.Name, key: Key, issuer: x509.Name | None, by: Key, *, days: tuple[int, int] = (-1, 30), ca: bool = False,
    server: bool = False,
) -> x509.Certificate:  # fmt: skip
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer or name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now + timedelta(days=days[0])).not_valid_after(now + timedelta(days=days[1]))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if server:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(by, hashes.SHA256())


def trusting(authority: Path, own: Path | None = None, **versions: ssl.TLSVersion) -> ssl.SSLContext:
    """The other end: what a station trusts, and its own certificate."""
    context = ssl.create_default_context(cafile=str(authority))
    if own:
        context.load_cert_chain(own)
    for name, version in versions.items():
        setattr(context, name, version)
    return context
