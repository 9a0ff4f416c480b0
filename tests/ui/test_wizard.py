"""Forms of several steps: nothing happens before the summary is confirmed, nothing typed is lost, and two tabs do not meet."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.test import Client
from django.urls import path

from energycloud.urls import urlpatterns as portal
from tenancy.models import Organization
from ui.wizard import MOST, Step, Wizard

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ui.test_wizard")]

MADE: list[dict[str, Any]] = []


class Name(forms.Form):
    name = forms.CharField(label="Name", max_length=20)
    owner = forms.ModelChoiceField(label="Owner", queryset=Organization.objects.none(), required=False)
    paid = forms.BooleanField(label="Paid", required=False)

    def __init__(self, *args: Any, owners: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = owners  # type: ignore[attr-defined]


class Price(forms.Form):
    price = forms.DecimalField(label="Price", min_value=0)


class Colour(forms.Form):
    colour = forms.ChoiceField(label="Colour", choices=[("", "As the house"), ("red", "Signal red")], required=False)


class AddThing(Wizard):
    title, submit_label = "Add a thing", "Add thing"
    flow = (
        Step("name", "Name it", Name),
        Step("price", "What it costs", Price, when=lambda wizard: wizard.typed("name").get("paid")),
        Step("colour", "Colour", Colour, intro="Choose one."),
    )

    def admit(self) -> None:
        if self.request.user.name == "Cy":
            raise PermissionDenied

    def propose(self) -> dict[str, Any]:
        return {"name": self.request.GET.get("name", "")}

    def form_options(self, step: str) -> dict[str, Any]:
        return {"owners": Organization.objects.visible_to(self.request.user)} if step == "name" else {}

    def cancel_url(self) -> str:
        return "/help/"

    def finish(self, values: dict[str, Any]) -> HttpResponseBase:
        if values["name"] == "Taken":
            raise ValidationError({"name": "There is one already."})
        if values["name"] == "Never":
            raise ValidationError("Not today.")
        MADE.append(values)
        return redirect("/made/")


urlpatterns = [*portal, path("try/", AddThing.as_view(), name="try"), path("made/", lambda request: HttpResponse("made"), name="made")]


@pytest.fixture(autouse=True)
def _empty() -> None:
    MADE.clear()


def text(answer: Any) -> str:
    main = re.search(r"<main.*</main>", answer.content.decode(), re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main[0] if main else "")).split())


def at(answer: Any) -> str:
    return str(answer.headers["Location"])


def test_step_by_step_to_the_summary_and_only_then_it_is_done(as_bob: Client) -> None:
    first = as_bob.get("/try/")
    assert "Name it Colour Check and finish" in text(first)
    assert first.content.decode().count('aria-current="step"') == 1
    second = at(as_bob.post("/try/", {"name": "Lamp"}))
    assert re.fullmatch(r"/try/\?key=\w{12}&step=colour", second)
    assert "Choose one." in text(as_bob.get(second))
    summary = at(as_bob.post(second, {"colour": ""}))
    shown = text(as_bob.get(summary))
    assert "Name Lamp Owner – Paid No" in shown
    assert "Colour As the house" in shown
    assert shown.endswith("Add thing Back Cancel")
    assert not MADE
    assert at(as_bob.post(summary)) == "/made/"
    assert MADE == [{"name": "Lamp", "owner": None, "paid": False, "colour": ""}]
    assert not [name for name in as_bob.session.keys() if name.startswith("wizard_")]  # noqa: SIM118
    again = as_bob.post(summary, follow=True)
    assert len(MADE) == 1, "a second click does nothing a second time"
    assert again.redirect_chain[-1][0] == "/try/"
    assert "begin again" in again.content.decode()


def test_a_step_that_the_answers_ask_for(as_bob: Client) -> None:
    price = at(as_bob.post("/try/", {"name": "Lamp", "paid": "on"}))
    assert price.endswith("step=price")
    wrong = as_bob.post(price, {"price": "-1"})
    assert "Enter 0 or more." in text(wrong)
    assert 'value="-1"' in wrong.content.decode()
    colour = at(as_bob.post(price, {"price": "2.50"}))
    summary = at(as_bob.post(colour, {"colour": "red"}))
    assert "Price 2.50" in text(as_bob.get(summary))
    assert "Signal red" in text(as_bob.get(summary))
    changed = as_bob.post(summary.replace("summary", "name") + "&change=1", {"name": "Lamp"})
    assert at(changed) == summary, "after a change back to the summary"
    assert "Price" not in text(as_bob.get(summary)), "what is left out is not done either"
    as_bob.post(summary)
    assert "price" not in MADE[0]


def test_the_way_back_keeps_what_was_typed_even_when_it_is_wrong(as_bob: Client) -> None:
    price = at(as_bob.post("/try/", {"name": "Lamp", "paid": "on"}))
    back = at(as_bob.post(price, {"price": "much", "back": "1"}))
    assert back.endswith("step=name")
    page = as_bob.get(back).content.decode()
    assert 'value="Lamp"' in page
    assert "checked" in page
    again = as_bob.get(price)
    assert 'value="much"' in again.content.decode()
    assert "is-invalid" not in again.content.decode(), "nothing was asked yet"
    assert at(as_bob.get(price.replace("step=price", "step=summary"))).endswith("step=price&change=1"), "nothing is left out"


def test_two_tabs_do_not_meet_and_only_the_newest_are_kept(as_bob: Client) -> None:
    one, two = (at(as_bob.post("/try/", {"name": name})) for name in ("One", "Two"))
    assert 'value="One"' in as_bob.get(one.replace("step=colour", "step=name")).content.decode()
    assert 'value="Two"' in as_bob.get(two.replace("step=colour", "step=name")).content.decode()
    for _number in range(MOST - 1):
        as_bob.post("/try/", {"name": "More"})
    assert at(as_bob.get(one)) == "/try/", "forgotten: the beginning"
    assert as_bob.get(two).status_code == 200


def test_what_an_action_refuses_stands_beside_its_field(as_bob: Client) -> None:
    def finish(name: str) -> Any:
        return as_bob.post(at(as_bob.post(at(as_bob.post("/try/", {"name": name})), {"colour": ""})))

    taken = finish("Taken")
    assert "There is one already." in text(taken)
    assert 'value="Taken"' in taken.content.decode()
    (action,) = re.findall(r'<form method="post" action="([^"]*)" class="card"', taken.content.decode())
    summary = at(as_bob.post(html.unescape(action), {"name": "Free"}))
    assert at(as_bob.post(summary)) == "/made/"
    assert "Not today." in text(finish("Never"))


def test_a_choice_that_is_gone_meanwhile_is_asked_again(as_bob: Client, bob: Any) -> None:
    summary = at(as_bob.post(at(as_bob.post("/try/", {"name": "Lamp", "owner": bob.organization_id})), {"colour": ""}))
    assert "Owner Lumen Installers" in text(as_bob.get(summary))
    from tenancy.actions import create_organization

    other = create_organization(actor=None, parent=bob.organization.parent, kind="customer", name="Elsewhere")
    bob.organization = other
    Team = bob.groups.through
    Team.objects.all().delete()
    refused = as_bob.post(summary, follow=True)
    assert not MADE
    assert "look at this again" in refused.content.decode()
    assert "This cannot be chosen here" in text(refused)


def test_the_scope_and_what_the_address_proposed_stay(as_bob: Client, bob: Any) -> None:
    token = f"o{bob.organization_id}"
    page = as_bob.get(f"/try/?in={token}&name=Desk").content.decode()
    assert 'value="Desk"' in page
    (action,) = re.findall(r'<form method="post" action="([^"]*)" class="card"', page)
    second = at(as_bob.post(html.unescape(action), {"name": "Desk"}))
    assert second.startswith(f"/try/?in={token}&key=")
    assert f"in={token}" in at(as_bob.post(second, {"colour": "red"}))


def test_who_is_not_admitted_is_so_nowhere_and_nonsense_is_the_beginning(as_cy: Client, as_bob: Client) -> None:
    assert as_cy.get("/try/").status_code == as_cy.post("/try/", {"name": "Lamp"}).status_code == 403
    assert as_cy.post("/try/?key=x&step=summary").status_code == 403
    assert at(as_bob.get("/try/?key=x&step=summary")) == "/try/"
    assert "Name it" in text(as_bob.get("/try/?step=summary"))
    started = at(as_bob.post("/try/", {"name": "Lamp"}))
    assert 'value="Lamp"' in as_bob.get(started.replace("colour", "price")).content.decode(), "no such step here: the first"
    assert as_bob.post("/try/?step=colour", {"colour": "red"}).status_code == 200, "the first step is asked first"
    assert not MADE


def test_only_what_belongs_to_a_field_is_kept(as_bob: Client) -> None:
    as_bob.post("/try/", {"name": "Lamp", "junk": "x" * 100_000})
    (kept,) = [as_bob.session[name] for name in as_bob.session.keys() if name.startswith("wizard_")]  # noqa: SIM118
    assert kept["step_data"] == {"name": {"name": ["Lamp"]}}
