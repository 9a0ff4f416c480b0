"""People who belong to one organization and hold a role at another: the host sees them, says why, and takes the role away again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenancy import actions, two_factor
from tenancy.models import AuditEntry, Invitation, Letter, Organization, Role, Team, User
from tenancy.rights import holds
from tests.conftest import Tree
from tests.energycloud.accounts import with_app
from tests.tenancy.people import role_with, somebody
from tests.tenancy.test_roles import text

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture
def team(tree: Tree) -> Team:
    """Dan, of the other partner, looks on at Cy's organization."""
    viewer = Role.objects.get(default="viewer")
    actions.assign_role(actor=None, user=tree.dan, role=viewer, organization=tree.customer)
    return Team.objects.get(role=viewer, organization=tree.customer)


def test_the_host_finds_a_guest_and_takes_the_role_away(team: Team, tree: Tree, as_bob: Client) -> None:
    roles = reverse("user_roles", args=[tree.dan.pk])
    assert f'<a href="{roles}">Dan</a>' in as_bob.get(reverse("organization", args=[tree.customer.pk])).text
    assert f'<a href="{roles}">Dan</a>' in as_bob.get(reverse("role_users", args=[team.role_id])).text
    page = as_bob.get(roles).text
    assert "Volt" not in page, "where a guest belongs is not the host's business"
    assert "There are more at organizations that you do not see." in page
    withdraw = reverse("user_role_withdraw", args=[tree.dan.pk, team.pk])
    assert withdraw in page
    assert "Viewer at Harbour Offices" in text(as_bob.get(reverse("user_rights", args=[tree.dan.pk])).text)
    assert as_bob.get(reverse("user", args=[tree.dan.pk])).status_code == 404
    done = as_bob.post(withdraw, follow=True)
    assert "Dan is no longer Viewer at Harbour Offices." in done.text
    assert not tree.dan.groups.filter(team=team).exists()
    assert as_bob.get(roles).status_code == 404, "a stranger again"


def test_a_host_gives_a_guest_another_role(team: Team, tree: Tree, as_bob: Client) -> None:
    own = role_with(tree.partner, "reset_stations", name="Night shift")
    roles = reverse("user_roles", args=[tree.dan.pk])
    assert as_bob.post(roles, {"role": own.pk}).status_code == 302
    assert holds(User.objects.get(pk=tree.dan.pk), "reset_stations", tree.customer.path)


def test_who_does_not_see_roles_or_names_meets_no_guest(team: Team, tree: Tree, as_cy: Client, client_of: ClientOf) -> None:
    assert ">Dan<" not in as_cy.get(reverse("organization", args=[tree.customer.pk])).text
    assert as_cy.get(reverse("user_roles", args=[tree.dan.pk])).status_code == 404
    unseeing = client_of(somebody(tree.customer, ["update_user_roles"]))
    for url in (reverse("organization", args=[tree.customer.pk]), reverse("user_roles", args=[tree.dan.pk])):
        page = unseeing.get(url).text
        assert "****" in page
        assert ">Dan" not in page


def test_a_guest_of_one_customer_is_nobody_at_another(team: Team, tree: Tree, client_of: ClientOf) -> None:
    neighbour = actions.create_organization(actor=None, parent=tree.partner, kind="customer", name="Next door")
    assert (
        client_of(somebody(neighbour, ["update_user_roles", "personal_data"])).get(reverse("user_roles", args=[tree.dan.pk])).status_code
        == 404
    )


def test_two_factor_login_that_a_host_requires_binds_guests(team: Team, tree: Tree, as_dan: Client) -> None:
    assert as_dan.get("/").status_code == 200
    Organization.objects.filter(pk=tree.partner.pk).update(require_two_factor=True)
    assert as_dan.get("/").status_code == 302
    with_app(tree.dan)
    assert as_dan.get("/").status_code == 200


def test_two_factor_login_that_is_required_where_a_company_is_let_in_binds_its_people(tree: Tree) -> None:
    role = role_with(tree.other_partner, "reset_stations", offered=True)
    agent = somebody(tree.other_partner, role)
    for place in ("", f"l{tree.location.pk}"):
        now = timezone.now()
        access = actions.let_in(
            actor=None, team=actions.team_of(role, tree.other_partner), organization=tree.customer, rights=["reset_stations"],
            starts_at=now, ends_at=now + timedelta(days=1), place=place,
        )  # fmt: skip
        Organization.objects.filter(pk=tree.partner.pk).update(require_two_factor=True)
        assert two_factor.lacking(User.objects.get(pk=agent.pk)) == tree.partner
        actions.end_access(actor=None, access=access)
        assert two_factor.lacking(User.objects.get(pk=agent.pk)) is None


# -- names that are masked stay so in refusals --------------------------------------------------------------------------------------------


def test_no_refusal_tells_a_name_that_is_masked(team: Team, tree: Tree, client_of: ClientOf) -> None:
    rights = ["manage_users", "update_user_roles", "view_as", "close_organizations", "manage_organizations"]
    pia = client_of(somebody(tree.partner, rights))
    cards = actions.create_user(actor=None, organization=tree.customer, email=None, name="Card Holder", password=None)
    for name, key in (("user_deactivate", tree.bob.pk), ("user_delete", tree.bob.pk), ("view_as", tree.bob.pk),
                      ("user_roles", cards.pk), ("organization_delete", tree.customer.pk)):  # fmt: skip
        page = pia.get(reverse(name, args=[key])).text
        assert "****" in page, name
        for hidden in ("Bob", "Cy<", "Cy.", "Cy,", "Dan", "Card Holder"):
            assert hidden not in page, (name, hidden)


def test_inviting_does_not_tell_whose_address_it_is(tree: Tree, as_bob: Client, client_of: ClientOf) -> None:
    """Who sees names is told that there is a user already; to others an address of a user is like any other."""
    told = as_bob.post(reverse("user_invite") + f"?at={tree.customer.pk}", {"name": "X", "email": "CY@example.org"})
    assert "Cy is a user already" in told.text
    unseeing = client_of(somebody(tree.partner, ["manage_users"]))
    for address in ("CY@example.org", "dan@example.org", "nobody@example.org"):
        answer = unseeing.post(reverse("user_invite") + f"?at={tree.customer.pk}", {"name": "X", "email": address})
        assert answer.status_code == 302, address
    assert Invitation.objects.count() == 3


def test_an_invitation_ends_with_whoever_sent_it(tree: Tree, client_of: ClientOf) -> None:
    """What a role gives later nobody would have given."""
    hr = role_with(tree.partner, "manage_users", "update_user_roles", "personal_data", name="HR")
    igor = somebody(tree.partner, hr)
    actions.invite_user(actor=igor, organization=tree.customer, email="x@example.org", name="X", role=hr, address=lambda token: token)
    igor.delete()
    invitation = Invitation.objects.get()
    with pytest.raises(Exception, match="may no longer give you this role"):
        actions.accept_invitation(invitation=invitation, password="orange-kettle-77")
    assert not User.objects.filter(email="x@example.org").exists()


def test_an_expired_invitation_keeps_no_role(tree: Tree) -> None:
    hr = role_with(tree.partner, "read_logs", name="HR")
    actions.invite_user(actor=tree.bob, organization=tree.partner, email="x@example.org", name="X", role=hr, address=lambda token: token)
    Invitation.objects.update(expires_at=timezone.now())
    actions.delete_role(actor=tree.bob, role=hr)
    assert not Role.objects.filter(pk=hr.pk).exists()


def test_who_invited_is_who_gave_the_role_in_the_record(tree: Tree) -> None:
    viewer = Role.objects.get(default="viewer")
    invitation = actions.invite_user(
        actor=tree.bob, organization=tree.customer, email="x@example.org", name="X", role=viewer, address=lambda token: token
    )
    user = actions.accept_invitation(invitation=invitation, password="orange-kettle-77")
    assert AuditEntry.objects.get(verb="assign_role", object_id=user.pk).actor == tree.bob


def test_an_invitation_is_not_sent_again_and_again(tree: Tree, as_bob: Client) -> None:
    invitation = actions.invite_user(
        actor=tree.bob, organization=tree.customer, email="x@example.org", name="X", role=None, address=lambda token: token
    )
    for _number in range(6):
        answer = as_bob.post(reverse("invitations"), {"action": "again", "select": invitation.pk}, follow=True)
    assert "5 mails went to this address within the last hour." in answer.text
    assert Letter.objects.count() == 5


def test_which_role_an_invitation_gives_is_for_those_who_see_roles(tree: Tree, as_bob: Client, client_of: ClientOf) -> None:
    viewer = Role.objects.get(default="viewer")
    actions.invite_user(
        actor=tree.bob, organization=tree.customer, email="x@example.org", name="X", role=viewer, address=lambda token: token
    )
    assert "Viewer" in as_bob.get(reverse("invitations"), {"export": "csv"}).getvalue().decode()
    people = client_of(somebody(tree.partner, ["manage_users"]))
    assert "Viewer" not in people.get(reverse("invitations")).text
    assert "Viewer" not in people.get(reverse("invitations"), {"export": "csv"}).getvalue().decode()


def test_the_list_of_organizations_cannot_be_sorted_by_what_is_not_seen(tree: Tree, client_of: ClientOf) -> None:
    """By renaming one's own one could find out the name that stands above, letter by letter."""
    sub = actions.create_organization(actor=None, parent=tree.customer, kind="sub", name="Annex")
    client = client_of(somebody(tree.customer, []))
    for name in ("AAA", "ZZZ"):
        Organization.objects.filter(pk=tree.customer.pk).update(name=name)
        page = client.get(reverse("organizations"), {"sort": "parent"}).text
        assert page.index(f">{name}<") < page.index(f">{sub.name}<"), "what belongs to nothing that is seen always comes first"


# -- the last administrator ---------------------------------------------------------------------------------------------------------------


def at_once(*acts: Callable[[], object]) -> list[str]:
    """What each says, done at the same moment in threads of their own."""
    start, said = Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            act()
            said.append("done")
        except ValidationError as error:
            said.append(error.messages[0])
        finally:
            connection.close()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(said)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_send_each_other_away_leave_one(tree: Tree) -> None:
    team = Team.objects.get(role__default="administrator", organization=tree.platform)
    other = somebody(tree.platform, team.role, "Other")

    def away(actor: User, user: User) -> Callable[[], object]:
        return lambda: actions.set_user_active(actor=actor, user=User.objects.get(pk=user.pk), active=False)

    def no_longer(actor: User, user: User) -> Callable[[], object]:
        return lambda: actions.withdraw_role(actor=actor, user=User.objects.get(pk=user.pk), team=team)

    for act in (away, no_longer):
        for _number in range(4):
            said = at_once(act(tree.ada, other), act(other, tree.ada))
            assert "done" in said
            assert "only administrator" in said[0] or "may do more" in said[0] or "may not assign" in said[0] or "don't hold" in said[0], (
                said
            )
            User.objects.filter(pk__in=[tree.ada.pk, other.pk]).update(is_active=True)
            for user in (tree.ada, other):
                user.groups.add(team.group_id)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_who_do_the_same_at_once_the_second_is_told(tree: Tree, client_of: ClientOf) -> None:
    pages: list[str] = []
    for number in range(4):
        browsers = [client_of(tree.bob), client_of(tree.bob)]

        def invite(browser: Client, number: int = number) -> Callable[[], object]:
            form = {"name": "X", "email": f"x{number}@example.org"}
            return lambda: pages.append(browser.post(reverse("user_invite"), form, follow=True).text)

        assert at_once(*(invite(browser) for browser in browsers)) == ["done", "done"]
        assert Invitation.objects.filter(email=f"x{number}@example.org").count() == 1
    told = [page for page in pages if "at the same moment. Look at it again" in page or "is invited already" in page]
    assert len(told) == 4
