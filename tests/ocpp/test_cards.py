"""What a station is told of a card, and what is kept: decisions as they go over the wire."""

from __future__ import annotations

import json
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from passes.models import ChargePass, Listing, PassGroup, Provider, RoamingToken
from stations import hooks
from stations.gateway import ledger
from stations.models import CardOffer, Connector, Frame, Station, Transaction
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire
from tests.ocpp.test_messages import now, start, stop

pytestmark = pytest.mark.engines

END = timezone.now().replace(microsecond=0) + timedelta(days=3)
W, F, NONE = {"whitelist": True}, {"roaming_free": True}, {"whitelist": False}
# Access mode of the station, its pass and what that may, whether a network lets the card charge; what the station hears, and who pays
TOLD: list[tuple[str, dict[str, Any], dict[str, Any], bool, str, str]] = [
    ("open", {"blocked": True}, NONE, False, "Accepted", "open"),
    ("whitelist", {}, W, False, "Accepted", "whitelist"),
    ("whitelist", {"valid_until": END}, W, False, "Accepted until", "whitelist"),
    ("whitelist", {}, NONE, True, "Invalid", ""),
    ("whitelist", {"blocked": True}, W, False, "Blocked", ""),
    ("whitelist", {"valid_until": END - timedelta(days=9)}, W, True, "Expired", ""),
    ("whitelist", {"only_stations": [999_999]}, W, False, "Blocked", ""),
    ("whitelist", {"group": True}, W, False, "Accepted STAFF", "whitelist"),
    ("roaming", {}, W, False, "Invalid", ""),
    ("roaming", {"valid_until": END}, {**W, **F}, True, "Accepted until", "roaming_free"),
    ("roaming", {"valid_until": END}, W, True, "Accepted", "roaming"),
    ("roaming", {"valid_until": END - timedelta(days=9)}, F, True, "Accepted", "roaming"),
    ("roaming_whitelist", {}, {**W, **F}, True, "Accepted", "whitelist"),
    ("roaming_whitelist", {"blocked": True}, W, True, "Blocked", ""),
]  # fmt: skip


def test_a_card_is_authorized_starts_and_stops(wire: Wire, tree: Tree) -> None:
    group = PassGroup.objects.create(organization=tree.customer, name="Staff", group_id="STAFF")
    provider = Provider.objects.create(organization=tree.platform, name="TNM", country_code="NL", party_id="TNM")
    token = RoamingToken.objects.create(provider=provider, uid=CARD, contract_id="NL-TNM-1")
    for number, (mode, fields, switches, network, cell, settlement) in enumerate(TOLD):
        values = {"blocked": False, "valid_until": None, "only_stations": [], **fields, "group": group if "group" in fields else None}
        ChargePass.objects.filter(pk=tree.charge_pass.pk).update(**values)
        Listing.objects.update(**{"whitelist": False, "roaming_free": False, **switches})
        Provider.objects.update(active=network)
        Station.objects.filter(pk=tree.station.pk).update(access_mode=mode)
        status, *more = cell.split()
        expected = {"status": status}
        if more == ["until"]:
            expected["expiryDate"] = f"{END:%Y-%m-%dT%H:%M:%S}.000Z"
        elif more:
            expected["parentIdTag"] = more[0]
        case = (number, mode, fields, switches, network)
        assert wire.call("Authorize", {"idTag": CARD.lower()})["idTagInfo"] == expected, case
        begun = start(wire, meter=number)
        assert begun["idTagInfo"] == expected, case
        ended = stop(wire, begun["transactionId"], meter=number + 100, idTag=CARD)
        assert ended == {"idTagInfo": expected}, case
        kept = Transaction.objects.get(pk=begun["transactionId"])
        assert (kept.verdict, kept.settlement, kept.meter_stop) == (status, settlement, number + 100), case
        assert ("refused_card" in kept.problems) == (status != "Accepted"), "kept all the same, and flagged"
        assert kept.pass_key == tree.charge_pass.pk
        assert kept.token_key == token.pk or settlement not in ("roaming", "roaming_free")
        authorized, started = CardOffer.objects.order_by("-pk")[:2][::-1]
        assert (authorized.action, started.action) == ("Authorize", "StartTransaction")
        assert (authorized.verdict, authorized.settlement, bool(authorized.steps)) == (status, settlement, True)
        assert (authorized.reason, authorized.settlement) == (started.reason, started.settlement)
    assert start(wire, tag="UNKNOWN1", meter=9)["idTagInfo"] == {"status": "Invalid"}
    assert Transaction.objects.get(id_tag="UNKNOWN1").problems == ["refused_card"]


def test_the_day_ends_at_midnight_of_the_location_and_is_told_in_utc(wire: Wire, tree: Tree) -> None:
    ChargePass.objects.update(daily_kwh=5)
    local = timezone.now().astimezone(tree.location.zone)
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), tree.location.zone)
    told = wire.call("Authorize", {"idTag": CARD})["idTagInfo"]
    assert datetime.fromisoformat(told["expiryDate"]) == midnight.astimezone(UTC)
    first = start(wire, meter=0, at=now(minutes=-2))
    stop(wire, first["transactionId"], meter=5000, at=now(minutes=-1))
    used = wire.call("Authorize", {"idTag": CARD})["idTagInfo"]
    assert used == {"status": "Blocked"} or local.hour == 0, "just after midnight the charge was of yesterday"


# -- at the same time ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`gathered(gateway, send)`: everything that `send` says is booked in one batch; the sizes of the batches."""
    original, gate, sizes = ledger._commit_once, threading.Event(), []
    gate.set()

    def commit(batch: list[Any]) -> Any:
        sizes.append(len(batch))
        gate.wait(10)
        return original(batch)

    monkeypatch.setattr(ledger, "_commit_once", commit)

    def gather(wire: Wire, send: Any) -> list[int]:
        gate.clear()
        wire.socket.send('[2,"hold","Heartbeat",{}]')
        time.sleep(0.3)
        sizes.clear()
        send()
        time.sleep(0.3)
        gate.set()
        assert wire.receive()[1] == "hold"
        return sizes

    return gather


def start_text(connector: int = 1, meter: int = 0, at: str | None = None) -> str:
    body = {"connectorId": connector, "idTag": CARD, "meterStart": meter, "timestamp": at or now()}
    return json.dumps([2, uuid.uuid4().hex, "StartTransaction", body])


@pytest.mark.parametrize("seconds", [0, -20])
def test_of_two_starts_at_the_same_moment_one_is_accepted(gateway: Gateway, tree: Tree, gathered: Any, seconds: int) -> None:
    """Whichever clock is behind."""
    other, first, second = (gateway.connect(identity) for identity in ("VOLT-0001", "LUM-0001", "LUM-0002"))
    texts = start_text(at=now()), start_text(at=now(seconds=seconds))

    def send() -> None:
        first.socket.send(texts[0])
        second.socket.send(texts[1])

    assert max(gathered(other, send)) >= 2
    statuses = sorted(wire.receive()[2]["idTagInfo"]["status"] for wire in (first, second))
    assert statuses == ["Accepted", "ConcurrentTx"]
    assert sorted(Transaction.objects.values_list("verdict", "settlement")) == [("Accepted", "whitelist"), ("ConcurrentTx", "")]
    assert Transaction.objects.get(verdict="ConcurrentTx").problems == ["refused_card"]
    Station.objects.filter(identity="LUM-0001").update(connected=True)
    # Authorize is not a start, and where the first has ended it starts
    assert second.call("Authorize", {"idTag": CARD})["idTagInfo"]["status"] == "Accepted"
    running = Transaction.objects.select_related("station").get(verdict="Accepted")
    by, idle = (first, second) if running.station.identity == "LUM-0001" else (second, first)
    assert start(idle, meter=1)["idTagInfo"]["status"] == "ConcurrentTx"
    stop(by, running.pk)
    assert start(idle, meter=2)["idTagInfo"]["status"] == "Accepted"


def test_a_start_said_again_is_the_same(gateway: Gateway, tree: Tree, gathered: Any) -> None:
    wire, other = gateway.connect("LUM-0001"), gateway.connect("LUM-0002")
    text = start_text(meter=77)
    first = wire.raw(text)[2]
    assert first["idTagInfo"]["status"] == "Accepted"
    assert start(other)["idTagInfo"]["status"] == "ConcurrentTx"
    assert wire.raw(text)[2] == first
    ChargePass.objects.update(blocked=True)
    again = wire.raw(text.replace(text[6:20], uuid.uuid4().hex[:14]))[2]
    assert (again["transactionId"], again["idTagInfo"]["status"]) == (first["transactionId"], "Accepted"), "what was said of it stands"
    assert Transaction.objects.filter(station=tree.station).count() == 1
    assert CardOffer.objects.filter(station=tree.station).count() == 1


def test_both_connectors_and_several_at_once(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect("LUM-0001")
    assert start(wire, connector=1)["idTagInfo"]["status"] == "Accepted"
    assert start(wire, connector=2)["idTagInfo"]["status"] == "ConcurrentTx"
    ChargePass.objects.update(several_at_once=True)
    assert start(wire, connector=2, meter=3)["idTagInfo"]["status"] == "Accepted"


def test_a_start_without_a_connector_keeps_no_other_from_starting(gateway: Gateway, tree: Tree, gathered: Any) -> None:
    other, first, second = (gateway.connect(identity) for identity in ("VOLT-0001", "LUM-0001", "LUM-0002"))

    def send() -> None:
        first.socket.send(start_text(connector=0))
        time.sleep(0.1)
        second.socket.send(start_text())

    gathered(other, send)
    assert first.receive()[2] == "PropertyConstraintViolation"
    assert second.receive()[2]["idTagInfo"]["status"] == "Accepted"


def test_what_is_reported_late_is_judged_by_what_was_before_it(gateway: Gateway, tree: Tree) -> None:
    wire, offline = gateway.connect("LUM-0001"), gateway.connect("LUM-0002")
    Connector.objects.update(status="Charging")
    assert start(wire, at=now(minutes=-30))["idTagInfo"]["status"] == "Accepted"
    assert start(offline, at=now(hours=-2))["idTagInfo"]["status"] == "Accepted", "that one had not begun"
    ChargePass.objects.update(valid_until=timezone.now() - timedelta(hours=1))
    late = start(offline, at=now(hours=-3), meter=5)
    assert late["idTagInfo"]["status"] == "Accepted", "it was valid then"
    expired = start(offline, at=now(minutes=-50), meter=6)
    assert (expired["idTagInfo"]["status"], expired["transactionId"] > 0) == ("Expired", True), "kept, answered and flagged"
    assert "refused_card" in Transaction.objects.get(pk=expired["transactionId"]).problems


# -- without a database ----------------------------------------------------------------------------------------------------------------


def test_a_fault_of_the_database_is_no_verdict(wire: Wire, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The station waits and then hears the truth: whatever goes wrong first while a card is looked up."""
    original, faults = hooks.authorizer, [OperationalError("server closed the connection unexpectedly")] * 3
    assert original

    def faulty(offers: Any) -> Any:
        if faults:
            raise faults.pop()
        return original(offers)

    monkeypatch.setattr(hooks, "authorizer", faulty)
    assert wire.call("Authorize", {"idTag": CARD})["idTagInfo"]["status"] == "Accepted"
    assert not faults
    assert [offer.verdict for offer in CardOffer.objects.all()] == ["Accepted"]
    faults += [OperationalError("server closed the connection unexpectedly")] * 2
    assert start(wire)["idTagInfo"]["status"] == "Accepted"


def test_while_the_database_is_away_nothing_is_said_of_a_card(wire: Wire, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    original, away = hooks.authorizer, threading.Event()
    assert original

    def faulty(offers: Any) -> Any:
        if away.is_set():
            raise OperationalError("connection refused")
        return original(offers)

    monkeypatch.setattr(hooks, "authorizer", faulty)
    away.set()
    wire.socket.send(json.dumps([2, "1", "Authorize", {"idTag": CARD}]))
    assert wire.silent(0.7)
    away.clear()
    assert wire.receive() == [3, "1", {"idTagInfo": {"status": "Accepted"}}]


def test_a_card_that_cannot_be_judged_is_an_internal_error(gateway: Gateway, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that no waiting cures; it stays with that card."""
    original = hooks.authorizer
    assert original

    def faulty(offers: Any) -> Any:
        if any(offer.id_tag == "POISON" for offer in offers):
            raise LookupError("a row that makes no sense")
        return original(offers)

    monkeypatch.setattr(hooks, "authorizer", faulty)
    wire = gateway.connect("LUM-0001")
    assert wire.call("Authorize", {"idTag": "POISON"}) == "InternalError"
    assert start(wire, tag="POISON") == "InternalError"
    assert wire.call("Authorize", {"idTag": CARD})["idTagInfo"]["status"] == "Accepted"
    assert [offer.id_tag for offer in CardOffer.objects.all()] == [CARD]
    assert Frame.objects.filter(action="Authorize", failed=True).exists()
    assert not Transaction.objects.exists()
