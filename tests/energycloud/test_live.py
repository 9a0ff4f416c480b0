"""The browser's websocket: who may hear of what, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator as Socket
from django.test import Client
from django.utils import timezone

from energycloud import live
from energycloud.asgi import application
from stations import nudges
from stations.actions import add_stations
from stations.models import Frame
from tenancy.models import Organization, User
from tests.conftest import Tree

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def open_socket(client_of: Callable[[User], Client]) -> Callable[..., Any]:
    """A websocket in the browser of this person, subscribed to topics; checked to hear of nothing before."""

    @asynccontextmanager
    async def opened(user: User, *topics: Any, origin: str = "http://testserver") -> AsyncIterator[Socket]:
        client = await sync_to_async(client_of)(user)
        async with connected(client, origin) as socket:
            await socket.send_json_to({"subscribe": list(topics)})
            assert await socket.receive_nothing(0.3)
            yield socket

    return opened


@asynccontextmanager
async def connected(client: Client, origin: str = "http://testserver") -> AsyncIterator[Socket]:
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = [(b"host", b"testserver"), (b"origin", origin.encode()), (b"cookie", cookies.encode())]
    socket = Socket(application, "/live/", headers=headers)
    accepted, _code = await socket.connect()
    assert accepted
    yield socket
    await socket.disconnect()


async def nudge(*stations: int) -> None:
    await get_channel_layer().group_send(nudges.PAGES, {"type": "stations.changed", "stations": list(stations)})


async def heard(socket: Socket) -> list[str]:
    return sorted((await socket.receive_json_from(timeout=3))["changed"])


async def closed(socket: Socket) -> int | None:
    output = await socket.receive_output(timeout=3)
    assert output["type"] == "websocket.close"
    return int(output["code"])


async def test_what_came_while_the_page_was_on_its_way_is_told_at_once(tree: Tree, client_of: Callable[[User], Client]) -> None:
    """Between the making of a page and its subscription nobody would tell it; the stations that it does not show are no matter."""
    client, now = await sync_to_async(client_of)(tree.cy), timezone.now()
    await Frame.objects.acreate(
        station=tree.station, at=now, direction="in", action="StatusNotification", call="[]", answer="[]", answered_at=now
    )
    mine, quiet = f"station:{tree.station.pk}", f"station:{tree.dc_station.pk}"
    async with connected(client) as socket:
        await socket.send_json_to({"subscribe": [mine, quiet, f"station:{tree.other_station.pk}"], "since": now.timestamp() - 0.5})
        assert await heard(socket) == [mine]
    for since in (now.timestamp() + 3600, now.timestamp() - 3600, "now", None, [1], True, -1e300, 1e300):
        async with connected(client) as socket:
            await socket.send_json_to({"subscribe": [mine], "since": since})
            assert await socket.receive_nothing(0.3), since


async def test_a_change_reaches_the_topics_it_concerns(tree: Tree, open_socket: Any) -> None:
    mine, place = f"station:{tree.station.pk}", f"in:l{tree.location.pk}"
    async with open_socket(tree.cy, mine, f"station:{tree.dc_station.pk}", place, f"in:o{tree.customer.pk}", "in:all") as socket:
        await nudge(tree.station.pk)
        assert await heard(socket) == sorted([mine, place, f"in:o{tree.customer.pk}", "in:all"])


async def test_a_strangers_station_is_never_heard_of(tree: Tree, open_socket: Any) -> None:
    foreign = (f"station:{tree.other_station.pk}", f"in:l{tree.other_location.pk}", f"in:o{tree.other_partner.pk}", "in:all")
    async with open_socket(tree.bob, *foreign, f"in:o{tree.platform.pk}") as socket:
        await nudge(tree.other_station.pk)
        assert await socket.receive_nothing(0.5)
        await nudge(tree.station.pk)
        assert await heard(socket) == ["in:all"]


async def test_the_platform_hears_of_everything(tree: Tree, open_socket: Any) -> None:
    async with open_socket(tree.ada, "in:all", f"station:{tree.other_station.pk}") as socket:
        await nudge(tree.other_station.pk)
        assert await heard(socket) == ["in:all", f"station:{tree.other_station.pk}"]


async def test_what_an_action_does_is_heard_of(tree: Tree, open_socket: Any) -> None:
    async with open_socket(tree.cy, f"station:{tree.station.pk}") as socket:
        await sync_to_async(nudges.stations_changed)(tree.station.pk)
        assert await heard(socket) == [f"station:{tree.station.pk}"]


async def test_a_station_added_meanwhile_is_heard_of(tree: Tree, open_socket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FRESH", 0.1)
    async with open_socket(tree.cy, "in:all") as socket:
        ((added, _),) = await sync_to_async(add_stations)(actor=None, location=tree.location, identities=["LUM-0003"])
        await nudge(added.pk)
        assert await heard(socket) == ["in:all"]


async def test_many_changes_are_few_messages(tree: Tree, open_socket: Any) -> None:
    async with open_socket(tree.cy, "in:all") as socket:
        for _ in range(40):
            await nudge(tree.station.pk)
            await asyncio.sleep(0.02)
        messages = 0
        while not await socket.receive_nothing(0.5):
            messages += 1
            await socket.receive_json_from()
        assert 1 <= messages <= 8, "at most about five a second"


NONSENSE = [
    "{",
    "[]",
    "null",
    '"subscribe"',
    '{"subscribe": 1}',
    '{"subscribe": [1, null, {"a": 1}, "station:", "station:x", "in:", "in:zzz"]}',
    '{"subscribe": ["station:' + "9" * 20 + '", "in:o' + "9" * 20 + '", "station:-1", "in:o0", "in:l\\u0663"]}',
    "[" * 100_000,
]


async def test_nonsense_does_no_harm(tree: Tree, open_socket: Any) -> None:
    async with open_socket(tree.cy) as socket:
        for text in NONSENSE:
            await socket.send_to(text_data=text)
            await socket.send_to(bytes_data=b"\x00\xff")
        await socket.send_json_to({"subscribe": [f"station:{tree.station.pk}"]})
        assert await socket.receive_nothing(0.3)
        await nudge(tree.station.pk)
        assert await heard(socket) == [f"station:{tree.station.pk}"]


async def test_topics_are_bounded(tree: Tree, open_socket: Any) -> None:
    flood = [f"in:o{number}" for number in range(10**6, 10**6 + live.MAX_TOPICS)]
    async with open_socket(tree.cy, *flood, f"station:{tree.station.pk}") as socket:
        await nudge(tree.station.pk)
        assert await socket.receive_nothing(0.5)


async def test_nobody_who_is_not_logged_in_hears_anything(tree: Tree) -> None:
    async with connected(Client()) as socket:
        assert await closed(socket) == live.LOGIN_ENDED


async def test_a_page_of_another_site_is_refused(tree: Tree, client_of: Callable[[User], Client]) -> None:
    client = await sync_to_async(client_of)(tree.cy)
    with pytest.raises(AssertionError):
        async with connected(client, "https://elsewhere.example"):
            pass


def log_out(user: User, client: Client) -> None:
    client.logout()


def switch_off(user: User, client: Client) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User, client: Client) -> None:
    user.set_password("another-password-of-mine")
    user.save()


def require_two_factor(user: User, client: Client) -> None:
    Organization.objects.filter(pk=user.organization_id).update(require_two_factor=True)


def close_organization(user: User, client: Client) -> None:
    Organization.objects.filter(pk=user.organization_id).update(closed=True)


@pytest.mark.parametrize("end", [log_out, switch_off, change_password, require_two_factor, close_organization])
async def test_it_ends_with_the_login(
    tree: Tree, client_of: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch, end: Callable[[User, Client], None]
) -> None:
    monkeypatch.setattr(live, "FRESH", 0.2)
    client = await sync_to_async(client_of)(tree.cy)
    async with connected(client) as socket:
        assert await socket.receive_nothing(0.5)
        await sync_to_async(end)(tree.cy, client)
        assert await closed(socket) == live.LOGIN_ENDED


def test_a_part_of_a_page_whose_login_ended_reloads_the_page(db: None) -> None:
    answer = Client().get("/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer["HX-Refresh"] == "true"
    assert answer.content == b""
