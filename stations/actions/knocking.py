"""The list of those who knock."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from stations.models import Knock
from tenancy import audit
from tenancy.models import Organization, User


@transaction.atomic
def forget_knocks(*, actor: User | None, knocks: QuerySet[Knock]) -> int:
    """Take them off the list; returns how many. Should one knock again, it is listed again."""
    platform = Organization.objects.filter(parent=None).first()
    found = list(knocks.order_by("pk"))
    audit.record_each(actor, "forget", ((knock, platform, {}) for knock in found))
    Knock.objects.filter(pk__in=[knock.pk for knock in found]).delete()
    return len(found)
