"""Hardware templates: made, shared below, used where stations are added, taken over by one that is there."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.urls import reverse

from stations.actions import create_hardware_template
from stations.models import Connector, HardwareTemplate, Station
from tests.conftest import Tree

pytestmark = pytest.mark.django_db
FAST = {
    "name": "Fast one", "current_type": "DC", "voltage": 400, "max_current": 125, "connectors": 2, "format": "cable",
    "plug": "CCS; CHAdeMO", "connector_current": 125,
}  # fmt: skip


def connectors(station: Station) -> list[tuple[int, str, str, int | None]]:
    return list(station.connectors.filter(number__gt=0).order_by("number").values_list("number", "format", "plug", "max_current"))


def test_one_is_made_of_a_station_and_fills_in_the_form_for_others(tree: Tree, as_bob: Client) -> None:
    page = as_bob.get(reverse("hardware_template_add"), {"station": tree.station.pk})
    begun = page.context["form"].initial
    assert (begun["organization"], begun["connectors"], begun["plug"], begun["connector_current"]) == (tree.customer.pk, 2, "Type 2", 16)
    typed = {**FAST, "organization": tree.customer.pk, "phases": 3}
    assert "there are 2 connectors, not 3" in as_bob.post(reverse("hardware_template_add"), typed | {"plug": "A;B;C"}).text
    assert as_bob.post(reverse("hardware_template_add"), typed).status_code == 302
    made = HardwareTemplate.objects.get()
    form = as_bob.get(reverse("stations_add"), {"template": made.pk}).context["form"]
    filled = {name: field.initial for name in form.fields if (field := form[name])}
    assert (filled["voltage"], filled["connectors"], filled["plug"], filled["format"]) == (400, 2, "CCS; CHAdeMO", "cable")
    shown = {name: value for name in form.fields if (value := form[name].value()) not in (None, "")}
    new = shown | {"identities": "FAST-1", "location": tree.location.pk}
    assert "FAST-1" in as_bob.post(reverse("stations_add"), new).text
    assert connectors(Station.objects.get(identity="FAST-1")) == [(1, "cable", "CCS", 125), (2, "cable", "CHAdeMO", 125)]


def test_a_template_fits_together_and_has_a_name_of_its_own(tree: Tree, as_bob: Client) -> None:
    create_hardware_template(actor=None, organization=tree.customer, **FAST)
    typed = {**FAST, "name": "fast ONE", "organization": tree.customer.pk, "phases": 3}
    for wrong, field, said in (
        ({}, "name", "already has a hardware template with this name"),
        ({"format": "socket"}, "format", "Choose the cable"),
        ({"plug": "Type 2"}, "plug", "gives AC only"),
        ({"current_type": "AC", "plug": "CCS"}, "plug", "gives DC only"),
        ({"max_current": "0"}, "max_current", "Enter 1 or more"),
    ):
        page = as_bob.post(reverse("hardware_template_add"), typed | ({"name": "Other"} if wrong else {}) | wrong)
        assert said in str(page.context["form"].errors.get(field)), field
    assert 'min="1"' in str(page.context["form"]["max_current"])


def test_taking_one_over_shows_first_what_changes(tree: Tree, as_bob: Client) -> None:
    made = create_hardware_template(actor=None, organization=tree.partner, **FAST)
    url = f"{reverse('station_template', args=[tree.dc_station.pk])}?template={made.pk}"
    page = as_bob.get(url)
    shown = html.unescape(page.text)
    for said in ("Maximum current of the station (A): empty → 125", "Connector 1, Plug: empty → CCS", "Connector 2 is added."):
        assert said in shown
    hidden = dict(page.context["hidden"])
    as_bob.post(url, {"shown": "something else", "confirmed": "1"})
    assert Station.objects.get(pk=tree.dc_station.pk).max_current is None, "what was not shown is not done"
    assert as_bob.post(url, {**hidden, "confirmed": "1"}).status_code == 302
    assert Station.objects.get(pk=tree.dc_station.pk).max_current == 125
    assert connectors(tree.dc_station) == [(1, "cable", "CCS", 125), (2, "cable", "CHAdeMO", 125)]
    assert "has these values already" in as_bob.get(url).text
    Connector.objects.create(station=tree.dc_station, number=3)
    Connector.objects.filter(station=tree.dc_station, number=1).update(plug="")
    assert "1 connector more than the template has stays as it is" in as_bob.get(url).text


def test_what_is_shared_is_used_below_and_changed_by_its_owner_alone(tree: Tree, as_ada: Client, as_bob: Client, as_dan: Client) -> None:
    shared = create_hardware_template(actor=None, organization=tree.platform, **FAST)
    own = create_hardware_template(actor=None, organization=tree.platform, **FAST | {"name": "Kept", "below": False})
    seen = as_bob.get(reverse("hardware_templates")).text
    assert ("Fast one" in seen, "Kept" in seen) == (True, False)
    assert tree.platform.name not in as_bob.get(reverse("hardware_templates") + "?export=csv").getvalue().decode()
    assert "an organization above" in as_dan.get(reverse("hardware_template", args=[shared.pk])).text
    assert "Fast one" in as_bob.get(reverse("hardware_templates"), {"in": f"o{tree.customer.pk}"}).text
    assert as_bob.get(reverse("hardware_template_edit", args=[shared.pk])).status_code == 403
    assert as_bob.get(reverse("hardware_template", args=[own.pk])).status_code == 404
    edit = reverse("hardware_template_edit", args=[shared.pk])
    page = as_ada.get(edit)
    assert as_ada.post(edit, {**FAST, "phases": 3, "voltage": 480, "drawn": page.context["drawn"]}).status_code == 302
    shared.refresh_from_db()
    assert shared.voltage == 480
    as_ada.post(reverse("hardware_template_delete", args=[shared.pk]), {"confirmed": "1"})
    assert set(HardwareTemplate.objects.values_list("name", flat=True)) == {"Kept"}


def test_connectors_get_their_evse_ids_in_one_go(tree: Tree, as_bob: Client) -> None:
    url = reverse("station_evse_ids", args=[tree.station.pk])
    assert as_bob.get(url).context["form"].initial == {"country": "NL"}

    def ids() -> list[str]:
        return list(tree.station.connectors.filter(number__gt=0).order_by("number").values_list("evse_id", flat=True))

    for wrong, said in (
        ({"country": "N1"}, "two letters"),
        ({"operator": "LT"}, "three letters"),
        ({"number": "10A"}, "ends with a digit"),
    ):
        assert said in as_bob.post(url, {"country": "nl", "operator": "ltd", "number": "0009"} | wrong).text
    assert as_bob.post(url, {"country": "nl", "operator": "ltd", "number": "E0009"}).status_code == 302
    assert ids() == ["NL*LTD*E0009", "NL*LTD*E0010"]
    typed = {"country": "NL", "operator": "LTD", "number": "0010"}
    assert "Every connector has an EVSE ID already" in as_bob.post(url, typed).text
    assert as_bob.post(url, {**typed, "all_of_them": "on"}).status_code == 302, "one connector passes its id on to the other"
    assert ids() == ["NL*LTD*E0010", "NL*LTD*E0011"]
    other = reverse("station_evse_ids", args=[tree.dc_station.pk])
    assert as_bob.get(other).context["form"].initial == {"country": "NL", "operator": "LTD"}
    assert "Another connector already has NL*LTD*E0011" in as_bob.post(other, {**typed, "number": "0011"}).text
