"""Changes of how a station proves who it is that are under way."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import SecurityProfile, Station
from stations.models.operation import Command
from tenancy.rights import READ_CONFIGURATION, VisibleQuerySet


class SecurityChange(models.Model):
    """A new password or a higher security profile, on its way to a station. Open, the door lets the station in by the old and by the new;
    what it comes back with decides. The clock (stations.security_changes) takes the steps in between."""

    class Kind(models.TextChoices):
        PASSWORD = "password", _("New password")
        PROFILE = "profile", _("Security profile")

    class State(models.TextChoices):
        ASKING = "asking", _("Being told")
        WAITING = "waiting", _("Waits for the station to come back")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    OPEN = (State.ASKING, State.WAITING)
    MOST_OPEN = 5  # passwords of one station: the door compares with all of them

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="security_changes")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKING)
    profile = models.PositiveSmallIntegerField(null=True, choices=SecurityProfile.choices)  # wanted
    password_digest = models.CharField(max_length=64, blank=True)  # of the new password; gone once this has ended
    step = models.PositiveSmallIntegerField(default=0)
    known = models.JSONField(default=dict)  # what the station has told in answer to a step: key -> value
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")  # of this step
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    deadline = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)  # the station has said yes
    # It has connected in the old way since
    fell_back_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["station"], name="security_change_open", condition=Q(ended_at=None))]
        constraints = [
            models.UniqueConstraint(
                fields=["station"], condition=Q(kind="profile", ended_at=None), name="one_open_profile_change_per_station"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.station}"
