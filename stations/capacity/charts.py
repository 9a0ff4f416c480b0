"""The usage of a location's capacity over a day, for the chart, the table beside it and the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from stations.capacity.picture import FIRST_PHASE
from stations.models import CapacityLoad, CapacityUse, Connector, Location
from tenancy.models import User

DRAWN = 8  # connectors with a colour of their own; the rest are drawn together


@dataclass
class Got:
    """What a connector got in a day: Wh, A on average while it took part, and its part of all (0 to 1)."""

    connector: Connector
    energy: float
    granted: float
    measured: float
    seconds: float
    part: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.connector.station} · {self.connector.shown}"


def bounds(location: Location, day: date) -> tuple[datetime, datetime]:
    begin = datetime(day.year, day.month, day.day, tzinfo=location.zone)
    after = day + timedelta(days=1)
    return begin, datetime(after.year, after.month, after.day, tzinfo=location.zone)


def uses(user: User, location: Location, day: date) -> list[CapacityUse]:
    begin, end = bounds(location, day)
    rows = CapacityUse.objects.visible_to(user).filter(location=location, at__gte=begin, at__lt=end)
    return list(rows.order_by("at", "connector"))


def who(user: User, rows: list[CapacityUse]) -> list[Got]:
    """The one that got most first; those that got nothing are left out."""
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0] * 4)
    for row in rows:
        for index, value in enumerate((row.energy, row.granted, row.measured, row.seconds)):
            sums[row.connector_id][index] += value
    total = sum(one[0] for one in sums.values())
    connectors = Connector.objects.visible_to(user).filter(pk__in=sums).select_related("station", "capacity")
    found = []
    for connector in connectors:
        energy, granted, measured, seconds = sums[connector.pk]
        if energy > 0 or measured > 0:
            time = max(seconds, 1.0)
            found.append(Got(connector, energy, granted / time, measured / time, seconds, energy / total if total else 0))
    return sorted(found, key=lambda one: (-one.energy, one.connector.pk))


def on_phase(connector: Connector, phase: str) -> bool:
    if connector.is_dc or connector.station.phases == 3:
        return True
    share = getattr(connector, "capacity", None)
    return FIRST_PHASE[share.rotation[0] if share else "R"] == phase


def drawn(got: list[Got], phase: str) -> list[Got]:
    """Those on this phase: the DRAWN that got most in the order of their stations and numbers, so that each keeps its place and colour
    while one looks; then the others."""
    there = [one for one in got if on_phase(one.connector, phase)]
    return sorted(there[:DRAWN], key=lambda one: (one.connector.station.identity, one.connector.number)) + there[DRAWN:]


def colours(user: User, location: Location, shown: list[Got]) -> list[int]:
    """The colour of each, a number below DRAWN: by its place among all connectors of the location, so that it stays from day to day; where
    two fall together, the next that is free."""
    every = Connector.objects.visible_to(user).filter(station__location=location, number__gt=0).order_by("station__identity", "number")
    place = {pk: index for index, pk in enumerate(every.values_list("pk", flat=True))}
    found: list[int] = []
    for one in shown:
        wanted = place.get(one.connector.pk, 0)
        found.append(next((n % DRAWN for n in range(wanted, wanted + DRAWN) if n % DRAWN not in found), wanted % DRAWN))
    return found


def whole(loads: dict[datetime, CapacityLoad], rows: list[CapacityUse]) -> dict[datetime, float]:
    """The seconds of each bucket that were looked at: of the location, not those for which a connector took part. Only means over the same
    time add up and can be compared with the limit."""
    found = {at: load.seconds for at, load in loads.items()}
    for row in rows:
        found[row.at] = max(found.get(row.at, 0.0), row.seconds, 1.0)
    return found


def as_json(user: User, location: Location, day: date, phase: str) -> dict[str, Any]:
    """Columns as uPlot wants them: seconds since 1970; of each connector on `phase` the amperes that it took, on average of a bucket; what
    all took of it; the limit."""
    rows = uses(user, location, day)
    begin, end = bounds(location, day)
    got = drawn(who(user, rows), phase)
    loads = {
        row.at: row for row in CapacityLoad.objects.visible_to(user).filter(location=location, at__gte=begin, at__lt=end).order_by("at")
    }
    seconds = whole(loads, rows)
    times = sorted(seconds)
    place = {at: index for index, at in enumerate(times)}
    names = [one.name for one in got[:DRAWN]] + ([_("%d others") % (len(got) - DRAWN)] if len(got) > DRAWN else [])
    line = {one.connector.pk: min(index, DRAWN) for index, one in enumerate(got)}
    stacked = [[0.0] * len(times) for _name in names]
    granted: list[float] = [0.0] * len(times)
    for row in rows:
        if row.connector_id in line:
            stacked[line[row.connector_id]][place[row.at]] += row.measured / seconds[row.at]
            granted[place[row.at]] += row.granted / seconds[row.at]
    return {
        "zone": location.time_zone, "start": begin.timestamp(), "end": end.timestamp(), "bucket": CapacityUse.BUCKET,
        "t": [at.timestamp() for at in times], "names": names,
        "colours": colours(user, location, got[:DRAWN]) + [DRAWN] * (len(names) > DRAWN),
        "amperes": [[round(value, 2) for value in one] for one in stacked],
        "granted": [round(value, 2) for value in granted],
        "limit": [round(loads[at].limit, 1) if at in loads else None for at in times],
    }  # fmt: skip


def lines(user: User, location: Location, day: date) -> Iterator[list[Any]]:
    """The file: who got what in each bucket, on average of the whole bucket."""
    rows = uses(user, location, day)
    begin, end = bounds(location, day)
    loads = {row.at: row for row in CapacityLoad.objects.visible_to(user).filter(location=location, at__gte=begin, at__lt=end)}
    seconds = whole(loads, rows)
    names = {one.connector.pk: one.connector for one in who(user, rows)}
    yield [
        _("Time"), _("Station"), _("Connector"), _("Kept (A per phase)"), _("Measured (A per phase)"), _("Energy (kWh)"),
        _("Limit of the location (A per phase)"),
    ]  # fmt: skip
    for row in rows:
        connector = names.get(row.connector_id)
        if connector is None:
            continue
        yield [
            row.at.astimezone(location.zone).isoformat(), connector.station.identity, connector.shown,
            round(row.granted / seconds[row.at], 1), round(row.measured / seconds[row.at], 1), round(row.energy / 1000, 3),
            round(loads[row.at].limit, 1) if row.at in loads else "",
        ]  # fmt: skip
