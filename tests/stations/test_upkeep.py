"""What happens by time: processes that died, commands nobody took, old messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from stations.gateway import upkeep
from stations.models import Command, Frame, GatewayProcess, SecurityEvent, Station
from tests.conftest import Tree

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


def connected_to(tree: Tree, name: str, *, silent_for: float) -> None:
    GatewayProcess.objects.create(name=name, beat_at=timezone.now() - timedelta(seconds=silent_for))
    Station.objects.filter(pk=tree.station.pk).update(connected=True, gateway=name, first_connected_at=timezone.now())


def test_stations_of_a_gateway_that_died_are_not_connected(tree: Tree) -> None:
    connected_to(tree, "g1", silent_for=20)
    upkeep.sweep()
    assert Station.objects.get(pk=tree.station.pk).connected, "it may only be slow"
    GatewayProcess.objects.update(beat_at=timezone.now() - timedelta(seconds=60))
    assert upkeep.sweep() == 1
    assert not Station.objects.get(pk=tree.station.pk).connected
    assert not GatewayProcess.objects.exists()


def test_the_embedded_portal_is_alone_when_it_starts(tree: Tree) -> None:
    connected_to(tree, "killed", silent_for=1)
    assert upkeep.sweep(only_process=True) == 1


def test_a_station_of_a_gateway_nobody_knows_is_not_connected(tree: Tree) -> None:
    Station.objects.filter(pk=tree.station.pk).update(connected=True, gateway="never-heard-of")
    assert upkeep.sweep() == 1


def test_commands_that_nobody_took_expire(tree: Tree) -> None:
    late = timezone.now() - timedelta(minutes=10)
    never_sent = Command.objects.create(station=tree.station, action="Reset", deadline=late)
    orphan = Command.objects.create(station=tree.station, action="Reset", deadline=late, state="sent", sent_at=late)
    open_still = Command.objects.create(station=tree.station, action="Reset", deadline=timezone.now() + timedelta(minutes=1))
    upkeep.expire_commands()
    states = dict(Command.objects.values_list("pk", "state"))
    assert states == {never_sent.pk: "expired", orphan.pk: "timed_out", open_still.pk: "queued"}


def test_old_messages_are_dropped_and_younger_ones_kept(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "PURGE_CHUNK", 3)
    for days in (200, 120, 95, 91, 89, 1):
        Frame.objects.create(station=tree.station, at=timezone.now() - timedelta(days=days), direction="in", action="Heartbeat", call="[]")
    with override_settings(FRAME_RETENTION_DAYS=90):
        assert upkeep.purge_frames() == 4
        assert upkeep.purge_frames() == 0
    assert Frame.objects.count() == 2


def test_of_security_events_the_newest_stay(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SecurityEvent, "MOST", 3)
    now = timezone.now()
    SecurityEvent.objects.bulk_create(
        SecurityEvent(station=tree.station, at=now, received_at=now + timedelta(seconds=n), type=str(n)) for n in range(5)
    )
    assert upkeep.purge_security_events() == 2
    assert set(SecurityEvent.objects.values_list("type", flat=True)) == {"2", "3", "4"}
