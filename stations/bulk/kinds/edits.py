"""Changing where many stations stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.actions.infrastructure import edit_station
from stations.bulk import DATA, Done, Kind, Params
from stations.bulk.kinds.commands import Answered
from stations.controls import Situation
from stations.forms import LocationChoice, locations_for
from stations.models import BulkItem, Location
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS


class MoveForm(forms.Form):
    location = LocationChoice(
        queryset=Location.objects.none(), label=lazy("Location"), empty_label=lazy("Choose one"),
        help_text=lazy("Of the same organization. To another one a station is moved on its own page, which says what goes along."),
    )  # fmt: skip

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        self.fields["location"].queryset = locations_for(user)  # type: ignore[attr-defined]

    def params(self) -> Params:
        to = self.cleaned_data["location"]
        return {"location": to.pk, "organization": to.organization_id, "name": str(to)}


def _move_form(request: HttpRequest, data: Any) -> MoveForm:
    assert isinstance(request.user, User)
    return MoveForm(data, user=request.user)


def _move_refusal(params: Params, situation: Situation) -> str:
    here = situation.station.location
    if here.pk == params["location"]:
        return _("It stands there already.")
    if here.organization_id != params["organization"]:
        return _("It belongs to another organization than the location. Move it on its own page, which says what goes along.")
    return ""


def _move_step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Done:
    to = locations_for(actor).filter(pk=params["location"], organization=params["organization"]).first()
    if to is None:
        raise ValidationError(_("The location is gone, belongs to somebody else now, or the right to add stations there is missing."))
    edit_station(actor=actor, station=situation.station, location=to)
    return Done(_("Moved."))


def _moves(params: Params, situations: Sequence[Situation]) -> list[str]:
    found = [_("Who may charge there is what that location says, wherever a station does not say it itself.")]
    if any(situation.cars() for situation in situations):
        found.append(_("What is charging now goes on."))
    return found


KINDS = [
    Kind(
        "move", lazy("Move to a location"), "arrows-exchange", MANAGE_STATIONS, _move_refusal, _move_step,
        lambda params: _("Move to %s") % params["name"], form=_move_form, consequences=_moves, group=DATA,
    ),
]  # fmt: skip
