"""What the Overview shows, all of it live: a tile per connector, the last 24 hours, the latest activity, the recent commands."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from stations import addresses, explain, maintenance, stuck
from stations.cards import Faces
from stations.controls import Situation
from stations.explain import Fault, Meaning
from stations.models import (
    Availability,
    CardOffer,
    Command,
    Connection,
    Connector,
    MeterSample,
    MeterSeries,
    Station,
    StatusChange,
    Transaction,
    VendorCode,
)
from stations.ocpp.numbering import evse_of
from stations.ocpp.versions import PROTOCOLS
from stations.pages.command_rows import CommandRow, command_rows
from stations.pages.kept import Kept, kept_at
from stations.pages.out_of_service import Out
from stations.pages.sheet_head import Action, action, shown_outs
from stations.pages.stops import StopAsked, last_stop
from stations.pages.what_now_box import DAY, explain_url, what_now_context
from stations.timeline import happenings, kinds_for
from tenancy.links import link
from tenancy.rights import CORRECT_TRANSACTIONS, MANAGE_STATIONS, READ_TRANSACTIONS

Text = str | Promise

RECENT = 8  # commands shown
LOOKED_AT = 60  # commands among which is what was tried
LATEST = 5  # happenings shown
SPARK_HOURS, SPARK_SAMPLES = 6, 2000
SPARK_WIDTH, SPARK_HEIGHT = 150, 44
STRIP = timedelta(hours=24)
STRIP_WIDTH = 1440  # one unit per minute


@dataclass
class Charge:
    """The running transaction of a tile. Power in W, None when it is not known; `spark` is the path of its curve."""

    transaction: Transaction
    card: str
    card_url: str
    seconds: float
    power: float | None
    energy: int
    state_of_charge: float | None
    measured_at: datetime | None
    spark: str = ""
    spark_area: str = ""
    problems: list[str] = field(default_factory=list)
    close_url: str = ""  # where it looks stuck, for those who may


@dataclass
class Tile:
    connector: Connector
    status: Meaning
    switch: Meaning | None  # our switch, where it is not simply "in service"
    last_known: bool  # the station is not connected: the status is its last report
    fault: Fault | None
    codes: list[tuple[Text, str]]
    code: VendorCode | None  # what explains its vendor code
    explain_url: str
    stop: StopAsked | None
    charge: Charge | None
    actions: list[Action]
    reasons: list[tuple[str, list[str]]]
    outs: list[tuple[Out, Action | None]]
    maintenance: list[str] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)  # its reservations

    @property
    def state(self) -> str:
        """Of the six; without a connection nobody knows."""
        return explain.OFF if self.last_known else self.status.state

    @property
    def title(self) -> str:
        return _("Connector %s") % self.connector.shown

    @property
    def sentence(self) -> Text:
        """What its status means; one that our switch speaks against is not taken at its word."""
        if self.switch and self.switch.state == explain.OFF and self.connector.status == Connector.Status.AVAILABLE:
            return _("The station still reports it as free: it has not followed our switch yet.")
        if self.kept and self.connector.status == Connector.Status.AVAILABLE:
            return _("Free for the one for whom it is reserved.")
        return self.status.sentence

    @property
    def kind(self) -> str:
        """ "Type 2 socket · 22 kW", as far as it is known."""
        one = self.connector
        plug = f"{one.plug} {Connector.Format(one.format).label.lower()}".strip() if one.plug else str(Connector.Format(one.format).label)
        power = f"{one.max_power / 1000:.3g} kW" if one.max_power else ""
        return " · ".join(part for part in (plug, power) if part)


class Span(NamedTuple):
    """A piece of the strip: minutes from its left end."""

    x: float
    width: float
    state: str
    word: str


def overview_context(request: HttpRequest, situation: Situation, back: str) -> dict[str, Any]:
    """A constant number of queries, however many connectors, transactions and commands there are."""
    station = situation.station
    commands = Command.objects.visible_to(request.user).filter(station=station).select_related("requested_by")
    latest_commands = command_rows(commands.order_by("-created_at", "-pk")[:LOOKED_AT], situation)
    lately = [row for row in latest_commands if row.command.created_at >= situation.now - DAY]
    charges = _charges(request, situation)
    kept = kept_at(request.user, situation, back)
    kinds = kinds_for(request.user, station).keys() - {"command"}
    latest, _more = happenings(request.user, station, kinds=kinds, limit=LATEST)
    context: dict[str, Any] = {
        "station": station,
        "zone": station.location.zone,
        "now": situation.now,
        "here": back,
        "tiles": [_tile(situation, connector, back, latest_commands, charges, kept) for connector in situation.connectors],
        "kept": kept.get(0, []),
        "commands": latest_commands[:RECENT],
        "unreachable": situation.unreachable(),
        **what_now_context(situation, back, lately),
        "latest": latest,
        "strips": _strips(situation),
        "strip_width": STRIP_WIDTH,
        "spark_width": SPARK_WIDTH,
        "spark_height": SPARK_HEIGHT,
        "can_manage": situation.may(MANAGE_STATIONS),
        "never": situation.connection == Connection.NEVER,
        "fragment_url": link("station_overview", station.pk),
    }
    if context["never"]:
        context |= connect_context(request, situation.station)
    return context


def connect_context(request: HttpRequest, station: Station) -> dict[str, Any]:
    """Exactly what to type into the station."""
    scheme = "wss" if settings.HTTPS or request.is_secure() else "ws"
    base = f"{scheme}://{request.get_host()}/ocpp/"
    host = request.get_host().rpartition(":")[0] or request.get_host()
    return {
        "ocpp_url": base,
        "ocpp_tls_url": tls if (tls := addresses.tls_url(station)) != base else "",
        "ocpp_full_url": base + quote(station.identity, safe=""),
        "protocols": PROTOCOLS,
        "here_only": host in {"127.0.0.1", "localhost", "[::1]"},
    }


# -- tiles ------------------------------------------------------------------------------------------------------------------------------


def _tile(
    situation: Situation, connector: Connector, back: str, commands: list[CommandRow], charges: dict[int, Charge],
    kept: dict[int, list[Kept]],
) -> Tile:  # fmt: skip
    fault = explain.fault(connector.error_code, connector.status)
    codes: list[tuple[Text, str]] = []
    if fault:
        if connector.error_code and connector.error_code != "NoError":
            codes.append((_("Error code"), connector.error_code))
        if connector.vendor_error_code:
            codes.append((_("Vendor code"), connector.vendor_error_code))
    if connector.info:
        codes.append((_("Info"), connector.info))
    charge = charges.get(connector.pk)
    slugs = ["stop" if situation.transaction_at(connector) else "start"]
    if not connector.is_dc:  # of DC the head says why not, once
        slugs.append("unlock")
    if not situation.transaction_at(connector) and not situation.lacks("reserve") and not kept.get(evse_of(connector.number)):
        slugs.append("reserve")
    in_service = connector.availability == Availability.OPERATIVE and situation.availability == Availability.OPERATIVE
    own_switch = connector.availability == Availability.OPERATIVE
    if not own_switch or situation.stays_out(connector):
        slugs.append("operative")
    if own_switch:
        slugs.append("inoperative")
    code = situation.codes.of(connector.vendor_error_code, connector.info) if fault or connector.vendor_error_code else None
    running = situation.transaction_at(connector)
    actions = [action(situation, slug, back, connector, place="t") for slug in slugs]
    grouped: dict[str, list[str]] = {}
    for one in actions:
        if one.reason:
            grouped.setdefault(one.reason, []).append(str(one.label))
    return Tile(
        connector=connector,
        status=situation.status(connector),
        switch=None if in_service else explain.availability(situation.availability if own_switch else connector.availability),
        last_known=not situation.station.connected and situation.connection != Connection.NEVER,
        fault=fault,
        codes=codes,
        code=code,
        explain_url="" if code or not fault else explain_url(situation, connector.vendor_error_code, back),
        stop=last_stop(running, commands) if running else None,
        charge=charge,
        actions=actions,
        reasons=[] if situation.unreachable() else list(grouped.items()),
        outs=shown_outs(situation, back, connector.number),
        maintenance=[
            maintenance.told(window, situation.station.location.zone, situation.now)
            for window in maintenance.open_now(situation)
            if window.connector_number == connector.number
        ],
        kept=kept.get(evse_of(connector.number), []),
    )


def _charges(request: HttpRequest, situation: Situation) -> dict[int, Charge]:
    running = situation.running
    if not running or not situation.may(READ_TRANSACTIONS):
        return {}
    location = situation.station.location
    tags = {transaction.id_tag for transaction in running.values()}
    cards = Faces(request.user, ((tag, location) for tag in tags))
    offers = CardOffer.objects.visible_to(request.user).filter(station=situation.station, id_tag__in=tags).exclude(holder="")
    holders = dict(offers.order_by("at").values_list("id_tag", "holder")[:200])
    curves = _curves(running, situation.now)
    found: dict[int, Charge] = {}
    for connector in situation.connectors:
        transaction = running.get(connector.pk)
        if transaction is None:
            continue
        fresh = connector.measured_at is not None and connector.measured_at >= transaction.start_received_at
        line, area = curves.get(connector.pk, ("", ""))
        card = cards.of(transaction.id_tag, location, holders.get(transaction.id_tag, ""))
        found[connector.pk] = Charge(
            transaction=transaction,
            card=str(card),
            card_url=card.url,
            seconds=(situation.now - transaction.started_at).total_seconds(),
            power=connector.power if fresh else None,
            energy=transaction.energy_wh,
            state_of_charge=connector.state_of_charge if fresh else None,
            measured_at=connector.measured_at if fresh else None,
            spark=line,
            spark_area=area,
            problems=transaction.problem_labels,
            close_url=_close_url(situation, transaction, connector),
        )
    return found


def _close_url(situation: Situation, row: Transaction, connector: Connector) -> str:
    row.station, row.connector = situation.station, connector
    looks_stuck = situation.may(CORRECT_TRANSACTIONS) and stuck.may_be(row)
    return link("transaction_close", row.pk, next=row.station.get_absolute_url()) if looks_stuck else ""


def _curves(running: dict[int, Transaction], now: datetime) -> dict[int, tuple[str, str]]:
    """Per connector the power since its charge began (at most SPARK_HOURS back) as SVG paths: (line, area)."""
    since = max(now - timedelta(hours=SPARK_HOURS), min(transaction.started_at for transaction in running.values()))
    series: dict[int, tuple[int, str, str]] = {}
    for pk, connector, unit, phase in MeterSeries.objects.filter(
        connector__in=running, measurand="Power.Active.Import", context="Sample.Periodic"
    ).values_list("pk", "connector_id", "unit", "phase"):
        series[pk] = (connector, unit, phase)
    whole = {connector for connector, _unit, phase in series.values() if not phase}
    samples = MeterSample.objects.filter(series__in=series, at__gte=since).order_by("-at").values_list("series_id", "at", "value")
    power: dict[int, dict[datetime, float]] = defaultdict(lambda: defaultdict(float))
    for pk, at, value in samples[:SPARK_SAMPLES]:
        connector, unit, phase = series[pk]
        # Where the station gives the sum too, its phases would count twice.
        if (phase and connector in whole) or at < running[connector].started_at:
            continue
        power[connector][at] += value * 1000 if unit == "kW" else value
    return {connector: _path(points) for connector, points in power.items() if len(points) > 1}


def _path(points: dict[datetime, float]) -> tuple[str, str]:
    times = sorted(points)
    start, length = times[0], (times[-1] - times[0]).total_seconds() or 1.0
    peak = max(max(points.values()), 1.0)
    step = max(1, len(times) // SPARK_WIDTH)
    drawn = [*times[:-1:step], times[-1]]
    corners = [
        f"{(at - start).total_seconds() / length * SPARK_WIDTH:.1f} {SPARK_HEIGHT - 2 - points[at] / peak * (SPARK_HEIGHT - 6):.1f}"
        for at in drawn
    ]
    line = "M" + " L".join(corners)
    return line, f"{line} L{SPARK_WIDTH} {SPARK_HEIGHT} L0 {SPARK_HEIGHT} Z"


# -- the last 24 hours ------------------------------------------------------------------------------------------------------------------


def _strips(situation: Situation) -> list[tuple[Connector, list[Span]]]:
    """What each connector reported over the last 24 hours."""
    since = situation.now - STRIP
    keys = [connector.pk for connector in situation.connectors]
    before = StatusChange.objects.filter(connector=OuterRef("pk"), at__lt=since).order_by("-at", "-pk").values("status")[:1]
    first = dict(Connector.objects.filter(pk__in=keys).annotate(before=Subquery(before)).values_list("pk", "before"))
    changes: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    rows = StatusChange.objects.filter(connector__in=keys, at__gte=since).order_by("at", "pk")
    for pk, at, status in rows.values_list("connector_id", "at", "status")[:5000]:
        changes[pk].append((at, status))
    strips = []
    for connector in situation.connectors:
        steps = [(since, first.get(connector.pk) or ""), *changes[connector.pk]]
        if any(status for _at, status in steps):
            strips.append((connector, _spans(steps, situation.now)))
    return strips


def _spans(steps: list[tuple[datetime, str]], now: datetime) -> list[Span]:
    spans: list[Span] = []
    since = steps[0][0]
    for (at, status), end in zip(steps, [*(at for at, _status in steps[1:]), now], strict=True):
        x, width = (at - since).total_seconds() / 60, (end - at).total_seconds() / 60
        meaning = explain.status(status)
        if width <= 0:
            continue
        if spans and spans[-1].state == meaning.state:
            last = spans.pop()
            spans.append(last._replace(width=round(x + width - last.x, 1)))
        else:
            spans.append(Span(round(x, 1), round(width, 1), meaning.state, str(meaning.word)))
    return spans
