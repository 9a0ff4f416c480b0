"""The help pages: each is there, is found from the others, and knows what the portal knows."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from energycloud.pages import COMMAND_STATES, HELP
from stations import explain
from stations.models import Command, Connector

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("slug", HELP)
def test_every_help_page_answers_and_leads_to_the_others(as_cy: Client, slug: str) -> None:
    answer = as_cy.get(reverse("help_page", args=[slug]))
    assert answer.status_code == 200
    assert f'<h1 class="page-title">{HELP[slug][0]}</h1>' in answer.text
    for other in HELP:
        assert reverse("help_page", args=[other]) in answer.text


def test_the_index_lists_every_page(as_cy: Client) -> None:
    text = as_cy.get(reverse("help")).text
    for slug, (title, summary) in HELP.items():
        assert reverse("help_page", args=[slug]) in text
        assert str(title) in text
        assert str(summary) in text


def test_no_such_help_page(as_cy: Client) -> None:
    assert as_cy.get(reverse("help_page", args=["index"])).status_code == 404
    assert as_cy.get(reverse("help_page", args=["page"])).status_code == 404


def test_statuses_explains_every_status_and_every_fault(as_cy: Client) -> None:
    text = as_cy.get(reverse("help_page", args=["statuses"])).text
    for status in Connector.Status.values:
        assert status in text
    for code in explain.FAULTS:
        assert code in text


def test_every_state_of_a_command_is_explained() -> None:
    assert set(COMMAND_STATES) == set(Command.State)


def test_connect_names_the_address_of_this_portal(as_cy: Client) -> None:
    text = as_cy.get(reverse("help_page", args=["connect"]), headers={"host": "127.0.0.1:9876"}).text
    assert "ws://127.0.0.1:9876/ocpp/" in text


def test_help_needs_a_login(db: None) -> None:
    assert Client().get(reverse("help")).status_code == 302
