"""The help centre: each page is there, leads nowhere that is not, is found by its words, and knows what the portal knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse

from energycloud.help import CHAPTERS, COMMAND_STATES, EXPLAINS, OPENS, PAGES, explaining, find
from energycloud.text import Text
from stations import explain
from stations.models import Command, Connector
from tenancy.models import Role, User
from tenancy.rights import RIGHTS
from tests.conftest import Tree

pytestmark = pytest.mark.django_db
LAYOUTS = {"index", "page", "field"}
ROUTES = {name for name in get_resolver().reverse_dict if isinstance(name, str)}


@pytest.mark.parametrize("slug", PAGES)
def test_every_help_page_answers_and_leads_to_the_others(as_cy: Client, slug: str) -> None:
    answer = as_cy.get(reverse("help_page", args=[slug]))
    assert answer.status_code == 200
    assert f'<h1 class="page-title">{escape(str(PAGES[slug].title))}</h1>' in answer.text
    for other in PAGES:
        assert reverse("help_page", args=[other]) in answer.text


def test_who_is_logged_in_and_has_no_role_may_read_all_of_it(tree: Tree, client_of: Callable[[User], Client]) -> None:
    nobody = User.objects.create(organization=tree.customer, email="no@role.example", name="Nobody")
    client = client_of(nobody)
    for slug in PAGES:
        assert client.get(reverse("help_page", args=[slug])).status_code == 200, slug


def test_no_link_in_the_help_is_dead(as_ada: Client) -> None:
    asked: dict[str, int] = {}
    for slug in PAGES:
        text = as_ada.get(reverse("help_page", args=[slug])).text
        article = text[text.index("<article") : text.index("</article>")]
        for href in re.findall(r'<a [^>]*?href="([^"]*)"', article):
            url = unescape(href)
            if url not in asked:
                asked[url] = as_ada.get(url).status_code if url.startswith("/") else 0
            assert asked[url] == 200, (slug, href)
    assert len(asked) > len(PAGES)


def test_the_texts_name_only_addresses_that_they_are_given() -> None:
    given = {f"{route}_url" for route in OPENS} | {f"help_{slug.replace('-', '_')}" for slug in PAGES} | {"ocpp_url"}
    for path in sorted((Path(settings.BASE_DIR) / "templates" / "help").glob("*.html")):
        if path.stem not in LAYOUTS:
            assert path.stem in PAGES
            assert set(re.findall(r'href="\{\{ (\w+) \}\}"', path.read_text())) <= given, path


def test_the_index_lists_every_page_by_chapter(as_cy: Client) -> None:
    text = as_cy.get(reverse("help")).text
    for chapter in CHAPTERS:
        assert f">{chapter.title}</h2>" in text
        for page in chapter.pages:
            assert reverse("help_page", args=[page.slug]) in text
            assert escape(str(page.title)) in text
            assert str(page.summary) in text


def test_the_pages_can_be_read_one_after_the_other(as_cy: Client) -> None:
    read, slug = ["what"], "what"
    while found := re.search(r'href="/help/([\w-]+)/" rel="next"', as_cy.get(reverse("help_page", args=[slug])).text):
        slug = found[1]
        read.append(slug)
    assert read == list(PAGES)


@pytest.mark.parametrize("slug", ["index", "page", "field", "nothing"])
def test_no_such_help_page(as_cy: Client, slug: str) -> None:
    assert as_cy.get(reverse("help_page", args=[slug])).status_code == 404


def test_help_needs_a_login(db: None) -> None:
    assert Client().get(reverse("help")).status_code == 302


# -- what the pages know ----------------------------------------------------------------------------------------------------------------


def test_statuses_explains_every_status_and_every_fault(as_cy: Client) -> None:
    text = as_cy.get(reverse("help_page", args=["statuses"])).text
    for status in Connector.Status.values:
        assert status in text
    for code in explain.FAULTS:
        assert code in text


def test_roles_names_every_permission_and_every_default_role(as_cy: Client) -> None:
    text = unescape(as_cy.get(reverse("help_page", args=["roles"])).text)
    for right in RIGHTS.values():
        assert str(right.label) in text
    for role in Role.objects.exclude(default=""):
        assert f">{role.name}</th>" in text
        assert role.description in text
        assert f"{len(role.held)} of {len(RIGHTS)} permissions" in text


def test_every_state_of_a_command_is_explained() -> None:
    assert set(COMMAND_STATES) == set(Command.State)


def test_connect_names_the_address_of_this_portal(as_cy: Client) -> None:
    text = as_cy.get(reverse("help_page", args=["connect"]), headers={"host": "127.0.0.1:9876"}).text
    assert "ws://127.0.0.1:9876/ocpp/" in text


# -- where it is linked from ------------------------------------------------------------------------------------------------------------


def test_every_page_that_is_explained_is_explained_by_one_that_is_there() -> None:
    assert {slug for slug in EXPLAINS.values() if slug} <= set(PAGES)


@pytest.mark.parametrize("slug", [page.slug for chapter in CHAPTERS[:2] for page in chapter.pages])
def test_every_page_of_the_first_chapters_is_linked_from_what_it_explains(slug: str) -> None:
    assert any(explaining(route) == slug for route in ROUTES | {"profile"})


def test_a_page_is_explained_by_that_of_what_it_belongs_to() -> None:
    assert explaining("role_propagate") == "roles-propagate"
    assert explaining("location_publish") == "locations"
    assert explaining("organization_choose") == explaining("help_page") == explaining("") == explaining("somewhere") == ""


@pytest.mark.parametrize("name", ["users", "roles", "organization", "station", "passes", "inbox", "history", "location"])
def test_the_question_mark_leads_to_the_page_that_explains_it(as_ada: Client, tree: Tree, name: str) -> None:
    things = {"organization": tree.customer, "station": tree.station, "location": tree.location}
    url = reverse(name, args=[things[name].pk] if name in things else [])
    text = as_ada.get(url).text
    assert f'class="how" href="{reverse("help_page", args=[explaining(name)])}"' in text


def test_the_question_mark_keeps_the_scope(as_bob: Client, tree: Tree) -> None:
    text = as_bob.get(reverse("users"), {"in": f"o{tree.customer.pk}"}).text
    assert f'class="how" href="/help/users/?in=o{tree.customer.pk}"' in text


def test_help_itself_needs_no_explaining(as_cy: Client) -> None:
    assert 'class="how"' not in as_cy.get(reverse("help")).text


def test_a_refusal_leads_to_what_permissions_there_are(as_cy: Client) -> None:
    answer = as_cy.get(reverse("roles"))
    assert answer.status_code == 403
    assert reverse("help_page", args=["roles"]) in answer.text
    assert reverse("help_page", args=["roles"]) not in as_cy.get("/nothing/").text


# -- searching --------------------------------------------------------------------------------------------------------------------------


def slugs(text: str) -> list[str]:
    return [hit.page.slug for hit in find(Text.of(text))]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("IBAN", "organizations"), ("propagate", "roles-propagate"), ("Propagate", "roles-propagate"), ("invitation", "users"),
        ("delete role", "roles-delete"), ("recovery codes", "account"), ("invite", "users"), ("What is Energy Cloud?", "what"),
        ("split billing", "organizations"), ("publish", "locations"), ("change rates", "roles"), ("hotline", "service"),
    ],
)  # fmt: skip
def test_a_page_is_found_by_its_words(text: str, slug: str) -> None:
    assert slug in slugs(text)[:3]


def test_the_title_counts_more_than_the_text() -> None:
    assert slugs("propagate")[0] == "roles-propagate"
    assert slugs("inbox")[0] == "inbox"
    assert slugs("create role")[0] == "roles-create"


def test_what_is_nearly_it_is_found_where_nothing_else_is(as_cy: Client) -> None:
    assert "users" in slugs("inviting")
    assert "organizations" in slugs("organisations")
    assert "These come nearest" in as_cy.get(reverse("help"), {"q": "organisations"}).text


def test_the_sentence_that_matched_is_shown_and_marked(as_cy: Client) -> None:
    text = as_cy.get(reverse("help"), {"q": "check digits"}).text
    assert "Its <mark>check</mark> <mark>digits</mark> must fit" in text or "Its <mark>check digits</mark> must fit" in text
    assert "organizations/" in text


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "'\"><b>", "%s {{ x }}", "\\", "*", "(", "x" * 300, "\x00ab"])
def test_odd_texts_are_text(as_cy: Client, text: str) -> None:
    answer = as_cy.get(reverse("help"), {"q": text})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "><b>" not in answer.text


def test_nothing_found_says_what_to_do(as_cy: Client) -> None:
    text = as_cy.get(reverse("help"), {"q": "qqqqzzzz"}).text
    assert "No help page says anything about “qqqqzzzz”." in text
    assert "Try fewer or other words" in text
    assert reverse("help_page", args=["what"]) in text


def test_one_letter_is_too_little(as_cy: Client) -> None:
    assert "Type at least two characters." in as_cy.get(reverse("help"), {"q": "i"}).text


def test_no_search_leaves_the_cells_of_tables_in(as_cy: Client) -> None:
    assert not any(" yes yes " in hit.sentence for hit in find(Text.of("yes")))


def test_the_search_of_the_portal_finds_help_last(as_bob: Client, tree: Tree) -> None:
    tree.customer.name = "Propagate Ltd"
    tree.customer.save()
    text = as_bob.get(reverse("search"), {"q": "propagate"}).text
    assert reverse("help_page", args=["roles-propagate"]) in text
    assert text.index('id="hits-organizations"') < text.index('id="hits-help"')
    only = as_bob.get(reverse("search"), {"q": "propagate", "kind": "help"}).text
    assert 'id="hits-help"' in only
    assert 'id="hits-organizations"' not in only
