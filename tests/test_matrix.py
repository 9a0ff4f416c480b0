"""Who gets which page: every address of the portal × every person, generated from the addresses themselves.

A new address fails here until it says what it shows: of which object, and to whom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from stations.models import Command, Frame, Knock, SignedMeterValue, Transaction, UnmatchedMessage
from tenancy.models import AuditEntry, Organization, User
from tests.conftest import CARD, Tree

pytestmark = pytest.mark.django_db

# For everybody, logged in or not
PUBLIC = {
    "account_login", "account_logout", "account_inactive", "account_signup", "account_reset_password", "account_reset_password_done",
    "account_reset_password_from_key", "account_reset_password_from_key_done", "favicon", "mfa_authenticate", "robots",
}  # fmt: skip
# For everybody who is logged in; what they show is limited to the person
OWN = {
    "account_reauthenticate", "account_change_password", "account_set_password", "profile", "usersessions_list", "mfa_index",
    "mfa_list_webauthn", "mfa_add_webauthn", "mfa_activate_totp", "mfa_generate_recovery_codes", "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn", "dashboard", "search", "help", "organizations",
    "organization_add", "locations", "location_add", "map", "stations", "stations_add", "transactions", "inbox", "passes", "pass_add",
}  # fmt: skip
PLATFORM_ONLY = {"knocking", "knock_forget"}
# What somebody who has no two-factor login has not; tests/energycloud/test_two_factor.py
OWN_FACTORS = {
    "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_edit_webauthn", "mfa_remove_webauthn",
}  # fmt: skip
ACCOUNT = ("account_", "mfa_", "usersessions_", "profile")
# Answer to POST only
POST_ONLY = {"knock_forget", "inbox_dismiss"}
# What of the object of which kind an address shows
OBJECTS: dict[str, Callable[[Tree], dict[str, Any]]] = {
    "organization": lambda tree: {"pk": tree.customer.pk},
    "location": lambda tree: {"pk": tree.location.pk},
    "station": lambda tree: {"pk": tree.station.pk},
    "connector": lambda tree: {"pk": tree.station.pk, "connector_pk": tree.connector.pk},
    "transaction": lambda tree: {"pk": Transaction.objects.get(station=tree.station).pk},
    "inbox": lambda tree: {"pk": UnmatchedMessage.objects.get(station=tree.station).pk},
    "pass": lambda tree: {"pk": tree.charge_pass.pk},
    "frame": lambda tree: {"pk": tree.station.pk, "frame_pk": Frame.objects.get(station=tree.station).pk},
    "knock": lambda tree: {"pk": Knock.objects.get().pk},
}
EXTRA = {"station_command": {"slug": "reset-soft"}, "help_page": {"slug": "connect"}}
NEW_OBJECT_OF = {"connector_add": "station"}


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry)
        else:
            yield entry


ROUTES = sorted(str(pattern.name) for pattern in patterns(get_resolver()))


@pytest.fixture
def world(tree: Tree) -> Tree:
    """One of everything that has a page, at the station that Dan must never learn of."""
    now = timezone.now()
    transaction = Transaction.objects.create(
        station=tree.station, connector=tree.connector, transaction_id="71", id_tag=CARD, verdict="Accepted", started_at=now,
        reported_start="x", start_received_at=now, meter_start=1000,
    )  # fmt: skip
    SignedMeterValue.objects.create(
        connector=tree.connector, transaction_id=transaction.pk, at=now, context="Transaction.Begin", value="OCMF|1"
    )
    UnmatchedMessage.objects.create(
        station=tree.station, action="StopTransaction", transaction_id="9", first_at=now, last_at=now, count=1, payload={}
    )
    Frame.objects.create(
        station=tree.station, at=now, direction="in", action="Heartbeat", call='[2,"1","Heartbeat",{}]', answer="[3]", answered_at=now
    )
    Knock.objects.create(identity="STRANGER-1", reason=Knock.Reason.UNKNOWN, address="192.0.2.1")
    return tree


def url_of(route: str, tree: Tree) -> str:
    kind = NEW_OBJECT_OF.get(route, route.split("_")[0])
    arguments = {} if route in OWN or route in {"knocking", "help_page"} else OBJECTS[kind](tree)
    return reverse(route, kwargs={**arguments, **EXTRA.get(route, {})})


def people(tree: Tree) -> dict[str, User]:
    return {"Ada": tree.ada, "Bob": tree.bob, "Cy": tree.cy, "Dan": tree.dan}


def test_no_two_addresses_have_the_same_name() -> None:
    assert len(ROUTES) == len(set(ROUTES))


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in PUBLIC | OWN_FACTORS])
def test_every_page_for_every_person(route: str, world: Tree, client_of: Callable[[User], Client]) -> None:
    url = url_of(route, world)
    answer = Client().get(url)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{reverse('account_login')}?next={url}")
    for name, user in people(world).items():
        seen = client_of(user).get(url)
        if route in PLATFORM_ONLY:
            expected = {200, 405} if name == "Ada" else {404, 405}
        elif route in OWN or route == "help_page":
            expected = {200, 302} if route.startswith(ACCOUNT) else {200}
        elif name == "Dan":
            expected = {404, 405} if route in POST_ONLY else {404}
        else:
            expected = {405} if route in POST_ONLY else {200}
        assert seen.status_code in expected, (route, name, seen.status_code)


SECRETS = ("Harbour Offices", "Lumen Installers", "Quay 7", "LUM-0001", "LUM-0002", "Pool car 1", "bob@example.org", "STRANGER-1")


@pytest.mark.parametrize("route", sorted(OWN))
def test_no_page_tells_a_stranger_that_something_exists(route: str, world: Tree, as_dan: Client) -> None:
    for query in ("", "?q=LUM", "?q=Harbour", f"?q={CARD}", "?identity=STRANGER-1x", "?export=csv"):
        answer = as_dan.get(reverse(route) + query)
        text = b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()  # type: ignore[attr-defined]
        found = [secret for secret in SECRETS if secret in text and secret not in query]
        assert not found, (route, query, found)


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in PUBLIC | OWN | OWN_FACTORS and route != "help_page"])
def test_a_stranger_changes_nothing(route: str, world: Tree, as_dan: Client) -> None:
    url, before = url_of(route, world), AuditEntry.objects.count()
    answer = as_dan.post(url, {"confirmed": "1", "name": "x", "alias": "x", "type": "Soft"})
    assert answer.status_code in ({404, 405}), (route, answer.status_code)
    assert AuditEntry.objects.count() == before
    assert not Command.objects.exists()
    assert Organization.objects.filter(pk=world.customer.pk).exists()


@pytest.mark.parametrize("route", sorted(OWN - {"help", "help_page"}))
def test_the_scope_of_a_stranger_does_not_exist(route: str, world: Tree, as_dan: Client, as_bob: Client) -> None:
    if route.startswith(ACCOUNT):
        return
    for token in (f"o{world.customer.pk}", f"l{world.location.pk}", "o999999", "x1", "o", "o1'", f"o{10**30}"):
        assert as_dan.get(reverse(route), {"in": token}).status_code == 404, (route, token)
    for token in (f"o{world.customer.pk}", f"l{world.location.pk}"):
        assert as_bob.get(reverse(route), {"in": token}).status_code == 200, (route, token)


HOSTILE = ("", "0", "-1", "abc", "\x00", "'\"><script>", "=cmd()", "9" * 40, "2026-13-45", "1e400", "é" * 300, "../../etc", "%", "_")


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in PUBLIC | OWN_FACTORS | {"help_page"}])
def test_nothing_that_is_typed_into_an_address_breaks_a_page(route: str, world: Tree, as_ada: Client) -> None:
    """Numbers larger than any key are nothing; parameters that make no sense are passed over or answered with 404, never with a fault."""
    if route not in OWN | {"knocking"}:
        kind = NEW_OBJECT_OF.get(route, route.split("_")[0])
        for number in (0, 10**18, 10**30):
            kwargs = {**dict.fromkeys(OBJECTS[kind](world), number), **EXTRA.get(route, {})}
            assert as_ada.get(reverse(route, kwargs=kwargs)).status_code in {404, 405}, (route, number)
            assert as_ada.post(reverse(route, kwargs=kwargs), {"confirmed": "1"}).status_code in {403, 404, 405}, (route, number)
    url = url_of(route, world)
    names = ("page", "per_page", "sort", "cols", "q", "export", "state", "status", "connection", "since", "until", "from", "to", "before",
             "after", "at", "cursor", "action", "direction", "kind", "period", "connector", "transaction", "next", "part", "tab", "show",
             "station", "card", "location", "identity", "uid", "older", "newer", "key", "text", "access", "problem")  # fmt: skip
    for value in HOSTILE:
        answer = as_ada.get(url, dict.fromkeys(names, value))
        assert answer.status_code < 500, (route, value)
        as_ada.get(url, {"in": value})
