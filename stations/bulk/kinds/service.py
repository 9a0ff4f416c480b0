"""In and out of service, and whether stations may connect at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.actions.availability import activate_station, deactivate_station, put_in_service, take_out_of_service
from stations.bulk import SERVICE, Done, Kind, Params, Text, outcome
from stations.bulk.kinds.commands import Answered, cars_at
from stations.controls import CONTROLS, Situation
from stations.models import BulkItem, Command
from stations.pages.endings import Ending
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS
from ui.templatetags.ui import exact, own_zone


def _takes_out(params: Params, situations: Sequence[Situation]) -> list[str]:
    count, cars = len(situations), cars_at(situations)
    said = [
        ngettext(
            "Nobody can start charging at %d station until it is put in service again.",
            "Nobody can start charging at %d stations until they are put in service again.",
            count,
        ) % count
    ]  # fmt: skip
    if cars:
        said.append(
            ngettext("%d car is charging there; it may finish.", "%d cars are charging there; they may finish.", cars) % cars
        )  # fmt: skip
    return said


def _deactivates(params: Params, situations: Sequence[Situation]) -> list[str]:
    count, cars = len(situations), cars_at(situations)
    said = [
        ngettext(
            "%d station is disconnected, and refused until it is activated again.",
            "%d stations are disconnected, and refused until they are activated again.",
            count,
        ) % count
    ]  # fmt: skip
    if cars:
        said.append(
            ngettext(
                "%d car is charging there. The station goes on by itself, but its values arrive only after it is activated again.",
                "%d cars are charging there. The stations go on by themselves, but their values arrive only when they are activated again.",
                cars,
            ) % cars
        )  # fmt: skip
    return said


# -- for a time, and why ------------------------------------------------------------------------------------------------------------------


class ManyEnding(Ending):
    """One moment for all of them, by the clock of who asks: they may stand in several time zones."""

    def __init__(self, data: Any) -> None:
        super().__init__(data, zone=own_zone(), now=timezone.now())
        self.fields["until"].help_text = _("By your clock (%s). The portal ends it then by itself.") % self.zone.key

    def params(self) -> Params:
        until = self.cleaned_data["until"]
        return {"until": until.isoformat() if until else "", "comment": self.cleaned_data["comment"]}


def _ending_form(request: HttpRequest, data: Any) -> ManyEnding:
    return ManyEnding(data)


def _ending(params: Params) -> dict[str, Any]:
    until = params.get("until", "")
    return {"until": datetime.fromisoformat(until) if until else None, "comment": params.get("comment", "")}


def _told(label: Text) -> Callable[[Params], str]:
    """“Deactivate, until 3 May 2026 08:00: cable is repaired”"""

    def title(params: Params) -> str:
        ending = _ending(params)
        until = ", " + _("until %s") % exact(ending["until"])[:-3] if ending["until"] else ""
        return f"{label}{until}" + (f": {ending['comment']}" if ending["comment"] else "")

    return title


def _put_in(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Sequence[Command] | Done:
    return outcome(actor, answered) if answered else [put_in_service(actor=actor, station=situation.station, item=item)]


def _take_out(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Sequence[Command] | Done:
    if answered:
        return outcome(actor, answered)
    row = take_out_of_service(actor=actor, station=situation.station, item=item, **_ending(params))
    return [row.command] if row.command else Done()


def _activate(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Done:
    activate_station(actor=actor, station=situation.station)
    return Done(_("It may connect again."))


def _deactivate(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Done:
    deactivate_station(actor=actor, station=situation.station, **_ending(params))
    return Done(_("Deactivated."))


def _is_already(active: bool, reason: Text) -> Callable[[Params, Situation], str]:
    return lambda params, situation: str(reason) if situation.station.active == active else ""


def _control(slug: str, step: Any, **more: Any) -> Kind:
    control = CONTROLS[slug]
    return Kind(
        slug, control.label, control.icon, control.right, lambda params, situation: situation.why_not(slug), step,
        _told(control.label), group=SERVICE, **more,
    )  # fmt: skip


KINDS = [
    _control("operative", _put_in),
    _control("inoperative", _take_out, form=_ending_form, consequences=_takes_out),
    Kind(
        "activate", lazy("Activate"), "plug-connected", MANAGE_STATIONS, _is_already(True, lazy("It may connect already.")), _activate,
        _told(lazy("Activate")), group=SERVICE,
    ),
    Kind(
        "deactivate", lazy("Deactivate"), "plug-connected-x", MANAGE_STATIONS, _is_already(False, lazy("It is deactivated already.")),
        _deactivate, _told(lazy("Deactivate")), form=_ending_form, consequences=_deactivates, group=SERVICE,
    ),
]  # fmt: skip
