"""The work on bulk jobs: each job and each station of it is a row; the job queue carries only a key, and the clock finds what was forgotten
(energycloud/tick.py).

One worker at a time has a job, by its lease. Should there be two all the same, an item is moved on by compare and swap in the transaction
of its step: nothing is done twice, and what a worker that died had not committed was never done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import django_rq
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from stations import nudges
from stations.actions.commands import CommandRefused
from stations.bulk import KINDS, Done, Kind, outcome
from stations.controls import Situation, situations
from stations.models import BulkItem, BulkJob, Command
from tenancy.models import User
from tenancy.rights import RIGHTS

PORTION = 200  # stations looked at, or begun, together
LEASE = timedelta(seconds=20)  # a worker that died is followed by another after this; renewed after every portion
SLICE = 10.0  # seconds, then other jobs of the queue have their turn
IN_REQUEST = 500  # stations that are looked at while the person waits
WAITS = timedelta(days=7)  # a look that nobody goes on from is forgotten then
LONGEST = 300  # of a sentence

State, Job = BulkItem.State, BulkJob.State
WORKING = (Job.PLANNING, Job.RUNNING)
STATION = "station__location__organization"

log = logging.getLogger("stations.bulk")


def enqueue(pk: int) -> None:
    """A worker looks at it when the transaction commits. A lost nudge loses nothing, least of all what was committed."""
    transaction.on_commit(lambda: _nudge(pk))


def _nudge(pk: int) -> None:
    try:
        django_rq.enqueue(run, pk)
    except Exception:
        log.warning("a nudge to bulk job %d was lost", pk, exc_info=True)


def enqueue_due() -> None:
    """What is open and nobody is at. A nudge too many does nothing."""
    for pk in _free().values_list("pk", flat=True)[:100]:
        django_rq.enqueue(run, pk)


def answered(items: Collection[int]) -> None:
    """Commands of these items were answered: their jobs go on at once instead of when the clock looks."""
    for pk in BulkJob.objects.filter(items__in=items, state=Job.RUNNING).order_by().values_list("pk", flat=True).distinct():
        enqueue(pk)


def forget_old() -> int:
    return BulkJob.objects.filter(state=Job.PLANNED, created_at__lt=timezone.now() - WAITS).update(
        state=Job.CANCELLED, finished_at=timezone.now()
    )


def run(pk: int) -> None:
    """Work on a job for a while; then it is somebody's turn again."""
    job = _free().select_related("actor__organization").filter(pk=pk).first()
    if job is None or not _anything_to_do(job) or not _lease(job):
        return
    more = False
    try:
        with speaking_for(job.actor):
            more = (_plan if job.state == Job.PLANNING else _work)(job, time.monotonic() + SLICE)
    except (OperationalError, InterfaceError):
        log.warning("bulk job %d was interrupted by the database and goes on later", pk, exc_info=True)
    finally:
        BulkJob.objects.filter(pk=pk, leased_until=job.leased_until).update(leased_until=None)
    if more:
        django_rq.enqueue(run, pk)


@contextmanager
def speaking_for(actor: User | None) -> Iterator[None]:
    """Sentences are written in the language and the time zone of who began the job."""
    language, zone = (actor.language, actor.time_zone) if actor else ("", "")
    with translation.override(language or settings.LANGUAGE_CODE), timezone.override(ZoneInfo(zone or settings.PLATFORM_TIME_ZONE)):
        yield


# -- whose turn it is ---------------------------------------------------------------------------------------------------------------------


def _free() -> QuerySet[BulkJob]:
    return BulkJob.objects.filter(Q(leased_until=None) | Q(leased_until__lte=timezone.now()), state__in=WORKING)


def _lease(job: BulkJob) -> bool:
    until = timezone.now() + LEASE
    taken = BulkJob.objects.filter(pk=job.pk, state=job.state, leased_until=job.leased_until).update(leased_until=until)
    job.leased_until = until if taken else job.leased_until
    return bool(taken)


def _anything_to_do(job: BulkJob) -> bool:
    if job.state == Job.PLANNING:
        return True
    counts = counted(job.items.filter(state__in=(State.WAITING, State.RUNNING)))
    running = counts.get(State.RUNNING, 0)
    return not running or bool(counts.get(State.WAITING) and running < job.at_once) or _told(job).exists()


def counted(items: QuerySet[BulkItem]) -> dict[str, int]:
    return dict(items.order_by().values_list("state").annotate(Count("pk")))


def _told(job: BulkJob) -> QuerySet[BulkItem]:
    """Those at work for which the station has answered all, or will not any more."""
    waits = Command.objects.filter(item=OuterRef("pk"), state__in=Command.OPEN)
    return job.items.filter(~Exists(waits), state=State.RUNNING)


def _user(job: BulkJob) -> User | AnonymousUser:
    return job.actor or AnonymousUser()


# -- the look before ----------------------------------------------------------------------------------------------------------------------


def _plan(job: BulkJob, until: float) -> bool:
    kind, kept = KINDS.get(job.kind), list[Situation]()
    while items := list(job.items.filter(state=State.LOOKING).select_related(STATION)[:PORTION]):
        kept += _look(job, kind, items)
        if not _lease(job):
            return False
        if time.monotonic() > until:
            return True
    consequences = _consequences(job, kind, kept) if kind and kind.consequences else []
    BulkJob.objects.filter(pk=job.pk, state=Job.PLANNING).update(state=Job.PLANNED, consequences=consequences)
    return False


def _look(job: BulkJob, kind: Kind | None, items: Sequence[BulkItem]) -> list[Situation]:
    """The situations of those where it can be done; the others are left out with the reason."""
    good, left_out = list[Situation](), list[BulkItem]()
    for item, situation in zip(items, situations(_user(job), [item.station for item in items]), strict=True):
        if reason := _refusal(job, kind, situation):
            item.state, item.text, item.changed_at = State.REFUSED, reason[:LONGEST], situation.now
            left_out.append(item)
        else:
            good.append(situation)
    waiting = [situation.station.pk for situation in good]
    looking = job.items.filter(state=State.LOOKING)
    looking.filter(station__in=waiting).update(state=State.WAITING, changed_at=timezone.now())
    looking.bulk_update(left_out, ["state", "text", "changed_at"], batch_size=PORTION)
    return good


def _refusal(job: BulkJob, kind: Kind | None, situation: Situation) -> str:
    if kind is None:
        return _("The portal cannot do this any more.")
    if not situation.may(kind.right):
        return _("The right “%s” is missing there.") % RIGHTS[kind.right].label
    try:
        return kind.refusal(job.params, situation)
    except Exception:
        log.exception("station %d cannot be looked at for bulk job %d", situation.station.pk, job.pk)
        return _broken()


def _broken() -> str:
    return _("Something went wrong in the portal. Its administrator finds it in the log.")


def _consequences(job: BulkJob, kind: Kind, kept: list[Situation]) -> list[str]:
    assert kind.consequences
    waiting = job.items.filter(state=State.WAITING).select_related(STATION)
    if len(kept) < waiting.count():  # another worker has looked at some of them
        stations = [item.station for item in waiting]
        kept = [one for at in range(0, len(stations), PORTION) for one in situations(_user(job), stations[at : at + PORTION])]
    try:
        return [str(sentence) for sentence in kind.consequences(job.params, kept)] if kept else []
    except Exception:
        log.exception("what would come of bulk job %d cannot be said", job.pk)
        return []


# -- the work -----------------------------------------------------------------------------------------------------------------------------


def _work(job: BulkJob, until: float) -> bool:
    while _go_on(job) + _begin(job):
        if not _lease(job):
            return False
        if time.monotonic() > until:
            return True
    _finish(job)
    return False


def _go_on(job: BulkJob) -> int:
    """The next step of those that were answered."""
    items = list(_told(job).select_related(STATION)[:PORTION])
    if not items:
        return 0
    commands: dict[int, list[Command]] = {}
    for command in Command.objects.filter(item__in=items).order_by("pk"):
        assert command.item_id
        commands.setdefault(command.item_id, []).append(command)
    return _each(job, items, commands)


def _begin(job: BulkJob) -> int:
    """As many as there is room for."""
    room = job.at_once - job.items.filter(state=State.RUNNING).count()
    if room <= 0:
        return 0
    return _each(job, list(job.items.filter(state=State.WAITING).select_related(STATION)[: min(room, PORTION)]), {})


def _each(job: BulkJob, items: Sequence[BulkItem], commands: dict[int, list[Command]]) -> int:
    """How many of them were moved on."""
    kind, moved = KINDS.get(job.kind), list[int]()
    for item, situation in zip(items, situations(_user(job), [item.station for item in items]), strict=True):
        mine = commands.get(item.pk, [])
        for command in mine:
            command.station = item.station
        if _step(job, kind, item, situation, mine):
            moved.append(item.station_id)
    nudges.stations_changed(*moved)
    return len(moved)


def _step(job: BulkJob, kind: Kind | None, item: BulkItem, situation: Situation, mine: Sequence[Command]) -> bool:
    """Compare and swap and the step are one transaction; false where somebody else was first, or the database said no."""
    before = item.changed_at
    try:
        with transaction.atomic():
            item.changed_at = max(timezone.now(), before + timedelta(microseconds=1))
            same = BulkItem.objects.filter(pk=item.pk, state=item.state, changed_at=before)
            if not same.update(state=State.RUNNING, changed_at=item.changed_at):
                return False
            done = _outcome(job, kind, item, situation, mine)
            if done is not None:
                BulkItem.objects.filter(pk=item.pk).update(state=State.DONE if done.good else State.FAILED, text=str(done.text)[:LONGEST])
            return True
    except (OperationalError, InterfaceError):
        log.warning("station %d of bulk job %d is tried again", item.station_id, job.pk, exc_info=True)
        return False


def _outcome(job: BulkJob, kind: Kind | None, item: BulkItem, situation: Situation, mine: Sequence[Command]) -> Done | None:
    """None: the station was asked something and has the word."""
    first = item.state == State.WAITING
    reason = _refusal(job, kind, situation) if first or kind is None or not situation.may(kind.right) else ""
    if not mine and not first:
        reason = reason or _("Nothing is known of what the station was asked.")
    if reason and not mine:
        return Done(reason, good=False)
    if kind is None or job.actor is None:
        return outcome(_user(job), mine)
    try:
        with transaction.atomic():
            result = kind.step(job.actor, job.params, situation, item, mine)
            # What was asked keeps its answer, whatever became of the right; nothing more is asked
            if reason and result and not isinstance(result, Done):
                raise ValidationError(reason)
    except ValidationError as error:
        return Done(" ".join(error.messages), good=False)
    except CommandRefused as error:
        return Done(str(error), good=False)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("bulk job %d failed at station %d", job.pk, item.station_id)
        return Done(_broken(), good=False)
    return result if isinstance(result, Done) else None if result else Done()


def _finish(job: BulkJob) -> None:
    """Nothing waits and nothing runs: it is over. The lock keeps out who has some of it done again at this moment."""
    with transaction.atomic():
        held = BulkJob.objects.select_for_update().filter(pk=job.pk, state=Job.RUNNING).first()
        if held is None or held.items.filter(state__in=(State.WAITING, State.RUNNING)).exists():
            return
        cancelled = held.items.filter(state=State.CANCELLED).exists()
        fields: dict[str, Any] = {"state": Job.CANCELLED if cancelled else Job.DONE, "finished_at": timezone.now()}
        BulkJob.objects.filter(pk=job.pk).update(**fields)
