"""One socket of a station: `ws(s)://host/ocpp/<identity>` with HTTP Basic.

A Channels consumer with its own receive loop: authenticated before the upgrade, no channel-layer channel, one frame at a time. The next
frame is read when the last one is answered, so a flood only slows down the station that sends it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from channels.consumer import AsyncConsumer
from django.conf import settings

from stations import addresses, credentials
from stations.gateway import responders, turns
from stations.gateway.entries import Attached, Connect, Question, Received, Refused, StationState
from stations.gateway.hub import Hub, Unavailable, get_hub
from stations.gateway.proofs import proof
from stations.models.infrastructure import IDENTITY
from stations.ocpp import frames, masking, versions
from stations.ocpp.events import Event
from tenancy.address import seen_from

log = logging.getLogger("stations.gateway")

PREFIX = "/ocpp/"
UNSUPPORTED_DATA, POLICY_VIOLATION = 1003, 1008
LONGEST_IDENTITY = 48
MAX_UNREADABLE = 50  # frames in a row that are no OCPP before the socket is closed

Send = Callable[[dict[str, Any]], Awaitable[None]]


class StationConsumer(AsyncConsumer):
    state: StationState
    station_id: int
    generation: int
    reader: versions.Reader

    def __init__(self) -> None:
        self.outstanding: tuple[str, int] | None = None  # message id and key of our CALL that waits for its answer
        self.timer: asyncio.TimerHandle | None = None
        self.late: dict[str, int] | None = None  # our CALLs that timed out; a late answer is still kept
        self.secrets: tuple[str, ...] = ()  # what we have told it lately, and nobody is to read
        self._unreadable = 0  # frames in a row that are no OCPP
        self._closing = False

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
        self._send = send
        await receive()  # websocket.connect
        try:
            hub = await get_hub()
        except Unavailable:
            await refuse(scope, send, RESTARTING)
            return
        identity, address = scope["path"].removeprefix(PREFIX), client_address(scope)
        admitted = await self._knock(hub, scope, identity, address)
        if isinstance(admitted, Refusal):
            await refuse(scope, send, admitted)
            return
        self.reader = versions.reader(self.version)
        self.station_id, self.generation, self.state = admitted.station_id, admitted.generation, admitted.state
        try:
            try:
                await send({"type": "websocket.accept", "subprotocol": versions.SUBPROTOCOL + self.version})
            finally:
                hub.attach(self)  # even if nobody is there any more: it is the newest now, and what it replaced must not linger
            await self._converse(hub, receive)
        except OSError:
            pass  # the station went away while we wrote
        finally:
            hub.detach(self)

    async def _knock(self, hub: Hub, scope: dict[str, Any], identity: str, address: str) -> Attached | Refusal:
        if hub.draining:
            return RESTARTING
        name = identity[: LONGEST_IDENTITY + 1]  # bounds what the throttle remembers
        if hub.throttle.blocked(address, name):
            return TOO_MANY
        self.version = versions.agreed(scope.get("subprotocols", ()))
        if not self.version:
            return NO_SUBPROTOCOL
        possible = re.fullmatch(IDENTITY.regex, identity) is not None
        if not possible and not (1 <= len(identity) <= LONGEST_IDENTITY and identity.isprintable()):
            hub.throttle.refused(address, name)
            return NO_IDENTITY
        # Without readable credentials there is nothing to compare: still the same answer, and a trace of the identity for the operator.
        shown = proof(scope, identity)
        password = shown.password or ""
        future: asyncio.Future[Attached | Refused | None] = hub.loop.create_future()
        keep = credentials.SHORTEST <= len(password.encode()) <= credentials.LONGEST
        hub.ledger.submit(Connect(
            datetime.now(UTC), future, identity=identity, digest=credentials.digest(password), keep_digest=keep, address=address,
            version=self.version, gateway=hub.name,
            origin=addresses.origin_of(scope), password_given=bool(password), tls=shown.tls, certificate=shown.certificate,
        ))  # fmt: skip
        outcome = await future
        if isinstance(outcome, Attached):
            hub.throttle.admitted(address, identity)
            return outcome
        if outcome is None:
            return RESTARTING  # nobody looked at the password
        hub.throttle.refused(address, identity)
        return WRONG if possible else NO_IDENTITY

    async def _converse(self, hub: Hub, receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive" or self.is_closing():
                return  # what came behind our close is not answered, so the station sends it again on its next socket
            if hub.draining:
                continue  # not read any more: the station sends it again after the restart
            text = message.get("text")
            if text is None:
                await self.close(UNSUPPORTED_DATA)
                return
            if len(text) > settings.OCPP_MAX_FRAME_BYTES:
                await self.close(1009)
                return
            if self.secrets:  # some tell a password that they were given to whoever listens
                text = masking.without((one for one in self.secrets if len(one) >= masking.LONG), text)
            turn = await hub.turns.begin() if len(text) > turns.LARGE else None
            try:
                await self._take_in(hub, text)
            finally:
                if turn:
                    turn.end()

    async def _take_in(self, hub: Hub, text: str) -> None:
        """Read, book and answer a frame."""
        if hub.draining or self.is_closing():  # since it waits for its turn
            return
        entry = self._read(hub, text)
        if entry is None:
            return
        self._unreadable = 0 if entry.action else self._unreadable + 1
        if self._unreadable > MAX_UNREADABLE:
            await self.close(POLICY_VIOLATION)
            return
        hub.in_flight += 1
        try:
            entry.responses = await responders.ask_for(entry.event)
            entry.future = hub.loop.create_future()
            hub.ledger.submit(entry)
            answer = await entry.future
            if isinstance(answer, Question):
                entry.advice = await hub.inquire(answer)
                entry.future = hub.loop.create_future()
                hub.ledger.submit(entry)
                answer = await entry.future
            if answer is not None and not self.is_closing():
                await self._send({"type": "websocket.send", "text": answer})
        finally:
            hub.in_flight -= 1

    def _read(self, hub: Hub, text: str) -> Received | None:
        """The frame as the ledger wants it; None for an answer to a command of ours, which is on its way already."""
        now = datetime.now(UTC)
        try:
            frame = frames.parse(text)
        except frames.OcppError as error:
            return self._received(now, text, error.message_id, error.action, error)
        except frames.Ignored:
            return self._received(now, text, "", "", None)
        if not isinstance(frame, frames.Call):
            if hub.answer_arrived(self, frame, text, now):
                return None
            return self._received(now, text, "", "", None)
        try:
            faults: list[str] = []
            event = self.reader.read(frame.action, frame.payload, faults)
            received = self._received(now, text, frame.message_id, frame.action, event)
            received.faults = faults
            return received
        except frames.OcppError as error:
            error.message_id = frame.message_id
            return self._received(now, text, frame.message_id, frame.action, error)
        except Exception:
            log.exception("a %s of station %s could not be read", frame.action, self.station_id)
            failure = frames.OcppError("InternalError", "This could not be read; it is kept in the log.", frame.message_id)
            return self._received(now, text, frame.message_id, frame.action, failure)

    def _received(self, at: datetime, text: str, message_id: str, action: str, event: Event | frames.OcppError | None) -> Received:
        return Received(at, None, self.state, text, message_id, action, event, self.reader)

    async def transmit(self, text: str) -> None:
        """Put a frame of ours on the wire; a station that is gone is noticed elsewhere."""
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError):
            log.info("a command to station %s met a closed socket", self.station_id)

    def is_closing(self) -> bool:
        return self._closing

    async def close(self, code: int) -> None:
        if self.is_closing():
            return
        self._closing = True
        try:
            await self._send({"type": "websocket.close", "code": code})
        except (OSError, RuntimeError):
            pass  # closed already


def client_address(scope: dict[str, Any]) -> str:
    """The station's address, as `seen_from` has it."""
    direct = (scope.get("client") or ("", 0))[0] or ""
    forwarded = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
    return seen_from(direct, forwarded)[:45]


class Refusal(NamedTuple):
    """An upgrade that is not granted, as it is answered."""

    status: int
    reason: str
    header: tuple[bytes, bytes] | None = None


NO_SUBPROTOCOL = Refusal(400, "Offer the WebSocket subprotocol ocpp2.0.1 or ocpp1.6.")
NO_IDENTITY = Refusal(400, "The address ends in the station id: 1 to 48 letters, digits and - _ . * = : + | @ ( ).")
WRONG = Refusal(401, "Unknown station id or wrong password.", (b"www-authenticate", b'Basic realm="ocpp"'))
TOO_MANY = Refusal(429, "Too many refused connections. Wait a minute.", (b"retry-after", b"60"))
RESTARTING = Refusal(503, "Restarting. Try again in a few seconds.", (b"retry-after", b"5"))


async def refuse(scope: dict[str, Any], send: Send, refusal: Refusal) -> None:
    """Answer the upgrade with a real HTTP status where the server can; else it becomes 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    headers = [(b"content-type", b"text/plain"), (b"connection", b"close"), *([refusal.header] if refusal.header else [])]
    await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": refusal.reason.encode()})
