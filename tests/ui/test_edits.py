"""Two people edit the same thing: nobody overwrites unseen what the other has written, and nothing typed is lost."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from passes.models import ChargePass
from stations.models import Connector, Location, Station
from tenancy.models import AuditEntry, Organization, User
from tests.conftest import Tree
from tests.forms import drawn
from tests.tenancy.people import role_with, somebody

pytestmark = pytest.mark.django_db

FASTER = "Somebody else was faster, so nothing is saved yet."


def text(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def things(tree: Tree) -> dict[str, tuple[str, Any, tuple[str, str, str], tuple[str, str]]]:
    """page -> (address, what is edited there, (field, the first one's value, the second one's), (another field, its value))."""
    customer, connector = tree.customer, tree.connector
    return {
        "organization": (reverse("organization_edit", args=[customer.pk]), customer, ("city", "Delft", "Gouda"), ("contact_name", "Kim")),
        "invoice": (reverse("organization_invoice", args=[customer.pk]), customer, ("chamber_number", "12345678", "87654321"),
                    ("bic", "ABNANL2A")),
        "compensation": (reverse("organization_compensation", args=[customer.pk]), customer, ("compensation_ac", "0.2345", "0.2567"),
                         ("compensation_dc", "0.3456")),
        "location": (reverse("location_edit", args=[tree.location.pk]), tree.location, ("city", "Delft", "Gouda"), ("name", "Quay 8")),
        "station": (reverse("station_edit", args=[tree.station.pk]), tree.station, ("alias", "Main gate", "Back door"),
                    ("communication", "4G")),
        "connector": (reverse("connector_edit", args=[tree.station.pk, connector.pk]), connector, ("plug", "CCS", "CHAdeMO"),
                      ("evse_id", "NL*LUM*E1")),
        "user": (reverse("user_edit", args=[tree.cy.pk]), tree.cy, ("name", "Cyrus", "Cyril"), ("phone", "+31612345678")),
        "pass": (reverse("pass_edit", args=[tree.charge_pass.pk]), tree.charge_pass, ("nickname", "Pool 7", "Pool 8"),
                 ("visible_number", "NL-TNM-1")),
    }  # fmt: skip


PAGES = ("organization", "invoice", "compensation", "location", "station", "connector", "user", "pass")


def now(thing: Any, name: str) -> str:
    return str(getattr(type(thing)._default_manager.get(pk=thing.pk), name))


@pytest.mark.parametrize("page", PAGES)
def test_what_the_second_has_not_touched_stays_as_the_first_made_it(page: str, tree: Tree, as_ada: Client, as_bob: Client) -> None:
    url, thing, (field, first, _second), (other, value) = things(tree)[page]
    older = drawn(as_bob.get(url), field)
    assert as_ada.post(url, drawn(as_ada.get(url), field) | {field: first}).status_code == 302
    assert as_bob.post(url, older | {other: value}).status_code == 302
    assert (now(thing, field), now(thing, other)) == (first, value)
    last = AuditEntry.objects.filter(verb="edit", object_id=thing.pk).order_by("-pk")[0]
    assert list(last.changes) == [other], "and the record says that only this was changed"


@pytest.mark.parametrize("page", PAGES)
def test_where_both_change_the_same_the_second_is_told_what_it_is_now(page: str, tree: Tree, as_ada: Client, as_bob: Client) -> None:
    url, thing, (field, first, second), (other, value) = things(tree)[page]
    older = drawn(as_bob.get(url), field)
    as_ada.post(url, drawn(as_ada.get(url), field) | {field: first})
    answer = as_bob.post(url, older | {field: second, other: value})
    said = text(answer)
    assert answer.status_code == 200
    assert FASTER in said
    assert re.search(rf"Ada changed this meanwhile, on \d+ \w+ \d{{4}} [\d:]+\. Now it is: “{re.escape(first)}”\.", said)
    assert f'id="id_{field}_error"' in answer.text, "beside the field"
    assert now(thing, field) == first, "nothing is overwritten"
    again = drawn(answer, field)
    assert (again[field], again[other]) == (second, value), "nothing typed is lost"
    assert as_bob.post(url, again).status_code == 302, "saved again it is meant"
    assert (now(thing, field), now(thing, other)) == (second, value)


def test_a_third_one_in_between_is_told_of_too(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    url, thing, (field, first, second), _other = things(tree)["organization"]
    older = drawn(as_bob.get(url), field)
    as_ada.post(url, drawn(as_ada.get(url), field) | {field: first})
    again = drawn(as_bob.post(url, older | {field: second}), field)
    as_ada.post(url, drawn(as_ada.get(url), field) | {field: "Leiden"})
    assert "Now it is: “Leiden”." in text(as_bob.post(url, again))
    assert now(thing, field) == "Leiden"


def test_what_is_wrong_elsewhere_does_not_hide_what_somebody_changed(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    """Saved again with that mended, nothing would say it any more."""
    url, _thing, (field, first, second), _other = things(tree)["organization"]
    older = drawn(as_bob.get(url), field)
    as_ada.post(url, drawn(as_ada.get(url), field) | {field: first})
    said = text(as_bob.post(url, older | {field: second, "name": ""}))
    assert f"Now it is: “{first}”." in said
    assert "Fill this in." in said


def test_ticks_and_choices(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    url = reverse("pass_edit", args=[tree.charge_pass.pk])
    older = drawn(as_bob.get(url), "uid")
    as_ada.post(url, older | {"several_at_once": "on"})
    as_bob.post(url, older | {"valid_until": "2030-05-01T12:00"})
    changed = ChargePass.objects.get(pk=tree.charge_pass.pk)
    assert changed.several_at_once, "an empty tick that was not touched takes nothing away"
    assert changed.valid_until is not None
    older = drawn(as_bob.get(url), "uid")
    ChargePass.objects.filter(pk=changed.pk).update(valid_until=datetime(2031, 1, 2, 11, tzinfo=UTC), several_at_once=False)
    as_bob.post(url, older | {"nickname": "Pool 3"})
    changed.refresh_from_db()
    assert (changed.valid_until, changed.several_at_once) == (datetime(2031, 1, 2, 11, tzinfo=UTC), False)

    url = reverse("location_edit", args=[tree.location.pk])
    older = drawn(as_bob.get(url), "access_mode")
    as_ada.post(url, older | {"access_mode": "open"})
    as_bob.post(url, older | {"latitude": "51.9", "longitude": "4.5"})
    assert Location.objects.get(pk=tree.location.pk).access_mode == "open"
    stale = older | {"access_mode": "whitelist", "drawn": json.dumps(json.loads(older["drawn"]) | {"access_mode": ""})}
    assert "Now it is: “Open: any card”." in text(as_bob.post(url, stale)), "in words, and without what explains the choice"


def test_a_station_that_was_moved_meanwhile_is_not_moved_back(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    url = reverse("station_edit", args=[tree.station.pk])
    place = Location.objects.create(organization=tree.partner, name="Yard", access_mode="open")
    older = drawn(as_bob.get(url), "alias")
    as_ada.post(url, older | {"location": str(place.pk), "move": "on"})
    assert Station.objects.get(pk=tree.station.pk).location_id == place.pk
    assert as_bob.post(url, older | {"alias": "New"}).status_code == 302
    changed = Station.objects.get(pk=tree.station.pk)
    assert (changed.location_id, changed.alias) == (place.pk, "New")


def test_an_edit_of_a_station_leaves_alone_what_the_station_says_of_itself(tree: Tree) -> None:
    from stations.actions import edit_connector, edit_station

    read = Station.objects.select_related("location__organization").get(pk=tree.station.pk)
    Station.objects.filter(pk=read.pk).update(firmware_version="7.0")
    edit_station(actor=tree.bob, station=read, alias="New")
    assert (Station.objects.get(pk=read.pk).firmware_version, Station.objects.get(pk=read.pk).alias) == ("7.0", "New")
    plugged = tree.connector
    Connector.objects.filter(pk=plugged.pk).update(status="Charging")
    edit_connector(actor=tree.bob, connector=plugged, evse_id="nl*lum*e1")
    stored = Connector.objects.get(pk=plugged.pk)
    assert (stored.status, stored.evse_id, stored.evse_key) == ("Charging", "NL*LUM*E1", "NLLUME1")


def test_who_it_was_is_told_only_to_those_who_may_know(
    tree: Tree, as_ada: Client, client_of: Callable[[User], Client]
) -> None:  # fmt: skip
    url, _thing, (field, first, second), _other = things(tree)["location"]
    record, plain = ("manage_locations", "read_audit"), ("manage_locations",)
    for rights, said in ((record, "**** changed this meanwhile"), (plain, "Somebody else has changed this meanwhile. Now")):
        Location.objects.filter(pk=tree.location.pk).update(city="Rotterdam")
        client = client_of(somebody(tree.customer, rights))
        older = drawn(client.get(url), field)
        as_ada.post(url, drawn(as_ada.get(url), field) | {field: first})
        page = text(client.post(url, older | {field: second}))
        assert said in page
        assert "Ada changed" not in page


@pytest.mark.parametrize("sent", ["", "nonsense", "[]", '{"city": {"a": [1]}}', '{"city": null, "country": 7, "x": "y"}', "[" * 30_000])
def test_what_comes_along_may_be_anything(sent: str, tree: Tree, as_bob: Client) -> None:
    url = reverse("organization_edit", args=[tree.customer.pk])
    assert as_bob.post(url, drawn(as_bob.get(url), "city") | {"city": "Delft", "drawn": sent}).status_code in (200, 302)
    Organization.objects.filter(pk=tree.customer.pk).update(city="")
    as_bob.post(url, {"kind": "customer", "name": "Harbour Offices", "city": "Gouda"})
    assert now(tree.customer, "city") == "Gouda", "without it all is as it is typed"


# -- roles --------------------------------------------------------------------------------------------------------------------------------


def test_of_a_role_the_second_sees_beside_the_field_what_it_is_called_now(tree: Tree, as_ada: Client, as_bob: Client) -> None:
    role = role_with(tree.partner, name="Old", description="For nights")
    url = reverse("role_edit", args=[role.pk])
    older = drawn(as_bob.get(url), "name")
    as_ada.post(url, older | {"name": "Newer", "description": "For days"})
    answer = as_bob.post(url, older | {"name": "Mine"})
    assert FASTER in text(answer)
    assert re.search(r"Ada changed this meanwhile, on .*? Now it is: “Newer”\.", text(answer))
    again = drawn(answer, "name")
    assert (again["name"], again["description"]) == ("Mine", "For days"), "what only the other has changed is shown as it is now"
    role.refresh_from_db()
    assert (role.name, role.description) == ("Newer", "For days")
    as_bob.post(url, again)
    role.refresh_from_db()
    assert (role.name, role.description) == ("Mine", "For days")


@pytest.mark.parametrize(("before", "wanted", "said"), [(False, "1", "is propagated already"), (True, "0", "is not propagated any more")])
def test_two_who_press_the_same_button_want_the_same(
    before: bool, wanted: str, said: str, tree: Tree, as_ada: Client, as_bob: Client
) -> None:
    role = role_with(tree.partner, name="Twin", propagated=before)
    url = reverse("role_propagate", args=[role.pk])
    first, second = drawn(as_ada.get(url), "propagated"), drawn(as_bob.get(url), "propagated")
    assert first["propagated"] == wanted
    as_ada.post(url, first)
    answer = as_bob.post(url, second, follow=True)
    assert said in text(answer)
    role.refresh_from_db()
    assert role.propagated is not before
    assert AuditEntry.objects.filter(object_id=role.pk, object_type="tenancy.role", verb="edit").count() == 1


def test_a_press_that_does_not_say_what_is_meant_is_only_asked(tree: Tree, as_bob: Client) -> None:
    role = role_with(tree.partner, propagated=False)
    for sent in ({}, {"propagated": "2"}):
        assert as_bob.post(reverse("role_propagate", args=[role.pk]), {"confirmed": "1"} | sent).status_code == 200
    role.refresh_from_db()
    assert not role.propagated
