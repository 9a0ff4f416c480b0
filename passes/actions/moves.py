"""Moving passes to another organization."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from passes import local_lists
from passes.models import ChargePass, Listing
from tenancy import audit
from tenancy.actions.moves import rights_gained, why_not_given_away
from tenancy.models import Organization, User
from tenancy.personal import MASK
from tenancy.rights import LABELS, MANAGE_PASSES, PERSONAL_DATA, READ, READ_AUDIT, beyond, holds, words

GIVEN = {READ, MANAGE_PASSES, PERSONAL_DATA, READ_AUDIT}  # what people there could do with a pass


class PassMove(NamedTuple):
    """What comes of moving a pass to `to`: listings at organizations that stand neither above nor below it end, the others stay; `new` says
    that it comes onto the list there with this; user and group that do not fit are taken off."""

    to: Organization
    stay: list[Listing]
    end: list[Listing]
    new: dict[str, bool] | None
    user_fits: bool
    group_fits: bool


def what_moves(charge_pass: ChargePass, to: Organization) -> PassMove:
    stay: list[Listing] = []
    end: list[Listing] = []
    for listing in charge_pass.listings.select_related("organization").order_by("organization__path"):
        at = listing.organization.path
        (stay if at.startswith(to.path) or to.path.startswith(at) else end).append(listing)
    new = None
    if all(listing.organization_id != to.pk for listing in stay):
        own = next((one for one in [*stay, *end] if one.organization_id == charge_pass.organization_id), None)
        new = {"whitelist": own.whitelist if own else False, "roaming_free": own.roaming_free if own else False}
    user_fits = charge_pass.user is None or charge_pass.user.organization.path.startswith(to.path)
    return PassMove(to, stay, end, new, user_fits, charge_pass.group is None or charge_pass.group.organization_id == to.pk)


def why_pass_not_moved(actor: User | None, charge_pass: ChargePass, to: Organization) -> str:
    """Why it cannot be; empty when it can. Names no pass: it may be one that the reader must not know."""
    own = charge_pass.organization
    if actor and not (holds(actor, MANAGE_PASSES, own.path) and holds(actor, MANAGE_PASSES, to.path)):
        return _("You need the right to %s at both organizations.") % LABELS[MANAGE_PASSES]
    if reason := why_not_given_away(actor, MANAGE_PASSES, own):
        return reason
    if to.pk == own.pk:
        return _("It belongs to %s already.") % to
    if to.closed or not to.active:
        return _("%s is deactivated. Activate it first, or choose another one.") % to
    if ChargePass.objects.filter(organization=to, uid=charge_pass.uid).exists():
        return _("%s already has a pass with this UID.") % to
    if Listing.objects.filter(organization=to, uid=charge_pass.uid).exclude(charge_pass=charge_pass.pk).exists():
        return _("%s already has a pass with this UID on its list.") % to
    if actor and (lacking := beyond(actor, rights_gained(own.path, to.path) & GIVEN, own.path)):
        return _("People there would gain rights that you don't hold here yourself: %s. Ask somebody who holds them to move it.") % words(
            lacking
        )
    return ""


@transaction.atomic
def move_pass(*, actor: User | None, charge_pass: ChargePass, organization: Organization) -> ChargePass:
    """Both organizations keep a record of it. ValidationError {"organization": …} says why it cannot be."""
    rows = ChargePass.objects.select_for_update(of=("self",)).select_related("organization", "user__organization", "group")
    locked = rows.filter(pk=charge_pass.pk).first()
    if locked is None:
        raise ValidationError(_("This pass has been deleted meanwhile."))
    charge_pass, own = locked, locked.organization
    if reason := why_pass_not_moved(actor, charge_pass, organization):
        raise ValidationError({"organization": reason})
    move = what_moves(charge_pass, organization)
    local_lists.passes_changed([charge_pass.pk])
    changes = {"organization": [audit.named(own), audit.named(organization)]}
    left: dict[str, Any] = {}  # told where they belong
    if charge_pass.user and not move.user_fits:
        left["user"] = [str(charge_pass.user), None]
        charge_pass.user = None
    if charge_pass.group and not move.group_fits:
        left["group"] = [audit.named(charge_pass.group), None]
        charge_pass.group = None
    charge_pass.organization = organization
    charge_pass.full_clean()
    charge_pass.save(update_fields=["organization", "user", "group"])
    for listing in move.end:
        if listing.organization_id != own.pk:  # that one is told below
            known = own.path.startswith(listing.organization.path)
            gone = {"organization": [audit.named(listing.organization), None]}
            audit.record(actor, "unlist", charge_pass, listing.organization, gone, name=None if known else MASK)
        listing.delete()
    if move.new is not None:
        Listing.objects.create(charge_pass=charge_pass, organization=organization, uid=charge_pass.uid, **move.new)
    local_lists.passes_changed([charge_pass.pk])
    audit.record(actor, "move", charge_pass, own, changes | left)
    audit.record(actor, "move", charge_pass, organization, changes)
    return charge_pass
