"""The controller against a world of stations that do what they accepted, and lose messages, connections and cars at random."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from stations.actions import add_stations
from stations.capacity import control, picture
from stations.models import CapacityPlan, CapacityShare, CapacityStation, Command, Connector, Station, Transaction
from stations.ocpp.intents import ClearProfile, SetProfile
from stations.ocpp.profiles import DEFAULT, Profile
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

    def draws(self, now: datetime) -> float:
        """A per phase, as OCPP says: the profile of the transaction before the default."""
        if self.began is None:
            return 0.0
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
        if isinstance(wanted, ClearProfile):
            post.default = None if wanted.id == control.DEFAULT_ID else post.default
            post.own = None if wanted.id != control.DEFAULT_ID else post.own
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
    asked = Command.objects.filter(station=world.posts[0].row).count()
    assert asked == 1, "and is not asked again and again"


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
