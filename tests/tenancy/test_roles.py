"""Roles: created, changed, propagated, given and deleted, and each refusal with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from stations.models import Station
from tenancy import actions, rights
from tenancy.models import AuditEntry, Organization, OrganizationGrant, Role, Team, User
from tenancy.rights import RIGHTS, holds
from tests.conftest import Tree
from tests.tenancy.people import role_with, somebody

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
ClientOf = Callable[[User], Client]


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page[page.index("<main") :] if "<main" in page else page).split())


def again(user: User) -> User:
    return User.objects.select_related("organization").get(pk=user.pk)


# -- what a platform begins with ----------------------------------------------------------------------------------------------------------


def test_a_platform_begins_with_the_default_roles(tree: Tree) -> None:
    assert set(Role.objects.values_list("default", flat=True)) == set(Role.Default.values)
    administrator = Role.objects.get(default="administrator")
    assert administrator.propagated
    assert administrator.held == list(RIGHTS)
    assert all(role.propagated and role.protected for role in Role.objects.all())


def test_a_role_holds_where_it_is_given_and_below(tree: Tree) -> None:
    assert holds(tree.bob, "reset_stations", tree.partner.path)
    assert holds(tree.bob, "reset_stations", tree.customer.path)
    assert not holds(tree.bob, "reset_stations", tree.platform.path)
    assert not holds(tree.bob, "read", tree.other_partner.path)
    assert holds(tree.cy, "read_transactions", tree.customer.path)
    assert not holds(tree.cy, "reset_stations", tree.customer.path)


def test_different_roles_at_different_organizations(tree: Tree) -> None:
    technician = somebody(tree.partner, role_with(tree.partner, "read_logs"), at=tree.customer)
    second = actions.create_organization(actor=None, parent=tree.partner, kind="customer", name="Second")
    viewer = Role.objects.get(default="viewer")
    actions.assign_role(actor=tree.bob, user=technician, role=viewer, organization=second)
    technician = again(technician)
    assert holds(technician, "read_logs", tree.customer.path)
    assert not holds(technician, "read_logs", second.path)
    assert holds(technician, "read_transactions", second.path)
    assert not holds(technician, "read_transactions", tree.customer.path)
    assert not holds(technician, "read", tree.partner.path)
    assert set(Station.objects.visible_to(technician)) == set(Station.objects.filter(location__organization=tree.customer))


def test_somebody_without_a_role_sees_nothing(tree: Tree, client_of: ClientOf) -> None:
    nobody = actions.create_user(actor=None, organization=tree.customer, email="new@example.org", name="New", password="x" * 20)
    assert not Station.objects.visible_to(nobody).exists()
    assert not Organization.objects.visible_to(nobody).exists()
    assert client_of(nobody).get("/").status_code == 200
    assert client_of(nobody).get(reverse("station", args=[tree.station.pk])).status_code == 404


# -- creating and changing ----------------------------------------------------------------------------------------------------------------


def test_a_role_is_created_with_details_then_permissions(tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("role_add"), {"name": "  Night  shift ", "description": "Resets at night"})
    role = Role.objects.get(name="Night shift")
    assert answer["Location"] == reverse("role_rights", args=[role.pk])
    assert role.organization == tree.partner
    page = as_bob.get(answer["Location"]).text
    assert page.count('name="rights"') == len(RIGHTS)
    as_bob.post(reverse("role_rights", args=[role.pk]), {"version": role.version, "rights": ["reset_stations", "read_logs"]})
    role.refresh_from_db()
    assert role.held == ["read_logs", "reset_stations"], "in the order of the switches"
    assert [entry.verb for entry in AuditEntry.objects.filter(object_type="tenancy.role", object_id=role.pk)] == ["edit", "create"]
    assert AuditEntry.objects.filter(object_id=role.pk, verb="edit").get().changes == {"rights": [[], ["read_logs", "reset_stations"]]}


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "x" * 10_000, "Partner rule"])
def test_a_name_that_will_not_do_is_refused_beside_its_field(name: str, tree: Tree, as_bob: Client) -> None:
    role_with(tree.partner, name="Partner rule")
    answer = as_bob.post(reverse("role_add"), {"name": name, "description": "kept"})
    assert answer.status_code == 200
    assert 'id="id_name_error"' in answer.text or "already has a role with this name" in answer.text
    assert 'value="kept"' in answer.text
    assert Role.objects.filter(organization=tree.partner).count() == 1


def test_before_a_change_it_says_whom_it_touches_and_asks(tree: Tree, as_bob: Client) -> None:
    role = role_with(tree.partner, "reset_stations")
    holder = somebody(tree.customer, role)
    url = reverse("role_rights", args=[role.pk])
    page = as_bob.post(url, {"version": role.version, "rights": ["read_logs"]})
    said = text(page.text)
    assert "This touches 1 user in 1 organization." in said
    assert "They may from then on: See the log of messages." in said
    assert "They may no longer: Reset stations." in said
    role.refresh_from_db()
    assert role.held == ["reset_stations"], "nothing is changed before it is confirmed"
    as_bob.post(url, {"version": role.version, "rights": ["read_logs"], "confirmed": "1"})
    assert holds(again(holder), "read_logs", tree.customer.path)
    assert not holds(again(holder), "reset_stations", tree.customer.path)


def test_of_two_who_edit_the_second_is_told_and_nothing_is_overwritten(tree: Tree, as_bob: Client, as_ada: Client) -> None:
    role = role_with(tree.partner, "reset_stations")
    url = reverse("role_rights", args=[role.pk])
    seen = role.version
    as_ada.post(url, {"version": seen, "rights": ["reset_stations", "read_logs"], "confirmed": "1"})
    page = as_bob.post(url, {"version": seen, "rights": ["unlock_connectors"], "confirmed": "1"}).text
    assert "Somebody else has changed this role meanwhile." in page
    assert re.search(r"Ada changed it last, on \d+ \w+ \d{4}", text(page))
    assert "Now it gives: “See the log of messages”, “Reset stations”." in text(page)
    assert re.search(r'value="unlock_connectors" checked', page), "what was switched is kept"
    role.refresh_from_db()
    assert role.held == ["read_logs", "reset_stations"]
    as_bob.post(url, {"version": role.version, "rights": ["unlock_connectors"], "confirmed": "1"})
    role.refresh_from_db()
    assert role.held == ["unlock_connectors"]


def test_administrator_is_never_changed_or_deleted(tree: Tree, as_ada: Client) -> None:
    role = Role.objects.get(default="administrator")
    page = as_ada.get(reverse("role_rights", args=[role.pk])).text
    assert "always gives every right and cannot be changed" in page
    as_ada.post(reverse("role_rights", args=[role.pk]), {"version": role.version, "rights": [], "confirmed": "1"})
    assert Role.objects.get(pk=role.pk).held == list(RIGHTS)
    assert "never deleted" in as_ada.get(reverse("role_delete", args=[role.pk])).text
    as_ada.post(reverse("role_delete", args=[role.pk]), {"confirmed": "1"})
    assert Role.objects.filter(pk=role.pk).exists()
    assert "always propagated" in as_ada.post(reverse("role_propagate", args=[role.pk]), {"confirmed": "1"}).text


# -- nobody gives what they don't hold ----------------------------------------------------------------------------------------------------


@pytest.fixture
def manager(tree: Tree) -> User:
    """May do everything with users and roles, and only reset stations."""
    return somebody(
        tree.customer,
        ["manage_roles", "update_user_roles", "manage_users", "reset_stations", "manage_organizations", "personal_data"],
        "Mia",
    )


def test_switches_of_rights_one_lacks_are_grey_and_posting_them_is_refused(tree: Tree, manager: User, client_of: ClientOf) -> None:
    role = role_with(tree.customer, "reset_stations", "read_money")
    url = reverse("role_rights", args=[role.pk])
    page = client_of(manager).get(url).text
    assert re.search(r'value="unlock_connectors" disabled', page)
    assert re.search(r'value="read_money" checked disabled', page)
    page = client_of(manager).post(url, {"version": 1, "rights": ["reset_stations", "unlock_connectors"], "confirmed": "1"}).text
    assert "Nobody can give what they don" in page
    role.refresh_from_db()
    assert role.held == ["reset_stations", "read_money"]
    client_of(manager).post(url, {"version": 1, "rights": [], "confirmed": "1"})
    role.refresh_from_db()
    assert role.held == ["read_money"], "what one lacks is not taken away either: its switch is grey"


def test_giving_a_role_that_gives_more_than_ones_own(tree: Tree, manager: User, client_of: ClientOf) -> None:
    administrator = Role.objects.get(default="administrator")
    url = reverse("user_roles", args=[tree.cy.pk])
    page = client_of(manager).get(url).text
    assert "Nobody can give what they don" in page, "why a role is missing is said"
    page = client_of(manager).post(url, {"role": administrator.pk}).text
    assert 'id="id_role_error"' in page
    assert not tree.cy.groups.filter(team__role=administrator).exists()
    with pytest.raises(ValidationError, match="Nobody can give"):
        actions.assign_role(actor=manager, user=tree.cy, role=administrator, organization=tree.customer)


def test_nobody_takes_a_role_from_somebody_who_may_more(tree: Tree, manager: User, client_of: ClientOf) -> None:
    boss = somebody(tree.customer, Role.objects.get(default="administrator"), "Boss")
    team = Team.objects.get(role__default="administrator", organization=tree.customer)
    url = reverse("user_role_withdraw", args=[boss.pk, team.pk])
    assert "Nobody can give" in client_of(manager).get(url).text
    client_of(manager).post(url, {"confirmed": "1"})
    assert boss.groups.filter(pk=team.group_id).exists()
    for route in ("user_deactivate", "user_delete"):
        assert "may do more than you" in client_of(manager).post(reverse(route, args=[boss.pk]), {"confirmed": "1"}).text
    assert User.objects.filter(pk=boss.pk, is_active=True).exists()


def test_nobody_changes_their_own_roles(tree: Tree, as_bob: Client) -> None:
    url = reverse("user_roles", args=[tree.bob.pk])
    assert "Nobody changes their own roles." in as_bob.get(url).text
    as_bob.post(url, {"role": Role.objects.get(default="hotline").pk})
    assert tree.bob.groups.count() == 1


def test_the_last_administrator_of_the_platform_stays(tree: Tree, client_of: ClientOf) -> None:
    second = somebody(tree.platform, Role.objects.get(default="administrator"), "Second")
    team = Team.objects.get(role__default="administrator", organization=tree.platform)
    actions.withdraw_role(actor=second, user=tree.ada, team=team)
    third = somebody(tree.platform, [*RIGHTS], "Third")
    answer = client_of(third).post(reverse("user_role_withdraw", args=[second.pk, team.pk]), {"confirmed": "1"})
    assert "the only administrator of the platform" in answer.text
    assert "the only administrator" in client_of(third).post(reverse("user_deactivate", args=[second.pk]), {"confirmed": "1"}).text
    assert second.groups.filter(pk=team.group_id).exists()


# -- propagating --------------------------------------------------------------------------------------------------------------------------


def test_propagated_it_is_seen_and_given_below_and_changed_only_by_its_owner(tree: Tree, client_of: ClientOf, as_bob: Client) -> None:
    role = role_with(tree.partner, "reset_stations", name="Resetter", propagated=False)
    below = somebody(tree.customer, Role.objects.get(default="administrator"), "Below")
    assert client_of(below).get(reverse("role", args=[role.pk])).status_code == 404
    assert "Resetter" not in client_of(below).get(reverse("roles")).text
    page = as_bob.get(reverse("role_propagate", args=[role.pk])).text
    assert "It is no copy: only Lumen Installers changes it." in page
    as_bob.post(reverse("role_propagate", args=[role.pk]), {"confirmed": "1", "propagated": "1"})
    page = client_of(below).get(reverse("role", args=[role.pk]))
    assert page.status_code == 200
    assert "Lumen Installers" not in text(page.text), "who stands above is not told"
    assert client_of(below).get(reverse("role_edit", args=[role.pk])).status_code == 403
    assert client_of(below).post(reverse("role_rights", args=[role.pk]), {"version": 1, "rights": []}).status_code == 403
    client_of(below).post(reverse("user_roles", args=[tree.cy.pk]), {"role": role.pk})
    assert holds(again(tree.cy), "reset_stations", tree.customer.path)


def test_propagating_ends_only_while_nobody_below_holds_it(tree: Tree, as_bob: Client) -> None:
    role = role_with(tree.partner, "reset_stations")
    actions.assign_role(actor=tree.bob, user=tree.cy, role=role, organization=tree.customer)
    url = reverse("role_propagate", args=[role.pk])
    assert "1 user of a sub-organization holds it." in as_bob.post(url, {"confirmed": "1", "propagated": "0"}).text
    assert Role.objects.get(pk=role.pk).propagated
    actions.withdraw_role(actor=tree.bob, user=tree.cy, team=Team.objects.get(role=role, organization=tree.customer))
    as_bob.post(url, {"confirmed": "1", "propagated": "0"})
    assert not Role.objects.get(pk=role.pk).propagated


def test_a_role_that_is_not_propagated_is_not_given_below(tree: Tree) -> None:
    role = role_with(tree.partner, "reset_stations", propagated=False)
    with pytest.raises(ValidationError, match="is not propagated"):
        actions.assign_role(actor=tree.bob, user=tree.cy, role=role, organization=tree.customer)
    with pytest.raises(ValidationError, match="belongs to a sub-organization"):
        actions.assign_role(actor=tree.bob, user=tree.cy, role=role, organization=tree.partner)


# -- deleting -----------------------------------------------------------------------------------------------------------------------------


def test_a_role_is_deleted_only_while_nobody_holds_it(tree: Tree, as_bob: Client) -> None:
    role = role_with(tree.partner, "reset_stations", name="Gone soon")
    actions.assign_role(actor=tree.bob, user=tree.cy, role=role, organization=tree.customer)
    url = reverse("role_delete", args=[role.pk])
    assert "1 user holds it." in as_bob.post(url, {"confirmed": "1"}).text
    actions.withdraw_role(actor=tree.bob, user=tree.cy, team=Team.objects.get(role=role, organization=tree.customer))
    assert as_bob.post(url, {"confirmed": "1"})["Location"] == reverse("roles")
    assert not Role.objects.filter(name="Gone soon").exists()
    assert not OrganizationGrant.objects.filter(group__team=None).exists()


# -- pages --------------------------------------------------------------------------------------------------------------------------------


def test_what_somebody_may_do_says_which_role_gives_it(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    page = text(as_ada.get(reverse("user_rights", args=[tree.bob.pk]), {"at": tree.customer.pk}).text)
    assert "Reset stations Administrator at Lumen Installers" in page
    page = text(as_bob.get(reverse("user_rights", args=[tree.cy.pk])).text)
    assert "See transactions Viewer at Harbour Offices" in page
    assert "Reset stations not allowed" in page


def test_a_refused_page_names_the_right_and_who_can_give_it(tree: Tree, client_of: ClientOf) -> None:
    reader = somebody(tree.partner, ["personal_data"], "Reader")
    answer = client_of(reader).get(reverse("station_edit", args=[tree.station.pk]))
    assert answer.status_code == 403
    assert "has not got the right to add, change, deactivate and delete stations here" in answer.text
    assert "Bob can give you a role with the right “Add, change, deactivate and delete stations”." in text(answer.text)
    answer = client_of(tree.cy).get(reverse("station_edit", args=[tree.station.pk]))
    assert "Bob can" not in answer.text, "people above are not named"
    assert "An administrator of your organization, or of the one above it" in answer.text


def test_lists_cost_the_same_with_3_and_30(tree: Tree, as_bob: Client, django_assert_max_num_queries: Callable) -> None:  # type: ignore[type-arg]
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost(name: str) -> int:
        as_bob.get(reverse(name))
        with CaptureQueriesContext(connection) as queries:
            assert as_bob.get(reverse(name)).status_code == 200
        return len(queries)

    before = {name: cost(name) for name in ("users", "roles", "invitations", "organizations")}
    for number in range(12):
        role = role_with(tree.customer, "read_logs", name=f"Many {number}")
        somebody(tree.customer, role)
        actions.invite_user(
            actor=tree.bob, organization=tree.customer, email=f"i{number}@example.org", name="I", role=role, address=lambda token: token
        )
    assert {name: cost(name) for name in before} == before


# -- the grants always follow -------------------------------------------------------------------------------------------------------------


CODES = st.sets(st.sampled_from(sorted(RIGHTS)), max_size=4)


class GrantsFollow(TestCase):
    """Whatever is done with roles, in whatever order: what a user holds is what their roles say, no more and no less."""

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2), st.sets(st.sampled_from(sorted(RIGHTS)), max_size=4)),
            max_size=12,
        )
    )
    def test_rights_are_those_of_the_roles(self, steps: list[tuple[int, int, int, set[str]]]) -> None:
        root = actions.create_organization(actor=None, parent=None, kind="platform", name="Root")
        nodes = [root, actions.create_organization(actor=None, parent=root, kind="customer", name="A")]
        nodes.append(actions.create_organization(actor=None, parent=nodes[1], kind="sub", name="B"))
        roles = [role_with(root) for _ in range(3)]
        user = actions.create_user(actor=None, organization=root, email="u@example.org", name="U", password=None)
        given: set[tuple[int, int]] = set()
        for kind, role, node, codes in steps:
            if kind in (0, 1):
                actions.assign_role(actor=None, user=user, role=roles[role], organization=nodes[node])
                given.add((role, node))
            elif kind == 2 and (role, node) in given:
                actions.withdraw_role(actor=None, user=user, team=Team.objects.get(role=roles[role], organization=nodes[node]))
                given.discard((role, node))
            elif kind == 3:
                actions.edit_role(actor=None, role=roles[role], rights=sorted(codes))
            else:
                actions.roles.bring_up_to_date()
        user = again(user)
        held = {number: set(Role.objects.get(pk=role.pk).held) for number, role in enumerate(roles)}
        for node, organization in enumerate(nodes):
            expected = {code for role, at in given if at <= node for code in held[role]}
            assert {code for code in RIGHTS if holds(user, code, organization.path)} == expected
            assert holds(user, rights.READ, organization.path) == any(at <= node for _role, at in given)


# -- roles of the same name ---------------------------------------------------------------------------------------------------------------


def test_roles_of_the_same_name_are_told_apart_by_their_owner(tree: Tree, as_bob: Client, as_ada: Client) -> None:
    actions.create_role(actor=None, organization=tree.partner, name="viewer", propagated=True)
    somebody_new = actions.create_user(actor=None, organization=tree.partner, email="new@example.org", name="New", password=None)
    pages = (reverse("user_invite"), reverse("user_roles", args=[somebody_new.pk]), reverse("users"))
    for url in pages:
        page = as_bob.get(url).text
        assert f"viewer · {tree.partner}</option>" in page, url
        assert "Viewer · from above</option>" in page, url
        assert ">Billing</option>" in page, "alone of its name"
        assert f"Viewer · {tree.platform}" not in page, "what stands above Bob is not named"
    assert f"Viewer · {tree.platform}</option>" in as_ada.get(reverse("users")).text


def test_the_filter_by_role_says_which(tree: Tree, as_bob: Client) -> None:
    viewer = Role.objects.get(default="viewer")
    page = as_bob.get(reverse("users"), {"role": viewer.pk}).text
    assert "Role: Viewer" in page
    assert ">Cy</a>" in page
    assert ">Bob</a>" not in page
    assert ">Bob</a>" in as_bob.get(reverse("users"), {"role": "999999"}).text, "one that does not exist hides nothing"


def test_who_may_not_change_the_roles_of_their_own_organization_is_told_which_right_is_missing(tree: Tree, client_of: ClientOf) -> None:
    helper = somebody(tree.partner, role_with(tree.partner, "update_user_roles", name="Helper"))
    own = role_with(tree.partner, name="Ours")
    for url in (reverse("role", args=[own.pk]), reverse("role_rights", args=[own.pk])):
        said = text(client_of(helper).get(url).text)
        assert "you need the right to create, change, propagate and delete roles at Lumen Installers" in said
        assert "propagates it to you" not in said
    above = text(client_of(helper).get(reverse("role", args=[Role.objects.get(default="viewer").pk])).text)
    assert "It belongs to an organization above, which propagates it to you" in above
    assert "Green Grid Operations" not in above


def test_drilled_in_only_roles_that_can_be_given_there_or_belong_below_are_listed(tree: Tree, as_bob: Client) -> None:
    actions.create_role(actor=None, organization=tree.partner, name="Kept above")
    actions.create_role(actor=None, organization=tree.partner, name="Handed down", propagated=True)
    actions.create_role(actor=None, organization=tree.customer, name="Of the customer")
    page = as_bob.get(reverse("roles"), {"in": f"o{tree.customer.pk}"}).text
    assert "Handed down" in page
    assert "Of the customer" in page
    assert "Kept above" not in page
    assert "Kept above" in as_bob.get(reverse("roles"), {"in": f"o{tree.partner.pk}"}).text


def test_what_a_role_always_is_offers_no_button_to_change_it(tree: Tree, as_ada: Client) -> None:
    administrator, viewer = (Role.objects.get(default=default) for default in ("administrator", "viewer"))
    page = as_ada.get(reverse("role", args=[administrator.pk])).text
    assert reverse("role_propagate", args=[administrator.pk]) not in page
    assert reverse("role_delete", args=[administrator.pk]) not in page
    page = as_ada.get(reverse("role", args=[viewer.pk])).text
    assert reverse("role_propagate", args=[viewer.pk]) in page
    assert reverse("role_delete", args=[viewer.pk]) not in page
