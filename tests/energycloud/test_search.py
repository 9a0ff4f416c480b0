"""The search over everything: each kind is found, a stranger's is not, the best hit comes first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from energycloud.search import find
from passes.models import ChargePass
from stations.actions import add_stations
from stations.models import Connector, Station, Transaction
from tenancy.models import User
from tests.conftest import CARD, Tree

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def charge(tree: Tree) -> Transaction:
    connector = tree.connector
    connector.evse_id = "NL*LUM*E0001*1"
    connector.full_clean()
    connector.save()
    Station.objects.filter(pk=tree.station.pk).update(serial_number="SN-778899")
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Transaction.objects.create(
        pk=48213, station=tree.station, connector=connector, transaction_id="48213", id_tag=CARD, verdict="Accepted",
        started_at=at, start_received_at=at, reported_start=at.isoformat(), meter_start=0,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def pages_of_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a hit leads is what the user says of itself."""
    monkeypatch.setattr(User, "get_absolute_url", lambda user: f"/users/{user.pk}/")


def unmarked(response: Any) -> str:
    """The page without the marks around what was looked for."""
    text: str = response.text
    return text.replace("<mark>", "").replace("</mark>", "")


KINDS: dict[str, Callable[[Tree], tuple[str, str]]] = {
    "LUM-0001": lambda tree: ("Gate", tree.station.get_absolute_url()),
    "lum-0001": lambda tree: ("Gate", tree.station.get_absolute_url()),
    "gate": lambda tree: ("Gate", tree.station.get_absolute_url()),
    "778899": lambda tree: ("Gate", tree.station.get_absolute_url()),
    "NL*LUM*E0001*1": lambda tree: ("NL*LUM*E0001*1", tree.station.get_absolute_url()),
    "nllume0001": lambda tree: ("NL*LUM*E0001*1", tree.station.get_absolute_url()),
    "nl-lum-e0001-1": lambda tree: ("NL*LUM*E0001*1", tree.station.get_absolute_url()),
    "quay": lambda tree: ("Quay 7", tree.location.get_absolute_url()),
    "Kade 7": lambda tree: ("Quay 7", tree.location.get_absolute_url()),
    "rotterdam": lambda tree: ("Quay 7", tree.location.get_absolute_url()),
    "harbour": lambda tree: ("Harbour Offices", tree.customer.get_absolute_url()),
    "NL-TNM-B12345-6": lambda tree: ("Pool car 1", reverse("pass_edit", args=[tree.charge_pass.pk])),
    "04:a2:b3:c4": lambda tree: ("Pool car 1", reverse("pass_edit", args=[tree.charge_pass.pk])),
    "pool car": lambda tree: ("Pool car 1", reverse("pass_edit", args=[tree.charge_pass.pk])),
    "cy@example": lambda tree: ("Cy", f"/users/{tree.cy.pk}/"),
    "48213": lambda tree: ("Transaction 48213", reverse("transaction", args=[48213])),
    "#48213": lambda tree: ("Transaction 48213", reverse("transaction", args=[48213])),
}


@pytest.mark.parametrize("text", KINDS)
def test_each_kind_is_found_by_those_who_may_see_it(as_bob: Client, as_dan: Client, tree: Tree, charge: Transaction, text: str) -> None:
    name, url = KINDS[text](tree)
    page = unmarked(as_bob.get("/search/", {"q": text}))
    assert f'href="{url}"' in page
    assert name in page
    stranger = unmarked(as_dan.get("/search/", {"q": text}))
    assert url not in stranger
    assert name not in stranger.replace(text, "")


def test_the_exact_one_comes_first_then_what_begins_then_what_contains(tree: Tree) -> None:
    names = ["XX-TOWER", "TOWER-12", "TOWER"]
    add_stations(actor=None, location=tree.location, identities=names)
    (group,) = find(tree.bob, "tower", 10)
    assert [hit.name for hit in group.hits] == ["TOWER", "TOWER-12", "XX-TOWER"]


def test_the_kind_with_the_best_hit_comes_first(tree: Tree) -> None:
    add_stations(actor=None, location=tree.location, identities=["AT-POOL-CAR-11"])
    ChargePass.objects.create(organization=tree.customer, uid="AABBCCDD", nickname="Pool-car-1")
    groups = find(tree.bob, "pool-car-1", 10)
    assert [group.icon for group in groups] == ["id-badge-2", "charging-pile"]


def test_typing_gets_a_part_with_the_first_few_and_the_way_to_all(as_bob: Client, tree: Tree) -> None:
    add_stations(actor=None, location=tree.location, identities=[f"ROW-{number:02}" for number in range(9)])
    part = as_bob.get("/search/", {"q": "row-"}, headers=HTMX).text
    assert "<html" not in part
    assert part.count("/stations/") == 4
    assert "/search/?q=row-" in part
    assert as_bob.get("/search/", {"q": "row-"}).text.count('<li><a href="/stations/') == 9


def test_nothing_found_says_what_can_be_searched(as_bob: Client) -> None:
    for headers in ({}, HTMX):
        text = as_bob.get("/search/", {"q": "zzzz"}, headers=headers).text
        assert "Nothing that you may see is called “zzzz”." in text
        assert "EVSE ID" in text


@pytest.mark.parametrize("text", ["", "   ", "\x00", "a"])
def test_too_little_is_no_search(as_bob: Client, tree: Tree, text: str) -> None:
    answer = as_bob.get("/search/", {"q": text})
    assert answer.status_code == 200
    assert tree.station.get_absolute_url() not in answer.text


@pytest.mark.parametrize("text", ["%", "__", "' or 1=1 --", "9" * 40, "٣٤", "💡" * 3, "a\x00b", "<b>", "*-*", "::", "x" * 5000])
def test_odd_texts_find_nothing_and_break_nothing(as_bob: Client, tree: Tree, text: str) -> None:
    for headers in ({}, HTMX):
        answer = as_bob.get("/search/", {"q": text}, headers=headers)
        assert answer.status_code == 200
        assert tree.station.get_absolute_url() not in answer.text


def test_names_are_text_and_never_markup(as_bob: Client, tree: Tree) -> None:
    evil = "<script>alert(1)</script>"
    Station.objects.filter(pk=tree.station.pk).update(alias=f"Gate {evil}", serial_number=evil[:50])
    ChargePass.objects.create(organization=tree.customer, uid="AABBCCDD", nickname=f"Gate {evil}")
    for headers in ({}, HTMX):
        for query in ("gate", evil):
            response = as_bob.get("/search/", {"q": query}, headers=headers)
            text = response.text
            assert "alert(1)" in unmarked(response)
            assert evil not in text


def test_as_many_queries_with_many_hits(tree: Tree, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    def count() -> int:
        with django_assert_max_num_queries(8) as captured:
            find(tree.bob, "lum", 25)
        return len(captured)

    find(tree.bob, "lum", 25)  # reads what Bob may see, once
    few = count()
    stations: list[Any] = add_stations(actor=None, location=tree.location, identities=[f"LUM-A{number:02}" for number in range(30)])
    for number, (station, _password) in enumerate(stations):
        Connector.objects.filter(station=station, number=1).update(evse_id=f"NL*LUM*E{number:04}", evse_key=f"NLLUME{number:04}")
    assert count() == few
