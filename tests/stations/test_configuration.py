"""The configuration of stations: what keys mean, changing them, what was changed, comparing, templates, and the same for many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations.actions import add_stations, create_configuration_template
from stations.actions.configuration import check_entries
from stations.bulk import KINDS, Done
from stations.configuration.catalogue import CHOICE, LIST, catalogue, known
from stations.configuration.compare import Value, against
from stations.configuration.values import check, in_words, same
from stations.controls import situations
from stations.gateway import outbound
from stations.models import BulkItem, BulkJob, Command, ConfigurationChange, ConfigurationKey, ConfigurationTemplate, Station, Transaction
from stations.ocpp import masking
from tenancy.models import AuditEntry, User
from tests.conftest import Tree
from tests.stations.sheets import charging, command, online, page, text

pytestmark = pytest.mark.django_db

MEASURED = "Voltage,Current.Import.L1,Energy.Active.Import.Register"


@pytest.fixture
def station(tree: Tree) -> Station:
    """Online, with a configuration that was read."""
    return read(online(tree.station), HeartbeatInterval="300", MeterValueSampleInterval="900", MeterValuesSampledData=MEASURED,
                LocalPreAuthorize="TRUE", NumberOfConnectors=("2", True), AuthorizationKey=masking.MASK, LEDBrightness="70")  # fmt: skip


def read(station: Station, **keys: str | tuple[str, bool]) -> Station:
    for key, told in keys.items():
        value, readonly = told if isinstance(told, tuple) else (told, False)
        ConfigurationKey.objects.create(station=station, key=key, value=value, readonly=readonly)
    return station


def url(name: str, station: Station, query: str = "") -> str:
    return reverse(f"station_configuration_{name}", args=[station.pk]) + query


# -- what keys mean -----------------------------------------------------------------------------------------------------------------------


def test_every_known_key_is_explained_whole() -> None:
    for entry in catalogue("1.6").values():
        assert entry.name, entry.key
        assert str(entry.text).endswith("."), entry.key
        assert bool(entry.choices) == (entry.kind in {CHOICE, LIST}), entry.key
        assert masking.is_secret(entry.key) == (entry.kind == "secret"), entry.key
    assert known("heartbeatinterval") is known("HeartbeatInterval", "1.6")
    assert known("LEDBrightness") is None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("MeterValueSampleInterval", "900", "900 s = 15 min"), ("MeterValueSampleInterval", "0", "0 s: none are sent"),
        ("HeartbeatInterval", "86400", "86400 s = 1 d"), ("HeartbeatInterval", "x", ""), ("ResetRetries", "3", "3 times"),
        ("LocalPreAuthorize", "TRUE", "on"), ("SecurityProfile", "2", "TLS and password"), ("LEDBrightness", "70", ""),
        ("MeterValuesSampledData", MEASURED, "Voltage, Current.Import.L1, Meter reading"),
    ],
)  # fmt: skip
def test_values_in_words(key: str, value: str, words: str) -> None:
    assert in_words(known(key), value) == words


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("HeartbeatInterval", "5", "Between 10 and 86400 s."), ("HeartbeatInterval", "5 min", "whole number"),
        ("HeartbeatInterval", "-5", "Between 10 and 86400 s."), ("HeartbeatInterval", "9" * 20, "Between 10 and 86400 s."),
        ("LocalPreAuthorize", "maybe", "true or false"), ("AuthorizationKey", "short", "16 to 40"), ("SecurityProfile", "7", "one of"),
        ("WifiPassword", masking.MASK, "The stars only hide"), ("LEDBrightness", "7\n0", "one line"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_says_why(key: str, value: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        check(key, value)


def test_values_are_compared_as_stations_mean_them() -> None:
    assert same(known("LocalPreAuthorize"), "TRUE", "true")
    assert same(known("HeartbeatInterval"), "060", "60")
    assert not same(known("MeterValuesSampledData"), "Voltage,SoC", "SoC,Voltage"), "order is kept"
    assert not same(None, "A", "a")


# -- the tab ------------------------------------------------------------------------------------------------------------------------------


def test_the_tab_says_what_keys_mean_and_finds_them(station: Station, as_bob: Client) -> None:
    shown = text(page(as_bob, station, "station_configuration"))
    for words in (
        "900 s = 15 min",
        "read-only, by the standard too",
        "Keys of the make 1",
        "secret: never shown",
        "Charging and connection 5",
    ):
        assert words in shown, words
    found = as_bob.get(reverse("station_configuration", args=[station.pk]), {"q": "measurements of a charge"}).context
    assert [key.key for group in found["groups"] for key in group.keys] == ["MeterValueSampleInterval"]
    found = as_bob.get(reverse("station_configuration", args=[station.pk]), {"group": "vendor"}).context
    assert [key.key for group in found["groups"] for key in group.keys] == ["LEDBrightness"]


def test_a_key_waits_for_a_reset_until_the_station_has_started_again(station: Station, as_bob: Client) -> None:
    key = ConfigurationKey.objects.filter(station=station, key="LEDBrightness")
    key.update(reboot_required=True)
    asked = command(station, "GetConfiguration", {"key": ["LEDBrightness"]})
    told = {"configurationKey": [{"key": "LEDBrightness", "readonly": False, "value": "70"}]}
    outbound._consequences(asked, told, timezone.now())
    assert "Restart needed." in page(as_bob, station, "station_configuration_live"), "reading puts nothing in force"
    Station.objects.filter(pk=station.pk).update(booted_at=timezone.now() + timedelta(seconds=1))
    assert "Restart needed." not in page(as_bob, station, "station_configuration_live")
    outbound._consequences(asked, told, timezone.now())
    assert not key.get().reboot_required


@pytest.mark.parametrize(
    ("key", "data", "sent"),
    [
        ("HeartbeatInterval", {"value": "60"}, "60"),
        ("LocalPreAuthorize", {"value": "false"}, "false"),
        ("MeterValuesSampledData", {"value": ["Voltage", "Current.Import.L1", "SoC"]}, "Voltage,Current.Import.L1,SoC"),
        ("LEDBrightness", {"value": " 7 "}, " 7 "),
        ("WebSocketPingInterval", {"value": "-1", "raw": "1", "sure": "on"}, "-1"),
    ],
)
def test_a_key_is_changed_with_the_control_that_fits_it(
    key: str, data: Any, sent: str, station: Station, as_bob: Client, bob: User
) -> None:
    answer = as_bob.post(url("change", station), {"key": key, **data})
    assert answer.status_code == 302
    row = Command.objects.get()
    assert (row.payload, row.requested_by) == ({"key": key, "value": sent}, bob)


def test_what_does_not_fit_stands_beside_the_field_and_stays_typed(station: Station, as_bob: Client) -> None:
    shown = as_bob.post(url("change", station), {"key": "WebSocketPingInterval", "value": "5000"}).content.decode()
    assert "Between 0 and 3600 s." in text(shown)
    assert "Tick this to change it." in text(shown), "a wrong value would cut it off"
    assert 'value="5000"' in shown
    assert not Command.objects.exists()
    form = as_bob.get(url("change", station, "?key=MeterValuesSampledData")).context["form"]
    assert [value for value, _label in form.fields["value"].choices][:3] == MEASURED.split(",")


def test_one_key_is_read_again(station: Station, as_bob: Client, as_dan: Client) -> None:
    assert as_dan.post(url("read", station), {"key": "HeartbeatInterval"}).status_code == 404
    as_bob.post(url("read", station), {"key": "HeartbeatInterval"})
    assert Command.objects.get().payload == {"key": ["HeartbeatInterval"]}


def test_the_table_says_what_is_allowed_and_what_was_only_set(station: Station, as_bob: Client) -> None:
    ConfigurationKey.objects.filter(station=station, key="HeartbeatInterval").update(only_set=True)
    command(station, "GetConfiguration", state="accepted", answer={"configurationKey": [{"key": "A"}] * 7}, version="1.6")
    of_one = {"action": "GetConfiguration", "payload": {"key": ["Foo"]}, "answer": {"unknownKey": ["Foo"]}}
    command(station, **of_one, state="accepted", version="1.6")
    shown = text(page(as_bob, station, "station_configuration"))
    for words in ("Allowed: Between ", " s. Unit: s", "Allowed values", "set from here, not read since, ",
                  "Configuration keys 7 Accepted 7 keys read.",
                  "Read Foo in the configuration: Unknown key The station does not know: Foo."):  # fmt: skip
        assert words in shown, words
    assert shown.count("not read since") == 1


def test_the_file_has_all_keys_and_runs_nothing(station: Station, as_bob: Client) -> None:
    ConfigurationKey.objects.filter(station=station, key="LEDBrightness").update(value="=cmd()")
    answer = as_bob.get(url("csv", station))
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 8
    assert any("MeterValueSampleInterval,Meter values while charging,900,900 s = 15 min,s" in line for line in lines)
    assert any("'=cmd()" in line for line in lines)


# -- what was changed ---------------------------------------------------------------------------------------------------------------------


def test_the_history_says_who_and_puts_the_former_value_back(station: Station, as_bob: Client, bob: User) -> None:
    made = command(station, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "300"}, state="accepted",
                   answer={"status": "RebootRequired"}, requested_by=bob)  # fmt: skip
    told = command(station, "GetConfiguration", {}, state="accepted", answer={"configurationKey": []})
    for key, before, after, by in (("HeartbeatInterval", "60", "300", made), ("LEDBrightness", "100", "70", told),
                                   ("AuthorizationKey", masking.MASK, masking.MASK, made),
                                   ("NumberOfConnectors", "1", "2", told)):  # fmt: skip
        ConfigurationChange.objects.create(station=station, at=timezone.now(), key=key, before=before, after=after, command=by)
    source = page(as_bob, station, "station_configuration_history")
    shown = text(source)
    for words in ("60 s = 1 min", "Bob", "Changed; in force after a reset.", "not from here", "secret: never shown"):
        assert words in shown, words
    assert "value=60" in source
    assert source.count("Put back</a>") == 2, "neither a secret nor what is read-only"
    assert "LEDBrightness" not in text(page(as_bob, station, "station_configuration_history", "?key=Heartbeat"))
    assert 'value="60"' in page(as_bob, station, "station_configuration_change", "?key=HeartbeatInterval&value=60")


# -- comparing and templates --------------------------------------------------------------------------------------------------------------


def template(tree: Tree, **fields: Any) -> ConfigurationTemplate:
    entries = {"heartbeatinterval": "60", "LocalPreAuthorize": "true", "NumberOfConnectors": "1", "LEDBrightness": "50", "Other": "1"}
    known = {"organization": tree.partner, "name": "NG910", "vendor": "Alfen*", "entries": entries}
    return create_configuration_template(actor=None, **(known | fields))


def test_two_stations_are_compared(station: Station, tree: Tree, as_bob: Client) -> None:
    other = read(
        online(tree.dc_station), HeartbeatInterval="60", LocalPreAuthorize="true", LEDBrightness="70", AuthorizationKey=masking.MASK
    )
    found = as_bob.get(url("compare", station, f"?with={other.pk}"))
    kinds = {line.found.key: line.found.kind for line in found.context["lines"]}
    assert kinds == {"HeartbeatInterval": "differs", "MeterValueSampleInterval": "extra", "MeterValuesSampledData": "extra",
                     "NumberOfConnectors": "extra"}  # fmt: skip
    assert "value=60" in found.context["lines"][0].copy_url
    assert f"/stations/{other.pk}/configuration/change/" in found.context["lines"][0].give_url
    for foreign in (tree.other_station.pk, 10**15):
        assert as_bob.get(url("compare", station, f"?with={foreign}")).status_code == 404
    assert "VOLT" not in page(as_bob, station, "station_configuration_compare", "?find=V")


def test_a_template_is_applied_to_a_station(station: Station, tree: Tree, as_bob: Client) -> None:
    one = template(tree)
    shown = text(page(as_bob, station, "station_configuration_apply", f"?template={one.pk}"))
    for words in ("2 keys of Gate are changed", "60 s = 1 min", "Read-only here, so they stay: NumberOfConnectors", "left out: Other"):
        assert words in shown, words
    as_bob.post(url("apply", station, f"?template={one.pk}"), {"confirmed": "1"})
    assert [row.payload["key"] for row in Command.objects.order_by("pk")] == ["HeartbeatInterval", "LEDBrightness"]


def test_a_template_is_made_of_a_station_and_changed_by_its_owner_only(
    station: Station, tree: Tree, as_bob: Client, as_dan: Client
) -> None:
    page_url = url("template", station)
    assert "AuthorizationKey" not in as_bob.get(page_url).content.decode()
    as_bob.post(page_url, {"organization": tree.customer.pk, "name": "Ours", "below": "on", "keys": ["HeartbeatInterval", "LEDBrightness"]})
    one = ConfigurationTemplate.objects.get()
    assert (one.entries, one.organization) == ({"HeartbeatInterval": "300", "LEDBrightness": "70"}, tree.customer)
    edit = reverse("configuration_template_edit", args=[one.pk])
    answer = as_bob.post(edit, {"name": "Ours", "entries": "HeartbeatInterval = 5\nnonsense\nAuthorizationKey = x"})
    assert "Line 2: write" in text(answer.content.decode())
    assert "Line 2" not in text(as_bob.post(edit, {"name": "Ours", "entries": "AuthorizationKey = x"}).content.decode())
    as_bob.post(reverse("configuration_template_key", args=[one.pk]), {"key": "LocalPreAuthorize", "value": "true"})
    as_bob.post(reverse("configuration_template_key", args=[one.pk]), {"key": "LEDBrightness", "remove": "1"})
    one.refresh_from_db()
    assert one.entries == {"HeartbeatInterval": "300", "LocalPreAuthorize": "true"}
    assert as_dan.get(one.get_absolute_url()).status_code == 404
    assert AuditEntry.objects.filter(object_type="stations.configurationtemplate", object_id=one.pk).count() == 3


@pytest.mark.parametrize(
    "entries", [{"AuthorizationKey": "Abcdefghijklmnopq"}, {"HeartbeatInterval": "1\n2"}, {"A": "1", "a": "2"}, {"": "1"},
                {"HeartbeatInterval": "abc"}, {"AuthCtrlr/LocalPreAuthorize": "maybe"},
                {"ConnectionTimeOut": "60", "TxCtrlr/EVConnectionTimeOut": "90"}]
)  # fmt: skip
def test_what_a_template_cannot_hold(entries: dict[str, str], tree: Tree, as_bob: Client) -> None:
    with pytest.raises(ValidationError) as refused:
        template(tree, entries=entries)
    assert list(refused.value.message_dict) == ["entries"]
    if all(key.isprintable() and value.isprintable() for key, value in entries.items()) and "" not in entries:
        typed = {"organization": tree.customer.pk, "name": "X", "entries": "\n".join(map(" = ".join, entries.items()))}
        errors = as_bob.post(reverse("configuration_template_add"), typed).context["form"].errors["entries"]
        assert list(errors) == refused.value.message_dict["entries"]
        assert list(entries)[-1] in errors[0]


def test_what_is_unusual_in_a_template_is_told_where_it_is_applied(station: Station, tree: Tree, as_bob: Client, bob: User) -> None:
    one = template(tree, entries={"HeartbeatInterval": "999999999"})
    why = "not usual: Between"
    assert why in text(page(as_bob, station, "station_configuration_apply", f"?template={one.pk}"))
    assert KINDS["configuration-template"].consequences
    assert why in " ".join(KINDS["configuration-template"].consequences(params(one), situations(bob, [station])))


def test_one_setting_in_the_words_of_both_versions() -> None:
    both = {"TxCtrlr/EVConnectionTimeOut": "90", "ConnectionTimeOut": "90"}
    check_entries(both)
    for version, own in (("1.6", "ConnectionTimeOut"), ("2.0.1", "TxCtrlr/EVConnectionTimeOut")):
        assert [(one.key, one.kind) for one in against(both, {own: Value("60")}, version)] == [(own, "differs")]


# -- many ---------------------------------------------------------------------------------------------------------------------------------


def drive(kind: str, params: dict[str, Any], station: Station, user: User, answers: dict[str, dict[str, Any]]) -> Done:
    """The job at one station: each command is answered as `answers` says of its key, or of its action."""
    job = BulkJob.objects.create(organization=station.location.organization, kind=kind, params=params, actor=user, actor_name="x")
    item, done = BulkItem.objects.create(job=job, station=station), list[Command]()
    for _turn in range(20):
        (situation,) = situations(user, [station])
        assert done or not KINDS[kind].refusal(params, situation)
        result = KINDS[kind].step(user, params, situation, item, done)
        if isinstance(result, Done):
            return result
        for one in result:
            fields = answers.get(one.payload.get("key", one.action), {"answer": {"status": "Accepted"}, "state": "accepted"})
            Command.objects.filter(pk=one.pk).update(**fields)
            if fields["state"] == "accepted" and "key" in one.payload:
                ConfigurationKey.objects.filter(station=station, key=one.payload["key"]).update(value=one.payload["value"])
            one.refresh_from_db()
            done.append(one)
    raise AssertionError("it never ends")


REFUSED = {"answer": {"status": "Rejected"}, "state": "rejected"}
REBOOT = {"answer": {"status": "RebootRequired"}, "state": "accepted"}
SILENT = {"state": "timed_out"}


def params(one: ConfigurationTemplate, **more: Any) -> dict[str, Any]:
    return {"template": one.pk, "name": one.name, "entries": one.entries, "vendor": one.vendor, "model": one.model,
            "path": one.organization.path, "below": one.below, "reset": True, **more}  # fmt: skip


KEPT = "; left out: NumberOfConnectors (read-only), Other (not known)"


@pytest.mark.parametrize(
    ("answers", "said", "good"),
    [
        ({}, "2 of 2 set", True),
        ({"LEDBrightness": REFUSED}, "1 of 2 set; LEDBrightness: refused", False),
        ({"LEDBrightness": REBOOT}, "2 of 2 set; the station starts again", True),
        ({"HeartbeatInterval": SILENT}, "0 of 2 set; HeartbeatInterval: no answer", False),
    ],
)
def test_a_template_at_many(answers: Any, said: str, good: bool, station: Station, tree: Tree, bob: User) -> None:
    assert drive("configuration-template", params(template(tree)), station, bob, answers) == Done(said + KEPT, good)


def test_no_reset_where_a_car_charges(station: Station, tree: Tree, bob: User) -> None:
    charging(station)
    done = drive("configuration-template", params(template(tree)), station, bob, {"LEDBrightness": REBOOT})
    assert done.text == f"2 of 2 set; needs a reset, and a car charges there{KEPT}"
    assert Transaction.objects.get().running


def test_one_key_at_many(station: Station, tree: Tree, bob: User) -> None:
    wanted = {"key": "LEDBrightness", "value": "50"}
    assert drive("configure", wanted, station, bob, {"LEDBrightness": REFUSED}).text.startswith("Refused by the station")
    assert drive("configure", wanted, station, bob, {}) == Done("Changed.", True)
    (situation,) = situations(bob, [station])
    assert KINDS["configuration-template"].consequences
    said = KINDS["configuration-template"].consequences(params(template(tree)), [situation])
    assert said[:3] == ["Keys that are changed: 1, at stations: 1.", "Each station gets its keys one after the other.",
                        "At 1 of them some keys are read-only or not known; these are left out."]  # fmt: skip
    assert "Nothing to do" in KINDS["configure"].refusal(wanted, situation)
    assert "read-only" in KINDS["configure"].refusal({"key": "NumberOfConnectors", "value": "3"}, situation)


def test_the_look_before_says_why_and_costs_the_same_for_many(station: Station, tree: Tree, bob: User) -> None:
    kind, one = KINDS["configuration-template"], template(tree)
    stations = [station, online(tree.dc_station), *added(tree)]
    few, _found = look(kind, params(one), stations[:2], bob)
    many, found = look(kind, params(one), stations, bob)
    assert few == many
    assert found[0] == ""
    assert "never read" in found[1]
    assert "never connected" in found[2]
    assert "does not fit" in look(kind, params(one, model="Other*"), stations[:1], bob)[1][0]
    assert "Nothing to do. The station does not know" in look(kind, params(one, entries={"Other": "1"}), stations[:1], bob)[1][0]
    foreign = template(tree, organization=tree.other_partner)
    kept = [f"Key{n}" for n in range(7)]
    wanted = params(one, entries={"heartbeatinterval": "60", **dict.fromkeys(kept, "1")})
    assert kind.there
    assert kind.there(wanted, situations(bob, [station])[0]) == (
        "HeartbeatInterval 300 → 60; left out: Key0 (not known), Key1 (not known), Key2 (not known) and 4 more"
    )
    assert "another organization" in look(kind, params(foreign), stations[:1], bob)[1][0]


def test_each_row_of_the_look_before_says_what_would_be_done(station: Station, tree: Tree, bob: User, as_bob: Client) -> None:
    """In as many queries for many as for one; and a job that can be done nowhere is not ready."""
    wanted, counts = params(template(tree)), list[int]()
    job = BulkJob.objects.create(organization=tree.customer, kind="configuration-template", params=wanted, actor=bob, actor_name="Bob",
                                 state="planned")  # fmt: skip
    for stations in ([station], [read(one, HeartbeatInterval="300") for one in added(tree)]):
        BulkItem.objects.bulk_create([BulkItem(job=job, station=one, state="waiting") for one in stations])
        with CaptureQueriesContext(connection) as queries:
            said = text(as_bob.get(job.get_absolute_url()).text)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert said.count("HeartbeatInterval 300 → 60") == 21
    assert said.count("LEDBrightness (not known)") == 20
    assert "State Ready to begin" in said
    job.items.update(state="refused", text="Nothing to do.")
    said = text(as_bob.get(job.get_absolute_url()).text)
    assert "State Nothing to do" in said
    assert "There is nothing to do" in said
    assert "Ready to begin" not in text(as_bob.get(job.get_absolute_url() + "live/").text)
    assert reverse("bulk_job_begin", args=[job.pk]) not in said


def look(kind: Any, wanted: dict[str, Any], stations: list[Station], user: User) -> tuple[int, list[str]]:
    loaded = list(Station.objects.select_related("location__organization").filter(pk__in=[one.pk for one in stations]).order_by("pk"))
    user.__dict__.pop("_reach", None)
    with CaptureQueriesContext(connection) as queries:
        found = [kind.refusal(wanted, one) for one in situations(user, loaded)]
    return len(queries), found


def added(tree: Tree) -> list[Station]:
    made = add_stations(actor=None, location=tree.location, identities=[f"NEW-{n}" for n in range(20)], password="x" * 20, vendor="Alfen")
    return [station for station, _password in made]
