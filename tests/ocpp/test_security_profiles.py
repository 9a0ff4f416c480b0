"""Security profiles 0 to 3 at the door (domain §10; OCPP 1.6 security whitepaper §4; OCPP 2.0.1 A00), over real TLS."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client, override_settings
from websockets.exceptions import InvalidStatus

from energycloud import tls
from stations.actions.security import demand_security_profile
from stations.gateway import hub
from stations.models import Knock, Station
from tests.conftest import STATION_PASSWORD, Tree
from tests.ocpp.conftest import Gateway, Wire, until
from tests.pki import Authority, Signed, trusting

pytestmark = pytest.mark.engines

STATIONS, STRANGERS = Authority("Stations of tests"), Authority("Somebody else")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The port's certificate (of an RSA key: all ciphers) and its authority, and the authority of the stations."""
    folder = tmp_path_factory.mktemp("tls")
    portal = Authority("Portal of tests")
    (folder / "portal.pem").write_bytes(portal.pem)
    (folder / "stations.pem").write_bytes(STATIONS.pem)
    portal.server(folder / "server.pem", rsa.generate_private_key(65537, 2048))
    return folder


@pytest.fixture
def gateway(folder: Path, transactional_db: None, tree: Tree) -> Iterator[Gateway]:
    with override_settings(OCPP_TLS_CERTIFICATE=str(folder / "server.pem"), OCPP_TLS_CLIENT_CA=str(folder / "stations.pem")):
        one = Gateway(tls=True)
        one.start()
        yield one
        one.stop()


def secure(gateway: Gateway, folder: Path, own: Signed | None = None, identity: str = "LUM-0001", **options: Any) -> Wire:
    context = options.pop("context", None) or trusting(folder / "portal.pem", own.written(folder / "own.pem") if own else None)
    return gateway.connect(identity, url=f"wss://127.0.0.1:{gateway.tls_port}/ocpp/", ssl=context, **options)


def demand(profile: int, identity: str = "LUM-0001") -> None:
    Station.objects.filter(identity=identity).update(security_profile=profile)


def connection(identity: str = "LUM-0001") -> tuple[int | None, bool, str]:
    return Station.objects.values_list("connected_profile", "connected_tls", "connected_serial").get(identity=identity)


def refused(connect: Any, *args: Any, **options: Any) -> tuple[int, str, str]:
    """Status, what the station is told, and what the operator is told."""
    with pytest.raises(InvalidStatus) as refusal:
        connect(*args, **options)
    response = refusal.value.response
    knock = Knock.objects.order_by("-last_at").first()
    return response.status_code, bytes(response.body or b"").decode(), knock.reason if knock else ""


TOLD = (401, "Unknown station id or wrong password.")
NOTHING: dict[str, str] = {}


def test_profile_1_is_a_password_with_or_without_tls(gateway: Gateway, folder: Path) -> None:
    gateway.connect()
    assert connection() == (1, False, "")
    wire = secure(gateway, folder)
    assert "currentTime" in wire.call("Heartbeat")
    assert connection() == (2, True, "")
    assert Station.objects.get(identity="LUM-0001").origin == f"https://127.0.0.1:{gateway.tls_port}"


def test_profile_2_wants_tls_and_the_password(gateway: Gateway, folder: Path) -> None:
    demand(2)
    assert refused(gateway.connect) == (*TOLD, "no_tls")
    assert refused(secure, gateway, folder, password="wrong-password-12345") == (*TOLD, "password")
    assert refused(secure, gateway, folder, headers=NOTHING) == (*TOLD, "password")
    secure(gateway, folder)
    assert connection() == (2, True, "")


def test_profile_3_wants_a_certificate_of_this_station(gateway: Gateway, folder: Path) -> None:
    demand(3)
    assert refused(gateway.connect) == (*TOLD, "no_tls")
    assert refused(secure, gateway, folder) == (*TOLD, "no_cert")
    for own, reason in (
        (STATIONS.sign("LUM-0002"), "other"),
        (STATIONS.sign("LUM-0001", days=(-9, -2)), "expired"),
        (STATIONS.sign("LUM-0001", days=(2, 9)), "early"),
    ):
        assert refused(secure, gateway, folder, own) == (*TOLD, reason), "the right password does not help"
    good = STATIONS.sign("LUM-0001", "Harbour")
    secure(gateway, folder, good, headers=NOTHING)
    assert connection() == (3, True, good.serial)


def test_a_certificate_of_an_unknown_authority_does_not_pass_the_handshake(gateway: Gateway, folder: Path) -> None:
    with pytest.raises((ssl.SSLError, OSError, EOFError, Exception)) as failed:
        secure(gateway, folder, STRANGERS.sign("LUM-0001"))
    assert not isinstance(failed.value, InvalidStatus)
    gateway.connect()  # harms nobody


def test_more_than_demanded_gets_in_and_a_bad_certificate_does_not_lock_out_who_needs_none(gateway: Gateway, folder: Path) -> None:
    secure(gateway, folder, STATIONS.sign("LUM-0001"), headers=NOTHING)
    assert connection()[0] == 3
    secure(gateway, folder, STATIONS.sign("LUM-0001", days=(-9, -2)))
    assert connection()[0] == 2
    assert refused(secure, gateway, folder, STATIONS.sign("LUM-0001", days=(-9, -2)), headers=NOTHING) == (*TOLD, "expired")


def test_profile_0_needs_no_password_and_is_throttled_like_all(gateway: Gateway) -> None:
    assert refused(gateway.connect, headers=NOTHING) == (*TOLD, "password")
    demand(0)
    gateway.connect(headers=NOTHING)
    assert connection() == (0, False, "")
    gateway.connect()
    assert connection() == (1, False, "")
    assert refused(gateway.connect, "LUM-0002", headers=NOTHING)[0] == 401, "it is one station's"
    demand(1)
    for _try in range(32):
        answer = refused(gateway.connect, headers=NOTHING)[0]
    assert answer == 429


def test_a_higher_demand_disconnects_who_is_in_with_less(gateway: Gateway, folder: Path, tree: Tree) -> None:
    wire = gateway.connect()
    with override_settings(OCPP_TLS_URL="wss://portal.example.org"):
        demand_security_profile(actor=tree.bob, station=Station.objects.get(identity="LUM-0001"), profile=2)
    assert wire.closed() == 1008
    assert refused(gateway.connect)[2] == "no_tls"


def test_who_is_in_with_less_is_found_where_a_nudge_was_lost(gateway: Gateway) -> None:
    gateway.connect()
    until(lambda: Station.objects.get(identity="LUM-0001").connected)
    one = Station.objects.get(identity="LUM-0001")
    assert hub._strays(one.gateway, {one.pk: one.generation}) == []
    demand(2)
    assert hub._strays(one.gateway, {one.pk: one.generation}) == [(one.pk, hub.CLOSED_BY_US)]


def test_headers_of_proxies_count_nothing_on_our_own_port(gateway: Gateway, folder: Path) -> None:
    with override_settings(TRUSTED_PROXIES=1, OCPP_CLIENT_CERT_HEADER="x-ssl-client-cert"):
        demand(3)
        forged = {"X-SSL-Client-Cert": STATIONS.sign("LUM-0001").pem.decode().replace("\n", "%0A"), "X-Forwarded-For": "198.51.100.7"}
        assert refused(secure, gateway, folder, extra=forged) == (*TOLD, "no_cert")
        assert Knock.objects.get().address == "127.0.0.1"


def test_behind_a_proxy_its_headers_tell(gateway: Gateway) -> None:
    """The way that deploy/nginx.conf has; with nginx itself in tests/e2e/test_deployment.py."""
    good = STATIONS.sign("LUM-0001")
    header = {"X-SSL-Client-Cert": good.pem.decode().replace("\n", "%0A")}
    with override_settings(TRUSTED_PROXIES=1, OCPP_CLIENT_CERT_HEADER="x-ssl-client-cert"):
        demand(3)
        assert refused(gateway.connect, extra=header | {"X-Forwarded-Proto": "http"})[2] == "no_tls"
        assert refused(gateway.connect, extra={"X-Forwarded-Proto": "https"})[2] == "no_cert"
        stranger = {"X-SSL-Client-Cert": STRANGERS.sign("LUM-0001").pem.decode().replace("\n", "%0A")}
        assert refused(gateway.connect, extra=stranger | {"X-Forwarded-Proto": "https"})[2] == "untrusted"
        gateway.connect(headers=header | {"X-Forwarded-Proto": "https"})
        assert connection() == (3, True, good.serial)
    with override_settings(TRUSTED_PROXIES=1, OCPP_CLIENT_CERT_HEADER=""):
        assert refused(gateway.connect, extra=header | {"X-Forwarded-Proto": "https"})[2] == "no_cert"
    with override_settings(TRUSTED_PROXIES=0, OCPP_CLIENT_CERT_HEADER="x-ssl-client-cert"):
        assert refused(gateway.connect, extra=header | {"X-Forwarded-Proto": "https"})[2] == "no_tls"


def test_tls_1_2_and_every_cipher_that_ocpp_asks_for(gateway: Gateway, folder: Path) -> None:
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"):
        context = trusting(folder / "portal.pem", maximum_version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(cipher)
        wire = secure(gateway, folder, context=context)
        assert wire.socket.socket.cipher()[:2] == (cipher, "TLSv1.2")  # type: ignore[attr-defined]
    context = trusting(folder / "portal.pem", maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-SHA256")
    with pytest.raises(ssl.SSLError):
        secure(gateway, folder, context=context)
    assert {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"} <= set(tls.CIPHERS)
    doorway = gateway.server.doorway
    assert doorway
    assert doorway.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_new_certificate_of_the_port_is_taken_over_while_it_runs(gateway: Gateway, folder: Path, tmp_path: Path) -> None:
    other = Authority("Portal, renewed")
    (tmp_path / "renewed.pem").write_bytes(other.pem)
    old = (folder / "server.pem").read_bytes()
    try:
        with pytest.raises(ssl.SSLError):
            secure(gateway, folder, context=trusting(tmp_path / "renewed.pem"))
        doorway = gateway.server.doorway
        assert doorway
        (folder / "server.pem").write_text("half of a file")
        doorway.refresh()
        secure(gateway, folder)
        other.server(folder / "server.pem")
        doorway.refresh()
        secure(gateway, folder, context=trusting(tmp_path / "renewed.pem"))
    finally:
        (folder / "server.pem").write_bytes(old)


def test_the_port_is_for_stations_alone(gateway: Gateway, folder: Path) -> None:
    for path, status in (("/", 404), ("/account/login/", 404), ("/station-files/logs/x", 405)):
        client = http.client.HTTPSConnection("127.0.0.1", gateway.tls_port, timeout=10, context=trusting(folder / "portal.pem"))
        with closing(client):
            client.request("GET", path)
            answer = client.getresponse()
            assert (answer.status, b"for stations" in answer.read()) == (status, status == 404)


def test_the_list_of_those_who_knock_says_what_is_missing(gateway: Gateway, folder: Path, as_ada: Client) -> None:
    demand(3)
    refused(secure, gateway, folder, STATIONS.sign("LUM-0001", days=(-9, -2)))
    page = as_ada.get("/stations/knocking/").content.decode()
    assert "Its certificate has expired." in page


def test_the_portal_on_one_machine_makes_a_certificate_for_trials(tmp_path: Path) -> None:
    made = tls.make_self_signed(tmp_path / "tls", ["portal.example.org", "*"])
    assert made.stat().st_mode & 0o777 == 0o600
    first = made.read_bytes()
    assert tls.make_self_signed(tmp_path / "tls", ["portal.example.org"]).read_bytes() == first
    assert tls.make_self_signed(tmp_path / "tls", ["other.example.org"]).read_bytes() != first
    tls.doorway(str(made), "", "", tuple)
    trusting(made)


def test_a_station_stays_at_the_profile_after_the_socket_is_gone(gateway: Gateway, folder: Path) -> None:
    wire = secure(gateway, folder)
    wire.close()
    until(lambda: not Station.objects.get(identity="LUM-0001").connected)
    assert connection() == (2, True, ""), "it says how it was last"
    assert STATION_PASSWORD
