"""The four faults for which servers of ten vendors were listed in public advisories in 2026 (domain §10), tried here."""

from __future__ import annotations

import socket

import pytest
from django.test import Client, override_settings
from websockets.exceptions import InvalidStatus

from stations.models import Frame, Station
from tests.conftest import STATION_PASSWORD, Tree
from tests.ocpp.conftest import Gateway, frame, until
from tests.ocpp.test_commands import ask, state

pytestmark = pytest.mark.engines

WRONG = "wrong-password-12345"


def refused(gateway: Gateway, identity: str = "LUM-0001", password: str = WRONG, **options: object) -> tuple[int, str, dict[str, str]]:
    with pytest.raises(InvalidStatus) as refusal:
        gateway.connect(identity, password, **options)
    response = refusal.value.response
    headers = {name.lower(): value for name, value in response.headers.raw_items() if name.lower() != "date"}
    return response.status_code, bytes(response.body or b"").decode(), headers


def test_1_no_socket_without_authentication(gateway: Gateway, tree: Tree) -> None:
    for options in (
        {"headers": {}},
        {"password": ""},
        {"password": WRONG},
        {"user": "LUM-0002"},
        {"user": ""},
        {"headers": {"Authorization": "Basic"}},
        {"headers": {"Authorization": "Basic TFVNLTAwMDE="}},
        {"headers": {"Sec-WebSocket-Protocol": "ocpp1.6", "Cookie": "sessionid=1"}},
    ):
        assert refused(gateway, **options)[0] == 401  # type: ignore[arg-type]
    assert not Station.objects.filter(connected=True).exists()
    assert Station.objects.get(identity="LUM-0001").connection_at() == "never"


def test_1_what_is_sent_before_the_answer_to_the_upgrade_is_never_read(gateway: Gateway, tree: Tree) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as bare:
        request = (
            "GET /ocpp/LUM-0001 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        )
        status = frame('[2,"1","StatusNotification",{"connectorId":1,"status":"Faulted","errorCode":"GroundFailure"}]')
        bare.sendall(request.encode() + status)
        received = b""
        while chunk := bare.recv(4096):
            received += chunk
        assert received.startswith(b"HTTP/1.1 401")
    gateway.connect().call("Heartbeat")
    assert list(Frame.objects.values_list("action", flat=True)) == ["Heartbeat"]


def test_2_guessing_is_slowed_down_and_told_when_to_come_back(gateway: Gateway) -> None:
    statuses = [refused(gateway)[0] for _ in range(31)]
    assert statuses == [401] * 30 + [429]
    status, _body, headers = refused(gateway, password=STATION_PASSWORD)
    assert (status, headers["retry-after"]) == (429, "60"), "not even the right password is tried then"


def test_2_who_hammers_an_id_from_elsewhere_does_not_lock_its_station_out(gateway: Gateway) -> None:
    """Not even after a restart of ours, when the attempts come from many addresses."""
    with override_settings(TRUSTED_PROXIES=1):
        Station.objects.filter(identity="LUM-0001").update(address="10.0.0.1", connected_at="2026-01-01T00:00:00Z")
        for n in range(90):
            assert refused(gateway, extra={"X-Forwarded-For": f"1.2.3.4, 10.9.9.{n % 5}"})[0] == 401
        assert refused(gateway, extra={"X-Forwarded-For": "10.9.9.77"})[0] == 429
        wire = gateway.connect(extra={"X-Forwarded-For": "10.0.0.1"})
        assert "currentTime" in wire.call("Heartbeat")
        until(lambda: Station.objects.get(identity="LUM-0001").address == "10.0.0.1")
        assert refused(gateway, "LUM-0002", extra={"X-Forwarded-For": "10.9.9.77"})[0] == 401, "other ids are not concerned"


def test_2_a_bad_neighbour_does_not_lock_out_who_was_here_before(gateway: Gateway) -> None:
    """Behind one address there may be a whole site; behind a proxy that we were not told of, the whole fleet."""
    with override_settings(OCPP_REFUSALS_PER_MINUTE=3):
        gateway.connect().close()
        statuses = [refused(gateway, f"STRANGER-{n}")[0] for n in range(35)]
        assert statuses == [401] * 30 + [429] * 5
        assert refused(gateway, "LUM-0002", STATION_PASSWORD)[0] == 429, "which was never here"
        assert "currentTime" in gateway.connect().call("Heartbeat")


def test_3_a_second_socket_displaces_the_first_only_with_the_password(gateway: Gateway) -> None:
    first = gateway.connect()
    first.call("Heartbeat")
    for password in (WRONG, "", STATION_PASSWORD + "x"):
        assert refused(gateway, password=password)[0] == 401
    assert refused(gateway, subprotocols=["ocpp9"], password=STATION_PASSWORD)[0] == 400
    command = ask("ClearCache")
    first.answer(first.expect_call()[0], {"status": "Accepted"})
    until(lambda: state(command) == "accepted")


def test_3_after_the_newest_has_won_the_first_one_s_answers_count_for_nothing(gateway: Gateway) -> None:
    first = gateway.raw()
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    newest = gateway.connect()
    command = ask("ClearCache")
    message_id = newest.expect_call()[0]
    first.sendall(frame(f'[3,"{message_id}",{{"status":"Rejected"}}]') + frame('[2,"9","Authorize",{"idTag":"X"}]'))
    newest.call("Heartbeat")
    assert state(command) == "sent"
    newest.answer(message_id, {"status": "Accepted"})
    until(lambda: state(command) == "accepted")
    first.close()
    assert Station.objects.get(identity="LUM-0001").connected
    assert not Frame.objects.filter(action="Authorize").exists(), "what came behind our close is not taken any more"


def test_4_nothing_tells_which_station_ids_exist(gateway: Gateway, tree: Tree) -> None:
    known, unknown = refused(gateway, "LUM-0001"), refused(gateway, "LUM-9999")
    assert known == unknown
    Station.objects.filter(identity="LUM-0002").update(active=False)
    assert refused(gateway, "LUM-0002", STATION_PASSWORD) == known, "not even that it is deactivated"
    stranger = Client()
    answers = [stranger.get(f"/ocpp/{identity}") for identity in ("LUM-0001", "LUM-9999")]
    assert [answer.status_code for answer in answers] == [404, 404]
    for path in ("/stations/", f"/stations/{tree.station.pk}/", "/stations/999999/", "/map/", "/search/?q=LUM", "/live/"):
        answer = stranger.get(path)
        assert b"LUM-0001" not in answer.content
        assert answer.status_code in {302, 404}
