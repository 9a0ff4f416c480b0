"""What needs somebody: in plain words, how many, the first few of them, and where each is mended. In a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext

from stations import explain
from stations.models import Connection, Connector, Knock, Station, Transaction, UnmatchedMessage
from tenancy.models import User
from tenancy.scope import Drill

FIRST = 4  # shown of each kind
CLOCK_WRONG = 60.0  # seconds
TOO_LONG = timedelta(hours=24)
LATELY = timedelta(days=7)


@dataclass(frozen=True)
class Item:
    name: str
    url: str
    remark: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Concern:
    state: str  # one of the six
    sentence: str
    url: str  # the list of all of them
    items: list[Item] = field(default_factory=list)
    more: int = 0


def concerns(user: User, drill: Drill) -> list[Concern]:
    """The worst first."""

    def mine(model: Any) -> Any:
        return drill.limit(model.objects.visible_to(user))

    scope = {"in": drill.token} if drill else {}
    found: list[Concern] = []

    def add(rows: QuerySet[Any], mood: str, sentence: Callable[[int], str], url: str, item: Callable[[Any], Item], **query: str) -> None:
        count = rows.count()
        if count:
            items = [item(row) for row in rows[:FIRST]]
            found.append(Concern(mood, sentence(count), f"{reverse(url)}?{urlencode({**query, **scope})}", items, count - len(items)))

    stations = mine(Station).with_connection().select_related("location")
    faulted = mine(Connector).filter(status=Connector.Status.FAULTED, station__active=True, station__connected=True)
    add(
        faulted.select_related("station__location").order_by("-status_at", "pk"),
        explain.FAULT,
        lambda n: ngettext("%d connector reports a fault", "%d connectors report a fault", n) % n,
        "stations",
        lambda row: Item(
            f"{row.station} · {row.number}" if row.number else str(row.station),
            row.station.get_absolute_url(),
            " ".join(part for part in (row.error_code, row.vendor_error_code) if part),
            row.status_at,
        ),
        status=Connector.Status.FAULTED,
    )
    add(
        stations.filter(connection=Connection.OFFLINE).order_by("-disconnected_at", "pk"),
        explain.FAULT,
        lambda n: ngettext("%d station is offline", "%d stations are offline", n) % n,
        "stations",
        lambda row: Item(str(row), row.get_absolute_url(), row.location.name, row.last_message_at or row.disconnected_at),
        connection=Connection.OFFLINE,
    )
    add(
        mine(UnmatchedMessage).filter(resolved_at=None).select_related("station").order_by("-last_at", "pk"),
        explain.WAITING,
        lambda n: ngettext("%d message belongs to no transaction we know", "%d messages belong to no transaction we know", n) % n,
        "inbox",
        lambda row: Item(str(row.station), f"{reverse('inbox')}?{urlencode(scope)}", row.action, row.last_at),
    )
    now, transactions = timezone.now(), mine(Transaction).select_related("station")
    add(
        mine(Transaction)
        .exclude(problems=[])
        .filter(started_at__gte=now - LATELY)
        .select_related("station")
        .order_by("-started_at", "-pk"),
        explain.WAITING,
        lambda n: ngettext("%d transaction of the last 7 days has a problem", "%d transactions of the last 7 days have a problem", n) % n,
        "transactions",
        lambda row: Item(str(row.station), row.get_absolute_url(), ", ".join(row.problem_labels[:1]), row.started_at),
        state="problem",
        period="week",
    )
    add(
        transactions.filter(ended_at=None, started_at__lt=now - TOO_LONG).order_by("started_at", "pk"),
        explain.WAITING,
        lambda n: ngettext("%d transaction runs for more than a day", "%d transactions run for more than a day", n) % n,
        "transactions",
        lambda row: Item(str(row.station), row.get_absolute_url(), row.id_tag, row.started_at),
        state="running",
    )
    if user.organization.parent_id is None and not drill:
        add(
            Knock.objects.order_by("-last_at"),
            explain.WAITING,
            lambda n: ngettext("%d station knocks and is not let in", "%d stations knock and are not let in", n) % n,
            "knocking",
            lambda row: Item(row.identity, reverse("knocking"), row.get_reason_display(), row.last_at),
        )
    add(
        stations.filter(connected=True).filter(Q(clock_offset__gt=CLOCK_WRONG) | Q(clock_offset__lt=-CLOCK_WRONG)).order_by("identity"),
        explain.WAITING,
        lambda n: ngettext("%d station has a wrong clock", "%d stations have a wrong clock", n) % n,
        "stations",
        lambda row: Item(str(row), row.get_absolute_url(), row.location.name),
        clock="wrong",
    )
    add(
        stations.filter(connection=Connection.NEVER).order_by("-created_at", "pk"),
        explain.OFF,
        lambda n: ngettext("%d station was added and has not connected yet", "%d stations were added and have not connected yet", n) % n,
        "stations",
        lambda row: Item(str(row), row.get_absolute_url(), row.location.name, row.created_at),
        connection=Connection.NEVER,
    )
    return found
