"""`make bench`: what one gateway process can do on this machine, with PostgreSQL, Redis and the load generator beside it.

See README.md here.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from engines import PYTHON, ROOT, Engines, child, cpu_of, cpu_of_family, engines, free_port, resident_kb, tail, wait_for_port

BENCH = ROOT / "bench"
STAGES = ("ceiling", "load", "fleet")
FLEET = 10_000
COMMANDS_PER_SECOND = 20
# The figures to reach
RATE, COMMAND_P99, KB_PER_CONNECTION = 8000, 0.100, 40


class Generator:
    """bench/load.py as a child: orders in, events out."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def order(self, **orders: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(orders) + "\n")
        self.process.stdin.flush()

    def event(self, name: str) -> dict[str, Any]:
        """The next event of this name; the program ends if it does not come."""
        assert self.process.stdout
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == name:
                return event
        sys.exit(f"The load generator ended before “{name}” (exit code {self.process.wait()}).")

    def end(self) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.event("end")


@contextmanager
def generator() -> Iterator[Generator]:
    with child([PYTHON, str(BENCH / "load.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield Generator(process)


@contextmanager
def gateway(on: Engines) -> Iterator[tuple[subprocess.Popen[Any], int]]:
    port, log = free_port(), on.folder / "gateway.log"
    with log.open("ab") as out:
        arguments = [PYTHON, str(ROOT / "manage.py"), "serve", "--port", str(port)]
        with child(arguments, env=on.environment(), cwd=ROOT, stdout=out, stderr=out) as process:
            wait_for_port(port, process, 60, log)
            time.sleep(2)  # what it does once at the start
            try:
                yield process, port
            finally:
                text = log.read_text(errors="replace")
                if "Traceback" in text or "ERROR" in text:
                    row("the gateway's log", f"has errors, the last lines:\n{tail(log, 12)}")


def world(on: Engines, *arguments: str) -> dict[str, Any]:
    call = [PYTHON, str(BENCH / "world.py"), *arguments]
    done = subprocess.run(call, env=on.environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"world.py {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def row(what: str, value: str) -> None:
    print(f"  {what:<34} {value}", flush=True)


def line(text: str) -> None:
    """A figure on a line of its own, for people and for programs that compare runs."""
    print(text, flush=True)


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def verdict(reached: bool, goal: str) -> str:
    return f"(goal {goal}: {'reached' if reached else 'NOT reached'})"


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.ceiling_rate = 0.0
        self.wrong: list[str] = []  # what makes the run a failure: something refused, lost or answered with an error

    def check(self, right: bool, text: str) -> None:
        if not right:
            self.wrong.append(text)
            row("WRONG", text)

    def clean(self, facts: dict[str, Any]) -> None:
        for name in ("call_errors", "closes", "refused", "unexpected"):
            self.check(facts[name] == 0, f"{name}: {facts[name]}")
        for problem in facts["problems"]:
            row("", problem)

    def orders(self, port: int, people: dict[str, Any], count: int, **more: Any) -> dict[str, Any]:
        return {
            "url_host": "127.0.0.1",
            "url_port": port,
            "path": "/ocpp/",
            "stations": people["stations"][:count],
            "mixed": self.options.version == "mixed",
            "password": people["password"],
            "open_at_once": 200,
            "up_within": 120,
            "warm_up": 0,
            "measure": 0,
            "commands": 0,
        } | more

    def ceiling(self, people: dict[str, Any]) -> None:
        print("Plain echo (the same server and generator, no work)")
        port = free_port()
        with child([PYTHON, str(BENCH / "echo.py"), str(port)], cwd=ROOT) as process, generator() as stations:
            wait_for_port(port, process, 20, Path("/dev/null"))
            stations.order(**self.orders(port, people, self.options.stations, warm_up=1, measure=min(5, self.options.seconds), mixed=False))
            done = stations.event("done")
            measured = done["phases"]["measure"]
            self.ceiling_rate = measured["rate"]
            row("answered", f"{measured['messages']:,} in {measured['seconds']:.1f} s")
            row("p50 / p99", f"{milliseconds(measured['p50'])} / {milliseconds(measured['p99'])}")
            row("generator", f"{measured['cpu_us']:.1f} µs of CPU per message")
            self.clean(stations.end())
        line(f"ceiling: {self.ceiling_rate:.0f} msg/s")
        print()

    def load(self, on: Engines, people: dict[str, Any]) -> None:
        seconds, count = self.options.seconds, self.options.stations
        print(f"Mixed load: {count} stations, {seconds} s, one gateway process, answered after commit")
        before = world(on, "count")
        asking = [PYTHON, str(BENCH / "world.py"), "commands", str(self.options.seconds), str(COMMANDS_PER_SECOND)]
        with (
            gateway(on) as (process, port),
            child(asking, env=on.environment(), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asker,
            generator() as stations,
        ):
            assert asker.stdin
            assert asker.stdout
            asker.stdout.readline()
            stations.order(**self.orders(port, people, count, warm_up=3, measure=seconds, commands=seconds + 3))
            stations.event("measure")
            used = [cpu_of(process.pid), cpu_of_family(on.postgres)]
            stations.event("commands")
            used = [cpu_of(process.pid) - used[0], cpu_of_family(on.postgres) - used[1]]
            asker.stdin.write("\n")
            asker.stdin.flush()
            done = stations.event("done")
            asked = json.loads(asker.stdout.readline() or "{}")
            facts = stations.end()
            after = world(on, "count")
        measured = done["phases"]["measure"]
        row("stations up", f"{facts['up']} of {count}")
        row("answered", f"{measured['messages']:,} in {measured['seconds']:.1f} s")
        p50, p99, worst = (milliseconds(measured[name]) for name in ("p50", "p99", "worst"))
        row("p50 / p99 of the answer", f"{p50} / {p99}, worst {worst}")
        share = f"{measured['rate'] / self.ceiling_rate:.2f}" if self.ceiling_rate else "not measured in this run"
        row("ratio to the plain echo", share)
        gateway_us, postgres_us = (seconds / (measured["messages"] or 1) * 1e6 for seconds in used)
        row("CPU per message", f"gateway {gateway_us:.0f} µs, PostgreSQL {postgres_us:.0f} µs, generator {measured['cpu_us']:.0f} µs")
        self.check(facts["up"] == count, f"{count - facts['up']} stations did not come up")
        self.clean(facts)
        self.kept(before, after, facts)
        line(f"gateway{' (1.6 and 2.0.1)' if self.options.version == 'mixed' else ''}: {measured['rate']:.0f} msg/s")
        row("", verdict(measured["rate"] >= RATE, f"≥ {RATE}"))
        line(f"answer: p50 {p50}, p99 {p99}")
        print()
        self.delivery(asked, facts, done["phases"]["commands"])

    def delivery(self, asked: dict[str, Any], facts: dict[str, Any], phase: dict[str, Any]) -> None:
        print(f"Commands, {COMMANDS_PER_SECOND} a second from another process, while the same load goes on")
        arrived = facts["commands"]
        took = [arrived[message_id] - at for message_id, at in asked.get("written", {}).items() if message_id in arrived]
        row("load meanwhile", f"{phase['rate']:.0f} msg/s, answer p50 / p99 {milliseconds(phase['p50'])} / {milliseconds(phase['p99'])}")
        row("asked / at the station", f"{asked.get('asked', 0)} / {len(took)}")
        row("states", ", ".join(f"{state} {number}" for state, number in sorted(asked.get("states", {}).items())))
        if asked.get("refused"):
            row("refused", f"{len(asked['refused'])}, such as {asked['refused'][0]}")
        self.check(bool(took) and len(took) == asked.get("asked"), "commands did not arrive")
        if took:
            p99 = percentile(took, 0.99)
            line(f"command: p50 {milliseconds(percentile(took, 0.5))}, p99 {milliseconds(p99)}, worst {milliseconds(max(took))}")
            row("", verdict(p99 <= COMMAND_P99, f"p99 ≤ {milliseconds(COMMAND_P99)}"))
        print()

    def kept(self, before: dict[str, Any], after: dict[str, Any], facts: dict[str, Any]) -> None:
        """Everything answered must be in the database: the frame of every message, and what it meant."""
        answered = facts["answered"]
        expected = {
            "transactions": answered["StartTransaction"],
            "ended": answered["StopTransaction"],
            "samples": 3 * answered["MeterValues"],
            "status_changes": facts["status_changes"],
        }
        for name, number in expected.items():
            held = after[name] - before[name]
            self.check(held == number, f"{name}: {number} answered, {held} in the database")
        as_events = facts["as_events"]
        said = {action: number - as_events[action] for action, number in answered.items()} | {"TransactionEvent": sum(as_events.values())}
        for action, number in said.items():
            held = after["frames"].get(action, 0) - before["frames"].get(action, 0)
            self.check(held == number, f"frames of {action}: {number} answered, {held} in the database")
        for name in ("unanswered", "failed", "inbox", "problems"):
            self.check(after[name] == before[name], f"{name}: {after[name] - before[name]}")
        total = sum(answered.values())
        row("checked in the database", f"{total:,} frames, {expected['samples']:,} samples, {expected['transactions']:,} transactions")

    def fleet(self, on: Engines, people: dict[str, Any]) -> None:
        count = self.options.fleet
        print(f"Fleet: {count:,} stations on one gateway process")
        before = world(on, "count")
        with gateway(on) as (process, port):
            with generator() as first:  # one station beforehand: what is loaded with the first connection belongs to nobody
                first.order(**self.orders(port, people, 1))
                first.event("done")
                first.end()
            time.sleep(2)
            empty = resident_kb(process.pid)
            with generator() as stations:
                stations.order(**self.orders(port, people, count, open_at_once=self.options.open_at_once, up_within=300))
                up = stations.event("up")
                stations.event("done")
                at_once = resident_kb(process.pid)
                time.sleep(self.options.idle)  # long enough for a round of keep-alive pings
                full = resident_kb(process.pid)
                facts = stations.end()
                after = world(on, "count")
        each = (max(full, at_once) - empty) / count
        row("up", f"{up['up']:,} of {count:,}, with BootNotification and two StatusNotifications answered")
        row("handshakes at once", f"{self.options.open_at_once:,}")
        megabytes = [f"{kb / 1024:.0f} MB" for kb in (empty, at_once, full)]
        row("memory of the gateway", "{} empty, {} when all are up, {} {} s later".format(*megabytes, self.options.idle))
        self.check(up["up"] == count, f"{count - up['up']} stations did not come up")
        self.clean(facts)
        held = after["frames"].get("BootNotification", 0) - before["frames"].get("BootNotification", 0)
        self.check(held == count + 1, f"frames of BootNotification: {count + 1} answered, {held} in the database")
        number, took = up["up"], up["seconds"]
        refused, errors = facts["refused"], facts["call_errors"]
        line(f"fleet: {number} stations up in {took:.1f} s, {number / took:.0f}/s, refused {refused}, errors {errors}")
        line(f"memory: {each:.1f} KB per connection")
        row("", verdict(each <= KB_PER_CONNECTION, f"≤ {KB_PER_CONNECTION} KB"))
        print()

    def run(self) -> int:
        only = self.options.only or list(STAGES)
        if "ceiling" in only:
            anybody = [(f"bench-{number:05d}", "04A2B3C4D50000") for number in range(self.options.stations)]
            self.ceiling({"stations": anybody, "password": "bench"})
        if set(only) & {"load", "fleet"}:
            with engines() as on:
                migrate = [PYTHON, str(ROOT / "manage.py"), "migrate", "-v", "0"]
                done = subprocess.run(migrate, env=on.environment(), cwd=ROOT, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(f"The migrations failed:\n{done.stderr[-3000:]}")
                number = max(self.options.stations if "load" in only else 0, self.options.fleet if "fleet" in only else 0)
                people = world(on, "prepare", str(number))
                if "load" in only:
                    self.load(on, people)
                if "fleet" in only:
                    self.fleet(on, people)
        if self.wrong:
            print(f"FAILED: {len(self.wrong)} wrong, the first: {self.wrong[0]}")
        return 1 if self.wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look in under a minute: 5 s of load, 1,000 stations in the fleet")
    parser.add_argument("--stations", type=int, default=500, help="stations that talk all the time (500)")
    parser.add_argument("--seconds", type=int, default=20, help="length of the measured load, and again of the one with commands (20)")
    parser.add_argument("--fleet", type=int, default=FLEET, help="stations that are only connected (10000)")
    parser.add_argument("--open-at-once", type=int, default=1000, help="handshakes of the fleet in flight (1000)")
    parser.add_argument("--idle", type=int, default=35, help="seconds the fleet stays connected before memory is read again (35)")
    parser.add_argument("--version", choices=("1.6", "mixed"), default="1.6", help="what the stations speak; mixed: every second one 2.0.1")
    parser.add_argument("--only", action="append", choices=STAGES, help="this stage only; may be given several times")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.fleet, options.idle = min(options.seconds, 5), min(options.fleet, 1000), min(options.idle, 3)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < options.fleet + 500:
        print(f"Only {hard} open files are allowed here (ulimit -Hn), so the fleet is {hard - 500}.")
        options.fleet = hard - 500
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every child is ended and every folder removed
    print(f"Everything on this machine: {os.cpu_count()} cores. PostgreSQL with default settings, a commit before every answer.\n")
    return Bench(options).run()


if __name__ == "__main__":
    sys.exit(main())
