"""Passwords and security profiles that the portal changes, and stations that are never lost by it (OCPP 1.6 security whitepaper §4.5, A05;
test cases "update password" and "upgrade security profile" of the alliance)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client, override_settings
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from energycloud.simulator import MAKES, simulated
from stations import security_steps
from stations.actions import demand_security_profile, raise_security_profile, send_new_password
from stations.bulk import KINDS
from stations.controls import Situation
from stations.gateway import outbound
from stations.models import BulkItem, BulkJob, Command, SecurityChange, SecurityEvent, Station
from tenancy.models import AuditEntry
from tests.conftest import STATION_PASSWORD, Tree
from tests.ocpp.conftest import Gateway, Wire, until
from tests.pki import Authority, Signed, trusting

pytestmark = pytest.mark.engines

STATIONS, PORTAL = Authority("Stations"), Authority("Portal")


@pytest.fixture
def gateway(tmp_path: Path, transactional_db: None, tree: Tree) -> Iterator[Gateway]:
    for authority, name in ((STATIONS, "stations"), (PORTAL, "portal")):
        (tmp_path / f"{name}.pem").write_bytes(authority.pem)
    server = PORTAL.server(tmp_path / "server.pem")
    with override_settings(OCPP_TLS_CERTIFICATE=str(server), OCPP_TLS_CLIENT_CA=str(tmp_path / "stations.pem")):
        one = Gateway(tls=True)
        with override_settings(OCPP_TLS_PORT=one.tls_port):
            one.start()
            yield one
            one.stop()


def secure(gateway: Gateway, folder: Path, own: Signed | None = None, **options: Any) -> Wire:
    context = trusting(folder / "portal.pem", own.written(folder / "own.pem") if own else None)
    return gateway.connect(url=f"wss://127.0.0.1:{gateway.tls_port}/ocpp/", ssl=context, **options)


def station() -> Station:
    return Station.objects.select_related("location__organization").get(identity="LUM-0001")


def change() -> SecurityChange:
    return SecurityChange.objects.latest("pk")


def in_state(state: str) -> SecurityChange:
    def look() -> SecurityChange | None:
        security_steps.advance()
        return change() if change().state == state else None

    found: SecurityChange = until(look)
    return found


def refused(connect: Any, *args: Any, **options: Any) -> bool:
    try:
        connect(*args, **options)
    except InvalidStatus:
        return True
    return False


def online() -> None:
    until(lambda: station().connected)


def test_a_1_6_station_is_raised_from_1_to_2_to_3(gateway: Gateway, tmp_path: Path, tree: Tree) -> None:
    wire = gateway.connect()
    for profile, come_back in (
        (2, lambda: secure(gateway, tmp_path)),
        (3, lambda: secure(gateway, tmp_path, STATIONS.sign("LUM-0001"), headers={})),
    ):
        online()
        raise_security_profile(actor=tree.bob, station=station(), profile=profile)
        security_steps.advance()
        message_id, action, payload = wire.expect_call()
        assert (action, payload) == ("ChangeConfiguration", {"key": "SecurityProfile", "value": str(profile)})
        wire.answer(message_id, {"status": "Accepted"})
        in_state("waiting")
        assert wire.silent(), "it comes back by itself: no restart is asked for"
        wire.close()
        assert station().security_profile == profile - 1, "nothing is taken away before it has shown that it can"
        wire = come_back()
        assert "currentTime" in wire.call("Heartbeat")
        assert (change().state, station().security_profile, station().connected_profile) == ("done", profile, profile)
    assert refused(secure, gateway, tmp_path)
    assert refused(gateway.connect)
    assert AuditEntry.objects.filter(verb="raise_security_profile", actor=tree.bob, object_id=station().pk).count() == 2
    with pytest.raises(ValidationError):
        raise_security_profile(actor=tree.bob, station=station(), profile=2)


def test_a_station_that_cannot_falls_back_and_stays(gateway: Gateway, tree: Tree, as_bob: Client) -> None:
    wire = gateway.connect()
    online()
    raise_security_profile(actor=tree.bob, station=station(), profile=2)
    security_steps.advance()
    message_id, _action, _payload = wire.expect_call()
    wire.answer(message_id, {"status": "Accepted"})
    in_state("waiting")
    wire = gateway.connect()
    until(lambda: change().fell_back_at)
    assert "It came back in the old way" in as_bob.get(f"/stations/{station().pk}/security/").content.decode()
    SecurityChange.objects.update(deadline=timezone.now())
    assert "goes on as before" in in_state("failed").note
    assert "currentTime" in wire.call("Heartbeat")
    assert station().security_profile == 1
    gateway.connect()


def test_a_station_that_wants_a_restart_is_restarted(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect()
    online()
    raise_security_profile(actor=tree.bob, station=station(), profile=2)
    security_steps.advance()
    message_id, _action, _payload = wire.expect_call()
    wire.answer(message_id, {"status": "RebootRequired"})
    message_id, action, payload = wire.expect_call()
    assert (action, payload) == ("Reset", {"type": "Soft"})
    wire.answer(message_id, {"status": "Accepted"})
    in_state("waiting")


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
def test_a_station_that_refuses_keeps_its_profile(gateway: Gateway, tree: Tree, status: str) -> None:
    wire = gateway.connect()
    online()
    raise_security_profile(actor=tree.bob, station=station(), profile=2)
    security_steps.advance()
    message_id, _action, _payload = wire.expect_call()
    wire.answer(message_id, {"status": status})
    assert in_state("failed").note.startswith("The station says no")
    assert station().security_profile == 1


def test_a_2_0_1_station_gets_a_network_profile_in_a_free_slot(gateway: Gateway, tmp_path: Path, tree: Tree) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    online()
    raise_security_profile(actor=tree.bob, station=station(), profile=2)
    security_steps.advance()
    variable = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
    message_id, action, payload = wire.expect_call()
    assert (action, payload) == ("GetVariables", {"getVariableData": [variable]})
    wire.answer(message_id, {"getVariableResult": [{**variable, "attributeStatus": "Accepted", "attributeValue": "1,3"}]})
    message_id, action, payload = wire.expect_call()
    assert (action, payload["configurationSlot"]) == ("SetNetworkProfile", 2)
    profile = payload["connectionData"]
    assert (profile["securityProfile"], profile["ocppVersion"]) == (2, "OCPP20")
    assert profile["ocppCsmsUrl"] == f"wss://127.0.0.1:{gateway.tls_port}/ocpp/"
    wire.answer(message_id, {"status": "Accepted"})
    message_id, action, payload = wire.expect_call()
    assert (action, payload["setVariableData"][0]["attributeValue"]) == ("SetVariables", "2,1,3")
    wire.answer(message_id, {"setVariableResult": [{**variable, "attributeStatus": "Accepted"}]})
    message_id, action, payload = wire.expect_call()
    assert (action, payload) == ("Reset", {"type": "OnIdle"})
    wire.answer(message_id, {"status": "Accepted"})
    in_state("waiting")
    secure(gateway, tmp_path, subprotocols=["ocpp2.0.1"])
    assert (change().state, station().security_profile) == ("done", 2)


def test_a_new_password_whose_answer_is_lost_loses_no_station(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect()
    online()
    send_new_password(actor=tree.bob, station=station())
    _message_id, action, payload = wire.expect_call()
    assert (action, payload["key"], len(payload["value"])) == ("ChangeConfiguration", "AuthorizationKey", 40)
    wire.close()  # before it answers: nobody knows whether it has taken it
    outbound.time_out(list(Command.objects.values_list("pk", flat=True)))
    in_state("waiting")
    SecurityChange.objects.update(deadline=timezone.now() - timedelta(days=1))
    security_steps.advance()
    assert change().ended_at is None, "it has not been back, so it may have either"
    gateway.connect().close()
    assert change().fell_back_at
    assert station().password_set_at is None
    gateway.connect(password=payload["value"])
    assert change().state == "done"
    assert refused(gateway.connect), "the old one is no longer its password"


@pytest.mark.parametrize(("version", "error"), [("1.6", "InternalError"), ("1.6", "GenericError"), ("2.0.1", "InternalError")])
def test_a_new_password_answered_by_an_error_loses_no_station(gateway: Gateway, tree: Tree, version: str, error: str) -> None:
    wire = gateway.connect(subprotocols=[f"ocpp{version}"])
    online()
    send_new_password(actor=tree.bob, station=station())
    message_id, _action, payload = wire.expect_call()
    password = payload["value"] if version == "1.6" else payload["setVariableData"][0]["attributeValue"]
    wire.socket.send(json.dumps([4, message_id, error, f"cannot restart with {password}", {"key": [password]}]))
    assert error in in_state("waiting").note
    command = Command.objects.select_related("frame").get()
    assert command.state == "failed"
    assert command.frame
    assert password not in f"{command.error_description} {command.frame.answer} {command.frame.call} {command.payload}"
    assert "cannot restart with ****" in command.error_description
    told = {"type": "SettingSystemTime", "timestamp": "2026-01-01T00:00:00Z"}
    wire.call("SecurityEventNotification", told | {"techInfo": f"{password} is set"})
    assert SecurityEvent.objects.get(type="SettingSystemTime").info == "**** is set"
    gateway.connect(subprotocols=[f"ocpp{version}"]).close()
    gateway.connect(password=password, subprotocols=[f"ocpp{version}"])
    assert change().state == "done"
    assert refused(gateway.connect)


@pytest.mark.parametrize("error", ["NotImplemented", "NotSupported"])
def test_a_station_that_knows_no_new_passwords_keeps_its_own(gateway: Gateway, tree: Tree, error: str) -> None:
    wire = gateway.connect()
    online()
    send_new_password(actor=tree.bob, station=station())
    message_id, _action, payload = wire.expect_call()
    wire.socket.send(json.dumps([4, message_id, error, "", {}]))
    assert in_state("failed").note.startswith("The station says no")
    assert refused(gateway.connect, password=payload["value"])


def test_many_stations_get_a_password_of_their_own(gateway: Gateway, tree: Tree) -> None:
    gateway.connect()
    wire = gateway.connect("LUM-0002")
    until(lambda: Station.objects.filter(connected=True).count() == 2)
    kind, sent = KINDS["new-password"], {}
    for one in Station.objects.filter(connected=True).select_related("location__organization"):
        situation = Situation(tree.bob, one)
        assert not kind.refusal({}, situation)
        item = BulkItem.objects.create(job=BulkJob.objects.create(organization=tree.customer, kind=kind.slug), station=one)
        [command] = kind.step(tree.bob, {}, situation, item, [])  # type: ignore[misc]
        sent[one.identity] = command.payload["value"]
    assert sent["LUM-0001"] != sent["LUM-0002"]
    _message_id, _action, payload = wire.expect_call()
    assert payload["value"] == sent["LUM-0002"]
    assert refused(gateway.connect, "LUM-0002", sent["LUM-0001"])
    gateway.connect("LUM-0002", sent["LUM-0002"])


@pytest.mark.parametrize("raw", [True, False])
def test_a_key_in_hexadecimal_may_be_sent_as_the_bytes_it_stands_for(gateway: Gateway, tree: Tree, raw: bool) -> None:
    wire = gateway.connect()
    online()
    send_new_password(actor=tree.bob, station=station())
    message_id, _action, payload = wire.expect_call()
    wire.answer(message_id, {"status": "Accepted"})
    in_state("waiting")
    password = bytes.fromhex(payload["value"]) if raw else payload["value"].encode()
    token = base64.b64encode(b"LUM-0001:" + password).decode()
    gateway.connect(headers={"Authorization": f"Basic {token}"})
    assert change().state == "done"
    assert refused(gateway.connect)


def test_after_a_yes_both_passwords_count_until_the_new_one_was_used(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    online()
    send_new_password(actor=tree.bob, station=station())
    message_id, action, payload = wire.expect_call()
    [wanted] = payload["setVariableData"]
    assert (action, wanted["component"]["name"], wanted["variable"]["name"]) == ("SetVariables", "SecurityCtrlr", "BasicAuthPassword")
    result = {"component": wanted["component"], "variable": wanted["variable"], "attributeStatus": "Accepted"}
    wire.answer(message_id, {"setVariableResult": [result]})
    in_state("waiting")
    SecurityChange.objects.update(deadline=timezone.now())
    security_steps.advance()
    assert "Both passwords let it in" in change().note
    gateway.connect(subprotocols=["ocpp2.0.1"]).close()  # with the old one: it was only away for a moment
    SecurityChange.objects.update(deadline=timezone.now())
    security_steps.advance()
    assert "still comes with its old password" in change().note
    gateway.connect(password=wanted["attributeValue"])
    assert change().state == "done"
    assert refused(gateway.connect)


def test_profile_0_is_the_platforms_to_allow(tree: Tree) -> None:
    with pytest.raises(ValidationError):
        demand_security_profile(actor=tree.bob, station=tree.station, profile=0)
    demand_security_profile(actor=tree.ada, station=tree.station, profile=0)
    found = station()
    assert (found.security_profile, found.open_by) == (0, tree.ada)
    assert found.open_since
    assert AuditEntry.objects.filter(verb="demand_security_profile", actor=tree.ada).count() == 1
    demand_security_profile(actor=tree.bob, station=found, profile=1)
    assert (station().open_since, station().open_by) == (None, None)


def test_less_is_demanded_by_the_platform_alone_and_asked_for_by_itself(tree: Tree, as_bob: Client, as_ada: Client) -> None:
    Station.objects.filter(pk=tree.station.pk).update(security_profile=3)
    url = f"/stations/{tree.station.pk}/security/demand/"
    assert "Only the administrators of the platform" in as_bob.post(url, {"profile": "1", "less": "1"}).content.decode()
    with pytest.raises(ValidationError):
        demand_security_profile(actor=tree.bob, station=station(), profile=2)
    assert "can read its password" in as_ada.post(url, {"profile": "1"}).content.decode()
    assert station().security_profile == 3
    assert as_ada.post(url, {"profile": "1", "less": "1"}).status_code == 302
    assert station().security_profile == 1


def test_the_page_shows_it_and_offers_what_can_be_done(tree: Tree, as_bob: Client, as_ada: Client) -> None:
    known = {"connected": True, "connected_profile": 1, "ocpp_version": "1.6", "gateway": "g"}
    Station.objects.filter(pk=tree.station.pk).update(**known)
    url = f"/stations/{tree.station.pk}/security/"
    page = as_bob.get(url).content.decode()
    for sign in ("1: password", "Without TLS.", "Raise to profile 2", "Raise to profile 3", "Give a new password"):
        assert sign in page
    grey = 'name="profile" value="0" id="id_profile_0" disabled'
    assert grey in as_bob.get(f"{url}demand/").content.decode()
    assert grey not in as_ada.get(f"{url}demand/").content.decode()
    assert "Only the administrators of the platform" in as_bob.post(f"{url}demand/", {"profile": "0"}).content.decode()
    assert "This portal has no TLS for stations yet." in as_bob.get(f"{url}raise/?profile=2").content.decode()
    assert "This portal has no TLS for stations yet." in as_bob.post(f"{url}demand/", {"profile": "2", "sure": "1"}).content.decode()
    Station.objects.filter(pk=tree.station.pk).update(origin="https://portal.example.org")
    assert "No certificate of it is known" in as_bob.get(f"{url}raise/?profile=3").content.decode()
    assert "it is cut off now" in as_bob.post(f"{url}demand/", {"profile": "2"}).content.decode()
    assert station().security_profile == 1, "only asked"
    assert as_bob.post(f"{url}raise/?profile=2", {"confirmed": "1"}).status_code == 302
    assert "A change of its profile is under way" in as_bob.get(f"{url}raise/?profile=3").content.decode()
    assert as_bob.post(f"{url}{change().pk}/cancel/", {"confirmed": "1"}).status_code == 302
    assert change().state == "failed"
    assert as_bob.post(f"{url}password/", {"confirmed": "1"}).status_code == 302
    assert Command.objects.get().action == "ChangeConfiguration"
    assert as_bob.post(f"{url}{change().pk}/cancel/", {"confirmed": "1"}).status_code == 302
    assert Command.objects.get().payload["value"] == "****", "what was never sent is forgotten"


@pytest.mark.parametrize("make", ["alfen-double", "alfen-201"])
async def test_a_simulated_station_of_either_version_is_raised(gateway: Gateway, tmp_path: Path, tree: Tree, make: str) -> None:
    one = simulated(
        gateway.url, "LUM-0001", STATION_PASSWORD, make=MAKES[make], security_profile=1,
        secure_url=f"wss://127.0.0.1:{gateway.tls_port}/ocpp/", tls=trusting(tmp_path / "portal.pem"),
    )  # fmt: skip
    one.reboot_seconds = 0.1
    living = asyncio.create_task(one.run())
    try:
        await asyncio.wait_for(one.online.wait(), 10)

        def raised() -> None:
            online()
            raise_security_profile(actor=tree.bob, station=station(), profile=2)
            in_state("done")

        await asyncio.to_thread(raised)
        assert await asyncio.to_thread(lambda: (station().security_profile, station().connected_profile)) == (2, 2)
    finally:
        living.cancel()
        await asyncio.wait([living])
