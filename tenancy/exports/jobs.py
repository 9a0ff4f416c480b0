"""The work on exports: each is a row; the job queue carries only its key, and the clock finds what was forgotten (energycloud/tick.py)."""

from __future__ import annotations

import logging
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from zoneinfo import ZoneInfo

import django_rq
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from tenancy.exports import KINDS, MOST_ROWS, files
from tenancy.links import within
from tenancy.models import Export
from tenancy.rights import forget

LEASE = timedelta(minutes=3)  # a worker that died is followed by another after this; it begins anew
LONGEST = 3600  # seconds
MOST_ATTEMPTS = 4
KEPT = timedelta(days=7)
WORKING = (Export.State.WAITING, Export.State.RUNNING)

log = logging.getLogger("energycloud.exports")


class Moved(Exception):
    """Another worker has it, or it was cancelled."""


class Refused(Exception):
    """It cannot be written, in words for who wanted it."""


def enqueue(pk: int) -> None:
    """A worker looks at it when the transaction commits."""
    transaction.on_commit(lambda: _nudge(pk))


def enqueue_due() -> None:
    """What a worker should have begun by now. A nudge too many does nothing."""
    for pk in Export.objects.filter(due_at__lte=timezone.now() - timedelta(seconds=10)).values_list("pk", flat=True)[:20]:
        _nudge(pk)


def _nudge(pk: int) -> None:
    django_rq.get_queue().enqueue_call(run, args=(pk,), timeout=LONGEST)


def forget_old() -> int:
    """Files are kept for KEPT; their rows go with them."""
    old = list(Export.objects.filter(finished_at__lt=timezone.now() - KEPT).only("file")[:1000])
    for one in old:
        if name := one.file.name:
            default_storage.delete(name)
        one.delete()
    _forget_files()
    return len(old)


def _forget_files() -> None:
    """Those whose row is gone, because their owner is."""
    try:
        _folders, names = default_storage.listdir("exports")
    except FileNotFoundError:
        return
    for name in names:
        path = f"exports/{name}"
        if default_storage.get_modified_time(path) < timezone.now() - KEPT - timedelta(days=1):
            default_storage.delete(path)


def run(pk: int) -> None:
    """Write the whole file, as its owner would see the list now."""
    now = timezone.now()
    of = Export.objects.select_related("actor__organization").filter(pk=pk, state__in=WORKING, due_at__lte=now).first()
    if of is None:
        return
    mine = Export.objects.filter(pk=pk, due_at=of.due_at, state=of.state)
    of.due_at = now + LEASE
    if not mine.update(due_at=of.due_at, state=Export.State.RUNNING, attempts=F("attempts") + 1, done=0):
        return
    with ExitStack() as stack:
        stack.enter_context(timezone.override(ZoneInfo(of.actor.time_zone or settings.PLATFORM_TIME_ZONE)))
        stack.enter_context(translation.override(of.actor.language or settings.LANGUAGE_CODE))
        stack.enter_context(within(""))
        try:
            if of.attempts >= MOST_ATTEMPTS:
                raise Refused(_("It could not be finished: the portal was interrupted each time. Narrow the filter and try again."))
            _write(of)
        except Moved:
            pass
        except Refused as error:
            _fail(of, str(error))
        except (Http404, PermissionDenied):
            _fail(of, _("You may not see this list any more."))
        except (OperationalError, InterfaceError):
            log.warning("export %d was interrupted by the database and is tried again", pk, exc_info=True)
        except Exception:
            log.exception("export %d failed", pk)
            _fail(of, _("Something went wrong. The administrator of the portal finds it in the log."))


def _write(of: Export) -> None:
    kind = KINDS.get(of.kind)
    if kind is None or not of.actor.is_active:
        raise Refused(_("You may not see this list any more."))
    forget(of.actor)
    page = kind.page_for(of.actor, of.query)
    rows, filterset = page.filtered()
    if filterset is not None and page.hides_nothing(filterset):  # all of them would be more than was meant
        raise Refused(_("The filter could not be read. Set it again, then export."))
    resource = files.ListResource(page, rows)
    keys = resource.keys(MOST_ROWS[of.format])
    _move(of, rows=len(keys), due_at=timezone.now() + LEASE)
    with tempfile.TemporaryFile() as target:
        for done in files.write(resource.portions(keys), of.format, target):
            _move(of, done=done, due_at=timezone.now() + LEASE)
        size = target.tell()
        target.seek(0)
        name = default_storage.save(of.file.field.generate_filename(of, kind.slug), File(target))
    try:
        now = timezone.now()
        _move(of, state=Export.State.DONE, file=name, size=size, done=done, due_at=None, finished_at=now)
    except Moved:
        default_storage.delete(name)
        raise


def _move(of: Export, **fields: object) -> None:
    """Compare and swap: only while it is this worker's."""
    if not Export.objects.filter(pk=of.pk, state=Export.State.RUNNING, due_at=of.due_at).update(**fields):
        raise Moved
    for name, value in fields.items():
        setattr(of, name, value)


def _fail(of: Export, problem: str) -> None:
    Export.objects.filter(pk=of.pk, state=Export.State.RUNNING, due_at=of.due_at).update(
        state=Export.State.FAILED, problem=problem[:300], due_at=None, finished_at=timezone.now()
    )
