"""What a station tells of the meter at one moment and what it tells of it later: taken where it is plain, for people where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from stations import evidence
from stations.models import Connector, Station, Transaction
from tests.ocpp.conftest import Gateway, Wire
from tests.ocpp.test_messages import meter, start, stop
from tests.ocpp.test_messages import now as now16
from tests.ocpp.test_transactions201 import now, one, tell, value

pytestmark = pytest.mark.engines

BEGIN, PERIODIC, END = "Transaction.Begin", "Sample.Periodic", "Transaction.End"
NONE = {"idToken": "", "type": "NoAuthorization"}
Told = list[tuple[float, float, str]]  # minutes since the start, kWh, context


@pytest.fixture
def wire201(gateway: Gateway) -> Wire:
    return gateway.connect(subprotocols=["ocpp2.0.1"])


class Charge:
    """One of an hour, at an EVSE of its own."""

    def __init__(self, wire: Wire, number: int) -> None:
        self.wire, self.evse, self.tx, self.number = wire, number, f"T-{number}", -1

    def values(self, told: Told) -> list[dict[str, Any]]:
        kwh = {"unitOfMeasure": {"unit": "kWh"}}
        return [value(one, context, now(minutes=minute - 60), **kwh) for minute, one, context in told]

    def tell(self, kind: str, minute: float, told: Told, **more: Any) -> None:
        self.number += 1
        evse = {"id": self.evse, "connectorId": 1}
        tell(self.wire, kind, self.number, *self.values(told), tx=self.tx, evse=evse, at=now(minutes=minute - 60), **more)

    def began(self, told: Told) -> None:
        self.tell("Started", 0, told, idToken=NONE, state="EVConnected")

    def measured(self, told: Told) -> None:
        self.wire.call("MeterValues", {"evseId": self.evse, "meterValue": self.values(told)})

    def result(self) -> tuple[float, list[str]]:
        row = one(self.tx)
        return (row.energy_wh or 0) / 1000, row.problems


@pytest.mark.parametrize("again", [False, True], ids=["connected", "connected anew"])
def test_the_meter_at_the_start_that_is_told_later(again: bool, wire201: Wire, gateway: Gateway) -> None:
    cases: list[tuple[Told, Told, Told, Told, tuple[float, list[str]]]] = [
        # told at the start, of the EVSE, then, and with the end
        ([], [], [(15, 4.2, PERIODIC)], [(0, 1, BEGIN), (15, 4.2, PERIODIC), (60, 12, END)], (11, [])),
        ([], [], [(15, 2, PERIODIC)], [(0, 1, BEGIN), (60, 5, END)], (4, [])),
        ([], [], [(15, 4, PERIODIC)], [(5, 1, PERIODIC), (60, 9, PERIODIC)], (8, [])),
        ([], [(1, 1, "Sample.Clock")], [(15, 4, PERIODIC)], [(60, 9, END)], (8, [])),
        ([(0, 1, BEGIN)], [], [(15, 2, PERIODIC)], [(0, 1, BEGIN), (60, 5, END)], (4, [])),
        ([(0, 5006.155, BEGIN)], [], [(15, 5006.2, PERIODIC)], [(0, 5006.2, BEGIN), (60, 5010.155, END)], (4, [])),
        ([(0, 2, BEGIN)], [], [(15, 3, PERIODIC)], [(0, 1, BEGIN), (60, 5, END)], (3, ["other_start"])),
        ([(0, 2, PERIODIC)], [], [(15, 3, PERIODIC)], [(0, 1, BEGIN), (60, 5, END)], (3, ["other_start"])),
        ([(0, 0, BEGIN)], [], [(40, 20.5, PERIODIC)], [(0, 20, BEGIN), (60, 25, END)], (25, ["other_start"])),
        ([(0, 0, BEGIN)], [], [(1.6, 20, PERIODIC)], [(60, 22, END)], (22, ["other_start"])),
        ([(0, 0, BEGIN)], [], [(40, 14, PERIODIC)], [(60, 20, END)], (20, [])),
    ]  # fmt: skip
    charges = [Charge(wire201, number) for number in range(1, len(cases) + 1)]
    for charge, (at_start, of_evse, then, _end, _result) in zip(charges, cases, strict=True):
        charge.began(at_start)
        if of_evse:
            charge.measured(of_evse)
        charge.tell("Updated", then[0][0], then, state="Charging")
    wire = gateway.connect(subprotocols=["ocpp2.0.1"]) if again else wire201
    for charge, (_start, _evse, _then, end, result) in zip(charges, cases, strict=True):
        charge.wire = wire
        charge.tell("Ended", 60, end)
        assert charge.result() == result, (charge.evse, end)


def test_the_same_in_16(wire: Wire) -> None:
    cases: list[tuple[int, Told, Told, int, list[str]]] = [
        (0, [], [(0, 10_000, BEGIN), (60, 15_000, END)], 15_000, ["other_start"]),
        (2000, [], [(0, 1000, BEGIN), (60, 5000, END)], 5000, ["other_start"]),
        (1000, [], [(0, 1000, BEGIN), (60, 5000, END)], 5000, []),
        (250_000, [], [(0, 0, BEGIN), (60, 4000, END)], 254_000, []),  # another register of the same
        (5000, [(0.2, 19_000, PERIODIC)], [], 20_000, ["other_start"]),
        (5000, [(50, 15_000, PERIODIC)], [], 20_000, []),
    ]  # fmt: skip
    for at_start, then, end, stop_at, problems in cases:
        transaction = start(wire, meter=at_start, at=now16(hours=-1))["transactionId"]
        for minute, wh, _context in then:
            meter(wire, {"value": str(wh)}, transaction=transaction, at=now16(minutes=minute - 60))
        data = [{"timestamp": now16(minutes=at - 60), "sampledValue": [{"value": str(wh), "context": of}]} for at, wh, of in end]
        stop(wire, transaction, stop_at, **({"transactionData": data} if data else {}))
        row = Transaction.objects.get(transaction_id=str(transaction))
        assert (row.meter_start, row.meter_stop, row.problems) == (at_start, stop_at, problems)
        told = {round(wh) for _minute, wh, context in (*then, *end) if context in (BEGIN, PERIODIC)}
        suggested = {each.value for each in evidence.of(row).suggestions if each.field == "meter_start"}
        assert not problems or told <= suggested


def test_no_energy_is_counted_for_two_charges(gateway: Gateway, wire201: Wire) -> None:
    """The second begins with an old meter: people look at it. Where each is counted from 0, or by a count of its own, nothing is wrong."""
    wire = gateway.connect("LUM-0002")
    cases = [
        ((1000, 9000), (5000, 15_000), ["counted_twice"]), ((1000, 9000), (9000, 15_000), []), ((1000, 9000), (8950, 15_000), []),
        ((1000, 9400), (9000, 15_000), []), ((0, 9000), (0, 15_000), []), ((1000, 9000), (0, 15_000), []), ((2000, 9000), (4000, 7000), []),
    ]  # fmt: skip
    for number, (first, second, problems) in enumerate(cases, 1):
        for minutes, (begin, end) in ((60, first), (30, second)):
            transaction = start(wire, meter=begin, connector=number, at=now16(minutes=-minutes))["transactionId"]
            stop(wire, transaction, end, now16(minutes=25 - minutes))
            charge = Charge(wire201, number)
            charge.tx = f"{number}-{minutes}"
            charge.tell("Started", 60 - minutes, [(60 - minutes, begin / 1000, BEGIN)], idToken=NONE, state="Charging")
            charge.tell("Ended", 85 - minutes, [(85 - minutes, end / 1000, END)])
        assert Transaction.objects.get(transaction_id=str(transaction)).problems == charge.result()[1] == problems, (first, second)


def test_the_same_in_values_of_their_own_in_16(wire: Wire) -> None:
    cases: list[tuple[int, Told, int, list[str]]] = [
        (1000, [(10, 6000, PERIODIC), (59, 9000, END)], 7000, ["meter_fell"]),
        (0, [(0, 8000, BEGIN), (30, 10_000, PERIODIC)], 13_000, ["other_start"]),
        (1000, [(0, 1000, BEGIN), (30, 4000, PERIODIC), (60, 7000, END)], 7000, []),
        (250_000, [(0, 0, BEGIN), (30, 3000, PERIODIC), (60, 6000, END)], 256_000, []),
    ]
    for at_start, values, stop_at, problems in cases:
        key = start(wire, meter=at_start, at=now16(hours=-1))["transactionId"]
        for minute, wh, context in values:
            meter(wire, {"value": str(wh), "context": context}, transaction=key, at=now16(minutes=minute - 60))
        stop(wire, key, stop_at)
        assert one(str(key)).problems == problems, values
    key = start(wire, connector=3, meter=-1, at=now16(hours=-1))["transactionId"]  # as some say that they do not know it
    stop(wire, key, 6000)
    assert one(str(key)).problems == ["no_start_meter"]
    key = start(wire, connector=2, at=now16(hours=-1))["transactionId"]
    stop(wire, key, 6345, now16(minutes=-2))
    meter(wire, {"value": "7", "unit": "kWh"}, connector=2, transaction=key)  # rounded
    assert one(str(key)).problems == []


def test_what_was_measured_later_is_neither_the_start_nor_the_end(wire201: Wire) -> None:
    charge = Charge(wire201, 1)
    charge.began([(0, 1, BEGIN)])
    for minute in (15, 30):
        charge.measured([(minute, minute / 5, "Sample.Clock")])
    charge.tell("Ended", 60, [])
    assert charge.result() == (5, ["no_end_meter"])
    for number, (trigger, problems) in enumerate((("MeterValuePeriodic", ["no_start_meter"]), ("ChargingStateChanged", [])), 2):
        charge = Charge(wire201, number)
        charge.began([])
        charge.tell("Updated", 30, [(30, 5, PERIODIC)], state="Charging", triggerReason=trigger)
        charge.tell("Ended", 60, [(60, 11, END)])
        assert charge.result() == (6, problems)
    charge = Charge(wire201, 5)
    charge.tell("Started", 10, [(0, 5, BEGIN)], idToken=NONE, state="Charging")  # measured before it was told
    charge.tell("Ended", 60, [(60, 7, END)])
    assert charge.result() == (2, [])
    charge = Charge(wire201, 4)
    charge.began([(0, -1, BEGIN)])
    charge.tell("Ended", 60, [(60, 3, END)])
    assert charge.result() == (4, ["no_start_meter"])


def test_a_car_that_waits_for_a_card_until_it_leaves_is_nothing_to_look_at(wire201: Wire) -> None:
    for number, told in enumerate(([], [(0, 1, BEGIN)]), 1):
        charge = Charge(wire201, number)
        charge.tell("Started", 0, told, state="EVConnected")
        charge.tell("Updated", 10, [], state="SuspendedEVSE")
        charge.tell("Ended", 60, [], state="Idle")
        assert charge.result() == (0, ["no_card"])
    assert not Transaction.objects.to_review().exists()


@pytest.mark.parametrize("again", [False, True], ids=["connected", "connected anew"])
def test_what_is_told_of_a_charge_after_its_end(again: bool, wire201: Wire, gateway: Gateway) -> None:
    def by_report(told: Told) -> Any:
        return lambda charge: charge.tell("Updated", 61, told)

    def by_evse(told: Told) -> Any:
        return lambda charge: charge.measured(told)

    # the end at minute 50, what comes then, the energy and the problems
    cases: list[tuple[Told, Any, tuple[float, list[str]]]] = [
        ([(50, 3, END)], by_report([(55, 9, PERIODIC)]), (2, ["meter_fell"])),
        ([(50, 3, END)], by_report([(55, 3, PERIODIC)]), (2, [])),
        ([], by_evse([(50.02, 9, END)]), (8, [])),
        ([], by_evse([(55, 9, PERIODIC)]), (0, [])),
        ([(50, 4, END)], by_evse([(49, 9, "Sample.Clock")]), (3, ["meter_fell"])),
        ([(50, 4, END)], by_evse([(49, 3.9, "Sample.Clock")]), (3, [])),
        ([(50, 4, END)], by_evse([(55, 9, "Sample.Clock")]), (3, [])),
    ]
    charges: list[Charge] = []
    for number, (end, _then, _result) in enumerate(cases, 1):
        charge = Charge(wire201, number)
        charge.began([(0, 1, BEGIN)])
        charge.tell("Ended", 50, end)
        charges.append(charge)
    wire = gateway.connect(subprotocols=["ocpp2.0.1"]) if again else wire201
    for charge, (_end, then, result) in zip(charges, cases, strict=True):
        charge.wire = wire
        then(charge)
        assert charge.result() == result, charge.evse


def test_values_of_the_charge_before_are_not_of_the_one_that_goes_on(wire201: Wire) -> None:
    for number, (begin, minute) in enumerate(((1, 0), (4, 30))):
        charge = Charge(wire201, 1)
        charge.tx = f"N-{number}"
        charge.tell("Started", minute, [(minute, begin, BEGIN)], idToken=NONE, state="Charging")
        if number == 0:
            charge.tell("Ended", 20, [(20, 4, END)])
    charge.measured([(19, 9, "Sample.Clock")])
    charge.measured([(40, 6, "Sample.Clock")])
    assert (one("N-0").problems, one("N-1").meter_last, one("N-1").problems) == (["meter_fell"], 6000, [])


Way = list[list[tuple[float, float]]]  # messages, each with values: minutes since the start, Wh


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_how_the_meter_comes_to_its_end(version: str, gateway: Gateway) -> None:
    """One of an hour from 1000 Wh, at 16 A; alike in both versions."""
    cases: list[tuple[Way, int, list[str]]] = [
        ([[(5, 2000)], [(40, 2100)], [(41, 14_000)], [(50, 14_050)]], 14_100, ["too_much"]),
        ([[(5, 2000), (40, 2100), (41, 14_000)]], 14_100, ["too_much"]),
        ([[(5, 2000)], [(30, 2100)]], 14_100, []),
        ([[(5, 2000)], [(25, 2000)], [(45, 2000)], [(46, 12_000)]], 12_100, []),  # it stood still, and then told what had flowed
        ([[(10, 2000)], [(20, 4000), (30, 0), (40, 6000)]], 7000, ["meter_fell"]),
        ([[(10, 2000), (20, 4000), (30, 3990), (40, 6000)]], 7000, []),
    ]
    wire = gateway.connect(subprotocols=[f"ocpp{version}"])
    for number, (messages, end, problems) in enumerate(cases, 1):
        if version == "1.6":
            key = start(wire, at=now16(hours=-1))["transactionId"]
            for message in messages:
                told = [{"timestamp": now16(minutes=minute - 60), "sampledValue": [{"value": str(wh)}]} for minute, wh in message]
                wire.call("MeterValues", {"connectorId": 1, "transactionId": key, "meterValue": told})
            stop(wire, key, end)
        else:
            charge = Charge(wire, number)
            key = charge.tx
            charge.tell("Started", 0, [(0, 1, BEGIN)], idToken=NONE, state="Charging")
            for message in messages:
                charge.tell("Updated", message[-1][0], [(minute, wh / 1000, PERIODIC) for minute, wh in message])
            charge.tell("Ended", 60, [(60, end / 1000, END)])
        assert (one(str(key)).meter_stop, one(str(key)).problems) == (end, problems), messages


@pytest.mark.parametrize(("wh", "problems"), [(600_000, ["too_much"]), (100_000, [])])
def test_direct_current_gives_no_more_than_its_current_allows(wh: int, problems: list[str], wire: Wire) -> None:
    Station.objects.update(current_type="DC")
    Connector.objects.update(max_current=125)
    key = start(wire, meter=1000, at=now16(minutes=-55))["transactionId"]
    stop(wire, key, 1000 + wh)
    assert one(str(key)).problems == problems


def test_what_comes_together_with_the_end_may_fall_too(wire201: Wire) -> None:
    charge = Charge(wire201, 1)
    charge.began([(0, 1, BEGIN)])
    charge.tell("Ended", 60, [(10, 2, PERIODIC), (20, 4, PERIODIC), (30, 0, PERIODIC), (60, 5, END)])
    assert charge.result() == (4, ["meter_fell"])


def test_a_station_that_tells_what_it_draws_beside(gateway: Gateway) -> None:
    inlet = {"context": "Sample.Clock", "location": "Inlet"}
    wire = gateway.connect()
    for values in ([], [6000]):
        key = start(wire, at=now16(hours=-1))["transactionId"]
        meter(wire, {"value": "77000", **inlet}, transaction=key, at=now16(minutes=-50))
        for wh in values:
            meter(wire, {"value": str(wh)}, transaction=key, at=now16(minutes=-20))
        stop(wire, key, 11_000)
        assert (one(str(key)).meter_last, one(str(key)).problems) == (values[0] if values else 1000, [])
    only = {"context": PERIODIC, "location": "Inlet"}
    key = start(wire, at=now16(hours=-1))["transactionId"]
    for wh in (4000, 6000):
        meter(wire, {"value": str(wh), **only}, transaction=key, at=now16(minutes=wh / 200 - 60))
    assert one(str(key)).meter_last == 6000
    stop(wire, key, 4000)
    assert one(str(key)).problems == ["meter_fell"]
    wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    charge = Charge(wire, 1)
    charge.began([(0, 1, BEGIN)])
    wire.call("MeterValues", {"evseId": 1, "meterValue": [value(77_000, at=now(minutes=-50), **inlet)]})
    charge.tell("Updated", 30, [(30, 6, PERIODIC)], state="Charging")
    charge.tell("Ended", 60, [(60, 11, END)])
    assert charge.result() == (10, [])


def test_a_value_of_now_before_what_was_told_offline(wire201: Wire, gateway: Gateway) -> None:
    charge = Charge(wire201, 1)
    charge.tell("Started", 0, [(0, 1, BEGIN)], idToken=NONE, state="Charging")
    charge.tell("Updated", 5, [(5, 2, PERIODIC)])
    charge.wire = gateway.connect(subprotocols=["ocpp2.0.1"])
    charge.measured([(60, 8, "Sample.Clock")])
    charge.tell("Updated", 10, [(10, 3, PERIODIC)], offline=True)
    charge.tell("Ended", 20, [(20, 4, END)], offline=True)
    assert charge.result() == (3, [])
