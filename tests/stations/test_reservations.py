"""The pages of reservations: making, showing to whom, cancelling, listing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.models import CardOffer, Command, Connector, DeviceVariable, Reservation, Transaction, VendorMessage
from stations.reservations import meaning
from tenancy.rights import RIGHTS
from tests.conftest import CARD, Tree
from tests.stations.sheets import online
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
State = Reservation.State


def kept(tree: Tree, **fields: Any) -> Reservation:
    key = Reservation.objects.count() + 1
    given = {"key": key, "connector_number": 1, "id_tag": CARD, "state": State.MADE, "until": timezone.now() + timedelta(hours=1)} | fields
    return Reservation.objects.create(station=tree.station, **given)


def reserve(client: Client, tree: Tree, **fields: Any) -> Any:
    given = {"connector": "1", "uid": CARD, "ends": "1h", "confirmed": "yes"} | fields
    return client.post(reverse("station_command", args=[tree.station.pk, "reserve"]), given)


def test_made_on_the_page_of_a_station_and_shown_there(as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    page = as_bob.get(reverse("station_command", args=[tree.station.pk, "reserve"]), {"uid": CARD}).content.decode()
    assert "Any connector: the station chooses" in page
    assert f'<option value="{CARD}" selected' in page, "the pass that leads here is chosen"
    page = as_bob.get(reverse("station_command", args=[tree.station.pk, "reserve"])).content.decode()
    assert f'<option value="{CARD}"' in page
    assert '<option value="" selected>' in page, "else people choose"
    tab = as_bob.get(reverse("station_reservations", args=[tree.station.pk])).content.decode()
    assert "Station, location or card" not in tab
    assert reserve(as_bob, tree).status_code == 302
    row = Reservation.objects.get()
    assert (row.state, row.connector_number, row.pass_key, row.created_by) == (State.ASKED, 1, tree.charge_pass.pk, tree.bob)
    assert Command.objects.get().payload["connectorId"] == 1
    Reservation.objects.update(state=State.MADE)
    sheet = as_bob.get(reverse("station", args=[tree.station.pk])).content.decode()
    assert f"Reserved for Pool car 1 ({CARD}) until" in sheet
    assert reserve(as_bob, tree).status_code == 302
    assert Reservation.objects.count() == 1, "it is reserved already"
    assert reserve(as_bob, tree, connector="0").status_code == 302
    assert Reservation.objects.filter(connector_number=0).count() == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"uid": "04FFFFFF"}, "may not charge here"),
        ({"ends": "at"}, "Enter date and time"),
        ({"ends": "at", "until": "2020-01-01T10:00"}, "over already"),
        ({"ends": "at", "until": "2199-01-01T10:00"}, "31 days at most"),
        ({"for_group": "on"}, "in no group"),
        ({"connector": "0", "uid": ""}, "may not charge"),
        ({"charge_pass": CARD, "uid": "04FFFFFF"}, "not the card of the pass"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(fields: dict[str, str], said: str, as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    if not fields.get("uid", CARD):
        tree.charge_pass.blocked = True
        tree.charge_pass.save()
        fields |= {"uid": CARD}
    answer = reserve(as_bob, tree, **fields)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Reservation.objects.exists()


def test_all_that_is_wrong_is_said_at_once_and_the_connector_stays_a_choice(as_bob: Client, tree: Tree) -> None:
    online(tree.station)
    given = {"choosing": "yes", "connector": "2", "uid": "04FFFFFF", "ends": "at", "until": "2020-01-01T10:00"}
    form = reserve(as_bob, tree, **given).context["form"]
    assert set(form.errors) == {"uid", "until"}
    assert [choice.data["value"] for choice in form["connector"] if choice.data["selected"]] == [2]
    assert "connector" in reserve(as_bob, tree, choosing="yes", connector="9").context["form"].errors
    assert reserve(as_bob, tree, choosing="yes", connector="2", uid="", charge_pass=CARD).status_code == 302
    assert Reservation.objects.get().connector_number == 2


def test_who_may_not_see_names_sees_that_it_is_reserved(as_cy: Client, client_of: Callable[..., Client], tree: Tree) -> None:
    kept(tree)
    viewer = client_of(somebody(tree.customer, [code for code in RIGHTS if code != "personal_data"]))
    for url in (reverse("station", args=[tree.station.pk]), reverse("reservations"), f"{reverse('reservations')}?export=csv"):
        answer = viewer.get(url)
        text = b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()
        assert "****" in text
        assert CARD not in text
        assert "Pool car" not in text
    assert "Nothing is reserved" not in viewer.get(reverse("reservations")).content.decode()
    found = viewer.get(reverse("reservations"), {"q": CARD}).content.decode()
    assert "LUM-0001" not in found, "what is masked is not found"


def test_without_a_connection_only_the_record_is_cancelled(as_bob: Client, tree: Tree) -> None:
    row = kept(tree)
    url = reverse("reservation_cancel", args=[row.pk])
    assert "it keeps it until then" in as_bob.get(url).content.decode()
    assert as_bob.post(url, {"confirmed": "1"}).status_code == 302
    row.refresh_from_db()
    assert row.state == State.CANCELLED
    assert "keeps the connector all the same" in str(meaning(row).sentence)


def test_cancelled_by_its_page(as_bob: Client, as_cy: Client, as_dan: Client, tree: Tree) -> None:
    online(tree.station)
    row = kept(tree)
    url = reverse("reservation_cancel", args=[row.pk])
    assert [client.get(url).status_code for client in (as_cy, as_dan)] == [403, 404]
    assert "Pool car 1" in as_bob.get(url).content.decode()
    assert as_bob.post(url).status_code == 302
    assert Command.objects.get().action == "CancelReservation"
    Reservation.objects.update(state=State.CANCELLED)
    assert "over already" in as_bob.post(url).content.decode()
    assert Command.objects.count() == 1


def test_the_lists_cost_the_same_with_3_and_30(as_bob: Client, tree: Tree, django_assert_max_num_queries: Callable[..., Any]) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for number in (3, 27):
        for one in range(number):
            kept(tree, id_tag=f"04{Reservation.objects.count():06d}{one:02d}", created_by=tree.cy, state=list(State)[one % 8])
        for url in (reverse("reservations"), reverse("station_reservations", args=[tree.station.pk])):
            with CaptureQueriesContext(
                connection,
            ) as caught:
                assert as_bob.get(url, {"per_page": 50}).status_code == 200
            counts.append(len(caught))
    assert counts[:2] == counts[2:]
    stands = as_bob.get(reverse("reservations"), {"state": "stands", "per_page": 50}).content.decode()
    assert stands.count(">Cancel</a>") == Reservation.objects.standing().count()


def test_a_remote_start_for_another_card_is_refused_and_why_says_so(as_bob: Client, tree: Tree) -> None:
    from passes.actions import create_pass

    online(tree.station)
    Connector.objects.filter(station=tree.station, number=1).update(status="Reserved")
    start = reverse("station_command", args=[tree.station.pk, "start"])
    assert "The connector is reserved." in as_bob.get(start, {"connector": "1"}).content.decode(), "by whoever"
    kept(tree)
    other = create_pass(actor=None, organization=tree.customer, uid="0400AA11")
    said = as_bob.post(start, {"connector": "1", "uid": other.uid, "confirmed": "yes"}).content.decode()
    assert "reserved for another card until" in said
    assert as_bob.post(start, {"connector": "1", "uid": CARD, "confirmed": "yes"}).status_code == 302
    assert Command.objects.get().action == "RemoteStartTransaction"
    for uid, told in ((other.uid, True), (CARD, False)):
        offer = CardOffer.objects.create(
            station=tree.station, id_tag=uid, connector_number=1, verdict="Accepted", reason="listed", action="Authorize"
        )
        assert ("was reserved for another card until" in as_bob.get(reverse("card_offer", args=[offer.pk])).content.decode()) == told


def test_the_plugs_of_an_evse_are_kept_together(as_bob: Client, tree: Tree) -> None:
    from stations.controls import Situation

    Connector.objects.create(station=tree.station, number=101, status="Reserved")
    kept(tree)
    online(tree.station)
    situation = Situation(tree.bob, tree.station)
    assert [bool(situation.kept(situation.connector(number))) for number in (1, 2, 101)] == [True, False, True]
    assert as_bob.get(reverse("station", args=[tree.station.pk])).content.decode().count("Reserved for Pool car 1") == 2


def test_any_connector_of_a_kind_where_the_station_has_several(as_bob: Client, tree: Tree) -> None:
    station = online(tree.station, ocpp_version="2.0.1")
    for number, kind in ((1, "cCCS2"), (2, "cG105"), (3, "<b>")):
        DeviceVariable.objects.create(
            station=station, key=f"Connector@{number}.1/ConnectorType", component="Connector", evse=number, connector=1, value=kind
        )
    page = as_bob.get(reverse("station_command", args=[station.pk, "reserve"])).content.decode()
    assert "Any connector, CCS 2: the station chooses" in page
    assert "Any connector, CHAdeMO: the station chooses" in page
    assert reserve(as_bob, tree, connector="sType3").status_code == 200
    assert reserve(as_bob, tree, connector="cG105").status_code == 302
    row, command = Reservation.objects.get(), Command.objects.get()
    assert (row.connector_number, row.plug, command.payload["connectorType"]) == (0, "cG105", "cG105")
    DeviceVariable.objects.filter(value="cG105").delete()
    assert "Any connector, CCS 2" not in as_bob.get(reverse("station_command", args=[station.pk, "reserve"])).content.decode()


def test_from_a_pass_to_a_reservation(as_bob: Client, as_cy: Client, tree: Tree) -> None:
    url = reverse("pass_reserve", args=[tree.charge_pass.pk])
    assert as_cy.get(url).status_code == 403
    assert "LUM-0001" in as_bob.get(url).content.decode()
    assert "VOLT-0001" not in as_bob.get(url).content.decode()
    answer = as_bob.get(url, {"station": tree.station.pk})
    assert answer.headers["Location"].startswith(f"{reverse('station_command', args=[tree.station.pk, 'reserve'])}?uid={CARD}")
    assert as_bob.get(url, {"station": tree.other_station.pk}).status_code == 200


def test_a_used_one_leads_to_its_charge(as_bob: Client, tree: Tree) -> None:
    now = timezone.now()
    charge = Transaction.objects.create(
        station=tree.station, connector=tree.connector, transaction_id="71", id_tag=CARD, verdict="Accepted", started_at=now,
        reported_start="x", start_received_at=now, meter_start=0,
    )  # fmt: skip
    kept(tree, state=State.USED, transaction=charge)
    assert reverse("transaction", args=[charge.pk]) in as_bob.get(reverse("station_reservations", args=[tree.station.pk])).content.decode()


def test_what_its_vendor_tells_is_listed_and_masked(as_bob: Client, client_of: Callable[..., Client], tree: Tree) -> None:
    for number in range(3):
        VendorMessage.objects.create(
            station=tree.station, vendor_id="<b>org", message_id=f"m{number}", data=f'{{"idTag":"{CARD}"}}', status="UnknownVendorId"
        )
    url = reverse("station_vendor_messages", args=[tree.station.pk])
    page = as_bob.get(url).content.decode()
    assert page.count(CARD) == 3
    assert "&lt;b&gt;org" in page
    assert CARD not in client_of(somebody(tree.customer, ["read_logs"])).get(url).content.decode()
