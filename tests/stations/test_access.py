"""Another access mode, and what comes of it before it is done: for a station, a location, and many stations at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes.models import ChargePass, Listing, Provider, RoamingToken
from passes.models.passes import normalize_uid
from stations import hooks
from stations.access import preview
from stations.bulk import KINDS
from stations.controls import Situation
from stations.models import AvailabilityDay, BulkItem, CardOffer, Location, Station, UnmatchedMessage
from tenancy.models import Organization, User
from tests.conftest import Tree
from tests.stations.sheets import charging, online, text

pytestmark = pytest.mark.django_db


def card(organization: Organization, uid: str, name: str, *, at: Organization | None = None, **listed: Any) -> ChargePass:
    one = ChargePass.objects.create(organization=organization, uid=normalize_uid(uid), nickname=name, **listed.pop("fields", {}))
    Listing.objects.create(charge_pass=one, organization=at or organization, uid=one.uid, **listed)
    return one


@pytest.fixture
def cards(tree: Tree) -> Tree:
    """On the list of the customer: Pool car 1 and Van are whitelisted, Van is in a network too, Fob is on the list for nothing, Night is
    blocked, Dock charges at the other station only. One of the partner's holds below; one of the platform's too, which nobody here sees."""
    card(tree.customer, "04AA0001", "Van", whitelist=True)
    card(tree.customer, "04AA0002", "Fob")
    card(tree.customer, "04AA0003", "Night", whitelist=True, fields={"blocked": True})
    card(tree.customer, "04AA0004", "Dock", whitelist=True, fields={"only_stations": [tree.dc_station.pk]})
    card(tree.partner, "04AA0005", "Fitter", whitelist=True, below=True)
    card(tree.platform, "04AA0006", "Chief", whitelist=True, below=True)
    provider = Provider.objects.create(organization=tree.platform, name="Roamio", country_code="NL", party_id="RMO")
    RoamingToken.objects.create(provider=provider, uid="04AA0001", contract_id="NL-RMO-C1")
    return tree


def told(user: User, station: Station, mode: str) -> str:
    return " ".join(preview(user, [(station, mode)]).sentences)


def test_what_another_mode_means_for_passes(cards: Tree) -> None:
    found = preview(cards.bob, [(cards.station, "roaming")])
    assert found.sentences[0] == "2 of 3 passes will no longer work here."  # Pool car 1 and Fitter; Van roams
    assert "1 pass that charged free will be paid for by its holder." in found.sentences
    assert "Cards of connected networks will work; their holders pay." in found.sentences
    assert [one.name for one in found.cards] == ["Fitter", "Pool car 1"]
    assert "5 passes will begin to work" not in " ".join(found.sentences)
    assert "All 3 passes on lists that work here go on working. 3 passes will begin to work here." in told(cards.bob, cards.station, "open")
    assert "All 2 passes on lists that work here" in told(cards.cy, cards.station, "roaming_whitelist")  # the partner's is not Cy's to see
    assert told(cards.bob, cards.station, "whitelist") == "Who may charge does not change by that."
    assert "All 5 passes" in told(cards.ada, cards.dc_station, "roaming_whitelist")


def test_many_passes_and_stations_cost_the_queries_of_few(cards: Tree, django_assert_max_num_queries: Any) -> None:
    def look(count: int) -> None:
        stations = list(Station.objects.select_related("location__organization").filter(location=cards.location).order_by("pk")[:count])
        with django_assert_max_num_queries(10):
            hooks.cards_changed_by_mode(cards.ada, [(hooks.place_of(station), "roaming") for station in stations])

    look(1)
    for number in range(40):
        card(cards.customer, f"04BB{number:04}", f"More {number}", whitelist=True)
    look(2)


def test_of_too_many_passes_nothing_is_counted(cards: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passes.mode_changes.MOST", 3)
    assert "too many passes" in told(cards.bob, cards.station, "roaming")


def change(client: Client, page: str, pk: int, **data: str) -> Any:
    return client.post(reverse(page, args=[pk]), data, follow=True)


def test_a_station_is_given_a_mode_and_its_locations_again(cards: Tree, as_bob: Client) -> None:
    charging(online(cards.station))
    url = reverse("station_access", args=[cards.station.pk])
    asked = text(as_bob.get(url).content.decode())
    assert "In force now: Whitelisting: passes of the organization , from the location Quay 7." in asked
    shown = text(as_bob.get(url, {"mode": "roaming"}).content.decode())
    assert "2 of 3 passes will no longer work here." in shown
    assert "Passes that will no longer work Fitter Pool car 1" in shown
    assert "1 car charges there now." in shown
    assert "goes on to its end" in shown
    assert Station.objects.get(pk=cards.station.pk).access_mode == ""
    answer = change(as_bob, "station_access", cards.station.pk, access_mode="roaming", was="location")
    assert "The access mode of Gate is changed." in text(answer.content.decode())
    assert Station.objects.get(pk=cards.station.pk).access_mode == "roaming"
    late = change(as_bob, "station_access", cards.station.pk, access_mode="open", was="location")
    assert "Somebody has changed the access mode meanwhile." in text(late.content.decode())
    change(as_bob, "station_access", cards.station.pk, access_mode="location", was="roaming")
    assert Station.objects.get(pk=cards.station.pk).access_mode == ""
    wrong = change(as_bob, "station_access", cards.station.pk, access_mode="free", was="location")
    assert "There is no such access mode." in text(wrong.content.decode())


def test_a_location_says_how_many_stations_follow(cards: Tree, as_bob: Client) -> None:
    Station.objects.filter(pk=cards.dc_station.pk).update(access_mode="open")
    shown = text(as_bob.get(reverse("location_access", args=[cards.location.pk]), {"mode": "open"}).content.decode())
    assert "1 station follows the location and changes with it." in shown
    assert "1 station has an access mode of its own and stays" in shown
    assert "Any card will charge, also one that nobody knows" in shown
    change(as_bob, "location_access", cards.location.pk, access_mode="open", was="whitelist")
    assert Location.objects.get(pk=cards.location.pk).access_mode == "open"


def test_many_stations_at_once(cards: Tree) -> None:
    kind = KINDS["access-mode"]
    situations = [Situation(cards.bob, one) for one in (cards.station, cards.dc_station)]
    said = kind.consequences(params := {"access_mode": "roaming"}, situations) if kind.consequences else []
    assert said[0] == "3 of 4 passes will no longer work at one of these stations or more."
    assert not kind.refusal(params, situations[0])
    kind.step(cards.bob, params, situations[0], BulkItem(), ())
    assert kind.refusal(params, situations[0]) == "It is so already."
    assert Station.objects.get(pk=cards.station.pk).access_mode == "roaming"


def test_an_alias_is_set_and_shown_with_the_id(tree: Tree, as_bob: Client) -> None:
    answer = change(as_bob, "station_alias", tree.dc_station.pk, alias="Bay 12")
    said = text(answer.content.decode())
    assert "The alias is saved." in said
    assert "Bay 12" in said
    assert "LUM-0002" in said
    again = change(as_bob, "station_alias", tree.dc_station.pk, alias="x" * 61)
    assert "at most 60" in again.content.decode()


def test_wherever_a_station_is_named_its_alias_and_its_id_are(cards: Tree, as_bob: Client) -> None:
    """Gate and LUM-0001: on pages, in what is searched, chosen and exported, and in the record."""
    charge = charging(online(cards.station))
    offer = CardOffer.objects.create(
        station=cards.station, id_tag="04BADBADBAD001", verdict="Invalid", reason="unknown", action="Authorize"
    )
    UnmatchedMessage.objects.create(
        station=cards.station, action="StopTransaction", transaction_id="9", first_at=offer.at, last_at=offer.at, count=1, payload={}
    )
    AvailabilityDay.objects.create(
        connector=cards.connector, day=(timezone.now() - timedelta(days=1)).date(), seconds=86_400, online=86_400, usable=86_400
    )
    record_edit = change(as_bob, "station_access", cards.station.pk, access_mode="open", was="location")
    assert record_edit.status_code == 200
    missing = []
    for url in (
        reverse("dashboard"), reverse("stations"), reverse("transactions"), reverse("transaction", args=[charge.pk]), reverse("inbox"),
        reverse("card_offers"), reverse("card_offer", args=[offer.pk]), reverse("availability"), reverse("history"),
        reverse("search") + "?q=gate", reverse("card_check"), reverse("card_check") + f"?station={cards.station.pk}&card=04AA0001",
        reverse("pass_learn"), cards.location.get_absolute_url(),
        *(reverse(name, args=[cards.station.pk]) for name in ("station", "station_availability", "station_edit", "station_access")),
        *(f"{reverse(name)}?export=csv" for name in ("stations", "transactions", "card_offers", "availability")),
    ):  # fmt: skip
        said = as_bob.get(url).getvalue().decode()
        if not ("Gate" in said and "LUM-0001" in said):
            missing.append((url, "Gate" in said, "LUM-0001" in said))
    assert not missing
