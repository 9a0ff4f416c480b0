"""The process starts or ends while the database is away."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import OperationalError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stations.gateway import hub, ledger
from stations.models import Frame, Knock, Station
from tests.ocpp.conftest import Gateway, Wire

pytestmark = pytest.mark.engines


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`away()`: from now on nothing reaches the database; `away(False)`: it is back."""
    gone = threading.Event()

    def barred(original: Any) -> Any:
        def work(*args: Any) -> Any:
            if gone.is_set():
                raise OperationalError("connection refused")
            return original(*args)

        return work

    monkeypatch.setattr(ledger, "_commit_once", barred(ledger._commit_once))
    monkeypatch.setattr(hub.Hub, "_with_database", barred(hub.Hub._with_database))
    monkeypatch.setattr(hub, "_failed_at", float("-inf"))
    return lambda yes=True: gone.set() if yes else gone.clear()


def test_the_first_stations_are_sent_away_for_a_moment_and_get_in_later(
    gateway: Gateway, away: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "START_AGAIN", 0.05)
    away()
    threads = threading.active_count()
    for _ in range(8):
        with pytest.raises(InvalidStatus) as refusal:
            gateway.connect()
        assert refusal.value.response.status_code == 503
        assert refusal.value.response.headers["retry-after"] == "5"
        time.sleep(0.02)
    assert threading.active_count() <= threads + 1, "no thread is left behind by a start that failed"
    away(False)
    time.sleep(0.1)
    assert "currentTime" in gateway.connect().call("Heartbeat")
    assert not Knock.objects.exists()


def test_the_end_does_not_wait_for_it_and_what_is_not_kept_is_not_answered(
    gateway: Gateway, away: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "PATIENCE", 0.5)
    wires = [gateway.connect(identity) for identity in ("LUM-0001", "LUM-0002")]
    for wire in wires:
        assert "currentTime" in wire.call("Heartbeat")
    away()
    for wire in wires:
        wire.socket.send('[2,"1","StatusNotification",{"connectorId":1,"status":"Charging","errorCode":"NoError"}]')
    knocking: list[int] = []

    def knock() -> None:
        with pytest.raises(InvalidStatus) as refusal:
            gateway.connect("VOLT-0001")
        knocking.append(refusal.value.response.status_code)

    knocker = threading.Thread(target=knock)
    knocker.start()
    time.sleep(0.3)
    began = time.monotonic()
    gateway.server.should_exit = True
    for wire in wires:
        with pytest.raises(ConnectionClosed) as closed:
            wire.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    gateway.thread.join(10)
    assert not gateway.thread.is_alive()
    assert time.monotonic() - began < 5
    knocker.join(5)
    assert knocking == [503], "its password was right"
    away(False)
    time.sleep(0.3)
    assert not Frame.objects.filter(action="StatusNotification").exists()
    assert not Knock.objects.exists()


def test_a_short_absence_is_only_a_wait(gateway: Gateway, wire: Wire, away: Any) -> None:
    wire.call("Heartbeat")
    away()
    coming: list[Wire] = []
    thread = threading.Thread(target=lambda: coming.append(gateway.connect("LUM-0002")))
    thread.start()
    wire.socket.send('[2,"1","StatusNotification",{"connectorId":1,"status":"Charging","errorCode":"NoError"}]')
    assert wire.silent(0.7)
    away(False)
    assert wire.receive() == [3, "1", {}]
    thread.join(10)
    assert "currentTime" in coming[0].call("Heartbeat")
    assert Station.objects.filter(connectors__status="Charging", connected=True).count() == 1
