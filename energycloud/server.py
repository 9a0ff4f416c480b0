"""The server: uvicorn with the settings the stations need, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import sys

import uvicorn
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from stations.gateway import hub

LINGER = 1.0  # seconds a closed socket may take to send what waits
HEAD_TIMEOUT = 10.0  # seconds for the head of a request, from the connection or from its first byte
MAX_HEAD_BYTES = 64 * 1024  # nginx and browsers stay far below


class Http(HttpToolsProtocol):
    """uvicorn waits for the head of a request as long as it takes, however long it gets. Strangers must not decide about either."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of this request is too long.")

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_bytes = 0
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.abort)

    def _head_is_here(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class Socket(WebSocketsSansIOProtocol):
    """A peer that never reads keeps what we wrote waiting, and an orderly close would wait with it, for ever."""

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_later()

    def shutdown(self) -> None:
        super().shutdown()
        self._abort_later()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if not self.disconnected:
            self._abort_later(self.close_timeout)

    def _abort_later(self, more: float = 0.0) -> None:
        self.loop.call_later(LINGER + more, self.transport.abort)


class Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # A full collection walks everything ever loaded and stops the process for about 80 ms; messages make hardly any cycles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Before uvicorn closes anything: what stations sent is committed and answered, then their sockets close with 1012."""
        for server in self.servers:
            server.close()
        await hub.drain()
        await super().shutdown(sockets)


def make(host: str, port: int) -> Server:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a socket per station
    sys.setswitchinterval(0.001)  # the ledger gets the interpreter back sooner from the sockets' thread when the database has answered
    return Server(uvicorn.Config(
        "energycloud.asgi:application", host=host, port=port, ws=Socket, loop="uvloop", http=Http, lifespan="off",
        ws_max_size=settings.OCPP_MAX_FRAME_BYTES, ws_ping_interval=settings.OCPP_PING_INTERVAL, ws_ping_timeout=settings.OCPP_PING_TIMEOUT,
        ws_per_message_deflate=False, backlog=8192, access_log=False, log_config=None, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=5,
    ))  # fmt: skip
