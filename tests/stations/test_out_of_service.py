"""Out of service for a time: the portal puts it in again by itself, asks once at a time, and says what is so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations import actions, returning
from stations.gateway import outbound
from stations.gateway.entries import Answered
from stations.models import Availability, Command, Connector, OutOfService, Station
from stations.ocpp.frames import CallResult
from tenancy.models import User
from tests.conftest import Tree
from tests.stations.sheets import ask, online, page, report, said, text

HOUR = timedelta(hours=1)


@pytest.fixture
def station(tree: Tree) -> Station:
    for number in (0, 1, 2):
        report(tree.station, number, "Available")
    return online(tree.station)


def say(word: str) -> Command:
    """The station answers the command that waits."""
    command = Command.objects.get(state="queued")
    Command.objects.filter(pk=command.pk).update(state="sent", sent_at=timezone.now())
    state: Any = None
    outbound.answered([Answered(timezone.now(), state, command.pk, "[3]", CallResult("x", {"status": word}))], set())
    command.refresh_from_db()
    return command


def later(row: OutOfService, **by: float) -> None:
    """Time goes by: what was done and planned lies further back."""
    ago = timedelta(**by)
    until = row.until - ago if row.until else None
    OutOfService.objects.filter(pk=row.pk).update(since=row.since - ago, until=until)
    for command in Command.objects.all():
        Command.objects.filter(pk=command.pk).update(created_at=command.created_at - ago)
    row.refresh_from_db()


@pytest.mark.engines
def test_it_returns_by_itself_and_is_asked_once(station: Station, bob: User) -> None:
    row = actions.take_out_of_service(actor=bob, station=station, connector_number=1, until=timezone.now() + HOUR, comment="Cable")
    returning.run()
    assert say("Accepted").payload == {"connectorId": 1, "type": "Inoperative"}
    returning.run()
    assert not Command.objects.filter(state="queued").exists(), "it is not due"
    later(row, hours=2)
    for _tick in range(3):
        returning.run()
    assert say("Rejected").payload == {"connectorId": 1, "type": "Operative"}
    for _tick in range(2):
        returning.run()
    assert not Command.objects.filter(state="queued").exists(), "after a no it has time"
    later(row, minutes=11)
    returning.run()
    back = say("Accepted")
    assert (back.requested_by, back.origin) == (None, "out_of_service")
    returning.run()
    row.refresh_from_db()
    assert row.ended_at
    assert row.ended_by is None
    assert Connector.objects.get(station=station, number=1).availability == Availability.OPERATIVE


@pytest.mark.engines
def test_of_two_clocks_one_asks(station: Station, bob: User) -> None:
    row = actions.take_out_of_service(actor=bob, station=station, until=timezone.now() + HOUR)
    say("Accepted")
    later(row, hours=2)
    seen_by_both = OutOfService.objects.select_related("command", "station__location__organization").get(pk=row.pk)
    returning.run()
    returning._ask(seen_by_both, operative=True)
    assert Command.objects.filter(state="queued").count() == 1


def test_what_is_back_is_not_shown_as_out(station: Station, bob: User, as_bob: Client) -> None:
    actions.take_out_of_service(actor=bob, station=station, connector_number=1, comment="Cable")
    say("Accepted")
    assert "Out of service: Cable" in text(page(as_bob, station))
    actions.put_in_service(actor=bob, station=station, connector_number=1)
    say("Accepted")
    seen = text(page(as_bob, station))
    assert "Out of service: Cable" not in seen
    assert "Change the end" not in seen


def test_a_connector_of_its_own_stays_out_when_the_station_returns(station: Station, bob: User) -> None:
    row = actions.take_out_of_service(actor=bob, station=station, connector_number=2, comment="Broken")
    say("Accepted")
    later(row, minutes=5)
    actions.put_in_service(actor=bob, station=station)
    say("Accepted")
    returning.run()
    assert say("Accepted").payload == {"connectorId": 2, "type": "Inoperative"}
    returning.run()
    row.refresh_from_db()
    assert row.ended_at is None
    assert Connector.objects.get(station=station, number=2).availability == Availability.INOPERATIVE


def test_a_no_ends_it_and_the_activity_says_so(station: Station, bob: User, as_bob: Client) -> None:
    row = actions.take_out_of_service(actor=bob, station=station, comment="Cable is repaired")
    say("Rejected")
    returning.run()
    row.refresh_from_db()
    assert row.ended_at
    shown = text(page(as_bob, station, "station_activity"))
    assert "Did not go out of service" in shown
    assert "Cable is repaired" in shown


def test_who_put_it_in_service_by_hand_is_told(station: Station, bob: User, as_bob: Client) -> None:
    actions.take_out_of_service(actor=None, station=station, connector_number=1)
    say("Accepted")
    ask(as_bob, station, "operative", connector="1")
    say("Accepted")
    returning.run()
    assert OutOfService.objects.get().ended_by == bob


def test_a_deactivated_station_is_activated_when_it_is_time(station: Station, bob: User) -> None:
    row = actions.deactivate_station(actor=bob, station=station, until=timezone.now() + HOUR)
    assert not Station.objects.get(pk=station.pk).active
    later(row, hours=2)
    returning.run()
    row.refresh_from_db()
    assert Station.objects.get(pk=station.pk).active
    assert row.ended_at


def test_the_form_asks_until_when_by_the_clock_of_the_place(station: Station, as_bob: Client) -> None:
    zone = station.location.zone
    ask(as_bob, station, "inoperative", connector="1", confirmed="yes", ends="at", until="2099-05-03T14:00", comment="Cable is repaired")
    row = OutOfService.objects.get()
    assert row.until == datetime(2099, 5, 3, 14, 0, tzinfo=zone)
    assert "Asked to go out of service until 3 May 2099 14:00: Cable is repaired (Bob)." in text(page(as_bob, station))
    say("Accepted")
    shown = page(as_bob, station)
    assert "Out of service until 3 May 2099 14:00: Cable is repaired (Bob). Change the end" in text(shown)
    url = reverse("station_out", args=[station.pk, row.pk])
    assert url in shown
    assert "2099-05-03T14:00" in as_bob.get(url).content.decode()
    as_bob.post(url, {"ends": "tomorrow", "comment": "Cable"})
    row.refresh_from_db()
    assert row.until
    assert row.until.astimezone(zone).time().hour == 8


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"ends": "at"}, "Enter date and time"),
        ({"ends": "at", "until": "2001-01-01T10:00"}, "over already"),
        ({"ends": "at", "until": "x"}, "Enter a date and a time"),
    ],
)
def test_a_wrong_end_is_refused_and_nothing_typed_is_lost(data: dict[str, str], why: str, station: Station, as_bob: Client) -> None:
    shown = ask(as_bob, station, "inoperative", confirmed="yes", comment="Cable", **data).content.decode()
    assert why in text(shown)
    assert 'value="Cable"' in shown
    assert not Command.objects.exists()


def test_deactivating_and_activating_from_the_pages(station: Station, as_bob: Client) -> None:
    answer = as_bob.post(reverse("station_deactivate", args=[station.pk]), {"ends": "4h", "comment": "Fire drill"}, follow=True)
    assert said(answer) == ["Gate is deactivated."]
    assert "Fire drill (Bob)." in text(answer.content.decode())
    as_bob.post(reverse("station_activate", args=[station.pk]))
    assert Station.objects.get(pk=station.pk).active
    assert OutOfService.objects.get().ended_by
