"""Where a pass works and who pays: the page says what the decision would."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from passes.actions import block_pass, create_pass, edit_pass, list_pass
from passes.models import Provider, RoamingToken
from passes.reach import reach
from stations.models import AccessMode, Location, Station, Transaction
from tenancy.models import User
from tests.conftest import CARD, Tree

pytestmark = pytest.mark.django_db


def told(user: User, charge_pass: Any) -> list[tuple[str, list[tuple[str, str, int]]]]:
    return [(at.name, [(one.form, str(one.mode), one.number) for one in at.works]) for at in reach(user, charge_pass).at]


def known_to_a_network(tree: Tree) -> None:
    provider = Provider.objects.create(organization=tree.platform, name="TNM", country_code="NL", party_id="TNM")
    RoamingToken.objects.create(provider=provider, uid=CARD, contract_id="NL-TNM-B12345-6")


def test_whitelisted_and_open_stations_and_those_of_a_place_it_is_not_restricted_to(tree: Tree) -> None:
    Station.objects.filter(pk=tree.dc_station.pk).update(access_mode=AccessMode.OPEN)
    assert told(tree.bob, tree.charge_pass) == [("Harbour Offices", [("whitelist", "whitelist", 1), ("open", "open", 1)])]
    edit_pass(actor=None, charge_pass=tree.charge_pass, only_stations=[tree.dc_station.pk])
    assert told(tree.bob, tree.charge_pass) == [("Harbour Offices", [("open", "open", 1), ("", "whitelist", 1)])]


def test_a_public_card_roams_on_its_holders_money_and_without_the_surcharge_where_it_is_roaming_free(tree: Tree) -> None:
    Location.objects.filter(pk=tree.location.pk).update(access_mode=AccessMode.ROAMING)
    assert told(tree.bob, tree.charge_pass) == [("Harbour Offices", [("", "roaming", 2)])]
    known_to_a_network(tree)
    assert told(tree.bob, tree.charge_pass) == [("Harbour Offices", [("roaming", "roaming", 2)])]
    list_pass(actor=None, charge_pass=tree.charge_pass, organization=tree.customer, whitelist=False, roaming_free=True)
    assert told(tree.bob, tree.charge_pass) == [("Harbour Offices", [("roaming_free", "roaming", 2)])]
    block_pass(actor=None, charge_pass=tree.charge_pass, reason="lost")
    assert told(tree.bob, tree.charge_pass) == [("Harbour Offices", [("", "roaming", 2)])]


def test_a_list_holds_below_only_where_it_says_so_and_another_pass_there_speaks_for_itself(tree: Tree) -> None:
    above = create_pass(actor=None, organization=tree.partner, uid="04000001")
    assert told(tree.bob, above) == [("Lumen Installers", [])]
    list_pass(actor=None, charge_pass=above, organization=tree.partner, below=True)
    assert told(tree.bob, above) == [("Lumen Installers", [("whitelist", "whitelist", 2)])]
    create_pass(actor=None, organization=tree.customer, uid="04000001")
    (at,) = reach(tree.bob, above).at
    assert [(one.form, one.why) for one in at.works] == [("", "Another pass with this UID is on the list there.")]


def test_of_what_is_above_nothing_is_told(tree: Tree) -> None:
    list_pass(actor=None, charge_pass=tree.charge_pass, organization=tree.partner, whitelist=True)
    names = [(at.name, at.url) for at in reach(tree.cy, tree.charge_pass).at]
    assert names[0] == ("an organization above", "")
    assert names[1][0] == "Harbour Offices"


def test_what_is_free_at_other_times_is_told_with_why_it_is_not_now(tree: Tree, django_assert_max_num_queries: Any) -> None:
    never = [{"days": [(timezone.now().weekday() + 3) % 7], "from": "03:00", "to": "03:01"}]
    edit_pass(actor=None, charge_pass=tree.charge_pass, hours=never)
    with django_assert_max_num_queries(8):
        found = reach(tree.bob, tree.charge_pass)
    assert found.stations == 2
    assert [str(note) for note in found.notes] == ["What is free is so at certain times of the week only."]
    ((works,),) = (at.works for at in found.at)
    assert (works.dot, works.word, works.now) == ("waiting", "Free, but not now", "Now: outside its times, refused.")


def test_what_is_used_up_roams_for_now_on_the_holders_money(tree: Tree) -> None:
    Location.objects.filter(pk=tree.location.pk).update(access_mode=AccessMode.ROAMING_WHITELIST)
    known_to_a_network(tree)
    edit_pass(actor=None, charge_pass=tree.charge_pass, daily_kwh=1)
    Transaction.objects.create(
        station=tree.station, connector=tree.connector, transaction_id="1", id_tag=CARD, verdict="Accepted", started_at=timezone.now(),
        pass_key=tree.charge_pass.pk, reported_start="", start_received_at=timezone.now(), meter_start=0, meter_stop=1000,
        settlement="whitelist",
    )  # fmt: skip
    ((works,),) = (at.works for at in reach(tree.bob, tree.charge_pass).at)
    assert (works.form, works.word) == ("whitelist", "Free, but not now")
    assert works.now == "Now: all used up today, paid by the holder of the card."


def test_a_public_card_roams_where_no_list_holds_and_only_visible_stations_count(tree: Tree) -> None:
    known_to_a_network(tree)
    assert reach(tree.ada, tree.charge_pass).others == [], "they whitelist"
    Location.objects.update(access_mode=AccessMode.ROAMING)
    block_pass(actor=None, charge_pass=tree.charge_pass, reason="lost")
    (others,) = reach(tree.ada, tree.charge_pass).others
    there = Station.objects.filter(location=tree.other_location).count()
    assert (others.form, others.number) == ("roaming", there)
    assert reach(tree.bob, tree.charge_pass).others == []


def test_deactivated_stations_are_left_out(tree: Tree) -> None:
    Station.objects.filter(pk=tree.station.pk).update(active=False)
    found = reach(tree.bob, tree.charge_pass)
    assert found.stations == 1
    assert [str(note) for note in found.notes] == ["1 deactivated station is left out: nobody charges there."]
