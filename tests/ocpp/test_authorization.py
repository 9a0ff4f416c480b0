"""Block C of OCPP 2.0.1 by its use cases: what a station is told of a card, and by which of its kinds; D01 and D02: its local list."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from passes import actions, local_list_sync
from passes.actions import create_provider
from passes.local_lists import Behaviour, plans
from passes.models import ChargePass, LocalList, RoamingToken
from stations.actions import ask, edit_station
from stations.models import AccessMode, CardOffer, Command, ConfigurationKey, DeviceVariable, Frame, Station, Transaction, VendorMessage
from stations.ocpp.intents import ClearCache
from stations.ocpp.replies import Card
from stations.ocpp.v201 import id_token_info
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines


@pytest.fixture
def wire201(gateway: Gateway) -> Wire:
    return gateway.connect(subprotocols=["ocpp2.0.1"])


def told(wire: Wire, token: str, kind: str = "ISO14443", **more: Any) -> Any:
    return wire.call("Authorize", {"idToken": {"idToken": token, "type": kind, **more}})["idTokenInfo"]


def test_c01_c04_c05_c06_a_card_in_every_state_has_its_word(wire201: Wire, tree: Tree) -> None:
    """And 1.6 keeps the words that it has."""
    now = timezone.now()
    end = now.replace(year=2099, microsecond=0)
    states: list[tuple[dict[str, Any], str]] = [
        ({}, "Accepted"),
        ({"valid_until": end}, "Accepted"),
        ({"blocked": True}, "Blocked"),
        ({"blocked": False, "valid_until": now - timedelta(days=1)}, "Expired"),
        ({"valid_until": None, "valid_from": now + timedelta(days=1)}, "NotAtThisTime"),
        ({"valid_from": None, "only_stations": [0]}, "NotAtThisLocation"),
    ]
    for fields, word in states:
        ChargePass.objects.filter(pk=tree.charge_pass.pk).update(**fields)
        info = told(wire201, CARD.lower())
        assert info["status"] == word, fields
        assert ("cacheExpiryDateTime" in info) == (fields.get("valid_until") == end)
    assert id_token_info(Card("Blocked", reason="used_up"))["status"] == "NoCredit"
    assert told(wire201, "04FFFFFF") == {"status": "Unknown"}
    assert told(wire201, "12AB", "KeyCode") == {"status": "Unknown"}


def test_tc_authorize_invalid_expired_and_blocked_are_what_1_6_has(wire: Wire, tree: Tree) -> None:
    assert wire.call("Authorize", {"idTag": "04FFFFFF"}) == {"idTagInfo": {"status": "Invalid"}}
    for fields, word in (({"only_stations": [0]}, "Blocked"), ({"valid_until": timezone.now() - timedelta(days=1)}, "Expired")):
        ChargePass.objects.filter(pk=tree.charge_pass.pk).update(**fields)
        assert wire.call("Authorize", {"idTag": CARD})["idTagInfo"]["status"] == word


def test_c02_c03_c06_what_is_no_card(wire201: Wire, tree: Tree) -> None:
    code = actions.create_pass(actor=None, organization=tree.customer, uid="4711")
    assert told(wire201, code.uid, "KeyCode")["status"] == "Accepted", "a code that somebody gave"
    assert told(wire201, CARD, "KeyCode")["status"] == "Invalid", "the number of a card, typed in"
    car = actions.create_pass(actor=None, organization=tree.customer, uid="001122AABBCC")
    assert told(wire201, "00:11:22:aa:bb:cc", "MacAddress")["status"] == "Accepted", car
    assert told(wire201, "E007000012345678", "ISO15693")["status"] == "Unknown"
    assert told(wire201, "button-1", "Local")["status"] == "Invalid"
    assert told(wire201, "", "NoAuthorization")["status"] == "Accepted", "the station lets everybody charge"
    edit_station(actor=None, station=tree.station, access_mode=AccessMode.OPEN)
    assert told(wire201, "button-1", "Local")["status"] == "Accepted"
    offers = {(row.id_type, row.reason) for row in CardOffer.objects.all()}
    assert {("Local", "no_card"), ("NoAuthorization", "no_authorization"), ("KeyCode", "typed"), ("Local", "open")} <= offers


def test_c07_c08_a_contract_stands_for_its_card(wire201: Wire, tree: Tree) -> None:
    edit_station(actor=None, station=tree.station, access_mode=AccessMode.ROAMING_WHITELIST)
    provider = create_provider(actor=None, organization=tree.partner, name="Roamio", country_code="NL", party_id="RMO")
    RoamingToken.objects.create(provider=provider, uid="04AAAAAA", contract_id="NL-RMO-C12345678-X")
    stranger = create_provider(actor=None, organization=tree.other_partner, name="Other", country_code="NL", party_id="OTH")
    RoamingToken.objects.create(provider=stranger, uid="04BBBBBB", contract_id="NL-OTH-C12345678-X")
    for contract in ("NLRMOC12345678X", "nl-rmo-c12345678-x"):
        assert told(wire201, contract, "eMAID")["status"] == "Accepted"
    assert told(wire201, "NLOTHC12345678X", "eMAID")["status"] == "Unknown", "of a network that is not connected here"
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(visible_number="NL-TNM-C00000001")
    assert told(wire201, "NLTNMC000000019", "eMAID")["status"] == "Accepted", "with a check digit that the card has not"
    assert CardOffer.objects.filter(id_tag="NLTNMC000000019", pass_key=tree.charge_pass.pk).exists()


def test_c09_c16_cards_of_a_group_and_the_master_pass(wire201: Wire, tree: Tree) -> None:
    """A station lets the cards of a group end each other's charges, and those of MasterPassGroupId all: by the id that it is told."""
    group = actions.create_group(actor=None, organization=tree.customer, name="Masters", group_id="MASTER")
    actions.edit_pass(actor=None, charge_pass=tree.charge_pass, group=group)
    info = told(wire201, CARD, additionalInfo=[{"additionalIdToken": "A1", "type": "pin"}])
    assert info == {"status": "Accepted", "groupIdToken": {"idToken": "MASTER", "type": "Central"}}
    assert CardOffer.objects.get().additional == "pin: A1"


def test_c11_the_cache_is_cleared(wire201: Wire, tree: Tree) -> None:
    station = until(lambda: Station.objects.select_related("location__organization").filter(identity="LUM-0001", connected=True).first())
    command = ask(actor=None, station=station, intent=ClearCache())
    message_id, action, payload = wire201.expect_call()
    assert (action, payload) == ("ClearCache", {})
    wire201.answer(message_id, {"status": "Rejected"})
    until(lambda: Command.objects.filter(pk=command.pk, state="rejected").exists())


def test_c12_c14_c15_what_was_decided_offline_is_judged_when_it_is_told(wire201: Wire, tree: Tree) -> None:
    def report(card: str, number: str) -> Any:
        return wire201.call("TransactionEvent", {
            "eventType": "Started", "timestamp": timezone.now().isoformat(), "triggerReason": "Authorized", "seqNo": 0, "offline": True,
            "transactionInfo": {"transactionId": number}, "evse": {"id": int(number), "connectorId": 1},
            "idToken": {"idToken": card, "type": "ISO14443"},
        })  # fmt: skip

    assert report(CARD, "1")["idTokenInfo"]["status"] == "Accepted", "from its cache or its list"
    assert report("04FFFFFF", "2")["idTokenInfo"]["status"] == "Unknown", "AllowOfflineTxForUnknownId"
    assert Transaction.objects.get(transaction_id="2").problems == ["refused_card"]
    assert set(CardOffer.objects.values_list("id_type", flat=True)) == {"ISO14443"}


# -- D ------------------------------------------------------------------------------------------------------------------------------------


def sent(wire: Wire, action: str = "SendLocalList") -> tuple[str, Any]:
    until(lambda: not Command.objects.filter(state__in=Command.OPEN).exists())
    local_list_sync.keep_in_step()
    message_id, said, payload = wire.expect_call()
    assert said == action
    return message_id, payload


def done() -> LocalList:
    until(lambda: not Command.objects.filter(state__in=Command.OPEN).exists())
    local_list_sync.keep_in_step()
    return LocalList.objects.get(station__identity="LUM-0001")


def settled() -> None:
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    Station.objects.filter(identity="LUM-0001").update(connected_at=timezone.now() - timedelta(minutes=2))


def test_d01_the_list_is_sent_changed_and_emptied(wire201: Wire, tree: Tree) -> None:
    end = timezone.now().replace(year=2099, microsecond=0)
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(valid_until=end)
    group = actions.create_group(actor=None, organization=tree.customer, name="Fitters", group_id="FIT")
    actions.edit_pass(actor=None, charge_pass=ChargePass.objects.get(pk=tree.charge_pass.pk), group=group)
    settled()
    message_id, payload = sent(wire201)
    info = {
        "status": "Accepted", "cacheExpiryDateTime": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "groupIdToken": {"idToken": "FIT", "type": "Central"},
    }  # fmt: skip
    card = {"idToken": {"idToken": CARD, "type": "ISO14443"}, "idTokenInfo": info}
    assert payload == {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [card]}
    wire201.answer(message_id, {"status": "Accepted"})
    assert (done().state, done().version) == ("in_step", 1)
    other = actions.create_pass(actor=None, organization=tree.customer, uid="0400AA11")
    message_id, payload = sent(wire201)
    assert payload["updateType"] == "Differential"
    wire201.answer(message_id, {"status": "VersionMismatch"})
    message_id, payload = sent(wire201)
    assert (payload["updateType"], len(payload["localAuthorizationList"])) == ("Full", 2)
    wire201.answer(message_id, {"status": "Accepted"})
    for one in (tree.charge_pass, other):
        actions.block_pass(actor=None, charge_pass=ChargePass.objects.get(pk=one.pk), reason="")
    message_id, payload = sent(wire201)
    assert payload == {"versionNumber": 3, "updateType": "Full"}, "an empty list is left out"
    wire201.answer(message_id, {"status": "Accepted"})
    assert done().entries == {}
    everything = json.dumps([*Frame.objects.values_list("call", flat=True), *Command.objects.values_list("payload", flat=True)])
    assert CARD not in everything


def test_d02_another_version_is_replaced(wire201: Wire, tree: Tree) -> None:
    LocalList.objects.create(
        station=tree.station, version=4, entries={"0100": {"status": "Accepted"}}, ask_next=True, due_at=timezone.now()
    )
    settled()
    message_id, payload = sent(wire201, "GetLocalListVersion")
    assert payload == {}
    wire201.answer(message_id, {"versionNumber": 9})
    message_id, payload = sent(wire201)
    assert (payload["updateType"], payload["versionNumber"]) == ("Full", 10)
    wire201.answer(message_id, {"status": "Failed"})
    assert done().state == "failed"


@pytest.mark.parametrize(
    ("version", "key", "value"), [("ocpp1.6", "SupportedFeatureProfiles", "Core,Reservation"), ("ocpp2.0.1", "", "false")]
)
def test_nothing_is_sent_to_a_station_that_says_it_has_no_list(version: str, key: str, value: str, gateway: Gateway, tree: Tree) -> None:
    if key:
        ConfigurationKey.objects.create(station=tree.station, key=key, value=value)
    else:
        DeviceVariable.objects.create(station=tree.station, key="LocalAuthListCtrlr/Available", component="LocalAuthListCtrlr", value=value)
    wire = gateway.connect(subprotocols=[version])
    settled()
    assert done().state == "unsupported"
    assert wire.silent()
    from stations.hooks import tell_configuration_changed

    tell_configuration_changed(tree.station.pk, [key or "LocalAuthListCtrlr/Available"])
    assert LocalList.objects.get().state == "waiting", "it says otherwise: looked at again"


@pytest.mark.django_db
def test_d01_how_much_fits_is_what_the_device_model_says(tree: Tree) -> None:
    Station.objects.filter(pk=tree.station.pk).update(ocpp_version="2.0.1")
    tree.station.refresh_from_db()
    for number in range(4):
        actions.create_pass(actor=None, organization=tree.customer, uid=f"0400AA1{number}")
    add = lambda name, value, most=None: DeviceVariable.objects.create(  # noqa: E731
        station=tree.station, key=f"LocalAuthListCtrlr/{name}", component="LocalAuthListCtrlr", value=value, most=most
    )
    add("Entries", "1", 3)
    add("ItemsPerMessage", "50")
    add("BytesPerMessage", "1000")
    station = Station.objects.select_related("location__organization").get(pk=tree.station.pk)
    plan = plans([station])[station.pk]
    assert (len(plan.entries), len(plan.left_out), plan.at_once) == (3, 2, 3)
    add("Enabled", "false")
    behaviour = Behaviour(station)
    assert behaviour.set_to("LocalAuthListEnabled") is False
    assert behaviour.named("LocalAuthListEnabled") == "LocalAuthListCtrlr/Enabled"


# -- P ------------------------------------------------------------------------------------------------------------------------------------


def test_p02_what_vendors_tell_is_kept_bounded_and_answered(
    gateway: Gateway, wire: Wire, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stations.gateway import vendors

    monkeypatch.setitem(
        vendors.VENDORS, "org.example", lambda station, message, data: "Accepted" if message == "known" else "UnknownMessageId"
    )
    newer = gateway.connect("LUM-0002", subprotocols=["ocpp2.0.1"])
    assert wire.call("DataTransfer", {"vendorId": "com.other", "messageId": "x", "data": "9" * 20000}) == {"status": "UnknownVendorId"}
    assert newer.call("DataTransfer", {"vendorId": "org.example", "messageId": "known", "data": {"a": [1]}}) == {"status": "Accepted"}
    for number in range(VendorMessage.MOST + 5):
        wire.call("DataTransfer", {"vendorId": "org.example", "messageId": f"m{number % 52}"})
    rows = VendorMessage.objects.filter(station=tree.station)
    assert rows.count() == VendorMessage.MOST
    assert len(rows.get(vendor_id="com.other").data) == 4000
    assert rows.get(message_id="m2").count == 2
    assert VendorMessage.objects.get(station=tree.dc_station).data == '{"a":[1]}'
