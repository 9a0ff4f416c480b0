"""Names as long as they may be, without a space in them: no page scrolls sideways, and nothing stands over anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import DESKTOP, PHONE, visitor
from tests.e2e.portal import ADMIN_PASSWORD, Portal

pytestmark = pytest.mark.browser

LONG = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaftshauptgeschaeftsste"
PEOPLE = f"""
from tenancy.actions import create_organization, create_role, create_user
from tenancy.models import Organization, Role
platform = Organization.objects.get(parent=None)
long = create_organization(actor=None, parent=platform, kind="customer", name={LONG!r})
role = create_role(actor=None, organization=platform, name={LONG[:60]!r}, rights=["read_logs"], propagated=True)
make = lambda at, email, role: create_user(actor=None, organization=at, email=email, name={LONG!r}, password={ADMIN_PASSWORD!r}, role=role)
print(long.pk, make(long, "l" * 50 + "@" + "m" * 40 + ".example", role).pk, role.pk)
make(platform, "long@example.org", Role.objects.get(default="administrator"))
"""


def within(page: Page, inner: str, outer: str) -> bool:
    """Whether the element `inner` stands inside `outer`."""
    found = page.evaluate(
        """([inner, outer]) => { const box = one => document.querySelector(one).getBoundingClientRect(), a = box(inner), b = box(outer);
        return a.left >= b.left && a.right <= b.right + 1 }""",
        [inner, outer],
    )
    return bool(found)


def test_long_names_stay_where_they_belong(browser: Browser, portal: Portal, tmp_path: Path) -> None:
    done = portal.manage("shell", "--verbosity=0", "--no-imports", "--command", PEOPLE)
    assert done.returncode == 0, done.stderr
    organization, user, role = done.stdout.split()
    for size in (PHONE, DESKTOP):
        with visitor(browser, portal, tmp_path, viewport=size) as ada:
            page = ada.log_in("long@example.org")
            for path in (
                f"/users/?in=o{organization}", f"/users/{user}/", f"/users/{user}/roles/", f"/users/{user}/rights/", f"/roles/{role}/",
                "/roles/", f"/organizations/{organization}/", f"/stations/?in=o{organization}", "/users/invite/",
            ):  # fmt: skip
                ada.open(path)
                assert not ada.scrolls_sideways(), (path, size)
            ada.open(f"/users/?in=o{organization}")
            assert within(page, ".scope-name", ".scope")
            assert page.locator(".scope .btn-close").evaluate(
                "cross => { const at = cross.getBoundingClientRect();"
                " return document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2) === cross }"
            ), "nothing covers it"
            assert page.locator("#search").evaluate("field => field.clientWidth") >= 120
            how = page.locator(".head .how").evaluate(
                "one => one.getBoundingClientRect().top - one.closest('.head').getBoundingClientRect().top"
            )
            assert how < 60, "beside the title, not below it"
            ada.open(f"/users/{user}/view-as/")
            page.locator("main button[type=submit]").click()
            page.locator(".view-as").wait_for()
            assert not ada.scrolls_sideways(), ("as somebody else", size)
            assert within(page, ".toast-body > div", ".toast")
            page.locator(".view-as button").click()
            page.wait_for_url(f"**/users/{user}/**")
