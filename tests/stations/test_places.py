"""Locations and the map in the portal."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations.actions import add_stations, create_location
from stations.models import Connector, Location, Station, Transaction
from tenancy.actions import assign_role, create_role, edit_organization
from tenancy.models import AuditEntry, User
from tenancy.rights import RIGHTS
from tests.conftest import Tree

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def details(tree: Tree, **values: Any) -> dict[str, Any]:
    return {
        "organization": tree.customer.pk, "name": "Depot", "street": "Osloweg 110", "postal_code": "9723 BX", "city": "Groningen",
        "country": "nl", "latitude": "53.2", "longitude": "6.6", "time_zone": "Europe/Amsterdam",
    } | values  # fmt: skip


def typed(tree: Tree, **values: Any) -> dict[str, Any]:
    """Of the page on which all is edited together."""
    return details(tree) | {"access_mode": "open"} | values


def add(client: Client, *steps: dict[str, Any]) -> Any:
    """Through the steps of the wizard; the answer to the last one."""
    url = reverse("location_add")
    for step in steps:
        answer = client.post(url, step)
        url = answer.headers.get("Location", url)
    return answer


def without(user: User, *rights: str) -> None:
    """From now on `user` holds everything but these, and that at their own organization."""
    role = create_role(
        actor=None, organization=user.organization, name="Nearly everything", rights=[right for right in RIGHTS if right not in rights]
    )
    user.groups.clear()
    assign_role(actor=None, user=user, role=role, organization=user.organization)


def online(station: Station) -> None:
    now = timezone.now()
    Station.objects.filter(pk=station.pk).update(connected=True, first_connected_at=now, connected_at=now, last_message_at=now)


def test_a_location_is_added_in_three_steps(tree: Tree, as_bob: Client) -> None:
    edit_organization(actor=None, organization=tree.partner, compensation_ac=Decimal("0.23"))
    form = as_bob.get(reverse("location_add"), {"in": f"o{tree.customer.pk}"}).content.decode()
    assert '<option value="Europe/Amsterdam" selected>' in form, "the platform's zone is proposed"
    assert re.search(rf'<option value="{tree.customer.pk}" selected>', form), "and the organization that is looked at"
    access = as_bob.post(reverse("location_add"), details(tree)).headers["Location"]
    shown = text(as_bob.get(access))
    assert "Anybody charges, with any card and without a check." in shown
    rates = as_bob.post(access, {"access_mode": "open", "published": "on"}).headers["Location"]
    assert "Empty: as the organization: 0.23\N{NO-BREAK SPACE}EUR/kWh from Lumen Installers." in as_bob.get(rates).content.decode()
    refused = as_bob.post(rates, {"compensation_ac": "", "compensation_dc": "-0.3"})
    assert "Enter 0 or more." in text(refused)
    summary = as_bob.post(rates, {"compensation_ac": "", "compensation_dc": "0,315"}).headers["Location"]
    shown = text(as_bob.get(summary))
    assert "Organization Harbour Offices Name Depot" in shown
    assert "Access mode Open: any card Published Yes" in shown
    assert "as the organization: 0.23 EUR/kWh from Lumen Installers" in shown
    assert "0.315 EUR/kWh" in shown
    assert "Add location" in shown
    assert Location.objects.count() == 2, "nothing is done before"
    made = as_bob.post(summary)
    location = Location.objects.get(name="Depot")
    assert made.headers["Location"] == f"/locations/{location.pk}/?in=l{location.pk}"
    assert (location.organization, location.country, location.latitude, location.access_mode) == (tree.customer, "NL", 53.2, "open")
    assert (location.published, location.compensation_ac, location.compensation_dc) == (True, None, Decimal("0.315"))
    assert AuditEntry.objects.get(object_type="stations.location", object_id=location.pk).actor == tree.bob


def test_what_the_role_does_not_allow_is_left_out_or_grey(tree: Tree, as_bob: Client, bob: User) -> None:
    without(bob, "publish_locations", "manage_rates")
    access = as_bob.post(reverse("location_add"), details(tree)).headers["Location"]
    shown = text(as_bob.get(access))
    assert "You don't have the right to publish locations here." in shown
    assert "Rates" not in shown
    summary = as_bob.post(access, {"access_mode": "open", "published": "on"}).headers["Location"]
    assert summary.endswith("step=summary")
    as_bob.post(summary)
    made = Location.objects.get(name="Depot")
    assert not made.published, "whatever was posted"
    for name in ("location_publish", "location_unpublish"):
        assert as_bob.get(reverse(name, args=[made.pk])).status_code == as_bob.post(reverse(name, args=[made.pk])).status_code == 403
    page = text(as_bob.get(reverse("location_edit", args=[made.pk])))
    assert "You don't have the right to change rates here." in page
    as_bob.post(reverse("location_edit", args=[made.pk]), typed(tree, compensation_ac="0.5"))
    made.refresh_from_db()
    assert made.compensation_ac is None


def test_rates_are_nobodys_business_without_the_right(tree: Tree, as_cy: Client, as_bob: Client, bob: User) -> None:
    Location.objects.filter(pk=tree.location.pk).update(compensation_ac=Decimal("0.4321"))
    url = reverse("location", args=[tree.location.pk])
    assert "Compensation AC 0.4321 EUR/kWh set here" in text(as_bob.get(url)).replace("\N{NO-BREAK SPACE}", " ")
    assert "0.4321" not in text(as_cy.get(url))
    without(bob, "read_money")
    for page in (url, reverse("location_edit", args=[tree.location.pk])):
        assert "0.4321" not in as_bob.get(page).content.decode()


def test_who_may_add_none_is_told_so_and_sees_no_button(tree: Tree, as_cy: Client, as_bob: Client) -> None:
    assert as_cy.get(reverse("location_add")).status_code == as_cy.post(reverse("location_add"), details(tree)).status_code == 403
    for url in (reverse("locations"), reverse("location", args=[tree.location.pk]), reverse("map")):
        shown = text(as_cy.get(url))
        assert not [word for word in ("Add a location", "Add stations", "Edit", "Delete", "Publish ", "Move") if word in shown], url
    shown = text(as_bob.get(reverse("location", args=[tree.location.pk])))
    assert all(word in shown for word in ("Add stations", "Edit", "Delete", "Publish", "Move"))


def test_the_publish_switch_says_what_it_means_and_is_recorded(tree: Tree, as_bob: Client) -> None:
    url, back = reverse("location_publish", args=[tree.location.pk]), reverse("location_unpublish", args=[tree.location.pk])
    assert "in directories and on the public page" in text(as_bob.get(url))
    assert "It is not published." in text(as_bob.get(back))
    as_bob.post(url, {"confirmed": "1"})
    tree.location.refresh_from_db()
    assert tree.location.published
    assert AuditEntry.objects.get(verb="publish").changes == {"published": [False, True]}
    as_bob.post(url, {"confirmed": "1"})
    assert AuditEntry.objects.filter(verb="publish").count() == 1, "once"
    as_bob.post(back, {"confirmed": "1"})
    tree.location.refresh_from_db()
    assert not tree.location.published


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": ""}, "Fill this in."),
        ({"name": "Quay 7"}, "This organization already has a location with this name."),
        ({"latitude": "91"}, "Enter 90 or less."),
        ({"longitude": "-181"}, "Enter -180 or more."),
        ({"latitude": "north"}, "Enter a number."),
        ({"longitude": ""}, "Enter both coordinates, or neither."),
        ({"time_zone": "Mars/Olympus"}, "cannot be chosen here."),
        ({"country": "N1"}, "A country is two letters, such as NL."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(values: dict[str, Any], said: str, tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("location_add"), details(tree, **values))
    assert said in text(answer)
    assert re.search(r'id="\w+_error"><div>[^<]*' + re.escape(said), answer.content.decode())
    assert Location.objects.count() == 2
    assert "Osloweg 110" in answer.content.decode(), "nothing typed is lost"


def test_no_location_is_added_to_somebody_elses_organization(tree: Tree, as_bob: Client) -> None:
    assert "This cannot be chosen here." in text(as_bob.post(reverse("location_add"), details(tree, organization=tree.other_customer.pk)))


def test_an_access_mode_that_there_is_not(tree: Tree, as_bob: Client) -> None:
    assert "cannot be chosen here." in text(add(as_bob, details(tree), {"access_mode": "vip"}))
    assert Location.objects.count() == 2


def test_an_edit_is_recorded(tree: Tree, as_bob: Client) -> None:
    as_bob.post(reverse("location_edit", args=[tree.location.pk]), typed(tree, name="Quay 8"))
    tree.location.refresh_from_db()
    assert tree.location.name == "Quay 8"
    assert AuditEntry.objects.get(verb="edit").changes["name"] == ["Quay 7", "Quay 8"]


def test_one_with_stations_is_not_deleted(tree: Tree, as_bob: Client) -> None:
    url = reverse("location_delete", args=[tree.location.pk])
    assert "It still has 2 stations. Move or delete these first." in text(as_bob.get(url))
    as_bob.post(url, {"confirmed": "1"})
    assert Location.objects.filter(pk=tree.location.pk).exists()
    empty = create_location(actor=None, organization=tree.customer, name="Empty")
    as_bob.post(reverse("location_delete", args=[empty.pk]), {"confirmed": "1"})
    assert not Location.objects.filter(pk=empty.pk).exists()


def test_the_page_shows_what_its_stations_do_and_lives(tree: Tree, as_bob: Client) -> None:
    online(tree.station)
    Connector.objects.filter(pk=tree.connector.pk).update(status="Charging", power=10_900)
    page = as_bob.get(reverse("location", args=[tree.location.pk]))
    assert "Gate LUM-0001 Online 1 Charging 10.9 kW" in text(page)
    assert f'data-live="in:l{tree.location.pk}"' in page.content.decode()
    part = as_bob.get(reverse("location", args=[tree.location.pk]), {"part": "live"}).content.decode()
    assert part.lstrip().startswith("<div")
    assert "<html" not in part


def test_the_list_counts_what_a_driver_meets(tree: Tree, as_bob: Client) -> None:
    online(tree.station)
    Connector.objects.filter(station=tree.station, number=1).update(status="Charging")
    Connector.objects.filter(station=tree.station, number=2).update(status="Available")
    shown = text(as_bob.get(reverse("locations")))
    assert "Quay 7 Kade 7, 3011 AA Rotterdam Harbour Offices 2 1 charging 1 free 1 out of service" in shown
    Station.objects.filter(pk=tree.station.pk).update(connected=False, disconnected_at=timezone.now() - timedelta(hours=1))
    assert "2 faulted or offline" in text(as_bob.get(reverse("locations"))), "nobody knows what an absent station does"


def pins(answer: Any) -> list[dict[str, Any]]:
    found = re.search(r'<script id="map-pins" type="application/json">(.*?)</script>', answer.content.decode())
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_the_map_has_every_placed_location_with_its_worst_state(tree: Tree, as_bob: Client, as_ada: Client) -> None:
    online(tree.station)
    Connector.objects.filter(station=tree.station, number=2).update(status="Faulted")
    create_location(actor=None, organization=tree.customer, name="Nowhere")
    answer = as_bob.get(reverse("map"))
    assert [(pin["name"], pin["state"], pin["lat"]) for pin in pins(answer)] == [("Quay 7", "fault", 51.917)]
    assert "Not on the map These have no coordinates yet. Nowhere" in text(answer)
    assert "Quay 7" in text(answer), "the list beside it works without JavaScript"
    assert pins(as_ada.get(reverse("map"), {"in": f"o{tree.other_partner.pk}"})) == []


def test_a_name_cannot_break_out_of_the_maps_data(tree: Tree, as_bob: Client) -> None:
    Location.objects.filter(pk=tree.location.pk).update(name="</script><script>alert(1)</script>")
    answer = as_bob.get(reverse("map"))
    assert "<script>alert" not in answer.content.decode()
    assert pins(answer)[0]["name"] == "</script><script>alert(1)</script>"


def test_what_an_absent_station_does_is_last_reported(tree: Tree, as_bob: Client) -> None:
    online(tree.station)
    Connector.objects.filter(pk=tree.connector.pk).update(status="Charging", power=10_900)
    Station.objects.filter(pk=tree.station.pk).update(connected=False, disconnected_at=timezone.now() - timedelta(hours=1))
    page = as_bob.get(reverse("location", args=[tree.location.pk]))
    assert "last reported" in text(page)
    assert "10.9" not in text(page)
    assert 'class="state state-off" title="Energy flows into the car.">Charging</span>' in page.content.decode()


def test_who_charges_here_is_named(tree: Tree, as_bob: Client) -> None:
    online(tree.station)
    Transaction.objects.create(
        station=tree.station, connector=tree.connector, transaction_id="7", id_tag=tree.charge_pass.uid, verdict="Accepted",
        started_at=timezone.now(), reported_start="x", start_received_at=timezone.now(), meter_start=1000, meter_last=3500,
    )  # fmt: skip
    shown = text(as_bob.get(reverse("location", args=[tree.location.pk])))
    assert f"Since Gate · {tree.connector.number} LUM-0001 {tree.charge_pass} {tree.charge_pass.uid} 2.50" in shown


def test_the_part_of_the_map_that_lives(tree: Tree, as_bob: Client) -> None:
    scope = {"in": f"o{tree.customer.pk}"}
    page = as_bob.get(reverse("map"), scope).content.decode()
    assert f'data-live="in:o{tree.customer.pk}" hx-get="/map/?part=live&amp;in=o{tree.customer.pk}"' in page
    part = as_bob.get(reverse("map"), {"part": "live", **scope})
    assert "<html" not in part.content.decode()
    assert [pin["name"] for pin in pins(part)] == ["Quay 7"]


def test_tiles_are_asked_for_only_where_a_server_of_them_is_set(tree: Tree, as_bob: Client, settings: Any) -> None:
    answer = as_bob.get(reverse("map"))
    assert '{"url": "", "attribution": ""}' in answer.content.decode()
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "img-src 'self' data:" in policy
    settings.MAP_TILES_URL, settings.MAP_TILES_ATTRIBUTION = "https://tiles.example/{z}/{x}/{y}.png", "© Somebody"
    shown = as_bob.get(reverse("map")).content.decode()
    assert '"https://tiles.example/{z}/{x}/{y}.png"' in shown


@pytest.mark.parametrize("name", ["locations", "map"])
def test_it_costs_the_same_with_many(name: str, tree: Tree, as_bob: Client, django_assert_max_num_queries: Callable[..., Any]) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(40) as counted:
            as_bob.get(reverse(name), {"per_page": "200"})
        return len(counted.captured_queries)

    before = queries()
    for number in range(20):
        place = create_location(actor=None, organization=tree.customer, name=f"L {number}", latitude=50 + number / 10, longitude=5)
        add_stations(actor=None, location=place, identities=[f"X-{number}", f"Y-{number}"], connectors=2)
    assert queries() == before


@pytest.mark.parametrize(
    ("field", "value"), [("country", "ZZ"), ("country", "12"), ("postal_code", "99"), ("name", "\u200b"), ("compensation_ac", "0,2,3")]
)
def test_what_organizations_refuse_locations_refuse_too(field: str, value: str, tree: Tree, as_bob: Client) -> None:
    url = reverse("location_edit", args=[tree.location.pk])
    answer = as_bob.post(url, typed(tree) | {field: value})
    assert answer.status_code == 200
    assert f'id="id_{field}_error"' in answer.text


def test_money_is_typed_alike_everywhere(tree: Tree, as_bob: Client) -> None:
    organization = reverse("organization_compensation", args=[tree.customer.pk])
    as_bob.post(organization, {"compensation_ac": "0,23", "compensation_dc": " 0.4125 "})
    as_bob.post(reverse("location_edit", args=[tree.location.pk]), typed(tree) | {"compensation_ac": "0,23"})
    tree.customer.refresh_from_db()
    tree.location.refresh_from_db()
    assert (str(tree.customer.compensation_ac), str(tree.customer.compensation_dc)) == ("0.2300", "0.4125")
    assert str(tree.location.compensation_ac) == "0.2300"
    for url in (organization, reverse("location_edit", args=[tree.location.pk])):
        field = re.search(r'<input[^>]*name="compensation_ac"[^>]*>', as_bob.get(url).text)
        assert field
        assert 'value="0.23"' in field[0]
        assert 'inputmode="decimal"' in field[0]
        assert 'type="text"' in field[0]
