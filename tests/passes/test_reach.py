"""Where a pass works and who pays: the page says what the decision would."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from passes.actions import block_pass, create_pass, edit_pass, list_pass
from passes.models import Provider, RoamingToken
from passes.reach import reach
from stations.models import AccessMode, Location, Station
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
    assert reach(tree.bob, tree.charge_pass).free_stations == 1
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


def test_times_of_the_week_are_told_and_not_mixed_in(tree: Tree, django_assert_max_num_queries: Any) -> None:
    never = [{"days": [(timezone.now().weekday() + 3) % 7], "from": "03:00", "to": "03:01"}]
    edit_pass(actor=None, charge_pass=tree.charge_pass, hours=never)
    with django_assert_max_num_queries(8):
        found = reach(tree.bob, tree.charge_pass)
    assert found.free_stations == 2
    assert [str(note) for note in found.notes] == ["What is free is so at certain times of the week only."]
