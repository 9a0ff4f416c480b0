"""The sockets of this process: who is connected, commands on their way out, nudges in and out, and an orderly end.

One per process and event loop, started by the first connection. There is no channel per station: one channel for the process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models import F
from django.utils import timezone

from stations import hooks, nudges
from stations.gateway import outbound, periods
from stations.gateway.entries import Answered, Closed, Disconnect, Question
from stations.gateway.ledger import Ledger
from stations.gateway.throttle import MAX_KEYS, Throttle
from stations.gateway.turns import Turns
from stations.models import Command, GatewayProcess, Station, Transaction
from stations.ocpp import masking
from stations.ocpp.frames import CallError, CallResult

if TYPE_CHECKING:
    from stations.gateway.consumer import StationConsumer

log = logging.getLogger("stations.gateway")

POLL = 0.5  # seconds between re-reads of the queue when no nudge arrives
MOST_SECRETS = 8  # of what a station was told lately, remembered while it is connected
BEAT = 10.0
LONGEST_INQUIRY = 12.0  # seconds; each provider has a shorter deadline of its own
COMPARE_EVERY = 3  # beats between looks at which of our sockets are still rightful
ANNOUNCE_EVERY = 0.2
DELIVERERS = 2  # threads
PATIENCE = 5.0  # seconds that the end of the process waits for the database
START_AGAIN = 2.0  # seconds after a start that failed
REPLACED, CLOSED_BY_US, RESTART = 4001, 1008, 1012  # close codes


class Hub:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.name = f"{socket.gethostname()[:16]}-{os.getpid()}-{secrets.token_hex(3)}"
        self.connections: dict[int, StationConsumer] = {}
        self.ledger = Ledger(self._changed)
        self.turns = Turns()
        self.throttle = Throttle(settings.OCPP_REFUSALS_PER_MINUTE)
        self.draining = False
        self.in_flight = 0  # frames that were read and not answered yet
        self._wake = asyncio.Event()
        self._dirty: set[int] = set()
        self._announcing = False
        self._tasks: set[asyncio.Task[Any]] = set()
        # Delivery must not wait behind the pages' database work or behind a batch of the ledger.
        self._delivery = ThreadPoolExecutor(DELIVERERS, "delivery")
        self._ending = False

    async def start(self) -> None:
        try:
            await self._in_delivery(self._beat)
            for identity, address in await self._in_delivery(_last_seen):
                self.throttle.admitted(address, identity)
        except BaseException:
            self._end_delivery()
            raise
        self.ledger.start()
        for worker in (self._deliver, self._expire, self._listen, self._keep_beating):
            self.spawn(self._forever(worker))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a task of the gateway failed", exc_info=error)

    async def _forever(self, worker: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await worker()
            except Exception:
                log.exception("%s failed; going on in a second", worker.__name__)
                await asyncio.sleep(1)

    # -- stations come and go ----------------------------------------------------------------------------------------------------------

    def attach(self, consumer: StationConsumer) -> None:
        """The newest authenticated socket of a station wins."""
        older = self.connections.get(consumer.station_id)
        if older is not None and older.generation > consumer.generation:
            self.spawn(consumer.close(REPLACED))
            return
        self.connections[consumer.station_id] = consumer
        if older is not None:
            if older.generation == consumer.generation - 1:
                # What the older socket still has in flight is booked after our memory of the station was read: go on with its memory.
                consumer.state = older.state
            self.spawn(older.close(REPLACED))
        if not settings.EMBEDDED:
            message = {"type": "station.attached", "station": consumer.station_id, "generation": consumer.generation}
            self.spawn(self._send_group(nudges.GATEWAYS, message))
        self._wake.set()  # something may have been queued meanwhile

    def detach(self, consumer: StationConsumer) -> None:
        if self.connections.get(consumer.station_id) is consumer:
            del self.connections[consumer.station_id]
        self.ledger.submit(Disconnect(datetime.now(UTC), consumer.station_id, consumer.generation))

    # -- cards ---------------------------------------------------------------------------------------------------------------------------

    async def inquire(self, question: Question) -> hooks.Advice:
        """What card providers say of a card; nothing where they do not answer in time. No fault of theirs or ours is a refusal."""
        assert hooks.inquirer is not None
        try:
            return await asyncio.wait_for(hooks.inquirer(question.offer, question.providers), LONGEST_INQUIRY)
        except Exception as error:
            log.warning("providers %s could not be asked: %s", question.providers, type(error).__name__)
            return hooks.Advice(question.providers[0])

    # -- commands ------------------------------------------------------------------------------------------------------------------------

    async def _deliver(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), POLL)
            except TimeoutError:
                pass
            self._wake.clear()
            if self.draining or not self.connections:
                continue
            for outgoing in await self._in_delivery(outbound.take, self.name, self._is_free):
                self._put_on_wire(outgoing)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self.connections and not self.draining:
                self._changed(set(await self._in_delivery(outbound.expire, timezone.now())))

    def _is_free(self, station_id: int) -> bool:
        consumer = self.connections.get(station_id)
        return consumer is not None and consumer.outstanding is None

    def _put_on_wire(self, outgoing: outbound.Outgoing) -> None:
        consumer = self.connections.get(outgoing.station_id)
        if consumer is None or consumer.outstanding is not None:
            self.spawn(self._in_delivery(_put_back, outgoing.command_id))
            return
        consumer.outstanding = (outgoing.message_id, outgoing.command_id)
        consumer.secrets = (*consumer.secrets, *outgoing.secrets)[-MOST_SECRETS:]
        consumer.timer = self.loop.call_later(outgoing.timeout, self._timed_out, consumer, outgoing)
        self.spawn(consumer.transmit(outgoing.text))
        self._changed({outgoing.station_id})

    def answer_arrived(self, consumer: StationConsumer, answer: CallResult | CallError, text: str, at: datetime) -> bool:
        """True when this answers a command of ours, the open one or one that timed out a while ago."""
        if consumer.outstanding and consumer.outstanding[0] == answer.message_id:
            command_id = consumer.outstanding[1]
            consumer.outstanding = None
            if consumer.timer:
                consumer.timer.cancel()
            self._wake.set()
        elif consumer.late and answer.message_id in consumer.late:
            command_id = consumer.late.pop(answer.message_id)
        else:
            return False
        self.ledger.submit(Answered(at, consumer.state, command_id, text, answer, consumer.secrets))
        return True

    def _timed_out(self, consumer: StationConsumer, outgoing: outbound.Outgoing) -> None:
        if consumer.outstanding == (outgoing.message_id, outgoing.command_id):
            consumer.outstanding = None
            consumer.late = dict(list((consumer.late or {}).items())[-4:]) | {outgoing.message_id: outgoing.command_id}
        self.spawn(self._book_time_out(outgoing.command_id))

    async def _book_time_out(self, command_id: int) -> None:
        self._changed(set(await self._in_delivery(outbound.time_out, [command_id])))
        self._wake.set()

    async def _in_delivery(self, work: Callable[..., Any], *args: Any) -> Any:
        return await self.loop.run_in_executor(self._delivery, self._with_database, work, args)

    def _with_database(self, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        close_old_connections()
        try:
            return work(*args)
        except Exception:
            connection.close()
            raise
        finally:
            if self._ending:
                connection.close()

    # -- nudges ------------------------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel("gateway")
        self._channel = channel
        await layer.group_add(nudges.GATEWAYS, channel)
        while True:
            message = await layer.receive(channel)
            consumer = self.connections.get(message.get("station"))
            if message["type"] == "command.queued":
                self._wake.set()
            elif message["type"] == "station.close" and consumer:
                self.spawn(consumer.close(CLOSED_BY_US))
            elif message["type"] == "transaction.closed" and consumer:
                self.ledger.submit(Closed(timezone.now(), consumer.state, [message["transaction"]]))
            elif message["type"] == "station.attached" and consumer and consumer.generation < message["generation"]:
                self.spawn(consumer.close(REPLACED))

    def _changed(self, stations: set[int]) -> None:
        """Tell the pages, from any thread."""
        if stations:
            try:
                self.loop.call_soon_threadsafe(self._note, stations)
            except RuntimeError:
                pass  # the loop is closed: there are no pages any more

    def _note(self, stations: set[int]) -> None:
        self._dirty |= stations
        if not self._announcing:
            self._announcing = True
            self.spawn(self._announce())

    async def _announce(self) -> None:
        try:
            stations, self._dirty = self._dirty, set()
            await self._send_group(nudges.PAGES, {"type": "stations.changed", "stations": list(stations)})
            await asyncio.sleep(ANNOUNCE_EVERY)
        finally:
            self._announcing = False
        if self._dirty:
            self._note(set())

    async def _send_group(self, group: str, message: dict[str, Any]) -> None:
        try:
            await get_channel_layer().group_send(group, message)
        except Exception as error:
            log.warning("a nudge to %s was lost: %s", group, error)

    # -- life and end ------------------------------------------------------------------------------------------------------------------

    async def _keep_beating(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(BEAT)
            await self._in_delivery(self._beat)
            beats += 1
            if beats % COMPARE_EVERY == 0:
                await self._compare()
            if channel := getattr(self, "_channel", None):
                await get_channel_layer().group_add(nudges.GATEWAYS, channel)  # the in-memory layer forgets members after a day

    def _beat(self) -> None:
        """This process is alive. Who was swept away by mistake takes its stations back."""
        if GatewayProcess.objects.filter(pk=self.name).update(beat_at=timezone.now()):
            return
        GatewayProcess.objects.create(name=self.name)
        for consumer in list(self.connections.values()):
            found = Station.objects.filter(pk=consumer.station_id, generation=consumer.generation)
            if found.update(connected=True, disconnected_at=None):
                periods.begin({consumer.station_id: (timezone.now(), "")})

    async def _compare(self) -> None:
        """What a nudge that was lost should have done: close the sockets of stations that were deactivated, deleted, have connected
        elsewhere since, or came with a lower security profile than is demanded now; forget transactions that were closed by hand."""
        ours = {pk: consumer.generation for pk, consumer in self.connections.items()}
        for pk, code in await self._in_delivery(_strays, self.name, ours):
            consumer = self.connections.get(pk)
            if consumer is not None and consumer.generation == ours[pk]:
                self.spawn(consumer.close(code))
        open_here = {running.pk: (pk, key) for pk, one in self.connections.items() for key, running in list(one.state.open.items())}
        for transaction in await self._in_delivery(_closed, list(open_here)):
            pk, key = open_here[transaction]
            if consumer := self.connections.get(pk):
                self.ledger.submit(Closed(timezone.now(), consumer.state, [key]))

    async def drain(self) -> None:
        """Stop reading, commit what was read, answer it, close every socket with 1012."""
        self.draining = True
        if not await self.ledger.drain(PATIENCE):
            log.error("the database is away: %d messages are neither kept nor answered, their stations send them again", self.in_flight)
        await self._within(2, lambda: not self.in_flight)
        closing = [self.loop.create_task(consumer.close(RESTART)) for consumer in list(self.connections.values())]
        await self._within(2, lambda: all(task.done() for task in closing))
        for task in closing:
            task.cancel()  # a station that never reads cannot be told, and must not hold up the others
        await self._within(2, lambda: not self.connections)
        for consumer in list(self.connections.values()):
            self.detach(consumer)
        await self.ledger.drain(PATIENCE)
        await self.stop()

    async def _within(self, seconds: float, done: Callable[[], bool]) -> None:
        end = self.loop.time() + seconds
        while not done() and self.loop.time() < end:
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        for _try in range(25):
            # More than once: wait_for of Python 3.11, and Redis while it connects, may swallow a cancellation.
            for task in list(self._tasks):
                task.cancel()
            if not self._tasks or not (await asyncio.wait(list(self._tasks), timeout=0.2))[1]:
                break
        for close in hooks.closers:
            await close()
        await self.loop.run_in_executor(None, self.ledger.stop)
        if not self.ledger.abandoned:
            await self._in_delivery(_farewell, self.name)
        self._end_delivery()

    def _end_delivery(self) -> None:
        self._ending = True
        everyone = threading.Barrier(DELIVERERS)
        for _each in range(DELIVERERS):
            self._delivery.submit(_give_back, everyone)
        self._delivery.shutdown(wait=False)


def _strays(gateway: str, ours: dict[int, int]) -> list[tuple[int, int]]:
    """Which of these sockets (station and generation) are not the stations' own any more, with the code to close them with."""
    allowed = Station.objects.filter(active=True).exclude(connected_profile__lt=F("security_profile"))
    rightful = dict(allowed.filter(gateway=gateway, connected=True).values_list("pk", "generation"))
    strays = [pk for pk, generation in ours.items() if rightful.get(pk) != generation]
    elsewhere = set(allowed.filter(pk__in=strays[:1000]).values_list("pk", flat=True)) if strays else set()
    return [(pk, REPLACED if pk in elsewhere else CLOSED_BY_US) for pk in strays[:1000]]


def _closed(transactions: list[int]) -> list[int]:
    """Which of these have ended."""
    found: list[int] = []
    for first in range(0, len(transactions), 5000):
        some = Transaction.objects.filter(pk__in=transactions[first : first + 5000], ended_at__isnull=False)
        found += some.order_by().values_list("pk", flat=True)
    return found


def _last_seen() -> list[tuple[str, str]]:
    """Identity and address of the stations that were here last: who hammers their ids must not lock them out after our restart."""
    rows = Station.objects.filter(connected_at__isnull=False).order_by("-connected_at").values_list("identity", "address")[:MAX_KEYS]
    return list(rows)[::-1]


def _put_back(command_id: int) -> None:
    """Taken, but the socket went away before it was written: it waits for the next one. One whose secret is masked by now cannot."""
    for command in Command.objects.filter(pk=command_id, state=Command.State.SENT):
        masked = command.action == "SendLocalList" or masking.MASK in json.dumps(command.payload)
        command.state, command.sent_at = (Command.State.EXPIRED, command.sent_at) if masked else (Command.State.QUEUED, None)
        command.save(update_fields=["state", "sent_at"])


def _farewell(name: str) -> None:
    GatewayProcess.objects.filter(pk=name).delete()


def _give_back(everyone: threading.Barrier) -> None:
    """Each thread its own connection: the pool never hears of one that ends with its thread."""
    connection.close()
    try:
        everyone.wait(PATIENCE)
    except threading.BrokenBarrierError:
        pass  # the other one is busy still, and closes its own afterwards


_hub: Hub | None = None
_starting: asyncio.Lock | None = None
_failed_at = float("-inf")  # monotonic


class Unavailable(Exception):
    """The database is away, so there is nobody to let stations in."""


async def get_hub() -> Hub:
    """This process's hub; started on first use. Raises Unavailable."""
    global _hub, _starting, _failed_at
    loop = asyncio.get_running_loop()
    if _hub is not None and _hub.loop is loop:
        return _hub
    if _starting is None or (getattr(_starting, "_loop", None) or loop) is not loop:  # a lock nobody waited for yet has no loop
        _starting = asyncio.Lock()
    async with _starting:
        if _hub is None or _hub.loop is not loop:
            if time.monotonic() - _failed_at < START_AGAIN:
                raise Unavailable  # those who waited for the lock must not each wait for the database
            hub = Hub()
            try:
                await hub.start()
            except Error as error:
                _failed_at = time.monotonic()
                log.warning("the database is not available, stations have to wait: %s", str(error).strip() or type(error).__name__)
                raise Unavailable from error
            _hub = hub
    return _hub


async def drain() -> None:
    """Bring this process's hub to an orderly end, if it has one. It stays this loop's hub, so that who still knocks is refused with 503."""
    if _hub is not None and _hub.loop is asyncio.get_running_loop() and not _hub.draining:
        await _hub.drain()
