"""A gateway in this process, on the database of the test, and stations that speak to it over a real websocket."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from energycloud import server
from stations.gateway import hub
from tests.conftest import STATION_PASSWORD, Tree


class Wire:
    """A station's end of the socket: `call` sends a CALL and gives the answer, `raw` sends anything."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def call(self, action: str, payload: Any = None, message_id: str | None = None) -> Any:
        """The payload of the CALLRESULT, or the code of the CALLERROR."""
        answer = self.raw(json.dumps([2, message_id or uuid.uuid4().hex, action, {} if payload is None else payload]))
        return answer[2]

    def raw(self, text: str | bytes, seconds: float = 10) -> Any:
        self.socket.send(text)
        return self.receive(seconds)

    def receive(self, seconds: float = 10) -> Any:
        return json.loads(self.socket.recv(timeout=seconds))

    def expect_call(self, seconds: float = 10) -> tuple[str, str, Any]:
        """The next CALL of the portal: message id, action, payload."""
        kind, message_id, action, payload = self.receive(seconds)
        assert kind == 2
        return message_id, action, payload

    def answer(self, message_id: str, payload: Any) -> None:
        self.socket.send(json.dumps([3, message_id, payload]))

    def silent(self, seconds: float = 0.5) -> bool:
        try:
            self.socket.recv(timeout=seconds)
        except TimeoutError:
            return True
        return False

    def closed(self, seconds: float = 10) -> int:
        """Wait for the close; its code."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.socket.recv(timeout=0.2)
            except TimeoutError:
                continue
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006
        raise AssertionError("the socket is still open")

    def close(self) -> None:
        self.socket.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Gateway:
    def __init__(self, *, tls: bool = False) -> None:
        self.port, self.tls_port = free_port(), free_port() if tls else 0
        self.url = f"ws://127.0.0.1:{self.port}/ocpp/"
        self.server = server.make("127.0.0.1", self.port, self.tls_port)
        if self.server.doorway:
            # The client reads and writes in two threads, which OpenSSL does not bear while tickets are read (TLS 1.3): it then hangs.
            self.server.doorway.context.num_tickets = 0
        self.thread = threading.Thread(target=self.server.run, name="gateway", daemon=True)
        self.open = ExitStack()

    def start(self) -> None:
        self.thread.start()
        until(lambda: self.server.started)

    def stop(self) -> None:
        """What concerns the database has ended afterwards; the server's thread is given time until the end of the run."""
        self.open.close()
        if self.thread.is_alive() and hub._hub is not None and not hub._hub.loop.is_closed():
            asyncio.run_coroutine_threadsafe(hub.drain(), hub._hub.loop).result(20)
        self.server.should_exit = True
        ENDING.append(self.thread)

    def upgrade(self, identity: str = "LUM-0001", password: str = STATION_PASSWORD) -> bytes:
        """The request for an upgrade, as it goes over the wire."""
        token = base64.b64encode(f"{identity}:{password}".encode()).decode()
        lines = (
            f"GET /ocpp/{identity} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: ocpp1.6",
            f"Authorization: Basic {token}", "", "",
        )  # fmt: skip
        return "\r\n".join(lines).encode()

    def raw(self, identity: str = "LUM-0001") -> socket.socket:
        """The bare TCP socket after the upgrade: what is sent from here on must be frames (see `frame`), and nothing is answered for us."""
        bare = self.open.enter_context(socket.socket())
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        bare.connect(("127.0.0.1", self.port))
        bare.sendall(self.upgrade(identity))
        assert bare.recv(12) == b"HTTP/1.1 101"
        return bare

    def connect(self, identity: str = "LUM-0001", password: str = STATION_PASSWORD, **options: Any) -> Wire:
        token = base64.b64encode(f"{options.pop('user', identity)}:{password}".encode()).decode()
        headers = options.pop("headers", {"Authorization": f"Basic {token}"})
        headers = headers | options.pop("extra", {})
        options = {"subprotocols": ["ocpp1.6"], "compression": None, "proxy": None, "max_size": None, "close_timeout": 1} | options
        url = options.pop("url", self.url) + quote(identity, safe="")
        return Wire(self.open.enter_context(connect(url, additional_headers=headers, **options)))


def frame(text: str | bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """A websocket frame of a client, masked with zeros (RFC 6455 §5.2)."""
    data = text.encode() if isinstance(text, str) else text
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes([(0x80 if fin else 0) | opcode]) + size + bytes(4) + data


def until(what: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait until `what()` is true; what it is then."""
    deadline = time.monotonic() + seconds
    while True:
        if found := what():
            return found
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


ENDING: list[threading.Thread] = []


@pytest.fixture(scope="session", autouse=True)
def every_server_ends(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Before the database of the tests is taken down: they have connections to it."""
    yield
    for thread in ENDING:
        thread.join(20)
        assert not thread.is_alive()
    gc.unfreeze()  # what the server froze when it started
    gc.collect()  # a thread of a test may have ended with a connection
    with django_db_blocker.unblock():
        end_every_session()


def end_every_session() -> None:
    """PostgreSQL takes no database down while somebody is connected to it. What was never given back to the pool is told: it is a leak."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        counted = connection.pool.get_stats()  # type: ignore[attr-defined]
        cursor.execute(
            "SELECT pg_terminate_backend(pid), query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if counted["pool_size"] - counted["pool_available"] > 1:
            print("Connections that were not given back:", cursor.fetchall(), threading.enumerate(), file=sys.__stderr__)


@pytest.fixture
def gateway(transactional_db: None, tree: Tree) -> Iterator[Gateway]:
    one = Gateway()
    one.start()
    yield one
    one.stop()


@pytest.fixture
def wire(gateway: Gateway) -> Wire:
    """LUM-0001, connected."""
    return gateway.connect()
