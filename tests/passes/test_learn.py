"""Learning a card: it appears when it is held to the reader, to whoever asked for it, for two minutes."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes.models import ChargePass, Provider, RoamingToken
from passes.pages import learn
from stations.models import CardOffer, Station
from tenancy.models import AuditEntry, User
from tests.conftest import CARD, Tree
from tests.stations.sheets import online
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
UID = "04112233445566"


def text(answer: Any) -> str:
    main = re.search(r"<main.*</main>", answer.content.decode(), re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main[0] if main else "")).split())


def begin(client: Client, station: Station, **data: str) -> str:
    answer = client.post(reverse("pass_learn"), {"station": station.pk} | data)
    assert answer.status_code == 302, text(answer)
    return str(answer.headers["Location"])


def offered(station: Station, uid: str, **fields: Any) -> None:
    CardOffer.objects.create(station=station, id_tag=uid, verdict="Invalid", reason="unknown", action="Authorize", **fields)


def test_a_card_held_to_the_reader_appears_and_becomes_a_pass(tree: Tree, as_bob: Client) -> None:
    offered(tree.station, "04AAAAAA", at=timezone.now() - timedelta(seconds=5))
    window = begin(as_bob, online(tree.station))
    shown = text(as_bob.get(window))
    assert "Hold the card to the reader of Gate (LUM-0001) now" in shown
    assert re.search(r"· (2:00|1:5\d) minutes left", shown)
    assert "Nothing appears?" in shown
    assert "not online" not in shown
    entry = AuditEntry.objects.get(verb="learn")
    assert (entry.actor, entry.organization, entry.object_id) == (tree.bob, tree.customer, tree.station.pk)

    offered(tree.station, UID.lower(), connector_number=2)
    offered(tree.station, CARD)
    offered(tree.dc_station, "04BBBBBB")
    page = as_bob.get(window)
    shown = text(page)
    assert UID in shown
    assert "connector 2" in shown
    assert "Is a pass already : Pool car 1" in shown
    assert "04AAAAAA" not in shown, "that was before"
    assert "04BBBBBB" not in shown, "that was elsewhere"
    use = re.findall(r'href="([^"]+)">Use this card', page.content.decode())
    assert len(use) == 1
    form = as_bob.get(html.unescape(use[0])).content.decode()
    assert f'value="{UID}"' in form
    assert f'value="{tree.customer.pk}" selected' in form


def test_after_two_minutes_nothing_more_is_shown(tree: Tree, as_bob: Client) -> None:
    begun = timezone.now() - timedelta(minutes=3)
    note = {"station": tree.station.pk, "user": tree.bob.pk, "begun": begun.timestamp()}
    offered(tree.station, UID, at=begun + timedelta(seconds=100))
    offered(tree.station, "04AAAAAA", at=begun + timedelta(seconds=150))
    shown = as_bob.get(reverse("pass_learn"), {"window": signing.dumps(note, salt=learn.SALT)})
    assert "The two minutes at Gate are over" in text(shown)
    assert UID in text(shown)
    assert "04AAAAAA" not in text(shown)
    assert "hx-trigger" not in shown.content.decode().split('id="learning"')[1][:300], "it no longer asks"


def test_a_window_is_for_one_person_and_cannot_be_made_up(
    tree: Tree, as_bob: Client, as_ada: Client, as_dan: Client, client_of: Callable[[User], Client]
) -> None:
    window = begin(as_bob, tree.station)
    offered(tree.station, UID)
    note = parse_qs(urlsplit(window).query)["window"][0]
    for client in (as_ada, as_dan):
        assert "This took too long, or was begun by somebody else." in text(client.get(window))
        assert UID not in text(client.get(window))
    assert UID not in text(as_bob.get(reverse("pass_learn"), {"window": note[:-2] + "xx"}))
    assert "This cannot be chosen here" in text(as_dan.post(reverse("pass_learn"), {"station": tree.station.pk}))
    for rights in (["manage_passes"], ["personal_data"]):
        eve = client_of(somebody(tree.customer, rights))
        assert eve.get(window).status_code == 403
        assert eve.post(reverse("pass_learn"), {"station": tree.station.pk}).status_code == 403
    assert AuditEntry.objects.filter(verb="learn").count() == 1


def test_a_card_goes_back_into_the_guide_that_asked_for_it(tree: Tree, as_bob: Client) -> None:
    step = as_bob.post(reverse("pass_guide_tag"), {"organization": tree.customer.pk}).headers["Location"]
    asked = as_bob.post(step, {"learn": "1", "nickname": "Fob of Eve"}).headers["Location"]
    window = begin(as_bob, tree.station, next=parse_qs(urlsplit(asked).query)["next"][0])
    offered(tree.station, UID)
    (use,) = re.findall(r'href="([^"]+)">Use this card', as_bob.get(window).content.decode())
    back = as_bob.get(html.unescape(use), follow=True).content.decode()
    assert f'value="{UID}"' in back
    assert 'value="Fob of Eve"' in back
    summary = as_bob.post(step, {"uid": UID, "nickname": "Fob of Eve"}).headers["Location"]
    as_bob.post(summary)
    assert ChargePass.objects.get(uid=UID).nickname == "Fob of Eve"


def test_it_leads_to_no_other_site(tree: Tree, as_bob: Client) -> None:
    window = begin(as_bob, tree.station, next="https://evil.example/")
    offered(tree.station, UID)
    for address in (window, f"{window}&next=https://evil.example/"):
        assert not re.findall(r'href="[^"]*evil', as_bob.get(address).content.decode())


def test_what_to_look_at_when_the_station_is_away(tree: Tree, as_bob: Client) -> None:
    assert "This station is not online" in text(as_bob.get(begin(as_bob, tree.station)))


def test_what_is_to_be_known_of_a_card_stands_beside_it(tree: Tree, as_bob: Client) -> None:
    provider = Provider.objects.create(organization=tree.platform, name="TNM", country_code="NL", party_id="TNM")
    RoamingToken.objects.create(provider=provider, uid=UID, contract_id="C1")
    window = begin(as_bob, tree.station)
    for tag in (UID, "80E6D5C4B3A204", "KEYFOB-01", "=cmd()"):
        offered(tree.station, tag)
    shown = text(as_bob.get(window))
    assert "A connected network knows this card: it is a public card." in shown
    assert f"its bytes in the other order: Pool car 1, {CARD}" in shown
    assert shown.count("The reader gave something that is no UID of a card.") == 1
    form = as_bob.get(reverse("pass_add"), {"uid": UID, "organization": tree.customer.pk}).context["form"]
    assert (form["kind"].value(), form["whitelist"].value()) == ("public", False), "proposed so, because most are to be settled"
    data = {"organization": tree.customer.pk, "uid": "KEYFOB01", "kind": "non_public"}
    as_bob.post(reverse("pass_add"), data)
    assert ChargePass.objects.filter(uid="KEYFOB01").exists(), "the station really sends it"
