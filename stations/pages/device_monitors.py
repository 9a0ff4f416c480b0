"""The monitors of a station that speaks OCPP 2.0.1: what it watches, setting and clearing them, and how much of it is told."""

from __future__ import annotations

from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from stations import command_words, explain
from stations.actions import CommandRefused, ask
from stations.configuration.catalogue import Text, known
from stations.configuration.characteristics import unit_shown
from stations.configuration.values import LONGEST_KEY
from stations.controls import CONTROLS, Situation
from stations.models import Command, DeviceMonitor, DeviceReport, DeviceVariable, Severity, Station
from stations.models.device import ACTUAL
from stations.ocpp.intents import ClearMonitors, Intent, SetMonitor, SetMonitoringBase, SetMonitoringLevel
from stations.ocpp.variables import Variable
from stations.pages.command_rows import CommandRow, command_rows
from stations.pages.configuration_rows import row_of, station_of
from stations.pages.device_model import Progress, subpages
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.shared import user_of
from tenancy.rights import CHANGE_CONFIGURATION, READ_CONFIGURATION, RIGHTS
from ui.forms import confirm_page, form_page

MOST_TRIES = 20
# MonitoringBaseEnumType
BASES: dict[str, tuple[Text, Text]] = {
    "All": (lazy("All monitors"), lazy("Those built in, those by its maker and those set from here are active.")),
    "FactoryDefault": (
        lazy("As its maker delivered it"), lazy("Monitors set from here are removed, and changes to others are taken back."),
    ),
    "HardWiredOnly": (lazy("Only those built in"), lazy("All others are removed.")),
}  # fmt: skip
REMOVING = {"FactoryDefault", "HardWiredOnly"}
TYPES: dict[str, Text] = {
    DeviceMonitor.Type.UPPER: lazy("It rises above the limit"), DeviceMonitor.Type.LOWER: lazy("It falls below the limit"),
    DeviceMonitor.Type.DELTA: lazy("It changes by the limit (of text: at every change)"),
    DeviceMonitor.Type.PERIODIC: lazy("Every so many seconds"),
    DeviceMonitor.Type.CLOCK: lazy("Every so many seconds, counted from midnight"),
}  # fmt: skip


class Shown(NamedTuple):
    """A monitor in words."""

    row: DeviceMonitor
    name: Text
    when: str
    severity: Text
    kind: Text
    remove_url: str
    change_url: str


def in_words(row: DeviceMonitor, unit: str = "") -> str:
    value = f"{row.value:g} {unit}".strip()
    match row.type:
        case DeviceMonitor.Type.UPPER:
            return _("rises above %s") % value
        case DeviceMonitor.Type.LOWER:
            return _("falls below %s") % value
        case DeviceMonitor.Type.DELTA:
            return _("changes by %s") % value
        case DeviceMonitor.Type.PERIODIC:
            return _("every %s s") % f"{row.value:g}"
        case DeviceMonitor.Type.CLOCK:
            return _("every %s s by the clock") % f"{row.value:g}"
    return f"{row.type} {value}"


def severity_words(value: int | None) -> Text:
    return f"{value} · {Severity(value).label}" if value in Severity.values else _("not told")


def severity_state(value: int | None) -> str:
    if value is None:
        return explain.OFF
    return explain.FAULT if value <= Severity.CRITICAL else explain.WAITING if value <= Severity.WARNING else explain.OFF


def context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    station, user = situation.station, request.user
    rows = list(DeviceMonitor.objects.visible_to(user).filter(station=station))
    units = dict(
        DeviceVariable.objects.visible_to(user)
        .filter(station=station, attribute=ACTUAL, key__in={row.key for row in rows}).exclude(unit="").order_by().values_list("key", "unit")
    )  # fmt: skip
    refusal, fixed = _refusal(situation), DeviceMonitor.Kind.HARD_WIRED
    asked = Command.objects.visible_to(user).filter(
        station=station, action__in=("SetVariableMonitoring", "ClearVariableMonitoring", "SetMonitoringBase", "SetMonitoringLevel")
    )
    tries = command_rows(asked.select_related("requested_by").order_by("-created_at", "-pk")[:MOST_TRIES], situation)
    reports = (
        DeviceReport.objects.visible_to(user).filter(station=station, base=DeviceReport.Base.MONITORS).order_by("-asked_at", "-pk")[:1]
    )
    shown = [
        Shown(
            row, entry.name if (entry := known(row.key)) else "", in_words(row, unit_shown(units.get(row.key, ""))),
            severity_words(row.severity),
            row.get_kind_display() if row.kind else "",
            "" if refusal or row.kind == fixed else link("station_monitor_remove", station.pk, id=str(row.monitor_id)),
            "" if refusal or row.kind == fixed else link("station_monitor_add", station.pk, id=str(row.monitor_id)),
        )
        for row in rows
    ]  # fmt: skip
    base, level = _in_force(request, station, tries)
    return {
        "monitors": [(one, severity_state(one.row.severity)) for one in shown],
        "progress": [Progress.of(report, situation) for report in reports],
        "tries": tries[:5],
        "refusal": refusal,
        "read_refusal": situation.why_not("get-configuration") or situation.why_no_monitors(),
        "report_url": reverse("station_device_read", args=[station.pk]),
        "level_url": reverse("station_monitoring", args=[station.pk]),
        "add_url": link("station_monitor_add", station.pk),
        "bases": [(name, label, text, name == base) for name, (label, text) in BASES.items()],
        "levels": [(value, label, value == level) for value, label in Severity.choices],
        "subpages": subpages(station, "station_monitors", situation),
        "now": situation.now,
        "zone": station.location.zone,
        "here": link("station_monitors", station.pk),
        "monitors_live_url": link("station_monitors", station.pk),
    }


def _in_force(request: HttpRequest, station: Station, tries: list[CommandRow]) -> tuple[str, int | None]:
    """The base and the level, by what the station took last, else by its device model."""
    told = dict(
        DeviceVariable.objects.visible_to(request.user)
        .filter(station=station, component="MonitoringCtrlr", attribute=ACTUAL).order_by().values_list("key", "value")
    )  # fmt: skip
    base, level = told.get("MonitoringCtrlr/ActiveMonitoringBase", ""), told.get("MonitoringCtrlr/ActiveMonitoringLevel", "")
    for row in reversed(tries):
        if row.command.state == Command.State.ACCEPTED:
            match command_words.intent_of(row.command):
                case SetMonitoringBase(base=taken):
                    base = taken
                case SetMonitoringLevel(severity=taken_level):
                    level = str(taken_level)
    return base, int(level) if level.isdecimal() and len(level) < 3 else None


def _refusal(situation: Situation) -> str:
    if not situation.may(CHANGE_CONFIGURATION):
        right = RIGHTS[CONTROLS["change-configuration"].right].label
        return _("Your role does not give you the right “%s” here. An administrator can change that.") % right
    return situation.why_no_monitors()


def monitors(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    situation = Situation(request.user, station)
    found = context(request, situation)
    if getattr(request, "htmx", False) and not request.htmx.boosted:  # type: ignore[attr-defined]
        return render(request, "stations/device_monitors_live.html", {"station": station, **found})
    return render(request, "stations/device_monitors.html", sheet_context(request, station, "configuration", situation) | found)


class MonitorForm(forms.Form):
    """A monitor of a variable; `row` is what the station told of it."""

    key = forms.CharField(
        label=lazy("Variable"), max_length=LONGEST_KEY, help_text=lazy("Component/Variable, as the table of variables shows it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "list": "known-variables"}),
    )  # fmt: skip
    type = forms.ChoiceField(label=lazy("Tell when"), choices=list(TYPES.items()))
    value = forms.FloatField(label=lazy("Limit"), help_text=lazy("In the unit of the variable; of times: seconds."))
    severity = forms.TypedChoiceField(
        label=lazy("How severe that is"), coerce=int, choices=[(value, f"{value} · {label}") for value, label in Severity.choices],
        initial=Severity.WARNING,
    )  # fmt: skip
    transaction = forms.BooleanField(label=lazy("Only while a car charges"), required=False)

    def __init__(self, *args: Any, user: User, station: Station, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.station = user, station

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].strip()
        if Variable.parse(key) is None or not key.isprintable():
            raise ValidationError(_("Write Component/Variable, such as TemperatureSensor@1/Temperature."))
        if reason := _why_not_watched(self.user, self.station, key):
            raise ValidationError(reason)
        return key

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind, value = cleaned.get("type"), cleaned.get("value")
        if value is not None and abs(value) >= 1e15:
            raise ValidationError({"value": _("This number is too large.")})
        if value is not None and kind in {DeviceMonitor.Type.PERIODIC, DeviceMonitor.Type.CLOCK} and not 1 <= value <= 86_400:
            raise ValidationError({"value": _("Between 1 and 86400 s.")})
        if value is not None and kind == DeviceMonitor.Type.DELTA and value < 0:
            raise ValidationError({"value": _("A change is at least 0.")})
        return cleaned


def _why_not_watched(user: User, station: Station, key: str) -> str:
    """Why `key` can have no monitor, by the last whole reading of the station; empty where it can, or nobody knows."""
    whole = DeviceReport.objects.visible_to(user, CHANGE_CONFIGURATION).filter(station=station, base=DeviceReport.Base.FULL, left_out=0)
    if not whole.exclude(finished_at=None).exists():
        return ""
    watched = (
        DeviceVariable.objects.visible_to(user, CHANGE_CONFIGURATION).filter(station=station, key=key).values_list("monitored", flat=True)
    )
    if not watched:
        return _("The station has no such variable, by what it has told. Look the name up in the table of variables.")
    return "" if any(watched) else _("The station says that this variable cannot be watched. The list under the field has those that can.")


def _send(request: HttpRequest, station: Station, intent: Intent) -> None:
    try:
        ask(actor=user_of(request), station=station, intent=intent)
    except CommandRefused as refused:
        raise ValidationError(str(refused)) from refused


def _crumbs(request: HttpRequest, station: Station, situation: Situation) -> list[tuple[str, str]]:
    pages = [
        (str(_("Configuration")), link("station_configuration", station.pk)),
        (str(_("Monitors")), link("station_monitors", station.pk)),
    ]
    return [(str(station), link("station", station.pk)), *(pages if situation.may(READ_CONFIGURATION) else [])]


def _back(station: Station, situation: Situation) -> str:
    return link("station_monitors" if situation.may(READ_CONFIGURATION) else "station", station.pk)


def monitor_add(request: HttpRequest, pk: int) -> HttpResponse:
    """`?key=` names the variable, or `id` the monitor that is changed."""
    station = station_of(request, pk, CHANGE_CONFIGURATION)
    situation = Situation(request.user, station)
    row = _monitor(request, station)
    key = row.key if row else request.GET.get("key", "")[:LONGEST_KEY]
    begin: dict[str, Any] = {"key": key}
    if row:
        begin |= {"type": row.type, "value": row.value, "severity": row.severity, "transaction": row.transaction}
    form = MonitorForm(request.POST or None, initial=begin, user=user_of(request), station=station)
    variable = row_of(request, station, key) if key and situation.may(READ_CONFIGURATION) else None
    if isinstance(variable, DeviceVariable) and variable.unit:
        form.fields["value"].label = f"{_('Limit')} ({unit_shown(variable.unit)})"
    refusal = _refusal(situation)
    if refusal:
        return render(request, "ui/confirm.html", {
            "title": _("Set a monitor"), "breadcrumbs": _crumbs(request, station, situation), "cancel_url": _back(station, situation),
            "refusal": refusal,
        })  # fmt: skip

    def save(values: dict[str, Any]) -> None:
        _send(request, station, SetMonitor(**values, id=row.monitor_id if row and row.key == values["key"] else None))

    watchable = DeviceVariable.objects.visible_to(request.user).filter(station=station, monitored=True, attribute=ACTUAL)
    return form_page(
        request, form, save, title=_("Change the monitor %d") % row.monitor_id if row else _("Set a monitor"),
        submit_label=_("Ask the station to watch it"), cancel_url=_back(station, situation),
        done=_("Asked %s. Its answer appears among the monitors.") % station, done_url=_back(station, situation),
        breadcrumbs=_crumbs(request, station, situation), template="stations/device_monitor_form.html",
        intro=_("The station watches the variable itself and tells when this is true."),
        context={"known_variables": watchable.order_by("key").values_list("key", flat=True)[:500]},
    )  # fmt: skip


def _monitor(request: HttpRequest, station: Station) -> DeviceMonitor | None:
    number = request.POST.get("id") or request.GET.get("id", "")
    if not number.isdecimal() or len(number) > 15:
        return None
    return DeviceMonitor.objects.visible_to(request.user, CHANGE_CONFIGURATION).filter(station=station, monitor_id=int(number)).first()


def monitor_remove(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk, CHANGE_CONFIGURATION)
    situation = Situation(request.user, station)
    row = _monitor(request, station)
    refusal = _refusal(situation)
    if row is None:
        refusal = refusal or _("There is no such monitor any more.")
    return confirm_page(
        request, lambda: _send(request, station, ClearMonitors((row.monitor_id,))) if row else None,
        title=_("Remove the monitor of %s?") % row.key if row else _("Remove a monitor"),
        consequences=[_("The station no longer tells when it %s.") % in_words(row)] if row else [], submit_label=_("Remove it"),
        cancel_url=_back(station, situation), done=_("Asked %s. Its answer appears among the monitors.") % station,
        done_url=_back(station, situation), refusal=refusal, breadcrumbs=_crumbs(request, station, situation),
        hidden=[("id", row.monitor_id)] if row else [],
    )  # fmt: skip


@require_POST
def monitoring(request: HttpRequest, pk: int) -> HttpResponse:
    """Which monitors are active (`base`), or down to which severity they tell (`severity`)."""
    station = station_of(request, pk, CHANGE_CONFIGURATION)
    situation = Situation(request.user, station)
    base, severity = request.POST.get("base", ""), request.POST.get("severity", "")
    wanted: Intent | None = None
    if base in BASES:
        wanted = SetMonitoringBase(base)
    elif severity in {str(value) for value in Severity.values}:
        wanted = SetMonitoringLevel(int(severity))
    if base in REMOVING and wanted and not _refusal(situation):
        return _remove_others(request, station, situation, base, wanted)
    if reason := _refusal(situation) or ("" if wanted else _("Choose what is to be in force.")):
        messages.error(request, reason)
    else:
        assert wanted is not None
        try:
            ask(actor=user_of(request), station=station, intent=wanted)
        except CommandRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("Asked %s. Its answer appears among the monitors.") % station)
    return redirect(_back(station, situation))


def _remove_others(request: HttpRequest, station: Station, situation: Situation, base: str, wanted: Intent) -> HttpResponse:
    kinds = DeviceMonitor.objects.visible_to(request.user).filter(station=station).values_list("kind", flat=True)
    label, text = BASES[base]
    known_here = ngettext("%d monitor of this station is known here.", "%d monitors of this station are known here.", len(kinds))
    return confirm_page(
        request, lambda: _send(request, station, wanted), title=_("Remove monitors of %s?") % station,
        consequences=[f"{label}: {text}", known_here % len(kinds)], submit_label=_("Remove them"),
        cancel_url=_back(station, situation), done=_("Asked %s. Its answer appears among the monitors.") % station,
        done_url=_back(station, situation), breadcrumbs=_crumbs(request, station, situation),
        hidden=[("base", base), ("sure", "1")],
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/configuration/monitors/", monitors, name="station_monitors"),
    path("stations/<int:pk>/configuration/monitors/add/", monitor_add, name="station_monitor_add"),
    path("stations/<int:pk>/configuration/monitors/remove/", monitor_remove, name="station_monitor_remove"),
    path("stations/<int:pk>/configuration/monitors/level/", monitoring, name="station_monitoring"),
]
