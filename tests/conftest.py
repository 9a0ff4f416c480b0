"""What every test may ask for. The people: Ada owns the platform, Bob runs a partner, Cy looks on for that partner's customer,
and Dan is a stranger, of another partner. Bob must never learn that anything of Dan's exists, and the other way round."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from _pytest.python import pytest_pyfunc_call as call_of_pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.db.migrations import RunPython
from django.db.migrations.loader import MigrationLoader
from django.test import Client, TransactionTestCase, override_settings
from pytest_django import DjangoDbBlocker

from passes.models import ChargePass, Listing
from stations.actions import add_stations, create_location
from stations.models import AccessMode, Connector, Location, Station
from tenancy.actions import create_organization, create_user
from tenancy.models import Organization, Role, User
from tests.emptying import Emptying
from tests.snapshot import Snapshot

OURS = {"tenancy", "stations", "passes", "support"}
PASSWORD = "correct-horse-battery"
STATION_PASSWORD = "station-secret-0123456789"
CARD = "04A2B3C4D5E680"


@dataclass
class Tree:
    platform: Organization
    partner: Organization
    customer: Organization
    other_partner: Organization
    other_customer: Organization
    ada: User
    bob: User
    cy: User
    dan: User
    location: Location  # the customer's, of Bob and Cy
    station: Station  # there, AC, two connectors, password STATION_PASSWORD
    dc_station: Station  # there, DC, one connector
    other_location: Location  # the other customer's, of Dan
    other_station: Station
    charge_pass: ChargePass  # CARD, on the customer's list

    @property
    def connector(self) -> Connector:
        return Connector.objects.get(station=self.station, number=1)


def grow_tree() -> Tree:
    """Platform > partner > customer > location > two stations, and the same beside it with one station for the stranger."""
    platform = create_organization(actor=None, parent=None, kind="platform", name="Green Grid Operations")
    partner = create_organization(actor=None, parent=platform, kind="partner", name="Lumen Installers")
    customer = create_organization(actor=None, parent=partner, kind="customer", name="Harbour Offices")
    other_partner = create_organization(actor=None, parent=platform, kind="partner", name="Volt & Sons")
    other_customer = create_organization(actor=None, parent=other_partner, kind="customer", name="Hotel Seeblick")
    administrator, viewer = (Role.objects.get(default=default) for default in ("administrator", "viewer"))
    people = [
        create_user(actor=None, organization=organization, email=f"{name.lower()}@example.org", name=name, password=PASSWORD, role=role)
        for name, organization, role in (
            ("Ada", platform, administrator), ("Bob", partner, administrator), ("Cy", customer, viewer),
            ("Dan", other_partner, administrator),
        )
    ]  # fmt: skip
    location = create_location(
        actor=None, organization=customer, name="Quay 7", street="Kade 7", postal_code="3011 AA", city="Rotterdam", country="NL",
        latitude=51.917, longitude=4.487, time_zone="Europe/Amsterdam", access_mode=AccessMode.WHITELIST,
    )  # fmt: skip
    other_location = create_location(actor=None, organization=other_customer, name="Seeblick car park", city="Bregenz", country="AT")
    ((station, _),) = add_stations(
        actor=None, location=location, identities=["LUM-0001"], connectors=2, password=STATION_PASSWORD,
        connector_fields={"plug": "Type 2", "max_current": 16}, alias="Gate", max_current=32,
    )  # fmt: skip
    ((dc_station, _),) = add_stations(
        actor=None, location=location, identities=["LUM-0002"], connectors=1, password=STATION_PASSWORD, current_type="DC", voltage=400,
    )  # fmt: skip
    ((other_station, _),) = add_stations(actor=None, location=other_location, identities=["VOLT-0001"], password=STATION_PASSWORD)
    charge_pass = ChargePass.objects.create(organization=customer, uid=CARD, nickname="Pool car 1", visible_number="NL-TNM-B12345-6")
    Listing.objects.create(charge_pass=charge_pass, organization=customer, uid=CARD, whitelist=True)
    return Tree(platform, partner, customer, other_partner, other_customer, *people, location, station, dc_station,
                other_location, other_station, charge_pass)  # fmt: skip


def _beyond_models() -> None:
    """The tables were made from the models, in a fraction of the time that the migrations take (tests/e2e runs those); what only the
    migrations know – partitions, and triggers that guard what was recorded – is added."""
    with override_settings(MIGRATION_MODULES={}):
        every = MigrationLoader(None).disk_migrations
    with connection.schema_editor() as editor:
        for (app, _name), migration in sorted(every.items()):
            for operation in migration.operations:
                if app in OURS and isinstance(operation, RunPython) and not operation.elidable:
                    operation.code(apps, editor)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        _beyond_models()
        emptying = Emptying()
    djangos = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda test: emptying.empty() or djangos(test))
        yield


@pytest.fixture(scope="session")
def grown(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Snapshot[Tree]:
    """What the tree of each test is copied from. A module whose tests all need more there makes its own."""
    with django_db_blocker.unblock():
        return Snapshot(grow_tree)


@pytest.fixture
def tree(db: None, grown: Snapshot[Tree]) -> Tree:
    return grown.again()


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> None:
    """Attempts and mails are counted in the cache, which outlives a test while keys of rows come again."""
    cache.clear()


@pytest.fixture
def ada(tree: Tree) -> User:
    return tree.ada


@pytest.fixture
def bob(tree: Tree) -> User:
    return tree.bob


@pytest.fixture
def cy(tree: Tree) -> User:
    return tree.cy


@pytest.fixture
def dan(tree: Tree) -> User:
    return tree.dan


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """A browser without JavaScript in which this person is logged in."""

    def make(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="tenancy.accounts.Backend")
        cache.add(f"session-seen:{client.session.session_key}", 1)  # noted already, as after the first page
        return client

    return make


@pytest.fixture
def as_ada(ada: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(ada)


@pytest.fixture
def as_bob(bob: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(bob)


@pytest.fixture
def as_cy(cy: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(cy)


@pytest.fixture
def as_dan(dan: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(dan)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser journeys last: they take longest, and what they show is broken a quicker test should have shown before."""
    if not os.environ.get("DATABASE_URL"):
        items[:] = [item for item in items if item.get_closest_marker("postgresql") is None]
    items.sort(key=lambda item: (item.get_closest_marker("browser") is not None, "e2e" in item.nodeid.split("/")))


def pytest_collection_finish() -> None:
    """What is there now stays until the end: nothing is gained by looking through it for garbage again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _with_room(call: Callable[[], object]) -> object:
    return call()


# Python keeps what its functions work with in chunks of 16 KB, and gives one back to the operating system whenever a call that needed it
# ends: calls as nested as those of a request cross such a border all the time, which takes a seventh of it. A function that claims to need
# much gets a large chunk, in which whatever it calls has room.
_with_room.__code__ = _with_room.__code__.replace(co_stacksize=70_000)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    return _with_room(lambda: call_of_pytest(pyfuncitem))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(
        f"Engines of this run: {'PostgreSQL' if os.environ.get('DATABASE_URL') else 'SQLite'}"
        f" and {'Redis' if os.environ.get('REDIS_URL') else 'memory'}."
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """With CI set a skipped test is a failed one: nothing may be left out silently there."""
    report = yield
    if report.skipped and os.environ.get("CI", "").lower() in {"1", "true"} and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report
