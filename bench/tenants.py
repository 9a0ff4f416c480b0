"""What many tenants cost: `python bench/tenants.py`. See README.md here.

Starts its own PostgreSQL and fills it: 5,000 organizations 6 deep, 20,000 users with roles, 10,000 locations, 100,000 stations with two
connectors each, 50,000 passes, 200,000 transactions. Then it fetches the first page of the lists, and searches, as the platform's
administrator and as a partner with 300 organizations below, through Django's test client. Prints both times (median) and their ratio,
which for the first page of stations must be at most 3 (exit code 1 otherwise).
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

ORGANIZATIONS, BELOW_PARTNER, DEPTH, USERS = 5000, 300, 6, 20_000
GOAL = 3.0
ADA, BOB = "ada@example.org", "bob@example.org"

FIRST = "Anna Bram Chloé Daan Emma Finn Greta Hugo Ines Jonas Katja Levi Mila Noah Olga Pieter Quirin Rosa Sven Tess Ulla Vera Wim Yara Zoë"
LAST = "Bakker Claes Dupont Egger Fischer Gruber Huber Ilg Jansen Keller Lang Moser Nagel Olsen Peeters Rossi Schmid Tschann Urban Visser"
TOWNS = "Amsterdam,Bregenz,Den Haag,Dornbirn,Eindhoven,Feldkirch,Gent,Innsbruck,Leuven,Linz,München,Rotterdam,Salzburg,Utrecht,Wien,Zürich"
FILL = """
insert into stations_location (organization_id, name, street, postal_code, city, country, time_zone, access_mode, published)
  select o.id, k.kind || ' ' || o.city || ' ' || o.id, 'Kade ' || o.id %% 90, '3011 AA', o.city, 'NL', 'Europe/Amsterdam', 'whitelist', true
  from tenancy_organization o, (values ('Hotel'), ('Parking')) as k(kind) where o.parent_id is not null;
insert into stations_station (location_id, identity, alias, password_digest, active, access_mode, created_at, current_type, phases, voltage,
    communication, vendor, model, serial_number, firmware_version, iccid, imsi, meter_type, meter_serial_number, firmware_status,
    diagnostics_status, ocpp_version, connected, generation, gateway, address)
  select l.id, 'ION-' || lpad((l.id * 10 + g)::text, 6, '0'),
    case when g < 6 then (array['Gate', 'Garage', 'Yard', 'Roof', 'Left', 'Right'])[g + 1] || ' ' || l.id else '' end, '', true, '', now(),
    'AC', 3, 230, '', 'Bench', 'Tenancy', 'SN' || md5(l.id || ' ' || g), '', '', '', '', '', '', '', '1.6', false, 0, '', ''
  from stations_location l, generate_series(0, 9) g;
insert into stations_connector (station_id, number, format, plug, evse_id, evse_key, availability, status, error_code, vendor_error_code,
    vendor_id, info)
  select s.id, n, 'socket', 'Type 2', 'AT*ION*E' || s.id || '*' || n, 'ATIONE' || s.id || n, 'Operative', 'Available', 'NoError', '', '', ''
  from stations_station s, generate_series(1, 2) n;
insert into stations_transaction (station_id, connector_id, transaction_id, id_tag, stop_id_tag, verdict, started_at, ended_at,
    reported_start, reported_end, start_received_at, end_received_at, meter_start, meter_last, meter_stop, stop_reason, problems)
  select c.station_id, c.id, c.id::text, '04A2B3C4D5E680', '', 'Accepted', t.at, t.at + interval '5 hours', '', '', t.at,
    t.at + interval '5 hours', 0, 18000, 18000, 'Local', '[]'
  from stations_connector c, lateral (select now() - c.id %% 4000 * interval '10 minutes' as at) t;
insert into passes_chargepass (organization_id, uid, visible_number, nickname, blocked, created_at)
  select o.id, upper(substr(md5(o.id || ' ' || g), 1, 14)), 'NL-TNM-B' || lpad((o.id * 10 + g)::text, 6, '0') || '-' || g, 'Pool car ' || g,
    false, now()
  from tenancy_organization o, generate_series(1, 10) g;
insert into auth_group (name) select 'bench ' || id from tenancy_organization;
insert into tenancy_team (role_id, organization_id, group_id)
  select (select id from tenancy_role where "default" = case when o.id %% 3 = 0 then 'partner' else 'viewer' end), o.id, g.id
  from tenancy_organization o join auth_group g on g.name = 'bench ' || o.id;
insert into tenancy_user_groups (user_id, group_id)
  select u.id, t.group_id from tenancy_user u join tenancy_team t on t.organization_id = u.organization_id
  where u.email like '%%@bench.example';
"""


def fill() -> dict[str, Any]:
    """The rows; returns what the pages need."""
    from django.db import connection

    from tenancy.actions import create_organization, create_user
    from tenancy.actions.roles import bring_up_to_date
    from tenancy.models import Organization, Role, User

    chance = random.Random(5)
    towns = TOWNS.split(",")
    root = create_organization(actor=None, parent=None, kind="platform", name="Bench")
    kinds = ("partner", "customer", "sub", "sub", "sub")
    # By depth below the root; the first partner's own ones stand aside, so that it has as many as it shall have.
    partner = Organization(pk=root.pk + 1, parent=root, path=f"{root.path}{root.pk + 1}/", kind="partner", name="Partner 1")
    made, inside, outside = [partner], [partner], [root]
    for pk in range(root.pk + 2, root.pk + ORGANIZATIONS):
        among = inside if len(inside) <= BELOW_PARTNER else outside
        parent = among[0] if pk % 40 == 0 else chance.choice(among)
        row = Organization(
            pk=pk, parent=parent, path=f"{parent.path}{pk}/", kind=kinds[parent.depth], name=f"{chance.choice(LAST.split())} {pk}",
            city=chance.choice(towns), country="NL",
        )  # fmt: skip
        made.append(row)
        if row.depth < DEPTH - 1:
            among.append(row)
        elif among is inside:
            inside.append(chance.choice(inside))  # counted, but nothing belongs to it
    Organization.objects.bulk_create(made, batch_size=1000)
    people = []
    for number in range(USERS):
        name = f"{chance.choice(FIRST.split())} {chance.choice(LAST.split())}"
        people.append(User(name=name, email=f"{number}.{name.split()[1].lower()}@bench.example", organization=chance.choice(made)))
    User.objects.bulk_create(people, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("select setval(pg_get_serial_sequence('tenancy_organization', 'id'), (select max(id) from tenancy_organization))")
        for statement in FILL.strip().split(";\n"):
            began = time.monotonic()
            cursor.execute(statement.removesuffix(";"), [])
            print(f"  {' '.join(statement.split()[:3]):<42} {cursor.rowcount:>10,} rows {time.monotonic() - began:6.1f} s", flush=True)
    bring_up_to_date()  # the grants of all those teams
    administrator = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    for email, organization in ((ADA, root), (BOB, partner)):
        create_user(
            actor=None, organization=organization, email=email, name=email[:3].title(), password="bench-password", role=administrator
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {"partner": partner.pk}


def pages() -> list[tuple[str, str]]:
    """What a page is called here, and its address. Those that this version does not have are left out."""
    from django.urls import NoReverseMatch, reverse

    found = []
    for name in ("help", "stations", "locations", "organizations", "users", "roles", "passes", "transactions", "dashboard"):
        try:
            found.append((name, reverse(name)))
        except NoReverseMatch:
            print(f"  {name}: there is no such page")
    words = "io", "ion-000", "gate 12", "rotterdam", "hotel bregenz", "rotredam", "schmid", "AT*ION*E203", "48213", "nothing like it"
    return found + [(f"search, “{word}”", f"{reverse('search')}?q={word}") for word in words]


def measure(rounds: int) -> int:
    from django.db import connection
    from django.test import Client

    from tenancy.models import User

    clients = []
    for email in (ADA, BOB):
        clients.append(Client(HTTP_HOST="127.0.0.1"))
        clients[-1].force_login(User.objects.get(email=email), backend="tenancy.accounts.Backend")
    queries: list[str] = []

    def counted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        queries.append(sql)
        return execute(sql, params, many, context)

    print(f"  {'page':<34} {'platform':>11} {'partner':>11} {'ratio':>7} {'queries':>8}")
    wrong = 0
    for name, address in pages():
        headers = {"HX-Request": "true"} if name.startswith("search") else {}  # what is asked for while one types
        middles, numbers = [], set()
        for client in clients:
            took = []
            for number in range(rounds + 1):
                queries.clear()
                began = time.monotonic()
                with connection.execute_wrapper(counted):
                    response = client.get(address, headers=headers)
                if number:  # the first one compiles templates and plans
                    took.append((time.monotonic() - began) * 1000)
                wrong += response.status_code != 200
            numbers.add(len(queries))
            middles.append(statistics.median(took))
        ratio = middles[1] / middles[0]
        wrong += name == "stations" and ratio > GOAL
        print(
            f"  {name:<34} {middles[0]:>8.1f} ms {middles[1]:>8.1f} ms {ratio:>6.1f}× {'/'.join(map(str, sorted(numbers))):>8}", flush=True
        )
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="times each page is fetched, after one that does not count (5)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # the child, in the environment of the engines
    options = parser.parse_args()
    if options.here:
        import django

        django.setup()
        fill()
        return measure(options.rounds)
    from engines import PYTHON, ROOT, child, engines

    with engines() as on:
        subprocess.run([PYTHON, str(ROOT / "manage.py"), "migrate", "-v", "0"], env=on.environment(), cwd=ROOT, check=True)
        with child([PYTHON, __file__, "--here", "--rounds", str(options.rounds)], env=on.environment(), cwd=ROOT) as process:
            return process.wait()


if __name__ == "__main__":
    sys.exit(main())
