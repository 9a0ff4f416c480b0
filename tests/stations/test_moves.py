"""A location, or a station, moves to another organization: what changes is said before, and nobody gives by it what they don't hold."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes.actions import create_pass, list_pass
from stations.actions import create_location, edit_station, move_location
from stations.models import Location, Station, Transaction
from tenancy.actions import assign_role, create_organization, create_role, create_user, edit_organization, let_in, team_of
from tenancy.models import AuditEntry, Organization, Role, ServiceAccess, User
from tenancy.rights import MANAGE_LOCATIONS, MANAGE_STATIONS
from tests.conftest import PASSWORD, Tree

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    main = re.search(r"<main.*</main>", answer.content.decode(), re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main[0] if main else "")).split())


@pytest.fixture
def sibling(tree: Tree) -> Organization:
    """Another customer of Bob's."""
    return create_organization(actor=None, parent=tree.partner, kind="customer", name="City Garage")


def url_of(tree: Tree) -> str:
    return reverse("location_move", args=[tree.location.pk])


def engineer(tree: Tree) -> User:
    """Runs the partner's locations and stations and nothing else."""
    role = create_role(actor=None, organization=tree.partner, name="Engineer", rights=[MANAGE_LOCATIONS, MANAGE_STATIONS])
    return create_user(actor=None, organization=tree.partner, email="eve@example.org", name="Eve", password=PASSWORD, role=role)


def service(tree: Tree, rights: list[str], **fields: Any) -> ServiceAccess:
    """Dan's company is let in at Bob's customer."""
    role = create_role(actor=None, organization=tree.other_partner, name="Service", rights=rights, offered=True)
    assign_role(actor=None, user=tree.dan, role=role, organization=tree.other_partner)
    now = timezone.now()
    return let_in(
        actor=None, team=team_of(role, tree.other_partner), organization=tree.customer, rights=rights, starts_at=now,
        ends_at=now + timedelta(days=7), **fields,
    )  # fmt: skip


def test_what_changes_is_said_before_anything_is_done(tree: Tree, sibling: Organization, as_bob: Client) -> None:
    Transaction.objects.create(
        station=tree.station, connector=tree.connector, transaction_id="7", id_tag="X", verdict="Accepted", started_at=timezone.now(),
        reported_start="x", start_received_at=timezone.now(), meter_start=1000,
    )  # fmt: skip
    create_pass(actor=None, organization=sibling, uid="0A0B0C0D")
    create_pass(actor=None, organization=sibling, uid="0A0B0C0E", blocked=True)
    create_pass(actor=None, organization=tree.partner, uid="11223344", below=True)
    edit_organization(actor=None, organization=tree.customer, compensation_ac=Decimal("0.23"))
    edit_organization(actor=None, organization=sibling, compensation_ac=Decimal("0.20"))
    access = service(tree, [MANAGE_STATIONS], place=f"l{tree.location.pk}", place_name="Quay 7")
    choice = as_bob.get(url_of(tree)).content.decode()
    assert "City Garage" in choice
    assert "Hotel Seeblick" not in choice
    asked = as_bob.post(url_of(tree), {"organization": sibling.pk})
    said = text(asked).replace("\N{NO-BREAK SPACE}", " ")
    for sentence in (
        "Its 2 stations go along, with 1 transaction and all that was recorded.", "No longer seen by the people of: Harbour Offices.",
        "Seen from then on by the people of: City Garage, as far as their roles allow.", "1 pass on a list no longer charges",
        "1 pass begins to charge there.", "The compensation for AC, which it has from its organization, changes from 0.23 EUR/kWh to 0.20",
        "The access that a service company has to it alone ends",
    ):  # fmt: skip
        assert sentence in said, sentence
    assert "Lumen" not in said, "those above both see it as before"
    assert Location.objects.get(pk=tree.location.pk).organization == tree.customer, "nothing is done yet"
    answer = as_bob.post(url_of(tree), {"organization": sibling.pk, "confirmed": "1"})
    assert answer.headers["Location"] == f"/locations/{tree.location.pk}/?in=l{tree.location.pk}"
    assert Location.objects.get(pk=tree.location.pk).organization == sibling
    access.refresh_from_db()
    assert access.ended_at
    rows = AuditEntry.objects.filter(verb="move", object_id=tree.location.pk).order_by("pk")
    assert [row.organization for row in rows] == [tree.customer, sibling], "both keep a record"
    assert [place["name"] for place in rows[0].changes["organization"]] == ["Harbour Offices", "City Garage"]


def test_a_name_that_is_taken_there_is_refused_beside_the_field(tree: Tree, sibling: Organization, as_bob: Client) -> None:
    create_location(actor=None, organization=sibling, name="Quay 7")
    for more in ({}, {"confirmed": "1"}):
        assert "City Garage already has a location called Quay 7." in text(as_bob.post(url_of(tree), {"organization": sibling.pk, **more}))
    with pytest.raises(ValidationError, match="already has a location"):
        move_location(actor=tree.bob, location=tree.location, organization=sibling)
    assert Location.objects.get(pk=tree.location.pk).organization == tree.customer


@pytest.mark.parametrize("to", ["other_customer", "customer"])
def test_it_goes_only_where_one_may_add_it(to: str, tree: Tree, as_bob: Client) -> None:
    for more in ({}, {"confirmed": "1"}):
        answer = as_bob.post(url_of(tree), {"organization": getattr(tree, to).pk, **more})
        assert "This cannot be chosen here." in text(answer)
    with pytest.raises(ValidationError):
        move_location(actor=tree.bob, location=tree.location, organization=getattr(tree, to))


def test_a_deactivated_organization_takes_none(tree: Tree, sibling: Organization, as_bob: Client) -> None:
    Organization.objects.filter(pk=sibling.pk).update(active=False, closed=True)
    assert "City Garage is deactivated." in text(as_bob.post(url_of(tree), {"organization": sibling.pk}))


def test_nobody_gives_by_a_move_what_they_do_not_hold(tree: Tree, sibling: Organization, client_of: Callable[[User], Client]) -> None:
    eve = engineer(tree)
    administrator = Role.objects.get(default="administrator")
    create_user(actor=None, organization=sibling, email="gus@example.org", name="Gus", password=PASSWORD, role=administrator)
    answer = client_of(eve).post(url_of(tree), {"organization": sibling.pk})
    assert "People there would gain rights here that you don't hold yourself" in text(answer)
    with pytest.raises(ValidationError):
        move_location(actor=eve, location=tree.location, organization=sibling)
    place = create_location(actor=None, organization=sibling, name="Deck 1")
    url = reverse("station_edit", args=[tree.station.pk])
    values = {"location": place.pk, "phases": "3", "voltage": "230", "current_type": "AC", "active": "on"}
    shown = text(client_of(eve).post(url, values | {"move": "on"}))
    assert "People there would gain rights here" in shown
    assert "Tick this" not in shown
    with pytest.raises(ValidationError, match="would gain rights"):
        edit_station(actor=eve, station=Station.objects.get(pk=tree.station.pk), location=place)
    move_location(actor=tree.bob, location=tree.location, organization=sibling)


def test_who_was_let_in_at_the_location_does_not_take_it_along(tree: Tree, as_dan: Client) -> None:
    service(tree, [MANAGE_LOCATIONS, MANAGE_STATIONS], place=f"l{tree.location.pk}", place_name="Quay 7")
    page = as_dan.get(reverse("location", args=[tree.location.pk])).content.decode()
    assert "Harbour Offices" in page
    assert f'href="/organizations/{tree.customer.pk}/' not in page, "not theirs to open, so no link"
    assert "location_move" not in page
    assert as_dan.get(url_of(tree)).status_code == as_dan.post(url_of(tree), {"organization": tree.other_partner.pk}).status_code == 403
    with pytest.raises(ValidationError, match="at both organizations"):
        move_location(actor=tree.dan, location=tree.location, organization=tree.other_partner)
    for name in ("locations", "stations"):
        shown = as_dan.get(reverse(name)).content.decode()
        assert f'href="/organizations/{tree.customer.pk}/' not in shown
    sheet = as_dan.get(reverse("station", args=[tree.station.pk])).content.decode()
    assert f'href="/organizations/{tree.customer.pk}/' not in sheet


def test_who_was_let_in_at_the_organization_does_not_take_it_along_either(tree: Tree, as_dan: Client) -> None:
    service(tree, [MANAGE_LOCATIONS, MANAGE_STATIONS])
    answer = as_dan.post(url_of(tree), {"organization": tree.other_partner.pk})
    assert "Only its own people move something from there" in text(answer)
    assert Location.objects.get(pk=tree.location.pk).organization == tree.customer
    place = create_location(actor=None, organization=tree.other_partner, name="Their yard")
    with pytest.raises(ValidationError, match="Only its own people move"):
        edit_station(actor=tree.dan, station=Station.objects.get(pk=tree.station.pk), location=place)


def test_a_stranger_neither_moves_nor_learns(tree: Tree, as_dan: Client, as_cy: Client) -> None:
    assert as_dan.get(url_of(tree)).status_code == as_dan.post(url_of(tree), {"organization": tree.other_partner.pk}).status_code == 404
    assert as_cy.get(url_of(tree)).status_code == 403


def test_passes_of_people_above_are_not_counted(tree: Tree, client_of: Callable[[User], Client]) -> None:
    """Cy's administrator moves within the customer; what the partner above has on its list is not told."""
    sub = create_organization(actor=None, parent=tree.customer, kind="sub", name="Annex")
    administrator = Role.objects.get(default="administrator")
    ann = create_user(actor=None, organization=tree.customer, email="ann@example.org", name="Ann", password=PASSWORD, role=administrator)
    create_pass(actor=None, organization=tree.partner, uid="11223344", below=True)
    list_pass(actor=None, charge_pass=tree.charge_pass, organization=tree.customer, below=True)
    said = text(client_of(ann).post(url_of(tree), {"organization": sub.pk}))
    assert "pass" not in said
    assert "Seen from then on by the people of: Annex" in said
