"""New passwords for many stations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import actions
from stations.bulk import CONFIGURATION, Done, Kind, Params, outcome
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS

if TYPE_CHECKING:
    from stations.controls import Situation
    from stations.models import BulkItem, Command


def refusal(params: Params, situation: Situation) -> str:
    return situation.unreachable()


def consequences(params: Params, situations: Sequence[Situation]) -> list[str]:
    return [
        _("Each is told a password of its own over its connection. Nobody sees it, and nothing has to be typed in."),
        _("Until it has connected with the new one, the old one lets it in too."),
    ]


def step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Sequence[Command]) -> Sequence[Command] | Done:
    if answered:
        return outcome(actor, answered)
    return [actions.send_new_password(actor=actor, station=situation.station, item=item)]


KINDS = (
    Kind(
        slug="new-password", label=lazy("Give new passwords"), icon="key", right=MANAGE_STATIONS, refusal=refusal, step=step,
        title=lambda params: _("New passwords"), consequences=consequences, group=CONFIGURATION,
    ),
)  # fmt: skip
