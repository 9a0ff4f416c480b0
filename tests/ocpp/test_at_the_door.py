"""Strangers before their request is whole: they cost little, not for long, and harm no station."""

from __future__ import annotations

import http.client
import logging
import socket
import time
from contextlib import suppress

import pytest

from energycloud import server
from tests.ocpp.conftest import Gateway

pytestmark = pytest.mark.engines

H2C = b"GET /account/login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n"


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


@pytest.mark.parametrize("filler", [b"X-Filler: " + b"x" * 60_000 + b"\r\n", b"x" * 60_000])
def test_a_request_without_end_is_cut_off(filler: bytes, gateway: Gateway) -> None:
    bare, sent = knock(gateway), 0
    bare.sendall(b"GET /ocpp/LUM-0001 HTTP/1.1\r\nHost: x\r\nX-One: ")
    with suppress(OSError):
        while sent < 40_000_000:
            sent += bare.send(filler)
    assert sent < 20_000_000, "what the kernel keeps by itself"
    assert "currentTime" in gateway.connect().call("Heartbeat")


@pytest.mark.parametrize("said", [b"", b"GET /ocpp/LUM-0001 HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /"])
def test_who_says_nothing_or_only_half_is_not_waited_for(said: bytes, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_TIMEOUT", 0.5)
    wire, bare = gateway.connect(), knock(gateway)
    bare.sendall(said)
    assert ended(bare, 3)
    assert "currentTime" in wire.call("Heartbeat"), "who is in stays in"


def test_a_head_in_pieces_a_large_body_and_a_second_request_are_fine(gateway: Gateway) -> None:
    bare = knock(gateway)
    for piece in (b"GET /account/login/ HT", b"TP/1.1\r\nHost: local", b"host\r\nX: " + b"x" * 30_000, b"\r\n\r\n"):
        bare.sendall(piece)
        time.sleep(0.05)
    assert bare.recv(12) == b"HTTP/1.1 200"
    browser = http.client.HTTPConnection("localhost", gateway.port, timeout=10)
    for _ in range(2):
        browser.request("POST", "/account/login/", b"x" * 300_000)
        answer = browser.getresponse()
        answer.read()
        assert answer.status == 403, "no CSRF token, and not 400"
    browser.close()


def test_no_line_in_the_log_for_each_broken_request(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """An outsider would decide how long our log gets."""
    for said in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", H2C):
        bare = knock(gateway)
        bare.sendall(said)
        assert ended(bare, 3)
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []
