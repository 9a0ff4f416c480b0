"""Moving an organization in the tree: who gains what by it, what changes, and what is refused."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from tenancy.actions import assign_role, create_organization, create_role, create_user
from tenancy.actions.moves import newly_above, why_not_moved
from tenancy.models import Organization, Role, User
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_ORGANIZATIONS, RESET_STATIONS, forget
from tests.conftest import PASSWORD, Tree

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
