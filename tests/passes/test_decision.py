"""Restrictions, and what no decision may ever do: the pure function, without a database except where energy is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passes.authorizing import authorize, used
from passes.decision import Facts, Limits, ListingFact, PassFact, ProviderFact, Running, TokenFact, Used, decide
from passes.models import ChargePass, Listing, PassGroup
from stations import hooks
from stations.hooks import AUTHORIZE, START, STOP, Advice, Offer, Place, Verdict
from stations.models import AccessMode, Settlement, Station, Transaction
from tests.conftest import CARD, Tree

HOME = "/1/2/3/"
HOUR = timedelta(hours=1)


def place(mode: str = "whitelist", *, zone: str = "Europe/Amsterdam", station: int = 7, location: int = 8) -> Place:
    return Place(station, location, HOME, mode, "location", zone)


def asked(
    at: str | datetime, *limits: Limits, energy: Used | None = None, purpose: str = AUTHORIZE, zone: str = "Europe/Amsterdam"
) -> Verdict:
    """The verdict on a whitelisted pass with these restrictions."""
    at = at if isinstance(at, datetime) else datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone))
    listing = ListingFact(1, HOME, whitelist=True, roaming_free=False, below=False, charge_pass=PassFact(5, HOME, "Car", limits=limits))
    offer = Offer(place(zone=zone), CARD, at.astimezone(UTC), 1, purpose)
    return decide(offer, Facts([listing], used={(one.record, one.key): energy or Used() for one in limits}))


def window(days: list[int], begin: str, end: str) -> Limits:
    return Limits("pass", 5, hours=[{"days": days, "from": begin, "to": end}])


OFFICE, NIGHT = window([0, 1, 2, 3, 4], "08:00", "18:00"), window([4], "22:00", "06:00")  # Friday's night
SMALL = window([6], "01:30", "02:30")  # around the change of clocks, which is on a Sunday


@pytest.mark.parametrize(
    ("limits", "at", "until"),
    [
        (OFFICE, "2026-03-04T08:00", "2026-03-04T18:00"),  # a Wednesday
        (OFFICE, "2026-03-04T07:59:59", None),
        (OFFICE, "2026-03-04T17:59:59", "2026-03-04T18:00"),
        (OFFICE, "2026-03-04T18:00", None),
        (OFFICE, "2026-03-07T12:00", None),  # a Saturday
        (NIGHT, "2026-03-06T22:00", "2026-03-07T06:00"),
        (NIGHT, "2026-03-07T05:59", "2026-03-07T06:00"),
        (NIGHT, "2026-03-06T05:00", None),  # the night of Thursday
        (NIGHT, "2026-03-07T22:30", None),
        # A whole day, and the end of one
        (window([2], "00:00", "00:00"), "2026-03-04T23:59:59", "2026-03-05T00:00"),
        (window([2], "00:00", "00:00"), "2026-03-05T00:00", None),
        (window([2], "18:00", "24:00"), "2026-03-04T23:59:59", "2026-03-05T00:00"),
        # 29 March 2026: 02:00 is 03:00
        (SMALL, "2026-03-29T01:59", "2026-03-29T03:30"),
        (SMALL, "2026-03-29T04:00", None),
        # 25 October 2026: 03:00 is 02:00 again, and 02:15 comes twice
        (SMALL, "2026-10-25T01:45", "2026-10-25T02:30"),
        (SMALL, "2026-10-25T03:00", None),
        # A window beside another: the later end is told
        (Limits("pass", 5, hours=[*OFFICE.hours, *window([2], "12:00", "20:00").hours]), "2026-03-04T13:00", "2026-03-04T20:00"),
    ],
)
def test_hours(limits: Limits, at: str, until: str | None) -> None:
    verdict = asked(at, limits)
    if until is None:
        assert (verdict.status, verdict.reason, verdict.expiry) == ("Blocked", "not_now", None)
    else:
        assert verdict.status == "Accepted"
        assert verdict.expiry
        end = datetime.fromisoformat(until).replace(tzinfo=ZoneInfo("Europe/Amsterdam"))
        assert (verdict.expiry, verdict.expiry.tzinfo) == (end.astimezone(UTC), UTC), "as it is written to the station"


def test_hours_are_those_of_the_location() -> None:
    noon = datetime(2026, 3, 4, 7, 30, tzinfo=UTC)
    assert asked(noon, OFFICE).status == "Accepted", "half past eight in Amsterdam"
    assert asked(noon, OFFICE, zone="Europe/London").reason == "not_now"


def test_the_station_is_never_told_an_end_that_has_passed() -> None:
    """In the hour that comes twice too."""
    for minutes in range(0, 300, 5):
        at = datetime(2026, 10, 24, 23, tzinfo=UTC) + timedelta(minutes=minutes)
        for limits in (SMALL, NIGHT, window([6], "00:00", "02:10"), window([5], "23:00", "02:45"), Limits("pass", 5, daily_kwh=9)):
            if (verdict := asked(at, limits)).expiry:
                assert verdict.expiry.astimezone(UTC) > at


@pytest.mark.parametrize(
    ("limits", "here"),
    [
        (Limits("pass", 5, only_stations=[7]), True),
        (Limits("pass", 5, only_stations=[6]), False),
        (Limits("pass", 5, only_locations=[8]), True),
        (Limits("pass", 5, only_locations=[9]), False),
        (Limits("pass", 5, only_stations=[6], only_locations=[8]), True),
        (Limits("group", 3, only_stations=[7]), True),
        (Limits("group", 3, only_stations=[6]), False),
    ],
)
def test_places(limits: Limits, *, here: bool) -> None:
    verdict = asked("2026-03-04T12:00", limits)
    assert (verdict.status, verdict.reason) == (("Accepted", "listed") if here else ("Blocked", "not_here"))
    assert asked("2026-03-04T12:00", limits, Limits("group", 4, only_stations=[1])).reason == "not_here", "both must allow it"


@pytest.mark.parametrize(
    ("limits", "energy", "good"),
    [
        (Limits("pass", 5, daily_kwh=10), Used(9_999, 99_999), True),
        (Limits("pass", 5, daily_kwh=10), Used(10_000, 10_000), False),
        (Limits("pass", 5, monthly_kwh=10), Used(0, 10_000), False),
        (Limits("group", 3, monthly_kwh=10), Used(0, 10_001), False),
        (Limits("group", 3, monthly_kwh=10), Used(0, 9_000), True),
    ],
)
def test_energy(limits: Limits, energy: Used, *, good: bool) -> None:
    verdict = asked("2026-03-04T12:00", limits, energy=energy)
    assert (verdict.status, verdict.reason) == (("Accepted", "listed") if good else ("Blocked", "used_up"))
    assert asked("2026-03-04T12:00", limits, energy=energy, purpose=STOP).status == "Accepted", "what is charged may always be ended"
    if good:
        assert verdict.expiry == datetime(2026, 3, 5, tzinfo=ZoneInfo("Europe/Amsterdam")), "it is counted anew tomorrow"


@pytest.mark.django_db
class TestEnergyOfTheDatabase:
    @pytest.fixture
    def group(self, tree: Tree) -> PassGroup:
        return PassGroup.objects.create(organization=tree.customer, name="Staff")

    def charged(self, tree: Tree, charge_pass: ChargePass, at: str, wh: int, **fields: Any) -> None:
        started = datetime.fromisoformat(at).replace(tzinfo=UTC)
        values = {"ended_at": started + HOUR, "meter_stop": 100 + wh, "verdict": "Accepted", "settlement": "whitelist"} | fields
        Transaction.objects.create(
            station=tree.station, connector=tree.connector, id_tag=charge_pass.uid, pass_key=charge_pass.pk, started_at=started,
            start_received_at=started, meter_start=100, **values,
        )  # fmt: skip

    def test_of_day_and_month_by_the_clock_of_the_location(self, tree: Tree, group: PassGroup) -> None:
        second = ChargePass.objects.create(organization=tree.customer, uid="0455", group=group)
        third = ChargePass.objects.create(organization=tree.customer, uid="0466", group=group)
        # March begins at 23:00 UTC in Amsterdam, and at midnight in London
        for charge_pass, at, wh in (
            (second, "2026-02-28T22:59", 1), (second, "2026-02-28T23:00", 10), (second, "2026-03-01T00:00", 100),
            (third, "2026-03-09T22:59", 1_000), (third, "2026-03-09T23:00", 10_000), (second, "2026-03-10T22:59", 100_000),
            (second, "2026-03-10T23:00", 7_000_000), (tree.charge_pass, "2026-03-10T12:00", 3_000_000),
        ):  # fmt: skip
            self.charged(tree, charge_pass, at, wh)
        self.charged(tree, second, "2026-03-10T11:00", -500)  # a meter that ran backwards gives nothing back
        self.charged(tree, third, "2026-03-10T13:00", 0, ended_at=None, meter_stop=None, meter_last=1_000_100)  # it runs
        noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
        assert used("pass", second.pk, noon, "Europe/Amsterdam") == Used(100_000, 100_110)
        assert used("pass", third.pk, noon, "Europe/Amsterdam") == Used(1_010_000, 1_011_000)
        assert used("group", group.pk, noon, "Europe/Amsterdam") == Used(1_110_000, 1_111_110)
        assert used("pass", second.pk, noon, "Europe/London") == Used(7_100_000, 7_100_100)
        assert used("pass", 999_999, noon, "Europe/London") == Used()

    def test_each_offer_of_a_batch_has_its_own_day(self, tree: Tree, group: PassGroup, django_assert_max_num_queries: Any) -> None:
        """One UTC day, two days in Amsterdam; and the queries do not grow with the passes."""
        ChargePass.objects.filter(pk=tree.charge_pass.pk).update(daily_kwh=5)
        self.charged(tree, tree.charge_pass, "2026-03-10T12:00", 5_000)
        at = hooks.place_of(Station.objects.select_related("location__organization").get(pk=tree.station.pk))
        days = [datetime(2026, 3, 10, hour, 30, tzinfo=UTC) for hour in (22, 23)]
        for order in (days, days[::-1]):
            said = {day: verdict.reason for day, verdict in zip(order, authorize([Offer(at, CARD, day) for day in order]), strict=True)}
            assert said == {days[0]: "used_up", days[1]: "listed"}
        ChargePass.objects.filter(pk=tree.charge_pass.pk).update(group=group)
        PassGroup.objects.update(monthly_kwh=20)
        many = ChargePass.objects.bulk_create(
            ChargePass(organization=tree.customer, uid=f"05{n:04}", monthly_kwh=5, group=group) for n in range(20)
        )
        Listing.objects.bulk_create(Listing(charge_pass=one, organization=tree.customer, uid=one.uid, whitelist=True) for one in many)
        with django_assert_max_num_queries(3):
            assert {v.reason for v in authorize([Offer(at, one.uid, days[0]) for one in many])} == {"listed"}
        self.charged(tree, many[3], "2026-03-02T12:00", 15_000)
        assert [v.reason for v in authorize([Offer(at, one.uid, days[1]) for one in (many[0], many[3])])] == ["used_up", "used_up"], (
            "the group has used it up together"
        )


# -- whatever the facts are ------------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # in the hour that comes twice
times = st.none() | st.sampled_from([NOW - HOUR, NOW, NOW + HOUR])
paths = st.sampled_from(["/1/", "/1/2/", HOME, "/1/2/3/4/", "/1/2/33/", "/1/9/"])
hours = st.lists(
    st.builds(
        lambda days, ends: {"days": days, "from": ends[0], "to": ends[1]},
        st.lists(st.integers(0, 6), min_size=1, max_size=7),
        st.sampled_from([("00:00", "00:00"), ("22:00", "06:00"), ("02:30", "02:15"), ("08:00", "18:00:00")]),
    ),
    max_size=2,
)
keys = st.integers(1, 3)
limits = st.builds(
    Limits, st.sampled_from(["pass", "group"]), keys, st.lists(st.sampled_from([6, 7]), max_size=2),
    st.lists(st.sampled_from([8, 9]), max_size=1), hours, st.none() | st.just(5), st.none() | st.just(50),
)  # fmt: skip
passes = st.builds(
    PassFact, keys, paths, st.just("Car"), st.booleans(), st.booleans(), times, times, st.booleans(), st.sampled_from(["", "G"]),
    st.lists(limits, max_size=2),
)  # fmt: skip
listings = st.lists(st.builds(ListingFact, keys, paths, st.booleans(), st.booleans(), st.booleans(), passes), max_size=3)
answers = st.sampled_from(["", "ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"])
providers = st.builds(ProviderFact, keys, paths, st.booleans(), st.booleans())
tokens = st.builds(
    TokenFact, keys, providers, st.just("NL-1"), st.booleans(), st.sampled_from(["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"]),
    st.sampled_from(["", "T"]), times, answers, times,
)  # fmt: skip
running = st.builds(
    Running, keys, st.sampled_from([7, 77]), st.sampled_from([1, 2, None]), st.sampled_from([NOW - HOUR, NOW + HOUR]), st.none() | keys,
    st.none() | keys,
)  # fmt: skip
energy = st.builds(Used, st.sampled_from([0, 5_000]), st.sampled_from([0, 50_000]))
facts = st.builds(
    Facts, listings, st.lists(tokens, max_size=2), st.lists(providers, max_size=2), st.sampled_from(["refuse", "known", "any"]), keys,
    st.lists(running, max_size=2), st.dictionaries(st.tuples(st.sampled_from(["pass", "group"]), keys), energy, max_size=2),
)  # fmt: skip
advices = st.none() | st.builds(Advice, keys, answers, st.integers(0, 3), st.just(""))
offers = st.builds(
    Offer, st.sampled_from(list(AccessMode)).map(place), st.just(CARD), st.just(NOW), st.sampled_from([None, 1, 2]),
    st.sampled_from([AUTHORIZE, START, STOP]), st.booleans(), advices,
)  # fmt: skip

# reason of a refusal -> rules of which one must have spoken against the card for it
BECAUSE = {
    "unknown": {"known"}, "not_listed": {"whitelisted"}, "mode": {"whitelist_mode", "roaming_mode"}, "blocked": {"not_blocked"},
    "user_off": {"user_active"}, "not_yet": {"begun"}, "expired": {"not_over"}, "not_here": {"place"}, "not_now": {"hours"},
    "used_up": {"day_energy", "month_energy"}, "network_unknown": {"network"}, "concurrent": {"concurrent"},
    "network_silent": {"policy"},
    **{f"network_{why}": {"asked", "network_valid"} for why in ("blocked", "expired", "credit", "refused")},
}  # fmt: skip


def stopped(one: ListingFact) -> bool:
    """Blocked by the organization that owns it: that holds below, too."""
    own = one.organization_path == one.charge_pass.organization_path
    return own and (one.charge_pass.blocked or one.charge_pass.user_off)


def nearest(listings: list[ListingFact]) -> ListingFact | None:
    """The rule, once more and in its own words: of those that hold at HOME, of a pass of the same line, that of the longest path."""
    holding = [
        one for one in listings
        if (one.organization_path == HOME or (one.organization_path in ("/1/", "/1/2/") and (one.below or stopped(one))))
        and any(a.startswith(b) for a, b in ((one.organization_path, one.charge_pass.organization_path),
                                             (one.charge_pass.organization_path, one.organization_path)))
    ]  # fmt: skip
    return max(holding, key=lambda one: len(one.organization_path), default=None)


@settings(max_examples=250, deadline=None)
@given(offers, facts)
def test_no_decision_breaks_the_rules(offer: Offer, known: Facts) -> None:
    verdict = decide(offer, known)
    mode, speaks = AccessMode(offer.place.access_mode), nearest(list(known.listings))
    spoken = speaks.charge_pass if speaks else None
    assert verdict.steps
    assert verdict.pass_key == (spoken.key if spoken else None), "another pass must not be named"
    assert (verdict.settlement != "") == (verdict.status == "Accepted")
    assert bool(verdict.settlement == Settlement.OPEN) == (mode == AccessMode.OPEN)
    if mode == AccessMode.OPEN:
        return
    if verdict.expiry:
        assert verdict.expiry.astimezone(UTC) > offer.at
    over = spoken and ((spoken.valid_from and spoken.valid_from > NOW) or (spoken.valid_until and spoken.valid_until <= NOW))
    if verdict.status == "Accepted":
        assert not verdict.ask
        assert not (spoken and (spoken.blocked or spoken.user_off))
        if verdict.settlement in (Settlement.WHITELIST, Settlement.ROAMING_FREE):
            assert speaks
            assert not over
            for limit in speaks.charge_pass.limits:
                assert not limit.only_stations or 7 in limit.only_stations or 8 in limit.only_locations
        if verdict.settlement == Settlement.WHITELIST:
            assert speaks
            assert speaks.whitelist
            assert mode.whitelists
        else:
            assert mode.roams
            assert (verdict.settlement == Settlement.ROAMING_FREE) <= bool(speaks and speaks.roaming_free)
            connected = [each.provider for each in known.tokens] + list(known.providers)
            assert any(HOME.startswith(provider.organization_path) for provider in connected)
        if offer.purpose == START and offer.live and not (spoken and spoken.several_at_once):
            elsewhere = [one for one in known.running if (one.station, one.connector) != (7, offer.connector)]
            assert not any(spoken and one.pass_key == spoken.key for one in elsewhere)
            assert not any(verdict.token_key and one.token_key == verdict.token_key for one in elsewhere)
    elif not verdict.ask:
        against = {step.rule for step in verdict.steps if step.good is False}
        assert against & BECAUSE[verdict.reason], (verdict.reason, verdict.steps)
        if verdict.reason in ("blocked", "user_off", "concurrent"):
            assert verdict.steps[-1].rule in BECAUSE[verdict.reason]
