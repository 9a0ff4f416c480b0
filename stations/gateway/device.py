"""The device model as stations tell it: reports in parts, answers to what we set and asked, monitors, and what they noticed.

What a station makes up is bounded: DeviceVariable.MOST, DeviceMonitor.MOST and DeviceEvent.MOST rows for each, and a report that nobody
asked for is answered and left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count

from stations import hooks
from stations.gateway import bulk
from stations.gateway.entries import Entry, Received
from stations.models import Command, ConfigurationChange, DeviceEvent, DeviceMonitor, DeviceReport, DeviceVariable, Station
from stations.models.device import ACTUAL
from stations.ocpp import masking
from stations.ocpp.device_model import LONGEST, NO_NAME, can_be_named
from stations.ocpp.events import ModelReport, MonitorReport, MonitorTold, Told
from stations.ocpp.intents import ACCEPTED, ClearMonitors, Configure, ConfigureMany, SetMonitor
from stations.ocpp.reading import clean
from stations.ocpp.replies import Done, Reply
from stations.ocpp.variables import Variable

REPORTS = ("GetBaseReport", "GetReport", "GetMonitoringReport")  # what asks for one
AT_ONCE = 5000  # keys in one query
_FIELDS = (
    "value", "mutability", "persistent", "constant", "data_type", "unit", "least", "most", "choices", "monitored", "reboot_required",
    "only_set", "updated_at", "report",
)  # fmt: skip
Name = tuple[int, str, str]  # station, key, attribute


def is_secret(variable: Variable, mutability: str = "") -> bool:
    return mutability == "WriteOnly" or masking.is_secret(str(variable))


def shown(variable: Variable, value: str, mutability: str = "") -> str:
    """As it is kept."""
    return masking.MASK if value and is_secret(variable, mutability) else masking.without_url_passwords(value)


def change_key(key: str, attribute: str) -> str:
    """What a change of it is listed under."""
    return key if attribute == ACTUAL else f"{key} ({attribute})"


# -- reports that come in parts -----------------------------------------------------------------------------------------------------------


def model_reported(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """NotifyReport."""
    reports = _parts(entries)
    found: dict[int, list[tuple[DeviceReport, Told, datetime]]] = defaultdict(list)
    for entry, report in reports:
        event = entry.event
        assert isinstance(event, ModelReport)
        if report.base == DeviceReport.Base.MONITORS:
            continue
        told = [one for one in event.told if can_be_named(one.variable)]
        report.told += len(event.told) + event.left_out
        _leave_out(entry, report, len(event.told) - len(told))
        _spare(DeviceVariable, report, event.left_out)
        found[entry.state.station_id] += [(report, one, entry.at) for one in told]
        changed.add(entry.state.station_id)
    if found:
        _keep_told(found)
    _finish([report for _entry, report in reports])
    return dict.fromkeys(entries, Done())


def monitors_reported(entries: Sequence[Received], changed: set[int]) -> dict[Entry, Reply | str]:
    """NotifyMonitoringReport."""
    reports = _parts(entries)
    found: dict[int, list[tuple[DeviceReport | None, MonitorTold, datetime]]] = defaultdict(list)
    for entry, report in reports:
        event = entry.event
        assert isinstance(event, MonitorReport)
        if report.base != DeviceReport.Base.MONITORS:
            continue
        report.told += len(event.monitors) + event.left_out
        told = [one for one in event.monitors if can_be_named(one.variable) and one.id >= 0]
        _leave_out(entry, report, len(event.monitors) - len(told))
        _spare(DeviceMonitor, report, event.left_out)
        found[entry.state.station_id] += [(report, one, entry.at) for one in told]
        changed.add(entry.state.station_id)
    if found:
        _keep_monitors(found)
    _finish([report for _entry, report in reports])
    return dict.fromkeys(entries, Done())


def _leave_out(entry: Received, report: DeviceReport, count: int) -> None:
    """What has no name that can be said. It is told of the station, too."""
    if count:
        report.left_out += count
        entry.faults.append(f"{count}: {NO_NAME}")


def _spare(model: type[DeviceVariable] | type[DeviceMonitor], report: DeviceReport, count: int) -> None:
    """So many in it cannot be understood: each may be any of what is known, so nothing of that is gone."""
    if count:
        report.left_out += count
        model._default_manager.filter(station=report.station_id).update(report=report)


def _parts(entries: Sequence[Received]) -> list[tuple[Received, DeviceReport]]:
    """The entries that are a new part of a report that was asked for, with it; the part is noted."""
    wanted = {(entry.state.station_id, entry.event.request) for entry in entries}  # type: ignore[union-attr]
    rows = DeviceReport.objects.filter(station__in={station for station, _r in wanted}, request_id__in={request for _s, request in wanted})
    known = {(row.station_id, row.request_id): row for row in rows}
    if missing := wanted - known.keys():
        known |= _asked_for(missing, max(entry.at for entry in entries))
    parts = []
    for entry in entries:
        event = entry.event
        assert isinstance(event, ModelReport | MonitorReport)
        report = known.get((entry.state.station_id, event.request))
        if report is None or event.part < 0 or event.part in report.parts or len(report.parts) >= report.MOST_PARTS:
            continue
        if report.finished_at and event.part:  # a first part that comes late tells that the station counts from 0 after all
            continue
        report.parts.append(event.part)
        report.part_at = entry.at
        if not event.more:
            report.last_part = event.part
        parts.append((entry, report))
    return parts


def _asked_for(wanted: Collection[tuple[int, int]], now: datetime) -> dict[tuple[int, int], DeviceReport]:
    """Reports of which the first part comes before, or together with, the answer to what asked for them."""
    commands = Command.objects.filter(
        station__in={station for station, _r in wanted}, action__in=REPORTS, created_at__gt=now - timedelta(days=1)
    ).order_by("pk")
    asked = {(one.station_id, one.payload.get("requestId")): one for one in commands if isinstance(one.payload, dict)}
    found = {key: begin_report(asked[key]) for key in wanted if key in asked}  # seldom more than one
    return {key: report for key, report in found.items() if report}


def begin_report(command: Command) -> DeviceReport | None:
    """The report that `command` asks for; the oldest give way."""
    number = command.payload.get("requestId")
    if not isinstance(number, int):
        return None
    base = DeviceReport.Base.MONITORS if command.action == "GetMonitoringReport" else str(command.payload.get("reportBase", ""))[:24]
    begin = {"base": base, "asked_at": command.sent_at or command.created_at, "command": command}
    report, made = DeviceReport.objects.get_or_create(station_id=command.station_id, request_id=number, defaults=begin)
    if made:
        rows = DeviceReport.objects.filter(station_id=command.station_id).order_by("-asked_at", "-pk").values_list("pk", flat=True)
        if old := list(rows[DeviceReport.MOST : DeviceReport.MOST + 100]):
            DeviceReport.objects.filter(pk__in=old).delete()
    return report


def _finish(reports: Iterable[DeviceReport]) -> None:
    """Write what is known of them now. Of what was told whole, what is not in it any more is gone."""
    unique = {report.pk: report for report in reports}.values()
    for report in unique:
        if report.has_all_parts() or (report.has_all_parts(1) and _counts_from_1(report)):
            report.finished_at = report.part_at
            if report.told and report.base == DeviceReport.Base.FULL:
                _forget(report)
            elif report.base == DeviceReport.Base.MONITORS:
                gone = DeviceMonitor.objects.filter(station_id=report.station_id, updated_at__lt=report.asked_at)
                gone.exclude(report=report).delete()
    DeviceReport.objects.bulk_update(unique, ["parts", "last_part", "part_at", "told", "left_out", "finished_at"])


def _counts_from_1(report: DeviceReport) -> bool:
    """Whether a station counts the parts of its reports from 1, by the others that it sent; a first part may be lost. Also where there are
    none."""
    others = DeviceReport.objects.filter(station_id=report.station_id).exclude(pk=report.pk).exclude(parts=[])
    return not any(0 in parts for parts in others.values_list("parts", flat=True))


def _forget(report: DeviceReport) -> None:
    gone = DeviceVariable.objects.filter(station_id=report.station_id, updated_at__lt=report.asked_at).exclude(report=report)
    rows = list(gone.values_list("pk", "key", "attribute", "value"))
    ConfigurationChange.objects.bulk_create([
        ConfigurationChange(
            station_id=report.station_id, at=report.finished_at or report.asked_at, key=change_key(key, attribute), before=value,
            after=None, command_id=report.command_id,
        )
        for _pk, key, attribute, value in rows
    ])  # fmt: skip
    DeviceVariable.objects.filter(pk__in=[row[0] for row in rows]).delete()
    hooks.tell_configuration_changed(report.station_id, {row[1] for row in rows})


def _keep_told(found: dict[int, list[tuple[DeviceReport, Told, datetime]]]) -> None:
    """The newest of each attribute. The first time that a model is read nothing has changed."""
    told: dict[Name, tuple[DeviceReport, Told, datetime]] = {}
    for station, of_station in found.items():
        told |= {(station, str(one.variable), one.attribute): (report, one, at) for report, one, at in of_station}
    known = _known(told)
    booted = dict(Station.objects.filter(pk__in=found).values_list("pk", "booted_at"))
    whole = set(
        DeviceReport.objects.filter(station__in=found, base=DeviceReport.Base.FULL)
        .exclude(finished_at=None)
        .values_list("station_id", flat=True)
    )
    rows, new, changes = [], [], []
    for name, (report, one, at) in told.items():
        station, key, attribute = name
        value = shown(one.variable, one.value or "", one.mutability)
        before = known.get(name)
        waits = before is not None and before.waits_for_reset(booted.get(station))
        # Of what can only be written nothing is told: what it was set to stays
        hidden = one.mutability == "WriteOnly" and before is not None
        row = (
            before.value if hidden and before else value, one.mutability, one.persistent, one.constant, one.data_type, one.unit, one.least,
            one.most, one.choices, one.monitored, waits, hidden and before is not None and before.only_set, at, report.pk,
        )  # fmt: skip
        if before is not None:
            rows.append((before.pk, *row))
        else:
            new.append((name, one.variable, row, report))
        if (before is None and station in whole) or (before is not None and before.value != row[0]):
            changes.append(ConfigurationChange(
                station_id=station, at=at, key=change_key(key, attribute), before=before.value if before else None, after=row[0],
                command_id=report.command_id,
            ))  # fmt: skip
    bulk.update(DeviceVariable, _FIELDS, rows)
    kept = _insert(new)
    changes = [one for one in changes if one.before is not None or (one.station_id, one.key) in kept]
    ConfigurationChange.objects.bulk_create(changes)
    keep_newest(ConfigurationChange, {change.station_id for change in changes})  # what is measured is another at every reading
    by_station: dict[int, set[str]] = defaultdict(set)
    for change in changes:
        by_station[change.station_id].add(change.key)
    for station, keys in by_station.items():
        hooks.tell_configuration_changed(station, keys)


def keep_newest(model: type[ConfigurationChange] | type[DeviceEvent], stations: Collection[int], *, slack: int = 0) -> None:
    """Of each of these stations `model.MOST` rows, once there are `slack` more: the oldest give way."""
    rows: Any = model.objects.order_by()
    for station, count in rows.filter(station__in=stations).values_list("station_id").annotate(Count("pk")):
        if count > model.MOST + slack:
            old = rows.filter(station=station).order_by("at", "pk").values_list("pk", flat=True)
            rows.filter(pk__in=list(old[: count - model.MOST])).delete()


def _known(names: Collection[Name]) -> dict[Name, DeviceVariable]:
    keys = sorted({key for _station, key, _attribute in names})
    found: dict[Name, DeviceVariable] = {}
    for first in range(0, len(keys), AT_ONCE):
        rows = DeviceVariable.objects.filter(station__in={name[0] for name in names}, key__in=keys[first : first + AT_ONCE]).order_by()
        found |= {(row.station_id, row.key, row.attribute): row for row in rows}
    return found


def _insert(new: list[tuple[Name, Variable, tuple[Any, ...], DeviceReport]]) -> set[tuple[int, str]]:
    """As many as there is room for; the others are counted in their report. Gives (station, key of a change) of those that were kept."""
    if not new:
        return set()
    count = DeviceVariable.objects.filter(station__in={name[0] for name, *_rest in new}).order_by().values_list("station_id")
    room = defaultdict(lambda: DeviceVariable.MOST, {station: DeviceVariable.MOST - used for station, used in count.annotate(Count("pk"))})
    rows, kept = [], set()
    for (station, key, attribute), variable, row, report in new:
        if room[station] <= 0:
            report.left_out += 1
            continue
        room[station] -= 1
        rows.append((station, key, variable.component, variable.evse, variable.connector, attribute, *row))
        kept.add((station, change_key(key, attribute)))
    bulk.insert_missing(DeviceVariable, ("station", "key", "component", "evse", "connector", "attribute", *_FIELDS), rows)
    return kept


# -- answers to what was asked and set -----------------------------------------------------------------------------------------------------


def report_asked(command: Command, outcome: str, at: datetime) -> None:
    """A report was asked for: it is on its way, or there will be none."""
    report = begin_report(command)
    if report and outcome != ACCEPTED and not report.parts:
        report.delete()


class Setting(NamedTuple):
    """What an answer to SetVariables or GetVariables says of one attribute; `value` as it may be kept."""

    variable: Variable
    attribute: str
    status: str
    value: str

    @property
    def key(self) -> str:
        return str(self.variable)


def configured(command: Command, wanted: Configure | ConfigureMany, answer: dict[str, Any], at: datetime) -> None:
    """Keep what the station has taken, each by its own result."""
    settings = wanted.settings if isinstance(wanted, ConfigureMany) else (wanted,)
    values = {(one.key, one.attribute): one.value for one in settings}
    taken = []
    for variable, attribute, status, _value in _results(answer, "setVariableResult", [one.key for one in settings]):
        if status in {"Accepted", "RebootRequired"} and (value := values.get((str(variable), attribute))) is not None:
            taken.append(Setting(variable, attribute, status, clean(value, LONGEST)))
    _keep_settings(command, taken, at, only_set=True)


def read(command: Command, asked: Sequence[str], answer: dict[str, Any], at: datetime) -> None:
    """Keep what an answer to GetVariables tells; what the station does not know is gone."""
    found = [Setting(*one) for one in _results(answer, "getVariableResult", asked)]
    unknown = [one for one in found if one.status in {"UnknownComponent", "UnknownVariable"}]
    for one in unknown:
        rows = DeviceVariable.objects.filter(station_id=command.station_id, key=one.key)
        for row in rows:
            _note_change(command, change_key(row.key, row.attribute), row.value, None, at)
        rows.delete()
    _keep_settings(command, [one for one in found if one.status == "Accepted"], at, only_set=False)


def _results(answer: dict[str, Any], field: str, asked: Iterable[str]) -> list[tuple[Variable, str, str, str]]:
    """Names are the same whatever their capitals: they are read as they were asked for."""
    results, as_asked = answer.get(field), {key.casefold(): key for key in asked}
    found = []
    for one in results if isinstance(results, list) else ():
        try:
            variable = Variable.read(one)
            variable = Variable.parse(as_asked.get(str(variable).casefold(), "")) or variable
            attribute, status = one.get("attributeType") or ACTUAL, one.get("attributeStatus")
            value = one.get("attributeValue")
        except (KeyError, TypeError, AttributeError):
            continue
        if attribute in {"Actual", "Target", "MinSet", "MaxSet"} and isinstance(status, str) and can_be_named(variable):
            found.append((variable, attribute, status, clean("" if value is None else value, LONGEST)))
    return found


def _keep_settings(command: Command, settings: Sequence[Setting], at: datetime, *, only_set: bool) -> None:
    if not settings:
        return
    station = command.station_id
    known = _known({(station, one.key, one.attribute) for one in settings})
    booted_at = Station.objects.filter(pk=station).values_list("booted_at", flat=True).first()
    # Many of these are of a few variables: their characteristics are those of their likes
    room = DeviceVariable.MOST - DeviceVariable.objects.filter(station_id=station).count()
    changed = set()
    for one in settings:
        row = known.get((station, one.key, one.attribute))
        before = row.value if row else None
        if row is None:
            if room <= 0:
                continue
            room -= 1
            place = {"component": one.variable.component, "evse": one.variable.evse, "connector": one.variable.connector}
            row = DeviceVariable(station_id=station, key=one.key, attribute=one.attribute, **place)
        row.value = shown(one.variable, one.value, row.mutability) if not command.secret else one.value and masking.MASK
        row.reboot_required = one.status == "RebootRequired" if only_set else row.waits_for_reset(booted_at)
        row.only_set, row.updated_at = only_set, at
        row.save()
        if before != row.value or (only_set and masking.hides(row.value)):  # of a secret nobody knows whether it is another one
            _note_change(command, change_key(one.key, one.attribute), before, row.value, at)
            changed.add(one.key)
    hooks.tell_configuration_changed(station, changed)


def _note_change(command: Command, key: str, before: str | None, after: str | None, at: datetime) -> None:
    ConfigurationChange.objects.create(station_id=command.station_id, at=at, key=key, before=before, after=after, command=command)


# -- monitors ------------------------------------------------------------------------------------------------------------------------------


def monitors_set(command: Command, wanted: Sequence[SetMonitor], answer: dict[str, Any], at: datetime) -> None:
    """Keep those that the station has taken. Results may stand in another order than what they answer."""
    results = answer.get("setMonitoringResult")
    found = [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []
    left, taken = list(wanted), []
    for one in found[: 2 * len(left)]:
        mine = next((asked for asked in left if _answers(one, asked, alone=len(wanted) == len(found) == 1)), None)
        if mine is None:
            continue
        left.remove(mine)
        number, variable = one.get("id", mine.id), Variable.parse(mine.key)
        if one.get("status") == "Accepted" and isinstance(number, int) and 0 <= number < 2**31 and variable is not None:
            taken.append((None, MonitorTold(variable, number, mine.type, mine.value, mine.severity, mine.transaction), at))
    if taken:
        _keep_monitors({command.station_id: [*taken]}, kind=DeviceMonitor.Kind.CUSTOM)


def _answers(result: dict[str, Any], asked: SetMonitor, *, alone: bool) -> bool:
    """Whether a result is of this monitor: of the same variable and, if it is not the only one, of the same kind, and where its number was
    said, of that."""
    try:
        key = str(Variable.read(result))
    except (KeyError, TypeError, AttributeError):
        return False
    if key.casefold() != asked.key.casefold():
        return False
    same = alone or (result.get("type"), result.get("severity")) == (asked.type, asked.severity)
    return same and (asked.id is None or result.get("id", asked.id) == asked.id)


def monitors_cleared(command: Command, wanted: ClearMonitors, answer: dict[str, Any], at: datetime) -> None:
    results = answer.get("clearMonitoringResult")
    gone = [
        one["id"]
        for one in (results if isinstance(results, list) else ())
        if isinstance(one, dict) and one.get("status") in {"Accepted", "NotFound"} and isinstance(one.get("id"), int)
    ]
    mine = [number for number in gone if number in wanted.ids]
    DeviceMonitor.objects.filter(station_id=command.station_id, monitor_id__in=mine).delete()
    # Nobody watches any more whether it is well again
    DeviceEvent.objects.filter(station_id=command.station_id, stands=True, monitor_id__in=mine).update(stands=False)


def _keep_monitors(found: dict[int, list[tuple[DeviceReport | None, MonitorTold, datetime]]], kind: str = "") -> None:
    told = {(station, one.id): (report, one, at) for station, of_one in found.items() for report, one, at in of_one}
    known = {(row.station_id, row.monitor_id): row for row in DeviceMonitor.objects.filter(station__in=found)}
    room: dict[int, int] = defaultdict(lambda: DeviceMonitor.MOST)
    for station, _number in known:
        room[station] -= 1
    rows, new = [], []
    for (station, number), (report, one, at) in told.items():
        row = known.get((station, number)) or DeviceMonitor(station_id=station, monitor_id=number)
        row.key, row.component = str(one.variable), one.variable.component
        row.evse, row.connector = one.variable.evse, one.variable.connector
        row.type, row.value, row.severity, row.transaction = one.type, one.value, one.severity, one.transaction
        row.updated_at, row.report = at, report
        row.kind = kind or row.kind
        if row.pk:
            rows.append(row)
        elif room[station] > 0:
            room[station] -= 1
            new.append(row)
        elif report:
            report.left_out += 1
    fields = ["key", "component", "evse", "connector", "type", "value", "severity", "transaction", "updated_at", "report", "kind"]
    DeviceMonitor.objects.bulk_update(rows, fields, batch_size=200)
    DeviceMonitor.objects.bulk_create(new)
