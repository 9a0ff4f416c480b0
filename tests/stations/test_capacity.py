"""The controller against a world of stations that do what they accepted, and lose messages, connections and cars at random."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from stations.actions import add_stations
from stations.capacity import control, own, picture
from stations.gateway.smart_charging import CONSEQUENCES
from stations.models import (
    CapacityPlan,
    CapacityShare,
    CapacityStation,
    Command,
    ConfigurationKey,
    Connector,
    Station,
    StationProfile,
    Transaction,
)
from stations.ocpp.intents import ACCEPTED, ClearProfile, GetSchedule, SetProfile
from stations.ocpp.profiles import DEFAULT, TRANSACTION, Profile, Step
from stations.ocpp.versions import speaker
from tests.conftest import Tree

pytestmark = pytest.mark.django_db

CAR = 32.0


@dataclass
class Post:
    """A station with one connector."""

    row: Station
    connector: Connector
    refuses: bool = False
    default: Profile | None = None
    own: Profile | None = None
    car: Transaction | None = None
    began: datetime | None = None
    takes: float = CAR
    wild: bool = False  # accepts everything and keeps to nothing

    def draws(self, now: datetime) -> float:
        """A per phase, as OCPP says: the profile of the transaction before the default."""
        if self.began is None:
            return 0.0
        if self.wild:
            return self.takes
        profile, since = self.own, self.own.start if self.own else None
        if profile is None:
            profile, since = self.default, self.began
        if profile is None or since is None:
            return self.takes
        elapsed = (now - since).total_seconds()
        limit = next((step.limit for step in reversed(profile.steps) if step.start <= elapsed), self.takes)
        return min(self.takes, limit)


@dataclass
class World:
    plan: CapacityPlan
    posts: list[Post]
    now: datetime = datetime(2026, 11, 18, 10, tzinfo=UTC)
    step: int = 5

    def start(self, post: Post) -> None:
        post.began = self.now
        if post.row.connected:
            Connector.objects.filter(pk=post.connector.pk).update(status="Charging")
            post.car = Transaction.objects.create(
                station=post.row, connector=post.connector, id_tag="A", verdict="Accepted", started_at=self.now, reported_start="x",
                start_received_at=self.now, meter_start=0,
            )  # fmt: skip
            Transaction.objects.filter(pk=post.car.pk).update(transaction_id=str(post.car.pk))

    def stop(self, post: Post) -> None:
        post.began = post.own = None
        if post.car and post.row.connected:
            Transaction.objects.filter(pk=post.car.pk).update(ended_at=self.now)
            Connector.objects.filter(pk=post.connector.pk).update(status="Available")
        post.car = None

    def connect(self, post: Post, connected: bool) -> None:
        post.row.connected = connected
        Station.objects.filter(pk=post.row.pk).update(connected=connected, connected_at=self.now)
        if connected and post.began is None:  # what it tells when it is back
            Transaction.objects.filter(connector=post.connector, ended_at=None).update(ended_at=self.now)
            Connector.objects.filter(pk=post.connector.pk).update(status="Available")
        elif connected and post.car is None:
            began = post.began
            self.start(post)
            Transaction.objects.filter(pk=post.car.pk).update(started_at=began) if post.car else None
            post.began = began

    def answer(self, lost: float = 0.0, chance: random.Random | None = None) -> None:
        by_station = {post.row.pk: post for post in self.posts}
        for command in Command.objects.filter(state="queued").order_by("pk"):
            post, state = by_station[command.station_id], Command.State.ACCEPTED
            roll = chance.random() if chance else 1.0
            if not post.row.connected:
                state = Command.State.EXPIRED
            elif post.refuses:
                state = Command.State.REJECTED
            elif roll < lost / 2:
                state = Command.State.TIMED_OUT  # it never came
            else:
                self._apply(post, command)
                state = Command.State.TIMED_OUT if roll < lost else state
            command.state, command.sent_at, command.answered_at, command.answer = state, self.now, self.now, {"status": state.capitalize()}
            command.save()

    def _apply(self, post: Post, command: Command) -> None:
        wanted = speaker("1.6").intent(command.action, command.payload)
        if isinstance(wanted, GetSchedule):
            return
        if isinstance(wanted, ClearProfile):
            post.default = None if wanted.id == own.DEFAULT_ID else post.default
            post.own = None if wanted.id != own.DEFAULT_ID else post.own
        assert isinstance(wanted, SetProfile | ClearProfile)
        if isinstance(wanted, SetProfile) and wanted.profile.purpose == DEFAULT:
            post.default = wanted.profile
        elif isinstance(wanted, SetProfile) and post.car and wanted.profile.transaction_id == str(post.car.pk):
            post.own = wanted.profile

    def look(self, **options: Any) -> None:
        control.look(self.plan.pk, self.now)
        self.answer(**options)

    def run(self, seconds: int, **options: Any) -> None:
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self.look(**options)
            self.check()
            self.now += timedelta(seconds=self.step)

    def check(self) -> None:
        drawn = sum(post.draws(self.now) for post in self.posts)
        assert drawn <= self.plan.limit_l1 + 0.01, f"{drawn} A are drawn at {self.now}"

    def shares(self) -> list[float]:
        return [post.draws(self.now) for post in self.posts]


@pytest.fixture
def world(tree: Tree) -> World:
    return grown(tree, 4, 40)


def grown(tree: Tree, count: int, limit: int, **fields: Any) -> World:
    Station.objects.filter(location=tree.location).update(active=False)
    made = add_stations(
        actor=None, location=tree.location, identities=[f"CAP-{number}" for number in range(count)], connectors=1,
        connector_fields={"max_current": 32}, max_current=32,
    )  # fmt: skip
    long_ago = datetime(2026, 11, 1, tzinfo=UTC)
    Station.objects.filter(identity__startswith="CAP-").update(
        connected=True, first_connected_at=long_ago, connected_at=long_ago, ocpp_version="1.6"
    )
    rows = [Station.objects.get(pk=station.pk) for station, _password in made]
    plan = CapacityPlan.objects.create(location=tree.location, limit_l1=limit, limit_l2=limit, limit_l3=limit, **fields)
    Connector.objects.filter(station__in=rows).update(status="Available")
    return World(plan, [Post(row, Connector.objects.get(station=row, number=1)) for row in rows])


def test_a_newcomer_gets_its_share_after_the_others_have_confirmed_less(world: World) -> None:
    world.run(20)
    assert [post.default.steps[0].limit for post in world.posts if post.default] == [0, 0, 0, 0]
    first, second, third, _fourth = world.posts
    world.start(first)
    world.run(10)
    assert first.draws(world.now) == 32
    world.start(second)
    world.look()
    assert second.draws(world.now) == 0, "not before the first has confirmed"
    world.run(15)
    assert world.shares() == [20, 20, 0, 0]
    world.start(third)
    world.run(25)
    assert sorted(world.shares()) == [0, 13, 13, 14]
    world.stop(first)
    world.run(90)
    assert world.shares() == [0, 20, 20, 0]
    world.step, commands = 10, Command.objects.count()
    world.run(120)
    assert Command.objects.count() == commands, "nothing changes, nothing is asked"
    world.run(300)
    assert Command.objects.count() > commands, "but grants are renewed before they expire"


def test_where_the_portal_dies_everything_falls_back_and_never_exceeds(world: World) -> None:
    CapacityPlan.objects.update(safe=10)
    world.run(20)
    one, two, three, four = world.posts
    for post in (one, two):
        world.start(post)
    world.run(60)
    assert sum(world.shares()) == 40
    for second in range(0, 3000, 10):
        world.now += timedelta(seconds=10)
        if second == 50:
            three.began = world.now  # nobody hears of it
        if second == 1200:
            four.began = world.now
        world.check()
    assert world.shares() == [10, 10, 10, 10]


def test_a_silent_station_keeps_what_it_has_until_that_expires_and_then_its_safe_value(world: World) -> None:
    world.run(20)
    one, two = world.posts[:2]
    for post in (one, two):
        world.start(post)
    world.run(60)
    assert world.shares()[:2] == [20, 20]
    world.connect(one, False)
    world.run(60)
    assert world.shares()[:2] == [20, 20]
    assert CapacityShare.objects.get(connector=one.connector).why == picture.SILENT
    world.step = 20
    world.run(1900)
    assert world.shares()[:2] == [6, 32], "6 A stay reserved for it"


def test_a_station_that_answers_late_obeys_and_one_that_never_does_is_asked_less_and_less_often(world: World) -> None:
    """The answer comes after the time-out: until then it counts with its maximum, and is not asked the same again."""
    Station.objects.exclude(pk=world.posts[0].row.pk).update(active=False)
    post, asked = world.posts[0], Command.objects.filter(action="SetChargingProfile").order_by("pk")

    def pass_time(seconds: int) -> None:
        for _step in range(seconds // 5):
            control.look(world.plan.pk, world.now)
            asked.filter(state="queued").update(state="sent", sent_at=world.now)
            asked.filter(state="sent", sent_at__lte=world.now - timedelta(seconds=30)).update(state="timed_out")
            world.now += timedelta(seconds=5)

    def answer_late() -> None:
        pass_time(45)
        assert asked.filter(state="timed_out").update(state="accepted", answered_at=world.now) == 1
        pass_time(5)

    answer_late()
    default = CapacityStation.objects.get(station=post.row)
    assert (default.safe, default.confirmed_at) == (6, world.now - timedelta(seconds=5))
    world.start(post)
    answer_late()
    share = CapacityShare.objects.get(connector=post.connector)
    assert (share.granted, share.granted_at, asked.count()) == (32, world.now - timedelta(seconds=5), 2)
    pass_time(900)
    assert 3 <= asked.count() - 2 <= 5


def test_a_station_that_refuses_counts_with_its_maximum_and_says_so(world: World) -> None:
    world.posts[0].refuses = True
    world.start(world.posts[1])
    world.run(60)
    world.start(world.posts[0])
    world.run(60)
    assert world.shares()[:2] == [32, 8]
    share = CapacityShare.objects.get(connector=world.posts[0].connector)
    assert (share.why, share.bound) == (picture.REFUSED, 32)
    assert CapacityStation.objects.get(station=world.posts[0].row).refusal == "Rejected"
    asked = Command.objects.filter(station=world.posts[0].row)
    levels = [command.payload["csChargingProfiles"]["stackLevel"] for command in asked.order_by("pk")]
    assert levels == [own.ASSUMED_LEVEL, 0], "perhaps it was the level; after that it is not asked again and again"


def test_who_finds_no_place_waits_and_takes_turns(tree: Tree) -> None:
    world = grown(tree, 3, 13)
    world.run(20)
    for post in world.posts:
        world.start(post)
    world.run(60)
    assert sorted(world.shares()) == [0, 6, 7]
    (waits,) = [post for post in world.posts if not post.draws(world.now)]
    assert CapacityShare.objects.get(connector=waits.connector).why == picture.PAUSED
    world.step = 20
    world.run(1000)
    assert waits.draws(world.now) >= 6


def test_the_limit_of_a_time_to_come_is_kept_before(tree: Tree) -> None:
    world = grown(tree, 2, 40)
    world.plan.hours.create(days="0123456", begins="11:30", ends="12:30", limit=14)  # from 10:30 by UTC
    world.run(20)
    for post in world.posts:
        world.start(post)
    world.run(60)
    assert world.shares() == [20, 20]
    world.now = datetime(2026, 11, 18, 10, 19, 30, tzinfo=UTC)
    world.run(60)
    assert world.shares() == [7, 7], "a grant that is given now would hold until then"


def test_switched_off_it_takes_its_profiles_away(world: World) -> None:
    world.run(20)
    world.start(world.posts[0])
    world.run(30)
    CapacityPlan.objects.update(active=False)
    world.now = timezone.now()
    for _step in range(3):
        control.release()
        world.answer()
    assert [post.default for post in world.posts] == [None] * 4
    assert world.posts[0].own is None
    assert not CapacityStation.objects.filter(safe__isnull=False).exists()
    assert not CapacityShare.objects.filter(granted__isnull=False).exists()


def test_one_process_looks_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def look(pk: int, now: datetime) -> bool:
        looked.append(pk)
        control.run()  # another one, meanwhile
        return False

    monkeypatch.setattr(control, "look", look)
    CapacityPlan.objects.update(next_at=timezone.now())
    control.run()
    control.run()
    assert looked == [world.plan.pk]


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_the_limit_holds(tree: Tree, seed: int) -> None:
    chance = random.Random(seed)
    world = grown(tree, 5, 60)
    world.run(20)
    for _step in range(35):
        post = chance.choice(world.posts)
        what = chance.choice(["start", "start", "stop", "leave", "back", "back"])
        if what == "start" and post.began is None:
            world.start(post)
        elif what == "stop" and post.began:
            world.stop(post)
        elif what in ("leave", "back"):
            world.connect(post, what == "back")
        if chance.random() < 0.15:  # nobody is there for a while
            for _second in range(chance.randrange(10, 150)):
                world.now += timedelta(seconds=10)
                world.check()
        world.run(chance.choice([5, 10, 15, 40]), lost=0.2, chance=chance)
    for post in world.posts:
        world.connect(post, True)
        if not post.began:
            world.start(post)
    world.step = 20
    world.run(900)
    assert sum(world.shares()) == 60, "and when all is well again everybody charges"
    assert min(world.shares()) >= 6


def test_what_a_station_makes_up_counts_as_two_connectors(world: World) -> None:
    row = world.posts[0].row
    Station.objects.filter(pk=row.pk).update(max_current=None)
    Connector.objects.bulk_create(Connector(station=row, number=number) for number in range(2, 30))
    seen = picture.take(world.plan, world.now)
    assert seen.capacities[(row.pk, "l1")] == 32 + 2 * picture.UNKNOWN_MAXIMUM


def by_hand(post: Post, wanted: SetProfile | ClearProfile, now: datetime) -> None:
    """Somebody asks the station from a page, and it accepts."""
    action, payload = speaker("1.6").call(wanted)
    command = Command.objects.create(
        station=post.row, action=action, payload=payload, version="1.6", state=Command.State.ACCEPTED, sent_at=now, answered_at=now,
        deadline=now, timeout=30,
    )  # fmt: skip
    CONSEQUENCES[type(wanted)](command, wanted, ACCEPTED, {}, now)


@pytest.mark.parametrize("wanted", [ClearProfile(), ClearProfile(own.DEFAULT_ID), ClearProfile(own.DEFAULT_ID + 1)])
def test_what_somebody_clears_is_sent_again(world: World, wanted: ClearProfile) -> None:
    world.run(20)
    post = world.posts[0]
    world.start(post)
    world.run(30)
    assert post.draws(world.now) == 32
    default, share = post.default, post.own
    gone = (wanted.id in (None, own.DEFAULT_ID), wanted.id != own.DEFAULT_ID)
    post.default, post.own = None if gone[0] else default, None if gone[1] else share
    by_hand(post, wanted, world.now)
    world.run(30)
    assert post.default
    assert post.own
    assert CapacityStation.objects.get(station=post.row).safe is not None


def test_the_level_is_the_highest_that_the_station_takes(world: World) -> None:
    one, two = world.posts[:2]
    ConfigurationKey.objects.create(station=one.row, key="ChargeProfileMaxStackLevel", value="40")
    world.start(one)
    world.start(two)
    world.run(60)
    levels = [profile.level for post in (one, two) for profile in (post.default, post.own) if profile]
    assert levels == [40, 40, own.ASSUMED_LEVEL, own.ASSUMED_LEVEL]


def test_a_profile_of_others_that_goes_before_counts_and_is_told(world: World) -> None:
    world.run(20)
    one, two = world.posts[:2]
    for post in (one, two):
        world.start(post)
    world.run(60)
    assert world.shares()[:2] == [20, 20]
    assert one.car
    stronger = Profile(7, TRANSACTION, (Step(0, 30.0),), level=own.ASSUMED_LEVEL + 1, transaction_id=one.car.transaction_id)
    by_hand(one, SetProfile(1, stronger._replace(level=1)), world.now)
    world.run(10)
    assert world.shares()[:2] == [20, 20], "that is below"
    by_hand(one, SetProfile(1, stronger), world.now)
    world.look()
    share = CapacityShare.objects.get(connector=one.connector)
    assert (share.why, share.bound) == (picture.OUTRANKED, 30)
    world.run(40)
    assert two.draws(world.now) == 10
    StationProfile.objects.all().delete()
    world.run(60)
    assert world.shares()[:2] == [20, 20]


def test_who_takes_more_than_granted_is_asked_again_and_what_waits_for_it_says_so(tree: Tree) -> None:
    world = grown(tree, 2, 35)
    Station.objects.filter(identity__startswith="CAP-").update(phases=1)
    wild, waits = world.posts

    def pass_time(seconds: int) -> None:
        for _step in range(seconds // 20):
            Connector.objects.filter(pk=wild.connector.pk).update(power=230 * wild.draws(world.now), measured_at=world.now)
            world.look()
            world.now += timedelta(seconds=20)

    pass_time(40)
    wild.wild = True
    for post in world.posts:
        world.start(post)
    pass_time(300)
    share = CapacityShare.objects.get(connector=wild.connector)
    assert (share.why, share.bound) == (picture.DISOBEYS, 32)
    assert CapacityShare.objects.get(connector=waits.connector).why == picture.BLOCKED
    assert Command.objects.filter(station=wild.row, action="GetCompositeSchedule").count() == 1
    sent = Command.objects.filter(station=wild.row, action="SetChargingProfile")
    before = sent.count()
    pass_time(900)
    assert sent.filter(payload__connectorId=1).count() >= 3
    assert sent.count() > before + 3
    assert Command.objects.filter(station=wild.row, action="GetCompositeSchedule").count() == 1
    assert CapacityShare.objects.get(connector=wild.connector).why == picture.DISOBEYS, "being asked again excuses nothing"
    wild.wild = False
    pass_time(400)
    assert wild.draws(world.now) + waits.draws(world.now) == 35, "and when it obeys, both charge"


def test_with_one_phase_everything_is_on_it(tree: Tree) -> None:
    world = grown(tree, 3, 25)
    CapacityPlan.objects.update(limit_l2=0, limit_l3=0)
    world.plan.refresh_from_db()
    Station.objects.filter(pk=world.posts[0].row.pk).update(phases=1)
    CapacityShare.objects.create(connector=world.posts[0].connector, rotation="STR")
    world.run(20)
    for post in world.posts:
        world.start(post)
    world.run(60)
    assert sorted(world.shares()) == [8, 8, 9]
