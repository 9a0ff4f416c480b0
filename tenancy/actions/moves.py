"""What moving something in the tree gives to whom, and who may do that."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy.models import OrganizationGrant, User
from tenancy.rights import beyond, words


def keys(path: str) -> list[int]:
    """The primary keys on `path`, from the platform down."""
    return [int(part) for part in path.strip("/").split("/") if part]


def newly_above(from_path: str, to_path: str) -> list[int]:
    """The organizations that stand above what moves afterwards and did not before, from the highest down."""
    before = set(keys(from_path))
    return [pk for pk in keys(to_path) if pk not in before]


def rights_gained(from_path: str, to_path: str) -> set[str]:
    """What somebody at the organizations that are newly above holds there, by a role or by an access, now or from a day to come."""
    grants = OrganizationGrant.objects.filter(content_object__in=newly_above(from_path, to_path), group__user__isnull=False)
    return set(grants.exclude(until__lte=timezone.now()).values_list("permission__codename", flat=True))


def why_not_moved(actor: User | None, from_path: str, to_path: str, place: int | None = None) -> str:
    """Why `actor` cannot move something from the organization with `from_path` to the one with `to_path`; empty when they can.

    For an organization, `from_path` is its own path and `to_path` that of its new parent; for a location or a station both are those of
    the owners, and `place` is the location. Nobody gives by a move what they don't hold: what people at the organizations newly above
    gain over it, the actor must hold at it. That the actor may move things at all, here and there, is not asked here.
    """
    lacking: Iterable[str] = beyond(actor, rights_gained(from_path, to_path), from_path, place) if actor else ()
    if not lacking:
        return ""
    return _("People there would gain rights here that you don't hold yourself: %s. Ask somebody who holds them to move it.") % words(
        lacking
    )
