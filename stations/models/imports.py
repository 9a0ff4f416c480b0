"""What an import of stations leaves behind until it was fetched."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from tenancy.models import Import
from tenancy.rights import VisibleQuerySet


class ImportedPasswords(models.Model):
    """The passwords of the stations that a part of an import has added, sealed (tenancy.sealing). Gone when who imported them has
    downloaded them, and after stations.imports.passwords.KEPT all the same."""

    tenant_path = "of__organization__path"

    of = models.ForeignKey(Import, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    count = models.PositiveIntegerField()
    sealed = models.TextField()

    objects = VisibleQuerySet.as_manager()

    class Meta:
        default_permissions = ()
