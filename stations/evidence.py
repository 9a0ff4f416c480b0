"""What speaks for a transaction's true values: meter values, its neighbours at the connector, when things were received. Each with its
source, so that a person can judge it. In a constant number of queries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import plausible
from stations.models import MeterSample, MeterSeries, StatusChange, Transaction
from ui.templatetags.ui import exact, kwh

REGISTER = "Energy.Active.Import.Register"
FREE = ("Available", "Finishing", "Faulted", "Unavailable")  # a connector like this does not charge
LABELS: dict[str, str | Promise] = {
    "started_at": lazy("Start"), "ended_at": lazy("End"), "meter_start": lazy("Meter at start"), "meter_stop": lazy("Meter at end"),
}  # fmt: skip


class Reading(NamedTuple):
    at: datetime
    wh: int


class Suggestion(NamedTuple):
    """A value that a field could have: a time, or Wh."""

    field: str
    value: datetime | int
    source: str

    @property
    def label(self) -> str:
        return str(LABELS[self.field])


class Evidence(NamedTuple):
    first: Reading | None  # of the energy register, from the start on
    last: Reading | None  # until the end, or until the next one begins
    before: Transaction | None  # the neighbours at the connector
    after: Transaction | None
    suggestions: list[Suggestion]

    def best(self, field: str) -> Suggestion | None:
        return next((one for one in self.suggestions if one.field == field), None)


def of(row: Transaction) -> Evidence:
    """For a transaction that was read through the door; its station and location are loaded."""
    now, zone = timezone.now(), row.station.location.zone
    beside = Transaction.objects.filter(connector=row.connector_id, station=row.station_id).exclude(pk=row.pk)
    after = beside.filter(started_at__gte=row.started_at, pk__gt=row.pk).order_by("started_at", "pk").first()
    before = beside.filter(started_at__lte=row.started_at, pk__lt=row.pk).order_by("-started_at", "-pk").first()
    limit = after.started_at if after else now
    beyond = Transaction.Problem.BEYOND_END in row.problems  # the end that was put in is too early
    until = row.ended_at if row.ended_at and row.started_at < row.ended_at <= limit and not beyond else limit
    first, last = _readings(row, row.started_at - timedelta(seconds=1), until + timedelta(seconds=1))
    found: list[Suggestion] = []

    def suggest(field: str, value: datetime | int | None, source: str) -> None:
        known = getattr(row, field)
        same = {one.value for one in found if one.field == field}
        if value is not None and value != known and value not in same and (not isinstance(value, datetime) or value <= now):
            found.append(Suggestion(field, value, source))

    if last and last.wh >= row.meter_start:
        suggest("meter_stop", last.wh, _("last meter value, of %s") % exact(last.at, zone))
    if row.meter_last is not None and row.meter_last >= row.meter_start and (last is None or row.meter_last > last.wh):
        suggest("meter_stop", row.meter_last, _("last meter value that the station sent of it"))
    if after and after.meter_start >= row.meter_start:
        suggest("meter_stop", after.meter_start, _("meter at the start of the next charge here, transaction %s") % after.pk)
    if row.running or row.ended_at is None or beyond or row.ended_at < row.started_at or Transaction.Problem.CLOCK in row.problems:
        if last:
            suggest("ended_at", last.at, _("time of the last meter value"))
        if freed := _free_since(row, limit):
            suggest("ended_at", freed[0], _("the connector became “%s”") % freed[1])
        if after:
            suggest("ended_at", after.started_at, _("the next charge here began, transaction %s") % after.pk)
        suggest("ended_at", row.end_received_at, _("when its end was received here"))
    if Transaction.Problem.CLOCK in row.problems or (row.ended_at and row.ended_at < row.started_at):
        suggest("started_at", row.start_received_at, _("when its start was received here"))
        if first and first.at > row.started_at:
            suggest("started_at", first.at, _("time of the first meter value"))
    if Transaction.Problem.OTHER_START in row.problems:
        for begin in _begins(row, until + timedelta(seconds=1)):
            suggest("meter_start", begin.wh, _("told by the station as the meter at the start, of %s") % exact(begin.at, zone))
    if first:
        suggest("meter_start", first.wh, _("first meter value, of %s") % exact(first.at, zone))
    if before and before.meter_stop is not None:
        suggest("meter_start", before.meter_stop, _("meter at the end of the charge before, transaction %s") % before.pk)
    if row.running and not any(one.field == "meter_stop" for one in found):
        suggest("meter_stop", row.meter_start, _("meter at the start: no value has come since, so nothing is charged"))
    heard = row.station.last_message_at
    if row.running and not row.station.connected and heard and row.started_at < heard <= limit:
        suggest("ended_at", heard, _("when the station was last heard"))
    charged = row.meter_last is not None and row.meter_last > row.meter_start
    if row.running and not charged and not any(one.field == "ended_at" for one in found):
        suggest("ended_at", row.started_at, _("its start: nothing has been heard of it since"))
    return Evidence(first, last, before, after, found)


def impossible(row: Transaction, power: int) -> str:
    """Why the energy as it stands cannot be, in numbers; empty where it can."""
    if row.ended_at is None or row.meter_stop is None:
        return ""
    lasted = row.ended_at - row.started_at
    if not plausible.too_much(row.energy_wh, lasted, power):
        return ""
    return _("%(energy)s were reported; in this time the connector gives at most about %(most)s.") % {
        "energy": kwh(row.energy_wh), "most": kwh(plausible.most_energy(lasted, power)),
    }  # fmt: skip


def _readings(row: Transaction, since: datetime, until: datetime) -> tuple[Reading | None, Reading | None]:
    """The first and the last value of the energy register between the two."""
    series = {
        one.pk: 1000.0 if one.unit == "kWh" else 1.0
        for one in MeterSeries.objects.filter(connector=row.connector_id, measurand=REGISTER, phase="")
        if one.location in ("Outlet", "") and not one.context.startswith("Transaction.")
    }
    if not series or until <= since:
        return None, None
    samples = MeterSample.objects.filter(series__in=list(series), at__gte=since, at__lte=until)
    ends = (samples.order_by("at").first(), samples.order_by("-at").first())
    first, last = (Reading(one.at, round(one.value * series[one.series_id])) if one else None for one in ends)
    return first, last


def _begins(row: Transaction, until: datetime) -> list[Reading]:
    """What was told as the meter at the start."""
    samples = MeterSample.objects.filter(
        series__connector=row.connector_id, series__measurand=REGISTER, series__phase="", series__context="Transaction.Begin",
        at__gte=row.started_at - timedelta(seconds=1), at__lte=until,
    )  # fmt: skip
    found = samples.order_by("-at").values_list("at", "value", "series__unit")[:3]
    return [Reading(at, round(value * (1000.0 if unit == "kWh" else 1.0))) for at, value, unit in found]


def _free_since(row: Transaction, until: datetime) -> tuple[datetime, str] | None:
    changes = StatusChange.objects.filter(connector=row.connector_id, at__gt=row.started_at, at__lte=until, status__in=FREE)
    first = changes.order_by("at").first()
    return (first.at, first.status) if first else None
