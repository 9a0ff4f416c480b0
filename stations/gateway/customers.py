"""What stations tell of customers (OCPP 2.0.1, N09): kept with what they were asked, nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

from stations.gateway.entries import Entry, Received
from stations.models import CustomerInquiry
from stations.ocpp.events import CustomerPart
from stations.ocpp.replies import Done, Reply


def book(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """A part is kept once, by its number; of what nobody asked, or too much, nothing is."""
    keys = {entry.event.key for entry in entries if isinstance(entry.event, CustomerPart) and 0 < entry.event.key < 2**63}
    rows = CustomerInquiry.objects.filter(pk__in=keys, station__in={entry.state.station_id for entry in entries}, complete=False)
    asked = {(row.station_id, row.pk): row for row in rows}
    written: dict[int, CustomerInquiry] = {}
    for entry in entries:
        part = entry.event
        assert isinstance(part, CustomerPart)
        row = asked.get((entry.state.station_id, part.key))
        if row is None or (len(row.parts) >= CustomerInquiry.MOST_PARTS and not row.complete and part.more):
            continue
        if len(row.parts) < CustomerInquiry.MOST_PARTS:
            row.parts.setdefault(str(min(max(part.number, 0), 10**9)), part.data)
        row.told_at, row.complete = entry.at, row.complete or not part.more
        written[row.pk] = row
        changed.add(row.station_id)
    if written:
        CustomerInquiry.objects.bulk_update(list(written.values()), ["parts", "told_at", "complete"])
    return dict.fromkeys(entries, Done())
