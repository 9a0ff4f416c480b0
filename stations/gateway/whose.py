"""Of which transaction measured values are, where they name one, a wrong one, or none (MeterValues of OCPP 1.6)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from stations.gateway.entries import ConnectorState, Known, OpenTransaction, StationState
from stations.ocpp import numbering
from stations.ocpp.events import Metered

PERIODIC = "Sample.Periodic"  # what a station measures while it charges; by the clock it measures always


class Whose(NamedTuple):
    """`running` goes on, `late` has ended. `named`: by its id, which the station's memory lacks; `guessed`: by its connector."""

    running: OpenTransaction | None = None
    late: Known | None = None
    named: bool = False
    guessed: bool = False


def values(
    state: StationState, connector: ConnectorState, event: Metered, known: Mapping[tuple[int, str], Known], stopped: Collection[int]
) -> Whose:
    """`known`: transactions of stations that the batch has looked up, `stopped`: those that end in it."""
    key = event.transaction_id
    if key and (running := state.open.get(key)) and running.pk not in stopped:
        return Whose(running)
    row = known.get((state.station_id, key)) if key else None
    if row is not None and row.ended_at is None and row.pk not in stopped:
        return Whose(OpenTransaction(row.pk, row.connector_id, row.meter_last or row.meter_start, row.meter_start), named=True)
    if key:
        wrong = row is None or _after_its_end(row, event)
    else:
        wrong = any(channel.context == PERIODIC for _at, channel, _value in event.samples)
    if wrong and (one := _the_one(state, connector, stopped)):
        return Whose(one, guessed=True)
    return Whose(late=row)


def _the_one(state: StationState, connector: ConnectorState, stopped: Collection[int]) -> OpenTransaction | None:
    """The only one that runs at their connector: always one of this station, whatever id it wrote. What has ids of the station's own
    (2.0.1) tells its values itself."""
    found = [one for one in state.open.values() if one.connector_pk == connector.pk and one.pk not in stopped]
    return found[0] if connector.number and len(found) == 1 and found[0].last_report is None else None


def of_evse(state: StationState, connector: ConnectorState, ended: Collection[int]) -> OpenTransaction | None:
    """The only one with an id of the station's own (2.0.1) that runs at the EVSE which this connector stands for."""
    if not connector.number:
        return None
    places = {state.connectors[number].pk for number in numbering.of_same_evse(connector.number) if number in state.connectors}
    own = [one for key, one in state.open.items() if key not in state.reused]  # else it is not plain of which charge it is
    found = [one for one in own if one.connector_pk in places and one.pk not in ended]
    return found[0] if len(found) == 1 and found[0].last_report is not None else None


def _after_its_end(row: Known, event: Metered) -> bool:
    """Whether all of it was measured after the transaction, which the station has ended itself."""
    times = [at for at, _channel, _value in event.samples]
    return row.ended_at is not None and not row.closed_by_hand and bool(times) and all(at and at > row.ended_at for at in times)
