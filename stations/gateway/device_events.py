"""NotifyEvent: what monitors, or stations by themselves, have seen. What is broken is told at the connector that it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stations.gateway.device import keep_newest, shown
from stations.gateway.entries import Entry, Received
from stations.models import DeviceEvent, DeviceMonitor
from stations.ocpp.device_model import NO_NAME, PROBLEMS, error_code, is_problem, named
from stations.ocpp.events import Notice, Noticed, Status
from stations.ocpp.numbering import number
from stations.ocpp.replies import Done, Reply
from stations.ocpp.variables import Variable
from stations.plausible import effective

SLACK = 100  # rows beyond the most before the oldest are looked for
Kind = tuple[int, str, int | None]  # station, key, monitor: of one kind the latest alert stands


def noticed(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    found: list[tuple[int, Notice, DeviceEvent]] = []
    for entry in entries:
        event, station = entry.event, entry.state.station_id
        assert isinstance(event, Noticed)
        changed.add(station)
        for one in event.notices[: DeviceEvent.MOST]:
            variable = named(one.variable)
            if variable != one.variable:
                entry.faults.append(f"eventData: {NO_NAME}")
            found.append((station, one, DeviceEvent(
                station_id=station, event_id=max(one.id, 0), at=effective(one.at.at, entry.at) or entry.at, received_at=entry.at,
                trigger=one.trigger, kind=one.kind, key=str(variable), component=variable.component, evse=variable.evse,
                connector=variable.connector, value=shown(variable, one.value), cause=one.cause, tech_code=one.tech_code,
                tech_info=shown(variable, one.tech_info), cleared=one.cleared, transaction_id=one.transaction_id,
                monitor_id=one.monitor, severity=one.severity,
            )))  # fmt: skip
    if found:
        _learn_of_monitors(found)
        _settle(found)
        DeviceEvent.objects.bulk_create([row for _station, _one, row in found], batch_size=500)
        keep_newest(DeviceEvent, {station for station, _one, _row in found}, slack=SLACK)
    return dict.fromkeys(entries, Done())


def _learn_of_monitors(found: list[tuple[int, Notice, DeviceEvent]]) -> None:
    """An event is as severe as its monitor; what kind of monitor that is, only events tell."""
    wanted = {(station, one.monitor) for station, one, _row in found if one.monitor is not None}
    if not wanted:
        return
    rows = DeviceMonitor.objects.filter(station__in={s for s, _m in wanted}, monitor_id__in={m for _s, m in wanted})
    monitors = {(row.station_id, row.monitor_id): row for row in rows}
    learnt = {}
    for station, one, row in found:
        monitor = monitors.get((station, one.monitor)) if one.monitor is not None else None
        if monitor is None:
            continue
        if row.severity is None:
            row.severity = monitor.severity
        if not monitor.kind and one.kind in DeviceMonitor.Kind.values:
            monitor.kind = one.kind
            learnt[monitor.pk] = monitor
    if learnt:
        DeviceMonitor.objects.bulk_update(learnt.values(), ["kind"])


def _settle(found: list[tuple[int, Notice, DeviceEvent]]) -> None:
    """Which alerts stand: those that are neither cleared nor followed by one of the same kind."""
    stations = {station for station, _one, _row in found}
    before = DeviceEvent.objects.filter(station__in=stations, stands=True).values_list("pk", "station_id", "key", "monitor_id")
    standing: dict[Kind, list[int | DeviceEvent]] = {}
    for pk, station, key, monitor in before:
        standing.setdefault((station, key, monitor), []).append(pk)
    over: list[int] = []
    for station, one, row in found:
        kind = (station, row.key, one.monitor)
        problem = one.variable.name in PROBLEMS
        alert = one.trigger == "Alerting" and not (problem and not is_problem(one))
        if not (one.cleared or alert or problem):
            continue  # a value that is told now and then ends no alert
        for earlier in standing.pop(kind, ()):
            if isinstance(earlier, DeviceEvent):
                earlier.stands = False
            else:
                over.append(earlier)
        if not one.cleared and (alert or is_problem(one)):
            row.stands = True
            standing[kind] = [row]
    if over:
        DeviceEvent.objects.filter(pk__in=over).update(stands=False)


# -- faults of connectors ------------------------------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """What is broken, as a Status of OCPP 1.6 says it."""

    error_code: str
    tech_code: str
    info: str


class Faults:
    """What is known to be broken at the stations of a batch: the status of OCPP 2.0.1 says no more than that a connector is faulted."""

    def __init__(self, received: Sequence[Received]) -> None:
        """One query, and only where a connector may be faulted."""
        self.known: dict[tuple[int, int], Problem] = {}
        stations = {
            entry.state.station_id
            for entry in received
            if isinstance(entry.event, Noticed) or (isinstance(entry.event, Status) and _bare(entry.event))
        }
        if stations:
            rows = DeviceEvent.objects.filter(station__in=stations, stands=True, trigger__in=("Alerting", "Delta")).order_by("at", "pk")
            for row in rows.only("station", "key", "tech_code", "tech_info", "value"):
                variable = Variable.parse(row.key)
                if variable and variable.name in PROBLEMS:
                    self.known[(row.station_id, _place(variable))] = _problem(variable, row.tech_code, row.tech_info)

    def named(self, station: int, event: Status) -> Status:
        """The status with the code of what is broken there, where it has none itself."""
        if not self.known or not _bare(event):
            return event
        found = self.known.get((station, event.connector)) or self.known.get((station, 0))
        if found is None:
            return event
        return event._replace(error_code=found.error_code, vendor_error_code=found.tech_code, info=found.info)

    def learn(self, station: int, notices: Iterable[Notice]) -> list[int]:
        """Take in what the station has noticed; gives the connectors where something broke."""
        broken = []
        for one in notices:
            if one.variable.name not in PROBLEMS:
                continue
            at = _place(one.variable)
            if is_problem(one):
                self.known[(station, at)] = _problem(one.variable, one.tech_code, one.tech_info)
                broken.append(at)
            else:
                self.known.pop((station, at), None)
        return broken


def _bare(event: Status) -> bool:
    return event.status == "Faulted" and not event.error_code and not event.vendor_error_code


def _place(variable: Variable) -> int:
    return number(variable.evse, variable.connector or None) if variable.evse else 0


def _problem(variable: Variable, tech_code: str, tech_info: str) -> Problem:
    return Problem(error_code(variable.component), tech_code, (tech_info or str(variable))[:50])
