"""Booking one batch: everything the entries say, in a constant number of queries, inside the ledger's transaction.

The memory of the stations (StationState) is changed by `remember`, after the commit, so a batch that is rolled back leaves no trace.
The everyday messages – meter values, heartbeats, an unchanged status – read nothing from the database.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings

from stations import file_progress
from stations.gateway import (
    cards,
    contracts,
    courses,
    deviations,
    device_events,
    doors,
    endless,
    late,
    meters,
    outbound,
    rare,
    reports,
    reserved,
    starts,
    unmatched,
    whose,
    writing,
)
from stations.gateway.doors import STATUS_FIELDS
from stations.gateway.entries import (
    KNOWN_FIELDS,
    Answered,
    Attached,
    Closed,
    Connect,
    ConnectorState,
    Disconnect,
    Entry,
    Known,
    OpenTransaction,
    Question,
    Received,
    StationState,
    Way,
)
from stations.gateway.series import LONGEST_MEASURAND, Series
from stations.models import Connector, Correction, Deviation, Frame, SecurityEvent, SignedMeterValue, Transaction
from stations.ocpp import events, frames, masking, numbering, registers
from stations.ocpp.events import Sample, Signed
from stations.ocpp.replies import Booted, Card, Done, Judged, Now, Reply, StartBooked
from stations.plausible import CLOCK_TOLERANCE, clock_wrong, effective

HEARD_EVERY = timedelta(seconds=5)  # how often "last message" is written for a station that talks

_Stopped = tuple[Known, events.Ended, Received]


class _Begun(NamedTuple):
    """The answer to a start, whose row has its id once it is written."""

    row: Transaction
    card: Card


class Book:
    def __init__(self, batch: list[Entry]) -> None:
        self.batch = batch
        self.changed: set[int] = set()  # stations of which something visible changed
        # What `remember` applies after the commit
        self.connectors: dict[tuple[int, int], ConnectorState] = {}  # by station and number: those the station's state lacks
        self.grown: list[tuple[StationState, int]] = []
        self.statuses: dict[ConnectorState, tuple[str, ...]] = {}
        self.heard: dict[StationState, datetime] = {}
        self.meters: dict[OpenTransaction, int] = {}
        self.sessions: dict[OpenTransaction, bool] = {}  # whether their values count from 0
        self.ways: dict[OpenTransaction, Way] = {}
        self.lowered: set[OpenTransaction] = set()  # whose meter stood higher by values that are not of them
        self.opened: list[tuple[StationState, str, OpenTransaction]] = []
        self.closed: list[tuple[StationState, str]] = []
        self.clocks: dict[StationState, bool] = {}
        # What `writing` writes
        self.frames: list[tuple[Any, ...]] = []
        self.series = Series()
        self.signed: list[SignedMeterValue] = []
        self.live: dict[int, dict[str, Any]] = {}  # connector pk -> latest measured
        self.changes: list[tuple[Any, ...]] = []
        self.status_rows: dict[int, tuple[Any, ...]] = {}
        self.offers: list[tuple[Any, ...]] = []
        self.closing: list[tuple[Any, ...]] = []
        self.new: list[tuple[Transaction, Received]] = []
        self.stopped: dict[int, _Stopped] = {}
        self.problems: dict[int, set[str]] = {}
        self.leaps: list[meters.Leap] = []
        self.mended: dict[int, Known] = {}  # what is over, and of which more has come since
        self.beyond: dict[int, tuple[int, bool]] = {}  # pk of what is over -> the meter told of it since, and whether its end told one
        self.late: dict[int, int] = {}  # pk of what was closed by hand -> the meter that was reported since
        self.corrections: list[Correction] = []  # of what somebody had closed by hand
        self.unmatched: dict[unmatched.Key, unmatched.Message] = {}
        self.boots: dict[int, tuple[dict[str, str], datetime]] = {}
        self.notes: dict[int, dict[str, Any]] = {}  # station pk -> fields that change rarely
        self.security: list[SecurityEvent] = []
        self.reports: list[file_progress.Report] = []  # of firmware and logs
        self.silences: list[tuple[int, datetime, datetime]] = []  # station pk, last heard, heard again
        self.manners = deviations.Notebook()
        self.given_up: dict[int, endless.GivenUp] = {}  # charges that give way, by their keys
        self.questions: dict[Entry, Question] = {}  # what has to be asked first: not booked now
        self.attached: dict[int, StationState] = {}  # stations that have connected anew in this batch
        self.of_transactions = reports.Reports(self)

    # -- the way of a batch -------------------------------------------------------------------------------------------------------

    def post(self) -> list[tuple[Entry, Any]]:
        """Write the batch and return every entry's outcome."""
        received = [entry for entry in self.batch if isinstance(entry, Received)]
        knocking = [entry for entry in self.batch if isinstance(entry, Connect)]
        outcomes: dict[Entry, Any] = dict(doors.connect(knocking, self.changed, self.manners))
        self.attached = {said.station_id: said.state for said in outcomes.values() if isinstance(said, Attached)}
        self._read(received)
        outcomes.update(self.questions)
        received = [entry for entry in received if entry not in self.questions]
        answers: dict[Entry, Reply | _Begun | str | None] = {}
        for entry in received:
            self._hear(entry.state, entry.at)
            timed = events.Started | events.Ended | events.TransactionReport | events.SecurityNotice
            if isinstance(entry.event, timed) and not getattr(entry.event, "offline", False):
                self._see_told(entry, entry.event.at.at)
            answers[entry] = self._one(entry)
        answers.update(rare.book([entry for entry in received if type(entry.event) in rare.HANDLERS], self.changed))
        writing.transactions(self)
        costs = courses.costs(self.of_transactions)
        reserved.used(self, received, {entry: row.pk for row, entry in self.new})
        for entry in received:
            said = answers[entry]
            if entry in costs and isinstance(said, Judged):
                said = said._replace(total=costs[entry])
            if isinstance(said, _Begun):
                said = StartBooked(said.row.transaction_id, said.card)
            text = (
                said if said is None or isinstance(said, str) else frames.result(entry.message_id, entry.reader.reply(entry.action, said))
            )
            outcomes[entry] = text
            self.manners.look(entry, text)
            self._log(entry, text)
        outbound.answered([entry for entry in self.batch if isinstance(entry, Answered)], self.changed, self.manners)
        self.closed += [(one.state, key) for one in self.batch if isinstance(one, Closed) for key in one.transactions]
        doors.disconnect([entry for entry in self.batch if isinstance(entry, Disconnect)], self.changed)
        writing.rest(self)
        return [(entry, outcomes.get(entry)) for entry in self.batch]

    def remember(self) -> None:
        """After the commit: what is now true of the stations."""
        for state, number in self.grown:
            if found := self.connectors.get((state.station_id, number)):
                state.connectors[number] = found
        for connector, status in self.statuses.items():
            connector.status = status
        self.series.remember()
        for state, at in self.heard.items():
            state.written_at = at
        for state, wrong in self.clocks.items():
            state.clock_wrong = wrong
        for running, meter in self.meters.items():
            running.meter = meter
        for running, counts in self.sessions.items():
            running.session = counts
        for running, way in self.ways.items():
            running.way = way
        for state, transaction_id, running in self.opened:
            state.open[transaction_id] = running
        for state, transaction_id in self.closed:
            state.open.pop(transaction_id, None)
        self.of_transactions.remember(self.attached)
        self.manners.remember()

    # -- reading what the batch needs ------------------------------------------------------------------------------------------------

    def _read(self, received: list[Received]) -> None:
        offered: list[tuple[Received, str]] = []
        wanted: set[tuple[int, str]] = set()
        for entry in received:
            event, state = entry.event, entry.state
            number = getattr(event, "connector", None)
            if isinstance(event, events.TransactionReport) and (number is None or not numbering.possible(number)):
                number = None if event.transaction_id in state.open else 0
            if isinstance(event, events.Noticed):
                self.grown += [(state, one.connector) for one in event.statuses if _missing(state, one.connector)]
            if number is not None and _missing(state, number):
                self.grown.append((state, number))
            if isinstance(event, events.CardOffered | events.Started):
                offered.append((entry, event.id_tag))
            elif isinstance(event, events.Ended):
                wanted.add((state.station_id, event.transaction_id))
                if event.id_tag:
                    offered.append((entry, event.id_tag))
            elif isinstance(event, events.Metered) and event.transaction_id and event.transaction_id not in state.open:
                wanted.add((state.station_id, event.transaction_id))
        if self.grown:
            self._add_connectors({(state.station_id, number) for state, number in self.grown})
        offered += self.of_transactions.read(received)
        self.faults = device_events.Faults(received)
        self.verdicts, self.questions = cards.judge(offered, self.of_transactions.charges)
        self.contracts = contracts.judge([entry for entry, _tag in offered])
        self.known: dict[tuple[int, str], Known] = {}
        if wanted:
            rows = Transaction.objects.filter(station__in={s for s, _t in wanted}, transaction_id__in={t for _s, t in wanted}).order_by()
            known = (Known(*row) for row in rows.values_list(*KNOWN_FIELDS))
            self.known = {(row.station_id, row.transaction_id): row for row in known if (row.station_id, row.transaction_id) in wanted}
        self.starts = starts.Starts(self, [entry for entry in received if isinstance(entry.event, events.Started)])

    def _add_connectors(self, missing: set[tuple[int, int]]) -> None:
        """Connectors that stations have and we did not know of."""
        Connector.objects.bulk_create([Connector(station_id=station, number=number) for station, number in missing], ignore_conflicts=True)
        rows = Connector.objects.filter(station__in={station for station, _number in missing})
        for pk, station, number, *status in rows.values_list("pk", "station_id", "number", *STATUS_FIELDS):
            if (station, number) in missing:
                self.connectors[(station, number)] = ConnectorState(pk, number, tuple(status))
                self.changed.add(station)

    # -- one message -----------------------------------------------------------------------------------------------------------------

    def _one(self, entry: Received) -> Reply | _Begun | str | None:
        """What is answered; a whole CALLERROR as text; None for no answer. A start's answer is filled in once it has its id."""
        event = entry.event
        if isinstance(event, events.Metered):
            return self._metered(entry, event)
        if isinstance(event, events.TransactionReport):
            return self.of_transactions.book(entry, event)
        if isinstance(event, events.Status):
            return self._status(entry, event)
        if isinstance(event, events.Heartbeat):
            return Now(entry.at)
        if isinstance(event, events.Started):
            return self._started(entry, event)
        if isinstance(event, events.Ended):
            return self._ended(entry, event)
        if isinstance(event, events.CardOffered):
            self.offer(entry, event.id_tag, None)
            return Judged(cards.said(self.verdicts[entry]), certificate=self.contracts.get(entry, ""))
        if isinstance(event, events.Boot):
            self.boots[entry.state.station_id] = (event.fields, entry.at)
            self.reports.append((entry.state.station_id, event, entry.at))
            self.changed.add(entry.state.station_id)
            return Booted(entry.at, settings.OCPP_HEARTBEAT_INTERVAL)
        if isinstance(event, events.FirmwareStatus):
            self._note(entry, firmware_status=event.status)
            self.reports.append((entry.state.station_id, event, entry.at))
            return Done()
        if isinstance(event, events.DiagnosticsStatus):
            self._note(entry, diagnostics_status=event.status)
            self.reports.append((entry.state.station_id, event, entry.at))
            return Done()
        if isinstance(event, events.SecurityNotice):
            at = effective(event.at.at, entry.at) or entry.at
            if sum(one.station_id == entry.state.station_id for one in self.security) >= SecurityEvent.MOST_AT_ONCE:
                self.manners.note(entry.state.station_id, Deviation.Kind.REPEATED, entry.action, "", entry.at)
                return Done()
            self.security.append(
                SecurityEvent(station_id=entry.state.station_id, at=at, received_at=entry.at, type=event.type, info=event.info)
            )
            self.changed.add(entry.state.station_id)
            return Done()
        if isinstance(event, events.Ignored):
            return Done()
        if isinstance(event, frames.OcppError):
            unmatched.keep_refused(self.unmatched, entry)
            return frames.error(event.message_id, entry.reader.spelled(event.code), event.description)
        if isinstance(event, events.Noticed):
            self._noticed(entry, event)
        return None

    def _hear(self, state: StationState, at: datetime) -> None:
        written = self.heard.get(state) or state.written_at
        if written is None or at - written >= HEARD_EVERY:
            self.heard[state] = at
            if written is not None and (at - written).total_seconds() > settings.STATION_OFFLINE_AFTER:
                self.silences.append((state.station_id, written, at))

    def _note(self, entry: Received, **fields: Any) -> None:
        self.notes.setdefault(entry.state.station_id, {}).update(fields)
        self.changed.add(entry.state.station_id)

    def connector(self, state: StationState, number: int) -> ConnectorState | None:
        return state.connectors.get(number) or self.connectors.get((state.station_id, number))

    def _no_connector(self, entry: Received, number: int) -> str:
        text = f"There is no connector {number}: EVSEs from 0 to {numbering.MOST_EVSES} are possible."
        return frames.error(entry.message_id, "PropertyConstraintViolation", text)

    def offer(self, entry: Received, id_tag: str, connector: int | None, action: str = "") -> None:
        verdict = self.verdicts[entry]
        self.offers.append((
            entry.state.station_id, connector, entry.at, id_tag, verdict.holder[:60], verdict.status, verdict.reason,
            action or entry.action, verdict.settlement, verdict.pass_key, verdict.token_key, list(verdict.steps),
            getattr(entry.event, "id_type", ""), getattr(entry.event, "additional", ""),
        ))  # fmt: skip
        self.changed.add(entry.state.station_id)

    def _noticed(self, entry: Received, event: events.Noticed) -> None:
        """What of it is a status; all of it is kept by `device_events`."""
        broken = self.faults.learn(entry.state.station_id, event.notices)
        for status in event.statuses:
            self._status(entry, status)
        for number in broken:
            connector = self.connector(entry.state, number)
            now = (self.statuses.get(connector) or connector.status) if connector else ()
            if connector and now[:3] == (Connector.Status.FAULTED, "", ""):
                self._status(entry, events.Status(number, Connector.Status.FAULTED, "", "", "", "", None))

    def _status(self, entry: Received, event: events.Status) -> Reply | str:
        connector = self.connector(entry.state, event.connector)
        if connector is None:
            return self._no_connector(entry, event.connector)
        event = self.faults.named(entry.state.station_id, event)
        reported = event.at
        at = (effective(reported.at, entry.at) if reported else None) or entry.at
        if reported and reported.at:
            self._see_clock(entry, reported.at)
        word = self._finer(entry.state, connector) if event.status == events.OCCUPIED else event.status
        self.take_status(entry, connector, at, (word, event.error_code, event.vendor_error_code, event.info, event.vendor_id))
        return Done()

    def _see_clock(self, entry: Received, at: datetime) -> None:
        """What it was by the station's clock when we heard of it."""
        offset = (at - entry.at).total_seconds()
        wrong = abs(offset) > CLOCK_TOLERANCE.total_seconds()
        if wrong or self.clocks.get(entry.state, entry.state.clock_wrong):
            self._note(entry, clock_offset=offset)
            self.clocks[entry.state] = wrong

    def _see_told(self, entry: Received, at: datetime | None) -> None:
        """What may be told late says something of the clock only where its time cannot be, or is the time now."""
        if at is None:
            return
        right = abs(at - entry.at) <= CLOCK_TOLERANCE and self.clocks.get(entry.state, entry.state.clock_wrong)
        if right or effective(at, entry.at) is None:
            self._see_clock(entry, at)

    def status_now(self, connector: ConnectorState) -> str:
        """As it stands in this batch; empty where it never told one."""
        return next(iter(self.statuses.get(connector) or connector.status), "")

    def take_status(self, entry: Received, connector: ConnectorState, at: datetime, status: tuple[str, ...]) -> None:
        """`status` has the values of STATUS_FIELDS."""
        if status != (self.statuses.get(connector) or connector.status):
            self.changes.append((connector.pk, at, entry.at, *status[:4]))
            self.statuses[connector] = status
            self.status_rows[connector.pk] = (*status, at)
            self.changed.add(entry.state.station_id)

    def _finer(self, state: StationState, connector: ConnectorState) -> str:
        """The status of a connector of which its station only says that it is in use."""
        now = self.status_now(connector)
        if now in courses.IN_USE:
            return now
        return str(courses.STATUS_OF.get(courses.charging_at(self.of_transactions, state, connector), Connector.Status.PREPARING))

    def _metered(self, entry: Received, event: events.Metered) -> Reply | str:
        connector = self.connector(entry.state, event.connector)
        if connector is None:
            return self._no_connector(entry, event.connector)
        if not event.transaction_id and late.of_the_last(self, entry, connector, event.samples):
            self.measure(entry, connector, None, event.samples, event.signed, None, live=False)
            return Done()
        of = whose.values(entry.state, connector, event, self.known, self.stopped)
        if of.running is None and (one := whose.of_evse(entry.state, connector, self.of_transactions.ending())):
            # 2.0.1 tells an EVSE: it is of the connector at which a transaction runs, which may go on by it
            connector = next((known for known in entry.state.connectors.values() if known.pk == one.connector_pk), connector)
            self.measure(entry, connector, one if one.metered else None, event.samples, event.signed, None, sure=False)
            return Done()
        if of.named and of.running:
            self.opened.append((entry.state, event.transaction_id, of.running))
        if of.guessed:
            self.manners.note(entry.state.station_id, Deviation.Kind.OTHER_ID, entry.action, "", entry.at)
        elif of.running and of.running.connector_pk != connector.pk:
            self.manners.note(entry.state.station_id, Deviation.Kind.OTHER_PLACE, entry.action, "", entry.at)
        elif event.transaction_id and not (of.running or of.late):
            self.keep_unmatched(entry, event.transaction_id)
        about = of.running or of.late
        self.measure(entry, connector, of.running, event.samples, event.signed, about.pk if about else None, sure=not of.guessed)
        if of.running and not of.guessed:
            meters.mark(self, of.running, event.samples)
        if of.late is not None:
            late.measured(self, of.late, event.samples, entry)
        return Done()

    def measure(
        self,
        entry: Received,
        connector: ConnectorState,
        running: OpenTransaction | None,
        samples: list[Sample],
        signed: list[Signed],
        transaction_pk: int | None,
        *,
        live: bool = True,
        sure: bool = True,
    ) -> None:
        """Keep the numbers; show the latest; follow the transaction's register. Not `sure` that it is of this transaction: then it may go
        on, and nothing is held against it."""
        received = entry.at
        phases: float | None = None
        latest: dict[str, Any] = {}
        impossible: datetime | None = None
        shifts: dict[datetime | int, int] = {}
        for at, channel, value in registers.in_order(samples):
            if len(channel.measurand) > LONGEST_MEASURAND:  # the others count all the same
                self.manners.note(entry.state.station_id, Deviation.Kind.UNKNOWN_VALUE, entry.action, channel.measurand, received)
                continue
            when = effective(at, received)
            if when is None:  # ours, each of theirs a little later than the one before
                when = received + timedelta(microseconds=shifts.setdefault(at or len(shifts), len(shifts)))
                impossible = at or impossible
            self.series.samples.append((connector, channel, when, value))
            if channel.context.startswith("Transaction."):
                continue
            measurand = channel.measurand
            if measurand == "Power.Active.Import":
                watts = value * 1000 if channel.unit == "kW" else value
                if not channel.phase:
                    latest["power"] = watts
                elif len(channel.phase) == 2 and channel.phase != "N":
                    phases = (phases or 0.0) + watts
            elif measurand == "SoC":
                latest["state_of_charge"] = value
        if phases is not None and "power" not in latest:
            latest["power"] = phases
        if told := registers.between(samples):
            latest["energy_register"] = meters.follow(self, entry, running, told, sure=sure)
            if sure and transaction_pk is not None and len(told) > 1:
                meters.look_within(self, entry, transaction_pk, told)
        if latest and live:
            self.live.setdefault(connector.pk, {}).update(latest, measured_at=received)
            self.changed.add(entry.state.station_id)
        if samples and isinstance(entry.event, events.Metered):
            self._see_told(entry, impossible or samples[-1].at)
            if impossible:
                self.manners.note(entry.state.station_id, Deviation.Kind.CLOCK, entry.action, impossible.isoformat(), received)
        for at, context, value_text in signed:
            self.signed.append(SignedMeterValue(
                connector_id=connector.pk, transaction_id=transaction_pk, at=effective(at, received) or received,
                context=context[:20], value=value_text,
            ))  # fmt: skip

    def _started(self, entry: Received, event: events.Started) -> _Begun | str:
        connector = self.connector(entry.state, event.connector)
        if connector is None:
            return self._no_connector(entry, event.connector)
        if connector.number == 0:
            return frames.error(
                entry.message_id, "PropertyConstraintViolation", "A transaction needs a connector: connectorId must be greater than 0."
            )
        verdict = self.verdicts[entry]
        if (said := self.starts.said_before(entry, connector, event)) is not None:
            same, kind = said
            self.manners.note(entry.state.station_id, kind, entry.action, "", entry.at)
            return _Begun(same, cards.said(verdict)._replace(status=same.verdict))
        started = effective(event.at.at, entry.at)
        self.offer(entry, event.id_tag, event.connector)
        problems = []
        if clock_wrong(event.at.at, entry.at, exact=event.at.exact):
            problems.append(Transaction.Problem.CLOCK)
        if verdict.status != "Accepted":
            problems.append(Transaction.Problem.REFUSED_CARD)
        meter = event.meter_start
        if meter is None:
            meter = self.starts.stands(connector)
            problems.append(Transaction.Problem.NO_START_METER)
        row = Transaction(
            station_id=entry.state.station_id, connector_id=connector.pk, id_tag=event.id_tag, verdict=verdict.status,
            settlement=verdict.settlement, pass_key=verdict.pass_key, token_key=verdict.token_key, started_at=started or entry.at,
            reported_start=event.at.text, start_received_at=entry.at, meter_start=meter, problems=sorted(str(p) for p in problems),
        )  # fmt: skip
        still_open = [running.pk for running in entry.state.open.values() if running.connector_pk == connector.pk]
        if still_open and max(still_open) not in self.stopped:
            self.manners.note(entry.state.station_id, Deviation.Kind.NO_END, entry.action, "", entry.at)
            self.problems.setdefault(max(still_open), set()).add(Transaction.Problem.NOT_ENDED)
        endless.make_room(self, entry, connector.pk)
        self.starts.add(row)
        self.new.append((row, entry))
        return _Begun(row, cards.said(verdict))

    def _ended(self, entry: Received, event: events.Ended) -> Judged:
        answer = Judged(cards.said(self.verdicts[entry]) if event.id_tag else None)
        row = self.known.get((entry.state.station_id, event.transaction_id))
        if row is None:
            self.keep_unmatched(entry, event.transaction_id)
            return answer
        if (row.ended_at and not row.closed_by_hand) or row.pk in self.stopped:
            booked = self.stopped[row.pk][1].meter_stop if row.pk in self.stopped else row.meter_stop
            corrected = row.reviewed_at is not None and row.reported_end == event.at.text  # what it says was booked, and then corrected
            added = Transaction.Problem.ADDED_UP in row.problems and event.meter_stop == row.meter_start  # what its meter did not tell
            if event.metered and booked != event.meter_stop and not (corrected or added):
                self.keep_unmatched(entry, event.transaction_id, row.pk, Deviation.Kind.OTHER_END)
            return answer  # the station did not get our answer the first time, or contradicts itself: the first report stands
        running = entry.state.open.get(event.transaction_id)
        event = event._replace(samples=[*meters.marks(self, running), *event.samples])
        if not event.metered:
            event = event._replace(meter_stop=self._last_known(running, event, row))
            self.problems.setdefault(row.pk, set()).add(Transaction.Problem.NO_END_METER)
        meters.ends(self, entry, running, event.at.at, event.samples, event.meter_stop)
        self.stopped[row.pk] = (late.ends(self, row, running, event), event, entry)
        self.closed.append((entry.state, event.transaction_id))
        connector = next((c for c in entry.state.connectors.values() if c.pk == row.connector_id), None)
        connector = connector or ConnectorState(row.connector_id, 0, ())  # gone meanwhile: it is only written of
        self.measure(entry, connector, None, event.samples, event.signed, row.pk)
        self.live.setdefault(connector.pk, {}).update(power=0.0, energy_register=float(event.meter_stop), measured_at=entry.at)
        self.changed.add(entry.state.station_id)
        return answer

    def _last_known(self, running: OpenTransaction | None, event: events.Ended, row: Known) -> int:
        """The meter of what ends without it."""
        known = (registers.last(event.samples), row.meter_last, self.meters.get(running, running.meter) if running else None)
        return max([row.meter_start, *(one for one in known if one is not None)])

    def keep_unmatched(
        self, entry: Received, transaction_id: str, about: int | None = None, kind: str = Deviation.Kind.UNKNOWN_TRANSACTION
    ) -> None:
        key = (entry.state.station_id, entry.action, transaction_id[:36], unmatched.which(entry.event, kind))
        self.manners.note(entry.state.station_id, kind, entry.action, "", entry.at)
        unmatched.add(self.unmatched, key, entry, about)
        self.changed.add(entry.state.station_id)

    def _log(self, entry: Received, answer: str | None) -> None:
        failed = isinstance(entry.event, frames.OcppError) or bool(answer and answer.startswith("[4,"))
        text = entry.text
        if isinstance(entry.event, events.CustomerPart):  # kept where it was asked for, for a shorter time than the log
            key = entry.event.key if abs(entry.event.key) < 2**63 else 0
            text = frames.call(entry.message_id, entry.action, {"requestId": key, "data": masking.MASK})
        text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[: settings.OCPP_MAX_FRAME_BYTES]
        self.frames.append((entry.state.station_id, entry.at, "in", entry.action, text, answer or "", entry.at if answer else None, failed))

    # -- for entries that cannot be booked -----------------------------------------------------------------------------------------------

    @staticmethod
    def reload(state: StationState) -> None:
        """Read a station's state again: somebody may have changed it behind our back."""
        fresh = doors.states([state.station_id])[state.station_id]
        state.connectors, state.open, state.written_at = fresh.connectors, fresh.open, None

    @staticmethod
    def keep_poison(entry: Received, answer: str) -> None:
        Frame.objects.create(
            station_id=entry.state.station_id,
            at=entry.at,
            direction=Frame.Direction.IN,
            action=entry.action,
            call=entry.text.replace("\x00", "\N{REPLACEMENT CHARACTER}"),
            answer=answer,
            answered_at=entry.at,
            failed=True,
        )


def _missing(state: StationState, number: int) -> bool:
    return number not in state.connectors and numbering.possible(number)
