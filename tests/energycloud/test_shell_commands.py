"""`add_station` and `send`, as far as they need no running portal; with one: tests/e2e."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from stations import credentials
from stations.models import Command, Location, Station
from tests.conftest import Tree


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_add_station_prints_what_to_type_into_the_station(tree: Tree) -> None:
    told = run("add_station", "NEW-1", "--location", "Quay 7", "--connectors", "2")
    station = Station.objects.get(identity="NEW-1")
    assert station.location == tree.location
    assert station.connectors.count() == 3  # with the station itself
    assert "URL:        ws://" in told
    password = told.split("Password:")[1].strip()
    assert station.password_digest == credentials.digest(password)


def test_add_station_takes_a_given_password(tree: Tree) -> None:
    run("add_station", "NEW-1", "--location", "Quay 7", "--password", "0123456789abcdef")
    assert Station.objects.get(identity="NEW-1").password_digest == credentials.digest("0123456789abcdef")


def test_add_station_makes_a_location_that_is_not_there_and_says_so(tree: Tree) -> None:
    told = run("add_station", "NEW-1", "--location", "Somewhere new", "--organization", "Harbour Offices")
    assert "There was no location “Somewhere new”" in told
    assert Location.objects.get(name="Somewhere new").organization == tree.customer


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["LUM-0001", "--location", "Quay 7"], "LUM-0001 is already in use"),
        (["with space", "--location", "Quay 7"], "A station id has at most 48"),
        (["NEW-1", "--location", "Quay 7", "--password", "short"], "must have 16 to 40 characters"),
        (["NEW-1", "--location", "Nowhere", "--organization", "Nobody"], "There is no organization “Nobody”"),
    ],
)
def test_add_station_refuses_and_says_why(arguments: list[str], sentence: str, tree: Tree) -> None:
    before = Station.objects.count(), Location.objects.count()
    with pytest.raises(CommandError, match=sentence):
        run("add_station", *arguments)
    assert (Station.objects.count(), Location.objects.count()) == before


def test_a_location_name_that_two_organizations_have_must_be_told_apart(tree: Tree) -> None:
    Location.objects.create(organization=tree.other_customer, name="Quay 7")
    with pytest.raises(CommandError, match="--organization: Harbour Offices, Hotel Seeblick"):
        run("add_station", "NEW-1", "--location", "Quay 7")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["NOBODY", "Reset"], 1, "There is no station with the id 'NOBODY'"),
        (["LUM-0001", "Reset", "{type: Soft}"], 1, "This is not JSON"),
        (["LUM-0001", "Reset", '["Soft"]'], 1, "must be a JSON object"),
        (["LUM-0001", "Reset", '{"type": "Gentle"}'], 1, "does not fit its schema"),
        (["LUM-0001", "Explode"], 1, "OCPP 1.6 has no command Explode"),
        (["LUM-0001", "Reset", '{"type": "Soft"}'], 3, "is not connected"),
    ],
)
def test_send_refuses_with_its_exit_code(arguments: list[str], code: int, sentence: str, tree: Tree) -> None:
    with pytest.raises(CommandError, match=sentence) as refusal:
        run("send", *arguments)
    assert refusal.value.returncode == code
    assert not Command.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.engines
def test_send_gives_up_when_no_portal_delivers(tree: Tree) -> None:
    Station.objects.filter(pk=tree.station.pk).update(connected=True, gateway="gone")
    with pytest.raises(CommandError, match="Is the portal running") as refusal:
        run("send", "LUM-0001", "ClearCache", "--timeout", "1")
    assert refusal.value.returncode == 2
