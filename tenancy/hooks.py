"""What `tenancy` shows of the apps above it: they register it in their `AppConfig.ready`, so nothing here imports upward."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.db.models import Q
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

# The history. Kinds of objects of which something is recorded, as `label_lower`.
recorded_kinds: list[str] = [
    "tenancy.organization", "tenancy.user", "tenancy.invitation", "tenancy.role", "tenancy.serviceaccess", "tenancy.import",
]  # fmt: skip
# Kind -> which entries belong to the history of one of these, where these are more than the entries about itself.
belonging_entries: dict[str, Callable[[Any], Q]] = {
    "tenancy.organization": lambda organization: Q(organization__path__startswith=organization.path),
}
# What was asked of a station, in words, by the command's name and its payload, with what the configuration is set to or without.
command_words: list[Callable[[str, dict[str, Any], bool], str]] = []
# Each gives more tabs of the page of an organization: (name, label, URL), those that this person may open.
organization_tabs: list[Callable[[HttpRequest, Organization], Iterable[tuple[str, Any, str]]]] = []
# Called inside the transaction after an organization was moved, with what it is now, and after users came or went (their keys).
organization_moved: list[Callable[[Organization], None]] = []
users_switched: list[Callable[[list[int]], None]] = []
# Each says, in sentences, what else changes when the organization comes to belong to another parent.
move_consequences: list[Callable[[User, Organization, Organization], Iterable[str]]] = []
# Each gives more tabs of the page of a user: (name, label, URL), those that the person who asks may open.
user_tabs: list[Callable[[HttpRequest, User], Iterable[tuple[str, Any, str]]]] = []
# Each says, in sentences, what else it means for somebody when these people (keys or a queryset) are "deactivate"d, "deactivate_many",
# "activate"d or "delete"d.
user_consequences: list[Callable[[User, Any, str], Iterable[str]]] = []
