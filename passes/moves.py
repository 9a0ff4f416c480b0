"""What moving an organization, and switching off a user, means for passes."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import ngettext

from passes import local_lists
from passes.models import ChargePass, Listing
from tenancy.actions.moves import Move
from tenancy.models import Organization, User


def passes_of_users(users: list[int]) -> None:
    local_lists.passes_changed(ChargePass.objects.filter(user__in=users).values("pk"))


def passes_that_end(user: User, organization: Organization, parent: Organization) -> Iterator[str]:
    """Those on the lists of organizations that are no longer above or listed across the cut line, and those that begin to."""
    move, working = Move(organization, parent), Listing.objects.filter(charge_pass__blocked=False)
    within = Q(organization__path__startswith=organization.path), Q(charge_pass__organization__path__startswith=organization.path)
    cut = within[0] & Q(charge_pass__organization__in=move.former) | within[1] & Q(organization__in=move.former)
    if count := working.filter(Q(organization__in=move.former, below=True) | cut).count():
        yield (
            ngettext(
                "%d pass on the lists of organizations that are no longer above is not accepted at its stations any more.",
                "%d passes on the lists of organizations that are no longer above are not accepted at its stations any more.",
                count,
            )
            % count
        )
    if count := working.filter(organization__in=move.newly, below=True).count():
        yield (
            ngettext(
                "%d pass on the lists of organizations that are newly above is accepted at its stations.",
                "%d passes on the lists of organizations that are newly above are accepted at its stations.",
                count,
            )
            % count
        )
