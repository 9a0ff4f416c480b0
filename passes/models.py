"""Charge passes: the cards and tags that drivers hold to a station."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.links import link
from tenancy.models import Organization
from tenancy.rights import MANAGE_PASSES, VisibleQuerySet

_SEPARATORS = re.compile(r"[\s:.\-]")


def normalize_uid(uid: str) -> str:
    """The stored form of what a reader sends as idTag: upper case, without separators."""
    return _SEPARATORS.sub("", uid).upper()


def check_uid(uid: str) -> None:
    if not 1 <= len(uid) <= 20:
        raise ValidationError(_("A UID has at most 20 characters, usually 8 or 14 hexadecimal digits."))
    if re.match(r"^[A-Z]{2}[A-Z0-9]{3}[A-Z]?\d{2}", uid) and not re.fullmatch(r"[0-9A-F]+", uid):
        raise ValidationError(
            _(
                "This looks like the number printed on the card. The UID is what the reader sends: 8, 14 or 20 hexadecimal digits, "
                "shown in the station's activity."
            )
        )
    if not re.fullmatch(r"[\x21-\x7e]+", uid):
        raise ValidationError(_("A UID has letters and digits only."))


class ChargePass(models.Model):
    """A pass on an organization's list: its holder may charge at that organization's stations and everywhere below."""

    tenant_path = "organization__path"
    personal_name, personal_fields = True, ("uid", "visible_number", "nickname")
    page_right = MANAGE_PASSES

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="passes", verbose_name=_("Organization"))
    uid = models.CharField(_("UID"), max_length=20, help_text=_("What the reader sends, such as 04A2B3C4D5E680."))
    visible_number = models.CharField(
        _("Visible number"), max_length=40, blank=True, help_text=_("Printed on the card, such as NL-TNM-B12345-6.")
    )
    nickname = models.CharField(_("Nickname"), max_length=60, blank=True)
    blocked = models.BooleanField(_("Blocked"), default=False)
    valid_until = models.DateTimeField(_("Valid until"), null=True, blank=True)
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
        return link("pass_edit", self.pk)

    def clean(self) -> None:
        if not self.uid:
            return  # the field says that it is required
        self.uid = normalize_uid(self.uid)
        try:
            check_uid(self.uid)
        except ValidationError as error:
            raise ValidationError({"uid": error}) from error
