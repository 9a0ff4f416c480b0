"""What people have changed about transactions that cannot be as they were reported. What was reported is never lost."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.charging import Transaction
from tenancy.rights import READ_TRANSACTIONS, VisibleQuerySet


class Correction(models.Model):
    """One decision about a transaction; never changed."""

    class Kind(models.TextChoices):
        CLOSED = "closed", _("Closed by hand")
        GIVEN_UP = "given_up", _("Closed by the portal")
        VALUES = "values", _("Values corrected")
        CONFIRMED = "confirmed", _("Confirmed as it is")
        VOIDED = "voided", _("Not to be settled")
        REPORTED = "reported", _("The station reported its end after all")

    tenant_path = "transaction__station__location__organization__path"
    place_lookup = "transaction__station__location"
    read_right = READ_TRANSACTIONS

    transaction = models.ForeignKey(Transaction, models.CASCADE, related_name="corrections")
    kind = models.CharField(_("What"), max_length=9, choices=Kind.choices)
    at = models.DateTimeField(_("When"), default=timezone.now)
    # None: the portal, because the station said so
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=100, blank=True)
    reason = models.CharField(_("Reason"), max_length=300, blank=True)
    # field -> value: what differs of started_at, ended_at (ISO 8601), meter_start, meter_stop (Wh), problems
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
