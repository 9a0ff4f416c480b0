"""Asking others whether a certificate of theirs is revoked (OCSP, RFC 6960), before a message goes to the ledger.

A station names the address. Only hosts that the platform has listed (OCSP_RESPONDERS) are ever called; nothing is followed from there, and
what comes back must be about the certificate that was asked for. Whose signature it bears the station checks: it has the chain.
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from django.conf import settings

from stations.ocpp.events import AskedCertificate, CardOffered, Event, StatusWanted
from stations.ocpp.frames import OcppError
from stations.pki import signing

log = logging.getLogger("stations.gateway")

PATIENCE = 5.0  # seconds for all that one message asks
MOST = 4 * 1024  # bytes of an answer: more does not fit into ours
PORTS = {"http": 80, "https": 443}


async def ask_for(event: Event | OcppError | None) -> dict[AskedCertificate, bytes]:
    """What responders say (DER) of the certificates that a message asks about."""
    if not settings.OCSP_RESPONDERS or not isinstance(event, StatusWanted | CardOffered):
        return {}
    asked = [event.asked] if isinstance(event, StatusWanted) else list(event.chain)
    asked = [one for one in asked if is_listed(one.responder)]
    if not asked:
        return {}
    found: dict[AskedCertificate, bytes] = {}
    try:
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=PATIENCE) as client:
            for one in asked:
                if answer := await _ask(client, one):
                    found[one] = answer
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        log.info("a responder could not be asked: %s", type(error).__name__)
    return found


def is_listed(url: str) -> bool:
    """Whether the platform lets this address be called."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return False
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None or parts.password is not None:
        return False
    names = {f"{parts.hostname}:{port}"} | ({parts.hostname} if port == PORTS[parts.scheme] else set())
    return bool(names & {host.lower() for host in settings.OCSP_RESPONDERS})


async def _ask(client: httpx.AsyncClient, one: AskedCertificate) -> bytes | None:
    wanted = signing.HashData(one.algorithm, one.name_hash, one.key_hash, one.serial).folded
    names, keys, serial = bytes.fromhex(wanted.name_hash), bytes.fromhex(wanted.key_hash), int(wanted.serial, 16)
    request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(names, keys, serial, signing.HASHES[wanted.algorithm]()).build()
    headers = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
    body = bytearray()
    async with client.stream("POST", one.responder, content=request.public_bytes(Encoding.DER), headers=headers) as response:
        if response.status_code != 200:
            return None
        async for piece in response.aiter_bytes(MOST):
            body += piece
            if len(body) > MOST:
                return None
    said = ocsp.load_der_ocsp_response(bytes(body))
    if said.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return None
    about = (said.serial_number, said.issuer_name_hash, said.issuer_key_hash)
    return bytes(body) if about == (serial, names, keys) else None
