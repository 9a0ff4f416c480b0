"""How long bulk jobs take: `python bench/bulk.py`. See README.md here.

On the embedded default (SQLite), or with --postgres on PostgreSQL and Redis: for 1,000 and for 5,000 stations the look before, the page of
the job, and the work, where a stub answers every command at once as the ledger would. The ceiling beside it is what bare commands cost that
belong to no job. Then every station is counted: one command each, none twice.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

SIZES = (1000, 5000)
AT_ONCE = 20
BARE = 500  # commands of the ceiling
EMAIL = "ada@example.org"


def fleet(count: int) -> Any:
    """`count` stations that are connected, and somebody who may everything with them."""
    import world
    from django.utils import timezone

    from stations.models import Station
    from tenancy.actions import create_user
    from tenancy.models import Organization, Role

    with redirect_stdout(StringIO()):
        world.prepare(count)
    now = timezone.now()
    Station.objects.update(
        connected=True, first_connected_at=now, connected_at=now, last_message_at=now, ocpp_version="1.6", gateway="bench"
    )
    role = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    root = Organization.objects.get(parent=None)
    return create_user(actor=None, organization=root, email=EMAIL, name="Ada", password="bench-password-1", role=role)


def answer() -> int:
    """What the ledger would book of all that is asked now."""
    from django.utils import timezone

    from stations.gateway import outbound
    from stations.gateway.entries import Answered
    from stations.models import Command
    from stations.ocpp.frames import CallResult

    Command.objects.filter(state=Command.State.QUEUED).update(state=Command.State.SENT, sent_at=timezone.now())
    asked = list(Command.objects.filter(state=Command.State.SENT).values_list("pk", flat=True))
    text = json.dumps([3, "x", {"status": "Accepted"}])
    nobody: Any = None  # the state of its socket, which booking does not read
    said = CallResult("x", {"status": "Accepted"})
    outbound.answered([Answered(timezone.now(), nobody, pk, text, said) for pk in asked], set())
    return len(asked)


def page_time(client: Any, url: str) -> float:
    """Median of seven, in ms."""
    took = []
    for _ in range(7):
        began = time.monotonic()
        assert client.get(url).status_code == 200, url
        took.append((time.monotonic() - began) * 1000)
    return statistics.median(took)


def measure(count: int) -> int:
    from django.conf import settings
    from django.db import transaction
    from django.db.models import Count
    from django.test import Client
    from django.urls import reverse

    from stations import actions
    from stations.bulk import KINDS, jobs
    from stations.models import BulkJob, Command, Station
    from stations.ocpp.intents import ClearCache

    settings.ALLOWED_HOSTS = ["testserver"]
    jobs.django_rq.enqueue = lambda *given: None
    actor, kind = fleet(count), KINDS["clear-cache"]
    client = Client()
    client.force_login(actor, backend="tenancy.accounts.Backend")
    base = page_time(client, reverse("help"))

    began = time.monotonic()
    for station in Station.objects.select_related("location__organization")[:BARE]:
        with transaction.atomic():
            actions.ask(actor=actor, station=station, intent=ClearCache())
    bare = BARE / (time.monotonic() - began)
    Command.objects.all().delete()

    began = time.monotonic()
    job = actions.look_at_many(actor=actor, kind=kind, stations=Station.objects.all())
    chosen = time.monotonic() - began
    while job.state == BulkJob.State.PLANNING:
        jobs.run(job.pk)
        job.refresh_from_db()
    looked = time.monotonic() - began
    url, listed = reverse("bulk_job", args=[job.pk]), reverse("bulk_jobs")
    pages = {"ready": page_time(client, url)}

    actions.begin_bulk_job(actor=actor, job=job, kind=kind, at_once=AT_ONCE)
    job.refresh_from_db()
    worked, answered, turns = 0.0, 0, 0
    while job.state == BulkJob.State.RUNNING:
        began = time.monotonic()
        jobs.run(job.pk)
        worked += time.monotonic() - began
        turns += 1
        job.refresh_from_db()
        answered += answer()
        if "half" not in pages and answered >= count / 2:
            pages |= {"half": page_time(client, url), "live": page_time(client, reverse("bulk_job_live", args=[job.pk]))}
    pages |= {"done": page_time(client, url), "last": page_time(client, f"{url}?per_page=200&page=999"), "list": page_time(client, listed)}

    once = Command.objects.values("station").annotate(n=Count("pk")).filter(n=1).count()
    speed, wrong = count / worked, (once, Command.objects.count(), answered) != (count, count, count)
    print(f"{count:,} stations: chosen and kept in {chosen:.2f} s, all looked at after {looked:.2f} s ({count / looked:,.0f} stations/s)")
    print(f"{count:,} stations: {speed:,.0f} stations/s begun and ended, {AT_ONCE} at a time, in {turns} turns")
    print(f"{count:,} stations: ratio to bare commands {speed / bare:.2f}")
    said = ", ".join(f"{name} {took:.0f} ms (ratio {took / base:.1f})" for name, took in pages.items())
    print(f"{count:,} stations: page of the job {said}; a page without rows {base:.0f} ms")
    print(f"{count:,} stations: counted: {'one command each' if not wrong else 'NOT one command each'}", flush=True)
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, nargs="*", default=SIZES)
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL and Redis instead of the embedded default")
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)  # the child, in the environment of the engines
    options = parser.parse_args()
    if options.here:
        import django

        django.setup()
        return measure(options.here)
    import os
    from contextlib import ExitStack

    from engines import PYTHON, ROOT, child, engines

    wrong = 0
    for count in options.stations:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            if options.postgres:
                on = stack.enter_context(engines()).environment()
            else:
                on = os.environ | {"ENERGYCLOUD_VAR": folder, "DJANGO_SETTINGS_MODULE": "energycloud.settings", "PYTHONPATH": str(ROOT)}
            subprocess.run([PYTHON, str(ROOT / "manage.py"), "migrate", "-v", "0"], env=on, cwd=ROOT, check=True)
            with child([PYTHON, __file__, "--here", str(count)], env=on, cwd=ROOT) as process:
                wrong += process.wait()
    return wrong


if __name__ == "__main__":
    sys.exit(main())
