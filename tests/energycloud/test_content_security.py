"""No page needs an exception from the content security policy: nothing inline, nowhere. The pages are found by following links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client

from stations.models import CardOffer, Command, Connector, Frame, Knock, Station, Transaction, UnmatchedMessage
from tests.conftest import CARD, Tree

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOST = 250  # pages; there are fewer of a kind
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(HTMLParser):
    """What is inline in a page, what it loads from elsewhere, where it leads to, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name, value in given.items():
            if name == "style" or re.match(r"on[a-z]", name) or name.startswith(("hx-on", "data-hx-on")):
                self.inline.append(f"{tag} {name}")
            if name in {"href", "src", "action", "hx-get", "hx-post"} and (value or "").lower().startswith(("javascript:", "http:", "//")):
                self.inline.append(f"{tag} {name}={value}")
            if name == "hx-trigger" and re.search(r"(^|,)\s*[\w:.-]+\[", value or ""):
                self.inline.append(f"{tag} {name}={value}, which is evaluated")
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.inline.append(tag)
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag not in VOID:
            self.inline.append(f"</{tag}> closes <{self.open[-1] if self.open else ''}>")


@pytest.fixture
def lively(tree: Tree) -> Tree:
    """A little of everything, so that every page has something to show."""
    station, connector = tree.station, tree.connector
    Station.objects.filter(pk=station.pk).update(
        connected=True, first_connected_at=AT, connected_at=AT, last_message_at=AT, vendor="Alfen", model="Eve", clock_offset=90.0
    )
    Connector.objects.filter(pk=connector.pk).update(status="Faulted", error_code="GroundFailure", status_at=AT, evse_id="NL*LUM*E1")
    for ended in (None, AT):
        Transaction.objects.create(
            station=station, connector=connector, id_tag=CARD, verdict="Accepted", started_at=AT, start_received_at=AT, meter_start=0,
            reported_start=AT.isoformat(), ended_at=ended, transaction_id="9" if ended else "8", problems=["clock"],
        )  # fmt: skip
    UnmatchedMessage.objects.create(station=station, action="StopTransaction", transaction_id="77", payload={"meterStop": 5})
    Command.objects.create(station=station, action="Reset", payload={"type": "Soft"}, state="timed_out", deadline=AT)
    CardOffer.objects.create(station=station, id_tag=CARD, verdict="Accepted", reason="listed", action="Authorize")
    Frame.objects.create(
        station=station, at=AT, direction="in", action="Heartbeat", call='[2,"1","Heartbeat",{}]', answer='[3,"1",{}]', answered_at=AT
    )
    Knock.objects.create(identity="EVB-1", reason="unknown", address="192.0.2.7")
    return tree


def shape(url: str) -> str:
    """Pages that differ by a number, by a filter's value, or by sort and columns only are one kind."""
    parts = urlsplit(url)
    names = {word.split("=")[0] for word in parts.query.split("&") if word} - {"sort", "cols", "page", "per_page", "in", "next"}
    return re.sub(r"\d+", "0", parts.path) + "?" + "&".join(sorted(names)[:1])


def pages_of(client: Client, start: str) -> Iterator[tuple[str, Page]]:
    """Every kind of page that can be reached by links, with its address. Each must be there and say what may run in it."""
    waiting, seen = [(start, "")], {shape(start)}
    while waiting:
        url, source = waiting.pop(0)
        answer = client.get(url)
        if answer.status_code == 403 and source.startswith("/help/"):
            continue  # the help says how everything is done, also to those who may not do it
        assert answer.status_code in (200, 302), f"{url} answers {answer.status_code}"
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy, url
        assert "style-src 'self'" in policy, url
        assert "unsafe" not in policy, url
        if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        page = Page(answer.text)
        yield url, page
        for link in page.links:
            target = urljoin(url, link)
            if urlsplit(target).netloc or not target.startswith("/") or "export=" in target:
                continue
            if shape(target) not in seen and len(seen) < MOST:
                seen.add(shape(target))
                waiting.append((target, url))


@pytest.mark.parametrize("person", ["as_ada", "as_cy"])
def test_nothing_is_inline_on_any_page(request: pytest.FixtureRequest, lively: Tree, person: str) -> None:
    client: Client = request.getfixturevalue(person)
    visited = []
    for url, page in pages_of(client, "/"):
        assert page.inline == [], url
        assert len(page.ids) == len(set(page.ids)), f"{url} has two elements with one id: {sorted(page.ids)}"
        assert page.open == [], f"{url} leaves open {page.open}"
        visited.append(urlsplit(url).path)
    assert len(visited) < MOST
    wanted = ["/", "/stations/", "/locations/", "/map/", "/transactions/", "/transactions/inbox/", "/passes/", "/organizations/", "/help/"]
    tabs = ["", "transactions/", "activity/", "details/"] + (["configuration/", "logs/"] if person == "as_ada" else [])
    wanted += [f"/stations/{lively.station.pk}/{tab}" for tab in tabs]
    assert [path for path in wanted if path not in visited] == [], "every page can be reached by links"


@pytest.mark.parametrize("path", ["/account/login/", "/account/password/reset/", "/account/signup/", "/account/inactive/", "/nowhere/"])
def test_nothing_is_inline_before_the_login(db: None, path: str) -> None:
    answer = Client().get(path)
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert Page(answer.text).inline == []
