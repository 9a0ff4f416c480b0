"""What a start (StartTransaction of OCPP 1.6) may repeat: the portal gives every one its id, so the same must get the same again."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from stations.gateway.entries import ConnectorState, Received
from stations.models import Connector, Deviation, Transaction
from stations.ocpp.events import Started
from stations.plausible import effective

if TYPE_CHECKING:
    from stations.gateway.book import Book

START_AGAIN = timedelta(minutes=15)  # for how long a start with another time may be the same one

Kind = Deviation.Kind
Key = tuple[Any, ...]  # station, connector, card, meter (None: not told)


class Starts:
    """Of one batch: the transactions that its starts may repeat, by their time, or among the running ones where the time is impossible."""

    def __init__(self, book: Book, entries: Sequence[Received]) -> None:
        self.book: Book = weakref.proxy(book)  # it holds this: no cycle for a collector that hardly ever runs
        self._begun: dict[Key, Transaction] = {}  # with the time as it was told
        self._running: dict[Key, Transaction] = {}  # of those at the same connectors
        self._stands: dict[int, float | None] = {}  # by the keys of connectors at which one begins without a meter
        stations: set[int] = set()
        times: set[datetime] = set()
        timeless: set[int] = set()
        unmetered: set[int] = set()
        for entry in entries:
            event = entry.event
            assert isinstance(event, Started)
            stations.add(entry.state.station_id)
            if at := effective(event.at.at, entry.at):
                times.add(at)
            else:
                timeless.update(running.pk for running in entry.state.open.values())
            place = book.connector(entry.state, event.connector)
            here = [running.pk for running in entry.state.open.values() if place and running.connector_pk == place.pk]
            timeless.update([max(here)] if here else ())  # the latest: there may be thousands that never end
            if place and event.meter_start is None:
                unmetered.add(place.pk)
        rows: list[Transaction] = []
        if times:
            rows += Transaction.objects.filter(station__in=stations, started_at__in=times).order_by()
        if timeless:
            rows += Transaction.objects.filter(pk__in=timeless).order_by()
        for row in rows:
            self.add(row)
        if unmetered:
            self._stands = dict(Connector.objects.filter(pk__in=unmetered).values_list("pk", "energy_register"))

    def add(self, row: Transaction) -> None:
        for meter in (row.meter_start, *((None,) if Transaction.Problem.NO_START_METER in row.problems else ())):
            key = (row.station_id, row.connector_id, row.id_tag, meter)
            self._begun[(*key, row.reported_start)] = row
            if row.running:
                self._running[key] = row

    def said_before(self, entry: Received, connector: ConnectorState, event: Started) -> tuple[Transaction, Kind] | None:
        """What this start has begun already, and what it does by saying so again."""
        key = (entry.state.station_id, connector.pk, event.id_tag, event.meter_start)
        at = effective(event.at.at, entry.at)
        same = self._begun.get((*key, event.at.text))
        if same is not None and (same.running or at):
            return same, Kind.SENT_AGAIN  # it did not get our answer the first time: what we have said of the card stands
        same = self._running.get(key)
        if same is None or not same.running or same.pk in self.book.stopped or abs((at or entry.at) - same.started_at) > START_AGAIN:
            return None
        open_now = next((one for one in entry.state.open.values() if one.pk == same.pk), None)
        meter = max(same.meter_last or 0, self.book.meters.get(open_now, open_now.meter) if open_now else 0)
        return (same, Kind.REPEATED) if meter <= same.meter_start else None  # with another time: nothing has flowed since

    def stands(self, connector: ConnectorState) -> int:
        """The meter of a connector as it was told last (Wh)."""
        told = self.book.live.get(connector.pk, {}).get("energy_register", self._stands.get(connector.pk))
        return round(told or 0)
