"""Small messages that something changed. Losing one loses nothing: gateways re-read their pending rows and pages poll.

Two channel-layer groups: GATEWAYS, one channel per process that holds station sockets; PAGES, one channel per process that holds
browser sockets. All functions may be called inside a transaction: they send after its commit.
"""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

GATEWAYS = "gateways"
PAGES = "pages"

log = logging.getLogger("stations.nudges")


def command_queued(station_id: int) -> None:
    """Gateways: this station has a command to deliver. Pages: its list of commands changed."""
    _on_commit(GATEWAYS, {"type": "command.queued", "station": station_id})
    stations_changed(station_id)


def close_station(station_id: int) -> None:
    """Gateways: close the socket of this station."""
    _on_commit(GATEWAYS, {"type": "station.close", "station": station_id})


def transaction_closed(station_id: int, transaction_id: str) -> None:
    """Gateways: somebody has ended this transaction, the station has not."""
    _on_commit(GATEWAYS, {"type": "transaction.closed", "station": station_id, "transaction": transaction_id})


def stations_changed(*station_ids: int) -> None:
    """Pages: something to be seen of these stations changed."""
    if station_ids:
        _on_commit(PAGES, {"type": "stations.changed", "stations": list(station_ids)})


def _on_commit(group: str, message: dict[str, Any]) -> None:
    transaction.on_commit(lambda: _send(group, message))


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group, message)
    except Exception:
        log.warning("a nudge to %s was lost", group, exc_info=True)
