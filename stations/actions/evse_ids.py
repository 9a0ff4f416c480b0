"""EVSE IDs for all connectors of a station, one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from stations import nudges
from stations.actions.saving import save
from stations.models import Connector, Station
from stations.models.infrastructure import canonical_evse_id
from tenancy.models import User


def _counted(country: str, operator: str, number: str, count: int) -> list[str]:
    """The ids from this number on. Its last digits are counted up, as many of them as there are."""
    if not re.fullmatch(r"[A-Za-z]{2}", country):
        raise ValidationError({"country": _("A country is two letters, such as NL.")})
    if not re.fullmatch(r"[A-Za-z0-9]{3}", operator):
        raise ValidationError({"operator": _("An operator has three letters or digits.")})
    plain = re.sub(r"^E(?=[0-9])", "", number.upper())  # the E is ours
    found = re.fullmatch(r"([A-Z0-9]*?)([0-9]{1,18})", plain)
    if not found:
        raise ValidationError({"number": _("A number has letters and digits and ends with a digit, such as 100001.")})
    before, digits = found.groups()
    numbers = [f"{before}{int(digits) + at:0{len(digits)}}" for at in range(count)]
    if any(len(one) > 30 for one in numbers):
        raise ValidationError({"number": _("A number has at most 30 letters and digits.")})
    return [canonical_evse_id(f"{country}*{operator}*E{one}") for one in numbers]


@transaction.atomic
def give_evse_ids(
    *, actor: User | None, station: Station, country: str, operator: str, number: str, all_of_them: bool = False
) -> Sequence[Connector]:
    """Give the connectors that have none their EVSE IDs, counted from `number` on in the order of the connectors; with `all_of_them`
    also those that have one. ValidationError where an id is taken: then none is given."""
    rows = station.connectors.select_for_update().filter(number__gt=0).order_by("number")
    connectors = [one for one in rows if all_of_them or not one.evse_id]
    if not connectors:
        raise ValidationError(_("Every connector has an EVSE ID already. Tick that these are replaced too."))
    ids = _counted(country, operator, number, len(connectors))
    keys = [one.replace("*", "") for one in ids]
    others = Connector.objects.filter(evse_key__in=keys).exclude(pk__in=[one.pk for one in connectors])
    if taken := set(others.values_list("evse_key", flat=True)):
        names = ", ".join(evse_id for evse_id, key in zip(ids, keys, strict=True) if key in taken)
        raise ValidationError({"number": _("Another connector already has %s. Begin with another number.") % names})
    Connector.objects.filter(pk__in=[one.pk for one in connectors]).update(evse_key=None)  # they may pass them on to each other
    for one, evse_id in zip(connectors, ids, strict=True):
        one.station, one.evse_key = station, None
        save(actor, one, station.location.organization, {"evse_id": evse_id})
    nudges.stations_changed(station.pk)
    return connectors
