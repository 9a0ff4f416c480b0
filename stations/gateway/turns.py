"""Large frames take turns, so that everybody else comes in between, however many stations send them at once."""

from __future__ import annotations

import asyncio

LARGE = 32 * 1024  # characters
REST = 2.0  # after a turn it is the others' for so many times as long
LONGEST = 2.0  # seconds: of a turn that ends later, because somebody else is waited for, and of a rest


class Turns:
    """One at a time, in the order in which they came. Of one event loop."""

    def __init__(self) -> None:
        self._free = asyncio.Lock()

    async def begin(self) -> Turn:
        """Waits for it. `end` it when the frame is answered: nobody waits for the rest that follows."""
        await self._free.acquire()
        return Turn(self._free)


class Turn:
    def __init__(self, free: asyncio.Lock) -> None:
        self._loop = asyncio.get_running_loop()
        self._free, self._began, self._over = free, self._loop.time(), False
        self._timer = self._loop.call_later(LONGEST, self._give_back)

    def end(self) -> None:
        if not self._over:
            self._timer.cancel()
            self._timer = self._loop.call_later(min(LONGEST, REST * (self._loop.time() - self._began)), self._give_back)

    def _give_back(self) -> None:
        self._over = True
        self._free.release()
