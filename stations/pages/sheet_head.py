"""The head that all tabs of a station's data sheet share: where it hangs, its three states, facts with their source, what can be asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, Max
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import certificate_words, explain, hooks, maintenance, security_events
from stations.controls import CONTROLS, Situation
from stations.models import Availability, Command, Connection, Connector, CurrentType, Deviation, SecurityEvent, Station
from stations.ocpp.intents import LOG_STATUS, SECURITY_LOG_STATUS, SIGNED_FIRMWARE_STATUS
from stations.pages.command_rows import CommandRow, command_rows
from stations.pages.out_of_service import Out, outs
from tenancy.links import link
from tenancy.models import Organization
from tenancy.rights import (
    MANAGE_STATIONS,
    PERSONAL_DATA,
    READ,
    READ_AUDIT,
    READ_CONFIGURATION,
    READ_LOGS,
    READ_TRANSACTIONS,
    SEND_ANYTHING,
    may,
)
from ui.templatetags.ui import duration, exact

Text = str | Promise

# name, label, page, the right that it needs
TABS: tuple[tuple[str, Text, str, str], ...] = (
    ("overview", lazy("Overview"), "station", READ),
    ("transactions", lazy("Transactions"), "station_transactions", READ_TRANSACTIONS),
    ("activity", lazy("Activity"), "station_activity", READ),
    ("availability", lazy("Availability"), "station_availability", READ),
    ("configuration", lazy("Configuration"), "station_configuration", READ_CONFIGURATION),
    ("profiles", lazy("Smart charging"), "station_profiles", READ),
    ("logs", lazy("Logs"), "station_logs", READ_LOGS),
    ("files", lazy("Firmware and logs"), "station_files", READ),
    ("reservations", lazy("Reservations"), "station_reservations", READ),
    ("care", lazy("Maintenance and notes"), "station_care", READ),
    ("details", lazy("Details"), "station_details", READ),
    ("console", lazy("Console"), "station_console", SEND_ANYTHING),
    ("history", lazy("History"), "station_history", READ_AUDIT),
)
CLOCK_WRONG_FROM = 60.0  # seconds
WITH_COMMANDS = frozenset({"overview", "activity"})  # tabs that list commands themselves
ALARM = timedelta(hours=24)  # so long a critical security event is told here
MOST_ALARMS = 3
JUST_NOW, MOST_ASKED = timedelta(minutes=5), 3  # what one has asked oneself is told this long, so many at most


def all_tabs() -> list[tuple[str, Text, str, str]]:
    """With those of the apps above, after the configuration."""
    return [*TABS[:5], *hooks.sheet_tabs, *TABS[5:]]


class Fact(NamedTuple):
    """A fact of the head; `source` says where it comes from, `at` is shown as a time."""

    label: Text
    value: Text = ""
    source: Text = ""
    url: str = ""
    at: datetime | None = None


class State(NamedTuple):
    """One of the three states, each named apart by its label."""

    label: Text
    state: str
    word: Text
    sentence: Text


class Action(NamedTuple):
    """A button. With a `reason` it is grey; `asks` leads to the page that asks first, else a POST does it at once."""

    slug: str
    label: Text
    icon: str
    url: str
    reason: str
    asks: bool
    connector: int = 0
    message: str = ""
    key: str = ""  # tells buttons of one page apart

    @property
    def dom_id(self) -> str:
        return f"do-{self.slug}-{self.connector}{self.key}"


class Menu(NamedTuple):
    """Actions together in a menu, or side by side where it has no label. `narrow`: shown on the phone only, else from there up only."""

    name: str
    label: Text
    icon: str
    actions: list[Action]
    narrow: bool = False

    @property
    def reason(self) -> str:
        """Why none of it can be used; empty when something can."""
        return "" if any(not one.reason for one in self.actions) else next((one.reason for one in self.actions), "")


def action(
    situation: Situation,
    slug: str,
    back: str,
    connector: Connector | None = None,
    *,
    label: Text = "",
    message: str = "",
    place: str = "",
) -> Action:
    control = CONTROLS[slug]
    asks = control.asks in {"always", "input"} or bool(situation.harms(slug, connector))
    url = reverse("station_command", args=[situation.station.pk, slug])
    if asks:
        given = {"next": back} | ({"connector": str(connector.number)} if connector else {})
        url = f"{url}?{urlencode(given)}"
    number = connector.number if connector else 0
    reason = situation.why_not(slug, connector)
    return Action(slug, label or control.label, control.icon, url, reason, asks, number, message, place + message)


def sheet_context(request: HttpRequest, station: Station, active: str, situation: Situation | None = None) -> dict[str, Any]:
    """What `stations/sheet.html` needs, for the tab named `active`, or a page of no tab (""). `station` comes from `get_for`, with location
    and organization."""
    situation = situation or Situation(request.user, station)
    back = link(next((name for tab, _label, name, _right in all_tabs() if tab == active), "station"), station.pk)
    return {
        "title": str(station),
        "station": station,
        "zone": station.location.zone,
        "tabs": _tabs(request, station, active),
        "active_tab": active,
        "breadcrumbs": _breadcrumbs(request, station),
        "here": back,
        **head(situation, back, active),
        "head_url": f"{reverse('station_head', args=[station.pk])}?{urlencode({'tab': active, 'in': request.GET.get('in', '')})}",
    }


def head(situation: Situation, back: str, active: str = "") -> dict[str, Any]:
    """The part of the head that changes while one looks at it, on the tab named `active`."""
    station = situation.station
    primary, menus = _actions(situation, back)
    return {
        "states": _states(situation),
        "facts": _facts(situation),
        "warnings": _warnings(situation),
        "asked": [] if active in WITH_COMMANDS else asked_lately(situation),
        "outs": shown_outs(situation, back),
        "primary": primary,
        "menus": menus,
        "reasons": _reasons(primary, menus),
        "can_manage": situation.may(MANAGE_STATIONS),
        "now": situation.now,
        "station": station,
    }


def asked_lately(situation: Situation) -> list[CommandRow]:
    """What this person has asked the station just now, the newest first."""
    since = situation.now - JUST_NOW
    rows = Command.objects.visible_to(situation.user).filter(station=situation.station, created_at__gte=since)
    own = rows.filter(requested_by=situation.user.pk).select_related("requested_by")
    return command_rows(own.order_by("-created_at", "-pk")[:MOST_ASKED], situation)


def shown_outs(situation: Situation, back: str, number: int = 0) -> list[tuple[Out, Action | None]]:
    """What is out of service of the station (0; that it is deactivated too) or of a connector, with the button that ends it."""
    found: list[tuple[Out, Action | None]] = []
    for out in outs(situation):
        if (out.connector_number or 0) != number:
            continue
        button = None
        if out.connector_number is not None:
            connector = situation.connector(number)
            button = action(situation, "operative", back, connector if number else None, label=_("Put in service now"), place=f"o{number}")
        found.append((out, button))
    return found


def _breadcrumbs(request: HttpRequest, station: Station) -> list[tuple[str, str]]:
    """The chain of organizations from the topmost that the person may see, then the location."""
    own = station.location.organization
    above = Organization.objects.visible_to(request.user).filter(pk__in=own.ancestor_ids).in_tree_order()
    shown = [*above, own, station.location]
    return [(str(place), place.get_absolute_url() if place is not own or may(request.user, READ, own) else "") for place in shown]


def _tabs(request: HttpRequest, station: Station, active: str) -> list[tuple[Text, str, bool, None]]:
    shown = [one for one in all_tabs() if may(request.user, one[3], station)]
    return [(label, link(name, station.pk), tab == active, None) for tab, label, name, _right in shown]


def _states(situation: Situation) -> list[State]:
    connection = explain.connection(situation.connection)
    if situation.connection == Connection.ONLINE and not situation.station.connected:
        connection = connection._replace(sentence=_("It was connected until a moment ago. Stations usually come back within a minute."))
    availability = explain.availability(situation.availability)
    status = explain.status(situation.whole.status if situation.whole else "", 0)
    label = _("OCPP status of the station")
    if not situation.station.connected and situation.whole and situation.whole.status:  # what it is like now nobody knows
        label, status = _("OCPP status, last reported"), status._replace(state=explain.OFF)
    return [State(_("Connection"), *connection), State(_("Availability, our switch"), *availability), State(label, *status)]


def _facts(situation: Situation) -> list[Fact]:
    station = situation.station
    told = _("told by the station")
    make = " ".join(part for part in (station.vendor, station.model) if part)
    access = station.effective_access_mode
    current = [str(CurrentType(station.current_type).label)]
    if station.current_type == CurrentType.AC:
        current.append(_("1 phase") if station.phases == 1 else _("3 phases"))
    if station.max_current:
        current.append(_("%d A") % station.max_current)
    facts = [
        Fact(_("Make and model"), make or _("not known yet"), told if make else _("the station tells it when it starts")),
        Fact(_("Firmware"), station.firmware_version or _("not known yet"), told if station.firmware_version else ""),
        Fact(
            _("Access mode"),
            str(access.label),
            _("set at this station") if station.access_mode else _("from location"),
            url=link("station_access", station.pk) if situation.may(MANAGE_STATIONS) else "",
        ),
        Fact(_("Location"), str(station.location), station.location.address, url=station.location.get_absolute_url()),
        Fact(_("Technical data"), ", ".join(current), _("entered here")),
    ]
    if station.ocpp_version:
        version = station.ocpp_version.removeprefix("ocpp")
        facts.append(Fact(_("OCPP version"), version, _("agreed at the connection"), url=link("help_page", "versions")))
    if ways := Deviation.objects.visible_to(situation.user).filter(station=station).count():
        said = ngettext("deviates from it in %d way", "deviates from it in %d ways", ways) % ways
        facts.append(Fact(_("How it keeps to OCPP"), said, url=link("station_manners", station.pk)))
    if station.last_message_at:
        facts.append(Fact(_("Last message"), at=station.last_message_at))
    else:
        facts.append(Fact(_("Last message"), _("none yet")))
    return facts


def _warnings(situation: Situation) -> list[tuple[str, Text]]:
    """(state, sentence) for what is not as it should be, beside faults of connectors."""
    station = situation.station
    found: list[tuple[str, Text]] = [
        (explain.WAITING, f"{maintenance.told(window, station.location.zone, situation.now)}.")
        for window in maintenance.open_now(situation)
    ]
    offset = station.clock_offset
    if offset is not None and abs(offset) > CLOCK_WRONG_FROM:
        by = duration(abs(offset))
        text = _("The station's clock is %s fast.") if offset > 0 else _("The station's clock is %s slow.")
        found.append(
            (explain.WAITING, f"{text % by} {_('Its own times are kept, ours are used. A reset or a new start usually sets the clock.')}")
        )
    if said := certificate_words.warning_of(station, situation.now):
        found.append(said)
    found += _alarms(situation)
    for label, value in ((_("Firmware"), station.firmware_status), (_("Diagnostics"), station.diagnostics_status)):
        shown = explain.background(value)
        if shown and shown[0] not in (explain.AVAILABLE, explain.OFF):  # what went well is among the details
            found.append((shown[0], f"{label}: {shown[1]}."))
    whole = situation.whole
    if whole and (fault := explain.fault(whole.error_code, whole.status)):
        codes = [whole.error_code or whole.status]
        if whole.vendor_error_code:
            codes.append(_("vendor code %s") % whole.vendor_error_code)
        if whole.info:
            codes.append(whole.info)
        known = situation.codes.of(whole.vendor_error_code, whole.info)
        state = explain.FAULT if whole.status == Connector.Status.FAULTED else explain.WAITING
        found.append(
            (
                state,
                f"{_('The station as a whole')}: {' · '.join(codes)}. {known.meaning if known else fault.sentence} "
                f"{(known.try_this if known else '') or fault.try_this}",
            )
        )
    return found


def _alarms(situation: Situation) -> list[tuple[str, Text]]:
    """What the station told lately that the standard calls critical, each kind once with how often, and where all of it stands."""
    station = situation.station
    if not situation.may(SecurityEvent.read_right):
        return []
    rows = SecurityEvent.objects.visible_to(situation.user).filter(station=station, received_at__gt=situation.now - ALARM)
    rows = rows.filter(type__in=security_events.alarming()).order_by("type")
    kinds = sorted(rows.values_list("type").annotate(Max("at"), Count("pk")), key=lambda one: one[1], reverse=True)
    found: list[tuple[str, Text]] = []
    for kind, at, count in kinds[:MOST_ALARMS]:
        meaning = security_events.meaning(kind)
        often = f" {_('%d times in 24 hours, the latest:') % count}" if count > 1 else ""
        found.append((meaning.state, format_html(
            '<strong>{}.</strong>{} {}. {} <a href="{}">{}</a>', meaning.word, often, exact(at, station.location.zone), meaning.sentence,
            link("station_activity", station.pk, kind="security"), _("Security events"),
        )))  # fmt: skip
    return found


def _actions(situation: Situation, back: str) -> tuple[Action, list[Menu]]:
    """The one primary action, and the rest: side by side and in menus; on the phone in one menu."""
    connectors = situation.connectors
    # The one thing that is most likely wanted: a free connector can start, and where none is free a charge can be stopped.
    starts = not situation.why_not("start") or not situation.running
    primary = action(situation, "start" if starts else "stop", back, place="h")
    beside: list[Action] = []
    if starts and situation.running:
        beside.append(action(situation, "stop", back, place="h"))
    out = situation.availability != Availability.OPERATIVE or situation.stays_out(situation.whole)
    slug = "operative" if out else "inoperative"
    beside.append(action(situation, slug, back, place="h"))
    resets = [action(situation, "reset-soft", back, place="h"), action(situation, "reset-hard", back, place="h")]
    unlocks = [
        action(situation, "unlock", back, one, label=_("Unlock connector %s") % one.shown if len(connectors) > 1 else "", place="h")
        for one in connectors
    ]
    known = situation.speaker.triggers(situation.told)
    asks = [
        action(situation, "trigger", back, label=label, message=message, place="h")
        for message, label in (
            ("StatusNotification", _("Ask for its status")),
            ("MeterValues", _("Ask for its meter values")),
            ("Heartbeat", _("Ask for a heartbeat")),
            ("BootNotification", _("Ask for make and firmware")),
            ("FirmwareStatusNotification", _("Ask for the firmware's state")),
            (SIGNED_FIRMWARE_STATUS, _("Ask for the signed firmware's state")),
            (LOG_STATUS, _("Ask for the diagnostics' state")),
            (SECURITY_LOG_STATUS, _("Ask for the security log's state")),
            ("TransactionEvent", _("Ask for its running charge")),
        )
        if message in known
    ]
    more = [
        action(situation, "reserve", back, place="h"),
        *asks,
        action(situation, "clear-cache", back, place="h"),
        action(situation, "get-configuration", back, place="h"),
    ]
    if situation.may(PERSONAL_DATA):
        url = link("station_customers", situation.station.pk)
        more.append(Action("customers", _("Customer information"), "id", url, "", asks=True, key="h"))
    if situation.may(MANAGE_STATIONS) and not situation.unreachable():
        url = f"{reverse('station_deactivate', args=[situation.station.pk])}?{urlencode({'next': back})}"
        more.append(Action("deactivate", _("Deactivate the station"), "plug-connected-x", url, "", asks=True, key="h"))
    single = unlocks[:1] if len(unlocks) == 1 else []
    menus = [Menu("beside", "", "", [*beside, *single]), Menu("reset", _("Reset"), icon="refresh", actions=resets)]
    if len(unlocks) > 1:
        menus.append(Menu("unlock", _("Unlock"), icon="lock-open", actions=unlocks))
    menus.append(Menu("more", _("More"), icon="dots", actions=more))
    menus.append(Menu("all", _("Actions"), icon="dots", actions=[*beside, *resets, *unlocks, *more], narrow=True))
    return primary, menus


def _reasons(primary: Action, menus: list[Menu]) -> list[tuple[str, list[str]]]:
    """(reason, the labels it keeps grey), each reason once; no labels where nothing at all can be asked."""
    shown = [(primary.label, primary.reason)]
    for menu in menus:
        if menu.narrow:
            continue
        shown += [(menu.label, menu.reason)] if menu.label else [(one.label, one.reason) for one in menu.actions]
    grouped: dict[str, list[str]] = {}
    for label, reason in shown:
        if reason:
            grouped.setdefault(reason, []).append(str(label))
    if len(grouped) == 1 and all(reason for _label, reason in shown):
        return [(next(iter(grouped)), [])]
    return list(grouped.items())
