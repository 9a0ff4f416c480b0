"""Many passes or roaming cards at once, as imports write them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from passes import local_lists
from passes.models import ChargePass, Listing, Provider, RoamingToken
from tenancy import audit
from tenancy.models import User

SWITCHES = ("whitelist", "roaming_free", "below")
AT_ONCE = 500


@transaction.atomic
def create_passes(*, actor: User | None, passes: Sequence[ChargePass], fields: Collection[str]) -> None:
    """As create_pass does of each; `fields` are those to record. Every pass has been checked, and carries the switches at its own
    organization as attributes. IntegrityError where somebody else was quicker."""
    ChargePass.objects.bulk_create(passes, batch_size=AT_ONCE)
    Listing.objects.bulk_create(
        [
            Listing(charge_pass=one, organization=one.organization, uid=one.uid, **{name: getattr(one, name, False) for name in SWITCHES})
            for one in passes
        ],
        batch_size=AT_ONCE,
    )
    local_lists.passes_changed([one.pk for one in passes])
    told = [name for name in fields if name != "organization"]
    audit.record_each(
        actor, "create", [(one, one.organization, audit.differences({}, {name: getattr(one, name) for name in told})) for one in passes]
    )


@transaction.atomic
def edit_passes(*, actor: User | None, changes: Sequence[tuple[ChargePass, dict[str, tuple[Any, Any]]]]) -> None:
    """As edit_pass and list_pass do of each: (pass, field or switch -> (before, after)). Nothing else is written; a pass that is gone
    meanwhile is left out."""
    there = set(ChargePass.objects.select_for_update().filter(pk__in=[one.pk for one, _made in changes]).values_list("pk", flat=True))
    changes = [(one, made) for one, made in changes if one.pk in there]
    listings = {listing.charge_pass_id: listing for listing in own_listings([one for one, _made in changes]).select_for_update()}
    edits, lists = [], []
    for one, made in changes:
        switches = {name: pair for name, pair in made.items() if name in SWITCHES}
        if switches and (listing := listings.get(one.pk)):
            for name, (_before, after) in switches.items():
                setattr(listing, name, after)
            told = {name: list(pair) for name, pair in switches.items()}
            lists.append((listing, one, {"organization": [None, audit.named(one.organization)], **told}))
        if own := {name: pair for name, pair in made.items() if name not in SWITCHES}:
            before, after = ({name: pair[side] for name, pair in own.items()} for side in (0, 1))
            edits.append((one, audit.differences(before, after)))
    if edits:
        names = sorted({name for _one, made in edits for name in made})
        for name in names:  # only where it changed: what somebody else writes meanwhile stays
            ChargePass.objects.bulk_update([one for one, made in edits if name in made], [name], batch_size=AT_ONCE)
    if lists:
        Listing.objects.bulk_update([listing for listing, _one, _told in lists], SWITCHES, batch_size=AT_ONCE)
    local_lists.passes_changed([one.pk for one, _made in changes])
    audit.record_each(actor, "edit", [(one, one.organization, made) for one, made in edits])
    audit.record_each(actor, "list", [(one, one.organization, told) for _listing, one, told in lists])


def own_listings(passes: Sequence[ChargePass]) -> Any:
    """Those at the passes' own organizations."""
    return Listing.objects.filter(
        charge_pass__in=[one.pk for one in passes], organization__in={one.organization_id for one in passes}
    ).filter(organization=F("charge_pass__organization"))


@transaction.atomic
def write_tokens(*, tokens: Sequence[RoamingToken], fields: Collection[str]) -> None:
    """Cards of one provider, new or not: of those that are there already only `fields` are written. The import is what is recorded."""
    tokens = sorted(tokens, key=lambda token: (token.uid, token.type))  # two that write the same cards wait for each other
    RoamingToken.objects.bulk_create(
        tokens, batch_size=2000, update_conflicts=True, unique_fields=["uid", "provider", "type"], update_fields=list(fields)
    )


@transaction.atomic
def end_tokens(*, provider: Provider, keys: Collection[int]) -> int:
    return RoamingToken.objects.filter(provider=provider, pk__in=keys, valid=True).update(valid=False, last_updated=timezone.now())
