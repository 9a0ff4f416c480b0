"""The expert console of a station."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations.actions import request_command
from stations.models import Command, Frame, Station
from tenancy.models import AuditEntry, User
from tests.conftest import CARD, Tree
from tests.stations.sheets import online, said, text
from tests.tenancy.people import somebody


@pytest.fixture
def station(tree: Tree) -> Station:
    return online(tree.station)


def url(station: Station) -> str:
    return reverse("station_console", args=[station.pk])


def press(client: Client, station: Station, action: str, op: str, **typed: Any) -> str:
    answer = client.post(url(station), {"action": action, "op": op, **typed})
    assert answer.status_code == 200
    return answer.content.decode()


def exact(page: str) -> Any:
    found = re.search(r'name="payload" value="([^"]*)"', page)
    return json.loads(html.unescape(found[1])) if found else None


def test_a_message_is_checked_shown_and_then_sent(station: Station, as_bob: Client) -> None:
    assert "Choose one" in as_bob.get(url(station)).content.decode()
    shown = press(as_bob, station, "Reset", "check")
    assert "This is needed." in text(shown)
    assert exact(shown) is None
    shown = press(as_bob, station, "Reset", "check", **{"p.type": "Soft"})
    assert '[2,"…","Reset",{"type":"Soft"}]' in html.unescape(shown)
    assert "btn-danger" in shown
    assert "charges that run may end" in text(shown)
    assert not Command.objects.exists(), "looking at it sends nothing"
    answer = as_bob.post(url(station), {"action": "Reset", "op": "send", "payload": json.dumps(exact(shown))}, follow=True)
    assert said(answer) == ["Reset is on its way to Gate."]
    command = Command.objects.get()
    assert (command.action, command.payload, command.origin) == ("Reset", {"type": "Soft"}, "console")
    assert AuditEntry.objects.filter(verb="command", object_id=station.pk).exists()
    shown = answer.content.decode()
    assert "Queued" in text(shown)
    again = as_bob.get(re.search(r'href="([^"]*from=[^"]*)"', shown)[1].replace("&amp;", "&")).content.decode()  # type: ignore[index]
    assert '<option value="Soft" selected>' in again


def test_form_and_json_are_kept_in_step(station: Station, as_bob: Client) -> None:
    typed = {"p.key": "MeterValueSampleInterval", "p.value": "60"}
    shown = press(as_bob, station, "ChangeConfiguration", "check", **typed)
    assert '"value": "60"' in html.unescape(shown)
    shown = press(as_bob, station, "ChangeConfiguration", "raw", raw='{"key": "LightIntensity", "value": "5"}')
    assert 'value="LightIntensity"' in shown
    assert exact(shown) == {"key": "LightIntensity", "value": "5"}
    for raw, words in (
        ('{"key": ', "no JSON, at line 1"), ("[1]", "A message is an object"), ('{"key": "a", "value": NaN}', "no number"),
        ('{"key": "a", "value": "\\u0000"}', "U+0000"), ('{"key": "a", "value": "b", "more": 1}', "Not known here: more"),
        ("[" * 100_000, "nested too deeply"), ('{"key": "a", "value": "b", "x": ' + "[" * 800 + "]" * 800 + "}", "nested too deeply"),
        ('{"key": "a", "value": "\\ud800"}', "\\ud800 is half a character"), ('{"key": "a", "\\udfff": 1}', "half a character"),
        ('{"key": "a", "value": 1e999}', "too large"),
    ):  # fmt: skip
        shown = press(as_bob, station, "ChangeConfiguration", "raw", raw=raw)
        assert words in text(shown)
        assert raw[:9] in html.unescape(shown), "nothing typed is lost"
        assert exact(shown) is None
    shown = press(as_bob, station, "GetConfiguration", "raw", raw=json.dumps({"key": ["k"] * 150}))
    assert "too long for a form" in text(shown)
    assert exact(shown) == {"key": ["k"] * 150}


@pytest.mark.parametrize("connector", [-1, 40_000, 10**30])
def test_a_connector_that_no_station_can_have_is_refused_beside_its_field(connector: int, station: Station, as_bob: Client) -> None:
    payload = json.dumps({"connectorId": connector, "type": "Inoperative"})
    shown = press(as_bob, station, "ChangeAvailability", "send", payload=payload)
    assert exact(shown) is None
    assert re.search(r'id="f-p-connectorId"[^>]*aria-invalid="true"', shown)
    assert not Command.objects.exists()
    command = request_command(actor=None, station=station, action="ChangeAvailability", payload=json.loads(payload))
    assert command.connector_number is None


def test_a_time_that_clocks_skip_is_refused(station: Station, as_bob: Client) -> None:
    shown = press(as_bob, station, "UpdateFirmware", "check", **{"p.location": "ftp://x/y", "p.retrieveDate": "2027-03-28T02:30"})
    assert "There is no such time" in text(shown)
    assert exact(shown) is None


def test_rows_are_added_and_removed_without_a_script(station: Station, as_bob: Client) -> None:
    shown = press(as_bob, station, "GetConfiguration", "add:p.key", **{"p.key:n": "0"})
    assert 'name="p.key.0"' in shown
    shown = press(as_bob, station, "GetConfiguration", "add:p.key", **{"p.key:n": "1", "p.key.0": "A"})
    assert re.search(r'name="p.key.0" value="A"', shown)
    assert 'name="p.key.1"' in shown
    shown = press(as_bob, station, "GetConfiguration", "remove:p.key.0", **{"p.key:n": "2", "p.key.0": "A", "p.key.1": "B"})
    assert re.search(r'name="p.key.0" value="B"', shown)
    assert 'name="p.key.1"' not in shown
    press(as_bob, station, "GetConfiguration", "add:p.key.0.x:n", **{"p.key:n": "99999999"})


@pytest.mark.parametrize("action", ["Authorize", "MakeCoffee", ""])
def test_only_what_the_portal_sends_is_sent(action: str, station: Station, as_bob: Client) -> None:
    answer = as_bob.post(url(station), {"action": action, "op": "send", "payload": json.dumps({"idTag": "x"})})
    assert answer.status_code == 200
    assert not Command.objects.exists()
    as_bob.post(url(station), {"action": "Reset", "op": "send", "payload": '{"type": "Gently"}'})
    assert not Command.objects.exists()


def test_a_station_that_is_away_gets_nothing_and_the_draft_stays(tree: Tree, as_bob: Client) -> None:
    shown = press(as_bob, tree.station, "Reset", "send", payload='{"type": "Hard"}')
    assert "not connected" in text(shown)
    assert '<option value="Hard" selected>' in shown
    assert not Command.objects.exists()


def test_secrets_and_cards_are_masked_and_stars_are_not_sent(station: Station, as_bob: Client, client_of: Callable[[User], Client]) -> None:
    now = timezone.now()
    secret = {"key": "AuthorizationKey", "value": "hunter2hunter2xyz"}
    shown = press(as_bob, station, "ChangeConfiguration", "raw", raw=json.dumps(secret))
    assert '"value":"****"' in html.unescape(shown)
    assert "password of the station" in text(shown)
    sealed = Command.objects.create(station=station, action="ChangeConfiguration", payload=secret, origin="console", deadline=now)
    started = Command.objects.create(
        station=station, action="RemoteStartTransaction", payload={"idTag": CARD}, origin="console", deadline=now
    )
    Frame.objects.create(station=station, at=now, direction="in", action="Authorize", call=f'[2,"1","Authorize",{{"idTag":"{CARD}"}}]')
    page = as_bob.get(url(station), {"action": "ChangeConfiguration", "from": sealed.pk}).content.decode()
    assert "hunter2" not in page
    assert CARD in page
    assert "stars only hide" in text(
        press(as_bob, station, "ChangeConfiguration", "check", **{"p.key": "AuthorizationKey", "p.value": "****"})
    )
    blind = client_of(somebody(station.location.organization, ["send_anything", "read_logs"]))
    page = blind.get(url(station), {"action": "RemoteStartTransaction", "from": started.pk}).content.decode()
    assert "Authorize" in page
    assert CARD not in page
    deaf = client_of(somebody(station.location.organization, ["send_anything"]))
    assert "right to see the log" in text(deaf.get(url(station)).content.decode())
    foreign = Command.objects.create(station=station, action="Reset", payload={"type": "Hard"}, deadline=now)
    assert "selected>Hard" not in as_bob.get(url(station), {"action": "GetLog", "from": foreign.pk}).content.decode()


def test_frames_live_beside_it_with_one_switch_for_noise(station: Station, as_bob: Client) -> None:
    live = reverse("station_console_live", args=[station.pk])
    counts = []
    for _round in range(2):
        for action in ("Heartbeat", "StatusNotification", "StatusNotification"):
            Frame.objects.create(station=station, at=timezone.now(), direction="in", action=action, call=f'[2,"1","{action}",{{}}]')
            Command.objects.create(station=station, action="ClearCache", origin="console", deadline=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            quiet = as_bob.get(live).content.decode()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert "StatusNotification" in quiet
    assert ">Heartbeat<" not in quiet
    assert ">Heartbeat<" in as_bob.get(live, {"noise": "1"}).content.decode()
