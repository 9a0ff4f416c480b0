"""Noticing in what stations do not keep to OCPP (Deviation). Called by the ledger, in its transaction; a constant number of queries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from stations.gateway import bulk
from stations.gateway.entries import Received, StationState
from stations.models import Deviation
from stations.ocpp import events, schemas
from stations.ocpp.events import Reported
from stations.ocpp.frames import OcppError
from stations.plausible import effective

Kind = Deviation.Kind
Key = tuple[int, str, str]  # station, kind, action

IN_A_ROW = 3  # from how many on the very same report on one connection is told
SOON = timedelta(minutes=1)  # after a connect another one
SOON_STARTED = timedelta(minutes=5)  # after a start another one, on another connection
STARTS, STARTS_WITHIN = 3, timedelta(minutes=10)  # on the same connection: one may have been asked for
# What carries a time of its own: said again, it is no news
TIMED = (events.Started, events.Ended, events.Metered, events.TransactionReport, events.SecurityNotice, events.Noticed)


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
        # What `remember` applies after the commit
        self._said: dict[tuple[StationState, str], tuple[int, int]] = {}
        self._boots: dict[StationState, tuple[datetime, ...]] = {}

    def note(self, station: int, kind: str, action: str, detail: str, at: datetime) -> None:
        key = (station, kind, action if schemas.known_anywhere(action) else "")
        before = self._noticed.get(key)
        self._noticed[key] = Noticed(before.times + 1 if before else 1, before.first_at if before else at, at, detail[:255])

    def look(self, entry: Received, answer: str | None) -> None:
        """What a message and our answer to it show."""
        station, event = entry.state.station_id, entry.event
        if isinstance(event, OcppError):
            kind = Kind.REFUSED if entry.action else Kind.UNREADABLE
            code = entry.reader.spelled(event.code)
            self.note(station, kind, entry.action, f"{code}: {event.detail}" if event.detail else code, entry.at)
        elif event is None:
            self.note(station, Kind.STRAY, "", "", entry.at)
        else:
            if entry.faults:
                self.note(station, Kind.MENDED, entry.action, entry.faults[0], entry.at)
            reported = getattr(event, "at", None)
            if isinstance(reported, Reported) and not (reported.exact and effective(reported.at, entry.at)):
                self.note(station, Kind.CLOCK, entry.action, reported.text, entry.at)
            if answer and answer.startswith("[4,"):
                code, why = orjson.loads(answer)[2:4]
                self.note(station, Kind.REFUSED, entry.action, f"{code}: {why}" if why else code, entry.at)
            if isinstance(event, TIMED):
                self._said_again(entry)
            elif isinstance(event, events.Boot):
                self._started_again(entry)
            elif isinstance(event, events.Status) and not (self._boots.get(entry.state, entry.state.boots) or entry.state.started_before):
                self.note(station, Kind.BEFORE_BOOT, entry.action, "", entry.at)

    def connected(self, station: int, before: datetime | None, at: datetime) -> None:
        """Stations that are connected anew; `before`: when they were connected last."""
        if before is not None and at - before < SOON:
            self.note(station, Kind.RECONNECTS, "", "", at)

    def _said_again(self, entry: Received) -> None:
        key = (entry.state, entry.action)
        said = hash(entry.text.partition(entry.action)[2])  # without its number
        before, times = self._said.get(key) or entry.state.said.get(entry.action) or (0, 0)
        times = times + 1 if before == said else 1
        self._said[key] = (said, times)
        if times >= IN_A_ROW:
            self.note(entry.state.station_id, Kind.REPEATED, entry.action, "", entry.at)

    def _started_again(self, entry: Received) -> None:
        state = entry.state
        boots = tuple(at for at in self._boots.get(state, state.boots) if entry.at - at < STARTS_WITHIN)
        elsewhere = not boots and state.started_before is not None and entry.at - state.started_before < SOON_STARTED
        self._boots[state] = boots = (*boots, entry.at)[-STARTS:]
        if elsewhere or len(boots) >= STARTS:
            self.note(state.station_id, Kind.BOOTS, entry.action, "", entry.at)

    def remember(self) -> None:
        for (state, action), said in self._said.items():
            state.said[action] = said
        for state, boots in self._boots.items():
            state.boots = boots

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
