"""Why a card is accepted or refused: the check page, the cards offered, their steps in words, what helps – and what nobody else learns."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from passes.actions import create_pass, edit_pass, list_pass
from passes.authorizing import authorize
from passes.models import ChargePass, Listing, Provider, RoamingToken
from passes.steps import ANSWERS, SENTENCES, SILENT, Words, read
from passes.trial import attempt
from stations.hooks import Offer, Step, place_of
from stations.models import AccessMode, CardOffer, Location, Station, StatusChange, Transaction
from tenancy import rights
from tenancy.models import AuditEntry, User
from tests.conftest import CARD, Tree
from tests.stations.sheets import online
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]
OTHER = "04FFEE11DD22CC"


def text(answer: Any) -> str:
    source = answer.content.decode()
    source = re.sub(r"as of [\d:]+", "", source[source.index('id="main"') :])
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source)).split())


def ask(client: Client, station: Station, card: str = CARD, **query: Any) -> Any:
    answer = client.get(reverse("card_check"), {"station": station.pk, "card": card} | query)
    assert answer.status_code == 200
    return answer


def buttons(answer: Any) -> dict[str, str]:
    """Remedies by their label; the address is empty where it is no button."""
    return {remedy.label: remedy.url for remedy in answer.context["remedies"]}


def mode(tree: Tree, value: AccessMode) -> None:
    Location.objects.filter(pk=tree.location.pk).update(access_mode=value)


def offered(station: Station, uid: str = CARD, **fields: Any) -> CardOffer:
    """As the gateway keeps it."""
    (verdict,) = authorize([Offer(place_of(station), uid, timezone.now())])
    kept = {
        "action": "StartTransaction" if verdict.status == "Accepted" else "Authorize",
        "holder": verdict.holder, "verdict": verdict.status, "reason": verdict.reason, "settlement": verdict.settlement,
        "pass_key": verdict.pass_key, "token_key": verdict.token_key, "steps": [list(step) for step in verdict.steps],
    }  # fmt: skip
    return CardOffer.objects.create(station=station, id_tag=uid, **(kept | fields))


# -- the verdict ------------------------------------------------------------------------------------------------------------------------


def test_the_verdict_comes_first_then_who_pays_then_every_rule(tree: Tree, as_bob: Client) -> None:
    answer = ask(as_bob, tree.station)
    said = text(answer)
    order = ("Accepted", "on the organization's whitelist", "driver charges free", "Every rule", "The card is known: Pool car 1",
             "not blocked", "takes passes that are on the whitelist", "on the whitelist of Harbour Offices")  # fmt: skip
    assert [said.index(part) for part in order] == sorted(said.index(part) for part in order)
    assert "What helps" not in said
    assert "Would work offline Not known" in text(answer)
    mode(tree, AccessMode.ROAMING)
    assert [one.good for one in ask(as_bob, tree.station).context["steps"]] == [True, True, False, True, False]
    mode(tree, AccessMode.ROAMING_WHITELIST)
    assert False not in [one.good for one in ask(as_bob, tree.station).context["steps"]], "nothing speaks against an accepted card"


@pytest.mark.parametrize("typed", [CARD, "04:a2:b3:c4:d5:e6:80", "NL-TNM-B12345-6", "pool car 1", "Pool"])
def test_a_card_is_named_by_uid_number_or_name(typed: str, tree: Tree, as_bob: Client) -> None:
    assert ask(as_bob, tree.station, typed).context["trial"].uid == CARD


def test_a_name_that_fits_several_is_asked_about(tree: Tree, as_bob: Client) -> None:
    create_pass(actor=None, organization=tree.customer, uid=OTHER, nickname="Pool car 2")
    answer = ask(as_bob, tree.station, "pool car")
    assert "More than one pass has this name" in text(answer)
    assert [one.uid for one, _url in answer.context["choices"]] == [CARD, OTHER]
    assert ask(as_bob, tree.station, "pool car 2").context["trial"].uid == OTHER


def test_bad_input_has_a_message_and_nothing_typed_is_lost(tree: Tree, as_bob: Client) -> None:
    answer = ask(as_bob, tree.station, "nobody has such a long name as this one at all, surely")
    assert "There is no pass with this name" in text(answer)
    assert 'value="nobody has such a long name as this one at all, surely"' in answer.text
    assert "This cannot be chosen here" in text(ask(as_bob, tree.other_station))
    answer = ask(as_bob, tree.station, "NL-TNM-B77777-1")
    assert "No card with this number is known here: type its UID." in text(answer)
    assert "trial" not in answer.context, "no verdict about a number"
    assert "No card with this number is known here" in text(ask(as_bob, tree.station, "0815"))


def test_of_more_stations_than_a_list_holds_some_are_looked_for(tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def offers(**query: Any) -> list[str]:
        form = as_bob.get(reverse("card_check"), query).context["form"]
        return [one.identity for one in form.fields["station"].queryset]

    assert offers() == ["LUM-0001", "LUM-0002"]
    monkeypatch.setattr("passes.pages.check.MOST_STATIONS", 1)
    assert len(offers()) == 1
    assert offers(find="0002", card=CARD) == ["LUM-0002"]
    assert offers(find="0002", station=tree.station.pk) == ["LUM-0001", "LUM-0002"]
    assert ask(as_bob, tree.station).context["trial"].accepted


def test_a_trial_asks_nobody_and_says_who_would_be(tree: Tree, as_bob: Client, as_ada: Client, client_of: Login) -> None:
    mode(tree, AccessMode.ROAMING)
    provider = Provider.objects.create(organization=tree.partner, name="Lichtnet", country_code="NL", party_id="LNT", realtime=True)
    RoamingToken.objects.create(provider=provider, uid=OTHER, contract_id="NL-LNT-C1")
    answer = ask(as_bob, tree.station, OTHER)
    assert answer.context["trial"].accepted
    assert "Lichtnet would be asked now" in text(answer)
    assert "The card holder pays" in text(answer)
    assert RoamingToken.objects.get().answered_at is None
    looker = client_of(somebody(tree.customer, [rights.READ_TRANSACTIONS, rights.PERSONAL_DATA]))
    said = text(ask(looker, tree.station, OTHER))
    assert "a network that is connected above would be asked now" in said
    assert "Lichtnet" not in said


def test_a_card_that_charges_elsewhere(tree: Tree, as_bob: Client) -> None:
    online(tree.dc_station)
    now = timezone.now()
    running = Transaction.objects.create(
        station=tree.dc_station, connector=tree.dc_station.connectors.get(number=1), id_tag=CARD, verdict="Accepted",
        pass_key=tree.charge_pass.pk, started_at=now, reported_start="", start_received_at=now, meter_start=0,
    )  # fmt: skip
    answer = ask(as_bob, tree.station)
    assert f"The card charges already: transaction {running.pk} at LUM-0002" in text(answer)
    assert buttons(answer)["Look at that transaction"] == reverse("transaction", args=[running.pk])


def test_the_page_costs_the_same_for_every_card(tree: Tree, as_bob: Client) -> None:
    ask(as_bob, tree.station)
    with CaptureQueriesContext(
        connection,
    ) as few:
        ask(as_bob, tree.station)
    for number in range(20):
        create_pass(actor=None, organization=tree.customer, uid=f"04AA{number:010}", nickname=f"Car {number}")
    with CaptureQueriesContext(connection) as many:
        ask(as_bob, tree.station)
    assert len(many) == len(few)


# -- what helps -------------------------------------------------------------------------------------------------------------------------


def spoil(tree: Tree, how: str) -> None:
    charge_pass, now = tree.charge_pass, timezone.now()
    match how:
        case "blocked":
            edit_pass(actor=None, charge_pass=charge_pass, blocked=True)
        case "expired":
            edit_pass(actor=None, charge_pass=charge_pass, valid_until=now - timedelta(days=1))
        case "not_yet":
            edit_pass(actor=None, charge_pass=charge_pass, valid_from=now + timedelta(days=1))
        case "not_listed":
            list_pass(actor=None, charge_pass=charge_pass, organization=tree.customer, whitelist=False)
        case "mode":
            mode(tree, AccessMode.ROAMING)
        case "not_here":
            edit_pass(actor=None, charge_pass=charge_pass, only_stations=[tree.dc_station.pk])
        case "unknown":
            charge_pass.delete()
        case "turned":
            edit_pass(actor=None, charge_pass=charge_pass, uid="80E6D5C4B3A204")
        case "elsewhere":
            below = create_pass(actor=None, organization=tree.partner, uid=OTHER, nickname="Of the partner")
            charge_pass.delete()
            edit_pass(actor=None, charge_pass=below, uid=CARD)
        case "user_off":
            User.objects.filter(pk=tree.cy.pk).update(is_active=False)
            edit_pass(actor=None, charge_pass=charge_pass, user=tree.cy)


REMEDIES = {
    "blocked": ("Unblock", "pass_unblock"), "expired": ("Extend the validity", "pass_edit"),
    "not_yet": ("Let it begin earlier", "pass_edit"),
    "not_listed": ("Whitelist it here", "pass_whitelist_here"), "mode": ("Change the access mode", "location_edit"),
    "not_here": ("Change the restrictions", "pass_restrictions"), "unknown": ("Add it as a pass", "pass_add"),
    "turned": ("Correct the UID", "pass_correct_uid"), "elsewhere": ("Whitelist it here", "pass_whitelist_here"),
    "user_off": ("Activate the user", "user"),
}  # fmt: skip


@pytest.mark.parametrize("how", REMEDIES)
def test_a_refusal_has_its_remedy_for_who_may_and_names_who_could_for_all_others(
    how: str, tree: Tree, as_bob: Client, client_of: Login
) -> None:
    spoil(tree, how)
    label, route = REMEDIES[how]
    answer = ask(as_bob, tree.station)
    assert not answer.context["trial"].accepted
    key = {"pass_add": [], "location_edit": [tree.location.pk], "user": [tree.cy.pk]}.get(route)
    url = buttons(answer)[label]
    charge_pass = ChargePass.objects.first()
    if key is None:
        key = [charge_pass.pk, tree.station.pk] if route == "pass_whitelist_here" else [charge_pass.pk]  # type: ignore[union-attr]
    assert url.startswith(reverse(route, args=key))
    assert as_bob.get(url).status_code == 200
    looker = client_of(somebody(tree.partner, [rights.READ_TRANSACTIONS, rights.PERSONAL_DATA]))
    said = ask(looker, tree.station)
    assert not any(buttons(said).values())
    assert "can give you a role with the right" in text(said)


@pytest.mark.parametrize("how", ["not_listed", "elsewhere", "blocked", "turned"])
def test_a_remedy_asks_first_then_the_card_charges(how: str, tree: Tree, as_bob: Client) -> None:
    spoil(tree, how)
    answer = ask(as_bob, tree.station)
    url = buttons(answer)[REMEDIES[how][0]]
    asked = text(as_bob.get(url))
    assert {"not_listed": "its owner pays", "elsewhere": "their owner pays"}.get(how, "").removeprefix("its ").removeprefix(
        "their "
    ) in asked
    assert not attempt(tree.station, CARD).accepted
    before = AuditEntry.objects.count()
    done = as_bob.post(url, follow=True)
    assert done.context["trial"].accepted, "back at the page, with the verdict of now"
    assert AuditEntry.objects.count() == before + (2 if how == "elsewhere" else 1)  # of the pass, and of the list of another organization


def test_a_public_card_is_not_whitelisted_without_a_warning(tree: Tree, as_bob: Client) -> None:
    edit_pass(actor=None, charge_pass=tree.charge_pass, kind=ChargePass.Kind.PUBLIC)
    assert "settled with nobody" in text(as_bob.get(reverse("pass_whitelist_here", args=[tree.charge_pass.pk, tree.station.pk])))


@pytest.mark.parametrize("user", ["cy", "dan"])
def test_remedies_need_their_right(user: str, tree: Tree, client_of: Login) -> None:
    edit_pass(actor=None, charge_pass=tree.charge_pass, blocked=True)
    client, key = client_of(getattr(tree, user)), tree.charge_pass.pk
    for url in (
        reverse("pass_unblock", args=[key]),
        reverse("pass_whitelist_here", args=[key, tree.station.pk]),
        reverse("pass_correct_uid", args=[key]),
    ):
        assert client.post(url).status_code == (403 if user == "cy" else 404)
    assert ChargePass.objects.get().blocked
    assert ChargePass.objects.get().uid == CARD


# -- what others learn ------------------------------------------------------------------------------------------------------------------


def test_a_stranger_with_the_same_card_learns_nothing(tree: Tree, as_dan: Client) -> None:
    nobody = text(ask(as_dan, tree.other_station, OTHER)).replace(OTHER, CARD)
    assert text(ask(as_dan, tree.other_station)) == nobody
    offered(tree.station)
    offered(tree.other_station)
    for url in ("card_offers", "card_check"):
        page = as_dan.get(reverse(url))
        assert "Pool car 1" not in page.text
        assert "LUM-0001" not in page.text
    assert as_dan.get(reverse("card_offers")).context["page"].paginator.count == 1
    assert "LUM-0001" not in b"".join(as_dan.get(reverse("card_offers"), {"export": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    turned = ask(as_dan, tree.other_station, "80E6D5C4B3A204")
    assert "Correct the UID" not in buttons(turned)


def test_a_pass_from_above_is_named_to_nobody_below(tree: Tree, client_of: Login) -> None:
    everything = [code for code in rights.RIGHTS if code != rights.MANAGE_ORGANIZATIONS]
    client = client_of(somebody(tree.customer, everything))
    above = create_pass(actor=None, organization=tree.partner, uid=OTHER, nickname="Chief's own", visible_number="NL-XXX-1", below=True)
    for blocked in (False, True):
        edit_pass(actor=None, charge_pass=above, blocked=blocked)
        answer = ask(client, tree.station, OTHER)
        offer = client.get(reverse("card_offer", args=[offered(tree.station, OTHER).pk]))
        listed = client.get(reverse("card_offers"))
        for page in (answer, offer, listed, client.get(reverse("station_activity", args=[tree.station.pk]))):
            assert not [secret for secret in ("Chief", "NL-XXX-1", "Lumen", f"/passes/{above.pk}/") if secret in page.text]
        assert "The card is known: a pass of an organization above." in text(answer)
        assert "a pass of an organization above" in text(offer)
    assert "belongs to another organization" in text(answer)
    assert buttons(answer) == {"Unblock": ""}


def test_without_personal_data_the_steps_lead_to_no_card(tree: Tree, as_cy: Client) -> None:
    offer = offered(tree.station)
    page = as_cy.get(reverse("card_offer", args=[offer.pk]))
    assert not [secret for secret in (CARD, "Pool car", reverse("pass", args=[tree.charge_pass.pk])) if secret in page.text]
    assert "****" in page.text
    assert "The card is known: it has a pass" in text(page)
    assert as_cy.get(reverse("card_check")).status_code == 403


# -- the steps in words -----------------------------------------------------------------------------------------------------------------


def test_every_rule_has_its_sentence(tree: Tree) -> None:
    details = {"asked": ANSWERS, "network_valid": ANSWERS, "policy": SILENT}
    steps = [Step(rule, good, "pass", tree.charge_pass.pk, detail) for rule, good in SENTENCES for detail in details.get(rule, ["1.5/3"])]
    for told in Words(tree.bob, [steps]).of(steps, tree.location):
        assert "%(" not in str(told)
        assert "{" not in str(told)
        assert str(told) != told.rule


def test_stored_steps_read_like_fresh_ones_and_rubbish_breaks_nothing(tree: Tree) -> None:
    verdict = attempt(tree.station, CARD).verdict
    stored = read([*[list(step) for step in verdict.steps], ["new_rule", True], [], "x", None, ["a"]])
    fresh = [str(one) for one in Words(tree.bob, [verdict.steps]).of(verdict.steps, tree.location)]
    assert [str(one) for one in Words(tree.bob, [stored]).of(stored, tree.location)] == [*fresh, "new_rule"]
    assert read(None) == []
    gone = [Step("known", True, "pass", 999_999), Step("concurrent", False, "transaction", 0)]
    told = [str(one) for one in Words(tree.bob, [gone]).of(gone, tree.location)]
    assert told == ["The card is known: a pass that has been deleted.", "The card charges already: at another station."]


# -- cards offered ----------------------------------------------------------------------------------------------------------------------


def rows(client: Client, route: str = "card_offers", *args: Any, **query: Any) -> list[str]:
    answer = client.get(reverse(route, args=args), query)
    return [row.record.id_tag for row in answer.context["table"].rows]


def test_the_list_has_every_card_and_its_filters(tree: Tree, as_bob: Client) -> None:
    offered(tree.station)
    offered(tree.dc_station, OTHER)
    offered(tree.station, "04010203", at=timezone.now() - timedelta(days=40))
    said = text(as_bob.get(reverse("card_offers")))
    assert "Pool car 1" in said
    assert "The pass is on the organization's whitelist." in said
    assert "Add as a pass" in said
    assert reverse("pass_add") + f"?uid={OTHER}&in=o{tree.customer.pk}" in html.unescape(as_bob.get(reverse("card_offers")).text)
    for query, found in (
        ({"verdict": "refused"}, [OTHER, "04010203"]), ({"known": "no", "period": "week"}, [OTHER]), ({"known": "yes"}, [CARD]),
        ({"card": "pool"}, [CARD]), ({"card": "ffee"}, [OTHER]), ({"station": "0002"}, [OTHER]), ({"reason": "listed"}, [CARD]),
        ({"in": f"l{tree.location.pk}"}, [OTHER, CARD, "04010203"]), ({"in": f"o{tree.other_partner.pk}"}, None),
    ):  # fmt: skip
        if found is None:
            assert as_bob.get(reverse("card_offers"), query).status_code == 404
        else:
            assert rows(as_bob, **query) == found, query
    exported = b"".join(as_bob.get(reverse("card_offers"), {"export": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert f"{CARD} (Pool car 1)" in exported
    assert "Whitelisting" in exported


def test_the_list_costs_the_same_with_more_rows(tree: Tree, as_bob: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            as_bob.get(reverse("card_offers"))
        return len(found)

    for number in range(3):
        offered(tree.dc_station if number % 2 else tree.station, f"0401020{number}")
    queries()
    few = queries()
    for number in range(30):
        offered(tree.dc_station if number % 2 else tree.station, f"04{number:06}")
        create_pass(actor=None, organization=tree.customer, uid=f"05{number:06}")
    assert queries() == few


def test_a_card_is_not_found_by_what_is_masked(tree: Tree, as_cy: Client) -> None:
    offered(tree.station)
    offered(tree.station, OTHER)
    assert len(rows(as_cy, card="nonsense")) == 2
    page = as_cy.get(reverse("card_offers"))
    assert not [secret for secret in (CARD, OTHER, "Pool car", "Add as a pass") if secret in page.text]


def test_the_activity_of_a_pass_and_of_its_user(tree: Tree, as_bob: Client, as_dan: Client, as_cy: Client) -> None:
    edit_pass(actor=None, charge_pass=tree.charge_pass, user=tree.cy)
    offered(tree.station)
    offered(tree.station, OTHER)
    offered(tree.dc_station, CARD.lower(), pass_key=None, holder="", verdict="Invalid", reason="unknown")
    offered(tree.other_station)  # the same card at a stranger's
    for route, key in (("pass_activity", tree.charge_pass.pk), ("user_activity", tree.cy.pk)):
        assert rows(as_bob, route, key) == [CARD.lower(), CARD]
        assert as_dan.get(reverse(route, args=[key])).status_code == 404
        assert as_cy.get(reverse(route, args=[key])).status_code == 403


# -- the station's activity, and the diagnosis --------------------------------------------------------------------------------------------


def test_the_activity_of_a_station_says_why_and_offers_the_pass(tree: Tree, as_bob: Client) -> None:
    known, unknown = offered(tree.station), offered(tree.station, OTHER)
    page = as_bob.get(reverse("station_activity", args=[tree.station.pk]))
    for one in (known, unknown):
        assert reverse("card_offer", args=[one.pk]) in page.text
    assert text(page).count("Add as a pass") == 1


def test_many_cards_refused_are_told_with_the_mode_and_its_button(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    for number in range(4):
        offered(tree.station, f"0401020{number}")
    url = reverse("location_edit", args=[tree.location.pk])
    for page in (
        as_bob.get(reverse("station_activity", args=[tree.station.pk])), as_bob.get(reverse("card_offers")),
        ask(as_bob, tree.station, "04010201"),
    ):  # fmt: skip
        said = text(page)
        assert "Gate refuses 4 different cards: look at its access mode." in said
        assert "4 refusals; 0 other cards charged" in said
        assert "Whitelisting: passes of the organization" in said
        assert url in page.text
    looker = as_cy.get(reverse("station_activity", args=[tree.station.pk]))
    assert "look at its access mode" in text(looker)
    assert "can give you a role with the right" in text(looker)
    assert "0401020" not in looker.text


def test_one_card_the_reader_and_the_order_of_its_bytes(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    tab = reverse("station_activity", args=[tree.station.pk])
    online(tree.station)
    now = timezone.now()
    StatusChange.objects.create(connector=tree.connector, at=now, received_at=now, status="Preparing")
    assert "People plug in at Gate, and no card is read" in text(as_bob.get(tab))
    offered(tree.station)
    assert "Nothing unusual." in text(as_bob.get(tab))
    for _time in range(3):
        offered(tree.station, OTHER)
    said = as_bob.get(tab)
    assert f"One card is refused again and again: {OTHER}" in text(said)
    assert f"station={tree.station.pk}&card={OTHER}" in html.unescape(said.text)
    hidden = as_cy.get(tab)
    assert "again and again: ****" in text(hidden)
    assert OTHER not in hidden.text
    for station, told in ((tree.station, False), (tree.dc_station, True)):  # where the card charges as it is known the reader is right
        for _time in range(2):
            offered(station, "80E6D5C4B3A204")
        said = text(as_bob.get(reverse("station_activity", args=[station.pk])))
        assert ("sends a card with its bytes in the other order" in said) is told


def test_who_may_not_see_cards_is_told_nothing_of_them(tree: Tree, client_of: Login) -> None:
    for number in range(4):
        offered(tree.station, f"0401020{number}")
    page = client_of(somebody(tree.customer)).get(reverse("station_activity", args=[tree.station.pk]))
    assert "look at its access mode" not in page.text
    assert Listing.objects.count() == 1


def test_the_ways_to_it(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    offer = offered(tree.station, action="StartTransaction")
    now = timezone.now()
    transaction = Transaction.objects.create(
        station=tree.station, connector=tree.connector, id_tag=CARD, verdict="Accepted", started_at=now, reported_start="",
        start_received_at=offer.at, meter_start=0,
    )  # fmt: skip
    check, here = reverse("card_check"), f"in=o{tree.customer.pk}"
    for route, args, query, wanted in (
        ("station_activity", [tree.station.pk], "", f"{check}?station={tree.station.pk}"),
        ("pass", [tree.charge_pass.pk], "", f"{check}?card={CARD}"),
        ("user_passes", [tree.cy.pk], "", reverse("user_activity", args=[tree.cy.pk])),
        ("pass", [tree.charge_pass.pk], "", reverse("pass_activity", args=[tree.charge_pass.pk])),
        ("search", [], f"?q={CARD}", f"{check}?card={CARD}"),
        ("organization", [tree.customer.pk], "", f"{reverse('card_offers')}?{here}"),
        ("transaction", [transaction.pk], "", reverse("card_offer", args=[offer.pk])),
        ("card_offers", [], "", check),
        ("card_offer", [offer.pk], "", f"{check}?station={tree.station.pk}&card={CARD}"),
        ("dashboard", [], "", reverse("card_offers")),
    ):
        url = reverse(route, args=args) + query
        assert wanted in html.unescape(as_bob.get(url).text), url
        if check in wanted:
            assert check not in as_cy.get(url).text, url
