"""The browser's websocket: which of the things on the open page have changed. It carries no content; the page asks for that itself.

The browser sends {"subscribe": ["station:12", "in:o1", "in:all"]}, and gets {"changed": [topics]}.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.sessions.backends.db import SessionStore
from django.http import Http404

from stations import nudges
from stations.models import Station
from tenancy.models import User
from tenancy.scope import drill_of

MAX_TOPICS = 200
PAUSE = 0.2  # seconds between two messages to one browser
FRESH = 60.0  # seconds after which it is asked again what this person may see
LOGIN_ENDED = 4401  # close code


class LiveConsumer(AsyncJsonWebsocketConsumer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stations: dict[str, frozenset[int]] = {}  # topic -> the stations it is about
        self.changed: set[int] = set()
        self.seen_at = 0.0
        self.flushing: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        self.user = self.scope["user"]
        if not self.user.is_authenticated:
            await self.close(LOGIN_ENDED)
            return
        await self.channel_layer.group_add(nudges.PAGES, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if self.flushing:
            self.flushing.cancel()
        await self.channel_layer.group_discard(nudges.PAGES, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        wanted = content.get("subscribe") if isinstance(content, dict) else None
        if not isinstance(wanted, list):
            return
        topics = [topic for topic in wanted if isinstance(topic, str) and len(topic) < 32][:MAX_TOPICS]
        self.stations = await self._look_up(topics)
        self.seen_at = time.monotonic()

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except ValueError:
            return None

    async def stations_changed(self, event: dict[str, Any]) -> None:
        """A nudge from the gateways or the pages: see stations.nudges."""
        self.changed.update(event["stations"])
        if self.flushing is None or self.flushing.done():
            self.flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        while self.changed:
            changed, self.changed = self.changed, set()
            unknown = not changed <= frozenset().union(*self.stations.values()) if self.stations else False
            age = time.monotonic() - self.seen_at
            if age > FRESH or (unknown and age > FRESH / 6):
                if not await self._still_here():
                    await self.close(LOGIN_ENDED)
                    return
                self.stations = await self._look_up(list(self.stations))
                self.seen_at = time.monotonic()
            if topics := [topic for topic, stations in self.stations.items() if not stations.isdisjoint(changed)]:
                await self.send_json({"changed": topics})
            await asyncio.sleep(PAUSE)

    @database_sync_to_async
    def _still_here(self) -> bool:
        key = self.scope["session"].session_key
        return bool(key) and SessionStore().exists(key) and User.objects.filter(pk=self.user.pk, is_active=True).exists()

    @database_sync_to_async
    def _look_up(self, topics: list[str]) -> dict[str, frozenset[int]]:
        """The stations behind each topic, as far as this person may see them."""
        visible = Station.objects.visible_to(self.user).order_by()
        single = {topic: int(topic[8:]) for topic in topics if topic.startswith("station:") and topic[8:].isdecimal()}
        allowed = set(visible.filter(pk__in=single.values()).values_list("pk", flat=True))
        found = {topic: frozenset({pk}) for topic, pk in single.items() if pk in allowed}
        for topic in topics:
            if topic.startswith("in:"):
                try:
                    drill = drill_of(self.user, "" if topic == "in:all" else topic[3:])
                except Http404:
                    continue
                found[topic] = frozenset(drill.limit(visible).values_list("pk", flat=True))
        return found
