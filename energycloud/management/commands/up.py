from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from energycloud import env, tls
from energycloud.demo import stations_file
from energycloud.simulator.fleet import read_json
from tenancy.models import User

LIVELY = 10  # simulated stations that charge, fault and idle; the rest of the demo only stays connected


class Command(BaseCommand):
    help = (
        "Bring the database up to date, make what the first start needs, and serve: the portal on one machine, in one command. "
        "DEMO=0 leaves out the demo and its simulated stations."
    )

    for_trials = False  # the TLS port has a certificate that we made

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=None, help="default: PORT from the environment, or 8000")

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"] or env.number("PORT", 8000, least=1)
        if port > 65535:
            raise CommandError(f"PORT must be a number from 1 to 65535, not {port}.")
        check_free(options["host"], port)
        if settings.OCPP_TLS_PORT:
            check_free(options["host"], settings.OCPP_TLS_PORT, "OCPP_TLS_PORT=8444 make run")
            if not settings.OCPP_TLS_CERTIFICATE:
                settings.OCPP_TLS_CERTIFICATE = str(tls.make_self_signed(settings.VAR_DIR / "tls", settings.ALLOWED_HOSTS))
                settings.OCPP_TLS_KEY = ""
                self.for_trials = True
        check_reachable()
        demo = env.flag("DEMO", True)
        call_command("migrate", verbosity=0, interactive=False)
        collect_static()
        call_command("first_administrator", stdout=self.stdout, stderr=self.stderr)
        if demo:
            call_command("demo", stdout=self.stdout)
        self.announce(port)
        simulator = self.simulate(port) if demo else None
        try:
            call_command("serve", host=options["host"], port=port)
        except KeyboardInterrupt:
            pass  # Ctrl-C: the server has ended in good order already
        finally:
            if simulator:
                simulator.terminate()
                simulator.wait(10)

    def announce(self, port: int) -> None:
        known = User.objects.filter(organization__parent=None, is_active=True).values_list("email", flat=True).first()
        self.stdout.write(f"\nEnergy Cloud is on http://127.0.0.1:{port}/  –  log in as {known}")
        self.stdout.write("Password forgotten? .venv/bin/python manage.py first_administrator --new-password")
        self.stdout.write(f"Stations connect to ws://127.0.0.1:{port}/ocpp/  –  Ctrl-C ends it.\n")
        if settings.OCPP_TLS_PORT:
            self.stdout.write(f"With TLS to wss://127.0.0.1:{settings.OCPP_TLS_PORT}/ocpp/")
            if self.for_trials:
                self.stdout.write(f"Its certificate is for trials and its own authority: {settings.OCPP_TLS_CERTIFICATE}\n")
        self.stdout.flush()

    def simulate(self, port: int) -> subprocess.Popen[bytes] | None:
        known = len((read_json(stations_file()) or {}).get("stations", ()))
        if not known:
            return None
        lively = min(LIVELY, known)
        return subprocess.Popen([
            sys.executable, sys.argv[0], "simulate", "--with-parent", "--url", f"ws://127.0.0.1:{port}/ocpp/",
            "--stations", str(lively), "--idle", str(known - lively),
        ])  # fmt: skip


def check_free(host: str, port: int, other: str = "make run PORT=8001") -> None:
    """CommandError when something else listens there: better now than after everything else has started."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"Port {port} of {host} cannot be used ({error.strerror}). Choose another one: {other}") from error


def check_reachable() -> None:
    """CommandError when the database or the queue does not let us in."""
    if connection.vendor == "postgresql":
        try:
            # Beside the pool, which would try for longer and keep the reason to itself
            psycopg.connect(**{"connect_timeout": 5} | connection.get_connection_params()).close()
        except psycopg.Error as error:
            raise CommandError(f"The database of DATABASE_URL cannot be reached: {' '.join(str(error).split())}") from error
    if settings.REDIS_URL:
        try:
            redis.from_url(settings.REDIS_URL, socket_connect_timeout=5).ping()
        except redis.RedisError as error:
            raise CommandError(f"The Redis of REDIS_URL cannot be reached: {error}") from error


def collect_static() -> None:
    """`collectstatic` when a file differs from the last time."""
    files = [path for folder in settings.STATICFILES_DIRS for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    told = "\n".join(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
    mark, now = Path(settings.STATIC_ROOT) / ".collected", hashlib.sha256(told.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != now:
        call_command("collectstatic", verbosity=0, interactive=False)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(now)
