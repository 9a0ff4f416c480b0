"""Planning maintenance at many stations at once, each in the time of its own location; and the way back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions
from stations.actions.maintenance import GRACE
from stations.bulk import SERVICE, Done, Kind, Params
from stations.controls import Situation
from stations.models import BulkItem, Command, MaintenanceWindow
from stations.moments import WallField, at_location
from tenancy.models import User
from tenancy.rights import CHANGE_AVAILABILITY, RIGHTS


class PlanForm(forms.Form):
    starts_at = WallField(label=lazy("From"), help_text=lazy("In the time of each station's location."))
    ends_at = WallField(label=lazy("Until"))
    comment = forms.CharField(label=lazy("Comment"), max_length=200, help_text=lazy("What is done, such as: new meters."))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        start, end = cleaned.get("starts_at"), cleaned.get("ends_at")
        if start and end and end <= start:
            raise ValidationError({"ends_at": _("The end lies before the beginning.")})
        return cleaned

    def params(self) -> Params:
        found = self.cleaned_data
        return {
            "starts_at": found["starts_at"].isoformat(),
            "ends_at": found["ends_at"].isoformat(),
            "comment": found["comment"],
            "asked_at": timezone.now().isoformat(),
        }


def _span(params: Params, situation: Situation) -> tuple[datetime, datetime]:
    zone = situation.station.location.zone
    return (
        at_location(datetime.fromisoformat(params["starts_at"]), zone),
        at_location(datetime.fromisoformat(params["ends_at"]), zone, late=True),
    )


def refusal(params: Params, situation: Situation) -> str:
    if not situation.may(CHANGE_AVAILABILITY):
        right = RIGHTS[CHANGE_AVAILABILITY].label
        return _("Your role does not give you the right “%s” here. An administrator can change that.") % right
    starts_at, ends_at = _span(params, situation)
    if starts_at < datetime.fromisoformat(params["asked_at"]) - GRACE:
        return _("At this location the beginning was in the past already.")
    if ends_at <= max(starts_at, timezone.now()):
        return _("At this location the end is in the past already.")
    return ""


def step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Sequence[Command]) -> Done:
    starts_at, ends_at = _span(params, situation)
    actions.plan_maintenance(
        actor=actor, stations=[situation.station], starts_at=max(starts_at, timezone.now()), ends_at=ends_at, comment=params["comment"]
    )
    return Done(_("Planned."))


def title(params: Params) -> str:
    start = datetime.fromisoformat(params["starts_at"])
    return _("Maintenance from %(when)s: %(why)s") % {"when": f"{start:%Y-%m-%d %H:%M}", "why": params["comment"]}


def consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    count, zones = len(situations), len({situation.station.location.time_zone for situation in situations})
    said = [
        ngettext(
            "%d station is in maintenance for that time: its errors raise no incident.",
            "%d stations are in maintenance for that time: their errors raise no incident.",
            count,
        )
        % count,
        _("It switches nothing off: who comes may still charge. To prevent that, take the stations out of service too."),
    ]
    if zones > 1:
        said.append(_("They stand in %d time zones; each begins by its own clock.") % zones)
    return said


# -- the way back --------------------------------------------------------------------------------------------------------------------------

RUNNING, COMING = "running", "coming"


class EndForm(forms.Form):
    running = forms.BooleanField(label=lazy("End what runs now"), required=False)
    coming = forms.BooleanField(label=lazy("Cancel what is coming"), required=False)
    comment = forms.CharField(
        label=lazy("Only with this comment"), max_length=200, required=False, help_text=lazy("Exactly as it was planned. Empty: any.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get(RUNNING) and not cleaned.get(COMING):
            raise ValidationError(_("Tick what is to be ended or cancelled."))
        return cleaned

    def params(self) -> Params:
        found = self.cleaned_data
        return {"which": [name for name in (RUNNING, COMING) if found[name]], "comment": found["comment"]}


def _open(stations: Collection[int]) -> dict[int, list[MaintenanceWindow]]:
    found: dict[int, list[MaintenanceWindow]] = {}
    for window in MaintenanceWindow.objects.filter(station__in=stations, ends_at__gt=timezone.now()).order_by("starts_at", "pk"):
        found.setdefault(window.station_id, []).append(window)
    return found


def _meant(params: Params, situation: Situation) -> list[MaintenanceWindow]:
    return [
        window
        for window in situation.together.read(_open).get(situation.station.pk, [])
        if (RUNNING if window.starts_at <= situation.now else COMING) in params["which"]
        and params["comment"] in ("", window.comment)
        and window.ends_at > situation.now
    ]


def _end_refusal(params: Params, situation: Situation) -> str:
    return "" if _meant(params, situation) else _("No such maintenance is planned there.")


def _end_step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Sequence[Command]) -> Done:
    windows = _meant(params, situation)
    for window in windows:
        actions.end_maintenance(actor=actor, window=window)
    return Done(
        ngettext("%d maintenance window ended or cancelled.", "%d maintenance windows ended or cancelled.", len(windows)) % len(windows)
    )


def _end_title(params: Params) -> str:
    return _("End maintenance: %s") % params["comment"] if params["comment"] else _("End maintenance")


def _end_consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    every = [(window, situation.now) for situation in situations for window in _meant(params, situation)]
    running = sum(window.starts_at <= now for window, now in every)
    coming, said = len(every) - running, []
    if running:
        said.append(
            ngettext(
                "%d maintenance window that runs now ends: errors count again.",
                "%d maintenance windows that run now end: errors count again.",
                running,
            )
            % running
        )
    if coming:
        said.append(
            ngettext(
                "%d that is coming is cancelled; the history keeps it.", "%d that are coming are cancelled; the history keeps them.", coming
            )
            % coming
        )
    return said


KINDS = (
    Kind(
        slug="maintenance", label=lazy("Plan maintenance"), icon="tool", right=CHANGE_AVAILABILITY, refusal=refusal, step=step,
        title=title, form=lambda request, data: PlanForm(data), consequences=consequences, group=SERVICE,
    ),
    Kind(
        slug="end-maintenance", label=lazy("End or cancel maintenance"), icon="tool", right=CHANGE_AVAILABILITY, refusal=_end_refusal,
        step=_end_step, title=_end_title, form=lambda request, data: EndForm(data), consequences=_end_consequences,
        group=SERVICE,
    ),
)  # fmt: skip
