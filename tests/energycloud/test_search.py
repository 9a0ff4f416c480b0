"""The search over everything: each kind is found, a stranger's is not, the best hit comes first."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from energycloud import trigrams
from energycloud.near import near
from energycloud.search import find
from passes.actions import create_pass
from passes.models import ChargePass
from stations.actions import add_stations
from stations.models import Connector, Station, Transaction
from tenancy.actions import create_user
from tenancy.models import Organization, User
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
    "NL-TNM-B12345-6": lambda tree: ("Pool car 1", reverse("pass", args=[tree.charge_pass.pk])),
    "04:a2:b3:c4": lambda tree: ("Pool car 1", reverse("pass", args=[tree.charge_pass.pk])),
    "pool car": lambda tree: ("Pool car 1", reverse("pass", args=[tree.charge_pass.pk])),
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
    assert re.search(rf"\b{re.escape(name)}\b", page)
    assert not re.search(rf"\b{re.escape(name)}\b", stranger.replace(text, ""))


def test_the_exact_one_comes_first_then_what_begins_then_what_contains(tree: Tree) -> None:
    names = ["XX-TOWER", "TOWER-12", "TOWER"]
    add_stations(actor=None, location=tree.location, identities=names)
    (group,) = find(tree.bob, "tower", 10)
    assert [hit.name for hit in group.hits] == ["TOWER", "TOWER-12", "XX-TOWER"]


def test_of_two_alike_the_shorter_comes_first_and_where_a_word_begins_before_where_it_goes_on(tree: Tree) -> None:
    names = ["YY-TOWER-1", "TOWER-12", "YYTOWER", "TOWER-1", "Y-TOWER-1"]
    add_stations(actor=None, location=tree.location, identities=names)
    (group,) = find(tree.bob, "tower", 10)
    assert [hit.name for hit in group.hits] == ["TOWER-1", "TOWER-12", "Y-TOWER-1", "YY-TOWER-1", "YYTOWER"]


@pytest.mark.engines
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gate quay", {"Gate"}),
        ("quay gate", {"Gate"}),
        ("rotterdam gate", {"Gate"}),
        ("gate 0001", {"Gate"}),
        ("quay rotterdam", {"Quay 7"}),
        ("quay harbour", {"Quay 7"}),
        ("pool harbour", {"Pool car 1"}),
        ("gate seeblick", set()),
        ("gate bregenz", set()),
        ("gate gate quay nothing", set()),
        ("at ion e203953", {"AT*ION*E203953"}),
        ("AT*ION*E203953", {"AT*ION*E203953"}),
        ("04 a2-b3:c4.d5", {"Pool car 1"}),
    ],
)
def test_several_words_must_all_be_found(tree: Tree, text: str, found: set[str]) -> None:
    Connector.objects.filter(station=tree.station, number=1).update(evse_id="AT*ION*E203953", evse_key="ATIONE203953")
    assert {hit.name for group in find(tree.bob, text, 10) if not group.similar for hit in group.hits} == found


def test_people_and_passes_are_found_only_with_the_right_to_personal_data(tree: Tree, as_cy: Client, as_bob: Client) -> None:
    """A hit on a masked name would tell it; the answer is the same as when there is nobody."""
    eve = create_user(actor=None, organization=tree.customer, email="eve.smith@example.org", name="Eve Smith", password=None)
    texts = ("eve", "smith@example", "pool car", "NL-TNM-B12345-6", CARD)
    assert all(find(tree.bob, text, 10) for text in texts)
    assert not [group.slug for text in texts for group in find(tree.cy, text, 10) if group.slug != "help"]
    assert f"/users/{eve.pk}/" in as_bob.get("/search/", {"q": "eve"}).text
    pages = [as_cy.get("/search/", {"q": text}, headers=HTMX).text for text in texts]
    tree.charge_pass.delete()
    User.objects.filter(pk=eve.pk).delete()
    assert [as_cy.get("/search/", {"q": text}, headers=HTMX).text for text in texts] == pages


def test_oneself_is_always_found(tree: Tree) -> None:
    assert [(group.slug, hit.name) for group in find(tree.cy, "cy@example", 10) for hit in group.hits] == [("users", "Cy")]
    assert find(tree.cy, "bob@example", 10) == []


def test_a_cardholder_is_found_by_name(tree: Tree) -> None:
    create_user(actor=None, organization=tree.customer, email=None, name="Gerd Holder", password=None)
    (group,) = find(tree.bob, "gerd hol", 10)
    assert [(hit.name, hit.detail) for hit in group.hits] == [("Gerd Holder", "Harbour Offices")]


def test_a_transaction_by_the_id_that_its_station_gave_it(tree: Tree, charge: Transaction) -> None:
    Transaction.objects.filter(pk=charge.pk).update(transaction_id="b7c1-77aa-0012")
    for text in ("b7c1-77aa-0012", "B7C1-77AA", "48213"):
        assert [hit.name for group in find(tree.bob, text, 10) for hit in group.hits] == ["Transaction 48213"], text
    for text in ("77aa-0012", "b7c"):
        assert not [group for group in find(tree.bob, text, 10) if group.slug == "transactions"], text
    assert find(tree.dan, "b7c1-77aa-0012", 10) == []


def test_counts_and_pages_are_of_what_is_visible(as_bob: Client, tree: Tree) -> None:
    add_stations(actor=None, location=tree.location, identities=[f"ROW-{number:02}" for number in range(30)])
    add_stations(actor=None, location=tree.other_location, identities=[f"ROW-X{number:02}" for number in range(7)])
    everything = unmarked(as_bob.get("/search/", {"q": "row-"}))
    assert everything.count('<li><a href="/stations/') == 10
    assert "All 30: Stations" in everything
    pages = [unmarked(as_bob.get("/search/", {"q": "row-", "kind": "stations", "page": page})) for page in ("1", "2", "9", "x", "-1", "٢")]
    assert [page.count('<li><a href="/stations/') for page in pages] == [25, 5, 25, 25, 25, 25]
    assert all("ROW-X" not in page for page in pages)
    names = {name for page in pages[:2] for name in re.findall(r"ROW-\d+", page)}
    assert len(names) == 30
    assert 'aria-current="page">2</a>' in pages[1]


def test_what_matched_is_marked(as_bob: Client, tree: Tree) -> None:
    Connector.objects.filter(station=tree.station, number=1).update(evse_id="NL*LUM*E0001*1", evse_key="NLLUME00011")
    assert "<mark>Gat</mark>e" in as_bob.get("/search/", {"q": "gat"}).text
    assert "<mark>NL*LUM*E0001</mark>*1" in as_bob.get("/search/", {"q": "nl lum e0001"}).text


@pytest.mark.parametrize(
    ("words", "written", "typos"),
    [
        (["ROTREDAM"], "Hafen Rotterdam", 2), (["ROTRED"], "Rotterdam", 2), (["BREGNEZ", "HOTEL"], "Hotel Seeblick Bregenz", 1),
        (["LUM0001"], "LUM-0001", 1), (["MUNCHEN"], "München", 0), (["48213"], "48214", None), (["VOLT"], "Hotel", None),
        (["ABC"], "ABD", None),
        (["GARTE"], "Gate", 1), (["QUAY", "NOTHING"], "Quay 7", None), (["GATE"], "", None),
    ],
)  # fmt: skip
def test_how_far_what_was_typed_is_from_what_is_written(words: list[str], written: str, typos: int | None) -> None:
    assert near(words, written) == typos


@pytest.mark.engines
@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rotredam", {"Quay 7"}), ("harbuor", {"Harbour Offices"}), ("hotel sebelick", set()), ("lum0001", {"Gate"}),
        ("harbor ofices", {"Harbour Offices"}), ("pol cra", set()), ("pool catr", {"Pool car 1"}), ("zzzzzz", set()),
        ("bbo@example", {"Bob"}),
    ],
)  # fmt: skip
def test_typos_are_forgiven(tree: Tree, as_bob: Client, text: str, found: set[str]) -> None:
    groups = find(tree.bob, text, 10)
    assert all(group.similar for group in groups)
    assert {hit.name for group in groups for hit in group.hits} == found
    page = as_bob.get("/search/", {"q": text}).text
    assert ("Did you mean" in page) == bool(found)


@pytest.mark.engines
@pytest.mark.postgresql
def test_what_is_found_as_written_is_not_followed_by_guesses(tree: Tree) -> None:
    add_stations(actor=None, location=tree.location, identities=[f"TOWER-{number}" for number in range(5)], alias="Tower")
    add_stations(actor=None, location=tree.location, identities=["TOWRE-9"])
    assert {hit.name for group in find(tree.bob, "tower", 10) for hit in group.hits} == {"Tower"}


@pytest.mark.engines
@pytest.mark.postgresql
def test_guesses_leak_nothing(tree: Tree) -> None:
    create_user(actor=None, organization=tree.customer, email="eve.smith@example.org", name="Eve Smithson", password=None)
    assert find(tree.cy, "smihtson", 10) == []
    assert find(tree.dan, "harbuor", 10) == []
    assert [hit.name for group in find(tree.bob, "smihtson", 10) for hit in group.hits] == ["Eve Smithson"]


@pytest.mark.engines
@pytest.mark.postgresql
def test_the_indexes_fit_the_questions(tree: Tree) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    for rows in (
        Station.objects.filter(identity__icontains="tower"),
        Station.objects.filter(alias__istartswith="to"),
        Station.objects.filter(serial_number__iexact="tower"),
        User.objects.filter(email__icontains="tower"),
        ChargePass.objects.filter(uid__icontains="tower"),
        Organization.objects.filter(name__icontains="tower"),
        Transaction.objects.filter(transaction_id__istartswith="tower"),
    ):
        assert f"{rows.model._meta.db_table}_search" in rows.order_by().explain()


@pytest.mark.engines
@pytest.mark.postgresql
def test_without_the_extension_the_search_goes_on(tree: Tree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from django.apps import apps
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION pg_trgm CASCADE")
        cursor.execute("CREATE ROLE poor; GRANT SELECT ON ALL TABLES IN SCHEMA public TO poor; SET ROLE poor")
    try:
        trigrams.build(apps.get_app_config("tenancy"))
        assert not trigrams.available()
        assert "CREATE EXTENSION pg_trgm" in caplog.text
        assert [hit.name for group in find(tree.bob, "lum-0001", 10) for hit in group.hits] == ["Gate"]
        assert find(tree.bob, "rotredam", 10) == []
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
        trigrams.build(apps.get_app_config("tenancy"))  # the next migrate, by somebody who may
        assert [hit.name for group in find(tree.bob, "rotredam", 10) for hit in group.hits] == ["Quay 7"]
    finally:
        trigrams.available.cache_clear()


def test_the_kind_with_the_best_hit_comes_first(tree: Tree) -> None:
    add_stations(actor=None, location=tree.location, identities=["AT-POOL-CAR-11"])
    create_pass(actor=None, organization=tree.customer, uid="AABBCCDD", nickname="Pool-car-1")
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


@pytest.mark.parametrize(
    "text",
    [
        "%",
        "__",
        "' or 1=1 --",
        "9" * 40,
        "٣٤",
        "💡" * 3,
        "a\x00b",
        "<b>",
        "*-*",
        "::",
        "x" * 5000,
        "(",
        "[a",
        "\\",
        "a b c d e f g h i j",
        "💡 gate💡",
        "%%s",
        "x " * 5000,
        "(a+)+$ (b",
        '"',
        "{{ q }}",
    ],
)
def test_odd_texts_find_nothing_and_break_nothing(as_bob: Client, tree: Tree, text: str) -> None:
    for headers in ({}, HTMX):
        answer = as_bob.get("/search/", {"q": text}, headers=headers)
        assert answer.status_code == 200
        assert tree.station.get_absolute_url() not in answer.text


def test_names_are_text_and_never_markup(as_bob: Client, tree: Tree) -> None:
    evil = "<script>alert(1)</script>"
    Station.objects.filter(pk=tree.station.pk).update(alias=f"Gate {evil}", serial_number=evil[:50])
    create_pass(actor=None, organization=tree.customer, uid="AABBCCDD", nickname=f"Gate {evil}")
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
