"""What people plan and write down about stations and locations: out of service, maintenance, notes, documents, contacts, vendor codes."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Location, Station
from stations.models.operation import Command
from stations.models.shared import Shared, SharedQuerySet
from tenancy.rights import VisibleQuerySet


class OutOfService(models.Model):
    """A station or connector that somebody took out of service, why, and until when. At `until` the portal puts it in service again: it
    asks the station until the answer is yes."""

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="times_out_of_service")
    # 0: the station as a whole
    connector_number = models.PositiveSmallIntegerField(default=0)
    # Not by its availability, but deactivated in the portal: its connections are refused
    deactivated = models.BooleanField(default=False)
    comment = models.CharField(_("Comment"), max_length=200, blank=True)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(_("Until"), null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    # The one that takes out of service; then the latest that puts in again
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-since", "-pk"]
        indexes = [
            models.Index(fields=["until"], name="out_of_service_due", condition=Q(ended_at=None, until__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "connector_number", "deactivated"], condition=Q(ended_at=None), name="out_of_service_once"
            ),
        ]


class MaintenanceWindow(models.Model):
    """A time in which errors are expected: they raise no incident, and nobody counts on the station."""

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="maintenance_windows", verbose_name=_("Station"))
    # 0: the station as a whole
    connector_number = models.PositiveSmallIntegerField(default=0)
    starts_at = models.DateTimeField(_("From"))
    ends_at = models.DateTimeField(_("Until"))
    comment = models.CharField(_("Comment"), max_length=200)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-pk"]
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")
        indexes = [models.Index(fields=["station", "-starts_at"], name="maintenance_by_station")]
        constraints = [models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="maintenance_ends_after_it_starts")]

    def __str__(self) -> str:
        return self.comment


class AtPlace(models.Model):
    """What belongs to a location, or to one station there (then `station` is set too)."""

    tenant_path = "location__organization__path"
    place_lookup = "location"

    location = models.ForeignKey(Location, models.CASCADE, related_name="+")
    station = models.ForeignKey(Station, models.CASCADE, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        abstract = True


class Note(AtPlace):
    text = models.TextField(_("Note"), max_length=4000)
    pinned = models.BooleanField(_("Keep on top"), default=False)
    edited_at = models.DateTimeField(null=True, editable=False)

    class Meta(AtPlace.Meta):
        ordering = ["-pinned", "-created_at", "-pk"]
        verbose_name = _("note")
        verbose_name_plural = _("notes")

    def __str__(self) -> str:
        return self.text[:60]


def document_name(document: Any, name: str) -> str:
    """Nothing of the name that somebody chose gets into the file system."""
    return f"documents/{uuid.uuid4().hex}"


class Document(AtPlace):
    """A file that somebody uploaded: a photo, a wiring plan, a contract. Served to be saved, never shown in place."""

    title = models.CharField(_("Title"), max_length=100)
    file = models.FileField(_("File"), upload_to=document_name)
    file_name = models.CharField(max_length=150)  # as it was uploaded
    size = models.PositiveBigIntegerField()

    class Meta(AtPlace.Meta):
        ordering = ["title", "pk"]
        verbose_name = _("document")
        verbose_name_plural = _("documents")

    def __str__(self) -> str:
        return self.title


class Contact(AtPlace):
    """Whom to call about a location or a station."""

    class Kind(models.TextChoices):
        OWNER = "owner", _("Owner")
        SITE = "site", _("On site")
        TECHNICIAN = "technician", _("Technician")
        ELECTRICIAN = "electrician", _("Electrician")
        GRID = "grid", _("Grid operator")
        OTHER = "other", _("Other")

    kind = models.CharField(_("Kind"), max_length=12, choices=Kind.choices, default=Kind.SITE)
    name = models.CharField(_("Name"), max_length=100)
    company = models.CharField(_("Company"), max_length=100, blank=True)
    phone = models.CharField(_("Phone"), max_length=32, blank=True)
    email = models.EmailField(_("E-mail"), blank=True)
    hours = models.CharField(_("Hours"), max_length=100, blank=True, help_text=_("Such as Mon–Fri 8:00–17:00."))
    comment = models.CharField(_("Comment"), max_length=200, blank=True)

    class Meta(AtPlace.Meta):
        ordering = ["kind", "name", "pk"]
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

    def __str__(self) -> str:
        return self.name


class VendorCode(Shared):
    """What an error code of a make means, and what to do: the dictionary that operators extend. The nearest organization speaks."""

    vendor = models.CharField(_("Make"), max_length=50, help_text=_("As stations tell it. * stands for anything."))
    model = models.CharField(_("Model"), max_length=50, blank=True, help_text=_("Empty for all models of the make."))
    code = models.CharField(_("Code"), max_length=50, help_text=_("The vendor error code, or the text that comes with it."))
    meaning = models.CharField(_("What it means"), max_length=300)
    cause = models.CharField(_("Usual cause"), max_length=300, blank=True)
    try_this = models.CharField(_("What to try"), max_length=300, blank=True)
    # A key of stations.controls.CONTROLS
    remedy = models.CharField(_("Button to offer"), max_length=20, blank=True)
    call = models.CharField(_("Whom to call then"), max_length=200, blank=True)

    objects = SharedQuerySet.as_manager()

    class Meta(Shared.Meta):
        ordering = ["vendor", "code", "pk"]
        verbose_name = _("vendor code")
        verbose_name_plural = _("vendor codes")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "vendor", "model", "code"],
                name="vendor_code_unique_in_organization",
                violation_error_message=_("This organization explains this code already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.vendor} {self.code}"
