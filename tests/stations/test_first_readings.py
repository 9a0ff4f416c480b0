"""What a new station is made of is read by the portal itself: once, spread, and never in a loop."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from stations import first_readings
from stations.models import Command, FirstReading, Station
from tests.conftest import Tree
from tests.stations.sheets import online

pytestmark = pytest.mark.engines
MINUTE = timedelta(minutes=1)


def started(station: Station, ago: timedelta = 5 * MINUTE, **fields: str) -> Station:
    return online(station, booted_at=timezone.now() - ago, **fields)


def later(by: timedelta) -> None:
    for row in FirstReading.objects.all():
        FirstReading.objects.filter(pk=row.pk).update(asked_at=row.asked_at - by)


def end(state: str) -> None:
    assert Command.objects.filter(state="queued").update(state=state) == 1


def test_a_new_station_and_another_firmware_are_read_once(tree: Tree) -> None:
    started(tree.station, timedelta(seconds=5))
    assert first_readings.ask_stations() == 0, "it has only just started"
    started(tree.station)
    assert [first_readings.ask_stations() for _run in range(3)] == [1, 0, 0]
    asked = Command.objects.get()
    assert (asked.action, asked.payload, asked.requested_by, asked.origin) == ("GetConfiguration", {}, None, "first_reading")
    end("rejected")
    started(tree.station)  # starts again and again
    later(timedelta(days=1))
    assert first_readings.ask_stations() == 0, "its refusal stands"
    later(-timedelta(days=1))
    started(tree.station, firmware_version="6.5", ocpp_version="2.0.1")
    assert first_readings.ask_stations() == 0, "it was asked just before"
    later(2 * first_readings.AGAIN)
    assert first_readings.ask_stations() == 1
    asked = Command.objects.get(state="queued")
    assert (asked.action, asked.payload["reportBase"]) == ("GetBaseReport", "FullInventory")


def test_what_gets_no_answer_is_tried_a_few_times(tree: Tree) -> None:
    started(tree.station)
    for _try in range(first_readings.MOST_TRIES):
        assert first_readings.ask_stations() == 1
        end("timed_out")
        assert first_readings.ask_stations() == 0
        later(2 * first_readings.PAUSE)
    assert first_readings.ask_stations() == 0


def test_a_fleet_is_not_asked_at_once_and_only_who_is_let_in(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_readings, "AT_ONCE", 2)
    for number in range(5):
        started(Station.objects.create(location=tree.station.location, identity=f"NEW-{number}"))
    started(Station.objects.create(location=tree.station.location, identity="OFF", active=False))
    online(Station.objects.create(location=tree.station.location, identity="UNSAID"), booted_at=None)
    assert [first_readings.ask_stations() for _run in range(4)] == [2, 2, 1, 0]
