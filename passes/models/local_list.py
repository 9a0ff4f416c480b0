"""The local authorization list of a station: who may charge while it is offline (OCPP 1.6 §3.5.1, SendLocalList)."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from stations.models import Command, Station
from tenancy.rights import VisibleQuerySet


class LocalList(models.Model):
    """What a station has on its list, and what is on its way. Every station that whitelists and was connected has a row; its version is 0
    until the station is given a list."""

    class State(models.TextChoices):
        IN_STEP = "in_step", _("In step")
        WAITING = "waiting", _("Waits to be sent")
        SENDING = "sending", _("On its way")
        FAILED = "failed", _("The station refused it")
        UNANSWERED = "unanswered", _("No answer came")
        UNSUPPORTED = "unsupported", _("The station has no local list")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.OneToOneField(Station, models.CASCADE, related_name="local_list")
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    # Of the list on the station; 0 where it was never given one
    version = models.PositiveIntegerField(default=0)
    # What the station has: UID -> idTagInfo (OCPP 1.6 §7.29)
    entries = models.JSONField(default=dict)
    # Where it is not certain that the station has `entries`: the UIDs of the lists that it was sent and never answered, any of which it
    # may have taken. None: what it has is confirmed
    unconfirmed: models.JSONField[Any, Any] = models.JSONField(null=True)
    # When the list was sent that was not answered
    unanswered_at = models.DateTimeField(null=True)
    # When it is looked at next: something that it is made of has changed, or will
    due_at = models.DateTimeField(null=True)
    # What is on its way: the list it makes (passes.local_list_sync.Sending), and the command that carries it
    sending: models.JSONField[Any, Any] = models.JSONField(null=True)
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")
    full_next = models.BooleanField(default=False)  # the next update replaces the whole list
    full_only = models.BooleanField(default=False)  # the station has refused a differential update
    ask_next = models.BooleanField(default=False)  # its version is asked for before anything else is sent
    # When the station was last asked for its version
    checked_at = models.DateTimeField(null=True)
    # Of a station without a local list: the firmware that has none
    firmware = models.CharField(max_length=50, blank=True)
    # After a refusal: before this it is tried only because something has changed, which makes the pause no longer
    pause_until = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0)
    # What the station answered last, where that was no
    problem = models.CharField(max_length=200, blank=True)
    # Passes that did not fit
    left_out = models.PositiveIntegerField(default=0)
    # Since when it is in step; before that, when it last was
    synced_at = models.DateTimeField(null=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="local_list_due", condition=models.Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return str(self.station)
