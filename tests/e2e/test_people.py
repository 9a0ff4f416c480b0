"""Organizations, people and what they may do, in a browser: from the first partner to a technician who may reset and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import DESKTOP, PHONE, Visitor, to_the_end
from tests.e2e.portal import Portal

pytestmark = pytest.mark.browser
PASSWORD = "orange-kettle-77"


def add_organization(one: Visitor, kind: str, name: str, parent: str, colour: str = "") -> None:
    page = one.open("/organizations/add/")
    page.get_by_label("Belongs to").select_option(label=parent)
    page.get_by_label("Kind").select_option(label=kind)
    page.get_by_label("Name", exact=True).fill(name)

    def paint(step: Page) -> None:
        if colour and (field := step.locator("input[type=text][name=colour]")).is_visible():
            field.fill(colour)

    to_the_end(page, "Add organization", paint)
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def invite(one: Visitor, organization: int, name: str, email: str, role: str) -> None:
    page = one.open(f"/users/invite/?at={organization}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Role").select_option(label=role)
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text("The invitation is on its way.")).to_be_visible()


def accept(ada: Visitor, guest: Visitor, name: str) -> None:
    """Ada reads the mail, for no mail server is set up, and hands the link on."""
    page = ada.open("/mails/")
    page.get_by_role("link", name="Your login for").first.click()
    link = page.locator("a[href*='/invitation/']").get_attribute("href")
    assert link
    guest.page.goto(link)
    guest.page.locator("input[name=password]").fill(PASSWORD)
    guest.page.locator("input[name=again]").fill(PASSWORD)
    guest.page.locator("form button[type=submit]").first.click()
    expect(guest.page.locator(".user-menu")).to_contain_text(name)


def test_from_a_partner_to_a_technician_who_may_reset_and_nothing_else(visit: Callable[..., Visitor], portal: Portal) -> None:
    ada, eve, tim = visit(), visit(), visit()
    ada.log_in()
    add_organization(ada, "Partner", "Lumen Installers", "Energy Cloud", "#b3541e")
    add_organization(ada, "Customer", "Harbour Offices", "Lumen Installers")
    invite(ada, 2, "Eve Partner", "eve@example.org", "Partner")
    accept(ada, eve, "Eve Partner")

    # Her portal wears the partner's name, and ends where her branch does.
    page = eve.open("/organizations/")
    expect(page.locator(".navbar-brand").first).to_contain_text("Lumen Installers")
    expect(page.get_by_role("link", name="Harbour Offices")).to_be_visible()
    expect(page.get_by_role("link", name="Energy Cloud", exact=True)).to_have_count(0)

    # She makes a role with two switches, propagates it, and invites somebody with it at her customer.
    page = eve.open("/roles/add/")
    page.get_by_label("Name").fill("Desk")
    page.get_by_role("button", name="Create").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Desk")
    page.get_by_label("Reset stations").check()
    page.get_by_label("See who changed what").check()
    page.get_by_role("button", name="Save the permissions").click()
    expect(page.get_by_text("Saved. It holds from the next click on.")).to_be_visible()
    page.get_by_role("link", name="Propagate").click()
    expect(page.get_by_text("Nobody holds it yet.")).to_be_visible()
    page.get_by_role("button", name="Propagate").click()
    invite(eve, 3, "Tim Desk", "tim@example.org", "Desk")
    accept(ada, tim, "Tim Desk")

    # What he may not do says which right is missing; what he may, the page of his rights explains.
    page = tim.open("/organizations/3/edit/")
    expect(page.get_by_text("has not got the right to add, change and move organizations here")).to_be_visible()
    tim.faults = [fault for fault in tim.faults if "403" not in fault]
    page = eve.open("/users/")
    page.get_by_role("link", name="Tim Desk").click()
    page.get_by_role("link", name="What they may do").click()
    expect(page.get_by_text("Desk at Harbour Offices").first).to_be_visible()

    # Ada looks through his eyes, and it is written down.
    page = ada.open("/users/")
    page.get_by_role("link", name="Tim Desk").click()
    page.get_by_role("link", name="View as this user").click()
    page.get_by_role("button", name="View as this user").click()
    expect(page.get_by_text("You see the portal as").first).to_be_visible()
    assert ada.violations() == []
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert not ada.scrolls_sideways()
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.locator("form[action='/view-as/end/'] button").first.click()
    page = ada.open("/organizations/3/history/")
    expect(page.get_by_text("Began to view the portal as").first).to_be_visible()

    # Searching finds people by keyboard alone.
    page.keyboard.press("/")
    page.keyboard.type("tim")
    expect(page.locator("#search-results").get_by_role("option", name="Tim Desk")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tim Desk")


PAGES = (
    "/organizations/add/", "/organizations/3/", "/organizations/3/edit/", "/organizations/3/invoice/", "/organizations/3/compensation/",
    "/organizations/3/look/", "/organizations/3/logging-in/", "/organizations/3/move/", "/organizations/3/deactivate/",
    "/organizations/3/access/", "/organizations/3/history/", "/access/add/?at=3", "/locations/add/", "/users/", "/users/3/",
    "/users/3/edit/",
    "/users/3/roles/", "/users/3/rights/", "/users/3/history/", "/users/invite/?at=3", "/users/add-cardholder/", "/users/invitations/",
    "/users/3/view-as/", "/users/3/deactivate/", "/roles/", "/roles/1/", "/roles/1/permissions/", "/roles/7/permissions/",
    "/roles/7/users/",
    "/roles/7/edit/", "/roles/7/delete/", "/roles/add/", "/history/", "/mails/", "/mails/1/", "/account/", "/account/sessions/",
    "/account/two-factor/", "/account/two-factor/app/", "/account/password/change/", "/search/?q=lumen", "/help/", "/help/roles/",
    "/help/what/", "/help/?q=invite",
)  # fmt: skip


def test_every_page_is_accessible_in_both_themes_and_fits_a_phone(visit: Callable[..., Visitor]) -> None:
    ada = visit()
    ada.log_in()
    found = ada.flaws(PAGES)
    assert not found, json.dumps(found, indent=1)
