"""What was true of a station when: the periods in which it was heard."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from stations.actions import edit_station, set_stations_active
from stations.gateway import periods, upkeep
from stations.models import ActivationChange, ConnectionPeriod, GatewayProcess, Station
from tests.conftest import Tree

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.get_default_timezone())


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def heard(station: Station) -> list[tuple[float, float | None, int]]:
    """(began, ended, reconnects), in minutes after noon."""
    return [
        ((row.began_at - NOON).total_seconds() / 60, (row.ended_at - NOON).total_seconds() / 60 if row.ended_at else None, row.reconnects)
        for row in ConnectionPeriod.objects.filter(station=station).order_by("began_at")
    ]


@override_settings(STATION_CLOSED_GRACE=60)
def test_a_period_ends_when_the_socket_closes_and_goes_on_within_the_grace(tree: Tree) -> None:
    one, other = tree.station.pk, tree.dc_station.pk
    periods.begin({one: (minutes(0), "192.0.2.1"), other: (minutes(0), "192.0.2.2")})
    periods.begin({one: (minutes(3), "192.0.2.1")})  # the older socket is not closed yet
    periods.end({one: minutes(5), other: minutes(6)})
    periods.begin({one: (minutes(5.5), "192.0.2.1"), other: (minutes(8), "192.0.2.3")})
    assert heard(tree.station) == [(0, None, 2)]
    assert heard(tree.dc_station) == [(0, 6, 0), (8, None, 0)]


@override_settings(STATION_OFFLINE_AFTER=3600)
def test_who_was_silent_for_too_long_was_away_meanwhile(tree: Tree) -> None:
    periods.begin({tree.station.pk: (minutes(0), "192.0.2.1")})
    periods.was_silent([(tree.station.pk, minutes(10), minutes(200)), (tree.dc_station.pk, minutes(10), minutes(200))])
    assert heard(tree.station) == [(0, 70, 0), (200, None, 0)]
    assert heard(tree.dc_station) == []


def test_a_gateway_that_died_ends_the_periods_of_its_stations(tree: Tree) -> None:
    died = timezone.now() - timedelta(minutes=5)
    GatewayProcess.objects.create(name="g1", beat_at=died)
    Station.objects.filter(pk=tree.station.pk).update(connected=True, gateway="g1")
    periods.begin({tree.station.pk: (died - timedelta(hours=1), "")})
    upkeep.sweep()
    assert [row.ended_at for row in ConnectionPeriod.objects.filter(station=tree.station)] == [died]


def test_deactivating_and_activating_are_kept(tree: Tree) -> None:
    edit_station(actor=tree.ada, station=tree.station, active=False)
    edit_station(actor=tree.ada, station=tree.station, alias="Gate 2")
    set_stations_active(actor=tree.ada, stations=Station.objects.all(), active=True)
    kept = ActivationChange.objects.order_by("pk").values_list("station_id", "active")
    assert list(kept) == [(tree.station.pk, False), (tree.station.pk, True)]
