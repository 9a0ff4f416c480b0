"""Keeping a connector for a card, and giving it free again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import nudges
from stations.actions.commands import CommandRefused, ask
from stations.models import Reservation, Station
from stations.ocpp import numbering
from stations.ocpp.intents import CancelReservation, Reserve
from tenancy import audit
from tenancy.models import User

MOST_OPEN = 50  # at one station
LONGEST = timedelta(days=31)


@transaction.atomic
def reserve(
    *,
    actor: User | None,
    station: Station,
    uid: str,
    until: datetime,
    connector_number: int = 0,
    group_id: str = "",
    plug: str = "",
    pass_key: int | None = None,
) -> Reservation:
    """Ask `station` to keep a connector (0: any) for the card until then, for those of the group `group_id` too. ValidationError where the
    time cannot be; CommandRefused where the station cannot be asked, or too much is kept there already."""
    now = timezone.now()
    if not now < until <= now + LONGEST:
        raise ValidationError({"until": _("Choose a time that comes, within the next %d days.") % LONGEST.days})
    Station.objects.select_for_update(of=("self",)).get(pk=station.pk)  # two at the same time get two keys
    rows = Reservation.objects.filter(station=station)
    if rows.filter(state__in=Reservation.OPEN).count() >= MOST_OPEN:
        raise CommandRefused(
            "busy", _("%(station)s has %(count)d reservations. Cancel one first.") % {"station": station, "count": MOST_OPEN}
        )
    key = (rows.aggregate(last=Max("key"))["last"] or 0) % Reservation.LARGEST_KEY + 1
    command = ask(actor=actor, station=station, intent=Reserve(key, uid, until, connector_number, group_id, plug), recorded=False)
    row = Reservation.objects.create(
        station=station, key=key, connector_number=connector_number, plug=plug, id_tag=uid, group_id=group_id, pass_key=pass_key,
        created_by=actor, until=until, command=command, created_at=now,
    )  # fmt: skip
    _record(actor, "reserve", row, station)
    return row


@transaction.atomic
def cancel_reservation(*, actor: User | None, reservation: Reservation) -> None:
    """Ask the station to give it free; its answer says whether it did. One without a connection cannot be asked and keeps it until it
    expires: it is cancelled in the portal's own record alone. ValidationError where it is over already or was never answered,
    CommandRefused where the station cannot be asked all the same."""
    row = Reservation.objects.select_for_update(of=("self",)).get(pk=reservation.pk)
    station = reservation.station
    if why := why_not_cancelled(row):
        raise ValidationError(why)
    if station.connected:
        row.command = ask(actor=actor, station=station, intent=CancelReservation(row.key), recorded=False)
        row.save(update_fields=["command"])
    else:
        row.state, row.word, row.ended_at = Reservation.State.CANCELLED, Reservation.HERE_ALONE, timezone.now()
        row.save(update_fields=["state", "word", "ended_at"])
    _record(actor, "cancel_reservation", row, station)
    nudges.stations_changed(station.pk)


def why_not_cancelled(row: Reservation) -> str:
    """Why it cannot be cancelled any more, or not yet; empty where it can."""
    if row.state == Reservation.State.ASKED:
        return _("The station has not answered yet whether it keeps it. Wait for that.")
    if row.state not in Reservation.STANDING or row.until <= timezone.now():
        return _("This reservation is over already.")
    return ""


def _record(actor: User | None, verb: str, row: Reservation, station: Station) -> None:
    """For which card is in the reservation, for those who may see it there."""
    where = numbering.shown(row.connector_number) if row.connector_number else None
    told: dict[str, Any] = {"reservation": row.key, "connector": where, "until": row.until.isoformat()}
    audit.record(actor, verb, station, station.location.organization, {name: [None, value] for name, value in told.items() if value})
