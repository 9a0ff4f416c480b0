from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from energycloud import tick


class Command(BaseCommand):
    help = "Run what is due by time, for ever: one such process beside the web, gateway and worker processes."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_args: stop.set())
        tick.run(stop)
