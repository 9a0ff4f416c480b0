"""The device model of a station that speaks OCPP 2.0.1: its variables as it told them, reports of them, monitors, and what they noticed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Station
from stations.models.operation import Command
from stations.ocpp.variables import LONGEST_KEY
from tenancy.rights import READ_CONFIGURATION, VisibleQuerySet

ACTUAL = "Actual"


class OfVariable(models.Model):
    """What is about a variable: `key` is its whole name (stations.ocpp.variables), beside it the parts that lists are ordered by."""

    key = models.CharField(_("Variable"), max_length=LONGEST_KEY)
    component = models.CharField(max_length=50)
    # 0: of the station as a whole
    evse = models.PositiveSmallIntegerField(default=0)
    connector = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True


class DeviceReport(models.Model):
    """A report that was asked for, in parts. It is whole when every part has come, and only then does it replace anything."""

    class Base(models.TextChoices):
        FULL = "FullInventory", _("Everything")
        CONFIGURATION = "ConfigurationInventory", _("What can be set")
        SUMMARY = "SummaryInventory", _("What is in order and what is not")
        SOME = "", _("Some variables")
        MONITORS = "Monitors", _("Monitors")

    MOST = 30  # kept per station, the newest
    MOST_PARTS = 5000
    PATIENCE = timedelta(minutes=10)  # without a further part it was broken off

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="device_reports", db_index=False)
    request_id = models.BigIntegerField()
    base = models.CharField(max_length=24, choices=Base.choices, blank=True)
    asked_at = models.DateTimeField(_("Asked"), default=timezone.now)
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")
    # The numbers of the parts that came, and that of the last one once it is known
    parts = models.JSONField(default=list)
    last_part = models.PositiveIntegerField(null=True)
    part_at = models.DateTimeField(null=True)
    told = models.PositiveIntegerField(default=0)  # values, or monitors
    left_out = models.PositiveIntegerField(default=0)  # told, but not kept: too many, no name that can be said, or not understood
    finished_at = models.DateTimeField(null=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["station", "request_id"], name="device_report_once")]
        indexes = [models.Index(fields=["station", "-asked_at"], name="device_report_in_order")]

    def has_all_parts(self, first: int = 0) -> bool:
        """Stations count from 0; some begin with 1."""
        return self.last_part is not None and first <= self.last_part and set(range(first, self.last_part + 1)) <= set(self.parts)

    @property
    def missing_parts(self) -> list[int]:
        """The parts that have not come although later ones did, in order."""
        if not self.parts or self.finished_at:
            return []
        first = 1 if min(self.parts) == 1 and self.last_part is None else 0
        return sorted(set(range(first, max(*self.parts, self.last_part or 0) + 1)) - set(self.parts))

    def broken_off(self, now: datetime) -> bool:
        return self.finished_at is None and now - (self.part_at or self.asked_at) > self.PATIENCE


class DeviceVariable(OfVariable):
    """An attribute of a variable as it was last told or set. Secret values are masked."""

    MOST = 4000  # kept per station

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="variables", db_index=False)
    attribute = models.CharField(max_length=6, default=ACTUAL)  # AttributeEnumType
    value = models.CharField(max_length=2500, blank=True)
    mutability = models.CharField(max_length=9, default="ReadWrite")  # MutabilityEnumType
    persistent = models.BooleanField(default=False)
    constant = models.BooleanField(default=False)
    data_type = models.CharField(max_length=12, blank=True)  # DataEnumType; empty: not told
    unit = models.CharField(max_length=16, blank=True)
    least = models.FloatField(null=True)
    most = models.FloatField(null=True)
    choices = models.CharField(max_length=1000, blank=True)  # with commas between
    monitored = models.BooleanField(default=False)  # monitors can be set on it
    # Changed, but in force only after a reboot
    reboot_required = models.BooleanField(default=False)
    # Its value is what it was set to from here; it was not read since
    only_set = models.BooleanField(default=False)
    updated_at = models.DateTimeField(default=timezone.now)
    # The latest report that told it, or may have: in one of which not all was understood
    report = models.ForeignKey(DeviceReport, models.SET_NULL, null=True, related_name="variables")

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["evse", "connector", "component", "key", "attribute"]
        constraints = [models.UniqueConstraint(fields=["station", "key", "attribute"], name="device_variable_unique_in_station")]

    @property
    def readonly(self) -> bool:
        return self.mutability == "ReadOnly"

    @property
    def hidden(self) -> bool:
        """It can be written, but never read."""
        return self.mutability == "WriteOnly"

    def waits_for_reset(self, booted_at: datetime | None) -> bool:
        """Whether it is not in force yet at its station, which started last at `booted_at`."""
        return self.reboot_required and not (booted_at and booted_at > self.updated_at)


class Severity(models.IntegerChoices):
    """How bad a monitor takes it when it sees something (2.0.1 part 2, SetMonitoringDataType)."""

    DANGER = 0, _("Danger to people: act at once")
    HARDWARE = 1, _("Hardware failed")
    SYSTEM = 2, _("System failed")
    CRITICAL = 3, _("Critical: act at once")
    ERROR = 4, _("Error: act soon")
    ALERT = 5, _("Alert: act before it gets worse")
    WARNING = 6, _("Warning")
    NOTICE = 7, _("Notice: unusual, but no error")
    INFORMATION = 8, _("Information")
    DEBUG = 9, _("For developers")


SEVERE = Severity.CRITICAL  # from here on up it is told on the overview


class DeviceMonitor(OfVariable):
    """A monitor in a station: it watches a variable and tells when it goes beyond a limit, changes, or when time has passed."""

    class Type(models.TextChoices):
        UPPER = "UpperThreshold", _("above")
        LOWER = "LowerThreshold", _("below")
        DELTA = "Delta", _("changed by")
        PERIODIC = "Periodic", _("every … seconds")
        CLOCK = "PeriodicClockAligned", _("every … seconds by the clock")

    class Kind(models.TextChoices):
        """EventNotificationEnumType."""

        HARD_WIRED = "HardWiredMonitor", _("built in")
        PRECONFIGURED = "PreconfiguredMonitor", _("by its maker")
        CUSTOM = "CustomMonitor", _("set from here")

    MOST = 500  # kept per station

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="monitors", db_index=False)
    monitor_id = models.BigIntegerField()
    type = models.CharField(max_length=20, choices=Type.choices)
    value = models.FloatField(_("Limit"))
    severity = models.PositiveSmallIntegerField(_("Severity"), choices=Severity.choices)
    transaction = models.BooleanField(default=False)  # watches only while a transaction runs
    kind = models.CharField(max_length=24, choices=Kind.choices, blank=True)  # empty: not known
    updated_at = models.DateTimeField(default=timezone.now)
    # The latest report that told it, or may have: in one of which not all was understood
    report = models.ForeignKey(DeviceReport, models.SET_NULL, null=True, related_name="+")

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["severity", "key", "monitor_id"]
        constraints = [models.UniqueConstraint(fields=["station", "monitor_id"], name="device_monitor_unique_in_station")]


class DeviceEvent(OfVariable):
    """NotifyEvent: what a monitor, or the station by itself, has seen."""

    MOST = 2000  # kept per station, the newest

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="device_events", db_index=False)
    event_id = models.BigIntegerField()
    at = models.DateTimeField(_("When"))
    received_at = models.DateTimeField()
    trigger = models.CharField(max_length=8)  # EventTriggerEnumType
    kind = models.CharField(max_length=24)  # EventNotificationEnumType
    value = models.CharField(max_length=2500, blank=True)
    cause = models.BigIntegerField(null=True)  # the event that brought it about
    tech_code = models.CharField(max_length=50, blank=True)
    tech_info = models.CharField(max_length=500, blank=True)
    cleared = models.BooleanField(default=False)  # it says that all is well again
    transaction_id = models.CharField(max_length=36, blank=True)
    monitor_id = models.BigIntegerField(null=True)
    # Of its monitor when it came; None: not known
    severity = models.PositiveSmallIntegerField(_("Severity"), choices=Severity.choices, null=True)
    # An alert that still stands: not cleared, not followed by another one of the same kind
    stands = models.BooleanField(default=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["station", "-at"], name="device_event_in_order"),
            models.Index(fields=["station"], name="device_event_stands", condition=models.Q(stands=True)),
        ]
