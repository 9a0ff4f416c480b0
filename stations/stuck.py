"""Whether a running transaction looks as if its station would never end it."""

from __future__ import annotations

from stations.models import Command, Connector, Transaction
from stations.ocpp import versions
from stations.ocpp.intents import Stop

CHARGING = {Connector.Status.CHARGING, Connector.Status.SUSPENDED_EV, Connector.Status.SUSPENDED_EVSE, Connector.Status.PREPARING}
NOT_DONE = (Command.State.REJECTED, Command.State.FAILED, Command.State.TIMED_OUT, Command.State.EXPIRED)


def may_be(row: Transaction) -> bool:
    """By what is known of it without asking: it waits in the inbox, its station is away, or its connector does not charge."""
    return row.to_review or not row.station.connected or row.connector.status not in CHARGING


def refused_stop(row: Transaction) -> Command | None:
    """The latest wish to stop it, where that came to nothing."""
    asked = Command.objects.filter(station=row.station_id, created_at__gte=row.started_at, state__in=NOT_DONE).order_by("-pk")[:20]
    for one in asked:
        intent = versions.speaker(one.version).intent(one.action, one.payload)
        if isinstance(intent, Stop) and str(intent.transaction_id) == row.transaction_id:
            return one
    return None
