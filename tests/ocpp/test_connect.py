"""Who gets in: HTTP Basic before the upgrade (OCPP-J 1.6 §6), one socket per station, refusals that tell nothing."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings
from websockets.exceptions import InvalidStatus

from stations.actions import add_stations, edit_station, renew_password
from stations.gateway import doors
from stations.models import Knock, Station
from tests.conftest import STATION_PASSWORD, Tree
from tests.ocpp.conftest import Gateway, until

pytestmark = pytest.mark.engines


def refusal(gateway: Gateway, *args: object, **options: object) -> tuple[int, bytes, set[str]]:
    with pytest.raises(InvalidStatus) as refused:
        gateway.connect(*args, **options)  # type: ignore[arg-type]
    response = refused.value.response
    return response.status_code, bytes(response.body or b""), {name.lower() for name, _value in response.headers.raw_items()}


def station(identity: str = "LUM-0001") -> Station:
    return Station.objects.get(identity=identity)


def test_the_right_password_gets_in(gateway: Gateway) -> None:
    assert station().connection_at() == "never"
    wire = gateway.connect()
    assert wire.socket.subprotocol == "ocpp1.6"
    found = until(lambda: Station.objects.filter(identity="LUM-0001", connected=True).first())
    assert (found.connection_at(), found.ocpp_version, found.address) == ("online", "1.6", "127.0.0.1")
    assert found.first_connected_at is not None


def test_unknown_id_and_wrong_password_are_answered_alike(gateway: Gateway) -> None:
    answers = [refusal(gateway, "NOBODY", STATION_PASSWORD), refusal(gateway, "LUM-0001", "wrong-password-12345")]
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    assert dict(Knock.objects.values_list("identity", "reason")) == {"NOBODY": "unknown", "LUM-0001": "password"}


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic ???"}, {"Authorization": "Basic bm9jb2xvbg=="}]
)
def test_no_readable_credentials_are_refused(headers: dict[str, str], gateway: Gateway) -> None:
    assert refusal(gateway, headers=headers)[0] == 401


def test_the_user_must_be_the_id_of_the_address(gateway: Gateway, tree: Tree) -> None:
    assert refusal(gateway, user="LUM-0002")[0] == 401
    assert refusal(gateway, "lum-0001", user="LUM-0001")[0] == 401, "capitals matter"


@pytest.mark.parametrize("offered", [None, ["ocpp9"], ["ocpp1.5", "soap"]])
def test_without_a_common_subprotocol_there_is_no_upgrade(offered: list[str] | None, gateway: Gateway) -> None:
    status, body, _names = refusal(gateway, subprotocols=offered)
    assert (status, body) == (400, b"Offer the WebSocket subprotocol ocpp2.0.1 or ocpp1.6.")


@pytest.mark.parametrize("identity", ["", "X" * 49, "CP 1", "a/b", "a\nb", "ÄÖ", "a\0b", "<b>", "x" * 5000])
def test_what_cannot_be_a_station_id_is_a_bad_request(identity: str, gateway: Gateway) -> None:
    status, body, _names = refusal(gateway, identity)
    assert (status, body[:34]) == (400, b"The address ends in the station id")
    assert set(Knock.objects.values_list("identity", flat=True)) <= {"CP 1", "a/b", "ÄÖ", "<b>"}, "what an operator can make sense of"


def test_every_id_that_may_be_entered_gets_in(gateway: Gateway, tree: Tree) -> None:
    for identity in ("a:b:c", "A*B*E1", "x@y", "p=1|2", "(1)+2_3-4.5", "%41", "X" * 48):
        if identity == "%41":
            assert refusal(gateway, identity)[0] == 400
            continue
        add_stations(actor=None, location=tree.location, identities=[identity], password="a:password:with:colons")
        wire = gateway.connect(identity, "a:password:with:colons")
        assert "currentTime" in wire.call("Heartbeat")


def test_several_subprotocols_are_fine_when_ours_is_among_them(gateway: Gateway) -> None:
    assert gateway.connect(subprotocols=["ocpp9", "ocpp1.6"]).socket.subprotocol == "ocpp1.6"
    assert gateway.connect(subprotocols=["ocpp2.0.1", "ocpp1.6"]).socket.subprotocol == "ocpp2.0.1", "the station's first choice"


def test_a_deactivated_station_is_closed_and_stays_out(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect()
    edit_station(actor=tree.bob, station=station(), active=False)
    assert wire.closed() == 1008
    assert refusal(gateway)[0] == 401
    assert Knock.objects.get(identity="LUM-0001").reason == "deactivated"


def test_a_renewed_password_ends_the_socket_and_the_old_password(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect()
    password = renew_password(actor=tree.bob, station=station())
    assert wire.closed() == 1008
    assert refusal(gateway)[0] == 401
    gateway.connect(password=password)


def test_what_hammers_is_throttled_and_the_real_station_still_gets_in(gateway: Gateway) -> None:
    gateway.connect()
    statuses = [refusal(gateway, "STRANGER", "wrong-password-12345")[0] for _ in range(35)]
    assert statuses.count(401) == 30
    assert statuses[-1] == 429
    gateway.connect("LUM-0002")


def test_the_knocking_list_is_bounded_and_the_oldest_give_way(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MAX_KNOCKS", 5)
    for number in range(8):
        refusal(gateway, f"N-{number}", "wrong-password-12345")
    assert set(Knock.objects.values_list("identity", flat=True)) == {f"N-{n}" for n in range(3, 8)}


def test_the_password_that_a_stranger_offers_is_kept_as_a_digest_only(gateway: Gateway) -> None:
    refusal(gateway, "NEW-1", "its-own-password-77")
    knock = Knock.objects.get(identity="NEW-1")
    assert len(knock.password_digest) == 64
    assert "its-own" not in str(vars(knock))


def test_the_newest_socket_wins_and_the_late_close_of_the_old_one_changes_nothing(gateway: Gateway) -> None:
    """Domain §10: a replaced socket must not mark the station offline."""
    old = gateway.connect()
    old.call("Heartbeat")
    new = gateway.connect()
    assert old.closed() == 4001
    assert "currentTime" in new.call("Heartbeat")
    assert station().connected
    assert not station().disconnected_at


def test_a_closed_socket_is_noticed_and_offline_comes_after_the_grace(gateway: Gateway) -> None:
    wire = gateway.connect()
    wire.call("Heartbeat")
    wire.close()
    until(lambda: not station().connected)
    assert station().connection_at() == "online", "within the grace it was never gone"
    with override_settings(STATION_CLOSED_GRACE=0):
        until(lambda: station().connection_at() == "offline")


def test_when_all_stations_are_gone_at_once_the_pages_say_so_within_the_grace(gateway: Gateway, as_ada: Client) -> None:
    wires = [gateway.connect(identity) for identity in ("LUM-0001", "LUM-0002", "VOLT-0001")]
    until(lambda: Station.objects.filter(connected=True).count() == 3)
    for wire in wires:
        wire.socket.socket.close()  # without a word
    until(lambda: not Station.objects.filter(connected=True).exists())
    assert Station.objects.all().connection_counts() == {"online": 3}
    with override_settings(STATION_CLOSED_GRACE=0):
        until(lambda: Station.objects.all().connection_counts() == {"offline": 3})
        page = as_ada.get("/stations/?connection=offline").content.decode()
        assert all(identity in page for identity in ("LUM-0001", "LUM-0002", "VOLT-0001"))
        assert "LUM-0001" not in as_ada.get("/stations/?connection=online").content.decode()
        assert "Offline" in as_ada.get(f"/stations/{station().pk}/").content.decode()
