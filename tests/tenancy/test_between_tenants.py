"""What one tenant may not do to another, nor learn of it: by shielding or naming people, by counting, by moving."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.actions import create_location
from tenancy import actions
from tenancy.models import AuditEntry, Invitation, Letter, Organization, Role, User
from tenancy.validation import clean_iban
from tests.conftest import Tree
from tests.energycloud.accounts import with_app
from tests.forms import drawn
from tests.tenancy.people import role_with, somebody
from tests.tenancy.test_roles import text

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def test_a_role_elsewhere_shields_nobody_from_their_own_organization(tree: Tree, client_of: ClientOf) -> None:
    worker = somebody(tree.customer, ["read_logs"], "Worker")
    keeper = client_of(somebody(tree.customer, ["manage_users", "personal_data", "read_logs"]))
    actions.assign_role(actor=None, user=worker, role=Role.objects.get(default="viewer"), organization=tree.other_customer)
    with_app(worker)
    assert keeper.post(reverse("user_reset_two_factor", args=[worker.pk])).status_code == 302
    assert keeper.post(reverse("user_deactivate", args=[worker.pk])).status_code == 302
    assert not User.objects.get(pk=worker.pk).is_active


def test_a_refusal_does_not_list_rights_to_who_does_not_see_roles(tree: Tree, client_of: ClientOf) -> None:
    for rights, said in ((["manage_users"], "**** may do more than you."), (["manage_users", "update_user_roles"], "“")):
        page = text(client_of(somebody(tree.partner, rights)).get(reverse("user_deactivate", args=[tree.bob.pk])).text)
        assert said in page
        assert ("“" in page) == (said == "“")


def test_nobody_renames_who_may_more(tree: Tree, client_of: ClientOf) -> None:
    client = client_of(somebody(tree.partner, ["manage_users", "personal_data"]))
    url = reverse("user_edit", args=[tree.bob.pk])
    assert "Bob may do more than you." in text(client.get(url).text)
    client.post(url, {"name": "Somebody", "phone": ""})
    assert User.objects.get(pk=tree.bob.pk).name == "Bob"


def test_mails_are_counted_for_each_organization_alone(tree: Tree, as_bob: Client, as_dan: Client) -> None:
    for _number in range(6):
        Client().post("/account/password/reset/", {"email": "cy@example.org"})
    form = {"name": "X", "email": "x@example.org"}
    as_dan.post(reverse("user_invite"), form)
    theirs = Invitation.objects.get()
    for _number in range(5):
        as_dan.post(reverse("invitations"), {"action": "again", "select": theirs.pk})
    assert as_bob.post(reverse("user_invite"), form).status_code == 302
    assert as_dan.post(reverse("user_invite"), {"name": "Cy", "email": "cy@example.org"}).status_code == 302


def test_why_names_no_role_that_its_owner_keeps(tree: Tree, client_of: ClientOf) -> None:
    secret = role_with(tree.partner, "reset_stations", name="Project Falcon", propagated=False)
    actions.assign_role(actor=None, user=tree.bob, role=secret, organization=tree.partner)
    actions.assign_role(actor=None, user=tree.bob, role=Role.objects.get(default="viewer"), organization=tree.customer)
    page = client_of(somebody(tree.customer, ["update_user_roles"])).get(reverse("user_rights", args=[tree.bob.pk])).text
    assert "Project Falcon" not in page
    assert "a role at an organization above" in page


def test_who_requires_two_factor_login_is_named_to_its_own_alone(tree: Tree, client_of: ClientOf) -> None:
    role = role_with(tree.other_partner, "reset_stations", offered=True)
    agent = somebody(tree.other_partner, role)
    now = timezone.now()
    actions.let_in(
        actor=None, team=actions.team_of(role, tree.other_partner), organization=tree.customer, rights=["reset_stations"],
        starts_at=now, ends_at=now + timedelta(days=1), place=f"l{tree.location.pk}",
    )  # fmt: skip
    Organization.objects.filter(pk=tree.partner.pk).update(require_two_factor=True)
    for user, named in ((agent, False), (tree.cy, True)):
        page = client_of(user).get("/", follow=True).text
        assert "requires two-factor login" in page
        assert ("Lumen" in page) == named


def test_a_move_names_the_companies_that_it_lets_in_and_shuts_out(tree: Tree, as_bob: Client) -> None:
    role = role_with(tree.other_partner, "reset_stations", name="Night hotline", offered=True)
    other = actions.create_organization(actor=None, parent=tree.partner, kind="customer", name="Other")
    annex = actions.create_organization(actor=None, parent=tree.customer, kind="sub", name="Annex")
    yard = create_location(actor=None, organization=other, name="Yard")
    now = timezone.now()
    actions.let_in(
        actor=None, team=actions.team_of(role, tree.other_partner), organization=tree.customer, rights=["reset_stations"],
        starts_at=now, ends_at=now + timedelta(days=1),
    )  # fmt: skip
    away = text(as_bob.get(reverse("organization_move", args=[annex.pk]) + f"?to={other.pk}").text)
    assert "no longer work here: Night hotline" in away
    into = text(as_bob.post(reverse("location_move", args=[yard.pk]), {"organization": tree.customer.pk}).text)
    assert "work here too from then on: Night hotline" in into


def test_roles_that_end_with_their_user_are_recorded_where_they_held(tree: Tree) -> None:
    actions.assign_role(actor=None, user=tree.dan, role=Role.objects.get(default="viewer"), organization=tree.customer)
    actions.delete_user(actor=tree.ada, user=tree.dan)
    assert AuditEntry.objects.filter(verb="withdraw_role", organization=tree.customer, actor=tree.ada).exists()


def test_the_end_of_looking_on_is_recorded_however_it_ends(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    as_ada.post(reverse("view_as", args=[tree.cy.pk]))
    as_ada.post(reverse("account_logout"))
    assert AuditEntry.objects.filter(verb="view_as_end", actor=tree.ada, object_id=tree.cy.pk).count() == 1
    as_bob.post(reverse("view_as", args=[tree.cy.pk]))
    User.objects.filter(pk=tree.cy.pk).update(is_active=False)
    as_bob.get("/")
    assert AuditEntry.objects.filter(verb="view_as_end", actor=tree.bob, object_id=tree.cy.pk).count() == 1


def test_who_holds_no_role_is_told_so_and_an_invitation_that_gives_nothing_is_not_taken(
    tree: Tree, client_of: ClientOf, as_dan: Client
) -> None:
    nobody = actions.create_user(actor=None, organization=tree.customer, email="no@example.org", name="No", password=None)
    assert "You hold no role yet" in client_of(nobody).get("/").text
    actions.invite_user(
        actor=tree.bob, organization=tree.customer, email="dan@example.org", name="Dan", role=None, address=lambda token: f"/{token}/"
    )
    token = Letter.objects.get().body.split("/")[1]
    assert "this invitation gives no role" in as_dan.post(reverse("invitation", args=[token]), follow=True).text
    assert Invitation.objects.get().accepted_at is None


# -- bad input ----------------------------------------------------------------------------------------------------------------------------


def test_an_iban_of_a_bank_that_no_list_knows_is_taken() -> None:
    assert clean_iban("BE68 5390 0754 7034") == "BE68539007547034"


@pytest.mark.parametrize("typed", ["sNaN", "NaN", "Infinity", "1e400", "-1"])
def test_amounts_that_are_none_are_refused_beside_the_field(typed: str, tree: Tree, as_bob: Client) -> None:
    actions.edit_organization(actor=None, organization=tree.customer, compensation_ac="0.2500")
    url = reverse("organization_compensation", args=[tree.customer.pk])
    page = as_bob.post(url, drawn(as_bob.get(url), "compensation_ac") | {"compensation_ac": typed})
    assert page.status_code == 200
    assert "invalid-feedback" in page.text


def test_days_at_the_edge_of_the_calendar_are_refused(tree: Tree, as_bob: Client) -> None:
    role = role_with(tree.other_partner, "reset_stations", offered=True)
    form = {"role": role.pk, "rights": ["reset_stations"], "since": "0001-01-01", "until": str(timezone.localdate())}
    assert "At most five years ago." in as_bob.post(f"{reverse('access_add')}?at={tree.customer.pk}", form).text
    url = reverse("pass_edit", args=[tree.charge_pass.pk])
    assert as_bob.post(url, drawn(as_bob.get(url), "valid_until") | {"valid_until": "0001-01-01T00:00"}).status_code == 200


def test_names_that_differ_in_their_capitals_alone_are_the_same(tree: Tree, as_bob: Client) -> None:
    actions.create_organization(actor=None, parent=tree.partner, kind="customer", name="Other")
    url = reverse("organization_edit", args=[tree.customer.pk])
    page = as_bob.post(url, drawn(as_bob.get(url), "name") | {"name": "OTHER"})
    assert "already an organization with this name" in page.text
