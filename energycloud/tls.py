"""TLS on the portal's own port for stations (OCPP security profiles 2 and 3), where no proxy ends it.

One port for both profiles: a certificate of the station is asked for, and whoever has none goes on without. What the handshake proves is
that the station holds the key to its certificate, and that an authority known here signed it. Whether it is this station's, in time and
not revoked is decided at the door (`stations.certificates`), so that an operator is told why a station stays outside.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import logging
import os
import ssl
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.core.exceptions import ImproperlyConfigured

log = logging.getLogger("energycloud.tls")

# OCPP 1.6 security whitepaper §4.2 and OCPP 2.0.1 A00.FR.318 want the four without DHE; the rest is for stations with a newer library.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256", "AES256-GCM-SHA384",
)  # fmt: skip
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: the door looks at the dates, and says so
HANDSHAKE_TIMEOUT = 15.0  # seconds
LASTS = datetime.timedelta(days=365)

Authorities = Callable[[], Iterable[bytes]]


class Doorway:
    """The TLS side of the stations' port: its context, and what it was made of.

    `certificate` and `key` are PEM files (the key may be in the first), `bundle` a PEM file with further authorities of stations, and
    `authorities` gives those that the portal itself keeps (DER).
    """

    def __init__(self, certificate: Path, key: Path | None = None, bundle: Path | None = None, authorities: Authorities = tuple) -> None:
        self.certificate, self.key, self.bundle, self.authorities = certificate, key, bundle, authorities
        self._known: set[bytes] = set()
        self._read = self._files()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_ciphers(":".join(CIPHERS))
        self.context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.context.verify_flags |= ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME)
        self.context.set_alpn_protocols(["http/1.1"])
        self._load()

    def refresh(self) -> None:
        """Take over files that changed and authorities that were added; the next handshakes go by them. What is unreadable stays as it was.

        An authority that is gone stays known to the handshake until the next start: the door refuses its certificates at once.
        """
        try:
            now = self._files()
            if now != self._read:
                self._load()
                self._read = now
                log.info("the certificate of the stations' port was read again")
            self._trust(self.authorities())
        except (OSError, ssl.SSLError, ImproperlyConfigured) as error:
            log.error("the certificate of the stations' port could not be read again: %s", error)

    def _files(self) -> Sequence[tuple[Path, int]]:
        return [(path, path.stat().st_mtime_ns) for path in (self.certificate, self.key, self.bundle) if path]

    def _load(self) -> None:
        self.context.load_cert_chain(self.certificate, self.key, password=_no_password)
        if self.bundle:
            self._trust(one.public_bytes(serialization.Encoding.DER) for one in x509.load_pem_x509_certificates(self.bundle.read_bytes()))

    def _trust(self, authorities: Iterable[bytes]) -> None:
        new = set(authorities) - self._known
        for der in new:
            self.context.load_verify_locations(cadata=der)
        self._known |= new


def _no_password() -> bytes:
    """Instead of OpenSSL's question on the terminal, with which a service would hang."""
    raise ImproperlyConfigured("OCPP_TLS_KEY is protected by a password. Take its password away: openssl pkey -in key.pem -out open.pem")


def doorway(certificate: str, key: str, bundle: str, authorities: Authorities) -> Doorway:
    """From the settings; ImproperlyConfigured with one sentence where something is missing or does not fit."""
    if not certificate:
        raise ImproperlyConfigured("OCPP_TLS_PORT needs OCPP_TLS_CERTIFICATE: a PEM file with the certificate of the port and its chain.")
    for name, path in (("OCPP_TLS_CERTIFICATE", certificate), ("OCPP_TLS_KEY", key), ("OCPP_TLS_CLIENT_CA", bundle)):
        if path and not os.access(path, os.R_OK):
            raise ImproperlyConfigured(f"{name}: the file {path} cannot be read.")
    try:
        return Doorway(Path(certificate), Path(key) if key else None, Path(bundle) if bundle else None, authorities)
    except (ssl.SSLError, ValueError) as error:
        why = " ".join(str(error).split())
        raise ImproperlyConfigured(f"OCPP_TLS_CERTIFICATE, OCPP_TLS_KEY and OCPP_TLS_CLIENT_CA do not fit together: {why}.") from error


def extension(transport: asyncio.BaseTransport) -> dict[str, bytes | None] | None:
    """`scope["extensions"]["tls"]` of a connection on a port of ours with TLS; None for one without. `client_cert` is DER."""
    found: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if found is None:
        return None
    return {"client_cert": found.getpeercert(binary_form=True)}


def make_self_signed(folder: Path, names: Iterable[str]) -> Path:
    """A certificate for trying things out, with its key in the same file; made once, and again when it has expired or lacks a name."""
    file, wanted = folder / "server.pem", sorted({"127.0.0.1", "localhost", *(name for name in names if name.strip("*.["))})
    if file.exists():
        try:
            known = x509.load_pem_x509_certificate(file.read_bytes())
            said = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            in_time = known.not_valid_after_utc > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=7)
            if in_time and {str(name.value) for name in said} == set(wanted):
                return file
        except (ValueError, x509.ExtensionNotFound):
            pass
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Energy Cloud, for trials")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + LASTS)
    for extra, critical in (
        (x509.SubjectAlternativeName([_general(one) for one in wanted]), False),
        (x509.BasicConstraints(ca=True, path_length=0), True),  # so that it can be its own authority at the other end
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    ):
        builder = builder.add_extension(extra, critical)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    folder.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(made + secret)
    return file


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name.lstrip("."))
