"""Every write to maintenance windows. What happened is recorded at the station."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import nudges
from stations.maintenance import period, where
from stations.models import MaintenanceWindow, Station
from stations.ocpp import numbering
from tenancy import audit
from tenancy.models import User

GRACE = timedelta(minutes=1)  # whoever says "now" needs a moment to press the button
FARTHEST = timedelta(days=2 * 366)
PORTION = 500


def what_is_wrong_with_window(starts_at: datetime, ends_at: datetime, *, now: datetime, began: datetime | None = None) -> dict[str, str]:
    """Why this cannot be planned, by field. `began`: that of a window that runs already, and stays."""
    if began is None and starts_at < now - GRACE:
        return {"starts_at": _("This is in the past: a maintenance window begins now or later.")}
    if ends_at <= starts_at:
        return {"ends_at": _("The end lies before the beginning.")}
    if ends_at <= now:
        return {"ends_at": _("This is in the past. To end it at once, use “End now”.")}
    if ends_at > now + FARTHEST:
        return {"ends_at": _("This is more than two years away. Choose an earlier end.")}
    return {}


def overlapping(window: MaintenanceWindow) -> list[MaintenanceWindow]:
    """Others of the same station and connector that share some of its time."""
    others = MaintenanceWindow.objects.filter(station=window.station_id, starts_at__lt=window.ends_at, ends_at__gt=window.starts_at)
    if window.connector_number:
        others = others.filter(Q(connector_number=0) | Q(connector_number=window.connector_number))
    return list(others.exclude(pk=window.pk).order_by("starts_at", "pk"))


def _said(window: MaintenanceWindow, station: Station) -> str:
    return f"{where(window)}, {period(window, station.location.zone)}: {window.comment}"


@transaction.atomic
def plan_maintenance(
    *, actor: User | None, stations: Sequence[Station], starts_at: datetime, ends_at: datetime, comment: str, connector_number: int = 0
) -> list[MaintenanceWindow]:
    """A window at each of `stations` (with their locations and organizations). ValidationError names the field that cannot be."""
    if wrong := what_is_wrong_with_window(starts_at, ends_at, now=timezone.now()):
        raise ValidationError(wrong)
    windows = []
    for station in stations:
        window = MaintenanceWindow(
            station=station, connector_number=connector_number, starts_at=starts_at, ends_at=ends_at, comment=comment, created_by=actor
        )
        window.clean_fields(exclude=["created_by"])
        windows.append(window)
    if connector_number:
        with_it = set(
            Station.objects.filter(pk__in=[station.pk for station in stations], connectors__number=connector_number).values_list(
                "pk", flat=True
            )
        )
        if missing := [str(station) for station in stations if station.pk not in with_it]:
            named = {"station": missing[0], "number": numbering.shown(connector_number)}
            raise ValidationError({"connector_number": _("%(station)s has no connector %(number)s.") % named})
    MaintenanceWindow.objects.bulk_create(windows, batch_size=PORTION)
    audit.record_each(
        actor, "plan_maintenance",
        ((one.station, one.station.location.organization, {"maintenance": [None, _said(one, one.station)]}) for one in windows),
    )  # fmt: skip
    nudges.stations_changed(*(station.pk for station in stations))
    return windows


def _locked(window: MaintenanceWindow) -> MaintenanceWindow:
    found = MaintenanceWindow.objects.select_for_update(of=("self",)).select_related("station__location__organization")
    locked = found.filter(pk=window.pk).first()
    if locked is None:
        raise ValidationError(_("Somebody else has cancelled this maintenance window meanwhile."))
    if locked.ends_at <= timezone.now():
        raise ValidationError(_("This maintenance window is over, so it stays as it is. Plan a new one."))
    return locked


@transaction.atomic
def edit_maintenance(*, actor: User | None, window: MaintenanceWindow, **fields: Any) -> MaintenanceWindow:
    """A running one keeps its beginning; one that is over stays as it is."""
    window, now = _locked(window), timezone.now()
    station, before = window.station, _said(window, window.station)
    began = window.starts_at if window.starts_at <= now else None
    if began and fields.get("starts_at", began) != began:
        raise ValidationError({"starts_at": _("It has begun already.")})
    for name, value in fields.items():
        setattr(window, name, value)
    if wrong := what_is_wrong_with_window(window.starts_at, window.ends_at, now=now, began=began):
        raise ValidationError(wrong)
    window.clean_fields(exclude=["created_by"])
    window.save(update_fields=list(fields))
    after = _said(window, station)
    if before != after:
        audit.record(actor, "edit_maintenance", station, station.location.organization, {"maintenance": [before, after]})
    nudges.stations_changed(station.pk)
    return window


@transaction.atomic
def end_maintenance(*, actor: User | None, window: MaintenanceWindow) -> None:
    """One that runs ends now; one that has not begun is cancelled, and gone."""
    window, now = _locked(window), timezone.now()
    station = window.station
    organization, before = station.location.organization, _said(window, station)
    if window.starts_at < now:
        window.ends_at = now
        window.save(update_fields=["ends_at"])
        audit.record(actor, "end_maintenance", station, organization, {"maintenance": [before, _said(window, station)]})
    else:
        window.delete()
        audit.record(actor, "end_maintenance", station, organization, {"maintenance": [before, None]})
    nudges.stations_changed(station.pk)
