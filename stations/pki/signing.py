"""What an authority makes: itself, certificates of stations, lists of those revoked, and answers about one (OCSP)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

EC, RSA = "ec", "rsa"  # P-256, 3072 bits
EARLIER = timedelta(hours=1)  # clocks of stations are slow now and then
CRL_DAYS = 7  # until the next list is promised
OCSP_DAYS = 1
HASHES: dict[str, type[hashes.HashAlgorithm]] = {"SHA256": hashes.SHA256, "SHA384": hashes.SHA384, "SHA512": hashes.SHA512}


class Made(NamedTuple):
    """A new authority. `key` is PEM, not encrypted: to be sealed at once and kept nowhere else."""

    certificate: x509.Certificate
    key: str


class Revoked(NamedTuple):
    serial: str  # hexadecimal
    at: datetime
    reason: str  # x509.ReasonFlags


class HashData(NamedTuple):
    """CertificateHashDataType: hexadecimal, lower case."""

    algorithm: str
    name_hash: str
    key_hash: str
    serial: str

    @property
    def folded(self) -> HashData:
        """As it is compared: some write the serial number in capitals or with leading zeros."""
        return HashData(self.algorithm, self.name_hash.lower(), self.key_hash.lower(), self.serial.lower().lstrip("0") or "0")


def new_authority(name: str, organization: str, kind: str, years: int, now: datetime) -> Made:
    """A root of our own. `kind` is EC or RSA."""
    key: Key = rsa.generate_private_key(65537, 3072) if kind == RSA else ec.generate_private_key(ec.SECP256R1())
    subject = _name(name, organization)
    usage = _usage(key_cert_sign=True, crl_sign=True, digital_signature=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=round(365.25 * years)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Made(certificate, pem.decode())


def sign_station(
    csr: x509.CertificateSigningRequest,
    identity: str,
    authority: x509.Certificate,
    key: str,
    days: int,
    now: datetime,
    *,
    crl_url: str = "",
    for_cars: bool = False,
) -> x509.Certificate:
    """A certificate by which the station proves who it is, to us or (ISO 15118) to cars: of what the CSR asks for only the key and the
    organization are taken."""
    asked = next((str(one.value) for one in csr.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)), "")
    organization = "".join(sign for sign in asked if sign.isprintable()).strip()[:64]  # others could make it look like something else
    public = csr.public_key()
    rsa_key = isinstance(public, rsa.RSAPublicKey)
    builder = (
        x509.CertificateBuilder(authority.subject, _name(identity, organization), public, x509.random_serial_number())
        .not_valid_before(max(now - EARLIER, authority.not_valid_before_utc))
        .not_valid_after(min(now + timedelta(days=days), authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, key_encipherment=rsa_key, key_agreement=not rsa_key), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH if for_cars else ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_identifier(authority), critical=False)
    )
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return builder.sign(load(key), hashes.SHA256())


def revocation_list(authority: x509.Certificate, key: str, revoked: Iterable[Revoked], now: datetime) -> bytes:
    """DER (RFC 5280 §5). Its number is the time."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now)
        .next_update(now + timedelta(days=CRL_DAYS))
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(_identifier(authority), critical=False)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16)).revocation_date(one.at)
        if one.reason != x509.ReasonFlags.unspecified.value:
            entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags(one.reason)), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(load(key), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def status_answer(authority: x509.Certificate, key: str, asked: HashData, known: bool, revoked: Revoked | None, now: datetime) -> bytes:
    """An OCSP response (DER, RFC 6960) about a certificate of ours."""
    status = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD if known else ocsp.OCSPCertStatus.UNKNOWN
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        bytes.fromhex(asked.name_hash), bytes.fromhex(asked.key_hash), int(asked.serial, 16), HASHES[asked.algorithm](), status,
        now, now + timedelta(days=OCSP_DAYS), revoked.at if revoked else None,
        x509.ReasonFlags(revoked.reason) if revoked and revoked.reason != x509.ReasonFlags.unspecified.value else None,
    )  # fmt: skip
    answer = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, authority).sign(load(key), hashes.SHA256())
    return answer.public_bytes(serialization.Encoding.DER)


@lru_cache(maxsize=200)
def hash_data(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str) -> HashData:
    """As OCPP names a certificate."""
    built = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, HASHES[algorithm]()).build()
    return HashData(algorithm, built.issuer_name_hash.hex(), built.issuer_key_hash.hex(), f"{certificate.serial_number:x}")


@lru_cache(maxsize=16)
def load(key: str) -> Key:
    found = serialization.load_pem_private_key(key.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(found, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return found


def _identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        known = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)


def _name(common: str, organization: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common[:64])]
    return x509.Name([*parts, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else parts)


def _usage(**said: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
        "encipher_only", "decipher_only",
    )  # fmt: skip
    values: dict[str, Any] = {name: said.get(name, False) for name in names}
    return x509.KeyUsage(**values)
