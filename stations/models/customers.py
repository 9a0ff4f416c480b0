"""What stations were asked about the people who charge there (OCPP 2.0.1, N09 and N10)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Station
from stations.models.operation import Command
from tenancy.rights import PERSONAL_DATA, VisibleQuerySet


class CustomerInquiry(models.Model):
    """A station was asked what it keeps of a card, to forget it, or both. Kept for a short time only (stations.customer_information)."""

    MOST_PARTS = 100  # of the answer, each of at most 512 characters
    MOST_OF_A_STATION = 30

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = PERSONAL_DATA

    station = models.ForeignKey(Station, models.CASCADE, related_name="customer_inquiries")
    uid = models.CharField(_("Card UID"), max_length=36)
    report = models.BooleanField(default=True)
    clear = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    command = models.ForeignKey(Command, models.SET_NULL, null=True, blank=True, related_name="+")
    # What the station said: its parts by their number, and whether the last one has come
    parts = models.JSONField(default=dict, blank=True)
    complete = models.BooleanField(default=False)
    told_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("inquiry about a customer")
        verbose_name_plural = _("inquiries about customers")

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def text(self) -> str:
        """What the station said, as far as it has come."""
        return "".join(str(self.parts[key]) for key in sorted(self.parts, key=int))
