"""What `tenancy` shows of the apps above it: they register it in their `AppConfig.ready`, so nothing here imports upward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpRequest

from tenancy.models import Organization, User


class Part(NamedTuple):
    """A part of an organization's page."""

    template: str
    context: dict[str, Any]


# Each gives one part of the page of an organization.
organization_parts: list[Callable[[HttpRequest, Organization], Part]] = []
# A column of the list of organizations -> how many of it there are directly at each organization the user may see, by path.
organization_counts: dict[str, Callable[[User], dict[str, int]]] = {}
