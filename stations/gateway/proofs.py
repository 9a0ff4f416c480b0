"""What a station shows at the door: whether it came with TLS, its certificate, and its password."""

from __future__ import annotations

import base64
import binascii
import ssl
from typing import Any, NamedTuple
from urllib.parse import unquote

from django.conf import settings

LONGEST_CERTIFICATE = 16 * 1024  # bytes


class Proof(NamedTuple):
    """`certificate` is DER; that its key is the station's is proven, whom it belongs to is not. `password` None: none that can be read."""

    tls: bool = False
    certificate: bytes | None = None
    password: str | None = None


def proof(scope: dict[str, Any], identity: str) -> Proof:
    """On our own TLS port by the connection itself, else what trusted proxies say in headers: X-Forwarded-Proto and
    OCPP_CLIENT_CERT_HEADER, which they must set on every way in."""
    password = basic_password(scope, identity)
    own: dict[str, bytes | None] | None = scope.get("extensions", {}).get("tls")
    if own is not None:
        return Proof(True, _bounded(own["client_cert"]), password)
    if not settings.TRUSTED_PROXIES:
        return Proof(scope.get("scheme") == "wss", None, password)
    tls = [value.strip().lower() for value in _values(scope, "x-forwarded-proto")] in ([b"https"], [b"wss"])
    return Proof(tls, _of_proxy(scope) if tls else None, password)


def _of_proxy(scope: dict[str, Any]) -> bytes | None:
    """The PEM that nginx has in $ssl_client_escaped_cert. None where there is more than one: somebody tries to be somebody else."""
    name = settings.OCPP_CLIENT_CERT_HEADER
    values = _values(scope, name) if name else []
    if len(values) != 1 or not values[0]:
        return None
    try:
        return _bounded(ssl.PEM_cert_to_DER_cert(unquote(values[0].decode("ascii")).strip()))
    except (ValueError, binascii.Error):
        return None


def _bounded(der: bytes | None) -> bytes | None:
    return der if der and len(der) <= LONGEST_CERTIFICATE else None


def _values(scope: dict[str, Any], name: str) -> list[bytes]:
    wanted = name.encode("latin-1")
    return [value for key, value in scope["headers"] if key == wanted]


def basic_password(scope: dict[str, Any], identity: str) -> str | None:
    """The password of the Authorization header; None without a readable one, or when its user is not `identity`.

    The key that a station gets over OCPP 1.6 is written in hexadecimal (security whitepaper, AuthorizationKey): some send it as it is
    written, others the bytes it stands for. The latter are given as they were written.
    """
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _space, encoded = value.partition(b" ")
            if kind.lower() == b"basic" and len(encoded) < 400:
                try:
                    pair = base64.b64decode(encoded.strip(), validate=True)
                except binascii.Error:
                    return None
                # Not split at the first colon: a station id may have one.
                if not pair.startswith(f"{identity}:".encode()):
                    return None
                password = pair[len(identity.encode()) + 1 :]
                try:
                    return password.decode("utf-8")
                except UnicodeDecodeError:
                    return password.hex()
    return None
