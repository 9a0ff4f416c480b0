"""What a station does itself for its certificates: a key, a request (CSR), and what it makes of the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def request(name: str = "LUM-0001", key: Key | None = None, organization: str = "Harbour Offices") -> str:
    key = key or ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)]
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def certificate(name: str, key: Key, above: tuple[x509.Certificate, Key] | None = None, days: int = 90) -> x509.Certificate:
    """A root, or below `above` one that is none."""
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    issuer, signer = (above[0].subject, above[1]) if above else (subject, key)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=100)).not_valid_after(now + timedelta(days=days))
    return builder.add_extension(x509.BasicConstraints(ca=above is None, path_length=None), critical=True).sign(signer, hashes.SHA256())


def new_root(name: str = "Alfen Root") -> tuple[x509.Certificate, Key, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    made = certificate(name, key)
    return made, key, made.public_bytes(serialization.Encoding.PEM).decode()
