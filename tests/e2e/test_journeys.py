"""What people do, in a real browser, with stations that are real to the portal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.browser import Visitor, launch, visitor
from tests.e2e.portal import ADMIN_EMAIL, Portal
from tests.programs import find

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if find("Chromium") is None:
        pytest.skip("Chromium is not installed")
    # Of this module only: while Playwright's loop runs, Django takes the whole thread for asynchronous.
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, portal: Portal, tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    """Opens windows; after the test none may have seen a fault."""
    with ExitStack() as stack:
        opened: list[Visitor] = []

        def make(**options: object) -> Visitor:
            opened.append(stack.enter_context(visitor(browser, portal, tmp_path, **options)))
            return opened[-1]

        yield make
        assert [fault for one in opened for fault in one.faults] == []


def test_logging_in_by_keyboard_and_a_wrong_password(visit: Callable[..., Visitor], portal: Portal) -> None:
    ada = visit()
    page = ada.open("/stations/")
    expect(page).to_have_url(f"{portal.url}/account/login/?next=/stations/")
    page.locator("input[name=login]").fill(ADMIN_EMAIL)
    page.locator("input[name=password]").fill("not-the-password")
    page.locator("input[name=password]").press("Enter")
    expect(page.get_by_text("not correct")).to_be_visible()
    assert ada.log_in().url == f"{portal.url}/"
