"""Users: the list, cardholders, switching off, deleting, and names that are masked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from tenancy import actions
from tenancy.models import AuditEntry, Role, User
from tests.conftest import PASSWORD, Tree
from tests.energycloud.accounts import with_app
from tests.tenancy.people import somebody
from tests.tenancy.test_roles import text

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def test_the_list_shows_ones_own_branch_with_roles(tree: Tree, as_bob: Client) -> None:
    page = text(as_bob.get(reverse("users")).text)
    assert "Bob bob@example.org Lumen Installers Administrator" in page
    assert "Cy cy@example.org Harbour Offices Viewer" in page
    assert "Dan" not in page
    assert "Ada" not in page


def test_found_by_role_kind_and_state(tree: Tree, as_bob: Client) -> None:
    actions.create_user(actor=tree.bob, organization=tree.customer, email=None, name="Card Holder", password=None)
    viewer = Role.objects.get(default="viewer")
    for query, found, missing in (
        ({"role": viewer.pk}, "Cy", "Card Holder"),
        ({"kind": "card"}, "Card Holder", "cy@example.org"),
        ({"state": "never"}, "Cy", "Card Holder"),
        ({"q": "card h"}, "Card Holder", "cy@example.org"),
    ):
        page = text(as_bob.get(reverse("users"), query).text)
        assert found in page, query
        assert missing not in page.split("Last login")[-1], query


def test_names_are_masked_without_the_right_and_order_tells_nothing(tree: Tree, client_of: ClientOf) -> None:
    for name in ("Aaron", "Zoe", "Mary"):
        somebody(tree.customer, name=name)
    reader = client_of(tree.cy)
    page = reader.get(reverse("users")).text
    for secret in ("Aaron", "Zoe", "Mary", "person"):
        assert secret not in page
    assert page.count("****") >= 3
    order = [user.pk for user in User.objects.filter(organization=tree.customer).exclude(pk=tree.cy.pk).order_by("pk")]
    shown = sorted(order, key=lambda pk: page.index(f"/users/{pk}/"))
    assert shown == order, "as they were made, not by the names nobody may see"
    assert "****" not in reader.get(reverse("users"), {"q": "Zoe"}).text, "a hit would tell the name"
    export = b"".join(reader.get(reverse("users"), {"export": "csv", "cols": "name,phone,roles,state"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert "Zoe" not in export
    zoe = User.objects.get(name="Zoe")
    page = reader.get(reverse("user", args=[zoe.pk])).text
    assert "Zoe" not in page
    assert zoe.email not in page


def test_a_cardholder_has_no_login(tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("cardholder_add"), {"name": "Jan Kaart", "phone": "+31 6 1234 5678"})
    holder = User.objects.get(name="Jan Kaart")
    assert answer["Location"].startswith(reverse("user", args=[holder.pk]))
    assert holder.email is None
    assert not holder.has_usable_password()
    with pytest.raises(ValidationError, match="cardholder without a login"):
        actions.assign_role(actor=tree.bob, user=holder, role=Role.objects.get(default="viewer"), organization=tree.partner)
    second = actions.create_user(actor=tree.bob, organization=tree.partner, email=None, name="Second", password=None)
    assert second.pk, "several without an address"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "x" * 10_000])
def test_a_name_that_will_not_do(name: str, as_bob: Client) -> None:
    answer = as_bob.post(reverse("cardholder_add"), {"name": name})
    assert answer.status_code == 200
    assert 'id="id_name_error"' in answer.text


def test_editing_a_user(tree: Tree, as_bob: Client) -> None:
    as_bob.post(reverse("user_edit", args=[tree.cy.pk]), {"name": "Cyrus", "phone": ""})
    tree.cy.refresh_from_db()
    assert tree.cy.name == "Cyrus"
    entry = AuditEntry.objects.get(object_type="tenancy.user", object_id=tree.cy.pk, verb="edit")
    assert entry.changes == {"name": ["Cy", "Cyrus"]}


def test_deactivated_means_out_at_once(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    assert as_cy.get("/").status_code == 200
    as_bob.post(reverse("user_deactivate", args=[tree.cy.pk]), {"confirmed": "1"})
    assert as_cy.get("/").status_code == 302
    as_bob.post(reverse("user_activate", args=[tree.cy.pk]), {"confirmed": "1"})
    assert Client().login(username="cy@example.org", password=PASSWORD)


def test_many_are_switched_off_and_what_cannot_be_is_said(tree: Tree, as_bob: Client) -> None:
    users = [somebody(tree.customer) for _ in range(3)]
    chosen = {"action": "deactivate", "confirmed": "1", "select": [tree.bob.pk, tree.dan.pk, *(user.pk for user in users)]}
    answer = as_bob.post(reverse("users"), chosen, follow=True)
    assert "3 users are deactivated. This is yourself." in answer.text
    assert User.objects.filter(is_active=False).count() == 3
    assert User.objects.get(pk=tree.dan.pk).is_active, "foreign keys mixed in do nothing"


def test_deleting_keeps_what_was_done(tree: Tree, as_bob: Client) -> None:
    other = somebody(tree.customer, Role.objects.get(default="administrator"), "Otto")
    actions.edit_organization(actor=other, organization=tree.customer, city="Delft")
    as_bob.post(reverse("user_delete", args=[other.pk]), {"confirmed": "1"})
    assert not User.objects.filter(pk=other.pk).exists()
    entry = AuditEntry.objects.get(object_type="tenancy.organization", verb="edit")
    assert (entry.actor, entry.actor_name) == (None, "Otto")


def test_an_address_is_one_whatever_its_case(tree: Tree) -> None:
    with pytest.raises(ValidationError):
        actions.create_user(actor=None, organization=tree.partner, email="BOB@Example.org", name="B", password=None)


# -- two-factor login -----------------------------------------------------------------------------------------------------------------


def test_who_lost_the_phone_is_helped_by_an_administrator(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    address = reverse("user_reset_two_factor", args=[tree.cy.pk])
    assert address not in as_bob.get(tree.cy.get_absolute_url()).text, "there is nothing to reset"
    with_app(tree.cy)
    assert address in as_bob.get(tree.cy.get_absolute_url()).text
    assert "The password alone opens the account" in as_bob.get(address).text
    assert as_bob.post(address).status_code == 302
    assert not Authenticator.objects.exists()
    assert AuditEntry.objects.filter(actor=tree.bob, verb="reset_two_factor").exists()
    assert "No two-factor login is set up." in as_bob.post(address).text


def test_nobody_resets_the_two_factor_login_of_who_may_more(tree: Tree, client_of: Callable[[User], Client]) -> None:
    with_app(tree.bob)
    helper = client_of(somebody(tree.partner, ["manage_users", "personal_data"]))
    assert "Bob may do more than you" in text(helper.post(reverse("user_reset_two_factor", args=[tree.bob.pk])).text)
    unseeing = client_of(somebody(tree.partner, ["manage_users"]))
    assert "**** may do more than you" in text(unseeing.post(reverse("user_reset_two_factor", args=[tree.bob.pk])).text)
    assert Authenticator.objects.exists()


@pytest.mark.parametrize("phone", ["0000 abc", "abc<script>", "+31 10", "1" * 10_000])
def test_what_is_no_phone_number_is_refused_beside_its_field(phone: str, tree: Tree, as_bob: Client, as_cy: Client) -> None:
    for client, url in (
        (as_bob, reverse("cardholder_add")), (as_bob, reverse("user_edit", args=[tree.cy.pk])), (as_cy, reverse("profile")),
    ):  # fmt: skip
        answer = client.post(url, {"name": "Typed Name", "phone": phone})
        assert 'id="id_phone_error"' in answer.text, url
        assert 'value="Typed Name"' in answer.text, url
    assert not User.objects.exclude(phone="").exists()


def test_a_phone_number_is_kept_in_one_way_and_shown_readably(tree: Tree, as_bob: Client) -> None:
    type(tree.customer).objects.filter(pk=tree.customer.pk).update(country="NL")
    url = reverse("user_edit", args=[tree.cy.pk])
    as_bob.post(url, {"name": "Cy", "phone": "010 404 80 00"})
    tree.cy.refresh_from_db()
    assert tree.cy.phone == "+31104048000", "without a prefix it is one of the organization's country"
    assert "+31 10 404 8000" in as_bob.get(reverse("user", args=[tree.cy.pk])).text
    assert 'value="+31 10 404 8000"' in as_bob.get(url).text


def test_who_sees_no_roles_gets_no_column_of_them(as_cy: Client, as_bob: Client) -> None:
    assert 'data-label="Roles"' in as_bob.get(reverse("users")).text
    for query in ("", "?cols=name,roles", "?sort=roles"):
        page = as_cy.get(reverse("users") + query).text
        assert 'data-label="Roles"' not in page
        assert ">Roles</a>" not in page
