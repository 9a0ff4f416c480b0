"""The dashboard: what needs attention first, then what runs, states and energy. A constant number of queries, whatever the fleet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from energycloud.attention import concerns
from stations import explain
from stations.cards import Faces
from stations.models import Connection, Connector, Location, Station, Transaction
from tenancy.models import Organization, User
from tenancy.rights import (
    MANAGE_LOCATIONS,
    MANAGE_ORGANIZATIONS,
    MANAGE_STATIONS,
    NOWHERE,
    READ_TRANSACTIONS,
    anywhere,
    condition,
    may,
    reach,
)
from tenancy.scope import Drill
from ui.templatetags.ui import own_zone

DAYS = 30
RUNNING = 12  # charges shown
# How long days that are over are remembered: they change only where a station was offline and reports late.
PAST_KEPT = 600  # seconds
CONNECTIONS = (Connection.ONLINE, Connection.PENDING, Connection.OFFLINE, Connection.NEVER, Connection.DEACTIVATED)


@dataclass(frozen=True)
class Tile:
    state: str
    label: Any
    count: int
    url: str


@dataclass(frozen=True)
class Step:
    """One of the first things to do in a new portal."""

    label: str
    done: bool
    url: str  # empty where this person may not do it


@dataclass(frozen=True)
class Day:
    day: date
    energy: int  # Wh of the transactions that began then
    sessions: int


def dashboard(request: HttpRequest) -> HttpResponse:
    """The part that changes is a fragment of its own: `?part=live`."""
    part = request.GET.get("part") == "live"
    return render(request, "energycloud/dashboard_live.html" if part else "energycloud/dashboard.html", context_of(request))


def context_of(request: HttpRequest) -> dict[str, Any]:
    user, drill = request.user, request.drill  # type: ignore[attr-defined]
    assert isinstance(user, User)
    scope = {"in": drill.token} if drill else {}
    zone = drill.place.zone if drill and drill.place else own_zone()

    def to(name: str, **query: Any) -> str:
        both = {**query, **scope}
        return reverse(name) + (f"?{urlencode(both)}" if both else "")

    stations = drill.limit(Station.objects.visible_to(user)).order_by()
    connections = dict(stations.with_connection().values_list("connection").annotate(Count("pk")))
    connectors = drill.limit(Connector.objects.visible_to(user)).order_by().filter(number__gt=0, station__active=True)
    drawing = Q(status__in=("Charging", "SuspendedEV", "SuspendedEVSE"), station__connected=True) & condition(
        user, READ_TRANSACTIONS, Connector
    )
    reported = list(connectors.values("status").annotate(count=Count("pk"), watts=Sum("power", filter=drawing)))
    statuses: Counter[str] = Counter({row["status"]: row["count"] for row in reported})
    transactions = drill.limit(Transaction.objects.visible_to(user)).order_by()
    running = transactions.filter(ended_at=None)
    shown = list(running.order_by("-started_at", "-pk").select_related("station__location__organization", "connector")[:RUNNING])
    cards = Faces(user, ((row.id_tag, row.station.location) for row in shown))
    days = _days(transactions, zone, f"{drill.token}:{reach(user, READ_TRANSACTIONS).key}")
    highest = max(days, key=lambda day: day.energy)
    return {
        "title": str(drill) if drill else _("Dashboard"),
        "concerns": concerns(user, drill, zone, connections),
        "anything": bool(connections),
        "steps": [] if connections else _first_steps(user, drill),
        "no_role": reach(user) == NOWHERE,
        "connections": [
            Tile(explain.connection(value).state, explain.connection(value).word, connections[value], to("stations", connection=value))
            for value in CONNECTIONS
            if connections.get(value)
        ],
        "statuses": [
            Tile(explain.status(value).state, explain.status(value).word, statuses[value], to("stations", status=value or "none"))
            for value in (*Connector.Status.values, "")
            if statuses.get(value)
        ],
        "sees_charges": sees_charges(user, drill),
        "running": [(row, (card := cards.of(row.id_tag, row.station.location)).name or card.number) for row in shown],
        "running_count": running.count(),
        "running_url": to("transactions", state="running"),
        "power": sum(row["watts"] or 0 for row in reported),
        "days": days,
        "today": days[-1],
        "month": {"energy": sum(day.energy for day in days), "sessions": sum(day.sessions for day in days)},
        "highest": highest,
        "month_url": to("transactions", since=days[0].day.isoformat()),
        "today_url": to("transactions", period="today"),
        "zone": zone,
        "live_topic": f"in:{drill.token if drill else 'all'}",
        "live_url": to("dashboard", part="live"),
    }


def sees_charges(user: User, drill: Drill) -> bool:
    """Whether this person may see transactions of anything within the scope."""
    if not drill:
        return anywhere(user, READ_TRANSACTIONS)
    if drill.place:
        return may(user, READ_TRANSACTIONS, drill.place)
    where = reach(user, READ_TRANSACTIONS)
    path = drill.organization.path if drill.organization else ""
    if where.covers(path) or any(held.startswith(path) for held in where.paths):
        return True
    return bool(where.places) and drill.limit(Location.objects.visible_to(user, READ_TRANSACTIONS)).exists()


def _first_steps(user: User, drill: Drill) -> list[Step]:
    scope = f"?{urlencode({'in': drill.token})}" if drill else ""

    def may(right: str, name: str) -> str:
        return reverse(name) + scope if anywhere(user, right) else ""

    steps = [
        Step(
            _("Add a location: an address where stations stand"),
            drill.limit(Location.objects.visible_to(user)).exists(),
            may(MANAGE_LOCATIONS, "location_add"),
        ),
        Step(_("Add its stations. The portal shows what to type into each"), False, may(MANAGE_STATIONS, "stations_add")),
    ]
    if not drill:  # else the organization is there
        first = Step(
            _("Add the organizations whose stations stand here; your own is there already"),
            Organization.objects.visible_to(user).exclude(pk=user.organization_id).exists(),
            may(MANAGE_ORGANIZATIONS, "organization_add"),
        )
        steps.insert(0, first)
    return steps


def _days(transactions: Any, zone: ZoneInfo, whose: str) -> list[Day]:
    """The last DAYS days in `zone`; the last one is today. `whose` names what `transactions` are limited to."""
    today = timezone.now().astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    key = f"dashboard-days:{first}:{zone.key}:{whose}"
    past = cache.get(key)
    if past is None:
        past = _by_day(transactions, first, today, zone)
        cache.set(key, past, PAST_KEPT)
    figures = past | _by_day(transactions, today, today + timedelta(days=1), zone)
    return [Day(day, *figures.get(day, (0, 0))) for day in (first + timedelta(days=number) for number in range(DAYS))]


def _by_day(transactions: Any, first: date, until: date, zone: ZoneInfo) -> dict[date, tuple[int, int]]:
    """(Wh, sessions) by the day they began. Energy below zero is a fault of a meter and counts for nothing until it is corrected."""
    since, before = (datetime.combine(day, time(), zone) for day in (first, until))
    rows = (
        transactions.filter(started_at__gte=since, started_at__lt=before)
        .with_energy()
        .annotate(day=TruncDate("started_at", tzinfo=zone))
        .values("day")
        .annotate(wh=Sum("energy", filter=Q(energy__gt=0)), sessions=Count("pk"))
    )
    return {row["day"]: (row["wh"] or 0, row["sessions"]) for row in rows}
