"""Logging in and out, and what stands before the door."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from tenancy import letters
from tenancy.models import Letter, User
from tests.conftest import PASSWORD, Tree

pytestmark = pytest.mark.django_db
LOGIN = "/account/login/"


@pytest.fixture(autouse=True)
def no_earlier_attempts() -> None:
    cache.clear()


def test_the_login_leads_to_where_one_wanted_to_go(tree: Tree) -> None:
    client = Client()
    wanted = f"/stations/{tree.station.pk}/"
    answer = client.get(wanted)
    assert answer.status_code == 302
    assert answer["Location"] == f"{LOGIN}?next={wanted}"
    page = client.get(answer["Location"])
    assert "Energy Cloud" in page.text
    assert f'value="{wanted}"' in page.text
    answer = client.post(LOGIN, {"login": "Bob@Example.org", "password": PASSWORD, "next": wanted})
    assert answer.status_code == 302
    assert answer["Location"] == wanted
    assert client.get(wanted).status_code == 200


def test_nobody_is_led_to_another_site(tree: Tree) -> None:
    answer = Client().post(LOGIN, {"login": "bob@example.org", "password": PASSWORD, "next": "https://elsewhere.example/"})
    assert answer.status_code == 302
    assert answer["Location"] == "/"


@pytest.mark.parametrize("email", ["bob@example.org", "nobody@example.org"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(tree: Tree, email: str) -> None:
    answer = Client().post(LOGIN, {"login": email, "password": "wrong"})
    assert answer.status_code == 200
    assert "E-mail or password is wrong." in answer.text
    assert "sign" not in re.sub(r"<[^>]*>", "", answer.text).lower(), "nobody is offered to sign up"


def test_too_many_wrong_passwords(tree: Tree) -> None:
    client = Client()
    for _ in range(5):
        client.post(LOGIN, {"login": "bob@example.org", "password": "wrong"})
    answer = client.post(LOGIN, {"login": "bob@example.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert "Too many wrong tries." in answer.text


def test_a_flood_of_attempts_is_refused_on_a_page_of_ours(tree: Tree) -> None:
    client = Client()
    answers = [client.post(LOGIN, {"login": f"{number}@example.org", "password": "wrong"}) for number in range(32)]
    assert answers[-1].status_code == 429
    assert "Too many attempts" in answers[-1].text


def test_somebody_who_was_switched_off_learns_why(tree: Tree) -> None:
    User.objects.filter(pk=tree.bob.pk).update(is_active=False)
    answer = Client().post(LOGIN, {"login": "bob@example.org", "password": PASSWORD}, follow=True)
    assert "This account is switched off" in answer.text


def test_logging_out_asks_when_it_comes_as_a_link_and_ends_the_session(as_bob: Client) -> None:
    assert "Log out of Energy Cloud?" in as_bob.get("/account/logout/").text
    assert as_bob.get("/").status_code == 200
    answer = as_bob.post("/account/logout/")
    assert answer.status_code == 302
    assert answer["Location"] == LOGIN
    assert as_bob.get("/").status_code == 302


def test_nobody_signs_up(tree: Tree) -> None:
    answer = Client().get("/account/signup/")
    assert "There is no sign-up" in answer.text
    Client().post("/account/signup/", {"email": "eve@example.org", "password1": "a-long-password-of-eve"})
    assert not User.objects.filter(email="eve@example.org").exists()


@pytest.mark.parametrize("path", ["email/", "confirm-email/", "phone/change/", "login/code/confirm/", "3rdparty/"])
def test_pages_of_the_library_that_are_not_ours_are_not_there(as_ada: Client, path: str) -> None:
    assert as_ada.get(f"/account/{path}").status_code == 404


def test_a_forgotten_password(tree: Tree) -> None:
    client = Client()
    answer = client.post("/account/password/reset/", {"email": "bob@example.org"}, follow=True)
    assert "Look into your mail" in answer.text
    letter = Letter.objects.get()
    assert letters.send_waiting() == 1
    assert mail.outbox[0].to == ["bob@example.org"]
    assert letter.subject == "Set a new password for Energy Cloud"
    link = re.search(r"http://testserver(/\S+)", str(letter.body))
    assert link
    page = client.get(link[1], follow=True)
    assert "Choose a new password" in page.text
    weak = client.post(page.redirect_chain[-1][0], {"password1": "short", "password2": "short"})
    assert "too short" in weak.text
    done = client.post(page.redirect_chain[-1][0], {"password1": "orange-kettle-77", "password2": "orange-kettle-77"}, follow=True)
    assert "Password set" in done.text
    assert client.post(LOGIN, {"login": "bob@example.org", "password": "orange-kettle-77"}).status_code == 302
    assert "This link does not work any more" in Client().get(link[1], follow=True).text


def test_an_unknown_address_gets_no_mail_and_the_same_answer(tree: Tree) -> None:
    answer = Client().post("/account/password/reset/", {"email": "nobody@example.org"}, follow=True)
    assert "Look into your mail" in answer.text
    assert not Letter.objects.exists()


def test_changing_the_password(as_bob: Client, tree: Tree) -> None:
    form = {"oldpassword": PASSWORD, "password1": "orange-kettle-77", "password2": "orange-kettle-77"}
    answer = as_bob.post("/account/password/change/", form, follow=True)
    assert "Your password is changed." in answer.text
    assert as_bob.get("/").status_code == 200, "one stays logged in here"
    tree.bob.refresh_from_db()
    assert tree.bob.check_password("orange-kettle-77")


@pytest.mark.parametrize(
    "name", ["account_login", "account_logout", "account_change_password", "account_reset_password", "account_inactive", "account_signup"]
)
def test_these_pages_are_in_the_look_of_the_portal(tree: Tree, as_bob: Client, name: str) -> None:
    for client in (Client(), as_bob):
        answer = client.get(reverse(name), follow=True)
        assert "css/portal" in answer.text
