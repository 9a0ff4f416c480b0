"""The tab Availability of a station: a bar for each connector over a day, a week or a month, and what kept drivers away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import availability_records as records
from stations.availability import (
    DEACTIVATED,
    FREE_OR_USED,
    MAINTENANCE,
    OUT_OF_SERVICE,
    REASONS,
    USABLE,
    Reason,
    Span,
    Tally,
    reason_of,
    share,
    spans,
    tally,
)
from stations.controls import Situation
from stations.models import MaintenanceWindow, OutOfService, Station
from stations.ocpp import numbering
from stations.pages.sheet_head import sheet_context
from tenancy.links import link
from tenancy.rights import READ, get_for
from ui.templatetags.ui import duration

PERIODS: tuple[tuple[str, Any], ...] = (("day", lazy("Day")), ("week", lazy("Week")), ("month", lazy("Month")))
DRAWN = 300  # outages of a bar: the longest
TOLD = 200  # outages in the list: the latest
THINNEST = 0.2  # percent of the bar that an outage takes at least, to be seen
EARLIEST = date(2000, 1, 10)


class Period(NamedTuple):
    """Whole days in the location's zone. `after` is the day after the last one."""

    name: str
    first: date
    after: date

    def title(self) -> str:
        match self.name:
            case "day":
                return formats.date_format(self.first, "l, j F Y")
            case "week":
                last = self.after - timedelta(days=1)
                return f"{formats.date_format(self.first, 'j M')} – {formats.date_format(last, 'j M Y')}"
        return formats.date_format(self.first, "F Y")

    def ticks(self, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
        """(where, what) under a bar."""
        begin, end = records.day_bounds(self.first, zone)[0], records.day_bounds(self.after, zone)[0]
        whole = (end - begin).total_seconds()
        if self.name == "day":
            for hour in (0, 6, 12, 18):
                at = datetime(self.first.year, self.first.month, self.first.day, hour, tzinfo=zone).astimezone(UTC)
                yield percent((at - begin).total_seconds() / whole), f"{hour}:00"
            return
        for day in records.days_between(self.first, self.after - timedelta(days=1)):
            if self.name == "week" or day.day in (1, 8, 15, 22, 29):
                at = records.day_bounds(day, zone)[0]
                yield (
                    percent((at - begin).total_seconds() / whole),
                    formats.date_format(day, "D j" if self.name == "week" else "j M"),
                )


def percent(part: float) -> str:
    return f"{part * 100:.3f}%"


def period_of(name: str, day: date) -> Period:
    if name == "week":
        first = day - timedelta(days=day.weekday())
        return Period(name, first, first + timedelta(days=7))
    if name == "month":
        first = day.replace(day=1)
        return Period(name, first, (first + timedelta(days=31)).replace(day=1))
    return Period("day", day, day + timedelta(days=1))


def chosen(request: HttpRequest, today: date) -> tuple[Period, str]:
    """The period that the address names, and what is wrong with its day. Without one it is this week."""
    name, typed, day, error = request.GET.get("period", ""), request.GET.get("day", "").strip(), today, ""
    try:
        day = date.fromisoformat(typed) if typed else today
    except ValueError:
        error = _("Write the day like 2026-03-31.")
    return period_of(name if name in dict(PERIODS) else "week", max(min(day, today), EARLIEST)), error


@dataclass(frozen=True)
class Piece:
    """A part of a bar. `outage` is the number of its row in the list; 0 where it has none."""

    x: str
    width: str
    reason: Reason
    told: str
    outage: int = 0


@dataclass(frozen=True)
class Bar:
    number: int
    sums: Tally
    pieces: list[Piece]
    running: bool  # the last piece goes on now

    @property
    def shown(self) -> str:
        return numbering.shown(self.number)

    @property
    def honest(self) -> str:
        return share(self.sums.usable, self.sums.seconds)

    @property
    def uptime(self) -> str:
        return share(self.sums.online, self.sums.seconds)

    @property
    def lost(self) -> list[tuple[Reason, int]]:
        return [(REASONS[slug], self.sums.lost[slug]) for slug in REASONS if self.sums.lost.get(slug)]


class Outage(NamedTuple):
    """The same span of one or more connectors. `earlier`: it began before the period that is shown; `going_on`: it has not ended yet."""

    number: int
    connectors: tuple[int, ...]
    reason: Reason
    begin: datetime
    end: datetime
    seconds: int
    earlier: bool
    going_on: bool
    comment: str

    @property
    def shown(self) -> str:
        return ", ".join(map(numbering.shown, self.connectors))


def station_availability(request: HttpRequest, pk: int) -> HttpResponse:
    station = get_for(request.user, Station.objects.select_related("location__organization"), READ, pk=pk)
    situation = Situation(request.user, station)
    zone, now = station.location.zone, situation.now
    today = now.astimezone(zone).date()
    period, error = chosen(request, today)
    begin, after = (records.day_bounds(day, zone)[0] for day in (period.first, period.after))
    until = min(after, now)
    known = records.known([station.pk], begin, until, now) if begin < until else []
    found = [(one, spans(one.facts, records.seconds(begin), records.seconds(until))) for one in known]
    outages = list(_outages(request, station, {one.number: some for one, some in found}, begin, now))
    shown = sorted(outages, key=lambda one: one.begin, reverse=True)[:TOLD]
    rows = {(number, records.seconds(one.begin)): one.number for one in shown for number in one.connectors}
    bars = [
        Bar(
            one.number,
            tally(one.facts, records.seconds(begin), records.seconds(until)),
            _pieces(some, records.seconds(begin), records.seconds(after), rows, one.number, zone),
            until == now,
        )
        for one, some in found
    ]
    back = link("station_availability", pk)
    context = sheet_context(request, station, "availability", situation)
    context |= {
        "error": error,
        "period": period,
        "period_title": period.title(),
        "periods": [(label, _url(pk, name, period, today), name == period.name) for name, label in PERIODS],
        "earlier_url": _url(pk, period.name, period_of(period.name, max(period.first - timedelta(days=1), EARLIEST)), today),
        "later_url": _url(pk, period.name, period_of(period.name, period.after), today) if period.after <= today else "",
        "today": today,
        "bars": [bar for bar in bars if bar.sums.seconds],
        "total": _sum(bar.sums for bar in bars),
        "ticks": list(period.ticks(zone)),
        "outages": shown,
        "more": len(outages) - len(shown),
        "legend": [FREE_OR_USED, *REASONS.values()],
        "connected_once": station.first_connected_at is not None,
        "list_url": link("availability", **{"in": f"l{station.location_id}", "month": f"{period.first:%Y-%m}"}),
        "here": back,
    }
    context["honest"], context["uptime"] = (
        share(part, context["total"].seconds) for part in (context["total"].usable, context["total"].online)
    )
    return render(request, "stations/availability.html", context)


def _url(pk: int, name: str, period: Period, today: date) -> str:
    """The period `name` around the one that is shown: the part of it that is over, so that one comes back to where one was."""
    return link("station_availability", pk, period=name, day=str(min(max(period.first, EARLIEST), today)))


def _sum(tallies: Iterable[Tally]) -> Tally:
    some = list(tallies)
    return Tally(sum(one.seconds for one in some), sum(one.online for one in some), sum(one.usable for one in some))


def _pieces(found: Sequence[Span], begin: int, end: int, rows: dict[tuple[int, int], int], number: int, zone: ZoneInfo) -> list[Piece]:
    """One for all that is usable, and upon it the outages, wide enough to be seen."""
    if not found:
        return []
    whole = end - begin
    drawn = [_piece(Span(found[0].begin, found[-1].end, USABLE), begin, whole, zone)]
    longest = sorted((span for span in found if span.reason != USABLE), key=lambda span: span.seconds, reverse=True)[:DRAWN]
    return drawn + [replace(_piece(span, begin, whole, zone), outage=rows.get((number, span.begin), 0)) for span in sorted(longest)]


def _piece(span: Span, begin: int, whole: int, zone: ZoneInfo) -> Piece:
    reason = reason_of(span.reason)
    width = max(span.seconds / whole, THINNEST / 100 if span.reason != USABLE else 0)
    x = min((span.begin - begin) / whole, 1 - width)
    since, until = (datetime.fromtimestamp(moment, zone) for moment in (span.begin, span.end))
    form = "j M H:i"
    told = f"{reason.word}: {formats.date_format(since, form)} – {formats.date_format(until, form)}, {duration(span.seconds)}"
    return Piece(percent(x), percent(width), reason, told)


def _outages(request: HttpRequest, station: Station, found: dict[int, list[Span]], begin: datetime, now: datetime) -> Iterator[Outage]:
    """In order; those that several connectors have alike are one."""
    alike: dict[Span, list[int]] = {}
    for number, some in found.items():
        for span in some:
            if span.reason != USABLE:
                alike.setdefault(span, []).append(number)
    if not alike:
        return
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (min(one.begin for one in alike), max(one.end for one in alike)))
    windows = MaintenanceWindow.objects.visible_to(request.user).filter(station=station, starts_at__lt=last, ends_at__gt=first)
    off = OutOfService.objects.visible_to(request.user).filter(station=station, since__lt=last).exclude(ended_at__lt=first)
    comments: list[tuple[str, int, int, int, str]] = [
        (MAINTENANCE, one.connector_number, records.seconds(one.starts_at), records.seconds(one.ends_at), one.comment) for one in windows
    ]
    for one in off.order_by("since")[:TOLD]:
        end = records.seconds(one.ended_at) if one.ended_at else records.seconds(last)
        reason = DEACTIVATED if one.deactivated else OUT_OF_SERVICE
        comments.append((reason, one.connector_number, records.seconds(one.since), end, one.comment))
    for index, (span, numbers) in enumerate(sorted(alike.items()), 1):
        said = dict.fromkeys(
            comment
            for reason, number, came, went, comment in comments
            if comment and reason == span.reason and came < span.end and went > span.begin and (number == 0 or number in numbers)
        )
        since, until = (datetime.fromtimestamp(moment, UTC) for moment in (span.begin, span.end))
        earlier, going_on = span.begin == records.seconds(begin), span.end == records.seconds(now)
        yield Outage(index, tuple(numbers), reason_of(span.reason), since, until, span.seconds, earlier, going_on, "; ".join(said))


urlpatterns: list[URLPattern] = [path("stations/<int:pk>/availability/", station_availability, name="station_availability")]
