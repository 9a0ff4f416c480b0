"""The guides for passes: what they leave behind, what they say of who pays, and what they keep from whom."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from passes.actions import create_pass, list_pass
from passes.models import ChargePass, Listing, Provider, RoamingToken
from stations.models import AccessMode, CardOffer, Location, Station
from tenancy.actions import create_organization
from tenancy.models import Organization, User
from tests.conftest import CARD, Tree
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
UID = "04112233445566"


def text(answer: Any) -> str:
    main = re.search(r"<main.*</main>", answer.content.decode(), re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main[0] if main else "")).split())


def walk(client: Client, route: str, *steps: dict[str, Any]) -> Any:
    """Post each step, then confirm; the page at which it ends."""
    url = reverse(route)
    for step in steps:
        answer = client.post(url, step)
        assert answer.status_code == 302, text(answer)
        url = answer.headers["Location"]
    assert "step=summary" in url, url
    return client.post(url, follow=True)


def roams(tree: Tree, *uids: str, mode: str = AccessMode.ROAMING) -> None:
    Location.objects.filter(pk=tree.location.pk).update(access_mode=mode)
    provider = Provider.objects.create(organization=tree.platform, name="TNM", country_code="NL", party_id="TNM")
    for uid in uids:
        RoamingToken.objects.create(provider=provider, uid=uid, contract_id=f"NL-TNM-{uid}")


@pytest.fixture
def home(tree: Tree) -> Organization:
    found = create_organization(actor=None, parent=tree.customer, kind="sub", name="P. de Vries (home)")
    location = Location.objects.create(organization=found, name="Delft", access_mode=AccessMode.ROAMING)
    Station.objects.create(location=location, identity="HOME-1")
    return found


@pytest.mark.parametrize(
    ("route", "kind", "whitelist", "roaming_free", "said"),
    [
        ("pass_guide_roaming_free", "public", False, True, "Paid by the holder of the card, without the roaming surcharge"),
        ("pass_guide_whitelist", "public", True, False, "Free for the driver; the owner of the station pays"),
        ("pass_guide_tag", "non_public", True, False, "Free for the driver; the owner of the station pays"),
    ],
)  # fmt: skip
def test_a_guide_lists_a_new_card_and_ends_at_where_it_works(
    route: str, kind: str, whitelist: bool, roaming_free: bool, said: str, tree: Tree, as_bob: Client
) -> None:
    roams(tree, *([UID] if kind == "public" else []), mode=AccessMode.ROAMING_WHITELIST)
    card = {"uid": "04:11:22:33:44:55:66", "visible_number": "NL-TNM-X1", "nickname": "Van", "user": tree.cy.pk}
    shown = text(walk(as_bob, route, {"organization": tree.customer.pk}, card))
    made = ChargePass.objects.get(uid=UID)
    assert (made.kind, made.visible_number, made.nickname, made.user) == (kind, "NL-TNM-X1", "Van", tree.cy)
    listing = made.listings.get()
    assert (listing.organization, listing.whitelist, listing.roaming_free, listing.below) == (tree.customer, whitelist, roaming_free, False)
    assert f"Harbour Offices 2 stations Roaming and whitelisting {said}" in shown


def test_a_card_that_is_a_pass_already_is_listed_and_not_made_again(tree: Tree, as_bob: Client) -> None:
    step = as_bob.post(reverse("pass_guide_roaming_free"), {"organization": tree.customer.pk}).headers["Location"]
    assert "Roaming free is for public cards: choose the kind “Public” first." in text(as_bob.post(step, {"uid": CARD}))
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(kind=ChargePass.Kind.PUBLIC)
    for card in ({"charge_pass": tree.charge_pass.pk}, {"uid": CARD}, {"visible_number": "nl-tnm-b12345-6"}):
        list_pass(actor=None, charge_pass=tree.charge_pass, organization=tree.customer, whitelist=True, roaming_free=False)
        shown = text(walk(as_bob, "pass_guide_roaming_free", {"organization": tree.customer.pk}, card))
        listing = Listing.objects.get(charge_pass=tree.charge_pass)
        assert (listing.whitelist, listing.roaming_free) == (False, True), card
        assert "0 of 1 location of Harbour Offices roams. These do not: Quay 7" in shown
        assert "Not at all The station's access mode does not take this card." in shown
    assert ChargePass.objects.count() == 1


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({}, "Type the UID of the card, learn it at a station, or choose a pass."),
        ({"visible_number": "NL-TNM-Z9"}, "No pass here has this number yet, so the UID is needed"),
        ({"uid": "NL-TNM-B12345-6"}, "This looks like the number printed on the card."),
    ],
)
def test_what_is_wrong_with_a_card_is_said_and_nothing_typed_is_lost(card: dict[str, str], said: str, tree: Tree, as_bob: Client) -> None:
    step = as_bob.post(reverse("pass_guide_tag"), {"organization": tree.customer.pk}).headers["Location"]
    answer = as_bob.post(step, card | {"nickname": "Fob of Eve"})
    assert said in text(answer)
    assert 'value="Fob of Eve"' in answer.content.decode()


def test_a_card_that_nobody_knew_is_one_click_away(tree: Tree, as_bob: Client, as_dan: Client) -> None:
    for uid, station in ((UID, tree.station), (CARD, tree.station), ("04FF000000AA01", tree.other_station)):
        CardOffer.objects.create(station=station, id_tag=uid.lower(), verdict="Invalid", reason="unknown", action="Authorize")
    step = as_bob.post(reverse("pass_guide_tag"), {"organization": tree.customer.pk}).headers["Location"]
    page = as_bob.get(step).content.decode()
    assert re.findall(r'name="pick" value="(\w+)"', page) == [UID]
    assert as_bob.post(step, {"pick": UID, "nickname": "Fob"}).headers["Location"] == step
    again = as_bob.get(step).content.decode()
    assert f'value="{UID}"' in again
    assert 'value="Fob"' in again
    learn = as_bob.post(step, {"learn": "1", "nickname": "Other", "uid": UID}).headers["Location"]
    assert learn.startswith(reverse("pass_learn"))
    assert 'value="Other"' in as_bob.get(step).content.decode()
    theirs = as_dan.post(reverse("pass_guide_tag"), {"organization": tree.other_customer.pk}).headers["Location"]
    assert UID not in as_dan.get(theirs).content.decode()


def test_a_stranger_leads_nobody_elses_cards(tree: Tree, as_dan: Client, client_of: Callable[[User], Client]) -> None:
    assert "This cannot be chosen here" in text(as_dan.post(reverse("pass_guide_tag"), {"organization": tree.customer.pk}))
    create_pass(actor=None, organization=tree.other_customer, uid="04FFFFFF", nickname="Guest")
    step = as_dan.post(reverse("pass_guide_tag"), {"organization": tree.other_customer.pk}).headers["Location"]
    assert "Guest" in text(as_dan.get(step))
    assert "Pool car" not in text(as_dan.get(step))
    assert "This cannot be chosen here" in text(as_dan.post(step, {"charge_pass": tree.charge_pass.pk, "uid": UID}))
    summary = as_dan.post(step, {"uid": CARD}).headers["Location"]
    assert "Pool car" not in text(as_dan.get(summary)), "the same UID is a pass of somebody else: that says nothing here"
    as_dan.post(summary)
    assert ChargePass.objects.get(uid=CARD, organization=tree.other_customer).listings.get().whitelist
    viewer = client_of(somebody(tree.customer, ["personal_data"]))
    assert "You don't have the right to add, change, block and delete passes" in text(viewer.get(reverse("pass_guides")))
    assert viewer.get(reverse("pass_guide_tag")).status_code == 403


def test_free_at_the_office_and_at_home(tree: Tree, home: Organization, as_bob: Client) -> None:
    place = home.locations.get()
    office = {"organization": tree.customer.pk}
    shown = text(
        walk(as_bob, "pass_guide_home", office, {"charge_pass": tree.charge_pass.pk}, {"home": home.pk}, {"places": [f"l{place.pk}"]})
    )
    place.refresh_from_db()
    assert place.access_mode == AccessMode.ROAMING_WHITELIST
    assert [(one.organization, one.whitelist) for one in tree.charge_pass.listings.order_by("pk")] == [(tree.customer, True), (home, True)]
    free = "Free for the driver; the owner of the station pays"
    assert f"Harbour Offices 2 stations Whitelisting: passes of the organization {free}" in shown
    assert f"P. de Vries (home) 1 station Roaming and whitelisting {free}" in shown


def test_who_may_not_change_the_home_is_told_that_it_does_not_whitelist(
    tree: Tree, home: Organization, client_of: Callable[[User], Client]
) -> None:
    eve = client_of(somebody(tree.customer, ["manage_passes", "personal_data"]))
    office = {"organization": tree.customer.pk}
    shown = text(walk(eve, "pass_guide_home", office, {"charge_pass": tree.charge_pass.pk}, {"home": home.pk}))
    assert (
        "At 0 of 1 location of P. de Vries (home) the whitelist counts. It does not at: Delft · Roaming: cards of connected networks"
        in shown
    )
    assert "Change the access mode" not in shown


# -- reimbursement ------------------------------------------------------------------------------------------------------------------------


def reimbursed(client: Client, tree: Tree, uid: str, **query: str) -> str:
    return text(client.get(reverse("location_reimbursed", args=[tree.location.pk]), {"card": uid} | query))


def test_reimbursement_by_a_public_card(tree: Tree, as_bob: Client) -> None:
    roams(tree, UID, CARD, mode=AccessMode.WHITELIST)
    steps = ({"location": tree.location.pk}, {"access_mode": "roaming"}, {"card": UID})
    shown = text(walk(as_bob, "pass_guide_reimbursement", *steps))
    assert "It is reimbursed " + UID in shown
    assert "2 of 2 stations roam." in shown
    assert "Harbour Offices, the owner of the station, is to be reimbursed." in shown
    Station.objects.filter(pk=tree.station.pk).update(access_mode=AccessMode.OPEN)
    assert "It is reimbursed at 1 of 2 stations" in reimbursed(as_bob, tree, UID)


def test_a_pass_of_the_owner_is_named_and_not_reimbursed(tree: Tree, as_bob: Client, client_of: Callable[[User], Client]) -> None:
    roams(tree, CARD)
    for card in (CARD, "NL-TNM-B12345-6"):
        shown = reimbursed(as_bob, tree, card)
        assert "It is not reimbursed" in shown
        assert "This card is one of the owner's passes: Pool car 1. What is charged with it here is not reimbursed." in shown
    masked = reimbursed(client_of(somebody(tree.customer, ["manage_passes"])), tree, CARD)
    assert "one of the owner's passes: ****" in masked
    assert "Pool car" not in masked


def test_a_whitelisted_card_is_not_reimbursed(tree: Tree, as_bob: Client) -> None:
    roams(tree, UID, mode=AccessMode.ROAMING_WHITELIST)
    create_pass(actor=None, organization=tree.partner, uid=UID, whitelist=True, below=True)
    shown = reimbursed(as_bob, tree, UID)
    assert "It is not reimbursed" in shown
    assert "The card is whitelisted at 2 stations" in shown


def test_split_billing_looks_at_the_sub_organization(tree: Tree, home: Organization, as_bob: Client) -> None:
    assert "Harbour Offices is no sub-organization." in reimbursed(as_bob, tree, UID, split="1")
    place = home.locations.get()
    shown = text(walk(as_bob, "pass_guide_split", {"location": place.pk}, {"card": UID}))
    assert "Split billing is not switched on at P. de Vries (home)." in shown
    assert "It is not reimbursed" in shown
    Organization.objects.filter(pk=home.pk).update(split_billing=True)
    url = reverse("location_reimbursed", args=[place.pk])
    assert "there is no bank account" in text(as_bob.get(url, {"card": UID, "split": "1"}))
    roams(tree, UID)
    for iban, said in (("", "It is not reimbursed"), ("NL91ABNA0417164300", "It is reimbursed " + UID)):
        Organization.objects.filter(pk=home.pk).update(iban=iban)
        assert said in text(as_bob.get(url, {"card": UID, "split": "1"}))


# -- who is on the whitelist --------------------------------------------------------------------------------------------------------------


def test_a_switch_is_changed_in_place(tree: Tree, as_bob: Client, as_dan: Client, as_cy: Client) -> None:
    listing = tree.charge_pass.listings.get()
    url = f"{reverse('pass_whitelist')}?organization={tree.customer.pk}"
    shown = as_bob.get(url)
    assert "At 1 of 1 location of Harbour Offices the whitelist counts." in text(shown)
    assert f'value="{listing.pk}:off"' in shown.content.decode()
    answer = as_bob.post(url, {"switch": f"{listing.pk}:off"})
    assert answer.headers["Location"] == url
    listing.refresh_from_db()
    assert not listing.whitelist
    assert as_dan.post(url, {"switch": f"{listing.pk}:on"}).status_code == 404
    assert as_cy.post(url, {"switch": f"{listing.pk}:on"}).status_code == 403
    assert as_bob.post(url, {"switch": "x"}).status_code == 404
    listing.refresh_from_db()
    assert not listing.whitelist


def test_the_whitelist_masks_and_finds_only_what_one_sees(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(user=tree.cy)
    url = reverse("pass_whitelist")
    assert "Pool car 1" in text(as_bob.get(url, {"q": "cy"}))
    assert "Nothing matches" in text(as_bob.get(url, {"q": "zz"}))
    assert "Nothing matches" in text(as_bob.get(url, {"whitelist": "false"}))
    masked = text(as_cy.get(url))
    assert "****" in masked
    assert "Pool car" not in masked


# -- where a pass works -------------------------------------------------------------------------------------------------------------------


def test_reach_tells_nothing_of_organizations_that_one_does_not_see(
    tree: Tree, home: Organization, client_of: Callable[[User], Client]
) -> None:
    list_pass(actor=None, charge_pass=tree.charge_pass, organization=tree.partner, whitelist=True, below=True)
    list_pass(actor=None, charge_pass=tree.charge_pass, organization=home, whitelist=True)
    eve = client_of(somebody(tree.customer, ["manage_passes"], at=tree.customer))
    shown = text(eve.get(reverse("pass_reach", args=[tree.charge_pass.pk])))
    assert "Harbour Offices" in shown
    assert "Lumen Installers" not in shown


def test_the_whitelist_costs_the_same_with_many_rows(tree: Tree, as_bob: Client, django_assert_max_num_queries: Callable[..., Any]) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(30) as counted:
            as_bob.get(reverse("pass_whitelist"), {"organization": tree.customer.pk})
        return len(counted.captured_queries)

    create_pass(actor=None, organization=tree.customer, uid="0400", user=tree.cy)
    before = queries()
    for n in range(20):
        create_pass(actor=None, organization=tree.customer, uid=f"04FF{n:02}", user=tree.cy)
    assert queries() == before


def test_a_public_card_is_whitelisted_as_a_tag_only_when_that_is_meant(tree: Tree, as_bob: Client) -> None:
    roams(tree, UID)
    step = as_bob.post(reverse("pass_guide_tag"), {"organization": tree.customer.pk}).headers["Location"]
    assert "A connected network knows this card" in text(as_bob.post(step, {"uid": UID}))
    ChargePass.objects.filter(pk=tree.charge_pass.pk).update(kind=ChargePass.Kind.PUBLIC)
    for card in ({"charge_pass": tree.charge_pass.pk}, {"uid": CARD}):
        shown = as_bob.post(step, card)
        assert "This pass is a public card, or roams free." in text(shown)
        assert f'name="keep_public" value="pass-{tree.charge_pass.pk}"' in shown.content.decode()
    assert as_bob.post(step, {"uid": UID, "keep_public": f"pass-{tree.charge_pass.pk}"}).status_code == 200, "that was another card"
    walk(as_bob, "pass_guide_tag", {"organization": tree.customer.pk}, {"uid": UID, "keep_public": UID})
    assert ChargePass.objects.get(uid=UID).kind == ChargePass.Kind.PUBLIC, "as it is"


def test_turned_bytes_and_a_printed_number_are_put_right_in_a_guide(tree: Tree, as_bob: Client) -> None:
    step = as_bob.post(reverse("pass_guide_whitelist"), {"organization": tree.customer.pk}).headers["Location"]
    shown = as_bob.post(step, {"uid": "80:E6:D5:C4:B3:A2:04", "nickname": "Van"})
    assert f"its bytes in the other order: Pool car 1, {CARD}" in text(shown)
    assert as_bob.post(step, {"uid": "80E6D5C4B3A204", "nickname": "Van", "take": CARD}).headers["Location"] == step
    again = as_bob.get(step).content.decode()
    assert f'value="{CARD}"' in again
    assert 'value="Van"' in again
    assert "Put it into the visible number" in text(as_bob.post(step, {"uid": "DE-8AC-C12345678-9"}))
    as_bob.post(step, {"uid": "DE-8AC-C12345678-9", "take": "number"})
    assert 'name="visible_number" value="DE-8AC-C12345678-9"' in as_bob.get(step).content.decode()
