"""What a decision costs: `python bench/decision.py`. See README.md here.

Starts its own PostgreSQL and fills it: 1,101 organizations, 2,000 stations, 100,000 passes on 110,000 lists, 200,000 transactions of them,
1,000 cards of 20 roaming networks. Then it decides on cards drawn at random – roaming, whitelisted, restricted and unknown ones, to be
authorized and to start – and, after the networks have grown to 5,000,000 cards, does so again. Prints p50 and p99 of the decision alone,
of one offer with all it reads, and of an offer in a batch of 50; with the ratio of p99, which must be at most 2 (exit code 1 otherwise, and
when the decision alone takes over 1 ms, or a query reads a whole table).
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from stations.hooks import Offer

FEW, MANY, PASSES, BATCH, ROUNDS = 1_000, 5_000_000, 100_000, 50, 7
RATIO, ALONE_MS = 2.0, 1.0
LARGE = ("passes_roamingtoken", "passes_listing", "passes_chargepass", "stations_transaction")
TOKENS = """
insert into passes_roamingtoken (provider_id, uid, type, contract_id, visual_number, issuer, group_id, valid, whitelist, language,
    last_updated, answer, reference, country_code, party_id, told_uid)
  select (array[{providers}])[n %% 20 + 1], upper(substr(md5('token ' || n), 1, 14)), 'RFID', 'NL-TNM-C' || n, 'NL-TNM-C' || n, 'Bench', '',
    n %% 50 <> 0, 'ALLOWED', 'nl', now(), '', '', '', '', ''
  from generate_series({first}, {last}) n
"""


def uid_of(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:14].upper()


def fill() -> None:
    from django.utils import timezone

    from passes.models import ChargePass, Listing, PassGroup, Provider
    from stations.models import AccessMode, Connector, Location, Station, Transaction
    from tenancy.actions import create_organization
    from tenancy.models import Organization

    root = create_organization(actor=None, parent=None, kind="platform", name="Bench")
    top = root.pk + 1
    partners = [Organization(pk=top + n, parent=root, path=f"{root.path}{top + n}/", kind="partner", name=f"P{n}") for n in range(100)]
    customers = [
        Organization(pk=top + 100 + n, parent=at, path=f"{at.path}{top + 100 + n}/", kind="customer", name=f"C{n}")
        for n in range(1000)
        for at in [partners[n % 100]]
    ]
    Organization.objects.bulk_create(partners + customers)
    modes = (AccessMode.ROAMING_WHITELIST, AccessMode.ROAMING, AccessMode.WHITELIST, AccessMode.ROAMING_WHITELIST)
    locations = Location.objects.bulk_create(
        Location(organization=customer, name="Yard", access_mode=modes[n % 4], time_zone="Europe/Amsterdam")
        for n, customer in enumerate(customers)
    )
    stations = Station.objects.bulk_create(
        Station(location=location, identity=f"ION-{n}-{location.pk}", connected=True) for location in locations for n in (1, 2)
    )
    connectors = Connector.objects.bulk_create(Connector(station=station, number=1, status="Charging") for station in stations)
    groups = PassGroup.objects.bulk_create(PassGroup(organization=customer, name="Staff", monthly_kwh=100_000) for customer in customers)
    made = ChargePass.objects.bulk_create(
        (
            ChargePass(
                organization=customers[n % 1000], uid=uid_of(f"pass {n}"), nickname=f"Car {n}",
                group=groups[n % 1000] if n % 7 == 0 else None, daily_kwh=500 if n % 11 == 0 else None,
                hours=[{"days": list(range(7)), "from": "00:00", "to": "23:59"}] if n % 13 == 0 else [],
            )
            for n in range(PASSES)
        ),
        batch_size=5000,
    )  # fmt: skip
    listings = [
        Listing(charge_pass=one, organization=one.organization, uid=one.uid, whitelist=n % 10 < 8, roaming_free=n % 10 > 6)
        for n, one in enumerate(made)
    ]
    above = [Listing(charge_pass=one, organization=one.organization.parent, uid=one.uid, whitelist=True, below=True) for one in made[::10]]
    Listing.objects.bulk_create(listings + above, batch_size=5000)
    now = timezone.now()
    Transaction.objects.bulk_create(
        (
            Transaction(
                station_id=connector.station_id, connector=connector, transaction_id=str(n), id_tag=one.uid, verdict="Accepted",
                settlement="whitelist", pass_key=one.pk, started_at=now - timedelta(minutes=n), start_received_at=now, meter_start=0,
                meter_stop=9000, ended_at=None if n < 500 else now,
            )
            for n in range(2 * PASSES)
            for one, connector in [(made[n % PASSES], connectors[n % 2000])]
        ),
        batch_size=5000,
    )  # fmt: skip
    Provider.objects.bulk_create(
        Provider(organization=root, name=f"Network {n}", country_code="NL", party_id=f"N{n:02}") for n in range(20)
    )


def grow(first: int, last: int) -> None:
    """Cards of the networks; their indexes are built afterwards, as a first import of millions would."""
    from django.db import connection

    from passes.models import Provider, RoamingToken

    began = time.monotonic()
    providers = ",".join(str(key) for key in Provider.objects.order_by("pk").values_list("pk", flat=True))
    statement = TOKENS.format(providers=providers, first=first, last=last)
    parts = (*RoamingToken._meta.indexes, RoamingToken._meta.constraints[0])
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")  # no check of every foreign key
        with connection.schema_editor() as editor:
            for part in parts:
                editor.execute(part.remove_sql(RoamingToken, editor))
            editor.execute(statement, [])
            for part in parts:
                editor.execute(part.create_sql(RoamingToken, editor))
        cursor.execute("set session_replication_role = origin")
        cursor.execute("vacuum analyze")
    print(f"  {last:,} roaming cards after {time.monotonic() - began:.0f} s", flush=True)


def offers(chance: random.Random, tokens: int, count: int) -> list[Offer]:
    """Of ten cards four roam, four are on the list of the station's organization (or the one above), one is a stranger's, one unknown."""
    from django.utils import timezone

    from stations.hooks import AUTHORIZE, PLACE_FIELDS, START, Offer, place_from
    from stations.models import Station

    rows = Station.objects.order_by("pk").values_list(*PLACE_FIELDS)
    places, now = [place_from(*row) for row in rows], timezone.now()
    made = []
    for _ in range(count):
        at, kind = chance.randrange(2000), chance.randrange(10)
        number = chance.randrange(PASSES // 1000) * 1000 + at // 2
        if kind < 4:
            card = uid_of(f"token {chance.randrange(tokens) + 1}")
        elif kind < 9:
            card = uid_of(f"pass {number if kind < 8 else chance.randrange(PASSES)}")
        else:
            card = uid_of(f"unknown {chance.random()}")
        made.append(Offer(places[at], card, now, 2, chance.choice((AUTHORIZE, START))))
    return made


def timed(work: Callable[[Any], Any], each: Sequence[Any], per: int = 1) -> list[float]:
    """Milliseconds that each took, divided by `per`."""
    took = []
    for one in each:
        began = time.perf_counter_ns()
        work(one)
        took.append((time.perf_counter_ns() - began) / 1e6 / per)
    return took


def measure(tokens: int, count: int) -> dict[str, tuple[float, float]]:
    """Line -> p50 and p99 in ms: the median of several rounds each, for the machine is not always alone."""
    from passes.authorizing import _Reader, authorize
    from passes.decision import decide

    chance = random.Random(4)
    found: dict[str, list[tuple[float, float]]] = {}
    for number in range(ROUNDS + 1):
        cards = offers(chance, tokens, count)
        warm = [(offer, reader.of(offer)) for offer in cards for reader in [_Reader([offer])]]
        more = offers(chance, tokens, count)
        batches = [more[at : at + BATCH] for at in range(0, count, BATCH)]
        for line, took in (
            ("decide(), facts at hand", timed(lambda both: decide(*both), warm)),
            ("authorize(), one offer", timed(lambda offer: authorize([offer]), offers(chance, tokens, count))),
            (f"authorize(), an offer of a batch of {BATCH}", timed(authorize, batches, BATCH)),
        ):
            if number:  # the first round warms caches and plans
                cuts = statistics.quantiles(took, n=100, method="inclusive")
                found.setdefault(line, []).append((statistics.median(took), cuts[98]))
    return {
        line: (statistics.median(p50 for p50, _ in rounds), statistics.median(p99 for _, p99 in rounds)) for line, rounds in found.items()
    }


def explain(tokens: int, *, verbose: bool) -> int:
    """How PostgreSQL finds what is read, for one offer and for a batch; the number of plans that read a large table as a whole."""
    from django.db import connection

    from passes.authorizing import authorize

    chance, wrong = random.Random(9), 0
    for count in (1, 1, 1, BATCH):
        asked: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any, asked: list[tuple[str, Any]] = asked) -> Any:
            asked.append((sql, params))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            authorize(offers(chance, tokens, count))
        for sql, params in asked:
            with connection.cursor() as cursor:
                cursor.execute(f"explain (analyze, timing off) {sql}", params)
                plan = "\n".join(row[0] for row in cursor.fetchall())
            whole = [table for table in LARGE if re.search(rf"Seq Scan on {table}\b", plan)]
            wrong += bool(whole)
            if whole or verbose:
                print(f"{count} offer(s): {sql[:4000]}\n{plan}\n")
        print(f"  {count} offer(s): {len(asked)} queries", flush=True)
    print(f"  {wrong} of their plans read a large table as a whole", flush=True)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--offers", type=int, default=1500, help="cards in each of the rounds (1500)")
    parser.add_argument("--tokens", type=int, default=MANY, help="roaming cards in the end (5,000,000)")
    parser.add_argument("--plans", action="store_true", help="print PostgreSQL's plan of every query")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # the child, in the environment of the engines
    options = parser.parse_args()
    if not options.here:
        from engines import PYTHON, ROOT, child, engines

        with engines() as on:
            subprocess.run([PYTHON, str(ROOT / "manage.py"), "migrate", "-v", "0"], env=on.environment(), cwd=ROOT, check=True)
            with child([PYTHON, __file__, "--here", *sys.argv[1:]], env=on.environment(), cwd=ROOT) as process:
                return process.wait()
    import django

    django.setup()
    fill()
    grow(1, FEW)
    few = measure(FEW, options.offers)
    grow(FEW + 1, options.tokens)
    wrong = explain(options.tokens, verbose=options.plans)
    many = measure(options.tokens, options.offers)
    print(f"  {'':<40} {FEW:>16,} cards {options.tokens:>16,} cards   p99")
    for line, before in few.items():
        after = many[line]
        ratio = after[1] / before[1]
        wrong += ratio > RATIO or (line.startswith("decide") and max(before[1], after[1]) > ALONE_MS)
        shown = (f"p50 {p50:.3f} p99 {p99:.3f} ms" for p50, p99 in (before, after))
        print(f"  {line:<40} {'  '.join(shown)} {ratio:>5.2f}×", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
