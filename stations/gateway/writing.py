"""Writing what a batch has come to (`Book`), inside the ledger's transaction: `transactions` before the answers are made, `rest` after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stations import file_progress, plausible
from stations.gateway import added_up, begins, bulk, courses, endless, late, meters, periods, swapped, unmatched
from stations.gateway.doors import STATUS_FIELDS
from stations.gateway.entries import Known, OpenTransaction
from stations.models import (
    Availability,
    AvailabilityChange,
    CardOffer,
    Connector,
    Correction,
    Deviation,
    Frame,
    MeterSample,
    SecurityEvent,
    SignedMeterValue,
    Station,
    StatusChange,
    Transaction,
)
from stations.ocpp import events
from stations.plausible import effective

if TYPE_CHECKING:
    from stations.gateway.book import Book

FRAME_FIELDS = ("station", "at", "direction", "action", "call", "answer", "answered_at", "failed")
STATUS_CHANGE_FIELDS = ("connector", "at", "received_at", "status", "error_code", "vendor_error_code", "info")
CARD_OFFER_FIELDS = (
    "station", "connector_number", "at", "id_tag", "holder", "verdict", "reason", "action", "settlement", "pass_key", "token_key", "steps",
    "id_type", "additional",
)  # fmt: skip
CLOSING_FIELDS = (
    "ended_at", "reported_end", "end_received_at", "meter_stop", "stop_reason", "stop_id_tag", "problems",
    "reviewed_at", "closed_by_hand", "void", "meter_last",
)  # fmt: skip
MOST_AT_ONCE = 5000  # ids in one question
_FELL = frozenset({str(Transaction.Problem.NEGATIVE), str(Transaction.Problem.METER_FELL)})
_TRANSACTION_COLUMNS = [field.attname for field in Transaction._meta.concrete_fields]


def transactions(book: Book) -> None:
    """Starts get their ids, which their answers carry; stops are closed."""
    added_up.ends(book)
    courses.mend_ends(book)
    book.of_transactions.write_rows()
    if book.new:
        for (row, entry), pk in zip(book.new, _keys(book), strict=True):
            row.pk, row.transaction_id = pk, str(pk)
            book.opened.append((entry.state, row.transaction_id, OpenTransaction(pk, row.connector_id, row.meter_start, row.meter_start)))
        insert([row for row, _entry in book.new])
    if book.leaps:
        begins.judge_leaps(book)
    for known, event, entry in book.stopped.values():
        ended = effective(event.at.at, entry.at)
        problems = {*known.problems, *(str(p) for p in book.problems.pop(known.pk, ()))}
        clock_wrong = plausible.clock_wrong(event.at.at, entry.at, exact=event.at.exact)
        # A station without a clock: our time of the report is the best there is.
        ended = ended or entry.at
        clock_wrong = clock_wrong or plausible.too_long(known.started_at, ended, known.start_received_at, entry.at)
        problems |= plausible.at_the_end(
            started=known.started_at, ended=ended, meter_start=known.meter_start, meter_last=known.meter_last,
            meter_stop=event.meter_stop, power=known.power, clock_wrong=clock_wrong or Transaction.Problem.CLOCK in known.problems,
        )  # fmt: skip
        if begins.doubtful(known, event, entry, problems):
            problems.add(str(Transaction.Problem.OTHER_START))
        if problems & _FELL - set(known.problems):
            book.manners.note(known.station_id, Deviation.Kind.METER, entry.action, "", entry.at)
        if known.closed_by_hand:
            # It has ended, after all, and there; a decision that nothing is settled was made without knowing that.
            problems -= {str(Transaction.Problem.NOT_ENDED), str(Transaction.Problem.BEYOND_END)}
            problems |= {str(Transaction.Problem.AFTER_DECISION)} if known.void else set()
            book.corrections.append(_reported_after_all(known, event, ended, entry.at))
        # What somebody has decided stands as long as nothing new is wrong.
        reviewed = known.reviewed_at if problems <= set(known.problems) and not known.closed_by_hand else None
        book.closing.append((
            known.pk, ended, event.at.text, entry.at, event.meter_stop, event.reason, event.id_tag, sorted(problems), reviewed, False,
            known.void and not known.closed_by_hand, known.meter_last,
        ))  # fmt: skip


def _keys(book: Book) -> list[int]:
    """For the new ones (1.6), in whose stations the key is the id of the transaction too: a station that has spoken 2.0.1 before may have
    used the same for a charge of its own."""
    stations, wanted, spare = {row.station_id for row, _entry in book.new}, len(book.new), 0
    while True:
        keys = bulk.next_keys(Transaction, wanted + spare)
        ids, taken = [str(key) for key in keys], set[str]()
        for since in range(0, len(ids), MOST_AT_ONCE):
            used = Transaction.objects.filter(station__in=stations, transaction_id__in=ids[since : since + MOST_AT_ONCE]).order_by()
            taken |= {*used.values_list("transaction_id", flat=True)}
        free = [key for key in keys if str(key) not in taken]
        if len(free) >= wanted:
            return free[:wanted]
        spare = 2 * (spare + wanted - len(free))


def insert(rows: Sequence[Transaction]) -> None:
    """Transactions that have their keys already."""
    bulk.insert(Transaction, _TRANSACTION_COLUMNS, [[getattr(row, column) for column in _TRANSACTION_COLUMNS] for row in rows])


def rest(book: Book) -> None:
    bulk.insert(Frame, FRAME_FIELDS, book.frames)
    samples = book.series.rows()
    with bulk.together():
        bulk.insert_missing(MeterSample, ("series", "at", "value"), samples)
        book.of_transactions.write_everyday()
        _everyday(book)
    resting = [pk for pk, row in book.status_rows.items() if row[0] == Connector.Status.UNAVAILABLE]
    if resting:
        _resting(book, resting)
    if book.signed:
        SignedMeterValue.objects.bulk_create(book.signed)
    if book.security:
        SecurityEvent.objects.bulk_create(book.security)
    periods.was_silent(book.silences)
    if book.reports:
        file_progress.reported(book.reports)
    if book.given_up:
        endless.close(book)
    if book.mended or book.beyond:
        late.write(book)
    if book.corrections:
        Correction.objects.bulk_create(book.corrections)
    meters.counted_twice(book)
    swapped.flag(book)
    if book.problems:
        _problems(book)
    if book.unmatched:
        unmatched.write(book.unmatched)
    meters.gaps(book)
    book.manners.write()


def _resting(book: Book, connectors: list[int]) -> None:
    """What was to be out of service after its transaction is so now."""
    scheduled = Connector.objects.filter(pk__in=connectors, availability=Availability.SCHEDULED)
    AvailabilityChange.objects.bulk_create(
        [
            AvailabilityChange(connector_id=pk, at=book.status_rows[pk][-1], availability=Availability.INOPERATIVE)
            for pk in scheduled.values_list("pk", flat=True)
        ]
    )
    scheduled.update(availability=Availability.INOPERATIVE)


def _everyday(book: Book) -> None:
    """What nearly every batch has; nothing is read."""
    bulk.update(Transaction, CLOSING_FIELDS, book.closing)
    bulk.update(
        Transaction, ("meter_last",), [(running.pk, meter) for running, meter in book.meters.items() if running.pk not in book.stopped]
    )
    bulk.insert_missing(StatusChange, STATUS_CHANGE_FIELDS, book.changes)
    bulk.insert_missing(CardOffer, CARD_OFFER_FIELDS, book.offers)
    bulk.update(Connector, (*STATUS_FIELDS, "status_at"), [(pk, *row) for pk, row in book.status_rows.items()])
    for names, rows in _alike(book.live).items():
        bulk.update(Connector, names, rows)
    bulk.update(Station, ("last_message_at",), [(state.station_id, at) for state, at in book.heard.items()])
    if book.boots:
        names = tuple(next(iter(book.boots.values()))[0])
        bulk.update(Station, (*names, "booted_at"), [(pk, *fields.values(), at) for pk, (fields, at) in book.boots.items()])
    for names, rows in _alike(book.notes).items():
        bulk.update(Station, names, rows)


def _problems(book: Book) -> None:
    rows, again = [], []
    found = Transaction.objects.filter(pk__in=book.problems)
    for pk, known, by_hand in found.values_list("pk", "problems", "closed_by_hand"):
        added = {str(problem) for problem in book.problems[pk]}
        if by_hand:  # closed here: what comes of it now is its end, or that it went on
            added &= {str(Transaction.Problem.BEYOND_END)}
            again += [(pk, None)] if added else []
        both = sorted({*known, *added})
        if both != known:
            rows.append((pk, both))
    bulk.update(Transaction, ("problems",), rows)
    bulk.update(Transaction, ("reviewed_at",), again)
    bulk.update(Transaction, ("meter_last",), list(book.late.items()))


def _reported_after_all(known: Known, event: events.Ended, ended: datetime, at: datetime) -> Correction:
    """What somebody had put in for the end, and what the station says of it now."""

    def told(ended: datetime | None, meter: int | None, reason: str) -> dict[str, Any]:
        return {"ended_at": ended.isoformat() if ended else None, "meter_stop": meter, "stop_reason": reason}

    was, now = told(known.ended_at, known.meter_stop, known.stop_reason), told(ended, event.meter_stop, event.reason)
    if known.void:
        was, now = was | {"void": True}, now | {"void": False}
    return Correction(transaction_id=known.pk, kind=Correction.Kind.REPORTED, at=at, before=was, after=now)


def _alike(rows: dict[int, dict[str, Any]]) -> dict[tuple[str, ...], list[tuple[Any, ...]]]:
    """Rows grouped by the fields they set, so that each group is one statement."""
    groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for pk, fields in rows.items():
        groups.setdefault(tuple(fields), []).append((pk, *fields.values()))
    return groups
