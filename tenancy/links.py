"""Addresses of pages that keep the scope a person has drilled into, so that it survives every click."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tenancy.rights import READ, holds

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenancy.models import Organization, User

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


def organization_link(user: User | AnonymousUser, organization: Organization) -> SafeString:
    """The name of `organization`, with the way to its page where `user` may open that."""
    if holds(user, READ, organization.path):
        return format_html('<a href="{}">{}</a>', organization.get_absolute_url(), organization)
    return format_html("{}", organization)
