"""New passwords and higher security profiles on their way to stations (see SecurityChange), as the door sees them.

Nothing is taken away from a station before it has shown that it has the new: the door lets it in by both. The steps in between are in
stations.security_steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from stations import credentials
from stations.models import Command, SecurityChange, Station
from tenancy import audit
from tenancy.models import User

Kind, State = SecurityChange.Kind, SecurityChange.State

DEADLINE = timedelta(hours=24)
AT_ONCE = 500


def open_changes(stations: Iterable[Station]) -> dict[int, list[SecurityChange]]:
    """By station, the oldest first; in one query."""
    found: dict[int, list[SecurityChange]] = defaultdict(list)
    rows = SecurityChange.objects.filter(station__in=[station.pk for station in stations], ended_at=None)
    for change in rows.select_related("command").order_by("created_at", "pk"):
        found[change.station_id].append(change)
    return found


class Back(NamedTuple):
    """A station has just been let in: by which profile, and with which password."""

    station_id: int
    at: datetime
    profile: int
    digest: str


def came_back(back: Sequence[Back], changes: Mapping[int, Sequence[SecurityChange]]) -> None:
    """What stations come back with decides about changes under way. Called by the ledger; the same number of queries for all."""
    done: list[SecurityChange] = []
    fallen: list[SecurityChange] = []
    replaced: list[SecurityChange] = []
    for one in back:
        under_way = changes[one.station_id]
        proven = [c for c in under_way if c.kind == Kind.PASSWORD and credentials.matches(one.digest, c.password_digest)]
        for change in under_way:
            if change in proven[-1:] or (change.kind == Kind.PROFILE and one.profile >= (change.profile or 0)):
                done.append(change)
            elif change.kind == Kind.PASSWORD and proven and change.pk < proven[-1].pk:
                replaced.append(change)
            elif _was_told(change, one.at) and (change.kind == Kind.PROFILE or 1 <= one.profile <= 2):
                change.fell_back_at = one.at
                fallen.append(change)
    if fallen:
        SecurityChange.objects.bulk_update(fallen, ["fell_back_at"])
    at = {one.station_id: one.at for one in back}
    end(replaced, State.FAILED, at, _("A newer password has replaced it."))
    take_over(done, at)


def _was_told(change: SecurityChange, at: datetime) -> bool:
    if change.kind == Kind.PROFILE:
        return change.accepted_at is not None and change.accepted_at < at
    return bool(change.command and change.command.sent_at and change.command.sent_at < at)


def take_over(done: Collection[SecurityChange], at: Mapping[int, datetime], note: str = "") -> None:
    """The new is the station's own from now on."""
    if not done:
        return
    stations = Station.objects.select_related("location__organization").in_bulk([change.station_id for change in done])
    for change in done:
        station = stations[change.station_id]
        if change.kind == Kind.PASSWORD:
            station.password_digest, station.password_set_at = change.password_digest, at[station.pk]
        else:
            station.security_profile = change.profile or station.security_profile
    actors = User.objects.in_bulk({change.actor_id for change in done if change.actor_id})
    for actor_id in {change.actor_id for change in done}:
        for verb, kind in (("renew_password", Kind.PASSWORD), ("raise_security_profile", Kind.PROFILE)):
            mine = [change for change in done if change.actor_id == actor_id and change.kind == kind]
            audit.record_each(actors.get(actor_id or 0), verb, [
                (stations[change.station_id], stations[change.station_id].location.organization,
                 {"security_profile": [None, change.profile]} if kind == Kind.PROFILE else {})
                for change in mine
            ])  # fmt: skip
    Station.objects.bulk_update(stations.values(), ["password_digest", "password_set_at", "security_profile"], batch_size=AT_ONCE)
    end(done, State.DONE, at, note)


def end(changes: Collection[SecurityChange], state: SecurityChange.State, at: Mapping[int, datetime], note: str) -> None:
    for change in changes:
        change.state, change.ended_at, change.password_digest, change.note = state, at[change.station_id], "", (note or change.note)[:300]
    SecurityChange.objects.bulk_update(changes, ["state", "ended_at", "password_digest", "note"], batch_size=AT_ONCE)


def password_sent(command: Command, digest: str) -> None:
    """A new password goes over the wire with `command`: from now on the station may come with it, whatever it answers."""
    if SecurityChange.objects.filter(command=command, ended_at=None).update(password_digest=digest):
        return
    now = timezone.now()
    SecurityChange.objects.create(
        station_id=command.station_id, kind=Kind.PASSWORD, command=command, actor_id=command.requested_by_id, password_digest=digest,
        created_at=now, deadline=now + DEADLINE,
    )  # fmt: skip
    over = SecurityChange.objects.filter(station_id=command.station_id, kind=Kind.PASSWORD, ended_at=None).order_by("-pk")
    too_many = list(over[SecurityChange.MOST_OPEN :])
    end(too_many, State.FAILED, {command.station_id: now}, _("Newer passwords have replaced it."))
