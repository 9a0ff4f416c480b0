"""Who comes in and who has left: authentication of sockets, generations, the knocking list. Called by the ledger, in its transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from stations import certificates, credentials, security_changes
from stations.gateway import bulk, periods, reused
from stations.gateway.deviations import Notebook
from stations.gateway.entries import Attached, Connect, ConnectorState, Disconnect, Entry, OpenTransaction, Over, Refused, StationState
from stations.models import Connector, Knock, SecurityProfile, Station, Transaction

MAX_KNOCKS = 500
LATELY = timedelta(hours=12)  # of charges that began and ended since then the last at each connector is remembered (2.0.1)
OPEN_FIELDS = (
    "pk", "station_id", "transaction_id", "connector_id", "meter_start", "meter_last", "id_tag", "verdict", "charging_state", "last_report",
    "missing_reports",
)  # fmt: skip
OVER_FIELDS = ("pk", "station_id", "connector_id", "ended_at", "meter_stop", "problems")
STATUS_FIELDS = ("status", "error_code", "vendor_error_code", "info", "vendor_id")


def connect(entries: Sequence[Connect], changed: set[int], manners: Notebook) -> list[tuple[Entry, Attached | Refused]]:
    """Grant or refuse upgrades. The same work is done for an unknown identity as for a wrong password."""
    if not entries:
        return []
    stations = {station.identity: station for station in Station.objects.filter(identity__in={entry.identity for entry in entries})}
    changes = security_changes.open_changes(stations.values())
    shown = [entry.certificate for entry in entries if entry.certificate]
    trust = certificates.trust(shown) if shown else None
    generations: dict[int, int] = {}
    granted: dict[int, Granted] = {}
    refused: list[tuple[Connect, str]] = []
    outcomes: list[tuple[Entry, tuple[int, int] | Refused]] = []
    for entry in entries:
        station = stations.get(entry.identity)
        known = [credentials.NOBODY]
        if station is not None:
            known = [station.password_digest, *(change.password_digest for change in changes.get(station.pk, ()))]
        right = any(credentials.matches(entry.digest, digest) for digest in known)
        fault = trust.verdict(entry.certificate, entry.identity, entry.at) if trust and entry.certificate else Knock.Reason.NO_CERTIFICATE
        profile = _profile(entry, right, fault)
        if station is None or (reason := _refusal(station, entry, right, fault, profile)):
            refused.append((entry, Knock.Reason.UNKNOWN if station is None else reason))
            outcomes.append((entry, Refused()))
            continue
        generation = generations[station.pk] = generations.get(station.pk, station.generation) + 1
        granted[station.pk] = Granted(entry, generation, profile)
        outcomes.append((entry, (station.pk, generation)))
    memory = states(granted)
    for pk, one in granted.items():
        before = stations[one.entry.identity]
        memory[pk].clock_wrong, memory[pk].started_before = before.clock_offset is not None, before.booted_at
        manners.connected(pk, before.connected_at, one.entry.at)
    bulk.update(
        Station,
        ("connected", "generation", "gateway", "address", "connected_at", "ocpp_version", "disconnected_at", "last_message_at",
         "first_connected_at", "origin", "connected_profile", "connected_tls", "connected_serial"),
        [
            (pk, True, one.generation, one.entry.gateway, one.entry.address, one.entry.at, one.entry.version, None, one.entry.at,
             stations[one.entry.identity].first_connected_at or one.entry.at, one.entry.origin, one.profile, one.entry.tls,
             certificates.serial_of(one.entry.certificate) if one.entry.certificate and one.profile == SecurityProfile.CERTIFICATE else "")
            for pk, one in granted.items()
        ],
    )  # fmt: skip
    certificates.seen(
        [
            certificates.Shown(pk, one.entry.certificate, one.entry.at)
            for pk, one in granted.items()
            if one.entry.certificate and one.profile == SecurityProfile.CERTIFICATE
        ]
    )
    if changes:
        back = [security_changes.Back(pk, one.entry.at, one.profile, one.entry.digest) for pk, one in granted.items() if pk in changes]
        security_changes.came_back(back, changes)
    periods.begin({pk: (one.entry.at, one.entry.address) for pk, one in granted.items()})
    changed.update(granted)
    if granted:
        Knock.objects.filter(identity__in={one.entry.identity for one in granted.values()}).delete()
    _note_knocks(refused)
    return [(entry, Attached(*outcome, memory[outcome[0]]) if isinstance(outcome, tuple) else outcome) for entry, outcome in outcomes]


class Granted(NamedTuple):
    entry: Connect
    generation: int
    profile: int


def _profile(entry: Connect, right: bool, fault: str) -> int:
    """The security profile by which this one has proven who it is."""
    if entry.tls and not fault:
        return SecurityProfile.CERTIFICATE
    if right:
        return SecurityProfile.TLS if entry.tls else SecurityProfile.PASSWORD
    return SecurityProfile.NONE


def _refusal(station: Station, entry: Connect, right: bool, fault: str, profile: int) -> str:
    """Why this one stays outside, for the operator alone; empty when it comes in."""
    if profile >= station.security_profile:
        return "" if station.active else Knock.Reason.DEACTIVATED
    if not right and (entry.password_given or not entry.certificate) and station.security_profile != SecurityProfile.CERTIFICATE:
        return Knock.Reason.PASSWORD
    return fault if entry.tls else Knock.Reason.NO_TLS


def disconnect(entries: Sequence[Disconnect], changed: set[int]) -> None:
    """Only the newest socket's end is the station's end: the late close of a replaced one changes nothing."""
    if not entries:
        return
    last = {entry.station_id: entry for entry in sorted(entries, key=lambda entry: entry.generation)}
    current = Station.objects.filter(pk__in=last, connected=True).values_list("pk", "generation")
    gone = [(pk, False, last[pk].at) for pk, generation in current if generation == last[pk].generation]
    bulk.update(Station, ("connected", "disconnected_at"), gone)
    periods.end({pk: at for pk, _connected, at in gone})
    changed.update(pk for pk, *_rest in gone)


def states(station_ids: Any) -> dict[int, StationState]:
    """What the ledger needs to remember of stations, in four queries for all."""
    found = {pk: StationState(pk) for pk in station_ids}
    if not found:
        return found
    for pk, station, number, *status in Connector.objects.filter(station__in=found).values_list(
        "pk", "station_id", "number", *STATUS_FIELDS
    ):
        found[station].connectors[number] = ConnectorState(pk, number, tuple(status))
    open_ones = Transaction.objects.filter(station__in=found, ended_at=None).order_by()
    for pk, station, transaction_id, connector, start, last, *more in open_ones.values_list(*OPEN_FIELDS):
        running = found[station].open[transaction_id] = OpenTransaction(pk, connector, start if last is None else last, start)
        running.follow(*more)
        if running.last_report is not None:
            running.session = False
        running.metered = last is not None or running.last_report is None
    lately = timezone.now() - LATELY
    own_ids = Transaction.objects.filter(station__in=found, started_at__gt=lately, last_report__gte=0)
    over = own_ids.filter(ended_at__gt=lately).order_by("ended_at")
    for pk, station, connector, at, meter, problems in over.values_list(*OVER_FIELDS):
        if at is not None and meter is not None:
            found[station].over[connector] = Over(pk, at, meter, Transaction.Problem.NO_END_METER not in problems)
    reused.recall(found)
    return found


def _note_knocks(refused: Sequence[tuple[Connect, str]]) -> None:
    if not refused:
        return
    latest: dict[str, tuple[Connect, str]] = {}
    counts: dict[str, int] = defaultdict(int)
    for entry, reason in refused:
        identity = entry.identity[:48]
        latest[identity] = (entry, reason)
        counts[identity] += 1
    known = {knock.identity: knock for knock in Knock.objects.filter(identity__in=latest)}
    new = []
    for identity, (entry, reason) in latest.items():
        knock = known.get(identity) or Knock(identity=identity, first_at=entry.at, count=0)
        knock.reason, knock.address, knock.last_at, knock.count = reason, entry.address, entry.at, knock.count + counts[identity]
        knock.password_digest = entry.digest if entry.keep_digest else ""
        if identity not in known:
            new.append(knock)
    Knock.objects.bulk_update([known[i] for i in latest if i in known], ["reason", "address", "last_at", "count", "password_digest"])
    Knock.objects.bulk_create(new)
    if new and (excess := Knock.objects.count() - MAX_KNOCKS) > 0:
        Knock.objects.filter(pk__in=list(Knock.objects.order_by("last_at").values_list("pk", flat=True)[:excess])).delete()
