"""The expert console of a station: any message with a form made from its schema, what was sent, and what passes beside it.

Without JavaScript every button is a POST that draws the page again; only “Send” leads on. The message that is sent is the one that was
shown: checked, with what it does, and its exact frame.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from stations import console, frames
from stations.actions import CommandRefused, request_command
from stations.configuration.values import MASK
from stations.controls import Situation
from stations.models import Command, Frame, Station
from stations.ocpp import masking
from stations.pages.command_rows import CommandRow, command_rows
from stations.pages.sheet import sheet_context
from stations.schema_forms import (
    MAX_ROWS,
    ROOT,
    Schema,
    fields_of,
    payload_of,
    rows_of,
    too_long,
    typed_of,
    whole,
    with_row,
    without_row,
)
from tenancy.links import link
from tenancy.pages.shared import user_of
from tenancy.rights import PERSONAL_DATA, READ_CONFIGURATION, READ_LOGS, SEND_ANYTHING, get_for, may

SHOWN_FRAMES, SHOWN_COMMANDS = 25, 15
LONGEST = 500_000  # characters of a message typed as JSON
MESSAGE_ID = "…"  # in the frame shown before: it gets its own when it is sent
_ROW = re.compile(r"(add|remove):(p[\w.]{0,300}?)(?:\.(\d{1,5}))?")


def station_for(request: HttpRequest, pk: int) -> Station:
    return get_for(request.user, Station.objects.select_related("location__organization"), SEND_ANYTHING, pk=pk)


class Draft:
    """A message as it is being written: as fields and as JSON, both of the same payload."""

    def __init__(self, station: Station, action: str) -> None:
        self.station, self.action, self.version = station, action, station.ocpp_version
        self.schema: Schema = console.schema_of(self.version, action)
        self.typed: dict[str, str] = {}
        self.payload: Any = {}
        self.raw = "{}"
        self.raw_error = ""
        self.errors: dict[str, str] = {}
        self.checked = False

    def take(self, payload: Any) -> None:
        """Begin with this payload."""
        self.payload, self.typed = payload, typed_of(self.schema, payload)
        self.raw = _pretty(payload)

    def take_fields(self, typed: dict[str, str]) -> None:
        self.typed = typed
        self.payload, self.errors = payload_of(self.schema, typed, self.station.location.zone)
        self.raw = _pretty(self.payload)

    def take_raw(self, text: str) -> None:
        self.raw = text
        try:
            if len(text) > LONGEST:
                raise ValueError(_("This is longer than any station takes."))
            payload = whole(json.loads(text or "{}", parse_constant=_no_number))
        except json.JSONDecodeError as error:
            said = {"line": error.lineno, "column": error.colno, "why": error.msg}
            self.raw_error = _("This is no JSON, at line %(line)d, column %(column)d: %(why)s.") % said
        except RecursionError:
            self.raw_error = _("This is nested too deeply.")
        except ValueError as error:
            self.raw_error = str(error)
        else:
            if not isinstance(payload, dict):
                self.raw_error = _("A message is an object: { … }.")
                return
            self.payload, self.typed = payload, typed_of(self.schema, payload)

    def check(self) -> None:
        if not self.raw_error:
            self.errors = console.complaints(self.version, self.action, self.payload) | self.errors
            self.checked = not self.errors

    @property
    def frame(self) -> str:
        """The exact frame, but for its id and what is secret."""
        shown = masking.without_secrets(self.action, self.payload)
        return json.dumps([2, MESSAGE_ID, self.action, shown], ensure_ascii=False, separators=(",", ":"))

    def context(self) -> dict[str, Any]:
        zone = self.station.location.time_zone
        time_hint = _("Without a zone it is the time of the location, %s; it is sent as UTC.") % zone
        long = too_long(self.typed)
        general = self.errors.get(ROOT, "")
        return {
            "draft": self,
            "too_long": long,
            "fields": [] if long else fields_of(self.schema, self.typed, self.errors, console.HINTS, time_hint),
            "general_error": general,
            # Also what has no field to stand at
            "told_errors": [(where.removeprefix(f"{ROOT}."), said) for where, said in self.errors.items() if where != ROOT],
            "dangers": console.dangers(self.action, self.payload) if self.checked else [],
            "exact": json.dumps(self.payload, ensure_ascii=False) if self.checked else "",
            "most_rows": MAX_ROWS,
        }


def _pretty(payload: Any) -> str:
    return json.dumps(payload, ensure_ascii=False, indent=2)


def _no_number(name: str) -> Any:
    raise ValueError(_("%s is no number that can be sent.") % name)


def _again(request: HttpRequest, station: Station, draft: Draft) -> None:
    """Fill the draft with a command that was sent, if this person may see it."""
    wanted = request.GET.get("from", "")
    if not wanted.isdecimal() or len(wanted) > 18:
        return
    rows = Command.objects.visible_to(request.user).filter(station=station, action=draft.action)
    if found := rows.filter(pk=int(wanted)).first():
        payload = {key: value for key, value in found.payload.items() if key in draft.schema.get("properties", {})}
        shown = frames.masked(found.action, payload, cards=may(request.user, PERSONAL_DATA, station))
        if found.action == "ChangeConfiguration" and not may(request.user, READ_CONFIGURATION, station):
            shown = {**shown, "value": MASK}
        draft.take(shown)


@never_cache
def station_console(request: HttpRequest, pk: int) -> HttpResponse:
    """`?action=` is the message, `?from=` a command whose payload it begins with. POST: `op` is what was pressed."""
    station = station_for(request, pk)
    known = console.commands(station.ocpp_version)
    given = request.POST if request.method == "POST" else request.GET
    action = given.get("action", "")
    draft = Draft(station, action) if action in known else None
    situation = Situation(request.user, station)
    if draft is not None and request.method == "POST":
        if _press(request, station, draft) is not None:
            return redirect(link("station_console", pk, action=action))
    elif draft is not None:
        _again(request, station, draft)
    context = {
        **sheet_context(request, station, "console", situation),
        "actions": known,
        "action": action if draft else "",
        "unreachable": situation.unreachable(),
        "console_url": link("station_console", pk),
        **(draft.context() if draft else {}),
        **live_context(request, situation),
    }
    return render(request, "stations/console.html", context)


def _press(request: HttpRequest, station: Station, draft: Draft) -> Command | None:
    """What a button does to the draft; the command when it was sent."""
    op = request.POST.get("op", "")
    if op in {"send", "raw"}:
        draft.take_raw(request.POST.get("payload" if op == "send" else "raw", ""))
        draft.check()
        return _send(request, station, draft) if op == "send" and draft.checked else None
    typed = {name: value for name, value in request.POST.items() if isinstance(value, str) and name.startswith((f"{ROOT}.", f"{ROOT}:"))}
    if (pressed := _ROW.fullmatch(op)) and (pressed[1] == "remove") == (pressed[3] is not None):
        if pressed[1] == "add":
            typed = with_row(typed, pressed[2], rows_of({}, typed, pressed[2], False))
        else:
            typed = without_row(typed, pressed[2], int(pressed[3]))
        draft.take_fields(typed)
        draft.errors = {}  # nobody has asked yet
        return None
    draft.take_fields(typed)
    draft.check()
    return None


def _send(request: HttpRequest, station: Station, draft: Draft) -> Command | None:
    try:
        sent = request_command(
            actor=user_of(request), station=station, action=draft.action, payload=draft.payload, origin=console.ORIGIN
        )  # fmt: skip
    except CommandRefused as refusal:
        messages.error(request, str(refusal))
        return None
    messages.success(request, _("%(message)s is on its way to %(station)s.") % {"message": draft.action, "station": station})
    return sent


# -- what passes beside it ----------------------------------------------------------------------------------------------------------------


class Sent(NamedTuple):
    """A command in words; `answer` is all of its answer, for those who read the log."""

    row: CommandRow
    url: str
    answer: str = ""


def live_context(request: HttpRequest, situation: Situation) -> dict[str, Any]:
    """The part that changes while one looks: the answer to what was sent, the frames, and what was sent before."""
    station, user = situation.station, request.user
    commands = Command.objects.visible_to(user).filter(station=station, origin=console.ORIGIN).select_related("requested_by", "frame")
    rows = command_rows(commands.order_by("-created_at", "-pk")[:SHOWN_COMMANDS], situation)
    known = set(console.commands(station.ocpp_version))
    reads_logs, cards, zone = may(user, READ_LOGS, station), may(user, PERSONAL_DATA, station), station.location.zone
    noisy = request.GET.get("noise") == "1"
    seen: list[frames.Message] = []
    if reads_logs:
        found = Frame.objects.visible_to(user).filter(station=station)
        found = found if noisy else found.exclude(action__in=frames.NOISE)
        seen = [frames.read(frame, zone, cards=cards, whole=False) for frame in found.order_by("-at", "-pk")[:SHOWN_FRAMES]]
    latest = None
    if rows:
        frame = rows[0].command.frame
        latest = Sent(rows[0], "", frames.read(frame, zone, cards=cards).answer if frame and reads_logs else "")
    keep = {"action": given} if (given := (request.POST.get("action") or request.GET.get("action", ""))) in known else {}
    keep = {name: str(value) for name, value in keep.items()}
    return {
        "station": station,
        "zone": zone,
        "latest": latest,
        "sent": [Sent(row, _again_url(station, row.command) if row.command.action in known else "") for row in rows],
        "frames": seen,
        "reads_logs": reads_logs,
        "noisy": noisy,
        "noise_url": link("station_console", station.pk, **keep, **({} if noisy else {"noise": "1"})),
        "live_url": link("station_console_live", station.pk, **keep, **({"noise": "1"} if noisy else {})),
        "logs_url": link("station_logs", station.pk) if reads_logs else "",
    }


def _again_url(station: Station, command: Command) -> str:
    return link("station_console", station.pk, **{"action": command.action, "from": str(command.pk)})


@never_cache
def station_console_live(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "stations/console_live.html", live_context(request, Situation(request.user, station_for(request, pk))))


urlpatterns: list[URLPattern] = [
    path("stations/<int:pk>/console/", station_console, name="station_console"),
    path("stations/<int:pk>/console/live/", station_console_live, name="station_console_live"),
]
