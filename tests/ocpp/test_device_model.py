"""The device model of OCPP 2.0.1 over the websocket: variables (B05–B08), monitors (N01–N06), events (N07, N08), and what is kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from stations.actions import ask
from stations.models import (
    Command,
    ConfigurationChange,
    ConfigurationKey,
    Connector,
    Deviation,
    DeviceEvent,
    DeviceMonitor,
    DeviceReport,
    DeviceVariable,
    Frame,
    Station,
    StatusChange,
)
from stations.ocpp.intents import ClearMonitors, Configure, ConfigureMany, Intent, ReadConfiguration, ReadMonitors, SetMonitor, SetMonitors
from tests.conftest import Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines
AT = "2026-01-02T03:04:05Z"


def named(component: str, variable: str, evse: int = 0, connector: int = 0, **more: str) -> dict[str, Any]:
    place = {"evse": {"id": evse} | ({"connectorId": connector} if connector else {})} if evse else {}
    return {"component": {"name": component, **place}, "variable": {"name": variable, **more}}


def told(component: str, variable: str, value: str | None, evse: int = 0, mutability: str = "ReadWrite", **has: Any) -> dict[str, Any]:
    attribute = {"mutability": mutability} | ({} if value is None else {"value": value})
    characteristics = {"dataType": "string", "supportsMonitoring": False, **has}
    return {**named(component, variable, evse), "variableAttribute": [attribute], "variableCharacteristics": characteristics}


@pytest.fixture
def station(gateway: Gateway, tree: Tree) -> Station:
    return tree.station


@pytest.fixture
def wire(gateway: Gateway, station: Station) -> Wire:
    found = gateway.connect(subprotocols=["ocpp2.0.1"])
    until(lambda: Station.objects.get(pk=station.pk).connected)
    return found


def wanted(station: Station, intent: Intent, wire: Wire, answer: Any) -> tuple[Command, Any]:
    """Ask, and answer it: the command when its answer is booked, and what the station got."""
    command = ask(actor=None, station=Station.objects.select_related("location__organization").get(pk=station.pk), intent=intent)
    message_id, _action, payload = wire.expect_call()
    wire.answer(message_id, answer(payload) if callable(answer) else answer)
    until(lambda: Command.objects.get(pk=command.pk).state not in Command.OPEN)
    return Command.objects.get(pk=command.pk), payload


def report(wire: Wire, request: int, *parts: list[dict[str, Any]], all_parts: bool = True) -> None:
    for number, part in enumerate(parts):
        more = number + 1 < len(parts) or not all_parts
        body = {"requestId": request, "generatedAt": AT, "seqNo": number, "tbc": more, "reportData": part}
        assert wire.call("NotifyReport", body) == {}


def full_report(station: Station, wire: Wire, *parts: list[dict[str, Any]]) -> DeviceReport:
    command, payload = wanted(station, ReadConfiguration(), wire, {"status": "Accepted"})
    report(wire, payload["requestId"], *parts)
    return DeviceReport.objects.get(command=command)


def values(station: Station) -> dict[str, str]:
    return {row.key: row.value for row in DeviceVariable.objects.filter(station=station)}


def test_b07_a_base_report_becomes_the_device_model(station: Station, wire: Wire) -> None:
    interval = told("OCPPCommCtrlr", "HeartbeatInterval", "300", dataType="integer", unit="s", minLimit=1, maxLimit=86400)
    password = told("SecurityCtrlr", "BasicAuthPassword", "never-tell-this-0", mutability="WriteOnly")
    strange = told("A\u200b", "C", "1")
    found = full_report(station, wire, [interval, password, strange], [told("Connector", "Available", "true", 1), told("X", "Old", "1")])
    assert found.finished_at
    assert (found.told, found.left_out, found.base) == (5, 1, "FullInventory")
    assert values(station) == {"OCPPCommCtrlr/HeartbeatInterval": "300", "SecurityCtrlr/BasicAuthPassword": "****",
                               "Connector@1/Available": "true", "X/Old": "1"}  # fmt: skip
    row = DeviceVariable.objects.get(key="OCPPCommCtrlr/HeartbeatInterval")
    assert (row.data_type, row.unit, row.least, row.most, row.readonly) == ("integer", "s", 1.0, 86400.0, False)
    assert not ConfigurationChange.objects.exists()
    assert not ConfigurationKey.objects.exists()
    # What changed between two reports; a part alone replaces nothing
    _command, payload = wanted(station, ReadConfiguration(), wire, {"status": "Accepted"})
    report(wire, payload["requestId"], [told("OCPPCommCtrlr", "HeartbeatInterval", "600")], all_parts=False)
    assert "X/Old" in values(station)
    assert not DeviceReport.objects.get(request_id=payload["requestId"]).finished_at
    full_report(station, wire, [told("OCPPCommCtrlr", "HeartbeatInterval", "600")], [told("Y", "New", "1")])
    assert values(station) == {"OCPPCommCtrlr/HeartbeatInterval": "600", "Y/New": "1"}
    changes = {row.key: (row.before, row.after) for row in ConfigurationChange.objects.all()}
    assert changes["OCPPCommCtrlr/HeartbeatInterval"] == ("300", "600")
    assert changes["X/Old"] == ("1", None)
    assert changes["Y/New"] == (None, "1")


def test_b07_a_report_that_nobody_asked_for_is_answered_and_left(station: Station, wire: Wire) -> None:
    report(wire, 4711, [told("X", "Y", "1")])
    assert not DeviceVariable.objects.exists()
    assert not DeviceReport.objects.exists()


def test_b07_the_first_part_may_come_before_the_answer_and_parts_twice(station: Station, wire: Wire) -> None:
    command = ask(
        actor=None, station=Station.objects.select_related("location__organization").get(pk=station.pk), intent=ReadConfiguration()
    )
    message_id, _action, payload = wire.expect_call()
    report(wire, payload["requestId"], [told("X", "Y", "1")], all_parts=False)
    report(wire, payload["requestId"], [told("X", "Y", "2")], all_parts=False)
    wire.answer(message_id, {"status": "Accepted"})
    body = {"requestId": payload["requestId"], "generatedAt": AT, "seqNo": 1}
    assert wire.call("NotifyReport", body) == {}
    until(lambda: DeviceReport.objects.get(command=command).finished_at)
    assert values(station) == {"X/Y": "1"}


def test_b07_a_report_whose_first_part_is_lost_removes_nothing(station: Station, wire: Wire) -> None:
    """Nor does that of a station of which it is not known where it begins to count, once the first part has come."""

    def last_part(number: int, request: int = 0) -> DeviceReport:
        if not request:
            request = wanted(station, ReadConfiguration(), wire, {"status": "Accepted"})[1]["requestId"]
        body = {"requestId": request, "generatedAt": AT, "seqNo": number, "reportData": [told("X", f"V{number}", "1")]}
        assert wire.call("NotifyReport", body) == {}
        return DeviceReport.objects.get(request_id=request)

    first = last_part(1)
    assert first.finished_at, "it seems to count from 1"
    assert last_part(0, first.request_id).parts == [1, 0]
    lost = last_part(1)
    assert not lost.finished_at
    assert values(station) == {"X/V0": "1", "X/V1": "1"}
    DeviceReport.objects.filter(pk=first.pk).update(parts=[1])
    assert last_part(1).finished_at
    assert values(station) == {"X/V1": "1"}


def test_a_station_that_makes_up_variables_does_not_fill_the_table(station: Station, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeviceVariable, "MOST", 5)
    found = full_report(station, wire, [told("X", f"V{number}", "1") for number in range(20)])
    assert len(values(station)) == 5
    assert found.left_out == 15


def test_what_breaks_the_schema_in_a_report_removes_nothing(station: Station, wire: Wire) -> None:
    full_report(station, wire, [told("X", f"V{number}", "1") for number in range(120)])
    part = [told("X", f"V{number}", None) for number in range(600)]
    for number, one in enumerate(part):
        one["variableAttribute"] = [{"value": number}, {"type": "Bogus"}] if number < 100 else [{"value": True}]
    part[110]["variableAttribute"] = [{"type": "Bogus"}]
    found = full_report(station, wire, part)
    assert (found.told, found.left_out, bool(found.finished_at)) == (700, 101, True)
    kept = values(station)
    assert (len(kept), kept["X/V99"], kept["X/V110"], kept["X/V599"]) == (600, "99", "1", "true")
    assert not ConfigurationChange.objects.filter(after=None).exists()
    assert Deviation.objects.get().detail == "101: not understood"


def test_b05_a_variable_is_set_and_its_answer_kept(station: Station, wire: Wire) -> None:
    full_report(station, wire, [told("A", "B", "1"), told("A", "Pump", None, mutability="WriteOnly")])
    result = {**named("A", "B"), "attributeStatus": "RebootRequired"}
    command, payload = wanted(station, Configure("A/B", "2"), wire, {"setVariableResult": [result]})
    assert payload == {"setVariableData": [{**named("A", "B"), "attributeValue": "2"}]}
    row = DeviceVariable.objects.get(key="A/B")
    assert (row.value, row.reboot_required, row.only_set, command.state) == ("2", True, True, "accepted")
    assert [(one.before, one.after, one.command_id) for one in ConfigurationChange.objects.all()] == [("1", "2", command.pk)]
    assert not ConfigurationKey.objects.exists()
    # What can never be read is shown nowhere
    result = {**named("A", "Pump"), "attributeStatus": "Accepted"}
    command, payload = wanted(station, Configure("A/Pump", "open-sesame"), wire, {"setVariableResult": [result]})
    assert payload["setVariableData"][0]["attributeValue"] == "open-sesame"
    assert DeviceVariable.objects.get(key="A/Pump").value == "****"
    assert "open-sesame" not in f"{command.payload}{Frame.objects.get(pk=command.frame_id).call}"
    assert ConfigurationChange.objects.filter(key="A/Pump", after="****").exists()


@pytest.mark.parametrize(
    ("intent", "answer", "said", "kept"),
    [
        (Configure("A/B", "2"), {"setVariableResult": []}, "says nothing of A/B", "1"),
        (Configure("A/B", "2"), {"status": "Accepted"}, "says nothing of A/B", "1"),
        (Configure("A/B", "2"), {"setVariableResult": [{**named("Other", "Thing"), "attributeStatus": "Accepted"}]}, "nothing of A/B", "1"),
        (Configure("A/B", "2"), {"setVariableResult": [{**named("A", "B"), "attributeStatus": "Scheduled"}]}, "'Scheduled'", "1"),
        (Configure("A/B", "2"), {"setVariableResult": [{**named("a", "b"), "attributeStatus": "Accepted"}]}, "", "2"),
        (ReadConfiguration(("A/B",)),
         {"getVariableResult": [{**named("a", "b"), "attributeStatus": "Accepted", "attributeValue": "7"}]}, "", "7"),
        (ReadConfiguration(("A/B",)), {"getVariableResult": []}, "says nothing of A/B", "1"),
        (SetMonitor("A/B", "Delta", 1, 5), {"setMonitoringResult": []}, "says nothing of A/B", "1"),
        (SetMonitor("A/B", "Delta", 1, 5), {"setMonitoringResult": [{**named("Other", "Thing"), "id": 9, "status": "Accepted",
         "type": "Delta", "severity": 5}]}, "says nothing of A/B", "1"),
        (ClearMonitors((9,)), {"clearMonitoringResult": [{"id": 8, "status": "Accepted"}]}, "says nothing of 9", "1"),
    ],
)  # fmt: skip
def test_only_an_answer_about_what_was_asked_counts(
    intent: Intent, answer: dict[str, Any], said: str, kept: str, station: Station, wire: Wire
) -> None:
    full_report(station, wire, [told("A", "B", "1")])
    command, _payload = wanted(station, intent, wire, answer)
    assert (command.state, values(station)) == ("failed" if said else "accepted", {"A/B": kept})
    assert said in command.error_description
    assert not DeviceMonitor.objects.exists()


def test_b05_of_several_variables_each_has_its_answer(station: Station, wire: Wire) -> None:
    answer = {"setVariableResult": [
        {**named("A", "B"), "attributeStatus": "Accepted"}, {**named("A", "C"), "attributeStatus": "Rejected"},
        {**named("A", "B"), "attributeType": "MaxSet", "attributeStatus": "UnknownVariable"},
    ]}  # fmt: skip
    settings = (Configure("A/B", "1"), Configure("A/C", "2"), Configure("A/B", "3", "MaxSet"))
    command, _payload = wanted(station, ConfigureMany(settings), wire, answer)
    assert values(station) == {"A/B": "1"}
    assert command.state == "rejected"


def test_b06_single_variables_are_read(station: Station, wire: Wire) -> None:
    full_report(station, wire, [told("A", "B", "1"), told("A", "Gone", "1")])
    answer = {"getVariableResult": [
        {**named("A", "B"), "attributeStatus": "Accepted", "attributeValue": "7"},
        {**named("A", "Gone"), "attributeStatus": "UnknownVariable"},
    ]}  # fmt: skip
    wanted(station, ReadConfiguration(("A/B", "A/Gone")), wire, answer)
    assert values(station) == {"A/B": "7"}


def test_n02_n04_monitors_are_reported_set_and_cleared(station: Station, wire: Wire) -> None:
    watch = {"id": 7, "transaction": False, "value": 80, "type": "UpperThreshold", "severity": 2}
    command, payload = wanted(station, ReadMonitors(), wire, {"status": "Accepted"})
    body = {"requestId": payload["requestId"], "seqNo": 0, "generatedAt": AT,
            "monitor": [{**named("TemperatureSensor", "Temperature", 1), "variableMonitoring": [watch]}]}  # fmt: skip
    assert wire.call("NotifyMonitoringReport", body) == {}
    assert DeviceReport.objects.get(command=command).finished_at
    made = {**named("A", "B"), "id": 9, "status": "Accepted", "type": "Delta", "severity": 5}
    wanted(station, SetMonitor("A/B", "Delta", 2.5, 5), wire, {"setMonitoringResult": [made]})
    rows = {row.monitor_id: row for row in DeviceMonitor.objects.all()}
    assert (rows[7].key, rows[7].value, rows[7].kind) == ("TemperatureSensor@1/Temperature", 80.0, "")
    assert (rows[9].key, rows[9].value, rows[9].kind) == ("A/B", 2.5, "CustomMonitor")
    refused = {**made, "id": None, "status": "UnsupportedMonitorType"}
    del refused["id"]
    command, _payload = wanted(station, SetMonitor("A/B", "Periodic", 60, 8), wire, {"setMonitoringResult": [refused]})
    assert command.state == "rejected"
    cleared = {"clearMonitoringResult": [{"id": 9, "status": "Accepted"}, {"id": 7, "status": "Rejected"}]}
    wanted(station, ClearMonitors((9, 7)), wire, cleared)
    assert list(DeviceMonitor.objects.values_list("monitor_id", flat=True)) == [7]


def test_n04_several_monitors_at_once_are_each_kept_by_its_own_result(station: Station, wire: Wire) -> None:
    three = SetMonitors(
        (SetMonitor("A/B", "UpperThreshold", 80, 2), SetMonitor("A/B", "LowerThreshold", 5, 2), SetMonitor("C/D", "Delta", 1, 8))
    )

    def result(key: str, type_: str, severity: int, **more: Any) -> dict[str, Any]:
        return {**named(*key.split("/")), "type": type_, "severity": severity, **more}

    answer = [result("C/D", "Delta", 8, status="Rejected"), result("A/B", "LowerThreshold", 2, status="Accepted", id=2),
              result("A/B", "UpperThreshold", 2, status="Accepted", id=1), result("X/Y", "Delta", 8, status="Accepted", id=3)]  # fmt: skip
    _command, payload = wanted(station, three, wire, {"setMonitoringResult": answer})
    assert [one["value"] for one in payload["setMonitoringData"]] == [80, 5, 1]
    kept = DeviceMonitor.objects.order_by("monitor_id").values_list("monitor_id", "key", "type", "value")
    assert list(kept) == [(1, "A/B", "UpperThreshold", 80.0), (2, "A/B", "LowerThreshold", 5.0)]


def event(number: int, component: str, variable: str, value: str, evse: int = 0, connector: int = 0, **more: Any) -> dict[str, Any]:
    return {**named(component, variable, evse, connector), "eventId": number, "timestamp": timezone.now().isoformat(),
            "trigger": "Alerting", "actualValue": value, "eventNotificationType": "HardWiredNotification", **more}  # fmt: skip


def notify(wire: Wire, *found: dict[str, Any]) -> None:
    assert wire.call("NotifyEvent", {"generatedAt": AT, "seqNo": 0, "eventData": list(found)}) == {}


def test_n07_an_alert_is_kept_as_severe_as_its_monitor_until_it_is_cleared(station: Station, wire: Wire) -> None:
    DeviceMonitor.objects.create(station=station, monitor_id=7, key="T/T", component="T", type="UpperThreshold", value=80, severity=2)
    preset = {"variableMonitoringId": 7, "eventNotificationType": "PreconfiguredMonitor"}
    notify(wire, event(1, "T", "T", "81", **preset), event(2, "T", "T", "85", **preset), event(3, "U", "U", "x", techCode="E1"))
    rows = {row.event_id: row for row in DeviceEvent.objects.all()}
    assert [(rows[n].severity, rows[n].stands) for n in (1, 2, 3)] == [(2, False), (2, True), (None, True)]
    assert DeviceMonitor.objects.get().kind == "PreconfiguredMonitor"
    notify(wire, event(4, "T", "T", "70", cleared=True, **preset))
    assert list(DeviceEvent.objects.filter(stands=True).values_list("event_id", flat=True)) == [3]


def test_n07_the_table_of_events_is_bounded(station: Station, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeviceEvent, "MOST", 10)
    monkeypatch.setattr("stations.gateway.device_events.SLACK", 5)
    for start in range(0, 40, 8):
        notify(wire, *(event(start + number, "X", "Y", str(number), trigger="Delta") for number in range(8)))
    assert DeviceEvent.objects.count() <= 15
    assert DeviceEvent.objects.filter(event_id=39).exists()


def test_g01_a_status_told_as_an_event_is_the_same_fact(station: Station, wire: Wire) -> None:
    notify(wire, event(1, "Connector", "AvailabilityState", "Available", 1, 1, trigger="Delta"))
    assert Connector.objects.get(station=station, number=1).status == "Available"
    body = {"timestamp": timezone.now().isoformat(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    assert wire.call("StatusNotification", body) == {}
    assert StatusChange.objects.filter(connector__station=station).count() == 1


@pytest.mark.parametrize("first", ["problem", "status"])
def test_n08_what_is_broken_stands_at_the_faulted_connector(first: str, station: Station, wire: Wire) -> None:
    def broken() -> None:
        notify(wire, event(1, "ConnectorPlugRetentionLock", "Problem", "true", 1, 1, techCode="L7", techInfo="Motor stuck"))

    def faulted() -> None:
        body = {"timestamp": timezone.now().isoformat(), "connectorStatus": "Faulted", "evseId": 1, "connectorId": 1}
        assert wire.call("StatusNotification", body) == {}

    for step in (broken, faulted) if first == "problem" else (faulted, broken):
        step()
    faulted()  # told again, it takes nothing back
    row = Connector.objects.get(station=station, number=1)
    assert (row.status, row.error_code, row.vendor_error_code, row.info) == ("Faulted", "ConnectorLockFailure", "L7", "Motor stuck")
    body = {"timestamp": timezone.now().isoformat(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    wire.call("StatusNotification", body)
    assert Connector.objects.get(pk=row.pk).error_code == ""


def test_two_stations_never_touch_each_others_models(station: Station, wire: Wire, gateway: Gateway, tree: Tree) -> None:
    _command, payload = wanted(station, ReadConfiguration(), wire, {"status": "Accepted"})
    stranger = gateway.connect("LUM-0002", subprotocols=["ocpp2.0.1"])
    report(stranger, payload["requestId"], [told("X", "Y", "evil")])
    report(wire, payload["requestId"], [told("X", "Y", "good")])
    assert [(row.station_id, row.value) for row in DeviceVariable.objects.all()] == [(station.pk, "good")]
