"""The capacity of a location: who gets how much of it and why, the chart of a day, and what is set."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from stations import actions
from stations.capacity import charts, hours, picture, words
from stations.capacity_forms import CapacityForm, HoursForm, ShareForm
from stations.cards import Face, Faces
from stations.forms import Part
from stations.models import (
    CapacityHours,
    CapacityPlan,
    CapacityShare,
    CapacityStation,
    Command,
    Connector,
    CurrentType,
    Location,
    Priority,
    Station,
    Transaction,
)
from stations.pages.fleet import trail
from stations.pages.locations import located, path_below
from tenancy.history import last_change
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_STATIONS, READ, READ_AUDIT, get_for, may
from ui.downloads import download
from ui.forms import confirm_page, form_page, next_url
from ui.lists import Action, csv_of

MOST_SHOWN = 300  # connectors
LATE = timedelta(minutes=2)  # since the controller has looked
# Since it began to share: until the first answers are in, and until those count as missing
FIRST_ANSWERS, ANSWERS_LATE = timedelta(seconds=60), timedelta(seconds=180)


# Whose current the portal cannot lower
FILLING = frozenset({*picture.UNRULY, *picture.UNBOUNDED, picture.SILENT})


class Line(NamedTuple):
    """A connector in the table."""

    share: CapacityShare
    connector: Connector
    face: Face | None
    transaction: Transaction | None
    why: words.Why
    refusal: str
    url: str
    until: str = ""  # in place of the sentence of `why`: how long a silent one keeps what it was granted, what a paused one waits for

    @property
    def asked(self) -> float | None:
        """None: all it can get."""
        return self.share.asked

    @property
    def told(self) -> bool:
        """Whether it is granted anything, or counts with something."""
        return bool(self.share.target is not None or self.share.bound)


def plan_at(user: User, location: Location) -> CapacityPlan | None:
    found = CapacityPlan.objects.visible_to(user).filter(location=location).prefetch_related("hours").first()
    if found:
        found.location = location
    return found


def capacity(request: HttpRequest, pk: int) -> HttpResponse:
    """`?part=live` gives the part that changes."""
    user, found = user_of(request), located(request, pk)
    plan = plan_at(user, found)
    day = day_of(request, found)
    context: dict[str, Any] = {
        "title": _("Capacity of %s") % found, "location": found, "zone": found.zone, "plan": plan, "breadcrumbs": path_below(user, found),
        "may_change": may(user, MANAGE_STATIONS, found), "live_url": link("location_capacity", pk, part="live"),
        "edit_url": link("location_capacity_edit", pk),
    }  # fmt: skip
    if plan is None:
        return render(request, "stations/capacity.html", context | {"setup": _what_is_there(user, found)})
    context |= _now(user, found, plan)
    if request.GET.get("part") == "live":
        return render(request, "stations/capacity_live.html", context)
    rows = charts.uses(user, found, day)
    today = timezone.now().astimezone(found.zone).date()
    phase = phase_of(request)
    phase = phase if phase in plan.phases else plan.phases[0]
    got = charts.who(user, rows)
    context |= {
        "energy": sum(one.energy for one in got),
        "none_yet": day == today and plan.active and (context["begins"] or any(line.transaction for line in context["lines"])),
        "got": got, "day": day, "phase": phase, "phases": [(one, one.upper()) for one in plan.phases],
        "plot_url": link("location_capacity_plot", pk, day=str(day), phase=phase),
        "csv_url": link("location_capacity_csv", pk, day=str(day)),
        "before_url": link("location_capacity", pk, day=str(day - timedelta(days=1)), phase=phase),
        "after_url": link("location_capacity", pk, day=str(day + timedelta(days=1)), phase=phase) if day < today else "",
        "is_today": day == today, "hours": [_hours(row) for row in plan.hours.all()],
        "hours_url": link("location_capacity_hours", pk), "actions": _actions(user, found),
    }  # fmt: skip
    return render(request, "stations/capacity.html", context)


def day_of(request: HttpRequest, location: Location) -> date:
    today = timezone.now().astimezone(location.zone).date()
    try:
        wanted = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return today
    return wanted if date(2020, 1, 1) <= wanted <= today else today


def phase_of(request: HttpRequest) -> str:
    wanted = request.GET.get("phase", "")
    return wanted if wanted in picture.PHASES else "l1"


def _what_is_there(user: User, location: Location) -> str:
    count = Connector.objects.visible_to(user).filter(station__location=location, number__gt=0).count()
    return _("%d connectors stand here.") % count if count else ""


def _actions(user: User, location: Location) -> list[Action]:
    if not may(user, MANAGE_STATIONS, location):
        return []
    return [
        Action(_("Change the limit"), link("location_capacity_edit", location.pk), icon="pencil"),
        Action(_("Add hours with less"), link("location_capacity_hours", location.pk), icon="clock-plus"),
    ] + ([Action(_("History"), link("location_history", location.pk), icon="history")] if may(user, READ_AUDIT, location) else [])


def _hours(row: CapacityHours) -> tuple[str, str, int, str, str]:
    days = ", ".join(str(words.DAYS[int(day)]) for day in row.days)
    none = _("no car can charge") if row.rule.limit < row.plan.minimum else ""
    return days, f"{row.begins:%H:%M} – {row.ends:%H:%M}", row.limit, none, link("capacity_hours_delete", row.pk)


def _what_hours_mean(plan: CapacityPlan, row: CapacityHours, safe: int | None, now: datetime) -> list[str]:
    """What follows from hours that were added, beside that the limit is lower then. `safe` is the safe value that held before."""
    told, zone, left = [], plan.location.zone, row.rule.limit
    if left < plan.minimum:
        told.append(
            _("No car can charge in these hours: %(left)d A are less than the minimum current, %(minimum)d A.")
            % {"left": left, "minimum": plan.minimum}
        )
    others = [one.rule for one in plan.hours.all() if one.pk != row.pk]
    if plan.active and hours.limit_at(plan.limits, [*others, row.rule], now, zone) != hours.limit_at(plan.limits, others, now, zone):
        told.append(_("These hours hold already. The stations are being lowered, which takes about a minute."))
    new = picture.take(plan, now).safe
    if plan.active and safe is not None and new != safe:
        rest = _("Cars wait there until the connection is back.") if not new else ""
        told.append(
            _(
                "The safe value of connectors without a connection goes from %(before)d A to %(new)d A, so that all together fit into the "
                "lowest limit of the week."
            ) % {"before": safe, "new": new} + (f" {rest}" if rest else "")
        )  # fmt: skip
    return told


def _now_less(plan: CapacityPlan, limits: hours.Phases, rules: list[hours.Hours], now: datetime) -> str:
    """Why `limits`, which hold now, are less than those of the plan; empty where they are not."""
    if limits == plan.limits:
        return ""
    zone = plan.location.zone
    there = {limit for phase, limit in zip(picture.PHASES, limits, strict=True) if phase in plan.phases}
    least = _("now %d A") % max(there) if len(there) == 1 else _("now at most %d A") % max(there)
    ends = hours.until(plan.limits, rules, now, zone)
    if ends is None:
        return _("%s: hours with less") % least
    day = "" if ends.date() == now.astimezone(zone).date() else f"{words.DAYS[ends.weekday()]} "
    return _("%(least)s: hours with less until %(time)s") % {"least": least, "time": f"{day}{ends:%H:%M}"}


def _facts(plan: CapacityPlan, less: str) -> list[tuple[str, str, str]]:
    safe = plan.seen.get("safe")
    limits = {phase: getattr(plan, f"limit_{phase}") for phase in plan.phases}
    alike = len(limits) > 1 and len(set(limits.values())) == 1
    each = " · ".join(f"{name.upper()} {one} A" for name, one in limits.items())
    shown = _("%d A on each phase") % next(iter(limits.values())) if alike else each
    return [
        (_("Limit"), shown, " · ".join(filter(None, (_("of which %d A are kept free") % plan.margin if plan.margin else "", less)))),
        (_("Minimum current"), _("%d A") % plan.minimum, _("with less a car is paused and takes turns")),
        (
            _("Safe value"),
            _("%d A") % safe if safe is not None else "–",
            _("per connector without a connection; all together always fit")
            if safe
            else _("cars wait until the connection is back, because not even the minimum fits for all of them")
            if safe == 0 and plan.safe is None
            else _("cars wait until the connection is back") if safe == 0 else "",
        ),
    ]  # fmt: skip


def _now(user: User, location: Location, plan: CapacityPlan) -> dict[str, Any]:
    now = timezone.now()
    shares = (
        CapacityShare.objects.visible_to(user)
        .filter(connector__station__location=location, connector__station__active=True)
        .select_related("connector__station__capacity", "connector__station__location")
        .order_by("connector__station__identity", "connector__number")[: MOST_SHOWN + 1]
    )
    rows = list(shares)
    running = {
        row.connector_id: row
        for row in Transaction.objects.visible_to(user).filter(station__location=location, ended_at=None).order_by("pk")[: 2 * MOST_SHOWN]
    }
    faces = Faces(user, ((row.id_tag, location) for row in running.values()))
    lines, free = [], 0
    begins = is_begun(location, plan, now)
    for share in rows[:MOST_SHOWN]:
        connector = share.connector
        transaction = running.get(connector.pk)
        if share.why in ("", picture.FREE) and transaction is None:
            free += 1
            continue
        default = getattr(connector.station, "capacity", None)
        refusal = share.refusal or (default.refusal if default and share.why == picture.REFUSED else "")
        url = link("connector_capacity", connector.station_id, connector.pk)
        face = faces.of(transaction.id_tag, location) if transaction else None
        new = transaction is not None and (begins or now - transaction.start_received_at < FIRST_ANSWERS)
        # It has begun since the last look, or others have not yet given free what it gets
        code = picture.SETTING if share.why == picture.FREE or (new and share.why == picture.PAUSED) else share.why
        lines.append(Line(share, connector, face, transaction, words.why(code), refusal, url, _until(share, location, now)))
    _name_what_blocks(lines)
    seen = plan.seen
    tiles = []
    rules = [row.rule for row in plan.hours.all()]
    limits = hours.limit_at(plan.limits, rules, now, location.zone)
    for index, phase in enumerate(picture.PHASES):
        if phase not in plan.phases:
            continue
        bound, measured = ((seen.get(name) or [0, 0, 0])[index] for name in ("bound", "measured"))
        limit = limits[index]
        tiles.append({
            "phase": phase.upper(), "limit": limit, "bound": bound, "measured": measured, "over": bound > limit,
            "exceeded": measured > limit + 0.05,
            "share": min(100, round(100 * measured / limit)) if limit else 0, "kept": min(100, round(100 * bound / limit)) if limit else 0,
        })  # fmt: skip
    lowered = is_lowered(plan, limits, now)
    counted = Counter(line.share.why for line in lines)
    problems = [(words.why(code), count) for code, count in counted.items() if code in (picture.REFUSED, picture.UNSEEN, *picture.UNRULY)]
    return {
        "begins": begins, "lines": lines, "free": free, "more": len(rows) > MOST_SHOWN, "tiles": tiles, "problems": problems,
        "now": now, "lowered": lowered, "over": not begins and not lowered and any(tile["over"] for tile in tiles),
        "exceeded": [tile["phase"] for tile in tiles if tile["exceeded"] and not lowered],
        "unruly": any(line.share.why in picture.UNRULY for line in lines),
        "late": plan.active and (plan.ran_at is None or now - plan.ran_at > LATE),
        "priorities": Priority, "facts": _facts(plan, _now_less(plan, limits, rules, now)),
    }  # fmt: skip


def _name_what_blocks(lines: list[Line]) -> None:
    """Who must take less, for those that wait for that."""
    fills = [line for line in lines if line.share.why in FILLING]
    for index, line in enumerate(lines):
        if line.share.why != picture.BLOCKED:
            continue
        mine = {phase for phase in picture.PHASES if charts.on_phase(line.connector, phase)}
        names = [f"{one.connector.station} · {one.connector.shown}" for one in fills
                 if any(charts.on_phase(one.connector, phase) for phase in mine)]  # fmt: skip
        if names:
            shown = [*names[:3], *([_("%d others") % (len(names) - 3)] if len(names) > 3 else [])]
            lines[index] = line._replace(until=_("It waits until less is taken, or can be, by %s.") % get_text_list(shown, _("and")))


def is_begun(location: Location, plan: CapacityPlan, now: datetime) -> bool:
    """Whether it has been sharing for so short a time that its stations have not answered yet."""
    if not plan.active:
        return False
    since = datetime.fromisoformat(plan.seen["begun"]) if plan.seen.get("begun") else None
    if since is None:
        return "limit" not in plan.seen and now - plan.next_at < LATE
    if now - since < FIRST_ANSWERS:
        return True
    asked = CapacityStation.objects.filter(station__location=location, safe=None, refused_at=None)
    return now - since < ANSWERS_LATE and asked.filter(command__state__in=Command.OPEN).exists()


def is_lowered(plan: CapacityPlan, limits: hours.Phases, now: datetime) -> bool:
    """Whether the limit was lowered without notice so lately that stations and cars are still following."""
    if not plan.active:
        return False
    if any(limit < before for limit, before in zip(limits, plan.seen.get("ahead") or limits, strict=True)):
        return True  # the controller has not looked since
    at = plan.seen.get("lowered")
    return bool(at) and now - datetime.fromisoformat(at) < FIRST_ANSWERS


def _until(share: CapacityShare, location: Location, now: datetime) -> str:
    if share.why != picture.SILENT or share.granted is None or share.expires_at is None:
        return ""
    told = {"granted": f"{share.granted:g}", "at": f"{share.expires_at.astimezone(location.zone):%H:%M}", "rest": f"{share.fallback:g}"}
    if share.expires_at > now:
        return _("It keeps %(granted)s A until %(at)s; then it has %(rest)s A at most, and the others get the rest.") % told
    return _("Since %(at)s it has %(rest)s A at most, and the others have the rest.") % told


def capacity_plot(request: HttpRequest, pk: int) -> JsonResponse:
    """What `static/js/capacity_plot.js` draws; see `charts.as_json`."""
    found = located(request, pk)
    return JsonResponse(charts.as_json(user_of(request), found, day_of(request, found), phase_of(request)))


def capacity_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    found = located(request, pk)
    day = day_of(request, found)
    return download(
        request, csv_of(charts.lines(user_of(request), found, day)), f"capacity-{found.pk}-{day}.csv", "text/csv; charset=utf-8"
    )


# -- what is set --------------------------------------------------------------------------------------------------------------------------


def wired_phases(user: User, location: Location) -> list[tuple[str, ...]]:
    """The phases of each connector of stations that count, where the location has all three."""
    found: list[tuple[str, ...]] = []
    rows = Connector.objects.visible_to(user).filter(
        station__location=location, number__gt=0, station__active=True, station__first_connected_at__isnull=False
    )
    for phases, current, rotation in rows.values_list("station__phases", "station__current_type", "capacity__rotation"):
        if current == CurrentType.DC or phases == 3:
            found.append(picture.PHASES)
        else:
            found.append((picture.FIRST_PHASE[(rotation or "RST")[0]],))
    return found


def capacity_edit(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), located(request, pk, MANAGE_STATIONS)
    plan = plan_at(user, found)
    form = CapacityForm(request.POST or None, instance=plan, location=found, wired=wired_phases(user, found))
    here = next_url(request, link("location_capacity", pk))
    return form_page(
        request, form, lambda values: actions.set_capacity(actor=user, location=found, **values),
        title=_("Capacity of %s") % found, submit_label=_("Save"), cancel_url=here, done=_("Saved."), done_url=here,
        breadcrumbs=path_below(user, found), template="stations/station_form.html", context={"parts": Part.of(form, CapacityForm.parts)},
        intro=_(
            "The portal gives each car a share, so that all together never take more than the limit of a phase, as soon as their stations "
            "have confirmed it. They are asked by charging profiles; one that does not accept them counts with its maximum."
        ),
        latest=last_change(user, found, found.zone) if plan else None,
    )  # fmt: skip


def capacity_hours(request: HttpRequest, pk: int) -> HttpResponse:
    user, found = user_of(request), located(request, pk, MANAGE_STATIONS)
    plan = plan_at(user, found)
    here = link("location_capacity", pk)
    form = HoursForm(request.POST or None)

    def save(values: dict[str, Any]) -> CapacityHours:
        if plan is None:
            raise ValidationError(_("Set the limit of the location first."))
        row = actions.add_capacity_hours(actor=user, plan=plan, **values)
        changed = plan_at(user, found)
        for one in _what_hours_mean(changed, row, plan.seen.get("safe"), timezone.now()) if changed else ():
            messages.warning(request, one)
        return row

    return form_page(
        request, form, save, title=_("Hours with less capacity"), submit_label=_("Add hours"), cancel_url=here, done=_("Added."),
        done_url=here, breadcrumbs=path_below(user, found), intro=_("Times are those of the location, %s.") % found.time_zone,
    )  # fmt: skip


def hours_delete(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    row = get_for(user, CapacityHours.objects.select_related("plan__location__organization"), MANAGE_STATIONS, pk=pk)
    days, period, limit, _none, _url = _hours(row)
    here = link("location_capacity", row.plan.location_id)
    return confirm_page(
        request, lambda: actions.delete_capacity_hours(actor=user, hours=row), title=_("Delete these hours?"),
        consequences=[
            _("%(days)s, %(period)s: at most %(limit)d A.") % {"days": days, "period": period, "limit": limit},
            _("From then on the limit of the location holds in these hours too."),
        ],
        submit_label=_("Delete hours"), cancel_url=here, done=_("Deleted."), done_url=here, breadcrumbs=path_below(user, row.plan.location),
    )  # fmt: skip


def connector_capacity(request: HttpRequest, pk: int, connector_pk: int) -> HttpResponse:
    user = user_of(request)
    station = get_for(user, Station.objects.select_related("location__organization"), MANAGE_STATIONS, pk=pk)
    connector = get_for(user, Connector.objects.filter(station=station), READ, pk=connector_pk)
    connector.station = station
    share = CapacityShare.objects.visible_to(user).filter(connector=connector).first()
    form = ShareForm(request.POST or None, instance=share, connector=connector)
    here = next_url(request, link("location_capacity", station.location_id))
    return form_page(
        request, form, lambda values: actions.set_share(actor=user, connector=connector, **values),
        title=_("Share of connector %(connector)s of %(station)s") % {"connector": connector.shown, "station": station},
        submit_label=_("Save"), cancel_url=here, done=_("Saved."), done_url=here, breadcrumbs=trail(station),
    )  # fmt: skip


urlpatterns: list[URLPattern] = [
    path("locations/<int:pk>/capacity/", capacity, name="location_capacity"),
    path("locations/<int:pk>/capacity/plot.json", capacity_plot, name="location_capacity_plot"),
    path("locations/<int:pk>/capacity/usage.csv", capacity_csv, name="location_capacity_csv"),
    path("locations/<int:pk>/capacity/edit/", capacity_edit, name="location_capacity_edit"),
    path("locations/<int:pk>/capacity/hours/", capacity_hours, name="location_capacity_hours"),
    path("capacity-hours/<int:pk>/delete/", hours_delete, name="capacity_hours_delete"),
    path("stations/<int:pk>/connectors/<int:connector_pk>/capacity/", connector_capacity, name="connector_capacity"),
]
