"""Honest availability: every second of a connector has one reason, and the sums of days are made of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stations import availability_records
from stations.availability import REASONS, Facts, Span, joined, share, spans, tally, union, while_value
from stations.models import (
    ActivationChange,
    AvailabilityChange,
    AvailabilityDay,
    ConnectionPeriod,
    Connector,
    MaintenanceWindow,
    Station,
    StatusChange,
)
from tests.conftest import Tree

ALL = [(0, 10_000)]
FINE = Facts(born=0, heard=ALL, reported=0)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (FINE, "100 usable"),
        (Facts(born=None), ""),
        (FINE._replace(born=40), "60 usable"),
        (FINE._replace(heard=[(0, 30), (50, 100)]), "30 usable, 20 offline, 50 usable"),
        (FINE._replace(faulted=[(10, 20)], unavailable=[(15, 40)]), "10 usable, 10 faulted, 20 unavailable, 60 usable"),
        (FINE._replace(out_of_service=[(0, 60)], faulted=[(50, 70)]), "60 out_of_service, 10 faulted, 30 usable"),
        (FINE._replace(maintenance=[(20, 60)], out_of_service=[(0, 60)]), "20 out_of_service, 40 maintenance, 40 usable"),
        (FINE._replace(maintenance=[(0, 50)], heard=[(30, 100)]), "30 offline, 20 maintenance, 50 usable"),
        (FINE._replace(deactivated=[(0, 50)], heard=[(80, 100)]), "50 deactivated, 30 offline, 20 usable"),
        (FINE._replace(reported=30, faulted=[(30, 40)]), "30 unreported, 10 faulted, 60 usable"),
        (FINE._replace(reported=None), "100 unreported"),
        (FINE._replace(heard=[]), "100 offline"),
    ],
)
def test_the_first_reason_that_holds_is_the_reason(facts: Facts, wanted: str) -> None:
    assert ", ".join(f"{span.seconds} {span.reason}" for span in spans(facts, 0, 100)) == wanted


INTERVALS = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=5).map(
    lambda some: union((since, since + length) for since, length in some)
)
FACTS = st.builds(
    Facts, born=st.none() | st.integers(0, 150), heard=INTERVALS, deactivated=INTERVALS, maintenance=INTERVALS, out_of_service=INTERVALS,
    faulted=INTERVALS, unavailable=INTERVALS, reported=st.none() | st.integers(0, 150),
)  # fmt: skip


def naive(facts: Facts, second: int) -> str:
    """The reason of one second, asked in the words of the rule."""

    def inside(some: Any) -> bool:
        return any(since <= second < until for since, until in some)

    holds = {
        "deactivated": inside(facts.deactivated), "offline": not inside(facts.heard), "maintenance": inside(facts.maintenance),
        "out_of_service": inside(facts.out_of_service), "faulted": inside(facts.faulted), "unavailable": inside(facts.unavailable),
        "unreported": facts.reported is None or second < facts.reported,
    }  # fmt: skip
    return next((reason for reason in REASONS if holds[reason]), "usable")


@settings(max_examples=60, deadline=None)
@given(facts=FACTS, begin=st.integers(0, 120), length=st.integers(0, 120))
def test_spans_tile_the_time_and_sums_match(facts: Facts, begin: int, length: int) -> None:
    end = begin + length
    found = spans(facts, begin, end)
    start = end if facts.born is None else max(begin, min(facts.born, end))
    assert [second for span in found for second in range(span.begin, span.end)] == list(range(start, end))
    assert all(span.reason == naive(facts, second) for span in found for second in range(span.begin, span.end))
    assert all(before.reason != after.reason for before, after in pairwise(found))
    sums = tally(facts, begin, end)
    assert sums.seconds == sums.usable + sum(sums.lost.values()) == end - start
    assert sums.usable <= sums.online <= sums.seconds


def test_short_breaks_do_not_count() -> None:
    assert joined([(0.0, 10.5), (70.5, 90.0), (151.0, 200.0)], 60) == [(0, 90), (151, 200)]
    assert while_value([(5.9, "Faulted"), (5.9, "Available"), (7, "Faulted"), (8, "Faulted"), (9.5, "x")], "Faulted") == [(7, 9)]


def test_all_is_said_only_of_all() -> None:
    assert [share(*pair) for pair in ((86_399, 86_400), (5, 5), (0, 9), (0, 0), (1, 3))] == [
        "99.99 %",
        "100.00 %",
        "0.00 %",
        "–",
        "33.33 %",
    ]


# -- from what was recorded -------------------------------------------------------------------------------------------------------------

ZONE = ZoneInfo("Europe/Amsterdam")


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """In October 2026; the clocks go back on the 25th."""
    return datetime(2026, 10, day, hour, minute, tzinfo=ZONE)


@pytest.fixture
def station(tree: Tree) -> Station:
    """First connected on the 24th at noon, heard ever since but for one hour; connector 2 never said a word."""
    Connector.objects.update(added_at=None)
    ConnectionPeriod.objects.create(station=tree.station, began_at=at(24, 12), ended_at=at(26, 8))
    ConnectionPeriod.objects.create(station=tree.station, began_at=at(26, 9), ended_at=at(26, 20))
    ConnectionPeriod.objects.create(station=tree.station, began_at=at(26, 20) + timedelta(seconds=40))  # within the grace
    Station.objects.filter(pk=tree.station.pk).update(last_message_at=at(27, 23))
    report(tree.connector, at(24, 13), "Available")
    return tree.station


def report(connector: Connector, when: datetime, status: str, received: datetime | None = None) -> None:
    StatusChange.objects.create(connector=connector, at=when, received_at=received or when, status=status)


def days(connector: Connector) -> dict[int, tuple[int, int, int, dict[str, int]]]:
    rows = AvailabilityDay.objects.filter(connector=connector).order_by("day")
    return {row.day.day: (row.seconds, row.online, row.usable, row.lost) for row in rows}


HOUR = 3600


@pytest.mark.django_db
def test_days_that_are_over_are_summed_up(station: Station, tree: Tree) -> None:
    report(tree.connector, at(26, 10), "Faulted")
    report(tree.connector, at(26, 11), "Charging")
    whole = Connector.objects.get(station=station, number=0)
    AvailabilityChange.objects.create(connector=whole, at=at(26, 22), availability="Inoperative")
    MaintenanceWindow.objects.create(station=station, connector_number=2, starts_at=at(25, 1), ends_at=at(25, 4), comment="Meter")
    ActivationChange.objects.create(station=station, at=at(27, 6), active=False)
    assert availability_records.keep_days(at(28, 3)) == 2
    assert days(tree.connector) == {
        24: (12 * HOUR, 12 * HOUR, 11 * HOUR, {"unreported": HOUR}),
        25: (25 * HOUR, 25 * HOUR, 25 * HOUR, {}),
        26: (24 * HOUR, 23 * HOUR, 20 * HOUR, {"offline": HOUR, "faulted": HOUR, "out_of_service": 2 * HOUR}),
        27: (24 * HOUR, 24 * HOUR, 0, {"out_of_service": 6 * HOUR, "deactivated": 18 * HOUR}),
    }
    second = days(Connector.objects.get(station=station, number=2))
    assert second[25] == (25 * HOUR, 25 * HOUR, 0, {"maintenance": 4 * HOUR, "unreported": 21 * HOUR})
    assert availability_records.keep_days(at(28, 4)) == 0
    assert not AvailabilityDay.objects.exclude(connector__station=station).exists()


@pytest.mark.django_db
def test_a_connector_that_is_added_later_counts_since_then(station: Station, tree: Tree) -> None:
    availability_records.keep_days(at(27, 1))
    before = days(tree.connector)
    new = Connector.objects.create(station=station, number=7, added_at=at(27, 18))
    report(new, at(2), "Available", at(27, 18))  # by a clock that runs late
    availability_records.keep_days(at(28, 3))
    assert days(new) == {27: (6 * HOUR, 6 * HOUR, 6 * HOUR, {})}
    assert {day: sums for day, sums in days(tree.connector).items() if day < 27} == before
    tomorrow = Connector.objects.create(station=station, number=8, added_at=at(28, 1))
    availability_records.keep_days(at(28, 4))
    assert not days(tomorrow)


@pytest.mark.django_db
def test_what_is_reported_late_is_in_the_day_once_the_next_one_is_made(station: Station, tree: Tree) -> None:
    availability_records.keep_days(at(27, 1))
    assert days(tree.connector)[26][2] == 23 * HOUR
    report(tree.connector, at(26, 15), "Faulted", at(27, 10))
    report(tree.connector, at(26, 16), "Available", at(27, 10))
    availability_records.keep_days(at(28, 1))
    assert days(tree.connector)[26][2:] == (22 * HOUR, {"offline": HOUR, "faulted": HOUR})
    assert sorted(days(tree.connector)) == [24, 25, 26, 27]


@pytest.mark.django_db
def test_a_silent_station_counts_as_offline_and_a_new_row_waits_for_the_day_to_end(station: Station, tree: Tree) -> None:
    """Last heard on the 27th at 23:00, so offline from midnight on."""
    availability_records.keep_days(at(28, 0, 5))
    assert 27 not in days(tree.connector)  # it ended five minutes ago
    availability_records.keep_days(at(29, 1))
    assert days(tree.connector)[28] == (24 * HOUR, 0, 0, {"offline": 24 * HOUR})
    (one, _two) = availability_records.known([station.pk], at(28), at(29), at(28, 12))
    assert spans(one.facts, availability_records.seconds(at(28)), availability_records.seconds(at(28, 12))) == [
        Span(availability_records.seconds(at(28)), availability_records.seconds(at(28, 12)), "offline")
    ]


@pytest.mark.django_db
def test_many_stations_cost_the_queries_of_one(tree: Tree, django_assert_num_queries: Any) -> None:
    begin, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    for stations in ([tree.station.pk], list(Station.objects.values_list("pk", flat=True))):
        with django_assert_num_queries(7):
            availability_records.known(stations, begin, end, end)


def test_days_are_those_of_the_location() -> None:
    lengths = [
        (after - before).total_seconds() / HOUR
        for before, after in (availability_records.day_bounds(date(2026, month, day), ZONE) for month, day in ((3, 29), (10, 25), (7, 1)))
    ]
    assert lengths == [23, 25, 24]
