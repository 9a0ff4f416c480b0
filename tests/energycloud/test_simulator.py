"""Simulated stations against a server of a few lines that checks every message against the schemas."""

from __future__ import annotations

import asyncio
import base64
import http.server
import ipaddress
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from energycloud.simulator import MAKES, SimulatedStation, SimulatedStation201, files
from energycloud.simulator.cars import CARS
from energycloud.simulator.makes import Make
from tests.energycloud.csms import Server, server
from tests.pki import Authority, trusting

CARD = "04A1B2C3D4E5F6"
pytestmark = pytest.mark.asyncio


async def arrived16(csms: Server, **options: Any) -> SimulatedStation:
    station = SimulatedStation(csms.url, "SIM-1", "p" * 20, speed=1000, **options)
    await station.connect()
    assert await station.boot()
    await station.report()
    return station


async def arrived(csms: Server, make: Make | str = "alfen-201", **options: Any) -> SimulatedStation201:
    chosen = MAKES[make] if isinstance(make, str) else make
    station = SimulatedStation201(csms.url, "SIM-1", "p" * 20, make=chosen, speed=1000, **options)
    await station.connect()
    assert await station.boot()
    await station.report()
    return station


def events(csms: Server) -> list[tuple[str, str, str | None]]:
    return [(one["eventType"], one["triggerReason"], one["transactionInfo"].get("chargingState")) for one in csms.of("TransactionEvent")]


async def test_plug_first_then_a_card_then_gone() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        await station.plug(1)
        assert await station.present(1, CARD)
        transaction = await station.start(1, CARD)
        await station.meter(1, seconds=600)
        await station.stop(1, "Local", tag=CARD)
        await station.free(1)
        assert events(csms) == [
            ("Started", "CablePluggedIn", "EVConnected"), ("Updated", "Authorized", "EVConnected"),
            ("Updated", "ChargingStateChanged", "Charging"), ("Updated", "MeterValuePeriodic", "Charging"),
            ("Ended", "StopAuthorized", "EVConnected"),
        ]  # fmt: skip
        told = csms.of("TransactionEvent")
        assert [one["seqNo"] for one in told] == [0, 1, 2, 3, 4]
        assert {one["transactionInfo"]["transactionId"] for one in told} == {transaction}
        energy = told[-1]["meterValue"][0]["sampledValue"][0]
        assert energy["value"] == pytest.approx(1800, rel=0.05)
        assert energy["unitOfMeasure"] == {"unit": "Wh"}
        assert [one["connectorStatus"] for one in csms.of("StatusNotification")] == ["Available", "Available", "Occupied", "Available"]
        await station.aclose()


async def test_without_a_connection_events_wait_and_go_out_in_order() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        assert await station.authorize(CARD) == "Accepted"  # in its cache from now on
        await station.disconnect()
        assert await station.start(1, CARD, authorize=True)
        await station.meter(1, seconds=600)
        await station.stop(1, "EVDisconnected")
        assert events(csms) == []
        await station.connect()
        await station.flush()
        told = csms.of("TransactionEvent")
        assert [one["seqNo"] for one in told] == list(range(len(told)))
        assert all(one["offline"] for one in told)
        assert (told[0]["eventType"], told[-1]["eventType"]) == ("Started", "Ended")
        await station.aclose()


async def test_a_remote_start_and_stop_of_a_station_with_two_connectors_per_evse() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms, "alpitronic-201")
        ask = {"idToken": {"idToken": CARD, "type": "ISO14443"}, "remoteStartId": 42, "evseId": 2}
        assert (await csms.ask("RequestStartTransaction", ask))["status"] == "Accepted"
        await csms.until(lambda: station.outlets[3].status == "Charging")
        assert (await csms.ask("RequestStartTransaction", ask | {"remoteStartId": 43}))["status"] == "Rejected"
        first = csms.of("TransactionEvent")[0]
        assert (first["triggerReason"], first["transactionInfo"]["remoteStartId"], first["evse"]) == (
            "RemoteStart", 42, {"id": 2, "connectorId": 1},
        )  # fmt: skip
        transaction = first["transactionInfo"]["transactionId"]
        assert (await csms.ask("RequestStopTransaction", {"transactionId": "nonsense"}))["status"] == "Rejected"
        assert (await csms.ask("GetTransactionStatus", {"transactionId": transaction}))["ongoingIndicator"] is True
        assert await csms.ask("RequestStopTransaction", {"transactionId": transaction}) == {"status": "Accepted"}
        last = await csms.until(lambda: [one for one in csms.of("TransactionEvent") if one["eventType"] == "Ended"])
        assert (last[0]["triggerReason"], last[0]["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")
        await station.aclose()


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_remote_start_where_no_driver_acts_charges_until_the_car_is_full(version: str) -> None:
    async with server(version) as csms:
        kind, make = (SimulatedStation, "alfen-double") if version == "1.6" else (SimulatedStation201, "alfen-201")
        station = kind(csms.url, "SIM-1", "p" * 20, make=MAKES[make], speed=3000)
        life = asyncio.create_task(station.run())
        await csms.until(lambda: len(csms.of("StatusNotification")) >= len(station.outlets))
        if version == "1.6":
            await csms.ask("RemoteStartTransaction", {"connectorId": 1, "idTag": CARD})
        else:
            await csms.ask("RequestStartTransaction", {"idToken": {"idToken": CARD, "type": "Central"}, "remoteStartId": 42, "evseId": 1})
        session = await csms.until(lambda: station.outlets[1].session)
        before = station.outlets[1].register
        await csms.until(lambda: station.outlets[1].register > before and session.power > 0)
        session.soc = 100.0
        await csms.until(lambda: station.outlets[1].session is None and station.outlets[1].status == "Available")
        life.cancel()
        await station.aclose()


async def test_the_device_model_is_read_reported_and_set() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        assert await csms.ask("GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"}) == {"status": "Accepted"}
        parts = await csms.until(lambda: csms.of("NotifyReport") and not csms.of("NotifyReport")[-1]["tbc"] and csms.of("NotifyReport"))
        assert [part["seqNo"] for part in parts] == list(range(len(parts)))
        assert len(parts) > 2
        assert 60 <= sum(len(part["reportData"]) for part in parts) <= 140

        def one(component: str, variable: str, value: str, **more: Any) -> dict[str, Any]:
            return {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value, **more}

        answer = await csms.ask("SetVariables", {"setVariableData": [
            one("SampledDataCtrlr", "TxUpdatedInterval", "30"), one("SecurityCtrlr", "Identity", "X"),
            one("TxCtrlr", "TxStartPoint", "Moonrise"), one("Kettle", "Available", "true"), one("TxCtrlr", "Moonrise", "1"),
            one("TxCtrlr", "EVConnectionTimeOut", "9", attributeType="Target"), one("OCPPCommCtrlr", "WebSocketPingInterval", "20"),
        ]})  # fmt: skip
        assert [result["attributeStatus"] for result in answer["setVariableResult"]] == [
            "Accepted", "Rejected", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType", "RebootRequired",
        ]  # fmt: skip
        assert station.sample_interval == 30
        read = await csms.ask("GetVariables", {"getVariableData": [
            {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}},
            {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}},
        ]})  # fmt: skip
        assert [(one["attributeStatus"], one.get("attributeValue")) for one in read["getVariableResult"]] == [
            ("Rejected", None), ("Accepted", "Available"),
        ]  # fmt: skip
        asked = {"requestId": 6, "componentVariable": [{"component": {"name": "Kettle"}}]}
        assert await csms.ask("GetReport", asked) == {"status": "EmptyResultSet"}
        await station.aclose()


def profile(identity: str, number: int, purpose: str, limit: float, level: int = 0, **more: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    listed = [{"id": 1, **schedule}] if identity == "id" else schedule
    return {
        identity: number, "stackLevel": level, "chargingProfilePurpose": purpose, "chargingProfileKind": "Relative",
        "chargingSchedule": listed, **more,
    }  # fmt: skip


async def test_a_car_charges_no_faster_than_the_profiles_in_force_allow() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        transaction = await station.start(1, CARD, car=CARS[0])

        async def put(evse: int, told: dict[str, Any]) -> str:
            answer = await csms.ask("SetChargingProfile", {"evseId": evse, "chargingProfile": told})
            return str(answer["status"])

        def amps() -> int:
            power = station.outlets[1].session.power if station.outlets[1].session else 0
            return round(power / 3 / 230)

        assert amps() == 16
        assert await put(0, profile("id", 1, "TxDefaultProfile", 13)) == "Accepted"
        await csms.until(lambda: amps() == 13)
        assert await put(1, profile("id", 2, "TxDefaultProfile", 12, level=1)) == "Accepted"
        await csms.until(lambda: amps() == 12)
        assert await put(1, profile("id", 3, "TxProfile", 9, transactionId=transaction)) == "Accepted"
        await csms.until(lambda: amps() == 9)
        assert await put(1, profile("id", 4, "TxProfile", 9, transactionId="nonsense")) == "Rejected"
        whole = profile("id", 5, "ChargingStationMaxProfile", 4, chargingProfileKind="Absolute")
        assert await put(0, whole) == "Accepted"  # 4 A is too little for any car
        await csms.until(lambda: events(csms)[-1] == ("Updated", "ChargingStateChanged", "SuspendedEVSE"))
        assert amps() == 0
        composite = await csms.ask("GetCompositeSchedule", {"evseId": 1, "duration": 600, "chargingRateUnit": "A"})
        assert [period["limit"] for period in composite["schedule"]["chargingSchedulePeriod"]] == [4]
        asked = {"requestId": 8, "chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile"}}
        assert await csms.ask("GetChargingProfiles", asked) == {"status": "Accepted"}
        told = await csms.until(lambda: len(csms.of("ReportChargingProfiles")) == 2 and csms.of("ReportChargingProfiles"))
        assert [(one["evseId"], one["tbc"]) for one in told] == [(0, True), (1, False)]
        assert (await csms.ask("ClearChargingProfile", {"chargingProfileId": 5}))["status"] == "Accepted"
        await csms.until(lambda: events(csms)[-1] == ("Updated", "ChargingStateChanged", "Charging"))
        await station.stop(1)
        assert {one.id for one in station.profiles.every} == {1, 2}, "a profile of a transaction ends with it"
        await station.aclose()


async def test_a_reservation_keeps_its_evse_and_expires() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        soon = (datetime.now(UTC) + timedelta(seconds=0.4)).isoformat()
        late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

        async def reserve(number: int, until: str, evse: int) -> str:
            token = {"idToken": CARD, "type": "ISO14443"}
            answer = await csms.ask("ReserveNow", {"id": number, "expiryDateTime": until, "idToken": token, "evseId": evse})
            return str(answer["status"])

        await station.status(2, "Faulted", "GroundFailure")
        assert await reserve(1, late, 2) == "Faulted"
        await station.status(2, "Unavailable")
        assert await reserve(1, late, 2) == "Unavailable"
        assert await reserve(1, soon, 1) == "Accepted"
        await csms.until(lambda: station.outlets[1].status == "Reserved")
        assert await reserve(2, late, 1) == "Occupied"
        assert not await station.present(1, "04FFFFFFFFFFFF")
        await csms.until(lambda: csms.of("ReservationStatusUpdate") == [{"reservationId": 1, "reservationUpdateStatus": "Expired"}])
        await csms.until(lambda: station.outlets[1].status == "Available")
        assert await reserve(3, late, 1) == "Accepted"
        assert await station.start(1, CARD, authorize=True)
        assert [one.get("reservationId") for one in csms.of("TransactionEvent") if "idToken" in one] == [3]
        assert await csms.ask("CancelReservation", {"reservationId": 3}) == {"status": "Rejected"}
        assert (await csms.ask("UnlockConnector", {"evseId": 1, "connectorId": 1}))["status"] == "OngoingAuthorizedTransaction"
        await station.aclose()


async def test_a_monitor_tells_when_its_limit_is_passed() -> None:
    async with server("2.0.1") as csms:
        station = await arrived(csms)
        there = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Temperature"}}
        wanted = {"value": 60, "type": "UpperThreshold", "severity": 4, **there}
        unknown = {**wanted, "variable": {"name": "Moonrise"}}
        answer = await csms.ask("SetVariableMonitoring", {"setMonitoringData": [wanted, wanted, unknown]})
        assert [one["status"] for one in answer["setMonitoringResult"]] == ["Accepted", "Duplicate", "UnknownVariable"]
        number = answer["setMonitoringResult"][0]["id"]
        station.heat[1] = 66.6
        await station.monitors.look()
        await station.monitors.look()
        station.heat[1] = 40.0
        await station.monitors.look()
        told = [part["eventData"][0] for part in csms.of("NotifyEvent")]
        assert [(one["variableMonitoringId"], one["actualValue"], one.get("cleared", False)) for one in told] == [
            (number, "66.6", False), (number, "40.0", True),
        ]  # fmt: skip
        assert await csms.ask("GetMonitoringReport", {"requestId": 9}) == {"status": "Accepted"}
        report = await csms.until(lambda: csms.of("NotifyMonitoringReport"))
        assert {one["id"] for group in report[0]["monitor"] for one in group["variableMonitoring"]} == set(station.monitors.every)
        cleared = await csms.ask("ClearVariableMonitoring", {"id": [number, 1, 999]})
        assert [one["status"] for one in cleared["clearMonitoringResult"]] == ["Accepted", "Rejected", "NotFound"]
        await station.aclose()


def certificate(
    name: str, key: Any, issuer: x509.Certificate | None = None, issuer_key: ec.EllipticCurvePrivateKey | None = None
) -> x509.Certificate:
    """One of `name`, signed by `issuer` or by itself. `key`: private, or public."""
    subject, at = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    public = key.public_key() if hasattr(key, "public_key") else key
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject).public_key(public)
        .serial_number(x509.random_serial_number()).not_valid_before(at - timedelta(days=1)).not_valid_after(at + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer_key or key, hashes.SHA256())
    )  # fmt: skip


def pem(one: x509.Certificate) -> str:
    return one.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_certificates_and_signed_firmware_are_checked_for_real(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(version) as csms:
        later = version == "2.0.1"
        station = await arrived(csms) if later else await arrived16(csms)
        key, foreign = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = certificate("Root", key)
        kind = {"certificateType": "ManufacturerRootCertificate"}
        assert (await csms.ask("InstallCertificate", {**kind, "certificate": "nonsense"}))["status"] == "Rejected"
        assert (await csms.ask("InstallCertificate", {**kind, "certificate": pem(root)}))["status"] == "Accepted"
        wanted: Any = ["ManufacturerRootCertificate"] if later else "ManufacturerRootCertificate"
        listed = await csms.ask("GetInstalledCertificateIds", {"certificateType": wanted})
        data = listed["certificateHashDataChain"][0]["certificateHashData"] if later else listed["certificateHashData"][0]
        built = ocsp.OCSPRequestBuilder().add_certificate(root, root, hashes.SHA256()).build()
        assert (data["issuerNameHash"], data["issuerKeyHash"]) == (built.issuer_name_hash.hex(), built.issuer_key_hash.hex())

        action, message = ("TriggerMessage", "SignChargingStationCertificate")
        if not later:
            action, message = ("ExtendedTriggerMessage", "SignChargePointCertificate")
        assert (await csms.ask(action, {"requestedMessage": message}))["status"] == "Accepted"
        asked = await csms.until(lambda: csms.of("SignCertificate"))
        request = x509.load_pem_x509_csr(asked[0]["csr"].encode())
        assert request.is_signature_valid
        assert request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "SIM-1"
        for given, status in ((foreign, "Rejected"), (request.public_key(), "Accepted")):
            chain = pem(certificate("SIM-1", given, root, key))
            assert (await csms.ask("CertificateSigned", {"certificateChain": chain}))["status"] == status
        assert station.client_certificate

        content = files.firmware(station.make, "9.9.9")
        monkeypatch.setattr(files, "_request", lambda _url, _tls: content)
        signer = certificate("Signer", foreign, root, key)
        update = {"location": "http://127.0.0.1/f", "retrieveDateTime": datetime.now(UTC).isoformat(), "signingCertificate": pem(signer)}
        action, told = ("UpdateFirmware", "FirmwareStatusNotification") if later else (
            "SignedUpdateFirmware", "SignedFirmwareStatusNotification",
        )  # fmt: skip
        untrusted = {**update, "signingCertificate": pem(certificate("Else", foreign)), "signature": "AAAA"}
        assert (await csms.ask(action, {"requestId": 1, "firmware": untrusted}))["status"] == "InvalidCertificate"
        assert (await csms.ask(action, {"requestId": 2, "firmware": {**update, "signature": "AAAA"}}))["status"] == "Accepted"
        await csms.until(lambda: [one for one in csms.of(told) if one["status"] == "InvalidSignature"])
        signature = base64.b64encode(foreign.sign(content, ec.ECDSA(hashes.SHA256()))).decode()
        assert (await csms.ask(action, {"requestId": 3, "firmware": {**update, "signature": signature}}))["status"] == "Accepted"
        await csms.until(lambda: csms.of(told)[-1]["status"] == "InstallRebooting")
        assert station.firmware == "9.9.9"
        assert [one["status"] for one in csms.of(told)][-5:] == [
            "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting",
        ]  # fmt: skip
        assert {one["type"] for one in csms.of("SecurityEventNotification")} >= {
            "InvalidFirmwareSigningCertificate", "InvalidFirmwareSignature",
        }  # fmt: skip
        await station.aclose()


async def test_a_station_of_1_6_goes_up_to_tls_and_to_its_own_certificate(tmp_path: Path) -> None:
    """Security profile 1, 2 and 3, with a new password in between; the server demands certificates that its own root has signed."""
    key, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("Root", key)
    (tmp_path / "root.pem").write_text(pem(root))
    (tmp_path / "own.pem").write_text(pem(certificate("127.0.0.1", own, root, key)))
    (tmp_path / "own.key").write_bytes(
        own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=tmp_path / "root.pem")
    theirs.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
    theirs.load_verify_locations(tmp_path / "root.pem")
    theirs.verify_mode = ssl.CERT_OPTIONAL
    ours.verify_flags &= ~ssl.VERIFY_X509_STRICT  # these short certificates leave out what nobody needs here

    def login(csms: Server) -> str:
        return str((csms.connections[-1].request or pytest.fail("no request")).headers.get("Authorization", ""))

    async def set_key(csms: Server, key: str, value: str) -> str:
        return str((await csms.ask("ChangeConfiguration", {"key": key, "value": value}))["status"])

    async with server("1.6") as plain, server("1.6", theirs) as secure:
        station = SimulatedStation(plain.url, "SIM-1", "p" * 20, secure_url=secure.url, tls=ours, speed=1000)
        life = asyncio.create_task(station.run())
        await plain.until(station.online.is_set)
        assert await set_key(plain, "AuthorizationKey", "n" * 20) == "Accepted"
        assert await set_key(plain, "SecurityProfile", "3") == "Rejected", "it has no certificate yet"
        assert await set_key(plain, "SecurityProfile", "2") == "Accepted"
        await secure.until(lambda: secure.connections and station.online.is_set())
        assert base64.b64decode(login(secure).removeprefix("Basic ")) == b"SIM-1:" + b"n" * 20
        await secure.ask("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
        asked = await secure.until(lambda: secure.of("SignCertificate"))
        signed = certificate("SIM-1", x509.load_pem_x509_csr(asked[0]["csr"].encode()).public_key(), root, key)
        assert (await secure.ask("CertificateSigned", {"certificateChain": pem(signed)}))["status"] == "Accepted"
        assert await set_key(secure, "SecurityProfile", "1") == "Rejected", "never down"
        assert await set_key(secure, "SecurityProfile", "3") == "Accepted"
        await secure.until(lambda: len(secure.connections) == 2 and station.online.is_set())
        assert login(secure) == ""
        shown = secure.connections[-1].transport.get_extra_info("peercert")
        assert dict(pair[0] for pair in shown["subject"])["commonName"] == "SIM-1"
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        await station.aclose()


async def test_a_station_of_1_6_reserves_for_a_card_or_its_group_and_obeys_profiles() -> None:
    async with server("1.6") as csms:
        station = await arrived16(csms)
        csms.says["Authorize"] = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}
        late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        wanted = {"connectorId": 1, "expiryDate": late, "idTag": CARD, "parentIdTag": "FAMILY", "reservationId": 5}
        assert await csms.ask("ReserveNow", wanted) == {"status": "Accepted"}
        await csms.until(lambda: csms.of("StatusNotification")[-1]["status"] == "Reserved")
        assert await csms.ask("ReserveNow", {**wanted, "reservationId": 6}) == {"status": "Occupied"}
        assert await csms.ask("CancelReservation", {"reservationId": 6}) == {"status": "Rejected"}
        assert not await station.start(1, "STRANGER")
        assert await station.start(1, "BROTHER", authorize=True)
        assert csms.of("StartTransaction")[0]["reservationId"] == 5
        told = profile("chargingProfileId", 1, "TxProfile", 8)
        assert await csms.ask("SetChargingProfile", {"connectorId": 2, "csChargingProfiles": told}) == {"status": "Rejected"}
        assert await csms.ask("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": told}) == {"status": "Accepted"}
        session = station.outlets[1].session
        assert session
        await csms.until(lambda: round(session.power / 3 / 230) == 8)
        composite = await csms.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 60, "chargingRateUnit": "W"})
        assert composite["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 8 * 3 * 230
        assert await csms.ask("ClearChargingProfile", {"id": 9}) == {"status": "Unknown"}
        assert await csms.ask("ClearChargingProfile", {"id": 1}) == {"status": "Accepted"}
        assert await csms.ask("ChangeConfiguration", {"key": "SecurityProfile", "value": "2"}) == {"status": "Rejected"}
        await station.aclose()


async def test_files_come_and_go_by_https_that_the_station_trusts(tmp_path: Path) -> None:
    class Files(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"firmware")

        def log_message(self, *args: Any) -> None: ...

    portal = Authority("Portal")
    (tmp_path / "portal.pem").write_bytes(portal.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(portal.server(tmp_path / "server.pem"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as one:
        one.socket = context.wrap_socket(one.socket, server_side=True)
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        try:
            url = f"https://127.0.0.1:{one.server_port}/"
            assert await asyncio.to_thread(files._request, url, trusting(tmp_path / "portal.pem")) == b"firmware"
            with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
                await asyncio.to_thread(files._request, url, None)
        finally:
            one.shutdown()
            thread.join()
