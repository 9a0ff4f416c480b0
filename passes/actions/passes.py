"""Every write to passes: one transaction each, the audit row inside it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from passes import local_lists
from passes.actions.lists import unlist_pass, why_not_listed
from passes.actions.many import delete_passes
from passes.actions.recorded import differences
from passes.models import ChargePass, Listing
from tenancy import audit
from tenancy.models import Organization, User
from tenancy.rights import MANAGE_PASSES, holds


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
    local_lists.passes_changed([charge_pass.pk])
    audit.record(actor, "create", charge_pass, organization, audit.differences({}, {"uid": charge_pass.uid, **fields, **switches}))
    return charge_pass


@transaction.atomic
def edit_pass(*, actor: User | None, charge_pass: ChargePass, **fields: Any) -> ChargePass:
    """Only `fields` are written: what somebody else changes meanwhile stays. With another UID it leaves the lists of organizations where
    `actor` does not manage passes."""
    before = {name: getattr(charge_pass, name) for name in fields}
    for name, value in fields.items():
        setattr(charge_pass, name, value)
    charge_pass.full_clean()
    charge_pass.save(update_fields=list(fields))
    if "uid" in fields and before["uid"] != charge_pass.uid:
        for listing in charge_pass.listings.select_related("organization", "charge_pass__organization"):
            own = listing.organization_id == charge_pass.organization_id
            if actor and not own and not holds(actor, MANAGE_PASSES, listing.organization.path):
                unlist_pass(actor=actor, listing=listing)  # another card: those who listed this one were not asked
            elif why := why_not_listed(charge_pass, listing.organization):
                raise ValidationError({"uid": why})
        charge_pass.listings.update(uid=charge_pass.uid)
    local_lists.passes_changed([charge_pass.pk])
    if changed := differences(before, {name: getattr(charge_pass, name) for name in fields}):
        audit.record(actor, "edit", charge_pass, charge_pass.organization, changed)
    return charge_pass


def delete_pass(*, actor: User | None, charge_pass: ChargePass) -> None:
    """It is taken off the lists of other organizations first, which keep a record of that."""
    delete_passes(actor=actor, passes=ChargePass.objects.filter(pk=charge_pass.pk))
