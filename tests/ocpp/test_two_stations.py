"""Two stations can never touch each other's rows, whatever ids they send: of transactions, reservations, profiles, reports, monitors and
requests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stations.actions import ask
from stations.models import Command, DeviceReport, Reservation, Station, StationProfile, Transaction
from stations.ocpp.intents import GetProfiles, ReadConfiguration
from tests.conftest import CARD, Tree
from tests.ocpp.conftest import Gateway, Wire, until

pytestmark = pytest.mark.engines

ROUND = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "25")), deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.generate], database=None,
)  # fmt: skip
OTHER = "VOLT-0001"  # of another tenant
AT = "2026-01-02T03:04:05Z"
TOKEN = {"idToken": CARD, "type": "ISO14443"}


def tables() -> Iterator[tuple[type[models.Model], str]]:
    """Every table that has rows of a station, with the way to it."""
    for model in apps.get_models():
        for way in ("station", "connector__station", "series__connector__station", "transaction__station"):
            found: Any = model
            for step in way.split("__"):
                found = next((one.related_model for one in found._meta.fields if one.name == step and one.is_relation), None)
                if found is None:
                    break
            if found is Station:
                yield model, way
                break


def snapshot(station: Station) -> dict[str, list[Any]]:
    """Every row of a station."""
    rows = {model._meta.label: list(model._default_manager.filter(**{way: station}).order_by().values()) for model, way in tables()}
    return {name: sorted(map(str, found)) for name, found in rows.items()} | {
        "itself": list(Station.objects.filter(pk=station.pk).values())
    }


def now() -> str:
    return timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def sampled(wh: int, version: str) -> list[Any]:
    return [{"timestamp": now(), "sampledValue": [{"value": str(wh) if version == "1.6" else wh}]}]


def messages(version: str, key: str, number: int, wh: int, at: str) -> list[tuple[str, dict[str, Any]]]:
    """What a station can say that names something by an id of the other's: `key` as text, `number` as a number."""
    transaction = int(key) if key.isdecimal() else 1
    if version == "1.6":
        return [
            ("StopTransaction", {"transactionId": transaction, "meterStop": wh, "timestamp": at, "transactionData": sampled(wh, version)}),
            ("StopTransaction", {"transactionId": transaction, "meterStop": wh, "timestamp": at, "idTag": CARD, "reason": "Remote"}),
            ("MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": sampled(wh, version)}),
            ("StartTransaction", {"connectorId": 1, "idTag": CARD, "meterStart": 100, "timestamp": at, "reservationId": number}),
            ("StatusNotification", {"connectorId": 1, "status": "Faulted", "errorCode": "OtherError"}),
            ("LogStatusNotification", {"status": "Uploaded", "requestId": number}),
            ("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": number}),
        ]
    info = {"transactionId": key}
    place = {"component": {"name": "C"}, "variable": {"name": "V"}}
    told = {
        **place,
        "variableAttribute": [{"value": "theirs"}],
        "variableCharacteristics": {"dataType": "string", "supportsMonitoring": True},
    }
    profile = {
        "id": number, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute", "transactionId": key,
        "chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1}]}],
    }  # fmt: skip
    watch = [{"id": number, "transaction": False, "value": 1, "type": "Delta", "severity": 1}]
    noticed = {
        "eventId": 1, "timestamp": at, "trigger": "Delta", "actualValue": "1", "eventNotificationType": "CustomMonitor", **place,
        "transactionId": key, "variableMonitoringId": number,
    }  # fmt: skip
    report = {"timestamp": at, "transactionInfo": info, "meterValue": sampled(wh, version), "evse": {"id": 1, "connectorId": 1}}
    return [
        *(
            ("TransactionEvent", {"eventType": kind, "triggerReason": trigger, "seqNo": number % 7, "idToken": TOKEN, **report})
            for kind, trigger in (("Started", "Authorized"), ("Updated", "MeterValuePeriodic"), ("Ended", "StopAuthorized"))
        ),
        ("TransactionEvent", {"eventType": "Updated", "triggerReason": "Trigger", "seqNo": 1, "reservationId": number, **report}),
        ("ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": "Removed"}),
        ("ReportChargingProfiles", {"requestId": number, "evseId": 1, "chargingLimitSource": "CSO", "chargingProfile": [profile]}),
        ("NotifyReport", {"requestId": number, "generatedAt": at, "seqNo": 0, "tbc": False, "reportData": [told]}),
        (
            "NotifyMonitoringReport",
            {"requestId": number, "generatedAt": at, "seqNo": 0, "monitor": [{**place, "variableMonitoring": watch}]},
        ),
        ("NotifyEvent", {"generatedAt": at, "seqNo": 0, "eventData": [noticed]}),
        ("NotifyCustomerInformation", {"requestId": number, "generatedAt": at, "seqNo": 0, "data": "theirs"}),
        ("LogStatusNotification", {"status": "Uploaded", "requestId": number}),
        ("FirmwareStatusNotification", {"status": "Installed", "requestId": number}),
        ("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 1}),
        ("NotifyChargingLimit", {"evseId": 1, "chargingLimit": {"chargingLimitSource": "EMS"}}),
    ]


def furnish(wire: Wire, station: Station, version: str) -> tuple[list[str], list[int]]:
    """The other station charges and has something of each kind; the ids of it."""
    until(lambda: Station.objects.get(pk=station.pk).connected)
    if version == "1.6":
        begin = {"connectorId": 1, "idTag": CARD, "meterStart": 100, "timestamp": AT}
        wire.call("StartTransaction", begin)
        first = wire.call("StartTransaction", begin | {"timestamp": now()})["transactionId"]
        wire.call("StopTransaction", {"transactionId": first, "meterStop": 500, "timestamp": now()})
    else:
        for number, key in enumerate(("1001", "TX-A")):
            report = {"transactionInfo": {"transactionId": key}, "evse": {"id": 1}, "idToken": TOKEN, "meterValue": sampled(100, version)}
            wire.call("TransactionEvent", {
                "eventType": "Started", "timestamp": now(), "triggerReason": "Authorized", "seqNo": 0, **report,
            })  # fmt: skip
            assert number < 2
    again = Station.objects.select_related("location__organization").get(pk=station.pk)
    numbers = []
    if version != "1.6":
        for intent in (ReadConfiguration(), GetProfiles(71)):
            command = ask(actor=None, station=again, intent=intent)
            message_id, _action, payload = wire.expect_call()
            wire.answer(message_id, {"status": "Accepted"})
            until(lambda command=command: Command.objects.get(pk=command.pk).answered_at)
            numbers.append(payload["requestId"])
        assert DeviceReport.objects.filter(station=station).exists()
    Reservation.objects.create(station=again, key=41, id_tag=CARD, until=timezone.now() + timedelta(hours=1), state=Reservation.State.MADE)
    StationProfile.objects.create(
        station=again, profile_id=51, connector_number=1, purpose="TxProfile", level=0, kind="Absolute", unit="A", steps=[[0, 16]],
        at=timezone.now(),
    )  # fmt: skip
    return list(Transaction.objects.filter(station=station).values_list("transaction_id", flat=True)), [*numbers, 41, 51, 71]


@pytest.mark.parametrize("theirs", ["1.6", "2.0.1"])
@pytest.mark.parametrize("ours", ["1.6", "2.0.1"])
def test_whatever_ids_one_sends_nothing_of_the_other_changes(ours: str, theirs: str, gateway: Gateway, tree: Tree) -> None:
    other = gateway.connect(OTHER, subprotocols=[f"ocpp{theirs}"])
    keys, numbers = furnish(other, tree.other_station, theirs)
    assert keys
    before = snapshot(tree.other_station)
    wire = gateway.connect(subprotocols=[f"ocpp{ours}"])
    count = len(messages(ours, "1", 1, 1, AT))

    @ROUND
    @given(
        st.sampled_from(keys), st.sampled_from(numbers), st.sampled_from([0, 100, 5000, 10**9]), st.sampled_from([AT, now()]),
        st.integers(0, count - 1),
    )  # fmt: skip
    def each(key: str, number: int, wh: int, at: str, which: int) -> None:
        action, payload = messages(ours, key, number, wh, at)[which]
        assert wire.call(action, payload) is not None

    each()
    for message in messages(ours, keys[0], numbers[0], 7, now()):
        wire.call(*message)
    after = snapshot(tree.other_station)
    for name, rows in before.items():
        assert after[name] == rows, name
    assert Transaction.objects.filter(station=tree.station).exists()
