"""What the tests of the data sheet share: a station in some state, its pages as a reader sees them, and asking it something."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.models import Command, Connector, Station, Transaction
from tenancy import rights
from tenancy.models import User
from tests.conftest import CARD


def online(station: Station, **fields: Any) -> Station:
    now = timezone.now()
    known = {"connected": True, "first_connected_at": now - timedelta(days=9), "connected_at": now - timedelta(hours=3),
             "last_message_at": now, "vendor": "Alfen BV", "model": "NG910", "firmware_version": "6.4.0-4210", "booted_at": now,
             "ocpp_version": "1.6", "address": "192.0.2.7"}  # fmt: skip
    Station.objects.filter(pk=station.pk).update(**(known | fields))
    station.refresh_from_db()
    return station


def report(station: Station, number: int, status: str, **fields: Any) -> Connector:
    connector = Connector.objects.get(station=station, number=number)
    Connector.objects.filter(pk=connector.pk).update(status=status, status_at=timezone.now(), error_code="NoError", **fields)
    connector.refresh_from_db()
    return connector


def charging(station: Station, number: int = 1, *, energy: int = 12_940, tag: str = CARD) -> Transaction:
    connector = report(station, number, "Charging")
    start = timezone.now() - timedelta(minutes=72)
    transaction = Transaction.objects.create(
        station=station, connector=connector, id_tag=tag, verdict="Accepted", started_at=start, reported_start="", start_received_at=start,
        meter_start=1000, meter_last=1000 + energy,
    )  # fmt: skip
    Transaction.objects.filter(pk=transaction.pk).update(transaction_id=str(transaction.pk))
    Connector.objects.filter(pk=connector.pk).update(power=10_800, measured_at=timezone.now(), state_of_charge=64)
    transaction.refresh_from_db()
    return transaction


def page(client: Client, station: Station, name: str = "station", query: str = "") -> str:
    answer = client.get(reverse(name, args=[station.pk]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def text(source: str) -> str:
    """What a reader sees, on one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", source)))


def ask(client: Client, station: Station, slug: str, **data: Any) -> Any:
    return client.post(reverse("station_command", args=[station.pk, slug]), data, follow=True)


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Everybody lacks these rights everywhere."""
    granted = rights.reach

    def fewer(user: User, right: str = rights.READ) -> rights.Reach:
        return rights.NOWHERE if right in missing else granted(user, right)

    monkeypatch.setattr(rights, "reach", fewer)


def command(station: Station, action: str, payload: dict[str, Any] | None = None, **fields: Any) -> Command:
    return Command.objects.create(station=station, action=action, payload=payload or {}, deadline=timezone.now(), **fields)
