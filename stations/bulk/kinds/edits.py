"""Changing what is kept of many stations: their technical data, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import fields_for_model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations.actions.infrastructure import edit_station
from stations.bulk import DATA, Done, Kind, Params
from stations.bulk.kinds.commands import Answered
from stations.controls import Situation
from stations.forms import LocationChoice, explain_technical, locations_for
from stations.hardware import TECHNICAL
from stations.models import BulkItem, Location, Station
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS

TICK = "change_"  # before the name of a field: the box that says that it is meant


class DataForm(forms.Form):
    """Only the fields that are ticked are changed."""

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        for name, field in fields_for_model(Station, TECHNICAL).items():
            self.fields[f"{TICK}{name}"] = forms.BooleanField(label=_("Change: %s") % field.label, required=False)
            self.fields[name] = field
            field.required = False
        explain_technical(self)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        wanted = self.wanted()
        for name in wanted:
            must = not Station._meta.get_field(name).blank  # type: ignore[union-attr]
            if must and name not in self.errors and values.get(name) in (None, ""):
                self.add_error(name, lazy("Enter what it is to be."))
        if not wanted:
            raise ValidationError(lazy("Tick what is to be changed."))
        return values

    def wanted(self) -> list[str]:
        return [name for name in TECHNICAL if self.cleaned_data.get(f"{TICK}{name}")]

    def params(self) -> Params:
        return {name: _plain(name, self.cleaned_data[name]) for name in self.wanted()}


def _plain(name: str, value: Any) -> Any:
    """What a choice gives as text is a number in the model."""
    return Station._meta.get_field(name).to_python(value)  # type: ignore[union-attr]


def _told(params: Params) -> list[str]:
    """“Phases: 3” of each that is changed."""
    said = []
    for name, value in params.items():
        field = Station._meta.get_field(name)
        words = dict(field.flatchoices).get(value, value) if field.flatchoices else value  # type: ignore[union-attr]
        said.append(f"{field.verbose_name}: {_('none') if words in (None, '') else words}")  # type: ignore[union-attr]
    return said


def _data_refusal(params: Params, situation: Situation) -> str:
    same = all(getattr(situation.station, name) == value for name, value in params.items())
    return _("It is so already.") if same else ""


def _data_step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Done:
    edit_station(actor=actor, station=situation.station, **params)
    return Done(_("Changed."))


# -- where they stand ----------------------------------------------------------------------------------------------------------------------


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
    if any(situation.running for situation in situations):
        found.append(_("What is charging now goes on."))
    return found


KINDS = [
    Kind(
        "data", lazy("Change technical data"), "pencil", MANAGE_STATIONS, _data_refusal, _data_step,
        lambda params: _("Change: %s") % "; ".join(_told(params)), form=lambda request, data: DataForm(data), group=DATA,
    ),
    Kind(
        "move", lazy("Move to a location"), "arrows-exchange", MANAGE_STATIONS, _move_refusal, _move_step,
        lambda params: _("Move to %s") % params["name"], form=_move_form, consequences=_moves, group=DATA,
    ),
]  # fmt: skip
