"""Charge passes in the portal: list, filters, add, edit, block, delete, export."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes.actions import create_pass
from passes.authorizing import authorize
from passes.models import ChargePass
from stations.hooks import Offer, place_of
from stations.models import Station
from tenancy.models import AuditEntry
from tests.conftest import CARD, Tree

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def typed(tree: Tree, **values: Any) -> dict[str, Any]:
    """What somebody types into the form for a pass."""
    return {
        "organization": tree.customer.pk, "uid": "04:11:22:33", "nickname": "Pool car 2", "visible_number": "", "valid_until": "",
        "kind": "non_public", "whitelist": "on",
    } | values  # fmt: skip


def beside(answer: Any, field: str) -> str:
    """The errors beside a field."""
    found = re.search(rf'id="id_{field}_error">(.*?)</div>\s*(?:<div class="form-hint|</div>)', answer.content.decode(), re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[1])).split()) if found else ""


def exported(client: Client, **query: str) -> str:
    return b"".join(client.get(reverse("passes"), {"export": "csv"} | query).streaming_content).decode()  # type: ignore[attr-defined]


# -- the list ---------------------------------------------------------------------------------------------------------------------------


def test_the_list_has_a_pass_with_its_organization_and_state(tree: Tree, as_bob: Client) -> None:
    shown = as_bob.get(reverse("passes"))
    assert f"Pool car 1 NL-TNM-B12345-6 {CARD} – Non-public Harbour Offices whitelisted Valid" in text(shown)
    assert reverse("pass", args=[tree.charge_pass.pk]) in shown.content.decode()


def test_a_pass_of_others_is_not_there(tree: Tree, as_dan: Client) -> None:
    assert "No passes yet." in text(as_dan.get(reverse("passes")))
    for name in ("pass", "pass_edit", "pass_delete"):
        url = reverse(name, args=[tree.charge_pass.pk])
        assert as_dan.get(url).status_code == 404
        assert as_dan.post(url, typed(tree, blocked="on")).status_code == 404
    assert CARD not in exported(as_dan)
    as_dan.post(reverse("passes"), {"action": "block", "select": [tree.charge_pass.pk], "confirmed": "1"})
    tree.charge_pass.refresh_from_db()
    assert not tree.charge_pass.blocked


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=pool", {"Pool car 1"}),
        ("q=04%3Aa2%3Ab3", {"Pool car 1"}),
        ("q=b12345", {"Pool car 1"}),
        ("q=%25", set()),
        ("q=%00", {"Pool car 1", "Lost", "Old"}),
        ("state=valid", {"Pool car 1"}),
        ("state=blocked", {"Lost"}),
        ("state=expired", {"Old"}),
        ("in=o{other}", None),
    ],
)
def test_filters(query: str, found: set[str] | None, tree: Tree, as_bob: Client) -> None:
    create_pass(actor=None, organization=tree.partner, uid="AA", nickname="Lost", blocked=True)
    create_pass(actor=None, organization=tree.customer, uid="BB", nickname="Old", valid_until=timezone.now() - timedelta(days=1))
    answer = as_bob.get(f"{reverse('passes')}?{query.format(other=tree.other_customer.pk)}")
    if found is None:
        assert answer.status_code == 404
        return
    assert set(re.findall(r">(Pool car 1|Lost|Old)</a>", answer.content.decode())) == found


def test_drilled_into_an_organization_the_list_has_its_passes_only(tree: Tree, as_ada: Client) -> None:
    create_pass(actor=None, organization=tree.other_customer, uid="CC", nickname="Guest")
    names = re.findall(r">(Pool car 1|Guest)</a>", as_ada.get(reverse("passes"), {"in": f"o{tree.partner.pk}"}).content.decode())
    assert names == ["Pool car 1"]


def test_a_list_costs_the_same_with_thirty_passes_as_with_three(
    tree: Tree, as_bob: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(20) as counted:
            as_bob.get(reverse("passes"), {"per_page": "50"})
        return len(counted.captured_queries)

    ChargePass.objects.bulk_create([ChargePass(organization=tree.customer, uid=f"0{n}") for n in range(2)])
    before = queries()
    ChargePass.objects.bulk_create([ChargePass(organization=tree.partner, uid=f"1{n}") for n in range(27)])
    assert queries() == before


def test_names_are_harmless_in_pages_and_files(tree: Tree, as_bob: Client) -> None:
    create_pass(actor=None, organization=tree.customer, uid="=1+1", nickname="<script>alert(1)</script>", visible_number='=cmd()|"A1"')
    page = as_bob.get(reverse("passes")).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    lines = exported(as_bob)
    assert "'=cmd()" in lines
    assert "'=1+1" in lines
    book = openpyxl.load_workbook(io.BytesIO(as_bob.get(reverse("passes"), {"export": "xlsx"}).content))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row if cell.value]
    assert not [cell.value for cell in cells if cell.data_type == "f" or str(cell.value)[0] in "=+-@"]


def test_many_are_blocked_after_a_confirmation_and_let_in_again(tree: Tree, as_bob: Client) -> None:
    data = {"action": "block", "select": [tree.charge_pass.pk]}
    assert "1 pass is refused from the next charge on." in text(as_bob.post(reverse("passes"), data))
    assert "1 pass is blocked." in text(as_bob.post(reverse("passes"), data | {"confirmed": "1"}, follow=True))
    assert verdict(tree, CARD) == "Blocked"
    as_bob.post(reverse("passes"), data | {"action": "unblock", "confirmed": "1"})
    assert verdict(tree, CARD) == "Accepted"


def verdict(tree: Tree, card: str, station: Station | None = None) -> str:
    """What the station hears when this card is held to it."""
    at = station or tree.station
    (answer,) = authorize([Offer(place_of(at), card, timezone.now())])
    return answer.status


# -- one pass ---------------------------------------------------------------------------------------------------------------------------


def test_a_pass_is_added_with_its_uid_as_the_reader_sends_it(tree: Tree, as_bob: Client) -> None:
    assert verdict(tree, "04112233") == "Invalid"
    answer = as_bob.post(reverse("pass_add"), typed(tree, uid=" 04:a1-b2.c3 "), follow=True)
    assert "Pass added." in text(answer)
    added = ChargePass.objects.get(uid="04A1B2C3")
    assert (added.organization, added.nickname, added.blocked) == (tree.customer, "Pool car 2", False)
    assert verdict(tree, "04a1b2c3") == "Accepted"
    entry = AuditEntry.objects.get(verb="create", object_type="passes.chargepass")
    assert (entry.actor, entry.organization) == (tree.bob, tree.customer)
    assert entry.changes["uid"] == [None, "04A1B2C3"]


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"uid": ""}, "uid", "Fill this in."),
        ({"uid": " :-. "}, "uid", "A UID has at most 20 characters"),
        ({"uid": "0" * 21}, "uid", "A UID has at most 20 characters, usually 8 or 14 hexadecimal digits."),
        ({"uid": "NL-TNM-B12345-6"}, "uid", "This looks like the number printed on the card. The UID is what the reader sends"),
        ({"uid": "04Ä1"}, "uid", "A UID has letters and digits only."),
        ({"uid": "04:a2:b3:c4:d5:e6:80"}, "uid", "This organization already has a pass with this UID: Pool car 1."),
        ({"valid_until": "tomorrow"}, "valid_until", "Enter a date and a time."),
        ({"nickname": "x" * 61}, "nickname", "at most 60 characters"),
        ({"organization": ""}, "organization", "Choose one."),
    ],
)
def test_what_cannot_be_added_is_said_beside_its_field(values: dict[str, Any], field: str, said: str, tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("pass_add"), typed(tree, **values))
    assert answer.status_code == 200
    assert said in beside(answer, field)
    assert "alert-danger" not in answer.content.decode(), "it is said once, beside its field"
    assert ChargePass.objects.count() == 1


def test_nobody_puts_a_pass_on_the_platform_s_list_by_default(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    assert "selected" not in re.findall(r"<select.*?</select>", as_ada.get(reverse("pass_add")).content.decode(), re.S)[0].replace(
        '<option value="" selected>', ""
    )
    assert f'<option value="{tree.partner.pk}" selected>' in as_bob.get(reverse("pass_add")).content.decode()


def test_an_organization_of_others_cannot_be_chosen(tree: Tree, as_bob: Client) -> None:
    page = as_bob.get(reverse("pass_add")).content.decode()
    assert tree.other_customer.name not in page
    answer = as_bob.post(reverse("pass_add"), typed(tree, organization=tree.other_customer.pk))
    assert "This cannot be chosen here." in beside(answer, "organization")
    assert ChargePass.objects.count() == 1


def test_two_organizations_may_list_the_same_card(tree: Tree, as_ada: Client) -> None:
    as_ada.post(reverse("pass_add"), typed(tree, uid=CARD, organization=tree.other_customer.pk))
    assert ChargePass.objects.filter(uid=CARD).count() == 2
    assert verdict(tree, CARD, tree.other_station) == "Accepted"


def test_the_scope_and_a_card_from_elsewhere_are_filled_in(tree: Tree, as_ada: Client) -> None:
    page = as_ada.get(reverse("pass_add"), {"in": f"o{tree.customer.pk}", "uid": "04FF"}).content.decode()
    assert f'<option value="{tree.customer.pk}" selected>' in page
    assert 'value="04FF"' in page


def test_an_edit_is_saved_and_recorded_with_before_and_after(tree: Tree, as_bob: Client) -> None:
    url = reverse("pass_edit", args=[tree.charge_pass.pk])
    as_bob.post(url, typed(tree, uid=CARD, nickname="Pool car 9", several_at_once="on"))
    tree.charge_pass.refresh_from_db()
    assert (tree.charge_pass.nickname, tree.charge_pass.several_at_once) == ("Pool car 9", True)
    changes = AuditEntry.objects.get(verb="edit", object_type="passes.chargepass").changes
    assert changes["nickname"] == ["Pool car 1", "Pool car 9"]
    assert changes["several_at_once"] == [False, True]
    assert "uid" not in changes


def test_a_refused_edit_changes_nothing_and_keeps_what_was_typed(tree: Tree, as_bob: Client) -> None:
    create_pass(actor=None, organization=tree.customer, uid="EE", nickname="Van")
    answer = as_bob.post(reverse("pass_edit", args=[tree.charge_pass.pk]), typed(tree, uid="ee", nickname="Renamed"))
    assert "This organization already has a pass with this UID: Van." in beside(answer, "uid")
    assert 'value="Renamed"' in answer.content.decode()
    tree.charge_pass.refresh_from_db()
    assert (tree.charge_pass.uid, tree.charge_pass.nickname) == (CARD, "Pool car 1")


def test_the_end_of_a_pass_is_entered_and_shown_in_the_time_of_the_platform(tree: Tree, as_bob: Client) -> None:
    url = reverse("pass_edit", args=[tree.charge_pass.pk])
    as_bob.post(url, typed(tree, uid=CARD, valid_until="2031-07-01T12:00"))
    tree.charge_pass.refresh_from_db()
    assert tree.charge_pass.valid_until == datetime(2031, 7, 1, 10, 0, tzinfo=UTC), "12:00 in Amsterdam"
    assert 'value="2031-07-01T12:00"' in as_bob.get(url).content.decode()
    assert "1 Jul 2031 12:00" in text(as_bob.get(reverse("pass", args=[tree.charge_pass.pk])))
    as_bob.post(url, typed(tree, uid=CARD, valid_until="2020-01-01T00:00"))
    assert verdict(tree, CARD) == "Expired"


def test_a_deleted_pass_is_refused_from_then_on(tree: Tree, as_bob: Client) -> None:
    url = reverse("pass_delete", args=[tree.charge_pass.pk])
    assert f"The card {CARD} is refused at whitelisting stations from the next charge on." in text(as_bob.get(url))
    assert ChargePass.objects.filter(pk=tree.charge_pass.pk).exists()
    assert "Pool car 1 is deleted." in text(as_bob.post(url, {"confirmed": "1"}, follow=True))
    assert verdict(tree, CARD) == "Invalid"
    entry = AuditEntry.objects.get(verb="delete", object_type="passes.chargepass")
    assert entry.changes == {"uid": [CARD, None]}
