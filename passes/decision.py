"""Who may charge: the verdict over a card held to a station."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

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


class Listed(NamedTuple):
    """What the decision needs of a pass; the ledger asks for hundreds of them a second."""

    uid: str
    organization_path: str
    nickname: str
    visible_number: str
    blocked: bool
    valid_until: datetime | None


def decide(offers: Sequence[Offer]) -> list[Verdict]:
    """One verdict per offer, one query for all. A pass counts at its organization and everywhere below."""
    uids = {normalize_uid(offer.id_tag) for offer in offers}
    listed: dict[str, list[Listed]] = defaultdict(list)
    fields = ("uid", "organization__path", "nickname", "visible_number", "blocked", "valid_until")
    for row in ChargePass.objects.filter(uid__in=uids).order_by().values_list(*fields):
        listed[row[0]].append(Listed(*row))
    return [_verdict(offer, listed.get(normalize_uid(offer.id_tag), ())) for offer in offers]


def _verdict(offer: Offer, candidates: Sequence[Listed]) -> Verdict:
    # The pass of the nearest organization speaks.
    here = [p for p in candidates if offer.organization_path.startswith(p.organization_path)]
    nearest = max(here, key=lambda p: len(p.organization_path), default=None)
    holder = nearest.nickname or nearest.visible_number or nearest.uid if nearest else ""
    if offer.access_mode == AccessMode.OPEN:
        return Verdict("Accepted", "open", holder)
    if nearest is None:
        return Verdict("Invalid", "unknown")
    if nearest.blocked:
        return Verdict("Blocked", "blocked", holder)
    if nearest.valid_until and nearest.valid_until <= offer.at:
        return Verdict("Expired", "expired", holder)
    return Verdict("Accepted", "listed", holder, nearest.valid_until)
