"""Who may see and do what: the only door to rows that belong to a tenant.

`Model.objects.visible_to(user, right)` is the only read of a list, `get_for(user, queryset, right, pk=…)` the only read of one
object: a foreign tenant's object is 404, one's own without the right is 403. A model takes part by naming the lookup that leads
to its organization's path in `tenant_path`.

Until roles exist a user holds every right at their organization and below; `granted_paths` is the one place that will ask roles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenancy.models import User

READ = "read"
MANAGE_ORGANIZATIONS = "manage_organizations"
MANAGE_LOCATIONS = "manage_locations"
MANAGE_STATIONS = "manage_stations"
OPERATE_STATIONS = "operate_stations"
CONFIGURE_STATIONS = "configure_stations"
MANAGE_PASSES = "manage_passes"

# What a right allows, in words that go on after "the right to …"
LABELS = {
    READ: _("see this"),
    MANAGE_ORGANIZATIONS: _("add, change and delete organizations"),
    MANAGE_LOCATIONS: _("add, change and delete locations"),
    MANAGE_STATIONS: _("add, change and delete stations"),
    OPERATE_STATIONS: _("start and stop charging, reset and unlock stations"),
    CONFIGURE_STATIONS: _("read and change the configuration of stations"),
    MANAGE_PASSES: _("add, change and delete passes"),
}

M = TypeVar("M", bound=models.Model)


def granted_paths(user: User | AnonymousUser, right: str = READ) -> list[str]:
    """The paths of the organizations where `user` holds `right`; it holds at each of them and everywhere below."""
    if not user.is_authenticated or not user.is_active:
        return []
    return [user.organization.path]


def holds(user: User | AnonymousUser, right: str, path: str) -> bool:
    """Whether `user` holds `right` at the organization with this path."""
    return any(path.startswith(granted) for granted in granted_paths(user, right))


class VisibleQuerySet(models.QuerySet[M]):
    def below(self, path: str) -> Self:
        """Only rows of the organization with this path and of everything below it."""
        return self.filter(**{f"{self.model.tenant_path}__startswith": path})  # type: ignore[attr-defined]

    def visible_to(self, user: User | AnonymousUser, right: str = READ) -> Self:
        condition = Q()
        for path in granted_paths(user, right):
            condition |= Q(**{f"{self.model.tenant_path}__startswith": path})  # type: ignore[attr-defined]
        return self.filter(condition) if condition else self.none()


def get_for(user: User | AnonymousUser, queryset: models.QuerySet[M], right: str = READ, **lookup: Any) -> M:
    """One object of a VisibleQuerySet: Http404 when the user may not know of it, PermissionDenied when only `right` is missing."""
    found: M | None = queryset.visible_to(user).filter(**lookup).first()  # type: ignore[attr-defined]
    if found is None:
        raise Http404
    if right != READ and not queryset.model._default_manager.visible_to(user, right).filter(pk=found.pk).exists():  # type: ignore[attr-defined]
        raise PermissionDenied(right)
    return found
