"""Who gets how many amperes: what must hold whatever is asked. And which limit holds when."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from stations.capacity.hours import Hours, limit_at, lowest, lowest_ever, until
from stations.capacity.sharing import TURN, Claim, Demand, allocate, demand, turn

PHASES = ("l1", "l2", "l3")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")

phases = st.sampled_from([PHASES, ("l1",), ("l2",), ("l3",), ("l1", "l2")])
made = st.builds(
    lambda resources, maximum, weight, tier, since, rests: (resources, maximum, weight, (tier, since), rests),
    phases, st.floats(0, 80), st.sampled_from([1, 2, 4]), st.integers(0, 2), st.floats(-1e6, 1e6), st.booleans(),
)  # fmt: skip
claims = st.lists(made, max_size=25).map(
    lambda rows: [Claim(key, one[0], one[1], 6, one[2], one[3], one[4]) for key, one in enumerate(rows)]
)
limits = st.fixed_dictionaries({phase: st.floats(-50, 250) for phase in PHASES})


@settings(max_examples=150, deadline=None)
@given(claims, limits)
def test_what_always_holds(some: list[Claim], capacities: dict[str, float]) -> None:
    given_ = allocate(some, capacities)
    assert given_ == allocate(reversed(some), capacities), "it does not matter in which order they are named"
    left = dict(capacities)
    for one in some:
        got = given_[one.key]
        assert got == 0 or one.minimum <= got <= one.maximum, "nobody is between nothing and the minimum, or above the maximum"
        for phase in one.resources:
            left[phase] -= got
    for phase in PHASES:
        assert left[phase] >= 0 or all(phase not in one.resources or not given_[one.key] for one in some), "a limit is exceeded"
    for one in some:  # nothing is kept back that somebody could use
        room, got = min(left[phase] for phase in one.resources), given_[one.key]
        assert got + 1 > one.maximum or room < 1 if got else one.maximum < one.minimum or room < one.minimum


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 20), st.integers(0, 400), st.sampled_from([1, 2, 4]))
def test_equal_claims_end_within_one_ampere(count: int, limit: int, weight: int) -> None:
    given_ = allocate([Claim(key, PHASES, 32, 6, weight) for key in range(count)], dict.fromkeys(PHASES, float(limit)))
    served = [amperes for amperes in given_.values() if amperes]
    assert len(served) == min(count, limit // 6)
    assert not served or max(served) - min(served) <= 1


def test_priority_gives_a_place_first_and_the_weight_after() -> None:
    low, normal, high = (Claim(key, ("l1",), 100, 6, weight) for key, weight in enumerate((1, 2, 4)))
    assert allocate([low, normal, high], {"l1": 70.0}) == {0: 10, 1: 20, 2: 40}
    assert allocate([low, normal, high], {"l1": 13.0}) == {0: 0, 1: 6, 2: 7}, "the lowest waits"


def test_who_waited_longest_is_next_and_who_has_just_begun_stays() -> None:
    def order(now: float, served: dict[int, float], paused: dict[int, float]) -> set[int]:
        some = [Claim(key, ("l1",), 16, 6, 2, turn(now, served.get(key), paused.get(key))) for key in range(3)]
        return {key for key, amperes in allocate(some, {"l1": 12.0}).items() if amperes}

    assert order(100, {0: 0, 1: 0}, {2: 0}) == {0, 1}, "not at once"
    assert order(TURN + 1, {0: 0, 1: 50}, {2: 0}) == {1, 2}, "whoever has charged longest gives way"


def test_a_car_that_takes_less_gives_up_the_rest_slowly_and_gets_it_back_at_once() -> None:
    state = demand(Demand(), 16, 8, now=0, minimum=6)
    assert state == Demand(None, 0)
    assert demand(state, 16, 8, now=59, minimum=6).most is None
    state = demand(state, 16, 8, now=60, minimum=6)
    assert state.most == 10
    assert demand(state, 10, 8.2, now=70, minimum=6).most == 10, "and it stays so"
    assert demand(state, 10, 9.4, now=80, minimum=6) == Demand(), "it takes what it is given: it may want more"
    assert demand(state, 16, None, now=80, minimum=6) == Demand()
    assert demand(Demand(None, 0), 16, 0.5, now=60, minimum=6).most == 6


def test_hours_with_less() -> None:
    base = (63.0, 63.0, 40.0)
    evening = Hours(frozenset(range(5)), 17 * 60, 20 * 60, 25)
    night = Hours(frozenset({4}), 22 * 60, 6 * 60, 50)  # from Friday into Saturday
    rules = [evening, night]
    at = lambda text: datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).astimezone(UTC)  # noqa: E731
    assert limit_at(base, rules, at("2026-11-20T16:59"), AMSTERDAM) == base
    assert limit_at(base, rules, at("2026-11-20T17:00"), AMSTERDAM) == (25, 25, 25)
    assert limit_at(base, rules, at("2026-11-20T20:00"), AMSTERDAM) == base
    assert limit_at(base, rules, at("2026-11-21T05:59"), AMSTERDAM) == (50, 50, 40)
    assert limit_at(base, rules, at("2026-11-22T05:00"), AMSTERDAM) == base
    assert lowest(base, rules, at("2026-11-20T16:51"), at("2026-11-20T17:02"), AMSTERDAM) == (25, 25, 25)
    assert lowest_ever(base, rules) == (25, 25, 25)
    assert until(base, rules, at("2026-11-20T17:30"), AMSTERDAM) == at("2026-11-20T20:00")
    assert until(base, rules, at("2026-11-20T23:00"), AMSTERDAM) == at("2026-11-21T06:00")
    assert (
        until(base, [Hours(frozenset(range(7)), 0, 720, 25), Hours(frozenset(range(7)), 720, 0, 25)], at("2026-11-20T23:00"), AMSTERDAM)
        is None
    )
