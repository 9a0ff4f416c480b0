"""The register of energy among measured values: what a meter says of a whole connector, in Wh."""

from __future__ import annotations

from collections.abc import Iterable

from stations.ocpp.events import ENDED as _ENDED
from stations.ocpp.events import Channel, Ended, Sample, TransactionReport

BEGIN, END = "Transaction.Begin", "Transaction.End"


def register_wh(channel: Channel, value: float) -> float | None:
    """Wh, where it is the meter of the whole connector."""
    if channel.measurand != "Energy.Active.Import.Register" or channel.phase:
        return None
    return value * 1000 if channel.unit == "kWh" else value


def at(samples: Iterable[Sample], context: str) -> int | None:
    """The register when the transaction began, or ended; None where no value says so."""
    found = [wh for _at, channel, value in samples if channel.context == context and (wh := register_wh(channel, value)) is not None]
    return round(found[-1]) if found else None


def first(samples: Iterable[Sample]) -> int | None:
    """As it stood at the begin, else the first value that came."""
    begin = at(samples, BEGIN)
    if begin is not None:
        return begin
    return next((round(wh) for _at, channel, value in samples if (wh := register_wh(channel, value)) is not None), None)


def last(samples: Iterable[Sample]) -> int | None:
    """As it stood at the end, else the last value that came."""
    end = at(samples, END)
    if end is not None:
        return end
    found = [wh for _at, channel, value in samples if (wh := register_wh(channel, value)) is not None]
    return round(found[-1]) if found else None


def as_end(report: TransactionReport, meter: int | None = None) -> Ended | None:
    """The end of a transaction in a report of it; `meter` stands in where the report has none. None for what is no end, or has no meter."""
    stop = last(report.samples)
    stop = meter if stop is None else stop
    if report.kind != _ENDED or stop is None:
        return None
    return Ended(
        report.transaction_id, report.id_tag, stop, report.at, report.reason or "Local", report.samples, report.signed,
    )  # fmt: skip
