"""Noticing in what stations do not keep to OCPP (Deviation). Called by the ledger, in its transaction; a constant number of queries."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import orjson

from stations.gateway import bulk
from stations.gateway.entries import Received
from stations.models import Deviation
from stations.ocpp import schemas
from stations.ocpp.events import Reported
from stations.ocpp.frames import OcppError

Kind = Deviation.Kind
Key = tuple[int, str, str]  # station, kind, action


class Noticed(NamedTuple):
    times: int
    first_at: datetime
    last_at: datetime
    detail: str


class Notebook:
    """What a batch shows of the stations' manners."""

    BAD_ANSWER = Kind.BAD_ANSWER

    def __init__(self) -> None:
        self._noticed: dict[Key, Noticed] = {}

    def note(self, station: int, kind: str, action: str, detail: str, at: datetime) -> None:
        key = (station, kind, action if schemas.known_anywhere(action) else "")
        before = self._noticed.get(key)
        self._noticed[key] = Noticed(before.times + 1 if before else 1, before.first_at if before else at, at, detail[:255])

    def look(self, entry: Received, answer: str | None) -> None:
        """What a message and our answer to it show."""
        station, event = entry.state.station_id, entry.event
        if isinstance(event, OcppError):
            kind = Kind.REFUSED if entry.action else Kind.UNREADABLE
            self.note(station, kind, entry.action, event.code, entry.at)
        elif event is None:
            self.note(station, Kind.STRAY, "", "", entry.at)
        else:
            if entry.faults:
                self.note(station, Kind.MENDED, entry.action, entry.faults[0], entry.at)
            reported = getattr(event, "at", None)
            if isinstance(reported, Reported) and not (reported.at and reported.exact):
                self.note(station, Kind.CLOCK, entry.action, reported.text, entry.at)
            if answer and answer.startswith("[4,"):
                self.note(station, Kind.REFUSED, entry.action, str(orjson.loads(answer)[2]), entry.at)

    def write(self) -> None:
        if not self._noticed:
            return
        found = Deviation.objects.filter(station__in={key[0] for key in self._noticed}).values_list(
            "station_id", "kind", "action", "pk", "count"
        )
        known = {(station, kind, action): (pk, count) for station, kind, action, pk, count in found}
        again = [(known[key][0], known[key][1] + one.times, one.last_at, one.detail) for key, one in self._noticed.items() if key in known]
        new = [(*key, one.detail, one.times, one.first_at, one.last_at) for key, one in self._noticed.items() if key not in known]
        bulk.update(Deviation, ("count", "last_at", "detail"), again)
        bulk.insert_missing(Deviation, ("station", "kind", "action", "detail", "count", "first_at", "last_at"), new)
