"""`make test`: the tests on the embedded default, then those that touch the database or the queue again on PostgreSQL and Redis.

What a test needs beyond Python packages – PostgreSQL, Redis, Chromium, nginx – is installed with apt where this is root's machine and it is
missing. What then still cannot be run is said at the end, and with CI=true it is a failure. Arguments go to pytest: then only the
embedded run is made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from bench.engines import engines  # noqa: E402
from tests.programs import PROGRAMS, missing  # noqa: E402

PARTS = ("--ignore=tests/e2e",)
PORTALS = ("tests/e2e",)  # one after the other: each takes a core
ENGINES = ("-m", "engines")
CI = os.environ.get("CI", "").lower() in {"1", "true"}


def install(lacking: list[str]) -> None:
    packages = [PROGRAMS[name].package for name in lacking]
    if not packages or os.getuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"Installing {', '.join(packages)} …", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "--quiet", *arguments], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-2000:], sep="\n")


def pytest(*arguments: str, environment: dict[str, str] | None = None) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=environment, check=False).returncode


def quietly(*arguments: str, environment: dict[str, str]) -> tuple[int, str]:
    """What pytest said, to be shown when it is over."""
    command = [sys.executable, "-m", "pytest", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def main() -> int:
    if sys.argv[1:]:
        return pytest(*sys.argv[1:])
    install(missing())
    lacking = missing()
    results: dict[str, int] = {}
    subprocess.run([sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity=0"], cwd=ROOT, check=True)
    print("\n== Parts, on the embedded default: SQLite and memory", flush=True)
    results["Parts, on the embedded default"] = pytest(*PARTS, "--numprocesses=auto")
    if {"PostgreSQL", "Redis"} & set(lacking):
        print("\n== PostgreSQL and Redis: NOT RUN", flush=True)
        print("\n== Whole portals, on the embedded default", flush=True)
        results["Whole portals, on the embedded default"] = pytest(*PORTALS)
    else:
        with engines("fsync=off", "full_page_writes=off") as started:  # a test survives no power cut
            both = os.environ | {"DATABASE_URL": started.database_url, "REDIS_URL": started.redis_url}
            # Whole portals mostly wait, and so do databases: together they take little longer than the longer of the two.
            with ThreadPoolExecutor(1) as one_after_the_other:
                parts = one_after_the_other.submit(quietly, *PARTS, *ENGINES, environment=both)
                portals = one_after_the_other.submit(quietly, *PORTALS, *ENGINES, environment=both)
                print("\n== Whole portals, on the embedded default; beside them what touches engines, on PostgreSQL and Redis", flush=True)
                results["Whole portals, on the embedded default"] = pytest(*PORTALS)
                for name, run in (("Parts, on PostgreSQL and Redis", parts), ("Whole portals, on PostgreSQL and Redis", portals)):
                    results[name], output = run.result()
                    print(f"\n== {name}", output, sep="\n", flush=True)
    print()
    for name, code in results.items():
        print(f"{name}: {'passed' if code == 0 else f'FAILED (pytest says {code})'}")
    for name in lacking:
        print(f"!!! NOT RUN, because {name} is missing: {PROGRAMS[name].loss}. Install it: apt-get install {PROGRAMS[name].package}")
    return 1 if any(results.values()) or (lacking and CI) else 0


if __name__ == "__main__":
    sys.exit(main())
