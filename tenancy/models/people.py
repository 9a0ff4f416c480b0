"""The people: those with a login, cardholders, and those who are invited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.links import link
from tenancy.models.organization import Organization
from tenancy.rights import VisibleQuerySet, forget

INVITATION_LASTS = timedelta(hours=48)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str | None, password: str | None = None, **fields: Any) -> User:
        """Without `email`: a cardholder."""
        user = self.model(email=self.normalize_email(email).lower() if email else None, **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


def check_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("There is no time zone “%(name)s”. Write it like Europe/Amsterdam."), params={"name": name})


class User(AbstractBaseUser, PermissionsMixin):
    """A person of one organization: with a login (an e-mail address), or a cardholder, who only owns passes.

    What a person may see and do say the roles given to them, at their own organization or at others. They are given through
    `groups`: each Team is one. Neither `is_superuser` nor `user_permissions` mean anything here.
    """

    tenant_path = "organization__path"
    personal_name, personal_fields = True, ("email", "name", "phone")

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="users", verbose_name=_("Organization"))
    # Lower case always. Empty: a cardholder
    email = models.EmailField(_("E-mail"), unique=True, null=True, blank=True)
    name = models.CharField(_("Name"), max_length=100)
    phone = models.CharField(_("Phone"), max_length=32, blank=True)
    language = models.CharField(_("Language"), max_length=8, blank=True)  # empty: as the browser asks
    time_zone = models.CharField(_("Time zone"), max_length=40, blank=True, validators=[check_zone])  # empty: the platform's
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
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_its_case"),
            models.CheckConstraint(condition=~Q(email=""), name="user_email_null_or_something"),
        ]

    def __str__(self) -> str:
        return self.name or self.email or ""

    def get_absolute_url(self) -> str:
        return link("user", self.pk)

    def get_full_name(self) -> str:
        return self.name

    @property
    def has_login(self) -> bool:
        return self.email is not None

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        forget(self)
        super().refresh_from_db(*args, **kwargs)


def invitation_end() -> Any:
    return timezone.now() + INVITATION_LASTS


class Invitation(models.Model):
    """Somebody was asked by mail to become a user, or, known already elsewhere, to take a role here. The account is made, and the role
    given, when the link is used; it works once and until `expires_at`. Sent again it is a new link, and the old one ends."""

    tenant_path = "organization__path"
    personal_name, personal_fields = True, ("email", "name")

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations", verbose_name=_("Organization"))
    email = models.EmailField(_("E-mail"))
    name = models.CharField(_("Name"), max_length=100)
    role = models.ForeignKey("tenancy.Role", models.CASCADE, null=True, blank=True, related_name="invitations", verbose_name=_("Role"))
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    token_digest = models.CharField(max_length=64, unique=True)  # SHA-256 of what the link contains
    sent_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=invitation_end)
    accepted_at = models.DateTimeField(null=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-sent_at", "-pk"]
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("email"), condition=Q(accepted_at=None, withdrawn_at=None), name="invitation_one_open_for_an_address"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()


class Letter(models.Model):
    """A mail that must go out. A job sends it; what could not be sent is tried again by the clock until `give_up_at`."""

    to = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()  # emptied once it is sent, for it may hold a link that opens something
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(default=timezone.now)
    give_up_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["due_at"], name="letter_waiting", condition=Q(sent_at=None))]
