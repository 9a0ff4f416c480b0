"""Certificates of stations: the authority that signs them, and what it has signed."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import Station
from tenancy.rights import READ_CONFIGURATION, VisibleQuerySet


class Authority(models.Model):
    """A certificate authority of the platform, or one of a manufacturer that it trusts for the certificates of stations. Belongs to the
    platform, so no tenant sees more than its certificate."""

    name = models.CharField(_("Name"), max_length=80, unique=True)
    certificate = models.TextField()  # PEM
    # SHA-256 of the DER, hexadecimal
    fingerprint = models.CharField(max_length=64, unique=True)
    # PEM, sealed (tenancy.sealing); empty: it is trusted, but cannot sign here
    sealed_key = models.TextField(blank=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    # Those it signed are trusted as long as this holds
    trusted = models.BooleanField(default=True)
    # The one that signs new certificates; at most one
    signs = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("certificate authority")
        verbose_name_plural = _("certificate authorities")
        constraints = [
            models.UniqueConstraint(fields=["signs"], name="one_authority_signs", condition=models.Q(signs=True)),
        ]

    def __str__(self) -> str:
        return self.name


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
    # The CALL that carried it to the station
    command = models.ForeignKey("stations.Command", models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)
    revoked_because = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField(null=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("certificate of a station")
        verbose_name_plural = _("certificates of stations")
        indexes = [models.Index(fields=["not_after"], name="certificate_by_end")]
        constraints = [models.UniqueConstraint(fields=["authority", "serial"], name="serial_unique_in_authority")]

    def __str__(self) -> str:
        return self.serial
