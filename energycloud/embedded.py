"""What the embedded default does inside the portal's own process: the job queue and its worker.

The queue carries only nudges to work that is a row, so losing it with the process loses nothing.
"""

from __future__ import annotations

import threading

import fakeredis
from django.core.cache.backends.locmem import LocMemCache

_server = fakeredis.FakeServer()


class QueueCache(LocMemCache):
    """Gives django-rq (RQ_QUEUES' USE_REDIS_CACHE) a Redis connection that lives in this process."""

    @property
    def _client(self) -> fakeredis.FakeStrictRedis:
        return fakeredis.FakeStrictRedis(server=_server)


def start_worker() -> None:
    """Work off the queue in a thread of this process."""
    threading.Thread(target=_work, name="jobs", daemon=True).start()


def _work() -> None:
    from django_rq import get_queue
    from rq import SimpleWorker
    from rq.timeouts import TimerDeathPenalty

    class EmbeddedWorker(SimpleWorker):
        death_penalty_class = TimerDeathPenalty

        def _install_signal_handlers(self) -> None:
            """Signals belong to the server's main thread."""

    queue = get_queue("default")
    EmbeddedWorker([queue], connection=queue.connection).work(logging_level="WARNING")
