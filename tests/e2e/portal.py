"""A portal of the test's own, started as `make run` starts it: a process, with a database, a port and a folder that nobody else uses."""

from __future__ import annotations

import atexit
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parents[2]
ADMIN_EMAIL, ADMIN_PASSWORD = "ada@example.org", "violet-turbine-41"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def kept() -> dict[str, str]:
    """Of our own environment, what a portal may see."""
    return {name: value for name, value in os.environ.items() if name not in {"DJANGO_SETTINGS_MODULE", "DEBUG", "SECRET_KEY"}}


@contextmanager
def _database(server: str, template: str) -> Iterator[str]:
    """The address of a database of one's own on the PostgreSQL of `server`."""
    import psycopg
    from psycopg import sql

    name = f"e2e_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@cache
def _migrated(server: str | None) -> Path | str:
    """Made once in a run: the file of an SQLite database with all tables and nobody in it, or the name of such a one on `server`."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="energycloud-e2e-")))
    environment = kept() | {"ENERGYCLOUD_VAR": str(folder), "SECRET_KEY": secrets.token_urlsafe(40)}
    if server:
        environment["DATABASE_URL"] = stack.enter_context(_database(server, "template1"))
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True)
    return urlsplit(environment["DATABASE_URL"]).path.strip("/") if server else folder / "energycloud.sqlite3"


@contextmanager
def database(folder: Path, *, empty: bool = False) -> Iterator[dict[str, str]]:
    """The environment that names a database of one's own: on the server of DATABASE_URL, or SQLite in `folder`. All tables are there
    unless it is to be `empty`."""
    server = os.environ.get("DATABASE_URL")
    if server:
        with _database(server, "template1" if empty else str(_migrated(server))) as address:
            yield {"DATABASE_URL": address, "SECRET_KEY": secrets.token_urlsafe(40)}
    else:
        if not empty:
            shutil.copy(_migrated(None), folder)
        yield {}


class Portal:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.port = folder, free_port()
        self.log = folder / "portal.log"
        self.url, self.ws = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}/ocpp/"
        self.environment = kept() | {
            "ENERGYCLOUD_VAR": str(folder), "PORT": str(self.port), "DEMO": "0", "OCPP_COMMAND_TIMEOUT": "5", "STATION_CLOSED_GRACE": "2",
            "ENERGYCLOUD_ADMIN_EMAIL": ADMIN_EMAIL, "ENERGYCLOUD_ADMIN_PASSWORD": ADMIN_PASSWORD, "PYTHONUNBUFFERED": "1",
        } | environment  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.commands: subprocess.Popen[str] | None = None
        self.lock = Lock()

    def start(self, *arguments: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", *(arguments or ("up",))], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.wait()

    def wait(self, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, f"the portal has ended:\n{self.log.read_text()}"
            try:
                with urllib.request.urlopen(f"{self.url}/account/login/", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the portal does not answer:\n{self.log.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        with self.lock:
            if self.commands:
                self.commands.communicate()
                self.commands = None
        if self.process:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`manage.py` beside the portal."""
        with self.lock:
            if self.commands is None:
                self.commands = subprocess.Popen(
                    [sys.executable, "-m", "tests.e2e.commands"],
                    cwd=ROOT,
                    env=self.environment | {"DJANGO_SETTINGS_MODULE": "energycloud.settings"},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            assert self.commands.stdin
            assert self.commands.stdout
            print(json.dumps(arguments), file=self.commands.stdin, flush=True)
            return subprocess.CompletedProcess(arguments, *json.loads(self.commands.stdout.readline()))

    def add_station(self, identity: str, *options: str, location: str = "Quay 7") -> str:
        """Its password."""
        done = self.manage("add_station", identity, "--location", location, *options)
        assert done.returncode == 0, done.stderr
        password = re.search(r"Password: +(\S+)", done.stdout)
        assert password
        return password[1]

    def ask(self, expression: str) -> Any:
        """The value of a Python expression over the models, evaluated beside the portal."""
        code = (
            "import json; from stations.models import *; from tenancy.models import *; from passes.models import *; "
            "from passes.actions import create_pass; "
            f"print(json.dumps({expression}, default=str))"
        )
        done = self.manage("shell", "--verbosity=0", "--no-imports", "--command", code)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextmanager
def portal(folder: Path, *, empty: bool = False, **environment: str) -> Iterator[Portal]:
    with database(folder, empty=empty) as named:
        started = Portal(folder, named | environment)
        try:
            started.start()
            yield started
        finally:
            started.stop()
