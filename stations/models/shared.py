"""Things that an organization keeps for its stations and, where it says so, for those of everybody below: templates, firmware, codes."""

from __future__ import annotations

from typing import Self, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenancy.models import Organization, User
from tenancy.rights import READ, VisibleQuerySet, condition, granted_paths

M = TypeVar("M", bound=models.Model)


def above(path: str) -> list[str]:
    """The paths of the organizations above the one with this path: "/1/4/9/" gives "/1/" and "/1/4/"."""
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) + "/" for count in range(1, len(parts))]


class SharedQuerySet(VisibleQuerySet[M]):
    def visible_to(self, user: User | AnonymousUser, right: str = "") -> Self:
        """Those of the organizations at which `user` holds `right`, and, to be read, what organizations above share."""
        found = condition(user, right or READ, self.model)
        if (right or READ) == READ and found:  # else it holds of all of them already
            higher = {path for granted in granted_paths(user, READ) for path in above(granted)}
            found |= Q(below=True, organization__path__in=higher)
        return self.filter(found)

    def usable_at(self, path: str) -> Self:
        """Those that serve at the organization with this path: its own, and what is shared from above."""
        return self.filter(Q(organization__path=path) | Q(below=True, organization__path__in=above(path)))


class Shared(models.Model):
    tenant_path = "organization__path"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+", verbose_name=_("Organization"))
    below = models.BooleanField(
        _("Also for the organizations below"), default=True, help_text=_("They can use it, not change it."),
    )  # fmt: skip

    class Meta:
        abstract = True
        default_permissions = ()


def matches(pattern: str, told: str) -> bool:
    """Whether what a station told of itself (make, model) fits a pattern: without regard to case, `*` for anything, empty for all."""
    import fnmatch

    pattern = pattern.strip().replace("[", "[[]").replace("?", "[?]")
    return not pattern or fnmatch.fnmatchcase(told.strip().casefold(), pattern.casefold())
