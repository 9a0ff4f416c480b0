"""DataTransfer of stations: kept and shown, and answered by who understands it.

A vendor whose messages mean something here registers a function in VENDORS, by its vendor id: from (station's key, message id, data) it
makes a status (DataTransferStatusEnumType: Accepted, Rejected, UnknownMessageId, UnknownVendorId). It is called in the ledger's
transaction. All others are answered UnknownVendorId, as the standard wants it (1.6 §4.3, P01.FR.05).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db.models import Count

from stations.gateway.entries import Entry, Received
from stations.models import VendorMessage
from stations.ocpp import events
from stations.ocpp.replies import Answer, Reply

VENDORS: dict[str, Callable[[int, str, str], str]] = {}
UNKNOWN = "UnknownVendorId"

Kind = tuple[int, str, str]  # station, vendor id, message id


def transferred(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    answers: dict[Entry, Reply | str] = {}
    told: dict[Kind, VendorMessage] = {}
    for entry in entries:
        event = entry.event
        if not isinstance(event, events.VendorData):
            continue
        station = entry.state.station_id
        answerer = VENDORS.get(event.vendor_id)
        status = answerer(station, event.message_id, event.data) if answerer else UNKNOWN
        answers[entry] = Answer(status)
        kind = (station, event.vendor_id, event.message_id)
        before = told.get(kind)
        told[kind] = VendorMessage(
            station_id=station, vendor_id=event.vendor_id, message_id=event.message_id, data=event.data, first_at=entry.at,
            last_at=entry.at, status=status, count=before.count + 1 if before else 1,
        )  # fmt: skip
    _keep(told, changed)
    return answers


def _keep(told: dict[Kind, VendorMessage], changed: set[int]) -> None:
    """The latest of each kind; of new kinds so many as there is room for at their station."""
    stations = {station for station, _vendor, _message in told}
    rows = VendorMessage.objects.filter(station__in=stations, vendor_id__in={vendor for _station, vendor, _message in told}).order_by()
    known = {(row.station_id, row.vendor_id, row.message_id): row for row in rows}
    if told.keys() - known.keys():
        counted = VendorMessage.objects.filter(station__in=stations).order_by().values_list("station").annotate(Count("pk"))
        room = {station: VendorMessage.MOST - count for station, count in counted}
    new = []
    for kind, one in told.items():
        if (row := known.get(kind)) is not None:
            row.data, row.last_at, row.status = one.data, one.last_at, one.status
            row.count = min(row.count + one.count, 2**31 - 1)
            row.save(update_fields=["data", "last_at", "status", "count"])
        elif (left := room.setdefault(kind[0], VendorMessage.MOST)) > 0:
            room[kind[0]] = left - 1
            new.append(one)
        changed.add(kind[0])
    VendorMessage.objects.bulk_create(new)
