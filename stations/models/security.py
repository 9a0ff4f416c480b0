"""Certificates: authorities that sign or are trusted, what stations asked to have signed, what was signed and revoked, and what stations
say they have."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Station
from tenancy.rights import READ_CONFIGURATION, VisibleQuerySet


class Authority(models.Model):
    """A certificate authority of the platform, or one of somebody else that is kept here to be trusted or installed on stations. Belongs to
    the platform, so no tenant sees more than its certificate."""

    class Use(models.TextChoices):
        """What its certificates are for."""

        STATION = "station", _("Stations: their own certificates")
        MANUFACTURER = "maker", _("Manufacturer: firmware, and certificates from the factory")
        SERVER = "server", _("This portal: the certificate it shows to stations")
        V2G = "v2g", _("Plug and charge: stations (V2G)")
        MOBILITY = "mo", _("Plug and charge: contracts (mobility operators)")

    use = models.CharField(_("For"), max_length=8, choices=Use.choices, default=Use.STATION)
    name = models.CharField(_("Name"), max_length=80, unique=True)
    certificate = models.TextField()  # PEM
    # SHA-256 of the DER, hexadecimal
    fingerprint = models.CharField(max_length=64, unique=True)
    # PEM, sealed (tenancy.sealing); empty: it is trusted, but cannot sign here
    sealed_key = models.TextField(blank=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    # Stations are let in with what it signed as long as this holds. Of one of our own: with what it signed here, and is not revoked
    trusted = models.BooleanField(default=True)
    # The one that signs new certificates; at most one for each use
    signs = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("certificate authority")
        verbose_name_plural = _("certificate authorities")
        constraints = [
            models.UniqueConstraint(fields=["use"], name="one_authority_signs", condition=models.Q(signs=True)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def own(self) -> bool:
        """Whether its key is here."""
        return bool(self.sealed_key)


class CertificateRequest(models.Model):
    """A CSR of a station (SignCertificate). Waiting ones are signed by stations.certificate_jobs; refused ones say why."""

    MOST = 30  # kept of each station

    class State(models.TextChoices):
        WAITING = "waiting", _("Waits to be signed")
        SIGNED = "signed", _("Signed")
        REFUSED = "refused", _("Refused")
        REPLACED = "replaced", _("Replaced by a newer one")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="certificate_requests")
    at = models.DateTimeField()
    # CertificateSigningUseEnumType; empty where the station did not say: it uses one for everything
    use = models.CharField(max_length=26, blank=True)
    state = models.CharField(max_length=8, choices=State.choices)
    # Why it is refused: a word of stations.pki.requests, and what more there is to say
    reason = models.CharField(max_length=20, blank=True)
    detail = models.CharField(max_length=200, blank=True)
    csr = models.TextField(blank=True)  # PEM; of a waiting one

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["station", "-at"], name="csr_by_station"),
            models.Index(fields=["id"], name="csr_waiting", condition=models.Q(state="waiting")),
        ]


class StationCertificate(models.Model):
    """A certificate of a station: signed here on its request (SignCertificate), or met at a connection under an authority we trust."""

    class Use(models.TextChoices):
        """CertificateSigningUseEnumType of 2.0.1."""

        STATION = "ChargingStationCertificate", _("Of the station, for its connection")
        V2G = "V2GCertificate", _("For plug and charge (ISO 15118)")

    class State(models.TextChoices):
        SIGNED = "signed", _("Signed, on its way to the station")
        INSTALLED = "installed", _("The station has it")
        REFUSED = "refused", _("Refused by the station")
        UNDELIVERED = "undeliv", _("Not delivered")
        REPLACED = "replaced", _("Replaced by a newer one")
        REVOKED = "revoked", _("Revoked")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="certificates")
    use = models.CharField(max_length=26, choices=Use.choices, default=Use.STATION)
    state = models.CharField(max_length=10, choices=State.choices, default=State.SIGNED)
    authority = models.ForeignKey(Authority, models.PROTECT, related_name="certificates")
    # Hexadecimal, without leading zeros
    serial = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=64, unique=True)  # SHA-256 of the DER, hexadecimal
    certificate = models.TextField()  # PEM
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    # The CALL that carried it to the station, how often that was tried, and when it is tried again
    command = models.ForeignKey("stations.Command", models.SET_NULL, null=True, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    # As its request said, see CertificateRequest.use
    asked_use = models.CharField(max_length=26, blank=True)
    # The portal asks for a newer one before it ends: how often it has, and when it does again
    renewals = models.PositiveSmallIntegerField(default=0)
    renew_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_because = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField(null=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("certificate of a station")
        verbose_name_plural = _("certificates of stations")
        indexes = [
            models.Index(fields=["not_after"], name="certificate_by_end"),
            models.Index(fields=["next_try_at"], name="certificate_on_its_way", condition=models.Q(state="signed")),
        ]
        constraints = [models.UniqueConstraint(fields=["authority", "serial"], name="serial_unique_in_authority")]

    def __str__(self) -> str:
        return self.serial


class Revocation(models.Model):
    """A certificate that an authority of the platform has taken back. Stays when its station is deleted: lists and answers rest on it."""

    class Reason(models.TextChoices):
        """As RFC 5280 §5.3.1 names them (x509.ReasonFlags)."""

        KEY = "keyCompromise", _("Its key may be known to others")
        REPLACED = "superseded", _("It is replaced by another")
        OWNER = "affiliationChanged", _("The station has another owner")
        ENDED = "cessationOfOperation", _("The station is out of use")
        OTHER = "unspecified", _("Another reason")

    authority = models.ForeignKey(Authority, models.PROTECT, related_name="revocations")
    serial = models.CharField(max_length=40)  # as that of StationCertificate
    at = models.DateTimeField()
    reason = models.CharField(max_length=20, choices=Reason.choices)
    not_after = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["authority", "serial"], name="revoked_once")]


class InstalledCertificate(models.Model):
    """What a station says it trusts or has (GetInstalledCertificateIds): hashes, as it wrote them."""

    MOST = 100  # kept of each station

    class Use(models.TextChoices):
        """GetCertificateIdUseEnumType of 2.0.1; OCPP 1.6 has two of them and calls the first CentralSystemRootCertificate."""

        SERVER = "CSMSRootCertificate", _("Whom it believes to be the portal")
        MANUFACTURER = "ManufacturerRootCertificate", _("Whose firmware it believes")
        V2G = "V2GRootCertificate", _("Plug and charge: V2G root")
        MOBILITY = "MORootCertificate", _("Plug and charge: root of mobility operators")
        CHAIN = "V2GCertificateChain", _("Plug and charge: its own certificate")

    tenant_path = "station__location__organization__path"
    place_lookup = "station__location"
    read_right = READ_CONFIGURATION

    station = models.ForeignKey(Station, models.CASCADE, related_name="installed_certificates")
    use = models.CharField(max_length=28, choices=Use.choices)
    below = models.BooleanField(default=False)  # part of a chain, not its end
    algorithm = models.CharField(max_length=6)
    name_hash = models.CharField(max_length=128)
    key_hash = models.CharField(max_length=128)
    serial = models.CharField(max_length=40)
    told_at = models.DateTimeField()

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["station", "use", "below", "pk"]
        verbose_name = _("certificate on a station")

    def __str__(self) -> str:
        return self.serial
