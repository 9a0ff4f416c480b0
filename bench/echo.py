"""The ceiling: an ASGI application that reads nothing, keeps nothing and answers every CALL with the same CALLRESULT, in the same server
with the same settings as the gateway. Run as `python bench/echo.py PORT`."""

from __future__ import annotations

import resource
import sys
from typing import Any

import uvicorn

ANSWER = ',{"status":"Accepted","currentTime":"2025-01-01T00:00:00Z","interval":300,"transactionId":1,"idTagInfo":{"status":"Accepted"}}]'


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "ocpp1.6"})
    while (event := await receive())["type"] == "websocket.receive":
        text = event["text"]
        await send({"type": "websocket.send", "text": "[3," + text[3 : text.index('"', 4) + 1] + ANSWER})


if __name__ == "__main__":
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=30,
        ws_ping_timeout=30,
        lifespan="off",
        log_level="warning",
        access_log=False,
    )
