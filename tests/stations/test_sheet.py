"""The data sheet of a station: what it shows, what it lets one ask, and what it says when it does not."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations.explain import FAULTS, STATUSES
from stations.models import (
    Availability,
    CardOffer,
    Command,
    ConfigurationKey,
    Connection,
    Connector,
    SecurityEvent,
    Station,
    StatusChange,
    Transaction,
)
from tenancy import rights
from tenancy.actions import create_user
from tenancy.models import AuditEntry, Role, User
from tests.conftest import CARD, PASSWORD, Tree
from tests.stations.sheets import ask, charging, command, online, page, report, said, text, without

XSS = "<script>alert(1)</script>"
PAGES = ("station", "station_overview", "station_head", "station_activity", "station_activity_live", "station_configuration",
         "station_configuration_live", "station_details")  # fmt: skip


@pytest.fixture
def station(tree: Tree) -> Station:
    """Online, both connectors free."""
    for number in (0, 1, 2):
        report(tree.station, number, "Available")
    return online(tree.station)


# -- who may look ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_station_is_there_for_those_above_it_and_for_nobody_else(
    name: str, station: Station, as_ada: Client, as_bob: Client, as_cy: Client, as_dan: Client, client: Client
) -> None:
    url = reverse(name, args=[station.pk])
    viewer = 403 if name.startswith("station_configuration") else 200
    assert [one.get(url).status_code for one in (as_ada, as_bob, as_cy, as_dan, client)] == [200, 200, viewer, 404, 302]


def test_nobody_asks_a_foreign_station_anything(station: Station, as_dan: Client) -> None:
    url = reverse("station_command", args=[station.pk, "reset-soft"])
    assert as_dan.get(url).status_code == 404
    assert as_dan.post(url, {"confirmed": "1"}).status_code == 404
    assert not Command.objects.exists()


def test_breadcrumbs_begin_with_the_topmost_organization_that_one_may_see(station: Station, as_ada: Client, as_cy: Client) -> None:
    url = reverse("station", args=[station.pk])
    names = [[label for label, _url in client.get(url).context["breadcrumbs"]] for client in (as_ada, as_cy)]
    assert names == [["Green Grid Operations", "Lumen Installers", "Harbour Offices", "Quay 7"], ["Harbour Offices", "Quay 7"]]


# -- the head ----------------------------------------------------------------------------------------------------------------------------


def test_the_three_states_stand_apart_and_are_named_apart(station: Station, as_bob: Client) -> None:
    Connector.objects.filter(station=station, number=0).update(availability=Availability.INOPERATIVE, status="Unavailable")
    shown = text(page(as_bob, station))
    for words in ("Connection Online", "Availability, our switch Out of service", "OCPP status of the station Unavailable"):
        assert words in shown


def test_every_fact_names_its_source(station: Station, as_bob: Client) -> None:
    shown = text(page(as_bob, station))
    assert "Make and model Alfen BV NG910 told by the station" in shown
    assert "Firmware 6.4.0-4210 told by the station" in shown
    assert "Access mode Whitelisting: passes of the organization from location" in shown
    Station.objects.filter(pk=station.pk).update(access_mode="open")
    assert "Access mode Open: any card set at this station" in text(page(as_bob, station))


@pytest.mark.parametrize(("offset", "words"), [(-0.3, "as ours"), (2.0, "2 s fast"), (-75.0, "1 min slow")])
def test_the_details_say_how_the_clock_differs(offset: float, words: str, station: Station, as_bob: Client) -> None:
    Station.objects.filter(pk=station.pk).update(first_connected_at=timezone.now(), clock_offset=offset)
    assert f"Its clock {words}" in text(page(as_bob, station, "station_details"))


def test_a_wrong_clock_and_work_in_the_background_are_told(station: Station, as_bob: Client) -> None:
    assert "clock" not in text(page(as_bob, station))
    online(station, clock_offset=-7200.0, firmware_status="DownloadFailed", diagnostics_status="Idle")
    shown = text(page(as_bob, station))
    assert "clock is 2 h 00 min slow" in shown
    assert "Firmware: the download of new firmware failed." in shown
    assert "Diagnostics" not in shown
    online(station, firmware_status="Installed")
    assert "Firmware: " not in text(page(as_bob, station))
    assert "Firmware the new firmware is installed" in text(page(as_bob, station, "station_details"))


@pytest.mark.parametrize(
    ("minutes", "fields", "reason"),
    [
        (120, {}, "The station is offline."),
        (0, {}, "The connection has just been lost."),
        (120, {"first_connected_at": None}, "The station has never connected."),
        (120, {"active": False}, "The station is deactivated"),
    ],
)
def test_what_cannot_be_done_is_grey_and_says_why(
    minutes: int, fields: dict[str, Any], reason: str, station: Station, as_bob: Client
) -> None:
    online(station, connected=False, disconnected_at=timezone.now() - timedelta(minutes=minutes), **fields)
    shown = page(as_bob, station)
    assert reason in text(shown)
    assert "commands/start/" not in shown
    assert re.search(r"<button[^>]* disabled>.{0,200}Start charging", shown, re.DOTALL)
    answer = ask(as_bob, station, "reset-soft")
    assert reason in said(answer)[0]
    assert not Command.objects.exists()


def test_without_the_right_the_buttons_are_grey_and_the_address_is_closed(
    station: Station, as_bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, rights.RESET_STATIONS)
    shown = page(as_bob, station)
    assert "Your role does not give you the right “Reset stations” here." in text(shown)
    assert "commands/reset-soft/" not in shown
    url = reverse("station_command", args=[station.pk, "reset-soft"])
    assert (as_bob.get(url).status_code, as_bob.post(url).status_code) == (403, 403)


def test_configuring_needs_its_own_right(station: Station, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, rights.CHANGE_CONFIGURATION)
    assert "Your role does not give you the right “Change the configuration” here." in text(page(as_bob, station, "station_configuration"))
    url = reverse("station_configuration_change", args=[station.pk])
    assert as_bob.post(url, {"key": "HeartbeatInterval", "value": "60"}).status_code == 403
    assert ask(as_bob, station, "reset-soft", confirmed="1").status_code == 200
    assert [command.action for command in Command.objects.all()] == ["Reset"]


# -- tiles -------------------------------------------------------------------------------------------------------------------------------


def test_a_tile_shows_the_running_charge(station: Station, as_bob: Client) -> None:
    transaction = charging(station)
    shown = text(page(as_bob, station))
    for words in (
        "10.8 kW",
        "12.94 kWh",
        "64 %",
        f"Pool car 1 ({CARD})",
        "for 1 h 12 min",
        f"Transaction {transaction.pk}",
        "Free for now",
    ):
        assert words in shown.replace("\N{NO-BREAK SPACE}", " "), words


def test_the_name_of_a_pass_of_an_organization_above_is_not_told(
    tree: Tree, station: Station, as_bob: Client, client_of: Callable[[User], Client]
) -> None:
    administrator = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    eve = create_user(actor=None, organization=tree.customer, email="e@example.org", name="Eve", password=PASSWORD, role=administrator)
    below = client_of(eve)
    tree.charge_pass.organization = tree.partner
    tree.charge_pass.save()
    charging(station)
    CardOffer.objects.create(station=station, id_tag=CARD, holder="Pool car 1", verdict="Accepted", reason="listed", action="Authorize")
    for name in ("station", "station_activity"):
        assert "Pool car 1" in page(as_bob, station, name)
        assert "Pool car 1" not in page(below, station, name)
        assert CARD in page(below, station, name)


@pytest.mark.parametrize("status", [status for status in STATUSES if status])
def test_each_status_has_its_sentence(status: str, station: Station, as_bob: Client) -> None:
    report(station, 1, status)
    shown = text(page(as_bob, station))
    assert str(STATUSES[status].word) in shown
    if status != "Faulted":
        assert str(STATUSES[status].sentence) in shown


@pytest.mark.parametrize("code", FAULTS)
def test_each_error_code_says_what_it_is_what_causes_it_and_what_to_do(code: str, station: Station, as_bob: Client) -> None:
    report(station, 1, "Faulted")
    Connector.objects.filter(station=station, number=1).update(error_code=code, vendor_error_code="0x12F", info="lock 2")
    shown = text(page(as_bob, station))
    fault = FAULTS[code]
    for words in (code, "0x12F", "lock 2", str(fault.sentence), str(fault.cause), "What now?", str(fault.try_this)):
        assert words in shown


def test_a_fault_tells_what_was_tried_already(station: Station, as_bob: Client) -> None:
    report(station, 1, "Faulted")
    Connector.objects.filter(station=station, number=1).update(error_code="ConnectorLockFailure")
    assert "Tried already" not in text(page(as_bob, station))
    command(station, "UnlockConnector", {"connectorId": 1}, state="rejected", answer={"status": "UnlockFailed"}, connector_number=1)
    assert "Tried already: Unlock connector 1, just now : Refused Unlock failed" in text(page(as_bob, station))


def test_an_offline_station_shows_its_last_report_as_such(station: Station, as_bob: Client) -> None:
    online(station, connected=False, disconnected_at=timezone.now() - timedelta(hours=2))
    shown = page(as_bob, station)
    assert "The station is not connected: this is what it reported last." in text(shown)
    assert "OCPP status, last reported Available" in text(shown)
    assert "state-available" not in shown.split('id="station-head"')[1].split("OCPP status, last reported")[1].split("</dd>")[0]


def test_a_station_that_never_connected_shows_what_to_type_into_it(tree: Tree, as_bob: Client) -> None:
    assert tree.station.connection_at() == Connection.NEVER
    shown = text(page(as_bob, tree.station))
    for words in ("ws://testserver/ocpp/", "LUM-0001", "was shown once", "ws://testserver/ocpp/LUM-0001"):
        assert words in shown
    assert "Connect this station" not in text(page(as_bob, online(tree.station)))


def test_what_stations_send_is_never_markup(station: Station, as_bob: Client) -> None:
    online(station, vendor=XSS, model=XSS, firmware_version=XSS, serial_number=XSS, firmware_status=XSS)
    for number in (0, 1):
        connector = report(station, number, "Faulted", info=XSS, vendor_error_code=XSS, vendor_id=XSS)
        Connector.objects.filter(pk=connector.pk).update(error_code=XSS)
        now = timezone.now()
        StatusChange.objects.create(connector=connector, at=now, received_at=now, status="Faulted", error_code=XSS, info=XSS)
    SecurityEvent.objects.create(station=station, at=timezone.now(), received_at=timezone.now(), type=XSS, info=XSS)
    CardOffer.objects.create(station=station, id_tag=XSS, holder=XSS, verdict=XSS[:20], reason="x", action="Authorize")
    charging(station, 2, tag=XSS)
    ConfigurationKey.objects.create(station=station, key=XSS, value=XSS)
    command(station, "Reset", {"type": "Soft"}, state="failed", error_code=XSS, error_description=XSS)
    command(station, "UnlockConnector", {"connectorId": 1}, state="rejected", answer={"status": XSS}, connector_number=1)
    command(station, "ChangeConfiguration", {"key": XSS, "value": XSS}, state="rejected", answer={"status": XSS})
    for name in PAGES:
        assert XSS not in page(as_bob, station, name), name
    assert html.escape(XSS) in page(as_bob, station)


# -- what became of it -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "queued"}, "Queued Waits to be sent"),
        ({"state": "sent"}, "Sent The station has it; no answer yet."),
        ({"state": "accepted", "answer": {"status": "Accepted"}}, "Accepted Reset accepted."),
        ({"state": "rejected", "answer": {"status": "Rejected"}}, "Refused Reset refused by the station."),
        ({"state": "timed_out"}, "No answer No answer within 30 s."),
        ({"state": "expired"}, "Not delivered Not delivered within 30 s"),
        ({"state": "failed", "error_code": "NotImplemented"}, "Failed The station does not know this command."),
        ({"state": "failed", "error_code": "GenericError", "error_description": "busy"}, "answered with the error GenericError. busy"),
    ],
)
def test_the_state_of_a_command_is_told_in_words(fields: dict[str, Any], words: str, station: Station, as_bob: Client, bob: User) -> None:
    command(station, "Reset", {"type": "Soft"}, requested_by=bob, **fields)
    shown = text(page(as_bob, station, "station_overview"))
    assert "Soft reset just now Bob" in shown
    assert words in shown


def test_a_command_from_a_shell_says_so(station: Station, as_bob: Client) -> None:
    command(station, "ClearCache", origin="shell")
    assert "Clear the card cache just now from a shell" in text(page(as_bob, station, "station_overview"))


@pytest.mark.engines
@pytest.mark.parametrize("name", ["station_overview", "station_head", "station_activity_live", "station_configuration_live"])
def test_a_fragment_costs_the_same_with_much_and_with_little(name: str, tree: Tree, as_bob: Client) -> None:
    def queries(station: Station) -> int:
        page(as_bob, station, name)
        with CaptureQueriesContext(
            connection,
        ) as found:
            page(as_bob, station, name)
        return len(found)

    small, big = online(tree.dc_station), online(tree.station)
    fill(small, 1)
    few = queries(small)
    for number in range(3, 12):
        Connector.objects.create(station=big, number=number)
    for number in range(1, 12):
        fill(big, number)
    assert queries(big) == few
    assert few <= 31


def fill(station: Station, number: int) -> None:
    """A bit of everything at one connector."""
    now = timezone.now()
    transaction = charging(station, number)
    StatusChange.objects.create(connector=transaction.connector, at=now, received_at=now, status="Charging")
    CardOffer.objects.create(station=station, connector_number=number, id_tag=CARD, verdict="Accepted", reason="listed", action="Authorize")
    SecurityEvent.objects.create(station=station, at=now, received_at=now, type="TamperDetectionActivated")
    ConfigurationKey.objects.create(station=station, key=f"Key{number}", value="1")
    command(station, "ChangeConfiguration", {"key": f"Key{number}", "value": "1"}, state="accepted", answer={"status": "Accepted"})
    command(station, "GetConfiguration", {}, state="accepted", answer={"configurationKey": []})
    command(
        station, "UnlockConnector", {"connectorId": number}, connector_number=number, state="rejected", answer={"status": "UnlockFailed"}
    )


def test_the_live_parts_listen_to_their_station(station: Station, as_bob: Client) -> None:
    for name, url in (("station", "station_overview"), ("station_configuration", "station_configuration_live"),
                      ("station_activity", "station_activity_live")):  # fmt: skip
        shown = page(as_bob, station, name)
        assert shown.count(f'data-live="station:{station.pk}"') == 2  # the head and the tab
        assert reverse(url, args=[station.pk]) in shown


# -- configuration -----------------------------------------------------------------------------------------------------------------------


def test_an_unread_configuration_says_how_to_read_it(station: Station, as_bob: Client) -> None:
    shown = page(as_bob, station, "station_configuration")
    assert "The configuration has not been read yet" in shown
    assert reverse("station_command", args=[station.pk, "get-configuration"]) in shown


def test_keys_show_their_value_and_what_became_of_the_latest_change(station: Station, as_bob: Client, bob: User) -> None:
    ConfigurationKey.objects.create(station=station, key="HeartbeatInterval", value="300")
    ConfigurationKey.objects.create(station=station, key="NumberOfConnectors", value="2", readonly=True)
    ConfigurationKey.objects.create(station=station, key="WebSocketPingInterval", value="60", reboot_required=True)
    command(station, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "x"}, state="rejected",
            answer={"status": "Rejected"}, requested_by=bob)  # fmt: skip
    shown = text(page(as_bob, station, "station_configuration"))
    assert "Refused by the station: the key is read-only, or the value does not fit." in shown
    assert "read-only" in shown
    assert "Changed, but in force only after a reset: Ping of the connection (WebSocketPingInterval)." in shown
    form = page(as_bob, station, "station_configuration_change", "?key=HeartbeatInterval")
    assert 'value="HeartbeatInterval"' in form
    assert 'value="300"' in form


def configure(client: Client, station: Station, key: str, value: str) -> Any:
    return client.post(reverse("station_configuration_change", args=[station.pk]), {"key": key, "value": value}, follow=True)


def test_secrets_are_shown_nowhere(station: Station, as_bob: Client) -> None:
    secret = "Correct-Horse-Battery-Staple"
    for key in ("AuthorizationKey", "vendor.WifiPassword", "modem.simPin"):
        ConfigurationKey.objects.create(station=station, key=key, value=secret)
        command(station, "ChangeConfiguration", {"key": key, "value": secret}, state="rejected", answer={"status": "Rejected"})
    answer = configure(as_bob, station, "vendor.WifiPassword", secret)
    assert said(answer) == ["Asked Gate to change vendor.WifiPassword. Its answer appears beside the key."]
    for name in PAGES:
        assert secret not in page(as_bob, station, name), name
    assert secret not in page(as_bob, station, "station_configuration_change", "?key=AuthorizationKey")
    assert secret not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


@pytest.mark.parametrize(
    ("value", "why"), [("short", "16 to 40"), ("0123456789abcdef0123", "G to Z"), ("with spaces in it ....", "16 to 40")]
)
def test_a_password_that_stations_would_read_differently_is_refused(value: str, why: str, station: Station, as_bob: Client) -> None:
    answer = configure(as_bob, station, "AuthorizationKey", value)
    assert why in text(answer.content.decode())
    assert f'value="{value}"' not in answer.content.decode()
    assert not Command.objects.exists()


# -- activity and details ----------------------------------------------------------------------------------------------------------------


def test_activity_is_one_line_of_everything_newest_first(station: Station, as_bob: Client) -> None:
    now = timezone.now()
    connector = Connector.objects.get(station=station, number=1)
    StatusChange.objects.create(connector=connector, at=now - timedelta(minutes=50), received_at=now, status="Preparing")
    CardOffer.objects.create(
        station=station, at=now - timedelta(minutes=40), id_tag="04FF", verdict="Invalid", reason="unknown", action="Authorize"
    )
    charge = Transaction.objects.create(
        station=station,
        connector=connector,
        transaction_id="987654",
        id_tag=CARD,
        verdict="Accepted",
        started_at=now - timedelta(minutes=30),
        ended_at=now - timedelta(minutes=10),
        reported_start="",
        start_received_at=now,
        meter_start=0,
        meter_stop=2000,
        stop_reason="Remote",
    )
    SecurityEvent.objects.create(station=station, at=now - timedelta(minutes=20), received_at=now, type="InvalidTLSVersion")
    row = command(station, "Reset", {"type": "Soft"}, state="accepted", answer={"status": "Accepted"})
    command(station, "RemoteStopTransaction", {"transactionId": 987654}, state="accepted", answer={"status": "Accepted"})
    source = page(as_bob, station, "station_activity")
    assert f'<a href="{charge.get_absolute_url()}">Stop charging, transaction {charge}</a>' in source
    assert "987654" not in source
    shown = text(source)
    words = ["Soft reset", "stopped from the portal", "InvalidTLSVersion", "Started", "Card 04FF", "Connector 1", "Latest connection"]
    places = [shown.index(word, shown.index("What happened")) for word in words]
    assert places == sorted(places)
    assert "No pass with this UID is on the organization" in shown
    only = text(page(as_bob, station, "station_activity_live", "?kind=card"))
    assert "Card 04FF" in only
    assert "Soft reset" not in only
    Command.objects.filter(pk=row.pk).update(created_at=now - timedelta(days=40))
    day = (now - timedelta(days=40)).astimezone(station.location.zone).date().isoformat()
    assert "Soft reset" in text(page(as_bob, station, "station_activity_live", f"?since={day}&until={day}"))
    assert "Card 04FF" not in text(page(as_bob, station, "station_activity_live", f"?until={day}"))


def test_what_a_station_says_of_a_status_is_text_and_never_an_address(station: Station, as_bob: Client) -> None:
    now = timezone.now()
    connector = Connector.objects.get(station=station, number=1)
    StatusChange.objects.create(
        connector=connector, at=now, received_at=now, status="Faulted", error_code="OtherError", vendor_error_code="E17",
        info="javascript:alert(1)",
    )  # fmt: skip
    for name in ("station", "station_activity"):
        shown = page(as_bob, station, name)
        assert "OtherError · vendor code E17 · javascript:alert(1)" in text(shown)
        assert 'href="OtherError' not in shown
        assert 'href="javascript:' not in shown


@pytest.mark.engines
def test_activity_is_paged_without_gap_or_repetition(station: Station, as_bob: Client) -> None:
    now = timezone.now()
    for number in range(130):
        # Many at the same moment: the mark must tell them apart.
        CardOffer.objects.create(
            station=station, at=now - timedelta(seconds=number // 30), id_tag=f"TAG{number:03}", verdict="Invalid", reason="unknown",
            action="Authorize",
        )  # fmt: skip
    seen: list[str] = []
    url = reverse("station_activity", args=[station.pk]) + "?kind=card"
    for _page in range(5):
        answer = as_bob.get(url)
        seen += re.findall(r"Card (TAG\d+)", answer.content.decode())
        url = answer.context["older_url"]
        if not url:
            break
    assert len(seen) == 130
    assert set(seen) == {f"TAG{number:03}" for number in range(130)}


@pytest.mark.parametrize(
    "query",
    [
        "?since=yesterday",
        "?since=2026-05-02&until=2026-05-01",
        "?after=x",
        "?after=0001-01-01T00:00:00+00:00_1_1",
        "?kind=nonsense",
        "?until=9999-12-31",
    ],
)
def test_a_crooked_address_of_the_activity_is_answered(query: str, station: Station, as_bob: Client) -> None:
    page(as_bob, station, "station_activity", query)


def test_the_history_tells_who_changed_what(station: Station, as_bob: Client, bob: User) -> None:
    from stations.actions import edit_station

    edit_station(actor=bob, station=station, alias="Main gate")
    assert "Alias: Gate → Main gate" in text(page(as_bob, station, "station_history"))
    shown = text(page(as_bob, station, "station_details"))
    assert "192.0.2.7" in shown
    assert "Alfen BV" in shown


def test_a_critical_security_event_is_told_for_a_day(tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    station, now = online(tree.station), timezone.now()
    opened = "TamperDetectionActivated"
    for kind, hours in ((opened, 2), (opened, 1), ("StartupOfTheDevice", 1), ("MemoryExhaustion", 30), ("<b>Odd</b>", 1)):
        at = now - timedelta(hours=hours)
        SecurityEvent.objects.create(station=station, at=at, received_at=at, type=kind)
    source = page(as_bob, station, "station_head")
    assert "Opened or tampered with. 2 times in 24 hours, the latest:" in text(source)
    assert f"/stations/{station.pk}/activity/?kind=security" in source
    assert not [other for other in ("Memory full", "The station has started.", "Odd") if other in source]
    without(monkeypatch, SecurityEvent.read_right)
    assert "Opened or tampered with" not in page(as_bob, station, "station_head")
