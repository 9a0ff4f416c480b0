"""Every write to the lists of organizations: what a pass may where."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from passes import local_lists
from passes.actions.recorded import record_lists
from passes.models import ChargePass, Listing
from tenancy import audit
from tenancy.models import Organization, User


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
    same = Listing.objects.filter(pk=listing.pk)
    local_lists.listings_changed(same)  # where it held so far, and where it will
    for name, value in switches.items():
        setattr(listing, name, value)
    listing.save(update_fields=[*switches])
    local_lists.listings_changed(same)
    if changed := audit.differences(before, switches):
        record_lists(actor, "list", [(listing, {"organization": [None, audit.named(organization)], **changed})])
    return listing


@transaction.atomic
def unlist_pass(*, actor: User | None, listing: Listing) -> None:
    """Take a pass off the list of an organization that is not its own."""
    if listing.organization_id == listing.charge_pass.organization_id:
        raise ValidationError(_("A pass stays on the list of its own organization. Switch off what it may there."))
    local_lists.listings_changed(Listing.objects.filter(pk=listing.pk))
    record_lists(actor, "unlist", [(listing, {"organization": [audit.named(listing.organization), None]})])
    listing.delete()
