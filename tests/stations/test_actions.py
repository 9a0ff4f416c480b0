"""What a station can do, and what is told of it before it is asked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes.models import ChargePass
from stations import actions, command_words, explain
from stations.bulk import KINDS, Done
from stations.bulk.kinds.commands import cars_at
from stations.controls import Situation
from stations.models import Command, ConfigurationKey, Connector, Station, Transaction
from stations.ocpp.intents import LOG_STATUS
from tenancy.models import User
from tests.conftest import Tree
from tests.stations.sheets import ask, charging, command, online, page, report, said, text


@pytest.fixture
def station(tree: Tree) -> Station:
    """Online, both connectors free."""
    for number in (0, 1, 2):
        report(tree.station, number, "Available")
    return online(tree.station)


def test_what_a_station_has_no_feature_profile_for_is_grey(station: Station, as_bob: Client) -> None:
    profiles = ConfigurationKey.objects.create(station=station, key="SupportedFeatureProfiles", value="Core, LocalAuthListManagement")
    why = "The station does not support remote triggers (its feature profiles: Core, LocalAuthListManagement)."
    assert why in text(page(as_bob, station))
    assert said(ask(as_bob, station, "trigger", message="Heartbeat")) == [why]
    ConfigurationKey.objects.filter(pk=profiles.pk).update(value="Core,remotetrigger")
    ask(as_bob, station, "trigger", message="Heartbeat")
    assert Command.objects.get().action == "TriggerMessage"


def test_what_it_did_not_know_before_is_told_before_it_is_asked_again(station: Station, as_bob: Client) -> None:
    url = reverse("station_command", args=[station.pk, "reset-hard"])
    assert "It may refuse again" not in text(as_bob.get(url).content.decode())
    command(station, "Reset", {"type": "Soft"}, state="failed", error_code="NotImplemented")
    assert "The station does not know this command. It may refuse again." in text(as_bob.get(url).content.decode())


def asked(client: Client, station: Station, slug: str, **given: str) -> str:
    """What the page says that asks first."""
    return text(client.get(reverse("station_command", args=[station.pk, slug]), given).text)


def test_a_car_that_only_the_station_tells_of_counts(station: Station, as_bob: Client, bob: User) -> None:
    report(station, 1, "SuspendedEV")
    assert "1 car is charging here; its transaction will end." in asked(as_bob, station, "reset-hard")
    assert "A car is charging here; its charge ends." in asked(as_bob, station, "unlock", connector="1")
    ask(as_bob, station, "reset-soft")
    assert not Command.objects.exists()
    assert "no transaction of it is known" in asked(as_bob, station, "stop", connector="1")
    assert cars_at([Situation(bob, station)]) == 1


@pytest.mark.parametrize(
    ("slug", "told"),
    [
        ("reset-soft", "The station is away for a few minutes and then connects again."),
        ("unlock", "The lock opens. The cable can then be pulled by anyone."),
        ("start", "The owner pays for the charge: passes on the list charge free here."),
    ],
)
def test_what_happens_is_told_before(slug: str, told: str, station: Station, as_bob: Client) -> None:
    Station.objects.filter(pk=station.pk).update(access_mode="whitelist")
    assert told in asked(as_bob, station, slug, connector="1")
    assert not Command.objects.exists()


def test_a_pass_that_may_not_charge_now_is_not_offered(station: Station, as_bob: Client) -> None:
    Station.objects.filter(pk=station.pk).update(access_mode="whitelist")
    assert "Pool car 1 · The driver charges free; the owner pays." in asked(as_bob, station, "start")
    sometimes = [{"days": [(timezone.now().weekday() + 3) % 7], "from": "08:00", "to": "09:00"}]
    ChargePass.objects.update(hours=sometimes)
    assert "Pool car 1" not in asked(as_bob, station, "start")


def test_a_status_that_our_switch_speaks_against_is_not_explained_as_true(station: Station, as_bob: Client) -> None:
    Connector.objects.filter(station=station, number=1).update(availability="Inoperative")
    Connector.objects.filter(station=station, number=2).update(availability="Inoperative")
    shown = text(page(as_bob, station))
    assert "Free: a driver can plug in and charge." not in shown
    assert "The station still reports it as free: it has not followed our switch yet." in shown


@pytest.mark.parametrize(
    ("current", "plug", "dc"),
    [
        ("DC", "", True),
        ("AC", "", False),
        ("DC", "Type 2", False),
        ("AC", "CCS", True),
        ("AC", "Combo Type 2", True),
        ("DC", "Typ2", False),
    ],
)
def test_the_plug_says_whether_it_can_be_unlocked(current: str, plug: str, dc: bool, station: Station, tree: Tree) -> None:
    Station.objects.filter(pk=station.pk).update(current_type=current)
    Connector.objects.filter(station=station, number=1).update(plug=plug)
    found = Situation(tree.bob, Station.objects.select_related("location__organization").get(pk=station.pk))
    assert bool(found.why_not("unlock", found.connector(1))) == dc


def test_a_charge_that_cannot_be_stopped_is_no_success(station: Station, tree: Tree) -> None:
    charging(station, 1)
    odd = charging(station, 2)
    Transaction.objects.filter(pk=odd.pk).update(transaction_id="x7")
    job = actions.look_at_many(actor=tree.bob, kind=KINDS["stop"], stations=Station.objects.filter(pk=station.pk))
    item, found = job.items.get(), Situation(tree.bob, station)
    (sent,) = cast("list[Command]", KINDS["stop"].step(tree.bob, {}, found, item, []))
    Command.objects.update(state="accepted", answer={"status": "Accepted"})
    done = KINDS["stop"].step(tree.bob, {}, found, item, [Command.objects.get(pk=sent.pk)])
    assert done == Done("Stop accepted. Connector 2: This transaction has no number the station knows it by.", good=False)


@pytest.mark.parametrize(
    ("action", "payload", "answer", "title", "result"),
    [
        ("UnlockConnector", {"connectorId": 2}, "NotSupported", "Unlock connector 2", "no lock, or a fixed cable"),
        ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}, "Accepted", "Put the station in service", "Accepted."),
        ("ChangeConfiguration", {"key": "A", "value": "1"}, "RebootRequired", "Change A to “1”", "in force after a reset"),
        (
            "SendLocalList",
            {"listVersion": 1, "updateType": "Full"},
            "VersionMismatch",
            "Send the local list, 0 cards",
            "It is given the whole list.",
        ),
        ("DataTransfer", {"vendorId": "x"}, "UnknownVendorId", "Tell it what its vendor has agreed on: x", "knows nothing of this vendor"),
    ],
)
def test_commands_in_words(action: str, payload: dict[str, object], answer: str, title: str, result: str, tree: Tree) -> None:
    number = payload.get("connectorId") or None
    row = command(tree.station, action, payload, state="rejected", answer={"status": answer}, connector_number=number, version="1.6")
    assert command_words.title_of(row, values=True) == title
    assert result in command_words.command_result(row, tree.bob)


def test_pages_bulk_jobs_and_actions_do_not_know_a_version(station: Station, as_bob: Client) -> None:
    below = Path(explain.__file__).parent
    for part in ("pages", "bulk", "actions"):
        for module in (below / part).rglob("*.py"):
            assert not re.search(r"\b(v16|calls16|v201|calls201)\b", module.read_text()), module
    ask(as_bob, station, "trigger", message=LOG_STATUS)
    row = Command.objects.get()
    assert row.payload == {"requestedMessage": "DiagnosticsStatusNotification"}
    assert command_words.title_of(row, values=True) == "Ask for the state of its diagnostics"


def test_the_page_of_the_access_mode_counts_cars_that_the_station_tells_of(station: Station, as_bob: Client) -> None:
    charging(station, 1)
    report(station, 2, "SuspendedEVSE")
    assert "2 cars charge there now." in text(page(as_bob, station, "station_access", "?mode=open"))
