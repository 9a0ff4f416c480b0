"""The same for many stations: a job, and an item of it for each station."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Station
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.rights import READ, VisibleQuerySet, condition


class BulkJobQuerySet(VisibleQuerySet["BulkJob"]):
    def visible_to(self, user: User | AnonymousUser, right: str = "") -> Self:
        """Who began it sees it, whatever became of their rights; its items are shown to those who may see their stations."""
        below = condition(user, right or READ, BulkJob)
        return self.filter(Q(actor_id=user.pk) | below) if below else self.all()


class BulkJob(models.Model):
    """`kind` is a key of stations.bulk.KINDS, `params` what its form asked. It is planned (every station is looked at, nothing is done),
    and begins when somebody says so. A worker has at most `at_once` stations at work."""

    class State(models.TextChoices):
        PLANNING = "planning", _("Being looked at")
        PLANNED = "planned", _("Ready to begin")
        RUNNING = "running", _("At work")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    tenant_path = "organization__path"

    # The deepest one that has all its stations below it
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="bulk_jobs", verbose_name=_("Organization"))
    kind = models.CharField(_("What"), max_length=30)
    params = models.JSONField(default=dict)
    # Whose rights count
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("Who"))
    actor_name = models.CharField(max_length=100)
    chosen = models.CharField(max_length=300, blank=True)  # which stations were meant, in words: "all that match: offline"
    # What would come of it, in sentences: of those that are not left out
    consequences = models.JSONField(default=list)
    at_once = models.PositiveSmallIntegerField(_("Stations at a time"), default=20)
    state = models.CharField(_("State"), max_length=9, choices=State.choices, default=State.PLANNING)
    created_at = models.DateTimeField(_("When"), default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # A worker is at it until then
    leased_until = models.DateTimeField(null=True)

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("bulk job")
        verbose_name_plural = _("bulk jobs")
        default_permissions = ()
        indexes = [models.Index(fields=["state"], name="bulk_job_open", condition=Q(state__in=["planning", "running"]))]

    def __str__(self) -> str:
        return str(self.pk)

    def get_absolute_url(self) -> str:
        return link("bulk_job", self.pk)


class BulkItem(models.Model):
    class State(models.TextChoices):
        LOOKING = "looking", _("Not looked at yet")
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("At work")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        REFUSED = "refused", _("Left out")  # by the look before
        CANCELLED = "cancelled", _("Cancelled")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    job = models.ForeignKey(BulkJob, models.CASCADE, related_name="items", db_index=False)
    station = models.ForeignKey(Station, models.CASCADE, related_name="bulk_items")
    state = models.CharField(_("State"), max_length=9, choices=State.choices, default=State.LOOKING)
    # Why it is left out or has failed, or what came of it: one sentence
    text = models.CharField(max_length=300, blank=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    changed_at = models.DateTimeField(default=timezone.now)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["job", "state"], name="bulk_item_by_state")]
        constraints = [models.UniqueConstraint(fields=["job", "station"], name="bulk_item_once")]
