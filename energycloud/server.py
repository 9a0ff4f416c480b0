"""The server: uvicorn with the settings the stations need, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import socket
import sys
from typing import Any

import uvicorn
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from energycloud import tls
from stations import certificates
from stations.gateway import hub

log = logging.getLogger("energycloud.server")

LINGER = 1.0  # seconds a closed socket may take to send what waits
HEAD_TIMEOUT = 10.0  # seconds for the head of a request, from the connection or from its first byte
MAX_HEAD_BYTES = 64 * 1024  # nginx and browsers stay far below
LOOK_AGAIN = 20  # ticks of 0.1 s after which files and authorities of the TLS port are looked at again


class Http(HttpToolsProtocol):
    """uvicorn waits for the head of a request as long as it takes, however long it gets. Strangers must not decide about either."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _tls: dict[str, bytes | None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._tls = tls.extension(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._tls is not None:
            self.scope["extensions"] = {"tls": self._tls}  # type: ignore[dict-item]
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        # No proxy stands before our own TLS port: nobody there may say who they are in a proxy's words.
        if self._tls is None or not _is_of_proxies(name.lower()):
            super().on_header(name, value)

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


def _is_of_proxies(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name.decode("latin-1") == settings.OCPP_CLIENT_CERT_HEADER


class Socket(WebSocketsSansIOProtocol):
    """A peer that never reads keeps what we wrote waiting, and an orderly close would wait with it, for ever."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)  # the application runs later
        found = tls.extension(self.transport)
        if found is not None and hasattr(self, "scope"):
            extensions: dict[Any, Any] = self.scope["extensions"]
            extensions["tls"] = found

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
    """With a second port for stations that speak TLS, where `tls_port` is one."""

    doorway: tls.Doorway | None

    def __init__(self, config: uvicorn.Config, tls_port: int = 0) -> None:
        super().__init__(config)
        self.tls_port, self.doorway, self._refreshing = tls_port, None, False
        if tls_port:
            self.doorway = tls.doorway(
                settings.OCPP_TLS_CERTIFICATE, settings.OCPP_TLS_KEY, settings.OCPP_TLS_CLIENT_CA, certificates.authorities
            )
            _refresh(self.doorway)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        secure = [await self._listen_for_tls(self.doorway)] if self.doorway else []
        await super().startup(sockets)
        self.servers += secure
        # A full collection walks everything ever loaded and stops the process for about 80 ms; messages make hardly any cycles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)

    async def _listen_for_tls(self, doorway: tls.Doorway) -> asyncio.Server:
        def protocol() -> asyncio.Protocol:
            return Http(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

        try:
            return await asyncio.get_running_loop().create_server(
                protocol, self.config.host, self.tls_port, ssl=doorway.context, backlog=self.config.backlog,
                ssl_handshake_timeout=tls.HANDSHAKE_TIMEOUT, ssl_shutdown_timeout=LINGER,
            )  # fmt: skip
        except OSError as error:
            raise ImproperlyConfigured(f"OCPP_TLS_PORT: port {self.tls_port} cannot be used ({error.strerror}).") from error

    async def on_tick(self, counter: int) -> bool:
        if self.doorway and counter % LOOK_AGAIN == LOOK_AGAIN - 1 and not self._refreshing:
            self._refreshing = True
            asyncio.get_running_loop().run_in_executor(None, self._refresh_beside, self.doorway)
        return await super().on_tick(counter)

    def _refresh_beside(self, doorway: tls.Doorway) -> None:
        """In a thread of the executor."""
        try:
            _refresh(doorway)
        finally:
            connection.close()
            self._refreshing = False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Before uvicorn closes anything: what stations sent is committed and answered, then their sockets close with 1012."""
        for server in self.servers:
            server.close()
        await hub.drain()
        await super().shutdown(sockets)


def _refresh(doorway: tls.Doorway) -> None:
    try:
        doorway.refresh()
    except Error as error:
        log.warning("the authorities of stations could not be read: %s", error)


def make(host: str, port: int, tls_port: int = 0) -> Server:
    """Everything on `port`; with a `tls_port` stations also there, with TLS (ImproperlyConfigured where its certificate does not fit)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a socket per station
    sys.setswitchinterval(0.001)  # the ledger gets the interpreter back sooner from the sockets' thread when the database has answered
    return Server(uvicorn.Config(
        "energycloud.asgi:application", host=host, port=port, ws=Socket, loop="uvloop", http=Http, lifespan="off",
        ws_max_size=settings.OCPP_MAX_FRAME_BYTES, ws_ping_interval=settings.OCPP_PING_INTERVAL, ws_ping_timeout=settings.OCPP_PING_TIMEOUT,
        ws_per_message_deflate=False, backlog=8192, access_log=False, log_config=None, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=5,
    ), tls_port)  # fmt: skip
