"""The local list over the wire (OCPP 1.6 §5.15): what a station is sent, what it answers, and what of it is kept."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from passes import actions, local_list_sync
from passes.models import LocalList
from stations.actions import request_command
from stations.models import Command, Frame, Station
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines

OK = {"status": "Accepted"}


def settled() -> None:
    """A minute has passed since it connected."""
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    Station.objects.filter(identity="LUM-0001").update(connected_at=timezone.now() - timedelta(minutes=2))


def sent(wire: Wire) -> tuple[str, Any]:
    """What the portal sends now that it looks: message id and payload."""
    until(lambda: not Command.objects.filter(state__in=Command.OPEN).exists())
    local_list_sync.keep_in_step()
    message_id, action, payload = wire.expect_call()
    assert action == "SendLocalList"
    return message_id, payload


def done() -> LocalList:
    until(lambda: not Command.objects.filter(state__in=Command.OPEN).exists())
    local_list_sync.keep_in_step()
    return LocalList.objects.get(station__identity="LUM-0001")


def test_full_then_differential_and_no_card_in_the_log(wire: Wire, tree: Tree) -> None:
    local_list_sync.keep_in_step()
    assert wire.silent(), "never right after the connect"
    settled()
    message_id, payload = sent(wire)
    assert payload == {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [{"idTag": CARD, "idTagInfo": OK}]}
    wire.answer(message_id, OK)
    actions.create_pass(actor=None, organization=tree.customer, uid="04FFEE11")
    until(lambda: not Command.objects.filter(state__in=Command.OPEN).exists())
    message_id, payload = sent(wire)
    assert payload == {"listVersion": 2, "updateType": "Differential", "localAuthorizationList": [{"idTag": "04FFEE11", "idTagInfo": OK}]}
    wire.answer(message_id, OK)
    kept = done()
    assert (kept.state, kept.version, sorted(kept.entries)) == ("in_step", 2, [CARD, "04FFEE11"])
    everything = json.dumps([*Frame.objects.values_list("call", flat=True), *Command.objects.values_list("payload", flat=True)])
    assert CARD not in everything
    assert everything.count("****") == 4


@pytest.mark.parametrize("word", ["VersionMismatch", "Failed"])
def test_a_refused_differential_is_followed_by_the_whole_list(word: str, wire: Wire, tree: Tree) -> None:
    LocalList.objects.create(station=tree.station, version=7, entries={"0100": OK, "0200": OK, CARD: OK}, due_at=timezone.now())
    actions.create_pass(actor=None, organization=tree.customer, uid="0300")
    actions.create_pass(actor=None, organization=tree.customer, uid="0200")
    settled()
    message_id, payload = sent(wire)
    assert (payload["updateType"], payload["localAuthorizationList"]) == (
        "Differential",
        [{"idTag": "0100"}, {"idTag": "0300", "idTagInfo": OK}],
    )
    wire.answer(message_id, {"status": word})
    message_id, payload = sent(wire)
    assert (payload["updateType"], payload["listVersion"], len(payload["localAuthorizationList"])) == ("Full", 8, 3)
    wire.answer(message_id, OK)
    assert (done().state, done().version) == ("in_step", 8)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ('[3,"%s",{"status":"NotSupported"}]', "unsupported"),
        ('[4,"%s","NotImplemented","",{}]', "unsupported"),
        ('[3,"%s",{"status":"Failed"}]', "failed"),
        ('[3,"%s",{}]', "failed"),
    ],
)
def test_not_supported_and_failed(answer: str, state: str, wire: Wire) -> None:
    settled()
    wire.socket.send(answer.replace("%s", sent(wire)[0]))
    assert done().state == state
    assert wire.silent(), "not again at once"


def test_a_list_is_looked_at_when_the_station_tells_how_much_fits(wire: Wire, tree: Tree) -> None:
    for key, due in (("HeartbeatInterval", False), ("LocalAuthListMaxLength", True), ("LocalAuthListMaxLength", False)):
        settled()
        LocalList.objects.update_or_create(station=tree.station, defaults={"due_at": None})
        command = request_command(
            actor=None, station=Station.objects.get(pk=tree.station.pk), action="GetConfiguration", payload={"key": [key]}
        )
        wire.answer(wire.expect_call()[0], {"configurationKey": [{"key": key, "readonly": True, "value": "1"}]})
        until(lambda: Command.objects.filter(pk=command.pk, state="accepted").exists())  # noqa: B023
        assert (LocalList.objects.get(station=tree.station).due_at is not None) == due


def test_a_connection_that_is_lost_in_between(gateway: Gateway, wire: Wire, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_list_sync, "TIMEOUT", 1)
    settled()
    sent(wire)
    wire.close()
    until(lambda: not Station.objects.get(pk=tree.station.pk).connected)
    again = gateway.connect()
    assert done().state == "unanswered", "it may have taken it"
    settled()
    Command.objects.update(sent_at=timezone.now() - timedelta(minutes=3))
    LocalList.objects.update(unanswered_at=timezone.now() - timedelta(minutes=3))
    message_id, payload = sent(again)
    assert (payload["updateType"], payload["listVersion"]) == ("Full", 2)
    again.answer(message_id, OK)
    assert done().state == "in_step"
