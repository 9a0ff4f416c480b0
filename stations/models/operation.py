"""What passed between us and the stations: frames, commands, connections, refused strangers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Connector, Station
from tenancy.rights import READ_CONFIGURATION, READ_LOGS, VisibleQuerySet


class Frame(models.Model):
    """One exchange on the wire: a CALL and, once there is one, its answer; or a frame that could not be read.

    Written in bulk, no foreign-key check per row; rows older than FRAME_RETENTION_DAYS are dropped.
    """

    class Direction(models.TextChoices):
        IN = "in", _("From the station")
        OUT = "out", _("To the station")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_LOGS

    station = models.ForeignKey(Station, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="frames")
    at = models.DateTimeField()
    direction = models.CharField(max_length=3, choices=Direction.choices)
    # Empty when the frame could not be read
    action = models.CharField(max_length=40)
    # The whole text of both frames, as it went over the wire (cut at OCPP_MAX_FRAME_BYTES)
    call = models.TextField()
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True)
    failed = models.BooleanField(default=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["station", "at"], name="frame_by_station")]


class Command(models.Model):
    """A CALL of ours to a station: the durable queue. The row is the work; channel messages are only nudges."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        SENT = "sent", _("Sent, waiting for the answer")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Refused by the station")
        FAILED = "failed", _("Failed")  # the station answered with an error
        TIMED_OUT = "timed_out", _("No answer in time")
        EXPIRED = "expired", _("Not delivered in time")

    OPEN = (State.QUEUED, State.SENT)

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="commands")
    connector_number = models.PositiveSmallIntegerField(null=True, blank=True)
    action = models.CharField(_("Command"), max_length=40)
    payload = models.JSONField(default=dict)
    state = models.CharField(_("State"), max_length=10, choices=State.choices, default=State.QUEUED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    # Who asked, in words, when it was no user: "shell", later a rule
    origin = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Not sent after this; once sent, no answer after `timeout` seconds is a time-out
    deadline = models.DateTimeField()
    timeout = models.PositiveIntegerField(default=30)
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    message_id = models.CharField(max_length=36, blank=True)
    frame = models.ForeignKey(Frame, models.SET_NULL, null=True, db_constraint=False, related_name="+")
    answer: models.JSONField[Any, Any] = models.JSONField(null=True)
    # The OCPP version in which action, payload and answer are written
    version = models.CharField(max_length=8, blank=True)
    item = models.ForeignKey("stations.BulkItem", models.SET_NULL, null=True, related_name="commands")
    # Every value that its payload sets is a secret, because the station says that what is set can never be read
    secret = models.BooleanField(default=False)
    error_code = models.CharField(max_length=40, blank=True)
    error_description = models.CharField(max_length=255, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["station", "-created_at"], name="command_by_station"),
            models.Index(fields=["station", "id"], name="command_open", condition=Q(state__in=["queued", "sent"])),
            models.Index(
                fields=["created_at"], name="command_not_done", condition=Q(state__in=["rejected", "failed", "timed_out", "expired"])
            ),
        ]

    def __str__(self) -> str:
        return self.action

    @property
    def answer_status(self) -> str:
        """The station's own word: "Accepted", "RebootRequired", "UnlockFailed" …; empty where the answer has none."""
        return str(self.answer.get("status", "")) if isinstance(self.answer, dict) else ""


class ConfigurationKey(models.Model):
    """A configuration key of a station, as it was last read or changed."""

    MOST = 1000  # kept per station

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="configuration")
    key = models.CharField(max_length=50)
    value = models.CharField(max_length=500, blank=True)
    readonly = models.BooleanField(default=False)
    # Changed, but in force only after a reboot
    reboot_required = models.BooleanField(default=False)
    # Its value is what it was set to from here; it was not read since
    only_set = models.BooleanField(default=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["station", "key"], name="configuration_key_unique_in_station")]

    def waits_for_reset(self, booted_at: datetime | None) -> bool:
        """Whether it is not in force yet at its station, which started last at `booted_at`."""
        return self.reboot_required and not (booted_at and booted_at > self.updated_at)


class FirstReading(models.Model):
    """That the portal asked a station by itself what it is made of: its configuration or device model. A station has one."""

    station = models.OneToOneField(Station, models.CASCADE, primary_key=True, related_name="first_reading")
    of = models.CharField(max_length=64, blank=True)  # OCPP version and firmware of the station then
    asked_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")


class StatusChange(models.Model):
    """A status a connector reported that differed from the one before."""

    tenant_path = "connector__station__location__organization__path"
    place_lookup = "connector__station__location"

    connector = models.ForeignKey(Connector, models.CASCADE, related_name="status_changes")
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    status = models.CharField(max_length=16)
    error_code = models.CharField(max_length=40, blank=True)
    vendor_error_code = models.CharField(max_length=50, blank=True)
    info = models.CharField(max_length=50, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["connector", "-at"], name="status_change_by_connector")]


class SecurityEvent(models.Model):
    """SecurityEventNotification (OCPP 1.6 security extension)."""

    MOST = 2000  # kept per station, the newest
    MOST_AT_ONCE = 30  # of a station in one batch; the rest is counted as a deviation

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_LOGS

    station = models.ForeignKey(Station, models.CASCADE, related_name="security_events")
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    type = models.CharField(max_length=50)
    info = models.CharField(max_length=255, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["station", "-at"], name="security_event_by_station")]


class Knock(models.Model):
    """An identity that was refused. Bounded: the oldest give way. Belongs to no tenant, so only the platform sees it;
    of the very id of a station those who see that are told why it stays outside (stations.knocks)."""

    class Reason(models.TextChoices):
        UNKNOWN = "unknown", _("Not known here")
        PASSWORD = "password", _("Wrong password")
        DEACTIVATED = "deactivated", _("Deactivated")
        NO_TLS = "no_tls", _("No TLS")
        NO_CERTIFICATE = "no_cert", _("No certificate")
        OTHER_STATION = "other", _("Certificate of another station")
        CERTIFICATE_EXPIRED = "expired", _("Certificate has expired")
        CERTIFICATE_EARLY = "early", _("Certificate is not valid yet")
        CERTIFICATE_REVOKED = "revoked", _("Certificate is revoked")
        UNTRUSTED = "untrusted", _("Certificate of an unknown authority")

    identity = models.CharField(max_length=48, unique=True)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    address = models.CharField(max_length=45)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now, db_index=True)
    count = models.PositiveIntegerField(default=1)
    # Digest of the password it offered, when that is long enough to be kept: adding the station can take it over
    password_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-last_at"]

    def __str__(self) -> str:
        return self.identity


class GatewayProcess(models.Model):
    """A process that holds sockets. One that stopped beating is gone, and so are its sockets."""

    name = models.CharField(max_length=32, primary_key=True)
    started_at = models.DateTimeField(default=timezone.now)
    beat_at = models.DateTimeField(default=timezone.now)
