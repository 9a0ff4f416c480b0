"""Learning a card: somebody looks at what is offered at a station for a short time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from stations.models import Station
from tenancy import audit
from tenancy.models import User


@transaction.atomic
def begin_learning(*, actor: User | None, station: Station) -> datetime:
    """From when on `actor` is shown the cards that are offered at `station`. Nothing changes at it; that somebody looks is recorded."""
    audit.record(actor, "learn", station, station.location.organization)
    return timezone.now()
