"""What was true of a station when: its connection, our switch, its configuration. Written by the gateway; availability is made from it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Availability, Connector, Station
from stations.models.operation import Command
from stations.ocpp.variables import LONGEST_KEY
from tenancy.rights import READ_CONFIGURATION, VisibleQuerySet


class ConnectionPeriod(models.Model):
    """A time in which a station was heard: from when it came until its socket closed, or until it had been silent for too long.

    One that comes back within STATION_CLOSED_GRACE goes on with the period it had, so that a station that flaps makes no more rows.
    """

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="connection_periods", db_index=False)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=45, blank=True)
    # How often it was connected anew within this period
    reconnects = models.PositiveIntegerField(default=0)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-began_at", "-pk"]
        indexes = [models.Index(fields=["station", "-began_at"], name="connection_period_by_station")]
        constraints = [
            models.UniqueConstraint(fields=["station"], condition=Q(ended_at=None), name="connection_period_open_once"),
        ]


class AvailabilityChange(models.Model):
    """Our switch of a connector (number 0: of the station) as it was set from a moment on, because the station said yes to it."""

    tenant_path = "connector__station__location__organization__path"
    place_lookup = "connector__station__location"

    connector = models.ForeignKey(Connector, models.CASCADE, related_name="availability_changes", db_index=False)
    at = models.DateTimeField()
    availability = models.CharField(max_length=12, choices=Availability.choices)
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["connector", "-at"], name="availability_change_in_order")]


class ActivationChange(models.Model):
    """A station was deactivated in the portal, so that its connections are refused, or activated again."""

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="activation_changes", db_index=False)
    at = models.DateTimeField()
    active = models.BooleanField()

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["station", "-at"], name="activation_change_in_order")]


class AvailabilityDay(models.Model):
    """How a connector fared on a day of its location: seconds, all of them whole. Made when the day is over, and again when what happened
    on it is reported late."""

    tenant_path = "connector__station__location__organization__path"
    place_lookup = "connector__station__location"

    connector = models.ForeignKey(Connector, models.CASCADE, related_name="availability_days", db_index=False)
    day = models.DateField()
    # Of the day since the connector counts, 82,800 to 90,000 of a whole one
    seconds = models.PositiveIntegerField()
    online = models.PositiveIntegerField()  # heard: the plain uptime
    usable = models.PositiveIntegerField()  # a driver could have charged, or did: the honest one
    # What kept drivers away, reason -> seconds; see stations.availability
    lost = models.JSONField(default=dict)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-day", "connector"]
        constraints = [models.UniqueConstraint(fields=["connector", "day"], name="availability_day_once")]
        indexes = [models.Index(fields=["day"], name="availability_day_by_day")]


class ConfigurationChange(models.Model):
    """A configuration key, or a variable, that was found with another value than before. `command` changed it or brought the news."""

    MOST = 20_000  # kept per station that has variables, the newest

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="configuration_changes", db_index=False)
    at = models.DateTimeField(_("When"))
    key = models.CharField(_("Key"), max_length=LONGEST_KEY)
    # Null: there was none, or there is none any more. Secret values are masked.
    before = models.CharField(_("Before"), max_length=2500, null=True)
    after = models.CharField(_("After"), max_length=2500, null=True)
    command = models.ForeignKey(Command, models.SET_NULL, null=True, related_name="+")

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["station", "-at"], name="configuration_change_in_order")]
