"""What happened at the connectors: transactions, meter values, cards."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q, TextField
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Connector, Station
from tenancy.links import link
from tenancy.rights import READ_TRANSACTIONS, VisibleQuerySet


class Settlement(models.TextChoices):
    """Who pays for a charge: the form in which it is settled."""

    OPEN = "open", _("Open")
    WHITELIST = "whitelist", _("Whitelisting")
    ROAMING = "roaming", _("Roaming")
    ROAMING_FREE = "roaming_free", _("Roaming free")


class TransactionQuerySet(VisibleQuerySet["Transaction"]):
    def with_energy(self) -> TransactionQuerySet:
        """Adds `energy` in Wh: what the meter says at the end, or by the last value while it runs."""
        return self.annotate(energy=Coalesce(F("meter_stop"), F("meter_last"), F("meter_start")) - F("meter_start"))

    def with_problem(self, problem: str) -> TransactionQuerySet:
        # The first condition is what the index knows; the list is text in every database.
        return self.exclude(problems=[]).alias(told=Cast("problems", TextField())).filter(told__contains=f'"{problem}"')

    def to_review(self, now: datetime | None = None) -> TransactionQuerySet:
        """The inbox: ended and cannot be as reported, left without an end, or open for longer than anybody charges; nobody decided yet."""
        return self.with_told().filter(self.waits(now))

    def with_told(self) -> TransactionQuerySet:
        """So that conditions like `waits` can be asked of the rows."""
        return self.alias(told=Cast("problems", TextField()))

    @staticmethod
    def waits(now: datetime | None = None) -> Q:
        """The condition of `to_review`, for rows `with_told`."""
        long_ago = (now or timezone.now()) - timedelta(days=settings.TRANSACTION_OPEN_DAYS)
        wrong = ~Q(problems=[]) & (Q(ended_at__isnull=False) | Q(told__contains=f'"{Transaction.Problem.NOT_ENDED}"'))
        no_card = Q(problems=[Transaction.Problem.REFUSED_CARD]) | Q(problems=[Transaction.Problem.NO_CARD])
        refused = no_card & Q(meter_stop=F("meter_start"))  # and nothing was charged: as it should be
        return Q(reviewed_at=None, void=False) & (wrong | Q(ended_at=None, started_at__lt=long_ago)) & ~refused

    def billable(self) -> TransactionQuerySet:
        """What may be settled and reimbursed: as `Transaction.billable`."""
        return self.filter(Q(problems=[]) | Q(reviewed_at__isnull=False), ended_at__isnull=False, meter_stop__isnull=False, void=False)


class Transaction(models.Model):
    """One charging session. Found by (station, transaction id), never by the id alone."""

    class Problem(models.TextChoices):
        CLOCK = "clock", _("The station's clock was wrong")
        NEGATIVE = "negative", _("The meter ended below where it began")
        METER_FELL = "meter_fell", _("The meter fell while charging")
        ENDS_BEFORE_START = "ends_before_start", _("It ended before it began")
        REFUSED_CARD = "refused_card", _("The card was not valid")
        NOT_ENDED = "not_ended", _("The station began another transaction without ending this one")
        TOO_MUCH = "too_much", _("More energy than the connector can give")
        BEYOND_END = "beyond_end", _("The station reported more after the end")
        NO_START_METER = "no_start_meter", _("The station did not report the meter at the start")
        OTHER_START = "other_start", _("The meter at the start contradicts what was reported later")
        NO_END_METER = "no_end_meter", _("The station did not report the meter at the end")
        ADDED_UP = "added_up", _("The energy is added up from values per phase, or per interval")
        STOOD_STILL = "stood_still", _("The meter stood still while power flowed")
        NO_CARD = "no_card", _("Nobody held a card to the station")
        COUNTED_TWICE = "counted_twice", _("It begins within what the charge before it has taken")
        SWAPPED = "swapped", _("It ended with the card of another charge, and that one with its card")
        AFTER_DECISION = "after_decision", _("The station reported its end after it was decided that nothing is settled")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_TRANSACTIONS

    station = models.ForeignKey(Station, models.PROTECT, related_name="transactions")
    connector = models.ForeignKey(Connector, models.PROTECT, related_name="transactions")
    # 1.6: our primary key as text; 2.0.1: the station's own id
    transaction_id = models.CharField(_("Transaction id"), max_length=36, blank=True)
    id_tag = models.CharField(_("Card"), max_length=36)
    stop_id_tag = models.CharField(max_length=36, blank=True)
    # What the card's verdict was when the station reported the start
    verdict = models.CharField(max_length=20)
    settlement = models.CharField(_("Settlement"), max_length=12, choices=Settlement.choices, blank=True)
    # Keys of the pass that spoke for the card, and of its token in a roaming network (passes.ChargePass, passes.RoamingToken)
    pass_key = models.BigIntegerField(null=True)
    token_key = models.BigIntegerField(null=True)
    # In force: the station's time where it is plausible, else ours
    started_at = models.DateTimeField(_("Start"))
    ended_at = models.DateTimeField(_("End"), null=True, blank=True)
    # As the station wrote them, and when we received them
    reported_start = models.CharField(max_length=40)
    reported_end = models.CharField(max_length=40, blank=True)
    start_received_at = models.DateTimeField()
    end_received_at = models.DateTimeField(null=True)
    # Energy.Active.Import.Register in Wh
    meter_start = models.BigIntegerField()
    meter_last = models.BigIntegerField(null=True)
    meter_stop = models.BigIntegerField(null=True)
    stop_reason = models.CharField(max_length=30, blank=True)
    # Of 2.0.1: what the car does (ChargingStateEnumType), the number of our remote start, and of the reports that we have the highest
    # number and those below it that are missing
    charging_state = models.CharField(max_length=16, blank=True, editable=False)
    remote_start = models.BigIntegerField(null=True, editable=False)
    last_report = models.IntegerField(null=True, editable=False)
    missing_reports = models.JSONField(default=list, editable=False)
    # When the station was asked what became of it, and what it said: whether it goes on, and whether reports of it wait there
    asked_at = models.DateTimeField(null=True, editable=False)
    said_to_go_on = models.BooleanField(null=True, editable=False)
    said_to_wait = models.BooleanField(null=True, editable=False)
    problems = models.JSONField(default=list)
    # When somebody looked at its problems and decided; see Correction
    reviewed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Decided: nothing is settled for it
    void = models.BooleanField(default=False, editable=False)
    # Ended by somebody here, because the station did not report it
    closed_by_hand = models.BooleanField(default=False, editable=False)

    objects = TransactionQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-pk"]
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")
        indexes = [
            models.Index(fields=["station", "-started_at"], name="transaction_by_station"),
            models.Index(fields=["-started_at", "-id"], name="transaction_by_start"),
            models.Index(fields=["connector", "station"], name="transaction_open", condition=Q(ended_at=None)),
            models.Index(fields=["pass_key", "-started_at"], name="transaction_by_pass", condition=Q(pass_key__isnull=False)),
            models.Index(fields=["pass_key"], name="transaction_open_pass", condition=Q(ended_at=None, pass_key__isnull=False)),
            models.Index(fields=["token_key"], name="transaction_open_token", condition=Q(ended_at=None, token_key__isnull=False)),
            models.Index(fields=["-started_at"], name="transaction_with_problem", condition=~Q(problems=[])),
            models.Index(fields=["-started_at"], name="transaction_reports_missing", condition=~Q(missing_reports=[])),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "transaction_id"], name="transaction_id_unique_in_station", condition=~Q(transaction_id="")
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def get_absolute_url(self) -> str:
        return link("transaction", self.pk)

    @property
    def running(self) -> bool:
        return self.ended_at is None

    @property
    def energy_wh(self) -> int:
        """Wh so far; negative only where the meter says so (see `problems`)."""
        last = self.meter_stop if self.meter_stop is not None else self.meter_last
        return (last if last is not None else self.meter_start) - self.meter_start

    @property
    def to_review(self) -> bool:
        """Whether it waits in the inbox; as TransactionQuerySet.to_review."""
        if self.reviewed_at or self.void:
            return False
        if self.ended_at:
            refused = self.problems in ([self.Problem.REFUSED_CARD], [self.Problem.NO_CARD])
            return bool(self.problems) and not (refused and self.energy_wh == 0)
        long_ago = timezone.now() - timedelta(days=settings.TRANSACTION_OPEN_DAYS)
        return self.Problem.NOT_ENDED in self.problems or self.started_at < long_ago

    @property
    def billable(self) -> bool:
        """Whether it may be settled and reimbursed (domain §6): it has ended, it adds up or somebody has decided what is true,
        and nobody has decided that nothing is settled for it. Billing takes its values as they are now: corrections are in them."""
        good = self.reviewed_at is not None or not self.problems
        return good and self.ended_at is not None and self.meter_stop is not None and not self.void

    @property
    def problem_labels(self) -> list[str]:
        return [str(self.Problem(problem).label) for problem in self.problems]


class MeterSeries(models.Model):
    """What a row of meter values means: one measurand of one connector. A connector has a handful, so a sample stays three numbers."""

    connector = models.ForeignKey(Connector, models.CASCADE, related_name="series")
    measurand = models.CharField(max_length=40)
    unit = models.CharField(max_length=16)
    phase = models.CharField(max_length=8, blank=True)
    context = models.CharField(max_length=20)
    location = models.CharField(max_length=8)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connector", "measurand", "unit", "phase", "context", "location"], name="meter_series_unique"),
        ]


class MeterSample(models.Model):
    """One measured number, in the unit its station reported. On PostgreSQL the table is partitioned by month (stations.partitions)."""

    pk = models.CompositePrimaryKey("series_id", "at")
    series = models.ForeignKey(MeterSeries, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="samples")
    at = models.DateTimeField()
    value = models.FloatField()


class SignedMeterValue(models.Model):
    """A value in format SignedData, kept unchanged as evidence (OCPP 1.6 §7.45)."""

    tenant_path = "connector__station__location__organization__path"
    place_lookup = "connector__station__location"
    read_right = READ_TRANSACTIONS

    connector = models.ForeignKey(Connector, models.CASCADE, related_name="+")
    transaction = models.ForeignKey(Transaction, models.CASCADE, null=True, related_name="signed_values")
    at = models.DateTimeField()
    context = models.CharField(max_length=20)
    value = models.TextField()

    objects = VisibleQuerySet.as_manager()


class CardOffer(models.Model):
    """Every card that was offered, with verdict and reason: the activity of a station."""

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_TRANSACTIONS

    station = models.ForeignKey(Station, models.CASCADE, related_name="card_offers")
    connector_number = models.PositiveSmallIntegerField(null=True)
    at = models.DateTimeField(default=timezone.now)
    id_tag = models.CharField(_("Card"), max_length=36)
    # IdTokenEnumType of 2.0.1, and what else the reader told of it; empty: not said
    id_type = models.CharField(max_length=20, blank=True)
    additional = models.CharField(max_length=200, blank=True)
    # The name of the pass at that moment, empty for an unknown card
    holder = models.CharField(max_length=60, blank=True)
    verdict = models.CharField(_("Verdict"), max_length=20)
    reason = models.CharField(_("Reason"), max_length=30)
    settlement = models.CharField(_("Settlement"), max_length=12, choices=Settlement.choices, blank=True)
    # As of Transaction
    pass_key = models.BigIntegerField(null=True)
    token_key = models.BigIntegerField(null=True)
    # What was looked at, in order: stations.hooks.Step, each as a list
    steps = models.JSONField(default=list)
    # Authorize, StartTransaction, StopTransaction: what it was offered for, whichever message of a version said so
    action = models.CharField(max_length=20)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["station", "-at"], name="card_offer_by_station"),
            models.Index(fields=["-at", "-id"], name="card_offer_by_time"),
            models.Index(fields=["pass_key", "-at"], name="card_offer_by_pass", condition=Q(pass_key__isnull=False)),
        ]


class UnmatchedMessage(models.Model):
    """The inbox: what a station reported of a transaction that we do not know. Answered normally, because an error means endless
    retries, and kept, because it may be somebody's kWh. One row per station, action and transaction id, and per end where it says one:
    several ends may come under the same id (0, -1), each with its own energy."""

    CUT = "…"
    BEGINS = "+"  # how the keys of begins begin
    TOO_MANY = "+many"  # key of a begin while more go on than can be

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_TRANSACTIONS

    station = models.ForeignKey(Station, models.CASCADE, related_name="unmatched")
    action = models.CharField(max_length=20)
    transaction_id = models.CharField(max_length=36)
    # Of a begin or an end: tells it from others of the same transaction id
    key = models.CharField(max_length=32, blank=True, editable=False)
    # The transaction that ended otherwise before, or that the message was joined to
    about = models.ForeignKey(Transaction, models.SET_NULL, null=True, blank=True, editable=False, related_name="+")
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=1)
    # The latest one. Of a very long one what it begins and ends with, and under CUT how many characters it has
    payload = models.JSONField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at", "-pk"]
        verbose_name = _("inbox entry")
        verbose_name_plural = _("inbox entries")
        constraints = [
            models.UniqueConstraint(fields=["station", "action", "transaction_id", "key"], name="unmatched_once_per_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.transaction_id}".strip()
