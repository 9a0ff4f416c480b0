"""Asking many stations: the controls of one station that make sense for many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.actions.commands import ask
from stations.bulk import CONFIGURATION, Done, Kind, Params, Text, outcome
from stations.controls import CONTROLS, TRIGGERS, Situation, triggers_of
from stations.models import BulkItem, Command
from stations.ocpp.intents import ClearCache, Intent, ReadConfiguration, Reset, Stop, Unlock
from tenancy.models import User

Wanted = Callable[[Params, Situation], Sequence[Intent]]
Answered = Sequence[Command]


def asks(
    slug: str,
    wanted: Wanted,
    *,
    label: Text = "",
    refusal: Callable[[Params, Situation], str] | None = None,
    left: Callable[[Situation], str] | None = None,
    **more: Any,
) -> Kind:
    """A kind that does at many stations what the control `slug` does at one: all that is `wanted` of a station is asked at once, and its
    answers are what comes of it. `left` says what could not be asked for there, so that it is no success."""
    control = CONTROLS[slug]
    name = label or control.label

    def step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Sequence[Command] | Done:
        rest = left(situation) if left else ""
        if answered:
            done = outcome(actor, answered)
            return Done(f"{done.text} {rest}", good=False) if rest else done
        asked = [ask(actor=actor, station=situation.station, intent=intent, item=item) for intent in wanted(params, situation)]
        return asked or Done(rest or _("There was nothing to ask for any more."), good=False)

    return Kind(
        slug, name, control.icon, control.right, refusal or (lambda params, situation: situation.why_not(slug)), step,
        **{"title": lambda params: str(name), **more},
    )  # fmt: skip


def cars_at(situations: Sequence[Situation]) -> int:
    return sum(len(situation.cars()) for situation in situations)


def _resets(hard: bool) -> Callable[[Params, Sequence[Situation]], list[str]]:
    def told(params: Params, situations: Sequence[Situation]) -> list[str]:
        count, cars = len(situations), cars_at(situations)
        away = ngettext(
            "%d station starts again and is away for a few minutes.", "%d stations start again and are away for a few minutes.", count
        )
        said = [away % count]
        waiting = [one for one in situations if one.speaker.SOFT_RESET_WAITS]
        if hard:
            said.append(_("They are switched off and on without ending their work in good order."))
        elif held := cars_at(waiting):
            cars -= held
            wait = ngettext("%d station waits with it until no car charges there.", "%d stations wait with it until no car charges there.",
                            len([one for one in waiting if one.cars()]))  # fmt: skip
            said.append(wait % len([one for one in waiting if one.cars()]))
            if not cars:
                return said
        if cars:
            now = ngettext("%d car is charging there; its transaction ends.", "%d cars are charging there; their transactions end.", cars)
            return [*said, now % cars]
        return [*said, _("No car is charging there now.")]

    return told


# -- unlock -------------------------------------------------------------------------------------------------------------------------------


def _lockable(params: Params, situation: Situation) -> Sequence[Intent]:
    return [Unlock(one.number) for one in situation.connectors if not situation.why_not("unlock", one)]


def _why_not_unlock(params: Params, situation: Situation) -> str:
    if reason := situation.why_not("unlock"):
        return reason
    reasons = [situation.why_not("unlock", one) for one in situation.connectors]
    return "" if "" in reasons else reasons[0]


def _unlocks(params: Params, situations: Sequence[Situation]) -> list[str]:
    sockets, cars = sum(len(_lockable(params, one)) for one in situations), cars_at(situations)
    said = [ngettext("The lock of %d socket is opened.", "The locks of %d sockets are opened.", sockets) % sockets]
    if cars:
        said.append(
            ngettext("%d car is charging there; its charge ends, and", "%d cars are charging there; their charges end, and", cars) % cars
            + " " + _("the cable can then be pulled by anyone.")
        )  # fmt: skip
    return said


# -- stop ---------------------------------------------------------------------------------------------------------------------------------


def _running(params: Params, situation: Situation) -> Sequence[Intent]:
    running = [(situation.transaction_at(one), one) for one in situation.cars()]
    return [Stop(charge.transaction_id) for charge, one in running if charge and not situation.why_not("stop", one)]


def _why_not_stop(params: Params, situation: Situation) -> str:
    return "" if _running(params, situation) else situation.why_not("stop") or _unstoppable(situation)


def _unstoppable(situation: Situation) -> str:
    """Of transactions that go on: why they cannot be stopped from here."""
    going = [one for one in situation.cars() if situation.transaction_at(one)]
    return " ".join(f"{_('Connector %s') % one.shown}: {reason}" for one in going if (reason := situation.why_not("stop", one)))


def _stops(params: Params, situations: Sequence[Situation]) -> list[str]:
    ends = sum(len(_running(params, one)) for one in situations)
    goes_on = cars_at(situations) - ends
    said = [ngettext("The charge of %d car ends.", "The charges of %d cars end.", ends) % ends]
    if goes_on > 0:
        said.append(
            ngettext(
                "%d car charges there by what the station reports, but cannot be stopped from here.",
                "%d cars charge there by what the stations report, but cannot be stopped from here.",
                goes_on,
            ) % goes_on
        )  # fmt: skip
    return said


# -- trigger ------------------------------------------------------------------------------------------------------------------------------


class TriggerForm(forms.Form):
    message = forms.ChoiceField(label=lazy("Message"), choices=list(TRIGGERS.items()))

    def params(self) -> Params:
        return {"message": self.cleaned_data["message"]}


def _trigger_form(request: HttpRequest, data: Any) -> TriggerForm:
    return TriggerForm(data)


def _trigger_title(params: Params) -> str:
    return f"{CONTROLS['trigger'].label}: {TRIGGERS.get(params['message'], params['message'])}"


def _why_not_trigger(params: Params, situation: Situation) -> str:
    reason = situation.why_not("trigger")
    if not reason and params["message"] not in situation.speaker.triggers(situation.told):
        return _("Its version of OCPP does not know this message.")
    return reason


KINDS = [
    asks("reset-soft", lambda params, situation: [Reset()], consequences=_resets(hard=False)),
    asks("reset-hard", lambda params, situation: [Reset(hard=True)], consequences=_resets(hard=True)),
    asks("unlock", _lockable, label=lazy("Unlock all sockets"), refusal=_why_not_unlock, consequences=_unlocks),
    asks("stop", _running, label=lazy("Stop all charges"), refusal=_why_not_stop, left=_unstoppable, consequences=_stops),
    asks(
        "trigger", lambda params, situation: triggers_of(situation, params["message"]), refusal=_why_not_trigger, form=_trigger_form,
        title=_trigger_title,
    ),
    asks("clear-cache", lambda params, situation: [ClearCache()]),
    asks("get-configuration", lambda params, situation: [ReadConfiguration()], group=CONFIGURATION),
]  # fmt: skip
