"""What we answer to a station, whichever OCPP version it speaks. What one version alone has may be answered with its very payload."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple


class Card(NamedTuple):
    """What is said of a card. `status` as OCPP 1.6 spells AuthorizationStatus; `expiry`: how long the station may remember that. `reason`,
    of the verdict, is for versions that have more words than 1.6."""

    status: str
    expiry: datetime | None = None
    group_id: str = ""
    reason: str = ""


class Now(NamedTuple):
    at: datetime


class Booted(NamedTuple):
    at: datetime
    interval: int  # seconds between two heartbeats
    status: str = "Accepted"


class Judged(NamedTuple):
    """To a card that was offered, or to what may carry one; None where it carried none. `total`: what a transaction that has ended costs,
    taxes included, where the version can say it. `certificate`: AuthorizeCertificateStatusEnumType, where it came with certificates."""

    card: Card | None
    total: float | None = None
    certificate: str = ""


class StartBooked(NamedTuple):
    transaction_id: str
    card: Card


class Answer(NamedTuple):
    """A status, and in versions that can say it a word for why (StatusInfoType.reasonCode, up to 20 characters)."""

    status: str
    reason: str = ""


class Done(NamedTuple):
    """It is kept; there is nothing to say to it."""


Reply = Now | Booted | Judged | StartBooked | Answer | Done | dict[str, Any]
