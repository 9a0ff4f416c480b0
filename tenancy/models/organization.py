"""The tree of organizations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Collate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.links import link
from tenancy.rights import PERMISSIONS, VisibleQuerySet

MAX_PATH = 1000


RATE: Any = {
    "max_digits": 6, "decimal_places": 4, "null": True, "blank": True,
    "validators": [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(10))],
}  # fmt: skip


class OrganizationQuerySet(VisibleQuerySet["Organization"]):
    def in_tree_order(self) -> Self:
        """Everything below an organization follows it: byte by byte, where a locale's order would ignore the slashes."""
        return self.order_by(Collate("path", "C") if connection.vendor == "postgresql" else "path")


class Organization(models.Model):
    """A node of the tree: platform > partner > customer > sub-organization, to any depth.

    `path` is the materialised path of primary keys, "/1/4/9/": everything below an organization starts with its path,
    so a scope is one prefix condition on either database.
    """

    class Kind(models.TextChoices):
        PLATFORM = "platform", _("Platform")
        PARTNER = "partner", _("Partner")
        CUSTOMER = "customer", _("Customer")
        SUB = "sub", _("Sub-organization")

        @property
        def below(self) -> tuple[Organization.Kind, ...]:
            """What may belong to an organization of this kind, the usual first."""
            kind = type(self)
            if self is kind.PLATFORM:
                return (kind.PARTNER, kind.CUSTOMER, kind.SUB)
            return (kind.CUSTOMER, kind.PARTNER, kind.SUB) if self is kind.PARTNER else (kind.SUB,)

    tenant_path = "path"
    personal_fields = ("email", "phone", "contact_name")

    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("Belongs to"))
    path = models.CharField(max_length=MAX_PATH, unique=True, editable=False)
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices, default=Kind.CUSTOMER)
    name = models.CharField(_("Name"), max_length=100)
    street = models.CharField(_("Street and number"), max_length=120, blank=True)
    postal_code = models.CharField(_("Postal code"), max_length=16, blank=True)
    city = models.CharField(_("City"), max_length=80, blank=True)
    country = models.CharField(_("Country"), max_length=2, blank=True, help_text=_("Two letters, such as NL."))
    email = models.EmailField(_("Contact e-mail"), blank=True)
    phone = models.CharField(_("Contact phone"), max_length=32, blank=True)
    contact_name = models.CharField(_("Contact person"), max_length=100, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # Invoice data
    iban = models.CharField(_("IBAN"), max_length=34, blank=True)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)
    chamber_number = models.CharField(_("Chamber of commerce number"), max_length=20, blank=True)
    # The organization above pays the subscriptions, this one gets the money for the kWh
    split_billing = models.BooleanField(_("Split billing"), default=False)
    # What it gets for a kWh that others charge here, in EUR ex VAT; empty: as the organization above
    compensation_ac = models.DecimalField(_("Compensation per kWh, AC (EUR)"), **RATE)
    compensation_dc = models.DecimalField(_("Compensation per kWh, DC (EUR)"), **RATE)

    # White label, for itself and for everything below that has none of its own
    colour = models.CharField(
        _("Colour"), max_length=7, blank=True, validators=[RegexValidator(r"^#[0-9a-f]{6}\Z", _("A colour is written like #1f6feb."))]
    )

    require_two_factor = models.BooleanField(_("Two-factor login required"), default=False)
    active = models.BooleanField(_("Active"), default=True)
    # It or one above it is deactivated: its people cannot log in
    closed = models.BooleanField(default=False, editable=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        default_permissions = ()
        permissions = PERMISSIONS
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "name"],
                name="organization_name_unique_below_parent",
                violation_error_message=_("There is already an organization with this name here."),
            ),
            models.UniqueConstraint(
                models.Value(1),
                condition=Q(parent=None),
                name="organization_one_root",
                violation_error_message=_("There is one platform organization only: choose the organization this one belongs to."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Drills in: what is looked at from there is of this organization and those below it."""
        return link("organization", self.pk, **{"in": f"o{self.pk}"})

    def clean(self) -> None:
        if self.parent and self.kind not in (fitting := self.Kind(self.parent.kind).below):
            raise ValidationError({"kind": _misfit(self.parent, fitting)})
        if self.pk and any(child.kind not in self.Kind(self.kind).below for child in self.children.only("kind")):
            raise ValidationError({"kind": _("What belongs to it would not fit below this kind.")})
        # Names that differ in their capitals alone are read as the same.
        beside = Organization.objects.filter(parent=self.parent, name__iexact=self.name).exclude(pk=self.pk)
        if self.parent and self.name and beside.exclude(name=self.name).exists():
            raise ValidationError({"name": _("There is already an organization with this name here.")})

    @property
    def ancestor_ids(self) -> list[int]:
        """Primary keys from the root down to the parent."""
        return [int(part) for part in self.path.strip("/").split("/")][:-1]

    @property
    def depth(self) -> int:
        return self.path.count("/") - 2


def _misfit(parent: Organization, fitting: tuple[Organization.Kind, ...]) -> str:
    words = {"parent": parent, "kind": parent.get_kind_display(), "fitting": ", ".join(str(kind.label) for kind in fitting)}
    return _("%(parent)s is a %(kind)s; below it there can be: %(fitting)s.") % words


class Logo(models.Model):
    """A picture as we made it anew from what was uploaded: PNG, at most LOGO_SIZE pixels wide and high."""

    organization = models.OneToOneField(Organization, models.CASCADE, related_name="logo", primary_key=True)
    png = models.BinaryField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    # SHA-256 of `png`, in its address: a new picture has a new one
    digest = models.CharField(max_length=64)


LOGO_SIZE = 512
