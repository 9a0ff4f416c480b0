"""Roaming networks by OCPI 2.2.1: the handshake, cards that come in, and cards that are fetched."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory
from django.utils import timezone

from energycloud.logs import NoCards
from passes import actions, realtime
from passes.models import Provider, RoamingToken
from passes.ocpi import client, jobs, keys
from tests.conftest import Tree
from tests.passes.emsp import TOKEN, Emsp, card, emsp

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

TOKENS = "/ocpi/cpo/2.2.1/tokens"
OURS = "NL/RMO"


@pytest.fixture
def network(settings: LazySettings) -> Iterator[Emsp]:
    settings.OCPI_PRIVATE_ADDRESSES = True
    with emsp() as one:
        yield one


@pytest.fixture
def provider(tree: Tree) -> Provider:
    return actions.create_provider(actor=None, organization=tree.partner, name="Roamio", country_code="NL", party_id="RMO")


class Caller:
    """The provider's side: a program without cookies, with a credentials token."""

    def __init__(self, token: str, encoded: bool = True) -> None:
        value = base64.b64encode(token.encode()).decode() if encoded else token
        self.client, self.headers = Client(enforce_csrf_checks=True), {"Authorization": f"Token {value}", "X-Request-ID": "r-1"}

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        answer = self.client.generic(method, path, data, "application/json", headers=self.headers, **options)
        assert not answer.cookies
        assert answer.headers["Content-Type"] == "application/json"
        said = answer.json()
        assert said["timestamp"].endswith("Z")
        assert answer.headers.get("X-Request-ID") == "r-1"
        return answer.status_code, said


def logged_in(provider: Provider) -> Caller:
    spent = keys.digest(actions.invite_provider(actor=None, provider=provider))
    token = actions.connect_provider(
        actor=None, provider=provider, spent=spent, token=TOKEN, versions_url="https://x.example/v", tokens_url="https://x.example/t"
    )
    return Caller(token)


def credentials(network: Emsp, **fields: Any) -> dict[str, Any]:
    role = {"role": "EMSP", "country_code": "NL", "party_id": "RMO", "business_details": {"name": "Roamio"}}
    return {"token": TOKEN, "url": f"{network.url}/versions", "roles": [role]} | fields


# -- the handshake ------------------------------------------------------------------------------------------------------------------------


def test_a_provider_registers_changes_and_ends_its_registration(provider: Provider, network: Emsp) -> None:
    first = Caller(actions.invite_provider(actor=None, provider=provider))
    status, said = first("GET", "/ocpi/versions")
    assert (status, said["status_code"]) == (200, 1000)
    (version,) = said["data"]
    assert version == {"version": "2.2.1", "url": "http://testserver/ocpi/2.2.1"}
    places = {(one["identifier"], one["role"]): one["url"] for one in first("GET", "/ocpi/2.2.1")[1]["data"]["endpoints"]}
    assert places["tokens", "RECEIVER"] == f"http://testserver{TOKENS}"
    assert first("GET", f"{TOKENS}/{OURS}/04AA")[0] == 401, "the registration token is for versions and credentials alone"
    assert first("PUT", "/ocpi/2.2.1/credentials", credentials(network))[0] == 405
    status, said = first("POST", "/ocpi/2.2.1/credentials", credentials(network))
    assert (status, said["status_code"]) == (200, 1000), said
    assert said["data"]["roles"][0]["role"] == "CPO"
    assert network.requests == ["/versions", "/2.2.1"]
    provider.refresh_from_db()
    assert provider.tokens_url == f"{network.url}/tokens"
    assert keys.unseal(provider.sealed_token) == TOKEN
    assert TOKEN not in provider.sealed_token
    assert said["data"]["token"] not in str(list(Provider.objects.values()))
    assert first("GET", "/ocpi/versions")[0] == 401, "it is spent"
    second = Caller(said["data"]["token"])
    assert second("POST", "/ocpi/2.2.1/credentials", credentials(network))[0] == 405
    assert second("GET", "/ocpi/2.2.1/credentials")[1]["data"]["token"] == said["data"]["token"]
    third = Caller(second("PUT", "/ocpi/2.2.1/credentials", credentials(network))[1]["data"]["token"])
    assert second("GET", "/ocpi/versions")[0] == 401
    assert third("DELETE", "/ocpi/2.2.1/credentials")[1]["status_code"] == 1000
    assert third("GET", "/ocpi/versions")[0] == 401
    provider.refresh_from_db()
    assert (provider.tokens_url, provider.sealed_token, provider.login_digest) == ("", "", "")


@pytest.mark.parametrize(
    ("change", "versions", "code", "words"),
    [
        ({"token": ""}, None, 2001, "token: missing"),
        ({"token": "two words"}, None, 2001, "token"),
        ({"url": "ftp://x.example"}, None, 2001, "url"),
        ({"url": "https://user@x.example/"}, None, 2001, "url"),
        ({"roles": []}, None, 2001, "roles"),
        ({"roles": [{"role": "EMSP", "country_code": "DE", "party_id": "XXX"}]}, None, 2001, "NL*RMO"),
        ({"url": "http://127.0.0.1:9/versions"}, None, 3001, "no connection"),
        ({}, ["2.1.1"], 3002, "2.2.1"),
    ],
)
def test_a_registration_that_cannot_be_is_refused_and_may_be_tried_again(
    change: dict[str, Any], versions: list[str] | None, code: int, words: str, provider: Provider, network: Emsp
) -> None:
    network.versions = versions or network.versions
    caller = Caller(actions.invite_provider(actor=None, provider=provider))
    status, said = caller("POST", "/ocpi/2.2.1/credentials", credentials(network, **change))
    assert (status, said["status_code"]) == (200, code), said
    assert words in said["status_message"]
    assert caller("GET", "/ocpi/versions")[0] == 200
    provider.refresh_from_db()
    assert provider.tokens_url == ""


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v", "https://localhost/v", "https://10.0.0.1/v", "https://[::1]/v", "https://169.254.169.254/"]
)
def test_nobody_makes_us_call_into_a_private_network(url: str, provider: Provider) -> None:
    caller = Caller(actions.invite_provider(actor=None, provider=provider))
    said = caller("POST", "/ocpi/2.2.1/credentials", {"token": "x", "url": url, "roles": [
        {"role": "EMSP", "country_code": "NL", "party_id": "RMO"}]})[1]  # fmt: skip
    assert said["status_code"] == 3001
    assert "private network" in said["status_message"] or "https://" in said["status_message"]


def test_a_registration_token_ends_and_a_new_one_ends_the_old(provider: Provider) -> None:
    old = Caller(actions.invite_provider(actor=None, provider=provider))
    new = Caller(actions.invite_provider(actor=None, provider=provider))
    assert (old("GET", "/ocpi/versions")[0], new("GET", "/ocpi/versions/")[0]) == (401, 200)
    Provider.objects.update(registration_until=timezone.now() - timedelta(seconds=1))
    assert new("GET", "/ocpi/versions")[0] == 401


def test_who_guesses_is_held_up_and_who_knows_is_not(provider: Provider, settings: LazySettings) -> None:
    settings.OCPP_REFUSALS_PER_MINUTE = 3
    good, bad = logged_in(provider), Caller("guessed")
    assert [bad("GET", "/ocpi/versions")[0] for _time in range(5)] == [401, 401, 401, 429, 429]
    assert good("GET", "/ocpi/versions")[0] == 200, "though it was not used before"
    assert Client().get("/ocpi/versions").status_code == 429


def test_no_session_opens_what_a_token_does(provider: Provider, as_ada: Client) -> None:
    for path in ("/ocpi/versions", "/ocpi/2.2.1/", "/ocpi/2.2.1/credentials", f"{TOKENS}/{OURS}/04AA"):
        assert as_ada.get(path).status_code == Client().post(path).status_code == 401


# -- cards that come in -------------------------------------------------------------------------------------------------------------------


def test_a_card_is_told_of_changed_and_read(provider: Provider) -> None:
    call, at = logged_in(provider), f"{TOKENS}/{OURS}/04:aa:bb:01"
    assert call("GET", at)[0] == 404
    assert call("PATCH", at, {"valid": False, "last_updated": "2026-02-01T00:00:00Z"})[1]["status_code"] == 2004
    told = card("04:aa:bb:01", group_id="G1", language="nl", visual_number="1234")
    assert [call("PUT", at, told)[0] for _time in range(2)] == [201, 200]
    row = RoamingToken.objects.get()
    assert (row.provider, row.uid, row.group_id, row.valid) == (provider, "04AABB01", "G1", True)
    assert call("GET", at)[1]["data"] == told | {"last_updated": "2026-01-01T00:00:00.000Z"}
    assert call("PATCH", at, {"valid": False, "last_updated": "2026-02-01T00:00:00Z"})[1]["status_code"] == 1000
    assert call("PUT", at, told)[1]["status_code"] == 1000, "older than what is known: answered"
    assert call("PATCH", at, {"valid": True, "last_updated": "2026-01-15T00:00:00Z"})[1]["status_code"] == 1000
    row.refresh_from_db()
    assert (row.valid, row.contract_id) == (False, "NL-RMO-04:aa:bb:01"), "and not applied"
    assert Caller(base64.b64decode(call.headers["Authorization"][6:]).decode(), encoded=False)("GET", at)[0] == 200


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"uid": "04FF"}, 2001, "uid"),
        ({"party_id": "XXX"}, 2001, "party_id"),
        ({"type": "APP_USER"}, 2001, "type"),
        ({"type": "KEY"}, 2001, "type"),
        ({"contract_id": None}, 2001, "contract_id: missing"),
        ({"contract_id": "x" * 37}, 2001, "contract_id: longer"),
        ({"issuer": 7}, 2001, "issuer"),
        ({"visual_number": "a\u0000b"}, 2001, "visual_number"),
        ({"valid": "yes"}, 2001, "valid"),
        ({"whitelist": "SOMETIMES"}, 2001, "whitelist"),
        ({"last_updated": "yesterday"}, 2001, "last_updated"),
        ({"last_updated": "0001-01-01T00:00:00Z"}, 2001, "last_updated"),
        ({"last_updated": "2199-01-01T00:00:00Z"}, 2001, "last_updated: more than a day ahead"),
    ],
)
def test_bad_input_names_the_field(change: dict[str, Any], code: int, words: str, provider: Provider) -> None:
    status, said = logged_in(provider)("PUT", f"{TOKENS}/{OURS}/04AA", card("04AA") | change)
    assert (status, said["status_code"]) == (200, code)
    assert words in said["status_message"]
    assert not RoamingToken.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", f"{OURS}/04AA", b"{", 400),
        ("PUT", f"{OURS}/04AA", b"[" * 50_000, 400),
        ("PUT", f"{OURS}/04AA", b" " * 70_000, 413),
        ("PUT", f"{OURS}/04AA", [], 200),
        ("PATCH", f"{OURS}/04AA", {"valid": False}, 200),
        ("GET", f"{OURS}/04AA?type=KEY", None, 200),
        ("GET", f"{OURS}/%00", None, 200),
        ("GET", f"{OURS}/{'9' * 37}", None, 200),
        ("DELETE", f"{OURS}/04AA", None, 405),
        ("PUT", "DE/RMO/04AA", {}, 404),
        ("GET", "NL/XXX/04AA", None, 404),
        ("PUT", f"{OURS}/04%2FAA", {}, 404),
        ("GET", f"{OURS}/04AA/more/", None, 404),
        ("POST", "", {}, 404),
        ("GET", f"{OURS}/04AA%0A", None, 404),
    ],
)
def test_what_makes_no_sense_is_answered(
    method: str, path: str, body: Any, status: int, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    answer, said = logged_in(provider)(method, f"{TOKENS}/{path}", body)
    assert answer == status
    assert 2000 <= said["status_code"] < 3000
    assert "04" not in caplog.text


@pytest.mark.parametrize("field", ["uid", "country_code", "party_id", "type"])
def test_a_change_of_another_card_than_the_one_in_the_address_is_refused(field: str, provider: Provider) -> None:
    call, at = logged_in(provider), f"{TOKENS}/{OURS}/04AA"
    call("PUT", at, card("04:aa"))
    change = {"uid": "04-aa", "country_code": "nl", "valid": False, "last_updated": "2026-02-01T00:00:00Z"}
    status, said = call("PATCH", at, change | {field: "XX"})
    assert (status, said["status_code"], said["status_message"]) == (200, 2001, f"{field}: not the one in the address")
    assert RoamingToken.objects.get().valid
    assert call("PATCH", at, change)[1]["status_code"] == 1000
    assert not RoamingToken.objects.get().valid


def test_what_card_providers_ask_for_is_not_in_the_log() -> None:
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "%s: %s", ("Bad Request", f"{TOKENS}/{OURS}/04AA"), None)
    record.request = RequestFactory().get(f"{TOKENS}/{OURS}/04AA")
    assert NoCards().filter(record)
    assert record.getMessage() == "Bad Request: /ocpi/…"


def test_at_a_reader_no_user_of_an_app_is_asked_about(tree: Tree, network: Emsp) -> None:
    provider = network.provider(tree.partner, ask_unknown=True)
    asked = []
    for kind in ("APP_USER", "OTHER", "RFID"):
        RoamingToken.objects.create(provider=provider, uid="04AA", type=kind, contract_id=kind, last_updated=timezone.now())
        asked += [(target.type, target.known) for target in realtime._targets("04AA", "04aa", (provider.pk,))]
    assert asked == [("RFID", False), ("OTHER", True), ("RFID", True)]


def test_a_provider_reaches_its_own_cards_alone_and_a_network_those_that_came_through_it(tree: Tree, provider: Provider) -> None:
    other = actions.create_provider(actor=None, organization=tree.other_partner, name="Roamio", country_code="NL", party_id="RMO")
    hub = actions.create_provider(
        actor=None, organization=tree.platform, name="Hub", country_code="DE", party_id="HUB", realtime=True, ask_unknown=True
    )
    assert logged_in(provider)("PUT", f"{TOKENS}/{OURS}/04AA", card("04AA"))[0] == 201
    assert logged_in(other)("GET", f"{TOKENS}/{OURS}/04AA")[0] == 404
    call = logged_in(hub)
    assert call("GET", f"{TOKENS}/{OURS}/04AA")[0] == 404
    assert call("PUT", f"{TOKENS}/FR/ABC/04AA", card("04AA", country_code="FR", party_id="ABC"))[0] == 201
    assert call("GET", f"{TOKENS}/FR/ABC/04AA")[1]["data"]["party_id"] == "ABC"
    assert call("GET", f"{TOKENS}/DE/HUB/04AA")[0] == 404
    assert RoamingToken.objects.count() == 2


# -- fetching all -------------------------------------------------------------------------------------------------------------------------


def fetched(provider: Provider) -> Provider:
    """What a worker does when it comes to this provider."""
    Provider.objects.filter(pk=provider.pk, pull_due_at__isnull=False).update(pull_due_at=timezone.now())
    jobs.pull(provider.pk)
    provider.refresh_from_db()
    return provider


def test_all_cards_are_fetched_page_by_page(tree: Tree, network: Emsp) -> None:
    provider = network.provider(tree.partner)
    network.cards = [card(f"04AA{number:02}") for number in range(5)] + [card("04FF", party_id="XXX"), {"uid": "04EE"}]
    RoamingToken.objects.create(
        provider=provider, uid="04AA03", contract_id="newer", valid=False, last_updated=timezone.now() + timedelta(days=1)
    )
    actions.fetch_cards(actor=tree.bob, provider=provider)
    with pytest.raises(Exception, match="already"):
        actions.fetch_cards(actor=tree.bob, provider=provider)
    fetched(provider)
    assert (provider.pull_state, provider.pull_count, provider.pull_unread, provider.pull_total) == ("done", 5, 2, 7)
    assert provider.pulled_at == provider.pull_started_at
    assert RoamingToken.objects.filter(provider=provider).count() == 5
    assert not RoamingToken.objects.get(uid="04AA03").valid, "what is newer here stays"
    assert network.headers[-1]["OCPI-to-party-id"] == "RMO"


def test_a_fetch_that_breaks_off_goes_on_where_it_was(tree: Tree, network: Emsp) -> None:
    provider = network.provider(tree.partner)
    network.cards, network.broken_after = [card(f"04AA{number:02}") for number in range(6)], 2
    actions.fetch_cards(actor=None, provider=provider)
    fetched(provider)
    assert (provider.pull_state, provider.pull_count, provider.pull_failures) == ("running", 4, 1)
    assert "503" in provider.pull_problem or "3000" in provider.pull_problem
    network.broken_after = -1
    network.requests.clear()
    fetched(provider)
    assert (provider.pull_state, provider.pull_count) == ("done", 6)
    assert len(network.requests) == 1, "only the page that was missing"
    network.broken_after = 0
    actions.fetch_cards(actor=None, provider=provider)
    for _try in range(len(jobs.PAUSES) + 1):
        fetched(provider)
    assert provider.pull_state == "failed"


@pytest.mark.parametrize(
    "link", ['<https://elsewhere.example/tokens?offset=2>; rel="next"', '<{same}>; rel="next"', "<http://[>; rel=next"]
)
def test_a_next_page_that_leads_astray_is_not_followed(link: str) -> None:
    provider = Provider(tokens_url="https://emsp.example/tokens")
    url = "https://emsp.example/tokens?offset=0"
    with pytest.raises(client.Unusable):
        jobs._next_url(provider, url, link.format(same=url))


def test_every_night_what_changed_is_fetched_once(tree: Tree, network: Emsp) -> None:
    provider = network.provider(tree.partner, nightly=True)
    jobs.begin_nightly()
    jobs.begin_nightly()
    fetched(provider)
    assert "date_from" not in network.requests[-1], "the first time all"
    jobs.begin_nightly()
    provider.refresh_from_db()
    assert provider.pull_state == "done"
    Provider.objects.update(pull_started_at=timezone.now() - timedelta(days=1))
    jobs.begin_nightly()
    fetched(provider)
    assert "date_from" in network.requests[-1]


def test_a_provider_that_is_deleted_goes_with_its_cards(tree: Tree, provider: Provider) -> None:
    call = logged_in(provider)
    provider.refresh_from_db()
    RoamingToken.objects.bulk_create([RoamingToken(provider=provider, uid=f"04{n:06}", contract_id="C") for n in range(30)])
    actions.delete_provider(actor=tree.bob, provider=provider)
    assert call("GET", "/ocpi/versions")[0] == 401
    assert not Provider.objects.get().active
    jobs.leave(provider.pk)
    assert not Provider.objects.exists()
    assert not RoamingToken.objects.exists()
