"""The server: uvicorn with the settings the stations need, and an orderly end."""

from __future__ import annotations

import gc
import resource
import socket
import sys

import uvicorn
from django.conf import settings

from stations.gateway import hub


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
        "energycloud.asgi:application", host=host, port=port, ws="websockets-sansio", loop="uvloop", http="httptools", lifespan="off",
        ws_max_size=settings.OCPP_MAX_FRAME_BYTES, ws_ping_interval=settings.OCPP_PING_INTERVAL, ws_ping_timeout=settings.OCPP_PING_TIMEOUT,
        ws_per_message_deflate=False, backlog=8192, access_log=False, log_config=None, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=5,
    ))  # fmt: skip
