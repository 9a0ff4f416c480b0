"""Availability on its pages: the bars of a station, and the list by station, location and organization."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.models import AvailabilityDay, ConnectionPeriod, MaintenanceWindow, OutOfService, Station, StatusChange
from stations.pages.availability_list import last_months
from tests.conftest import Tree
from tests.stations.sheets import online, page, text

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def lived(tree: Tree) -> Tree:
    """Connected for three days but for one hour; a fault yesterday, and maintenance before it."""
    now = timezone.now()
    online(tree.station)
    tree.station.connectors.update(added_at=None)
    ConnectionPeriod.objects.create(station=tree.station, began_at=now - 72 * HOUR, ended_at=now - 50 * HOUR)
    ConnectionPeriod.objects.create(station=tree.station, began_at=now - 49 * HOUR)
    for connector in tree.station.connectors.all():
        StatusChange.objects.create(connector=connector, at=now - 72 * HOUR, received_at=now, status="Available")
    for hours, status in ((30, "Faulted"), (28, "Available")):
        StatusChange.objects.create(connector=tree.connector, at=now - hours * HOUR, received_at=now, status=status)
    MaintenanceWindow.objects.create(
        station=tree.station, starts_at=now - 40 * HOUR, ends_at=now - 39 * HOUR, comment="New meter <b>", connector_number=0
    )
    OutOfService.objects.create(station=tree.station, since=now - 40 * HOUR, ended_at=now - 38 * HOUR, comment="Not the reason")
    return tree


def test_the_bars_of_a_station_and_what_kept_drivers_away(lived: Tree, as_cy: Client) -> None:
    shown = "".join(
        page(as_cy, lived.station, "station_availability", f"?period=month&day={day:%Y-%m-%d}")
        for day in {(timezone.now() - 72 * HOUR).replace(day=1), timezone.now().replace(day=1)}
    )
    said = text(shown)
    assert "Honest availability" in said
    assert "Offline" in said
    assert "1 h 00 min" in said
    assert "Faulted" in said
    assert "2 h 00 min" in said
    assert "New meter <b>" in said
    assert "New meter <b>" not in shown
    assert "Not the reason" not in said
    assert 'fill="url(#pattern-stripes)"' in shown
    assert 'href="#outage-1"' in shown
    assert 'id="outage-1"' in shown
    assert "style=" not in shown.split("<main")[1].split("</main")[0]


@pytest.mark.parametrize(
    "query", ["?period=day", "?period=week&day=2026-03-29", "?day=31.3.26", "?period=x&day=0001-01-01", "?day=9999-12-31"]
)
def test_any_period_can_be_asked_for(query: str, lived: Tree, as_cy: Client) -> None:
    shown = page(as_cy, lived.station, "station_availability", query)
    assert ("Write the day like" in shown) == ("31.3.26" in query)


def summed(tree: Tree, station: Station, usable: int, lost: dict[str, int]) -> None:
    day = (datetime.now(UTC) - timedelta(days=1)).date()
    for connector in station.connectors.filter(number__gt=0):
        AvailabilityDay.objects.create(connector=connector, day=day, seconds=86_400, online=80_000, usable=usable, lost=lost)


@pytest.fixture
def kept(tree: Tree) -> Tree:
    summed(tree, tree.station, 43_200, {"offline": 6400, "faulted": 36_800})
    summed(tree, tree.dc_station, 86_400, {})
    summed(tree, tree.other_station, 1, {"unreported": 86_399})
    return tree


def test_the_list_sums_up_by_station_location_and_organization(kept: Tree, as_bob: Client, as_dan: Client) -> None:
    month = f"{(datetime.now(UTC) - timedelta(days=1)).date():%Y-%m}"
    for group, names, share in (
        ("station", ["Gate LUM-0001", "LUM-0002", "50.00 %", "100.00 %", "20 h 27 min"], "66.66 %"),
        ("location", ["Quay 7", "66.66 %", "92.59 %"], "66.66 %"),
        ("organization", ["Harbour Offices", "66.66 %"], "66.66 %"),
    ):
        said = text(as_bob.get(reverse("availability"), {"group": group, "month": month}).content.decode())
        assert all(name in said for name in names), said
        assert f"usable {share}" in said
        assert "VOLT-0001" not in said
        assert "Seeblick" not in said
    assert "LUM-0001" not in as_dan.get(reverse("availability"), {"month": month}).content.decode()
    filtered = text(as_bob.get(reverse("availability"), {"month": month, "under": "900000"}).content.decode())
    assert "LUM-0001" in filtered
    assert "LUM-0002" not in filtered
    csv = as_bob.get(reverse("availability"), {"month": month, "export": "csv"}).getvalue().decode()
    assert "LUM-0001 (Gate),Harbour Offices,Quay 7,50.0,92.59,24.0,2,0.0,3.556,0.0,0.0,20.444,0.0,0.0" in csv
    narrowed = as_bob.get(reverse("availability"), {"month": month, "in": f"l{kept.location.pk}", "q": "gate"}).content.decode()
    assert "LUM-0001" in narrowed
    assert "LUM-0002" not in narrowed
    for url in (kept.location.get_absolute_url(), kept.customer.get_absolute_url()):
        assert "66.66 % usable, uptime 92.59 %" in as_bob.get(url).content.decode()


def test_an_organization_counts_all_below_it(kept: Tree, as_ada: Client, as_bob: Client) -> None:
    """Lumen has no location of its own: what it sees is that of its customer; and nobody sees it from below."""
    query = {"group": "organization", "month": f"{(datetime.now(UTC) - timedelta(days=1)).date():%Y-%m}"}

    def rows(client: Client, **more: str) -> list[list[str]]:
        lines = client.get(reverse("availability"), query | more | {"export": "csv"}).getvalue().decode("utf-8-sig").splitlines()[1:]
        return [[line.split(",")[at] for at in (0, 1, 4)] for line in lines]

    own, whole = ["Harbour Offices", "66.66", "3"], ["Lumen Installers", "66.66", "3"]
    assert rows(as_bob) == [own, whole]
    said = text(as_bob.get(reverse("availability"), query).content.decode())
    assert "Lumen Installers with all below it" in said
    assert "usable 66.66 %" in said  # nothing twice
    assert rows(as_bob, q="lumen") == [whole]
    assert rows(as_bob, under="900000") == [own, whole]
    assert rows(as_bob, **{"in": f"o{kept.customer.pk}"}) == [own]
    assert next(row[0] for row in rows(as_ada, sort="-connectors")) == kept.platform.name


def test_months_begin_with_that_of_yesterday() -> None:
    assert [value for value, _label in last_months(datetime(2026, 3, 1, tzinfo=UTC).date())][:3] == ["2026-02", "2026-01", "2025-12"]


def test_the_list_costs_the_same_with_many_rows(kept: Tree, as_ada: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(14):
        as_ada.get(reverse("availability"))
