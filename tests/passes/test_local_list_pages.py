"""The Local list tab of a station."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes import actions
from passes.local_lists import wanted
from passes.models import LocalList
from stations.models import Command, ConfigurationKey
from tenancy import rights
from tenancy.models import AuditEntry, User
from tests.conftest import CARD, Tree
from tests.stations.sheets import online, page, text
from tests.stations.test_rights import with_rights

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]

ABOVE = "04CAFE00CAFE00"


@pytest.fixture
def listed(tree: Tree) -> Tree:
    """In step, with a pass of the customer and one of the partner above; one of the customer is left out."""
    actions.create_pass(actor=None, organization=tree.partner, uid=ABOVE, nickname="Fitter of above", below=True)
    actions.create_pass(actor=None, organization=tree.customer, uid="04DD", nickname="Night car", monthly_kwh=20)
    online(tree.station)
    LocalList.objects.create(
        station=tree.station, version=3, state="in_step", entries=wanted(tree.station), synced_at=timezone.now(), due_at=timezone.now()
    )
    return tree


def test_who_is_on_it_who_is_left_out_and_how_the_station_is_set(listed: Tree, as_bob: Client) -> None:
    ConfigurationKey.objects.create(station=listed.station, key="LocalAuthorizeOffline", value="false")
    said = text(page(as_bob, listed.station, "station_local_list"))
    for words in ("In step", "Pool car 1", CARD, "Fitter of above", "1 whitelisted pass is left out", "Night car", "cannot count these",
                  "LocalAuthorizeOffline = false", "starts no charge at all", "The station does not tell."):  # fmt: skip
        assert words in said, words


def test_a_pass_of_an_organization_above_is_neither_named_nor_numbered(listed: Tree, client_of: Login) -> None:
    everything = client_of(with_rights(listed, *rights.RIGHTS))
    for name in ("station_local_list", "station_local_list_live"):
        said = page(everything, listed.station, name)
        assert CARD in said
        assert ABOVE not in said
        assert "Fitter of above" not in said
    masked = client_of(with_rights(listed, *(code for code in rights.RIGHTS if code != rights.PERSONAL_DATA), name="fay"))
    said = page(masked, listed.station, "station_local_list")
    assert [secret for secret in (CARD, "Pool car 1", ABOVE, "Night car") if secret in said] == []
    assert "****" in said


def test_what_waits_is_said(listed: Tree, as_bob: Client) -> None:
    actions.edit_pass(actor=None, charge_pass=listed.charge_pass, blocked=True)
    assert "Waits to be sent" in page(as_bob, listed.station, "station_local_list")
    online(listed.station, connected=False)
    said = text(page(as_bob, listed.station, "station_local_list"))
    assert "Waits for the station" in said
    assert "1 card is to be taken off." in said


def test_what_nobody_confirmed_is_not_told_as_what_it_has(listed: Tree, as_bob: Client) -> None:
    LocalList.objects.update(state="unanswered", entries={}, version=4, unconfirmed=[CARD], problem="timed_out", synced_at=None)
    said = text(page(as_bob, listed.station, "station_local_list"))
    for words in ("No answer came", "not known what is on its list", "Cards on it not confirmed", "Version not confirmed"):
        assert words in said, words
    for words in ("Refused by the station", "No card is on its list"):
        assert words not in said, words


def test_sent_again_and_its_version_read(listed: Tree, as_bob: Client, as_cy: Client) -> None:
    url = reverse("station_local_list", args=[listed.station.pk])
    assert as_cy.post(url, {"do": "send"}).status_code == 403
    assert "The list with 2 cards is sent again." in as_bob.post(url, {"do": "send"}, follow=True).text
    row = LocalList.objects.get()
    assert (row.state, row.full_next) == ("waiting", True)
    assert AuditEntry.objects.filter(verb="send_local_list", actor=listed.bob).exists()
    assert "which version" in as_bob.post(url, {"do": "version"}, follow=True).text
    row.refresh_from_db()
    assert (row.state, row.command) == ("sending", Command.objects.get(action="GetLocalListVersion"))
    assert "On its way" in page(as_bob, listed.station, "station_local_list")
    online(listed.station, connected=False)
    assert "is not connected" in as_bob.post(url, {"do": "version"}, follow=True).text
