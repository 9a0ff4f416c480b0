"""Every write to imports that a person causes; what follows is done by tenancy.imports.jobs."""

from __future__ import annotations

from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy import audit
from tenancy.imports import Kind, files, jobs
from tenancy.models import Import, ImportFault, Organization, User


def upload_import(
    *, actor: User, kind: Kind, organization: Organization, file: IO[bytes], name: str, options: dict[str, Any] | None = None
) -> Import:
    """Keep the file and have it checked. Refused at once where its first row already says that nothing can come of it.

    Not one transaction: a large file would keep all others from writing. Until all of it is there nobody begins.
    """
    form = files.format_of(name)
    heads = files.look(kind, file, form)
    of = Import.objects.create(
        organization=organization, kind=kind.slug, actor=actor, actor_name=str(actor), file_name=name[-200:], format=form,
        options=options or {}, columns=heads.columns, unknown=heads.unknown[:20],
    )  # fmt: skip
    try:
        files.keep(of, file)
    except BaseException:
        of.delete()
        raise
    with transaction.atomic():
        Import.objects.filter(pk=of.pk).update(due_at=timezone.now())
        audit.record(actor, "upload_import", of, organization, {"format": [None, form]})
        jobs.enqueue(of.pk)
    return of


@transaction.atomic
def start_import(*, actor: User, of: Import, errors: int = 0) -> None:
    """Write what was checked. `errors` is the number of rows that the person has agreed to leave out."""
    if actor.pk != of.actor_id:
        raise ValidationError(_("%s uploaded this file, so nobody else can import it. Upload it yourself.") % (of.actor_name or "?"))
    if of.state != Import.State.CHECKED:
        raise ValidationError(_("This file waits for nobody any more: %s.") % of.get_state_display())
    if errors != of.errors:
        raise ValidationError(_("The number of rows with errors has changed. Look at them again."))
    moved = Import.objects.filter(pk=of.pk, state=Import.State.CHECKED).update(
        state=Import.State.IMPORTING, position=0, new=0, changed=0, unchanged=0, errors=0, warnings=0, ended=0,
        started_at=timezone.now(), due_at=timezone.now(), attempts=0, sample=[],
    )  # fmt: skip
    if not moved:
        raise ValidationError(_("This file waits for nobody any more."))
    ImportFault.objects.filter(of=of).delete()  # they come again with the rows
    told = {name: [None, getattr(of, name)] for name in ("rows", "new", "changed", "errors")}
    audit.record(actor, "import", of, of.organization, told)
    jobs.enqueue(of.pk)


@transaction.atomic
def cancel_import(*, actor: User, of: Import) -> None:
    """What was written already stays."""
    over = (Import.State.DONE, Import.State.FAILED, Import.State.CANCELLED)
    moved = Import.objects.filter(pk=of.pk).exclude(state__in=over).update(
        state=Import.State.CANCELLED, due_at=None, finished_at=timezone.now(), sample=[]
    )  # fmt: skip
    if not moved:
        raise ValidationError(_("It is over already."))
    of.pieces.all().delete()
    audit.record(actor, "cancel_import", of, of.organization, {"rows": [None, of.rows]})
