"""What needs somebody: in plain words, how many, the first few of them, and where each is mended. In a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from passes import local_list_sync
from passes.models import LocalList
from stations import command_words, explain
from stations.models import Command, Connection, Connector, Knock, Station, Transaction, UnmatchedMessage
from tenancy.links import link
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS, at_platform
from tenancy.scope import Drill
from ui.templatetags.ui import duration

FIRST = 4  # shown of each kind
CLOCK_WRONG = 60.0  # seconds
LATELY = timedelta(hours=24)
NOT_DONE = (Command.State.REJECTED, Command.State.FAILED, Command.State.TIMED_OUT, Command.State.EXPIRED)


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
    url: str  # the list of all of them; empty where there is none
    items: list[Item] = field(default_factory=list)
    more: int = 0
    help: str = ""  # the page of the help that explains it


def concerns(user: User, drill: Drill, zone: ZoneInfo, connections: Mapping[str, int]) -> list[Concern]:
    """The worst first. Days are those of `zone`; `connections` counts the stations by connection."""

    def mine(model: Any) -> Any:
        return drill.limit(model.objects.visible_to(user))

    scope = {"in": drill.token} if drill else {}
    found: list[Concern] = []

    def add(
        rows: QuerySet[Any],
        state: str,
        sentence: Callable[[int], str],
        url: str,
        item: Callable[[Any], Item],
        *,
        query: Mapping[str, str] | None = None,
        count: int | None = None,
        help: str = "",
    ) -> None:
        number = rows.order_by().count() if count is None else count
        if number:
            items = [item(row) for row in rows[:FIRST]]
            everything = {**(query or {}), **scope}
            link = reverse(url) + (f"?{urlencode(everything)}" if everything else "") if url else ""
            found.append(Concern(state, sentence(number), link, items, number - len(items), help))

    now = timezone.now()
    today = now.astimezone(zone).date()
    week, yesterday = (datetime.combine(today - timedelta(days=days), time(), zone) for days in (6, 1))
    stations = mine(Station).with_connection(now).select_related("location")
    transactions = mine(Transaction).select_related("station__location")

    add(
        mine(Connector)
        .filter(status=Connector.Status.FAULTED, station__active=True)
        .select_related("station__location")
        .order_by("-status_at", "pk"),
        explain.FAULT,
        lambda n: ngettext("%d connector reports a fault", "%d connectors report a fault", n) % n,
        "stations",
        lambda row: Item(
            f"{row.station.name_and_id} · {row.number}" if row.number else row.station.name_and_id,
            row.station.get_absolute_url(),
            " ".join(part for part in (row.error_code, row.vendor_error_code) if part and part != "NoError"),
            row.status_at,
        ),
        query={"status": Connector.Status.FAULTED},
        help="statuses",
    )
    add(
        stations.filter(connection=Connection.OFFLINE).order_by("-last_message_at", "pk"),
        explain.FAULT,
        lambda n: ngettext("%d station is offline", "%d stations are offline", n) % n,
        "stations",
        lambda row: Item(row.name_and_id, row.get_absolute_url(), row.location.name, row.last_message_at or row.disconnected_at),
        query={"connection": Connection.OFFLINE},
        count=connections.get(Connection.OFFLINE, 0),
        help="offline",
    )
    add(
        mine(UnmatchedMessage).filter(resolved_at=None).select_related("station").order_by("-last_at", "pk"),
        explain.WAITING,
        lambda n: ngettext("%d message belongs to no transaction we know", "%d messages belong to no transaction we know", n) % n,
        "inbox",
        lambda row: Item(row.station.name_and_id, row.station.get_absolute_url(), row.action, row.last_at),
        help="inbox",
    )
    add(
        transactions.to_review().exclude(problems=[]).filter(started_at__gte=week).order_by("-started_at", "-pk"),
        explain.WAITING,
        lambda n: ngettext("%d transaction of the last 7 days has a problem", "%d transactions of the last 7 days have a problem", n) % n,
        "transactions",
        lambda row: Item(row.station.name_and_id, row.get_absolute_url(), ", ".join(row.problem_labels[:1]), row.started_at),
        query={"state": "problem", "period": "week"},
        help="inbox",
    )
    add(
        transactions.filter(ended_at=None, started_at__lt=yesterday).order_by("started_at", "pk"),
        explain.WAITING,
        lambda n: ngettext("%d transaction runs for more than a day", "%d transactions run for more than a day", n) % n,
        "transactions",
        lambda row: Item(row.station.name_and_id, row.get_absolute_url(), row.station.location.name, row.started_at),
        query={"state": "running", "until": str(today - timedelta(days=2))},
        help="charging",
    )
    add(
        mine(LocalList).filter(state=LocalList.State.FAILED).select_related("station").order_by("-failures", "pk"),
        explain.WAITING,
        lambda n: ngettext("%d station refuses its local list", "%d stations refuse their local lists", n) % n,
        "",
        lambda row: Item(row.station.name_and_id, link("station_local_list", row.station_id), "", row.synced_at),
        help="offline-cards",
    )
    add(
        mine(LocalList)
        .filter(state=LocalList.State.UNANSWERED, failures__gt=local_list_sync.SOON)
        .select_related("station")
        .order_by("-failures", "pk"),
        explain.WAITING,
        lambda n: (
            ngettext(
                "%d station does not answer when it is sent its local list",
                "%d stations do not answer when they are sent their local lists",
                n,
            )
            % n
        ),
        "",
        lambda row: Item(row.station.name_and_id, link("station_local_list", row.station_id), "", row.synced_at),
        help="offline-cards",
    )
    done_later = Command.objects.filter(
        station=OuterRef("station"), action=OuterRef("action"), created_at__gt=OuterRef("created_at"), state=Command.State.ACCEPTED
    )
    add(
        mine(Command)
        .filter(state__in=NOT_DONE, created_at__gte=now - LATELY)
        .exclude(origin=local_list_sync.ORIGIN)  # what becomes of these the lists themselves tell
        .exclude(Exists(done_later))
        .select_related("station__location__organization")
        .order_by("-created_at", "-pk"),
        explain.WAITING,
        lambda n: ngettext("%d command of the last 24 hours failed", "%d commands of the last 24 hours failed", n) % n,
        "",
        lambda row: Item(
            row.station.name_and_id,
            link("station_activity", row.station_id),
            f"{command_words.command_title(row, user, charge='')}: {row.get_state_display()}",
            row.created_at,
        ),
        help="commands",
    )
    if at_platform(user, MANAGE_STATIONS) and not drill:
        add(
            Knock.objects.order_by("-last_at"),
            explain.WAITING,
            lambda n: ngettext("%d station knocks and is not let in", "%d stations knock and are not let in", n) % n,
            "knocking",
            lambda row: Item(row.identity, reverse("knocking"), row.get_reason_display(), row.last_at),
            help="connect",
        )
    add(
        stations.filter(connected=True).filter(Q(clock_offset__gt=CLOCK_WRONG) | Q(clock_offset__lt=-CLOCK_WRONG)).order_by("identity"),
        explain.WAITING,
        lambda n: ngettext("%d station has a wrong clock", "%d stations have a wrong clock", n) % n,
        "stations",
        lambda row: Item(row.name_and_id, row.get_absolute_url(), _clock(row.clock_offset)),
        query={"problem": "clock"},
        help="logs",
    )
    add(
        stations.filter(connection=Connection.NEVER).order_by("-created_at", "pk"),
        explain.OFF,
        lambda n: ngettext("%d station was added and has not connected yet", "%d stations were added and have not connected yet", n) % n,
        "stations",
        lambda row: Item(row.name_and_id, row.get_absolute_url(), row.location.name, row.created_at),
        query={"connection": Connection.NEVER},
        count=connections.get(Connection.NEVER, 0),
        help="connect",
    )
    return found


def _clock(offset: float) -> str:
    text = duration(abs(offset))
    return _("%s fast") % text if offset > 0 else _("%s slow") % text
