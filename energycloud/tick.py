"""The clock: what is due by time, wherever it is run (a thread of the embedded portal, or `manage.py tick`)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event

import django_rq
from django.db import close_old_connections
from django.utils import timezone

from passes import limits, local_list_sync
from passes.ocpi import jobs as networks
from stations import (
    availability_records,
    certificate_jobs,
    customer_information,
    file_progress,
    firmware_jobs,
    first_readings,
    imported_passwords,
    missing_reports,
    partitions,
    reservations,
    returning,
    security_steps,
)
from stations.bulk import jobs as bulk
from stations.capacity import control as capacity
from stations.capacity import record as capacity_record
from stations.gateway import upkeep
from tenancy import letters
from tenancy.actions import sweep_accesses
from tenancy.exports import jobs as exports
from tenancy.imports import jobs as imports
from tenancy.models import Letter

log = logging.getLogger("energycloud.tick")


def enqueue_letters() -> None:
    if Letter.objects.filter(sent_at=None, due_at__lte=timezone.now(), give_up_at__gt=timezone.now()).exists():
        django_rq.enqueue(letters.send_waiting)


def enqueue_purge() -> None:
    django_rq.enqueue(upkeep.purge_frames)


def enqueue_purge_of_uploads() -> None:
    django_rq.enqueue(file_progress.purge_uploads)


# (seconds between runs, what)
JOBS: list[tuple[float, Callable[[], object]]] = [
    (5, upkeep.sweep),
    (5, upkeep.expire_commands),
    (2, bulk.enqueue_due),
    (2, security_steps.advance),
    (3, local_list_sync.keep_in_step),
    (60, local_list_sync.check_versions),
    (20, limits.stop_used_up),
    (5, returning.run),
    (20, missing_reports.ask_stations),
    (5, first_readings.ask_stations),
    (5, reservations.advance),
    (30, enqueue_letters),
    (30, networks.enqueue_due),
    (600, networks.begin_nightly),
    (60, availability_records.keep_days),
    (15, imports.enqueue_due),
    (15, exports.enqueue_due),
    (3600, enqueue_purge),
    (60, upkeep.purge_security_events),
    (5, firmware_jobs.advance),
    (2, capacity.run),
    (30, capacity.release),
    (3600, capacity_record.forget_old),
    (2, certificate_jobs.advance),
    (300, certificate_jobs.renew),
    (3600, certificate_jobs.tidy),
    (3600, enqueue_purge_of_uploads),
    (3600, customer_information.forget_old),
    (3600, sweep_accesses),
    (3600, imports.forget_old),
    (3600, bulk.forget_old),
    (600, imported_passwords.forget_old),
    (3600, exports.forget_old),
    (6 * 3600, partitions.prepare),
]


def run(stop: Event) -> None:
    """Run what is due, until `stop` is set. A job that fails is logged and tried again when it is next due."""
    due = [0.0] * len(JOBS)
    while not stop.is_set():
        for index, (seconds, job) in enumerate(JOBS):
            if time.monotonic() >= due[index]:
                due[index] = time.monotonic() + seconds
                close_old_connections()
                try:
                    job()
                except Exception:
                    log.exception("%s failed", job.__name__)
        close_old_connections()
        stop.wait(1)
