"""What moving an organization means for passes."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import ngettext

from passes.models import ChargePass
from tenancy.actions.moves import Move
from tenancy.models import Organization, User


def passes_that_end(user: User, organization: Organization, parent: Organization) -> Iterator[str]:
    """Those of organizations that are no longer above: they work at their own stations and below."""
    move = Move(organization, parent)
    if count := ChargePass.objects.filter(organization__in=move.former, blocked=False).count():
        yield (
            ngettext(
                "%d pass on the lists of organizations that are no longer above is not accepted at its stations any more.",
                "%d passes on the lists of organizations that are no longer above are not accepted at its stations any more.",
                count,
            )
            % count
        )
    if count := ChargePass.objects.filter(organization__in=move.newly, blocked=False).count():
        yield (
            ngettext(
                "%d pass of organizations that are newly above is accepted at its stations.",
                "%d passes of organizations that are newly above are accepted at its stations.",
                count,
            )
            % count
        )
