"""The dashboard: the right numbers for the scope, nothing of strangers, and a constant number of queries."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from energycloud import dashboard as page
from energycloud.context import shell
from stations.actions import add_stations
from stations.models import Command, Connector, Knock, Station, Transaction, UnmatchedMessage
from tenancy.actions import create_organization, create_user
from tenancy.models import Role
from tenancy.rights import reach
from tests.conftest import CARD, PASSWORD, Tree

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 18, 14, 30, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Amsterdam")


@pytest.fixture(autouse=True)
def at_half_past_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    cache.clear()


def online(station: Station, **fields: Any) -> None:
    seen = {
        "connected": True,
        "first_connected_at": NOW - timedelta(days=9),
        "connected_at": NOW - timedelta(hours=5),
        "last_message_at": NOW,
    }
    Station.objects.filter(pk=station.pk).update(**(seen | fields))


def offline(station: Station, since: timedelta = timedelta(hours=3)) -> None:
    online(station, connected=False, disconnected_at=NOW - since, last_message_at=NOW - since)


def charge(station: Station, started: datetime, wh: int, number: int = 1, ended: bool = True, **fields: Any) -> Transaction:
    connector = Connector.objects.get(station=station, number=number)
    row = Transaction.objects.create(
        station=station, connector=connector, id_tag=CARD, verdict="Accepted", started_at=started, start_received_at=started,
        reported_start=started.isoformat(), meter_start=1000, meter_last=1000 + wh, meter_stop=1000 + wh if ended else None,
        ended_at=started + timedelta(hours=1) if ended else None, **fields,
    )  # fmt: skip
    Transaction.objects.filter(pk=row.pk).update(transaction_id=str(row.pk))
    return row


def text_of(html: str) -> str:
    """What one reads on the page, each run of white space as one space."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture
def troubled(tree: Tree) -> Tree:
    """Everything that needs attention, once in Bob's tree and once in Dan's."""
    for station in (tree.station, tree.other_station):
        online(station, clock_offset=-400.0)
        Connector.objects.filter(station=station, number=1).update(
            status="Faulted", error_code="GroundFailure", vendor_error_code="E-17", status_at=NOW - timedelta(minutes=5)
        )
        UnmatchedMessage.objects.create(station=station, action="StopTransaction", transaction_id="77", payload={})
        charge(station, NOW - timedelta(hours=20), 5000, problems=["negative"])
        charge(station, NOW - timedelta(days=3), 5000, ended=False)
        Command.objects.create(
            station=station, action="Reset", payload={"type": "Soft"}, state="timed_out", created_at=NOW - timedelta(hours=1), deadline=NOW
        )
    offline(tree.dc_station)
    Knock.objects.create(identity="EVIL-0001", reason="unknown", address="192.0.2.7")
    add_stations(actor=None, location=tree.location, identities=["LUM-NEW"])
    return tree


def test_what_needs_attention_is_said_and_leads_to_where_it_is_mended(as_bob: Client, troubled: Tree) -> None:
    html = as_bob.get("/").text
    text = text_of(html)
    for sentence in (
        "1 connector reports a fault",
        "GroundFailure E-17",
        "1 station is offline",
        "1 message belongs to no transaction we know",
        "1 transaction of the last 7 days has a problem",
        "1 transaction runs for more than a day",
        "1 command of the last 24 hours failed",
        "1 station has a wrong clock",
        "7 min slow",
        "1 station was added and has not connected yet",
    ):
        assert sentence in text
    for path in (
        "/stations/?status=Faulted",
        "/stations/?connection=offline",
        "/transactions/inbox/",
        "/transactions/?state=problem&amp;period=week",
        "/transactions/?state=running&amp;until=2026-03-16",
        "/stations/?problem=clock",
        "/stations/?connection=never",
        troubled.station.get_absolute_url(),
    ):
        assert f'href="{path}"' in html
        assert as_bob.get(path.replace("&amp;", "&")).status_code == 200
    assert text.index("reports a fault") < text.index("is offline") < text.index("has not connected yet"), "the worst first"


def test_a_strangers_troubles_are_not_told(as_bob: Client, as_dan: Client, troubled: Tree) -> None:
    ours, theirs = as_bob.get("/").text, as_dan.get("/").text
    for name in ("VOLT-0001", "Seeblick", f"/stations/{troubled.other_station.pk}/"):
        assert name not in ours
        assert name in theirs
    for name in ("LUM-0002", "Gate", "Quay 7", f"/stations/{troubled.station.pk}/"):
        assert name not in theirs
        assert name in ours


def test_only_the_platform_hears_of_who_knocks(as_ada: Client, as_bob: Client, troubled: Tree) -> None:
    assert "EVIL-0001" in as_ada.get("/").text
    assert "1 station knocks and is not let in" in text_of(as_ada.get("/").text)
    assert "EVIL-0001" not in as_bob.get("/").text
    assert "EVIL-0001" not in as_ada.get("/", {"in": f"o{troubled.partner.pk}"}).text


def test_the_platform_sees_both_and_a_scope_only_its_own(as_ada: Client, troubled: Tree) -> None:
    assert "2 connectors report a fault" in text_of(as_ada.get("/").text)
    for token in (f"o{troubled.other_partner.pk}", f"o{troubled.other_customer.pk}", f"l{troubled.other_location.pk}"):
        html = as_ada.get("/", {"in": token}).text
        assert "1 connector reports a fault" in text_of(html)
        assert "LUM-0001" not in html
        assert f'href="/stations/?status=Faulted&amp;in={token}"' in html, "links keep the scope"
        assert f'data-live="in:{token}"' in html
        assert f'hx-get="/?part=live&amp;in={token}"' in html


def test_a_command_that_worked_later_is_no_trouble_any_more(as_bob: Client, troubled: Tree) -> None:
    Command.objects.create(station=troubled.station, action="Reset", state="accepted", created_at=NOW - timedelta(minutes=9), deadline=NOW)
    assert "of the last 24 hours failed" not in text_of(as_bob.get("/").text)


def test_nothing_wrong_says_so(as_cy: Client, tree: Tree) -> None:
    for station in (tree.station, tree.dc_station):
        online(station)
    assert "Nothing: everything works as it should." in text_of(as_cy.get("/").text)


def test_states_are_counted_and_lead_to_the_lists(as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    Connector.objects.filter(station=tree.station, number=1).update(status="Charging", power=7200)
    Connector.objects.filter(station=tree.station, number=2).update(status="Available", power=999)
    html = as_bob.get("/").text
    text = text_of(html)
    assert "Online 1" in text
    assert "Never connected 1" in text
    assert "Charging 1" in text
    assert "Available 1" in text
    assert "Not reported yet 1" in text
    assert "7.2 kW" in text, "power is that of who charges"
    for path in ("/stations/?connection=online", "/stations/?status=Charging", "/stations/?status=none"):
        assert f'href="{path}"' in html
        assert as_bob.get(path).status_code == 200


def test_running_transactions(as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    Connector.objects.filter(station=tree.station, number=1).update(status="Charging", power=7200)
    row = charge(tree.station, NOW - timedelta(minutes=40), 4321, ended=False)
    html = as_bob.get("/").text
    assert f'href="/transactions/{row.pk}/"' in html
    assert "Gate · 1 LUM-0001 · Quay 7 Pool car 1 7.2 kW 4.32 kWh 40 min ago" in text_of(html)


def test_energy_by_day_of_the_platforms_zone(as_bob: Client, tree: Tree) -> None:
    midnight = datetime(2026, 3, 18, tzinfo=ZONE)
    charge(tree.station, midnight, 1000)
    charge(tree.station, midnight - timedelta(minutes=1), 2000)
    charge(tree.station, datetime(2026, 2, 17, tzinfo=ZONE), 4000)
    charge(tree.station, datetime(2026, 2, 17, tzinfo=ZONE) - timedelta(minutes=1), 8000)
    charge(tree.station, midnight, -16000)
    charge(tree.other_station, midnight, 32000)
    text = text_of(as_bob.get("/").text)
    assert "Today 1.00 kWh 2 transactions" in text
    assert "Last 30 days 7.00 kWh 4 transactions" in text
    assert "most: 4.00 kWh on 17 Feb" in text


def test_a_location_has_its_own_days(as_bob: Client, tree: Tree) -> None:
    tree.location.time_zone = "Pacific/Auckland"
    tree.location.save()
    charge(tree.station, NOW - timedelta(hours=10), 1000)  # 4:30 UTC: yesterday in Auckland, where it is after midnight
    assert "Today 1.00 kWh" in text_of(as_bob.get("/").text)
    assert "Today 0.00 kWh" in text_of(as_bob.get("/", {"in": f"l{tree.location.pk}"}).text)


def test_days_that_are_over_are_remembered_but_never_for_somebody_else(as_ada: Client, as_bob: Client, as_dan: Client, tree: Tree) -> None:
    charge(tree.station, NOW - timedelta(days=2), 1000)
    charge(tree.other_station, NOW - timedelta(days=2), 2000)
    for _again in range(2):
        assert "Last 30 days 3.00 kWh" in text_of(as_ada.get("/").text)
        assert "Last 30 days 1.00 kWh" in text_of(as_bob.get("/").text)
        assert "Last 30 days 2.00 kWh" in text_of(as_dan.get("/").text)
        assert "Last 30 days 2.00 kWh" in text_of(as_ada.get("/", {"in": f"o{tree.other_partner.pk}"}).text)


def test_every_day_is_there_even_when_the_clocks_change(monkeypatch: pytest.MonkeyPatch, tree: Tree) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 4, 2, 22, 30, tzinfo=UTC))
    days = page._days(Transaction.objects.none(), ZONE, "nobody")
    assert [day.day for day in days] == [date(2026, 3, 5) + timedelta(days=number) for number in range(30)]


def test_a_new_portal_says_what_to_do_first(tree: Tree, client_of: Any) -> None:
    empty = create_organization(actor=None, parent=tree.platform, kind="partner", name="New Partner")
    administrator = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    eve = create_user(actor=None, organization=empty, email="eve@example.org", name="Eve", password=PASSWORD, role=administrator)
    html = client_of(eve).get("/").text
    assert "Welcome. First things first" in html
    for path in ("/organizations/add/", "/locations/add/", "/stations/add/", "/help/connect/"):
        assert f'href="{path}"' in html
    assert "Needs attention" not in html


def test_an_empty_organization_keeps_the_scope(as_ada: Client, tree: Tree) -> None:
    empty = create_organization(actor=None, parent=tree.platform, kind="partner", name="New Partner")
    html = as_ada.get("/", {"in": f"o{empty.pk}"}).text
    assert "No stations here yet" in html
    assert f'href="/stations/add/?in=o{empty.pk}"' in html


def test_the_live_part_is_a_part(as_bob: Client, troubled: Tree) -> None:
    html = as_bob.get("/", {"part": "live"}, headers={"HX-Request": "true"}).text
    assert html.lstrip().startswith('<div id="dashboard"')
    assert "<html" not in html


def test_what_a_station_says_is_text(as_bob: Client, troubled: Tree) -> None:
    evil = "<img src=x onerror=alert(1)>"
    Connector.objects.filter(station=troubled.station).update(vendor_error_code=evil, error_code=evil)
    Station.objects.filter(pk=troubled.station.pk).update(alias=evil)
    charge(troubled.station, NOW, 5, ended=False, number=2)
    Transaction.objects.update(id_tag=evil)
    html = as_bob.get("/").text
    assert "alert(1)" in html
    assert evil not in html


def test_as_many_queries_with_30_stations_as_with_3(as_bob: Client, troubled: Tree) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert as_bob.get("/").status_code == 200
        return len(captured)

    queries()
    few = queries()
    added = add_stations(actor=None, location=troubled.location, identities=[f"LUM-B{number:02}" for number in range(30)], connectors=2)
    for number, (station, _password) in enumerate(added):
        if number % 2:
            online(station, clock_offset=500.0)
        else:
            offline(station)
        Connector.objects.filter(station=station, number=1).update(status="Faulted", error_code="InternalError", status_at=NOW)
        charge(station, NOW - timedelta(hours=2), 5000, problems=["clock"])
        charge(station, NOW - timedelta(days=4), 5000, ended=False, number=2)
        UnmatchedMessage.objects.create(station=station, action="StopTransaction", transaction_id="1", payload={})
        Command.objects.create(station=station, action="Reset", state="rejected", created_at=NOW, deadline=NOW)
    assert queries() == few
    assert few <= 40


def test_the_menu_costs_one_query_beside_the_rights_and_nothing_before_the_login(
    rf: Any, tree: Tree, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    from django.contrib.auth.models import AnonymousUser

    request = rf.get("/")
    request.user = AnonymousUser()
    with django_assert_num_queries(0):
        assert shell(request) == {}
    for user in (tree.bob, tree.ada):
        request.user = user
        reach(user)
        with django_assert_num_queries(0):
            entries = shell(request)["nav"]
        with django_assert_num_queries(1):
            entries = list(entries)
        assert [entry.label for entry in entries if entry.active] == ["Dashboard"]


def test_the_menu_counts_who_knocks_and_what_is_in_the_inbox(rf: Any, troubled: Tree) -> None:
    for user, counts in ((troubled.ada, {"Knocking": 1, "Inbox": 4}), (troubled.bob, {"Inbox": 2}), (troubled.dan, {"Inbox": 2})):
        request = rf.get("/transactions/inbox/")
        request.user = user
        entries = shell(request)["nav"]
        assert {entry.label: entry.badge for entry in entries if entry.badge} == counts
        assert [entry.label for entry in entries if entry.active] == ["Inbox"]
