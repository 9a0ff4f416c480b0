"""One look at a location with many connectors: how long, and how many queries. `python bench/capacity.py [connectors]`

Runs on a database of its own, in memory. Half of the connectors charge, under a limit that is enough for a part of them.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext, get_runner, setup_databases, teardown_databases  # noqa: E402
from django.utils import timezone  # noqa: E402

from stations.capacity import control, picture, sharing  # noqa: E402
from stations.models import CapacityPlan, Command, Connector, Location, Station, Transaction  # noqa: E402
from tenancy.actions import create_organization  # noqa: E402


def grow(connectors: int) -> CapacityPlan:
    owner = create_organization(actor=None, parent=None, kind="platform", name="Bench")
    location = Location.objects.create(organization=owner, name="Car park")
    now = timezone.now()
    long_ago = now.replace(year=now.year - 1)
    stations = Station.objects.bulk_create([
        Station(location=location, identity=f"B-{number}", password_digest=str(number), connected=True, connected_at=long_ago,
                first_connected_at=long_ago, ocpp_version="1.6", max_current=32)
        for number in range(connectors // 2)
    ])  # fmt: skip
    rows = Connector.objects.bulk_create([
        Connector(station=station, number=number, status="Charging" if number == 1 else "Available", max_current=32)
        for station in stations for number in (1, 2)
    ])  # fmt: skip
    Transaction.objects.bulk_create([
        Transaction(station=one.station, connector=one, transaction_id=str(index), id_tag="A", verdict="Accepted", started_at=now,
                    reported_start="x", start_received_at=now, meter_start=0)
        for index, one in enumerate(rows) if one.number == 1
    ])  # fmt: skip
    limit = connectors * 4
    return CapacityPlan.objects.create(location=location, limit_l1=limit, limit_l2=limit, limit_l3=limit)


def look(plan: CapacityPlan, name: str) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        begin = time.perf_counter()
        control.look(plan.pk, timezone.now())
        took = time.perf_counter() - begin
    asked = Command.objects.filter(state="queued").count()
    print(f"{name:<42} {took * 1000:8.0f} ms {len(queries):6} queries {asked:5} commands")
    Command.objects.filter(state="queued").update(
        state="accepted", sent_at=timezone.now(), answered_at=timezone.now(), answer={"status": "Accepted"}
    )


def main() -> None:
    connectors = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    get_runner(django.conf.settings)
    old = setup_databases(verbosity=0, interactive=False)
    try:
        plan = grow(connectors)
        look(plan, "first look: every station is given a default")
        for number in range(2, 6):
            look(plan, f"look {number}")
        control.STEADY = 0
        with CaptureQueriesContext(connection) as queries:
            begin = time.perf_counter()
            seen = picture.take(CapacityPlan.objects.select_related("location").get(pk=plan.pk), timezone.now())
            print(f"{'reading alone':<42} {(time.perf_counter() - begin) * 1000:8.0f} ms {len(queries):6} queries")
        begin = time.perf_counter()
        control.decide(seen)
        print(f"{'deciding alone':<42} {(time.perf_counter() - begin) * 1000:8.1f} ms")
        claims = [sharing.Claim(key, ("l1", "l2", "l3"), 32) for key in range(connectors)]
        begin = time.perf_counter()
        sharing.allocate(claims, dict.fromkeys(("l1", "l2", "l3"), connectors * 10.0))
        print(f"{'one allocation, all charge':<42} {(time.perf_counter() - begin) * 1000:8.1f} ms")
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
