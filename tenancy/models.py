"""Who there is: the tree of organizations, the people in it, and the record of what they did."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Collate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.links import link
from tenancy.rights import VisibleQuerySet

MAX_PATH = 255


class OrganizationQuerySet(VisibleQuerySet["Organization"]):
    def in_tree_order(self) -> Self:
        """Everything below an organization follows it: byte by byte, where a locale's order would ignore the slashes."""
        return self.order_by(Collate("path", "C") if connection.vendor == "postgresql" else "path")


class Organization(models.Model):
    """A node of the tree: platform > partner > customer > sub-organization, to any depth.

    `path` is the materialised path of primary keys, "/1/4/9/": everything below an organization starts with its path,
    so a scope is one prefix condition on either database.
    """

    class Kind(models.TextChoices):
        PLATFORM = "platform", _("Platform")
        PARTNER = "partner", _("Partner")
        CUSTOMER = "customer", _("Customer")
        SUB = "sub", _("Sub-organization")

        @property
        def below(self) -> tuple[Organization.Kind, ...]:
            """What may belong to an organization of this kind, the usual first."""
            kind = type(self)
            if self is kind.PLATFORM:
                return (kind.PARTNER, kind.CUSTOMER, kind.SUB)
            return (kind.CUSTOMER, kind.PARTNER, kind.SUB) if self is kind.PARTNER else (kind.SUB,)

    tenant_path = "path"

    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("Belongs to"))
    path = models.CharField(max_length=MAX_PATH, unique=True, editable=False)
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices, default=Kind.CUSTOMER)
    name = models.CharField(_("Name"), max_length=100)
    street = models.CharField(_("Street and number"), max_length=120, blank=True)
    postal_code = models.CharField(_("Postal code"), max_length=16, blank=True)
    city = models.CharField(_("City"), max_length=80, blank=True)
    country = models.CharField(_("Country"), max_length=2, blank=True, help_text=_("Two letters, such as NL."))
    email = models.EmailField(_("Contact e-mail"), blank=True)
    phone = models.CharField(_("Contact phone"), max_length=32, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "name"],
                name="organization_name_unique_below_parent",
                violation_error_message=_("There is already an organization with this name here."),
            ),
            models.UniqueConstraint(
                models.Value(1),
                condition=Q(parent=None),
                name="organization_one_root",
                violation_error_message=_("There is one platform organization only: choose the organization this one belongs to."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return link("organization", self.pk)

    def clean(self) -> None:
        if self.parent and self.kind not in (fitting := self.Kind(self.parent.kind).below):
            raise ValidationError({"kind": _misfit(self.parent, fitting)})
        if self.pk and any(child.kind not in self.Kind(self.kind).below for child in self.children.only("kind")):
            raise ValidationError({"kind": _("What belongs to it would not fit below this kind.")})

    @property
    def ancestor_ids(self) -> list[int]:
        """Primary keys from the root down to the parent."""
        return [int(part) for part in self.path.strip("/").split("/")][:-1]

    @property
    def depth(self) -> int:
        return self.path.count("/") - 2


def _misfit(parent: Organization, fitting: tuple[Organization.Kind, ...]) -> str:
    words = {"parent": parent, "kind": parent.get_kind_display(), "fitting": ", ".join(str(kind.label) for kind in fitting)}
    return _("%(parent)s is a %(kind)s; below it there can be: %(fitting)s.") % words


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person with a login. Belongs to one organization and sees it and everything below."""

    tenant_path = "organization__path"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="users", verbose_name=_("Organization"))
    email = models.EmailField(_("E-mail"), unique=True)
    name = models.CharField(_("Name"), max_length=100)
    is_active = models.BooleanField(_("Active"), default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager.from_queryset(VisibleQuerySet)()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """One write by a person: who, when, what, before and after. Never edited; written inside the write's own transaction."""

    tenant_path = "organization__path"

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=100, blank=True)
    organization = models.ForeignKey(Organization, models.SET_NULL, null=True, related_name="+")
    verb = models.CharField(max_length=40)
    object_type = models.CharField(max_length=40)
    object_id = models.BigIntegerField(null=True)
    object_name = models.CharField(max_length=200)
    changes = models.JSONField(default=dict)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["object_type", "object_id", "-at"], name="audit_by_object")]
