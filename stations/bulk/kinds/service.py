"""In and out of service, and whether stations may connect at all."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from stations.actions.infrastructure import set_stations_active
from stations.bulk import Done, Kind, Params
from stations.bulk.kinds.commands import Answered, asks, cars_at
from stations.controls import Situation
from stations.models import BulkItem, Station
from stations.ocpp.intents import Switch
from tenancy.models import User
from tenancy.rights import MANAGE_STATIONS

SERVICE = lazy("In and out of service")


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


def _switches(active: bool) -> Kind:
    so_already = lazy("It may connect already.") if active else lazy("It is deactivated already.")
    label = lazy("Activate") if active else lazy("Deactivate")

    def refusal(params: Params, situation: Situation) -> str:
        return str(so_already) if situation.station.active == active else ""

    def step(actor: User, params: Params, situation: Situation, item: BulkItem, answered: Answered) -> Done:
        set_stations_active(actor=actor, stations=Station.objects.filter(pk=situation.station.pk), active=active)
        return Done(_("It may connect again.") if active else _("Deactivated."))

    return Kind(
        "activate" if active else "deactivate", label, "plug-connected" if active else "plug-connected-x", MANAGE_STATIONS, refusal, step,
        lambda params: str(label), consequences=None if active else _deactivates, group=SERVICE,
    )  # fmt: skip


KINDS = [
    asks("operative", lambda params, situation: [Switch(True)], group=SERVICE),
    asks("inoperative", lambda params, situation: [Switch(False)], consequences=_takes_out, group=SERVICE),
    _switches(active=True),
    _switches(active=False),
]
