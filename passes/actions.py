"""Every write to passes: one transaction each, the audit row inside it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from passes.models import ChargePass, Listing, PassGroup
from tenancy import audit
from tenancy.models import Organization, User

SWITCHES = ("whitelist", "roaming_free", "below")


@transaction.atomic
def create_pass(
    *,
    actor: User | None,
    organization: Organization,
    whitelist: bool = True,
    roaming_free: bool = False,
    below: bool = False,
    **fields: Any,
) -> ChargePass:
    """A pass of `organization`, with its listing there."""
    charge_pass = ChargePass(organization=organization, **fields)
    charge_pass.full_clean()
    why = why_not_listed(charge_pass, organization)
    if why:
        raise ValidationError({"uid": why})
    charge_pass.save()
    switches = {"whitelist": whitelist, "roaming_free": roaming_free, "below": below}
    Listing.objects.create(charge_pass=charge_pass, organization=organization, uid=charge_pass.uid, **switches)
    audit.record(actor, "create", charge_pass, organization, audit.differences({}, {"uid": charge_pass.uid, **fields, **switches}))
    return charge_pass


@transaction.atomic
def edit_pass(*, actor: User | None, charge_pass: ChargePass, **fields: Any) -> ChargePass:
    """Only `fields` are written: what somebody else changes meanwhile stays."""
    before = {name: getattr(charge_pass, name) for name in fields}
    for name, value in fields.items():
        setattr(charge_pass, name, value)
    charge_pass.full_clean()
    charge_pass.save(update_fields=list(fields))
    if "uid" in fields and before["uid"] != charge_pass.uid:
        for listing in charge_pass.listings.select_related("organization"):
            if why := why_not_listed(charge_pass, listing.organization):
                raise ValidationError({"uid": why})
        charge_pass.listings.update(uid=charge_pass.uid)
    if changed := audit.differences(before, {name: getattr(charge_pass, name) for name in fields}):
        audit.record(actor, "edit", charge_pass, charge_pass.organization, changed)
    return charge_pass


@transaction.atomic
def delete_pass(*, actor: User | None, charge_pass: ChargePass) -> None:
    audit.record(actor, "delete", charge_pass, charge_pass.organization, {"uid": [charge_pass.uid, None]})
    charge_pass.delete()


def why_not_listed(charge_pass: ChargePass, organization: Organization) -> str:
    """Why a pass cannot be on the list of `organization`; empty when it can. Names no pass: it may be one that the reader must not know."""
    own, other = charge_pass.organization.path, organization.path
    if not (own.startswith(other) or other.startswith(own)):
        return _("%s stands neither above nor below the organization of the pass.") % organization
    if Listing.objects.filter(organization=organization, uid=charge_pass.uid).exclude(charge_pass=charge_pass.pk).exists():
        return _("%s already has a pass with this UID on its list.") % organization
    return ""


@transaction.atomic
def list_pass(*, actor: User | None, charge_pass: ChargePass, organization: Organization, **switches: bool) -> Listing:
    """Set switches (`whitelist`, `roaming_free`, `below`) of the pass at `organization`, which is its own or stands above or below it."""
    if why := why_not_listed(charge_pass, organization):
        raise ValidationError(why)
    listing, made = Listing.objects.select_for_update().get_or_create(
        charge_pass=charge_pass, organization=organization, defaults={"uid": charge_pass.uid}
    )
    before = {} if made else {name: getattr(listing, name) for name in switches}
    for name, value in switches.items():
        setattr(listing, name, value)
    listing.save(update_fields=[*switches])
    if changed := audit.differences(before, switches):
        audit.record(actor, "list", charge_pass, organization, {"organization": [None, audit.named(organization)], **changed})
    return listing


@transaction.atomic
def unlist_pass(*, actor: User | None, listing: Listing) -> None:
    """Take a pass off the list of an organization that is not its own."""
    if listing.organization_id == listing.charge_pass.organization_id:
        raise ValidationError(_("A pass stays on the list of its own organization. Switch off what it may there."))
    audit.record(actor, "unlist", listing.charge_pass, listing.organization, {"organization": [audit.named(listing.organization), None]})
    listing.delete()


@transaction.atomic
def create_group(*, actor: User | None, organization: Organization, **fields: Any) -> PassGroup:
    group = PassGroup(organization=organization, **fields)
    group.full_clean()
    group.save()
    audit.record(actor, "create", group, organization, audit.differences({}, fields))
    return group


@transaction.atomic
def edit_group(*, actor: User | None, group: PassGroup, **fields: Any) -> PassGroup:
    before = {name: getattr(group, name) for name in fields}
    for name, value in fields.items():
        setattr(group, name, value)
    group.full_clean()
    group.save(update_fields=list(fields))
    if changed := audit.differences(before, fields):
        audit.record(actor, "edit", group, group.organization, changed)
    return group


@transaction.atomic
def delete_group(*, actor: User | None, group: PassGroup) -> None:
    """Its passes stay, without its restrictions."""
    audit.record(actor, "delete", group, group.organization, {"name": [group.name, None]})
    group.delete()
