"""What is done to many passes at once: the same as to one, in few queries, and never to more than was meant."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from passes import actions
from passes.models import ChargePass, Listing, LocalList
from passes.pages import many
from stations.models import CardOffer, Station
from tenancy.models import AuditEntry, User
from tenancy.personal import MASK
from tests.conftest import CARD, Tree

pytestmark = pytest.mark.django_db


def add(tree: Tree, count: int, **fields: Any) -> list[ChargePass]:
    rows = ChargePass.objects.bulk_create([ChargePass(organization=tree.customer, uid=f"AB{n:06X}", **fields) for n in range(count)])
    Listing.objects.bulk_create([Listing(charge_pass=one, organization=tree.customer, uid=one.uid, whitelist=True) for one in rows])
    return rows


@pytest.mark.parametrize("count", [3, 1200])
@pytest.mark.parametrize(
    ("data", "verb", "changes", "left"),
    [
        ({"action": "block", "reason": "lost"}, "block", {"blocked": [False, True], "reason": [None, "lost"]}, {"blocked": False}),
        ({"action": "unwhitelist"}, "list", {"whitelist": [True, False]}, {"listings__whitelist": True}),
        ({"action": "group", "sure": "1"}, "edit", {}, {"group": None}),
        ({"action": "delete"}, "delete", {}, {}),
    ],
)
def test_as_one_by_one_in_few_queries(
    data: dict[str, str], verb: str, changes: dict[str, Any], left: dict[str, Any], count: int, tree: Tree, as_bob: Client
) -> None:
    add(tree, count - 1)
    if data["action"] == "group":
        data = data | {"group": str(actions.create_group(actor=None, organization=tree.customer, name="Fitters").pk)}
    LocalList.objects.create(station=tree.station, due_at=None)
    before = list(AuditEntry.objects.values_list("pk", flat=True))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        as_bob.post(reverse("passes"), data | {"all": "1", "confirmed": "1"})
    assert len(asked) < 100
    assert not ChargePass.objects.filter(**left).exists()
    entries = AuditEntry.objects.exclude(pk__in=before).filter(
        verb=verb, object_type="passes.chargepass", actor=tree.bob, organization=tree.customer
    )
    assert entries.values("object_id").distinct().count() == AuditEntry.objects.exclude(pk__in=before).count() == count
    assert changes.items() <= entries.get(object_id=tree.charge_pass.pk).changes.items()
    assert LocalList.objects.get().due_at


def test_the_group_of_another_organization_and_a_list_beside_the_own_line_change_nothing(tree: Tree) -> None:
    group = actions.create_group(actor=None, organization=tree.partner, name="Elsewhere")
    assert actions.group_passes(actor=None, passes=ChargePass.objects.all(), group=group) == 0
    Listing.objects.update(organization=tree.other_customer, whitelist=False)
    assert actions.switch_listings(actor=None, listings=Listing.objects.all(), name="whitelist", on=True) == 0


def test_the_lists_of_others_keep_a_record_and_no_name(tree: Tree) -> None:
    """As list_pass, unlist_pass and delete_pass do it."""
    own = actions.create_pass(actor=None, organization=tree.partner, uid="AB", nickname="Secret")
    actions.list_pass(actor=None, charge_pass=own, organization=tree.customer, whitelist=True)
    before = list(AuditEntry.objects.values_list("pk", flat=True))
    actions.switch_listings(
        actor=None, listings=Listing.objects.filter(organization=tree.customer, charge_pass=own), name="whitelist", on=False
    )
    actions.delete_passes(actor=None, passes=ChargePass.objects.filter(pk=own.pk))
    found = AuditEntry.objects.exclude(pk__in=before).order_by("pk").values_list("verb", "organization", "object_name")
    partner, customer = tree.partner.pk, tree.customer.pk
    told = [(verb, *at) for verb in ("list", "unlist") for at in ((partner, "Secret"), (customer, MASK))]
    assert list(found) == [*told, ("delete", partner, "Secret")]


def test_more_than_can_be_moved_while_somebody_waits(tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "MOST_MOVED", 2)
    add(tree, 2)
    data = {"action": "move", "all": "1", "confirmed": "1", "sure": "1", "organization": str(tree.partner.pk)}
    said = as_bob.post(reverse("passes"), data).text
    assert "At most 2 passes are moved at once, and 3 are chosen. Limit the list with its filters" in said
    assert not ChargePass.objects.filter(organization=tree.partner).exists()


@pytest.mark.parametrize(
    ("page", "query", "action"),
    [
        ("passes", "organization=999999", "delete"),
        ("passes", "whitelist=true&group=garbage", "block"),
        ("passes", "whitelist=garbage", "delete"),
        ("listings", "organization=x", "unwhitelist"),
        ("pass_whitelist", "state=x", "unwhitelist"),
        ("stations", "status=garbage", "deactivate"),
        ("users", "role=999999", "deactivate"),
        ("users", "state=garbage", "deactivate"),
    ],
)
def test_all_of_a_filter_that_cannot_be_read_is_nobody(page: str, query: str, action: str, tree: Tree, as_bob: Client) -> None:
    url, data = f"{reverse(page)}?{query}", {"action": action, "all": "1", "confirmed": "1"}
    assert "The filter is no longer valid, so nothing was done." in as_bob.post(url, data, follow=True).text
    assert ChargePass.objects.filter(blocked=False).exists()
    assert Listing.objects.filter(whitelist=True).exists()
    assert not Station.objects.filter(active=False).exists()
    assert not User.objects.filter(is_active=False).exists()


def test_the_activity_of_somebody_with_a_thousand_passes(tree: Tree, as_bob: Client) -> None:
    now, asked = timezone.now(), []
    tree.charge_pass.user = tree.cy
    tree.charge_pass.save()
    known: dict[str, Any] = {"station": tree.station, "action": "Authorize", "at": now, "verdict": "Invalid", "reason": "unknown"}
    CardOffer.objects.create(id_tag=CARD.lower(), **known)
    for count in (1, 1200):
        with CaptureQueriesContext(connection) as queries:
            assert as_bob.get(reverse("user_activity", args=[tree.cy.pk])).context["page"].paginator.count == count
        asked.append(len(queries))
        if count == 1:
            rows = add(tree, 1199, user=tree.cy)
            CardOffer.objects.bulk_create([CardOffer(id_tag=one.uid, pass_key=one.pk, **known) for one in rows[:-1]])
            CardOffer.objects.create(id_tag=rows[-1].uid.lower(), **known)
            tree.charge_pass.refresh_from_db()
            CardOffer.objects.filter(pk=CardOffer.objects.earliest("pk").pk).update(pass_key=tree.charge_pass.pk)
    assert asked[0] == asked[1]
