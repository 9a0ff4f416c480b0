"""The tab Smart charging of a station: the schedule that it composed, the profiles that it has, limits of others; setting and clearing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST

from stations.actions import CommandRefused, ask
from stations.capacity import own, picture
from stations.capacity_forms import ProfileForm
from stations.controls import Situation
from stations.models import Command, Connector, ExternalLimit, Station, StationProfile
from stations.ocpp import numbering, profiles
from stations.ocpp.intents import ClearProfile, GetProfiles, GetSchedule, Intent, SetProfile
from stations.ocpp.profiles import Schedule
from stations.ocpp.versions import speaker
from stations.pages.command_rows import CommandRow, command_rows
from stations.pages.fleet import trail
from stations.pages.schedule_chart import Chart, after, drawn, highest, limit_text
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_STATIONS, READ, get_for, may
from ui.forms import confirm_page, form_page

DURATION = 6 * 3600  # seconds that a schedule is asked for
LOOKED_AT = 60  # commands among which the latest schedule of each connector is
MANUAL_ID = 770_000  # of profiles made by hand; the connector's number follows, then what it is for
ACTIONS = ("GetCompositeSchedule", "SetChargingProfile", "ClearChargingProfile", "GetChargingProfiles")

PURPOSES: dict[str, Any] = {
    profiles.DEFAULT: lazy("Every charge that begins"), profiles.TRANSACTION: lazy("The running charge"),
    profiles.STATION: lazy("The station as a whole"), profiles.EXTERNAL: lazy("Set by others"),
}  # fmt: skip
KINDS: dict[str, Any] = {
    profiles.ABSOLUTE: lazy("from this time on:"), profiles.RELATIVE: lazy("from the start of the charge"),
    profiles.DAILY: lazy("every day, first:"),
    profiles.WEEKLY: lazy("every week, first:"),
}  # fmt: skip
SOURCES: dict[str, Any] = {
    "EMS": lazy("an energy manager there"), "SO": lazy("the grid operator"), "CSO": lazy("this portal"), "Other": lazy("something else"),
}  # fmt: skip


class Composed(NamedTuple):
    """What a charging point (2.0.1: an EVSE with all its connectors) answered."""

    connectors: list[Connector]
    row: CommandRow | None
    schedule: Schedule | None
    waits: bool
    outdated: bool  # limits were changed after the answer
    chart: Chart | None = None

    @property
    def title(self) -> str:
        return capfirst(_point(self.connectors))

    @property
    def phases(self) -> str:
        if self.connectors[0].is_dc:
            return ""
        found = {step.phases for step in self.schedule.steps} if self.schedule else set()
        return ", ".join(str(one) for one in sorted(one for one in found if one))


def _points(connectors: Iterable[Connector]) -> dict[int, list[Connector]]:
    """The connectors of each charging point by its number: a profile is one of all of them. In 1.6 each has one."""
    points: dict[int, list[Connector]] = {}
    for connector in connectors:
        points.setdefault(numbering.evse_of(connector.number), []).append(connector)
    return points


def _point(connectors: list[Connector]) -> str:
    shown = ", ".join(one.shown for one in connectors)
    if len(connectors) == 1:
        return _("connector %s") % shown
    number = numbering.evse_of(connectors[0].number)
    return _("charging point %(number)d (connectors %(connectors)s)") % {"number": number, "connectors": shown}


def _place(number: int, points: dict[int, list[Connector]]) -> str:
    if not number:
        return _("the station")
    there = points.get(numbering.evse_of(number))
    return _point(there) if there else _("connector %s") % numbering.shown(number)


class Shown(NamedTuple):
    row: StationProfile
    key: str
    place: str
    purpose: Any
    kind: Any
    steps: list[tuple[str, str]]
    ours: bool
    source: Any
    kept: bool  # the portal sets it again and again
    stronger: bool  # it counts in place of the portal's
    over: bool


def station_of(request: HttpRequest, pk: int, right: str = READ) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), right, pk=pk)


def refusal_of(situation: Situation, intent: type[Any]) -> str:
    """Why the station cannot be asked this now; empty when it can."""
    if reason := situation.unreachable():
        return str(reason)
    if missing := situation.speaker.missing_profile(intent, situation.told):
        return _("The station says that it has no smart charging (%s).") % missing
    return ""


def station_profiles(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk)
    user, situation = user_of(request), Situation(request.user, station)
    composed = _composed(request, situation)
    running = {row.transaction_id for row in situation.running.values()}
    rows = list(StationProfile.objects.visible_to(user).filter(station=station))
    shared = own.shares(station)
    level = picture.highest_level(picture.told_of([station.pk]).get(station.pk, {}), rows, getattr(station, "capacity", None))
    known = level if shared else None
    points = _points(situation.connectors)
    found = [
        _shown(row, known, points, situation.now)
        for row in rows
        if row.purpose != profiles.TRANSACTION or row.reported or row.transaction_id in running
    ]
    limits = ExternalLimit.objects.visible_to(user).filter(station=station)
    latest = Command.objects.visible_to(user).filter(station=station, action__in=ACTIONS).exclude(origin=own.ORIGIN)
    context = {
        "composed": composed, "profiles": found, "limits": [_limit(row, points) for row in limits],
        "may_change": may(user, MANAGE_STATIONS, station), "refusal": refusal_of(situation, SetProfile),
        "lists": situation.speaker is not speaker("1.6"), "shared": shared,
        "asked": command_rows(latest.select_related("requested_by").order_by("-created_at", "-pk")[:5], situation),
        "capacity_url": link("location_capacity", station.location_id), "hours": DURATION // 3600,
    }  # fmt: skip
    if request.GET.get("part") == "live":
        zone = {"zone": station.location.zone, "station": station}
        return render(request, "stations/profiles_live.html", context | zone | {"live_url": link("station_profiles", pk, part="live")})
    sheet = sheet_context(request, station, "profiles", situation)
    return render(request, "stations/profiles.html", {**sheet, **context, "live_url": link("station_profiles", pk, part="live")})


def _composed(request: HttpRequest, situation: Situation) -> list[Composed]:
    """The schedule of each connector, by the station's latest answer."""
    station = situation.station
    asked = Command.objects.visible_to(request.user).filter(station=station, action="GetCompositeSchedule")
    latest: dict[int, CommandRow] = {}
    waiting: set[int] = set()
    for row in command_rows(asked.select_related("requested_by").order_by("-created_at", "-pk")[:LOOKED_AT], situation):
        number = row.command.connector_number or 0
        if row.command.state in Command.OPEN:
            waiting.add(number)
        elif number not in latest:
            latest[number] = row
    changed = _changed(request, station, min((row.command.answered_at for row in latest.values() if row.command.answered_at), default=None))
    found = []
    for evse, connectors in _points(situation.connectors).items():
        numbers = {evse, *(connector.number for connector in connectors)}
        one = max((latest[number] for number in numbers & set(latest)), key=lambda row: row.command.pk, default=None)
        schedule = None
        if one and one.command.state == Command.State.ACCEPTED and isinstance(one.command.answer, dict):
            schedule = speaker(one.command.version).schedule(one.command.answer)
        answered = one.command.answered_at if one else None
        outdated = answered is not None and any(changed[at] > answered for at in (0, evse) if at in changed)
        found.append(Composed(connectors, one, schedule, bool(numbers & waiting), outdated))
    most, zone = highest(one.schedule for one in found), station.location.zone
    return [
        one._replace(chart=drawn(one.schedule, most[one.schedule.unit], DURATION, zone, situation.now)) if one.schedule else one
        for one in found
    ]


def _changed(request: HttpRequest, station: Station, since: datetime | None) -> dict[int, datetime]:
    """When the station last took or forgot a limit after `since`, by charging point; 0: for all of them."""
    if since is None:
        return {}
    user = request.user
    found: dict[int, datetime] = {}
    taken = Command.objects.visible_to(user).filter(
        station=station, action__in=("SetChargingProfile", "ClearChargingProfile"), state=Command.State.ACCEPTED, answered_at__gt=since
    )
    told = ExternalLimit.objects.visible_to(user).filter(station=station, at__gt=since)
    for rows in (
        taken.order_by().values_list("connector_number").annotate(latest=Max("answered_at")),
        told.order_by().values_list("connector_number").annotate(latest=Max("at")),
    ):
        for number, at in rows:
            evse = numbering.evse_of(number or 0)
            found[evse] = max(at, found.get(evse, at))
    return found


def _shown(row: StationProfile, level: int | None, points: dict[int, list[Connector]], now: datetime) -> Shown:
    """`level` of our own profiles, where the location shares its capacity."""
    steps = [(after(step[0]), limit_text(step[1], row.unit)) for step in row.steps[:12]]
    ours = not row.reported or row.source == "CSO"
    return Shown(
        row,
        str(row.profile_id),
        _place(row.connector_number, points),
        PURPOSES.get(row.purpose, row.purpose),
        _kind(row),
        steps,
        ours,
        SOURCES.get(row.source, ""),
        level is not None and own.is_own(row.profile_id),
        level is not None and own.outranks(row, level, row.connector_number or -1, row.transaction_id or "-"),
        _is_over(row, now),
    )


def _kind(row: StationProfile) -> Any:
    if row.start is None and row.kind != profiles.RELATIVE:
        return _("at once")
    return _("once, from:") if row.kind == profiles.ABSOLUTE and row.duration is not None else KINDS.get(row.kind, row.kind)


def _is_over(row: StationProfile, now: datetime) -> bool:
    """Whether its own end has passed: it counts for nothing any more, though the station may still have it."""
    if row.valid_until and row.valid_until <= now:
        return True
    if row.kind != profiles.ABSOLUTE or row.start is None or row.duration is None:
        return False
    return (now - row.start).total_seconds() >= row.duration


def _limit(row: ExternalLimit, points: dict[int, list[Connector]]) -> tuple[ExternalLimit, str, Any, str]:
    steps = ", ".join(f"{after(step[0])} {limit_text(step[1], row.unit)}" for step in row.steps[:6])
    return row, _place(row.connector_number, points), SOURCES.get(row.source, row.source), steps or _("how much it did not say")


# -- asking ------------------------------------------------------------------------------------------------------------------------


@require_POST
def profiles_ask(request: HttpRequest, pk: int) -> HttpResponse:
    """`what` is "schedule" (of `connector`, or all) or "profiles"."""
    station = station_of(request, pk, MANAGE_STATIONS)
    situation, user = Situation(request.user, station), user_of(request)
    wanted: list[Intent] = []
    if request.POST.get("what") == "profiles":
        wanted = [GetProfiles(int(situation.now.timestamp()) % 2**31)]
    else:
        number = request.POST.get("connector", "")
        every = [GetSchedule(one.number, DURATION, "") for one in situation.connectors if number in ("", str(one.number))]
        wanted += list({str(situation.speaker.call(one)): one for one in reversed(every)}.values())[::-1]  # an EVSE is asked once
    refusal = refusal_of(situation, type(wanted[0])) if wanted else _("The station has told of no connector yet.")
    try:
        for intent in wanted if not refusal else ():
            ask(actor=user, station=station, intent=intent)
    except CommandRefused as refused:
        refusal = str(refused)
    if refusal:
        messages.error(request, refusal)
    else:
        messages.success(request, _("Asked %s. Its answer is shown as soon as it is there.") % station)
    return redirect(link("station_profiles", pk))


def profiles_clear(request: HttpRequest, pk: int) -> HttpResponse:
    """All profiles that it has; `?profile=` that one alone."""
    station = station_of(request, pk, MANAGE_STATIONS)
    user, situation = user_of(request), Situation(request.user, station)
    here = link("station_profiles", pk)
    one = request.POST.get("profile") or request.GET.get("profile") or ""
    row = None
    if one.lstrip("-").isdecimal() and len(one) < 20:
        row = StationProfile.objects.visible_to(user).filter(station=station, profile_id=int(one)).first()
    shared = own.shares(station)
    refusal = refusal_of(situation, ClearProfile)
    if row and shared and own.is_own(row.profile_id):
        refusal = _(
            "The portal itself set this profile, because the location shares its capacity, and it would set it again at once. Change the "
            "capacity of the location, or switch its sharing off."
        )
    consequences = [
        _("The station forgets the profile %d.") % row.profile_id if row else _("The station forgets all its charging profiles."),
        _("What charges there goes on with what the other profiles and its own settings allow."),
    ]
    if shared:
        consequences.append(
            _("The location shares its capacity: the portal gives the station its limit again, and until then it may take more.")
        )

    def act() -> None:
        try:
            ask(actor=user, station=station, intent=ClearProfile(row.profile_id) if row else ClearProfile())
        except CommandRefused as refused:
            raise ValidationError(str(refused)) from refused

    return confirm_page(
        request, act, title=_("Clear charging profiles of %s?") % station, consequences=consequences,
        submit_label=_("Clear profile") if row else _("Clear all profiles"), cancel_url=here, done=_("Asked %s.") % station, done_url=here,
        refusal=refusal, breadcrumbs=trail(station), hidden=[("profile", one)] if row else (),
    )  # fmt: skip


def profiles_set(request: HttpRequest, pk: int) -> HttpResponse:
    station = station_of(request, pk, MANAGE_STATIONS)
    user, situation = user_of(request), Situation(request.user, station)
    here = link("station_profiles", pk)
    numbers = {one.pk: one.number for one in situation.connectors}
    running = {numbering.evse_of(numbers[key]): row for key, row in situation.running.items() if key in numbers}
    places = [(number, capfirst(_point(there))) for number, there in _points(situation.connectors).items()]
    form = ProfileForm(request.POST or None, station=station, places=places, running=running, now=situation.now, shared=own.shares(station))

    def save(values: dict[str, Any]) -> None:
        if refusal := refusal_of(situation, SetProfile):
            raise ValidationError(refusal)
        place = values["connector"]
        key = MANUAL_ID + 10 * place + profiles.PURPOSES.index(values["purpose"])
        try:
            ask(actor=user, station=station, intent=SetProfile(place, form.profile(key)))
        except CommandRefused as refused:
            raise ValidationError(str(refused)) from refused

    intro = _("One limit for one purpose at one place: the next one for the same takes its place.")
    return form_page(
        request, form, save, title=_("Limit the charging of %s") % station, submit_label=_("Set limit"), cancel_url=here,
        done=_("Asked %s. Its answer is shown as soon as it is there.") % station, done_url=here, breadcrumbs=trail(station), intro=intro,
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/smart-charging/", station_profiles, name="station_profiles"),
    path("stations/<int:pk>/smart-charging/ask/", profiles_ask, name="station_profiles_ask"),
    path("stations/<int:pk>/smart-charging/clear/", profiles_clear, name="station_profiles_clear"),
    path("stations/<int:pk>/smart-charging/set/", profiles_set, name="station_profiles_set"),
]
