from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser import Visitor, launch, visitor
from tests.e2e.portal import Portal
from tests.e2e.portal import portal as run_portal
from tests.programs import find


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with run_portal(tmp_path_factory.mktemp("portal")) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if find("Chromium") is None:
        pytest.skip("Chromium is not installed")
    # Of one module only: while Playwright's loop runs, Django takes the whole thread for asynchronous.
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
