from __future__ import annotations

import asyncio
import os
import signal
import ssl
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from energycloud.demo import stations_file
from energycloud.simulator import MAKES
from energycloud.simulator.behaviour import UNKNOWN_CARDS
from energycloud.simulator.fleet import Fleet, Known, read_json


class Command(BaseCommand):
    help = (
        "Connect simulated stations over the real websocket. Without --identity these are stations of the demo, whose passwords "
        "`manage.py demo` keeps beside the database. With --identity and --password, one or several, they are stations of yours."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        port = os.environ.get("PORT") or "8000"
        parser.add_argument(
            "--url", default=f"ws://127.0.0.1:{port}/ocpp/", help="where the ids go after the last slash; default: %(default)s"
        )
        parser.add_argument(
            "--stations", type=int, default=10, metavar="N", help="how many of the demo charge, fault and idle; default: 10"
        )
        parser.add_argument("--idle", type=int, default=0, metavar="N", help="how many more only stay connected")
        parser.add_argument("--identity", action="append", default=[], metavar="ID", help="a station of yours; may be repeated")
        parser.add_argument(
            "--password", action="append", default=[], metavar="P", help="its password, in the same order; one serves for all"
        )
        parser.add_argument("--card", action="append", default=[], metavar="UID", help="cards its drivers hold up; default: unknown ones")
        parser.add_argument("--make", choices=sorted(MAKES), help="default: alfen-double, or with --ocpp 2.0.1 alfen-201")
        parser.add_argument("--ocpp", choices=("1.6", "2.0.1"), help="the version it speaks; default: that of its make")
        parser.add_argument("--no-cars", action="store_true", help="your stations only do what the portal asks")
        parser.add_argument("--connectors", type=int, default=0, help="default: as the make has them")
        parser.add_argument("--speed", type=float, default=1.0, help="60 makes an hour last a minute")
        parser.add_argument(
            "--security-profile", type=int, choices=(0, 1, 2, 3),
            help="0 no password, 1 password, 2 password and TLS, 3 client certificate; default: 1, or 2 with a --url of wss://",
        )  # fmt: skip
        parser.add_argument(
            "--secure-url", metavar="URL",
            help="where it finds TLS when its profile is raised to 2 or 3, as it were set at the station; default: --url with wss://",
        )  # fmt: skip
        parser.add_argument(
            "--trust", metavar="FILE", help="the root (PEM) that signed the portal's certificate; default: the system's roots"
        )
        parser.add_argument("--certificate", metavar="FILE", help="the client certificate (PEM, with its chain) of your one station")
        parser.add_argument("--key", metavar="FILE", help="the key (PEM) of that certificate")
        parser.add_argument("--seed", type=int, help="the same seed makes the same days")
        parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["url"] if options["url"].endswith("/") else options["url"] + "/"
        if not url.startswith(("ws://", "wss://")):
            raise CommandError("--url must begin with ws:// or wss://.")
        if options["secure_url"] and not options["secure_url"].startswith("wss://"):
            raise CommandError("--secure-url must begin with wss://.")
        if options["speed"] <= 0:
            raise CommandError("--speed must be above 0.")
        if options["stations"] < 0 or options["idle"] < 0 or not 0 <= options["connectors"] <= 32:
            raise CommandError("--stations and --idle must not be negative, --connectors must be from 1 to 32.")
        memory = None
        if options["identity"]:
            known, lively = self.own(options), 0 if options["no_cars"] else len(options["identity"])
        else:
            known, lively = self.demo(options["stations"], options["idle"]), options["stations"]
            memory = settings.VAR_DIR / "simulator.json"
        fleet = Fleet(url, known, lively=lively, speed=options["speed"], seed=options["seed"], memory=memory, **security(options))
        self.stdout.write(f"{len(known)} simulated stations connect to {url}")
        if not options["identity"]:
            self.stdout.write(f"{known[-1].identity} is a stranger: refused until somebody adds it under Knocking.")
        self.stdout.flush()
        asyncio.run(live(fleet, with_parent=options["with_parent"]))

    def own(self, options: dict[str, Any]) -> list[Known]:
        identities, passwords = options["identity"], options["password"]
        if len(passwords) == 1:
            passwords *= len(identities)
        if options["security_profile"] in (0, 3) and not passwords:
            passwords = [""] * len(identities)
        if len(passwords) != len(identities):
            raise CommandError(f"{len(identities)} × --identity needs as many × --password, or one for all; there are {len(passwords)}.")
        make = options["make"] or ("alfen-201" if options["ocpp"] == "2.0.1" else "alfen-double")
        cards = options["card"] or list(UNKNOWN_CARDS)
        return [
            Known(identity, password, make, options["connectors"], cards=cards, begin="charging", version=options["ocpp"] or "")
            for identity, password in zip(identities, passwords, strict=True)
        ]

    def demo(self, lively: int, idle: int) -> list[Known]:
        kept = read_json(stations_file())
        if not kept:
            raise CommandError(
                "There are no demo stations. Run `manage.py demo` first, or name stations of yours with --identity and --password."
            )
        stations = kept["stations"]
        if lively + idle > len(stations):
            raise CommandError(f"The demo has {len(stations)} stations that can connect; --stations and --idle ask for {lively + idle}.")
        # And one that nobody has added yet: it knocks, and stays when an operator lets it in.
        return [Known(**entry) for entry in (*stations[: lively + idle], kept["stranger"])]


def security(options: dict[str, Any]) -> dict[str, Any]:
    """What the options say of TLS, for Link. CommandError for files that cannot be read."""
    found: dict[str, Any] = {"security_profile": options["security_profile"]}
    if bool(options["certificate"]) != bool(options["key"]):
        raise CommandError("--certificate and --key belong together.")
    if options["security_profile"] == 3 and not options["certificate"]:
        raise CommandError("Security profile 3 needs --certificate and --key.")
    if options["secure_url"]:
        found["secure_url"] = options["secure_url"].rstrip("/") + "/"
    try:
        if options["trust"]:
            found["tls"] = ssl.create_default_context(cafile=options["trust"])
        if options["certificate"]:
            found["client_certificate"] = Path(options["key"]).read_bytes(), Path(options["certificate"]).read_bytes()
    except (OSError, ValueError) as error:
        raise CommandError(f"A certificate cannot be read: {error}") from error
    return found


async def live(fleet: Fleet, *, with_parent: bool) -> None:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    watch = asyncio.create_task(end_with_parent(task)) if with_parent else None
    try:
        await fleet.run()
    except asyncio.CancelledError:
        pass  # told to end
    finally:
        if watch:
            watch.cancel()


async def end_with_parent(task: asyncio.Task[Any]) -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    task.cancel()
