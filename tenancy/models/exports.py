"""Files that people have made of lists that are too long to wait for."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.links import link


def export_name(export: Any, name: str) -> str:
    return f"exports/{uuid.uuid4().hex}"


class Export(models.Model):
    """A list with its filter, to be written to a file by a worker. Its own and nobody else's: what the file holds is what this person may
    see. `kind` is a key of tenancy.exports.KINDS."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Being written")
        DONE = "done", _("Ready")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="exports")
    kind = models.CharField(max_length=30)
    # What the list showed: the query string of its page
    query = models.TextField(blank=True)
    format = models.CharField(_("Format"), max_length=4)
    created_at = models.DateTimeField(_("When"), default=timezone.now, editable=False)
    state = models.CharField(_("State"), max_length=9, choices=State.choices, default=State.WAITING)
    rows = models.PositiveIntegerField(_("Rows"), default=0)
    done = models.PositiveIntegerField(default=0)
    file = models.FileField(upload_to=export_name, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True)
    # When a worker looks at it next, where there is something to do; later while one is at it
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        default_permissions = ()
        indexes = [models.Index(fields=["due_at"], name="export_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return str(self.pk)

    def get_absolute_url(self) -> str:
        return link("export", self.pk)
