"""What stations of a model have in common: their hardware, and how they are configured."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models.infrastructure import MAX_CONNECTORS, Connector, CurrentType
from stations.models.shared import Shared, SharedQuerySet
from tenancy.links import link


class HardwareTemplate(Shared):
    """The technical data of a model, taken over where stations are added."""

    name = models.CharField(_("Name"), max_length=80)
    vendor = models.CharField(_("Make"), max_length=50, blank=True)
    model = models.CharField(_("Model"), max_length=50, blank=True)
    current_type = models.CharField(_("Current"), max_length=2, choices=CurrentType.choices, default=CurrentType.AC)
    phases = models.PositiveSmallIntegerField(_("Phases"), choices=[(1, "1"), (3, "3")], default=3)
    voltage = models.PositiveSmallIntegerField(_("Voltage (V)"), default=230, validators=[MinValueValidator(100), MaxValueValidator(1500)])
    max_current = models.PositiveSmallIntegerField(
        _("Maximum current of the station (A)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(2000)]
    )
    communication = models.CharField(_("Communication"), max_length=20, blank=True, help_text=_("Such as 4G, Ethernet, Wi-Fi."))
    connectors = models.PositiveSmallIntegerField(
        _("Number of connectors"), default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_CONNECTORS)]
    )
    format = models.CharField(_("Socket or cable"), max_length=8, choices=Connector.Format.choices, default=Connector.Format.SOCKET)
    plug = models.CharField(_("Plug"), max_length=20, blank=True, help_text=_("Such as Type 2, CCS, CHAdeMO."))
    connector_current = models.PositiveSmallIntegerField(
        _("Maximum current of a connector (A)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(2000)]
    )

    objects = SharedQuerySet.as_manager()

    class Meta(Shared.Meta):
        ordering = ["name", "pk"]
        verbose_name = _("hardware template")
        verbose_name_plural = _("hardware templates")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="hardware_template_name_unique",
                violation_error_message=_("This organization already has a hardware template with this name."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return link("hardware_template", self.pk)


class ConfigurationTemplate(Shared):
    """Values that stations of a model should have."""

    name = models.CharField(_("Name"), max_length=80)
    vendor = models.CharField(
        _("Make"), max_length=50, blank=True, help_text=_("As stations tell it; * stands for anything, empty for all.")
    )
    model = models.CharField(
        _("Model"), max_length=50, blank=True, help_text=_("As stations tell it; * stands for anything, empty for all.")
    )
    # key -> value, both text; no secrets
    entries = models.JSONField(default=dict)
    comment = models.CharField(_("Comment"), max_length=200, blank=True)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SharedQuerySet.as_manager()

    class Meta(Shared.Meta):
        ordering = ["name", "pk"]
        verbose_name = _("configuration template")
        verbose_name_plural = _("configuration templates")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="configuration_template_name_unique",
                violation_error_message=_("This organization already has a configuration template with this name."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return link("configuration_template", self.pk)
