"""Looking at the portal as another user: read-only, marked, in the record, and never a way to see more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tenancy import actions
from tenancy.models import AuditEntry, Organization, Role, Team, User
from tests.conftest import Tree
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def begin(client: Client, user: User) -> None:
    client.post(reverse("view_as", args=[user.pk]), {"confirmed": "1"})


def test_one_sees_what_they_see_with_a_bar_on_every_page(tree: Tree, as_bob: Client) -> None:
    begin(as_bob, tree.cy)
    page = as_bob.get("/").text
    assert "You see the portal as Cy and can change nothing." in page
    assert as_bob.get(reverse("organization", args=[tree.partner.pk])).status_code == 404
    assert as_bob.get(reverse("station_edit", args=[tree.station.pk])).status_code == 403
    as_bob.post(reverse("view_as_end"))
    assert "You see the portal as" not in as_bob.get("/").text
    assert as_bob.get(reverse("organization", args=[tree.partner.pk])).status_code == 200
    entries = AuditEntry.objects.filter(object_type="tenancy.user", object_id=tree.cy.pk, verb__startswith="view_as").order_by("pk")
    assert [(entry.verb, entry.actor_name) for entry in entries] == [("view_as", "Bob"), ("view_as_end", "Bob")]


def test_nothing_can_be_changed_meanwhile(tree: Tree, as_ada: Client) -> None:
    begin(as_ada, tree.bob)
    answer = as_ada.post(reverse("organization_edit", args=[tree.customer.pk]), {"name": "Changed", "kind": "customer"})
    assert answer.status_code == 403
    assert "You only look on as this user" in answer.text
    assert Organization.objects.get(pk=tree.customer.pk).name == "Harbour Offices"
    for path in ("/account/password/change/", "/account/reauthenticate/"):
        assert as_ada.get(path).status_code == 403
    assert as_ada.post("/account/logout/").status_code == 302, "one can always log out"


def test_nobody_sees_more_through_somebody_else(tree: Tree, client_of: ClientOf) -> None:
    looker = somebody(tree.partner, ["view_as", "manage_users", "personal_data"])
    url = reverse("view_as", args=[tree.bob.pk])
    assert "may do more than you" in client_of(looker).post(url, {"confirmed": "1"}).text
    wide = somebody(tree.customer, ["read_logs"])
    actions.assign_role(actor=None, user=wide, role=Role.objects.get(default="viewer"), organization=tree.platform)
    assert "may do more than you" in client_of(tree.bob).post(reverse("view_as", args=[wide.pk]), {"confirmed": "1"}).text
    assert client_of(tree.cy).get(url).status_code == 404
    assert client_of(tree.dan).post(reverse("view_as", args=[tree.cy.pk]), {"confirmed": "1"}).status_code == 404


def test_it_ends_with_the_right_to_it(tree: Tree, client_of: ClientOf) -> None:
    looker = somebody(tree.partner, Role.objects.get(default="administrator"))
    client = client_of(looker)
    begin(client, tree.cy)
    assert "You see the portal as Cy" in client.get("/").text
    actions.withdraw_role(actor=None, user=looker, team=Team.objects.get(role__default="administrator", organization=tree.partner))
    assert "You see the portal as Cy" not in client.get("/").text


def test_ending_what_never_began(as_bob: Client) -> None:
    assert as_bob.post(reverse("view_as_end")).status_code == 302
    assert as_bob.get(reverse("view_as_end")).status_code == 405
