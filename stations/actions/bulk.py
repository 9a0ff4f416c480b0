"""Every write to bulk jobs that a person causes; what follows is done by stations.bulk.jobs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from stations.bulk import Kind, Params, jobs
from stations.models import BulkItem, BulkJob, Command, Station
from tenancy import audit
from tenancy.models import Organization, User
from tenancy.personal import person, shown
from tenancy.rights import may
from ui.templatetags.ui import grouped

MOST = 10_000  # stations of a job
MOST_AT_ONCE = 200  # stations at work
WRITTEN_AT_ONCE = 1000

State, Job = BulkItem.State, BulkJob.State


def look_at_many(*, actor: User, kind: Kind, stations: QuerySet[Station], params: Params | None = None, chosen: str = "") -> BulkJob:
    """A job for `stations`, which the actor may see. Nothing is done yet: each is looked at, few of them before this returns, many by a
    worker."""
    rows = list(stations.order_by("pk").values_list("pk", "location__organization__path")[: MOST + 1])
    if not rows:
        raise ValidationError(_("Nothing was chosen. Tick the rows first."))
    if len(rows) > MOST:
        raise ValidationError(_("At most %s stations at once. Choose fewer, with a filter for example.") % grouped(MOST))
    params = params or {}
    with transaction.atomic():
        job = BulkJob.objects.create(
            organization=Organization.objects.get(path=_above({path for _pk, path in rows})), kind=kind.slug, params=params, actor=actor,
            actor_name=str(actor), chosen=chosen[:300],
        )  # fmt: skip
        BulkItem.objects.bulk_create([BulkItem(job=job, station_id=pk) for pk, _path in rows], batch_size=WRITTEN_AT_ONCE)
        _record(actor, "bulk_look", job, kind, {"stations": [None, len(rows)]})
        if len(rows) > jobs.IN_REQUEST:
            jobs.enqueue(job.pk)
    if len(rows) <= jobs.IN_REQUEST:
        jobs.run(job.pk)
    job.refresh_from_db()
    return job


def _above(paths: Collection[str]) -> str:
    """The path of the deepest organization that has all of these at or below it."""
    ways = [path.strip("/").split("/") for path in paths]
    same = []
    for keys in zip(*ways, strict=False):
        if len(set(keys)) > 1:
            break
        same.append(keys[0])
    return f"/{'/'.join(same)}/"


@transaction.atomic
def begin_bulk_job(*, actor: User, job: BulkJob, kind: Kind, at_once: int) -> None:
    held = _held(job)
    _own(actor, held)
    if held.state != Job.PLANNED:
        raise ValidationError(_("This job waits for nobody any more: %s.") % held.get_state_display())
    if not 1 <= at_once <= MOST_AT_ONCE:
        raise ValidationError({"at_once": _("Between 1 and %d stations at a time.") % MOST_AT_ONCE})
    count = held.items.filter(state=State.WAITING).count()
    if not count:
        raise ValidationError(_("It can be done at none of them."))
    BulkJob.objects.filter(pk=job.pk).update(state=Job.RUNNING, at_once=at_once, started_at=timezone.now())
    _record(actor, "bulk_begin", held, kind, {"stations": [None, count], "at_once": [None, at_once]})
    jobs.enqueue(job.pk)


@transaction.atomic
def cancel_bulk_job(*, actor: User, job: BulkJob, kind: Kind) -> int:
    """Whatever has not begun is not done; what is at work comes to its end. Returns how many are not done."""
    held = _held(job)
    if held.actor_id != actor.pk and not may(actor, kind.right, held):
        raise ValidationError(_("%s began this, so nobody else can cancel it.") % began_by(actor, held))
    if held.state not in (Job.PLANNING, Job.PLANNED, Job.RUNNING):
        raise ValidationError(_("It is over already."))
    count = held.items.filter(state__in=(State.LOOKING, State.WAITING)).update(state=State.CANCELLED, changed_at=timezone.now())
    if not held.items.filter(state=State.RUNNING).exists():  # else a worker ends it after these
        BulkJob.objects.filter(pk=job.pk).update(state=Job.CANCELLED, finished_at=timezone.now())
    _record(actor, "bulk_cancel", held, kind, {"stations": [None, count]})
    return count


@transaction.atomic
def retry_bulk_job(*, actor: User, job: BulkJob, kind: Kind) -> int:
    """What failed begins anew; returns how many. The commands of the attempt before stay with their stations."""
    held = _held(job)
    _own(actor, held)
    if held.state not in (Job.RUNNING, Job.DONE, Job.CANCELLED):
        raise ValidationError(_("It has not begun yet."))
    failed = held.items.filter(state=State.FAILED)
    Command.objects.filter(item__in=failed).update(item=None)
    count = failed.update(state=State.WAITING, text="", attempt=F("attempt") + 1, changed_at=timezone.now())
    if not count:
        raise ValidationError(_("Nothing has failed."))
    BulkJob.objects.filter(pk=job.pk).update(state=Job.RUNNING, finished_at=None)
    _record(actor, "bulk_retry", held, kind, {"stations": [None, count]})
    jobs.enqueue(job.pk)
    return count


def _held(job: BulkJob) -> BulkJob:
    """Locked: of two people, or a person and a worker, one comes after the other."""
    return BulkJob.objects.select_for_update(of=("self",)).select_related("organization").get(pk=job.pk)


def _own(actor: User, job: BulkJob) -> None:
    if actor.pk != job.actor_id:
        raise ValidationError(
            _("%s chose these stations, and it is done with the rights of who chose them. Choose them yourself.") % began_by(actor, job)
        )


def began_by(viewer: User, job: BulkJob) -> str:
    """The name of who chose its stations, as `viewer` may know it."""
    path = job.organization.path
    return person(viewer, job.actor, path) if job.actor else shown(viewer, job.actor_name, path) or "?"


def _record(actor: User, verb: str, job: BulkJob, kind: Kind, changes: dict[str, Any]) -> None:
    audit.record(actor, verb, job, job.organization, changes, name=str(kind.label))
