"""Another access mode for many stations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations import actions
from stations.access import preview
from stations.bulk import DATA, Done, Kind, Params
from stations.models import AccessMode
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS

if TYPE_CHECKING:
    from stations.controls import Situation
    from stations.models import BulkItem, Command

INHERIT = "location"


class AccessModeForm(forms.Form):
    access_mode = forms.ChoiceField(
        label=lazy("Access mode"), choices=[(INHERIT, lazy("As the location")), *AccessMode.choices], widget=forms.RadioSelect
    )

    def params(self) -> Params:
        return {"access_mode": self.cleaned_data["access_mode"]}


def _own(params: Params) -> str:
    """What is set at the station; empty: that of its location holds."""
    mode = str(params.get("access_mode", ""))
    return mode if mode in AccessMode.values else ""


def _label(params: Params) -> str:
    mode = _own(params)
    return str(AccessMode(mode).label) if mode else _("as the location")


def refusal(params: Params, situation: Situation) -> str:
    return _("It is so already.") if situation.station.access_mode == _own(params) else ""


def consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    if not situations or not isinstance(user := situations[0].user, User):
        return []
    mode = _own(params)
    said = list(preview(user, [(one.station, mode or one.station.location.access_mode) for one in situations]).sentences)
    if running := sum(len(one.cars()) for one in situations):
        said.append(ngettext("%d car charges there now.", "%d cars charge there now.", running) % running)
    return said


def step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Sequence[Command]) -> Done:
    actions.edit_station(actor=actor, station=situation.station, access_mode=_own(params))
    return Done(_("Its access mode is: %s.") % _label(params))


def _form(request: HttpRequest, data: Any) -> forms.Form:
    return AccessModeForm(data)


KINDS = (
    Kind(
    slug="access-mode", label=lazy("Change the access mode"), icon="key", right=MANAGE_STATIONS, refusal=refusal, step=step,
        title=lambda params: _("Access mode: %s") % _label(params), form=_form, consequences=consequences, group=DATA,
    ),
)  # fmt: skip
