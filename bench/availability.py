"""How long honest availability takes for a fleet's month: `python bench/availability.py`. See README.md here.

Starts its own PostgreSQL and fills it with 1,000 stations of two connectors and 31 days of connections and statuses, sums the days up, and
fetches the pages. Then another access
mode is looked at for a location whose organization has 20,000 passes. Prints the time of a station's day and of each page (median), and the
queries of each.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

STATIONS, DAYS, PASSES = 1000, 31, 20_000
EMAIL, PASSWORD = "ada@example.org", "a-password-for-the-bench"
# A station is away for half an hour each day; a connector changes its status 12 times a day, and is faulted for some minutes on every third
FILL = """
insert into stations_connector (station_id, number, format, plug, evse_id, availability, status, error_code, vendor_error_code, vendor_id,
    info) select id, 2, 'socket', '', '', 'Operative', 'Available', 'NoError', '', '', '' from stations_station;
insert into stations_connectionperiod (station_id, began_at, ended_at, address, reconnects)
  select s.id, now() - interval '33 days' + g * interval '1 day',
    case when g < 33 then now() - interval '33 days' + g * interval '1 day' + interval '23 hours 30 minutes' end, '192.0.2.7', 0
  from stations_station s, generate_series(0, 33) g;
insert into stations_statuschange (connector_id, at, received_at, status, error_code, vendor_error_code, info)
  select c.id, t.at, t.at,
    case when g % 36 = 5 then 'Faulted' else (array['Available', 'Preparing', 'Charging', 'Finishing'])[1 + g % 4] end,
    'NoError', '', ''
  from stations_connector c, generate_series(0, 33 * 12) g, lateral (select now() - interval '33 days' + g * interval '2 hours') as t(at)
  where c.number > 0;
update stations_station set first_connected_at = now() - interval '33 days', connected = true, last_message_at = now();
update stations_connector set added_at = null;
analyze;
"""


def work() -> None:
    import django

    django.setup()
    import world
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    from passes.models import ChargePass, Listing
    from stations import availability_records as records
    from stations.models import AvailabilityDay, Location, Station
    from tenancy.actions import create_user
    from tenancy.models import Organization, Role

    with redirect_stdout(StringIO()):
        world.prepare(STATIONS)
    with connection.cursor() as cursor:
        cursor.execute(FILL)
    began = time.perf_counter()
    connectors = 0
    while done := records.keep_days():
        connectors += done
    spent = time.perf_counter() - began
    days = AvailabilityDay.objects.count()
    print(f"{days} days of {connectors} connectors in {spent:.1f} s: {spent / (STATIONS * DAYS) * 1000:.2f} ms for a station's day")
    began = time.perf_counter()
    records.keep_days()
    print(f"a run with nothing to do: {(time.perf_counter() - began) * 1000:.0f} ms")

    root = Organization.objects.get(parent=None)
    user = create_user(
        actor=None, organization=root, email=EMAIL, name="Ada", password=PASSWORD, role=Role.objects.get(default="administrator")
    )
    client = Client()
    client.force_login(get_user_model().objects.get(pk=user.pk), backend="tenancy.accounts.Backend")
    station, place = Station.objects.first(), Location.objects.first()
    assert station is not None
    assert place is not None
    month = f"{AvailabilityDay.objects.earliest('day').day:%Y-%m}"
    passes = ChargePass.objects.bulk_create(
        (ChargePass(organization=place.organization, uid=f"04FF{number:010}", nickname=f"Many {number}") for number in range(PASSES)),
        batch_size=5000,
    )
    Listing.objects.bulk_create(
        (Listing(charge_pass=one, organization_id=one.organization_id, uid=one.uid, whitelist=True) for one in passes), batch_size=5000
    )
    pages = [
        (f"access mode, {PASSES:,} passes", reverse("location_access", args=[place.pk]) + "?mode=roaming"),
        *(
            (f"list by {group}", reverse("availability") + f"?group={group}&month={month}")
            for group in ("station", "location", "organization")
        ),
        ("list with all reasons", reverse("availability") + f"?month={month}&cols=thing,honest,uptime,lost,offline,faulted,maintenance"),
        ("export of 1,000", reverse("availability") + f"?month={month}&export=csv"),
        ("station, a week", reverse("station_availability", args=[station.pk])),
        ("station, a month", reverse("station_availability", args=[station.pk]) + f"?period=month&day={month}-28"),
        ("location", reverse("location", args=[place.pk])),
        ("organization", reverse("organization", args=[root.pk])),
    ]
    for name, url in pages:
        times = []
        for _number in range(5):
            with CaptureQueriesContext(connection) as queries:
                began = time.perf_counter()
                answer = client.get(url)
                body = answer.getvalue()
                times.append(time.perf_counter() - began)
            assert body
            assert answer.status_code == 200, name
        print(f"{name:28} {statistics.median(times) * 1000:6.0f} ms  {len(queries):3d} queries")


def main() -> int:
    if sys.argv[1:] == ["--here"]:  # the child, in the environment of the engines
        work()
        return 0
    from engines import PYTHON, ROOT, child, engines

    with engines() as on:
        subprocess.run([PYTHON, str(ROOT / "manage.py"), "migrate", "-v", "0"], env=on.environment(), cwd=ROOT, check=True)
        with child([PYTHON, __file__, "--here"], env=on.environment(), cwd=ROOT) as process:
            return process.wait()


if __name__ == "__main__":
    sys.exit(main())
