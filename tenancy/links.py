"""Addresses of pages that keep the scope a person has drilled into, so that it survives every click."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlencode

from django.urls import reverse

# The `?in=` of the request that is being answered; empty outside of one, as in mails and jobs.
_token: ContextVar[str] = ContextVar("scope", default="")


@contextmanager
def within(token: str) -> Iterator[None]:
    """Everything inside answers a request whose scope is `token`."""
    before = _token.set(token)
    try:
        yield
    finally:
        _token.reset(before)


def link(name: str, *args: object, **query: str) -> str:
    """The URL of the page `name`, with `query` and the scope of the request that is being answered."""
    if token := _token.get():
        query.setdefault("in", token)
    return reverse(name, args=args) + (f"?{urlencode(query)}" if query else "")
