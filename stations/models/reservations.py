"""Connectors that are kept for a card, and what vendors tell."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.charging import Transaction
from stations.models.infrastructure import Station
from stations.models.operation import Command
from tenancy.rights import READ_LOGS, VisibleQuerySet


class ReservationQuerySet(VisibleQuerySet["Reservation"]):
    def standing(self, at: datetime | None = None) -> ReservationQuerySet:
        """Those by which a station keeps a connector now, as far as is known."""
        return self.filter(state__in=Reservation.STANDING, until__gt=at or timezone.now())


class Reservation(models.Model):
    """A connector, or any one of a station, that is kept for a card until a time. The station enforces it."""

    class State(models.TextChoices):
        ASKED = "asked", _("Asked for")
        MADE = "made", _("Reserved")
        UNCERTAIN = "uncertain", _("No answer came")
        REFUSED = "refused", _("Refused by the station")
        USED = "used", _("Used")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")
        REMOVED = "removed", _("Ended by the station")

    STANDING = (State.MADE, State.UNCERTAIN)
    OPEN = (State.ASKED, *STANDING)
    LARGEST_KEY = 2**31 - 1
    # `word` of one that was cancelled while its station had no connection; and of one by which something else charged than it was made for
    HERE_ALONE = "HereAlone"
    OTHER_CARD, OTHER_PLACE, OTHER_BOTH = "OtherCard", "OtherPlace", "OtherCardAndPlace"

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="reservations")
    # By which the station knows it
    key = models.PositiveIntegerField(editable=False)
    # 0: any connector of the station, with `plug` one of that kind (ConnectorEnumType of 2.0.1)
    connector_number = models.PositiveSmallIntegerField(default=0)
    plug = models.CharField(max_length=20, blank=True)
    id_tag = models.CharField(_("Card"), max_length=36)
    # Other cards of this group may use it too
    group_id = models.CharField(max_length=36, blank=True)
    # Key of the pass that spoke for the card (passes.ChargePass)
    pass_key = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    until = models.DateTimeField(_("Until"))
    state = models.CharField(_("State"), max_length=10, choices=State.choices, default=State.ASKED)
    # What the station answered or told, in a word of `stations.ocpp.intents`, or its own
    word = models.CharField(max_length=40, blank=True)
    ended_at = models.DateTimeField(null=True)
    # The one that asks for it; then the latest that cancels it
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")
    transaction = models.ForeignKey(Transaction, models.SET_NULL, null=True, related_name="+")

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        indexes = [
            models.Index(fields=["station", "-created_at"], name="reservation_by_station"),
            models.Index(fields=["until"], name="reservation_open", condition=Q(state__in=["asked", "made", "uncertain"])),
            models.Index(fields=["pass_key", "-created_at"], name="reservation_by_pass", condition=Q(pass_key__isnull=False)),
        ]
        constraints = [models.UniqueConstraint(fields=["station", "key"], name="reservation_key_unique_in_station")]

    def __str__(self) -> str:
        return str(self.key)


class VendorMessage(models.Model):
    """A DataTransfer of a station: what its vendor tells those who understand it. The latest of each kind, with how often it came."""

    MOST = 50  # kinds kept per station

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_LOGS

    station = models.ForeignKey(Station, models.CASCADE, related_name="vendor_messages")
    vendor_id = models.CharField(_("Vendor"), max_length=255)
    message_id = models.CharField(_("Message"), max_length=50, blank=True)
    data = models.TextField(blank=True)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=1)
    # What it was answered
    status = models.CharField(max_length=20)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["station", "vendor_id", "message_id"], name="vendor_message_once_per_kind")]

    def __str__(self) -> str:
        return f"{self.vendor_id} {self.message_id}".strip()
