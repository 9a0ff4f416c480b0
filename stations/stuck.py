"""Whether a running transaction looks as if its station would never end it."""

from __future__ import annotations

from stations.models import Connector, Transaction

CHARGING = {Connector.Status.CHARGING, Connector.Status.SUSPENDED_EV, Connector.Status.SUSPENDED_EVSE, Connector.Status.PREPARING}


def may_be(row: Transaction) -> bool:
    """By what is known of it without asking: it waits in the inbox, its station is away, or its connector does not charge."""
    return row.to_review or not row.station.connected or row.connector.status not in CHARGING
