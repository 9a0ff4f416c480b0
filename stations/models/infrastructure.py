"""What stands outside: locations, stations and their connectors, with the state they were last in."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.ocpp import numbering
from stations.ocpp.numbering import MOST_EVSES
from tenancy.links import link
from tenancy.models import Organization
from tenancy.models.organization import RATE
from tenancy.models.roles import PLACE_GRANTS, Grant, in_force
from tenancy.rights import GRANTS, PERMISSIONS, VisibleQuerySet

MAX_CONNECTORS = MOST_EVSES  # that people can enter


class AccessMode(models.TextChoices):
    """Who may charge."""

    OPEN = "open", _("Open: any card")
    WHITELIST = "whitelist", _("Whitelisting: passes of the organization")
    ROAMING = "roaming", _("Roaming: cards of connected networks")
    ROAMING_WHITELIST = "roaming_whitelist", _("Roaming and whitelisting")

    @property
    def whitelists(self) -> bool:
        return self in (AccessMode.WHITELIST, AccessMode.ROAMING_WHITELIST)

    @property
    def roams(self) -> bool:
        return self in (AccessMode.ROAMING, AccessMode.ROAMING_WHITELIST)


class Availability(models.TextChoices):
    """Our switch (ChangeAvailability), not what the connector reports."""

    OPERATIVE = "Operative", _("In service")
    INOPERATIVE = "Inoperative", _("Out of service")
    SCHEDULED = "Scheduled", _("Out of service after this transaction")


class CurrentType(models.TextChoices):
    AC = "AC", _("AC")
    DC = "DC", _("DC")


class SecurityProfile(models.IntegerChoices):
    """How a station proves who it is (OCPP 1.6 security whitepaper §4, OCPP 2.0.1 part 2 A)."""

    NONE = 0, _("0: its id alone")
    PASSWORD = 1, _("1: password")
    TLS = 2, _("2: TLS and password")
    CERTIFICATE = 3, _("3: TLS and its own certificate")


class Connection(models.TextChoices):
    """Ours, from the last message of any kind. Not what the station reports of its connectors."""

    NEVER = "never", _("Never connected")
    ONLINE = "online", _("Online")
    PENDING = "pending", _("Pending")
    OFFLINE = "offline", _("Offline")
    DEACTIVATED = "deactivated", _("Deactivated")


def check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValidationError(_("There is no time zone “%(name)s”. Write it like Europe/Amsterdam.") % {"name": name}) from error


def default_time_zone() -> str:
    return settings.PLATFORM_TIME_ZONE


class Location(models.Model):
    tenant_path = "organization__path"
    place_lookup = "pk"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="locations", verbose_name=_("Organization"))
    name = models.CharField(_("Name"), max_length=100)
    street = models.CharField(_("Street and number"), max_length=120, blank=True)
    postal_code = models.CharField(_("Postal code"), max_length=16, blank=True)
    city = models.CharField(_("City"), max_length=80, blank=True)
    country = models.CharField(_("Country"), max_length=2, blank=True, help_text=_("Two letters, such as NL."))
    latitude = models.FloatField(_("Latitude"), null=True, blank=True, validators=[MinValueValidator(-90), MaxValueValidator(90)])
    longitude = models.FloatField(_("Longitude"), null=True, blank=True, validators=[MinValueValidator(-180), MaxValueValidator(180)])
    time_zone = models.CharField(_("Time zone"), max_length=40, default=default_time_zone, validators=[check_time_zone])
    access_mode = models.CharField(_("Access mode"), max_length=20, choices=AccessMode.choices, default=AccessMode.WHITELIST)
    # Shown to drivers in directories and on the public page of a station
    published = models.BooleanField(_("Published"), default=False)
    # What the owner gets for a kWh that others charge here, in EUR ex VAT; empty: as the organization
    compensation_ac = models.DecimalField(_("Compensation per kWh, AC (EUR)"), **RATE)
    compensation_dc = models.DecimalField(_("Compensation per kWh, DC (EUR)"), **RATE)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        default_permissions = ()
        permissions = PERMISSIONS
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="location_name_unique_in_organization",
                violation_error_message=_("This organization already has a location with this name."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Drills in: what is looked at from there is this location's."""
        return link("location", self.pk, **{"in": f"l{self.pk}"})

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def address(self) -> str:
        town = " ".join(part for part in (self.postal_code, self.city) if part)
        return ", ".join(part for part in (self.street, town) if part)


class LocationGrant(Grant):
    """A right at a single location, of a service company that was let in there."""

    content_object = models.ForeignKey(Location, models.CASCADE, related_name="grants")

    class Meta(Grant.Meta):
        pass


PLACE_GRANTS["l"] = LocationGrant
GRANTS.append(
    lambda user: in_force(LocationGrant.objects, user).values_list(
        Concat(Value("l"), Cast("content_object_id", models.CharField())), "permission__codename"
    )
)


# Not "." and "..": clients take them out of an address before they send it
IDENTITY = RegexValidator(
    r"^(?!\.+\Z)[A-Za-z0-9*_\-.=:+|@()]{1,48}\Z",
    _("A station id has at most 48 letters, digits and - _ . * = : + | @ ( ), without spaces, and not dots alone. Capitals matter."),
)


class StationQuerySet(VisibleQuerySet["Station"]):
    def with_connection(self, now: datetime | None = None) -> Self:
        """Adds `connection`, a value of Connection (see `Station.connection_at` for the rule)."""
        now = now or timezone.now()
        closed_before, pending_before, offline_before = (
            now - timedelta(seconds=seconds)
            for seconds in (settings.STATION_CLOSED_GRACE, settings.STATION_PENDING_AFTER, settings.STATION_OFFLINE_AFTER)
        )
        return self.alias(heard_at=Coalesce("last_message_at", "connected_at")).annotate(
            connection=Case(
                When(active=False, then=Value(Connection.DEACTIVATED)),
                When(first_connected_at=None, then=Value(Connection.NEVER)),
                When(Q(connected=False) & (Q(disconnected_at=None) | Q(disconnected_at__lt=closed_before)), then=Value(Connection.OFFLINE)),
                When(heard_at__lt=offline_before, then=Value(Connection.OFFLINE)),
                When(heard_at__lt=pending_before, then=Value(Connection.PENDING)),
                default=Value(Connection.ONLINE),
                output_field=models.CharField(),
            )
        )

    def connections(self) -> dict[int, str]:
        """The connection of each of these stations, by primary key."""
        annotated: Any = self.order_by().with_connection()
        return dict(annotated.values_list("pk", "connection"))

    def connection_counts(self) -> dict[str, int]:
        """How many of these stations have which connection."""
        annotated: Any = self.order_by().with_connection()
        return dict(annotated.values_list("connection").annotate(models.Count("pk")))


class Station(models.Model):
    tenant_path = "location__organization__path"
    place_lookup = "location"

    # Who it is
    location = models.ForeignKey(Location, models.PROTECT, related_name="stations", verbose_name=_("Location"))
    identity = models.CharField(
        _("Station id"), max_length=48, unique=True, validators=[IDENTITY], help_text=_("Exactly as the station sends it; capitals matter.")
    )
    alias = models.CharField(_("Alias"), max_length=60, blank=True, help_text=_("A name people use, shown beside the id."))
    # Keyed SHA-256 of the OCPP password, hexadecimal; stations.credentials makes and compares it.
    password_digest = models.CharField(max_length=64, editable=False)
    active = models.BooleanField(
        _("May connect"), default=True, help_text=_("Off: the station is deactivated and its connections are refused.")
    )
    # The least with which it is let in. 0 is for the platform's administrators to set: since when, and by whom
    security_profile = models.PositiveSmallIntegerField(
        _("Security profile"), choices=SecurityProfile.choices, default=SecurityProfile.PASSWORD, editable=False
    )
    open_since = models.DateTimeField(null=True, editable=False)
    open_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False)
    password_set_at = models.DateTimeField(null=True, editable=False)
    # Empty: the location's
    access_mode = models.CharField(_("Access mode"), max_length=20, choices=AccessMode.choices, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # Technical data, entered by people
    current_type = models.CharField(_("Current"), max_length=2, choices=CurrentType.choices, default=CurrentType.AC)
    phases = models.PositiveSmallIntegerField(_("Phases"), choices=[(1, "1"), (3, "3")], default=3)
    voltage = models.PositiveSmallIntegerField(_("Voltage (V)"), default=230, validators=[MinValueValidator(100), MaxValueValidator(1500)])
    max_current = models.PositiveSmallIntegerField(
        _("Maximum current of the station (A)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(2000)]
    )
    communication = models.CharField(_("Communication"), max_length=20, blank=True, help_text=_("Such as 4G, Ethernet, Wi-Fi."))

    # What it told of itself (BootNotification)
    vendor = models.CharField(_("Make"), max_length=50, blank=True)
    model = models.CharField(_("Model"), max_length=50, blank=True)
    serial_number = models.CharField(_("Serial number"), max_length=50, blank=True)
    firmware_version = models.CharField(_("Firmware"), max_length=50, blank=True)
    iccid = models.CharField(_("ICCID"), max_length=20, blank=True)
    imsi = models.CharField(_("IMSI"), max_length=20, blank=True)
    meter_type = models.CharField(_("Meter type"), max_length=25, blank=True)
    meter_serial_number = models.CharField(_("Meter serial number"), max_length=25, blank=True)
    booted_at = models.DateTimeField(null=True, editable=False)
    firmware_status = models.CharField(max_length=30, blank=True, editable=False)
    diagnostics_status = models.CharField(max_length=30, blank=True, editable=False)

    # The socket, written by the gateway only
    ocpp_version = models.CharField(_("OCPP version"), max_length=8, blank=True, editable=False)
    connected = models.BooleanField(default=False, editable=False)
    # Grows with every authenticated socket: the newest wins, and what an older one still says about itself is ignored.
    generation = models.BigIntegerField(default=0, editable=False)
    gateway = models.CharField(max_length=32, blank=True, editable=False)
    # Scheme and host by which it reached us, as in https://portal.example.org: there it finds files too (stations.addresses)
    origin = models.CharField(max_length=300, blank=True, editable=False)
    address = models.CharField(max_length=45, blank=True, editable=False)
    # How it proved who it is when it last connected, and the serial number (hexadecimal) of the certificate it showed
    connected_profile = models.PositiveSmallIntegerField(null=True, choices=SecurityProfile.choices, editable=False)
    connected_tls = models.BooleanField(default=False, editable=False)
    connected_serial = models.CharField(max_length=64, blank=True, editable=False)
    first_connected_at = models.DateTimeField(null=True, editable=False)
    connected_at = models.DateTimeField(null=True, editable=False)
    disconnected_at = models.DateTimeField(null=True, editable=False)
    # Written at most every few seconds, however much a station talks
    last_message_at = models.DateTimeField(null=True, editable=False)
    # Their clock minus ours at the last message that carried a time; seconds
    clock_offset = models.FloatField(null=True, editable=False)

    objects = StationQuerySet.as_manager()

    class Meta:
        ordering = ["identity"]
        verbose_name = _("station")
        verbose_name_plural = _("stations")
        indexes = [models.Index(fields=["gateway"], name="station_by_gateway", condition=Q(connected=True))]

    def __str__(self) -> str:
        return self.alias or self.identity

    def get_absolute_url(self) -> str:
        return link("station", self.pk)

    @property
    def beside(self) -> str:
        """What stands beside or below its name wherever it is named: the id, where people see an alias."""
        return self.identity if self.alias else ""

    @property
    def name_and_id(self) -> str:
        """Both in one line: "Gate (LUM-0001)"."""
        return f"{self.alias} ({self.identity})" if self.alias else self.identity

    @property
    def effective_access_mode(self) -> AccessMode:
        return AccessMode(self.access_mode or self.location.access_mode)

    def connection_at(self, now: datetime | None = None) -> Connection:
        """Never connected; deactivated; offline when silent for STATION_OFFLINE_AFTER or when the socket has been closed for longer
        than STATION_CLOSED_GRACE; pending when silent for STATION_PENDING_AFTER; else online."""
        now = now or timezone.now()
        if not self.active:
            return Connection.DEACTIVATED
        if self.first_connected_at is None:
            return Connection.NEVER
        if not self.connected and (
            self.disconnected_at is None or (now - self.disconnected_at).total_seconds() > settings.STATION_CLOSED_GRACE
        ):
            return Connection.OFFLINE
        heard = self.last_message_at or self.connected_at
        silent = (now - heard).total_seconds() if heard else 0.0
        if silent > settings.STATION_OFFLINE_AFTER:
            return Connection.OFFLINE
        return Connection.PENDING if silent > settings.STATION_PENDING_AFTER else Connection.ONLINE


_EVSE_ID = re.compile(r"^([A-Z]{2})\*?([A-Z0-9]{3})\*?(E[A-Z0-9][A-Z0-9*]{0,30})$")


def canonical_evse_id(raw: str) -> str:
    """`at*ion*e203953` and `ATIONE203953` both as `AT*ION*E203953`; ValidationError when it is no EVSE ID."""
    match = _EVSE_ID.match(raw.strip().upper())
    if not match:
        raise ValidationError(_("An EVSE ID looks like AT*ION*E203953: country, operator of 3 letters or digits, then E and the number."))
    return "*".join(match.groups())


_DC_PLUG = re.compile(r"ccs|combo|chademo|chaoji|\bmcs\b|\bdc\b", re.IGNORECASE)
_AC_PLUG = re.compile(r"\btype? ?[123]|mennekes|j1772|schuko|\bac\b", re.IGNORECASE)


class Connector(models.Model):
    """A connector, or with number 0 the station as a whole. Numbered as stations.ocpp.numbering says."""

    class Status(models.TextChoices):
        """OCPP 1.6 ChargePointStatus, as reported."""

        AVAILABLE = "Available", _("Available")
        PREPARING = "Preparing", _("Preparing")
        CHARGING = "Charging", _("Charging")
        SUSPENDED_EVSE = "SuspendedEVSE", _("Suspended by the station")
        SUSPENDED_EV = "SuspendedEV", _("Suspended by the car")
        FINISHING = "Finishing", _("Finishing")
        RESERVED = "Reserved", _("Reserved")
        UNAVAILABLE = "Unavailable", _("Unavailable")
        FAULTED = "Faulted", _("Faulted")

    # A car charges there, even where no transaction is known here
    CAR_CHARGES = frozenset({Status.CHARGING, Status.SUSPENDED_EV, Status.SUSPENDED_EVSE})

    class Format(models.TextChoices):
        SOCKET = "socket", _("Socket")
        CABLE = "cable", _("Cable")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"

    station = models.ForeignKey(Station, models.CASCADE, related_name="connectors")
    number = models.PositiveSmallIntegerField(_("Number"))
    format = models.CharField(_("Socket or cable"), max_length=8, choices=Format.choices, default=Format.SOCKET)
    plug = models.CharField(_("Plug"), max_length=20, blank=True, help_text=_("Such as Type 2, CCS, CHAdeMO."))
    max_current = models.PositiveSmallIntegerField(
        _("Maximum current (A)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(2000)]
    )
    # Canonical, with separators; compared without them through evse_key
    evse_id = models.CharField(_("EVSE ID"), max_length=40, blank=True, help_text=_("Such as AT*ION*E203953."))
    evse_key = models.CharField(max_length=40, null=True, unique=True, editable=False)
    availability = models.CharField(max_length=12, choices=Availability.choices, default=Availability.OPERATIVE, editable=False)

    # Since when it counts; null: as long as its station
    added_at = models.DateTimeField(null=True, default=timezone.now, editable=False)

    # Reported by StatusNotification; empty until the first one
    status = models.CharField(max_length=16, choices=Status.choices, blank=True, editable=False)
    error_code = models.CharField(max_length=40, blank=True, editable=False)
    vendor_error_code = models.CharField(max_length=50, blank=True, editable=False)
    vendor_id = models.CharField(max_length=255, blank=True, editable=False)
    info = models.CharField(max_length=50, blank=True, editable=False)
    status_at = models.DateTimeField(null=True, editable=False)

    # Latest measured
    power = models.FloatField(null=True, editable=False)  # W
    energy_register = models.FloatField(null=True, editable=False)  # Wh
    state_of_charge = models.FloatField(null=True, editable=False)  # percent
    measured_at = models.DateTimeField(null=True, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["station", "number"]
        verbose_name = _("connector")
        verbose_name_plural = _("connectors")
        constraints = [
            models.UniqueConstraint(
                fields=["station", "number"],
                name="connector_number_unique_in_station",
                violation_error_message=_("This station already has a connector with this number."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.station} · {self.shown}"

    def get_absolute_url(self) -> str:
        return link("station_details", self.station_id)

    @property
    def shown(self) -> str:
        """Its number for people: "1", or "1-2" for the second connector of EVSE 1."""
        return numbering.shown(self.number)

    def clean(self) -> None:
        self.evse_key = None
        if self.evse_id:
            self.evse_id = canonical_evse_id(self.evse_id)
            self.evse_key = self.evse_id.replace("*", "")
            if Connector.objects.filter(evse_key=self.evse_key).exclude(pk=self.pk).exists():
                raise ValidationError({"evse_id": _("Another connector already has this EVSE ID.")})

    @property
    def is_dc(self) -> bool:
        """By its plug; where that tells nothing, by the current of its station."""
        if _DC_PLUG.search(self.plug):
            return True
        return self.station.current_type == CurrentType.DC and not _AC_PLUG.search(self.plug)

    @property
    def max_power(self) -> int | None:
        """Watts the connector can give by its entered technical data; None when unknown."""
        current = self.max_current or self.station.max_current
        return (
            None
            if not current
            else current * self.station.voltage * (self.station.phases if self.station.current_type == CurrentType.AC else 1)
        )
