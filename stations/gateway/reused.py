"""A charge with the id of another (OCPP 2.0.1): many stations count again from the beginning once they have lost their power.

Nothing of it is put on the charge that is booked under the id. Its begin and its end are kept for people; the connector shows what goes on.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from stations.gateway import cards
from stations.gateway.courses import STATUS_OF, Course, card
from stations.gateway.entries import Received, StationState
from stations.gateway.starts import START_AGAIN
from stations.models import Connector, Deviation, Transaction, UnmatchedMessage
from stations.ocpp import numbering, reading, registers
from stations.ocpp.events import ENDED, STARTED, UPDATED, TransactionReport
from stations.ocpp.replies import Judged
from stations.plausible import LONGEST, effective

if TYPE_CHECKING:
    from stations.gateway.reports import Reports

MOST = 1000  # ids of a station that are remembered

Problem = Transaction.Problem


def of_another(reports: Reports, entry: Received, report: TransactionReport, row: Transaction, course: Course) -> bool:
    """Whether it is of a charge that has the id of the one of `row`, which is over or goes on."""
    at, key = effective(report.at.at, entry.at) or entry.at, (entry.state, row.transaction_id)
    since = reports.reused.get(key, entry.state.reused.get(row.transaction_id))
    if report.kind == STARTED:
        if not (_begins_after(reports, report, row) if course.over else _begins_beside(reports, entry, report, row, course)):
            return False
        reports.reused[key] = at if since is None else min(at, since)
        if not course.over:
            reports.book_of_all.problems.setdefault(row.pk, set()).add(Problem.NOT_ENDED)
        return True
    if since is None or at < since:
        return False
    over = reports.ended_at(row) if course.over and not row.closed_by_hand else None
    return over is None or (report.at.at is not None and report.at.at > over)


def _begins_after(reports: Reports, report: TransactionReport, row: Transaction) -> bool:
    """Whether this start has the id of a charge that is over, and is not its own."""
    if row.reported_start:
        return report.at.text != row.reported_start
    over = reports.ended_at(row)
    return report.at.at is not None and over is not None and report.at.at > over and not row.closed_by_hand


def _begins_beside(reports: Reports, entry: Received, report: TransactionReport, row: Transaction, course: Course) -> bool:
    """Whether this start has the id of a charge that goes on, and is not its own: its own, said once more with a clock put right, names
    the same place, card and meter."""
    at = effective(report.at.at, entry.at)
    if report.at.text == row.reported_start or at == row.started_at:
        return False
    if not row.reported_start and (at is None or at <= row.started_at + START_AGAIN):  # its own comes late, and tells of before
        return False
    place, number = reports.connector_of(course, entry).number, report.connector
    if place and number is not None and numbering.possible(number) and numbering.evse_of(number) != numbering.evse_of(place):
        return True
    if card(report) and row.id_tag and card(report).casefold() != row.id_tag.casefold():
        return True
    told = registers.first(report.samples)
    if told is not None and Problem.NO_START_METER not in row.problems:
        if abs(told - row.meter_start) > registers.ROUNDED + registers.exactness(report.samples):
            return True
        meter = max(row.meter_last or 0, course.running.meter)
        if row.meter_start or meter <= row.meter_start + registers.ROUNDED:  # from 0 every charge may be counted
            return False
    return at is not None and Problem.CLOCK not in row.problems and abs(at - row.started_at) > START_AGAIN


def keep(reports: Reports, entry: Received, report: TransactionReport, row: Transaction, course: Course) -> Judged:
    """What is answered to it."""
    book = reports.book_of_all
    if report.kind != UPDATED:
        book.keep_unmatched(entry, row.transaction_id, kind=Deviation.Kind.REUSED_ID)
    number = report.connector
    connector = book.connector(entry.state, number) if number is not None and numbering.possible(number) else None
    connector = connector or reports.connector_of(course, entry)
    book.measure(entry, connector, None, report.samples, report.signed, None, live=not report.offline)
    status = str(Connector.Status.FINISHING) if report.kind == ENDED else STATUS_OF.get(report.charging)
    reports.show(entry, report, connector, status)
    return Judged(cards.said(book.verdicts[entry])) if entry in book.verdicts else reports.say(entry, report, row)


def remember(state: StationState, transaction_id: str, since: datetime) -> None:
    state.reused[transaction_id] = since
    while len(state.reused) > MOST:
        del state.reused[next(iter(state.reused))]


def recall(states: dict[int, StationState]) -> None:
    """What is kept of such charges, for stations that connect anew."""
    kept = UnmatchedMessage.objects.filter(station__in=states, key__startswith=UnmatchedMessage.BEGINS).exclude(transaction_id="")
    kept = kept.filter(last_at__gt=timezone.now() - LONGEST).exclude(key=UnmatchedMessage.TOO_MANY).order_by("-first_at")
    for station, transaction_id, payload, received in kept.values_list("station", "transaction_id", "payload", "first_at"):
        text = payload.get("timestamp")
        at = effective(reading.reported(text).at, received) if isinstance(text, str) else None
        before = states[station].reused.get(transaction_id)
        remember(states[station], transaction_id, min(at or received, before or received))
