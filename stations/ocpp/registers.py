"""The register of energy among measured values: what a meter says of a whole connector, in Wh."""

from __future__ import annotations

from collections.abc import Iterable

from stations.ocpp.events import ENDED as _ENDED
from stations.ocpp.events import Channel, Ended, Sample, TransactionReport

# Wh by which two tellings of the same register may differ: of kWh with one decimal the last digit is rounded, or cut off
ROUNDED = 100
BEGIN, END = "Transaction.Begin", "Transaction.End"
REGISTER = "Energy.Active.Import.Register"
_WH = {"wh": 1, "kwh": 1000, "mwh": 1_000_000}  # however it is spelled; in other units it is no register
# Where it is measured: what the car gets counts, what the station draws only where nothing else is told
_PLACES = ("Outlet", "Cable", "EV", "Body", "Inlet", "Upstream")
OUTLETS = _PLACES.index("Body")  # up to this `rank`


def register_wh(channel: Channel, value: float) -> float | None:
    """Wh, where it is the meter of the whole connector."""
    if channel.measurand != REGISTER or channel.phase:
        return None
    factor = _WH.get(channel.unit) or _WH.get(channel.unit.casefold())
    return value * factor if factor else None


def readings(samples: Iterable[Sample]) -> list[tuple[str, float]]:
    """The registers among values, each with its context: those of one place, in order of time."""
    return [(channel.context, wh) for _at, channel, value in _told(samples) if (wh := register_wh(channel, value)) is not None]


def timed(samples: Iterable[Sample]) -> list[Sample]:
    """The same with their times, in Wh."""
    return [one._replace(value=register_wh(one.channel, one.value) or 0.0) for one in _told(samples)]


def _told(samples: Iterable[Sample]) -> list[Sample]:
    found = [one for one in samples if register_wh(one[1], one[2]) is not None]
    if len(found) > 1:
        best = min(rank(channel) for _at, channel, _value in found)
        found = in_order([one for one in found if rank(one[1]) == best])
    return found


def in_order(samples: list[Sample]) -> list[Sample]:
    """By their times, which stations do not always keep to; as they came where one has none."""
    timed = [(at, number) for number, (at, _channel, _value) in enumerate(samples) if at is not None]
    return [samples[number] for _at, number in sorted(timed)] if len(timed) == len(samples) else samples


def rank(channel: Channel) -> int:
    """Of the places that measure the same: the lowest counts."""
    return _PLACES.index(channel.location) if channel.location in _PLACES else 0


def draws(channel: Channel) -> bool:
    """Whether it is what the station draws, which may be for other connectors too."""
    return rank(channel) > OUTLETS


def at(samples: Iterable[Sample], context: str) -> int | None:
    """The register when the transaction began, or ended; None where no value says so."""
    found = [wh for of, wh in readings(samples) if of == context]
    return round(found[-1]) if found else None


def first(samples: Iterable[Sample]) -> int | None:
    """As it stood at the begin, else the first value that was measured."""
    found = readings(samples)
    begin = [wh for of, wh in found if of == BEGIN]
    return round(begin[-1]) if begin else round(found[0][1]) if found else None


def last(samples: Iterable[Sample]) -> int | None:
    """As it stood at the end, else the last value that was measured."""
    found = readings(samples)
    end = [wh for of, wh in found if of == END]
    return round(end[-1]) if end else round(found[-1][1]) if found else None


def highest(samples: Iterable[Sample]) -> int | None:
    found = readings(samples)
    return round(max(wh for _context, wh in found)) if found else None


def fell(before: float, after: float) -> bool:
    """Whether it is certainly less than it was (Wh)."""
    return after < before - ROUNDED


def above(samples: Iterable[Sample], meter: int) -> int | None:
    """The highest register, where it is certainly more than `meter`: of what is told in whole kWh or MWh the last digit may be rounded."""

    def least(channel: Channel, value: float) -> float:
        return (register_wh(channel, value) or 0) - max(_last_digit(channel, value) - ROUNDED, 0)

    return highest([one for one in _told(samples) if fell(least(one[1], one[2]), meter)])


def exactness(samples: Iterable[Sample]) -> float:
    """Wh: what the last digit of the least exact register is worth."""
    return max((_last_digit(one[1], one[2]) for one in _told(samples)), default=0.0)


def _last_digit(of: Channel, value: float) -> float:
    """What the last digit that is told of it is worth, in Wh; nothing where it is told in Wh."""
    unit = _WH.get(of.unit.casefold(), 1)
    digits = 0 if value.is_integer() else len(str(value).partition(".")[2])
    return unit / 10**digits if unit > 1 else 0.0


def between(samples: Iterable[Sample]) -> list[Sample]:
    """Those that are neither of the begin nor of the end, as `timed`."""
    return [one for one in timed(samples) if not one.channel.context.startswith("Transaction.")]


def falls(told: Iterable[Sample]) -> tuple[int, int] | None:
    """Of registers in Wh the first that is certainly less than the same one before it, with that."""
    latest: dict[Channel, float] = {}
    for _at, channel, wh in told:
        if fell(before := latest.get(channel, wh), wh):
            return round(before), round(wh)
        latest[channel] = wh
    return None


def as_end(report: TransactionReport, meter: int | None = None) -> Ended | None:
    """The end of a transaction in a report of it; `meter` stands in where the report has none. None for what is no end, or has no meter."""
    stop = last(report.samples)
    stop = meter if stop is None else stop
    if report.kind != _ENDED or stop is None:
        return None
    return Ended(
        report.transaction_id, report.id_tag, stop, report.at, report.reason or "Local", report.samples, report.signed,
    )  # fmt: skip
