"""Two-factor login: setting it up, logging in with it, what an organization requires, and who gets somebody back in."""

from __future__ import annotations

import json

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client

from tenancy import actions, two_factor
from tenancy.models import AuditEntry, Organization
from tenancy.rights import Missing
from tests.conftest import PASSWORD, Tree
from tests.energycloud.accounts import LOGIN, TWO_FACTOR, code, codes_of, forget_attempts, log_in, logged_in, secret_in, verbs, with_app

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_earlier_attempts() -> None:
    forget_attempts()


def require(organization: Organization) -> None:
    Organization.objects.filter(pk=organization.pk).update(require_two_factor=True)


@pytest.mark.django_db(transaction=True)  # the record is written when the transaction is through
def test_setting_up_an_app_and_logging_in_with_it(tree: Tree) -> None:
    client = logged_in(tree.cy)
    page = client.get(f"{TWO_FACTOR}app/")
    assert 'src="data:image/svg+xml;base64,' in page.text
    secret = secret_in(page.text)
    wrong = client.post(f"{TWO_FACTOR}app/", {"code": "000000"})
    assert "This code is not right." in wrong.text
    assert secret_in(wrong.text) == secret, "nobody must scan again because of a typing error"
    done = client.post(f"{TWO_FACTOR}app/", {"code": code(secret)}, follow=True)
    assert "Your recovery codes" in done.text
    codes = codes_of(tree.cy)
    assert len(codes) == 10
    assert all(one in done.text for one in codes)
    assert "two_factor_on" in verbs(tree.cy)
    assert "recovery_codes_made" in verbs(tree.cy)

    forget_attempts()
    browser = Client()
    assert log_in(tree.cy, browser)["Location"] == f"{TWO_FACTOR}login/"
    assert browser.get("/").status_code == 302, "the password alone opens nothing"
    assert "This code is not right." in browser.post(f"{TWO_FACTOR}login/", {"code": "123456"}).text
    assert browser.post(f"{TWO_FACTOR}login/", {"code": code(secret)})["Location"] == "/"
    assert browser.get("/").status_code == 200
    assert verbs(tree.cy)[-1] == "log_in"


def test_the_secret_is_not_in_the_database(tree: Tree) -> None:
    secret = with_app(tree.cy)
    kept = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert not any(one in kept for one in codes_of(tree.cy))


def test_another_secret_key_lets_nobody_in_by_a_code(tree: Tree, settings: object) -> None:
    secret = with_app(tree.cy)
    settings.SECRET_KEY = "another-key-" * 5  # type: ignore[attr-defined]
    browser = Client()
    log_in(tree.cy, browser)
    answer = browser.post(f"{TWO_FACTOR}login/", {"code": code(secret)})
    assert "This code is not right." in answer.text


def test_a_code_works_once(tree: Tree) -> None:
    secret = with_app(tree.cy)
    now = code(secret)
    for expected in (302, 200):
        browser = Client()
        log_in(tree.cy, browser)
        assert browser.post(f"{TWO_FACTOR}login/", {"code": now}).status_code == expected


def test_a_recovery_code_works_once_and_is_recorded(tree: Tree) -> None:
    with_app(tree.cy)
    spare = codes_of(tree.cy)[0]
    browser = Client()
    log_in(tree.cy, browser)
    assert browser.post(f"{TWO_FACTOR}login/", {"code": spare}).status_code == 302
    assert "recovery_code_used" in verbs(tree.cy)
    assert "9 are left" in browser.get(TWO_FACTOR).text
    again = Client()
    log_in(tree.cy, again)
    assert again.post(f"{TWO_FACTOR}login/", {"code": spare}).status_code == 200
    assert again.get("/").status_code == 302


@pytest.mark.django_db(transaction=True)  # the record is written when the transaction is through
def test_recovery_codes_made_anew_end_the_old_ones(tree: Tree) -> None:
    with_app(tree.cy)
    old = codes_of(tree.cy)
    client = Client()
    log_in(tree.cy, client)
    client.post(f"{TWO_FACTOR}login/", {"code": old[0]})
    assert "The 9 that are left of the old ones stop working." in client.get(f"{TWO_FACTOR}codes/new/").text
    page = client.post(f"{TWO_FACTOR}codes/new/", follow=True)
    assert not set(codes_of(tree.cy)) & set(old)
    assert codes_of(tree.cy)[0] in page.text
    assert codes_of(tree.cy)[0] in client.get(f"{TWO_FACTOR}codes/download/").text
    assert verbs(tree.cy)[-1] == "recovery_codes_made"


def test_guessing_codes_is_throttled_for_the_account_from_wherever_it_comes(tree: Tree) -> None:
    secret = with_app(tree.cy)
    for number in range(5):
        browser = Client(REMOTE_ADDR=f"192.0.2.{number}")
        log_in(tree.cy, browser)
        browser.post(f"{TWO_FACTOR}login/", {"code": f"00000{number}"})
    browser = Client(REMOTE_ADDR="192.0.2.99")
    log_in(tree.cy, browser)
    answer = browser.post(f"{TWO_FACTOR}login/", {"code": code(secret)})
    assert answer.status_code == 200
    assert "Too many wrong tries. Wait five minutes" in answer.text


def test_sensitive_pages_ask_for_the_password_when_the_login_is_a_while_ago(tree: Tree, as_cy: Client) -> None:
    for page in ("app/", "keys/add/"):
        answer = as_cy.get(TWO_FACTOR + page)
        assert answer["Location"] == f"/account/reauthenticate/?next=%2Faccount%2Ftwo-factor%2F{page.replace('/', '%2F')}"
    assert "This is not your password." in as_cy.post(answer["Location"], {"password": "wrong"}).text
    answer = as_cy.post("/account/reauthenticate/", {"password": PASSWORD, "next": f"{TWO_FACTOR}app/"})
    assert answer["Location"] == f"{TWO_FACTOR}app/"
    assert as_cy.get(f"{TWO_FACTOR}app/").status_code == 200


def test_asking_for_the_password_again_is_throttled(tree: Tree, as_cy: Client) -> None:
    answers = [as_cy.post("/account/reauthenticate/", {"password": "wrong"}).status_code for _ in range(12)]
    assert answers[-1] == 429
    assert 200 in answers


def test_switching_it_off(tree: Tree) -> None:
    secret = with_app(tree.cy)
    client = Client()
    log_in(tree.cy, client)
    client.post(f"{TWO_FACTOR}login/", {"code": code(secret)})
    assert "Remove the authenticator app?" in client.get(f"{TWO_FACTOR}app/off/").text
    page = client.post(f"{TWO_FACTOR}app/off/", follow=True)
    assert "The authenticator app is removed." in page.text
    assert not Authenticator.objects.exists(), "the recovery codes end with it"
    assert verbs(tree.cy)[-1] == "two_factor_off"


# Required by an organization


@pytest.mark.parametrize("where", ["customer", "partner", "platform"])
def test_an_organization_requires_it_of_its_own_people_and_of_everybody_below(tree: Tree, where: str) -> None:
    require(getattr(tree, where))
    client = logged_in(tree.cy)
    for path in ("/", "/stations/", f"/stations/{tree.station.pk}/", "/account/", "/account/sessions/", "/nowhere/", "/search/?q=LUM"):
        assert client.get(path)["Location"] == TWO_FACTOR, path
        assert client.post(path)["Location"] == TWO_FACTOR, path
    page = client.get(TWO_FACTOR)
    assert f"<strong>{getattr(tree, where)}</strong> requires two-factor login" in page.text
    assert "navbar" not in page.text, "there is nothing else to go to"
    assert "Log out" in page.text

    secret = secret_in(client.get(f"{TWO_FACTOR}app/").text)
    done = client.post(f"{TWO_FACTOR}app/", {"code": code(secret)}, follow=True)
    assert "Your recovery codes" in done.text
    assert client.get("/").status_code == 200


def test_others_are_not_asked(tree: Tree) -> None:
    require(tree.partner)
    for user in (tree.ada, tree.dan):
        assert logged_in(user).get("/").status_code == 200


def test_it_holds_at_once_for_people_who_are_logged_in(tree: Tree, as_cy: Client) -> None:
    assert as_cy.get("/").status_code == 200
    require(tree.customer)
    assert as_cy.get("/")["Location"] == TWO_FACTOR
    part = as_cy.get("/?part=live", headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert part["HX-Redirect"] == TWO_FACTOR
    assert part.content == b""


def test_whoever_must_have_it_can_log_out(tree: Tree, as_cy: Client) -> None:
    require(tree.customer)
    assert as_cy.post("/account/logout/")["Location"] == LOGIN
    assert as_cy.get("/")["Location"].startswith(LOGIN)


def test_the_last_factor_stays_while_it_is_required(tree: Tree) -> None:
    secret = with_app(tree.cy)
    require(tree.partner)
    client = Client()
    log_in(tree.cy, client)
    client.post(f"{TWO_FACTOR}login/", {"code": code(secret)})
    reason = "Lumen Installers requires two-factor login. Set up another app or key first"
    for answer in (client.get(f"{TWO_FACTOR}app/off/"), client.post(f"{TWO_FACTOR}app/off/")):
        assert reason in answer.text
    assert two_factor.factors_of(tree.cy).exists()
    assert "Lumen Installers requires it." in client.get(TWO_FACTOR).text

    key = Authenticator.objects.create(user=tree.cy, type="webauthn", data={"name": "Blue key", "credential": {}})
    assert two_factor.why_factor_stays(tree.cy, key) == ""
    Authenticator.objects.filter(user=tree.cy, type="totp").delete()
    for answer in (client.get(f"{TWO_FACTOR}keys/{key.pk}/remove/"), client.post(f"{TWO_FACTOR}keys/{key.pk}/remove/")):
        assert reason in answer.text
    assert Authenticator.objects.filter(pk=key.pk).exists()


# Somebody has lost their phone


def test_an_administrator_resets_it(tree: Tree) -> None:
    inside = logged_in(tree.cy)
    with_app(tree.cy)
    assert inside.get("/").status_code == 200
    assert actions.reset_two_factor(actor=tree.bob, user=tree.cy)
    assert not Authenticator.objects.filter(user=tree.cy).exists()
    entry = AuditEntry.objects.get(verb="reset_two_factor")
    assert (entry.actor, entry.object_id, entry.organization) == (tree.bob, tree.cy.pk, tree.customer)
    assert inside.get("/").status_code == 302, "whoever has the phone is out"
    assert log_in(tree.cy)["Location"] == "/"
    assert not actions.reset_two_factor(actor=tree.bob, user=tree.cy)
    assert AuditEntry.objects.filter(verb="reset_two_factor").count() == 1


def test_nobody_else_resets_it(tree: Tree) -> None:
    for user in (tree.cy, tree.bob, tree.ada):
        with_app(user)
    for actor, user, refusal in (
        (tree.dan, tree.cy, Missing), (tree.cy, tree.cy, Missing), (tree.bob, tree.ada, Missing), (tree.bob, tree.bob, ValidationError),
    ):  # fmt: skip
        with pytest.raises(refusal):
            actions.reset_two_factor(actor=actor, user=user)
        assert two_factor.factors_of(user).exists()


# Security keys without a browser; with one: tests/e2e/test_security_key.py

NONSENSE = ["", "null", "[]", "{", '"x"', "17", '{"id": 5}', '{"id":"AA","rawId":"AA","type":"public-key","response":{}}', "[" * 5000,
            '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"AA","attestationObject":"oA"}}',
            '{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}',
            "x" * 10_000]  # fmt: skip


@pytest.mark.parametrize("answer", NONSENSE)
def test_what_no_security_key_would_answer_gets_a_message(tree: Tree, answer: str) -> None:
    client = logged_in(tree.cy)
    client.get(f"{TWO_FACTOR}keys/add/")
    page = client.post(f"{TWO_FACTOR}keys/add/", {"name": "Blue", "credential": answer})
    assert page.status_code == 200
    assert "alert-danger" in page.text
    assert 'value="Blue"' in page.text
    assert not Authenticator.objects.exists()

    with_app(tree.cy)
    browser = Client()
    log_in(tree.cy, browser)
    browser.get(f"{TWO_FACTOR}login/")
    page = browser.post(f"{TWO_FACTOR}login/", {"credential": answer})
    assert page.status_code == 200
    assert browser.get("/").status_code == 302


def test_keys_of_others_do_not_exist(tree: Tree) -> None:
    key = Authenticator.objects.create(user=tree.bob, type="webauthn", data={"name": "Bob's", "credential": {}})
    client = logged_in(tree.cy)
    for page in ("", "remove/"):
        assert client.get(f"{TWO_FACTOR}keys/{key.pk}/{page}").status_code == 404
        assert client.post(f"{TWO_FACTOR}keys/{key.pk}/{page}", {"name": "x"}).status_code == 404


def test_renaming_a_key(tree: Tree) -> None:
    key = Authenticator.objects.create(user=tree.cy, type="webauthn", data={"name": "Security key", "credential": {}})
    client = logged_in(tree.bob)
    key.user = tree.bob
    key.save()
    long = client.post(f"{TWO_FACTOR}keys/{key.pk}/", {"name": "x" * 10_000})
    assert "At most 60 characters, please. This has 10000." in long.text
    client.post(f"{TWO_FACTOR}keys/{key.pk}/", {"name": "Blue <b>key</b>"})
    assert "Blue &lt;b&gt;key&lt;/b&gt;" in client.get(TWO_FACTOR).text


def test_the_platforms_only_administrator_gets_back_in_from_the_machine(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    with_app(tree.ada)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ENERGYCLOUD_ADMIN_EMAIL", "ada@example.org")
        call_command("first_administrator", "--new-password")
    assert "Two-factor login was taken away" in capsys.readouterr().out
    assert not two_factor.factors_of(tree.ada).exists()
