"""What is done to many passes of a list at once: as the action for one does it to each, in few queries, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import F

from passes import local_lists
from passes.actions.recorded import record_lists
from passes.models import ChargePass, Listing, PassGroup
from tenancy import audit
from tenancy.models import User

AT_ONCE = 500


@transaction.atomic
def block_passes(*, actor: User | None, passes: Any, reason: str = "") -> int:
    """As block_pass: `passes` is a queryset; those that are blocked already are left out. How many there were."""
    return _set_blocked(actor, "block", passes, blocked=True, reason=reason)


@transaction.atomic
def unblock_passes(*, actor: User | None, passes: Any, reason: str = "") -> int:
    return _set_blocked(actor, "unblock", passes, blocked=False, reason=reason)


def _set_blocked(actor: User | None, verb: str, passes: Any, *, blocked: bool, reason: str) -> int:
    changes: dict[str, Any] = {"blocked": [not blocked, blocked]} | ({"reason": [None, reason]} if reason else {})
    count = 0
    for rows in _parts(passes.filter(blocked=not blocked), ChargePass.objects.filter(blocked=not blocked).select_related("organization")):
        count += _changed(rows).update(blocked=blocked)
        audit.record_each(actor, verb, [(one, one.organization, changes) for one in rows])
    return count


@transaction.atomic
def switch_listings(*, actor: User | None, listings: Any, name: str, on: bool) -> int:
    """As list_pass with one switch (`whitelist` or `roaming_free`) of listings that exist; where it is so already, and where the pass no
    longer belongs, nothing happens."""
    there = Listing.objects.filter(**{name: not on}).select_related("organization", "charge_pass__organization")
    count = 0
    for found in _parts(listings.filter(**{name: not on}), there):
        rows = [one for one in found if _on_one_line(one)]
        same = Listing.objects.filter(pk__in=[one.pk for one in rows])
        local_lists.listings_changed(same)
        count += same.update(**{name: on})
        told = {name: [not on, on]}
        record_lists(actor, "list", [(one, {"organization": [None, audit.named(one.organization)], **told}) for one in rows])
    return count


def _on_one_line(listing: Listing) -> bool:
    own, other = listing.charge_pass.organization.path, listing.organization.path
    return own.startswith(other) or other.startswith(own)


@transaction.atomic
def group_passes(*, actor: User | None, passes: Any, group: PassGroup | None) -> int:
    """As edit_pass with a group, or none; passes of other organizations than the group's are left out."""
    if group is not None and not PassGroup.objects.select_for_update().filter(pk=group.pk).exists():
        return 0
    there = ChargePass.objects.select_related("organization", "group__organization")
    there = there.exclude(group=None) if group is None else there.filter(organization=group.organization_id).exclude(group=group.pk)
    count = 0
    for rows in _parts(passes, there):
        changes = [(one, one.organization, audit.differences({"group": one.group}, {"group": group})) for one in rows]
        count += _changed(rows).update(group=group)
        audit.record_each(actor, "edit", changes)
    return count


@transaction.atomic
def delete_passes(*, actor: User | None, passes: Any) -> int:
    """As delete_pass."""
    count = 0
    for rows in _parts(passes, ChargePass.objects.select_related("organization")):
        there = _changed(rows)
        elsewhere = Listing.objects.filter(charge_pass__in=there).exclude(organization=F("charge_pass__organization"))
        gone = [
            (listing, {"organization": [audit.named(listing.organization), None]})
            for listing in elsewhere.select_related("organization", "charge_pass__organization")
        ]
        record_lists(actor, "unlist", gone)
        audit.record_each(actor, "delete", [(one, one.organization, {"uid": [one.uid, None]}) for one in rows])
        there.delete()
        count += len(rows)
    return count


def _parts(chosen: Any, there: Any) -> Iterator[list[Any]]:
    """The rows of `chosen` that are among `there`, locked, some at a time."""
    keys = list(chosen.order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(keys), AT_ONCE):
        rows = list(there.select_for_update(of=("self",)).filter(pk__in=keys[first : first + AT_ONCE]).order_by("pk"))
        if rows:
            yield rows


def _changed(passes: list[ChargePass]) -> Any:
    """These passes; the local lists on which they are have been told."""
    keys = [one.pk for one in passes]
    local_lists.passes_changed(keys)
    return ChargePass.objects.filter(pk__in=keys)
