"""The Configuration tab of a station that speaks OCPP 2.0.1: its device model as a tree of components, each variable set in place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from stations import command_words, explain
from stations.actions import CommandRefused, ask
from stations.configuration.catalogue import CHOICE, LIST, SWITCH, Text
from stations.configuration.characteristics import Row
from stations.configuration.fields import ValueForm
from stations.configuration.keys201 import COMPONENTS
from stations.controls import Situation
from stations.models import Command, DeviceEvent, DeviceMonitor, DeviceReport, DeviceVariable, Station
from stations.models.device import ACTUAL
from stations.ocpp.intents import CONFIGURATION, SUMMARY, Intent, ReadConfiguration, ReadMonitors, ReadReport
from stations.ocpp.versions import actions
from stations.pages.command_rows import CommandRow, command_rows
from stations.pages.commands import next_url
from stations.pages.configuration_rows import Key, changes_between, impersonal, latest_tries, page_url, station_of
from stations.pages.sheet_head import action
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.rights import CHANGE_CONFIGURATION

AT_ONCE = 50  # variables on a page
MOST_READS = 20
# AttributeEnumType, of which Actual is the value itself
ATTRIBUTES: dict[str, Text] = {
    ACTUAL: "", "Target": lazy("wanted value"), "MinSet": lazy("lowest value that can be set"),
    "MaxSet": lazy("highest value that can be set"),
}  # fmt: skip
SHOW: dict[str, Text] = {
    "writable": lazy("Can be changed"), "changed": lazy("Changed since the reading before"), "waits": lazy("Waits for a reset"),
    "watched": lazy("Watched by a monitor"), "make": lazy("Of the make"),
}  # fmt: skip
# What can be asked for, by the name of its base
BASES: dict[str, tuple[Text, Intent]] = {
    DeviceReport.Base.FULL: (lazy("Read everything"), ReadConfiguration()),
    DeviceReport.Base.CONFIGURATION: (lazy("Read what can be set"), ReadReport(CONFIGURATION)),
    DeviceReport.Base.SUMMARY: (lazy("Read what is in order and what is not"), ReadReport(SUMMARY)),
    DeviceReport.Base.MONITORS: (lazy("Read the monitors"), ReadMonitors()),
}


CSV_COLUMNS: tuple[Text, ...] = (
    lazy("Data type"),
    lazy("Lowest"),
    lazy("Highest"),
    lazy("Values"),
    lazy("Access"),
    lazy("Kept over a restart"),
)


def csv_cells(row: Row) -> list[Any]:
    """What the file tells of a variable beside what it tells of a key."""
    if not isinstance(row, DeviceVariable):
        return []
    least, most = ("" if one is None else one for one in (row.least, row.most))
    return [row.data_type, least, most, row.choices, row.mutability, _("yes") if row.persistent else _("no")]


def place_name(evse: int, connector: int) -> str:
    if not evse:
        return _("Whole station")
    return _("EVSE %(evse)d, connector %(connector)d") % {"evse": evse, "connector": connector} if connector else _("EVSE %d") % evse


@dataclass
class Branch:
    """A component in the tree, or everything of a place (no `name`)."""

    code: str  # as `at` has it: "1.1/Connector"
    name: str
    words: Text
    url: str
    count: int = 0
    chosen: bool = False


@dataclass
class Place:
    label: str
    depth: int
    whole: Branch
    components: list[Branch] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.whole.chosen or any(one.chosen for one in self.components)


class Line(NamedTuple):
    """A variable in the table."""

    key: Key
    row: DeviceVariable
    component: Text
    where: str
    others: list[tuple[Text, Key, str]]  # its other attributes: what they are, and where each is changed
    form: ValueForm | None  # to set it in place
    monitors: int
    monitor_url: str

    @property
    def limits(self) -> str:
        return "" if self.form else self.key.takes


class Progress(NamedTuple):
    """A reading as it is shown."""

    report: DeviceReport
    state: str
    word: str
    said: str

    @classmethod
    def of(cls, report: DeviceReport, situation: Situation) -> Progress:
        parts, told = len(report.parts), report.told
        said = ngettext("%d value", "%d values", told) % told if report.base != report.Base.MONITORS else _("%d monitors") % told
        said = f"{said}, {ngettext('%d part', '%d parts', parts) % parts}"
        if report.left_out:
            said += " · " + ngettext("%d of them is not kept", "%d of them are not kept", report.left_out) % report.left_out
            most = DeviceVariable.MOST if report.base != report.Base.MONITORS else DeviceMonitor.MOST
            said += f": {_('the portal keeps %d of a station') % most if told > most else _('they are not as OCPP has them')}"
        if report.finished_at:
            return cls(report, explain.AVAILABLE, _("Read"), said)
        if missing := report.missing_parts:
            named = ", ".join(str(part) for part in missing[:5]) + (" …" if len(missing) > 5 else "")
            said += " · " + ngettext("part %s is missing", "parts %s are missing", len(missing)) % named
        if report.broken_off(situation.now):
            return cls(report, explain.FAULT, _("Broken off"), said)
        return cls(report, explain.BUSY, _("Reading"), said if parts else _("The parts follow."))


def subpages(station: Station, active: str, situation: Situation) -> list[tuple[Text, str, bool, int]]:
    """The parts of the tab: label, address, whether it is this one, and a number beside it."""
    alerts = DeviceEvent.objects.visible_to(situation.user).filter(station=station, stands=True).count()
    return [
        (label, link(name, station.pk), name == active, alerts if name == "station_device_events" else 0)
        for label, name in (
            (_("Variables"), "station_configuration"), (_("Monitors"), "station_monitors"), (_("Events"), "station_device_events"),
            (_("Readings"), "station_device_reports"),
        )
    ]  # fmt: skip


def _at(request: HttpRequest) -> tuple[int, int, str] | None:
    """Which branch `at` names: EVSE, connector (-1: with all below), component (empty: all); None: the whole tree."""
    place, _sep, component = request.GET.get("at", "").partition("/")
    evse, _dot, connector = place.partition(".")
    if not evse.isdecimal() or len(evse) > 3 or (connector and (not connector.isdecimal() or len(connector) > 3)):
        return None
    return int(evse), int(connector) if connector else (0 if component or evse == "0" else -1), component[:101]


def context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    station = situation.station
    here = link("station_configuration", station.pk)
    q = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    show, at, at_text = request.GET.get("show", ""), _at(request), request.GET.get("at", "")[:120]
    rows = impersonal(request, station, DeviceVariable.objects.visible_to(request.user).filter(station=station))
    others: dict[str, list[DeviceVariable]] = defaultdict(list)
    for row in rows:
        if row.attribute != ACTUAL:
            others[row.key].append(row)
    actual = [row for row in rows if row.attribute == ACTUAL]
    seen = {row.key for row in actual}
    actual += [row for row in rows if row.attribute != ACTUAL and row.key not in seen and not seen.add(row.key)]  # type: ignore[func-returns-value]
    tries = latest_tries(request, situation)
    reports = _reports(request, station)
    changed = _changed(request, station, reports)
    watched = dict(
        DeviceMonitor.objects.visible_to(request.user).filter(station=station).order_by().values_list("key").annotate(Count("pk"))
    )
    keys = {row.key: Key(row, station, tries.pop(row.key, None)) for row in actual}
    matching = [
        row for row in sorted(actual, key=lambda row: (row.evse, row.connector, _rank(row.component), row.component, row.key))
        if (not q or keys[row.key].holds(q.casefold())) and _shows(show, keys[row.key], row, changed, watched)
    ]  # fmt: skip
    wanted = [row for row in matching if _within(row, at)]
    page = int(number) if (number := request.GET.get("page", "")).isdecimal() and len(number) < 5 else 1
    last = max(1, -(-len(wanted) // AT_ONCE))
    page = min(max(page, 1), last)
    refusal = situation.why_not("change-configuration")
    part = wanted[(page - 1) * AT_ONCE : page * AT_ONCE]
    may_change = situation.may(CHANGE_CONFIGURATION)
    keep = {"q": q, "show": show if show in SHOW else "", "at": at_text if at else ""}
    editable = may_change and not refusal
    waits = [key for key in keys.values() if key.waits]
    return {
        "station": station,
        "zone": station.location.zone,
        "now": situation.now,
        "here": here,
        "subpages": subpages(station, "station_configuration", situation),
        "total": len(actual),
        "found": len(wanted),
        "places": _tree(station, matching, at, keep),
        "everything_url": page_url("station_configuration", station, q=q, show=keep["show"]),
        "lines": [
            _line(keys[row.key], row, others[row.key] if row.attribute == ACTUAL else [], station, watched, editable=editable)
            for row in part
        ],
        "page": page,
        "last": last,
        "before_url": page_url("station_configuration", station, page=str(page - 1), **keep) if page > 1 else "",
        "after_url": page_url("station_configuration", station, page=str(page + 1), **keep) if page < last else "",
        "q": q,
        "at": keep["at"],
        "show_choices": [(slug, label, slug == show) for slug, label in SHOW.items()],
        "filtered": bool(q or keep["show"] or at),
        "reboot_waits": waits,
        "other_changes": [row for row in tries.values() if row.command.state != Command.State.ACCEPTED][:5],
        "other_reads": _single_reads(request, situation),
        "progress": [Progress.of(report, situation) for report in reports[:2]],
        "changed_count": len(changed),
        "changed_url": page_url("station_configuration", station, show="changed"),
        "refresh": action(situation, "get-configuration", here, place="c"),
        "reset": action(situation, "reset-soft", here, place="c"),
        "bases": [(base, BASES[base][0]) for base in (DeviceReport.Base.CONFIGURATION, DeviceReport.Base.SUMMARY)],
        "read_refusal": situation.why_not("get-configuration"),
        "refusal": refusal,
        "may_change": may_change,
        "read_url": reverse("station_configuration_read", args=[station.pk]),
        "report_url": reverse("station_device_read", args=[station.pk]),
        "set_url": link("station_configuration_change", station.pk),
        "change_url": link("station_configuration_change", station.pk),
        "fragment_url": page_url("station_configuration_live", station, page=str(page) if page > 1 else "", **keep),
        "back": page_url("station_configuration", station, page=str(page) if page > 1 else "", **keep),
    }  # fmt: skip


def _reports(request: HttpRequest, station: Station) -> list[DeviceReport]:
    """Of variables, the newest first."""
    rows = DeviceReport.objects.visible_to(request.user).filter(station=station).exclude(base=DeviceReport.Base.MONITORS)
    return list(rows.order_by("-asked_at", "-pk")[: DeviceReport.MOST])


def _changed(request: HttpRequest, station: Station, reports: Sequence[DeviceReport]) -> set[str]:
    """The variables that the latest whole reading found other than the one before."""
    whole = [report for report in reports if report.finished_at and report.base == DeviceReport.Base.FULL]
    if len(whole) < 2:
        return set()
    until, since = (report.finished_at for report in whole[:2])
    return set(changes_between(request, station, since, until)) if since and until else set()


def _rank(component: str) -> int:
    """Controllers in the order of the standard, then the others."""
    names = list(COMPONENTS)
    return names.index(component) if component in COMPONENTS else len(names)


def _within(row: DeviceVariable, at: tuple[int, int, str] | None) -> bool:
    if at is None:
        return True
    evse, connector, component = at
    if row.evse != evse or connector not in {-1, row.connector}:
        return False
    return not component or row.key.partition("/")[0].partition("@")[0] == component


def _shows(show: str, key: Key, row: DeviceVariable, changed: set[str], watched: dict[str, int]) -> bool:
    match show:
        case "writable":
            return not row.readonly
        case "changed":
            return row.key in changed
        case "waits":
            return key.waits
        case "watched":
            return row.key in watched
        case "make":
            return not key.name
    return True


def _tree(station: Station, rows: Sequence[DeviceVariable], at: tuple[int, int, str] | None, keep: dict[str, str]) -> list[Place]:
    def branch(code: str, name: str, words: Text, mine: tuple[int, int, str]) -> Branch:
        return Branch(code, name, words, page_url("station_configuration", station, **{**keep, "at": code}), 0, at == mine)

    places: dict[tuple[int, int], Place] = {}
    known: dict[tuple[int, int, str], Branch] = {}
    for row in sorted(rows, key=lambda row: (row.evse, row.connector, _rank(row.component), row.key)):
        spot = row.evse, row.connector
        code = str(row.evse) + (f".{row.connector}" if row.connector else "")
        if spot not in places:
            depth = 2 if row.connector else 1 if row.evse else 0
            mine = (row.evse, row.connector if row.connector or not row.evse else -1, "")
            places[spot] = Place(place_name(*spot), depth, branch(code, "", "", mine))
        name = row.key.partition("/")[0].partition("@")[0]
        if (*spot, name) not in known:
            known[(*spot, name)] = branch(f"{code}/{name}", name, COMPONENTS.get(row.component, ""), (*spot, name))
            places[spot].components.append(known[(*spot, name)])
        known[(*spot, name)].count += 1
        places[spot].whole.count += 1
    return list(places.values())


def _line(
    key: Key, row: DeviceVariable, others: Sequence[DeviceVariable], station: Station, watched: dict[str, int], *, editable: bool
) -> Line:
    form, entry = None, key.entry
    settable = editable and not row.readonly and not key.secret and row.attribute == ACTUAL
    # What may cut the station off is asked for on a page of its own; so is a long list
    if settable and not (entry and (entry.cuts_off or entry.kind == LIST)):
        form = ValueForm(key=row.key, version=station.ocpp_version, value=key.value, entry=entry)
        control = form.fields["value"]
        control.widget.attrs |= {"id": f"set-{row.pk}", "aria-label": _("New value of %s") % row.key}
        css = "form-select form-select-sm" if entry and not form.raw and entry.kind in {CHOICE, SWITCH} else "form-control form-control-sm"
        if entry and entry.kind == SWITCH and not form.raw:
            words = [("true", _("On")), ("false", _("Off"))]
            control = form.fields["value"] = forms.ChoiceField(
                choices=words, initial=control.initial, widget=forms.Select(attrs=dict(control.widget.attrs))
            )
        control.widget.attrs["class"] = css
        if control.help_text:
            control.widget.attrs["aria-describedby"] = f"set-{row.pk}-help"
    found = []
    for other in others:
        url = "" if other.readonly or not editable else page_url(
            "station_configuration_change", station, key=other.key, attribute=other.attribute
        )  # fmt: skip
        found.append((ATTRIBUTES[other.attribute], Key(other, station), url))
    monitor_url = page_url("station_monitor_add", station, key=row.key) if row.monitored and editable else ""
    component = row.key.partition("/")[0].partition("@")[0]
    return Line(key, row, COMPONENTS.get(row.component, "") or component, place_name(row.evse, row.connector), found, form,
                watched.get(row.key, 0), monitor_url)  # fmt: skip


def _single_reads(request: HttpRequest, situation: Situation) -> list[CommandRow]:
    """Readings of single variables after the latest of everything."""
    reads = Command.objects.visible_to(request.user).filter(
        station=situation.station, action__in=(*actions(ReadConfiguration), "GetBaseReport")
    )
    found = []
    for row in command_rows(reads.select_related("requested_by").order_by("-created_at", "-pk")[:MOST_READS], situation):
        intent = command_words.intent_of(row.command)
        single = isinstance(intent, ReadConfiguration) and intent.keys
        if not single and row.command.state in {Command.State.ACCEPTED, *Command.OPEN}:
            break
        found.append(row)
    return found[:3]


@require_POST
def read_report(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the report `base`."""
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    base = request.POST.get("base", "")
    back = next_url(request, station) if request.POST.get("next") else link("station_configuration", pk)
    reason = situation.why_not("get-configuration")
    if not reason and base == DeviceReport.Base.MONITORS:
        reason = situation.why_no_monitors()
    if reason:
        messages.error(request, reason)
    elif base not in BASES:
        messages.error(request, _("Choose what is to be read."))
    else:
        try:
            ask(actor=user_of(request), station=station, intent=BASES[base][1])
        except CommandRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Asked %s. Its answer comes in parts, which appear here.") % station)
    return redirect(back)


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/configuration/report/", read_report, name="station_device_read"),
]
