"""Sockets that misbehave below OCPP: those who never read, never close, vanish, or come twice."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection

from stations import nudges
from stations.actions import delete_station, edit_station
from stations.gateway import hub, ledger, turns
from stations.models import Connector, Frame, Station, Transaction
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway, frame, until
from tests.ocpp.test_messages import now, start

pytestmark = pytest.mark.engines


def station(identity: str = "LUM-0001") -> Station:
    return Station.objects.get(identity=identity)


def running() -> hub.Hub:
    assert hub._hub is not None
    return hub._hub


@pytest.fixture(autouse=True)
def no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing a station does may be an error of ours."""
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


class Hold:
    """The ledger, stopped before its next commit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free, self.holding = threading.Event(), threading.Event()
        self.free.set()
        original = ledger._commit_once

        def commit(batch: list[Any]) -> Any:
            self.holding.set()
            assert self.free.wait(10)
            return original(batch)

        monkeypatch.setattr(ledger, "_commit_once", commit)

    def begin(self, knock: Callable[[], Any]) -> None:
        """Hold it in the commit of what `knock` sends."""
        self.free.clear()
        self.holding.clear()
        knock()
        assert self.holding.wait(5)

    def end(self, waiting: int) -> None:
        """Let it go on once so many entries wait: they are committed together."""
        until(lambda: len(running().ledger._waiting) == waiting)
        self.free.set()


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Hold:
    return Hold(monkeypatch)


def stuffed(gateway: Gateway) -> socket.socket:
    """LUM-0001 asks and asks and never reads an answer, until the gateway cannot write any more."""
    bare = gateway.raw()
    consumer = until(lambda: running().connections.get(station().pk))
    protocol = consumer._send.__self__
    protocol.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    bare.setblocking(False)
    asking = memoryview(b"".join(frame(json.dumps([2, f"{number:064}", "Heartbeat", {}])) for number in range(3000)))
    deadline = time.monotonic() + 20
    while protocol.writable.is_set():
        with suppress(BlockingIOError):
            asking = asking[bare.send(asking) :]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return bare


def test_a_station_that_never_reads_is_dropped_at_the_deadline_of_the_ping(gateway: Gateway) -> None:
    config = gateway.server.config
    config.ws_ping_interval = config.ws_ping_timeout = 1.5
    stuffed(gateway)
    assert station().connected
    until(lambda: not station().connected, 15)
    assert "currentTime" in gateway.connect().call("Heartbeat")


def test_a_station_that_never_reads_does_not_hold_up_the_end_of_the_process(gateway: Gateway) -> None:
    stuffed(gateway)
    other = gateway.connect("LUM-0002")
    gateway.server.should_exit = True
    assert other.closed(15) == 1012
    gateway.thread.join(20)
    assert not gateway.thread.is_alive()
    assert not Station.objects.filter(connected=True).exists()


def test_a_station_that_never_reads_may_come_again(gateway: Gateway) -> None:
    stuffed(gateway)
    again = gateway.connect()
    assert "currentTime" in again.call("Heartbeat")
    assert station().connected


def test_a_frame_in_pieces_and_pings_between(gateway: Gateway) -> None:
    bare = gateway.raw()
    bare.sendall(frame('[2,"1","Heart', fin=False) + frame(b"x", 9) + frame('beat",{', 0, fin=False) + frame("}]", 0))
    until(lambda: Frame.objects.filter(action="Heartbeat", failed=False).exists())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"\xff\xfe"), 1007),  # no UTF-8
        (frame("x", 3), 1002),  # no such opcode
        (b"\xc1\x80\0\0\0\0", 1002),  # compressed, which was not agreed
        (b"\x81\x01x", 1002),  # not masked
        (frame("x", 0), 1002),  # the rest of nothing
        (b"\x81\xff" + (2**40).to_bytes(8, "big") + bytes(4), 1009),  # a terabyte announced
    ],
)
def test_what_is_no_websocket_frame_ends_the_socket_and_nothing_else(data: bytes, code: int, gateway: Gateway) -> None:
    other, bare = gateway.connect("LUM-0002"), gateway.raw()
    bare.settimeout(5)
    until(lambda: station().connected)
    bare.sendall(data)
    received = b""
    while chunk := bare.recv(4096):
        received += chunk
    assert b"\x88" in received
    assert code == int.from_bytes(received[received.rindex(b"\x88") + 2 :][:2], "big")
    until(lambda: not station().connected)
    assert "currentTime" in other.call("Heartbeat")


def test_a_message_in_flight_when_the_station_comes_again_is_kept_and_not_forgotten(gateway: Gateway, hold: Hold) -> None:
    """Its status is booked after the new socket's memory was read; the next one must still be seen as a change."""
    status = {"connectorId": 1, "errorCode": "NoError"}
    old, other = gateway.connect(), gateway.connect("LUM-0002")
    old.call("StatusNotification", status | {"status": "Available"})
    hold.begin(lambda: other.socket.send('[2,"1","Heartbeat",{}]'))
    old.socket.send(json.dumps([2, "2", "StatusNotification", status | {"status": "Charging"}]))
    until(lambda: len(running().ledger._waiting) == 1)
    coming: list[Any] = []
    thread = threading.Thread(target=lambda: coming.append(gateway.connect()))
    thread.start()
    hold.end(2)
    thread.join(10)
    assert old.closed() == 4001
    connector = Connector.objects.filter(station__identity="LUM-0001", number=1)
    assert connector.get().status == "Charging"
    assert coming[0].call("StatusNotification", status | {"status": "Available"}) == {}
    assert connector.get().status == "Available"


def test_a_start_that_is_sent_again_on_a_new_socket_before_the_first_is_booked(gateway: Gateway, hold: Hold) -> None:
    old, other, at = gateway.connect(), gateway.connect("LUM-0002"), now()
    payload = {"connectorId": 1, "idTag": "X", "meterStart": 1000, "timestamp": at}
    hold.begin(lambda: other.socket.send('[2,"1","Heartbeat",{}]'))
    old.socket.send(json.dumps([2, "2", "StartTransaction", payload]))
    until(lambda: len(running().ledger._waiting) == 1)
    coming: list[Any] = []
    thread = threading.Thread(target=lambda: coming.append(gateway.connect()))
    thread.start()
    hold.end(2)
    thread.join(10)
    answer = start(coming[0], tag="X", at=at)
    assert Transaction.objects.get().transaction_id == str(answer["transactionId"])


def test_a_station_that_knocks_again_and_is_gone_before_the_answer_is_not_half_here(gateway: Gateway, hold: Hold) -> None:
    """The second socket was the newest, if only for a moment: the first must not stay open, shown as offline and never sent a command."""
    first, other = gateway.connect(), gateway.connect("LUM-0002")
    first.call("Heartbeat")
    hold.begin(lambda: other.socket.send('[2,"1","Heartbeat",{}]'))
    with socket.create_connection(("127.0.0.1", gateway.port)) as bare:
        bare.sendall(gateway.upgrade())
        until(lambda: len(running().ledger._waiting) == 1)
    hold.end(1)
    assert first.closed() == 4001
    until(lambda: not station().connected)
    gateway.connect().call("Heartbeat")
    assert station().connected


def test_a_deleted_station_is_closed_and_unknown_from_then_on(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect("LUM-0002")
    wire.call("Heartbeat")
    delete_station(actor=tree.ada, station=station("LUM-0002"))
    assert wire.closed() == 1008
    until(lambda: running().connections == {})


@pytest.mark.parametrize(("change", "code"), [("deactivated", 1008), ("elsewhere", 4001)])
def test_a_lost_nudge_leaves_no_socket_open(change: str, code: int, gateway: Gateway, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "BEAT", 0.1)
    monkeypatch.setattr(nudges, "_send", lambda group, message: None)
    wire, other = gateway.connect(), gateway.connect("LUM-0002")
    wire.call("Heartbeat")
    if change == "deactivated":
        edit_station(actor=tree.bob, station=station(), active=False)
    else:
        Station.objects.filter(pk=tree.station.pk).update(gateway="another", generation=99)
    assert wire.closed() == code
    assert "currentTime" in other.call("Heartbeat")


def test_who_knocks_while_the_process_ends_is_sent_away_for_a_moment(gateway: Gateway) -> None:
    """503 is what a station may try again after; a new hub would be one that nobody ends."""
    wire = gateway.connect()
    wire.call("Heartbeat")
    running().draining = True
    with pytest.raises(Exception, match="503"):
        gateway.connect("LUM-0002")
    running().draining = False


@pytest.mark.postgresql
def test_every_connection_of_the_pool_is_given_back(transactional_db: None, tree: Tree) -> None:
    def lent() -> int:
        stats = connection.pool.get_stats()
        return int(stats["pool_size"] - stats["pool_available"])

    before = lent()
    gateway = Gateway()
    gateway.start()
    gateway.connect().call("Heartbeat")
    both = threading.Barrier(2)
    for done in [running()._delivery.submit(lambda: (connection.ensure_connection(), both.wait(5))) for _ in range(2)]:
        done.result(10)
    gateway.stop()
    until(lambda: lent() == before)


def test_an_end_in_the_moment_of_the_start_is_an_end(transactional_db: None, tree: Tree) -> None:
    for _ in range(8):
        one = Gateway()
        one.start()
        with pytest.raises(Exception, match="401"):
            one.connect("NOBODY")
        one.server.should_exit = True
        one.thread.join(8)
        assert not one.thread.is_alive()


def test_large_frames_take_turns_in_order_and_who_is_gone_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    order = []

    async def take_turns() -> None:
        large = turns.Turns()

        async def one(name: str) -> None:
            turn = await large.begin()
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")
            turn.end()

        waiting = [asyncio.create_task(one(name)) for name in "abcd"]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        monkeypatch.setattr(turns, "LONGEST", 0)
        never_ended = await large.begin()
        (await large.begin()).end()
        never_ended.end()
        await asyncio.sleep(0)

    asyncio.run(take_turns())
    assert order == ["a begins", "a ends", "c begins", "c ends", "d begins", "d ends"]
