"""Strangers before their request is whole: they cost little, not for long, and harm no station."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import suppress

import pytest

from tests.ocpp.conftest import Gateway

pytestmark = pytest.mark.engines


def knock(gateway: Gateway) -> socket.socket:
    return gateway.open.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 5))


def ended(bare: socket.socket, seconds: float) -> bool:
    """Whether the other end closes within `seconds`."""
    bare.settimeout(0.1)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(TimeoutError):
            try:
                if not bare.recv(65536):
                    return True
            except ConnectionError:
                return True
    return False


def test_a_request_without_end_is_cut_off(gateway: Gateway) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bare, sent = knock(gateway), 0
    bare.sendall(b"GET /ocpp/LUM-0001 HTTP/1.1\r\nHost: x\r\n")
    with suppress(OSError):
        while sent < 60_000_000:
            sent += bare.send(b"X-Filler: " + b"x" * 60_000 + b"\r\n")
    assert sent < 2_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000
    assert "currentTime" in gateway.connect().call("Heartbeat")


@pytest.mark.parametrize("said", [b"", b"GET /ocpp/LUM-0001 HTTP/1.1\r\nHost: x\r\n"])
def test_who_says_nothing_or_only_half_is_not_waited_for(said: bytes, gateway: Gateway) -> None:
    bare = knock(gateway)
    bare.sendall(said)
    assert ended(bare, 15)
