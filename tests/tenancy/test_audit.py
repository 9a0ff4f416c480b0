"""The record of what people did: who, when, what before and after, from where; who may read what of it; and that it stays as it is."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client, override_settings
from django.urls import reverse

from passes.actions import edit_pass
from stations.actions import create_connector, delete_connector, edit_location, edit_station, request_command
from tenancy import audit
from tenancy.actions import (
    assign_role,
    create_organization,
    create_role,
    create_user,
    delete_organization,
    edit_organization,
    edit_role,
    edit_user,
)
from tenancy.address import from_where
from tenancy.models import AuditEntry, Role, User
from tests.conftest import CARD, PASSWORD, Tree
from tests.stations.sheets import online

pytestmark = pytest.mark.django_db

XSS = "<script>alert(1)</script>"


def text(answer: Any) -> str:
    """What a reader sees of the page below its menu, on one line."""
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode().split('id="main"')[1])))


def exported(answer: Any) -> list[dict[str, str]]:
    source = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(source)))


@pytest.fixture
def eve(tree: Tree) -> User:
    """May see who changed what at the customer, but neither people's names nor bank numbers."""
    auditor = create_role(actor=None, organization=tree.customer, name="Auditor", rights=["read_audit"])
    return create_user(actor=None, organization=tree.customer, email="eve@example.org", name="Eve", password=PASSWORD, role=auditor)


@pytest.fixture
def as_eve(eve: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(eve)


# -- from where ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "direct", "expected"),
    [
        (0, "", "192.0.2.7", "192.0.2.7"),
        (0, "203.0.113.9", "192.0.2.7", "192.0.2.7"),  # whoever sends the header is not believed
        (1, "198.51.100.1, 203.0.113.9", "10.0.0.1", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "10.0.0.1", "198.51.100.1"),
        (2, "203.0.113.9", "10.0.0.1", "10.0.0.1"),
        (1, "nonsense", "10.0.0.1", None),
        (0, "", "2001:db8::1", "2001:db8::1"),
        (0, "", "::ffff:192.0.2.7", "192.0.2.7"),
        (0, "", "", None),
    ],
)
def test_the_address_is_that_of_the_request(
    proxies: int, forwarded: str, direct: str, expected: str | None, tree: Tree, as_bob: Client
) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    with override_settings(TRUSTED_PROXIES=proxies):
        answer = as_bob.post(
            reverse("organization_edit", args=[tree.customer.pk]),
            {"kind": "customer", "name": "Harbour Towers"},
            headers=headers,
            REMOTE_ADDR=direct,
        )
    assert answer.status_code == 302
    assert AuditEntry.objects.get(verb="edit", object_type="tenancy.organization").address == expected


def test_a_command_has_no_address(tree: Tree) -> None:
    assert from_where() is None
    edit_location(actor=tree.bob, location=tree.location, name="Quay 8")
    assert AuditEntry.objects.get(verb="edit").address is None


# -- nobody changes it --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"verb": "x"}, {"actor_name": "Nobody"}, {"changes": {}}, {"at": "2020-01-01T00:00:00Z"}, {"actor": "cy"}]
)
def test_the_database_refuses_to_change_an_entry(change: dict[str, Any], tree: Tree) -> None:
    edit_location(actor=tree.bob, location=tree.location, name="Quay 8")
    values = change | ({"actor": tree.cy} if "actor" in change else {})
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        AuditEntry.objects.filter(verb="edit").update(**values)
    assert AuditEntry.objects.get(verb="edit").actor_name == "Bob"


@pytest.mark.engines
@pytest.mark.postgresql
def test_the_database_refuses_to_delete_an_entry(tree: Tree) -> None:
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        AuditEntry.objects.all().delete()


@pytest.mark.engines
def test_who_and_where_may_go_and_the_entry_stays(tree: Tree, as_ada: Client) -> None:
    gone = create_organization(actor=tree.bob, parent=tree.partner, kind="customer", name="Gone Ltd")
    edit_organization(actor=tree.bob, organization=gone, city="Delft")
    delete_organization(actor=tree.bob, organization=gone)
    entries = AuditEntry.objects.filter(object_name="Gone Ltd")
    assert list(entries.values_list("verb", "organization")) == [(verb, tree.partner.pk) for verb in ("delete", "edit", "create")]
    User.objects.filter(pk=tree.bob.pk).delete()
    assert set(entries.values_list("actor", "actor_name")) == {(None, "Bob")}
    assert "Changed the organization Gone Ltd" in text(as_ada.get(reverse("history")))
    with pytest.raises(DatabaseError), transaction.atomic():  # nowhere else
        entries.update(organization=tree.other_partner)


def test_no_page_writes_it(tree: Tree, as_ada: Client) -> None:
    before = list(AuditEntry.objects.values())
    for url in (reverse("history"), reverse("station_history", args=[tree.station.pk])):
        as_ada.post(url, {"action": "delete", "all": "1", "confirmed": "1"})
        assert as_ada.delete(url).status_code == 405
    assert list(AuditEntry.objects.values()) == before


# -- in words -----------------------------------------------------------------------------------------------------------------------------


def test_changes_are_told_in_plain_words(tree: Tree, as_bob: Client) -> None:
    edit_station(actor=tree.bob, station=tree.station, access_mode="open", active=False, max_current=16)
    role = create_role(actor=tree.bob, organization=tree.partner, name="Yard", rights=["read_logs", "reset_stations"], description="")
    edit_role(actor=tree.bob, role=role, rights=["read_logs", "unlock_connectors"])
    seen = text(as_bob.get(reverse("history")))
    assert "Changed the station Gate" in seen
    assert "Access mode: – → Open: any card" in seen
    assert "May connect: yes → no" in seen
    assert "Maximum current of the station (A): 32 → 16" in seen
    assert "Added the role Yard Name: Yard Rights: “See the log of messages”, “Reset stations” Bob" in seen  # what is empty is not told
    assert "Rights: added “Unlock connectors”; removed “Reset stations”" in seen


@pytest.mark.engines
def test_a_time_is_told_in_the_zone_and_a_command_as_it_was_asked(tree: Tree, as_bob: Client) -> None:
    edit_pass(actor=tree.bob, charge_pass=tree.charge_pass, valid_until=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    request_command(actor=tree.bob, station=online(tree.station), action="UnlockConnector", payload={"connectorId": 2})
    request_command(actor=tree.bob, station=tree.station, action="RemoteStartTransaction", payload={"connectorId": 1, "idTag": CARD})
    seen = text(as_bob.get(reverse("history")))
    assert "Valid until: – → 2 Jul 2026 00:30:00" in seen
    assert "Asked the station Gate (LUM-0001) Unlock connector 2" in seen
    assert f"Start charging at connector 1: card {CARD}" in seen


def test_an_unknown_verb_or_kind_is_shown_all_the_same(tree: Tree, as_bob: Client) -> None:
    AuditEntry.objects.create(
        organization=tree.customer, verb="paint_green", object_type="gone.thing", object_id=1, object_name="{Shed} %s",
        changes={"colour": ["red", "green"], "odd": "value", "none": None},
    )  # fmt: skip
    seen = text(as_bob.get(reverse("history")))
    assert "Paint green: thing {Shed} %s" in seen.replace("  ", " ")
    assert "Colour: red → green" in seen


def test_names_are_escaped_and_long_values_are_cut(tree: Tree, as_bob: Client) -> None:
    edit_location(actor=tree.bob, location=tree.location, name=XSS, street="y" * 119)
    page = as_bob.get(reverse("history")).content.decode()
    assert XSS not in page
    assert "&lt;script&gt;" in page
    assert "<details><summary>Street" in page


def test_many_fields_are_folded(tree: Tree, as_bob: Client) -> None:
    edit_location(
        actor=tree.bob, location=tree.location, name="A", street="B", city="C", country="DE", postal_code="D", time_zone="Europe/Berlin"
    )
    assert "<summary>and 2 more</summary>" in as_bob.get(reverse("history")).content.decode()


def test_the_object_is_linked_while_it_is_there_and_may_be_opened(tree: Tree, as_bob: Client) -> None:
    edit_station(actor=tree.bob, station=tree.station, alias="Main gate")
    gone = create_connector(actor=tree.bob, station=tree.station, number=3)
    delete_connector(actor=tree.bob, connector=gone)
    page = as_bob.get(reverse("history")).content.decode()
    assert f'<a href="{reverse("station", args=[tree.station.pk])}">Main gate (LUM-0001)</a>' in page
    assert "<strong>Main gate · 3</strong>" in page


# -- who reads what -----------------------------------------------------------------------------------------------------------------------

ROUTES = ("organization_history", "location_history", "station_history", "user_history", "role_history", "pass_history")


def keys(tree: Tree, role: Role) -> dict[str, int]:
    things = (tree.customer, tree.location, tree.station, tree.cy, role, tree.charge_pass)
    return {route: thing.pk for route, thing in zip(ROUTES, things, strict=True)}


@pytest.mark.parametrize("route", ROUTES)
def test_the_history_of_an_object_needs_the_right_there(
    route: str, tree: Tree, as_ada: Client, as_bob: Client, as_cy: Client, as_dan: Client, as_eve: Client, client: Client
) -> None:
    url = reverse(route, args=[keys(tree, Role.objects.get(name="Auditor"))[route]])
    people = (as_ada, as_bob, as_eve, as_cy, as_dan, client)
    eves = 403 if route == "role_history" else 200  # she does not see roles
    assert [one.get(url).status_code for one in people] == [200, 200, eves, 403, 404, 302]
    assert "has not got the right" in as_cy.get(url).content.decode()
    assert as_bob.get(reverse(route, args=[10**15])).status_code == 404


def test_the_history_needs_the_right_somewhere_and_stays_within_it(tree: Tree, as_bob: Client, as_cy: Client, as_dan: Client) -> None:
    edit_station(actor=tree.bob, station=tree.station, alias="Main gate")
    edit_station(actor=tree.dan, station=tree.other_station, alias="Lake side")
    assert as_cy.get(reverse("history")).status_code == 403
    seen, other = text(as_bob.get(reverse("history"))), text(as_dan.get(reverse("history")))
    assert "Main gate" in seen
    assert "Lake side" not in seen
    assert "Lake side" in other
    assert not {"Main gate", "Bob", "Harbour", "Quay 7"} & set(re.findall(r"Main gate|Bob|Harbour|Quay 7", other))
    assert 'href="/history/"' in as_bob.get("/").content.decode()
    assert 'href="/history/"' not in as_cy.get("/").content.decode()


def test_the_tab_of_a_station_is_there_with_the_right_only(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    url = reverse("station_history", args=[tree.station.pk])
    assert url in as_bob.get(reverse("station", args=[tree.station.pk])).content.decode()
    assert url not in as_cy.get(reverse("station", args=[tree.station.pk])).content.decode()


def test_what_belongs_to_an_object_is_told_with_it(tree: Tree, as_bob: Client) -> None:
    edit_station(actor=tree.bob, station=tree.dc_station, alias="Fast one")
    create_connector(actor=tree.bob, station=tree.station, number=3)
    delete_connector(actor=tree.bob, connector=create_connector(actor=tree.bob, station=tree.station, number=4))
    station = text(as_bob.get(reverse("station_history", args=[tree.station.pk])))
    assert "Added the connector Gate · 3" in station
    assert "Deleted a connector of Gate (LUM-0001) Number: 4" in station
    assert "Fast one" not in station
    location = text(as_bob.get(reverse("location_history", args=[tree.location.pk])))
    assert "Fast one" in location
    assert "Gate · 3" in location
    scoped = text(as_bob.get(reverse("history"), {"in": f"l{tree.location.pk}"}))
    assert "Fast one" in scoped
    assert "Harbour Offices" in text(as_bob.get(reverse("organization_history", args=[tree.partner.pk])))


def test_a_station_that_moved_does_not_tell_what_was_done_before(tree: Tree, as_bob: Client, as_dan: Client) -> None:
    edit_station(actor=tree.bob, station=tree.station, alias="Early name")
    edit_station(actor=tree.bob, station=tree.station, alias="Main gate")
    edit_station(actor=tree.ada, station=tree.station, location=tree.other_location)
    url = reverse("station_history", args=[tree.station.pk])
    assert "Early name" not in text(as_dan.get(url))
    assert {line["Who"] for line in exported(as_dan.get(url, {"export": "csv"}))} == {"Ada"}
    assert as_bob.get(url).status_code == 404
    assert "Early name" in text(as_bob.get(reverse("history")))


# -- personal data ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.engines
def test_people_are_masked_without_the_right_to_see_them(tree: Tree, eve: User, as_eve: Client, as_bob: Client) -> None:
    edit_user(actor=tree.bob, user=tree.cy, phone="+31 6 55")
    edit_pass(actor=tree.bob, charge_pass=tree.charge_pass, nickname="Pool car 9", blocked=True)
    request_command(actor=tree.bob, station=online(tree.station), action="RemoteStartTransaction", payload={"idTag": CARD})
    assign_role(actor=tree.bob, user=tree.cy, role=Role.objects.get(name="Auditor"), organization=tree.customer)
    edit_organization(actor=tree.bob, organization=tree.customer, email="kim@example.org", city="Delft")
    secrets = ("Bob", "Cy", "cy@example.org", "+31 6 55", "Pool car", CARD, "kim@example.org", "127.0.0.1")
    for url in (reverse("history"), reverse("organization_history", args=[tree.customer.pk])):
        page = text(as_eve.get(url))
        lines = exported(as_eve.get(url, {"export": "csv"}))
        assert not [secret for secret in secrets if re.search(rf"{re.escape(secret)}\b", page)]
        assert not [secret for secret in secrets if re.search(rf"{re.escape(secret)}\b", str(lines))]
        assert "Changed the user ****" in page
        assert "Blocked: no → yes" in page
        assert "Role: ****" in page
        assert "City: – → Delft" in page
        assert "card ****" in page
        assert {line["Who"] for line in lines} <= {"****", "The portal"}
    assert "Changed the user Cy" in text(as_bob.get(reverse("history")))
    assert "Cy" not in text(as_eve.get(reverse("user_history", args=[tree.cy.pk])))


def test_nobody_is_masked_to_themselves(tree: Tree, eve: User, as_eve: Client) -> None:
    with transaction.atomic():
        audit.record(eve, "edit", eve, tree.customer, {"phone": ["", "+31 6 77"]})
    page = text(as_eve.get(reverse("history")))
    assert "Changed the user Eve Phone: – → +31 6 77 Eve" in page
    assert "Changed the user Eve" in text(as_eve.get(reverse("history"), {"who": "eve"}))
    assert "Changed the user Eve" in text(as_eve.get(reverse("history"), {"q": "eve"}))


@pytest.mark.parametrize("query", [{"who": "bo"}, {"q": "cy"}, {"q": "Pool"}, {"q": "cy", "kind": "tenancy.user"}])
def test_filters_do_not_find_what_is_masked(query: dict[str, str], tree: Tree, as_eve: Client, as_bob: Client) -> None:
    edit_user(actor=tree.bob, user=tree.cy, phone="+31 6 55")
    edit_pass(actor=tree.bob, charge_pass=tree.charge_pass, blocked=True)
    assert "Nothing matches these filters." in text(as_eve.get(reverse("history"), query))
    assert "Changed the" in text(as_bob.get(reverse("history"), query))


def test_bank_numbers_and_amounts_need_their_rights(tree: Tree, as_eve: Client, as_bob: Client) -> None:
    edit_organization(actor=tree.bob, organization=tree.customer, iban="NL91ABNA0417164300", compensation_ac="0.2500")
    assert "IBAN: – → NL…4300" in text(as_bob.get(reverse("history")))
    page = text(as_eve.get(reverse("history")))
    assert "IBAN: – → ****" in page
    assert "0.25" not in page
    assert "NL91" not in page


# -- filters, export, cost ----------------------------------------------------------------------------------------------------------------


@pytest.mark.engines
def test_filters(tree: Tree, as_bob: Client) -> None:
    edit_station(actor=tree.bob, station=tree.station, alias="Main gate")
    edit_location(actor=None, location=tree.location, city="Delft")

    def found(**query: str) -> list[str]:
        return [line["What"] for line in exported(as_bob.get(reverse("history"), {"export": "csv", **query}))]

    assert found(verb="edit") == ["Changed the location Quay 7", "Changed the station Main gate (LUM-0001)"]
    assert found(verb="edit", kind="stations.station") == ["Changed the station Main gate (LUM-0001)"]
    assert found(verb="edit", who="bob") == ["Changed the station Main gate (LUM-0001)"]
    assert found(verb="edit", who="portal") == ["Changed the location Quay 7"]
    assert found(verb="edit", q="gate") == ["Changed the station Main gate (LUM-0001)"]
    assert found(verb="edit", organization="harbour", period="today") == found(verb="edit")
    assert found(verb="edit", organization="lumen") == []
    assert found(verb="edit", period="last_month") == []
    assert found(verb="edit", since="2020-01-01", until="2020-02-01") == []
    assert found(verb="edit", **{"in": f"o{tree.customer.pk}"}) == found(verb="edit")


def test_the_export_has_the_same_columns_and_no_formula(tree: Tree, as_bob: Client) -> None:
    edit_location(actor=tree.bob, location=tree.location, name="=cmd()", access_mode="open")
    line = exported(as_bob.get(reverse("history"), {"export": "csv", "verb": "edit"}))[0]
    assert list(line) == ["What", "Before → after", "Who", "When", "Organization", "From where"]
    assert line["Before → after"] == "Name: Quay 7 → =cmd()\nAccess mode: Whitelisting: passes of the organization → Open: any card"
    assert line["Who"] == "Bob"
    assert line["Organization"] == "Harbour Offices"
    answer = as_bob.get(reverse("history"), {"export": "xlsx"})
    assert answer.status_code == 200
    assert answer.content[:2] == b"PK"


@pytest.mark.parametrize("route", ["history", "organization_history", "station_history", "user_history"])
def test_as_many_queries_with_30_rows_as_with_3(route: str, tree: Tree, as_bob: Client, django_assert_max_num_queries: Any) -> None:
    args = {"organization_history": [tree.customer.pk], "station_history": [tree.station.pk], "user_history": [tree.cy.pk]}.get(route, [])

    def fill(count: int) -> None:
        for number in range(count):
            edit_station(actor=tree.bob, station=tree.station, alias=f"Gate {number}", communication=f"{count}G")
            edit_user(actor=tree.bob, user=tree.cy, phone=f"{count}{number}")
            edit_organization(actor=tree.bob, organization=tree.customer, city=f"{count}{number}")

    def cost() -> int:
        with django_assert_max_num_queries(60) as captured:
            as_bob.get(reverse(route, args=args), {"per_page": "100"})
        return len(captured)

    fill(1)
    few = cost()
    fill(10)
    assert cost() == few
