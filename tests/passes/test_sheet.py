"""The page of a pass: its tabs, what is offered beside the UID, moving, blocking, and its lists and groups."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes.actions import create_group, create_pass, edit_pass, list_pass
from passes.models import ChargePass, Listing, Provider, RoamingToken
from stations.models import CardOffer, Location, Transaction
from tenancy import rights
from tenancy.actions import create_user
from tenancy.models import Organization, User
from tests.conftest import CARD, Tree
from tests.passes.test_pages import beside, text, typed
from tests.stations.test_rights import with_rights

pytestmark = pytest.mark.django_db
REVERSED = "80E6D5C4B3A204"


def cardholder(tree: Tree, organization: Organization | None = None) -> User:
    return create_user(actor=None, organization=organization or tree.customer, email=None, name="Greta", password=None)


# -- what is offered beside the UID -------------------------------------------------------------------------------------------------------


def test_a_printed_number_in_the_uid_goes_to_its_own_field(tree: Tree, as_bob: Client) -> None:
    data = typed(tree, uid="DE*ABC*123456", nickname="Van")
    shown = as_bob.post(reverse("pass_add"), data)
    assert "This looks like the number printed on the card." in beside(shown, "uid")
    assert "Put it into the visible number" in text(shown)
    form = as_bob.post(reverse("pass_add"), data | {"take": "number"}).context["form"]
    assert (form["uid"].value(), form["visible_number"].value(), form["nickname"].value()) == ("", "DE*ABC*123456", "Van")
    assert not form.errors
    assert ChargePass.objects.count() == 1


def test_bytes_in_the_other_order_are_offered_and_may_be_kept(tree: Tree, as_bob: Client) -> None:
    CardOffer.objects.create(station=tree.station, id_tag="ddccbbaa", verdict="Invalid", reason="unknown", action="Authorize")
    data = typed(tree, uid="AABBCCDD")
    shown = as_bob.post(reverse("pass_add"), data)
    assert "Readers send this card as DDCCBBAA" in beside(shown, "uid")
    assert as_bob.post(reverse("pass_add"), data | {"take": "DDCCBBAA"}).context["form"]["uid"].value() == "DDCCBBAA"
    assert "Pass added." in text(as_bob.post(reverse("pass_add"), data | {"keep_uid": "AABBCCDD"}, follow=True))
    shown = as_bob.post(reverse("pass_add"), typed(tree, uid=REVERSED))
    assert f"This card may be a pass already, its bytes in the other order: Pool car 1, {CARD}." in beside(shown, "uid")


def test_a_card_that_a_network_of_the_line_knows_is_public(tree: Tree, as_bob: Client, as_dan: Client) -> None:
    provider = Provider.objects.create(organization=tree.partner, name="TNM", country_code="NL", party_id="TNM")
    RoamingToken.objects.create(provider=provider, uid="AABBCCDD", contract_id="NL-TNM-SECRET")
    data = typed(tree, uid="AABBCCDD", whitelist="on")
    shown = as_bob.post(reverse("pass_add"), data)
    assert "A connected network knows this card: it is a public card." in beside(shown, "uid")
    assert "SECRET" not in text(shown)
    form = as_bob.post(reverse("pass_add"), data | {"take": "public"}).context["form"]
    assert (form["kind"].value(), bool(form["whitelist"].value())) == ("public", False)
    assert "Pass added." in text(as_bob.post(reverse("pass_add"), data | {"keep_public": "AABBCCDD"}, follow=True))
    theirs = typed(tree, uid="AABBCCDD", organization=tree.other_customer.pk)
    assert "Pass added." in text(as_dan.post(reverse("pass_add"), theirs, follow=True)), "a network of others says nothing here"


@pytest.mark.parametrize("uid", ["KEYFOB01", "=1+1", "@home", "<b>04112233", "0411 22 3", "12"])
def test_what_cannot_be_a_uid_is_refused(uid: str, tree: Tree, as_bob: Client) -> None:
    assert beside(as_bob.post(reverse("pass_add"), typed(tree, uid=uid)), "uid")
    CardOffer.objects.create(station=tree.other_station, id_tag=uid, verdict="Invalid", reason="unknown", action="Authorize")
    assert beside(as_bob.post(reverse("pass_add"), typed(tree, uid=uid)), "uid"), "what others' stations send does not count"
    assert ChargePass.objects.count() == 1


def test_of_cards_at_stations_of_others_nothing_is_said(tree: Tree, as_bob: Client, client_of: Any) -> None:
    CardOffer.objects.create(station=tree.other_station, id_tag="DDCCBBAA", verdict="Invalid", reason="unknown", action="Authorize")
    CardOffer.objects.create(station=tree.station, id_tag="0D0C0B0A", verdict="Invalid", reason="unknown", action="Authorize")
    assert "Pass added." in text(as_bob.post(reverse("pass_add"), typed(tree, uid="AABBCCDD"), follow=True))
    masked = client_of(with_rights(tree, rights.MANAGE_PASSES, rights.READ_TRANSACTIONS))
    assert "Pass added." in text(masked.post(reverse("pass_add"), typed(tree, uid="0A0B0C0D"), follow=True))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "public"}, "Do not whitelist a card that should be settled"),
        ({"uid": "ABCDEF"}, "The UID has 6 characters; those of cards have 8, 14 or 20"),
    ],
)
def test_what_is_probably_not_meant_so_is_warned_of_and_done(values: dict[str, Any], said: str, tree: Tree, as_bob: Client) -> None:
    shown = text(as_bob.post(reverse("pass_add"), typed(tree, **values), follow=True))
    assert "Pass added." in shown
    assert said in shown


def test_roaming_free_is_for_public_cards(tree: Tree, as_bob: Client) -> None:
    assert "Roaming free is for public cards" in beside(as_bob.post(reverse("pass_add"), typed(tree, roaming_free="on")), "roaming_free")
    own = Listing.objects.get(charge_pass=tree.charge_pass)
    answer = as_bob.post(reverse("pass_lists", args=[tree.charge_pass.pk]), {"listing": own.pk, "roaming_free": "on"})
    assert "Roaming free is for public cards" in text(answer)
    as_bob.post(reverse("pass_add"), typed(tree, roaming_free="on", whitelist="", kind="public"))
    made = ChargePass.objects.get(uid="04112233")
    assert (made.listings.get().whitelist, made.listings.get().roaming_free) == (False, True)
    answer = as_bob.post(reverse("pass_edit", args=[made.pk]), typed(tree))
    assert "roaming free at an organization" in beside(answer, "kind")


def test_a_user_must_belong_there_and_a_group_too(tree: Tree, as_bob: Client, as_ada: Client) -> None:
    holder, group = cardholder(tree), create_group(actor=None, organization=tree.partner, name="Fitters")
    assert "This cannot be chosen here" in beside(as_bob.post(reverse("pass_add"), typed(tree, user=tree.dan.pk)), "user")
    assert "belongs neither to" in beside(as_ada.post(reverse("pass_add"), typed(tree, user=tree.dan.pk)), "user")
    assert "another organization" in beside(as_bob.post(reverse("pass_add"), typed(tree, group=group.pk)), "group")
    as_bob.post(reverse("pass_add"), typed(tree, user=holder.pk))
    assert ChargePass.objects.get(uid="04112233").user == holder


# -- the sheet ----------------------------------------------------------------------------------------------------------------------------


def test_the_sheet_says_what_it_is_where_it_works_and_why_it_is_blocked(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    url = reverse("pass", args=[tree.charge_pass.pk])
    as_bob.post(reverse("pass_block", args=[tree.charge_pass.pk]), {"reason": "Lost by Greta"})
    shown = text(as_bob.get(url))
    for said in (
        CARD,
        REVERSED,
        "NL-TNM-B12345-6",
        "Reason: Lost by Greta",
        "By Bob",
        "Harbour Offices",
        "2 stations",
        "The pass is blocked.",
    ):
        assert said in shown, said
    shown = text(as_cy.get(url))
    assert "Lost by Greta" not in shown
    assert "By ****" in shown
    as_bob.post(reverse("pass_unblock", args=[tree.charge_pass.pk]))
    assert "Free for the driver; the owner of the station pays" in text(as_bob.get(url))


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"valid_until": timezone.now() - timedelta(days=1)}, "Expired"),
        ({"valid_from": timezone.now() + timedelta(days=300)}, "Not valid yet"),
        ({"daily_kwh": 5}, "Valid, restricted"),
    ],
)
def test_states(fields: dict[str, Any], word: str, tree: Tree, as_bob: Client) -> None:
    edit_pass(actor=None, charge_pass=tree.charge_pass, **fields)
    assert f"State {word}" in text(as_bob.get(reverse("pass", args=[tree.charge_pass.pk])))


# -- lists --------------------------------------------------------------------------------------------------------------------------------


def test_a_pass_comes_onto_the_list_of_an_organization_of_its_line_and_off(tree: Tree, as_bob: Client) -> None:
    url = reverse("pass_lists", args=[tree.charge_pass.pk])
    offered = as_bob.get(url).content.decode()
    assert f'<option value="{tree.partner.pk}"' in offered
    assert "Green Grid" not in offered
    as_bob.post(url, {"organization": tree.partner.pk, "whitelist": "on"})
    listing = Listing.objects.get(organization=tree.partner)
    assert (listing.whitelist, listing.below) == (True, False)
    as_bob.post(url, {"listing": listing.pk, "below": "on", "drawn": '{"whitelist": true, "below": false}'})
    listing.refresh_from_db()
    assert (listing.whitelist, listing.below) == (False, True)
    as_bob.post(reverse("listing_off", args=[listing.pk]))
    assert not Listing.objects.filter(pk=listing.pk).exists()
    own = Listing.objects.get()
    assert "stays on the list" in text(as_bob.post(reverse("listing_off", args=[own.pk])))
    assert Listing.objects.exists()


def test_a_pass_of_above_is_on_our_list_without_a_name_and_may_be_taken_off(tree: Tree, client_of: Any) -> None:
    above = create_pass(actor=None, organization=tree.partner, uid="04000009", nickname="Bobs own", whitelist=False)
    listing = list_pass(actor=None, charge_pass=above, organization=tree.customer, whitelist=True)
    ours = client_of(with_rights(tree, rights.MANAGE_PASSES, rights.PERSONAL_DATA))
    shown = ours.get(reverse("listings"), {"in": f"o{tree.customer.pk}"})
    assert "a pass of an organization above" in text(shown)
    for secret in ("04000009", "Bobs own"):
        assert secret not in shown.content.decode()
        assert ours.get(reverse("listings"), {"q": secret}).context["page"].paginator.count == 0
    assert ours.get(reverse("pass", args=[above.pk])).status_code == 404
    assert "Take **** off the list of Harbour Offices?" in text(ours.get(reverse("listing_off", args=[listing.pk])))
    ours.post(reverse("listing_off", args=[listing.pk]))
    assert not Listing.objects.filter(pk=listing.pk).exists()


def test_many_switches_at_once_say_what_they_do(tree: Tree, as_bob: Client) -> None:
    public = create_pass(actor=None, organization=tree.customer, uid="04000001", kind="public", whitelist=False)
    data = {"action": "whitelist", "select": [public.pk, tree.charge_pass.pk]}
    said = text(as_bob.post(reverse("passes"), data))
    assert "1 pass is whitelisted" in said
    assert "1 of these is a public card" in said
    as_bob.post(reverse("passes"), data | {"confirmed": "1"})
    assert Listing.objects.filter(whitelist=True).count() == 2
    data = {"action": "roaming-free", "select": list(Listing.objects.values_list("pk", flat=True))}
    assert "1 is left out: roaming free is for public cards." in text(as_bob.post(reverse("listings"), data))
    as_bob.post(reverse("listings"), data | {"confirmed": "1"})
    assert list(Listing.objects.filter(roaming_free=True).values_list("charge_pass", flat=True)) == [public.pk]
    assert "Nothing would change: roaming free is for public cards." in text(as_bob.post(reverse("listings"), data))


# -- restrictions and groups --------------------------------------------------------------------------------------------------------------


def test_restrictions_are_chosen_looked_up_and_shown_with_what_is_used_up(tree: Tree, as_bob: Client) -> None:
    url = reverse("pass_restrictions", args=[tree.charge_pass.pk])
    data = {
        "stations": [tree.station.pk], "hours-0-days": ["0", "1", "2"], "hours-0-from": "08:00", "hours-0-to": "18:00", "daily_kwh": "20",
    }  # fmt: skip
    looked = as_bob.post(url, data | {"look": "1", "daily_kwh": "x"})
    assert looked.context["form"]["daily_kwh"].value() == "x", "nothing is lost"
    as_bob.post(url, data)
    tree.charge_pass.refresh_from_db()
    assert tree.charge_pass.only_stations == [tree.station.pk]
    assert tree.charge_pass.hours == [{"days": [0, 1, 2], "from": "08:00", "to": "18:00"}]
    told = text(as_bob.get(reverse("pass_history", args=[tree.charge_pass.pk])))
    assert "Only these stations: added Gate" in told
    assert "Only at these times: added Monday–Wednesday, 08:00–18:00" in told
    Transaction.objects.create(
        station=tree.station, connector=tree.connector, transaction_id="1", id_tag=CARD, verdict="Accepted", settlement="whitelist",
        started_at=timezone.now(), pass_key=tree.charge_pass.pk, reported_start="", start_received_at=timezone.now(),
        meter_start=0, meter_stop=20_500,
    )  # fmt: skip
    shown = text(as_bob.get(url))
    for said in ("Gate", "Monday–Wednesday, 08:00–18:00", "all used up: 20.5 kWh so far"):
        assert said in shown
    wrong = as_bob.post(url, {"hours-0-days": ["0"], "hours-0-from": "08:00"})
    assert "Row 1: enter when it begins and when it ends" in text(wrong)


def test_places_that_one_does_not_see_stay_and_are_not_named(tree: Tree, as_bob: Client) -> None:
    edit_pass(actor=None, charge_pass=tree.charge_pass, only_locations=[tree.location.pk, tree.other_location.pk])
    url = reverse("pass_restrictions", args=[tree.charge_pass.pk])
    shown = text(as_bob.get(url))
    assert "And 1 that you do not see" in shown
    assert "Seeblick" not in shown
    assert "cannot be chosen here" in text(as_bob.post(url, {"locations": [tree.other_location.pk], "keep_hidden": "on"}))
    as_bob.post(url, {"keep_hidden": "on"})
    tree.charge_pass.refresh_from_db()
    assert tree.charge_pass.only_locations == [tree.other_location.pk]


@pytest.mark.parametrize("kind", ["pass", "pass_group"])
def test_of_two_who_restrict_at_once_nobody_overwrites_what_the_other_wrote(tree: Tree, as_bob: Client, kind: str) -> None:
    thing: Any = tree.charge_pass if kind == "pass" else create_group(actor=None, organization=tree.customer, name="Fitters")
    url = reverse(f"{kind}_restrictions", args=[thing.pk])
    drawn = {"drawn": as_bob.get(url).context["drawn"]}
    hours = [{"days": [0], "from": "08:00", "to": "18:00"}]
    theirs = {"only_stations": [tree.station.pk], "only_locations": [tree.other_location.pk], "hours": hours}
    for name, value in theirs.items():  # meanwhile, and one of it where Bob sees nothing
        setattr(thing, name, value)
    thing.save()
    as_bob.post(url, drawn | {"daily_kwh": "20"})
    thing.refresh_from_db()
    assert {name: getattr(thing, name) for name in theirs} == theirs
    assert thing.daily_kwh == 20
    both = {"stations": [tree.dc_station.pk], "hours-0-days": ["1"], "hours-0-from": "09:00", "hours-0-to": "10:00"}
    asked = as_bob.post(url, drawn | {"daily_kwh": "20"} | both)
    assert "Now it is: “Monday, 08:00–18:00”." in text(asked)
    assert f"Now it is: “Quay 7 · {tree.station.name_and_id}”." in text(asked)
    as_bob.post(url, {"drawn": asked.context["drawn"], "daily_kwh": "20", "keep_hidden": "on"} | both)
    thing.refresh_from_db()
    assert (thing.only_stations, thing.only_locations) == ([tree.dc_station.pk], [tree.other_location.pk])
    assert thing.hours == [{"days": [1], "from": "09:00", "to": "10:00"}]


@pytest.mark.parametrize("end", ["00:00", "24:00"])
def test_a_whole_day_ends_at_midnight(tree: Tree, as_bob: Client, end: str) -> None:
    url = reverse("pass_restrictions", args=[tree.charge_pass.pk])
    as_bob.post(url, {"hours-0-days": ["0"], "hours-0-from": "00:00", "hours-0-to": end})
    tree.charge_pass.refresh_from_db()
    assert tree.charge_pass.hours == [{"days": [0], "from": "00:00", "to": "00:00"}]
    assert "Monday, 00:00–24:00" in text(as_bob.get(url))


def test_of_many_places_those_are_offered_that_are_looked_for(tree: Tree, as_bob: Client) -> None:
    Location.objects.bulk_create(
        [Location(organization=tree.customer, name=f"Yard {n:02}", city="X", country="NL", time_zone="Europe/Amsterdam") for n in range(30)]
    )
    url = reverse("pass_restrictions", args=[tree.charge_pass.pk])
    assert "Yard 07" not in text(as_bob.get(url))
    looked = as_bob.post(url, {"look": "1", "find": "yard 07", "locations": [tree.location.pk]})
    assert [label for _key, label in looked.context["form"].fields["locations"].choices] == ["Quay 7", "Yard 07"]


def test_a_group_is_made_restricted_filled_and_deleted(tree: Tree, as_bob: Client) -> None:
    as_bob.post(reverse("pass_group_add"), {"organization": tree.customer.pk, "name": "Fitters", "group_id": "FIT-1"})
    (group,) = tree.customer.pass_groups.all()
    as_bob.post(reverse("pass_group_restrictions", args=[group.pk]), {"monthly_kwh": "300"})
    data = {"action": "group", "select": [tree.charge_pass.pk], "confirmed": "1", "group": group.pk}
    asked = text(as_bob.post(reverse("passes"), data))
    assert "1 pass comes into Fitters." in asked
    as_bob.post(reverse("passes"), data | {"sure": "1"})
    tree.charge_pass.refresh_from_db()
    assert tree.charge_pass.group == group
    assert "0.0 kWh used so far" in text(as_bob.get(reverse("pass_group", args=[group.pk])))
    assert "from the group Fitters" in text(as_bob.get(reverse("pass_restrictions", args=[tree.charge_pass.pk])))
    assert "1 pass is in the group. It stays, without a group." in text(as_bob.get(reverse("pass_group_delete", args=[group.pk])))
    as_bob.post(reverse("pass_group_delete", args=[group.pk]))
    tree.charge_pass.refresh_from_db()
    assert tree.charge_pass.group is None


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("unblock", "No pass that is chosen is blocked"),
        ("group", "No pass that is chosen is in a group."),
        ("move", "No pass that is chosen can move there. It belongs to Harbour Offices already."),
    ],
)
def test_what_would_do_nothing_to_any_of_them_is_not_asked(tree: Tree, as_bob: Client, action: str, said: str) -> None:
    data = {"action": action, "select": [tree.charge_pass.pk], "organization": tree.customer.pk, "group": "", "confirmed": "1"}
    asked = as_bob.post(reverse("passes"), data)
    assert said in text(asked)
    assert 'name="confirmed"' not in asked.content.decode()


# -- moving and users ---------------------------------------------------------------------------------------------------------------------


def test_a_move_says_what_changes_and_takes_off_what_does_not_fit(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    group = create_group(actor=None, organization=tree.customer, name="Fitters")
    edit_pass(actor=None, charge_pass=tree.charge_pass, group=group, user=cardholder(tree))
    url = reverse("pass_move", args=[tree.charge_pass.pk])
    assert "This cannot be chosen here" in beside(as_bob.post(url, {"organization": tree.other_customer.pk}), "organization")
    asked = text(as_ada.post(url, {"organization": tree.other_customer.pk}))
    for said in (
        "comes off the list of: Harbour Offices",
        "comes onto the list of Hotel Seeblick: whitelisted",
        "Greta is taken off",
        "Fitters",
    ):
        assert said in asked, said
    as_ada.post(url, {"organization": tree.other_customer.pk, "confirmed": "1"})
    tree.charge_pass.refresh_from_db()
    assert (tree.charge_pass.organization, tree.charge_pass.user, tree.charge_pass.group) == (tree.other_customer, None, None)
    assert [(one.organization, one.whitelist) for one in Listing.objects.all()] == [(tree.other_customer, True)]
    assert as_bob.get(reverse("pass", args=[tree.charge_pass.pk])).status_code == 404


def test_a_move_to_where_the_card_is_already_is_refused_and_many_move_at_once(tree: Tree, as_bob: Client) -> None:
    create_pass(actor=None, organization=tree.partner, uid="04000001")
    same = create_pass(actor=None, organization=tree.customer, uid="04000001")
    url = reverse("pass_move", args=[same.pk])
    assert "already has a pass with this UID" in beside(as_bob.post(url, {"organization": tree.partner.pk}), "organization")
    data = {"action": "move", "select": [same.pk, tree.charge_pass.pk], "confirmed": "1", "organization": tree.partner.pk}
    asked = text(as_bob.post(reverse("passes"), data))
    assert "1 pass moves to Lumen Installers." in asked
    assert "They stay on the lists of: Harbour Offices." in asked
    assert "1 stays where it is: Lumen Installers already has a pass with this UID." in asked
    assert "1 pass is moved." in text(as_bob.post(reverse("passes"), data | {"sure": "1"}, follow=True))


def test_the_page_of_a_user_has_their_passes_and_says_that_these_stop(tree: Tree, as_bob: Client) -> None:
    holder = cardholder(tree)
    edit_pass(actor=None, charge_pass=tree.charge_pass, user=holder)
    shown = as_bob.get(reverse("user_passes", args=[holder.pk]))
    assert f"Pool car 1 {CARD}" in text(shown)
    added = as_bob.get(f"{reverse('pass_add')}?user={holder.pk}").context["form"]
    assert (added.initial["user"], added.initial["organization"]) == (holder.pk, tree.customer.pk)
    assert "1 pass of this user stops charging." in text(as_bob.get(reverse("user_deactivate", args=[holder.pk])))
    asked = as_bob.post(reverse("users"), {"action": "deactivate", "select": [holder.pk]})
    assert "1 pass of these users stops charging." in text(asked)
    as_bob.post(reverse("user_deactivate", args=[holder.pk]))
    assert "State User deactivated" in text(as_bob.get(reverse("pass", args=[tree.charge_pass.pk])))


@pytest.mark.parametrize("name", ["listings", "pass_groups"])
def test_lists_cost_the_same_with_thirty_rows_as_with_three(
    name: str, tree: Tree, as_bob: Client, django_assert_max_num_queries: Any
) -> None:
    def fill(start: int, count: int) -> None:
        for number in range(start, start + count):
            create_pass(actor=None, organization=tree.customer, uid=f"0{number}", user=tree.cy)
            create_group(actor=None, organization=tree.customer, name=f"G {number}")

    def queries() -> int:
        with django_assert_max_num_queries(22) as counted:
            as_bob.get(reverse(name), {"per_page": "50"})
        return len(counted.captured_queries)

    fill(0, 2)
    before = queries()
    fill(2, 27)
    assert queries() == before
