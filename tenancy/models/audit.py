"""The record of what people did."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.models.organization import Organization
from tenancy.rights import READ_AUDIT, VisibleQuerySet


class AuditEntry(models.Model):
    """One write by a person: who, when, what before and after, from where. Never edited; written inside the write's own transaction."""

    tenant_path = "organization__path"
    read_right = READ_AUDIT

    at = models.DateTimeField(_("When"), default=timezone.now, db_index=True)
    # Empty: the portal itself
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("Who"))
    actor_name = models.CharField(max_length=100, blank=True)
    address = models.GenericIPAddressField(_("From where"), null=True)
    organization = models.ForeignKey(Organization, models.SET_NULL, null=True, related_name="+", verbose_name=_("Organization"))
    verb = models.CharField(max_length=40)
    object_type = models.CharField(max_length=40)
    object_id = models.BigIntegerField(null=True)
    object_name = models.CharField(max_length=200)
    changes = models.JSONField(default=dict)  # field -> [before, after]

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["object_type", "object_id", "-at"], name="audit_by_object"),
            models.Index(fields=["organization", "-at"], name="audit_by_organization"),
        ]
