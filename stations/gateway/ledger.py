"""The ledger: one thread that commits everything that waits in one transaction, and only then lets the answers out.

A batch is whatever arrived while the last one was being committed. Deadlocks and lost connections are retried for as long as it takes; a
message that cannot be booked is found by halving the batch, kept in the log and answered with InternalError, and harms no other. Only the
end of the process does not wait for a database that is away: what is not committed then is not answered, so the stations send it again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.utils import timezone

from stations.gateway.book import Book
from stations.gateway.entries import Entry, Received
from stations.ocpp import frames

log = logging.getLogger("stations.ledger")

T = TypeVar("T")

MAX_BATCH = 2000
SLOWEST_RETRY = 5.0  # seconds


class Abandoned(Exception):
    """The process ends while the database is away."""


class Ledger:
    """`submit` from any thread; the outcome arrives in the entry's future. `changed` is called after each commit, in the ledger's
    thread, with the ids of the stations of which something visible changed."""

    def __init__(self, changed: Callable[[set[int]], None] | None = None) -> None:
        self._waiting: deque[Entry] = deque()
        self._wake = threading.Event()
        self._stop = False
        self._abandon = threading.Event()
        self._changed = changed
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, entry: Entry) -> None:
        self._waiting.append(entry)
        self._wake.set()

    async def drain(self, patience: float) -> bool:
        """True when everything submitted before is committed and its answers are on their way. False when that took longer than
        `patience` seconds: it is given up then, unanswered."""
        if self.abandoned:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(Entry(timezone.now(), future))
        try:
            await asyncio.wait_for(future, patience)
        except TimeoutError:
            self._abandon.set()
        return not self.abandoned

    @property
    def abandoned(self) -> bool:
        return self._abandon.is_set()

    def stop(self) -> None:
        self._stop = True
        self._wake.set()
        if not self.abandoned:
            self._thread.join(10)

    def _run(self) -> None:
        try:
            while True:
                if not self._waiting:
                    if self._stop:
                        return
                    if not self._wake.wait(60):
                        close_old_connections()
                self._wake.clear()
                batch: list[Entry] = []
                while self._waiting and len(batch) < MAX_BATCH:
                    batch.append(self._waiting.popleft())
                if batch:
                    try:
                        self._book(batch)
                    except Abandoned:
                        _settle([(entry, None) for entry in (*batch, *self._waiting)])
                        return
                    except Exception:  # nothing may end this thread while the process lives
                        log.exception("a batch of %d failed as a whole", len(batch))
                        _settle([(entry, None) for entry in batch])
                    if self._waiting:
                        self._wake.set()
        finally:
            connection.close()

    def _book(self, batch: list[Entry]) -> None:
        try:
            outcomes, changed = self._retrying(lambda: _commit_once(batch))
        except Abandoned:
            raise
        except Exception as error:
            if len(batch) > 1:
                log.warning("a batch of %d could not be booked (%s); halving it", len(batch), error)
                middle = len(batch) // 2
                self._book(batch[:middle])
                self._book(batch[middle:])
                return
            self._poison(batch[0], error)
            return
        _settle(outcomes)
        if changed and self._changed:
            self._changed(changed)

    def _poison(self, entry: Entry, error: Exception) -> None:
        """One entry that cannot be booked: once more with a fresh memory of its station, then kept and answered."""
        state = getattr(entry, "state", None)
        if entry.tries == 0 and state is not None:
            entry.tries = 1
            try:
                self._retrying(lambda: Book.reload(state))
            except Exception:
                log.exception("station %s could not be read again", state.station_id)
            self._book([entry])
            return
        log.error("an entry could not be booked: %s", type(entry).__name__, exc_info=error)
        if isinstance(entry, Received):
            answer = frames.error(entry.message_id, "InternalError", "This could not be stored; it is kept in the log.")
            try:
                self._retrying(lambda: Book.keep_poison(entry, answer))
            except Exception:
                log.exception("a frame could not even be logged")
            _settle([(entry, answer)])
        else:
            _settle([(entry, None)])

    def _retrying(self, work: Callable[[], T]) -> T:
        """Run `work`, again and again while the database is away, locked or chose us as the victim of a deadlock."""
        pause = 0.05
        while True:
            try:
                return work()
            except (OperationalError, InterfaceError) as error:
                if _is_our_fault(error):
                    raise
                what = str(error).strip() or type(error).__name__
                log.warning("the database is not available: %s; trying again in %.2f s", what, pause)
                connection.close()
                if self._abandon.wait(pause):
                    raise Abandoned from error
                pause = min(pause * 2, SLOWEST_RETRY)


def _commit_once(batch: list[Entry]) -> tuple[list[tuple[Entry, Any]], set[int]]:
    with transaction.atomic():
        book = Book(batch)
        outcomes = book.post()
    book.remember()
    return outcomes, book.changed


def _is_our_fault(error: Exception) -> bool:
    """An OperationalError that no waiting will cure. SQLSTATE classes: 08 connection, 40 rollback, 53 resources, 55 locks, 57 operator."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state:
        return state[:2] not in {"08", "40", "53", "55", "57", "58"}
    return "no such" in str(error) or "syntax" in str(error)


def _settle(outcomes: list[tuple[Entry, Any]]) -> None:
    """Hand the outcomes over, one wake-up per event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = defaultdict(list)
    for entry, outcome in outcomes:
        if entry.future is not None:
            by_loop[entry.future.get_loop()].append((entry.future, outcome))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, settled)
        except RuntimeError:
            log.warning("%d answers had nobody to go to: their event loop is closed", len(settled))


def _resolve(settled: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in settled:
        if not future.done():
            future.set_result(outcome)
