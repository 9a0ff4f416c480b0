"""A PostgreSQL and a Redis of the benchmark's own, in a temporary folder on free ports, gone afterwards.

And children that never outlive us.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent(number: int) -> Callable[[], None]:
    """For the child, between fork and exec: get this signal when we are gone, even after `kill -9`."""

    def set_it() -> None:
        if hasattr(_libc, "prctl"):
            _libc.prctl(_PR_SET_PDEATHSIG, number)

    return set_it


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[Any], seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{process.args} does not answer on port {port}:\n{tail(log)}")


def tail(log: Path, lines: int = 30) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


@contextmanager
def child(arguments: list[str], *, stop: int = signal.SIGTERM, patience: float = 20, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A child process that is ended when the block is left, however it is left."""
    process = subprocess.Popen(arguments, preexec_fn=_die_with_parent(stop), **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(stop)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass
class Engines:
    folder: Path
    database_url: str
    redis_url: str
    postgres: int  # pid of the postmaster

    def environment(self) -> dict[str, str]:
        """What a portal process needs to run on these engines."""
        return os.environ | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": "bench-" * 8,
            "ENERGYCLOUD_VAR": str(self.folder / "var"),
            "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
            "DEBUG": "0",
            "DJANGO_SETTINGS_MODULE": "energycloud.settings",
            "PYTHONPATH": str(ROOT),
            "DEMO": "0",
        }


def _postgres_program(name: str) -> str:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    if found := shutil.which(name):
        return found
    sys.exit(f"The benchmark needs PostgreSQL: {name} was not found. Install it, for example with apt-get install postgresql.")


@contextmanager
def engines(*settings: str) -> Iterator[Engines]:
    """PostgreSQL with its default settings (fsync, synchronous_commit and full_page_writes on) but for these, such as `fsync=off`; Redis
    without persistence."""
    redis_server = shutil.which("redis-server")
    if redis_server is None:
        sys.exit("The benchmark needs redis-server. Install it, for example with apt-get install redis-server.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="energycloud-bench-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        (folder / "var").mkdir()
        data = folder / "postgres"
        data.mkdir(mode=0o700)
        run_as: dict[str, Any] = {"cwd": data}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            postgres_user = pwd.getpwnam("postgres")
            os.chown(data, postgres_user.pw_uid, postgres_user.pw_gid)
            run_as |= {"user": "postgres", "group": postgres_user.pw_gid, "extra_groups": []}
        subprocess.run(
            [_postgres_program("initdb"), "-D", str(data), "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale"],
            check=True,
            stdout=subprocess.DEVNULL,
            **run_as,
        )
        port, redis_port = free_port(), free_port()
        with (folder / "postgres.log").open("wb") as log:
            postgres = stack.enter_context(
                child(
                    [_postgres_program("postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(data)]
                    + [part for setting in settings for part in ("-c", setting)],
                    stop=signal.SIGINT,
                    stdout=log,
                    stderr=log,
                    **run_as,
                )
            )
        with (folder / "redis.log").open("wb") as log:
            redis = stack.enter_context(
                child(
                    [redis_server, "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                )
            )
        wait_for_port(port, postgres, 30, folder / "postgres.log")
        wait_for_port(redis_port, redis, 30, folder / "redis.log")
        createdb = [_postgres_program("createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "bench", "bench"]
        deadline = time.monotonic() + 30
        while subprocess.run(createdb, stderr=subprocess.DEVNULL, check=False).returncode:
            if time.monotonic() > deadline:
                sys.exit(f"PostgreSQL does not take connections:\n{tail(folder / 'postgres.log')}")
            time.sleep(0.2)
        yield Engines(folder, f"postgresql://bench@127.0.0.1:{port}/bench", f"redis://127.0.0.1:{redis_port}/0", postgres.pid)


def cpu_of(pid: int) -> float:
    """Seconds of CPU a process has used, with its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def cpu_of_family(pid: int) -> float:
    """The same with its living children: PostgreSQL has one process per connection."""
    total = cpu_of(pid)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.joinpath("stat").read_text().rpartition(") ")[2].split()[1] == str(pid):
                    total += cpu_of(int(entry.name))
            except OSError:
                continue  # it ended meanwhile
    return total


def resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
