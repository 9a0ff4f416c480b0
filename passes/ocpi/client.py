"""Our requests to providers. Their addresses come from outside, so every connection is made to an address that was looked at:
https only (http for this machine, in trials), no private networks, no redirects, no proxies, and no answer is read beyond a limit."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import ssl
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpcore
import httpx
from django.conf import settings

from passes.ocpi import keys
from passes.ocpi.objects import SUCCESS

MOST_BYTES = 8 * 1024 * 1024  # of an answer with a page of cards
MOST_ANSWER = 64 * 1024  # of any other
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # addresses of IPv4 in those of IPv6
MOST_TRIED = 3  # addresses of one host
LONGEST = 60.0  # seconds for a whole answer, however slowly it drips


class Unusable(Exception):
    """The provider could not be asked, or what it answered is no OCPI. `str` says why, in words for people, without any secret.
    `status` is the HTTP status where there was one."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Answer(NamedTuple):
    """An answer of OCPI (§4.1.7)."""

    http: int
    code: int
    message: str
    data: Any
    headers: Mapping[str, str]

    @property
    def good(self) -> bool:
        return self.http < 300 and SUCCESS <= self.code < 2000


# -- where to -----------------------------------------------------------------------------------------------------------------------------


def check_url(url: str) -> None:
    """Refuses what must not be called, as far as the address itself tells. Raises Unusable."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise Unusable("the address cannot be read") from None
    if parts.scheme == "https" and host:
        return
    if parts.scheme == "http" and settings.OCPI_PRIVATE_ADDRESSES and (host == "localhost" or _is_loopback(host)):
        return
    raise Unusable("the address must begin with https://")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _public(found: Iterable[Any]) -> list[str]:
    """The network addresses of a host that may be connected to."""
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    if settings.OCPI_PRIVATE_ADDRESSES:
        return addresses
    good = []
    for address in addresses:
        ip = ipaddress.ip_address(address)
        inside = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
        if ip in NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if ip.is_global and inside.is_global and not ip.is_multicast:
            good.append(address)
    if not good:
        raise httpcore.ConnectError("it stands in a private network")
    return good


class _Looked(httpcore.AnyIOBackend):
    """Connects to addresses that were looked at, and not to what the name says a moment later."""

    async def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("its name is not known") from error
        *first, last = _public(found)[:MOST_TRIED]
        for address in first:
            try:
                return await super().connect_tcp(address, port, *args, **options)
            except httpcore.ConnectError:
                continue
        return await super().connect_tcp(last, port, *args, **options)


class _LookedSync(httpcore.SyncBackend):
    def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("its name is not known") from error
        *first, last = _public(found)[:MOST_TRIED]
        for address in first:
            try:
                return super().connect_tcp(address, port, *args, **options)
            except httpcore.ConnectError:
                continue
        return super().connect_tcp(last, port, *args, **options)


class _Transport(httpx.AsyncHTTPTransport):
    def __init__(self, connections: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(), max_connections=connections, max_keepalive_connections=connections // 4,
            keepalive_expiry=30, network_backend=_Looked(),
        )  # fmt: skip


class _SyncTransport(httpx.HTTPTransport):
    def __init__(self) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), max_connections=4, network_backend=_LookedSync()
        )  # fmt: skip


def asynchronous(connections: int) -> httpx.AsyncClient:
    """A client for many questions at once, on one event loop. Deadlines are the asker's."""
    timeout = httpx.Timeout(15, pool=None)
    return httpx.AsyncClient(transport=_Transport(connections), timeout=timeout, trust_env=False, follow_redirects=False)


def synchronous(seconds: float) -> httpx.Client:
    return httpx.Client(transport=_SyncTransport(), timeout=seconds, trust_env=False, follow_redirects=False)


# -- what is sent and what comes back -----------------------------------------------------------------------------------------------------


def headers(token: str, to: tuple[str, str] | None = None, *, routed: bool = True) -> dict[str, str]:
    """§4.1.2, §4.1.8 and §4.2. `to` is the party asked; None lets a network find out whose card it is. Configuration modules are not
    routed."""
    found = {
        "Authorization": keys.header(token), "Accept": "application/json",
        "X-Request-ID": str(uuid.uuid4()), "X-Correlation-ID": str(uuid.uuid4()),
    }  # fmt: skip
    if routed:
        country, party = settings.OCPI_PARTY
        found |= {"OCPI-from-country-code": country, "OCPI-from-party-id": party}
        if to:
            found |= {"OCPI-to-country-code": to[0], "OCPI-to-party-id": to[1]}
    return found


def get(client: httpx.Client, url: str, sent: dict[str, str], most: int = MOST_ANSWER) -> Answer:
    check_url(url)
    end = time.monotonic() + LONGEST
    try:
        with client.stream("GET", url, headers=sent) as response:
            body = bytearray()
            for piece in response.iter_bytes(64 * 1024):
                body += piece
                if len(body) > most or time.monotonic() > end:
                    raise Unusable("its answer is too long", response.status_code)
            return read(response, bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        raise Unusable(reason(error)) from error


async def post(client: httpx.AsyncClient, url: str, sent: dict[str, str], body: Any) -> Answer:
    check_url(url)
    try:
        async with client.stream("POST", url, headers=sent, json=body) as response:
            found = bytearray()
            async for piece in response.aiter_bytes(16 * 1024):
                found += piece
                if len(found) > MOST_ANSWER:
                    raise Unusable("its answer is too long", response.status_code)
            return read(response, bytes(found))
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        raise Unusable(reason(error)) from error


def read(response: httpx.Response, body: bytes) -> Answer:
    """The envelope. Errors of HTTP may come without one; 404 is an answer that some give (§12.2.2.2)."""
    status = response.status_code
    if 300 <= status < 400:
        raise Unusable("it sends us elsewhere, which is not followed", status)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    code = found.get("status_code") if isinstance(found, dict) else None
    if isinstance(found, dict) and isinstance(code, int) and not isinstance(code, bool):
        said = "".join(sign if sign.isprintable() else " " for sign in str(found.get("status_message") or "")[:200])
        return Answer(status, code, said, found.get("data"), response.headers)
    if status >= 400:
        return Answer(status, 0, "", None, response.headers)
    raise Unusable("its answer is no OCPI", status)


def reason(error: Exception) -> str:
    """Why there was no answer, in words."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ReadTimeout | httpx.WriteTimeout):
        return "it did not answer in time"
    text = str(error)
    for known in ("it stands in a private network", "its name is not known"):
        if known in text:
            return known
    if "CERTIFICATE_VERIFY" in text.upper():
        return "its certificate is not trusted"
    if isinstance(error, httpx.ConnectError):
        return "no connection is made"
    return "the connection broke off"
