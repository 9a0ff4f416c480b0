"""Who gets which page: every address of the portal × every person × method, generated from the addresses themselves.

A new address fails here until addresses.py says what it shows, of which object, and which right it needs. The people: nobody who is
logged in, a stranger of another tenant (who may everything there), a member who may everything but this, a member who may just this, and
a member of the organization above who may just this.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from datetime import time, timedelta
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.db import transaction
from django.http import QueryDict
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from passes.actions import create_provider
from passes.models import Listing, PassGroup, Provider, RoamingToken
from stations.actions import add_capacity_hours, add_firmware, create_authority, set_capacity
from stations.controls import CONTROLS
from stations.models import (
    Authority,
    BulkItem,
    BulkJob,
    CapacityHours,
    CardOffer,
    Command,
    ConfigurationTemplate,
    Contact,
    CustomerInquiry,
    Document,
    FirmwareFile,
    FirmwareUpdate,
    Frame,
    HardwareTemplate,
    InstalledCertificate,
    Knock,
    MaintenanceWindow,
    Note,
    OutOfService,
    Reservation,
    SecurityChange,
    SignedMeterValue,
    StationCertificate,
    StationUpload,
    Transaction,
    UnmatchedMessage,
    VendorCode,
)
from stations.pages.commands import ASKED
from tenancy import actions
from tenancy.models import AuditEntry, Import, Invitation, Letter, Logo, Organization, Role, ServiceAccess, Team, User
from tenancy.rights import RIGHTS
from tests.addresses import (
    ACCOUNT,
    ALSO,
    AT_PARENT,
    GONE,
    LISTS,
    MACHINES,
    OBJECT_PAGES,
    OWN,
    OWN_FACTORS,
    PLATFORM_LISTS,
    PLATFORM_ONLY,
    POST_ONLY,
    POSTS,
    PUBLIC,
)
from tests.conftest import CARD, Tree, grow_tree
from tests.tenancy.people import role_with, somebody
from ui.lists import ListPage

pytestmark = pytest.mark.django_db


def _one(model: Any) -> Callable[[Tree], dict[str, Any]]:
    return lambda tree: {"pk": model.objects.get().pk}


def _one_as(name: str, model: Any) -> Callable[[Tree], dict[str, Any]]:
    return lambda tree: {name: model.objects.get().pk}


# The object of each kind
OBJECTS: dict[str, Callable[[Tree], dict[str, Any]]] = {
    "organization": lambda tree: {"pk": tree.customer.pk},
    "location": lambda tree: {"pk": tree.location.pk},
    "station": lambda tree: {"pk": tree.station.pk},
    "connector": lambda tree: {"pk": tree.station.pk, "connector_pk": tree.connector.pk},
    "transaction": lambda tree: {"pk": Transaction.objects.get(station=tree.station).pk},
    "inbox": lambda tree: {"pk": UnmatchedMessage.objects.get(station=tree.station).pk},
    "pass": lambda tree: {"pk": tree.charge_pass.pk},
    "listing": _one(Listing),
    "hardware": _one(HardwareTemplate),
    "pass_group": _one(PassGroup),
    "provider": _one(Provider),
    "import": _one(Import),
    "bulk": _one(BulkJob),
    "card": _one(CardOffer),
    "capacity": _one(CapacityHours),
    "letter": _one(Letter),
    "frame": lambda tree: {"pk": tree.station.pk, "frame_pk": Frame.objects.get(station=tree.station).pk},
    "knock": _one(Knock),
    "authority": _one(Authority),
    "certificate": _one(StationCertificate),
    "installed": _one(InstalledCertificate),
    "vendor": _one(VendorCode),
    "upload": _one(StationUpload),
    "customer": _one(CustomerInquiry),
    "update": _one(FirmwareUpdate),
    "firmware": _one(FirmwareFile),
    "maintenance": _one(MaintenanceWindow),
    "reservation": _one(Reservation),
    "note": _one(Note),
    "document": _one(Document),
    "contact": _one(Contact),
    "user": lambda tree: {"pk": tree.cy.pk},
    "view": lambda tree: {"pk": tree.cy.pk},
    "role": lambda tree: {"pk": Role.objects.get(name="Of the harbour").pk},
    "access": _one(ServiceAccess),
    "accesses": lambda tree: {"pk": tree.customer.pk},
    "configuration": _one(ConfigurationTemplate),
}
EXTRA: dict[str, Callable[[Tree], dict[str, Any]]] = {
    "station_command": lambda tree: {"slug": "reset-soft"},
    "station_out": _one_as("out_pk", OutOfService),
    "station_security_cancel": _one_as("change_pk", SecurityChange),
    "help_page": lambda tree: {"slug": "connect"},
    "transaction_signed_value": lambda tree: {"value_pk": SignedMeterValue.objects.get().pk},
    "pass_whitelist_here": lambda tree: {"station_pk": tree.station.pk},
    "organization_logo": lambda tree: {"digest": "d" * 64},
    "organization_brand": lambda tree: {"colour": "1f6feb", "part": ""},
    "user_role_withdraw": lambda tree: {"team_pk": Team.objects.get(organization=tree.customer, role__default="viewer").pk},
}
QUERY = {"organization_choose": "?to=user_invite"}
NEW_OBJECT_OF = {
    "connector_add": "station",
    **dict.fromkeys(("pass_group", "pass_group_edit", "pass_group_restrictions", "pass_group_delete", "pass_group_history"), "pass_group"),
}


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry)
        else:
            yield entry


ROUTES = sorted(str(pattern.name) for pattern in patterns(get_resolver()))
KNOWN = PUBLIC | MACHINES | ACCOUNT | OWN_FACTORS | OWN | PLATFORM_ONLY | LISTS.keys() | OBJECT_PAGES.keys() | {"station_command"}


def grow_world() -> Tree:
    """The tree, and one of everything that has a page, at the organization that Dan must never learn of."""
    tree = grow_tree()
    now = timezone.now()
    charge = Transaction.objects.create(
        station=tree.station, connector=tree.connector, transaction_id="71", id_tag=CARD, verdict="Accepted", started_at=now,
        reported_start="x", start_received_at=now, meter_start=1000,
    )  # fmt: skip
    SignedMeterValue.objects.create(connector=tree.connector, transaction_id=charge.pk, at=now, context="Transaction.Begin", value="OCMF|1")
    UnmatchedMessage.objects.create(
        station=tree.station, action="StopTransaction", transaction_id="9", first_at=now, last_at=now, count=1, payload={}
    )
    Frame.objects.create(
        station=tree.station, at=now, direction="in", action="Heartbeat", call='[2,"1","Heartbeat",{}]', answer="[3]", answered_at=now
    )
    provider = create_provider(actor=None, organization=tree.customer, name="Roamio", country_code="NL", party_id="RMO")
    RoamingToken.objects.create(provider=provider, uid="04ROAM", contract_id="NL-RMO-C1")
    CardOffer.objects.create(station=tree.station, id_tag="04BADBADBAD001", verdict="Invalid", reason="unknown", action="Authorize")
    VendorCode.objects.create(organization=tree.customer, vendor="Alfen BV", code="E12", meaning="The lock is stuck.")
    OutOfService.objects.create(station=tree.station, connector_number=1, comment="Cable")
    MaintenanceWindow.objects.create(
        station=tree.station, starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=2), comment="New cable at the quay"
    )
    Reservation.objects.create(
        station=tree.station, key=1, connector_number=1, id_tag="04HARBOUR0001", state="made", until=now + timedelta(hours=1)
    )
    Note.objects.create(location=tree.location, station=tree.station, text="The key hangs behind the door")
    Contact.objects.create(location=tree.location, name="Joost Sleutel", phone="+31 10 7654321")
    Document.objects.create(
        location=tree.location, title="Wiring of the quay", file=ContentFile(b"x", name="w.pdf"), file_name="w.pdf", size=1
    )
    SecurityChange.objects.create(station=tree.station, kind="profile", profile=2, deadline=now + timedelta(hours=1))
    signer = create_authority(actor=None, name="Root of the platform", use="station", kind="ec", years=10)
    StationCertificate.objects.create(
        station=tree.station, state="installed", authority=signer, serial="BEEF71", fingerprint="a" * 64, certificate=signer.certificate,
        not_before=now, not_after=now + timedelta(days=9),
    )  # fmt: skip
    InstalledCertificate.objects.create(
        station=tree.station, use="CSMSRootCertificate", algorithm="SHA256", name_hash="a" * 64, key_hash="b" * 64, serial="CAFE72",
        told_at=now,
    )  # fmt: skip
    Knock.objects.create(identity="STRANGER-1", reason=Knock.Reason.UNKNOWN, address="192.0.2.1")
    PassGroup.objects.create(organization=tree.customer, name="Fitters of the harbour")
    plan = set_capacity(actor=None, location=tree.location, limit_l1=63, limit_l2=63, limit_l3=63)
    add_capacity_hours(actor=None, plan=plan, days="01234", begins=time(17), ends=time(20), limit=25)
    ConfigurationTemplate.objects.create(organization=tree.customer, name="Values of the harbour", entries={"HeartbeatInterval": "60"})
    HardwareTemplate.objects.create(organization=tree.customer, name="Box of the harbour")
    file = add_firmware(
        actor=None, organization=tree.customer, file=ContentFile(b"x", "harbour.bin"), vendor="*", model="*", version="7.7-harbour"
    )
    FirmwareUpdate.objects.create(
        station=tree.station, firmware=file, why="fault", asked_for_by="Eve Invited", reason="it hangs", window_from=now,
        window_until=now + timedelta(hours=1),
    )  # fmt: skip
    CustomerInquiry.objects.create(station=tree.station, uid=CARD)
    StationUpload.objects.create(
        station=tree.station, expires_at=now + timedelta(hours=1), state="arrived", file=ContentFile(b"x", "diag"), file_name="harbour.log"
    )
    Organization.objects.filter(pk=tree.customer.pk).update(colour="#1f6feb")
    Logo.objects.create(organization=tree.customer, png=b"x", width=1, height=1, digest="d" * 64)
    role_with(tree.customer, "reset_stations", name="Of the harbour", propagated=False)
    installer = actions.create_organization(actor=None, parent=tree.platform, kind="partner", name="Nachtdienst")
    offered = role_with(installer, "reset_stations", offered=True)
    actions.let_in(
        actor=None, team=actions.team_of(offered, installer), organization=tree.customer, rights=["reset_stations"],
        starts_at=now, ends_at=now + timedelta(days=1),
    )  # fmt: skip
    actions.invite_user(
        actor=tree.bob, organization=tree.customer, email="eve@example.org", name="Eve Invited", role=None, address=lambda token: token
    )
    Import.objects.create(
        organization=tree.customer, kind="passes", actor=tree.bob, actor_name="Bob", file_name="Harbour.csv", format="csv",
        state=Import.State.CHECKED, rows=1, new=1,
    )  # fmt: skip
    job = BulkJob.objects.create(organization=tree.customer, kind="reset-soft", actor_name="Bob", state="planned", chosen="Of the harbour")
    BulkItem.objects.create(job=job, station=tree.station, state="waiting")
    return tree


def needed_for(route: str, method: str) -> tuple[str, ...]:
    needed = POSTS.get(route, ()) if method == "post" else ()
    return needed or LISTS.get(route, ()) or OBJECT_PAGES.get(route, ())


class Member(NamedTuple):
    """Of this organization, with just these rights there."""

    organization: int
    rights: frozenset[str]


def members(tree: Tree, needed: tuple[str, ...], route: str) -> dict[str, Member]:
    """By what they may do: everything but one of `needed` (for each of them), just these, and just these at the organization above."""
    found = {
        f"without {one}": Member(tree.customer.pk, frozenset(RIGHTS) - {one, *ALSO.get(route, ())})
        for one in needed
    }  # fmt: skip
    if route not in AT_PARENT:
        found["with"] = Member(tree.customer.pk, frozenset(needed))
    return found | {"above": Member(tree.partner.pk, frozenset(needed))}


class Standing:
    """What stands in the database while the tests of this module run: the world, everybody who asks in one of these `tests`, and their
    logins. To make them takes longer than to ask, and each test takes back what it has changed."""

    def __init__(self, tests: Iterable[pytest.Item]) -> None:
        tree = grow_world()
        self._tree = pickle.dumps(tree)
        self._users: dict[Member, User] = {}
        for one in sorted(
            {one for test in tests for one in self._asking(tree, test)}, key=lambda one: (one.organization, *sorted(one.rights))
        ):
            self._users[one] = somebody(Organization.objects.get(pk=one.organization), one.rights)
        self._sessions = {user.pk: logged_in(user) for user in (tree.ada, tree.bob, tree.cy, tree.dan, *self._users.values())}

    @staticmethod
    def _asking(tree: Tree, test: pytest.Item) -> Iterable[Member]:
        asked = test.callspec.params if isinstance(test, pytest.Function) and hasattr(test, "callspec") else {}
        if "method" not in asked:
            return []
        if "slug" in asked:
            return members(tree, (CONTROLS[asked["slug"]].right,), "station_command").values()
        return members(tree, needed_for(asked["route"], asked["method"]), asked["route"]).values()

    def tree(self) -> Tree:
        made: Tree = pickle.loads(self._tree)
        return made

    def client(self, who: User | Member) -> Client:
        user = self._users[who] if isinstance(who, Member) else who
        key = self._sessions.get(user.pk) or logged_in(user)
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = key
        cache.add(f"session-seen:{key}", 1)  # noted already, as after the first page
        return client


def logged_in(user: User) -> str:
    """The key of their session."""
    client = Client()
    client.force_login(user, backend="tenancy.accounts.Backend")
    return str(client.session.session_key)


@pytest.fixture(scope="module")
def standing(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Standing]:
    with django_db_blocker.unblock():
        whole = transaction.atomic()
        whole._from_testcase = True  # type: ignore[attr-defined]
        with whole:
            yield Standing(item for item in request.session.items if item.path == request.path)
            transaction.set_rollback(True)


@pytest.fixture
def tree(standing: Standing, db: None) -> Tree:
    return standing.tree()


@pytest.fixture
def world(tree: Tree) -> Tree:
    return tree


@pytest.fixture
def client_of(standing: Standing) -> Callable[[User | Member], Client]:
    return standing.client


def url_of(route: str, tree: Tree) -> str:
    arguments = {} if route in LISTS or route in PLATFORM_LISTS else OBJECTS[NEW_OBJECT_OF.get(route, route.split("_")[0])](tree)
    more = EXTRA[route](tree) if route in EXTRA else {}
    return reverse(route, kwargs={**arguments, **more}) + QUERY.get(route, "")


def test_every_address_says_what_it_needs_and_has_a_name_of_its_own() -> None:
    assert len(ROUTES) == len(set(ROUTES))
    assert set(ROUTES) == KNOWN, "say in LISTS or OBJECT_PAGES which rights a new address needs"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route not in PUBLIC | MACHINES | OWN_FACTORS | OWN | PLATFORM_ONLY | {"station_command"}]
)
def test_every_page_for_every_person(route: str, method: str, world: Tree, client_of: Callable[[User | Member], Client]) -> None:
    url = reverse(route) if route in ACCOUNT else url_of(route, world)

    def ask(client: Client) -> int:
        return int(getattr(client, method)(url).status_code)

    answer = getattr(Client(), method)(url)
    assert answer.status_code == 302, "nobody who is not logged in sees or does anything"
    assert answer.headers["Location"].startswith(reverse("account_login"))
    needed = needed_for(route, method)
    stranger = ask(client_of(world.dan))
    if route in OBJECT_PAGES:
        assert stranger in ({404, 405} if route in POST_ONLY else {404})
    for name, user in members(world, needed, route).items():
        status = ask(client_of(user))
        if name.startswith("without"):
            assert status == (405 if route in POST_ONLY and method == "get" else 403), (name, status)
        elif method == "get":
            good = {405} if route in POST_ONLY else {200, 302} if route in ACCOUNT else {200}
            assert status in good, (name, status)
        else:
            assert status in {200, 302, 400, 405} | ({404} if route in GONE and name == "above" else set()), (name, status)


@pytest.mark.parametrize("slug", sorted(ASKED))
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_command_for_every_person(slug: str, method: str, world: Tree, client_of: Callable[[User | Member], Client]) -> None:
    url = reverse("station_command", args=[world.station.pk, slug])
    assert getattr(Client(), method)(url).status_code == 302
    assert getattr(client_of(world.dan), method)(url).status_code == 404
    for name, user in members(world, (CONTROLS[slug].right,), "station_command").items():
        status = getattr(client_of(user), method)(url).status_code
        assert (status == 403) == name.startswith("without"), (name, status)
    assert not Command.objects.exists(), "the station is not connected"


@pytest.mark.parametrize("route", sorted(PLATFORM_ONLY))
def test_what_is_the_platforms_alone(route: str, world: Tree, client_of: Callable[[User | Member], Client]) -> None:
    url = url_of(route, world)
    assert Client().get(url).status_code == 302
    for user, expected in ((world.ada, {200, 405}), (world.bob, {404, 405}), (world.cy, {404, 405}), (world.dan, {404, 405})):
        assert client_of(user).get(url).status_code in expected, user
    lacking = somebody(world.platform, [code for code in RIGHTS if code != "manage_stations"])
    assert client_of(lacking).get(url).status_code in {403, 405}
    assert client_of(world.bob).post(reverse("knock_forget", kwargs=OBJECTS["knock"](world))).status_code == 404
    assert Knock.objects.exists()


def test_bulk_actions_with_foreign_keys_mixed_in(world: Tree, client_of: Callable[[User | Member], Client]) -> None:
    """Every bulk action of every list, by a stranger with all keys there are: what is not theirs stays as it was."""
    tried = 0
    for pattern in patterns(get_resolver()):
        page = getattr(pattern.callback, "view_class", None)
        if page is None or not issubclass(page, ListPage) or not page.bulk_actions:
            continue
        keys = list(page.model._default_manager.values_list("pk", flat=True))
        for action in page.bulk_actions:
            last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)[0]
            client_of(world.dan).post(reverse(str(pattern.name)), {"action": action.slug, "select": keys, "confirmed": "1"})
            for entry in AuditEntry.objects.filter(pk__gt=last).select_related("organization"):
                assert entry.organization is not None
                assert entry.organization.path.startswith(world.other_partner.path), (pattern.name, action.slug, entry.object_name)
            tried += 1
    assert tried >= 9
    assert User.objects.get(pk=world.bob.pk).is_active
    assert not Invitation.objects.exclude(withdrawn_at=None).exists()


SECRETS = (
    "Harbour Offices", "Of the harbour", "Eve Invited", "Nachtdienst", "Lumen Installers", "Quay 7", "LUM-0001", "LUM-0002",
    "Pool car 1", "bob@example.org", "STRANGER-1", "Fitters of the harbour", "Roamio", "Harbour.csv", "Values of the harbour",
    "Pool car 1", "bob@example.org", "STRANGER-1", "Fitters of the harbour", "Roamio", "Harbour.csv", "Box of the harbour",
    "7.7-harbour", "harbour.log", "BEEF71", "CAFE72", "Root of the platform",
    "04BADBADBAD001", "New cable at the quay", "behind the door", "Joost Sleutel", "Wiring of the quay",
)  # fmt: skip


@pytest.mark.parametrize("route", sorted(LISTS.keys() - {"view_as_end", "help_page"}))
def test_no_page_tells_a_stranger_that_something_exists(route: str, world: Tree, as_dan: Client) -> None:
    for query in ("", "?q=LUM", "?q=Harbour", f"?q={CARD}", "?identity=STRANGER-1x", "?export=csv"):
        answer = as_dan.get(reverse(route) + query)
        text = b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()  # type: ignore[attr-defined]
        found = [secret for secret in SECRETS if secret in text and secret not in query]
        if route == "access_add":
            found.remove("Nachtdienst")  # offers its service to everybody
        assert not found, (route, query, found)


@pytest.mark.parametrize("route", sorted(OBJECT_PAGES))
def test_a_stranger_changes_nothing(route: str, world: Tree, as_dan: Client) -> None:
    url, before = url_of(route, world), AuditEntry.objects.count()
    answer = as_dan.post(url, {"confirmed": "1", "name": "x", "alias": "x", "type": "Soft"})
    assert answer.status_code in {404, 405}, answer.status_code
    assert AuditEntry.objects.count() == before
    assert not Command.objects.exists()
    assert Organization.objects.filter(pk=world.customer.pk).exists()


@pytest.mark.parametrize("route", sorted(LISTS.keys() - {"help", "help_page", "organization_choose", "view_as_end"}))
def test_the_scope_of_a_stranger_does_not_exist(route: str, world: Tree, as_dan: Client, as_bob: Client) -> None:
    for token in (f"o{world.customer.pk}", f"l{world.location.pk}", "o999999", "x1", "o", "o1'", f"o{10**30}"):
        assert as_dan.get(reverse(route), {"in": token}).status_code == 404, (route, token)
    for token in (f"o{world.customer.pk}", f"l{world.location.pk}"):
        assert as_bob.get(reverse(route), {"in": token}).status_code == 200, (route, token)


HOSTILE = ("", "0", "-1", "abc", "\x00", "9" * 40, "2026-13-45", "1e400", "é" * 300)


class Parameters(QueryDict):
    """Those of an address, which note what a page asks them for."""

    asked: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)

    def getlist(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().getlist(key, default)


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route not in PUBLIC | MACHINES | OWN_FACTORS | OWN | ACCOUNT | {"help_page"}]
)
def test_nothing_that_is_typed_into_an_address_breaks_a_page(
    route: str, world: Tree, as_ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers larger than any key are nothing; parameters that make no sense are passed over or answered with 404, never with a fault.

    Every parameter that the page asks for meets every value: as many of them at once as it asks for before it gives up."""
    if route not in LISTS.keys() | PLATFORM_LISTS:
        kind = NEW_OBJECT_OF.get(route, route.split("_")[0])
        for number in (0, 10**18, 10**30) if route != "organization_brand" else (0, 10**17):
            kwargs = {**dict.fromkeys(OBJECTS[kind](world), number), **(EXTRA[route](world) if route in EXTRA else {})}
            assert as_ada.get(reverse(route, kwargs=kwargs)).status_code in {404, 405}, (route, number)
            assert as_ada.post(reverse(route, kwargs=kwargs), {"confirmed": "1"}).status_code in {403, 404, 405}, (route, number)
    path = url_of(route, world).partition("?")[0]
    monkeypatch.setattr("django.core.handlers.wsgi.QueryDict", Parameters)
    Parameters.asked.clear()
    as_ada.get(path)
    scope = {"in"}  # every page asks for it, by the same middleware
    known, met, more = Parameters.asked - scope, {value: set[str]() for value in HOSTILE}, True
    while more:
        more = False
        for value in HOSTILE:
            while names := known - met[value]:
                Parameters.asked.clear()
                assert as_ada.get(path, dict.fromkeys(sorted(names), value)).status_code < 500, (route, value, names)
                known |= Parameters.asked - scope
                if not names & Parameters.asked:
                    break  # these are asked for beside other values only
                met[value] |= names & Parameters.asked
                more = True
