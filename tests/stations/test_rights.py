"""Who may see and do what at stations: personal data, transactions, logs, configuration, each command, and a right at one location."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from energycloud.context import shell
from energycloud.live import _stations_of
from passes.actions import edit_pass
from stations.actions import add_stations, create_location
from stations.controls import CONTROLS
from stations.models import (
    BulkJob,
    CardOffer,
    Command,
    ConfigurationKey,
    Frame,
    Location,
    SignedMeterValue,
    Station,
    Transaction,
    UnmatchedMessage,
)
from stations.pages.commands import ASKED
from tenancy import rights
from tenancy.actions import create_organization, create_role, create_user, let_in
from tenancy.actions.roles import team_of
from tenancy.models import Organization, User
from tests.conftest import PASSWORD, Tree
from tests.stations.sheets import charging, online, report

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]

CARD = "0455AA66BB77CC"  # the forms name another one as their example
PARENT = "FFEE00112233DD"
SECRETS = ("Pool car 1", CARD, CARD.lower(), PARENT, "NL-TNM-B12345-6", "Robert Bakker", "bob@example.org", "OCMF|CARDINSIDE", "99887766AA")


@pytest.fixture
def world(tree: Tree) -> Tree:
    """Everything that may name a card or a person, at the customer's station."""
    now, station = timezone.now(), tree.station
    User.objects.filter(pk=tree.bob.pk).update(name="Robert Bakker")
    tree.bob.refresh_from_db()
    online(station)
    for number in (0, 2):
        report(station, number, "Available")
    edit_pass(actor=None, charge_pass=tree.charge_pass, uid=CARD)
    running = charging(station, tag=CARD)
    ended = Transaction.objects.create(
        station=station, connector=tree.connector, transaction_id="9001", id_tag=CARD, stop_id_tag="99887766AA", verdict="Accepted",
        started_at=now - timedelta(days=1), ended_at=now - timedelta(hours=20), reported_start="",
        start_received_at=now - timedelta(days=1), meter_start=0, meter_stop=7000, stop_reason="Local", problems=["clock"],
    )  # fmt: skip
    for transaction in (running, ended):
        SignedMeterValue.objects.create(
            connector=tree.connector, transaction=transaction, at=now, context="Transaction.Begin", value="OCMF|CARDINSIDE"
        )
    CardOffer.objects.create(station=station, id_tag=CARD, holder="Pool car 1", verdict="Accepted", reason="listed", action="Authorize")
    UnmatchedMessage.objects.create(
        station=station, action="StopTransaction", transaction_id="77", payload={"meterStop": 5, "idTag": CARD, "transactionData": []}
    )
    Command.objects.create(
        station=station, action="RemoteStartTransaction", payload={"idTag": CARD, "connectorId": 1}, state="failed", deadline=now,
        requested_by=tree.bob, error_code="InternalError", error_description=f"no such card {CARD}", connector_number=1,
    )  # fmt: skip
    start = f'{{"connectorId":1,"idTag":"{CARD}","meterStart":0,"timestamp":"2026-07-01T00:00:00Z"}}'
    frames = (
        ("StartTransaction", f'[2,"1","StartTransaction",{start}]',
         f'[3,"1",{{"idTagInfo":{{"status":"Accepted","parentIdTag":"{PARENT}"}},"transactionId":1}}]'),
        ("Authorize", f'[2,"2","Authorize",{{"idTag":"{CARD}"}}]', f'[4,"2","PropertyConstraintViolation","{CARD} is too long",{{}}]'),
        ("DataTransfer", f'[2,"3","DataTransfer",{{"vendorId":"x","data":"card={CARD}"}}]', '[3,"3",{"status":"Accepted"}]'),
        ("", f'[2,"4","Authorize",{{"idTag":"{CARD}"', ""),
        ("SendLocalList", f'[2,"5","SendLocalList",{{"listVersion":1,"localAuthorizationList":[{{"idTag":"{CARD}"}}]}}]', ""),
        ("MeterValues", '[2,"6","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[{"value":"OCMF|CARDINSIDE",'
         '"format":"SignedData"}]}]}]', '[3,"6",{}]'),
    )  # fmt: skip
    for action, call, answer in frames:
        Frame.objects.create(station=station, at=now, direction="in", action=action, call=call, answer=answer, answered_at=now)
    ConfigurationKey.objects.create(station=station, key="HeartbeatInterval", value="4711")
    return tree


def with_rights(tree: Tree, *codes: str, at: Organization | None = None, name: str = "eve") -> User:
    """Somebody at the customer who holds exactly these rights there."""
    at = at or tree.customer
    role = create_role(actor=None, organization=at, name=f"For {name}", rights=list(codes))
    return create_user(actor=None, organization=at, email=f"{name}@example.org", name=name.capitalize(), password=PASSWORD, role=role)


def body(client: Client, url: str, **options: Any) -> str:
    """What an answer says, a file's too."""
    answer = client.get(url, **options)
    assert answer.status_code == 200, (url, answer.status_code)
    data = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            data = b" ".join(book.read(name) for name in book.namelist())
    return data.decode()


def addresses(tree: Tree) -> Iterable[str]:
    pk = tree.station.pk
    for name in ("dashboard", "stations", "locations", "map", "transactions", "inbox"):
        yield reverse(name)
        yield f"{reverse(name)}?in=l{tree.location.pk}"
    yield from (f"{reverse('inbox')}?show=problems", f"{reverse('dashboard')}?part=live", f"{reverse('stations')}?export=csv")
    for export in ("csv", "xlsx"):
        yield f"{reverse('transactions')}?export={export}"
        yield f"{reverse('station_transactions', args=[pk])}?export={export}"
    for name in ("station", "station_overview", "station_head", "station_activity", "station_activity_live", "station_details",
                 "station_transactions", "station_logs", "station_logs_csv", "station_logs_jsonl", "station_configuration",
                 "station_configuration_live"):  # fmt: skip
        yield reverse(name, args=[pk])
    for frame in Frame.objects.filter(station=pk):
        yield reverse("frame", args=[pk, frame.pk])
    for transaction in Transaction.objects.filter(station=pk):
        yield reverse("transaction", args=[transaction.pk])
        yield reverse("transaction_plot", args=[transaction.pk])
    yield reverse("location", args=[tree.location.pk])
    for slug in ASKED:
        yield reverse("station_command", args=[pk, slug])


# -- personal data ------------------------------------------------------------------------------------------------------------------------


def test_no_page_and_no_file_names_a_card_or_a_person_without_the_right(world: Tree, client_of: Login) -> None:
    everything_else = [code for code in rights.RIGHTS if code != rights.PERSONAL_DATA]
    client = client_of(with_rights(world, *everything_else))
    for url in addresses(world):
        said = body(client, url)
        assert [secret for secret in SECRETS if secret in said] == [], url


def test_with_the_right_they_are_named(world: Tree, client_of: Login) -> None:
    client = client_of(with_rights(world, *rights.RIGHTS))
    told = "".join(body(client, url) for url in addresses(world))
    assert [secret for secret in SECRETS if secret not in told and secret not in (CARD.lower(), "NL-TNM-B12345-6", "bob@example.org")] == []


def test_a_viewer_sees_transactions_without_their_cards(world: Tree, as_cy: Client) -> None:
    page = body(as_cy, reverse("transactions"))
    assert "****" in page
    assert reverse("pass", args=[world.charge_pass.pk]) not in page
    assert 'name="card"' not in page


def test_who_asked_sees_their_own_name(world: Tree, client_of: Login) -> None:
    eve = with_rights(world, rights.RESET_STATIONS)
    Command.objects.create(station=world.station, action="Reset", payload={"type": "Soft"}, deadline=timezone.now(), requested_by=eve)
    page = body(client_of(eve), reverse("station", args=[world.station.pk])).split("Recent commands")[1]
    assert "Eve" in page
    assert "****" in page  # Bob


def test_no_filter_finds_what_is_masked(world: Tree, client_of: Login) -> None:
    client = client_of(with_rights(world, *(code for code in rights.RIGHTS if code != rights.PERSONAL_DATA)))
    everything = client.get(reverse("transactions")).context["page"].paginator.count
    assert everything == 2
    for text in (CARD, "Pool", "nonsense"):  # no such filter: the same answer to all
        assert client.get(reverse("transactions"), {"card": text}).context["page"].paginator.count == everything
    for text in (CARD, CARD[:6], PARENT, "CARDINSIDE"):
        shown = client.get(reverse("station_logs", args=[world.station.pk]), {"text": text}).context["messages_found"]
        assert shown == [], text


def test_where_only_some_are_seen_only_those_are_found_and_sorted(world: Tree, client_of: Login) -> None:
    """Personal data at one of two customers: a filter finds nothing of the other, and sorting by card tells nothing of it."""
    other = create_organization(actor=None, parent=world.partner, kind="customer", name="Second Customer")
    place = create_location(actor=None, organization=other, name="Second place")
    ((station, _password),) = add_stations(actor=None, location=place, identities=["SEC-1"])
    for number, tag in enumerate(("CCCC0001", "AAAA0002", "BBBB0003")):
        Transaction.objects.create(
            station=station, connector=station.connectors.get(number=1), transaction_id=f"s{number}", id_tag=tag, verdict="Accepted",
            started_at=timezone.now(), reported_start="", start_received_at=timezone.now(), meter_start=0,
        )  # fmt: skip
    eve = with_rights(world, rights.READ_TRANSACTIONS, at=world.partner)
    role = create_role(actor=None, organization=world.customer, name="Names", rights=[rights.PERSONAL_DATA], propagated=True)
    eve.groups.add(team_of(role, world.customer).group)
    rights.forget(eve)
    client = client_of(eve)
    found = client.get(reverse("transactions"), {"card": "AAAA0002"}).context["page"].paginator.count
    assert found == 0
    assert client.get(reverse("transactions"), {"card": CARD}).context["page"].paginator.count == 2
    for order in ("card", "-card"):
        rows = [row.record for row in client.get(reverse("transactions"), {"sort": order}).context["table"].rows]
        masked = [row.pk for row in rows if row.station_id == station.pk]
        assert masked == sorted(masked, reverse=order == "-card"), order


def test_signed_values_are_not_given_out(world: Tree, as_cy: Client, as_bob: Client) -> None:
    url = reverse("transaction_signed", args=[Transaction.objects.filter(station=world.station).first().pk])  # type: ignore[union-attr]
    assert as_cy.get(url).status_code == 403
    assert "OCMF|CARDINSIDE" in body(as_bob, url)


def test_the_start_form_offers_no_pass_that_is_masked(world: Tree, client_of: Login) -> None:
    client = client_of(with_rights(world, rights.START_CHARGING))
    assert CARD not in body(client, f"{reverse('station_command', args=[world.station.pk, 'start'])}?connector=2")


def test_a_masked_list_costs_the_same_with_many_as_with_few(world: Tree, as_cy: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_cy.get(reverse("transactions"), {"sort": "card"}).status_code == 200
        return len(captured)

    queries()
    few = queries()
    for number in range(20):
        Transaction.objects.create(
            station=world.station, connector=world.connector, transaction_id=f"m{number}", id_tag=f"AA{number:06}", verdict="Accepted",
            started_at=timezone.now(), ended_at=timezone.now(), reported_start="", start_received_at=timezone.now(), meter_start=0,
        )  # fmt: skip
    assert queries() == few


# -- transactions, logs, configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "names"),
    [
        (rights.READ_TRANSACTIONS, ("station_transactions",)),
        (rights.READ_LOGS, ("station_logs", "station_logs_csv", "station_logs_jsonl")),
        (rights.READ_CONFIGURATION, ("station_configuration", "station_configuration_live")),
    ],
)
def test_a_tab_and_its_address_need_the_right(right: str, names: tuple[str, ...], world: Tree, client_of: Login) -> None:
    without = client_of(with_rights(world, *(code for code in rights.RIGHTS if code != right)))
    having = client_of(with_rights(world, right, name="fay"))
    tab = f'href="{reverse(names[0], args=[world.station.pk])}"'
    sheet = reverse("station", args=[world.station.pk])
    assert tab not in body(without, sheet).split('id="overview"')[0]
    assert tab in body(having, sheet)
    for name in names:
        url = reverse(name, args=[world.station.pk])
        assert (without.get(url).status_code, having.get(url).status_code) == (403, 200), name


def test_without_transactions_there_is_nothing_of_them(world: Tree, client_of: Login) -> None:
    client = client_of(with_rights(world, *(code for code in rights.RIGHTS if code != rights.READ_TRANSACTIONS)))
    pk = Transaction.objects.filter(station=world.station, ended_at=None).get().pk
    for url in (reverse("transactions"), f"{reverse('transactions')}?export=csv", reverse("inbox"), reverse("transaction", args=[pk]),
                reverse("transaction_plot", args=[pk]), reverse("transaction_signed", args=[pk])):  # fmt: skip
        assert client.get(url).status_code == 403, url
    sheet = reverse("station", args=[world.station.pk])
    for url in (
        reverse("dashboard"),
        sheet,
        reverse("station_activity", args=[world.station.pk]),
        reverse("location", args=[world.location.pk]),
    ):
        said = body(client, url)
        for word in (f"/transactions/{pk}/", "kWh", "10.8", "Charging now", reverse("transactions")):
            assert word not in said, (url, word)
    assert "Charging" in body(client, sheet)  # the OCPP status stays
    asked = body(client, f"{reverse('station_command', args=[world.station.pk, 'stop'])}?connector=1")
    assert "The charge at connector 1 ends." in asked
    assert "kWh" not in asked


def test_the_menu_has_what_may_be_opened(rf: Any, world: Tree) -> None:
    def labels(user: User) -> list[str]:
        request = rf.get("/")
        request.user = user
        return [entry.label for entry in shell(request)["nav"]]

    assert "Transactions" not in labels(with_rights(world, rights.READ_LOGS))
    assert {"Transactions", "Inbox", "Passes", "Organizations"} <= set(labels(world.cy))
    assert "Knocking" in labels(world.ada)
    looker = with_rights(world, rights.READ_TRANSACTIONS, at=world.platform, name="gus")
    assert "Knocking" not in labels(looker)


def test_who_knocks_is_for_those_who_manage_stations_at_the_platform(world: Tree, client_of: Login, as_bob: Client) -> None:
    looker = client_of(with_rights(world, rights.READ_TRANSACTIONS, at=world.platform, name="gus"))
    manager = client_of(with_rights(world, rights.MANAGE_STATIONS, at=world.platform, name="hal"))
    url = reverse("knocking")
    assert [client.get(url).status_code for client in (looker, manager, as_bob)] == [403, 200, 404]


def test_what_the_configuration_is_set_to_is_not_told_to_those_who_may_not_read_it(world: Tree, as_cy: Client, as_bob: Client) -> None:
    Command.objects.create(
        station=world.station, action="ChangeConfiguration", payload={"key": "FreevendIdle", "value": "4712"}, state="accepted",
        deadline=timezone.now(), answer={"status": "Accepted"},
    )  # fmt: skip
    for name in ("station", "station_activity"):
        assert "4712" not in body(as_cy, reverse(name, args=[world.station.pk]))
        assert "4712" in body(as_bob, reverse(name, args=[world.station.pk]))


# -- commands ---------------------------------------------------------------------------------------------------------------------------


INPUT = {"start": {"connector": "2", "uid": CARD}, "stop": {"connector": "1"}, "unlock": {"connector": "2"},
         "trigger": {"message": "Heartbeat"}, "reserve": {"connector": "2", "uid": CARD, "ends": "1h"}}  # fmt: skip


@pytest.mark.parametrize("slug", sorted(ASKED))
def test_each_command_needs_its_right(slug: str, world: Tree, client_of: Login) -> None:
    right, url = CONTROLS[slug].right, reverse("station_command", args=[world.station.pk, slug])
    if slug == "operative":
        world.station.connectors.filter(number=0).update(availability="Inoperative")
    before = Command.objects.count()
    without = client_of(with_rights(world, *(code for code in rights.RIGHTS if code != right)))
    data = {**INPUT.get(slug, {}), "confirmed": "1"}
    assert (without.get(url).status_code, without.post(url, data).status_code) == (403, 403)
    assert Command.objects.count() == before
    for name in ("station", "station_configuration"):
        if right != rights.READ_CONFIGURATION or name == "station":
            page = body(without, reverse(name, args=[world.station.pk]))
            assert f'href="{url}' not in page, name
            assert f'action="{url}' not in page, name
    having = client_of(with_rights(world, right, name="fay"))
    assert having.post(url, data).status_code == 302
    assert Command.objects.count() == before + 1


def test_a_configuration_key_is_changed_with_the_right_alone(world: Tree, client_of: Login) -> None:
    client = client_of(with_rights(world, rights.READ_CONFIGURATION))
    change = reverse("station_configuration_change", args=[world.station.pk])
    assert client.get(change, {"key": "HeartbeatInterval"}).status_code == 403
    assert f'href="{change}' not in body(client, reverse("station_configuration", args=[world.station.pk]))


@pytest.mark.parametrize("action", ["reset-soft", "deactivate", "activate"])
def test_bulk_actions_need_their_right(action: str, world: Tree, as_cy: Client) -> None:
    page = body(as_cy, reverse("stations"))
    assert f'value="{action}"' not in page
    answer = as_cy.post(reverse("stations"), {"action": action, "select": world.station.pk, "confirmed": "1"})
    assert answer.status_code == 403
    assert not BulkJob.objects.exists()
    world.station.refresh_from_db()
    assert world.station.active


@pytest.mark.parametrize("name", ["station_edit", "station_delete", "station_password", "connector_add"])
def test_changing_a_station_needs_the_right(name: str, world: Tree, client_of: Login) -> None:
    url = reverse(name, args=[world.station.pk])
    without = client_of(with_rights(world, *(code for code in rights.RIGHTS if code != rights.MANAGE_STATIONS)))
    assert (without.get(url).status_code, without.post(url, {"confirmed": "1"}).status_code) == (403, 403)
    assert url not in body(without, reverse("station_details", args=[world.station.pk]))


# -- one location only ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def guest(world: Tree) -> User:
    """Works for an installer that the customer let in at Quay 7, and only there. The customer has another location."""
    installer = create_organization(actor=None, parent=world.other_partner, kind="customer", name="Spark Installers")
    codes = [rights.READ_TRANSACTIONS, rights.RESET_STATIONS, rights.READ_LOGS, rights.MANAGE_STATIONS]
    role = create_role(actor=None, organization=installer, name="Field", rights=codes, offered=True)
    user = create_user(actor=None, organization=installer, email="gil@example.org", name="Gil", password=PASSWORD, role=role)
    now = timezone.now()
    let_in(
        actor=None, team=team_of(role, installer), organization=world.customer, rights=[rights.READ_TRANSACTIONS, rights.RESET_STATIONS],
        starts_at=now - timedelta(hours=1), ends_at=now + timedelta(days=1), place=f"l{world.location.pk}", place_name="Quay 7",
    )  # fmt: skip
    secret = create_location(actor=None, organization=world.customer, name="Hidden Yard", city="Delft", latitude=52.0, longitude=4.3)
    add_stations(actor=None, location=secret, identities=["HID-1"])
    rights.forget(user)
    return user


def test_a_guest_at_one_location_works_there(world: Tree, guest: User, client_of: Login) -> None:
    client, scope = client_of(guest), f"?in=l{world.location.pk}"
    pk = Transaction.objects.filter(station=world.station, ended_at=None).get().pk
    for url in (*(reverse(name) for name in ("dashboard", "stations", "locations", "map", "transactions", "inbox")),
                *(reverse(name) + scope for name in ("dashboard", "stations", "locations", "map", "transactions", "inbox")),
                reverse("location", args=[world.location.pk]), reverse("station", args=[world.station.pk]),
                reverse("station_activity", args=[world.station.pk]), reverse("station_details", args=[world.station.pk]),
                reverse("station_transactions", args=[world.station.pk]), reverse("transaction", args=[pk]),
                f"{reverse('stations')}?cols=station,location,organization", f"{reverse('stations')}?export=csv"):  # fmt: skip
        said = body(client, url)
        assert f"/organizations/{world.customer.pk}/" not in said, url
        found = [name for name in ("Hidden Yard", "HID-1", "Lumen Installers", *SECRETS) if name in said]
        assert found == [], (url, found)
    assert "LUM-0001" in body(client, reverse("stations") + "?export=csv")
    answer = client.post(reverse("station_command", args=[world.station.pk, "reset-soft"]), {"confirmed": "1"})
    assert answer.status_code == 302
    assert Command.objects.filter(action="Reset", requested_by=guest).exists()


def test_a_guest_at_one_location_learns_of_nothing_else(world: Tree, guest: User, client_of: Login) -> None:
    client = client_of(guest)
    hidden = Location.objects.get(name="Hidden Yard")
    for url in (reverse("organization", args=[world.customer.pk]), reverse("location", args=[hidden.pk]),
                reverse("station", args=[Station.objects.get(identity="HID-1").pk]), reverse("pass", args=[world.charge_pass.pk]),
                f"{reverse('stations')}?in=o{world.customer.pk}", f"{reverse('stations')}?in=l{hidden.pk}"):  # fmt: skip
        assert client.get(url).status_code == 404, url
    for name in ("passes", "organizations"):
        said = body(client, reverse(name))
        assert not any(secret in said for secret in ("Harbour Offices", "Pool car 1", ">Cy<", CARD)), name


def test_a_guest_lacks_there_what_was_not_agreed(world: Tree, guest: User, client_of: Login) -> None:
    """Their role has more than they were let in with."""
    client = client_of(guest)
    for name in ("station_logs", "station_edit", "station_configuration"):
        assert client.get(reverse(name, args=[world.station.pk])).status_code == 403, name
    assert client.post(reverse("station_command", args=[world.station.pk, "clear-cache"])).status_code == 403


def test_a_guest_hears_live_of_their_location_only(world: Tree, guest: User) -> None:
    hidden = Station.objects.get(identity="HID-1")
    topics = [f"station:{world.station.pk}", f"station:{hidden.pk}", "in:all", f"in:o{world.customer.pk}", f"in:l{world.location.pk}"]
    found = _stations_of(guest, topics)
    here = frozenset({world.station.pk, world.dc_station.pk})
    assert found == {f"station:{world.station.pk}": frozenset({world.station.pk}), "in:all": here, f"in:l{world.location.pk}": here}
