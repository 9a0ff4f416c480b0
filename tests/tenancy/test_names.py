"""Names: nothing in them that cannot be seen, and no two roles of an organization that read the same."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from passes.models import ChargePass
from tenancy.actions import create_role
from tenancy.models import Invitation, Organization, Role, User
from tenancy.names import clean_name, same_name
from tests.conftest import Tree

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

UNSEEN = ["\u200b", "\u202e\u2066", "\ufeff \u2060", "\u3164", "\u00ad", "\u200d", "\u2028", "\ufe0f"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Quay \t 7\n", "Quay 7"),
        ("\u202eevil", "evil"),
        ("Dup\u200b", "Dup"),
        ("a\u200db", "ab"),
        ("Ce\u0301line O\u2019Brien", "Ce\u0301line O\u2019Brien"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\U0001f469\u200d\U0001f527 crew", "\U0001f469\u200d\U0001f527 crew"),
        ("a \u200b b", "a b"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_taken_out(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


def test_names_that_read_the_same_are_the_same() -> None:
    assert same_name("Dup") == same_name("d\u200bUP") == same_name("\uff24up")
    assert same_name("Dup") != same_name("Dup 2")


@pytest.mark.parametrize("name", UNSEEN)
def test_a_name_that_cannot_be_seen_is_refused_beside_its_field(name: str, tree: Tree, as_bob: Client) -> None:
    roles, people = Role.objects.count(), User.objects.count()
    for url, field, more in (
        (reverse("role_add"), "name", {}),
        (reverse("user_edit", args=[tree.cy.pk]), "name", {}),
        (reverse("cardholder_add"), "name", {}),
        (reverse("user_invite"), "name", {"email": "new@example.org"}),
        ("/account/", "name", {}),
        (reverse("organization_edit", args=[tree.customer.pk]), "name", {"kind": "customer"}),
        (reverse("location_edit", args=[tree.location.pk]), "name", {"access_mode": "whitelist", "time_zone": "Europe/Amsterdam"}),
    ):
        answer = as_bob.post(url, {"name": name, **more})
        assert answer.status_code == 200, url
        assert f'id="id_{field}_error"' in answer.text, url
    assert (Role.objects.count(), User.objects.count(), Invitation.objects.count()) == (roles, people, 0)


def test_the_first_step_of_adding_is_not_passed_without_a_name(tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("organization_add"), {"parent": tree.partner.pk, "kind": "customer", "name": "\u200b\u2060"})
    assert 'id="id_name_error"' in answer.text
    assert not Organization.objects.filter(name__contains="\u200b").exists()


def test_alias_and_nickname_are_cleaned_and_may_be_empty(tree: Tree, as_bob: Client) -> None:
    url = reverse("pass_edit", args=[tree.charge_pass.pk])
    as_bob.post(url, {"uid": tree.charge_pass.uid, "kind": "non_public", "nickname": " \u202ePool  car\u200b 2 "})
    assert ChargePass.objects.get(pk=tree.charge_pass.pk).nickname == "Pool car 2"
    as_bob.post(url, {"uid": tree.charge_pass.uid, "kind": "non_public", "nickname": " "})
    assert ChargePass.objects.get(pk=tree.charge_pass.pk).nickname == ""
    assert 'id="id_nickname_error"' in as_bob.post(url, {"uid": tree.charge_pass.uid, "kind": "non_public", "nickname": "\u200b"}).text
    station = reverse("station_edit", args=[tree.station.pk])
    assert 'id="id_alias_error"' in as_bob.post(station, {"alias": "\u200b", "location": tree.location.pk}).text


@pytest.mark.parametrize("name", ["Dup", "dup", "DUP ", "Dup\u200b", "D\u200bup", "\uff24up"])
def test_two_roles_of_an_organization_never_read_the_same(name: str, tree: Tree, as_bob: Client) -> None:
    create_role(actor=None, organization=tree.partner, name="Dup")
    other = create_role(actor=None, organization=tree.partner, name="Other")
    for url in (reverse("role_add"), reverse("role_edit", args=[other.pk])):
        answer = as_bob.post(url, {"name": name, "description": "kept", "version": other.version})
        assert 'id="id_name_error"' in answer.text
        assert "already has a role with this name: Dup." in answer.text
        assert 'value="kept"' in answer.text
    with pytest.raises(ValidationError, match="already has a role"):
        create_role(actor=None, organization=tree.partner, name=name)
    assert sorted(Role.objects.filter(organization=tree.partner).values_list("name", flat=True)) == ["Dup", "Other"]


def test_a_role_may_change_its_own_capitals_and_another_organization_its_own_dup(tree: Tree, as_bob: Client) -> None:
    role = create_role(actor=None, organization=tree.partner, name="Dup")
    as_bob.post(reverse("role_edit", args=[role.pk]), {"name": "DUP", "version": role.version})
    role.refresh_from_db()
    assert role.name == "DUP"
    create_role(actor=None, organization=tree.customer, name="dup")
