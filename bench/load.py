"""Many stations in one process, as cheap as Python allows: it shares the machine with what it measures. They speak OCPP 1.6J, or every
second one 2.0.1 (the order `mixed`).

Every station is a closed loop like a real one: the next CALL goes out when the answer to the last one is here. Client frames are masked
with the key 0, which RFC 6455 §5.3 allows and which leaves the payload as it is. Reads its orders as one JSON object from standard input,
and says what happened as JSON objects, one per line, on standard output.

Orders: `url_host`, `url_port`, `path` (the identity is appended), `stations` (identity, idTag), `password`, `open_at_once` (handshakes in
flight), `mixed`, `up_within` (seconds until all must be up), `warm_up`, `measure`, `commands` (seconds of the three phases of load; all 0:
only connect).
After its last phase the process keeps the sockets open until standard input gets another line or ends.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import resource
import sys
import time
from array import array
from typing import Any, cast

import uvloop

HEARTBEAT, STATUS, METER_VALUES, START, STOP, BOOT = range(6)
ACTIONS = ("Heartbeat", "StatusNotification", "MeterValues", "StartTransaction", "StopTransaction", "BootNotification")
# One deck is what a station says in 105 messages: of 100 things that happen 60 are MeterValues, 20 StatusNotification, 15 Heartbeat and 5 a
# complete transaction, which takes two messages.
DECK = [METER_VALUES] * 60 + [STATUS] * 20 + [HEARTBEAT] * 15 + [START] * 10  # every second START is played as STOP
STATUSES = (b"Preparing", b"Charging", b"SuspendedEV", b"Charging", b"Finishing", b"Available")

# Bodies after `[2,"<message id>",`; %s timestamp, numbers where they vary.
HEARTBEAT_BODY = b'"Heartbeat",{}]'
STATUS_BODY = b'"StatusNotification",{"connectorId":%d,"errorCode":"NoError","status":"%s","timestamp":"%s"}]'
_VALUES = (
    b'"meterValue":[{"timestamp":"%s","sampledValue":['
    b'{"value":"%d","context":"Sample.Periodic","format":"Raw","measurand":"Energy.Active.Import.Register",'
    b'"location":"Outlet","unit":"Wh"},'
    b'{"value":"%d.0","context":"Sample.Periodic","format":"Raw","measurand":"Power.Active.Import","location":"Outlet","unit":"W"},'
    b'{"value":"%d.%d","context":"Sample.Periodic","format":"Raw","measurand":"Current.Import","location":"Outlet","unit":"A"}]}]}]'
)
METER_IN_TRANSACTION_BODY = b'"MeterValues",{"connectorId":1,"transactionId":%d,' + _VALUES
METER_BODY = b'"MeterValues",{"connectorId":1,' + _VALUES
START_BODY = b'"StartTransaction",{"connectorId":1,"idTag":"%s","meterStart":%d,"timestamp":"%s"}]'
STOP_BODY = b'"StopTransaction",{"transactionId":%d,"idTag":"%s","meterStop":%d,"timestamp":"%s","reason":"Local"}]'
# The same in OCPP 2.0.1, where a station numbers its transactions itself
NEW_STATUSES = (b"Available", b"Reserved")  # what follows from a transaction is not said, so that each is a change that can be counted
NEW_STATUS_BODY = b'"StatusNotification",{"timestamp":"%s","connectorStatus":"%s","evseId":%d,"connectorId":%d}]'
_NEW_VALUES = (
    b'"meterValue":[{"timestamp":"%s","sampledValue":['
    b'{"value":%d,"context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","location":"Outlet","unitOfMeasure":{"unit":"Wh"}},'
    b'{"value":%d.0,"context":"Sample.Periodic","measurand":"Power.Active.Import","location":"Outlet","unitOfMeasure":{"unit":"W"}},'
    b'{"value":%d.%d,"context":"Sample.Periodic","measurand":"Current.Import","location":"Outlet","unitOfMeasure":{"unit":"A"}}]}]}]'
)
NEW_METER_BODY = b'"MeterValues",{"evseId":1,' + _NEW_VALUES
EVENT_BODY = (
    b'"TransactionEvent",{"eventType":"%s","timestamp":"%s","triggerReason":"%s","seqNo":%d,"transactionInfo":{"transactionId":"%s"},'
)
NEW_METER_IN_TRANSACTION_BODY = EVENT_BODY + _NEW_VALUES
NEW_CARD_BODY = EVENT_BODY + (
    b'"evse":{"id":1,"connectorId":1},"idToken":{"idToken":"%s","type":"ISO14443"},'
    b'"meterValue":[{"timestamp":"%s","sampledValue":[{"value":%d,"context":"Transaction.%s"}]}]}]'
)
NEW_BOOT_BODY = (
    b'"BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"Bench","model":"Load","serialNumber":"%s",'
    b'"firmwareVersion":"1.0.0"}}]'
)
BOOT_BODY = (
    b'"BootNotification",{"chargePointVendor":"Bench","chargePointModel":"Load","chargePointSerialNumber":"%s","firmwareVersion":"1.0.0"}]'
)

COMMAND_ANSWERS: dict[str, dict[str, Any]] = {
    "GetConfiguration": {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]},
    "UnlockConnector": {"status": "Unlocked"},
}
ZERO_MASK = b"\0\0\0\0"


class Clock:
    """OCPP timestamps in milliseconds; the part down to the second is formatted once per second."""

    def __init__(self) -> None:
        self.second, self.prefix = 0, b""

    def text(self, milliseconds: int) -> bytes:
        second, rest = divmod(milliseconds, 1000)
        if second != self.second:
            self.second, self.prefix = second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return b"%s%03dZ" % (self.prefix, rest)


class Load:
    """What all stations share: the orders, the phase, the counters."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.orders = orders
        self.talking = False
        self.answered = [0] * len(ACTIONS)
        self.as_events = [0] * len(ACTIONS)  # of them, what was said as a TransactionEvent
        self.sent = [0] * len(ACTIONS)
        self.latencies: array[float] | None = None
        self.status_changes = 0
        self.call_errors = self.closes = self.refused = self.unexpected = 0
        self.first_errors: list[str] = []
        self.commands: dict[str, float] = {}  # message id -> time.monotonic() of arrival
        self.up = 0
        self.all_up = asyncio.Event()
        self.ending = False
        self.clock = Clock()
        generator = random.Random(16)
        self.decks = []
        for _ in range(50):
            deck = DECK.copy()
            generator.shuffle(deck)
            self.decks.append(bytes(deck))

    def problem(self, text: str) -> None:
        if len(self.first_errors) < 5:
            self.first_errors.append(text[:300])


class Station(asyncio.Protocol):
    __slots__ = (
        "_id",
        "buffer",
        "deck",
        "done",
        "expected",
        "id_tag",
        "identity",
        "kind",
        "last_ms",
        "load",
        "new",
        "number",
        "open",
        "place",
        "power",
        "register",
        "sent_at",
        "sequence",
        "status",
        "transaction",
        "transport",
        "up",
    )

    def __init__(self, load: Load, index: int, identity: str, id_tag: str, done: asyncio.Future[None]) -> None:
        self.load, self.identity, self.id_tag, self.done = load, identity, id_tag.encode(), done
        self.buffer = b""
        self.open = self.up = False
        self.sequence = self.transaction = self.last_ms = self.number = 0
        self.new = bool(load.orders.get("mixed")) and index % 2 == 1  # speaks 2.0.1
        self._id = b"%08x-0ce0-4bd1-8000-%%012d" % (index + 0x5A000000)
        self.expected = b"\xff"
        self.kind = BOOT
        self.deck = load.decks[index % len(load.decks)]
        self.place = index * 7 % len(self.deck)
        self.register = 1_000_000 + index * 1000
        self.power = 3600 + index % 3000
        self.status = index % len(STATUSES)
        self.sent_at = 0.0
        self.transport = cast(asyncio.Transport, None)

    # -- the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        orders = self.load.orders
        basic = base64.b64encode(f"{self.identity}:{orders['password']}".encode()).decode()
        self.transport.write(
            f"GET {orders['path']}{self.identity} HTTP/1.1\r\nHost: {orders['url_host']}:{orders['url_port']}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {'ocpp2.0.1' if self.new else 'ocpp1.6'}\r\nAuthorization: Basic {basic}\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.load.ending:
            if self.open:
                self.load.closes += 1
                self.load.problem(f"{self.identity}: closed while {ACTIONS[self.kind]} was open ({error})")
            elif not self.done.done():
                self.load.refused += 1
                self.load.problem(f"{self.identity}: lost during the handshake ({error})")
        if not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self.buffer:
            data = self.buffer + data
            self.buffer = b""
        if not self.open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = data
                return
            self._upgraded(data[:end])
            if not self.open:
                return
            data = data[end + 4 :]
        while data:
            size = len(data)
            if size < 2:
                break
            length = data[1]
            if length < 126:
                start = 2
            elif length == 126:
                if size < 4:
                    break
                start, length = 4, data[2] << 8 | data[3]
            else:
                if size < 10:
                    break
                start, length = 10, int.from_bytes(data[2:10], "big")
            end = start + length
            if size < end:
                break
            if data[0] == 0x81:
                if data.startswith(self.expected, start):
                    self._answered(data, start, end, now)
                else:
                    self._other(data[start:end], now)
            elif data[0] == 0x89:
                self.transport.write(bytes((0x8A, 0x80 | length)) + ZERO_MASK + data[start:end])
            elif data[0] == 0x88:
                self.load.problem(f"{self.identity}: close frame {data[start:end]!r}")
            if end == size:
                return
            data = data[end:]
        self.buffer = data

    def _upgraded(self, head: bytes) -> None:
        if head.startswith(b"HTTP/1.1 101") and (b"ocpp2.0.1" if self.new else b"ocpp1.6") in head:
            self.open = True
            self._say(BOOT, (NEW_BOOT_BODY if self.new else BOOT_BODY) % self.identity.encode())
        else:
            self.load.refused += 1
            self.load.problem(f"{self.identity}: {head.splitlines()[0].decode('latin-1')}")
            if not self.done.done():
                self.done.set_result(None)
            self.transport.close()

    # -- what it says

    def _say(self, kind: int, body: bytes) -> None:
        self.sequence += 1
        message_id = self._id % self.sequence
        self.expected = b'[3,"%s",' % message_id
        self.kind = kind
        length = len(body) + 42  # [2,"<36>",
        if length < 126:
            head = bytes((0x81, 0x80 | length))
        else:
            head = bytes((0x81, 0xFE, length >> 8, length & 255))
        self.load.sent[kind] += 1
        self.transport.write(b'%s\0\0\0\0[2,"%s",%s' % (head, message_id, body))
        self.sent_at = time.monotonic()

    def next(self) -> None:
        """The next card of the deck."""
        load = self.load
        self.place += 1
        if self.place == len(self.deck):
            self.place = 0
        kind = self.deck[self.place]
        milliseconds = int(time.time() * 1000)
        if milliseconds <= self.last_ms:
            milliseconds = self.last_ms + 1
        self.last_ms = milliseconds
        at = load.clock.text(milliseconds)
        if self.new:
            self._next_new(kind, at, milliseconds)
        elif kind == METER_VALUES:
            self.register += 7
            power = self.power + milliseconds % 400
            values = (at, self.register, power, power // 230, power % 10)
            if self.transaction:
                self._say(METER_VALUES, METER_IN_TRANSACTION_BODY % (self.transaction, *values))
            else:
                self._say(METER_VALUES, METER_BODY % values)
        elif kind == STATUS:
            self.status = (self.status + 1) % len(STATUSES)
            load.status_changes += 1
            self._say(STATUS, STATUS_BODY % (1, STATUSES[self.status], at))
        elif kind == HEARTBEAT:
            self._say(HEARTBEAT, HEARTBEAT_BODY)
        elif self.transaction:
            self._say(STOP, STOP_BODY % (self.transaction, self.id_tag, self.register, at))
        else:
            self._say(START, START_BODY % (self.id_tag, self.register, at))

    def _next_new(self, kind: int, at: bytes, milliseconds: int) -> None:
        if kind == METER_VALUES:
            self.register += 7
            power = self.power + milliseconds % 400
            values = (at, self.register, power, power // 230, power % 10)
            if self.transaction:
                event = self._event(METER_VALUES, b"Updated", at, b"MeterValuePeriodic")
                self._say(METER_VALUES, NEW_METER_IN_TRANSACTION_BODY % (*event, *values))
            else:
                self._say(METER_VALUES, NEW_METER_BODY % values)
        elif kind == STATUS:
            self.status = (self.status + 1) % len(NEW_STATUSES)
            self.load.status_changes += 1
            self._say(STATUS, NEW_STATUS_BODY % (at, NEW_STATUSES[self.status], 1, 1))
        elif kind == HEARTBEAT:
            self._say(HEARTBEAT, HEARTBEAT_BODY)
        elif self.transaction:
            event = self._event(STOP, b"Ended", at, b"StopAuthorized")
            self._say(STOP, NEW_CARD_BODY % (*event, self.id_tag, at, self.register, b"End"))
        else:
            self.transaction, self.number = self.last_ms, -1
            event = self._event(START, b"Started", at, b"Authorized")
            self._say(START, NEW_CARD_BODY % (*event, self.id_tag, at, self.register, b"Begin"))

    def _event(self, kind: int, what: bytes, at: bytes, trigger: bytes) -> tuple[Any, ...]:
        self.number += 1
        self.load.as_events[kind] += 1
        return what, at, trigger, self.number, b"%s-%d" % (self.identity.encode(), self.transaction)

    # -- what it hears

    def _answered(self, data: bytes, start: int, end: int, now: float) -> None:
        load, kind = self.load, self.kind
        if load.latencies is not None:
            load.latencies.append(now - self.sent_at)
        load.answered[kind] += 1
        if self.new:
            if kind == STOP:
                self.transaction = 0
        elif kind == START:
            self.transaction = int(json.loads(data[start:end])[2]["transactionId"])
        elif kind == STOP:
            self.transaction = 0
        self.expected = b"\xff"
        if load.talking:
            self.next()
        elif not self.up:
            self._rise(kind, data[start:end])

    def _rise(self, kind: int, answer: bytes) -> None:
        """After BootNotification a status of the station and of its connector; then it is up."""
        load = self.load
        if kind == BOOT and b'"Accepted"' not in answer:
            load.unexpected += 1
            load.problem(f"{self.identity}: not accepted: {answer!r}")
        at = load.clock.text(int(time.time() * 1000))
        if kind == BOOT:
            load.status_changes += 1
            self._say(STATUS, NEW_STATUS_BODY % (at, b"Available", 0, 0) if self.new else STATUS_BODY % (0, b"Available", at))
        elif self.sequence == 2:
            load.status_changes += 1
            word = NEW_STATUSES[self.status % 2] if self.new else STATUSES[self.status]
            self.status %= len(NEW_STATUSES) if self.new else len(STATUSES)
            self._say(STATUS, NEW_STATUS_BODY % (at, word, 1, 1) if self.new else STATUS_BODY % (1, word, at))
        else:
            self.up = True
            load.up += 1
            if not self.done.done():
                self.done.set_result(None)
            if load.up == len(load.orders["stations"]):
                load.all_up.set()

    def _other(self, text: bytes, now: float) -> None:
        """A CALL of the server's, a CALLERROR, or something that should not be."""
        load = self.load
        try:
            frame = json.loads(text)
        except ValueError:
            frame = [0]
        if frame[0] == 2:
            load.commands[frame[1]] = now
            payload = COMMAND_ANSWERS.get(frame[2], {"status": "Accepted"})
            answer = json.dumps([3, frame[1], payload], separators=(",", ":")).encode()
            length = len(answer)
            head = bytes((0x81, 0x80 | length)) if length < 126 else bytes((0x81, 0xFE, length >> 8, length & 255))
            self.transport.write(head + ZERO_MASK + answer)
        elif frame[0] == 3 and text.replace(b" ", b"").startswith(self.expected):
            load.problem(f"{self.identity}: answers are not compact JSON")
            self._answered(text, 0, len(text), now)
        elif frame[0] == 4:
            load.call_errors += 1
            load.problem(f"{self.identity}: {ACTIONS[self.kind]} got {text!r}")
            self.expected = b"\xff"
            if load.talking:
                self.next()
            elif not self.up and not self.done.done():
                self.done.set_result(None)
        else:
            load.unexpected += 1
            load.problem(f"{self.identity}: unexpected {text!r}")


def say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def phase(load: Load, name: str, seconds: float) -> dict[str, Any]:
    """Let the stations talk for `seconds` and say what was answered in that time."""
    before, cpu, began = sum(load.answered), cpu_seconds(), time.monotonic()
    load.latencies = array("d")
    say(event=name)
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    latencies = sorted(load.latencies)
    load.latencies = None
    count = sum(load.answered) - before
    if not latencies:
        return {"messages": 0, "seconds": took, "rate": 0.0, "cpu_us": 0.0, "p50": 0.0, "p99": 0.0, "worst": 0.0}
    return {
        "messages": count,
        "seconds": took,
        "rate": count / took,
        "cpu_us": (cpu_seconds() - cpu) / count * 1e6,
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[int(len(latencies) * 0.99)],
        "worst": latencies[-1],
    }


async def connect(load: Load) -> list[Station]:
    orders = load.orders
    loop = asyncio.get_running_loop()
    stations: list[Station] = []
    free = asyncio.Semaphore(orders["open_at_once"])

    async def one(index: int, identity: str, id_tag: str) -> None:
        async with free:
            done = loop.create_future()
            station = Station(load, index, identity, id_tag, done)
            stations.append(station)
            try:
                await loop.create_connection(lambda: station, orders["url_host"], orders["url_port"])
            except OSError as error:
                load.refused += 1
                load.problem(f"{identity}: {error}")
                return
            await done

    tasks = [asyncio.create_task(one(index, *station)) for index, station in enumerate(orders["stations"])]
    _done, pending = await asyncio.wait(tasks, timeout=orders["up_within"])
    for task in pending:
        task.cancel()
    return stations


async def main(orders: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    load = Load(orders)
    began = time.monotonic()
    stations = await connect(load)
    say(event="up", seconds=time.monotonic() - began, **facts(load))
    results: dict[str, Any] = {}
    if orders["warm_up"] + orders["measure"] + orders["commands"]:
        load.talking = True
        for station in stations:
            if station.up:
                station.next()
        for name in ("warm_up", "measure", "commands"):
            if orders[name]:
                results[name] = await phase(load, name, orders[name])
        load.talking = False
        deadline = time.monotonic() + 20
        while sum(load.answered) + load.call_errors < sum(load.sent) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
    say(event="done", phases=results, **facts(load))
    await loop.run_in_executor(None, sys.stdin.readline)
    # What was closed, refused or commanded while the sockets were only held open counts too.
    load.ending = True
    say(event="end", commands=load.commands, **facts(load))
    os._exit(0)  # thousands of orderly closes would measure nothing


def facts(load: Load) -> dict[str, Any]:
    return {
        "answered": dict(zip(ACTIONS, load.answered, strict=True)),
        "as_events": dict(zip(ACTIONS, load.as_events, strict=True)),
        "sent": dict(zip(ACTIONS, load.sent, strict=True)),
        "status_changes": load.status_changes,
        "call_errors": load.call_errors,
        "closes": load.closes,
        "refused": load.refused,
        "unexpected": load.unexpected,
        "problems": load.first_errors,
        "up": load.up,
    }


if __name__ == "__main__":
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(main(json.loads(sys.stdin.readline())))
