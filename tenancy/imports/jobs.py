"""The work on imports: each is a row; the job queue carries only its key, and the clock finds what was forgotten (energycloud/tick.py)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from zoneinfo import ZoneInfo

import django_rq
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from tenancy.imports import KINDS, Kind, Refused, files
from tenancy.imports.rows import SAMPLE, Rows, packed
from tenancy.models import Import, ImportFault
from tenancy.rights import forget, holds

LEASE = timedelta(minutes=2)  # a worker that died is followed by another after this
SLICE = 20.0  # seconds, then other jobs have their turn
TRIES, PAUSE = 3, 0.2  # of a part that met another writer
MOST_ATTEMPTS = 5  # without coming forward
MOST_FAULTS = 1000  # kept of an import; all are counted
WAITS = timedelta(days=7)  # a file that nobody imports is forgotten then
WORKING = (Import.State.UPLOADED, Import.State.CHECKING, Import.State.IMPORTING)

log = logging.getLogger("energycloud.imports")


class Moved(Exception):
    """Somebody else has done this part, or the import was cancelled."""


def enqueue(pk: int) -> None:
    """A worker looks at it when the transaction commits."""
    transaction.on_commit(lambda: django_rq.enqueue(run, pk))


def enqueue_due() -> None:
    """What a worker should have begun by now. A nudge too many does nothing."""
    for pk in Import.objects.filter(due_at__lte=timezone.now() - timedelta(seconds=10)).values_list("pk", flat=True)[:20]:
        django_rq.enqueue(run, pk)


def forget_old() -> int:
    """Files that were uploaded, hold card numbers, and were never imported."""
    old = Import.objects.filter(state__in=(Import.State.CHECKED, Import.State.UPLOADED), due_at=None, created_at__lt=timezone.now() - WAITS)
    return sum(_end(of, Import.State.CANCELLED, _("It waited for a week, so the file was forgotten.")) for of in old)


def run(pk: int) -> None:
    """Work on an import for a while; then it is somebody's turn again."""
    now = timezone.now()
    of = Import.objects.select_related("organization", "actor__organization").filter(pk=pk, state__in=WORKING, due_at__lte=now).first()
    if of is None or not Import.objects.filter(pk=pk, due_at=of.due_at).update(due_at=now + LEASE, attempts=F("attempts") + 1):
        return
    with ExitStack() as stack:
        if of.actor:
            zone = of.actor.time_zone or settings.PLATFORM_TIME_ZONE
            stack.enter_context(timezone.override(ZoneInfo(zone)))
            stack.enter_context(translation.override(of.actor.language or settings.LANGUAGE_CODE))
        try:
            if of.attempts >= MOST_ATTEMPTS:
                raise Refused(_("It could not be finished: the portal was interrupted each time it tried. Upload the file again."))
            _work(of, time.monotonic() + SLICE)
        except Moved:
            pass
        except Refused as error:
            _end(of, Import.State.FAILED, " ".join(error.messages))
        except (OperationalError, InterfaceError):
            log.warning("import %d was interrupted by the database and is tried again", pk, exc_info=True)
        except Exception:
            log.exception("import %d failed", pk)
            _end(
                of,
                Import.State.FAILED,
                _("Something went wrong that is not the file's fault. The administrator of the portal finds it in the log."),
            )


def _work(of: Import, until: float) -> None:
    kind, resource = _allowed(of)
    while of.state in WORKING:
        if of.state == Import.State.UPLOADED:
            _cut(of, kind)
        elif of.position < of.parts:
            _part(of, kind, resource)
        else:
            _finish(of, kind)
        if time.monotonic() > until and of.state in WORKING:
            _move(of, due_at=timezone.now())
            enqueue(of.pk)
            return


def _allowed(of: Import) -> tuple[Kind, Rows]:
    """What was allowed when it was uploaded must be allowed still."""
    kind = KINDS.get(of.kind)
    if kind is None or of.actor is None or not of.actor.is_active:
        raise Refused(_("Who uploaded this file has no login here any more."))
    forget(of.actor)
    if not holds(of.actor, kind.right, of.organization.path):
        raise Refused(_("%s may not import this any more.") % of.actor)
    resource = kind.resource(of.actor, of.organization, of.options)
    resource.of = of
    if of.columns:
        resource.columns = list(of.columns)
    return kind, resource


def _move(of: Import, **fields: object) -> None:
    """Compare and swap: only from where this worker believes it to be."""
    if not Import.objects.filter(pk=of.pk, state=of.state, position=of.position).update(**fields):
        raise Moved
    for name, value in fields.items():
        setattr(of, name, value)


def _alive(of: Import) -> Callable[[], None]:
    return lambda: _move(of, due_at=timezone.now() + LEASE, attempts=0)


def _cut(of: Import, kind: Kind) -> None:
    files.cut(of, kind, _alive(of))
    _move(of, state=Import.State.CHECKING, parts=of.parts, rows=of.rows, position=0, due_at=timezone.now() + LEASE, attempts=0)
    of.pieces.filter(raw=True).delete()


def _part(of: Import, kind: Kind, resource: Rows) -> None:
    part = of.pieces.get(raw=False, number=of.position)
    rows, dry = files.unpack(part), of.state == Import.State.CHECKING
    for attempt in range(1, TRIES + 1):
        try:
            taken = resource.take(rows, sample=dry and len(of.sample) < SAMPLE)
            sample = [*of.sample, *taken.sample][:SAMPLE]
            with transaction.atomic():
                _count(of, {"new": taken.new, "changed": taken.changed, "unchanged": taken.unchanged, "errors": taken.errors,
                            "warnings": sum(fault.warning for fault in taken.faults), "position": 1},
                       {"sample": sample} if taken.sample else {})  # fmt: skip
                if not dry:
                    resource.write()
                if kind.touches and kind.touches(of.options):
                    of.pieces.filter(pk=part.pk).update(touched=packed(resource.touched))
                room = MOST_FAULTS - ImportFault.objects.filter(of=of).count() if taken.faults else 0
                ImportFault.objects.bulk_create([ImportFault(of=of, **fault._asdict()) for fault in taken.faults[: max(room, 0)]])
            of.position += 1
            of.sample = sample
            return
        except (IntegrityError, OperationalError) as error:  # somebody else has written the same rows meanwhile: look again
            if attempt == TRIES:
                raise OperationalError(str(error).partition("\n")[0]) from error
            log.info("part %d of import %d is tried again", of.position, of.pk)
            time.sleep(PAUSE * attempt)


def _count(of: Import, more: dict[str, int], fields: dict[str, object]) -> None:
    """Before anything is written, so that two workers at one part wait for each other here and the second one leaves."""
    sums = {name: F(name) + number for name, number in more.items()}
    moved = Import.objects.filter(pk=of.pk, state=of.state, position=of.position).update(
        **sums, **fields, due_at=timezone.now() + LEASE, attempts=0
    )
    if not moved:
        raise Moved


def _finish(of: Import, kind: Kind) -> None:
    of.refresh_from_db(fields=["errors"])
    dry, alive, ended = of.state == Import.State.CHECKING, _alive(of), 0
    if kind.finish:
        for number in kind.finish(of, dry):
            ended += number
            alive()
    if dry:
        _move(of, state=Import.State.CHECKED, ended=ended, due_at=None)
    else:
        _move(of, ended=ended)
        _end(of, Import.State.DONE)


def _end(of: Import, state: Import.State, problem: str = "") -> bool:
    """Whatever of the file is left goes with it."""
    with transaction.atomic():
        ended = Import.objects.filter(pk=of.pk, state=of.state).update(
            state=state, problem=problem[:300], due_at=None, finished_at=timezone.now(), sample=[]
        )
        if ended:
            of.state = state
            of.pieces.all().delete()
    return bool(ended)
