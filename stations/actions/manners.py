"""What was noticed of a station's manners."""

from __future__ import annotations

from django.db import transaction

from stations.models import Deviation, Station
from tenancy import audit
from tenancy.models import User


@transaction.atomic
def forget_deviations(*, actor: User | None, station: Station) -> int:
    """Count anew, as after an update of its firmware; returns how many kinds were forgotten."""
    count, _rows = Deviation.objects.filter(station=station).delete()
    if count:
        audit.record(actor, "forget", station, station.location.organization, {"deviations": [count, 0]})
    return count
