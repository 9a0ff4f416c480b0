"""Passes without the right to change them, and without the right to see whose they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from passes.actions import create_group, create_pass, delete_group, delete_pass, edit_pass, list_pass, unlist_pass
from passes.models import ChargePass
from tenancy import rights
from tenancy.models import AuditEntry, User
from tests.conftest import Tree
from tests.stations.test_rights import body, with_rights
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]

UID = "0455AA66BB77CC"
SECRETS = ("Pool car 1", UID, "NL-TNM-B12345-6")


@pytest.fixture
def world(tree: Tree) -> Tree:
    edit_pass(actor=None, charge_pass=tree.charge_pass, uid=UID)
    tree.charge_pass.refresh_from_db()
    return tree


def addresses(tree: Tree) -> list[str]:
    listed = reverse("passes")
    return [
        listed, f"{listed}?export=csv", f"{listed}?export=xlsx", f"{listed}?in=o{tree.customer.pk}", f"{listed}?sort=-uid",
        *(reverse(name, args=[tree.charge_pass.pk]) for name in ("pass", "pass_edit", "pass_lists", "pass_restrictions", "pass_block")),
        reverse("listings"), f"{reverse('listings')}?export=csv", reverse("pass_delete", args=[tree.charge_pass.pk]),
    ]  # fmt: skip


def test_masked_for_who_may_change_them_but_not_see_whose_they_are(world: Tree, client_of: Login) -> None:
    client = client_of(with_rights(world, *(code for code in rights.RIGHTS if code != rights.PERSONAL_DATA)))
    for url in addresses(world):
        said = body(client, url)
        assert [secret for secret in SECRETS if secret in said] == [], url
        assert "****" in said, url


def test_named_for_who_may_see_them(world: Tree, as_bob: Client) -> None:
    for url in addresses(world):
        assert UID in body(as_bob, url), url


def test_no_filter_and_no_order_tells_what_is_masked(world: Tree, as_cy: Client) -> None:
    create_pass(actor=None, organization=world.customer, uid="FF000001", nickname="Aardvark")
    create_pass(actor=None, organization=world.customer, uid="AA000002", nickname="Zebra")
    page = as_cy.get(reverse("passes"))
    assert 'name="q"' not in page.text.split('id="main"')[1]
    for text in (UID, "Pool", "nonsense"):
        assert as_cy.get(reverse("passes"), {"q": text}).context["page"].paginator.count == 3
    for order in ("", "name", "uid", "visible_number"):
        rows = [row.record.pk for row in as_cy.get(reverse("passes"), {"sort": order}).context["table"].rows]
        assert rows == sorted(rows), order


def test_an_edit_without_names_changes_only_what_is_seen(world: Tree, client_of: Login) -> None:
    client, url = client_of(with_rights(world, rights.MANAGE_PASSES)), reverse("pass_edit", args=[world.charge_pass.pk])
    assert list(client.get(url).context["form"].fields) == [
        "kind", "group", "valid_from", "valid_until", "several_at_once", "priority",
    ]  # fmt: skip
    answer = client.post(url, {"several_at_once": "on", "kind": "non_public", "uid": "DEADBEEF", "nickname": "Mine"}, follow=True)
    assert [secret for secret in SECRETS if secret in answer.text] == []
    world.charge_pass.refresh_from_db()
    assert (world.charge_pass.several_at_once, world.charge_pass.uid, world.charge_pass.nickname) == (True, UID, "Pool car 1")


def test_a_second_pass_with_the_same_card_names_no_masked_one(world: Tree, client_of: Login) -> None:
    client = client_of(with_rights(world, rights.MANAGE_PASSES))
    said = client.post(reverse("pass_add"), {"organization": world.customer.pk, "uid": UID}).text
    assert "already has a pass with this UID: ****." in said
    assert "Pool car 1" not in said


def test_who_may_only_read_gets_a_page_to_read(world: Tree, client_of: Login) -> None:
    client, url = client_of(with_rights(world, rights.PERSONAL_DATA)), reverse("pass", args=[world.charge_pass.pk])
    page = body(client, url)
    assert all(secret in page for secret in SECRETS)
    assert "<form" not in page.split('id="main"')[1]
    assert reverse("pass_delete", args=[world.charge_pass.pk]) not in page
    assert reverse("transactions") not in page  # without the right to see those


@pytest.mark.parametrize("name", ["pass_edit", "pass_delete", "pass_add"])
def test_changing_needs_the_right(name: str, world: Tree, as_cy: Client, as_dan: Client) -> None:
    url = reverse(name, args=[] if name == "pass_add" else [world.charge_pass.pk])
    assert as_cy.post(url, {"uid": "AA00BB11", "organization": world.customer.pk}).status_code == 403
    assert as_cy.get(url).status_code == 403
    if name != "pass_add":
        assert as_dan.post(url).status_code == 404
    assert list(ChargePass.objects.values_list("uid", "blocked")) == [(UID, False)]


@pytest.mark.parametrize("action", ["block", "unblock"])
def test_many_at_once_need_the_right(action: str, world: Tree, as_cy: Client) -> None:
    assert f'value="{action}"' not in body(as_cy, reverse("passes"))
    answer = as_cy.post(reverse("passes"), {"action": action, "select": world.charge_pass.pk, "confirmed": "1"})
    assert answer.status_code == 403
    assert not ChargePass.objects.get().blocked


def test_what_is_recorded_of_a_pass_from_above_names_it_to_nobody_below(tree: Tree, as_bob: Client, client_of: Login) -> None:
    hidden = create_pass(actor=None, organization=tree.partner, uid="04D0FFEE00A003")
    listing = list_pass(actor=tree.bob, charge_pass=hidden, organization=tree.customer, whitelist=True)
    unlist_pass(actor=tree.bob, listing=listing)
    list_pass(actor=tree.bob, charge_pass=hidden, organization=tree.customer, whitelist=True)
    edit_pass(actor=tree.bob, charge_pass=hidden, nickname="Secretnick")
    delete_pass(actor=tree.bob, charge_pass=hidden)
    below = client_of(somebody(tree.customer, ["read_audit", "personal_data"]))
    for url in (reverse("history"), f"{reverse('history')}?export=csv", reverse("organization_history", args=[tree.customer.pk])):
        said = body(below, url)
        assert "****" in said
        assert "04D0FFEE00A003" not in said
        assert "Secretnick" not in said
    assert "Secretnick" in body(as_bob, reverse("history"))


def test_another_uid_leaves_the_lists_of_organizations_that_were_not_asked(tree: Tree, client_of: Login) -> None:
    """Who manages passes below could else let any card charge on the list above, and try which UIDs are on it."""
    create_pass(actor=None, organization=tree.partner, uid="04D0FFEE00A004")
    list_pass(actor=None, charge_pass=tree.charge_pass, organization=tree.partner, whitelist=True)
    fay = somebody(tree.customer, ["manage_passes", "personal_data"])
    edit_pass(actor=fay, charge_pass=tree.charge_pass, uid="04D0FFEE00A004")
    assert [listing.organization for listing in tree.charge_pass.listings.all()] == [tree.customer]


def test_a_group_that_is_deleted_is_told_at_its_passes(tree: Tree) -> None:
    group = create_group(actor=None, organization=tree.customer, name="Fitters", daily_kwh=5)
    edit_pass(actor=None, charge_pass=tree.charge_pass, group=group)
    delete_group(actor=tree.bob, group=group)
    entry = AuditEntry.objects.filter(object_type="passes.chargepass", object_id=tree.charge_pass.pk).latest("pk")
    assert (entry.verb, entry.changes["group"][0]["name"]) == ("edit", "Fitters")
