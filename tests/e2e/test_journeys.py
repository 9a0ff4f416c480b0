"""What people do, in a real browser, with stations that are real to the portal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import PHONE, Visitor, to_the_end
from tests.e2e.portal import ADMIN_EMAIL, Portal
from tests.e2e.station import station_at_hand

pytestmark = pytest.mark.browser


def test_logging_in_by_keyboard_and_a_wrong_password(visit: Callable[..., Visitor], portal: Portal) -> None:
    ada = visit()
    page = ada.open("/stations/")
    expect(page).to_have_url(f"{portal.url}/account/login/?next=/stations/")
    page.locator("input[name=login]").fill(ADMIN_EMAIL)
    page.locator("input[name=password]").fill("not-the-password")
    page.locator("input[name=password]").press("Enter")
    expect(page.get_by_text("E-mail or password is wrong.")).to_be_visible()
    assert ada.log_in().url == f"{portal.url}/"


def test_a_newcomer_adds_a_station_sees_it_charge_live_and_stops_it(visit: Callable[..., Visitor], portal: Portal) -> None:
    """The main job, end to end, without one reload on the station's page."""
    ada = visit()
    page = ada.log_in()
    # An empty portal says what to do first.
    page.get_by_role("link", name="Add a location").click()
    page.get_by_label("Name").fill("Quay 7")
    page.get_by_label("City").fill("Rotterdam")
    to_the_end(page, "Add location")
    expect(page.get_by_role("heading", name="Quay 7")).to_be_visible()
    page.get_by_role("link", name="Add stations").click()
    page.get_by_label("Station ids").fill("JRN-1")
    page.locator("input[name=connectors]").fill("2")
    page.get_by_role("button", name="Add").click()
    password = page.locator(".secret").inner_text()
    expect(page.get_by_text(f"{portal.ws}JRN-1")).to_be_visible()
    page.goto(f"{portal.url}/passes/add/")
    page.locator("select[name=organization]").select_option(label="Energy Cloud")
    page.get_by_label("UID").fill("04:a2:b3:c4:d5:e6:80")
    page.get_by_label("Nickname").fill("Pool car 1")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Pool car 1")).to_be_visible()

    page.goto(f"{portal.url}/stations/")
    page.get_by_role("link", name="JRN-1").click()
    expect(page.get_by_text("Connect this station")).to_be_visible()
    page.evaluate("window.sameDocument = true")
    with station_at_hand(portal.ws, "JRN-1", password) as one:
        one.arrive()
        head, first = page.locator("#station-head"), page.locator(".tile").first
        expect(head.locator(".states").get_by_text("Online", exact=True)).to_be_visible()
        one.do(one.station.report())
        expect(first.get_by_text("Available", exact=True)).to_be_visible()
        one.do(one.station.show(1, "Faulted", "GroundFailure", vendor_error_code="E1203"))
        expect(first.get_by_text("The residual-current protection has tripped")).to_be_visible()
        expect(first.get_by_text("E1203")).to_be_visible()
        one.do(one.station.show(1, "Preparing"))
        expect(first.get_by_text("Preparing", exact=True)).to_be_visible()
        assert one.do(one.station.authorize("0BADC0DE")) == "Invalid"
        expect(page.get_by_text("0BADC0DE")).to_be_visible()
        transaction = one.do(one.station.start(1, "04A2B3C4D5E680", authorize=True))
        assert transaction
        expect(first.get_by_text("Charging", exact=True)).to_be_visible()
        one.do(one.station.meter(1, seconds=600))
        expect(first.locator(".big")).to_contain_text("kW")
        expect(first.get_by_text("Pool car 1")).to_be_visible()
        assert page.evaluate("window.sameDocument") is True, "all of this without a reload"

        # Stop it: the page asks first, and the button repeats the verb.
        first.get_by_role("link", name="Stop charging").or_(first.get_by_role("button", name="Stop charging")).click()
        page.get_by_role("button", name="Stop charging").click()
        expect(page.get_by_text("Stop charging accepted").or_(page.get_by_text("accepted", exact=False)).first).to_be_visible()
        expect(page.locator(".tile").first.get_by_text("Charging", exact=True)).not_to_be_visible(timeout=15_000)
        page.goto(f"{portal.url}/transactions/{transaction}/")
        expect(page.get_by_text("Stopped from the portal").first).to_be_visible()
        expect(page.locator("[data-plot] canvas")).to_be_visible()
        # And what came over the wire can be read.
        page.goto(f"{portal.url}/stations/1/logs/?action=RemoteStopTransaction")
        page.get_by_role("link", name="RemoteStopTransaction").first.click()
        expect(page.locator("pre").first).to_contain_text(f'"transactionId": {transaction}')
    page.goto(f"{portal.url}/stations/1/")
    expect(page.locator("#station-head .states").get_by_text("Offline", exact=True)).to_be_visible(timeout=20_000)


PAGES = (
    "/", "/stations/", "/stations/1/", "/stations/1/transactions/", "/stations/1/activity/", "/stations/1/configuration/",
    "/stations/1/configuration/change/?key=HeartbeatInterval", "/stations/1/configuration/compare/",
    "/operations/configuration-templates/", "/operations/configuration-templates/add/",
    "/stations/1/logs/", "/stations/1/files/", "/stations/1/files/fetch/", "/stations/1/firmware/", "/firmware/", "/firmware/add/",
    "/firmware/updates/", "/stations/1/details/", "/stations/1/edit/", "/stations/1/commands/reset-hard/", "/stations/add/",
    "/stations/1/care/", "/stations/1/smart-charging/", "/locations/1/capacity/", "/locations/1/capacity/edit/",
    "/stations/1/console/?action=SetChargingProfile", "/stations/1/security/", "/stations/1/security/demand/",
    "/stations/1/certificates/", "/certificates/", "/authorities/", "/authorities/add/", "/stations/1/customers/",
    "/stations/1/behaviour/", "/operations/maintenance/", "/stations/1/maintenance/add/", "/operations/reservations/",
    "/stations/1/reservations/", "/stations/1/vendor-messages/", "/stations/1/commands/reserve/", "/passes/1/reserve/",
    "/stations/knocking/", "/locations/", "/locations/1/", "/map/", "/transactions/", "/transactions/inbox/", "/passes/", "/passes/add/",
    "/passes/1/", "/passes/1/lists/", "/passes/1/restrictions/", "/passes/1/move/", "/passes/lists/", "/passes/groups/",
    "/passes/guides/", "/passes/guides/tag/", "/passes/whitelist/", "/passes/learn/", "/passes/check/?station=1&card=0BADC0DE",
    "/activity/", "/stations/1/local-list/", "/networks/", "/networks/add/", "/imports/", "/imports/add/?kind=passes",
    "/bulk/", "/availability/", "/stations/1/availability/", "/stations/1/access/", "/stations/1/alias/", "/vendor-codes/", "/exports/",
    "/operations/", "/operations/hardware-templates/", "/operations/hardware-templates/add/", "/stations/1/template/",
    "/stations/1/evse-ids/",
    "/organizations/", "/organizations/1/", "/search/?q=JRN", "/help/", "/help/connect/", "/nothing/",
)  # fmt: skip


def test_every_page_is_accessible_in_both_themes_and_fits_a_phone(visit: Callable[..., Visitor]) -> None:
    ada = visit()
    ada.log_in()
    found = ada.flaws(PAGES, missing={"/nothing/"})
    ada.faults = [fault for fault in ada.faults if "404" not in fault]  # /nothing/ is nothing
    assert not found, json.dumps(found, indent=1)


def test_lists_work_by_keyboard_alone_and_the_search_answers_while_typing(visit: Callable[..., Visitor], portal: Portal) -> None:
    ada = visit()
    page = ada.log_in()
    page.keyboard.press("/")
    page.keyboard.type("JRN")
    expect(page.locator("#search-results").get_by_role("option", name="JRN-1")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/stations/1/"))
    page.goto(f"{portal.url}/stations/")
    page.locator("select[name=connection]").select_option("online")
    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    expect(page).to_have_url(re.compile("connection=online"))
    page.get_by_role("link", name="Clear all filters").click()
    expect(page.get_by_role("link", name="JRN-1")).to_be_visible()


def test_the_map_without_a_tile_server(visit: Callable[..., Visitor], portal: Portal) -> None:
    """Places are found by name and by keyboard, names are text, and the page's buttons fold into a menu on a phone."""
    ada = visit()
    page = ada.log_in()
    for name, latitude, longitude in (("<b>Quay</b> & Sons", "51.9", "4.5"), ("Mountain lodge", "47.3", "11.4")):
        page.goto(f"{portal.url}/locations/add/")
        for field, value in (("name", name), ("latitude", latitude), ("longitude", longitude)):
            page.locator(f"input[name={field}]").fill(value)
        to_the_end(page, "Add location")
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.goto(f"{portal.url}/map/")
    expect(page.locator("#map .map-name", has_text="<b>Quay</b> & Sons")).to_be_visible()
    expect(page.locator("#map b")).to_have_count(0)
    page.locator("#map [role=button][title^=Mountain]").focus()
    page.keyboard.press("Enter")
    page.locator("#map .leaflet-popup").get_by_role("link", name="Mountain lodge").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mountain lodge")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    expect(page.get_by_role("link", name="Delete")).not_to_be_visible()
    page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete location").click()
    expect(page.get_by_text("Mountain lodge is deleted.")).to_be_visible()


def test_everything_also_works_without_javascript(visit: Callable[..., Visitor], portal: Portal) -> None:
    ada = visit(java_script_enabled=False)
    page = ada.log_in()
    page.goto(f"{portal.url}/stations/")
    page.locator("input[name=q]").last.fill("JRN")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="JRN-1").click()
    page.get_by_role("link", name="Details").click()
    expect(page.get_by_text("JRN-1").first).to_be_visible()
    page.goto(f"{portal.url}/passes/?q=Pool")
    expect(page.get_by_role("link", name="Pool car 1")).to_be_visible()
