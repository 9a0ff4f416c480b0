"""A real browser for the journeys: Chromium by Playwright, with whatever goes wrong in it collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.e2e.portal import ADMIN_EMAIL, ADMIN_PASSWORD, ROOT, Portal
from tests.programs import find

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 860}
# Rules of axe that a theme can break
OF_COLOURS = ("color-contrast", "link-in-text-block")
# Colours that fade are not looked at half-way.
SETTLED = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let left = 5; left; left--) {
    await frame(); await frame();
    const fading = document.getAnimations().filter((one) => one instanceof CSSTransition);
    if (!fading.length) return;
    for (const one of fading) one.finish();
  }
}"""
expect.set_options(timeout=10_000)


def to_the_end(page: Page, submit: str, fill: Callable[[Page], None] | None = None) -> None:
    """Through the steps of a wizard to what its summary submits; all that may be left empty is, but what `fill` fills in at each step."""
    onward, last = page.get_by_role("button", name="Next"), page.get_by_role("button", name=submit)
    expect(onward.or_(last)).to_be_visible()
    while onward.is_visible():
        if fill:
            fill(page)
        with page.expect_navigation():
            onward.click()
    last.click()


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(
        executable_path=find("Chromium"),
        args=["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
    )


class Visitor:
    """One person at one browser. `faults` are errors of scripts, refused content and failed requests: there must be none."""

    def __init__(self, context: BrowserContext, portal: Portal) -> None:
        self.context, self.portal = context, portal
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("console", lambda message: self.faults.append(f"console: {message.text}") if message.type == "error" else None)
        self.page.on("response", lambda answer: self.faults.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None)

    def open(self, path: str) -> Page:
        self.page.goto(self.portal.url + path)
        return self.page

    def log_in(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> Page:
        page = self.open("/account/login/")
        page.locator("input[name=login]").fill(email)
        page.locator("input[name=password]").fill(password)
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url(f"{self.portal.url}/")
        return page

    def violations(self, *rules: str) -> list[dict[str, Any]]:
        """What axe-core finds on the open page; with `rules` only by these."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        wanted = list(rules) or ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        # What passes is not told of in detail: that takes longer than to find it.
        run = "async runOnly => (await axe.run(document, { runOnly, resultTypes: ['violations'] })).violations"
        found = self.page.evaluate(run, wanted)
        return [{"rule": item["id"], "help": item["help"], "where": [node["html"][:160] for node in item["nodes"]][:6]} for item in found]

    def flaws(self, paths: Iterable[str], missing: Iterable[str] = ()) -> dict[str, object]:
        """What is wrong with these pages: not there, not accessible in one of the themes, or wider than a phone. Those of `missing` must
        not be there."""
        found: dict[str, object] = {}
        for path in paths:
            self.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
            answer = self.page.goto(self.portal.url + path)
            assert answer is not None
            if answer.status != (404 if path in missing else 200):
                found[f"{path}: status"] = answer.status
            for theme in ("light", "dark"):
                self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                self.page.evaluate(SETTLED)
                if wrong := self.violations(*(OF_COLOURS if theme == "dark" else ())):
                    found[f"{path}, {theme}"] = wrong
            self.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
            if self.scrolls_sideways():
                found[f"{path}, on a phone"] = "scrolls sideways"
        return found

    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@contextmanager
def visitor(browser: Browser, portal: Portal, evidence: Path, **options: Any) -> Iterator[Visitor]:
    """A fresh browser window. When the test fails, a picture of the page is left in `evidence`."""
    context = browser.new_context(**({"viewport": DESKTOP, "locale": "en-GB"} | options))
    one = Visitor(context, portal)
    try:
        yield one
    except BaseException:
        one.page.screenshot(path=evidence / "failed.png", full_page=True)
        raise
    finally:
        context.close()
