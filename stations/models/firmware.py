"""Firmware for stations, and what they send us: diagnostics and logs. Files lie in the default storage under names of our own."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Station
from stations.models.operation import Command
from stations.models.shared import Shared, SharedQuerySet
from tenancy.links import link
from tenancy.rights import FETCH_LOGS, VisibleQuerySet


def firmware_name(file: Any, name: str) -> str:
    return f"firmware/{uuid.uuid4().hex}"


def upload_name(upload: Any, name: str) -> str:
    return f"uploads/{uuid.uuid4().hex}"


class FirmwareFile(Shared):
    """A firmware for a make and model. Only stations that tell of themselves that they are such get it."""

    vendor = models.CharField(_("Make"), max_length=50, help_text=_("As stations tell it; * stands for anything."))
    model = models.CharField(_("Model"), max_length=50, help_text=_("As stations tell it; * stands for anything."))
    version = models.CharField(_("Version"), max_length=50, help_text=_("As stations tell it when they have it."))
    file = models.FileField(_("File"), upload_to=firmware_name)
    file_name = models.CharField(max_length=150)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    # By which stations check the file: base64, and the certificate of who signed it, PEM. Both or none
    signature = models.CharField(_("Signature"), max_length=800, blank=True)
    signing_certificate = models.TextField(_("Signing certificate"), max_length=5500, blank=True)
    notes = models.TextField(_("What is new"), max_length=2000, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Offered no more
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SharedQuerySet.as_manager()

    class Meta(Shared.Meta):
        ordering = ["vendor", "model", "-created_at", "pk"]
        verbose_name = _("firmware file")
        verbose_name_plural = _("firmware files")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "vendor", "model", "version"],
                name="firmware_version_once",
                violation_error_message=_("This organization already has this version for this model."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.vendor} {self.model} {self.version}"

    def get_absolute_url(self) -> str:
        return link("firmware_file", self.pk)

    @property
    def signed(self) -> bool:
        return bool(self.signature)


class FirmwareUpdate(models.Model):
    """A firmware on its way to one station: for whom, why, when it may start, and how far it is."""

    class Why(models.TextChoices):
        OWNER = "owner", _("The owner asked for it")
        FAULT = "fault", _("It mends a fault")

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")  # waits for its window, or until nobody charges
        SENT = "sent", _("The station was told")
        DOWNLOADING = "downloading", _("Downloading")
        DOWNLOADED = "downloaded", _("Downloaded")
        INSTALLING = "installing", _("Installing")
        INSTALLED = "installed", _("Installed")
        FAILED = "failed", _("Failed")
        STUCK = "stuck", _("Stuck")  # no news for too long
        CANCELLED = "cancelled", _("Cancelled")

    class Signed(models.TextChoices):
        SENT = "sent", _("Sent with its signature")
        LACKS = "lacks", _("Sent without its signature: the station lacks the security extension of OCPP, so it cannot check one")
        REFUSED = "refused", _("Goes without its signature: the station answered that it does not know signed updates")
        UNKNOWN = "unknown", _("Sent without its signature: whether the station can check one is not known until its configuration is read")

    OPEN = (State.PLANNED, State.SENT, State.DOWNLOADING, State.DOWNLOADED, State.INSTALLING)

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="firmware_updates")
    firmware = models.ForeignKey(FirmwareFile, models.PROTECT, related_name="updates")
    why = models.CharField(_("Why"), max_length=6, choices=Why.choices)
    asked_for_by = models.CharField(_("Asked for by"), max_length=100)
    reason = models.CharField(_("Reason"), max_length=300)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Not before, and not begun after
    window_from = models.DateTimeField(_("Not before"))
    window_until = models.DateTimeField(_("Not begun after"))
    state = models.CharField(_("State"), max_length=11, choices=State.choices, default=State.PLANNED)
    state_at = models.DateTimeField(default=timezone.now)
    # The station's own word for it, and what we say of a failure
    status = models.CharField(max_length=30, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    before = models.CharField(max_length=50, blank=True)  # the version it had
    signature_sent = models.CharField(max_length=7, choices=Signed.choices, blank=True)  # where the file has one
    command = models.ForeignKey(Command, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("firmware update")
        verbose_name_plural = _("firmware updates")
        constraints = [
            models.UniqueConstraint(
                fields=["station"],
                name="firmware_update_one_at_a_time",
                condition=Q(state__in=["planned", "sent", "downloading", "downloaded", "installing"]),
            )
        ]

    def __str__(self) -> str:
        return self.firmware.version


class StationUpload(models.Model):
    """A log that a station was asked for, and the file once it is here."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Asked for")
        UPLOADING = "uploading", _("The station uploads it")
        ARRIVED = "arrived", _("Here")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("It never came")

    OPEN = (State.REQUESTED, State.UPLOADING)

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = FETCH_LOGS

    station = models.ForeignKey(Station, models.CASCADE, related_name="uploads")
    security = models.BooleanField(_("Security log"), default=False)
    since = models.DateTimeField(_("From"), null=True, blank=True)
    until = models.DateTimeField(_("Until"), null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()  # the address takes nothing after this
    state = models.CharField(_("State"), max_length=9, choices=State.choices, default=State.REQUESTED)
    problem = models.CharField(max_length=300, blank=True)
    command = models.ForeignKey(Command, models.SET_NULL, null=True, blank=True, related_name="+")
    file = models.FileField(upload_to=upload_name, blank=True)
    file_name = models.CharField(_("File"), max_length=255, blank=True)  # the station's name for it (OCPP 1.6 §6.26)
    size = models.PositiveBigIntegerField(default=0)
    arrived_at = models.DateTimeField(null=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("log of a station")
        verbose_name_plural = _("logs of stations")
        indexes = [models.Index(fields=["expires_at"], name="station_upload_due", condition=Q(state__in=["requested", "uploading"]))]

    def __str__(self) -> str:
        return self.file_name or str(self.pk)
