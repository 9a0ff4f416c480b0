"""Charge passes: the cards and tags that drivers hold to a station."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from passes.models.restrictions import Restricted
from stations.models import Priority
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.rights import MANAGE_PASSES, VisibleQuerySet

_SEPARATORS = re.compile(r"[\s:.\-]")
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")  # of ASCII: other letters become several
_BYTES = re.compile(r"[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20}")  # of 4, 7 and 10 bytes
_CONTRACT = re.compile(r"[A-Z]{2}[-*][A-Z0-9]{3}[-*][A-Z0-9*-]{4,}\Z")
_NUMBER = re.compile(r"[A-Z]{2}[A-Z0-9]{3}(?:C[A-Z0-9]{8,9}\Z|[A-Z]?\d{4})")
_EMAID = re.compile(r"[A-Z]{2}[A-Z0-9]{3}C\d{8}[A-Z0-9]?")


def normalize_uid(uid: str) -> str:
    """The stored form of what a reader sends as idTag: upper case, without separators."""
    return _SEPARATORS.sub("", uid).translate(_UPPER)


def reversed_uid(uid: str) -> str:
    """The UID as a reader sends it that gives its bytes in the other order; empty where it has no bytes."""
    return bytes.fromhex(uid)[::-1].hex().upper() if _BYTES.fullmatch(uid) else ""


def usual_uid(uid: str) -> bool:
    """Whether it has the length of those of cards."""
    return bool(_BYTES.fullmatch(uid))


def is_printed_number(text: str) -> bool:
    """Whether this looks like the number printed on a card, a contract id (country, party, number), and like no UID. Without its separators
    some of them have the digits of a UID too: DE8ACC12345678."""
    if _CONTRACT.match(text.strip().upper()):
        return True
    uid = normalize_uid(text).replace("*", "")
    return (bool(_NUMBER.match(uid)) and not re.fullmatch(r"[0-9A-F]+", uid)) or bool(_EMAID.fullmatch(uid))


def check_uid(uid: str) -> None:
    """What may be kept as a UID, because a station may send it. What somebody enters is looked at more closely: passes.uid_check."""
    if is_printed_number(uid) and not usual_uid(uid):
        raise ValidationError(
            _(
                "This looks like the number printed on the card. The UID is what the reader sends: 8, 14 or 20 hexadecimal digits, "
                "shown in the station's activity."
            )
        )
    if not 1 <= len(uid) <= 20:
        raise ValidationError(_("A UID has at most 20 characters, usually 8 or 14 hexadecimal digits."))
    if not re.fullmatch(r"[\x21-\x7e]+", uid):
        raise ValidationError(_("A UID has letters and digits only."))


class PassGroup(Restricted):
    """Passes that are restricted together. Cards with the same group id may end each other's transactions (parentIdTag, OCPP 1.6 §3.14)."""

    tenant_path = "organization__path"
    page_right = MANAGE_PASSES

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="pass_groups", verbose_name=_("Organization"))
    name = models.CharField(_("Name"), max_length=60)
    group_id = models.CharField(
        _("Group id"), max_length=20, blank=True, validators=[RegexValidator(r"^[\x21-\x7e]*\Z", _("Letters and digits without spaces."))],
        help_text=_("What stations are told as parent id. Cards with the same one may stop each other's charging. Empty: none."),
    )  # fmt: skip

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("group of passes")
        verbose_name_plural = _("groups of passes")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="pass_group_name_unique",
                violation_error_message=_("This organization already has a group with this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return link("pass_group", self.pk)


class ChargePass(Restricted):
    """A card or tag that belongs to an organization. Where it may charge is said by its listings."""

    class Kind(models.TextChoices):
        PUBLIC = "public", _("Public: a card of a card provider")
        NON_PUBLIC = "non_public", _("Non-public: a card or tag of one's own")

    tenant_path = "organization__path"
    personal_name, personal_fields = True, ("uid", "visible_number", "nickname", "user", "reason")
    page_right = MANAGE_PASSES

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="passes", verbose_name=_("Organization"))
    uid = models.CharField(_("UID"), max_length=20, help_text=_("What the reader sends, such as 04A2B3C4D5E680."))
    visible_number = models.CharField(
        _("Visible number"), max_length=40, blank=True, help_text=_("Printed on the card, such as NL-TNM-B12345-6.")
    )
    nickname = models.CharField(_("Nickname"), max_length=60, blank=True)
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices, default=Kind.NON_PUBLIC)
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="passes", verbose_name=_("User"))
    group = models.ForeignKey(PassGroup, models.SET_NULL, null=True, blank=True, related_name="passes", verbose_name=_("Group"))
    blocked = models.BooleanField(_("Blocked"), default=False)
    valid_from = models.DateTimeField(_("Valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("Valid until"), null=True, blank=True)
    several_at_once = models.BooleanField(
        _("Several at once"), default=False, help_text=_("It may charge at more than one connector at the same time.")
    )
    priority = models.PositiveSmallIntegerField(
        _("Priority"), choices=Priority.choices, null=True, blank=True,
        help_text=_("Where a location shares its capacity. Empty: that of the connector."),
    )  # fmt: skip
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["nickname", "uid", "pk"]
        verbose_name = _("pass")
        verbose_name_plural = _("passes")
        indexes = [models.Index(fields=["uid"], name="pass_by_uid")]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "uid"],
                name="pass_uid_unique_in_organization",
                violation_error_message=_("This organization already has a pass with this UID."),
            ),
            models.CheckConstraint(condition=~Q(uid=""), name="pass_uid_not_empty"),
        ]

    def __str__(self) -> str:
        return self.nickname or self.visible_number or self.uid

    def get_absolute_url(self) -> str:
        return link("pass", self.pk)

    def clean(self) -> None:
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise ValidationError({"valid_until": _("It ends before it begins.")})
        if not self.uid:
            return  # the field says that it is required
        self.uid = normalize_uid(self.uid)
        try:
            check_uid(self.uid)
        except ValidationError as error:
            raise ValidationError({"uid": error}) from error


class Listing(models.Model):
    """A pass on the list of an organization, with what it may there. The pass' own organization always has one; others are those above
    and below it. An organization has at most one pass with a UID on its list: that one speaks for the card at its stations."""

    tenant_path = "organization__path"
    page_right = MANAGE_PASSES

    charge_pass = models.ForeignKey(ChargePass, models.CASCADE, related_name="listings", verbose_name=_("Pass"))
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="listings", verbose_name=_("Organization"))
    uid = models.CharField(max_length=20, editable=False)  # the pass'
    whitelist = models.BooleanField(
        _("Whitelist"), default=False, help_text=_("The driver charges free at its whitelisting stations; their owner pays.")
    )
    roaming_free = models.BooleanField(
        _("Roaming free"), default=False, help_text=_("The card roams at its stations, without the roaming surcharge.")
    )
    below = models.BooleanField(_("Also at everything below"), default=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "pk"]
        verbose_name = _("listing")
        verbose_name_plural = _("listings")
        constraints = [
            models.UniqueConstraint(fields=["charge_pass", "organization"], name="listing_once_per_organization"),
            models.UniqueConstraint(
                fields=["uid", "organization"],
                name="listing_uid_unique_in_organization",
                violation_error_message=_("This organization already has a pass with this UID on its list."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charge_pass} · {self.organization}"
