"""A transaction that has the station's own id (OCPP 2.0.1) while a batch is booked: how far it is, and what is still to be known of it.

What the batch then writes and remembers of it is up to `stations.gateway.reports`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q
from django.db.models.functions import Coalesce

from stations import hooks
from stations.gateway.entries import ConnectorState, Known, OpenTransaction, Received, StationState
from stations.models import Connector, Transaction
from stations.ocpp import registers
from stations.ocpp.events import ENDED, STARTED, UPDATED, TransactionReport
from stations.plausible import at_the_end, too_long

if TYPE_CHECKING:
    from stations.gateway.book import Book
    from stations.gateway.reports import Reports

MOST_MISSING = 100  # numbers of reports that are remembered as missing
LARGEST_NUMBER = 2**31 - 1
NO_AUTHORIZATION = "NoAuthorization"  # type of a token that is none: the station lets everybody charge
STOP_AUTHORIZED = "StopAuthorized"
MEANWHILE = frozenset({"MeterValuePeriodic", "MeterValueClock"})  # triggers that tell nothing of what has just changed

Key = tuple[int, str]  # station, transaction id

Problem = Transaction.Problem
Status = Connector.Status

# What the car does -> the status of its connector, which 2.0.1 calls "Occupied" in all of these
STATUS_OF = {
    "EVConnected": Status.PREPARING,
    "Charging": Status.CHARGING,
    "SuspendedEV": Status.SUSPENDED_EV,
    "SuspendedEVSE": Status.SUSPENDED_EVSE,
}
IN_USE = frozenset({*STATUS_OF.values(), Status.FINISHING})
NOT_YET = frozenset({"EVConnected", "Idle"})  # no energy flows, and it is known that none flows
CHARGED = frozenset({"Charging", "SuspendedEV"})  # it flows, or has flowed


class Course:
    """A transaction while a batch is booked. `row` is None where nothing but its state and its values change."""

    __slots__ = (
        "begun", "changed", "charged", "charging", "entry", "last", "missing", "new", "over", "places", "row", "running", "seen", "states",
    )  # fmt: skip

    def __init__(self, running: OpenTransaction, row: Transaction | None, *, new: bool = False) -> None:
        self.running, self.row, self.new = running, row, new
        self.last, self.missing, self.charging = running.last_report, list(running.missing), running.charging
        if row is not None:
            self.last, self.missing, self.charging = row.last_report, list(row.missing_reports), row.charging_state
            if not new and row.last_report is None and row.meter_last is None:  # begun in another version
                row.meter_last = row.meter_start
        self.over = row is not None and row.ended_at is not None
        self.changed = False
        self.begun, self.charged = running.begun, running.charged
        self.places = running.places
        self.entry: Received | None = None  # the latest that came after its end
        self.seen = running.reported_at
        self.states: set[StationState] = set()

    @property
    def connector_pk(self) -> int:
        return self.row.connector_id if self.row is not None else self.running.connector_pk

    def count(self, report: TransactionReport) -> tuple[bool, bool]:
        """Enter the report's number: whether it was had before, and whether later ones were."""
        number, last = report.number, self.last
        if not 0 <= number <= LARGEST_NUMBER:
            return False, False
        if last is not None and number <= last:
            if number not in self.missing:
                return True, number < last
            self.missing.remove(number)
            self.changed = True
            return False, True
        if last is not None or report.kind != STARTED:
            since = 0 if last is None else last + 1
            self.missing = [*self.missing, *range(max(since, number - MOST_MISSING), number)][-MOST_MISSING:]
        self.last, self.changed = number, True
        return False, False

    def is_news(self, report: TransactionReport) -> bool:
        """Whether it is of a later time than all that came since the station is connected, as far as its clock can be believed."""
        return report.kind == UPDATED and self.seen is not None and report.at.at is not None and report.at.at > self.seen

    def see(self, report: TransactionReport) -> None:
        if report.at.at is not None and (self.seen is None or report.at.at > self.seen):
            self.seen = report.at.at


def open_of(row: Transaction) -> OpenTransaction:
    """As the memory of a station has it."""
    found = OpenTransaction(row.pk, row.connector_id, row.meter_last if row.meter_last is not None else row.meter_start)
    found.follow(row.id_tag, row.verdict, row.charging_state, row.last_report, row.missing_reports)
    found.metered = row.meter_last is not None
    return found


def everyday(report: TransactionReport, running: OpenTransaction, state: StationState) -> bool:
    """Whether it says nothing of a running transaction that must be looked up."""
    if report.kind != UPDATED or report.id_type == NO_AUTHORIZATION or report.transaction_id in state.reused:
        return False
    if report.number in running.missing and report.samples:  # it may tell how the transaction began
        return False
    if card(report) and (report.id_tag != running.card or running.verdict != "Accepted"):
        return False
    if report.remote_start is not None or report.trigger == STOP_AUTHORIZED:
        return False
    if report.connector is not None:
        said = state.connectors.get(report.connector)
        if said is None or said.pk != running.connector_pk:
            return False
    if any(channel.context == registers.BEGIN for _at, channel, _value in report.samples):
        return False
    return running.metered or registers.first(report.samples) is None


def charging_at(reports: Reports, state: StationState, connector: ConnectorState) -> str:
    """What the car at this connector does, as far as a running transaction tells; empty where none does."""
    for key, course in reports.courses.items():
        if key[0] == state.station_id and not course.over and course.connector_pk == connector.pk:
            return course.charging
    keys = {key for station, key in reports.courses if station == state.station_id}
    return next((one.charging for key, one in state.open.items() if one.connector_pk == connector.pk and key not in keys), "")


def card(report: TransactionReport) -> str:
    """Empty where none was held to the station."""
    return "" if report.id_type == NO_AUTHORIZATION else report.id_tag


def flag(row: Transaction, problem: Problem) -> None:
    row.problems = sorted({*row.problems, str(problem)})


def settle(row: Transaction, id_tag: str, verdict: hooks.Verdict) -> None:
    """What was decided on the card that charges."""
    row.id_tag, row.verdict, row.settlement = id_tag, verdict.status, verdict.settlement
    row.pass_key, row.token_key = verdict.pass_key, verdict.token_key


def not_yet(course: Course, before: str) -> bool:
    """Whether no energy has flowed by the states that were told, of which `before` is the last: until somebody may charge, a station may
    say of a car that has come that it is the one that waits (SuspendedEVSE)."""
    return before in NOT_YET or (before == Status.SUSPENDED_EVSE and not course.charged)


def begins_now(report: TransactionReport, course: Course, before: str) -> bool:
    """Whether no energy has flowed when this report was made; `before` is the state that was told before it."""
    return not_yet(course, before) and not (report.charging in CHARGED and report.trigger in MEANWHILE)


def nothing_flowed(report: TransactionReport, row: Transaction, course: Course, before: str) -> bool:
    """Whether what ends here has given no energy by the states that were told, of which `before` is the last, and by the meter: the car was
    not to charge, or nothing was reported between its start and its end."""
    stood = row.meter_last is None or not registers.fell(row.meter_last, row.meter_start)
    return stood and not_yet(course, before) and (row.verdict != "Accepted" or (bool(row.reported_start) and report.number <= 1))


def only_end_told(report: TransactionReport) -> bool:
    """Whether what stands in for the meter at the start is the one at the end, while something was reported between."""
    return report.kind == ENDED and report.number > 1 and len(registers.readings(report.samples)) == 1


def judged_again(known: Known) -> list[str]:
    """The problems of a transaction that had ended before its start was known."""
    assert known.ended_at is not None
    kept = set(known.problems) - {str(Problem.TOO_MUCH), str(Problem.NEGATIVE), str(Problem.ENDS_BEFORE_START)}
    return sorted(kept | at_the_end(
        started=known.started_at, ended=known.ended_at, meter_start=known.meter_start, meter_last=known.meter_last,
        meter_stop=known.meter_stop if known.meter_stop is not None else known.meter_start, power=known.power,
        clock_wrong=Problem.CLOCK in known.problems or too_long(
            known.started_at, known.ended_at, known.start_received_at, known.end_received_at or known.ended_at
        ),
    ))  # fmt: skip


class Stretch(NamedTuple):
    """What a transaction has taken of the meter of its connector (Wh)."""

    connector_pk: int
    pk: int
    start: int
    stop: int
    ended_at: datetime | None

    def overlaps(self, other: Stretch) -> bool:
        """Where `other` goes on and began later it may come to anything."""
        apart = other.stop <= self.start + registers.ROUNDED and (other.ended_at is not None or other.pk < self.pk)
        return other.connector_pk == self.connector_pk and other.pk != self.pk and other.start < self.stop - registers.ROUNDED and not apart


def overlapping(ends: Sequence[Stretch], known: Sequence[Stretch]) -> set[int]:
    """Of what ends after another began at its connector, that which the meter does not tell apart: the same energy would be settled
    twice. Where it does, the end only came late. `known` has what is not written yet."""
    slack, spans = registers.ROUNDED, Q()
    ends = [one for one in ends if one.start]  # from 0 every charge is counted by itself
    for one in ends:
        reaches = Q(stands__gt=one.start + slack) | Q(ended_at=None, pk__gt=one.pk)
        spans |= Q(reaches, connector=one.connector_pk, meter_start__lt=one.stop - slack) & ~Q(pk=one.pk)
    if not spans:
        return set()
    others = Transaction.objects.annotate(stands=Coalesce("meter_stop", "meter_last", "meter_start")).filter(spans).order_by()
    others = others.exclude(pk__in=[one.pk for one in known])
    found = [*known, *(Stretch(*values) for values in others.values_list("connector_id", "pk", "meter_start", "stands", "ended_at"))]
    return {one.pk for one in ends if any(one.overlaps(other) for other in found)}


def flag_overlapping(reports: Reports) -> None:
    """Among what has the station's own id; as `overlapping`."""
    ended = {}
    for key, (_report, entry, meter) in reports.ended.items():
        row = reports.courses[key].row
        assert row is not None
        ended[key] = Stretch(row.connector_id, row.pk, row.meter_start, meter, entry.at)
    for pk in overlapping([ended[key] for key in reports.unended], list(ended.values())):
        reports.book_of_all.problems.setdefault(pk, set()).add(Problem.NOT_ENDED)


def mend_ends(book: Book) -> None:
    """Of what the portal numbers (1.6): its own end came after another had begun, and the meter tells the two apart."""
    stopped = book.stopped.values()
    ended = [Stretch(known.connector_id, known.pk, known.meter_start, event.meter_stop, entry.at) for known, event, entry in stopped]
    late = [one for one in ended if Problem.NOT_ENDED in {*book.stopped[one.pk][0].problems, *book.problems.get(one.pk, ())}]
    unclear = overlapping(late, ended)
    for pk in [one.pk for one in late if one.pk not in unclear]:
        known, event, entry = book.stopped[pk]
        book.problems.get(pk, set()).discard(Problem.NOT_ENDED)
        book.stopped[pk] = (known._replace(problems=[one for one in known.problems if one != Problem.NOT_ENDED]), event, entry)


def as_first_told(
    reports: list[tuple[Received, TransactionReport]], whole: dict[Key, Received], found: Sequence[Transaction]
) -> list[tuple[Received, TransactionReport]]:
    """Reports of what is over, with the ids as these were told first, for capitals do not matter in them; those in `whole` are changed
    likewise."""
    known = {(row.station_id, row.transaction_id) for row in found}
    folded = {(station, told.casefold()): (station, told) for station, told in whole.keys() - known}
    other = {folded[key[0], key[1].casefold()]: key for key in known if (key[0], key[1].casefold()) in folded}
    if not other:
        return reports
    for told, first in other.items():
        whole[first] = whole.pop(told)
    said = []
    for entry, report in reports:
        if first_told := other.get((entry.state.station_id, report.transaction_id)):
            report = entry.event = report._replace(transaction_id=first_told[1])
        said.append((entry, report))
    return said


def costs(reports: Reports) -> dict[Received, float]:
    """What those that have ended cost, by their last report; nothing where nobody says so."""
    if hooks.total_costs is None or not reports.ended:
        return {}
    closing = {values[0]: values for values in reports.book_of_all.closing}
    last = {}
    for key, (_report, entry, meter) in reports.ended.items():
        row = reports.courses[key].row
        if row is not None and row.pk in closing:
            row.ended_at, row.meter_stop = closing[row.pk][1], meter
            last[entry] = row
    found = hooks.total_costs(list(last.values()))
    return {entry: found[row.pk] for entry, row in last.items() if row.pk in found}
