"""Drilling in: a click on an organization or a location limits every list to it, and the head shows the way down."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from stations.models import Location, UnmatchedMessage
from tenancy.models import Organization
from tests.conftest import Tree

pytestmark = pytest.mark.django_db


def way(page: str) -> list[tuple[str, str]]:
    """(name, URL) of the levels in the head."""
    found = re.search(r'<nav class="scope-way".*?</nav>', page, re.S)
    return (
        [(html.unescape(name), html.unescape(url)) for url, name in re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)<', found[0])]
        if found
        else []
    )


def test_a_click_drills_in(tree: Tree, as_ada: Client) -> None:
    organization, location = (
        f"/organizations/{tree.customer.pk}/?in=o{tree.customer.pk}",
        f"/locations/{tree.location.pk}/?in=l{tree.location.pk}",
    )
    for url in (reverse("organizations"), reverse("locations"), "/search/?q=harbour", reverse("station", args=[tree.station.pk])):
        assert f'href="{organization}"' in as_ada.get(url).content.decode(), url
    for url in (reverse("locations"), reverse("map"), "/search/?q=quay", organization, reverse("station", args=[tree.station.pk])):
        assert f'href="{location}"' in as_ada.get(url).content.decode(), url
    page = as_ada.get(location).content.decode()
    assert f'href="/transactions/?in=l{tree.location.pk}"' in page, "the menu is limited to it"


def test_the_head_shows_the_way_down(tree: Tree, as_ada: Client, as_cy: Client) -> None:
    token = f"l{tree.location.pk}"
    levels = [("Green Grid Operations", f"o{tree.platform.pk}"), ("Lumen Installers", f"o{tree.partner.pk}"),
              ("Harbour Offices", f"o{tree.customer.pk}"), ("Quay 7", token)]  # fmt: skip
    shown = as_ada.get(reverse("stations"), {"in": token}).content.decode()
    assert way(shown) == [(name, f"/stations/?in={level}") for name, level in levels], "a list stays the list"
    assert '<a href="/stations/" class="btn-close"' in shown
    on_page = way(as_ada.get(reverse("station", args=[tree.station.pk]), {"in": token}).content.decode())
    assert on_page[1] == ("Lumen Installers", f"/organizations/{tree.partner.pk}/?in=o{tree.partner.pk}")
    assert [name for name, _url in way(as_cy.get(reverse("stations"), {"in": token}).content.decode())] == ["Harbour Offices", "Quay 7"]
    assert not way(as_ada.get(reverse("stations")).content.decode())


def test_the_end_of_what_the_scope_is_leads_to_a_page_that_exists(tree: Tree, as_bob: Client) -> None:
    empty = Organization.objects.get(pk=tree.customer.pk)
    place = Location.objects.create(organization=empty, name="Empty")
    answer = as_bob.post(f"{reverse('location_delete', args=[place.pk])}?in=l{place.pk}", {"confirmed": "1"}, follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain == [(f"/organizations/{empty.pk}/?in=o{empty.pk}", 302)]


def test_the_menu_counts_what_the_scope_holds(tree: Tree, as_ada: Client) -> None:
    from django.utils import timezone

    now = timezone.now()
    for station in (tree.station, tree.other_station):
        UnmatchedMessage.objects.create(
            station=station, action="StopTransaction", transaction_id="9", first_at=now, last_at=now, count=1, payload={}
        )

    def badge(**query: str) -> list[str]:
        page = as_ada.get(reverse("locations"), query).content.decode()
        menu = page[page.index('id="sidebar"') : page.index("</aside>")]
        return re.findall(r'<span class="badge[^"]*">(\d+)<', menu)

    assert badge() == ["2"]
    assert badge(**{"in": f"o{tree.partner.pk}"}) == ["1"]
    assert badge(**{"in": f"l{tree.location.pk}"}) == ["1"]
    assert badge(**{"in": f"o{tree.platform.pk}"}) == ["2"]


def test_the_first_steps_are_those_of_the_scope(tree: Tree, as_bob: Client) -> None:
    sub = Organization.objects.create(parent=tree.customer, path=f"{tree.customer.path}999/", kind="sub", name="Annex")
    shown = as_bob.get(reverse("dashboard"), {"in": f"o{sub.pk}"}).content.decode()
    (steps,) = re.findall(r'<ol class="steps-first.*?</ol>|<ul class="steps-first.*?</ul>', shown, re.S)
    assert "Add a location" in steps
    assert 'class="done"' not in steps
    assert "Add the organizations" not in steps, "it is one"
