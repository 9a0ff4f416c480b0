"""What an operator asks of stations that speak 2.0.1, or 1.6 with its security extension: by use case, over the socket."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations import command_words, customer_information, firmware_jobs
from stations.actions import CommandRefused, add_firmware, ask, ask_about_customer, fetch_log, plan_update
from stations.controls import Situation, intents_of
from stations.models import (
    Availability,
    Command,
    ConfigurationKey,
    Connector,
    CustomerInquiry,
    FirmwareFile,
    FirmwareUpdate,
    Frame,
    SecurityEvent,
    Station,
    StationUpload,
    Transaction,
)
from stations.ocpp.intents import Intent, Reset, Switch, Trigger, Unlock
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until
from tests.stations.sheets import text

pytestmark = pytest.mark.engines

CONTENT = b"firmware " * 100
NOW = "2026-11-22T10:00:00Z"


@pytest.fixture
def online(gateway: Gateway) -> Wire:
    """LUM-0001 as a station of 2.0.1."""
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    told = {"vendorName": "Alfen BV", "model": "NG910", "firmwareVersion": "6.4.0"}
    assert wire.call("BootNotification", {"reason": "PowerUp", "chargingStation": told})["status"] == "Accepted"
    return wire


def station() -> Station:
    return Station.objects.select_related("location__organization").get(identity="LUM-0001")


def state(row: Any) -> str:
    row.refresh_from_db()
    return str(row.state)


def said(wire: Wire, tree: Tree, intent: Intent, answer: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
    """What a wish is on the wire, and what is said of its answer: (action, payload, sentence)."""
    command = ask(actor=tree.bob, station=station(), intent=intent)
    message_id, action, payload = wire.expect_call()
    wire.answer(message_id, answer)
    until(lambda: state(command) not in ("queued", "sent"))
    command.station = station()
    return action, payload, command_words.command_result(command, tree.bob)


@pytest.mark.parametrize(
    ("intent", "action", "payload", "answer", "sentence"),
    [
        (Reset(), "Reset", {"type": "OnIdle"}, {"status": "Scheduled"}, "when the running transaction ends"),  # B11, B12
        (Reset(True, 2), "Reset", {"type": "Immediate", "evseId": 2}, {"status": "Accepted"}, "Reset accepted"),
        (Reset(), "Reset", {"type": "OnIdle"}, {"status": "Rejected", "statusInfo": {"reasonCode": "Fw"}}, "The station says: Fw."),
        (Unlock(1), "UnlockConnector", {"evseId": 1, "connectorId": 1}, {"status": "Unlocked"}, "Unlocked."),  # F05
        (Unlock(1), "UnlockConnector", {"evseId": 1, "connectorId": 1}, {"status": "UnlockFailed"}, "did not open"),
        (Unlock(1), "UnlockConnector", {"evseId": 1, "connectorId": 1}, {"status": "OngoingAuthorizedTransaction"}, "Stop the charge"),
        (Unlock(101), "UnlockConnector", {"evseId": 1, "connectorId": 2}, {"status": "UnknownConnector"}, "no such connector"),
        (Trigger("Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "Accepted"}, "the message follows"),  # F06
        (
            Trigger("StatusNotification", 2), "TriggerMessage",
            {"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 1}}, {"status": "NotImplemented"},
            "cannot be asked for",
        ),
        (Trigger("MeterValues"), "TriggerMessage", {"requestedMessage": "MeterValues"}, {"status": "Rejected"}, "Refused by the station."),
    ],
)  # fmt: skip
def test_b11_b12_f05_f06_what_is_asked_and_what_the_answer_means(
    intent: Intent, action: str, payload: dict[str, Any], answer: dict[str, Any], sentence: str, tree: Tree, online: Wire
) -> None:
    sent = said(online, tree, intent, answer)
    assert sent[:2] == (action, payload)
    assert sentence in sent[2]


def test_g03_g04_availability_of_a_connector_and_of_the_whole(tree: Tree, online: Wire) -> None:
    assert said(online, tree, Switch(False, 2), {"status": "Accepted"})[1] == {
        "operationalStatus": "Inoperative", "evse": {"id": 2, "connectorId": 1},
    }  # fmt: skip
    assert Connector.objects.get(station=tree.station, number=2).availability == Availability.INOPERATIVE
    assert said(online, tree, Switch(False), {"status": "Scheduled"})[1] == {"operationalStatus": "Inoperative"}
    assert set(Connector.objects.filter(station=tree.station).values_list("availability", flat=True)) == {Availability.SCHEDULED}


def test_the_pages_ask_in_the_version_of_the_station(tree: Tree, online: Wire, as_bob: Client) -> None:
    bob, numbers = tree.bob, [one.number for one in Connector.objects.filter(station=tree.station, number__gt=0)]
    situation = Situation(bob, station())
    wanted = intents_of("trigger", situation, None, {"message": "StatusNotification"})
    assert wanted == [Trigger("StatusNotification", number) for number in numbers], "each connector by itself"
    with pytest.raises(CommandRefused):
        ask(actor=bob, station=station(), intent=Trigger("StatusNotification"))
    shown = text(as_bob.get(reverse("station_command", args=[tree.station.pk, "reset-soft"])).content.decode())
    assert "The whole station" in shown
    assert "Only Connector 2" in shown
    Transaction.objects.create(
        station=tree.station, connector=tree.connector, transaction_id="T1", id_tag=CARD, verdict="Accepted", started_at=timezone.now(),
        reported_start="", start_received_at=timezone.now(), meter_start=0,
    )  # fmt: skip
    situation = Situation(bob, station())
    assert "The reset waits until it has finished." in " ".join(situation.harms("reset-soft"))
    assert "does not unlock meanwhile" in situation.why_not("unlock", situation.connectors[0])
    answer = as_bob.post(
        reverse("station_command", args=[tree.station.pk, "reset-hard"]), {"confirmed": "yes", "connector": "2"}, follow=True
    )
    assert "hard reset of connector 2" in text(answer.content.decode())
    assert online.expect_call()[2] == {"type": "Immediate", "evseId": 2}


# -- firmware -----------------------------------------------------------------------------------------------------------------------------


def sealed(content: bytes = CONTENT, days: int = 30) -> dict[str, ContentFile[bytes]]:
    """A signature of `content` and the certificate of who made it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Alfen firmware")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now - timedelta(days=40)).not_valid_after(now + timedelta(days=days))
    certificate = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    signature = base64.b64encode(key.sign(content, ec.ECDSA(hashes.SHA256())))
    return {"signature_file": ContentFile(signature, "x.sig"), "certificate_file": ContentFile(certificate, "x.pem")}


def firmware(tree: Tree, **seal: Any) -> FirmwareFile:
    return add_firmware(
        actor=None, organization=tree.partner, file=ContentFile(CONTENT, "f.bin"), vendor="Alfen*", model="NG9*", version="6.5.1", **seal
    )


def planned(tree: Tree, file: FirmwareFile) -> FirmwareUpdate:
    now = timezone.now()
    return plan_update(
        actor=tree.bob, station=station(), firmware=file, why="fault", asked_for_by="Cy", reason="it hangs", window_from=now,
        window_until=now + timedelta(hours=4),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seal", "field"),
    [
        (lambda: sealed(b"other"), "signature_file"),
        (lambda: sealed(days=-1), "certificate_file"),
        (lambda: {"signature_file": sealed()["signature_file"]}, "certificate_file"),
        (lambda: {"certificate_file": sealed()["certificate_file"]}, "signature_file"),
        (lambda: sealed() | {"certificate_file": ContentFile(b"no", "x")}, "certificate_file"),
    ],
)
def test_a_signature_that_does_not_fit_is_not_taken(seal: Any, field: str, tree: Tree) -> None:
    with pytest.raises(ValidationError) as refused:
        firmware(tree, **seal())
    assert set(refused.value.message_dict) == {field}
    assert not FirmwareFile.objects.exists()


def test_l01_secure_firmware_is_matched_by_its_number(tree: Tree, online: Wire) -> None:
    update = planned(tree, firmware(tree, **sealed()))
    assert firmware_jobs.advance() == 1
    message_id, action, payload = online.expect_call()
    assert (action, payload["requestId"]) == ("UpdateFirmware", update.pk)
    assert payload["firmware"]["signature"] == update.firmware.signature
    assert payload["firmware"]["signingCertificate"].startswith("-----BEGIN CERTIFICATE-----")
    online.answer(message_id, {"status": "Accepted"})
    until(lambda: state(Command.objects.get(action="UpdateFirmware")) == "accepted")
    for status, number, expected in (
        ("DownloadFailed", update.pk + 1, "sent"), ("DownloadScheduled", update.pk, "downloading"), ("Downloaded", update.pk, "downloaded"),
        ("SignatureVerified", update.pk, "downloaded"), ("InstallScheduled", update.pk, "downloaded"),
        ("InstallRebooting", update.pk, "installing"), ("Installed", update.pk, "installed"),
    ):  # fmt: skip
        assert online.call("FirmwareStatusNotification", {"status": status, "requestId": number}) == {}
        assert state(update) == expected, status
    assert update.signature_sent == "sent"


@pytest.mark.parametrize(
    ("answer", "statuses", "problem"),
    [
        ("InvalidCertificate", (), "refused InvalidCertificate"),
        ("RevokedCertificate", (), "refused RevokedCertificate"),
        ("Accepted", ("Downloaded", "InvalidSignature"), "status InvalidSignature"),
        ("Accepted", ("Downloaded", "InstallVerificationFailed"), "status InstallVerificationFailed"),
    ],
)
def test_l01_l02_firmware_that_the_station_does_not_take(
    answer: str, statuses: tuple[str, ...], problem: str, tree: Tree, online: Wire
) -> None:
    update = planned(tree, firmware(tree))
    firmware_jobs.advance()
    message_id, _action, payload = online.expect_call()
    assert "signature" not in payload["firmware"]
    online.answer(message_id, {"status": answer})
    until(lambda: Command.objects.get(action="UpdateFirmware").state not in ("queued", "sent"))
    for status in statuses:
        online.call("FirmwareStatusNotification", {"status": status, "requestId": update.pk})
    assert (state(update), update.problem) == ("failed", problem)


@pytest.mark.parametrize(
    ("keys", "action", "sent"),
    [
        ({"SecurityProfile": "1"}, "SignedUpdateFirmware", "sent"),
        ({"HeartbeatInterval": "60"}, "UpdateFirmware", "unknown"),
        ({"SupportedFeatureProfiles": "Core,FirmwareManagement"}, "UpdateFirmware", "lacks"),
    ],
)
def test_tc_080_secure_firmware_in_16(keys: dict[str, str], action: str, sent: str, tree: Tree, gateway: Gateway) -> None:
    wire = gateway.connect()
    wire.call("BootNotification", {"chargePointVendor": "Alfen BV", "chargePointModel": "NG910", "firmwareVersion": "6.4.0"})
    ConfigurationKey.objects.bulk_create(ConfigurationKey(station=tree.station, key=key, value=value) for key, value in keys.items())
    update = planned(tree, firmware(tree, **sealed()))
    firmware_jobs.advance()
    message_id, asked, payload = wire.expect_call()
    assert asked == action
    wire.answer(message_id, {"status": "Accepted"} if sent == "sent" else {})
    assert (state(update), update.signature_sent) == ("sent", sent)
    if sent == "sent":
        assert payload["requestId"] == update.pk
        wire.call("SignedFirmwareStatusNotification", {"status": "InvalidSignature", "requestId": update.pk + 1})
        assert state(update) == "sent"
        wire.call("SignedFirmwareStatusNotification", {"status": "InvalidSignature", "requestId": update.pk})
        assert (state(update), update.problem) == ("failed", "status InvalidSignature")


def test_a_station_that_does_not_know_signed_updates_gets_it_plain(tree: Tree, gateway: Gateway, as_bob: Client) -> None:
    wire = gateway.connect()
    wire.call("BootNotification", {"chargePointVendor": "Alfen BV", "chargePointModel": "NG910", "firmwareVersion": "6.4.0"})
    ConfigurationKey.objects.create(station=tree.station, key="SecurityProfile", value="1")
    update = planned(tree, firmware(tree, **sealed()))
    assert firmware_jobs.advance() == 1
    message_id, asked, _payload = wire.expect_call()
    wire.socket.send(json.dumps([4, message_id, "NotImplemented", "", {}]))
    until(lambda: state(update) == "planned")
    assert firmware_jobs.advance() == 1
    message_id, again, _payload = wire.expect_call()
    assert (asked, again) == ("SignedUpdateFirmware", "UpdateFirmware")
    wire.socket.send(json.dumps([4, message_id, "NotImplemented", "", {}]))
    until(lambda: state(update) == "failed")
    assert (update.signature_sent, update.problem) == ("refused", "error NotImplemented")
    assert "it does not know signed updates" in text(as_bob.get(reverse("station_files", args=[tree.station.pk])).content.decode())


# -- logs and customers -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["UploadFailure", "BadMessage", "PermissionDenied", "NotSupportedOperation", "AcceptedCanceled"])
def test_n01_a_log_that_does_not_come(status: str, tree: Tree, online: Wire) -> None:
    upload = fetch_log(actor=None, station=station(), security=status == "BadMessage")
    message_id, action, payload = online.expect_call()
    assert (action, payload["requestId"]) == ("GetLog", upload.pk)
    assert payload["logType"] == ("SecurityLog" if status == "BadMessage" else "DiagnosticsLog")
    online.answer(message_id, {"status": "Accepted", "filename": "x.log"})
    online.call("LogStatusNotification", {"status": "Uploading", "requestId": upload.pk})
    assert state(upload) == "uploading"
    online.call("LogStatusNotification", {"status": status, "requestId": upload.pk + 1})
    assert state(upload) == "uploading"
    online.call("LogStatusNotification", {"status": status, "requestId": upload.pk})
    assert (state(upload), upload.problem) == ("failed", f"status {status}")


def test_n01_another_log_replaces_the_first(tree: Tree, online: Wire) -> None:
    first = fetch_log(actor=None, station=station())
    online.answer(online.expect_call()[0], {"status": "Accepted"})
    second = fetch_log(actor=None, station=station(), security=True)
    online.answer(online.expect_call()[0], {"status": "AcceptedCanceled"})
    until(lambda: state(first) == "failed")
    assert first.problem == "replaced"
    assert state(second) == "requested"
    assert StationUpload.objects.count() == 2


def test_n09_n10_what_a_station_keeps_of_a_card(tree: Tree, gateway: Gateway, online: Wire, as_bob: Client, as_cy: Client) -> None:
    inquiry = ask_about_customer(actor=tree.bob, station=station(), uid=CARD, clear=True)
    message_id, action, payload = online.expect_call()
    assert (action, payload["report"], payload["clear"], payload["requestId"]) == ("CustomerInformation", True, True, inquiry.pk)
    assert payload["idToken"] == {"idToken": CARD, "type": "ISO14443"}
    online.answer(message_id, {"status": "Accepted"})
    other = gateway.connect("LUM-0002", subprotocols=["ocpp2.0.1"])
    part = {"data": "Smith, ", "seqNo": 0, "generatedAt": NOW, "requestId": inquiry.pk, "tbc": True}
    for wire, fields in (
        (other, {"data": "lies"}), (online, {"data": "John", "seqNo": 1, "tbc": False}), (online, {"seqNo": 2, "data": "too late"}),
    ):  # fmt: skip
        assert wire.call("NotifyCustomerInformation", part | fields) == {}
    inquiry.refresh_from_db()
    assert (inquiry.text, inquiry.complete) == ("John", True), "of the station that was asked, until its last part"
    assert "John" not in "".join(Frame.objects.values_list("call", flat=True)), "it stands in no log"
    shown = text(as_bob.get(reverse("station_customers", args=[tree.station.pk])).content.decode())
    assert "John" in shown
    assert "It has told it, and forgets it." in shown
    assert as_cy.get(reverse("station_customers", args=[tree.station.pk])).status_code == 403
    CustomerInquiry.objects.update(created_at=timezone.now() - timedelta(days=15))
    assert customer_information.forget_old() == 1


def test_a_station_of_16_cannot_be_asked_about_a_card(tree: Tree, wire: Wire) -> None:
    until(lambda: station().connected)
    with pytest.raises(CommandRefused):
        ask_about_customer(actor=tree.bob, station=station(), uid=CARD)
    assert "cannot tell what it keeps" in customer_information.why_not(Situation(tree.bob, station()))
    assert not CustomerInquiry.objects.exists()


def test_what_only_the_log_keeps_is_answered(tree: Tree, gateway: Gateway, online: Wire) -> None:
    assert online.call("NotifyDisplayMessages", {"requestId": 1}) == {}
    assert online.call("PublishFirmwareStatusNotification", {"status": "Idle"}) == {}
    newer = gateway.connect("LUM-0002", subprotocols=["ocpp2.1"])
    assert newer.call("NotifySettlement", {"pspRef": "x", "status": "Settled", "settlementAmount": 1, "settlementTime": NOW}) == {}
    assert Frame.objects.filter(failed=True).count() == 0


def test_security_events_in_words(tree: Tree, online: Wire, as_bob: Client) -> None:
    for kind in ("TamperDetectionActivated", "InvalidCentralSystemCertificate", "OfItsOwn"):
        assert online.call("SecurityEventNotification", {"type": kind, "timestamp": timezone.now().isoformat()}) == {}
    assert SecurityEvent.objects.count() == 3
    shown = text(as_bob.get(reverse("station_activity", args=[tree.station.pk])).content.decode())
    for words in ("Opened or tampered with", "critical by the standard", "Did not trust the portal's certificate", "OfItsOwn"):
        assert words in shown
