from __future__ import annotations

import os
from threading import Event, Thread
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from energycloud import embedded, server, tick
from stations.gateway import upkeep


class Command(BaseCommand):
    help = "Serve pages and stations. Without REDIS_URL also jobs and the clock: one process is the whole portal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=None, help="default: PORT from the environment, or 8000")

        parser.add_argument(
            "--tls-port", type=int, default=settings.OCPP_TLS_PORT, help="where stations find TLS; default: OCPP_TLS_PORT; 0: nowhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"] or os.environ.get("PORT", "8000")
        if not str(port).isdecimal() or not 0 < int(port) < 65536:
            raise CommandError(f"PORT must be a number from 1 to 65535, not {port!r}.")
        tls_port = options["tls_port"]
        if not 0 <= tls_port < 65536 or tls_port == int(port):
            raise CommandError(f"OCPP_TLS_PORT must be another port than {port}, from 1 to 65535, not {tls_port}.")
        serving = server.make(options["host"], int(port), tls_port)
        stop = Event()
        if settings.EMBEDDED:
            upkeep.sweep(only_process=True)
            embedded.start_worker()
            Thread(target=tick.run, args=[stop], name="tick", daemon=True).start()
        try:
            serving.run()
        finally:
            stop.set()
