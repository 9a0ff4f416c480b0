"""Drilling in: the organization or location that the lists of a page are limited to. It travels in the URL as `?in=o12` or `?in=l7`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from tenancy.models import Organization
from tenancy.rights import get_for

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenancy.models import User

Q = TypeVar("Q", bound="QuerySet[Any]")


# What a page can be drilled into beside an organization: letter -> model. The app that owns the model registers it.
PLACES: dict[str, Any] = {}


class Drill:
    """`organization` and/or `place`, or neither: everything the user may see."""

    def __init__(self, token: str = "", organization: Organization | None = None, place: Any = None) -> None:
        self.token, self.organization, self.place = token, organization, place

    def __bool__(self) -> bool:
        return bool(self.token)

    def __str__(self) -> str:
        return str(self.place or self.organization or "")

    def limit(self, queryset: Q) -> Q:
        """`queryset` limited to this scope. Models below a place name the lookup to it in `place_lookup`."""
        if self.place is not None:
            lookup = getattr(queryset.model, "place_lookup", None)
            if lookup:
                return queryset.filter(**{lookup: self.place.pk})
        if self.organization is not None:
            return queryset.below(self.organization.path)  # type: ignore[attr-defined, no-any-return]
        return queryset

    def way(self, user: User | AnonymousUser) -> list[tuple[str, Any]]:
        """(token, organization or place) from the highest that `user` may see down to this scope."""
        if self.organization is None:
            return []
        rows = Organization.objects.visible_to(user).filter(pk__in=[*self.organization.ancestor_ids, self.organization.pk])
        found: list[tuple[str, Any]] = [(f"o{row.pk}", row) for row in rows.in_tree_order()]
        return [*found, (self.token, self.place)] if self.place is not None else found


def scope_of(request: HttpRequest) -> Drill:
    return drill_of(request.user, request.GET.get("in", ""))


def drill_of(user: User | AnonymousUser, token: str) -> Drill:
    """What the token names, as far as `user` may see it; else Http404."""
    if not token:
        return Drill()
    kind, key = token[:1], token[1:]
    if not key.isdecimal() or len(key) > 18:
        raise Http404
    if kind == "o":
        return Drill(token, organization=get_for(user, Organization.objects.all(), pk=int(key)))
    if kind in PLACES:
        place = get_for(user, PLACES[kind].objects.select_related("organization"), pk=int(key))
        return Drill(token, organization=place.organization, place=place)
    raise Http404
