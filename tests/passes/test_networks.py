"""Card providers in the portal: connect, hand over, look after, let go; and what an organization does when one is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import ui.lists
from passes import actions
from passes.models import Provider, RoamingPolicy, RoamingToken
from stations.models import AccessMode, Location
from tenancy.models import User
from tenancy.rights import MANAGE_NETWORKS
from tests.conftest import Tree
from tests.passes.test_pages import beside, text
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(tree: Tree) -> Provider:
    return actions.create_provider(actor=None, organization=tree.partner, name="Roamio", country_code="NL", party_id="RMO")


def told(provider: Provider, count: int, **fields: Any) -> None:
    RoamingToken.objects.bulk_create(
        [RoamingToken(provider=provider, **({"uid": f"04{n:06}", "contract_id": f"NL-RMO-{n}"} | fields)) for n in range(count)]
    )


def test_from_the_empty_list_to_the_token_that_is_handed_over(tree: Tree, as_bob: Client) -> None:
    page = as_bob.get(reverse("providers"))
    assert "No card provider is connected yet." in text(page)
    assert reverse("provider_add") in page.text
    typed = {"organization": tree.partner.pk, "name": "Roamio", "country_code": "nl", "party_id": "rm", "deadline_ms": "2000"}
    refused = as_bob.post(reverse("provider_add"), typed)
    assert "Three capital letters or digits" in beside(refused, "party_id")
    assert 'value="Roamio"' in refused.text
    page = as_bob.post(reverse("provider_add"), typed | {"party_id": "rmo"}, follow=True)
    provider = Provider.objects.get()
    assert (provider.country_code, provider.party_id) == ("NL", "RMO")
    assert "Not registered" in text(page)
    url = reverse("provider_register", args=[provider.pk])
    assert "shown once" in text(as_bob.get(url))
    assert not Provider.objects.exclude(registration_digest="").exists(), "looking makes none"
    shown = as_bob.post(url)
    token = shown.context["token"]
    assert token in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert token not in str(Provider.objects.values_list())
    assert token not in as_bob.get(provider.get_absolute_url()).text
    assert "Waits for its registration" in text(as_bob.get(provider.get_absolute_url()))
    again = as_bob.post(reverse("provider_add"), typed | {"party_id": "RMO"})
    assert "already connected to this party" in text(again)


def test_who_stands_below_learns_that_others_are_connected_and_not_which(tree: Tree, as_bob: Client) -> None:
    Provider.objects.create(organization=tree.platform, name="Continental", country_code="NL", party_id="CON")
    said = text(as_bob.get(reverse("providers")))
    assert "1 provider is connected by an organization above: its cards are taken at the stations here that roam." in said
    assert "Continental" not in said


def test_deleting_says_how_many_cards_are_no_longer_taken_and_where(tree: Tree, provider: Provider, as_bob: Client) -> None:
    told(provider, 3)
    Location.objects.filter(pk=tree.location.pk).update(access_mode=AccessMode.ROAMING)
    url = reverse("provider_delete", args=[provider.pk])
    assert "Its cards (3) are no longer taken at 2 stations." in text(as_bob.get(url))
    page = as_bob.post(url, {"confirmed": "1"}, follow=True)
    assert "Roamio is deleted." in text(page)
    assert not Provider.objects.filter(active=True).exists()


def test_what_cannot_be_done_says_why(provider: Provider, as_bob: Client) -> None:
    for name, words in (("provider_fetch", "has not registered yet"), ("provider_disconnect", "It is not connected.")):
        url = reverse(name, args=[provider.pk])
        assert words in text(as_bob.get(url))
        assert words in text(as_bob.post(url, {"confirmed": "1"}))


def test_its_party_stays_once_it_has_told_of_cards(provider: Provider, as_bob: Client) -> None:
    told(provider, 1)
    typed = {"name": "Roamio", "country_code": "NL", "party_id": "XXX", "active": "on", "deadline_ms": "2000"}
    assert "belong to the party" in beside(as_bob.post(reverse("provider_edit", args=[provider.pk]), typed), "party_id")


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "04:00:00:01"}, 1),
        ({"q": "nl-rmo-2"}, 1),
        ({"valid": "0"}, 1),
        ({"whitelist": "NEVER"}, 1),
        ({"type": "APP_USER"}, 1),
        ({}, 5),
    ],
)
def test_cards_are_found(
    many: bool, query: dict[str, str], found: int, provider: Provider, as_bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(provider, 4)
    told(provider, 1, uid="04FF", contract_id="X", valid=False, whitelist="NEVER", type="APP_USER")
    if many:
        monkeypatch.setattr("passes.pages.network_cards.MOST_COUNTED", 2)
    page = as_bob.get(reverse("provider_cards", args=[provider.pk]), query)
    assert len(page.context["table"].rows) == found


def test_millions_of_cards_are_not_counted(
    provider: Provider, as_bob: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    monkeypatch.setattr(ui.lists.counted_up_to, "__defaults__", (30,))
    monkeypatch.setattr(ui.lists.CappedPaginator, "most", 30)
    monkeypatch.setattr(ui.lists.up_to, "__defaults__", (30,))
    told(provider, 60)
    url = reverse("provider_cards", args=[provider.pk])
    with django_assert_max_num_queries(20) as seen:
        page = as_bob.get(url)
    assert "more than 30 found" in text(page)
    counts = [query["sql"] for query in seen.captured_queries if "COUNT(" in query["sql"] and "roamingtoken" in query["sql"]]
    assert counts
    assert all("LIMIT 31" in sql for sql in counts)
    assert page.context["page"].paginator.num_pages == 2


def test_card_numbers_are_masked(tree: Tree, provider: Provider, client_of: Callable[[User], Client]) -> None:
    told(provider, 2)
    client = client_of(somebody(tree.partner, [MANAGE_NETWORKS]))
    page = client.get(reverse("provider_cards", args=[provider.pk]), {"q": "04000001"})
    assert len(page.context["table"].rows) == 2
    assert "04000001" not in text(page)
    assert "NL-RMO-1" not in text(page)


def test_the_policy_comes_from_above_until_one_is_chosen(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    actions.set_roaming_policy(actor=None, organization=tree.platform, when_silent="known")
    url = reverse("organization_roaming", args=[tree.customer.pk])
    assert "As Green Grid Operations: Accept cards that the provider has told of" in text(as_ada.get(url))
    page = text(as_bob.get(url))
    assert "As an organization above: Accept cards" in page
    assert "Green Grid" not in page
    as_bob.post(url, {"when_silent": "any"})
    assert RoamingPolicy.objects.get(organization=tree.customer).when_silent == "any"
    as_bob.post(url, {"when_silent": ""})
    assert RoamingPolicy.objects.count() == 1


def test_the_menu_has_networks_for_who_connects_them(provider: Provider, as_bob: Client, as_cy: Client, as_dan: Client) -> None:
    link = f'href="{reverse("providers")}"'
    assert link in as_bob.get("/").text
    assert link not in as_cy.get("/").text
    assert "Roamio" not in as_dan.get(reverse("providers")).text


def test_the_sheet_tells_of_a_provider_that_does_not_answer_and_of_a_fetch_that_failed(provider: Provider, as_bob: Client) -> None:
    Provider.objects.update(
        realtime=True, tokens_url="https://x.example/t", registered_at=timezone.now(), silent_since=timezone.now(), pull_state="failed",
        pull_problem="its certificate is not trusted", pull_ended_at=timezone.now(),
    )  # fmt: skip
    page = text(as_bob.get(provider.get_absolute_url()))
    assert "Does not answer" in page
    assert "its certificate is not trusted. Try again" in page
