"""Smart charging: the capacity of a location and who has which share of it; charging profiles and limits of stations."""

from __future__ import annotations

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.capacity.hours import Hours, Phases
from stations.models.charging import Transaction
from stations.models.infrastructure import Connector, Location, Station
from stations.models.operation import Command
from tenancy.rights import VisibleQuerySet

AMPERES = [MinValueValidator(0), MaxValueValidator(4000)]


class Priority(models.IntegerChoices):
    """The weight of a share: who has twice the weight gets twice the current, and a place before those with less."""

    LOW = 1, _("Low: gets a place after the others, and half as much")
    NORMAL = 2, _("Normal")
    HIGH = 4, _("High: gets a place before the others, and twice as much")


class CapacityPlan(models.Model):
    """What a location may take of the grid for charging. Amperes per phase."""

    tenant_path = "location__organization__path"
    place_lookup = "location"

    location = models.OneToOneField(Location, models.CASCADE, related_name="capacity")
    active = models.BooleanField(_("Share the capacity"), default=True)
    limit_l1 = models.PositiveSmallIntegerField(_("Limit L1 (A)"), validators=AMPERES)
    limit_l2 = models.PositiveSmallIntegerField(_("Limit L2 (A)"), validators=AMPERES)
    limit_l3 = models.PositiveSmallIntegerField(_("Limit L3 (A)"), validators=AMPERES)
    margin = models.PositiveSmallIntegerField(
        _("Margin (A)"), default=0, validators=AMPERES, help_text=_("Kept free of every phase, for what is not measured here.")
    )
    minimum = models.PositiveSmallIntegerField(
        _("Minimum current (A)"), default=6, validators=[MinValueValidator(6), MaxValueValidator(32)],
        help_text=_("With less a car does not charge: it is paused then, and takes turns with others. 6 A by the standard."),
    )  # fmt: skip
    safe = models.PositiveSmallIntegerField(
        _("Safe value (A)"), null=True, blank=True, validators=AMPERES,
        help_text=_(
            "What each connector may take by itself when its station has no connection. Empty: as much as always fits. 0: it waits."
        ),
    )  # fmt: skip
    # When the controller looks again; moved on by compare-and-swap, so that one process works on a location at a time
    next_at = models.DateTimeField(default=timezone.now, editable=False)
    ran_at = models.DateTimeField(null=True, editable=False)
    recorded_at = models.DateTimeField(null=True, editable=False)
    # Of the last look, by phase: limit, ahead (its lowest as long as a grant lasts), bound (what all may take), measured; the safe value
    # that holds; since when it shares; when the limit was last lowered without notice
    seen = models.JSONField(default=dict, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        verbose_name = _("capacity")
        verbose_name_plural = _("capacities")
        indexes = [models.Index(fields=["next_at"], name="capacity_due", condition=models.Q(active=True))]

    def __str__(self) -> str:
        return str(self.location)

    @property
    def limits(self) -> Phases:
        """What may be shared, without the margin."""
        one, two, three = (max(0, limit - self.margin) for limit in (self.limit_l1, self.limit_l2, self.limit_l3))
        return (one, two, three)

    @property
    def phases(self) -> tuple[str, ...]:
        """Those that the location has: 0 A says that there is none."""
        found = tuple(name for name in ("l1", "l2", "l3") if getattr(self, f"limit_{name}"))
        return found or ("l1", "l2", "l3")


class CapacityHours(models.Model):
    """Hours of the week at which a location takes less."""

    MOST = 20  # of a location

    tenant_path = "plan__location__organization__path"
    place_lookup = "plan__location"

    plan = models.ForeignKey(CapacityPlan, models.CASCADE, related_name="hours")
    days = models.CharField(_("Days"), max_length=7)  # digits from 0, Monday
    begins = models.TimeField(_("From"))
    ends = models.TimeField(_("Until"))
    limit = models.PositiveSmallIntegerField(_("At most per phase (A)"), validators=AMPERES)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["begins", "pk"]
        verbose_name = _("hours with less capacity")
        verbose_name_plural = _("hours with less capacity")

    @property
    def rule(self) -> Hours:
        """What may be shared in these hours, without the margin."""
        return self.rule_with(self.plan.margin)

    def rule_with(self, margin: int) -> Hours:
        begins, ends = (at.hour * 60 + at.minute for at in (self.begins, self.ends))
        return Hours(frozenset(int(digit) for digit in self.days if digit.isdigit()), begins, ends, max(0, self.limit - margin))


class CapacityStation(models.Model):
    """The default that we gave to the transactions of a station: 0 A at first, and the safe value where nobody gives them more."""

    station = models.OneToOneField(Station, models.CASCADE, related_name="capacity")
    safe = models.FloatField(null=True)  # A; what it confirmed. None: nothing of ours
    confirmed_at = models.DateTimeField(null=True)
    wanted = models.FloatField(null=True)  # what `command` asks for; None: to take it away
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=200, blank=True)


class CapacityShare(models.Model):
    """The share of a connector: what people set for it, and what the controller has given it. Amperes per phase."""

    class Rotation(models.TextChoices):
        RST = "RST", _("L1 L2 L3 (RST)")
        STR = "STR", _("L2 L3 L1 (STR)")
        TRS = "TRS", _("L3 L1 L2 (TRS)")
        RTS = "RTS", _("L1 L3 L2 (RTS)")
        SRT = "SRT", _("L2 L1 L3 (SRT)")
        TSR = "TSR", _("L3 L2 L1 (TSR)")

    tenant_path = "connector__station__location__organization__path"
    place_lookup = "connector__station__location"

    connector = models.OneToOneField(Connector, models.CASCADE, related_name="capacity")
    priority = models.PositiveSmallIntegerField(_("Priority"), choices=Priority.choices, default=Priority.NORMAL)
    rotation = models.CharField(
        _("Phases"), max_length=3, choices=Rotation.choices, default=Rotation.RST,
        help_text=_("Which phases of the location it is wired to, in the order of its own. With one phase the first counts."),
    )  # fmt: skip

    # What holds for `transaction`: `granted` until `expires_at`, then `fallback`
    transaction = models.ForeignKey(Transaction, models.SET_NULL, null=True, related_name="+")
    granted = models.FloatField(null=True)
    fallback = models.FloatField(default=0)
    granted_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    # Asked for and not settled yet
    wanted = models.FloatField(null=True)
    wanted_fallback = models.FloatField(default=0)
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=200, blank=True)
    # Of the last look: what it asked for (None: all), gets, takes, and why
    asked = models.FloatField(null=True)
    low_since = models.DateTimeField(null=True)
    target = models.FloatField(null=True)
    measured = models.FloatField(null=True)
    bound = models.FloatField(null=True)
    why = models.CharField(max_length=12, blank=True)
    served_since = models.DateTimeField(null=True)
    paused_since = models.DateTimeField(null=True)
    # What its car told of itself (NotifyEVChargingNeeds): A, Wh
    car_maximum = models.FloatField(null=True)
    car_energy = models.FloatField(null=True)
    departure = models.DateTimeField(null=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        verbose_name = _("share of the capacity")
        verbose_name_plural = _("shares of the capacity")

    def __str__(self) -> str:
        return str(self.connector)


class CapacityUse(models.Model):
    """Who got what: of a connector, in one bucket of time. Sums of A·s, so that parts add up; divided by `seconds` they are means."""

    BUCKET = 300  # seconds
    KEPT_DAYS = 93

    tenant_path = "location__organization__path"
    place_lookup = "location"

    location = models.ForeignKey(Location, models.CASCADE, related_name="+")
    connector = models.ForeignKey(Connector, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    seconds = models.FloatField(default=0)
    granted = models.FloatField(default=0)
    measured = models.FloatField(default=0)
    energy = models.FloatField(default=0)  # Wh

    objects = VisibleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["location", "at", "connector"], name="capacity_use_once")]


class CapacityLoad(models.Model):
    """Of a whole location in one bucket: its limit, as a mean of the time that was looked at, and what each phase took."""

    tenant_path = "location__organization__path"
    place_lookup = "location"

    location = models.ForeignKey(Location, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    seconds = models.FloatField(default=0)
    limit = models.FloatField()  # A of the phase with the lowest
    l1 = models.FloatField(default=0)  # A·s
    l2 = models.FloatField(default=0)
    l3 = models.FloatField(default=0)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["location", "at"], name="capacity_load_once")]


class StationProfile(models.Model):
    """A charging profile that a station has: it accepted it from us, or reported it (2.0.1)."""

    MOST = 200  # of a station

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="profiles")
    connector_number = models.PositiveSmallIntegerField()
    profile_id = models.BigIntegerField()
    purpose = models.CharField(max_length=24)
    level = models.IntegerField(default=0)
    kind = models.CharField(max_length=8)
    unit = models.CharField(max_length=1)
    steps = models.JSONField(default=list)  # [seconds, limit, phases or None] …
    start = models.DateTimeField(null=True)
    duration = models.IntegerField(null=True)
    valid_from = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    transaction_id = models.CharField(max_length=36, blank=True)
    source = models.CharField(max_length=20, blank=True)  # whose, as the station says: CSO, EMS, SO, Other. Empty: it has not said
    reported = models.BooleanField(default=False)  # by the station, not only accepted
    report = models.BigIntegerField(null=True)  # the number of our request that it answered
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(default=timezone.now)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["connector_number", "purpose", "-level", "profile_id"]
        constraints = [models.UniqueConstraint(fields=["station", "profile_id", "connector_number"], name="profile_once_at_station")]


class ExternalLimit(models.Model):
    """A limit that something else put on a station, such as an energy manager beside it (NotifyChargingLimit, 2.0.1 K11 to K13)."""

    MOST = 40  # of a station

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="external_limits")
    connector_number = models.PositiveSmallIntegerField(default=0)  # 0: the station as a whole
    source = models.CharField(max_length=20)
    critical = models.BooleanField(default=False)  # for the grid
    unit = models.CharField(max_length=1, blank=True)  # empty: how much it did not say
    steps = models.JSONField(default=list)
    start = models.DateTimeField(null=True)
    at = models.DateTimeField(default=timezone.now)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["connector_number", "source"]
        constraints = [models.UniqueConstraint(fields=["station", "connector_number", "source"], name="external_limit_once")]
