"""The inbox: what a station reported of a transaction that we do not know."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import nudges
from stations.models import UnmatchedMessage
from tenancy import audit
from tenancy.models import User


@transaction.atomic
def dismiss_unmatched(*, actor: User | None, entry: UnmatchedMessage) -> None:
    """Take it out of the inbox. The log keeps the messages; another one of the same transaction brings the entry back.

    ValidationError when somebody else was quicker.
    """
    if not UnmatchedMessage.objects.filter(pk=entry.pk, resolved_at=None).update(resolved_at=timezone.now()):
        raise ValidationError(_("This entry was dismissed already."))
    audit.record(
        actor, "dismiss", entry, entry.station.location.organization,
        {"action": [entry.action, None], "transaction_id": [entry.transaction_id, None], "count": [entry.count, None]},
    )  # fmt: skip
    nudges.stations_changed(entry.station_id)
