"""Which limit holds when: that of the location, and at some hours of the week less. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

Phases = tuple[float, float, float]  # A of L1, L2, L3


class Hours(NamedTuple):
    """From minute `begins` of a day until minute `ends` at most `limit` on each phase; where it ends before it begins, on the next day.
    `days` counts from Monday, 0."""

    days: frozenset[int]
    begins: int
    ends: int
    limit: float

    def holds(self, day: int, minute: int) -> bool:
        if self.begins < self.ends:
            return day in self.days and self.begins <= minute < self.ends
        return (day in self.days and minute >= self.begins) or ((day - 1) % 7 in self.days and minute < self.ends)


def limit_at(base: Phases, rules: Sequence[Hours], at: datetime, zone: ZoneInfo) -> Phases:
    local = at.astimezone(zone)
    day, minute = local.weekday(), local.hour * 60 + local.minute
    least = min((rule.limit for rule in rules if rule.holds(day, minute)), default=None)
    return base if least is None else _at_most(base, least)


def until(base: Phases, rules: Sequence[Hours], at: datetime, zone: ZoneInfo) -> datetime | None:
    """When the limit of `at` changes next, in local time; None: never."""
    local, holds = at.astimezone(zone), limit_at(base, rules, at, zone)
    turns = sorted(
        datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=zone)
        for day in (local.date() + timedelta(days=number) for number in range(9))
        for minute in {minute for rule in rules for minute in (rule.begins, rule.ends)}
    )
    return next((turn for turn in turns if turn > local and limit_at(base, rules, turn, zone) != holds), None)


def lowest(base: Phases, rules: Sequence[Hours], begin: datetime, end: datetime, zone: ZoneInfo) -> Phases:
    """The lowest limit of each phase from `begin` until `end`: minutes, not days."""
    found = limit_at(base, rules, begin, zone)
    at = begin
    while rules and at < end:
        at = min(end, at + timedelta(minutes=1))
        one = limit_at(base, rules, at, zone)
        found = (min(found[0], one[0]), min(found[1], one[1]), min(found[2], one[2]))
    return found


def lowest_ever(base: Phases, rules: Sequence[Hours]) -> Phases:
    return _at_most(base, min((rule.limit for rule in rules if rule.days), default=base[0] + base[1] + base[2]))


def _at_most(base: Phases, most: float) -> Phases:
    return (min(base[0], most), min(base[1], most), min(base[2], most))
