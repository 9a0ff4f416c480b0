"""Who may charge: the verdict over a card held to a station."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from passes.models import ChargePass, normalize_uid
from stations.hooks import Offer, Verdict
from stations.models import AccessMode

# reason code -> sentence for people
REASONS = {
    "open": _("The station is open: any card may charge."),
    "listed": _("The pass is on the organization's list."),
    "unknown": _("No pass with this UID is on the list of the organization or of one above it."),
    "blocked": _("The pass is blocked."),
    "expired": _("The pass is no longer valid."),
}


def decide(offers: Sequence[Offer]) -> list[Verdict]:
    """One verdict per offer, one query for all. A pass counts at its organization and everywhere below."""
    uids = {normalize_uid(offer.id_tag) for offer in offers}
    listed: dict[str, list[ChargePass]] = defaultdict(list)
    for charge_pass in ChargePass.objects.filter(uid__in=uids).select_related("organization").order_by():
        listed[charge_pass.uid].append(charge_pass)
    return [_verdict(offer, listed.get(normalize_uid(offer.id_tag), ())) for offer in offers]


def _verdict(offer: Offer, candidates: Sequence[ChargePass]) -> Verdict:
    # The pass of the nearest organization speaks.
    here = [p for p in candidates if offer.organization_path.startswith(p.organization.path)]
    nearest = max(here, key=lambda p: len(p.organization.path), default=None)
    holder = str(nearest) if nearest else ""
    if offer.access_mode == AccessMode.OPEN:
        return Verdict("Accepted", "open", holder)
    if nearest is None:
        return Verdict("Invalid", "unknown")
    if nearest.blocked:
        return Verdict("Blocked", "blocked", holder)
    if nearest.valid_until and nearest.valid_until <= offer.at:
        return Verdict("Expired", "expired", holder)
    return Verdict("Accepted", "listed", holder, nearest.valid_until)
