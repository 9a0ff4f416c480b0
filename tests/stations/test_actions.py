"""What a station can do, and what is told of it before it is asked."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from stations import explain
from stations.models import Command, ConfigurationKey, Station
from tests.conftest import Tree
from tests.stations.sheets import ask, command, online, page, report, said, text


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


@pytest.mark.parametrize(
    ("action", "payload", "answer", "title", "result"),
    [
        ("UnlockConnector", {"connectorId": 2}, "NotSupported", "Unlock connector 2", "no lock, or a fixed cable"),
        ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}, "Accepted", "Put the station in service", "Accepted."),
        ("ChangeConfiguration", {"key": "A", "value": "1"}, "RebootRequired", "Change A to “1”", "in force after a reset"),
        ("SendLocalList", {"updateType": "Full"}, "VersionMismatch", "Send the local list, 0 cards", "It is given the whole list."),
        ("DataTransfer", {"vendorId": "x"}, "UnknownVendorId", "DataTransfer", "UnknownVendorId"),
    ],
)
def test_commands_in_words(action: str, payload: dict[str, object], answer: str, title: str, result: str, tree: Tree) -> None:
    number = payload.get("connectorId") or None
    row = command(tree.station, action, payload, state="rejected", answer={"status": answer}, connector_number=number, version="1.6")
    assert explain.title_of(row, values=True) == title
    assert result in explain.command_result(row, tree.bob)
