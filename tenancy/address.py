"""From where: the network address of whoever is on the other end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest

# Of the request that is being answered; None outside of one, as in commands and jobs.
_address: ContextVar[str | None] = ContextVar("address", default=None)


def seen_from(direct: str, forwarded: str) -> str:
    """The address of the socket, or behind TRUSTED_PROXIES proxies the one that the outermost of them saw. `forwarded` is the value of
    X-Forwarded-For, all of its headers joined by commas."""
    hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
    trusted = settings.TRUSTED_PROXIES
    return hops[-trusted] if trusted and len(hops) >= trusted else direct


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """Everything inside answers `request`."""
    before = _address.set(seen_from(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", "")))
    try:
        yield
    finally:
        _address.reset(before)


def from_where() -> str | None:
    """The address of the request that is being answered, as a database takes it; None where there is none that can be read."""
    try:
        found = ip_address((_address.get() or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(found)
