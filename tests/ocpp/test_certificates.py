"""Certificates over the websocket: 1.6 security whitepaper and 2.0.1 blocks A and M, by the names of the alliance's cases."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from django.test import override_settings
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from stations import actions, certificate_jobs, certificates
from stations.gateway import contracts
from stations.models import (
    Authority,
    CertificateRequest,
    Command,
    Frame,
    InstalledCertificate,
    Knock,
    SecurityEvent,
    Station,
    StationCertificate,
)
from stations.ocpp.events import AskedCertificate, CardOffered
from stations.pki import reading, signing
from stations.security_events import meaning
from tests import csr
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until
from tests.pki import Authority as Pki
from tests.pki import Signed, trusting

pytestmark = pytest.mark.engines

VERSIONS = ["ocpp1.6", "ocpp2.0.1"]
State = StationCertificate.State


@pytest.fixture
def authority(tree: Tree) -> Authority:
    return actions.create_authority(actor=None, name="Green Grid Root", use="station", kind="ec", years=10)


def station(tree: Tree) -> Station:
    return Station.objects.select_related("location__organization").get(pk=tree.station.pk)


def verdict(der: bytes, identity: str, at: datetime) -> str:
    return certificates.trust([der]).verdict(der, identity, at)


def asks(wire: Wire, text: str | None = None, **more: Any) -> Any:
    return wire.call("SignCertificate", {"csr": csr.request() if text is None else text, **more})


def receives(wire: Wire, status: str = "Accepted") -> tuple[dict[str, Any], StationCertificate]:
    """The station is given what was signed, and says what it makes of it."""
    certificate_jobs.advance()
    message, action, payload = wire.expect_call()
    assert action == "CertificateSigned"
    wire.answer(message, {"status": status})
    found = x509.load_pem_x509_certificate(payload["certificateChain"].encode())
    row = StationCertificate.objects.get(fingerprint=reading.fingerprint(reading.der(found)))
    until(lambda: StationCertificate.objects.get(pk=row.pk).state != State.SIGNED)
    row.refresh_from_db()
    return payload, row


def commanded(wire: Wire, action: str, answer: dict[str, Any], ask: Callable[[], Any]) -> dict[str, Any]:
    """What the station was sent; its answer is booked."""
    asked = ask()
    message, name, payload = wire.expect_call()
    assert name == action
    wire.answer(message, answer)
    for one in asked if isinstance(asked, list) else [asked]:
        if one.action == action and one.payload == payload:
            until(lambda one=one: Command.objects.exclude(answered_at=None).filter(pk=one.pk).exists())
    return dict(payload)


# -- certificates of stations -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_tc_074_update_charge_point_certificate_a02(version: str, gateway: Gateway, tree: Tree, authority: Authority) -> None:
    """A02: asked for, requested, signed, delivered, installed; the newer one replaces it, and both are good until they end."""
    wire = gateway.connect(subprotocols=[version])
    trigger = {
        "ocpp1.6": ("ExtendedTriggerMessage", "SignChargePointCertificate"),
        "ocpp2.0.1": ("TriggerMessage", "SignChargingStationCertificate"),
    }
    action, message = trigger[version]
    sent = commanded(wire, action, {"status": "Accepted"}, lambda: actions.ask_for_certificate(actor=None, station=station(tree)))
    assert sent == {"requestedMessage": message}
    key = rsa.generate_private_key(65537, 2048)
    assert asks(wire, csr.request(key=key)) == {"status": "Accepted"}
    payload, first = receives(wire)
    assert "certificateType" not in payload
    assert first.state == State.INSTALLED
    made = x509.load_pem_x509_certificate(payload["certificateChain"].encode())
    assert made.public_key() == key.public_key()
    assert reading.common_names(made) == ["LUM-0001"]
    assert (made.not_valid_after_utc - timezone.now()).days in {364, 365}
    made.verify_directly_issued_by(reading.kept(authority.certificate))
    assert reading.for_clients(made)
    assert not reading.is_authority(made)
    assert f"/certificates/{authority.fingerprint}.crl" in str(made.extensions.get_extension_for_class(x509.CRLDistributionPoints).value)
    asks(wire)
    second = receives(wire)[1]
    first.refresh_from_db()
    assert (first.state, second.state) == (State.REPLACED, State.INSTALLED)
    for row in (first, second):
        assert verdict(reading.der(reading.kept(row.certificate)), "LUM-0001", timezone.now()) == ""


def test_a03_a_certificate_for_cars_and_one_for_both(gateway: Gateway, tree: Tree, authority: Authority) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    refused = asks(wire, certificateType="V2GCertificate")
    assert refused == {"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedRequest"}}
    assert CertificateRequest.objects.get().reason == "no_v2g"
    asks(wire, certificateType="ChargingStationCertificate")
    assert receives(wire)[0]["certificateType"] == "ChargingStationCertificate"
    actions.create_authority(actor=None, name="V2G", use="v2g", kind="ec", years=10)
    assert asks(wire, certificateType="V2GCertificate")["status"] == "Accepted"
    payload, row = receives(wire)
    assert (payload["certificateType"], row.use, row.state) == ("V2GCertificate", "V2GCertificate", State.INSTALLED)
    assert verdict(reading.der(reading.kept(row.certificate)), "LUM-0001", timezone.now()) == "untrusted"
    assert StationCertificate.objects.filter(use="ChargingStationCertificate", state=State.INSTALLED).count() == 1


@pytest.mark.parametrize(
    ("name", "reason", "text"),
    [
        ("not readable", "unreadable", lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"),
        ("weak RSA", "weak", lambda: csr.request(key=rsa.generate_private_key(65537, 1024))),
        ("weak curve", "weak", lambda: csr.request(key=ec.generate_private_key(ec.SECP192R1()))),
        ("a curve of coins", "kind", lambda: csr.request(key=ec.generate_private_key(ec.SECP256K1()))),
        ("a curve of no TLS", "kind", lambda: csr.request(key=ec.generate_private_key(ec.BrainpoolP256R1()))),
        ("no name of a database", "name", lambda: csr.request("LUM\0-0001")),
        ("another station", "name", lambda: csr.request("LUM-0002")),
        ("a letter turned", "name", lambda: csr.request("lum-0001")),
        ("signature", "signature", lambda: broken(csr.request())),
    ],
)
def test_a02_fr_a_request_that_must_not_be_signed(
    name: str, reason: str, text: Callable[[], str], wire: Wire, tree: Tree, authority: Authority
) -> None:
    assert asks(wire, text()) == {"status": "Rejected"}
    row = CertificateRequest.objects.get()
    assert (row.state, row.reason, row.station_id) == ("refused", reason, tree.station.pk)
    event = SecurityEvent.objects.get()
    assert (event.type, event.info.split()[0]) == ("CertificateRequestRefused", reason)
    assert certificate_jobs.advance() == 0
    assert not StationCertificate.objects.exists()


def test_the_organization_in_a_request_cannot_disguise_itself(wire: Wire, authority: Authority) -> None:
    asks(wire, csr.request(organization="Har\0bour\u202e Offices\n"))
    made = reading.kept(receives(wire)[1].certificate)
    assert made.subject.rfc4514_string() == "O=Harbour Offices,CN=LUM-0001"


def broken(text: str) -> str:
    der = bytearray(x509.load_pem_x509_csr(text.encode()).public_bytes(serialization.Encoding.DER))
    der[der.index(b"Harbour")] ^= 1
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{base64.encodebytes(bytes(der)).decode()}-----END CERTIFICATE REQUEST-----\n"


def test_a_station_that_asks_again_and_again_is_not_listened_to(wire: Wire, tree: Tree, authority: Authority) -> None:
    """Of all that it asked the newest is signed, once."""
    text = csr.request()
    said = [asks(wire, text)["status"] for _number in range(12)]
    assert said == ["Accepted"] * 10 + ["Rejected"] * 2
    assert CertificateRequest.objects.filter(state="waiting").count() == 1
    assert CertificateRequest.objects.count() == 10
    receives(wire)
    assert StationCertificate.objects.count() == 1


def test_without_an_authority_nothing_is_promised(wire: Wire) -> None:
    assert asks(wire) == {"status": "Rejected"}
    assert CertificateRequest.objects.get().reason == "no_authority"


def test_a02_fr_the_station_refuses_what_was_signed(wire: Wire, tree: Tree, authority: Authority) -> None:
    """The certificate before stays the one in use; the station tells why by a security event."""
    asks(wire)
    first = receives(wire)[1]
    asks(wire)
    second = receives(wire, "Rejected")[1]
    wire.call("SecurityEventNotification", {"type": "InvalidChargePointCertificate", "timestamp": timezone.now().isoformat()})
    first.refresh_from_db()
    assert (first.state, second.state) == (State.INSTALLED, State.REFUSED)


def test_a_station_that_can_take_no_certificates_is_not_waited_for(wire: Wire, authority: Authority) -> None:
    asks(wire)
    certificate_jobs.advance()
    message, _action, _payload = wire.expect_call()
    wire.socket.send(json.dumps([4, message, "NotImplemented", "", {}]))
    until(lambda: StationCertificate.objects.get().state == State.REFUSED)
    StationCertificate.objects.update(next_try_at=timezone.now())
    assert certificate_jobs.deliver_due() == 0


def test_what_does_not_arrive_is_sent_again_and_then_given_up(gateway: Gateway, tree: Tree, authority: Authority) -> None:
    wire = gateway.connect()
    asks(wire)
    wire.close()
    until(lambda: not Station.objects.get(pk=tree.station.pk).connected)
    certificate_jobs.advance()
    row = StationCertificate.objects.get()
    assert (row.state, row.tries) == (State.SIGNED, 0), "being away costs no try"
    wire = gateway.connect()
    for tries in range(1, 6):
        StationCertificate.objects.update(next_try_at=timezone.now())
        certificate_jobs.advance()
        wire.expect_call()
        row.refresh_from_db()
        assert row.tries == tries
        Command.objects.update(state=Command.State.TIMED_OUT)
        wire = gateway.connect()
    StationCertificate.objects.update(next_try_at=timezone.now())
    certificate_jobs.advance()
    row.refresh_from_db()
    assert row.state == State.UNDELIVERED
    certificates.seen([certificates.Shown(row.station_id, reading.der(reading.kept(row.certificate)), timezone.now())])
    row.refresh_from_db()
    assert row.state == State.INSTALLED, "it came with it, so it has it"


def test_what_ends_soon_is_asked_for_anew(wire: Wire, tree: Tree, authority: Authority) -> None:
    """Not right after the connect, and not again at once."""
    asks(wire)
    row = receives(wire)[1]
    StationCertificate.objects.update(not_after=timezone.now() + timedelta(days=20))
    assert certificate_jobs.renew() == 0
    Station.objects.update(connected_at=timezone.now() - timedelta(hours=1))
    assert certificate_jobs.renew() == 1
    message, action, payload = wire.expect_call()
    assert (action, payload) == ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    wire.answer(message, {"status": "Rejected"})
    assert certificate_jobs.renew() == 0
    row.refresh_from_db()
    assert row.renewals == 1
    StationCertificate.objects.update(renew_at=timezone.now())
    assert certificate_jobs.renew() == 1


# -- what stations trust ------------------------------------------------------------------------------------------------------------------


def told(version: str, use: str, *roots: x509.Certificate) -> dict[str, Any]:
    """An answer to GetInstalledCertificateIds. This station writes serial numbers in capitals and with leading zeros."""
    entries = []
    for one in roots:
        found = signing.hash_data(one, one, "SHA256")
        entries.append({
            "hashAlgorithm": "SHA256", "issuerNameHash": found.name_hash, "issuerKeyHash": found.key_hash,
            "serialNumber": f"00{found.serial.upper()}"[-40:],
        })  # fmt: skip
    if not entries:
        return {"status": "NotFound"}
    if version == "ocpp1.6":
        return {"status": "Accepted", "certificateHashData": entries}
    return {
        "status": "Accepted",
        "certificateHashDataChain": [
            {"certificateType": use, "certificateHashData": one, "childCertificateHashData": [one]} for one in entries
        ],
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("use", ["CSMSRootCertificate", "ManufacturerRootCertificate"])
def test_tc_075_install_root_m05_and_tc_076_delete_certificate_m04(version: str, use: str, gateway: Gateway, tree: Tree) -> None:
    """Install a central system or manufacturer root, read what is installed (M03), delete it."""
    wire = gateway.connect(subprotocols=[version])
    root, _key, pem = csr.new_root()
    named = "CentralSystemRootCertificate" if version == "ocpp1.6" and use.startswith("CSMS") else use
    sent = commanded(
        wire, "InstallCertificate", {"status": "Accepted"},
        lambda: actions.install_root(actor=None, station=station(tree), use=use, certificate=pem),
    )  # fmt: skip
    assert (sent["certificateType"], sent["certificate"]) == (named, pem)
    assert InstalledCertificate.objects.get().use == use
    reads = actions.read_installed(actor=None, station=station(tree))
    assert len(reads) == (2 if version == "ocpp1.6" else 1)
    for _one in reads:
        message, action, payload = wire.expect_call()
        asked = payload.get("certificateType", named)
        assert action == "GetInstalledCertificateIds"
        wire.answer(message, told(version, use, root) if asked == named else {"status": "NotFound"})
    until(lambda: not Command.objects.filter(answered_at=None).exists())
    assert set(Command.objects.values_list("state", flat=True)) == {Command.State.ACCEPTED}, "having none of a kind is no refusal"
    rows = list(InstalledCertificate.objects.all())
    assert [row.below for row in rows] == ([False] if version == "ocpp1.6" else [False, True])
    assert rows[0].serial == f"00{root.serial_number:X}"[-40:]
    gone = commanded(wire, "DeleteCertificate", {"status": "Accepted"}, lambda: actions.delete_root(actor=None, root=rows[0]))
    assert gone["certificateHashData"]["serialNumber"] == rows[0].serial, "as the station wrote it"
    assert not InstalledCertificate.objects.exists()


def test_m05_a_station_that_refuses_and_m04_that_has_it_no_more(wire: Wire, tree: Tree) -> None:
    pem = csr.new_root()[2]
    for status in ("Rejected", "Failed"):
        commanded(
            wire, "InstallCertificate", {"status": status},
            lambda: actions.install_root(actor=None, station=station(tree), use="CSMSRootCertificate", certificate=pem),
        )  # fmt: skip
    assert not InstalledCertificate.objects.exists()
    row = InstalledCertificate.objects.create(
        station=station(tree), use="CSMSRootCertificate", algorithm="SHA256", name_hash="a" * 64, key_hash="b" * 64, serial="01",
        told_at=timezone.now(),
    )  # fmt: skip
    other = InstalledCertificate.objects.create(
        station=tree.dc_station, use="CSMSRootCertificate", algorithm="SHA256", name_hash="a" * 64, key_hash="b" * 64, serial="01",
        told_at=timezone.now(),
    )  # fmt: skip
    commanded(wire, "DeleteCertificate", {"status": "Failed"}, lambda: actions.delete_root(actor=None, root=row))
    assert InstalledCertificate.objects.count() == 2
    commanded(wire, "DeleteCertificate", {"status": "NotFound"}, lambda: actions.delete_root(actor=None, root=row))
    assert list(InstalledCertificate.objects.all()) == [other], "that of another station stays"


def test_m03_what_a_station_tells_is_bounded_and_never_breaks(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    one = {"hashAlgorithm": "SHA256", "issuerNameHash": "x\x00" * 200, "issuerKeyHash": "k", "serialNumber": "zz"}
    chains = [{"certificateType": "V2GRootCertificate", "certificateHashData": one}] * 150
    bad: list[Any] = [None, {}, {"certificateType": "V2GRootCertificate"}, {"certificateType": "Nonsense", "certificateHashData": one}]
    commanded(
        wire, "GetInstalledCertificateIds", {"status": "Accepted", "certificateHashDataChain": [*bad, *chains]},
        lambda: actions.read_installed(actor=None, station=station(tree)),
    )  # fmt: skip
    assert InstalledCertificate.objects.count() == InstalledCertificate.MOST


# -- what cars and drivers bring ----------------------------------------------------------------------------------------------------------


def asked(root: x509.Certificate, serial: int, responder: str = "http://ocsp.example.org/") -> dict[str, Any]:
    found = signing.hash_data(root, root, "SHA256")
    return {
        "hashAlgorithm": "SHA256", "issuerNameHash": found.name_hash, "issuerKeyHash": found.key_hash, "serialNumber": f"{serial:x}",
        "responderURL": responder,
    }  # fmt: skip


def test_m06_status_of_certificates(gateway: Gateway, tree: Tree, authority: Authority) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    asks(wire)
    row = receives(wire)[1]
    root, made = reading.kept(authority.certificate), reading.kept(row.certificate)

    def status(serial: int) -> ocsp.OCSPResponse:
        answer = wire.call("GetCertificateStatus", {"ocspRequestData": asked(root, serial)})
        assert answer["status"] == "Accepted"
        found = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
        root.public_key().verify(found.signature, found.tbs_response_bytes, ec.ECDSA(found.signature_hash_algorithm))  # type: ignore[union-attr, call-arg, arg-type]
        return found

    assert status(made.serial_number).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert status(4711).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    actions.revoke_certificate(actor=None, certificate=row, reason="keyCompromise")
    assert status(made.serial_number).revocation_reason is x509.ReasonFlags.key_compromise
    foreign = csr.new_root()[0]
    for responder in ("http://ocsp.example.org/", "http://127.0.0.1:1/", "file:///etc/passwd", "x" * 512):
        refused = wire.call("GetCertificateStatus", {"ocspRequestData": asked(foreign, 1, responder)})
        assert refused["status"] == "Failed", "nobody is asked whom the platform has not listed"
    for wrong in ({"issuerNameHash": "zz"}, {"serialNumber": ""}, {"serialNumber": "f" * 40, "issuerKeyHash": "0" * 63}):
        assert wire.call("GetCertificateStatus", {"ocspRequestData": asked(root, 1) | wrong})["status"] == "Failed"


def test_m01_m02_contract_certificates_are_nobodys_here(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    wanted = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "AAAA"}
    assert wire.call("Get15118EVCertificate", wanted) == {"status": "Failed", "exiResponse": ""}
    monkeypatch.setattr("stations.hooks.contracts", lambda station, schema, action, exi: f"{action}-{exi}")
    assert wire.call("Get15118EVCertificate", wanted | {"action": "Update"}) == {"status": "Accepted", "exiResponse": "Update-AAAA"}


def test_c07_authorize_with_a_contract(gateway: Gateway, tree: Tree, authority: Authority) -> None:
    """The card is decided on like any other; of the certificate is said what is known."""
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    root, key, pem = csr.new_root("Mobility Root")

    def said(**more: Any) -> tuple[str, str | None]:
        answer = wire.call("Authorize", {"idToken": {"idToken": CARD, "type": "eMAID"}, **more})
        return answer["idTokenInfo"]["status"], answer.get("certificateStatus")

    def contract(days: int = 30) -> str:
        own = ec.generate_private_key(ec.SECP256R1())
        return csr.certificate(CARD, own, (root, key), days).public_bytes(serialization.Encoding.PEM).decode()

    assert said() == ("Accepted", None)
    assert said(certificate=contract()) == ("Accepted", "CertChainError"), "its root is not known"
    actions.import_authority(actor=None, name="Mobility", use="mo", certificate=pem, trusted=False)
    assert said(certificate=contract()) == ("Accepted", "CertChainError"), "nobody can tell whether it is revoked"
    assert said(certificate=contract(-1)) == ("Accepted", "CertificateExpired")
    assert said(certificate="nonsense") == ("Accepted", "CertChainError")
    assert said(iso15118CertificateHashData=[asked(root, 7)]) == ("Accepted", "CertChainError"), "nobody can tell whether it is revoked"
    asks(wire)
    row = receives(wire)[1]
    ours = asked(reading.kept(authority.certificate), int(row.serial, 16))
    assert said(iso15118CertificateHashData=[ours]) == ("Accepted", "CertChainError"), "what stations have is no contract"
    actions.revoke_certificate(actor=None, certificate=row, reason="keyCompromise")
    assert said(iso15118CertificateHashData=[ours]) == ("Accepted", "CertificateRevoked")


def test_a_contract_counts_for_the_emaid_that_it_names_and_for_its_own_chain() -> None:
    root, key, _pem = csr.new_root("Mobility Root")
    own, now = ec.generate_private_key(ec.SECP256R1()), timezone.now()
    leaf = csr.certificate("NL-LUM-C00000001-7", own, (root, key))
    other_root = csr.new_root("Stations")[0]

    def of(issuer: x509.Certificate, serial: int) -> AskedCertificate:
        data = asked(issuer, serial)
        return AskedCertificate("SHA256", data["issuerNameHash"], data["issuerKeyHash"], data["serialNumber"], "")

    def said(card: str, state: str = "good", about: AskedCertificate | None = None, certificate: bool = True) -> str:
        one = about or of(root, leaf.serial_number)
        pem = leaf.public_bytes(serialization.Encoding.PEM).decode() if certificate else ""
        return contracts._verdict(CardOffered(card, "eMAID", certificate=pem, chain=(one,)), [root], {one: state}, now)

    assert [said(card) for card in ("nllumc000000017", "NL-LUM-C00000001")] == ["Accepted"] * 2
    assert said("NL-LUM-C00000002") == "NoCertificateAvailable"
    assert (said("NLLUMC000000017", "unknown"), said("NLLUMC000000017", "revoked")) == ("CertChainError", "CertificateRevoked")
    assert said("NLLUMC000000017", about=of(root, 4711)) == "CertChainError", "of another certificate"
    assert said("NLLUMC000000017", certificate=False) == "Accepted"
    assert said("NLLUMC000000017", about=of(other_root, 1), certificate=False) == "CertChainError"


def test_invalid_certificate_events_in_words(wire: Wire, tree: Tree) -> None:
    """InvalidCentralSystemCertificate, InvalidChargePointCertificate, InvalidTLSVersion: kept as they come."""
    for kind in ("InvalidCentralSystemCertificate", "InvalidChargePointCertificate", "InvalidTLSVersion", "InvalidTLSCipherSuite"):
        assert wire.call("SecurityEventNotification", {"type": kind, "timestamp": timezone.now().isoformat()}) == {}
        assert meaning(kind).sentence
    assert SecurityEvent.objects.filter(station=tree.station).count() == 4


def test_tls_client_certificate_of_our_own_until_it_is_revoked(
    tmp_path: Path, transactional_db: None, tree: Tree, authority: Authority
) -> None:
    """From the request to a connection by it; a revoked one is thrown out and refused."""
    portal, key = Pki("Portal of tests"), ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "portal.pem").write_bytes(portal.pem)
    portal.server(tmp_path / "server.pem", rsa.generate_private_key(65537, 2048))
    with override_settings(OCPP_TLS_CERTIFICATE=str(tmp_path / "server.pem")):
        gateway = Gateway(tls=True)
        gateway.start()
        try:
            wire = gateway.connect()
            asks(wire, csr.request(key=key))
            row = receives(wire)[1]
            Station.objects.filter(pk=tree.station.pk).update(security_profile=3)
            own = Signed(reading.kept(row.certificate), key).written(tmp_path / "own.pem")
            options = {"url": f"wss://127.0.0.1:{gateway.tls_port}/ocpp/", "ssl": trusting(tmp_path / "portal.pem", own)}
            secure = gateway.connect(**options)
            row = StationCertificate.objects.select_related("station__location__organization", "authority").get()
            assert certificates.runs_on(row, row.station)
            assert (row.station.connected_profile, row.station.connected_serial) == (3, row.serial)
            actions.revoke_certificate(actor=None, certificate=row, reason="keyCompromise")
            assert secure.closed()
            with pytest.raises(InvalidStatus):
                gateway.connect(**options)
            assert Knock.objects.get().reason == "revoked"
        finally:
            gateway.stop()


# -- secrets and strangers ----------------------------------------------------------------------------------------------------------------


def test_the_key_of_an_authority_stays_where_it_is(wire: Wire, authority: Authority) -> None:
    asks(wire)
    receives(wire)
    assert "PRIVATE" not in authority.sealed_key
    frames = "".join(call + answer for call, answer in Frame.objects.values_list("call", "answer"))
    assert "PRIVATE KEY" not in frames
    assert authority.sealed_key not in frames


def test_revoked_is_refused_and_unknown_to_us_too(tree: Tree, authority: Authority) -> None:
    """Of our own authority only what we know that it has signed, for that station, counts."""
    key = ec.generate_private_key(ec.SECP256R1())
    CertificateRequest.objects.create(station=tree.station, at=timezone.now(), state="waiting", csr=csr.request(key=key))
    certificate_jobs.sign_waiting()
    row, now = StationCertificate.objects.get(), timezone.now()
    der = reading.der(reading.kept(row.certificate))
    assert verdict(der, "LUM-0001", now) == ""
    assert verdict(der, "LUM-0002", now) == "other"
    assert verdict(der, "LUM-0001", now + timedelta(days=400)) == "expired"
    actions.revoke_certificate(actor=None, certificate=row, reason="keyCompromise")
    assert verdict(der, "LUM-0001", now) == "revoked"
    row.delete()
    assert verdict(der, "LUM-0001", now) == "untrusted"
    root, root_key, pem = csr.new_root()
    theirs = reading.der(csr.certificate("LUM-0001", key, (root, root_key)))
    assert verdict(theirs, "LUM-0001", now) == "untrusted"
    maker = actions.import_authority(actor=None, name="Alfen", use="maker", certificate=pem, trusted=True)
    assert verdict(theirs, "LUM-0001", now) == ""
    certificates.seen([certificates.Shown(tree.station.pk, theirs, now)])
    met = StationCertificate.objects.get()
    assert (met.state, met.authority, met.last_used_at) == (State.INSTALLED, maker, now)
    actions.trust_authority(actor=None, authority=maker, trusted=False)
    assert verdict(theirs, "LUM-0001", now) == "untrusted"
