"""Reservations over the wire: those of OCPP 1.6 (§5.2, §5.13) by the alliance's test cases, and H01–H04 of 2.0.1."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from passes import actions as cards
from stations import reservations
from stations.actions import cancel_reservation, reserve
from stations.models import Command, ConfigurationKey, Connector, Deviation, Reservation, Station, Transaction
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines

State = Reservation.State
HOUR = timedelta(hours=1)


def station(identity: str = "LUM-0001") -> Station:
    return until(lambda: Station.objects.select_related("location__organization").filter(identity=identity, connected=True).first())  # type: ignore[no-any-return]


def asked(wire: Wire, action: str = "ReserveNow") -> tuple[str, Any]:
    message_id, sent, payload = wire.expect_call()
    assert sent == action
    return message_id, payload


def made(wire: Wire, answer: str = "Accepted", **fields: Any) -> Reservation:
    """A reservation, answered so by the station."""
    row = reserve(actor=None, station=station(), uid=CARD, until=timezone.now() + HOUR, **({"connector_number": 1} | fields))
    wire.answer(asked(wire)[0], {"status": answer})
    until(lambda: not Reservation.objects.filter(pk=row.pk, state=State.ASKED).exists())
    return Reservation.objects.get(pk=row.pk)


def now() -> str:
    return timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def test_tc_046_a_reservation_is_made_and_used(wire: Wire, tree: Tree) -> None:
    row = reserve(actor=None, station=station(), uid=CARD, until=timezone.now() + HOUR, connector_number=1)
    message_id, payload = asked(wire)
    assert payload == {
        "connectorId": 1, "idTag": CARD, "reservationId": row.key, "expiryDate": row.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    wire.answer(message_id, {"status": "Accepted"})
    until(lambda: Reservation.objects.filter(pk=row.pk, state=State.MADE).exists())
    wire.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Reserved"})
    start = {"connectorId": 1, "idTag": CARD, "meterStart": 0, "timestamp": now(), "reservationId": row.key}
    began = wire.call("StartTransaction", start)
    row.refresh_from_db()
    assert (row.state, row.transaction_id) == (State.USED, began["transactionId"])


@pytest.mark.parametrize(
    ("uid", "connector", "said"),
    [
        (CARD, 1, "The card charged by it."),
        (CARD, 2, "The card charged by it, but at"),
        ("STRANGER", 2, "Another card charged by it, at another"),
    ],
)
def test_what_charged_by_a_reservation_is_said(uid: str, connector: int, said: str, wire: Wire) -> None:
    row = made(wire)
    start = {"connectorId": connector, "idTag": uid, "meterStart": 0, "timestamp": now(), "reservationId": row.key}
    wire.call("StartTransaction", start)
    row.refresh_from_db()
    assert row.state == State.USED
    assert str(reservations.meaning(row).sentence).startswith(said)
    assert Deviation.objects.filter(kind="reservation").exists() == (uid != CARD or connector != 1)


def test_tc_047_a_reservation_expires(wire: Wire, tree: Tree) -> None:
    row = made(wire)
    Reservation.objects.update(until=timezone.now() - timedelta(minutes=5), created_at=timezone.now() - HOUR)
    assert str(reservations.meaning(Reservation.objects.get()).word) == "Expired", "before it is written down"
    reservations.advance()
    row.refresh_from_db()
    assert (row.state, row.ended_at) == (State.EXPIRED, row.until)


def test_tc_048_a_reservation_is_refused(wire: Wire) -> None:
    for word in ("Faulted", "Occupied", "Unavailable", "Rejected"):
        row = made(wire, word)
        assert (row.state, row.word) == (State.REFUSED, word.lower())
        assert str(reservations.meaning(row).sentence) != "Nothing is kept."


def test_tc_049_the_whole_station(wire: Wire) -> None:
    row = reserve(actor=None, station=station(), uid=CARD, until=timezone.now() + HOUR)
    assert asked(wire)[1]["connectorId"] == 0
    assert reservations.where(row) == "Any connector"


def cancelled(wire: Wire, answer: str) -> Reservation:
    row = made(wire)
    cancel_reservation(actor=None, reservation=Reservation.objects.select_related("station__location__organization").get(pk=row.pk))
    message_id, payload = asked(wire, "CancelReservation")
    assert payload == {"reservationId": row.key}
    wire.answer(message_id, {"status": answer})
    until(lambda: not Reservation.objects.filter(pk=row.pk, state=State.MADE).exists())
    return Reservation.objects.get(pk=row.pk)


def test_tc_051_and_052_a_reservation_is_cancelled(wire: Wire) -> None:
    assert cancelled(wire, "Accepted").state == State.CANCELLED
    assert cancelled(wire, "Rejected").state == State.REMOVED, "the station has no such reservation"


def test_tc_053_the_cards_of_a_group(wire: Wire, tree: Tree) -> None:
    group = cards.create_group(actor=None, organization=tree.customer, name="Fitters", group_id="FIT")
    cards.edit_pass(actor=None, charge_pass=tree.charge_pass, group=group)
    other = cards.create_pass(actor=None, organization=tree.customer, uid="0400AA11", group=group)
    row = reserve(actor=None, station=station(), uid=CARD, until=timezone.now() + HOUR, connector_number=1, group_id="FIT")
    message_id, payload = asked(wire)
    assert payload["parentIdTag"] == "FIT"
    wire.answer(message_id, {"status": "Accepted"})
    assert wire.call("Authorize", {"idTag": other.uid})["idTagInfo"]["parentIdTag"] == "FIT", "by which the station lets it in"
    assert reservations.fits(row, other.uid, "FIT")
    assert not reservations.fits(row, "99", "")


def test_no_answer_an_error_and_a_late_answer(wire: Wire) -> None:
    row = reserve(actor=None, station=station(), uid=CARD, until=timezone.now() + HOUR, connector_number=1)
    message_id, _payload = asked(wire)
    Command.objects.update(state=Command.State.TIMED_OUT)
    reservations.advance()
    assert Reservation.objects.get().state == State.UNCERTAIN
    wire.answer(message_id, {"status": "Accepted"})
    until(lambda: Reservation.objects.filter(pk=row.pk, state=State.MADE).exists())
    second = reserve(actor=None, station=station(), uid=CARD, until=timezone.now() + HOUR, connector_number=2)
    assert second.key == row.key + 1
    wire.socket.send(f'[4,"{asked(wire)[0]}","NotImplemented","",{{}}]')
    until(lambda: Command.objects.filter(pk=second.command_id, state=Command.State.FAILED).exists())
    reservations.advance()
    second.refresh_from_db()
    assert (second.state, str(reservations.meaning(second).sentence)) == (State.REFUSED, "The station does not know this command.")


def test_a_charge_of_the_card_that_names_no_reservation_has_used_it(wire: Wire) -> None:
    row = made(wire)
    Reservation.objects.update(created_at=timezone.now() - HOUR)
    wire.call("StartTransaction", {"connectorId": 1, "idTag": CARD.lower(), "meterStart": 0, "timestamp": now(), "reservationId": None})
    Reservation.objects.update(until=timezone.now() + timedelta(seconds=5))
    Transaction.objects.update(started_at=timezone.now() - timedelta(minutes=30))
    Reservation.objects.update(until=timezone.now() - timedelta(minutes=5))
    reservations.advance()
    row.refresh_from_db()
    assert (row.state, row.transaction_id) == (State.USED, Transaction.objects.get().pk)


def test_two_stations_never_touch_each_others_reservations(gateway: Gateway, wire: Wire, tree: Tree) -> None:
    row = made(wire)
    for version, identity in (("ocpp1.6", "VOLT-0001"), ("ocpp2.0.1", "LUM-0002")):
        stranger = gateway.connect(identity, subprotocols=[version])
        for key in (row.key, 2**40, -1):
            if version == "ocpp1.6":
                start = {"connectorId": 1, "idTag": CARD, "meterStart": key, "timestamp": now(), "reservationId": key}
                assert "transactionId" in stranger.call("StartTransaction", start)
            else:
                assert stranger.call("ReservationStatusUpdate", {"reservationId": key, "reservationUpdateStatus": "Removed"}) == {}
    row.refresh_from_db()
    assert (row.state, row.transaction_id) == (State.MADE, None)


# -- 2.0.1 --------------------------------------------------------------------------------------------------------------------------------


def test_h01_of_an_evse_and_of_any(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    row = reserve(actor=None, station=station(), uid=CARD, until=timezone.now() + HOUR, connector_number=2, group_id="FIT")
    message_id, payload = asked(wire)
    assert payload == {
        "id": row.key, "evseId": 2, "expiryDateTime": row.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "idToken": {"idToken": CARD, "type": "ISO14443"}, "groupIdToken": {"idToken": "FIT", "type": "Central"},
    }  # fmt: skip
    wire.answer(message_id, {"status": "Accepted"})
    reserve(actor=None, station=station(), uid=CARD, until=timezone.now() + HOUR, plug="cCCS2")
    message_id, payload = asked(wire)
    assert "evseId" not in payload
    assert payload["connectorType"] == "cCCS2"
    wire.answer(message_id, {"status": "Occupied"})
    until(lambda: Reservation.objects.filter(state=State.REFUSED, word="occupied").exists())


def test_h02_is_cancelled(gateway: Gateway, tree: Tree) -> None:
    assert cancelled(gateway.connect(subprotocols=["ocpp2.0.1"]), "Accepted").state == State.CANCELLED


def test_h03_a_transaction_uses_it_and_h04_the_station_ends_it(gateway: Gateway, tree: Tree) -> None:
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    row = made(wire)
    report = {
        "eventType": "Started", "timestamp": now(), "triggerReason": "Authorized", "seqNo": 0, "transactionInfo": {"transactionId": "t-1"},
        "evse": {"id": 1, "connectorId": 1}, "idToken": {"idToken": CARD, "type": "ISO14443"}, "reservationId": row.key,
    }  # fmt: skip
    assert wire.call("TransactionEvent", report)["idTokenInfo"]["status"] == "Accepted"
    row.refresh_from_db()
    assert (row.state, row.transaction and row.transaction.transaction_id) == (State.USED, "t-1")
    for status in ("Expired", "Removed"):
        row = made(wire)
        for _again in range(2):
            assert wire.call("ReservationStatusUpdate", {"reservationId": row.key, "reservationUpdateStatus": status}) == {}
        row.refresh_from_db()
        assert row.state == status.lower()


def test_what_a_station_tells_of_its_reservations(wire: Wire, tree: Tree) -> None:
    from stations.controls import Situation

    def why(connector: int = 0) -> str:
        situation = Situation(tree.ada, station())
        return situation.why_not("reserve", situation.connector(connector) if connector else None)

    assert why() == ""
    assert Situation(tree.ada, station()).reserves_any
    ConfigurationKey.objects.create(station=tree.station, key="ReserveConnectorZeroSupported", value="false")
    assert why() == ""
    assert not Situation(tree.ada, station()).reserves_any
    Connector.objects.filter(station=tree.station, number=1).update(status="Reserved")
    assert why(1) == "The connector is reserved already."
    assert why(2) == ""
    ConfigurationKey.objects.create(station=tree.station, key="SupportedFeatureProfiles", value="Core,SmartCharging")
    assert why(2) == "The station does not support reservations (its feature profiles: Core,SmartCharging)."
