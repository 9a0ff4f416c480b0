"""Some weeks in which the demo's stations were used: transactions with meter values, cards, changes of status. Written in bulk."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from django.db.models import CharField, F
from django.db.models.functions import Cast

from energycloud.demo.cards import uid
from energycloud.simulator.cars import Car, ac_power, dc_power, some_car
from energycloud.simulator.makes import Make
from passes.authorizing import authorize
from stations.hooks import Offer, place_of
from stations.models import (
    AccessMode,
    Availability,
    AvailabilityChange,
    CardOffer,
    ConnectionPeriod,
    Connector,
    MaintenanceWindow,
    MeterSample,
    MeterSeries,
    OutOfService,
    Station,
    StatusChange,
    Transaction,
)
from stations.ocpp.numbering import evse_of

DAYS = 35
# habit -> (visits per connector and day, hour of arrival, its spread in hours, hours plugged in at most, works at weekends)
HABITS = {
    "office": (1.1, 8.8, 1.5, 8.0, False),
    "depot": (0.9, 17.0, 1.5, 12.0, False),
    "hotel": (0.7, 18.5, 2.0, 12.0, True),
    "garage": (1.3, 12.0, 4.0, 5.0, True),
    "motorway": (4.0, 14.0, 4.5, 0.8, True),
    "home": (0.7, 18.0, 1.5, 11.0, True),
}
FAULTS = ("GroundFailure", "ConnectorLockFailure", "PowerMeterFailure", "OverCurrentFailure", "EVCommunicationError")
REPAIRS = ("Meter exchanged", "Yearly inspection", "New cable", "Firmware update with the fitter on site")
BLOCKED = ("Lock damaged, part ordered", "Building site in front of it", "Cable cut, police informed")
PROBE = {"AC": timedelta(minutes=15), "DC": timedelta(minutes=3)}


@dataclass
class History:
    """What is to be written."""

    rng: random.Random
    now: datetime
    transactions: list[Transaction] = field(default_factory=list)
    samples: list[tuple[Connector, str, datetime, float]] = field(default_factory=list)
    offers: list[CardOffer] = field(default_factory=list)
    changes: list[StatusChange] = field(default_factory=list)
    periods: list[ConnectionPeriod] = field(default_factory=list)
    outages: list[OutOfService | MaintenanceWindow] = field(default_factory=list)
    switches: list[AvailabilityChange] = field(default_factory=list)

    def live(self, station: Station, make: Make, habit: str, cards: Sequence[str], until: datetime) -> dict[int, int]:
        """The past of one station up to `until`; returns the registers of its meters, in Wh, by number of the connector."""
        registers: dict[int, int] = {}
        self.connected(station, until)
        for connector in station.connectors.all():
            if evse_of(connector.number) != connector.number:
                registers[connector.number] = registers[evse_of(connector.number)]  # one meter; nobody came to this cable
            elif connector.number:
                register = float(self.rng.randint(200_000, 9_000_000))
                for car, begin, end in self.visits(station, make, habit, until):
                    register = self.visit(station, connector, make, cards, car, begin, end, register)
                registers[connector.number] = round(register)
        return registers

    def connected(self, station: Station, until: datetime) -> None:
        """When it was heard, and what kept drivers away: now and then no network, on some stations a fault, on few a repair."""
        rng, began = self.rng, self.now - timedelta(days=DAYS)
        connectors = list(station.connectors.all())
        for connector in connectors:
            self.status(connector, began + timedelta(seconds=9), "Available")
        at = began
        while at < until:  # a restart after some days, away for minutes, rarely for hours
            end = min(at + timedelta(days=rng.uniform(2, 16)), until)
            self.periods.append(ConnectionPeriod(station=station, began_at=at, ended_at=end, address="127.0.0.1"))
            at = end + timedelta(minutes=rng.uniform(3, 40) if rng.random() < 0.8 else rng.uniform(60, 900))
        plugs = [connector for connector in connectors if connector.number]
        for _number in range(rng.choices((0, 1, 3), (5, 3, 2))[0]):
            plug, fault = rng.choice(plugs), self.some_moment(began, until)
            self.status(plug, fault, "Faulted", rng.choice(FAULTS))
            self.status(plug, fault + timedelta(hours=rng.uniform(0.2, 9)), "Available")
        if rng.random() < 0.25:
            since = self.some_moment(began, until)
            ended = since + timedelta(hours=rng.uniform(1, 5))
            self.outages.append(MaintenanceWindow(station=station, starts_at=since, ends_at=ended, comment=rng.choice(REPAIRS)))
        if rng.random() < 0.25:
            plug, since = rng.choice(plugs), self.some_moment(began, until)
            ended = since + timedelta(hours=rng.uniform(3, 30))
            self.outages.append(
                OutOfService(station=station, connector_number=plug.number, since=since, ended_at=ended, comment=rng.choice(BLOCKED))
            )
            for when, value in ((since, Availability.INOPERATIVE), (ended, Availability.OPERATIVE)):
                self.switches.append(AvailabilityChange(connector=plug, at=when, availability=value))

    def some_moment(self, began: datetime, until: datetime) -> datetime:
        """At least two days before `until`: all is well by then."""
        return began + (until - timedelta(days=2) - began) * self.rng.uniform(0.05, 1)

    def status(self, connector: Connector, at: datetime, status: str, error_code: str = "NoError") -> None:
        self.changes.append(StatusChange(connector=connector, at=at, received_at=at, status=status, error_code=error_code))

    def visits(self, station: Station, make: Make, habit: str, until: datetime) -> Iterator[tuple[Car, datetime, datetime]]:
        """(car, plugged in, plugged out), one after the other."""
        rng, zone = self.rng, station.location.zone
        per_day, hour, spread, longest, weekends = HABITS[habit]
        if make.current_type == "DC":
            per_day, longest, spread = max(per_day, 2.0), 0.8, 4.0
        free_from = self.now - timedelta(days=DAYS)
        for back in range(DAYS, -1, -1):
            day = (self.now - timedelta(days=back)).astimezone(zone).date()
            if day.weekday() >= 5 and not weekends:
                continue
            for _ in range(int(per_day) + (rng.random() < per_day % 1)):
                arrival = min(23.5, max(0.2, rng.gauss(hour, spread)))
                begin = (datetime.combine(day, time(), zone) + timedelta(hours=arrival)).astimezone(UTC)
                end = begin + timedelta(hours=longest * rng.uniform(0.35, 1.0))
                if free_from < begin and end < until:
                    yield some_car(rng, dc=make.current_type == "DC"), begin, end
                    free_from = end + timedelta(minutes=rng.uniform(5, 40))

    def visit(
        self, station: Station, connector: Connector, make: Make, cards: Sequence[str], car: Car, begin: datetime, end: datetime,
        register: float,
    ) -> float:  # fmt: skip
        """One car; returns what the meter shows afterwards."""
        rng = self.rng
        anybody = station.effective_access_mode == AccessMode.OPEN and rng.random() < 0.6
        tag = uid(rng) if anybody else rng.choice(cards)
        started = begin + timedelta(seconds=rng.randint(8, 60))
        meter_start, soc, at = round(register), rng.uniform(15, 65), started
        step, recent = PROBE[make.current_type], begin > self.now - timedelta(days=4)
        current = (connector.max_current or make.max_current) * 1.0
        while at < end and soc < 100:
            if make.current_type == "DC":
                power = dc_power(car, make.max_power, soc)
            else:
                power = ac_power(car, make.phases, current, make.voltage, soc)
            power *= rng.uniform(0.98, 1.0)
            self.samples += [(connector, "energy", at, round(register)), (connector, "power", at, round(power))]
            if make.current_type == "DC":
                self.samples.append((connector, "soc", at, round(soc)))
            spent = min(step, end - at)
            energy = power * spent.total_seconds() / 3600
            register, soc, at = register + energy, min(100.0, soc + energy / car.battery * 100), at + spent
        self.samples += [(connector, "energy", end, round(register)), (connector, "power", end, 0.0)]
        reason_to_stop = rng.choices(("EVDisconnected", "Local", "Remote"), (6, 3, 1))[0]
        self.transactions.append(Transaction(
            station=station, connector=connector, id_tag=tag, stop_id_tag=tag if reason_to_stop == "Local" else "", verdict="Accepted",
            started_at=started, ended_at=end, reported_start=stamp(started), reported_end=stamp(end), start_received_at=started,
            end_received_at=end, meter_start=meter_start, meter_last=round(register), meter_stop=round(register),
            stop_reason=reason_to_stop,
        ))  # fmt: skip
        if rng.random() < 0.06:  # somebody else was here before
            self.offers.append(CardOffer(station=station, at=begin - timedelta(minutes=2), id_tag=uid(rng), action="Authorize"))
        shown = {"station": station, "connector_number": connector.number, "id_tag": tag}
        self.offers.append(CardOffer(**shown, at=begin + timedelta(seconds=4), action="Authorize"))
        self.offers.append(CardOffer(**shown, at=started, action="StartTransaction"))
        if recent:
            away = end + timedelta(seconds=rng.randint(20, 200))
            for when, status in ((begin, "Preparing"), (started, "Charging"), (end, "Finishing"), (away, "Available")):
                self.changes.append(StatusChange(connector=connector, at=when, received_at=when, status=status, error_code="NoError"))
        return register

    def refused(self, station: Station, card: str, count: int) -> None:
        """In the last days `count` cards were held to the reader in vain: always this one, or each time another."""
        for _number in range(count):
            at = self.now - timedelta(hours=self.rng.uniform(1, 100))
            self.offers.append(CardOffer(station=station, at=at, id_tag=card or uid(self.rng), action="Authorize"))

    def write(self) -> None:
        self.transactions.sort(key=lambda row: row.started_at)
        self._decide()
        Transaction.objects.bulk_create(self.transactions, batch_size=500)
        Transaction.objects.filter(transaction_id="").update(transaction_id=Cast(F("pk"), CharField()))
        CardOffer.objects.bulk_create(sorted(self.offers, key=lambda row: row.at), batch_size=500)
        Connector.objects.filter(station__in={period.station.pk for period in self.periods}).update(added_at=None)
        ConnectionPeriod.objects.bulk_create(self.periods, batch_size=500)
        OutOfService.objects.bulk_create([one for one in self.outages if isinstance(one, OutOfService)])
        MaintenanceWindow.objects.bulk_create([one for one in self.outages if isinstance(one, MaintenanceWindow)])
        AvailabilityChange.objects.bulk_create(self.switches)
        StatusChange.objects.bulk_create(sorted(self.changes, key=lambda row: row.at), batch_size=500)
        kinds = {
            "energy": ("Energy.Active.Import.Register", "Wh", "Outlet"),
            "power": ("Power.Active.Import", "W", "Outlet"),
            "soc": ("SoC", "Percent", "EV"),
        }
        series: dict[tuple[int, str], MeterSeries] = {}
        for connector, kind, _at, _value in self.samples:
            if (connector.pk, kind) not in series:
                measurand, unit, location = kinds[kind]
                series[connector.pk, kind] = MeterSeries(
                    connector=connector, measurand=measurand, unit=unit, location=location, context="Sample.Periodic"
                )
        MeterSeries.objects.bulk_create(series.values())
        numbers = {(series[connector.pk, kind].pk, at): value for connector, kind, at, value in self.samples}
        MeterSample.objects.bulk_create(
            [MeterSample(series_id=series_id, at=at, value=value) for (series_id, at), value in numbers.items()], batch_size=5000
        )

    def _decide(self) -> None:
        """Every card as it is decided on, by the rules that are in force."""
        begun = {(row.station_id, row.started_at): row for row in self.transactions}
        for first in range(0, len(self.offers), 500):
            some = self.offers[first : first + 500]
            asked = [Offer(place_of(row.station), row.id_tag, row.at, row.connector_number, live=False) for row in some]
            for row, verdict in zip(some, authorize(asked), strict=True):
                row.verdict, row.reason, row.holder, row.steps = verdict.status, verdict.reason, verdict.holder, list(verdict.steps)
                charge = begun.get((row.station_id, row.at)) if row.action == "StartTransaction" else None
                for told in (row, charge) if charge else (row,):
                    told.settlement, told.pass_key, told.token_key = verdict.settlement, verdict.pass_key, verdict.token_key


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
