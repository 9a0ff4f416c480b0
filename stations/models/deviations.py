"""In what a station does not keep to OCPP: noticed by the gateway, told on its page."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Station
from tenancy.rights import READ_LOGS, VisibleQuerySet


class Deviation(models.Model):
    """One way in which a station deviates, with how often it did and the latest example. Bounded: kinds times messages that OCPP knows."""

    class Kind(models.TextChoices):
        MENDED = "mended", _("Breaks the schema, but is understood")
        REFUSED = "refused", _("Answered with an error")
        UNREADABLE = "unreadable", _("Is no OCPP message")
        STRAY = "stray", _("An answer to nothing we asked")
        UNKNOWN_TRANSACTION = "unknown_transaction", _("Names a transaction that it never began")
        CLOCK = "clock", _("Its time is impossible or has no zone")
        BAD_ANSWER = "bad_answer", _("Its answer makes no sense")
        REPEATED = "repeated", _("Sends the same report again and again")
        RECONNECTS = "reconnects", _("Connects anew within a minute")
        BOOTS = "boots", _("Starts again and again")
        OTHER_ID = "other_id", _("Reports a charge under a wrong id, or none")
        REUSED_ID = "reused_id", _("Begins a charge with the id of one that is over")
        NUMBERING = "numbering", _("Numbers its reports wrongly")
        AFTER_END = "after_end", _("Goes on with a charge that it has ended")
        NO_END = "no_end", _("Begins a charge without ending the one before")
        OTHER_END = "other_end", _("Ends a charge again, with another meter")
        UNKNOWN_VALUE = "unknown_value", _("Measures what the portal does not know")
        SENT_AGAIN = "sent_again", _("Sends a start again that was booked")
        BEFORE_BOOT = "before_boot", _("Tells statuses without ever having said what it is")
        OTHER_PLACE = "other_place", _("Reports a charge at another connector than it began at")
        RESERVATION = "reservation", _("Charges by a reservation for another card or connector")
        METER = "meter", _("Its meter falls, or is below zero")
        FROM_ZERO = "from_zero", _("Counts the values of each charge from zero")
        GAP = "gap", _("Its meter went on between two charges")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_LOGS

    station = models.ForeignKey(Station, models.CASCADE, related_name="deviations")
    kind = models.CharField(max_length=20)  # a Kind: not its choices, so that a further one changes no table
    # The message; empty for what is none, or none that OCPP knows
    action = models.CharField(max_length=40, blank=True)
    # What exactly, of the latest one; from our own words and the schema's
    detail = models.CharField(max_length=255, blank=True)
    count = models.BigIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["station", "kind", "action"], name="deviation_once_per_message")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.action}".strip()

    def get_kind_display(self) -> str:
        return str(self.Kind(self.kind).label)
