"""Who gets how many amperes. Pure and deterministic: whole amperes per phase.

A claim needs its minimum or nothing: nobody is between 0 and the minimum. Where not all minima fit, some are paused, and take turns. What
is left goes ampere by ampere to whoever has least for their weight (weighted max-min), so equal claims end within 1 A, and nothing that
somebody could use is kept back.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

Turn = tuple[int, float]

TURN = 900.0  # seconds that somebody keeps a place which others wait for


class Claim(NamedTuple):
    """A connector that charges or wants to. It takes the same from each of its `resources`: the phases of the location, and of its station
    where that has a maximum of its own. `rests`: a car that takes nothing now gets what is left over."""

    key: int
    resources: tuple[Hashable, ...]
    maximum: float
    minimum: int = 6
    weight: int = 2
    turn: Turn = (1, 0.0)
    rests: bool = False


def turn(now: float, served_since: float | None, paused_since: float | None) -> Turn:
    """Whose turn it is where not all have a place: who has one keeps it for TURN, then whoever has waited longest, then the others, who has
    charged longest last."""
    if served_since is not None:
        return (0, 0.0) if now - served_since < TURN else (2, -served_since)
    return (1, now if paused_since is None else paused_since)


def allocate(claims: Iterable[Claim], capacities: Mapping[Hashable, float]) -> dict[int, int]:
    """Amperes by key. What a claim's resource is not in `capacities` for has no limit."""
    left = {resource: max(0, math.floor(amperes + 1e-9)) for resource, amperes in capacities.items()}
    found: dict[int, int] = {}
    admitted: list[Claim] = []
    for claim in sorted(claims, key=lambda one: (one.rests, -one.weight, one.turn, one.key)):
        minimum = max(1, claim.minimum)
        found[claim.key] = 0
        if math.floor(claim.maximum) >= minimum and _room(claim, left) >= minimum:
            found[claim.key] = minimum
            _take(claim, left, minimum)
            admitted.append(claim)
    for resting in (False, True):
        heap = [(found[one.key] / one.weight, one.key, one) for one in admitted if one.rests is resting]
        heapq.heapify(heap)
        while heap:
            _share, key, claim = heap[0]
            if found[key] + 1 > claim.maximum or _room(claim, left) < 1:
                heapq.heappop(heap)
                continue
            _take(claim, left, 1)
            found[key] += 1
            heapq.heapreplace(heap, (found[key] / claim.weight, key, claim))
    return found


def _room(claim: Claim, left: Mapping[Hashable, int]) -> float:
    return min((left[one] for one in claim.resources if one in left), default=math.inf)


def _take(claim: Claim, left: dict[Hashable, int], amperes: int) -> None:
    for one in claim.resources:
        if one in left:
            left[one] -= amperes


# -- what a car asks for ----------------------------------------------------------------------------------------------------------------

FULL = 1.0  # A below what is granted: it takes all it is given
UNUSED = 3.0  # A below what is granted: it could do with less
SPARE = 2.0  # A above what it takes that it keeps
SETTLED = 60.0  # seconds that it must have taken less


class Demand(NamedTuple):
    """`most` it asks for, None: all it can get; `low_since` when it began to take less than it is given."""

    most: float | None = None
    low_since: float | None = None


def demand(before: Demand, granted: float | None, measured: float | None, now: float, minimum: int) -> Demand:
    """What it takes tells what it asks for, slowly down and at once up, so that a profile is not changed back and forth."""
    if granted is None or measured is None or granted <= 0:
        return Demand()
    if measured >= granted - FULL:
        return Demand()
    if measured > granted - UNUSED:
        return Demand(before.most)
    since = now if before.low_since is None else before.low_since
    if now - since < SETTLED:
        return Demand(before.most, since)
    return Demand(float(max(minimum, math.ceil(measured + SPARE))), since)


def fits(bounds: Iterable[tuple[Sequence[Hashable], float]], capacities: Mapping[Hashable, float]) -> dict[Hashable, float]:
    """What is left of each capacity when everybody takes what they may; negative where it is exceeded."""
    left = dict(capacities)
    for resources, amperes in bounds:
        for one in resources:
            if one in left:
                left[one] -= amperes
    return left
