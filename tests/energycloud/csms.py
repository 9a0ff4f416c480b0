"""The least of a server that speaks OCPP 2.0.1 or 1.6: it checks messages against the schemas and answers yes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from ocpp.messages import Call, CallResult, validate_payload
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Payload = dict[str, Any]
ACCEPTED = {"status": "Accepted"}


class Server:
    """`heard` is what stations said, in order. `says` overrides an answer: a payload, or a function of the payload."""

    def __init__(self, version: str) -> None:
        self.version, self.url = version, ""
        self.heard: list[tuple[str, Payload]] = []
        self.says: dict[str, Any] = {}
        self.wrong: list[str] = []  # messages that the schema does not allow
        self.connections: list[ServerConnection] = []
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._count = 0

    async def take(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        async for text in connection:
            kind, identity, *rest = json.loads(text)
            if kind != 2:
                self._answers.pop(identity).set_result(rest)
                continue
            action, payload = rest
            await self._check(Call(identity, action, payload))
            self.heard.append((action, payload))
            answer = self.says.get(action, self.usual(action))
            answer = answer(payload) if callable(answer) else answer
            if answer is not None:
                await self._check(CallResult(identity, answer, action))
                with contextlib.suppress(ConnectionClosed):  # the station did not wait
                    await connection.send(json.dumps([3, identity, answer]))

    def usual(self, action: str) -> Payload:
        now = datetime.now(UTC).isoformat()
        accepted: dict[str, Payload] = {
            "BootNotification": {"status": "Accepted", "currentTime": now, "interval": 300}, "Heartbeat": {"currentTime": now},
            "Authorize": {"idTokenInfo": ACCEPTED} if self.version == "2.0.1" else {"idTagInfo": ACCEPTED},
            "StartTransaction": {"transactionId": 7, "idTagInfo": ACCEPTED}, "SignCertificate": ACCEPTED, "DataTransfer": ACCEPTED,
        }  # fmt: skip
        return accepted.get(action, {})

    async def _check(self, message: Call | CallResult) -> None:
        try:
            await validate_payload(message, self.version)
        except Exception as error:
            self.wrong.append(f"{message.action} {message.payload}: {error}")

    async def ask(self, action: str, payload: Payload | None = None) -> Any:
        """The payload of the answer, or the code of the error."""
        self._count += 1
        call = Call(f"c{self._count}", action, payload or {})
        await self._check(call)
        self._answers[call.unique_id] = future = asyncio.get_running_loop().create_future()
        await self.connections[-1].send(call.to_json())
        answer = await asyncio.wait_for(future, 5)
        if isinstance(answer[0], dict):
            await self._check(CallResult(call.unique_id, answer[0], action))
        return answer[0]

    def of(self, action: str) -> list[Payload]:
        return [payload for heard, payload in self.heard if heard == action]

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until the condition is true; its value."""
        deadline = asyncio.get_running_loop().time() + 5
        while not (value := condition()):
            assert asyncio.get_running_loop().time() < deadline, self.heard[-8:]
            await asyncio.sleep(0.01)
        return value


@asynccontextmanager
async def server(version: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    one = Server(version)
    async with serve(one.take, "127.0.0.1", 0, subprotocols=[f"ocpp{version}"], ssl=tls) as listening:  # type: ignore[list-item]
        one.url = f"{'wss' if tls else 'ws'}://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}/ocpp/"
        yield one
    assert not one.wrong, one.wrong
