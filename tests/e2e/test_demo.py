"""`make run` as a newcomer meets it: one command, and a minute later stations charge."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from tests.e2e.portal import portal


def test_a_minute_after_the_start_stations_charge_and_they_end_with_the_portal(tmp_path: Path) -> None:
    with portal(tmp_path, empty=True, DEMO="1") as started:
        told = started.log.read_text()
        assert f"Energy Cloud is on {started.url}/" in told
        assert re.search(r"log in as \S+@\S+", told)
        deadline = time.monotonic() + 120
        while True:  # where capacity is shared some wait for their turn: not all of them charge at the same moment
            connected, begun, charging, failed = started.ask(
                "[Station.objects.filter(connected=True).count(), Transaction.objects.filter(ended_at=None).count(), "
                "Connector.objects.filter(status='Charging', power__gt=0).count(), Frame.objects.filter(failed=True).count()]"
            )
            if connected >= 10 and begun >= 4 and charging:
                break
            assert time.monotonic() < deadline, (connected, begun, charging, started.log.read_text())
            time.sleep(1)
        assert failed == 0
        first = started.process
        assert first is not None
        children = _children(first.pid)
        assert len(children) == 1, "the simulated stations are a process of their own"
        started.stop()
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{children[0]}") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not os.path.exists(f"/proc/{children[0]}")

        # The second start keeps everything, tells no password again, and ends what the loss of power interrupted.
        before = started.ask("Transaction.objects.count()")
        started.start()
        assert started.log.read_text().count("shown only this once") == told.count("shown only this once")
        deadline = time.monotonic() + 30
        while not started.ask("Transaction.objects.filter(stop_reason='PowerLoss').count()"):
            assert time.monotonic() < deadline
            time.sleep(1)
        assert started.ask("Transaction.objects.count()") >= before


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if entry.read_text().rpartition(") ")[2].split()[1] == str(pid):
                found.append(int(entry.parent.name))
        except OSError:
            continue  # it ended meanwhile
    return found
