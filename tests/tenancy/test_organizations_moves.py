"""Moving an organization in the tree: who gains what by it, what changes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse

from passes.actions import create_pass, list_pass
from tenancy.actions import (
    activate_organization,
    assign_role,
    create_organization,
    create_role,
    create_user,
    deactivate_organization,
    edit_organization,
    move_organization,
    withdraw_role,
)
from tenancy.actions.moves import newly_above, why_not_moved
from tenancy.models import AuditEntry, Organization, Role, Team, User
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_ORGANIZATIONS, RESET_STATIONS, forget, holds
from tests.conftest import PASSWORD, Tree
from tests.tenancy.test_organizations import text

pytestmark = pytest.mark.django_db


def mover(tree: Tree, *rights: str) -> User:
    """Somebody of the partner with `rights` there and no others."""
    role = create_role(actor=None, organization=tree.partner, name="Mover", rights=list(rights))
    return create_user(actor=None, organization=tree.partner, email="mo@example.org", name="Mo", password=PASSWORD, role=role)


def neighbour(tree: Tree, *rights: str) -> Organization:
    """Another customer of the partner, where somebody holds `rights`."""
    made = create_organization(actor=None, parent=tree.partner, kind="customer", name="Neighbour")
    role = create_role(actor=None, organization=made, name="Own", rights=list(rights))
    create_user(actor=None, organization=made, email="ne@example.org", name="Ne", password=PASSWORD, role=role)
    return made


def test_who_stands_newly_above() -> None:
    assert newly_above("/1/2/3/", "/1/4/") == [4]
    assert newly_above("/1/2/3/", "/1/2/") == []
    assert newly_above("/1/2/3/", "/1/4/5/") == [4, 5]
    assert newly_above("/1/12/", "/1/2/") == [2]


def test_nobody_gives_by_a_move_what_they_do_not_hold(tree: Tree) -> None:
    to = neighbour(tree, RESET_STATIONS, MANAGE_LOCATIONS)
    poor = mover(tree, MANAGE_ORGANIZATIONS, MANAGE_LOCATIONS)
    said = why_not_moved(poor, tree.customer.path, to.path)
    assert "“Reset stations”" in said
    assert "Add, change, move and delete locations" not in said
    assert why_not_moved(tree.bob, tree.customer.path, to.path) == ""
    assert why_not_moved(None, tree.customer.path, to.path) == ""


def test_rights_that_nobody_holds_are_not_in_the_way(tree: Tree) -> None:
    to = neighbour(tree, RESET_STATIONS)
    poor = mover(tree, MANAGE_ORGANIZATIONS)
    for group in Group.objects.filter(team__organization=to):
        group.user_set.clear()  # type: ignore[attr-defined]
    assert why_not_moved(poor, tree.customer.path, to.path) == ""


def test_people_who_stand_above_both_gain_nothing(tree: Tree) -> None:
    """The partner's own administrator holds everything above both already."""
    poor = mover(tree, MANAGE_ORGANIZATIONS)
    plain = create_organization(actor=None, parent=tree.partner, kind="customer", name="Plain")
    assert why_not_moved(poor, tree.customer.path, plain.path) == ""


def test_what_the_mover_gained_elsewhere_does_not_count(tree: Tree) -> None:
    """Held at the goal is not held at what moves."""
    to = neighbour(tree, RESET_STATIONS)
    poor = mover(tree, MANAGE_ORGANIZATIONS)
    assign_role(actor=None, user=poor, role=Role.objects.get(default="administrator"), organization=to)
    forget(poor)
    assert "Reset stations" in why_not_moved(poor, tree.customer.path, to.path)


# -- moving -----------------------------------------------------------------------------------------------------------------------------


def move_url(organization: Organization, to: Organization | None = None) -> str:
    return reverse("organization_move", args=[organization.pk]) + (f"?to={to.pk}" if to else "")


def paths() -> dict[str, str]:
    return dict(Organization.objects.values_list("name", "path"))


@pytest.fixture
def deep(tree: Tree) -> Organization:
    """Below the customer."""
    made = create_organization(actor=None, parent=tree.customer, kind="sub", name="Wing")
    create_organization(actor=None, parent=made, kind="sub", name="Floor")
    return made


@pytest.mark.engines
def test_a_subtree_moves_with_all_that_belongs_to_it(
    tree: Tree, deep: Organization, as_ada: Client, as_bob: Client, as_dan: Client
) -> None:
    asked = text(as_ada.get(move_url(tree.customer, tree.other_partner)))
    assert "3 organizations, 1 location, 2 stations, 1 user" in asked
    assert "People of Volt & Sons see it afterwards" in asked
    assert "People of Lumen Installers no longer see it" in asked
    assert tree.customer.path == Organization.objects.get(pk=tree.customer.pk).path, "nothing happens before"
    as_ada.post(move_url(tree.customer, tree.other_partner), {"confirmed": "1"})
    new = f"{tree.other_partner.path}{tree.customer.pk}/"
    found = paths()
    assert (found["Harbour Offices"], found["Wing"]) == (new, f"{new}{deep.pk}/")
    assert found["Floor"].startswith(found["Wing"])
    assert found["Lumen Installers"] == tree.partner.path
    assert as_bob.get(reverse("station", args=[tree.station.pk])).status_code == 404
    assert as_dan.get(reverse("station", args=[tree.station.pk])).status_code == 200
    entry = AuditEntry.objects.get(verb="move")
    assert ([parent["name"] for parent in entry.changes["parent"]], entry.actor) == (["Lumen Installers", "Volt & Sons"], tree.ada)
    told = text(as_dan.get(reverse("history"), {"verb": "move"}))
    assert "Belongs to: one that you do not see → Volt & Sons" in told
    assert AuditEntry.objects.get(verb="move_away").organization == tree.partner


@pytest.mark.engines
def test_cycles_are_refused(tree: Tree, deep: Organization, as_bob: Client) -> None:
    before = paths()
    for goal, said in ((deep, "it cannot be above it too"), (tree.customer, "cannot belong to itself"), (tree.partner, "already")):
        assert said in text(as_bob.get(move_url(tree.customer, goal)))
        assert said in text(as_bob.post(move_url(tree.customer, goal), {"confirmed": "1"}))
    with pytest.raises(ValidationError):
        move_organization(actor=None, organization=tree.platform, parent=deep)
    assert paths() == before


@pytest.mark.engines
def test_of_two_who_move_at_once_the_second_sees_what_the_first_did(tree: Tree) -> None:
    """Each looked at the tree before the other moved: one below the other both ways would be a cycle."""
    one = create_organization(actor=None, parent=tree.customer, kind="sub", name="One")
    two = create_organization(actor=None, parent=tree.customer, kind="sub", name="Two")
    move_organization(actor=None, organization=one, parent=two)
    with pytest.raises(ValidationError, match="cannot be above it too"):
        move_organization(actor=None, organization=two, parent=one)
    stale = Organization.objects.get(pk=two.pk)
    stale.path = "/nowhere/"
    made = create_organization(actor=None, parent=stale, kind="sub", name="Three")
    assert made.path == f"{two.path}{made.pk}/"


def test_only_where_it_fits_and_where_one_may(tree: Tree, deep: Organization, as_bob: Client, as_cy: Client, as_dan: Client) -> None:
    choices = text(as_bob.get(move_url(deep)))
    assert "Lumen Installers" in choices
    assert "Volt" not in choices
    assert "Floor" not in choices
    assert as_bob.get(move_url(deep, tree.other_partner)).status_code == 404
    assert as_cy.get(move_url(deep)).status_code == 403
    assert as_dan.get(move_url(deep)).status_code == 404
    assert as_bob.get(move_url(tree.partner)).status_code == 403, "what stands above his own is not his"
    answer = text(as_bob.get(move_url(tree.customer, neighbour(tree))))
    assert "below it there can be: Sub-organization" in answer


def test_the_platform_is_not_moved_and_says_why(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    url = reverse("organization_move", args=[tree.platform.pk])
    for answer in (as_ada.get(url), as_ada.get(url, {"to": tree.partner.pk}), as_ada.post(f"{url}?to={tree.partner.pk}")):
        assert answer.status_code == 200
        assert "The platform stands above everything and cannot be moved." in text(answer)
        assert 'name="confirmed"' not in answer.text
    assert as_bob.get(url).status_code == 404
    tree.platform.refresh_from_db()
    assert tree.platform.parent is None


def test_a_move_without_the_rights_it_would_give_is_refused(tree: Tree, deep: Organization, client_of: Callable[[User], Client]) -> None:
    to = neighbour(tree, RESET_STATIONS)
    client = client_of(mover(tree, MANAGE_ORGANIZATIONS))
    assert "“Reset stations”" in text(client.post(move_url(deep, to), {"confirmed": "1"}))
    deep.refresh_from_db()
    assert deep.parent == tree.customer


def test_a_name_that_is_there_already_is_refused(tree: Tree, deep: Organization, as_bob: Client) -> None:
    create_organization(actor=None, parent=tree.partner, kind="sub", name="Wing")
    assert "Rename one of them first" in text(as_bob.get(move_url(deep, tree.partner)))


def test_a_move_too_deep_is_refused(tree: Tree, deep: Organization) -> None:
    above = tree.customer
    while len(f"{above.path}{deep.pk}/") <= 1000 - 3:  # room for it alone, not for what is below it
        above = create_organization(actor=None, parent=above, kind="sub", name="L")
    with pytest.raises(ValidationError, match="too deep"):
        move_organization(actor=None, organization=deep, parent=above)


@pytest.mark.engines
def test_roles_of_those_who_were_above_are_taken_away_inside(tree: Tree, as_ada: Client) -> None:
    role = create_role(actor=None, organization=tree.partner, name="Caretaker", rights=[RESET_STATIONS], propagated=True)
    own = create_role(actor=None, organization=tree.customer, name="Own", rights=[MANAGE_LOCATIONS])
    assign_role(actor=None, user=tree.cy, role=role, organization=tree.customer)
    assign_role(actor=None, user=tree.cy, role=own, organization=tree.customer)
    asked = text(as_ada.get(move_url(tree.customer, tree.other_partner)))
    assert f"1 user inside loses roles of organizations that are no longer above (Caretaker): {tree.cy}." in asked
    as_ada.post(move_url(tree.customer, tree.other_partner), {"confirmed": "1"})
    assert not tree.cy.groups.filter(team__role=role).exists()
    assert tree.cy.groups.filter(team__role=own).exists()
    cy = User.objects.get(pk=tree.cy.pk)
    tree.customer.refresh_from_db()
    assert not holds(cy, RESET_STATIONS, tree.customer.path)
    assert holds(cy, MANAGE_LOCATIONS, tree.customer.path)
    assert AuditEntry.objects.get(verb="withdraw_role").object_id == cy.pk


def test_what_else_changes_is_said_before(tree: Tree, as_ada: Client) -> None:
    edit_organization(actor=None, organization=tree.partner, compensation_ac=Decimal("0.23"), colour="#112233", require_two_factor=True)
    create_pass(actor=None, organization=tree.partner, uid="04FFFFFE")  # there alone
    create_pass(actor=None, organization=tree.partner, uid="04FFFFFF", below=True)
    list_pass(actor=None, charge_pass=tree.charge_pass, organization=tree.partner, whitelist=True)
    assign_role(actor=None, user=tree.bob, role=Role.objects.get(default="viewer"), organization=tree.customer)
    asked = text(as_ada.get(move_url(tree.customer, tree.other_partner)))
    for sentence in (
        "2 passes on the lists of organizations that are no longer above are not accepted",
        "AC from 0.23 to – EUR",
        "another logo or another colour",
        "need not log in with two factors any more",
        f"But these keep the roles given to them inside it: {tree.bob}.",
    ):
        assert sentence in asked


# -- deactivating -----------------------------------------------------------------------------------------------------------------------


def test_people_of_a_deactivated_organization_see_nothing(tree: Tree, deep: Organization, as_bob: Client, as_cy: Client) -> None:
    url = reverse("organization_deactivate", args=[tree.customer.pk])
    asked = text(as_bob.get(url))
    assert "2 stations, 1 user" in asked
    assert "go on charging" in asked
    as_bob.post(url, {"confirmed": "1"})
    assert Organization.objects.filter(closed=True).count() == 3
    assert as_cy.get(reverse("station", args=[tree.station.pk])).status_code in {302, 404}
    assert "Deactivated" in text(as_bob.get(reverse("organization", args=[tree.customer.pk])))
    assert "Closed" in text(as_bob.get(reverse("organization", args=[deep.pk])))
    tree.station.refresh_from_db()
    assert tree.station.active
    as_bob.post(reverse("organization_activate", args=[tree.customer.pk]), {"confirmed": "1"})
    assert not Organization.objects.filter(closed=True).exists()
    assert [entry.verb for entry in AuditEntry.objects.filter(verb__in=("activate", "deactivate")).order_by("pk")] == [
        "deactivate",
        "activate",
    ]


@pytest.mark.engines
def test_what_was_deactivated_by_itself_stays_so(tree: Tree, deep: Organization) -> None:
    deactivate_organization(actor=None, organization=deep)
    deactivate_organization(actor=None, organization=tree.customer)
    activate_organization(actor=None, organization=tree.customer)
    assert set(Organization.objects.filter(closed=True).values_list("name", flat=True)) == {"Wing", "Floor"}
    move_organization(actor=None, organization=Organization.objects.get(name="Floor"), parent=tree.customer)
    assert set(Organization.objects.filter(closed=True).values_list("name", flat=True)) == {"Wing"}


def test_nobody_deactivates_their_own_or_the_platform(tree: Tree, as_bob: Client, as_ada: Client, as_cy: Client) -> None:
    assert "You belong to it yourself" in text(as_bob.post(reverse("organization_deactivate", args=[tree.partner.pk]), {"confirmed": "1"}))
    assert "always stays" in text(as_ada.post(reverse("organization_deactivate", args=[tree.platform.pk]), {"confirmed": "1"}))
    assert as_cy.get(reverse("organization_deactivate", args=[tree.customer.pk])).status_code == 403
    assert not Organization.objects.filter(active=False).exists()


# -- deleting ---------------------------------------------------------------------------------------------------------------------------


def test_unheld_roles_and_empty_teams_go_with_it(tree: Tree, deep: Organization, as_bob: Client) -> None:
    floor = Organization.objects.get(name="Floor")
    role = create_role(actor=None, organization=floor, name="Own", rights=[])
    assign_role(actor=None, user=tree.cy, role=role, organization=floor)
    url = reverse("organization_delete", args=[floor.pk])
    assert f"The role Own is held here by {tree.cy}. Take it away first." in text(as_bob.get(url))
    withdraw_role(actor=None, user=tree.cy, team=Team.objects.get(role=role))
    as_bob.post(url, {"confirmed": "1"})
    assert not Organization.objects.filter(pk=floor.pk).exists()
    assert not Role.objects.filter(pk=role.pk).exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_moves_at_the_same_time_never_make_a_cycle(tree: Tree) -> None:
    for number in range(5):
        one = create_organization(actor=None, parent=tree.customer, kind="sub", name=f"One {number}")
        two = create_organization(actor=None, parent=tree.customer, kind="sub", name=f"Two {number}")
        both, said = Barrier(2), []

        def move(what: Organization, to: Organization, both: Barrier = both, said: list[str] = said) -> None:
            both.wait()
            try:
                move_organization(actor=None, organization=what, parent=to)
                said.append("moved")
            except ValidationError as error:
                said.append(error.messages[0])
            finally:
                connection.close()

        threads = [Thread(target=move, args=pair) for pair in ((one, two), (two, one))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(said)[1] == "moved"
        assert "it cannot be above it too" in sorted(said)[0]
    for row in Organization.objects.exclude(parent=None).select_related("parent"):
        assert row.path == f"{row.parent.path}{row.pk}/"  # type: ignore[union-attr]
