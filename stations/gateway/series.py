"""The meter values of a batch, and the series to which they belong."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stations.gateway import bulk
from stations.gateway.entries import ConnectorState
from stations.models import MeterSeries
from stations.ocpp.events import Channel

LONGEST_MEASURAND = MeterSeries._meta.get_field("measurand").max_length or 0  # what is longer has no series: a word of 2.1
MAX_SERIES = 400  # per connector; enough for every measurand on every phase, not for a station that makes them up


class Series:
    """Collects what was measured; `rows` makes the series that are new, in the ledger's transaction, and `remember` is called after its
    commit."""

    def __init__(self) -> None:
        self.samples: list[tuple[ConnectorState, Channel, datetime, float]] = []
        self._found: dict[tuple[ConnectorState, Channel], int] = {}

    def remember(self) -> None:
        for (connector, channel), pk in self._found.items():
            if connector.series is None:
                connector.series = {}
            connector.series[channel] = pk

    def rows(self) -> list[tuple[Any, ...]]:
        """The samples with the keys of their series, which are made where they are new."""
        if not self.samples:
            return []
        strange = {connector for connector, *_rest in self.samples if connector.series is None}
        if strange:
            self._load(strange)
        wanted = {(c, channel) for c, channel, _at, _value in self.samples if self._of(c, channel) is None and _may_add(c)}
        if wanted:
            bulk.insert_missing(MeterSeries, ("connector", *Channel._fields), [(c.pk, *channel) for c, channel in wanted])
            self._load({c for c, _channel in wanted})
        rows = []
        for connector, channel, at, value in self.samples:
            series = self._of(connector, channel)
            if series is not None:
                rows.append((series, at, value))
        return rows

    def _load(self, connectors: set[ConnectorState]) -> None:
        by_pk: dict[int, list[ConnectorState]] = {}
        for connector in connectors:
            by_pk.setdefault(connector.pk, []).append(connector)
        for pk, connector_id, *channel in MeterSeries.objects.filter(connector__in=by_pk).values_list(
            "pk", "connector_id", *Channel._fields
        ):
            for connector in by_pk[connector_id]:
                self._found[(connector, Channel(*channel))] = pk

    def _of(self, connector: ConnectorState, channel: Channel) -> int | None:
        known = connector.series.get(channel) if connector.series is not None else None
        return known if known is not None else self._found.get((connector, channel))


def _may_add(connector: ConnectorState) -> bool:
    return connector.series is None or len(connector.series) < MAX_SERIES
