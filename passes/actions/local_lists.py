"""What people ask of the local list of a station."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from passes import local_list_sync
from passes.models import LocalList
from stations import nudges
from stations.actions import ask
from stations.models import Station
from stations.ocpp.intents import AskListVersion
from tenancy import audit
from tenancy.models import User


@transaction.atomic
def send_local_list(*, actor: User | None, station: Station) -> None:
    """The whole list again, as if nothing were known of the one that the station has; also where it said that it has none. It is sent as
    soon as the station can be asked."""
    row, _made = LocalList.objects.select_for_update(of=("self",)).get_or_create(station=station)
    row.due_at, row.full_next, row.full_only, row.failures, row.pause_until = timezone.now(), True, False, 0, None
    if row.state != LocalList.State.SENDING:
        row.state = LocalList.State.WAITING
    row.save(update_fields=["due_at", "full_next", "full_only", "failures", "pause_until", "state"])
    audit.record(actor, "send_local_list", station, station.location.organization)
    nudges.stations_changed(station.pk)


@transaction.atomic
def read_local_list_version(*, actor: User | None, station: Station) -> None:
    """Ask the station now which version it has; one that differs from ours is replaced. Raises CommandRefused."""
    row, _made = LocalList.objects.select_for_update(of=("self",)).get_or_create(station=station)
    command = ask(actor=actor, station=station, intent=AskListVersion(), timeout=local_list_sync.TIMEOUT)
    if row.state != LocalList.State.SENDING:  # else its answer is shown among the commands, and what is on its way says more
        row.state, row.sending, row.command = LocalList.State.SENDING, {"ask": True}, command
        row.save(update_fields=["state", "sending", "command"])
