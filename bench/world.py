"""The benchmark's side of the database, each call a process of its own.

`world.py prepare N`, `world.py commands SECONDS RATE`, `world.py count`. Prints JSON. Runs in the environment of
`engines.Engines.environment()`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.db.models import Count  # noqa: E402

from passes.models import ChargePass, Listing  # noqa: E402
from stations import credentials  # noqa: E402
from stations.actions import CommandRefused, request_command  # noqa: E402
from stations.models import (  # noqa: E402
    Command,
    Connector,
    Frame,
    Location,
    MeterSample,
    Station,
    StatusChange,
    Transaction,
    UnmatchedMessage,
)
from tenancy.actions import create_organization  # noqa: E402
from tenancy.models import Organization  # noqa: E402

PASSWORD = "bench-password-0123456789"
CUSTOMERS = 20
COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
    ("GetConfiguration", {"key": ["HeartbeatInterval"]}),
    ("ClearCache", {}),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "300"}),
    ("UnlockConnector", {"connectorId": 1}),
]


def prepare(count: int) -> None:
    """A platform, CUSTOMERS customers with a location each, and `count` stations of two connectors and as many passes spread over them."""
    root = Organization.objects.filter(parent=None).first() or create_organization(actor=None, parent=None, kind="platform", name="Bench")
    locations, tags = [], [f"04A2B3C4D5{number:04X}" for number in range(count)]
    for number in range(CUSTOMERS):
        customer = create_organization(actor=None, parent=root, kind="customer", name=f"Customer {number}")
        locations.append(Location.objects.create(organization=customer, name=f"Location {number}"))
    # A card for each station: one that charges at another already is refused
    passes = ChargePass.objects.bulk_create(
        (ChargePass(organization=locations[i % CUSTOMERS].organization, uid=tag, nickname=f"Pass {i}") for i, tag in enumerate(tags)),
        batch_size=2000,
    )
    Listing.objects.bulk_create(
        (Listing(charge_pass=one, organization_id=one.organization_id, uid=one.uid, whitelist=True) for one in passes), batch_size=2000
    )
    digest = credentials.digest(PASSWORD)
    stations = Station.objects.bulk_create(
        [Station(location=locations[i % CUSTOMERS], identity=f"bench-{i:05d}", password_digest=digest) for i in range(count)],
        batch_size=2000,
    )
    Connector.objects.bulk_create([Connector(station=station, number=number) for station in stations for number in (0, 1)], batch_size=4000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(json.dumps({"password": PASSWORD, "stations": [(station.identity, tags[i]) for i, station in enumerate(stations)]}))


def commands(seconds: float, rate: float) -> None:
    """Waits for a line on standard input, then asks connected stations for something, `rate` times a second. Prints {command: written}."""
    stations = list(Station.objects.filter(connected=False).select_related("location__organization"))  # warms the connection up
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    stations = list(Station.objects.filter(connected=True, ocpp_version="1.6").select_related("location__organization"))
    if not stations:
        sys.exit("No station is connected.")
    random.Random(16).shuffle(stations)
    written: dict[int, float] = {}
    refused: list[str] = []
    began = time.monotonic()
    for number in range(int(seconds * rate)):
        if (rest := began + number / rate - time.monotonic()) > 0:
            time.sleep(rest)
        if time.monotonic() > began + seconds:
            break
        action, payload = COMMANDS[number % len(COMMANDS)]
        committed: list[float] = []
        try:
            with transaction.atomic():
                # Registered first, so it runs first after the commit: before the nudge goes out.
                transaction.on_commit(lambda committed=committed: committed.append(time.monotonic()))  # type: ignore[misc]
                station = stations[number % len(stations)]
                command = request_command(actor=None, station=station, action=action, payload=payload, origin="bench")
        except CommandRefused as refusal:
            refused.append(f"{refusal.code}: {refusal}")
            continue
        written[command.pk] = committed[0]
    time.sleep(2)  # the last answers
    rows = list(Command.objects.filter(pk__in=written).values_list("pk", "message_id", "state"))
    states = Counter(state for _pk, _message_id, state in rows)
    at = {message_id: written[pk] for pk, message_id, _state in rows if message_id}
    print(json.dumps({"written": at, "asked": len(written), "refused": refused, "states": states}))


def count() -> None:
    """What the database holds of what the stations said."""
    frames = dict(Frame.objects.filter(direction="in").values_list("action").annotate(n=Count("pk")))
    unanswered = Frame.objects.filter(direction="in", answered_at=None).count()
    print(
        json.dumps(
            {
                "frames": frames,
                "unanswered": unanswered,
                "failed": Frame.objects.filter(direction="in", failed=True).count(),
                "samples": MeterSample.objects.filter(series__context="Sample.Periodic").count(),
                "transactions": Transaction.objects.count(),
                "ended": Transaction.objects.exclude(ended_at=None).count(),
                "problems": Transaction.objects.exclude(problems=[]).count(),
                "inbox": UnmatchedMessage.objects.count(),
                "status_changes": StatusChange.objects.count(),
            }
        )
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare", number]:
            prepare(int(number))
        case ["commands", seconds, rate]:
            commands(float(seconds), float(rate))
        case ["count"]:
            count()
        case _:
            sys.exit(__doc__)
