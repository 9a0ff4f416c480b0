"""How fast the cards of a card provider are imported, and what memory that takes: `python bench/imports.py`. See README.md here.

Starts its own PostgreSQL, uploads a CSV file of cards as the page does and works it off as a worker does: read, checked, written; then the
same file again with a tenth of the cards changed and a hundredth missing, which become invalid. Before it the same number of rows is
written by a plain `bulk_create`, which is the ceiling. A tenth of the rows goes first, to show that memory does not grow with the file.
"""

from __future__ import annotations

import argparse
import gc
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

ROWS = 1_000_000
HEAD = "uid,type,contract_id,visual_number,issuer,valid,whitelist,language,last_updated\n"


def peak() -> float:
    """MB of memory that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_file(file: Any, rows: int, edition: int) -> None:
    """Of the second edition every tenth card is changed and every hundredth is missing."""
    chance = random.Random(7)
    file.write(HEAD.encode())
    for number in range(rows):
        uid = f"04{chance.getrandbits(48):012X}"
        if edition == 2 and number % 100 == 99:
            continue
        valid = "no" if edition == 2 and number % 10 == 0 else "yes"
        line = (
            f"{uid},RFID,NL-TNM-C{number:08}-X,NL-TNM-B{number:06}-{number % 10},The New Mobility,{valid},ALLOWED,nl,2026-01-02T03:04:05Z\n"
        )
        file.write(line.encode())
    file.seek(0)


def take(actor: Any, provider: Any, rows: int, edition: int) -> tuple[dict[str, float], Any]:
    """Seconds of each stage, and the import when it is done."""
    from tenancy.actions import start_import, upload_import
    from tenancy.imports import KINDS, jobs
    from tenancy.models import Import

    took: dict[str, float] = {}
    jobs.SLICE = 0  # a stage or a part at a time, to tell them apart
    jobs.enqueue = lambda pk: None
    with tempfile.TemporaryFile() as file:
        write_file(file, rows, edition)
        began = time.monotonic()
        of = upload_import(
            actor=actor, kind=KINDS["tokens"], organization=provider.organization, file=file, name="cards.csv",
            options={"provider": provider.pk, "end_others": edition == 2},
        )  # fmt: skip
        took["upload"] = time.monotonic() - began
    while True:
        of = Import.objects.get(pk=of.pk)
        if of.state == "checked":
            start_import(actor=actor, of=of, errors=of.errors)
            continue
        if not of.working:
            return took, of
        stage, began = ("ending others" if of.parts and of.position == of.parts else of.state), time.monotonic()
        jobs.run(of.pk)
        took[stage] = took.get(stage, 0) + time.monotonic() - began


def measure(rows: int) -> int:
    from django.utils import timezone

    from passes.models import Provider, RoamingToken
    from tenancy.actions import create_organization, create_user
    from tenancy.models import Role

    root = create_organization(actor=None, parent=None, kind="platform", name="Bench")
    role = Role.objects.get(default=Role.Default.ADMINISTRATOR)
    actor = create_user(actor=None, organization=root, email="ada@example.org", name="Ada", password="bench-password", role=role)

    def provider(name: str) -> Provider:
        return Provider.objects.create(organization=root, name=name, country_code="NL", party_id=name)

    plain, count = provider("AAA"), min(rows, 100_000)
    began = time.monotonic()
    for start in range(0, count, 2000):
        RoamingToken.objects.bulk_create(
            RoamingToken(provider=plain, uid=f"{number:014X}", contract_id=f"C{number}", last_updated=timezone.now())
            for number in range(start, min(start + 2000, count))
        )
    ceiling = count / (time.monotonic() - began)
    gc.collect()
    print(f"ceiling: {ceiling:,.0f} rows/s by bulk_create alone")
    print(f"memory: {peak():.0f} MB before")
    take(actor, provider("BBB"), rows // 10, 1)
    few = peak()
    print(f"memory: {few:.0f} MB at most with {rows // 10:,} rows")
    wrong, many = 0, provider("CCC")
    for edition, words in ((1, "new"), (2, "again, a tenth changed")):
        took, of = take(actor, many, rows, edition)
        said = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in took.items())
        speed = of.rows / took["importing"]
        print(f"{words}: {of.rows:,} rows, {said}")
        print(
            f"{words}: checked {of.rows / took['checking']:,.0f} rows/s, written {speed:,.0f} rows/s, ratio {speed / ceiling:.2f}",
            flush=True,
        )
        expected = (rows, 0, 0, 0) if edition == 1 else (0, rows // 10, of.rows - rows // 10, rows // 100)
        wrong += (of.new, of.changed, of.unchanged, of.ended) != expected or of.state != "done"
    print(f"memory: {peak():.0f} MB at most with {rows:,} rows, ratio {peak() / few:.2f}")
    invalid = RoamingToken.objects.filter(provider=many, valid=False).count()
    wrong += RoamingToken.objects.filter(provider=many).count() != rows or invalid != rows // 10 + rows // 100
    print("counted: as in the file" if not wrong else "counted: NOT as in the file")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="of the file (1,000,000)")
    parser.add_argument("--sqlite", action="store_true", help="the embedded default instead of PostgreSQL")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # the child, in the environment of the engines
    options = parser.parse_args()
    if options.here:
        import django

        django.setup()
        return measure(options.rows)
    import os
    from contextlib import ExitStack

    from engines import PYTHON, ROOT, child, engines

    with ExitStack() as stack:
        if options.sqlite:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            on = os.environ | {"ENERGYCLOUD_VAR": folder, "DJANGO_SETTINGS_MODULE": "energycloud.settings", "PYTHONPATH": str(ROOT)}
        else:
            on = stack.enter_context(engines()).environment()
        subprocess.run([PYTHON, str(ROOT / "manage.py"), "migrate", "-v", "0"], env=on, cwd=ROOT, check=True)
        with child([PYTHON, __file__, "--here", "--rows", str(options.rows)], env=on, cwd=ROOT) as process:
            return process.wait()


if __name__ == "__main__":
    sys.exit(main())
