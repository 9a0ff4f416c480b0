"""The controller: looks at every location that shares its capacity, again and again, and asks its stations for what follows.

The plan is the work: `next_at` is moved on by compare-and-swap, so that of several processes one looks at a location at a time, and it may
end at any point. What it has asked for stands in the rows of stations and connectors with the command, and is settled by the state of that:
nothing is remembered elsewhere. Reductions go out at once; a raise only where it fits beside what all others may take until they have
confirmed less.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from stations import nudges
from stations.actions import CommandRefused, ask
from stations.capacity import picture, record, sharing
from stations.capacity.own import ASSUMED_LEVEL, DEFAULT_ID, ORIGIN
from stations.capacity.picture import GRACE, LASTS, Picture, Seat
from stations.models import CapacityPlan, CapacityShare, CapacityStation, Command, Connector, Station
from stations.ocpp import profiles
from stations.ocpp.intents import ClearProfile, GetProfiles, GetSchedule, Intent, SetProfile
from stations.ocpp.profiles import Profile, Step
from stations.ocpp.versions import speaker

log = logging.getLogger("stations.capacity")

EVERY = 10.0  # seconds between two looks at a location
SOON = 3.0  # while answers are awaited
LEASE = 60.0  # seconds after which a look that never ended is taken over
PLANS = 50  # in one run
ASKED = 100  # commands in one look
STEADY = 15.0  # seconds between two changes of a connector, except to less
INQUIRED = 3600  # seconds of the schedule that is asked for where a station takes more than it may
DEFAULT_AGAIN = 3600.0  # seconds after which a default is sent again: what has become of it a station does not tell
_State = Command.State


def run() -> None:
    """Everything that is due now."""
    now = timezone.now()
    for plan in CapacityPlan.objects.filter(active=True, next_at__lte=now).order_by("next_at")[:PLANS]:
        lease = now + timedelta(seconds=LEASE)
        if not CapacityPlan.objects.filter(pk=plan.pk, next_at=plan.next_at, active=True).update(next_at=lease):
            continue  # somebody else has it
        try:
            waits = look(plan.pk, timezone.now())
        except Exception:
            log.exception("the capacity of location %s was not looked at", plan.location_id)
            waits = False
        then = timezone.now() + timedelta(seconds=SOON if waits else EVERY)
        CapacityPlan.objects.filter(pk=plan.pk, next_at=lease).update(next_at=then)


def look(pk: int, now: datetime) -> bool:
    """One look at the location of this plan; whether answers are awaited."""
    plan = CapacityPlan.objects.select_related("location__organization").get(pk=pk)
    _add_rows(plan)
    _settle(plan.location_id, now)
    seen = picture.take(plan, now)
    decide(seen)
    waits = _act(seen)
    _write(seen)
    record.keep(seen)
    return waits


def _add_rows(plan: CapacityPlan) -> None:
    """Stations and connectors that are new at the location."""
    here = Q(location=plan.location_id, active=True, first_connected_at__isnull=False)
    stations = Station.objects.filter(here, capacity=None).values_list("pk", flat=True)
    CapacityStation.objects.bulk_create([CapacityStation(station_id=one) for one in stations], ignore_conflicts=True)
    lacking = Connector.objects.filter(station__location=plan.location_id, number__gt=0, capacity=None).order_by("pk")
    CapacityShare.objects.bulk_create(
        [CapacityShare(connector_id=one) for one in lacking.values_list("pk", flat=True)[: picture.MOST]], ignore_conflicts=True
    )


# -- what stations have answered --------------------------------------------------------------------------------------------------------


def _said(command: Command) -> str:
    """Why a station did not accept, in its words."""
    if command.state == _State.REJECTED:
        return command.answer_status or "Rejected"
    return " ".join(part for part in (command.error_code, command.error_description) if part)[:200] or str(_State(command.state).label)


def _may_answer(command: Command, station: Station, now: datetime) -> bool:
    """Whether an answer that did not come in time may still come: some stations need long. Until then the same is not asked again; they
    have the longer, the more of the last ones they did not answer in time."""
    sent = command.sent_at
    if command.state != _State.TIMED_OUT or sent is None or not station.connected or (station.connected_at and station.connected_at > sent):
        return False
    before = Command.objects.filter(station=station, origin=ORIGIN, pk__lt=command.pk).order_by("-pk")[:2]
    late = sum(_was_late(one) for one in before)
    return (now - sent).total_seconds() < min(command.timeout << (1 + late), picture.RENEW)


def _was_late(command: Command) -> bool:
    if command.sent_at is None or command.answered_at is None:
        return command.state == _State.TIMED_OUT
    return command.state == _State.TIMED_OUT or (command.answered_at - command.sent_at).total_seconds() > command.timeout


def _settle(location: int | None, now: datetime, *, stations: list[int] | None = None) -> None:
    """Book the answers to what was asked for. One that never came leaves both possible: the larger counts until it has expired."""
    at = Q(station__location=location) if stations is None else Q(station__in=stations)
    defaults = CapacityStation.objects.filter(at, command__isnull=False).exclude(command__state__in=Command.OPEN)
    for default in defaults.select_related("command", "station"):
        command = default.command
        assert command is not None
        if _may_answer(command, default.station, now):
            continue
        same = CapacityStation.objects.filter(pk=default.pk, command=command)
        if command.state == _State.ACCEPTED and default.wanted is not None:
            same.update(
                safe=default.wanted, confirmed_at=command.answered_at or now, wanted=None, command=None, refused_at=None, refusal=""
            )
        elif default.wanted is None:  # it was to be taken away: what is not there is gone too
            gone = command.state in (_State.ACCEPTED, _State.REJECTED, _State.FAILED)
            same.update(command=None, **({"safe": None, "confirmed_at": None} if gone else {}))
        elif command.state in (_State.REJECTED, _State.FAILED):
            first = default.refused_at is None and _level_of(command) == ASSUMED_LEVEL  # perhaps only that: at once with the lowest
            refused = now - timedelta(seconds=picture.AGAIN) if first else now
            same.update(safe=None, confirmed_at=None, wanted=None, command=None, refused_at=refused, refusal=_said(command))
        elif command.state == _State.EXPIRED:
            same.update(wanted=None, command=None)
        else:  # no answer: it may have it
            same.update(command=None, wanted=None, safe=_larger(default.safe, default.wanted))
    near = Q(connector__station__location=location) if stations is None else Q(connector__station__in=stations)
    shares = CapacityShare.objects.filter(near, command__isnull=False).exclude(command__state__in=Command.OPEN)
    for share in shares.select_related("command", "connector__station", "transaction"):
        command = share.command
        assert command is not None
        over = share.transaction is None or share.transaction.ended_at is not None
        less = share.target is not None and share.wanted is not None and share.target < share.wanted  # that is asked for at once
        if not over and not less and _may_answer(command, share.connector.station, now):
            continue
        one = CapacityShare.objects.filter(pk=share.pk, command=command)
        sent = command.sent_at or share.asked_at or now
        ends = sent + timedelta(seconds=LASTS + GRACE)
        if command.state == _State.ACCEPTED and share.wanted is not None:
            one.update(
                granted=share.wanted, fallback=share.wanted_fallback, granted_at=command.answered_at or sent, expires_at=ends, wanted=None,
                command=None, refused_at=None, refusal="",
            )  # fmt: skip
        elif share.wanted is None:
            if command.state in (_State.ACCEPTED, _State.REJECTED, _State.FAILED):
                one.update(command=None, **NOTHING)
            else:
                one.update(command=None)
        elif command.state in (_State.REJECTED, _State.FAILED):
            one.update(wanted=None, command=None, refused_at=now, refusal=_said(command))
        elif command.state == _State.EXPIRED:
            one.update(wanted=None, command=None)
        else:  # no answer: it may have it, or what it had before
            one.update(
                wanted=None, command=None, granted=max(share.wanted, share.bound or 0.0), granted_at=sent, expires_at=ends,
                fallback=max(share.fallback, share.wanted_fallback),
            )  # fmt: skip


def _level_of(command: Command) -> int | None:
    wanted = speaker(command.version).intent(command.action, command.payload)
    return wanted.profile.level if isinstance(wanted, SetProfile) else None


NOTHING = {
    "transaction": None, "granted": None, "granted_at": None, "expires_at": None, "wanted": None, "refused_at": None, "refusal": "",
    "target": None, "served_since": None, "paused_since": None, "low_since": None, "asked": None, "why": "", "car_maximum": None,
    "car_energy": None, "departure": None,
}  # fmt: skip


def _larger(one: float | None, other: float | None) -> float | None:
    """None is no limit at all."""
    return None if one is None or other is None else max(one, other)


# -- who gets what ------------------------------------------------------------------------------------------------------------------------


def manageable(seat: Seat, now: datetime) -> bool:
    """Whether it can be given a share: it charges, and its station can be asked and obeys."""
    return _askable(seat, now) and seat.why not in picture.UNRULY


def _askable(seat: Seat, now: datetime) -> bool:
    share, running = seat.share, seat.transaction
    if not seat.wants or seat.silent or running is None:
        return False
    for refused in (share.refused_at if share.transaction_id == running.pk else None, seat.default.refused_at if seat.default else None):
        if refused and (now - refused).total_seconds() < picture.AGAIN:
            return False
    return True


def decide(seen: Picture) -> None:
    """Sets `target` and `why` of those that take part."""
    now, plan = seen.now, seen.plan
    capacities = seen.capacities
    whole = dict(capacities)
    taking_part: list[Seat] = []
    for seat in seen.seats:
        if manageable(seat, now):
            taking_part.append(seat)
        else:
            for one in seat.resources:
                if one in capacities:
                    capacities[one] -= seat.bound
    claims = []
    for seat in taking_part:
        share = seat.share
        before = sharing.Demand(share.asked, share.low_since.timestamp() if share.low_since else None)
        held = share.granted if seat.holds else None
        seat.demand = sharing.demand(before, held, seat.measured, now.timestamp(), plan.minimum)
        # Who was offered nothing may say so too, and waits for its turn
        rests = seat.connector.status == "SuspendedEV" and not (seat.holds and not seat.share.granted)
        most = min(value for value in (seat.maximum, share.car_maximum, seat.demand.most) if value is not None)
        claims.append(
            sharing.Claim(
                seat.connector.pk, seat.resources, float(plan.minimum) if rests else max(most, min(float(plan.minimum), seat.maximum)),
                plan.minimum, seat.weight, sharing.turn(now.timestamp(), _stamp(share.served_since), _stamp(share.paused_since)), rests,
            )
        )  # fmt: skip
    given = sharing.allocate(claims, capacities)
    by_key = {claim.key: claim for claim in claims}
    for seat in taking_part:
        claim = by_key[seat.connector.pk]
        seat.target = given[claim.key]
        if seat.target == 0:
            seat.why = picture.NO_ROOM if claim.maximum < plan.minimum else _why_paused(seat, plan.minimum, whole, capacities)
        elif claim.rests:
            seat.why = picture.RESTS
        else:
            seat.why = picture.ALL if seat.target + 1 > claim.maximum else picture.SHARED


def _why_paused(seat: Seat, minimum: int, whole: dict[Hashable, float], capacities: dict[Hashable, float]) -> str:
    """Whether its turn comes by itself: not where the limit, or what cannot be lowered, leaves less than the minimum to all."""
    phases = [one for one in seat.resources if one in picture.PHASES]
    if any(whole[one] < minimum for one in phases):
        return picture.CLOSED
    if any(capacities[one] < minimum for one in seat.resources if one in capacities):
        return picture.BLOCKED
    return picture.PAUSED


def _stamp(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


# -- asking -------------------------------------------------------------------------------------------------------------------------------


def quiet(station: Station, now: datetime) -> bool:
    """Whether it has come just now: nothing is sent to it yet."""
    since = [at for at in (station.connected_at, station.booted_at) if at]
    return any((now - at).total_seconds() < picture.QUIET for at in since)


def _act(seen: Picture) -> bool:
    """Send what is to be sent: what lowers first, then what is to be renewed, then what raises and fits."""
    now, left_to_ask = seen.now, ASKED
    waits = False
    reachable = {pk for pk, (station, _d) in seen.stations.items() if station.connected and not quiet(station, now)}
    left_to_ask -= _defaults(seen, reachable, left_to_ask)
    room = sharing.fits(((seat.resources, seat.bound) for seat in seen.seats), seen.capacities)
    lower, same, higher = [], [], []
    for seat in seen.seats:
        asked = [one.command for one in (seat.share, seat.default) if one is not None]
        waits |= any(command is not None and command.state in Command.OPEN for command in asked)
        if seat.target is None or seat.station.pk not in reachable or seat.share.command_id is not None:
            continue
        share = seat.share
        if seat.target < seat.bound - 0.01 or (seat.target == 0 and not seat.holds):
            lower.append(seat)
        elif not seat.holds or seat.target > min(share.granted or 0.0, seat.bound) + 0.01:  # what has expired is raised again
            higher.append(seat)
        elif share.granted_at is None or (now - share.granted_at).total_seconds() >= picture.RENEW or _lost(seat):
            same.append(seat)
    for seat in [*lower, *same]:
        if left_to_ask <= 0:
            break
        left_to_ask -= _ask(seen, seat, seat.target or 0)
        waits = True
    for seat in seen.seats:
        if left_to_ask > 0 and seat.why in picture.UNRULY and seat.station.pk in reachable and _askable(seat, now):
            left_to_ask -= _remind(seen, seat)
    for seat in sorted(higher, key=lambda one: (one.share.paused_since is None, one.connector.pk)):
        if left_to_ask <= 0:
            break
        assert seat.target is not None
        more = seat.target - seat.bound
        if not all(room.get(one, more) >= more - 0.01 for one in seat.resources):
            waits = True
            continue
        if not _may_change(seat, now):
            continue
        left_to_ask -= _ask(seen, seat, seat.target)
        waits = True
        for one in seat.resources:
            if one in room:
                room[one] -= max(0.0, more)
    return waits


def _remind(seen: Picture, seat: Seat) -> int:
    """Grant again what it does not keep to, no more than it takes anyway; at first it is asked what it thinks that it has."""
    share, asked = seat.share, 0
    if share.why not in picture.UNRULY:
        everything = GetProfiles(int(seen.now.timestamp()) % 2**31)
        asked = sum(_inquire(seat, one) for one in (GetSchedule(seat.connector.number, INQUIRED), everything))
    if share.command_id is not None or (share.asked_at and (seen.now - share.asked_at).total_seconds() < picture.RENEW):
        return asked
    minimum = seen.plan.minimum
    amperes = int(share.granted or 0) if seat.holds else minimum if seat.bound >= minimum else 0
    return asked + _ask(seen, seat, amperes)


def _inquire(seat: Seat, intent: Intent) -> int:
    try:
        with transaction.atomic():
            ask(actor=None, station=seat.station, intent=intent, origin=ORIGIN, recorded=False)
    except CommandRefused:  # also where its version does not know this
        return 0
    return 1


def _lost(seat: Seat) -> bool:
    booted, granted = seat.station.booted_at, seat.share.granted_at
    return booted is not None and granted is not None and booted > granted


def _may_change(seat: Seat, now: datetime) -> bool:
    """Small raises wait: a profile is not changed for an ampere again and again."""
    share = seat.share
    if not seat.holds or share.granted_at is None:
        return True
    age = (now - share.granted_at).total_seconds()
    return age >= STEADY and ((seat.target or 0) - (share.granted or 0.0) >= 2 or age >= 60)


def _defaults(seen: Picture, reachable: set[int], most: int) -> int:
    """Give stations the default that they lack, or that has another value; how many were asked."""
    asked = 0
    by_station = {seat.station.pk: seat for seat in seen.seats}
    unruly = {seat.station.pk for seat in seen.seats if seat.why in picture.UNRULY}
    for pk, (station, default) in seen.stations.items():
        seat = by_station.get(pk)
        if default is None or seat is None or pk not in reachable or default.command_id is not None or asked >= most:
            continue
        if default.refused_at and (seen.now - default.refused_at).total_seconds() < picture.AGAIN:
            continue
        started = station.booted_at is not None and default.confirmed_at is not None and station.booted_at > default.confirmed_at
        old = default.asked_at is None or (seen.now - default.asked_at).total_seconds() >= (
            picture.AGAIN if pk in unruly else DEFAULT_AGAIN
        )
        if default.safe == seen.safe and not started and not old:
            continue
        if default.asked_at and (seen.now - default.asked_at).total_seconds() < STEADY:
            continue
        steps = [Step(0, 0.0)] + ([Step(LASTS, _limit(seat, seen.safe))] if seen.safe else [])
        profile = Profile(DEFAULT_ID, profiles.DEFAULT, tuple(steps), seat.unit, seat.level, profiles.RELATIVE)
        try:
            with transaction.atomic():
                command = ask(actor=None, station=station, intent=SetProfile(0, profile), origin=ORIGIN, recorded=False)
                CapacityStation.objects.filter(pk=default.pk, command=None).update(
                    wanted=float(seen.safe), command=command, asked_at=seen.now
                )
        except CommandRefused:
            continue
        asked += 1
    return asked


def _limit(seat: Seat, amperes: float) -> float:
    return amperes if seat.unit == profiles.AMPERES else picture.watts(seat, amperes)


def profile_of(seat: Seat, amperes: float, safe: float, now: datetime) -> Profile:
    """What is granted, until it is no longer renewed. Then no more than that and no more than the safe value; the whole safe value only
    when everything that was granted anywhere at the location has expired too, so that the sum holds also where nobody renews anything."""
    start = now - timedelta(seconds=GRACE)
    if seat.station.clock_offset is not None:  # the station counts by its own clock
        start += timedelta(seconds=max(-1e8, min(1e8, seat.station.clock_offset)))
    amounts = [(0, amperes), (GRACE + LASTS, min(amperes, safe)), (GRACE + 2 * LASTS + GRACE, safe)]
    steps = [Step(begins, _limit(seat, value)) for begins, value in amounts]
    kept = [step for index, step in enumerate(steps) if index == 0 or step.limit != steps[index - 1].limit]
    assert seat.transaction is not None
    return Profile(
        DEFAULT_ID + seat.connector.number, profiles.TRANSACTION, tuple(kept), seat.unit, seat.level, start=start.replace(microsecond=0),
        transaction_id=seat.transaction.transaction_id,
    )  # fmt: skip


def _ask(seen: Picture, seat: Seat, amperes: int) -> int:
    """Ask for this share; 1 when it was."""
    share, running = seat.share, seat.transaction
    assert running is not None
    wanted = SetProfile(seat.connector.number, profile_of(seat, amperes, seen.safe, seen.now))
    fields: dict[str, object] = {
        "wanted": float(amperes), "wanted_fallback": float(seen.safe), "asked_at": seen.now, "transaction": running,
    }  # fmt: skip
    if share.transaction_id != running.pk:
        fields |= {"granted": None, "granted_at": None, "expires_at": None, "refused_at": None, "refusal": ""}
    try:
        with transaction.atomic():
            command = ask(actor=None, station=seat.station, intent=wanted, origin=ORIGIN, recorded=False)
            CapacityShare.objects.filter(pk=share.pk, command=None).update(command=command, **fields)
    except CommandRefused:
        return 0  # not connected, or too much waits: the next look sees
    share.wanted, share.command_id, share.transaction_id = float(amperes), command.pk, running.pk
    return 1


SEEN = (
    "bound", "measured", "why", "target", "asked", "low_since", "served_since", "paused_since", "car_maximum", "car_energy", "departure",
)  # fmt: skip


def _write(seen: Picture) -> None:
    """What was seen and decided, for the page and the next look."""
    rows, changed = [], set()
    for seat in seen.seats:
        share = seat.share
        before = [getattr(share, name) for name in SEEN]
        share.bound, share.measured, share.why = round(seat.bound, 1), None if seat.measured is None else round(seat.measured, 1), seat.why
        share.target, share.asked = seat.target, seat.demand.most
        share.low_since = datetime.fromtimestamp(seat.demand.low_since, seen.now.tzinfo) if seat.demand.low_since else None
        if seat.target is None:
            share.served_since = share.paused_since = None
        elif seat.target:
            share.served_since, share.paused_since = share.served_since or seen.now, None
        else:
            share.served_since, share.paused_since = None, share.paused_since or seen.now
        if seat.transaction is None:
            share.car_maximum = share.car_energy = share.departure = None
        if before != [getattr(share, name) for name in SEEN] and share.pk:
            rows.append(share)
            changed.add(seat.station.pk)
    CapacityShare.objects.bulk_update(rows, SEEN, batch_size=200)
    kept = seen.plan.seen
    begun = kept.get("begun") or (seen.plan.ran_at if "limit" in kept and seen.plan.ran_at else seen.now).isoformat()
    counted_on = kept.get("ahead") or seen.limits
    sudden = any(limit < before for limit, before in zip(seen.limits, counted_on, strict=True))
    told = {
        "begun": begun, "lowered": seen.now.isoformat() if sudden else kept.get("lowered"), "ahead": seen.ahead,
        "limit": seen.limits, "bound": [round(one, 1) for one in seen.total("bound")], "safe": seen.safe,
        "measured": [round(one, 1) for one in seen.total("measured")],
    }  # fmt: skip
    CapacityPlan.objects.filter(pk=seen.plan.pk).update(ran_at=seen.now, seen=told)
    nudges.stations_changed(*changed)


# -- no longer ----------------------------------------------------------------------------------------------------------------------------


def release() -> None:
    """Take our profiles away from stations whose location does not share its capacity any more."""
    now = timezone.now()
    elsewhere = ~Q(station__location__capacity__active=True)
    held = CapacityStation.objects.filter(elsewhere & (Q(safe__isnull=False) | Q(command__isnull=False)))
    rows = list(held.select_related("station__location__organization").order_by("asked_at")[:ASKED])
    for default in rows:
        station = default.station
        if default.command_id is None and station.connected and not quiet(station, now):
            _clear(station, ClearProfile(DEFAULT_ID), CapacityStation, default.pk, now)
    outside = ~Q(connector__station__location__capacity__active=True)
    shares = CapacityShare.objects.filter(outside & (Q(granted__isnull=False) | Q(command__isnull=False)))
    some = list(shares.select_related("connector__station__location__organization", "transaction").order_by("asked_at")[:ASKED])
    for share in some:
        station = share.connector.station
        if share.transaction is None or share.transaction.ended_at:  # its profile ended with it
            if share.command_id is None:
                CapacityShare.objects.filter(pk=share.pk, command=None).update(**NOTHING)
        elif share.command_id is None and station.connected and not quiet(station, now):
            _clear(station, ClearProfile(DEFAULT_ID + share.connector.number), CapacityShare, share.pk, now)
    stations = [one.station_id for one in rows] + [one.connector.station_id for one in some]
    if stations:
        _settle(None, now, stations=stations)


def _clear(station: Station, intent: ClearProfile, model: type[CapacityStation] | type[CapacityShare], pk: int, now: datetime) -> None:
    try:
        with transaction.atomic():
            command = ask(actor=None, station=station, intent=intent, origin=ORIGIN, recorded=False)
            model._default_manager.filter(pk=pk, command=None).update(command=command, wanted=None, asked_at=now)
    except CommandRefused:
        return
