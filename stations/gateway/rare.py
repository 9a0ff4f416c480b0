"""Messages that come seldom, each kind booked by a module of its own: all of a kind that a batch has at once, in the ledger's transaction.

A handler gets the entries of its kind, in the order in which they came, and returns what each is answered: a reply, or a whole CALLERROR
as text. It reads and writes in a constant number of queries, and touches rows of the entry's own station only
(`entry.state.station_id`). Stations whose pages change go into `changed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stations.gateway import certification, contracts, customers, device, device_events, reserved, smart_charging, vendors
from stations.gateway.entries import Entry, Handler, Received
from stations.ocpp import events
from stations.ocpp.replies import Reply

# Kind of event -> what books it
HANDLERS: dict[type[Any], Handler] = {
    **smart_charging.HANDLERS,
    **certification.HANDLERS,
    **contracts.HANDLERS,
    events.CustomerPart: customers.book,
    events.ReservationUpdate: reserved.updated,
    events.VendorData: vendors.transferred,
    events.ModelReport: device.model_reported,
    events.MonitorReport: device.monitors_reported,
    events.Noticed: device_events.noticed,
}


def book(entries: Iterable[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    kinds: dict[type[Any], list[Received]] = {}
    for entry in entries:
        kinds.setdefault(type(entry.event), []).append(entry)
    return {entry: said for kind, found in kinds.items() for entry, said in HANDLERS[kind](found, changed).items()}
