"""Invitations: by mail, for 48 hours, once; and nobody learns from them who has an account elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenancy import actions, letters
from tenancy.models import Invitation, Letter, Role, User
from tenancy.rights import holds
from tests.conftest import Tree
from tests.tenancy.people import role_with, somebody

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
ClientOf = Callable[[User], Client]
GOOD = {"name": "Eve", "password": "orange-kettle-77", "again": "orange-kettle-77"}


def invite(client: Client, **fields: object) -> object:
    return client.post(reverse("user_invite"), {"name": "Eve", "email": "eve@example.org", **fields})


def link() -> str:
    """What the newest letter contains."""
    letters.send_waiting()
    found = re.search(r"http://testserver(/invitation/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def test_from_the_invitation_to_the_first_login(tree: Tree, as_bob: Client) -> None:
    viewer = Role.objects.get(default="viewer")
    answer = as_bob.post(f"{reverse('user_invite')}?at={tree.customer.pk}", {"name": "Eve", "email": "Eve@Example.org", "role": viewer.pk})
    assert answer["Location"] == reverse("invitations")
    address = link()
    (letter,) = mail.outbox
    assert letter.to == ["eve@example.org"]
    assert letter.subject == "Your login for Harbour Offices at Energy Cloud"
    assert "Bob invites you" in letter.body
    assert "Your role is Viewer." in letter.body
    page = as_bob.get(reverse("invitations")).text
    assert "Open, 47 hours left" in page
    client = Client()
    assert "Welcome to Harbour Offices" in client.get(address).text
    answer = client.post(address, GOOD)
    assert answer.status_code == 302
    user = User.objects.get(email="eve@example.org")
    assert user.organization == tree.customer
    assert holds(user, "read_transactions", tree.customer.path)
    assert client.get("/").status_code == 200, "logged in"
    assert "eve@example.org" not in as_bob.get(reverse("invitations")).text


def test_it_works_once(tree: Tree, as_bob: Client) -> None:
    invite(as_bob)
    address = link()
    assert Client().post(address, GOOD).status_code == 302
    answer = Client().get(address)
    assert answer.status_code == 410
    assert "has been used already" in answer.text
    assert Client().post(address, {**GOOD, "password": "another-one-99", "again": "another-one-99"}).status_code == 410
    assert User.objects.get(email="eve@example.org").check_password(GOOD["password"])


def test_it_is_over_after_48_hours_and_can_be_sent_again(tree: Tree, as_bob: Client) -> None:
    invite(as_bob)
    address = link()
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "is over" in Client().get(address).text
    assert Client().post(address, GOOD).status_code == 410
    assert "Over: send it again" in as_bob.get(reverse("invitations")).text
    as_bob.post(reverse("invitations"), {"action": "again", "select": Invitation.objects.get().pk})
    newer = link()
    assert newer != address
    assert Client().get(address).status_code == 404, "the old link ends"
    assert Client().post(newer, GOOD).status_code == 302
    assert Invitation.objects.get().expires_at - Invitation.objects.get().sent_at == timedelta(hours=48)


def test_a_withdrawn_one_opens_nothing(tree: Tree, as_bob: Client) -> None:
    invite(as_bob)
    address = link()
    as_bob.post(reverse("invitations"), {"action": "withdraw", "select": Invitation.objects.get().pk, "confirmed": "1"})
    assert "does not exist any more" in Client().get(address).text
    invite(as_bob)
    assert Client().post(link(), GOOD).status_code == 302, "and the address can be invited again"


@pytest.mark.parametrize("token", ["x", "0" * 43, "../../etc", "é", "x" * 2000])
def test_a_guessed_link(token: str, tree: Tree) -> None:
    answer = Client().get(f"/invitation/{token}/")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("fields", "beside"),
    [
        ({"email": "nonsense"}, "email"),
        ({"email": ""}, "email"),
        ({"email": f"{'x' * 10_000}@example.org"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "x" * 10_000}, "name"),
        ({"email": "cy@example.org"}, "email"),
        ({"email": "CY@EXAMPLE.ORG"}, "email"),
        ({"role": "999999"}, "role"),
    ],
)
def test_bad_input_gets_its_message_beside_the_field(fields: dict[str, str], beside: str, tree: Tree, as_bob: Client) -> None:
    answer = invite(as_bob, **fields)
    assert f'id="id_{beside}_error"' in answer.text  # type: ignore[attr-defined]
    assert not Invitation.objects.exists()
    assert not Letter.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"again": "different-one-1"}, "The two passwords differ."),
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": "evelyn@example.org", "again": "evelyn@example.org"}, "too similar"),
        ({"password": "x" * 10_000, "again": "x" * 10_000}, "at most 128"),
        ({"name": ""}, "required"),
    ],
)
def test_a_password_that_will_not_do(fields: dict[str, str], said: str, tree: Tree, as_bob: Client) -> None:
    invite(as_bob, email="evelyn@example.org")
    answer = Client().post(link(), {**GOOD, **fields})
    assert answer.status_code == 200
    assert said in answer.text
    assert not User.objects.filter(email="evelyn@example.org").exists()


def test_the_same_address_in_another_case_is_the_same(tree: Tree, as_bob: Client) -> None:
    invite(as_bob)
    assert "invited already" in invite(as_bob, email="EVE@example.org").text  # type: ignore[attr-defined]


def test_an_account_elsewhere_is_not_betrayed_and_its_owner_decides(tree: Tree, as_bob: Client, as_dan: Client) -> None:
    """Dan belongs to somebody else. Bob learns nothing; Dan takes the role or does not."""
    viewer = Role.objects.get(default="viewer")
    unknown = as_bob.post(reverse("user_invite"), {"name": "E", "email": "eve@example.org", "role": viewer.pk}, follow=True)
    known = as_bob.post(reverse("user_invite"), {"name": "D", "email": "dan@example.org", "role": viewer.pk}, follow=True)
    assert unknown.status_code == known.status_code == 200
    assert ("on its way" in unknown.text, "on its way" in known.text) == (True, True)
    assert "dan@example.org" not in as_bob.get(reverse("users")).text
    address = link()
    assert "You have a login" in Client().get(address).text
    assert "logged in as somebody else" in as_bob.get(address).text
    assert as_bob.post(address, GOOD).status_code == 200
    assert not holds(User.objects.get(pk=tree.dan.pk), "read", tree.partner.path)
    assert "Accept the invitation" in as_dan.get(address).text
    as_dan.post(address)
    dan = User.objects.get(pk=tree.dan.pk)
    assert holds(dan, "read_transactions", tree.partner.path)
    assert dan.organization == tree.other_partner
    assert dan.check_password("correct-horse-battery")


def test_nobody_gives_by_invitation_what_they_lack(tree: Tree, client_of: ClientOf) -> None:
    inviter = somebody(tree.customer, ["manage_users", "update_user_roles", "personal_data"])
    administrator = Role.objects.get(default="administrator")
    answer = client_of(inviter).post(reverse("user_invite"), {"name": "Eve", "email": "eve@example.org", "role": administrator.pk})
    assert "Nobody can give what they don" in answer.text
    assert not Invitation.objects.exists()
    blind = somebody(tree.customer, ["manage_users"])
    client_of(blind).post(reverse("user_invite"), {"name": "Eve", "email": "eve@example.org", "role": administrator.pk})
    assert Invitation.objects.get().role is None, "who may not assign roles invites without one"


def test_an_invitation_gives_nothing_its_giver_has_lost_meanwhile(tree: Tree) -> None:
    inviter = somebody(tree.customer, Role.objects.get(default="administrator"))
    role = role_with(tree.customer, "reset_stations")
    actions.invite_user(
        actor=inviter, organization=tree.customer, email="eve@example.org", name="E", role=role,
        address=lambda token: f"http://testserver/invitation/{token}/",
    )  # fmt: skip
    address = link()
    actions.set_user_active(actor=None, user=inviter, active=False)
    assert "may no longer give you this role" in Client().get(address).text


def test_a_letter_that_cannot_be_sent_is_tried_again(tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_a: object, **_k: object) -> None:
        raise OSError("no route to the mail server")

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", broken)
        invite(as_bob)
        letters.send_waiting()
    letter = Letter.objects.get()
    assert letter.sent_at is None
    assert "no route" in letter.error
    assert letters.send_waiting() == 0, "not at once"
    Letter.objects.update(due_at=timezone.now())
    assert letters.send_waiting() == 1
    assert len(mail.outbox) == 1
    assert letters.send_waiting() == 0
