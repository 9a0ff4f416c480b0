"""Reports of transactions that have the station's own id (TransactionEvent of OCPP 2.0.1): what each changes, as the book writes it.

A report may come twice, late, out of order, or not at all, and no kWh is lost: whichever is the first of a transaction makes its row, and
what comes later mends it. A report that tells nothing but values and a state of a transaction that is known to run reads nothing from the
database.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, F

from stations import hooks
from stations.gateway import added_up, begins, bulk, cards, late, meters, reused, writing
from stations.gateway.courses import (
    CHARGED,
    IN_USE,
    NO_AUTHORIZATION,
    NOT_YET,
    STATUS_OF,
    STOP_AUTHORIZED,
    Course,
    Key,
    as_first_told,
    begins_now,
    card,
    everyday,
    flag,
    flag_overlapping,
    judged_again,
    not_yet,
    nothing_flowed,
    only_end_told,
    open_of,
    settle,
)
from stations.gateway.entries import KNOWN_FIELDS, ConnectorState, Known, OpenTransaction, Over, Received, StationState
from stations.models import Connector, Deviation, Transaction
from stations.ocpp import numbering, registers
from stations.ocpp.events import ENDED, STARTED, UPDATED, TransactionReport
from stations.ocpp.replies import Card, Judged
from stations.plausible import clock_wrong, effective

if TYPE_CHECKING:
    from stations.gateway.book import Book

MOST_OPEN, MOST_OPEN_OF_STATION = 20, 500  # transactions that go on at once at a connector, and at a station
MOST_ENDS, ENDS_WITHIN = 1000, timedelta(hours=1)  # of charges of a station of which nothing was heard before their end
LARGEST_START = 2**63 - 1
TO_START, TO_STOP = "StartTransaction", "StopTransaction"  # as CardOffer.action says it of every version
CONNECT_TIMEOUT = "EVConnectTimeout"  # trigger: no car came in time

Kind = Deviation.Kind
Problem = Transaction.Problem
Status = Connector.Status

_ROW_FIELDS = (
    "connector", "id_tag", "stop_id_tag", "verdict", "settlement", "pass_key", "token_key", "started_at", "reported_start",
    "start_received_at", "meter_start", "meter_last", "charging_state", "remote_start", "last_report", "missing_reports", "problems",
)  # fmt: skip
_FOLLOWED_FIELDS = ("charging_state", "last_report", "missing_reports")


class Reports:
    """The reports of one batch. `read` says which cards must be judged first, `book` takes one report, `write_rows` and `write_everyday`
    write, and `remember` is called after the commit."""

    def __init__(self, book: Book) -> None:
        self.book_of_all: Book = weakref.proxy(book)  # no cycle: the collector would stop the process to free every batch
        self.courses: dict[Key, Course] = {}
        self.ended: dict[Key, tuple[TransactionReport, Received, int]] = {}  # with the meter at the end
        self.ended_at_station: dict[int, set[Key]] = defaultdict(set)
        self.begins: dict[Key, tuple[int, float]] = {}  # meters at the start that came after another, and how exact they are (Wh)
        self.mended: set[Key] = set()  # ended before, and now more is known of their start
        self.reused: dict[tuple[StationState, str], datetime] = {}  # since when there is another charge under the id of one
        self.unmetered: set[Key] = set()  # ended without a register of the whole connector after the one at the start
        self.stood: set[Key] = set()  # ended with the meter of the start, as it was told there
        self.untold: set[Key] = set()  # ended without telling the meter there, whatever was told before
        self.unended: set[Key] = set()  # ended after another had begun at their connector
        self.keys: dict[Key, int] = {}  # primary keys of rows to come
        self.uncarded: dict[int, hooks.Verdict] = {}
        self.spellings: dict[Key, str] = {}  # by the id in small letters, as it was told first
        self.unbegun: dict[int, int] = {}  # how many charges the stations have ended lately of which nothing had been heard
        self.charges: set[Received] = set()  # whose card would be the one that charges

    # -- reading ---------------------------------------------------------------------------------------------------------------------

    def read(self, entries: Sequence[Received]) -> list[tuple[Received, str]]:
        """Find the transactions that these reports are of; the cards in them that nobody has judged yet."""
        every = [(entry, self._spelled(entry, entry.event)) for entry in entries if isinstance(entry.event, TransactionReport)]
        reports = [(entry, report) for entry, report in every if report.transaction_id]
        offered = [(entry, report.id_tag) for entry, report in every if card(report) and not report.transaction_id]
        whole: dict[Key, Received] = {}
        for entry, report in reports:
            key = (entry.state.station_id, report.transaction_id)
            running = entry.state.open.get(report.transaction_id)
            if running is None or not everyday(report, running, entry.state):
                whole[key] = entry
        for entry, report in reports:
            key = (entry.state.station_id, report.transaction_id)
            if key not in whole:
                course = self.courses.get(key) or Course(entry.state.open[report.transaction_id], None)
                self.courses[key] = course
                course.states.add(entry.state)
        if not whole:
            return offered
        ids = {spelling for _station, told in whole for spelling in (told, told.lower(), told.upper())}
        found = list(Transaction.objects.filter(station__in={station for station, _told in whole}, transaction_id__in=ids).order_by())
        reports = as_first_told(reports, whole, found)
        for row in found:
            key = (row.station_id, row.transaction_id)
            if key in whole:
                running = whole[key].state.open.get(row.transaction_id)
                self.courses[key] = Course(running if running and running.pk == row.pk else open_of(row), row)
        strangers = [key for key in whole if key not in self.courses]
        self.keys = dict(zip(strangers, bulk.next_keys(Transaction, len(strangers)), strict=True)) if strangers else {}
        self._read_uncarded(reports)
        self._read_unbegun(reports)
        for entry, report in reports:
            key = (entry.state.station_id, report.transaction_id)
            if not card(report) or key not in whole:
                continue
            known = self.courses.get(key)
            settled = known is not None and known.row is not None and known.row.verdict == "Accepted" and report.kind != STARTED
            if known is None or known.row is None or known.row.id_tag != card(report) or not settled:
                offered.append((entry, report.id_tag))
                if report.trigger != STOP_AUTHORIZED and (report.kind != ENDED or known is None or not known.row or not known.row.id_tag):
                    self.charges.add(entry)
        return offered

    def _spelled(self, entry: Received, report: TransactionReport) -> TransactionReport:
        """With the id as the station told it first: capitals do not matter in one (identifierString)."""
        told, state = report.transaction_id, entry.state
        if told in state.open or told.lower() == told.upper():
            return report
        folded = told.casefold()
        before = next((known for known in state.open if known.casefold() == folded), told)
        first = self.spellings.setdefault((state.station_id, folded), before)
        if first != told:
            report = entry.event = report._replace(transaction_id=first)
        return report

    def _read_uncarded(self, reports: Sequence[tuple[Received, TransactionReport]]) -> None:
        """Where a transaction ends for which nobody held a card to the station."""
        stations = set()
        for entry, report in reports:
            course = self.courses.get((entry.state.station_id, report.transaction_id))
            charged = card(report) and report.trigger != STOP_AUTHORIZED
            if report.kind == ENDED and not charged and (course is None or (course.row and not course.row.id_tag)):
                stations.add(entry.state.station_id)
        self.uncarded = cards.without_card(stations)

    def _read_unbegun(self, reports: Sequence[tuple[Received, TransactionReport]]) -> None:
        """Where a transaction ends of which nothing was heard."""
        first: dict[Key, tuple[Received, TransactionReport]] = {}
        for entry, report in reports:
            first.setdefault((entry.state.station_id, report.transaction_id), (entry, report))
        times = {key[0]: entry.at for key, (entry, report) in first.items() if report.kind == ENDED and key not in self.courses}
        if times:
            rows = Transaction.objects.filter(station__in=times, reported_start="", end_received_at=F("start_received_at"))
            lately = rows.filter(start_received_at__gt=min(times.values()) - ENDS_WITHIN).order_by()
            self.unbegun = dict(lately.values_list("station").annotate(Count("pk")))

    # -- one report ------------------------------------------------------------------------------------------------------------------

    def book(self, entry: Received, report: TransactionReport) -> Judged:
        """What is answered to it."""
        book = self.book_of_all
        if not report.transaction_id:
            book.keep_unmatched(entry, "")
            return Judged(cards.said(book.verdicts[entry]) if entry in book.verdicts else None)
        key = (entry.state.station_id, report.transaction_id)
        known = key in self.courses
        if not known:
            begun = self._begin(entry, report)
            ends = report.kind == ENDED
            if self._too_many_ends(entry) if ends else self._too_many(entry, begun):
                book.keep_unmatched(entry, report.transaction_id, kind=Kind.UNKNOWN_TRANSACTION if ends else Kind.NO_END)
                return Judged(cards.said(book.verdicts[entry]) if entry in book.verdicts else None)
            self.courses[key] = begun
        course = self.courses[key]
        course.states.add(entry.state)
        row = course.row
        if known and row is not None and reused.of_another(self, entry, report, row, course):
            return reused.keep(self, entry, report, row, course)
        before_it = course.last
        had, old = course.count(report)
        if had and course.is_news(report):  # its number is wrong: what it tells counts all the same
            had = old = False
            self._note(entry, Kind.NUMBERING)
        course.see(report)
        if row is None:
            self._follow(entry, report, course, old=old, had=had)
            return Judged(Card(course.running.verdict) if card(report) else None)
        if course.over and report.kind == ENDED and not (row.closed_by_hand and key not in self.ended):
            self._contradict(entry, report, row)
            return self.say(entry, report, row)
        if report.kind == STARTED and row.reported_start:
            return self.say(entry, report, row)  # the station did not get our answer the first time
        if report.kind == UPDATED and had:  # nor here; but what it measured is no less true
            if not course.over:
                self._follow(entry, report, course, old=True, had=True)
            return self.say(entry, report, row)
        if course.over and report.kind == UPDATED:
            if before_it is None or report.number > before_it:
                self._note(entry, Kind.AFTER_END)
            late.mend_end(self, report, row, course)
        course.changed = True
        before = course.charging
        self._place(entry, report, row, course)
        if report.kind == STARTED:
            self._start(entry, report, row, course)
        elif not (row.reported_start or row.reviewed_at or row.closed_by_hand):  # it has begun before all that was measured
            times = [effective(at, entry.at) for at, _channel, _value in report.samples]
            row.started_at = min([row.started_at, *(at for at in times if at is not None)])
        answer = self._judge(entry, report, row)
        self._read_meter(report, row, course, before, old=old)
        if report.remote_start is not None and 0 <= report.remote_start <= LARGEST_START:
            row.remote_start = report.remote_start
        if course.over and report.kind != ENDED:
            self._measure(entry, report, course, None, live=False)
            if key not in self.ended and (report.kind == STARTED or added_up.tells(report.samples)) and added_up.lacks_registers(row):
                self.unmetered.add(key)
                course.entry = entry
            if row.closed_by_hand:
                late.measured(book, row, report.samples, entry)
            return answer
        self._follow(entry, report, course, old=old)
        if report.kind == ENDED:
            self._end(entry, report, row, course, before)
        return answer

    def _too_many(self, entry: Received, begun: Course) -> bool:
        """Whether the station makes up transactions: more go on than can be."""
        station = entry.state.station_id
        places = {key: one.connector_pk for key, one in entry.state.open.items()}
        for (at, transaction_id), course in self.courses.items():
            if at == station and course.row is not None:
                places.pop(transaction_id, None)
                if not course.over:
                    places[transaction_id] = course.row.connector_id
        here = sum(pk == begun.running.connector_pk for pk in places.values())
        return here >= MOST_OPEN or len(places) >= MOST_OPEN_OF_STATION

    def _too_many_ends(self, entry: Received) -> bool:
        """Whether the station makes up ends."""
        station = entry.state.station_id
        self.unbegun[station] = self.unbegun.get(station, 0) + 1
        return self.unbegun[station] > MOST_ENDS

    def ending(self) -> set[int]:
        """Those that are over, among those that this batch tells of."""
        return {course.running.pk for course in self.courses.values() if course.over}

    def ended_at(self, row: Transaction) -> datetime | None:
        before = self.ended.get((row.station_id, row.transaction_id))
        return effective(before[0].at.at, before[1].at) or before[1].at if before else row.ended_at

    def last_over(self, state: StationState, connector_pk: int) -> Over | None:
        """The last charge that has ended at this connector, as far as is remembered."""
        found = [state.over[connector_pk]] if connector_pk in state.over else []
        for key in self.ended_at_station[state.station_id]:
            (report, entry, meter), row = self.ended[key], self.courses[key].row
            if row is not None and row.connector_id == connector_pk:
                at = min(effective(report.at.at, entry.at) or entry.at, entry.at)
                found.append(Over(row.pk, at, meter, registers.last(report.samples) is not None))
        return max(found, key=lambda one: one.at, default=None)

    def _note(self, entry: Received, kind: Kind) -> None:
        self.book_of_all.manners.note(entry.state.station_id, kind, entry.action, "", entry.at)

    def _begin(self, entry: Received, report: TransactionReport) -> Course:
        """The row of a transaction of which this is the first report that comes, whichever it is."""
        number = report.connector if report.connector is not None and numbering.possible(report.connector) else 0
        connector = self.book_of_all.connector(entry.state, number)
        assert connector is not None
        key = (entry.state.station_id, report.transaction_id)
        at = next((at for at, channel, _value in report.samples if channel.context == registers.BEGIN), None) or report.at.at
        started = effective(at, entry.at) or entry.at
        row = Transaction(
            pk=self.keys[key], station_id=entry.state.station_id, connector_id=connector.pk, transaction_id=report.transaction_id,
            started_at=started, start_received_at=entry.at, meter_start=0, problems=[],
        )  # fmt: skip
        return Course(open_of(row), row, new=True)

    def _place(self, entry: Received, report: TransactionReport, row: Transaction, course: Course) -> None:
        """The connector, where it was not known before, or not which one of its EVSE."""
        number = report.connector
        if number is None or not numbering.possible(number) or (said := self.book_of_all.connector(entry.state, number)) is None:
            return
        known = self.connector_of(course, entry)
        if said.pk != known.pk and (known.number == 0 or (known.number < number and numbering.evse_of(number) == known.number)):
            course.places |= {known.pk}
            row.connector_id = said.pk
            course.changed = True
        elif said.pk != known.pk and number != numbering.evse_of(known.number):  # which may mean all of its EVSE
            self._note(entry, Kind.OTHER_PLACE)

    def _start(self, entry: Received, report: TransactionReport, row: Transaction, course: Course) -> None:
        row.reported_start, row.start_received_at = report.at.text, entry.at
        course.missing = [number for number in course.missing if number > report.number]
        if row.reviewed_at is None and not row.closed_by_hand:
            if clock_wrong(report.at.at, entry.at, exact=report.at.exact):
                flag(row, Problem.CLOCK)
            row.started_at = effective(report.at.at, entry.at) or row.started_at
        if course.over:
            self.mended.add((row.station_id, row.transaction_id))
            return
        self._end_others(entry, row)

    def _end_others(self, entry: Received, row: Transaction) -> None:
        """At a connector one transaction goes on at a time."""
        if not self._known_place(entry, row.connector_id):
            return
        others = {running.pk for running in entry.state.open.values() if running.connector_pk == row.connector_id}
        over = set(self.book_of_all.stopped)
        for course in self.courses.values():
            if course.row is not None and course.row.connector_id == row.connector_id and not course.over and course.row is not row:
                others.add(course.row.pk)
            if course.row is not None and course.over:
                over.add(course.row.pk)
        others -= {*over, row.pk}
        if others:
            self._note(entry, Kind.NO_END)
            self.book_of_all.problems.setdefault(max(others), set()).add(Problem.NOT_ENDED)

    def _known_place(self, entry: Received, pk: int) -> bool:
        connector = next((one for one in entry.state.connectors.values() if one.pk == pk), None)
        return connector is None or connector.number != 0

    def _judge(self, entry: Received, report: TransactionReport, row: Transaction) -> Judged:
        """The card, which may come with any report; the first that was accepted is the one that charges, unless it is held up to stop."""
        if report.id_type == NO_AUTHORIZATION and not row.verdict:
            settle(row, "", cards.FREE)
            return Judged(Card("Accepted"))
        verdict = self.book_of_all.verdicts.get(entry)
        same = row.id_tag == report.id_tag and (row.verdict == "Accepted" or (verdict is not None and verdict.status != "Accepted"))
        if not card(report) or verdict is None or same:
            return self.say(entry, report, row)
        number = report.connector
        where = number if number is not None and numbering.possible(number) else None
        self.book_of_all.offer(entry, report.id_tag, where, TO_START if entry in self.charges else TO_STOP)
        if report.trigger == STOP_AUTHORIZED:
            row.stop_id_tag = report.id_tag
        elif not row.id_tag or (row.verdict != "Accepted" and verdict.status == "Accepted" and report.kind != ENDED):
            settle(row, report.id_tag, verdict)
            row.problems = [one for one in row.problems if one not in (Problem.REFUSED_CARD, Problem.NO_CARD)]
            if verdict.status != "Accepted":
                flag(row, Problem.REFUSED_CARD)
        return Judged(cards.said(verdict))

    def say(self, entry: Received, report: TransactionReport, row: Transaction) -> Judged:
        """Of a card that was judged before what was said then."""
        if report.id_type == NO_AUTHORIZATION:
            return Judged(Card("Accepted"))
        if not card(report):
            return Judged(None)
        if report.trigger == STOP_AUTHORIZED and row.id_tag == report.id_tag:
            row.stop_id_tag = report.id_tag
        verdict = self.book_of_all.verdicts.get(entry)
        if row.id_tag != report.id_tag and verdict is not None:
            return Judged(cards.said(verdict))
        return Judged(cards.said(verdict)._replace(status=row.verdict) if verdict else Card(row.verdict))

    def _read_meter(self, report: TransactionReport, row: Transaction, course: Course, before: str, *, old: bool) -> None:
        """The meter at the start: as it is reported, else the first value that comes, which is as good where nothing has flowed before."""
        if row.reviewed_at is not None or row.closed_by_hand:
            return
        seen = row.meter_last is not None
        told = registers.first(report.samples) if report.kind == STARTED else registers.at(report.samples, registers.BEGIN)
        if told is not None and (not seen or report.kind == STARTED or Problem.NO_START_METER in row.problems):
            other = begins.unlike(told, row.meter_start, registers.exactness(report.samples))
            if seen and other and report.kind == STARTED and Problem.NO_START_METER not in row.problems:
                flag(row, Problem.OTHER_START)  # another report has told it before
            row.meter_start, course.begun = told, True
            row.problems = [one for one in row.problems if one != Problem.NO_START_METER]
            if course.over:
                self.mended.add((row.station_id, row.transaction_id))
        elif told is not None and told != row.meter_start:
            self.begins[(row.station_id, row.transaction_id)] = (told, registers.exactness(report.samples))
        elif told is None and not seen and (value := registers.first(report.samples)) is not None:
            row.meter_start = value
            some_missing = any(number < report.number for number in course.missing)
            if not row.reported_start or not begins_now(report, course, before) or some_missing or only_end_told(report):
                flag(row, Problem.NO_START_METER)
        elif told is None and old and Problem.NO_START_METER in row.problems and report.kind == UPDATED:
            # Values from before the first that came: they were missing. Where nothing can have flowed before, all is known.
            value = registers.first(report.samples)
            if value is None or value >= row.meter_start:
                return
            row.meter_start = value
            at_start = report.charging in NOT_YET or (report.charging == "Charging" and report.trigger == "ChargingStateChanged")
            if at_start and row.reported_start and not course.missing:
                row.problems = [one for one in row.problems if one != Problem.NO_START_METER]
            if course.over:
                self.mended.add((row.station_id, row.transaction_id))
        else:
            return
        if row.meter_start < 0:
            flag(row, Problem.NO_START_METER)
        if not seen:
            row.meter_last = row.meter_start
            self.book_of_all.meters[course.running] = row.meter_start

    def _follow(self, entry: Received, report: TransactionReport, course: Course, *, old: bool, had: bool = False) -> None:
        """Its values, and what the car does. Of a number that was `had` before the values alone are taken, which are kept once."""
        if had:
            values = [one for one in report.samples if not one[1].context.startswith("Transaction.") and added_up.once(one, entry.at)]
            again = report._replace(samples=values, signed=[])
            self._measure(entry, again, course, course.running, live=False, sure=False)
            return
        course.charged = course.charged or report.charging in CHARGED
        if report.charging and not old and report.charging != course.charging:
            course.charging, course.changed = report.charging, True
        self._measure(entry, report, course, None if old else course.running, live=not (old or report.offline))
        if not old and report.charging and report.kind != ENDED:
            self.show(entry, report, self.connector_of(course, entry), STATUS_OF.get(report.charging))

    def _measure(
        self,
        entry: Received,
        report: TransactionReport,
        course: Course,
        running: OpenTransaction | None,
        *,
        live: bool,
        sure: bool = True,
    ) -> None:
        book, connector = self.book_of_all, self.connector_of(course, entry)
        if report.kind == ENDED:
            meters.ends(book, entry, course.running, report.at.at, report.samples, registers.last(report.samples))
        book.measure(entry, connector, running, report.samples, report.signed, course.running.pk, live=live, sure=sure)
        if course.row is not None and course.running in book.meters:
            last = 0 if course.running in book.lowered else course.row.meter_last or 0
            course.row.meter_last = max(book.meters[course.running], last)

    def show(self, entry: Received, report: TransactionReport, connector: ConnectorState, status: str | None) -> None:
        """The status of the connector that follows from it: finer than what the station says of it. Never instead of a fault; and what
        is reported later, or that it is over, only of a connector that is in use now."""
        now = self.book_of_all.status_now(connector)
        late = report.offline or report.kind == ENDED
        if not status or not connector.number or now in (Status.FAULTED, Status.UNAVAILABLE) or (late and now not in IN_USE):
            return
        at = effective(report.at.at, entry.at) or entry.at
        self.book_of_all.take_status(entry, connector, at, (str(status), "", "", "", ""))

    def _end(self, entry: Received, report: TransactionReport, row: Transaction, course: Course, before: str) -> None:
        key = (row.station_id, row.transaction_id)
        if not row.verdict and not row.id_tag:
            verdict = self.uncarded.get(row.station_id, cards.NO_CARD)
            settle(row, "", verdict)
            if verdict is cards.NO_CARD:
                flag(row, Problem.NO_CARD)
        meter = registers.last(report.samples)
        told = any(context != registers.BEGIN for context, _wh in registers.readings(report.samples))
        if meter is None:
            no_car = report.trigger == CONNECT_TIMEOUT and (not before or not_yet(course, before))
            meter = row.meter_last
            if report.unread or (meter is not None and report.number - 1 in course.missing):  # what is missing may tell more
                flag(row, Problem.NO_END_METER)
            elif not (no_car or row.reviewed_at or row.closed_by_hand or nothing_flowed(report, row, course, before)):
                self.untold.add(key)
        if meter is None:  # not one register has come
            meter = row.meter_start
            if not no_car and (row.verdict == "Accepted" or not not_yet(course, before)):
                flag(row, Problem.NO_START_METER)
                flag(row, Problem.NO_END_METER)
        if not (row.reviewed_at or row.closed_by_hand):
            if told and meter == row.meter_start:
                self.stood.add(key)
            elif not told and meter <= row.meter_start:
                self.unmetered.add(key)
        if Problem.NOT_ENDED in row.problems or Problem.NOT_ENDED in self.book_of_all.problems.get(row.pk, ()):
            self.unended.add(key)
        row.problems = [one for one in row.problems if one != Problem.NOT_ENDED]
        self.book_of_all.problems.get(row.pk, set()).discard(Problem.NOT_ENDED)
        self.ended[key] = (report, entry, meter)
        self.ended_at_station[row.station_id].add(key)
        course.over = True
        connector = self.connector_of(course, entry)
        self.show(entry, report, connector, Status.FINISHING)
        if not report.offline:
            self.book_of_all.live.setdefault(connector.pk, {}).update(power=0.0, energy_register=float(meter), measured_at=entry.at)
        self.book_of_all.changed.add(entry.state.station_id)

    def _contradict(self, entry: Received, report: TransactionReport, row: Transaction) -> None:
        """It has ended before: what was said first stands."""
        booked = self.ended[key][2] if (key := (row.station_id, row.transaction_id)) in self.ended else row.meter_stop
        meter = registers.last(report.samples)
        corrected = row.reviewed_at is not None and row.reported_end == report.at.text  # what it says was booked, and then corrected
        added = Problem.ADDED_UP in row.problems and meter == row.meter_start  # what its meter did not tell
        if meter is not None and meter != booked and not (corrected or added):
            self.book_of_all.keep_unmatched(entry, row.transaction_id, row.pk, Kind.OTHER_END)

    def connector_of(self, course: Course, entry: Received) -> ConnectorState:
        pk = course.connector_pk
        known = next((one for one in entry.state.connectors.values() if one.pk == pk), None)
        grown = (one for (station, _number), one in self.book_of_all.connectors.items() if station == entry.state.station_id)
        return known or next((one for one in grown if one.pk == pk), None) or ConnectorState(pk, 0, ())

    # -- writing ---------------------------------------------------------------------------------------------------------------------

    def write_rows(self) -> None:
        """Everything but the ends, which go into `Book.stopped`."""
        begins.settle(self)
        added_up.add_up(self)
        rows = [(course, course.row) for course in self.courses.values() if course.row is not None]
        for course, row in rows:
            row.charging_state, row.last_report, row.missing_reports = course.charging, course.last, course.missing
        if new := [row for course, row in rows if course.new]:
            writing.insert(new)
        names = ["connector_id" if name == "connector" else name for name in _ROW_FIELDS]
        known = [row for course, row in rows if course.changed and not course.new]
        bulk.update(Transaction, _ROW_FIELDS, [(row.pk, *(getattr(row, name) for name in names)) for row in known])
        flag_overlapping(self)
        ends = [(row.pk, row.meter_stop) for course, row in rows if (row.station_id, row.transaction_id) in self.mended]
        bulk.update(Transaction, ("meter_stop",), ends)
        over = {course.row.pk: key for key, course in self.courses.items() if course.row and (key in self.ended or key in self.mended)}
        if not over:
            return
        found = [Known(*values) for values in Transaction.objects.filter(pk__in=over).order_by().values_list(*KNOWN_FIELDS)]
        for one in found:
            key = over[one.pk]
            if key in self.ended:
                report, entry, meter = self.ended[key]
                course_row = self.courses[key].row
                assert course_row is not None
                end = registers.as_end(report, meter)
                assert end is not None
                self.book_of_all.stopped[one.pk] = (one, end._replace(meter_stop=meter, id_tag=end.id_tag or course_row.stop_id_tag), entry)
        bulk.update(Transaction, ("problems",), [(one.pk, judged_again(one)) for one in found if over[one.pk] not in self.ended])

    def write_everyday(self) -> None:
        """Nothing is read."""
        rows = [course for course in self.courses.values() if course.row is None and course.changed]
        bulk.update(Transaction, _FOLLOWED_FIELDS, [(one.running.pk, one.charging, one.last, one.missing) for one in rows])

    def remember(self, attached: dict[int, StationState]) -> None:
        """After the commit. `attached` has the states of stations that have connected anew in the same batch."""
        for (state, transaction_id), since in self.reused.items():
            for one in {state, attached.get(state.station_id, state)}:
                reused.remember(one, transaction_id, since)
        for (station, transaction_id), course in self.courses.items():
            running, row = course.running, course.row
            running.last_report, running.missing, running.charging = course.last, tuple(course.missing), course.charging
            running.reported_at = course.seen
            running.begun, running.charged = course.begun, course.charged
            if row is not None:
                running.places = course.places
                running.connector_pk, running.card, running.verdict = row.connector_id, row.id_tag, row.verdict
                running.metered = row.meter_last is not None
                running.meter = row.meter_last if row.meter_last is not None else row.meter_start
            for state in {*course.states, *([attached[station]] if station in attached else ())}:
                if course.over:
                    state.open.pop(transaction_id, None)
                    if row is not None and (station, transaction_id) in self.ended and (over := self.last_over(state, row.connector_id)):
                        state.over[row.connector_id] = over
                elif row is not None or transaction_id in state.open:  # else somebody has closed it here
                    state.open[transaction_id] = running
