"""What a guide does in several places at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from passes.actions.lists import list_pass
from passes.actions.passes import create_pass
from passes.models import ChargePass
from stations.actions import edit_location, edit_station
from stations.models import AccessMode, Location, Station
from tenancy.models import Organization, User


def put_on_list(
    *, actor: User | None, organization: Organization, charge_pass: ChargePass | None, switches: dict[str, bool], **fields: Any
) -> ChargePass:
    """A pass on the list of `organization` with these switches: the one that is there, or a new one made of `fields`."""
    if charge_pass is None:
        return create_pass(actor=actor, organization=organization, **({"whitelist": False} | switches), **fields)
    list_pass(actor=actor, charge_pass=charge_pass, organization=organization, **switches)
    return charge_pass


@transaction.atomic
def free_at_both(
    *,
    actor: User | None,
    office: Organization,
    home: Organization,
    charge_pass: ChargePass | None,
    places: Iterable[Location | Station] = (),
    **fields: Any,
) -> ChargePass:
    """Whitelist a pass at the office and at the home that stands below it; stations of `places` roam and begin to whitelist too."""
    free = put_on_list(actor=actor, organization=office, charge_pass=charge_pass, switches={"whitelist": True}, **fields)
    list_pass(actor=actor, charge_pass=free, organization=home, whitelist=True)
    for place in places:
        if isinstance(place, Station):
            edit_station(actor=actor, station=place, access_mode=AccessMode.ROAMING_WHITELIST)
        else:
            edit_location(actor=actor, location=place, access_mode=AccessMode.ROAMING_WHITELIST)
    return free
