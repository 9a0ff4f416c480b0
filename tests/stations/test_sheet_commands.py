"""Asking a station from its data sheet: what is sent, what asks first, what is refused with its reason."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes.actions import create_pass
from stations.models import (
    Availability,
    Command,
    Connector,
    Station,
    Transaction,
)
from tenancy.models import AuditEntry, User
from tests.conftest import CARD, Tree
from tests.stations.sheets import ask, charging, online, page, report, said, text


@pytest.fixture
def station(tree: Tree) -> Station:
    """Online, both connectors free."""
    for number in (0, 1, 2):
        report(tree.station, number, "Available")
    return online(tree.station)


@pytest.mark.parametrize(
    ("slug", "data", "action", "payload"),
    [
        ("reset-soft", {"confirmed": "1"}, "Reset", {"type": "Soft"}),
        ("reset-hard", {"confirmed": "1"}, "Reset", {"type": "Hard"}),
        ("unlock", {"connector": "2", "confirmed": "1"}, "UnlockConnector", {"connectorId": 2}),
        ("inoperative", {"confirmed": "1"}, "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
        ("inoperative", {"confirmed": "1", "connector": "2"}, "ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}),
        ("trigger", {"message": "StatusNotification"}, "TriggerMessage", {"requestedMessage": "StatusNotification"}),
        ("trigger", {"message": "MeterValues", "connector": "1"}, "TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}),
        ("clear-cache", {}, "ClearCache", {}),
        ("get-configuration", {}, "GetConfiguration", {}),
        ("start", {"connector": "1", "charge_pass": CARD}, "RemoteStartTransaction", {"connectorId": 1, "idTag": CARD}),
        ("start", {"connector": "1", "uid": "04:a2:b3:c4:d5:e6:80"}, "RemoteStartTransaction", {"connectorId": 1, "idTag": CARD}),
    ],
)  # fmt: skip
def test_a_button_asks_the_station(
    slug: str, data: dict[str, str], action: str, payload: dict[str, Any], station: Station, as_bob: Client, bob: User
) -> None:
    answer = ask(as_bob, station, slug, **data)
    assert answer.redirect_chain == [(reverse("station", args=[station.pk]), 302)]
    (row,) = Command.objects.all()
    assert (row.action, row.payload, row.requested_by, row.state) == (action, payload, bob, "queued")
    assert said(answer)[0].startswith("Asked Gate ")
    assert AuditEntry.objects.filter(verb="command", object_id=station.pk, actor=bob).exists()


def test_a_message_is_asked_of_the_station_or_of_one_connector(station: Station, as_bob: Client) -> None:
    asking = as_bob.get(reverse("station_command", args=[station.pk, "trigger"])).content.decode()
    assert '<option value="0" selected>The whole station</option>' in asking
    assert '<option value="2">' in asking


def test_a_charge_that_was_asked_to_stop_stands_under_our_number(station: Station, as_bob: Client) -> None:
    charge = charging(station)
    Command.objects.create(station=station, action="RemoteStopTransaction", payload={"transactionId": int(charge.transaction_id)},
                           deadline=timezone.now())  # fmt: skip
    shown = as_bob.get(reverse("station", args=[station.pk])).content.decode()
    assert f">Transaction {charge}</a>" in shown


def test_putting_back_in_service(station: Station, as_bob: Client) -> None:
    Connector.objects.filter(station=station, number=1).update(availability=Availability.INOPERATIVE)
    ask(as_bob, station, "operative", connector="1")
    assert Command.objects.get().payload == {"connectorId": 1, "type": "Operative"}


def test_stopping_asks_first_and_says_how_much_was_charged(station: Station, as_bob: Client) -> None:
    transaction = charging(station)
    answer = ask(as_bob, station, "stop", connector="1")
    assert not Command.objects.exists()
    shown = text(answer.content.decode())
    assert "The charge at connector 1 ends, with 12.94 kWh so far." in shown
    assert re.search(r"<button[^>]*btn-danger[^>]*>.{0,200}Stop charging", answer.content.decode(), re.DOTALL)
    answer = ask(as_bob, station, "stop", connector="1", confirmed="1")
    row = Command.objects.get()
    assert (row.action, row.payload) == ("RemoteStopTransaction", {"transactionId": transaction.pk})
    assert said(answer) == ["Asked Gate to stop charging at connector 1."]


def test_a_stop_can_name_the_transaction(station: Station, as_bob: Client) -> None:
    first, second = charging(station, 1), charging(station, 2)
    ask(as_bob, station, "stop", transaction=str(second.pk), confirmed="1")
    assert Command.objects.get().payload == {"transactionId": second.pk}
    Transaction.objects.filter(pk=first.pk).update(ended_at=timezone.now(), meter_stop=2000)
    assert said(ask(as_bob, station, "stop", transaction=str(first.pk), confirmed="1")) == ["This transaction has ended already."]
    for wrong in ("9" * 30, "x", str(second.pk + 99)):
        assert ask(as_bob, station, "stop", transaction=wrong).status_code == 404


def test_a_transaction_of_another_station_is_not_stopped_from_here(tree: Tree, station: Station, as_bob: Client) -> None:
    online(tree.dc_station)
    other = charging(tree.dc_station)
    assert ask(as_bob, station, "stop", transaction=str(other.pk), confirmed="1").status_code == 404
    assert not Command.objects.exists()


def test_a_reset_while_cars_charge_says_to_how_many_it_happens(station: Station, as_bob: Client) -> None:
    charging(station, 1)
    charging(station, 2)
    answer = ask(as_bob, station, "reset-soft")
    assert "2 cars are charging here; their transactions will end." in text(answer.content.decode())
    assert not Command.objects.exists()
    ask(as_bob, station, "reset-soft", confirmed="1")
    assert Command.objects.count() == 1


@pytest.mark.parametrize(
    ("slug", "data", "words"),
    [
        ("reset-hard", {}, "switched off and on"),
        ("inoperative", {}, "Nobody can start charging at this station"),
        ("inoperative", {"connector": "1"}, "Nobody can start charging at connector 1"),
        ("unlock", {"connector": "1"}, "The cable can then be pulled by anyone."),
    ],
)
def test_what_harms_asks_first(slug: str, data: dict[str, str], words: str, station: Station, as_bob: Client) -> None:
    charging(station)
    assert words in text(ask(as_bob, station, slug, **data).content.decode())
    assert not Command.objects.exists()


def test_the_connector_is_chosen_where_several_are_possible(station: Station, as_bob: Client) -> None:
    shown = as_bob.get(reverse("station_command", args=[station.pk, "start"])).content.decode()
    assert shown.count('type="radio"') == 2
    assert "Pool car 1" in shown
    ask(as_bob, station, "start", connector="2", charge_pass=CARD, confirmed="1")
    assert Command.objects.get().payload == {"connectorId": 2, "idTag": CARD}


@pytest.mark.parametrize(
    ("mode", "offered"),
    [
        ("open", ["Pool car 1", "Roams"]),
        ("whitelist", ["Pool car 1"]),
        ("roaming", []),  # no network knows it
        ("roaming_whitelist", ["Pool car 1"]),
    ],
)
def test_passes_are_offered_that_charge_in_the_access_mode(mode: str, offered: list[str], station: Station, as_bob: Client) -> None:
    owner = station.location.organization
    create_pass(actor=None, organization=owner, uid="04AA0001", nickname="Roams", kind="public", whitelist=False, roaming_free=True)
    create_pass(actor=None, organization=owner, uid="04AA0002", nickname="Elsewhere", blocked=True)
    Station.objects.filter(pk=station.pk).update(access_mode=mode)
    form = as_bob.get(reverse("station_command", args=[station.pk, "start"])).context["form"]
    choices = form.fields["charge_pass"].choices if "charge_pass" in form.fields else []
    assert [name.partition(" · ")[0] for uid, name in choices if uid] == offered


@pytest.mark.parametrize(
    ("uid", "why"),
    [
        ("04FFFFFFFFFFFF", "No pass with this UID is on the organization"),
        ("NL-TNM-B12345-6", "This looks like the number printed on the card"),
        ("", "Choose a pass, or type the UID of a card."),
        ("0" * 30, "at most 20 characters"),
    ],
)
def test_a_start_that_the_station_would_end_again_is_not_asked_for(uid: str, why: str, station: Station, as_bob: Client) -> None:
    answer = ask(as_bob, station, "start", connector="1", uid=uid, confirmed="1")
    assert why in text(answer.content.decode())
    assert not Command.objects.exists()


@pytest.mark.parametrize(
    ("status", "fields", "slug", "why"),
    [
        ("Faulted", {}, "start", "The connector is faulted."),
        ("Unavailable", {}, "start", "unavailable"),
        ("Reserved", {}, "start", "reserved"),
        ("Charging", {}, "start", "The station says that a car charges here."),
        ("Available", {"availability": "Inoperative"}, "start", "Put it in service first."),
        ("Available", {}, "stop", "Nothing is charging here."),
        ("Available", {}, "operative", "It is in service already."),
        ("Available", {"format": "cable"}, "unlock", "The cable is fixed here"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    status: str, fields: dict[str, str], slug: str, why: str, station: Station, as_bob: Client
) -> None:
    report(station, 1, status, **fields)
    answer = ask(as_bob, station, slug, connector="1", charge_pass=CARD, confirmed="1")
    assert why in said(answer)[0]
    assert not Command.objects.exists()
    shown = text(as_bob.get(reverse("station_command", args=[station.pk, slug]), {"connector": "1"}).content.decode())
    assert "This cannot be done now." in shown
    assert why in shown


def test_a_dc_plug_is_not_unlocked(tree: Tree, as_bob: Client) -> None:
    online(tree.dc_station)
    assert "A DC plug cannot be unlocked from here. Use reset." in text(page(as_bob, tree.dc_station))


@pytest.mark.parametrize("slug", ["nonsense", "delete"])
def test_an_unknown_command_is_not_found(slug: str, station: Station, as_bob: Client) -> None:
    assert ask(as_bob, station, slug).status_code == 404


@pytest.mark.parametrize("number", ["7", "x", "-1", "99999999999999999999"])
def test_a_connector_that_is_not_there_is_not_found(number: str, station: Station, as_bob: Client) -> None:
    assert ask(as_bob, station, "unlock", connector=number).status_code == 404


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example", "stations"])
def test_the_way_back_stays_in_this_house(wanted: str, station: Station, as_bob: Client) -> None:
    answer = as_bob.post(reverse("station_command", args=[station.pk, "clear-cache"]), {"next": wanted})
    assert answer["Location"] == reverse("station", args=[station.pk])


def test_one_goes_back_to_the_page_that_asked(station: Station, as_bob: Client) -> None:
    back = reverse("station_configuration", args=[station.pk]) + "?in=o3"
    answer = as_bob.post(reverse("station_command", args=[station.pk, "get-configuration"]), {"next": back})
    assert answer["Location"] == back
