"""The browser's websocket: which of the things on the open page have changed. It carries no content; the page asks for that itself.

The browser sends {"subscribe": ["station:12", "in:o1", "in:all"]}, each time all it wants, and gets {"changed": [topics]}. With "since",
the time at which its page was made, it is told at once of single stations from which something came between that and now.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Collection, Coroutine
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http import Http404

from stations import nudges
from stations.models import Frame, Station
from tenancy import two_factor
from tenancy.models import User
from tenancy.scope import drill_of

MAX_TOPICS = 200
PAUSE = 0.2  # seconds between two messages to one browser
FRESH = 50.0  # seconds after which it is asked again who this is and what this person may see
LONGEST_LOAD = 60.0  # seconds that a page may take from being made to its first subscription
COMMITTED_WITHIN = 1.0  # seconds after which what a station sent stands in the database
LOGIN_ENDED = 4401  # close code

log = logging.getLogger("energycloud.live")


class LiveConsumer(AsyncWebsocketConsumer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user: User | None = None
        self.stations: dict[str, frozenset[int]] = {}  # topic -> the stations it is about
        self.changed: set[int] = set()
        self.looked_up_at = 0.0
        self.flushing: asyncio.Task[None] | None = None
        self.checking: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        # A browser learns the code only of a socket that was accepted; until it is known who asks, nothing is told.
        await self.accept()
        self.user = await self._who()
        if self.user is None:
            await self.close(LOGIN_ENDED)
            return
        await self.channel_layer.group_add(nudges.PAGES, self.channel_name)
        self.checking = self._spawn(self._keep_checking())

    async def disconnect(self, code: int) -> None:
        for task in (self.flushing, self.checking):
            if task:
                task.cancel()
        await self.channel_layer.group_discard(nudges.PAGES, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            content = json.loads(text_data or "")
        except (ValueError, RecursionError):
            return
        wanted = content.get("subscribe") if isinstance(content, dict) else None
        if isinstance(wanted, list) and self.user is not None:
            topics = [topic for topic in wanted[:MAX_TOPICS] if isinstance(topic, str) and len(topic) <= 26]
            await self._look_up(topics)
            if missed := await database_sync_to_async(_heard_since)(self.stations, content.get("since")):
                await self.stations_changed({"stations": missed})

    async def stations_changed(self, event: dict[str, Any]) -> None:
        """A nudge from the gateways or the pages: see stations.nudges."""
        if not self.stations:
            return
        self.changed.update(event["stations"])
        if self.flushing is None or self.flushing.done():
            self.flushing = self._spawn(self._flush())

    async def _flush(self) -> None:
        while self.changed:
            changed, self.changed = self.changed, set()
            if not changed <= frozenset().union(*self.stations.values()) and time.monotonic() - self.looked_up_at > FRESH / 5:
                await self._look_up(self.stations)  # perhaps a station that was added meanwhile
            if topics := [topic for topic, stations in self.stations.items() if not stations.isdisjoint(changed)]:
                await self.send(json.dumps({"changed": topics}))
            await asyncio.sleep(PAUSE)

    async def _keep_checking(self) -> None:
        """The socket ends with the login: logged out, switched off, or the password changed."""
        while True:
            await asyncio.sleep(FRESH)
            self.user = await self._who()
            if self.user is None:
                await self.close(LOGIN_ENDED)
                return
            await self._look_up(self.stations)
            await self.channel_layer.group_add(nudges.PAGES, self.channel_name)  # the in-memory layer forgets members after a day

    async def _who(self) -> User | None:
        """The person behind the session as it is stored now."""
        key = self.scope["session"].session_key
        if not key:
            return None
        user = await get_user({"session": import_module(settings.SESSION_ENGINE).SessionStore(key)})
        if not isinstance(user, User) or await database_sync_to_async(two_factor.lacking)(user):
            return None
        return user

    async def _look_up(self, topics: Collection[str]) -> None:
        self.stations = await database_sync_to_async(_stations_of)(self.user, topics) if topics else {}
        self.looked_up_at = time.monotonic()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_log_failure)
        return task


def _log_failure(task: asyncio.Task[None]) -> None:
    """A browser that went away meanwhile is none."""
    if not task.cancelled() and (error := task.exception()) and not isinstance(error, OSError):
        log.error("live updates of a page failed; it goes on by polling", exc_info=error)


def _heard_since(stations: dict[str, frozenset[int]], since: Any) -> list[int]:
    """Those of the single stations that have sent something since then, in seconds of the epoch."""
    if not isinstance(since, (int, float)) or not 0 <= time.time() - since < LONGEST_LOAD:
        return []
    single = [pk for topic, pks in stations.items() if topic.startswith("station:") for pk in pks]
    at = datetime.fromtimestamp(since - COMMITTED_WITHIN, UTC)
    return (
        list(Frame.objects.filter(station__in=single, at__gt=at).order_by().values_list("station", flat=True).distinct()) if single else []
    )


def _stations_of(user: User, topics: Collection[str]) -> dict[str, frozenset[int]]:
    """The stations behind each topic, as far as this person may see them; topics that are not theirs are left out."""
    visible = Station.objects.visible_to(user).order_by()
    single = {topic: int(topic[8:]) for topic in topics if topic.startswith("station:") and topic[8:].isdecimal()}
    allowed = set(visible.filter(pk__in=single.values()).values_list("pk", flat=True)) if single else set()
    found = {topic: frozenset({pk}) for topic, pk in single.items() if pk in allowed}
    for topic in topics:
        if topic.startswith("in:"):
            try:
                drill = drill_of(user, "" if topic == "in:all" else topic[3:])
            except Http404:
                continue
            found[topic] = frozenset(drill.limit(visible).values_list("pk", flat=True))
    return found
