"""Every write to locations."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations import hooks, nudges
from stations.actions.saving import save
from stations.models import Location, Station
from tenancy import audit
from tenancy.actions.moves import why_not_given_away, why_not_moved
from tenancy.actions.roles import end_access
from tenancy.models import Organization, ServiceAccess, User
from tenancy.rights import LABELS, MANAGE_LOCATIONS, PUBLISH_LOCATIONS, holds, may


@transaction.atomic
def create_location(*, actor: User | None, organization: Organization, **fields: Any) -> Location:
    location = Location(organization=organization)
    save(actor, location, organization, fields)
    return location


@transaction.atomic
def edit_location(*, actor: User | None, location: Location, **fields: Any) -> Location:
    """What it is, not where it belongs: see `move_location`."""
    mode = location.access_mode
    save(actor, location, location.organization, fields)
    if location.access_mode != mode:
        hooks.tell_access_changed(Station.objects.filter(location=location).values_list("pk", flat=True))
    return location


@transaction.atomic
def publish_location(*, actor: User | None, location: Location, published: bool) -> None:
    """Show it to drivers, or no longer. Is it so already, nothing happens."""
    if actor and not may(actor, PUBLISH_LOCATIONS, location):
        raise ValidationError(_("You don't have the right to %s here.") % LABELS[PUBLISH_LOCATIONS])
    if Location.objects.filter(pk=location.pk, published=not published).update(published=published):
        location.published = published
        audit.record(
            actor, "publish" if published else "unpublish", location, location.organization, {"published": [not published, published]}
        )


# -- to another organization --------------------------------------------------------------------------------------------------------------


def accesses_at(location: Location) -> Any:
    """Those of service companies to this location alone, now or from a day to come."""
    return ServiceAccess.objects.filter(place=f"l{location.pk}", ended_at=None, ends_at__gt=timezone.now())


def why_location_not_moved(actor: User | None, location: Location, to: Organization) -> str:
    """Why `actor` cannot move this location to the organization `to`; empty when they can.

    Who was let in at the location alone does not move it, whatever else they may do there: it is its owner's.
    """
    own = location.organization
    if actor and not (holds(actor, MANAGE_LOCATIONS, own.path) and holds(actor, MANAGE_LOCATIONS, to.path)):
        return _("You need the right to %s at both organizations.") % LABELS[MANAGE_LOCATIONS]
    if reason := why_not_given_away(actor, MANAGE_LOCATIONS, own):
        return reason
    if to.pk == own.pk:
        return _("It belongs to %s already.") % to
    if to.closed or not to.active:
        return _("%s is deactivated. Activate it first, or choose another one.") % to
    if Location.objects.filter(organization=to, name=location.name).exists():
        return _("%(organization)s already has a location called %(name)s. Rename one of the two first.") % {
            "organization": to, "name": location.name,
        }  # fmt: skip
    return why_not_moved(actor, own.path, to.path, location.pk)


@transaction.atomic
def move_location(*, actor: User | None, location: Location, organization: Organization) -> Location:
    """Its stations and all that they recorded go along; both organizations keep a record of it. Accesses to it alone, which its owner
    gave to service companies, end. ValidationError {"organization": …} says why it cannot be."""
    location = Location.objects.select_for_update(of=("self",)).select_related("organization").get(pk=location.pk)
    own = location.organization
    if reason := why_location_not_moved(actor, location, organization):
        raise ValidationError({"organization": reason})
    for access in accesses_at(location).select_related("organization", "team"):
        end_access(actor=actor, access=access)
    location.organization = organization
    location.full_clean()
    location.save(update_fields=["organization"])
    change = {"organization": [audit.named(own), audit.named(organization)]}
    audit.record(actor, "move", location, own, change)
    audit.record(actor, "move", location, organization, change)
    stations = list(Station.objects.filter(location=location).values_list("pk", flat=True))
    hooks.tell_access_changed(stations)
    nudges.stations_changed(*stations)
    return location


# -- deleting -----------------------------------------------------------------------------------------------------------------------------


def why_location_stays(location: Location) -> str:
    """Why this location cannot be deleted now; empty when it can."""
    if count := location.stations.count():
        return (
            ngettext("It still has %d station. Move or delete it first.", "It still has %d stations. Move or delete these first.", count)
            % count
        )
    return ""


@transaction.atomic
def delete_location(*, actor: User | None, location: Location) -> None:
    if reason := why_location_stays(location):
        raise ValidationError(reason)
    for access in accesses_at(location).select_related("organization", "team"):
        end_access(actor=actor, access=access)
    audit.record(actor, "delete", location, location.organization)
    location.delete()
