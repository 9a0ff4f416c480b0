"""Stations and connectors in the portal: list, add, edit, delete, passwords, knocking."""

from __future__ import annotations

import html
import io
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations import credentials
from stations.actions import add_stations
from stations.models import BulkJob, ConfigurationChange, Connector, Contact, Knock, MaintenanceWindow, Note, Station, Transaction
from tenancy.actions import create_organization, create_user
from tenancy.models import AuditEntry, Role, User
from tests.conftest import PASSWORD, STATION_PASSWORD, Tree

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def new(tree: Tree, **values: Any) -> dict[str, Any]:
    """What somebody types into the form for new stations."""
    return {
        "identities": "CP-1", "location": tree.location.pk, "connectors": 2, "format": "socket", "plug": "Type 2", "current_type": "AC",
        "phases": 3, "voltage": 230, "max_current": 32, "alias": "", "communication": "4G", "access_mode": "",
    } | values  # fmt: skip


def connect(station: Station, **fields: Any) -> None:
    now = timezone.now()
    values = {"connected": True, "connected_at": now, "first_connected_at": now, "last_message_at": now, **fields}
    Station.objects.filter(pk=station.pk).update(**values)


# -- the list ---------------------------------------------------------------------------------------------------------------------------


def test_the_list_says_connection_and_connectors_apart(tree: Tree, as_bob: Client) -> None:
    connect(tree.station, vendor="Alfen BV", model="NG910", firmware_version="6.5.1")
    Connector.objects.filter(station=tree.station, number=1).update(status="Faulted", error_code="GroundFailure")
    Connector.objects.filter(station=tree.station, number=2).update(status="Available")
    shown = text(as_bob.get(reverse("stations")))
    assert "Gate LUM-0001 Online 1 Faulted GroundFailure 2 Available NG910 Alfen BV 6.5.1 Quay 7 Harbour Offices" in shown
    assert "LUM-0002 Never connected Preapproved, has not connected yet" in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=gate", {"LUM-0001"}),
        ("q=lum-0002", {"LUM-0002"}),
        ("q=NG910", {"LUM-0001"}),
        ("q=SN-77", {"LUM-0001"}),
        ("q=NL*LUM*E1", {"LUM-0001"}),
        ("q=nllume1", {"LUM-0001"}),
        ("connection=online", {"LUM-0001"}),
        ("connection=never", {"LUM-0002"}),
        ("status=Charging", {"LUM-0001"}),
        ("status=Faulted", set()),
        ("q=lum NG910", {"LUM-0001"}),
        ("q=0002 NG910", set()),
        ("problem=clock", {"LUM-0001"}),
        ("problem=any", {"LUM-0001"}),
        ("q=rotterdam", {"LUM-0001", "LUM-0002"}),
        ("q=quay gate", {"LUM-0001"}),
        ("access=whitelist", {"LUM-0001", "LUM-0002"}),
        ("access=open", set()),
        ("version=1.6", {"LUM-0001"}),
        ("version=none", {"LUM-0002"}),
        ("version=2.0.1", set()),
        ("security=3", {"LUM-0002"}),
        ("security=1&version=1.6", {"LUM-0001"}),
        ("q=%00", {"LUM-0001", "LUM-0002"}),
        ("q=%25", set()),
    ],
)
def test_filters(query: str, found: set[str], tree: Tree, as_bob: Client) -> None:
    connect(tree.station, model="NG910", serial_number="SN-77", clock_offset=-4000.0, ocpp_version="1.6")
    Station.objects.filter(identity="LUM-0002").update(security_profile=3)
    Connector.objects.filter(station=tree.station, number=1).update(status="Charging", evse_id="NL*LUM*E1", evse_key="NLLUME1")
    shown = text(as_bob.get(f"{reverse('stations')}?{query}"))
    assert {identity for identity in ("LUM-0001", "LUM-0002") if identity in shown} == found
    if not found:
        assert "Nothing matches these filters." in shown


def test_a_filter_that_cannot_be_read_has_its_message_and_hides_nothing(tree: Tree, as_bob: Client) -> None:
    shown = text(as_bob.get(reverse("stations"), {"connection": "sideways"}))
    assert "“sideways” cannot be chosen here." in shown
    assert "LUM-0001" in shown


def test_sorting_paging_and_columns_are_in_the_url(tree: Tree, as_bob: Client) -> None:
    add_stations(actor=None, location=tree.location, identities=[f"N-{n:03}" for n in range(60)])
    pages = [as_bob.get(reverse("stations"), {"sort": "-station", "page": page}).content.decode() for page in (1, 2, 3)]
    order = [identity for page in pages for identity in re.findall(r">(N-\d+|Gate|LUM-0002)<", page)]
    assert len(order) == len(set(order)) == 62, "every row is on one page"
    assert [name for name in order if name.startswith("N-")] == sorted((n for n in order if n.startswith("N-")), reverse=True)
    wide = as_bob.get(reverse("stations"), {"cols": "station,serial_number"}).content.decode()
    assert 'data-label="Serial number"' in wide
    assert 'data-label="Firmware"' not in wide
    assert "62 found" in as_bob.get(reverse("stations"), {"per_page": "200"}).content.decode()
    assert as_bob.get(reverse("stations"), {"page": "999", "per_page": "-1", "sort": "nothing", "cols": "x"}).status_code == 200


def test_all_that_match_are_counted_as_everywhere(tree: Tree, as_bob: Client) -> None:
    Station.objects.bulk_create([Station(location=tree.location, identity=f"N-{n}", password_digest="x") for n in range(1000)])
    page = as_bob.get(reverse("stations")).text
    assert 'data-select-all="1,002"' in page
    assert "All 1,002 that match" in page


def test_htmx_gets_the_list_only(tree: Tree, as_bob: Client) -> None:
    part = as_bob.get(reverse("stations"), headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="list"')
    assert "<html" not in part


def test_a_list_costs_the_same_with_thirty_stations_as_with_three(
    tree: Tree, as_bob: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(40) as counted:
            as_bob.get(reverse("stations"), {"per_page": "200"})
        return len(counted.captured_queries)

    before = queries()
    for station, _password in add_stations(actor=None, location=tree.location, identities=[f"N-{n}" for n in range(30)], connectors=4):
        connect(station)
    assert queries() == before


def test_what_is_switched_off_or_in_maintenance_is_marked_and_found(
    tree: Tree, as_bob: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    connect(tree.station)
    now = timezone.now()
    rows = [
        station for station, _password in add_stations(actor=None, location=tree.location, identities=["N-1", "N-2", "N-3"], connectors=2)
    ]
    Connector.objects.filter(station=rows[0]).update(availability="Inoperative")
    Connector.objects.filter(station=rows[1], number=2).update(availability="Inoperative")
    Station.objects.filter(pk=rows[2].pk).update(active=False)
    MaintenanceWindow.objects.create(
        station=tree.station, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1), comment="x"
    )
    MaintenanceWindow.objects.create(station=rows[0], starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1), comment="x")
    shown = text(as_bob.get(reverse("stations")))
    assert "Gate LUM-0001 Online In maintenance" in shown
    assert "Connector 2: Out of service" in shown
    found = {
        value: set(re.findall(r">(N-\d|Gate|LUM-0002)<", as_bob.get(reverse("stations"), {"service": value}).text))
        for value in ("in", "out", "maintenance", "deactivated")
    }
    assert found == {"in": {"LUM-0002"}, "out": {"N-1", "N-2"}, "maintenance": {"Gate"}, "deactivated": {"N-3"}}
    with django_assert_max_num_queries(40):
        export = as_bob.get(reverse("stations"), {"export": "csv", "cols": "station,service"})
        lines = b"".join(export.streaming_content).decode()
    assert "N-1,Out of service" in lines
    assert "N-3,Deactivated" in lines


EVIL = '=cmd()"><script>alert(1)</script>'


def test_what_a_station_says_of_itself_is_harmless_in_pages_and_files(tree: Tree, as_bob: Client) -> None:
    connect(tree.station, vendor=EVIL[:50], model="+1+1", firmware_version="@SUM(A1)")
    page = as_bob.get(reverse("stations")).content.decode()
    assert "<script>alert" not in page
    assert "=cmd()" in html.unescape(page)
    lines = b"".join(as_bob.get(reverse("stations"), {"export": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert "'=cmd()" in lines
    assert "'@SUM(A1)" in lines
    book = openpyxl.load_workbook(io.BytesIO(as_bob.get(reverse("stations"), {"export": "xlsx"}).content))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row if cell.value]
    assert not [cell.value for cell in cells if cell.data_type == "f" or str(cell.value)[0] in "=+-@"]
    assert any(str(cell.value).startswith("'=cmd()") for cell in cells)


def test_the_export_has_what_matches_and_nothing_of_others(tree: Tree, as_bob: Client) -> None:
    lines = b"".join(as_bob.get(reverse("stations"), {"export": "csv", "q": "LUM"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert lines.startswith("\ufeffStation,Connection,")
    assert "LUM-0001" in lines
    assert "LUM-0002" in lines
    assert "VOLT" not in lines


# -- bulk -------------------------------------------------------------------------------------------------------------------------------


def test_all_that_match_means_what_the_filter_matches(tree: Tree, as_bob: Client) -> None:
    connect(tree.station)
    as_bob.post(f"{reverse('stations')}?q=0002", {"grouped": "clear-cache", "all": "1"})
    job = BulkJob.objects.get()
    assert [item.station for item in job.items.all()] == [tree.dc_station]
    assert job.chosen == "all that match: Id, alias, EVSE ID, make, location: 0002"
    assert Station.objects.filter(active=True).count() == 3


def test_nothing_is_done_where_nothing_was_chosen_to_do(tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("stations"), {"grouped": "", "select": [tree.station.pk]}, follow=True)
    assert "Choose what is to be done." in text(answer)
    assert not BulkJob.objects.exists()


def test_an_absent_station_s_connectors_look_last_reported(tree: Tree, as_bob: Client) -> None:
    connect(tree.station, connected=False, disconnected_at=timezone.now() - timedelta(hours=3))
    Connector.objects.filter(station=tree.station, number__gt=0).update(status="Charging")
    page = as_bob.get(reverse("stations"))
    assert "Offline 1 Charging 2 Charging last reported" in text(page)
    assert "state-charging" not in page.content.decode()
    assert "Gate" in text(as_bob.get(reverse("stations"), {"problem": "any"}))


def test_the_whole_station_is_listed_beside_its_connectors_only_when_faulted(tree: Tree, as_bob: Client) -> None:
    connect(tree.station)
    Connector.objects.filter(station=tree.station).update(status="Available")
    assert "Online 1 Available 2 Available" in text(as_bob.get(reverse("stations")))
    Connector.objects.filter(station=tree.station, number=0).update(status="Faulted", error_code="PowerMeterFailure")
    assert "Online station Faulted PowerMeterFailure 1 Available" in text(as_bob.get(reverse("stations")))
    assert "LUM-0001" in text(as_bob.get(reverse("stations"), {"problem": "any"}))


def test_nothing_chosen_is_said(tree: Tree, as_bob: Client) -> None:
    assert "Nothing was chosen." in text(as_bob.post(reverse("stations"), {"action": "activate"}, follow=True))
    assert as_bob.post(reverse("stations"), {"action": "explode", "all": "1"}).status_code == 400


# -- adding -----------------------------------------------------------------------------------------------------------------------------


def whole_database() -> str:
    """Every row of every table, as text."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    return "\n".join(str(list(model._base_manager.values_list())) for model in models)


def test_several_are_added_at_once_and_each_password_is_shown_once(tree: Tree, as_bob: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = as_bob.post(reverse("stations_add"), new(tree, identities="CP-1, CP-2\nCP-3"))
    shown = answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    passwords = re.findall(r'class="secret">([^<]+)<', shown)
    assert len(set(passwords)) == 3
    assert "ws://testserver/ocpp/CP-2" in shown
    for identity, password in zip(("CP-1", "CP-2", "CP-3"), passwords, strict=True):
        station = Station.objects.get(identity=identity)
        assert credentials.matches(credentials.digest(password), station.password_digest)
        assert list(station.connectors.values_list("number", "plug")) == [(0, ""), (1, "Type 2"), (2, "Type 2")]
        assert station.connection_at() == "never"
        assert password not in str(list(AuditEntry.objects.values()))
        assert password not in as_bob.get(reverse("station_details", args=[station.pk])).content.decode()
        assert password not in whole_database()
        assert password not in caplog.text
        assert f"{identity} Preapproved, has not connected yet {password}" in text(answer).replace("Copy ", "")
    again = as_bob.post(reverse("stations_add"), new(tree, identities="CP-1"))
    assert "CP-1 is already in use" in text(again), "sending the form again shows no password again"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"identities": ""}, "Fill this in."),
        ({"identities": " , \n"}, "Enter at least one station id."),
        ({"identities": "OK-1 LUM-0001 LUM-0001"}, "LUM-0001 is entered twice."),
        ({"identities": "OK-1, bad/id"}, "bad/id: A station id has at most 48 letters"),
        ({"identities": "OK-1, .."}, "..: A station id has at most 48 letters"),
        ({"identities": "VOLT-0001"}, "VOLT-0001 is already in use: a station id can be used once only, by anyone."),
        ({"identities": "A B", "alias": "Both"}, "Several stations cannot have the same alias."),
        ({"identities": "bad/id", "voltage": 12}, "bad/id: A station id has at most 48 letters"),
        ({"connectors": 0}, "Enter 1 or more."),
        ({"connector_max_current": 0}, "Enter 1 or more."),
        ({"connectors": 33}, "Enter 32 or less."),
        ({"voltage": 12}, "Enter 100 or more."),
        ({"location": ""}, "Choose one."),
        ({"identities": " ".join(f"S{n}" for n in range(201))}, "At most 200 at once; these are 201."),
    ],
)
def test_what_cannot_be_added_is_said_and_nothing_is_added(values: dict[str, Any], said: str, tree: Tree, as_bob: Client) -> None:
    before = Station.objects.count()
    answer = as_bob.post(reverse("stations_add"), new(tree, **values))
    assert said in text(answer)
    assert Station.objects.count() == before


def test_a_location_of_others_cannot_be_chosen(tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("stations_add"), new(tree, location=tree.other_location.pk))
    assert "This cannot be chosen here." in text(answer)
    assert not Station.objects.filter(identity="CP-1").exists()


def test_the_only_location_is_chosen_already_and_without_one_the_way_is_shown(
    tree: Tree, as_bob: Client, client_of: Callable[[User], Client]
) -> None:
    assert f'<option value="{tree.location.pk}" selected>' in as_bob.get(reverse("stations_add")).content.decode()
    lonely = create_organization(actor=None, parent=tree.platform, kind="partner", name="Newcomers")
    administrator = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    eve = create_user(actor=None, organization=lonely, email="eve@example.org", name="Eve", password=PASSWORD, role=administrator)
    for answer in (client_of(eve).get(reverse("stations_add")), client_of(eve).post(reverse("stations_add"), new(tree))):
        assert "A station stands at a location, and there is none yet." in text(answer)
        assert reverse("location_add") in answer.content.decode()


def test_connectors_get_their_own_maximum_current(tree: Tree, as_bob: Client) -> None:
    as_bob.post(reverse("stations_add"), new(tree, connector_max_current=16))
    station = Station.objects.get(identity="CP-1")
    assert station.max_current == 32
    assert list(station.connectors.values_list("number", "max_current")) == [(0, None), (1, 16), (2, 16)]


def test_the_address_to_type_in_is_encrypted_where_the_portal_is(tree: Tree, as_bob: Client) -> None:
    shown = as_bob.post(reverse("stations_add"), new(tree, identities="CP|1"), secure=True, headers={"host": "testserver"})
    assert "wss://testserver/ocpp/CP%7C1" in shown.content.decode()


def test_drilled_into_a_location_it_is_chosen_already(tree: Tree, as_ada: Client) -> None:
    page = as_ada.get(reverse("stations_add"), {"in": f"l{tree.location.pk}"}).content.decode()
    assert f'<option value="{tree.location.pk}" selected>' in page


# -- editing ----------------------------------------------------------------------------------------------------------------------------


def edited(tree: Tree, **values: Any) -> dict[str, Any]:
    return {
        "alias": "Barrier", "location": tree.location.pk, "access_mode": "open", "active": "on", "current_type": "AC", "phases": 1,
        "voltage": 230, "max_current": 16, "communication": "",
    } | values  # fmt: skip


def test_an_edit_is_saved_and_recorded_with_before_and_after(tree: Tree, as_bob: Client) -> None:
    as_bob.post(reverse("station_edit", args=[tree.station.pk]), edited(tree))
    tree.station.refresh_from_db()
    assert (tree.station.alias, tree.station.access_mode, tree.station.identity) == ("Barrier", "open", "LUM-0001")
    entry = AuditEntry.objects.filter(verb="edit", object_type="stations.station").get()
    assert entry.changes["alias"] == ["Gate", "Barrier"]
    assert entry.actor == tree.bob


def test_a_bad_edit_is_said_beside_its_field_and_loses_nothing(tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("station_edit", args=[tree.station.pk]), edited(tree, voltage="5", alias="Kept"))
    assert "Enter 100 or more." in text(answer)
    assert 'value="Kept"' in answer.content.decode()
    tree.station.refresh_from_db()
    assert tree.station.alias == "Gate"


def test_a_move_to_another_organization_wants_a_tick_and_is_recorded_on_both_sides(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    url, there = reverse("station_edit", args=[tree.station.pk]), tree.other_location.pk
    answer = as_ada.post(url, edited(tree, location=there))
    assert "Move it to Hotel Seeblick, with all that it has recorded" in text(answer)
    assert "Harbour Offices itself no longer sees them." in text(answer)
    tree.station.refresh_from_db()
    assert tree.station.location == tree.location
    as_ada.post(url, edited(tree, location=there, move="on"))
    tree.station.refresh_from_db()
    assert tree.station.location == tree.other_location
    assert as_bob.get(url).status_code == 404
    moves = AuditEntry.objects.filter(verb="edit", object_type="stations.station", object_id=tree.station.pk)
    assert {entry.organization for entry in moves} == {tree.customer, tree.other_customer}
    assert all([place["name"] for place in entry.changes["location"]] == ["Quay 7", "Seeblick car park"] for entry in moves)
    assert "Location: Quay 7 → one that you do not see" in text(as_bob.get(reverse("history"), {"kind": "stations.station"}))


def test_a_station_cannot_be_moved_to_others(tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("station_edit", args=[tree.station.pk]), edited(tree, location=tree.other_location.pk, move="on"))
    assert "This cannot be chosen here." in text(answer)
    assert tree.other_location.name not in text(answer)
    tree.station.refresh_from_db()
    assert tree.station.location == tree.location


def test_a_deactivated_station_is_refused_and_its_connection_closed(tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    monkeypatch.setattr("stations.nudges.close_station", closed.append)
    values = edited(tree)
    del values["active"]
    as_bob.post(reverse("station_edit", args=[tree.station.pk]), values)
    assert closed == [tree.station.pk]
    assert "Deactivated" in text(as_bob.get(reverse("stations"), {"q": "barrier"}))


def test_a_station_with_transactions_is_not_deleted(tree: Tree, as_bob: Client) -> None:
    now = timezone.now()
    Transaction.objects.create(station=tree.station, connector=tree.connector, id_tag="X", verdict="Accepted", started_at=now,
                               reported_start="", start_received_at=now, meter_start=0)  # fmt: skip
    url = reverse("station_delete", args=[tree.station.pk])
    assert "It has 1 transaction, which must be kept. Deactivate the station instead." in text(as_bob.get(url))
    as_bob.post(url, {"confirmed": "1"})
    assert Station.objects.filter(pk=tree.station.pk).exists()
    as_bob.post(reverse("station_delete", args=[tree.dc_station.pk]), {"confirmed": "1"})
    assert not Station.objects.filter(pk=tree.dc_station.pk).exists()


def test_deleting_a_station_tells_what_goes_along(tree: Tree, as_bob: Client) -> None:
    now = timezone.now()
    Note.objects.create(location=tree.location, station=tree.dc_station, text="Key at the desk")
    Contact.objects.create(location=tree.location, station=tree.dc_station, name="Joris")
    MaintenanceWindow.objects.create(station=tree.dc_station, starts_at=now, ends_at=now + timedelta(hours=1), comment="Meter")
    for key in ("A", "B"):
        ConfigurationChange.objects.create(station=tree.dc_station, at=now, key=key, after="1")
    shown = text(as_bob.get(reverse("station_delete", args=[tree.dc_station.pk])))
    for said in ("1 note", "1 contact", "1 planned maintenance window", "2 changes of its configuration"):
        assert said in shown


def test_a_new_password_replaces_the_old_one(tree: Tree, as_bob: Client) -> None:
    url = reverse("station_password", args=[tree.station.pk])
    assert "stops working at once" in text(as_bob.get(url))
    tree.station.refresh_from_db()
    assert credentials.matches(credentials.digest(STATION_PASSWORD), tree.station.password_digest), "asking changes nothing"
    (password,) = re.findall(r'class="secret">([^<]+)<', as_bob.post(url).content.decode())
    tree.station.refresh_from_db()
    assert credentials.matches(credentials.digest(password), tree.station.password_digest)
    assert not credentials.matches(credentials.digest(STATION_PASSWORD), tree.station.password_digest)


def test_connectors_are_added_edited_and_deleted(tree: Tree, as_bob: Client) -> None:
    add = reverse("connector_add", args=[tree.station.pk])
    as_bob.post(add, {"number": 3, "format": "cable", "plug": "CCS", "max_current": 200, "evse_id": "nl*lum*e77"})
    third = Connector.objects.get(station=tree.station, number=3)
    assert third.evse_id == "NL*LUM*E77"
    assert "already has a connector with this number" in text(as_bob.post(add, {"number": 3, "format": "cable"}))
    assert "Connectors are counted from 1" in text(as_bob.post(add, {"number": 0, "format": "cable"}))
    assert "Another connector already has this EVSE ID." in text(as_bob.post(add, {"number": 4, "format": "cable", "evse_id": "NLLUME77"}))
    assert "An EVSE ID looks like" in text(as_bob.post(add, {"number": 4, "format": "cable", "evse_id": "12"}))
    edit = reverse("connector_edit", args=[tree.station.pk, third.pk])
    as_bob.post(edit, {"format": "socket", "plug": "Type 2", "max_current": 32, "evse_id": ""})
    third.refresh_from_db()
    assert (third.plug, third.evse_key) == ("Type 2", None)
    as_bob.post(reverse("connector_delete", args=[tree.station.pk, third.pk]), {"confirmed": "1"})
    assert not Connector.objects.filter(pk=third.pk).exists()
    Connector.objects.filter(pk=tree.connector.pk).update(status="Available")
    assert "The station reports it." in text(
        as_bob.post(reverse("connector_delete", args=[tree.station.pk, tree.connector.pk]), {"confirmed": "1"})
    )
    whole = Connector.objects.get(station=tree.station, number=0)
    assert as_bob.get(reverse("connector_delete", args=[tree.station.pk, whole.pk])).status_code == 404


# -- knocking ---------------------------------------------------------------------------------------------------------------------------


def test_one_that_knocks_is_added_with_one_click_and_may_keep_its_password(
    tree: Tree, as_ada: Client, client_of: Callable[[User], Client]
) -> None:
    Knock.objects.create(
        identity="EVB-P1", reason="unknown", address="192.0.2.7", count=4, password_digest=credentials.digest(STATION_PASSWORD)
    )
    shown = as_ada.get(reverse("knocking"))
    assert "EVB-P1 No station with this id was added. The password it offers can be kept. 192.0.2.7 4" in text(shown)
    add = f"{reverse('stations_add')}?identity=EVB-P1"
    assert add in shown.content.decode()
    form = as_ada.get(add).content.decode()
    assert "EVB-P1</textarea>" in form
    assert re.search(r'name="adopt"[^>]* checked', form), "one click, and it is let in with its next try"
    answer = as_ada.post(add, new(tree, identities="EVB-P1", adopt="on"))
    assert "Nothing to type in: it keeps the password that it offers" in text(answer)
    assert credentials.matches(credentials.digest(STATION_PASSWORD), Station.objects.get(identity="EVB-P1").password_digest)
    assert not Knock.objects.exists()


def test_nobody_else_can_take_over_a_password_that_knocks(tree: Tree, as_bob: Client) -> None:
    Knock.objects.create(identity="EVB-P1", reason="unknown", address="192.0.2.7", password_digest=credentials.digest(STATION_PASSWORD))
    as_bob.post(f"{reverse('stations_add')}?identity=EVB-P1", new(tree, identities="EVB-P1", adopt="on"))
    assert not credentials.matches(credentials.digest(STATION_PASSWORD), Station.objects.get(identity="EVB-P1").password_digest)


def test_what_knocks_can_be_forgotten(tree: Tree, as_ada: Client) -> None:
    knock = Knock.objects.create(identity="<b>EVB", reason="password", address="192.0.2.7")
    assert "<b>EVB" not in as_ada.get(reverse("knocking")).content.decode()
    as_ada.post(reverse("knock_forget", args=[knock.pk]))
    assert "Nobody knocks." in text(as_ada.get(reverse("knocking")))


def test_why_somebody_knocks_and_what_to_do_is_said(tree: Tree, as_ada: Client) -> None:
    Knock.objects.create(identity="LUM-0001", reason="password", address="192.0.2.7")
    Knock.objects.create(identity="LUM-0002", reason="deactivated", address="192.0.2.8")
    Knock.objects.create(identity="a+b|c", reason="unknown", address="192.0.2.9")
    page = as_ada.get(reverse("knocking"))
    assert "It offers a wrong password." in text(page)
    assert "It is deactivated in this portal." in text(page)
    shown = page.content.decode()
    assert reverse("station_password", args=[tree.station.pk]) in shown
    assert reverse("station_edit", args=[tree.dc_station.pk]) in shown
    assert f"{reverse('stations_add')}?identity=a%2Bb%7Cc" in shown
    assert "a+b|c</textarea>" in as_ada.get(f"{reverse('stations_add')}?identity=a%2Bb%7Cc").content.decode()
    only = as_ada.get(reverse("knocking"), {"reason": "password"}).content.decode()
    assert re.findall(r"<code>([^<]+)</code>", only) == ["LUM-0001"]


def test_those_that_knock_are_for_the_platform_only(tree: Tree, as_bob: Client) -> None:
    knock = Knock.objects.create(identity="EVB-P1", reason="unknown", address="192.0.2.7")
    assert as_bob.get(reverse("knocking")).status_code == 404
    assert as_bob.get(reverse("knocking"), {"export": "csv"}).status_code == 404
    assert as_bob.post(reverse("knocking"), {"action": "forget", "all": "1"}).status_code == 404
    assert as_bob.post(reverse("knock_forget", args=[knock.pk])).status_code == 404
    assert reverse("knocking") not in as_bob.get(reverse("stations")).content.decode()
    assert Knock.objects.exists()


def test_many_knocks_are_forgotten_at_once_and_exported(tree: Tree, as_ada: Client) -> None:
    Knock.objects.bulk_create([Knock(identity=f"=K{n}", reason="unknown", address="192.0.2.7") for n in range(3)])
    lines = b"".join(as_ada.get(reverse("knocking"), {"export": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert "'=K1,No station with this id was added.,192.0.2.7,1," in lines
    as_ada.post(f"{reverse('knocking')}?q=K1", {"action": "forget", "all": "1"})
    assert set(Knock.objects.values_list("identity", flat=True)) == {"=K0", "=K2"}


def test_the_list_of_knocks_costs_the_same_with_thirty(
    tree: Tree, as_ada: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(20) as counted:
            as_ada.get(reverse("knocking"), {"per_page": "50"})
        return len(counted.captured_queries)

    Knock.objects.create(identity="LUM-0001", reason="password", address="192.0.2.7")
    before = queries()
    Knock.objects.bulk_create([Knock(identity=f"K{n}", reason="unknown", address="192.0.2.7") for n in range(29)])
    assert queries() == before
