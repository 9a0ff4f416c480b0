"""What people see when something is not as it should be."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from energycloud import errors
from tenancy.models import User
from tenancy.rights import LABELS, RESET_STATIONS
from tests.conftest import Tree

pytestmark = pytest.mark.django_db


def asked_by(user: User) -> HttpRequest:
    request = RequestFactory().get("/somewhere/")
    request.user = user
    return request


def test_a_missing_page_says_so_inside_the_portal(as_bob: Client) -> None:
    answer = as_bob.get("/nowhere/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert 'id="sidebar"' in answer.text


def test_a_missing_page_before_the_login_shows_nothing_of_the_portal(db: None) -> None:
    answer = Client().get("/nowhere/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "sidebar" not in answer.text


@pytest.mark.parametrize("token", ["o{foreign}", "l{foreign_place}", "o999999", "x1", "o", "oabc", "o" + "9" * 40])
def test_a_scope_that_is_not_there_is_a_missing_page(as_bob: Client, tree: Tree, token: str) -> None:
    token = token.format(foreign=tree.other_partner.pk, foreign_place=tree.other_location.pk)
    answer = as_bob.get("/", {"in": token})
    assert answer.status_code == 404
    assert f"in={token}" not in answer.text, "the menu must not lead back to what is not there"


def test_a_refusal_names_the_right_that_is_missing(bob: User) -> None:
    answer = errors.forbidden(asked_by(bob), PermissionDenied(RESET_STATIONS))
    assert answer.status_code == 403
    assert str(LABELS[RESET_STATIONS]) in answer.content.decode()
    assert RESET_STATIONS not in answer.content.decode()


def test_a_refusal_without_a_right_still_says_what_to_do(bob: User) -> None:
    answer = errors.forbidden(asked_by(bob), PermissionDenied())
    assert answer.status_code == 403
    assert "administrator" in answer.content.decode()


def test_a_request_nobody_understands(bob: User) -> None:
    answer = errors.bad_request(asked_by(bob), SuspiciousOperation("what?"))
    assert answer.status_code == 400
    assert "what?" not in answer.content.decode()


def test_a_fault_of_ours_asks_the_database_for_nothing(bob: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    request = asked_by(bob)
    with django_assert_num_queries(0):
        answer = errors.fault(request)
    assert answer.status_code == 500
    assert "our fault" in answer.content.decode()


def test_a_fault_of_ours_is_answered_with_that_page(as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("energycloud.dashboard.context_of", broken)
    as_bob.raise_request_exception = False
    answer = as_bob.get("/")
    assert answer.status_code == 500
    assert "our fault" in answer.text
    assert "secret detail" not in answer.text


def test_a_form_without_its_token_is_refused_in_plain_words(tree: Tree) -> None:
    answer = Client(enforce_csrf_checks=True).post("/account/login/", {"login": "ada@example.org", "password": "x"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.text


def test_what_browsers_and_robots_ask_for_by_themselves(db: None) -> None:
    client = Client()
    assert client.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"
    icon = client.get("/favicon.ico")
    assert icon.status_code == 302
    assert re.search(r"favicon[.\w]*\.svg$", icon["Location"])


def test_a_refusal_is_a_line_in_the_log_and_a_fault_has_its_traceback(
    tree: Tree, as_cy: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_cy.get(reverse("organization_edit", args=[tree.customer.pk]))
    (line,) = [record for record in caplog.records if record.name == "django.request"]
    assert line.exc_info is None
    caplog.clear()

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("stations.pages.station_list.StationList.get_queryset", broken)
    as_cy.raise_request_exception = False
    assert as_cy.get(reverse("stations")).status_code == 500
    (line,) = [record for record in caplog.records if record.name == "django.request"]
    assert line.exc_info is not None


def test_an_address_that_only_takes_what_a_button_sends_says_so(as_bob: Client, tree: Tree) -> None:
    answer = as_bob.get(reverse("station_profiles_ask", args=[tree.station.pk]))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "Go back, reload the page" in answer.content.decode()
