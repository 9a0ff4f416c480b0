"""What a station tells of a charge that is over: one rule for every version of OCPP.

What was measured before the end cannot be more than the end. Where the station did not tell the meter there it is the end; else the two
contradict each other, which people decide on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from stations.gateway import added_up, bulk, courses
from stations.gateway.entries import KNOWN_FIELDS, ConnectorState, Known, OpenTransaction, Received
from stations.models import Deviation, Transaction
from stations.ocpp import numbering, registers
from stations.ocpp.events import Ended, Sample, TransactionReport
from stations.plausible import effective

if TYPE_CHECKING:
    from stations.gateway.book import Book
    from stations.gateway.courses import Course
    from stations.gateway.reports import Reports

Problem = Transaction.Problem


def mended(told: int, stands: int, last: int | None, problems: Collection[str]) -> tuple[int, int | None]:
    """The meter at the end, and by the last value, once a register (Wh) from before that end is known."""
    stop = max(stands, told) if Problem.NO_END_METER in problems and Problem.ADDED_UP not in problems else stands
    return stop, max(told, last or 0) if registers.fell(told, stands) else last


def ends(book: Book, known: Known, running: OpenTransaction | None, event: Ended) -> Known:
    """With the highest register that is known of it: by the same batch, and by what the end itself brings along."""
    before = None if running in book.lowered else known.meter_last
    told = (before, book.meters.get(running) if running else None, registers.above(event.samples, event.meter_stop))
    return known._replace(meter_last=max((one for one in told if one is not None), default=None))


def measured(book: Book, row: Known | Transaction, samples: Sequence[Sample], entry: Received) -> None:
    """Values of one that is over, as they come."""
    if row.closed_by_hand:
        _beyond(book, row, samples)
    elif isinstance(row, Known) and row.reviewed_at is None:
        over = _over(book, row)
        _before_the_end(book, book.mended.get(row.pk, row), [one for one in samples if over and one.at and one.at <= over])
        _after_the_end(book, row, [one for one in samples if over and not (one.at and one.at <= over)], entry)


def mend_end(reports: Reports, report: TransactionReport, row: Transaction, course: Course) -> None:
    """A report of what has the station's own id (2.0.1), that came after the end: whenever it was measured, it is of this charge."""
    key = (row.station_id, row.transaction_id)
    meter, over, at = registers.last(report.samples), reports.ended_at(row), report.at.at
    stands = reports.ended[key][2] if key in reports.ended else row.meter_stop
    if meter is None or stands is None or over is None or row.closed_by_hand or row.reviewed_at:
        return
    if registers.above(report.samples, stands) is None:
        meter = min(meter, stands)
    stop, last = mended(meter, stands, row.meter_last, row.problems)
    if Problem.NO_END_METER in row.problems and Problem.ADDED_UP not in row.problems:
        reports.mended.add(key)
        if course.last is not None and course.last - 1 not in course.missing and at and abs(over - at) <= added_up.LATE:
            row.problems = [one for one in row.problems if one != Problem.NO_END_METER]
    if (stop, last) != (stands, row.meter_last):
        reports.mended.add(key)
        row.meter_stop, row.meter_last = stop, last
        if key in reports.ended:
            reports.ended[key] = (*reports.ended[key][:2], stop)


def _over(book: Book, known: Known) -> datetime | None:
    if known.pk in book.stopped:
        _known, event, entry = book.stopped[known.pk]
        return effective(event.at.at, entry.at) or entry.at
    return known.ended_at


def of_the_last(book: Book, entry: Received, connector: ConnectorState, samples: Sequence[Sample]) -> bool:
    """Whether all of these values of an EVSE, which name no charge (2.0.1), are of the last one that has ended there: they were measured
    before its end, or say that they are of it."""
    if not connector.number or not (entry.state.over or book.of_transactions.ended):
        return False
    places = [place for number in numbering.of_same_evse(connector.number) if (place := book.connector(entry.state, number))]
    found = (book.of_transactions.last_over(entry.state, place.pk) for place in places)
    over = max((one for one in found if one is not None), key=lambda one: one.at, default=None)
    if over is None:
        return False
    until = {registers.END: over.at + added_up.LATE}
    mine = [one for one in samples if (at := effective(one.at, entry.at)) and at <= until.get(one.channel.context, over.at)]
    if (told := registers.above(mine, over.meter)) is not None:
        book.beyond[over.pk] = (max(told, book.beyond.get(over.pk, (told,))[0]), over.metered)
    return len(mine) == len(samples)


def _before_the_end(book: Book, known: Known, samples: Sequence[Sample]) -> None:
    stands, problems = known.meter_stop, {*known.problems}
    stopped: tuple[Known, Ended, Received] | None = book.stopped.get(known.pk)
    if stopped is not None:
        known, event, entry = stopped
        stands = event.meter_stop
        problems |= book.problems.get(known.pk, set())
    told = registers.highest(samples)
    if told is None or stands is None:
        return
    stop, last = mended(told, stands, known.meter_last, problems)
    if stopped is not None:
        book.stopped[known.pk] = (known._replace(meter_last=last), event._replace(meter_stop=stop), entry)
    elif (stop, last) != (stands, known.meter_last):
        book.mended[known.pk] = known._replace(meter_stop=stop, meter_last=last)


def _after_the_end(book: Book, known: Known, samples: Sequence[Sample], entry: Received) -> None:
    """What says more than was booked waits for people, unless another charge has begun there since, of which it may be."""
    stands = book.stopped[known.pk][1].meter_stop if known.pk in book.stopped else book.mended.get(known.pk, known).meter_stop
    told = registers.above(samples, stands) if stands is not None else None
    if told is None:
        return
    book.manners.note(known.station_id, Deviation.Kind.AFTER_END, entry.action, f"{told} Wh > {stands} Wh", entry.at)
    begun = any(row.connector_id == known.connector_id for row, _entry in book.new)
    if not begun and not Transaction.objects.filter(connector=known.connector_id, pk__gt=known.pk).exists():
        book.problems.setdefault(known.pk, set()).add(Problem.BEYOND_END)
        book.changed.add(known.station_id)


def _beyond(book: Book, row: Known | Transaction, samples: Sequence[Sample]) -> None:
    """Of what somebody has closed by hand: where the meter goes on beyond the end that was put in, it is looked at again."""
    meter = registers.above(samples, max(row.meter_stop or 0, row.meter_start))
    if meter is None:
        return
    last = book.late.get(row.pk, row.meter_last or 0)
    if meter > last or Problem.BEYOND_END not in row.problems:
        book.late[row.pk] = max(meter, last)
        book.problems.setdefault(row.pk, set()).add(Problem.BEYOND_END)


def write(book: Book) -> None:
    """What came after the ends of other batches, or is only now known to be of what ended."""
    for known in Transaction.objects.filter(pk__in=book.beyond).order_by().values_list(*KNOWN_FIELDS) if book.beyond else ():
        one = book.mended.get(known[0]) or Known(*known)
        if one.meter_stop is not None and one.reviewed_at is None and not one.closed_by_hand:
            meter, metered = book.beyond[one.pk]
            stop, last = mended(meter, one.meter_stop, one.meter_last, one.problems)
            if not metered and one.meter_last is not None and Problem.ADDED_UP not in one.problems:
                stop = max(stop, meter)  # the end itself told none
            book.mended[one.pk] = one._replace(meter_stop=stop, meter_last=last)
    rows = [(one.pk, one.meter_stop, one.meter_last, courses.judged_again(one)) for one in book.mended.values()]
    bulk.update(Transaction, ("meter_stop", "meter_last", "problems"), rows)
    book.changed |= {one.station_id for one in book.mended.values()}
