"""The Configuration tab of a station that speaks OCPP 2.0.1: its device model, setting it, monitors, events, and readings compared."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations.actions import create_configuration_template
from stations.bulk import KINDS, Done
from stations.command_words import intent_of
from stations.configuration.catalogue import CHOICE, LIST, catalogue, known
from stations.configuration.characteristics import entry_of
from stations.configuration.compare import Value, against, to_set
from stations.configuration.values import check, in_words
from stations.controls import Situation, situations
from stations.models import (
    BulkItem,
    BulkJob,
    Command,
    ConfigurationChange,
    ConfigurationKey,
    ConfigurationTemplate,
    DeviceEvent,
    DeviceMonitor,
    DeviceReport,
    DeviceVariable,
    Station,
    Transaction,
)
from stations.ocpp import masking
from stations.ocpp.intents import Configure
from stations.ocpp.variables import Variable
from tenancy import rights
from tenancy.models import AuditEntry, User
from tests.conftest import Tree
from tests.stations.sheets import command, online, page, report, text, without

pytestmark = pytest.mark.django_db
HEARTBEAT = "OCPPCommCtrlr/HeartbeatInterval"
OWN = "LedCtrlr@1.1/Brightness"


def variable(station: Station, key: str, value: str, **fields: Any) -> DeviceVariable:
    name = Variable.parse(key)
    assert name
    place = {"component": name.component, "evse": name.evse, "connector": name.connector}
    return DeviceVariable.objects.create(station=station, key=key, value=value, **place, **fields)


@pytest.fixture
def station(tree: Tree) -> Station:
    """Online, with a device model that was read."""
    found = online(tree.station, ocpp_version="2.0.1")
    variable(found, HEARTBEAT, "300", data_type="integer", unit="s", least=10, most=3600)
    variable(found, OWN, "7.5", data_type="decimal", unit="Percent", least=-5, most=99.5, monitored=True)
    variable(found, "AuthCtrlr/Enabled", "true", data_type="boolean")
    variable(found, "ClockCtrlr/TimeSource", "NTP", data_type="SequenceList", choices="Heartbeat,NTP,Sun")
    variable(found, "SecurityCtrlr/BasicAuthPassword", masking.MASK, mutability="WriteOnly")
    variable(found, "TokenReader@1/Token", "04A2B3C4D5E680", mutability="ReadOnly")
    variable(found, "Connector@1.1/Available", "true", mutability="ReadOnly")
    variable(found, OWN, "99", attribute="MaxSet")
    ConfigurationKey.objects.create(station=found, key="FromBefore", value="1")  # it spoke 1.6 once
    return found


def url(name: str, station: Station, query: str = "") -> str:
    return reverse(name, args=[station.pk]) + query


# -- what variables mean ------------------------------------------------------------------------------------------------------------------


def test_every_known_variable_is_explained_whole() -> None:
    entries = catalogue("2.0.1")
    assert len(entries) > 100
    for entry in entries.values():
        assert entry.name, entry.key
        assert str(entry.text).endswith("."), entry.key
        assert bool(entry.choices) == (entry.kind in {CHOICE, LIST}), entry.key
        assert masking.is_secret(entry.key) == (entry.kind == "secret"), entry.key
    assert known("evse@3/availabilitystate") is known("Connector@1.2/AvailabilityState", "2.0.1")
    assert known("MessageCtrlr/X") is None


def test_the_station_tells_limits_and_choices(station: Station) -> None:
    def entry(key: str) -> Any:
        return entry_of(DeviceVariable.objects.get(station=station, key=key, attribute="Actual"))

    assert in_words(entry(OWN), "7.5") == "7.5 %"
    assert in_words(entry(HEARTBEAT), "300") == "300 s = 5 min"
    for key, value, why in ((HEARTBEAT, "9", "Between 10 and 3600 s."), (OWN, "-6", "Between -5 and 99.5 %."), (OWN, "x", "a number")):
        with pytest.raises(ValidationError, match=why):
            check(key, value, "2.0.1", entry=entry(key))
    check(OWN, "-4.5", "2.0.1", entry=entry(OWN))
    assert [name for name, _label in entry("ClockCtrlr/TimeSource").choices] == ["Heartbeat", "NTP", "Sun"]


# -- the tab ------------------------------------------------------------------------------------------------------------------------------


def test_the_tab_is_a_tree_in_which_variables_are_found(station: Station, as_bob: Client, as_dan: Client) -> None:
    source = page(as_bob, station, "station_configuration")
    said = text(source)
    for words in ("Whole station", "EVSE 1, connector 1", "Connection to the portal", "300 s = 5 min", "secret: never shown", OWN):
        assert words in said
    assert "FromBefore" not in said
    assert f'value="{HEARTBEAT}"' in source  # it is set in place
    assert "highest value that can be set" in said
    of_one = text(page(as_bob, station, "station_configuration", "?at=1.1/LedCtrlr"))
    assert OWN in of_one
    assert HEARTBEAT not in of_one
    source = page(as_bob, station, "station_configuration", "?q=heartb")
    found = text(source)
    assert "Whole station 1 All of it" in found, "the tree counts what was found"
    described = re.search(r'aria-describedby="(set-\d+-help)"', source)
    assert described
    assert f'id="{described[1]}"' in source
    assert HEARTBEAT in found
    assert OWN not in found
    writable = text(page(as_bob, station, "station_configuration", "?show=writable"))
    assert "Connector@1.1/Available" not in writable
    assert as_dan.get(url("station_configuration", station)).status_code == 404


def test_what_tells_of_a_person_is_masked_for_who_may_not_see_it(station: Station, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    DeviceEvent.objects.create(station=station, event_id=1, at=timezone.now(), received_at=timezone.now(), trigger="Delta", kind="x",
                               key="TokenReader@1/Token", component="TokenReader", value="04A2B3C4D5E680")  # fmt: skip
    names = ("station_configuration", "station_configuration_csv", "station_device_events")
    seen = [b"".join(as_bob.get(url(name, station))).decode() for name in names]
    assert all("04A2B3C4D5E680" in one for one in seen)
    without(monkeypatch, rights.PERSONAL_DATA)
    assert not any("04A2B3C4D5E680" in b"".join(as_bob.get(url(name, station))).decode() for name in names)


def test_the_tab_costs_the_same_with_many_variables(station: Station, as_bob: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page(as_bob, station, "station_configuration")
        return len(found)

    few = queries()
    for number in range(70):
        variable(station, f"X@2/V{number}", "1")
    assert queries() == few
    assert "Page 1 of 2" in text(page(as_bob, station, "station_configuration"))


def test_a_variable_is_set_and_what_does_not_fit_stands_beside_it(station: Station, as_bob: Client, as_cy: Client) -> None:
    change = url("station_configuration_change", station)
    refused = as_bob.post(change, {"key": HEARTBEAT, "value": "5"})
    assert text(refused.content.decode()).count("Between 10 and 3600 s.") == 1, "said once"
    assert not Command.objects.exists()
    assert as_bob.post(change, {"key": HEARTBEAT, "value": "600"}).status_code == 302
    as_bob.post(change, {"key": OWN, "value": "50", "attribute": "MaxSet"})
    first, second = Command.objects.order_by("pk")
    assert first.payload["setVariableData"][0]["attributeValue"] == "600"
    assert second.payload["setVariableData"][0] == {"attributeType": "MaxSet", "attributeValue": "50", "component": {
        "name": "LedCtrlr", "evse": {"id": 1, "connectorId": 1}}, "variable": {"name": "Brightness"}}  # fmt: skip
    answer = {"setVariableResult": [{**first.payload["setVariableData"][0], "attributeStatus": "Rejected",
                                     "attributeStatusInfo": {"reasonCode": "OutOfRange"}}]}  # fmt: skip
    Command.objects.filter(pk=first.pk).update(state="rejected", answer=answer)
    assert "the value does not fit. (OutOfRange)" in text(page(as_bob, station, "station_configuration"))
    assert as_cy.post(change, {"key": HEARTBEAT, "value": "600"}).status_code == 403


def test_what_can_never_be_read_is_never_shown(station: Station, as_bob: Client) -> None:
    variable(station, "LedCtrlr/Unlocker", "", mutability="WriteOnly", data_type="string")
    as_bob.post(url("station_configuration_change", station), {"key": "LedCtrlr/Unlocker", "value": "open-sesame"})
    assert Command.objects.get().payload["setVariableData"][0]["attributeValue"] == "open-sesame"
    for source in (page(as_bob, station), page(as_bob, station, "station_configuration"), str(AuditEntry.objects.latest("pk").changes)):
        assert "open-sesame" not in source


def test_readings_are_asked_for_and_compared(station: Station, as_bob: Client) -> None:
    for base, action in (("ConfigurationInventory", "GetBaseReport"), ("Monitors", "GetMonitoringReport")):
        as_bob.post(url("station_device_read", station), {"base": base})
        assert Command.objects.latest("pk").action == action
    now = timezone.now()
    for number, hours in ((1, 5), (2, 1)):
        at = now - timedelta(hours=hours)
        DeviceReport.objects.create(
            station=station, request_id=number, base="FullInventory", asked_at=at, finished_at=at, told=8, parts=[0]
        )
    secret, stars = "SecurityCtrlr/BasicAuthPassword", masking.MASK
    for key, hours, before, after in (
        (HEARTBEAT, 3, "300", "400"), (HEARTBEAT, 2, "400", "600"), (HEARTBEAT, 7, "1", "2"), (OWN, 3, "7", "8"), (OWN, 2, "8", "7"),
        (secret, 2, stars, stars), ("AuthCtrlr/Enabled", 0, "false", "true"),
    ):  # fmt: skip
        ConfigurationChange.objects.create(station=station, at=now - timedelta(hours=hours), key=key, before=before, after=after)
    assert len(as_bob.get(url("station_device_reports", station)).context["changed"]) == 2
    assert "2 values have changed since the reading before" in text(page(as_bob, station, "station_configuration"))
    said = text(page(as_bob, station, "station_device_reports"))
    assert "300 s = 5 min 300 600 s = 10 min 600 changed" in said
    assert HEARTBEAT in text(page(as_bob, station, "station_configuration", "?show=changed"))


def test_a_reading_names_the_parts_that_are_missing(station: Station, as_bob: Client) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    report = DeviceReport.objects.create(
        station=station, request_id=1, base="FullInventory", asked_at=long_ago, part_at=long_ago, told=8, parts=[4, 0, 1], last_part=4
    )
    assert "8 values, 3 parts · parts 2, 3 are missing" in text(page(as_bob, station, "station_configuration"))
    report.parts += [3]
    report.save()
    assert "part 2 is missing" in text(page(as_bob, station, "station_device_reports"))
    assert DeviceReport(parts=[1, 2]).missing_parts == [], "it may count from 1"
    assert DeviceReport(parts=[1, 2], last_part=2).missing_parts == [0], "or does not, as it is not whole"


# -- monitors and events ------------------------------------------------------------------------------------------------------------------


def test_monitors_are_set_changed_and_removed(station: Station, as_bob: Client, as_cy: Client) -> None:
    row = DeviceMonitor.objects.create(
        station=station, monitor_id=7, key=OWN, component="LedCtrlr", type="UpperThreshold", value=80, severity=2
    )
    said = text(page(as_bob, station, "station_monitors"))
    assert "rises above 80 %" in said
    assert "2 · System failed" in said
    data = {"key": OWN, "type": "LowerThreshold", "value": "2.5", "severity": "3", "transaction": "on"}
    as_bob.post(url("station_monitor_add", station), data)
    (told,) = Command.objects.latest("pk").payload["setMonitoringData"]
    assert (told["type"], told["value"], told["severity"], told["transaction"], "id" in told) == ("LowerThreshold", 2.5, 3, True, False)
    as_bob.post(url("station_monitor_add", station, "?id=7"), data)
    assert Command.objects.latest("pk").payload["setMonitoringData"][0]["id"] == 7
    wrong = as_bob.post(url("station_monitor_add", station), data | {"key": "no variable", "value": "x"})
    assert "Write Component/Variable" in text(wrong.content.decode())
    as_bob.post(url("station_monitor_remove", station, "?id=7"), {"id": "7"})
    assert Command.objects.latest("pk").payload == {"id": [7]}
    DeviceReport.objects.create(station=station, request_id=9, base="FullInventory", finished_at=timezone.now())
    variable(station, "MonitoringCtrlr/Enabled", "true")
    for key, why in (("Nonsense/Thing", "no such variable"), ("MonitoringCtrlr/Enabled", "cannot be watched")):
        refused = as_bob.post(
            url("station_monitor_add", station), {"key": key, "type": "Delta", "value": "2", "severity": "3"}
        ).content.decode()
        assert why in text(refused)
        assert f'value="{key}"' in refused
    as_bob.post(url("station_monitor_add", station), {"key": OWN, "type": "Delta", "value": "2", "severity": "3"})
    assert Command.objects.latest("pk").action == "SetVariableMonitoring"
    asked = as_bob.post(url("station_monitoring", station), {"base": "HardWiredOnly"})
    assert "1 monitor of this station is known here" in text(asked.content.decode())
    assert not Command.objects.filter(action="SetMonitoringBase").exists()
    for data in ({"base": "HardWiredOnly", "sure": "1"}, {"severity": "4"}):
        as_bob.post(url("station_monitoring", station), data)
    assert [one.action for one in Command.objects.order_by("-pk")[:2]] == ["SetMonitoringLevel", "SetMonitoringBase"]
    assert as_cy.post(url("station_monitor_remove", station), {"id": str(row.monitor_id)}).status_code == 403


def test_what_a_station_cannot_do_is_grey_and_says_why(station: Station, tree: Tree, bob: User, as_bob: Client) -> None:
    variable(station, "MonitoringCtrlr/Available", "false")
    variable(station, "AuthCacheCtrlr/Available", "false")
    (situation,) = situations(bob, [station])
    assert "does not support monitors" in situation.why_no_monitors()
    assert "a cache of cards" in situation.why_not("clear-cache")
    assert not Situation(bob, online(tree.dc_station, ocpp_version="2.0.1")).why_not("clear-cache")
    assert "does not support monitors" in text(page(as_bob, station, "station_monitor_add"))


def test_events_are_listed_and_severe_ones_stand_on_the_overview(station: Station, as_bob: Client) -> None:
    now = timezone.now()
    rows = [
        DeviceEvent(station=station, event_id=number, at=now, received_at=now, trigger="Alerting", kind="CustomMonitor", key=OWN,
                    component="LedCtrlr", evse=1, connector=1, value="<b>98</b>", tech_code="T9", severity=severity, stands=True)
        for number, severity in ((1, 2), (2, 6))
    ]  # fmt: skip
    DeviceEvent.objects.bulk_create(rows)
    report(station, 1, "Available")
    charge = Transaction.objects.create(
        station=station, connector=station.connectors.get(number=1), transaction_id="567c4f3e", started_at=now, reported_start="x",
        start_received_at=now, meter_start=0,
    )  # fmt: skip
    DeviceEvent.objects.filter(event_id=1).update(transaction_id="567c4f3e")
    seen = page(as_bob, station, "station_device_events")
    assert f'<a href="{reverse("transaction", args=[charge.pk])}">Transaction {charge}</a>' in seen
    assert "567c4f3e" not in seen
    said = text(seen)
    assert "2 · System failed" in said
    assert "Still stands" in said
    assert "Still stands" in text(page(as_bob, station, "station_device_events", "?severity=3"))
    overview = page(as_bob, station)
    assert text(overview).count("The station raises an alarm") == 1
    assert "<b>98</b>" not in overview
    DeviceEvent.objects.update(stands=False)
    assert "The station raises an alarm" not in page(as_bob, station)


# -- many ---------------------------------------------------------------------------------------------------------------------------------


def test_a_template_is_compared_with_a_device_model_and_applied_to_many(station: Station, tree: Tree, bob: User, as_bob: Client) -> None:
    entries = {HEARTBEAT: "600", "authctrlr/enabled": "TRUE", "X/Y": "1", "HeartbeatInterval": "600"}
    one = create_configuration_template(actor=None, organization=tree.partner, name="All", entries=entries, below=True)
    said = text(page(as_bob, station, "station_configuration_compare", f"?template={one.pk}"))
    assert "1 of 3 keys are the same." in said
    alone = against({"HeartbeatInterval": "300", "X": "1"}, {HEARTBEAT: Value("60")}, "2.0.1")
    assert to_set(alone) == [(HEARTBEAT, "300")], "what another version calls otherwise"
    params = {"template": one.pk, "name": one.name, "entries": one.entries, "vendor": "", "model": "", "path": one.organization.path,
              "below": True, "reset": False}  # fmt: skip
    job = BulkJob.objects.create(organization=tree.customer, kind="configuration-template", params=params, actor=bob, actor_name="x")
    item = BulkItem.objects.create(job=job, station=station)
    (situation,) = situations(bob, [station])
    assert not KINDS["configuration-template"].refusal(params, situation)
    (asked,) = KINDS["configuration-template"].step(bob, params, situation, item, [])  # type: ignore[misc]
    assert asked.payload["setVariableData"][0]["attributeValue"] == "600"
    Command.objects.filter(pk=asked.pk).update(state="accepted", answer={"setVariableResult": [{"attributeStatus": "Accepted"}]})
    DeviceVariable.objects.filter(key=HEARTBEAT).update(value="600")
    asked.refresh_from_db()
    (situation,) = situations(bob, [station])
    assert KINDS["configuration-template"].step(bob, params, situation, item, [asked]) == Done(
        "1 of 1 set; left out: X/Y (not known)", True
    )
    assert "variables" in KINDS["configure"].refusal({"key": "LightIntensity", "value": "9"}, situation)
    (other,) = situations(bob, [online(tree.dc_station)])
    assert "OCPP 1.6" in KINDS["configure"].refusal({"key": "TxCtrlr/TxStartPoint", "value": "9"}, other)


def test_one_setting_at_stations_of_both_versions(station: Station, tree: Tree, bob: User, as_bob: Client) -> None:
    """It is offered once, and each station gets what it calls that itself."""
    other = online(tree.dc_station)
    chosen = {"action": "configure", "select": [station.pk, other.pk]}
    offered = as_bob.post(reverse("stations"), chosen).context["form"].fields["key"].choices
    every = {label for value, label in offered[1][1] if value == "HeartbeatInterval"}
    assert offered[0][0] == "", "nothing is chosen at first"
    assert every == {f"Heartbeat (HeartbeatInterval, {HEARTBEAT})"}
    assert not [label for _group, choices in offered[2:4] for _value, label in choices if "Heartbeat (" in label]
    alone = as_bob.post(reverse("stations"), chosen | {"select": [station.pk]}).context["form"].fields["key"].choices
    assert (HEARTBEAT, f"Heartbeat ({HEARTBEAT})") in alone
    assert not any(value == "LightIntensity" for value, _label in alone)
    sent = chosen | {"confirmed": "1", "value": "77"}
    assert "One key is set at a time." in as_bob.post(reverse("stations"), sent | {"key": "HeartbeatInterval", "other": "Box"}).text
    asked = as_bob.post(reverse("stations"), sent).text
    assert "Choose what is to be set." in asked
    assert "2 are chosen." in asked
    made = as_bob.post(reverse("stations"), sent | {"key": "HeartbeatInterval"})
    said = text(as_bob.get(made.url).content.decode())
    assert "Sets HeartbeatInterval to “77”" in said
    assert f"{HEARTBEAT} 300 → 77" in said
    for key in ("HeartbeatInterval", HEARTBEAT):
        for situation, own in zip(situations(bob, [station, other]), (HEARTBEAT, "HeartbeatInterval"), strict=True):
            item = BulkItem.objects.get(station=situation.station)
            (asked,) = KINDS["configure"].step(bob, {"key": key, "value": "77"}, situation, item, [])  # type: ignore[misc]
            assert intent_of(asked) == Configure(own, "77")
    assert as_bob.post(reverse("stations"), sent | {"other": "LEDBrightness"}).status_code == 302, "what is typed is chosen"


def test_a_template_is_made_of_a_device_model_and_the_history_puts_back(station: Station, as_bob: Client, tree: Tree) -> None:
    made = as_bob.post(url("station_configuration_template", station), {
        "organization": tree.customer.pk, "name": "T", "keys": [HEARTBEAT, OWN], "vendor": "", "model": "", "comment": ""})  # fmt: skip
    assert made.status_code == 302
    assert ConfigurationTemplate.objects.get().entries == {HEARTBEAT: "300", OWN: "7.5"}
    asked = command(station, "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}, state="accepted", version="2.0.1")
    ConfigurationChange.objects.create(station=station, at=timezone.now(), key=HEARTBEAT, before="300", after="600", command=asked)
    said = text(page(as_bob, station, "station_configuration_history"))
    assert "Put back" in said
    assert "Found when it was read" in said
