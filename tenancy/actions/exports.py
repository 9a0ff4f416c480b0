"""Every write to exports that a person causes; what follows is done by tenancy.exports.jobs."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy import audit
from tenancy.exports import FORMATS, Kind, jobs
from tenancy.models import Export, User

MOST_QUERY = 4000
MOST_WAITING = 3  # of one person


@transaction.atomic
def start_export(*, actor: User, kind: Kind, query: str, form: str, rows: int = 0) -> Export:
    """Have the list written to a file. `query` is that of its page; `rows` is how many it has about."""
    if form not in FORMATS:
        raise ValidationError(_("There is no such format."))
    if len(query) > MOST_QUERY:  # a part of it would mean other rows
        raise ValidationError(_("This filter is too long to be kept. Choose less."))
    if Export.objects.filter(actor=actor, state__in=jobs.WORKING).count() >= MOST_WAITING:
        raise ValidationError(_("%d of your exports are being written already. Wait for them, or cancel one.") % MOST_WAITING)
    of = Export.objects.create(actor=actor, kind=kind.slug, query=query, format=form, rows=rows, due_at=timezone.now())
    told = {"query": [None, query[:500]], "format": [None, form], "rows": [None, rows]}
    audit.record(actor, "export", of, actor.organization, told, name=str(kind.title))
    jobs.enqueue(of.pk)
    return of


@transaction.atomic
def cancel_export(*, actor: User, of: Export) -> None:
    if not Export.objects.filter(pk=of.pk, state__in=jobs.WORKING).update(
        state=Export.State.CANCELLED, due_at=None, finished_at=timezone.now()
    ):
        raise ValidationError(_("It is over already."))
    audit.record(actor, "cancel_export", of, actor.organization)
