"""Too many refused upgrades: per address and identity, per address, per identity. Bounded memory; only refusals count."""

from __future__ import annotations

import time
from collections import OrderedDict

MAX_KEYS = 20_000
WINDOW = 60.0  # seconds


class Throttle:
    """`blocked` before any work is done, `refused` after a refusal, `admitted` after a success.

    A whole site behind one address may have one misconfigured station, so an address is allowed ten times as much as one identity from
    it. A stranger who hammers a known identity from elsewhere must not lock the real station out, nor a bad neighbour a whole site (or,
    behind a proxy that is not in TRUSTED_PROXIES, the fleet): from the address it last came in from, only its own refusals count.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._windows: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._homes: OrderedDict[str, str] = OrderedDict()  # identity -> address of its last success

    def blocked(self, address: str, identity: str) -> bool:
        if self._count(("both", f"{address} {identity}")) >= self._per_minute:
            return True
        if self._homes.get(identity) == address:
            return False
        return self._count(("address", address)) >= 10 * self._per_minute or self._count(("identity", identity)) >= 3 * self._per_minute

    def refused(self, address: str, identity: str) -> None:
        for key in (("both", f"{address} {identity}"), ("address", address), ("identity", identity)):
            now = time.monotonic()
            start, count = self._windows.pop(key, (now, 0))
            self._windows[key] = (now, 1) if now - start >= WINDOW else (start, count + 1)
            if len(self._windows) > MAX_KEYS:
                self._windows.popitem(last=False)

    def admitted(self, address: str, identity: str) -> None:
        self._homes.pop(identity, None)
        self._homes[identity] = address
        if len(self._homes) > MAX_KEYS:
            self._homes.popitem(last=False)

    def _count(self, key: tuple[str, str]) -> int:
        start, count = self._windows.get(key, (0.0, 0))
        return count if time.monotonic() - start < WINDOW else 0
