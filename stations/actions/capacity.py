"""Every write to the capacity of a location and to the shares of its connectors."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import nudges
from stations.capacity import picture
from stations.models import CapacityHours, CapacityPlan, CapacityShare, Connector, Location, Station
from tenancy import audit
from tenancy.models import User


def _look_soon(plan: CapacityPlan) -> None:
    """The controller does not wait for its time. A look that is going on ends before."""
    CapacityPlan.objects.filter(pk=plan.pk, next_at__lte=timezone.now()).update(next_at=timezone.now())
    nudges.stations_changed(*Station.objects.filter(location=plan.location_id).values_list("pk", flat=True))


@transaction.atomic
def set_capacity(*, actor: User | None, location: Location, **fields: Any) -> CapacityPlan:
    """The capacity of `location`, new or changed. Switched off, the portal takes its profiles away from the stations."""
    plan = CapacityPlan.objects.filter(location=location).first() or CapacityPlan(location=location)
    before = {name: getattr(plan, name, None) for name in fields} if plan.pk else {}
    was_active = plan.pk is not None and plan.active
    for name, value in fields.items():
        setattr(plan, name, value)
    plan.full_clean(exclude=["location", "seen"])
    if plan.pk:
        plan.save(update_fields=list(fields))
    else:
        plan.save()
    if plan.active:  # what was seen before it was switched on tells nothing; the safe value is known at once
        plan.seen = {**(plan.seen if was_active else {}), "safe": picture.take(plan, timezone.now()).safe}
        plan.save(update_fields=["seen"])
    if changed := audit.differences(before, fields):
        audit.record(actor, "set_capacity", location, location.organization, changed)
    _look_soon(plan)
    return plan


@transaction.atomic
def add_capacity_hours(*, actor: User | None, plan: CapacityPlan, days: str, begins: time, ends: time, limit: int) -> CapacityHours:
    CapacityPlan.objects.select_for_update(of=("self",)).get(pk=plan.pk)
    if plan.hours.count() >= CapacityHours.MOST:
        raise ValidationError(_("There are %d already. Delete one that is not needed any more first.") % CapacityHours.MOST)
    if begins == ends:
        raise ValidationError({"ends": _("It ends when it begins.")})
    hours = CapacityHours(plan=plan, days=days, begins=begins, ends=ends, limit=limit)
    hours.full_clean()
    hours.save()
    audit.record(actor, "set_capacity", plan.location, plan.location.organization, {"hours": [None, said_of_hours(hours)]})
    _look_soon(plan)
    return hours


@transaction.atomic
def delete_capacity_hours(*, actor: User | None, hours: CapacityHours) -> None:
    location = hours.plan.location
    audit.record(actor, "set_capacity", location, location.organization, {"hours": [said_of_hours(hours), None]})
    hours.delete()
    _look_soon(hours.plan)


def said_of_hours(hours: CapacityHours) -> str:
    """What the record tells of it: days count from Monday, 1."""
    days = ", ".join(str(int(day) + 1) for day in hours.days)
    return f"{days}: {hours.begins:%H:%M}-{hours.ends:%H:%M} {hours.limit} A"


@transaction.atomic
def set_share(*, actor: User | None, connector: Connector, **fields: Any) -> CapacityShare:
    """How a connector takes part: its priority and its phases."""
    share = CapacityShare.objects.filter(connector=connector).first() or CapacityShare(connector=connector)
    before = {name: getattr(share, name) for name in fields}
    for name, value in fields.items():
        setattr(share, name, value)
    share.clean_fields(exclude={field.name for field in share._meta.fields if field.name not in fields})
    if share.pk:
        share.save(update_fields=list(fields))
    else:
        share.save()
    if changed := audit.differences(before, fields):
        audit.record(actor, "edit", connector, connector.station.location.organization, changed)
    return share
