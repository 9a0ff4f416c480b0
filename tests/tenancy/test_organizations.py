"""The tree of organizations in the portal: list, page, add, edit, delete, and looking at one branch only."""

from __future__ import annotations

import contextlib
import csv
import html
import io
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from stations.actions import create_location
from tenancy.actions import create_organization, create_user
from tenancy.models import AuditEntry, Organization, Role, User
from tests.conftest import PASSWORD, Tree

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def typed(tree: Tree, **values: Any) -> dict[str, Any]:
    return {
        "parent": tree.partner.pk, "kind": "customer", "name": "Harbour Hotel", "street": "Kade 9", "postal_code": "3011 AA",
        "city": "Rotterdam", "country": "nl", "email": "desk@hotel.example", "phone": "",
    } | values  # fmt: skip


STEPS = {
    "details": ("parent", "kind", "name", "street", "postal_code", "city", "country"),
    "contact": ("contact_name", "email", "phone"),
    "invoice": ("iban", "bic", "vat_number", "chamber_number", "split_billing"),
    "compensation": ("compensation_ac", "compensation_dc"),
    "look": ("logo", "colour"),
}


def add(client: Client, values: dict[str, Any]) -> Any:
    """Goes through the steps, each with those of `values` that belong to it, up to the first page that says that something is wrong, or
    to the page of the new organization."""
    url = reverse("organization_add")
    for _page in range(7):
        step = parse_qs(urlparse(url).query).get("step", ["details"])[0]
        data = {name: values[name] for name in STEPS.get(step, ()) if values.get(name) not in (None, "")}
        answer = client.post(url, data)
        if answer.status_code != 302:
            return answer
        url = answer.headers["Location"]
        if "/add/" not in url:
            return client.get(url)
    raise AssertionError(url)


@pytest.mark.engines
def test_the_list_is_in_the_order_of_the_tree(tree: Tree, as_ada: Client) -> None:
    create_organization(actor=None, parent=tree.partner, kind="customer", name="A newcomer")
    page = as_ada.get(reverse("organizations")).content.decode()
    shown = re.findall(r'<span class="depth depth-(\d)"><a href="[^"]*">([^<]*)<', page)
    assert shown == [
        ("0", "Green Grid Operations"), ("1", "Lumen Installers"), ("2", "Harbour Offices"), ("2", "A newcomer"), ("1", "Volt &amp; Sons"),
        ("2", "Hotel Seeblick"),
    ]  # fmt: skip


def test_nobody_learns_what_stands_above_their_own_organization(tree: Tree, as_cy: Client) -> None:
    for url in (reverse("organizations"), reverse("organization", args=[tree.customer.pk]), reverse("location", args=[tree.location.pk])):
        shown = text(as_cy.get(url))
        assert "Harbour Offices" in shown
        assert "Lumen" not in shown
        assert "Green Grid" not in shown


def test_an_organization_is_added_below_one_that_is_mine(tree: Tree, as_bob: Client) -> None:
    answer = add(as_bob, typed(tree))
    made = Organization.objects.get(name="Harbour Hotel")
    assert (made.parent, made.country, made.path) == (tree.partner, "NL", f"{tree.partner.path}{made.pk}/")
    assert "Lumen Installers Harbour Hotel" in text(answer), "breadcrumbs lead to it"
    assert AuditEntry.objects.get(object_id=made.pk, object_type="tenancy.organization").actor == tree.bob


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": ""}, "Fill this in."),
        ({"name": "Harbour Offices"}, "There is already an organization with this name here."),
        ({"country": "Netherlands"}, "at most 2 characters"),
        ({"country": "1!"}, "A country is two letters, such as NL."),
        ({"name": "x" * 10_000}, "at most 100 characters"),
        ({"phone": "call me"}, "This is not a phone number."),
        ({"iban": "NL91 ABNA 0417 1643 01"}, "The check digits do not fit"),
        ({"split_billing": "on"}, "it needs an account"),
        ({"compensation_ac": "11"}, "Enter 10 or less."),
        ({"colour": "blue"}, "A colour is written like #1f6feb"),
        ({"email": "desk"}, "Enter a valid email address."),
        ({"kind": "platform"}, "“platform” cannot be chosen here."),
        ({"parent": ""}, "Choose one."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(values: dict[str, Any], said: str, tree: Tree, as_bob: Client) -> None:
    before = Organization.objects.count()
    assert said in text(add(as_bob, typed(tree, **values)))
    assert Organization.objects.count() == before


def test_nothing_is_added_below_somebody_elses(tree: Tree, as_bob: Client) -> None:
    for parent in (tree.platform, tree.other_partner):
        assert "This cannot be chosen here." in text(add(as_bob, typed(tree, parent=parent.pk)))


def test_an_edit_is_recorded_with_before_and_after(tree: Tree, as_bob: Client) -> None:
    as_bob.post(reverse("organization_edit", args=[tree.customer.pk]), typed(tree, name="Harbour Towers"))
    tree.customer.refresh_from_db()
    assert tree.customer.name == "Harbour Towers"
    assert AuditEntry.objects.get(verb="edit").changes["name"] == ["Harbour Offices", "Harbour Towers"]


def test_one_that_is_in_use_is_not_deleted_and_says_why(tree: Tree, as_bob: Client, as_ada: Client) -> None:
    url = reverse("organization_delete", args=[tree.customer.pk])
    asked = text(as_bob.get(url))
    assert all(what in asked for what in ("It still has", "1 user", "1 location", "1 pass"))
    assert "Delete or move these first." in asked
    as_bob.post(url, {"confirmed": "1"})
    assert Organization.objects.filter(pk=tree.customer.pk).exists()
    assert "never deleted" in text(as_ada.get(reverse("organization_delete", args=[tree.platform.pk])))


def test_an_empty_one_is_deleted(tree: Tree, as_bob: Client) -> None:
    empty = create_organization(actor=None, parent=tree.customer, kind="sub", name="Empty")
    as_bob.post(reverse("organization_delete", args=[empty.pk]), {"confirmed": "1"})
    assert not Organization.objects.filter(pk=empty.pk).exists()
    assert AuditEntry.objects.get(verb="delete").object_name == "Empty"


def test_a_tree_of_any_depth_with_long_names(tree: Tree, as_ada: Client) -> None:
    above = tree.customer
    for level in range(60):
        above = create_organization(actor=None, parent=above, kind="sub", name=f"Level {level} " + "x" * 80)
    shown = text(as_ada.get(reverse("organization", args=[above.pk])))
    assert all(f"Level {level} " in shown for level in range(60))
    assert as_ada.get(reverse("stations"), {"in": f"o{above.pk}"}).status_code == 200
    assert as_ada.get(reverse("organizations")).status_code == 200


@pytest.mark.engines
def test_a_tree_too_deep_for_its_paths_is_refused_in_words(tree: Tree, as_ada: Client) -> None:
    above = tree.customer
    with contextlib.suppress(ValidationError):
        while True:
            above = create_organization(actor=None, parent=above, kind="sub", name="Level")
    before = Organization.objects.count()
    answer = add(as_ada, typed(tree, parent=above.pk, kind="sub"))
    assert "The tree is too deep here: choose an organization further up." in text(answer)
    assert Organization.objects.count() == before


@pytest.mark.parametrize(("parent", "kind"), [("customer", "customer"), ("customer", "partner")])
def test_a_kind_that_does_not_fit_below_its_parent_is_refused(parent: str, kind: str, tree: Tree, as_ada: Client) -> None:
    answer = add(as_ada, typed(tree, parent=getattr(tree, parent).pk, kind=kind))
    assert "Harbour Offices is a Customer; below it there can be: Sub-organization." in text(answer)
    assert not Organization.objects.filter(name="Harbour Hotel").exists()


def test_a_kind_is_kept_while_others_hang_on_it(tree: Tree, as_ada: Client) -> None:
    answer = as_ada.post(reverse("organization_edit", args=[tree.partner.pk]), typed(tree, name="Lumen Installers", kind="customer"))
    assert "What belongs to it would not fit below this kind." in text(answer)
    tree.partner.refresh_from_db()
    assert tree.partner.kind == "partner"


def options(page: str, name: str) -> tuple[list[str], str]:
    """The choices of a select, and the one that is selected."""
    select = page[page.index(f'<select name="{name}"') :]
    found = re.findall(r'<option value="([^"]*)"( selected)?', select[: select.index("</select>")])
    return [value for value, _selected in found], next((value for value, selected in found if selected), "")


def test_only_kinds_that_fit_somewhere_are_offered_and_the_usual_is_proposed(
    tree: Tree, as_ada: Client, client_of: Callable[[User], Client]
) -> None:
    page = as_ada.get(reverse("organization_add"), {"parent": tree.partner.pk}).content.decode()
    assert options(page, "kind") == (["partner", "customer", "sub"], "customer")
    assert options(page, "parent")[1] == str(tree.partner.pk)
    page = as_ada.get(reverse("organization_add"), {"in": f"o{tree.customer.pk}"}).content.decode()
    assert (options(page, "parent")[1], options(page, "kind")[1]) == (str(tree.customer.pk), "sub")
    administrator = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    eve = create_user(actor=None, organization=tree.customer, email="eve@example.org", name="Eve", password=PASSWORD, role=administrator)
    page = client_of(eve).get(reverse("organization_add")).content.decode()
    assert options(page, "kind")[0] == ["sub"]
    assert options(page, "parent")[0] == [str(tree.customer.pk)]


def test_no_parent_is_proposed_that_is_somebody_elses(tree: Tree, as_dan: Client) -> None:
    assert as_dan.get(reverse("organization_add"), {"parent": tree.customer.pk}).status_code == 404
    assert as_dan.get(reverse("location_add"), {"organization": tree.customer.pk}).status_code == 404


@pytest.mark.engines
def test_the_list_counts_what_belongs_to_each_with_all_below(tree: Tree, as_ada: Client) -> None:
    lines = as_ada.get(reverse("organizations"), {"export": "csv"})
    rows = csv.DictReader(io.StringIO(b"".join(lines.streaming_content).decode("utf-8-sig")))  # type: ignore[attr-defined]
    counted = {row["Organization"]: (row["Locations"], row["Stations"]) for row in rows}
    assert counted == {
        "Green Grid Operations": ("2", "3"), "Lumen Installers": ("1", "2"), "Harbour Offices": ("1", "2"),
        "Volt & Sons": ("1", "1"), "Hotel Seeblick": ("1", "1"),
    }  # fmt: skip


def test_a_page_with_very_many_below_stays_short(tree: Tree, as_bob: Client) -> None:
    for number in range(60):
        create_organization(actor=None, parent=tree.partner, kind="customer", name=f"Customer {number:02}")
    page = as_bob.get(reverse("organization", args=[tree.partner.pk])).content.decode()
    assert page.count('<a href="/organizations/') < 60
    assert f'<a href="/organizations/?in=o{tree.partner.pk}">All of them</a>' in page


def test_names_are_escaped(tree: Tree, as_bob: Client) -> None:
    Organization.objects.filter(pk=tree.customer.pk).update(name="<script>alert(1)</script>")
    for url in (
        reverse("organizations"),
        reverse("organization", args=[tree.customer.pk]),
        f"{reverse('stations')}?in=o{tree.customer.pk}",
    ):
        assert "<script>alert" not in as_bob.get(url).content.decode()


def test_looking_at_one_branch_limits_every_list_and_stays_in_the_links(tree: Tree, as_ada: Client) -> None:
    scope = f"?in=o{tree.partner.pk}"
    shown = text(as_ada.get(reverse("stations") + scope))
    assert "LUM-0001" in shown
    assert "VOLT-0001" not in shown
    page = as_ada.get(reverse("stations") + scope).content.decode()
    menu = page[page.index('id="sidebar"') : page.index("</aside>")]
    assert menu.count(scope) >= 6, "the main menu keeps the scope"
    assert "Show everything again" in page
    for name in ("locations", "passes", "transactions", "organizations", "map", "dashboard"):
        assert "Seeblick" not in text(as_ada.get(reverse(name) + scope))


def test_the_scope_survives_every_click(tree: Tree, as_bob: Client) -> None:
    """From the list to an object, to its form and back."""
    scope = f"in=o{tree.customer.pk}"
    organization, location, station = tree.customer.pk, tree.location.pk, tree.station.pk
    for url in (
        "/organizations/", "/locations/", "/stations/", "/passes/", "/map/", f"/organizations/{organization}/", f"/locations/{location}/",
        f"/organizations/{organization}/edit/", f"/locations/{location}/edit/", f"/locations/{location}/delete/", f"/stations/{station}/",
        f"/stations/{station}/details/", f"/stations/{station}/edit/", "/organizations/add/", "/locations/add/", "/stations/add/",
    ):  # fmt: skip
        page = as_bob.get(f"{url}?{scope}").content.decode()
        main = page[page.index('<div class="page-wrapper">') :]
        lost = [href for href in re.findall(r' href="(/(?:organizations|locations|stations|passes|map)/[^"]*)"', main) if "in=" not in href]
        assert not [href for href in lost if "/logs.csv" not in href], url
    answer = as_bob.post(f"/locations/{location}/edit/?{scope}", {
        "name": "Quay 8", "time_zone": "Europe/Amsterdam", "access_mode": "open",
    })  # fmt: skip
    assert answer.headers["Location"] == f"/locations/{location}/?{scope}"
    assert "in=" not in tree.station.get_absolute_url(), "and ends with the request"


def test_the_scope_ends_with_its_organization(tree: Tree, as_bob: Client) -> None:
    empty = create_organization(actor=None, parent=tree.customer, kind="sub", name="Empty")
    answer = as_bob.post(f"{reverse('organization_delete', args=[empty.pk])}?in=o{empty.pk}", {"confirmed": "1"})
    assert answer.headers["Location"] == f"/organizations/{tree.customer.pk}/"
    place = create_location(actor=None, organization=tree.customer, name="Empty")
    answer = as_bob.post(f"{reverse('location_delete', args=[place.pk])}?in=l{place.pk}", {"confirmed": "1"})
    assert answer.headers["Location"] == f"/organizations/{tree.customer.pk}/?in=o{tree.customer.pk}"


def test_the_list_costs_the_same_with_many(tree: Tree, as_ada: Client, django_assert_max_num_queries: Callable[..., Any]) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(40) as counted:
            as_ada.get(reverse("organizations"), {"per_page": "200"})
        return len(counted.captured_queries)

    before = queries()
    for number in range(30):
        create_organization(actor=None, parent=tree.partner, kind="customer", name=f"C {number}")
    assert queries() == before
