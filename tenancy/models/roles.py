"""Roles, who holds them where, and the access given to service companies: all of it grants of django-guardian in the end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase

from tenancy.links import link
from tenancy.models.organization import Organization
from tenancy.rights import GRANTS, RIGHTS, VisibleQuerySet


class RoleQuerySet(VisibleQuerySet["Role"]):
    def assignable_at(self, organization: Organization) -> RoleQuerySet:
        """Its own roles, and those that the organizations above propagate."""
        return self.filter(Q(organization=organization) | Q(organization__in=organization.ancestor_ids, propagated=True))


class Role(models.Model):
    """Details, rights and users, owned by one organization. Propagated, it can be given in everything below too; it stays one role, and
    only its owner changes it."""

    class Default(models.TextChoices):
        """Those that every platform begins with."""

        ADMINISTRATOR = "administrator", _("Administrator")
        PARTNER = "partner", _("Partner")
        TECHNICAL = "technical", _("Technical contact")
        BILLING = "billing", _("Billing")
        HOTLINE = "hotline", _("Hotline")
        VIEWER = "viewer", _("Viewer")

    tenant_path = "organization__path"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="roles", verbose_name=_("Belongs to"))
    name = models.CharField(_("Name"), max_length=60)
    description = models.CharField(_("What it is for"), max_length=200, blank=True)
    # Codes of tenancy.rights.RIGHTS; reading is always on. Use `held`: the administrator holds every right there is.
    rights = models.JSONField(default=list, blank=True)
    propagated = models.BooleanField(_("Propagated"), default=False)
    # Organizations elsewhere can choose it when they let a service company in
    offered = models.BooleanField(_("Offered as a service"), default=False)
    default = models.CharField(max_length=16, choices=Default.choices, blank=True, editable=False)
    # Grows with every change: who edits an older one is told
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="role_name_unique_in_organization",
                violation_error_message=_("This organization already has a role with this name."),
            ),
            models.UniqueConstraint(fields=["default"], condition=~Q(default=""), name="role_one_of_each_default"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return link("role", self.pk)

    @property
    def held(self) -> list[str]:
        """The rights that it gives, in the order of the switches."""
        return [code for code in RIGHTS if self.default == self.Default.ADMINISTRATOR or code in self.rights]

    @property
    def protected(self) -> bool:
        return bool(self.default)


class Team(models.Model):
    """The users who hold a role at an organization: the members of its group."""

    tenant_path = "organization__path"

    role = models.ForeignKey(Role, models.PROTECT, related_name="teams")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="teams")
    group = models.OneToOneField(Group, models.CASCADE, related_name="team")

    objects = VisibleQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["role", "organization"], name="team_of_a_role_at_an_organization")]

    def __str__(self) -> str:
        return f"{self.role} · {self.organization}"


class ServiceAccess(models.Model):
    """An organization lets those who hold a role elsewhere – an installer, a hotline – work at a location or at itself and everything
    below, for a time. They may do what was agreed on, as far as their role still allows it."""

    tenant_path = "organization__path"

    # Who gives it: to all of this organization and below, or, with `place`, to one of its locations
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="accesses_given", verbose_name=_("Organization"))
    place = models.CharField(max_length=20, blank=True)  # as in `?in=`: "l7"
    place_name = models.CharField(max_length=100, blank=True)
    # Who gets it
    team = models.ForeignKey(Team, models.PROTECT, related_name="accesses")
    rights = models.JSONField(default=list)
    starts_at = models.DateTimeField(_("From"))
    ends_at = models.DateTimeField(_("Until"))
    ended_at = models.DateTimeField(null=True, editable=False)
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(_("Reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-pk"]
        verbose_name = _("access of a service company")
        verbose_name_plural = _("accesses of service companies")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.team} → {self.place_name or self.organization}"


class Grant(GroupObjectPermissionBase):
    """A right of a team at one object. Rows are derived from roles and accesses by tenancy.actions.roles, and by it alone."""

    # In force from and until; empty: without a limit
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    access = models.ForeignKey(ServiceAccess, models.CASCADE, null=True, related_name="+")

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = True
        default_permissions = ()


class OrganizationGrant(Grant):
    """A right at an organization and everything below."""

    content_object = models.ForeignKey(Organization, models.CASCADE, related_name="grants")

    class Meta(Grant.Meta):
        pass


# Grants at a single place: letter of the place as in `?in=` -> model. The app that owns the place registers its own.
PLACE_GRANTS: dict[str, type[Grant]] = {}


def in_force(grants: Any, user: Any, now: datetime | None = None) -> Any:
    """Those of `grants` that hold for `user` now."""
    now = now or timezone.now()
    return grants.filter(Q(since=None) | Q(since__lte=now), Q(until=None) | Q(until__gt=now), group__user=user).order_by()


GRANTS.append(lambda user: in_force(OrganizationGrant.objects, user).values_list("content_object__path", "permission__codename"))
