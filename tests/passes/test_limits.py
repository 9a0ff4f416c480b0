"""A limit in kWh ends what runs, too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from passes import actions
from passes.limits import stop_used_up
from passes.models import ChargePass
from stations.models import Command, Settlement, Transaction
from tenancy.models import AuditEntry
from tests.conftest import Tree
from tests.stations.sheets import charging, online

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def running(tree: Tree) -> Transaction:
    """12.94 kWh on the pass, free."""
    online(tree.station)
    one = charging(tree.station)
    Transaction.objects.filter(pk=one.pk).update(pass_key=tree.charge_pass.pk, settlement=Settlement.WHITELIST, started_at=timezone.now())
    one.refresh_from_db()
    return one


@pytest.mark.parametrize(
    ("own", "of_group", "asked"),
    [
        ({}, {}, False),
        ({"daily_kwh": 12}, {}, True),
        ({"daily_kwh": 13}, {}, False),
        ({"monthly_kwh": 12}, {}, True),
        ({"daily_kwh": 13}, {"monthly_kwh": 12}, True),
        ({}, {"daily_kwh": 13}, False),
        ({"only_stations": [1]}, {}, False),
    ],
)
def test_what_is_used_up_is_stopped(own: dict[str, Any], of_group: dict[str, Any], asked: bool, running: Transaction, tree: Tree) -> None:
    group = actions.create_group(actor=None, organization=tree.customer, name="Fitters", **of_group)
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(group=group, **own)
    assert stop_used_up() == asked
    assert list(Command.objects.values_list("action", "payload", "origin")) == (
        [("RemoteStopTransaction", {"transactionId": running.pk}, "limit")] if asked else []
    )


def test_once_per_transaction_unless_it_never_reached_the_station(running: Transaction, tree: Tree) -> None:
    ChargePass.objects.update(daily_kwh=5)
    assert stop_used_up() == 1
    for state in ("queued", "sent", "rejected", "timed_out"):
        Command.objects.update(state=state)
        assert stop_used_up() == 0
    Command.objects.update(state="expired")
    assert stop_used_up() == 1
    assert AuditEntry.objects.filter(verb="command", actor=None, object_id=tree.station.pk).count() == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"settlement": Settlement.ROAMING},
        {"settlement": Settlement.OPEN},
        {"verdict": "Invalid"},
        {"ended_at": timezone.now()},
        {"pass_key": None},
    ],
)
def test_what_is_not_free_or_not_running_goes_on(fields: dict[str, Any], running: Transaction) -> None:
    ChargePass.objects.update(daily_kwh=5)
    Transaction.objects.filter(pk=running.pk).update(**fields)
    assert stop_used_up() == 0


def test_it_counts_to_the_day_on_which_it_began(running: Transaction) -> None:
    """Over midnight a charge neither escapes its own day nor eats into the next."""
    ChargePass.objects.update(daily_kwh=14)
    Transaction.objects.filter(pk=running.pk).update(started_at=timezone.now() - timedelta(days=1))
    assert stop_used_up() == 0
    ChargePass.objects.update(daily_kwh=12)
    assert stop_used_up() == 1


def test_many_limited_charges_cost_as_many_queries_as_one(running: Transaction, tree: Tree) -> None:
    ChargePass.objects.update(daily_kwh=500)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert stop_used_up() == 0
        return len(seen)

    one = queries()
    for number in range(3):
        made = actions.create_pass(actor=None, organization=tree.customer, uid=f"04AA000{number}", monthly_kwh=900)
        fields = {"connector": running.connector, "settlement": "whitelist", "verdict": "Accepted", "start_received_at": running.started_at}
        Transaction.objects.create(
            station=tree.station, id_tag=made.uid, pass_key=made.pk, started_at=running.started_at, meter_start=0,
            transaction_id=f"9{number}", **fields,
        )  # fmt: skip
    assert queries() == one
