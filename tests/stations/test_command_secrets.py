"""Passwords on their way to a station: gone from the queue and the log once they are sent, and known to us once the station has them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from stations import command_words, credentials
from stations.actions import request_command
from stations.actions.configuration import check_entries
from stations.configuration.values import check
from stations.gateway import doors, hub, outbound
from stations.gateway.deviations import Notebook
from stations.gateway.entries import Answered, Attached, Connect, StationState
from stations.models import Command, ConfigurationChange, ConfigurationKey, Frame, Station
from stations.ocpp import frames, masking
from stations.ocpp.frames import CallError, CallResult
from tenancy.models import AuditEntry, User
from tests.conftest import STATION_PASSWORD, Tree

pytestmark = pytest.mark.engines
SECRET = "Zebra0123456789Zebra"


@pytest.fixture
def station(tree: Tree) -> Station:
    Station.objects.filter(pk=tree.station.pk).update(connected=True, gateway="g", first_connected_at=timezone.now())
    tree.station.refresh_from_db()
    return tree.station


def change(station: Station, key: str, actor: User | None = None) -> Command:
    return request_command(actor=actor, station=station, action="ChangeConfiguration", payload={"key": key, "value": SECRET})


def send() -> outbound.Outgoing:
    (outgoing,) = outbound.take("g", lambda _station: True)
    return outgoing


def answer(outgoing: outbound.Outgoing, payload: dict[str, Any] | CallError) -> None:
    said = payload if isinstance(payload, CallError) else CallResult(outgoing.message_id, payload)
    text = "[4]" if isinstance(said, CallError) else frames.result(outgoing.message_id, said.payload)
    with transaction.atomic():
        outbound.answered([Answered(timezone.now(), StationState(outgoing.station_id), outgoing.command_id, text, said)], set())


def knocks(station: Station, password: str) -> bool:
    """Whether it is let in with this password."""
    entry = Connect(
        timezone.now(), None, identity=station.identity, digest=credentials.digest(password), keep_digest=False, address="192.0.2.1",
        version="1.6", gateway="g",
    )  # fmt: skip
    with transaction.atomic():
        ((_entry, outcome),) = doors.connect([entry], set(), Notebook())
    return isinstance(outcome, Attached)


def traces() -> str:
    """Everything that is kept of commands."""
    rows = [Command, Frame, ConfigurationKey, ConfigurationChange, AuditEntry]
    return "\n".join(str(list(model.objects.values())) for model in rows)  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey", "wifi.Password", "modem.simPin", "ApnPassword"])
def test_a_secret_goes_over_the_wire_and_stays_nowhere(station: Station, key: str) -> None:
    change(station, key)
    outgoing = send()
    assert SECRET in outgoing.text
    assert SECRET not in traces()
    answer(outgoing, {"status": "Accepted"})
    assert SECRET not in traces()
    assert ConfigurationKey.objects.get().value == masking.MASK
    assert "digest" not in Command.objects.get().payload


def test_what_is_not_secret_stays(station: Station) -> None:
    change(station, "HeartbeatInterval")
    answer(send(), {"status": "Accepted"})
    assert Command.objects.get().payload["value"] == SECRET
    assert ConfigurationKey.objects.get().value == SECRET


def test_a_secret_that_is_never_delivered_is_forgotten(station: Station) -> None:
    change(station, "AuthorizationKey")
    assert outbound.expire(timezone.now() + timedelta(hours=1)) == [station.pk]
    assert SECRET not in traces()
    assert Command.objects.get().state == "expired"


@pytest.mark.parametrize("status", ["Accepted", "RebootRequired"])
def test_a_new_password_is_the_stations_own_when_it_comes_with_it(station: Station, status: str, bob: User) -> None:
    change(station, "AuthorizationKey", bob)
    outgoing = send()
    answer(outgoing, {"status": status})
    station.refresh_from_db()
    assert credentials.matches(credentials.digest(STATION_PASSWORD), station.password_digest), "it has not shown that it has the new one"
    assert AuditEntry.objects.filter(verb="renew_password").count() == 0
    assert knocks(station, SECRET)
    station.refresh_from_db()
    assert credentials.matches(credentials.digest(SECRET), station.password_digest)
    assert not knocks(station, STATION_PASSWORD)
    assert AuditEntry.objects.filter(verb="renew_password", object_id=station.pk, actor=bob).count() == 1


@pytest.mark.parametrize("said", [{"status": "Rejected"}, {"status": "NotSupported"}, CallError("1", "NotImplemented", "")])
def test_a_new_password_that_the_station_refuses_changes_nothing(station: Station, said: Any) -> None:
    change(station, "AuthorizationKey")
    answer(send(), said)
    assert not knocks(station, SECRET)
    assert knocks(station, STATION_PASSWORD)


@pytest.mark.parametrize("late", [True, False])
def test_without_an_answer_both_passwords_let_it_in(station: Station, late: bool) -> None:
    change(station, "AuthorizationKey")
    outgoing = send()
    outbound.time_out([outgoing.command_id])
    assert SECRET not in traces()
    assert knocks(station, STATION_PASSWORD)
    if late:
        answer(outgoing, {"status": "Accepted"})
    assert knocks(station, SECRET)
    assert not knocks(station, STATION_PASSWORD), "it has the new one"


def test_secrets_that_a_station_tells_are_not_kept(station: Station) -> None:
    request_command(actor=None, station=station, action="GetConfiguration")
    keys = [{"key": "WifiPassword", "readonly": False, "value": SECRET}, {"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
    answer(send(), {"configurationKey": keys})
    assert SECRET not in traces()
    assert dict(ConfigurationKey.objects.values_list("key", "value")) == {"WifiPassword": masking.MASK, "HeartbeatInterval": "300"}
    assert '"300"' in Frame.objects.get().answer


@pytest.mark.parametrize("address", [f"ftp://bob:{SECRET}@files.example/up", f"ftp://bob:p/{SECRET}@files.example"])
def test_the_password_of_an_address_is_sent_and_stays_nowhere(station: Station, bob: User, address: str) -> None:
    asked = {"key": "FtpUrl", "value": address}
    command = request_command(actor=bob, station=station, action="ChangeConfiguration", payload=asked)
    assert SECRET not in command_words.command_title(command, bob)
    outgoing = send()
    assert address in outgoing.text
    assert SECRET not in traces()
    answer(outgoing, {"status": "Accepted"})
    request_command(actor=bob, station=station, action="GetConfiguration")
    answer(send(), {"configurationKey": [{**asked, "readonly": False}, {"key": "Odd", "readonly": False, "value": 7}]})
    assert SECRET not in traces()
    kept = ConfigurationKey.objects.get(key="FtpUrl").value
    assert ":****@" in kept
    with pytest.raises(ValidationError, match="stars only hide"):
        check("FtpUrl", kept)
    with pytest.raises(ValidationError, match="holds no secrets"):
        check_entries({"FtpUrl": address})


def test_what_was_masked_is_never_sent_in_its_masked_form(station: Station) -> None:
    request_command(actor=None, station=station, action="GetDiagnostics", payload={"location": f"ftp://bob:{SECRET}@files.example/"})
    outgoing = send()
    hub._put_back(outgoing.command_id)  # the socket went away before it was written
    assert Command.objects.get().state == "expired"
