"""The socket of a simulated station: connecting as a security profile wants it, CALLs and their answers, coming back."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import ssl
import tempfile
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import quote

from ocpp.exceptions import OCPPError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

log = logging.getLogger("energycloud.simulator")
# The library logs every payload: names and cards of drivers have no place in a log.
quiet = logging.getLogger("energycloud.simulator.ocpp")
quiet.setLevel(logging.CRITICAL)

Payload = dict[str, Any]
SLOWEST_RETRY = 60.0  # seconds between attempts to connect
ATTEMPTS = 3  # with a new security profile or network profile, before the station falls back to the one that worked


class NotConnected(ConnectionError):
    """There is no socket, or it closed before the answer came."""


class Speaker(Protocol):
    """What reads the socket and answers the server's CALLs."""

    async def start(self) -> None: ...


class Link(ABC):
    """`url` ends where the identity begins, as in ws://127.0.0.1:8000/ocpp/. `speed` 60 makes an hour last a minute; energy follows.

    `security_profile`: 0 no password, 1 password, 2 password over TLS, 3 client certificate. `secure_url` is where it connects with 2 and 3
    (default: `url` with wss). `tls` says whom it trusts; `client_certificate` is (key, chain), both PEM.
    """

    subprotocol: str

    def __init__(
        self, url: str, identity: str, password: str, *, speed: float = 1.0, rng: random.Random | None = None, secure_url: str = "",
        security_profile: int | None = None, tls: ssl.SSLContext | None = None, client_certificate: tuple[bytes, bytes] | None = None,
    ) -> None:  # fmt: skip
        self.url, self.identity, self.password, self.speed = url, identity, password, speed
        self.secure_url, self.tls, self.client_certificate = secure_url, tls, client_certificate
        self.security_profile = security_profile if security_profile is not None else 2 if url.startswith("wss://") else 1
        self.rng = rng or random.Random()
        self.received: deque[tuple[str, Payload]] = deque(maxlen=500)  # the server's CALLs, in order
        self.deaf_to: set[str] = set()  # actions it never answers
        self.reboot_seconds = 3.0
        self.must_boot = True
        self.online = asyncio.Event()  # booted and reported
        self.close_code = 0
        self._away_until = 0.0  # by the loop's clock
        self._fall_back: tuple[str, int] | None = None  # (url, security profile) that worked
        self._persistent = False  # `run` reconnects: what must not be lost may wait for it
        self._connection: ClientConnection | None = None
        self._protocol: Any = None
        self._reader: asyncio.Task[None] | None = None
        self._heart: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @abstractmethod
    def speaker(self, connection: ClientConnection) -> Speaker:
        """What speaks this station's version of OCPP over `connection`."""

    @abstractmethod
    async def boot(self) -> bool: ...

    @abstractmethod
    async def report(self) -> None: ...

    @abstractmethod
    async def catch_up(self) -> None:
        """Send what waited for the connection."""

    @property
    def connected(self) -> bool:
        return self._protocol is not None and self._reader is not None and not self._reader.done()

    async def connect(self) -> None:
        """One attempt. Raises InvalidStatus when the server refuses (401 …), OSError when there is none."""
        url = self.url
        if self.security_profile >= 2 and url.startswith("ws://"):
            url = self.secure_url or "wss://" + url.removeprefix("ws://")
        headers = {}
        if self.security_profile in (1, 2) and self.password:
            token = base64.b64encode(f"{self.identity}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        options: dict[str, Any] = {"ssl": self._context()} if url.startswith("wss://") else {}
        self._connection = await connect(
            url + quote(self.identity, safe=""), subprotocols=[self.subprotocol], compression=None, proxy=None,  # type: ignore[list-item]
            additional_headers=headers, close_timeout=2, ping_interval=60, ping_timeout=30, **options,
        )  # fmt: skip
        self._protocol = self.speaker(self._connection)
        self._reader = asyncio.create_task(self._read(self._protocol), name=f"reader of {self.identity}")

    def _context(self) -> ssl.SSLContext:
        context = self.tls or ssl.create_default_context()
        if self.security_profile == 3 and self.client_certificate:
            key, chain = self.client_certificate
            with tempfile.TemporaryDirectory() as folder:
                for name, content in (("key.pem", key), ("chain.pem", chain)):
                    (Path(folder) / name).write_bytes(content)
                context.load_cert_chain(Path(folder) / "chain.pem", Path(folder) / "key.pem")
        return context

    async def _read(self, protocol: Speaker) -> None:
        try:
            await protocol.start()
        except ConnectionClosed:
            pass
        except Exception:
            log.exception("%s read something it cannot handle", self.identity)
        finally:
            self.online.clear()

    async def disconnect(self) -> None:
        self.online.clear()
        if self._heart:
            self._heart.cancel()
        if self._connection:
            await self._connection.close()
        if self._reader:
            await asyncio.wait({self._reader})

    async def lose_connection(self, seconds: float) -> None:
        """No network for `seconds` of simulated time; `run` comes back after that."""
        self._away_until = asyncio.get_running_loop().time() + seconds / self.speed
        await self.disconnect()

    async def closed(self) -> int:
        """Wait until the socket is closed; its close code."""
        if self._connection is None or self._reader is None:
            raise NotConnected(self.identity)
        await asyncio.wait({self._reader})
        return self._connection.close_code or 1006

    async def aclose(self) -> None:
        """Disconnect and end everything this station does."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.disconnect()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_details: object) -> None:
        await self.aclose()

    async def ask(self, question: Coroutine[Any, Any, Any]) -> Any:
        """The answer to a CALL. Raises OCPPError for a CALLERROR, NotConnected when the socket closes, TimeoutError."""
        if not self.connected or self._reader is None:
            question.close()
            raise NotConnected(self.identity)
        asked = asyncio.ensure_future(question)
        try:
            await asyncio.wait({asked, self._reader}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise NotConnected(self.identity)
            return asked.result()
        except ConnectionClosed as error:
            raise NotConnected(self.identity) from error
        finally:
            asked.cancel()

    def later(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do `work` beside; it is ended with the station, and its failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, OCPPError):
            log.warning("%s was answered with %s", self.identity, error)
        elif error and not isinstance(error, (NotConnected, TimeoutError)):
            log.error("%s failed", self.identity, exc_info=error)

    async def pause(self, seconds: float) -> None:
        """Let simulated time pass."""
        await asyncio.sleep(seconds / self.speed)

    def switch(self, url: str, security_profile: int) -> None:
        """From the next connection on another way in; the present one again when that fails ATTEMPTS times."""
        self._fall_back = (self.url, self.security_profile)
        self.url, self.security_profile = url, security_profile

    async def run(self) -> None:
        """Connect, boot, report, and again whenever the socket closes: at once, then ever more slowly."""
        retry, told, failed = 0.5, False, 0
        self._persistent = True
        while True:
            await asyncio.sleep(max(0.0, self._away_until - asyncio.get_running_loop().time()))
            try:
                await self.connect()
                try:
                    if self.must_boot and not await self.boot():
                        continue
                    await self.report()
                    retry, told, failed, self._fall_back = 0.5, False, 0, None
                    self.online.set()
                    await self.catch_up()
                    await self.closed()
                finally:
                    await self.disconnect()
                if self.must_boot:
                    await asyncio.sleep(self.reboot_seconds)
            except (OSError, TimeoutError, WebSocketException, OCPPError) as error:
                failed += 1
                if self._fall_back and failed >= ATTEMPTS:
                    (self.url, self.security_profile), self._fall_back = self._fall_back, None
                refused = isinstance(error, InvalidStatus) and error.response.status_code in (401, 429)
                retry = min(SLOWEST_RETRY, max(retry * 2, 15.0 if refused else 1.0))
                if not told and (refused or retry > 10):
                    told = True
                    log.warning("%s cannot connect (%s); again in %d s", self.identity, error or type(error).__name__, retry)
            await asyncio.sleep(retry * self.rng.uniform(0.8, 1.2))

    # -- the heart ------------------------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def heartbeat_interval(self) -> int: ...

    @abstractmethod
    async def heartbeat(self) -> None: ...

    def _start_heart(self) -> None:
        if self._heart:
            self._heart.cancel()
        self._heart = asyncio.create_task(self._beat(), name=f"heartbeat of {self.identity}")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(max(1, self.heartbeat_interval))
            try:
                await self.heartbeat()
            except NotConnected:
                return
            except (OCPPError, TimeoutError) as error:
                log.warning("%s: heartbeat: %s", self.identity, error)
