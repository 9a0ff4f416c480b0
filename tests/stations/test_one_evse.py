"""Two connectors of one EVSE, which charge one car at a time; and what the record tells of OCPP 2.0.1."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from stations import explain
from stations.controls import Situation
from stations.models import Connector, Station, Transaction
from stations.pages.history import audited_words
from tests.conftest import Tree


@pytest.fixture
def station(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Station:
    """Of OCPP 2.0.1, and connected."""
    monkeypatch.setattr(Situation, "unreachable", lambda self: "")
    Station.objects.filter(pk=tree.station.pk).update(ocpp_version="2.0.1")
    tree.station.refresh_from_db()
    return tree.station


@pytest.mark.parametrize(
    ("action", "payload", "words"),
    [
        ("Reset", {"type": "Hard"}, "Hard reset"),
        ("Reset", {"type": "Soft"}, "Soft reset"),
        ("Reset", {"type": "Immediate"}, "Hard reset"),
        ("Reset", {"type": "OnIdle", "evseId": 2}, "Soft reset of charging point (EVSE) 2"),
        ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1, "connectorId": 2}},
         "Take connector 1-2 out of service"),
        ("ChangeAvailability", {"type": "Inoperative", "connectorId": 2}, "Take connector 2 out of service"),
        ("RequestStartTransaction", {"idToken": {"idToken": "04A2", "type": "ISO14443"}, "remoteStartId": 4, "evseId": 1},
         "Start charging at connector 1"),
        ("UnlockConnector", {"evseId": 1, "connectorId": 2}, "Unlock connector 1-2"),
    ],
)  # fmt: skip
def test_the_record_tells_what_was_asked_in_any_version(action: str, payload: dict[str, Any], words: str) -> None:
    assert audited_words(action, payload, values=True) == words


@pytest.mark.django_db
def test_the_other_plug_of_an_evse_that_charges_is_taken_and_reset_with_it(tree: Tree, station: Station) -> None:
    now, first = timezone.now(), Connector.objects.get(station=station, number=1)
    Connector.objects.filter(pk=first.pk).update(status="Available")
    second = Connector.objects.create(station=station, number=101, status="Charging")
    Connector.objects.get_or_create(station=station, number=2, defaults={"status": "Available"})
    charge = Transaction.objects.create(
        station=station, connector=second, transaction_id="a", id_tag="04A2", verdict="Accepted", started_at=now, reported_start="",
        start_received_at=now, meter_start=0, meter_last=3200,
    )  # fmt: skip
    seen = Situation(tree.ada, station)
    at = {one.number: one for one in seen.connectors}
    assert seen.status(at[1]) == explain.TAKEN_BESIDE
    assert seen.status(at[101]).word == "Charging"
    for slug in ("start", "reserve"):
        assert "other plug" in seen.why_not(slug, at[1])
        assert "other plug" not in seen.why_not(slug, at[2])
    assert seen.named(at[1]) == "charging point (EVSE) 1, with connectors 1 and 1-2"
    told = " ".join(seen.harms("reset-hard", at[1]))
    assert "Connector 1-2 has charged 3.20 kWh so far." in told
    assert "Charging point (EVSE) 1, with connectors 1 and 1-2 starts anew" in told
    assert seen.why_not("unlock", at[101])
    charge.verdict = "Invalid"
    seen.running[second.pk] = charge
    assert not seen.why_not("unlock", at[101])


@pytest.mark.django_db
def test_what_a_reset_does_is_said_of_what_can_be_chosen(tree: Tree, station: Station) -> None:
    for number, status in ((1, "Charging"), (2, "Available")):
        Connector.objects.update_or_create(station=station, number=number, defaults={"status": status})
    whole, first, second = Situation(tree.ada, station).harms("reset-soft")
    assert whole.startswith("The whole station: 1 car is charging here.")
    assert whole.endswith("The station is away for a few minutes and then connects again.")
    assert "1 car is charging here." in first
    assert "No car is charging here now." in second
    assert "away" not in second
