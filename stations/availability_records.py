"""Honest availability from what was recorded: what is known of connectors, read for many at once, and the sums that are kept of each day.

Days are those of the location's zone. A day is summed up when it is over, and again on the two days after: what a station reports late, or
that it had been silent, is in it then. Days that are over are never looked at without end: a connector that has none is begun a month back.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from stations.availability import FOREVER, Facts, Interval, Tally, joined, tally, union, while_value
from stations.models import (
    ActivationChange,
    Availability,
    AvailabilityChange,
    AvailabilityDay,
    ConnectionPeriod,
    Connector,
    Location,
    MaintenanceWindow,
    Station,
    StatusChange,
)
from ui.periods import midnight

log = logging.getLogger("stations.availability")

PORTION = 200  # connectors whose days are made together
WORK = 3.0  # seconds that one run may take: what is left is done by the next
AGAIN = 2  # days before yesterday that are made anew with it
BACK = 31  # days that are made for a connector that has none
SETTLED = timedelta(minutes=10)  # after midnight, before a day is summed up


class Known(NamedTuple):
    """A connector that counts, with what is known of it."""

    connector: int
    number: int
    station: int
    facts: Facts


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def known(stations: Collection[int], begin: datetime, end: datetime, now: datetime) -> list[Known]:
    """What is known of the connectors of these stations between two moments, in a constant number of queries. The caller has read the
    stations through the door."""
    return _Records(stations, begin, end, now).all()


class _Records:
    def __init__(self, stations: Collection[int], begin: datetime, end: datetime, now: datetime) -> None:
        self.begin, self.end, self.now = begin, end, now
        periods = ConnectionPeriod.objects.filter(station=OuterRef("pk"))
        rows = Station.objects.filter(pk__in=stations).order_by()
        self.stations = {
            pk: row
            for pk, *row in rows.annotate(
                born=Subquery(periods.order_by("began_at").values("began_at")[:1]),
                latest=Subquery(periods.filter(began_at__lt=begin).order_by("-began_at").values("pk")[:1]),
            ).values_list("pk", "born", "active", "connected", "last_message_at", "latest")
        }
        before = StatusChange.objects.filter(connector=OuterRef("pk"), at__lt=begin).order_by("-at", "-pk").values("status")[:1]
        connectors = Connector.objects.filter(station__in=self.stations).order_by("station", "number").annotate(before=Subquery(before))
        self.connectors: list[Any] = list(
            connectors.values_list("pk", "number", "station_id", "availability", "status", "status_at", "before", "added_at")
        )
        self.periods = self._periods()
        keys = [row[0] for row in self.connectors]
        self.statuses: dict[int, list[tuple[float, str]]] = defaultdict(list)
        changes = StatusChange.objects.filter(connector__in=keys, at__gte=begin, at__lt=end).order_by("at", "pk")
        for connector, at, status in changes.values_list("connector_id", "at", "status"):
            self.statuses[connector].append((at.timestamp(), status))
        # People switch: of these there are few, ever
        self.switches: dict[int, list[tuple[float, object]]] = defaultdict(list)
        switched = AvailabilityChange.objects.filter(connector__in=keys).order_by("at", "pk")
        for connector, at, value in switched.values_list("connector_id", "at", "availability"):
            self.switches[connector].append((at.timestamp(), value == Availability.INOPERATIVE))
        self.activations: dict[int, list[tuple[float, object]]] = defaultdict(list)
        activated = ActivationChange.objects.filter(station__in=self.stations).order_by("at", "pk")
        for station, at, active in activated.values_list("station_id", "at", "active"):
            self.activations[station].append((at.timestamp(), active))
        self.windows: dict[int, list[tuple[int, Interval]]] = defaultdict(list)
        windows = MaintenanceWindow.objects.filter(station__in=self.stations, starts_at__lt=end, ends_at__gt=begin)
        for station, number, since, until in windows.values_list("station_id", "connector_number", "starts_at", "ends_at"):
            self.windows[station].append((number, (seconds(since), seconds(until))))

    def _periods(self) -> dict[int, list[Interval]]:
        """When each was heard. An open period of a station that is silent ends where it counts as offline, and one that has just ended may
        go on yet."""
        grace, limit = settings.STATION_CLOSED_GRACE, self.now.timestamp()
        found: dict[int, list[tuple[float, float]]] = defaultdict(list)
        reads = (
            ConnectionPeriod.objects.filter(pk__in=[row[-1] for row in self.stations.values() if row[-1]]),
            ConnectionPeriod.objects.filter(
                station__in=self.stations, began_at__gte=self.begin, began_at__lt=self.end + timedelta(seconds=grace)
            ),
        )
        for read in reads:
            for station, began, ended in read.order_by("began_at").values_list("station_id", "began_at", "ended_at"):
                if ended is not None:
                    until = limit if 0 <= limit - ended.timestamp() <= grace else ended.timestamp()
                else:
                    heard = self.stations[station][3] or began
                    until = min(limit, max(heard, began).timestamp() + settings.STATION_OFFLINE_AFTER)
                found[station].append((began.timestamp(), until))
        return {station: joined(some, grace) for station, some in found.items()}

    def all(self) -> list[Known]:
        wholes = {row[2]: row for row in self.connectors if row[1] == 0}
        found = []
        for row in self.connectors:
            pk, number, station = row[:3]
            if not number:
                continue
            born, active, *_rest = self.stations[station]
            born = max(born, row[-1]) if born and row[-1] else born
            own, whole = self._reported(row), self._reported(wholes[station]) if station in wholes else []
            both = [self._off(each) for each in (row, wholes.get(station)) if each]
            windows = [interval for of, interval in self.windows.get(station, ()) if of in (0, number)]
            facts = Facts(
                born=seconds(born) if born else None,
                heard=self.periods.get(station, ()),
                deactivated=_while_off(self.activations.get(station, ()), not active),
                maintenance=union(windows),
                out_of_service=union(*both),
                faulted=union(while_value(own, "Faulted"), while_value(whole, "Faulted")),
                unavailable=union(while_value(own, "Unavailable"), while_value(whole, "Unavailable")),
                reported=int(own[0][0]) if own else None,
            )
            found.append(Known(pk, number, station, facts))
        return found

    def _reported(self, row: Any) -> list[tuple[float, str]]:
        """The statuses it reported: the one it had at the begin, then the changes. Where no change was kept, what it has now."""
        pk, _number, _station, _availability, status, status_at, before, _added = row
        changes = self.statuses.get(pk, [])
        if before:
            return [(0.0, before), *changes]
        if not changes and status and status_at and status_at < self.end:
            return [(status_at.timestamp(), status)]
        return changes

    def _off(self, row: Any) -> list[Interval]:
        pk, availability = row[0], row[3]
        changes = self.switches.get(pk)
        return while_value(changes, True) if changes else [(0, FOREVER)] if availability == Availability.INOPERATIVE else []


def _while_off(changes: Iterable[tuple[float, object]], off: bool) -> list[Interval]:
    """When a station was deactivated; without a change that was kept it is as it always was."""
    kept = list(changes)
    if not kept:
        return [(0, FOREVER)] if off else []
    return while_value([(0.0, not kept[0][1]), *kept], False)


# -- days that are over -----------------------------------------------------------------------------------------------------------------


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return midnight(day, zone), midnight(day + timedelta(days=1), zone)


def days_between(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def keep_days(now: datetime | None = None) -> int:
    """Sums up the days that are over, for as long as one run may take; returns how many connectors it did."""
    now = now or timezone.now()
    done, stop = 0, time.monotonic() + WORK
    for name in Location.objects.order_by().values_list("time_zone", flat=True).distinct():
        zone = ZoneInfo(name)
        yesterday = (now - SETTLED).astimezone(zone).date() - timedelta(days=1)
        while time.monotonic() < stop and (portion := list(_due(name, yesterday, zone)[:PORTION])):
            done += _keep(portion, yesterday, zone, now)
    if done:
        log.info("availability of %d connectors summed up", done)
    return done


def _due(time_zone: str, yesterday: date, zone: ZoneInfo) -> QuerySet[Any, Any]:
    """Connectors without the day of yesterday that there were by then, of stations that had connected: (connector, station)."""
    kept, after = AvailabilityDay.objects.filter(connector=OuterRef("pk"), day=yesterday), day_bounds(yesterday, zone)[1]
    born = ConnectionPeriod.objects.filter(station=OuterRef("station"), began_at__lt=after)
    return (
        Connector.objects.filter(station__location__time_zone=time_zone, number__gt=0)
        .filter(Q(added_at=None) | Q(added_at__lt=after), ~Exists(kept), Exists(born))
        .order_by("station", "number")
        .values_list("pk", "station_id")
    )


def _keep(portion: list[tuple[int, int]], yesterday: date, zone: ZoneInfo, now: datetime) -> int:
    """The days up to yesterday of these connectors, since the last one that there is."""
    wanted = dict(portion)
    latest = AvailabilityDay.objects.filter(connector__in=wanted).order_by().values_list("connector").annotate(Max("day"))
    earliest = yesterday - timedelta(days=BACK - 1)
    first = {pk: max(min(day + timedelta(days=1), yesterday - timedelta(days=AGAIN)), earliest) for pk, day in latest}
    begin = day_bounds(min((first.get(pk, earliest) for pk in wanted), default=yesterday), zone)[0]
    rows = []
    for one in known(set(wanted.values()), begin, day_bounds(yesterday, zone)[1], now):
        if one.connector in wanted:
            rows += [
                AvailabilityDay(connector_id=one.connector, day=day, seconds=sums.seconds, online=sums.online, usable=sums.usable,
                                lost=sums.lost)
                for day, sums in day_tallies(one.facts, first.get(one.connector, earliest), yesterday, zone)
                if sums.seconds or day == yesterday
            ]  # fmt: skip
    AvailabilityDay.objects.bulk_create(
        rows, batch_size=1000, update_conflicts=True, unique_fields=["connector", "day"],
        update_fields=["seconds", "online", "usable", "lost"],
    )  # fmt: skip
    return len(wanted)


def day_tallies(facts: Facts, first: date, last: date, zone: ZoneInfo) -> Iterator[tuple[date, Tally]]:
    for day in days_between(first, last):
        begin, end = day_bounds(day, zone)
        yield day, tally(facts, seconds(begin), seconds(end))
