"""A security key, from its first touch to the login with it: the browser's own, made by its developer tools."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.e2e.browser import launch, visitor
from tests.e2e.portal import ADMIN_EMAIL, ADMIN_PASSWORD, Portal

pytestmark = pytest.mark.browser
KEY = {
    "protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "hasUserVerification": True, "isUserVerified": True,
    "automaticPresenceSimulation": True,
}  # fmt: skip


def test_a_security_key_from_its_first_touch_to_the_login(portal: Portal, tmp_path: Path) -> None:
    portal.url = f"http://localhost:{urlsplit(portal.url).port}"  # keys belong to a name, never to an address
    with sync_playwright() as playwright, visitor(launch(playwright), portal, tmp_path) as ada:
        page = ada.log_in()
        page.locator(".user-menu").click()
        page.get_by_text("Your account").click()
        page.get_by_role("link", name="Two-factor login").click()
        page.get_by_role("link", name="Add a key").click()

        tools = ada.context.new_cdp_session(page)
        tools.send("WebAuthn.enable")
        tools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
        page.get_by_label("Name of the key").fill("Blue key")
        page.get_by_role("button", name="Add the key").click()
        page.wait_for_url("**/two-factor/codes/")
        assert ada.violations() == []
        page.get_by_role("link", name="Done").click()
        page.get_by_text("Blue key").wait_for()
        assert ada.violations() == []

        ada.open("/account/logout/")
        page.get_by_role("button", name="Log out").click()
        page.locator("input[name=login]").fill(ADMIN_EMAIL)
        page.locator("input[name=password]").fill(ADMIN_PASSWORD)
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url("**/two-factor/login/")
        assert ada.violations() == []
        page.get_by_role("button", name="Use a security key").click()
        page.wait_for_url(f"{portal.url}/")
        assert ada.faults == []
