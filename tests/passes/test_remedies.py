"""The check of a card: cards of networks by their number, remedies that tell the truth and come back with the verdict of now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize

from passes.actions import create_pass, edit_pass
from passes.models import ChargePass, Provider, RoamingToken
from stations.models import AccessMode, Station
from tenancy.actions import create_organization
from tests.conftest import CARD, Tree
from tests.passes.test_why import OTHER, ask, buttons, mode, offered, spoil, text

pytestmark = pytest.mark.django_db
TURNED = "80E6D5C4B3A204"


def network(tree: Tree, **token: Any) -> None:
    owner = token.pop("organization", tree.partner)
    provider, _made = Provider.objects.get_or_create(organization=owner, name="Lichtnet", country_code="NL", party_id="LNT")
    RoamingToken.objects.create(provider=provider, **{"uid": OTHER, "contract_id": "NL-LNT-C12345678-X"} | token)


@pytest.mark.parametrize("typed", ["NL-LNT-C12345678-X", "nl-lnt-c12345678-x", "NLLNTC12345678X", "NL*LNT*C12345678*X", "0815-4711"])
def test_a_card_of_a_network_is_found_by_its_number(typed: str, tree: Tree, as_bob: Client) -> None:
    mode(tree, AccessMode.ROAMING)
    network(tree, visual_number="08154711")
    answer = ask(as_bob, tree.station, typed)
    assert (answer.context["trial"].uid, answer.context["trial"].accepted) == (OTHER, True)
    network(tree, uid="04010203", contract_id="NLLNTC12345678X", visual_number="08154711")
    assert "type the UID of the one that is meant" in text(ask(as_bob, tree.station, typed))


def test_a_number_tells_nothing_of_networks_that_are_connected_elsewhere(tree: Tree, as_bob: Client) -> None:
    network(tree, organization=tree.other_partner)
    assert "No card with this number is known here" in text(ask(as_bob, tree.station, "NL-LNT-C12345678-X"))


def test_a_printed_number_tells_its_uid_to_those_alone_who_see_the_cards_of_the_network(tree: Tree, as_bob: Client) -> None:
    network(tree, organization=tree.platform)
    mode(tree, AccessMode.ROAMING)
    answer = ask(as_bob, tree.station, "NL-LNT-C12345678-X")
    assert "No card with this number is known here" in text(answer)
    assert OTHER not in answer.text


def test_a_pass_of_elsewhere_is_not_corrected_for_a_station_where_it_is_not_listed(tree: Tree, as_ada: Client) -> None:
    edit_pass(actor=None, charge_pass=tree.charge_pass, uid=TURNED)
    answer = ask(as_ada, tree.other_station, CARD)
    assert "Correct the UID" not in {remedy.label for remedy in answer.context["remedies"]}
    assert "Add it as a pass" in {remedy.label for remedy in answer.context["remedies"]}


def posted(client: Client, url: str, **changes: str) -> Any:
    """The form at `url` sent as a browser would, with changes; where that leads."""
    form = client.get(url).context["form"]
    data: dict[str, Any] = {}
    for field in form:
        value = field.value()
        if value is True:
            data[field.html_name] = "on"
        elif value not in (None, False, ""):
            data[field.html_name] = value if isinstance(value, str | int | list) else str(localize(value))
    return client.post(url, data | changes, follow=True)


@pytest.mark.parametrize(
    ("how", "label", "changes"),
    [
        ("expired", "Extend the validity", {"valid_until": ""}),
        ("not_yet", "Let it begin earlier", {"valid_from": ""}),
        ("mode", "Change the access mode", {"access_mode": "whitelist"}),
        ("unknown", "Add it as a pass", {"nickname": "Found again"}),
    ],
)
def test_a_remedy_comes_back_with_the_new_verdict(how: str, label: str, changes: dict[str, str], tree: Tree, as_bob: Client) -> None:
    spoil(tree, how)
    url = buttons(ask(as_bob, tree.station))[label]
    done = posted(as_bob, url, **changes)
    assert "trial" in done.context, dict(done.context["form"].errors)
    assert done.context["trial"].accepted


def test_restrictions_come_back_too(tree: Tree, as_bob: Client) -> None:
    spoil(tree, "not_here")
    done = as_bob.post(buttons(ask(as_bob, tree.station))["Change the restrictions"], {"only_stations": [tree.station.pk]}, follow=True)
    assert "trial" in done.context


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({"blocked": True}, "must also be unblocked"),
        ({"valid_until": timezone.now() - timedelta(days=1)}, "its validity must also be extended"),
        ({"valid_from": timezone.now() + timedelta(days=1)}, "must also begin earlier"),
        ({"hours": []}, ""),
        ({"only_stations": [0]}, "its restrictions must also be changed"),
    ],
)
def test_whitelisting_promises_no_more_than_it_does(fields: dict[str, Any], more: str, tree: Tree, as_bob: Client) -> None:
    tree.charge_pass.delete()
    below = create_organization(actor=None, parent=tree.customer, kind="sub", name="Canteen")  # what is blocked above is blocked here
    elsewhere = create_pass(actor=None, organization=below, uid=CARD, nickname="Of the canteen")
    ChargePass.objects.filter(pk=elsewhere.pk).update(**fields)
    answer = ask(as_bob, tree.station)
    asked = text(as_bob.get(buttons(answer)["Whitelist it here"]))
    for said in (text(answer), asked):
        assert ("charge free" in said or "charges free" in said) is (not more)
        assert more in said
        assert ("That alone does not let" in said) is bool(more)


def test_a_uid_that_charges_elsewhere_is_not_corrected(tree: Tree, as_bob: Client) -> None:
    assert buttons(ask(as_bob, tree.station, TURNED))["Correct the UID"]
    offered(tree.dc_station, at=timezone.now() - timedelta(days=31))
    assert "Correct the UID" in buttons(ask(as_bob, tree.station, TURNED))
    offered(tree.dc_station)
    answer = ask(as_bob, tree.station, TURNED)
    assert "Correct the UID" not in buttons(answer)
    assert "so the UID is right: set the byte order of this station's reader" in text(answer)
    edit_pass(actor=None, charge_pass=tree.charge_pass, blocked=True)
    assert "It charged with the UID of now" in text(as_bob.get(reverse("pass_correct_uid", args=[tree.charge_pass.pk])))


def test_at_a_deactivated_station_nobody_charges(tree: Tree, as_bob: Client) -> None:
    assert "The station is deactivated" not in text(ask(as_bob, tree.station))
    Station.objects.filter(pk=tree.station.pk).update(active=False)
    assert "The station is deactivated: nobody charges there." in text(ask(as_bob, tree.station))
