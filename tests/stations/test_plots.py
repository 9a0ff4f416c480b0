"""The numbers behind a transaction's plot, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from stations import plots
from stations.models import Connector, MeterSample, MeterSeries, Transaction
from tests.conftest import CARD, Tree

pytestmark = [pytest.mark.django_db, pytest.mark.engines]
START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)


def charge(
    tree: Tree, *, connector: Connector | None = None, minutes: float | None = 60, start: datetime = START, **fields: Any
) -> Transaction:
    connector = connector or tree.connector
    values: dict[str, Any] = {
        "station": connector.station, "connector": connector, "id_tag": CARD, "verdict": "Accepted", "started_at": start,
        "reported_start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "start_received_at": start, "meter_start": 1000,
    } | fields  # fmt: skip
    if minutes is not None:
        end = start + timedelta(minutes=minutes)
        values = {"ended_at": end, "end_received_at": end, "meter_stop": 8000, "stop_reason": "Local"} | values
    row = Transaction.objects.create(**values)
    row.transaction_id = str(row.pk)
    row.save(update_fields=["transaction_id"])
    return row


def measure(
    connector: Connector, measurand: str, unit: str, values: dict[float, float], *, phase: str = "", context: str = "Sample.Periodic",
    location: str = "Outlet", start: datetime = START,
) -> None:  # fmt: skip
    """`values`: minutes after the start -> number."""
    series, _new = MeterSeries.objects.get_or_create(
        connector=connector, measurand=measurand, unit=unit, phase=phase, context=context, location=location
    )
    MeterSample.objects.bulk_create(
        [MeterSample(series_id=series.pk, at=start + timedelta(minutes=minutes), value=value) for minutes, value in values.items()]
    )


def test_power_and_energy_as_measured_in_whatever_unit(tree: Tree, as_cy: Client) -> None:
    row = charge(tree)
    measure(tree.connector, plots.POWER, "kW", {10: 7.2, 20: 3.6})
    measure(tree.connector, plots.ENERGY, "kWh", {10: 2.2, 20: 3.1})
    measure(tree.connector, plots.CHARGE, "Percent", {10: 40}, location="EV")
    measure(tree.connector, plots.POWER, "W", {-1: 999.0, 61: 999.0})  # of the charges before and after
    answer = as_cy.get(f"/transactions/{row.pk}/plot.json").json()
    assert answer["zone"] == "Europe/Amsterdam"
    assert answer["derived"] is False
    assert [seconds - START.timestamp() for seconds in answer["t"]] == [0, 600, 1200, 3600]
    assert answer["kw"] == [None, 7.2, 3.6, None]
    assert answer["kwh"] == [0, 1.2, 2.1, 7.0]
    assert answer["charge"] == [None, 40, None, None]
    assert plots.of(row).peak == 7200


def test_power_from_the_register_where_it_is_not_measured(tree: Tree) -> None:
    row = charge(tree)
    measure(tree.connector, plots.ENERGY, "Wh", {0: 1000, 15: 2000, 30: 2000, 45: 1900, 60: 5000})
    plot = plots.of(row)
    assert plot.derived
    # 1000 Wh in a quarter of an hour are 4 kW; a register that falls says nothing about power.
    assert [point.power for point in plot.points] == [None, 4000, 0, None, 12400]
    assert [point.energy for point in plot.points] == [0, 1000, 1000, 900, 4000]
    assert plot.peak == 12400
    assert plots.as_json(plot, "UTC")["kw"] == [4, 4, 0, None, 12.4]  # drawn back to the point before, the first one too


def test_phases_are_added_up_only_where_there_is_no_sum(tree: Tree) -> None:
    row = charge(tree)
    for phase, watts in (("L1", 1000.0), ("L2", 1100.0), ("L3", 1200.0)):
        measure(tree.connector, plots.POWER, "W", {5: watts}, phase=phase)
    assert [point.power for point in plots.of(row).points] == [None, 3300, None]
    measure(tree.connector, plots.POWER, "W", {5: 3333.0})
    assert [point.power for point in plots.of(row).points] == [None, 3333, None]


def test_values_at_the_inlet_do_not_mix_with_those_at_the_outlet(tree: Tree) -> None:
    row = charge(tree)
    measure(tree.connector, plots.POWER, "W", {5: 9000.0}, location="Inlet")
    assert plots.of(row).peak == 9000
    measure(tree.connector, plots.POWER, "W", {5: 7000.0})
    assert plots.of(row).peak == 7000


def test_a_week_of_values_becomes_a_thousand_points(tree: Tree) -> None:
    row = charge(tree, minutes=7 * 24 * 60)
    series = MeterSeries.objects.create(
        connector=tree.connector, measurand=plots.POWER, unit="W", context="Sample.Periodic", location="Outlet"
    )
    MeterSample.objects.bulk_create(
        [MeterSample(series_id=series.pk, at=START + timedelta(minutes=n), value=n % 2 * 1000.0) for n in range(7 * 24 * 60)]
    )
    plot = plots.of(row)
    assert 500 < len(plot.points) <= plots.MOST + 3
    assert plot.peak == 1000  # also of what the average hides
    assert sorted(point.at for point in plot.points) == [point.at for point in plot.points]


def test_two_queries_however_many_values(tree: Tree, django_assert_num_queries: Any) -> None:
    row = charge(tree)
    measure(tree.connector, plots.POWER, "W", dict.fromkeys(range(60), 1000.0))
    with django_assert_num_queries(2):
        plots.of(row)


def test_nothing_measured_or_times_that_cannot_be(tree: Tree, as_cy: Client) -> None:
    assert as_cy.get(f"/transactions/{charge(tree).pk}/plot.json").json()["t"] == []
    backwards = charge(tree, minutes=-5, start=START + timedelta(days=1))
    assert plots.of(backwards).points == []


def test_foreign_plots_do_not_exist(tree: Tree, as_dan: Client) -> None:
    assert as_dan.get(f"/transactions/{charge(tree).pk}/plot.json").status_code == 404
