"""How long the main pages take over a large database: `python bench/lists.py`. See README.md here.

Starts its own PostgreSQL, fills it with a fleet's month (3 million meter values, 1 million of them of one station; 1 million frames,
200,000 of them of that station; 200,000 transactions) and fetches every page through Django's test client. Prints the time of a page
(median), what of it the database took, the number of queries, and the ratio to a page that shows no rows, from the same run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

STATIONS, TRANSACTIONS, FRAMES, BUSY_FRAMES, SAMPLES, BUSY_SAMPLES = 2000, 200_000, 1_000_000, 200_000, 3_000_000, 1_000_000
EMAIL, PASSWORD = "ada@example.org", "a-password-for-the-bench"

# Of three measurands per connector; the busy station's first connector reports every 7.8 seconds, the others so that the sum is right.
FILL = """
insert into stations_meterseries (connector_id, measurand, unit, phase, context, location)
  select c.id, m.measurand, m.unit, '', 'Sample.Periodic', 'Outlet' from stations_connector c, (values
    ('Energy.Active.Import.Register', 'Wh'), ('Power.Active.Import', 'W'), ('Current.Import', 'A'))
    as m(measurand, unit) where c.number = 1;
insert into stations_metersample (series_id, at, value)
  select s.id, now() - interval '30 days' + (g * interval '30 days' / %(busy_each)s),
    case when s.unit = 'Wh' then g * 10 else 7000 + g %% 500 end
  from stations_meterseries s join stations_connector c on c.id = s.connector_id, generate_series(1, %(busy_each)s) g
  where c.station_id = %(busy)s;
insert into stations_metersample (series_id, at, value)
  select s.id, now() - interval '30 days' + (g * interval '30 days' / %(other_each)s),
    case when s.unit = 'Wh' then g * 10 else 7000 + g %% 500 end
  from stations_meterseries s join stations_connector c on c.id = s.connector_id, generate_series(1, %(other_each)s) g
  where c.station_id <> %(busy)s;
insert into stations_transaction (station_id, connector_id, transaction_id, id_tag, stop_id_tag, verdict, started_at, ended_at,
    reported_start, reported_end, start_received_at, end_received_at, meter_start, meter_last, meter_stop, stop_reason, problems)
  select c.station_id, c.id, (c.station_id * 1000 + g)::text, '04A2B3C4D5E680', '04A2B3C4D5E680', 'Accepted', t.at,
    t.at + interval '5 hours', '', '', t.at, t.at + interval '5 hours', g * 20000, g * 20000 + 18000, g * 20000 + 18000, 'Local', '[]'
  from stations_connector c, generate_series(0, %(transactions_each)s - 1) g,
    lateral (select now() - interval '30 days' + g * interval '30 days' / %(transactions_each)s) as t(at)
  where c.number = 1;
insert into stations_frame (station_id, at, direction, action, call, answer, answered_at, failed)
  select case when g %% 5 = 0 then %(busy)s else %(first)s + g %% %(stations)s end,
    now() - interval '30 days' + g * interval '30 days' / %(frames)s, 'in',
    (array['MeterValues', 'MeterValues', 'MeterValues', 'StatusNotification', 'Heartbeat', 'MeterValues', 'StartTransaction'])[1 + g %% 7],
    '[2,"' || g || '","MeterValues",{"connectorId":1,"transactionId":1,"meterValue":[{"timestamp":"2025-01-01T00:00:00Z","sampledValue":['
      || '{"value":"' || g || '","measurand":"Energy.Active.Import.Register","unit":"Wh"},{"value":"7000",'
      || '"measurand":"Power.Active.Import","unit":"W"},{"value":"30.4","measurand":"Current.Import","unit":"A"}]}]}]',
    '[3,"' || g || '",{}]', now() - interval '30 days' + g * interval '30 days' / %(frames)s, false
  from generate_series(1, %(frames)s) g;
insert into stations_statuschange (connector_id, at, received_at, status, error_code, vendor_error_code, info)
  select c.id, now() - g * interval '7 hours', now() - g * interval '7 hours',
    (array['Available', 'Charging', 'Finishing'])[1 + g %% 3], 'NoError', '', ''
  from stations_connector c, generate_series(1, 100) g where c.number = 1;
insert into stations_cardoffer (station_id, connector_number, at, id_tag, holder, verdict, reason, action)
  select c.station_id, 1, now() - g * interval '8 hours', '04A2B3C4D5E680', 'Bench', 'Accepted', 'listed', 'StartTransaction'
  from stations_connector c, generate_series(1, 90) g where c.number = 1;
update stations_station set first_connected_at = now() - interval '30 days', connected_at = now() - interval '1 day', connected = true,
  last_message_at = now(), vendor = 'Bench', model = 'Lists', ocpp_version = '1.6', gateway = 'bench';
update stations_connector set status = 'Available', error_code = 'NoError', status_at = now();
"""


def fill() -> dict[str, Any]:
    """The rows, made by the database itself; returns the arguments the pages need."""
    import world
    from django.db import connection

    from stations.models import Station, Transaction
    from tenancy.actions import create_user
    from tenancy.models import Organization, Role

    with redirect_stdout(StringIO()):
        world.prepare(STATIONS)
    first = Station.objects.order_by("pk").first()
    assert first
    platform = Organization.objects.get(parent=None)
    administrator = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    create_user(actor=None, organization=platform, email=EMAIL, name="Ada", password=PASSWORD, role=administrator)
    numbers = {
        "busy": first.pk,
        "first": first.pk,
        "stations": STATIONS,
        "busy_each": BUSY_SAMPLES // 3,
        "frames": FRAMES,
        "other_each": (SAMPLES - BUSY_SAMPLES) // 3 // (STATIONS - 1),
        "transactions_each": TRANSACTIONS // STATIONS,
    }
    for statement in FILL.strip().split(";\n"):
        began = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(statement.removesuffix(";"), numbers)
            words = statement.split()
            print(f"  {' '.join(words[:3]):<42} {cursor.rowcount:>10,} rows {time.monotonic() - began:6.1f} s", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    busiest = Transaction.objects.filter(station=first).order_by("started_at")[50]
    return {"station": first.pk, "transaction": busiest.pk, "customer": first.location.organization_id}


def pages(keys: dict[str, Any]) -> list[tuple[str, str]]:
    """What a page is called here, and its address."""
    from django.urls import reverse

    station, transaction = [keys["station"]], [keys["transaction"]]
    scope = f"?in=o{keys['customer']}"
    return [
        ("help (no rows: the base)", reverse("help")),
        ("dashboard", reverse("dashboard")),
        ("dashboard of a customer", reverse("dashboard") + scope),
        ("stations", reverse("stations")),
        ("stations, last page", reverse("stations") + "?page=20"),
        ("stations of a customer", reverse("stations") + scope),
        ("locations", reverse("locations")),
        ("map", reverse("map")),
        ("transactions", reverse("transactions")),
        ("transactions of a customer", reverse("transactions") + scope),
        ("transactions with a problem", reverse("transactions") + "?problem=negative"),
        ("transactions, 10 to 20 kWh", reverse("transactions") + "?at_least=10&at_most=20"),
        ("inbox, transactions", reverse("inbox") + "?show=problems"),
        ("transaction with its plot", reverse("transaction", args=transaction)),
        ("inbox", reverse("inbox")),
        ("search", reverse("search") + "?q=bench-0100"),
        ("station, overview", reverse("station", args=station)),
        ("station, transactions", reverse("station_transactions", args=station)),
        ("station, activity", reverse("station_activity", args=station)),
        ("station, logs (200,000 frames)", reverse("station_logs", args=station)),
        ("station, details", reverse("station_details", args=station)),
    ]


def measure(keys: dict[str, Any], rounds: int) -> int:
    from django.db import connection
    from django.test import Client

    client = Client(HTTP_HOST="127.0.0.1")
    from tenancy.models import User

    client.force_login(User.objects.get(email=EMAIL), backend="tenancy.accounts.Backend")
    in_database: list[float] = []

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            in_database.append(time.monotonic() - began)

    print(f"\n  {'page':<34} {'ms':>8} {'database ms':>12} {'queries':>8} {'KB':>6} {'ratio':>7}")
    base, wrong = 0.0, 0
    for name, address in pages(keys):
        took, database, queries, size, status = [], [], 0, 0, 200
        for number in range(rounds + 1):
            in_database.clear()
            began = time.monotonic()
            with connection.execute_wrapper(timed):
                response = client.get(address)
                content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
            if number:  # the first one compiles templates and plans
                took.append((time.monotonic() - began) * 1000)
                database.append(sum(in_database) * 1000)
            queries, size, status = len(in_database), len(content), response.status_code
        middle = statistics.median(took)
        base = base or middle
        note = "" if status == 200 else f"  status {status}"
        wrong += status != 200
        ratio = f"{middle / base:.1f}×"
        figures = f"{middle:>8.1f} {statistics.median(database):>12.1f} {queries:>8} {size // 1024:>6} {ratio:>7}"
        print(f"  {name:<34} {figures}{note}", flush=True)
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="times each page is fetched, after one that does not count (5)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # the child, in the environment of the engines
    options = parser.parse_args()
    if options.here:
        import django

        django.setup()
        return measure(fill(), options.rounds)
    from engines import PYTHON, ROOT, child, engines

    with engines() as on:
        subprocess.run([PYTHON, str(ROOT / "manage.py"), "migrate", "-v", "0"], env=on.environment(), cwd=ROOT, check=True)
        with child([PYTHON, __file__, "--here", "--rounds", str(options.rounds)], env=on.environment(), cwd=ROOT) as process:
            return process.wait()


if __name__ == "__main__":
    sys.exit(main())
