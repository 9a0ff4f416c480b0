"""Every message both ways: the Logs tab of a station, one message, and what was found as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stations import command_words, frames
from stations.models import Command, Frame, Station
from stations.ocpp import versions
from stations.pages.sheet import sheet_context
from tenancy.models import User
from tenancy.rights import PERSONAL_DATA, READ_LOGS, get_for, may
from ui.downloads import download

PAGE = 50
MOST_DOWNLOADED = 100_000
CHUNK = 1000
UNANSWERED = timedelta(minutes=1)  # a call of ours that has no answer for so long counts as failed


class MomentField(forms.CharField):
    """A date and time as it is shown at the station's location; `late` takes the second of the two meanings of autumn's repeated hour."""

    def __init__(self, *, late: bool = False, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"})
        super().__init__(required=False, widget=widget, **options)
        self.late = late


class LogFilter(forms.Form):
    """All of it lives in the URL."""

    action = forms.ChoiceField(label=gettext_lazy("Message"), required=False)
    direction = forms.ChoiceField(
        label=gettext_lazy("Direction"), required=False, choices=[("", gettext_lazy("Both ways")), *Frame.Direction.choices]
    )
    since = MomentField(label=gettext_lazy("From"))
    until = MomentField(label=gettext_lazy("To"), late=True)
    text = forms.CharField(label=gettext_lazy("Text"), required=False, max_length=100)
    quiet = forms.BooleanField(label=gettext_lazy("Hide heartbeats and meter values"), required=False)
    errors_only = forms.BooleanField(label=gettext_lazy("Errors only"), required=False)

    def __init__(self, user: User | AnonymousUser, station: Station, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.station, self.zone = station, station.location.zone
        self.cards = may(user, PERSONAL_DATA, station)  # whether this person sees the numbers of cards
        chosen = str(self.data.get("action", ""))[:40]
        sent = set(Command.objects.filter(station=station).order_by().values_list("action", flat=True).distinct())
        received = set(versions.messages_of_stations(station.ocpp_version))
        if chosen.isprintable() and chosen and chosen not in sent | received:
            received.add(chosen)  # something no version of OCPP knows, from a link in the list
        field = self.fields["action"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", _("All messages")),
            (_("From the station"), [(name, name) for name in sorted(received)]),
            (_("To the station"), [(name, name) for name in sorted(sent)]),
        ]

    def clean_since(self) -> datetime | None:
        return self._moment("since", late=False)

    def clean_until(self) -> datetime | None:
        return self._moment("until", late=True)

    def _moment(self, name: str, *, late: bool) -> datetime | None:
        text = self.cleaned_data[name].strip()
        if not text:
            return None
        try:
            return frames.parse_moment(text, self.zone, late=late).astimezone(UTC)
        except (ValueError, OverflowError):
            raise forms.ValidationError(_("Enter a date and a time.")) from None

    def apply(self, rows: QuerySet[Frame]) -> QuerySet[Frame]:
        """`rows` that match; a field that could not be read limits nothing, its error is shown beside it."""
        self.is_valid()
        found = self.cleaned_data
        if found.get("action"):
            rows = rows.filter(action=found["action"])
        if found.get("direction"):
            rows = rows.filter(direction=found["direction"])
        if found.get("since"):
            rows = rows.filter(at__gte=found["since"])
        if found.get("until"):
            rows = rows.filter(at__lte=found["until"])
        if text := found.get("text"):
            # What is masked must not be guessed letter by letter either.
            if not self.cards:
                rows = rows.exclude(frames.may_name_cards())
            in_call, in_answer = (
                Q(**{f"{part}__icontains": text})
                & ~Q(**{f"{part}__icontains": "authorizationkey"})
                & ~Q(**{f"{part}__regex": "://[^/]*@"})  # with a password
                for part in ("call", "answer")
            )
            rows = rows.filter(in_call | in_answer)
        if found.get("quiet"):
            rows = rows.exclude(action__in=frames.NOISE)
        if found.get("errors_only"):
            unanswered = Q(direction=Frame.Direction.OUT, answered_at=None, at__lt=timezone.now() - UNANSWERED)
            rows = rows.filter(Q(failed=True) | unanswered)
        return rows

    @property
    def active(self) -> bool:
        return any(self.cleaned_data.get(name) for name in self.fields)


@dataclass(frozen=True)
class Cursor:
    """A place in the log, between two frames. In the URL: microseconds since 1970, a dash, the primary key."""

    at: datetime
    pk: int

    def __str__(self) -> str:
        return f"{(self.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}-{self.pk}"

    @classmethod
    def of(cls, frame: Frame) -> Cursor:
        return cls(frame.at, frame.pk)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        micros, _dash, pk = text.partition("-")
        if not (micros.isdecimal() and pk.isdecimal() and len(micros) < 18 and len(pk) < 19):
            raise Http404
        return cls(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros)), int(pk))


def older(rows: QuerySet[Frame], than: Cursor) -> QuerySet[Frame]:
    """Newest first. The plain bound on `at` lets the index (station, at) do the work."""
    return rows.filter(at__lte=than.at).filter(Q(at__lt=than.at) | Q(pk__lt=than.pk)).order_by("-at", "-pk")


def newer(rows: QuerySet[Frame], than: Cursor) -> QuerySet[Frame]:
    """Oldest first."""
    return rows.filter(at__gte=than.at).filter(Q(at__gt=than.at) | Q(pk__gt=than.pk)).order_by("at", "pk")


def _found(request: HttpRequest, pk: int) -> tuple[Station, QuerySet[Frame]]:
    station = get_for(request.user, Station.objects.select_related("location__organization"), READ_LOGS, pk=pk)
    return station, Frame.objects.visible_to(request.user).filter(station=station)


def station_logs(request: HttpRequest, pk: int) -> HttpResponse:
    station, rows = _found(request, pk)
    form = LogFilter(request.user, station, request.GET)
    matching = form.apply(rows)
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    if after:
        page = list(newer(matching, Cursor.parse(after))[: PAGE + 1])
        more_newer, more_older = len(page) > PAGE, True
        page = page[:PAGE][::-1]
    else:
        page = list((older(matching, Cursor.parse(before)) if before else matching.order_by("-at", "-pk"))[: PAGE + 1])
        more_newer, more_older = bool(before), len(page) > PAGE
        page = page[:PAGE]
    kept = request.GET.copy()
    for name in ("before", "after", "format"):
        kept.pop(name, None)
    for name in [name for name in kept if not any(kept.getlist(name))]:
        del kept[name]
    first_page = not before and not after
    address = reverse("station_logs", args=[station.pk])
    context = {
        "station": station,
        "form": form,
        "messages_found": _with_days([frames.read(frame, form.zone, cards=form.cards, whole=False) for frame in page]),
        "zone": form.zone,
        "query": kept.urlencode(),
        "clear_url": f"{address}?in={request.GET['in']}" if request.GET.get("in") else address,
        "newest_url": f"{address}?{kept.urlencode()}",
        "newer_url": f"{address}?{_with(kept, after=Cursor.of(page[0]))}" if page and more_newer else "",
        "older_url": f"{address}?{_with(kept, before=Cursor.of(page[-1]))}" if page and more_older else "",
        "first_page": first_page,
        "fragment_url": f"{address}?{kept.urlencode()}",
        "most": MOST_DOWNLOADED,
    }
    if request.headers.get("HX-Request") == "true":
        return render(request, "stations/logs_list.html", context)
    return render(request, "stations/logs.html", {**sheet_context(request, station, active="logs"), **context})


def _with(query: Any, **extra: Any) -> str:
    query = query.copy()
    for name, value in extra.items():
        query[name] = str(value)
    return str(query.urlencode())


def _with_days(messages: list[frames.Message]) -> list[tuple[str, frames.Message]]:
    """Each message with the day it begins, or nothing where the day is that of the row above."""
    days = [message.day for message in messages]
    return [(day if n == 0 or days[n - 1] != day else "", message) for n, (day, message) in enumerate(zip(days, messages, strict=True))]


def frame(request: HttpRequest, pk: int, frame_pk: int) -> HttpResponse:
    station, rows = _found(request, pk)
    found = get_for(request.user, Frame.objects.filter(station=station), pk=frame_pk)
    form = LogFilter(request.user, station, request.GET)
    matching = form.apply(rows)
    query = request.GET.urlencode()
    suffix = f"?{query}" if query else ""

    def link(neighbour: Frame | None) -> str:
        return f"{reverse('frame', args=[station.pk, neighbour.pk])}{suffix}" if neighbour else ""

    here = Cursor.of(found)
    logs_url = f"{reverse('station_logs', args=[station.pk])}{suffix}"
    context = sheet_context(request, station, active="logs")
    commands = list(Command.objects.visible_to(request.user).filter(frame=found).select_related("requested_by"))
    for command in commands:
        command.station = station
    context |= {
        "message": frames.read(found, form.zone, cards=form.cards),
        "zone": form.zone,
        "older_url": link(older(matching, here).first()),
        "newer_url": link(newer(matching, here).first()),
        "logs_url": logs_url,
        "commands": [(command_words.command_asker(command, request.user), command) for command in commands],
    }
    return render(request, "stations/frame.html", context)


# -- download ------------------------------------------------------------------------------------------------------------------------


def station_logs_download(request: HttpRequest, pk: int, kind: str) -> StreamingHttpResponse:
    """What the filter matches, newest first, as a file that is written while it is read: `kind` "jsonl" or "csv"."""
    station, rows = _found(request, pk)
    form = LogFilter(request.user, station, request.GET)
    lines = (_csv if kind == "csv" else _jsonl)(form, form.apply(rows))
    name = f"{slugify(station.identity) or station.pk}-log-{timezone.now():%Y%m%d-%H%M%S}.{kind}"
    content_type = "text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson"
    return download(request, lines, name, content_type)


def _chunks(rows: QuerySet[Frame]) -> Iterator[list[Frame]]:
    """By keyset, so that no cursor and no transaction stays open however slowly somebody reads."""
    left, rows = MOST_DOWNLOADED, rows.order_by("-at", "-pk")
    chunk = list(rows[: min(CHUNK, left)])
    while chunk:
        yield chunk
        left -= len(chunk)
        if not left or len(chunk) < CHUNK:
            return
        chunk = list(older(rows, Cursor.of(chunk[-1]))[: min(CHUNK, left)])


def _jsonl(form: LogFilter, rows: QuerySet[Frame]) -> Iterator[bytes]:
    for chunk in _chunks(rows):
        lines = []
        for row in chunk:
            message = frames.read(row, form.zone, cards=form.cards)
            call, answer = frames.wire(message)
            answered_at = row.answered_at and row.answered_at.astimezone(form.zone).isoformat(timespec="milliseconds")
            lines.append(json.dumps({
                "at": message.exact, "station": form.station.identity, "direction": row.direction, "action": row.action, "call": call,
                "answer": answer, "answered_at": answered_at, "failed": row.failed,
            }, ensure_ascii=False))  # fmt: skip
        yield ("\n".join(lines) + "\n").encode()


COLUMNS = ("Time", "Station", "Direction", "Message", "Summary", "Answer", "Latency (ms)", "Failed", "Call frame", "Answer frame")


def _csv(form: LogFilter, rows: QuerySet[Frame]) -> Iterator[bytes]:
    yield b"\xef\xbb\xbf" + _csv_lines([COLUMNS])
    for chunk in _chunks(rows):
        table = []
        for row in chunk:
            message = frames.read(row, form.zone, cards=form.cards)
            call, answer = (_compact(part) for part in frames.wire(message))
            table.append((
                message.exact, form.station.identity, row.get_direction_display(), row.action, message.summary, message.outcome,
                "" if message.latency is None else message.latency, "yes" if row.failed else "", call, answer,
            ))  # fmt: skip
        yield _csv_lines(table)


def _compact(part: Any) -> str:
    return "" if part is None else part if isinstance(part, str) else json.dumps(part, ensure_ascii=False, separators=(",", ":"))


def _csv_lines(rows: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([[_harmless(cell) for cell in row] for row in rows])
    return out.getvalue().encode()


def _harmless(cell: Any) -> Any:
    """A spreadsheet takes text that begins so for a formula; an apostrophe keeps it text."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip()[:1] in {"=", "+", "-", "@"} else cell


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/logs/", station_logs, name="station_logs"),
    path("stations/<int:pk>/logs/download.csv", station_logs_download, {"kind": "csv"}, name="station_logs_csv"),
    path("stations/<int:pk>/logs/download.jsonl", station_logs_download, {"kind": "jsonl"}, name="station_logs_jsonl"),
    path("stations/<int:pk>/logs/<int:frame_pk>/", frame, name="frame"),
]
