"""Letting a service company in: at a location or a branch, for a time, with no more than the giver holds; and ending it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.actions import create_location
from stations.models import Location, Station
from tenancy import actions
from tenancy.models import Organization, OrganizationGrant, Role, ServiceAccess, User
from tenancy.rights import holds
from tests.conftest import Tree
from tests.tenancy.people import role_with, somebody

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
ClientOf = Callable[[User], Client]


@pytest.fixture
def hotline(tree: Tree) -> Role:
    """A role of the other partner, offered as a service."""
    return role_with(tree.other_partner, "reset_stations", "unlock_connectors", "read_logs", name="Night hotline", offered=True)


@pytest.fixture
def agent(tree: Tree, hotline: Role) -> User:
    return somebody(tree.other_partner, hotline, "Agent")


def again(user: User) -> User:
    return User.objects.select_related("organization").get(pk=user.pk)


def day(days: int) -> str:
    return str((timezone.now() + timedelta(days=days)).date())


def give(client: Client, company: Role, query: str, **fields: object) -> object:
    form = {"role": company.pk, "rights": ["reset_stations"], "since": day(-1), "until": day(10), **fields}
    return client.post(f"{reverse('access_add')}?{query}", form)


def test_a_branch_is_opened_and_closed(tree: Tree, hotline: Role, agent: User, as_bob: Client, client_of: ClientOf) -> None:
    assert client_of(agent).get(reverse("station", args=[tree.station.pk])).status_code == 404
    answer = give(as_bob, hotline, f"at={tree.customer.pk}")
    assert answer.status_code == 302, answer.content.decode()  # type: ignore[attr-defined]
    agent = again(agent)
    assert holds(agent, "reset_stations", tree.customer.path)
    assert not holds(agent, "unlock_connectors", tree.customer.path), "only what was chosen"
    assert not holds(agent, "read", tree.partner.path)
    assert client_of(agent).get(reverse("station", args=[tree.station.pk])).status_code == 200
    page = as_bob.get(reverse("accesses", args=[tree.customer.pk])).text
    assert "Volt &amp; Sons" in page
    assert "Has access" in page
    access = ServiceAccess.objects.get()
    assert "Volt &amp; Sons can no longer work at Harbour Offices" in as_bob.get(reverse("access_end", args=[access.pk])).text
    as_bob.post(reverse("access_end", args=[access.pk]), {"confirmed": "1"})
    assert not holds(again(agent), "read", tree.customer.path)
    assert client_of(agent).get(reverse("station", args=[tree.station.pk])).status_code == 404


def test_one_location_alone(tree: Tree, hotline: Role, agent: User, as_bob: Client, client_of: ClientOf) -> None:
    second = create_location(actor=None, organization=tree.customer, name="Second")
    give(as_bob, hotline, f"place=l{tree.location.pk}")
    agent = again(agent)
    assert set(Location.objects.visible_to(agent).filter(organization=tree.customer)) == {tree.location}
    assert set(Station.objects.visible_to(agent)) >= {tree.station, tree.dc_station}
    client = client_of(agent)
    assert client.get(reverse("location", args=[tree.location.pk])).status_code == 200
    assert client.get(reverse("location", args=[second.pk])).status_code == 404
    assert client.get(reverse("organization", args=[tree.customer.pk])).status_code == 404
    assert client.get(reverse("station_command", args=[tree.station.pk, "reset-hard"])).status_code == 200
    assert client.get(reverse("station_command", args=[tree.station.pk, "unlock"])).status_code == 403
    assert not Organization.objects.visible_to(agent).filter(pk=tree.customer.pk).exists()


def test_it_begins_and_ends_by_itself(tree: Tree, hotline: Role, agent: User, as_bob: Client) -> None:
    give(as_bob, hotline, f"at={tree.customer.pk}", since=day(5))
    assert not holds(again(agent), "read", tree.customer.path), "it begins later"
    OrganizationGrant.objects.filter(access__isnull=False).update(since=timezone.now() - timedelta(hours=1))
    assert holds(again(agent), "read", tree.customer.path)
    OrganizationGrant.objects.filter(access__isnull=False).update(until=timezone.now() - timedelta(seconds=1))
    assert not holds(again(agent), "read", tree.customer.path), "without any clock having run"
    assert actions.sweep_accesses() > 0
    assert not OrganizationGrant.objects.filter(access__isnull=False).exists()


def test_later_members_have_it_too_and_a_role_that_shrinks_takes_it(tree: Tree, hotline: Role, agent: User, as_bob: Client) -> None:
    give(as_bob, hotline, f"at={tree.customer.pk}", rights=["reset_stations", "read_logs"])
    later = somebody(tree.other_partner, hotline, "Later")
    assert holds(later, "read_logs", tree.customer.path)
    actions.edit_role(actor=None, role=hotline, rights=["read_logs", "change_configuration"])
    later = again(later)
    assert holds(later, "read_logs", tree.customer.path)
    assert not holds(later, "reset_stations", tree.customer.path)
    assert not holds(later, "change_configuration", tree.customer.path), "the company gives itself nothing"


def test_nobody_lets_others_do_what_they_may_not_themselves(tree: Tree, hotline: Role, client_of: ClientOf) -> None:
    giver = somebody(tree.customer, ["let_in", "reset_stations"])
    page = client_of(giver).get(f"{reverse('access_add')}?at={tree.customer.pk}").text
    assert 'value="reset_stations"' in page
    assert 'value="unlock_connectors"' not in page
    answer = give(client_of(giver), hotline, f"at={tree.customer.pk}", rights=["unlock_connectors"])
    assert answer.status_code == 200  # type: ignore[attr-defined]
    assert not ServiceAccess.objects.exists()
    assert give(client_of(tree.cy), hotline, f"at={tree.customer.pk}").status_code == 403  # type: ignore[attr-defined]
    assert give(client_of(tree.dan), hotline, f"at={tree.customer.pk}").status_code == 404  # type: ignore[attr-defined]
    assert give(client_of(tree.dan), hotline, f"place=l{tree.location.pk}").status_code == 404  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fields", "beside"),
    [
        ({"until": day(-5)}, "until"),
        ({"until": "nonsense"}, "until"),
        ({"until": day(4000)}, "until"),
        ({"since": day(-20), "until": day(-10)}, "until|ends_at|None"),
        ({"role": ""}, "role"),
        ({"rights": ["read_logs", "manage_users"]}, "rights"),
        ({"reason": "x" * 10_000}, "reason"),
    ],
)
def test_bad_input(fields: dict[str, object], beside: str, tree: Tree, hotline: Role, as_bob: Client) -> None:
    answer = give(as_bob, hotline, f"at={tree.customer.pk}", **fields)
    assert answer.status_code == 200  # type: ignore[attr-defined]
    page = answer.content.decode()  # type: ignore[attr-defined]
    assert any(f'id="id_{name}_error"' in page for name in beside.split("|")) or "is over already" in page
    assert not ServiceAccess.objects.exists()


def test_only_offered_roles_are_listed_and_twice_is_refused(tree: Tree, hotline: Role, as_bob: Client) -> None:
    role_with(tree.other_partner, "reset_stations", name="Secret inner role")
    page = as_bob.get(f"{reverse('access_add')}?at={tree.customer.pk}").text
    assert "Volt &amp; Sons · Night hotline" in page
    assert "Secret inner role" not in page
    give(as_bob, hotline, f"at={tree.customer.pk}")
    answer = give(as_bob, hotline, f"at={tree.customer.pk}")
    assert "has access here already" in answer.content.decode()  # type: ignore[attr-defined]


def test_the_company_sees_where_it_was_let_in_and_can_give_it_back(tree: Tree, hotline: Role, as_bob: Client, as_dan: Client) -> None:
    give(as_bob, hotline, f"at={tree.customer.pk}")
    page = as_dan.get(reverse("role", args=[hotline.pk])).text
    assert "Harbour Offices" in page
    access = ServiceAccess.objects.get()
    assert as_dan.post(reverse("access_end", args=[access.pk]), {"confirmed": "1"}).status_code == 302
    access.refresh_from_db()
    assert access.ended_at


def test_what_is_too_far_away_is_said_beside_the_field(tree: Tree, hotline: Role, as_bob: Client) -> None:
    answer = give(as_bob, hotline, f"at={tree.customer.pk}", since="9999-12-30", until="9999-12-31")
    assert "At most five years from now" in answer.text  # type: ignore[attr-defined]


def test_why_knows_what_a_company_was_let_in_for(tree: Tree, hotline: Role, agent: User, as_bob: Client, as_dan: Client) -> None:
    """The company's own administrator reads it; and whoever let it in, of a guest who holds a role there too."""
    give(as_bob, hotline, f"place=l{tree.location.pk}")
    page = as_dan.get(reverse("user_rights", args=[agent.pk])).text
    assert "Let in as one of a service company" in page
    assert "Quay 7" in page
    assert "Reset stations" in page
    assert "Let in as one of" not in as_dan.get(reverse("user_rights", args=[tree.dan.pk])).text


def test_nobody_sees_a_customer_through_whom_it_let_in(tree: Tree, hotline: Role, agent: User, as_bob: Client, as_dan: Client) -> None:
    address = reverse("view_as", args=[agent.pk])
    assert "let this user in" not in as_dan.get(address).text
    give(as_bob, hotline, f"place=l{tree.location.pk}")
    assert "An organization that you do not see let this user in." in as_dan.get(address).text
    as_dan.post(address)
    assert as_dan.get(reverse("location", args=[tree.location.pk])).status_code == 404


def test_a_station_is_not_moved_into_the_reach_of_a_company_by_who_may_less(
    tree: Tree, hotline: Role, agent: User, as_bob: Client, client_of: ClientOf
) -> None:
    """Nobody gives by a move what they don't hold."""
    yard = create_location(actor=None, organization=tree.customer, name="Yard")
    give(as_bob, hotline, f"place=l{yard.pk}")
    address = reverse("station_edit", args=[tree.station.pk])

    def move(client: Client) -> str:
        form = client.get(address).context["form"]
        values = {name: form[name].value() for name in form.fields}
        values = {name: value for name, value in values.items() if value not in (None, False)} | {"location": yard.pk}
        return str(client.post(address, values, follow=True).text)

    assert "People there would gain rights here" in move(client_of(somebody(tree.customer, ["manage_stations"])))
    assert client_of(agent).get(reverse("station", args=[tree.station.pk])).status_code == 404
    move(as_bob)
    assert client_of(agent).get(reverse("station", args=[tree.station.pk])).status_code == 200


def test_a_refusal_elsewhere_names_who_could_give_it_there(
    tree: Tree, hotline: Role, agent: User, as_bob: Client, client_of: ClientOf
) -> None:
    give(as_bob, hotline, f"at={tree.customer.pk}")
    here = f"?at={tree.customer.pk}"
    for address in (
        reverse("access_add") + here,
        reverse("user_invite") + here,
        reverse("role_add") + here,
        reverse("organization_edit", args=[tree.customer.pk]),
    ):
        page = client_of(agent).get(address)
        assert page.status_code == 403
        assert "An administrator of Harbour Offices can give you a role with the right" in page.text
        assert "Dan can" not in page.text


def test_the_days_are_shown_as_they_were_entered(tree: Tree, hotline: Role, as_bob: Client, as_dan: Client) -> None:
    year = timezone.now().year + 1
    give(as_bob, hotline, f"at={tree.customer.pk}", since=f"{year}-03-01", until=f"{year}-12-01")
    page = as_bob.get(reverse("accesses", args=[tree.customer.pk])).text
    assert f"1 Mar {year} – 1 Dec {year}" in page
    assert "2 Dec" not in page
    theirs = as_dan.get(reverse("role", args=[hotline.pk])).text
    assert f"until 1 Dec {year}" in theirs
