"""What `stations` asks of the apps above it: they register an answer in their `AppConfig.ready`, so nothing here imports upward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple


class Offer(NamedTuple):
    """A card held to a station."""

    organization_path: str
    access_mode: str
    id_tag: str
    at: datetime


class Verdict(NamedTuple):
    """What may be charged with a card, and why.

    `status` is OCPP's AuthorizationStatus, `reason` a word for our own log; `holder` names the pass for people,
    `expiry` is for the station.
    """

    status: str
    reason: str
    holder: str = ""
    expiry: datetime | None = None


# Decides over many offers in a constant number of queries; called inside the ledger's transaction.
authorizer: Callable[[Sequence[Offer]], list[Verdict]] | None = None


def authorize(offers: Sequence[Offer]) -> list[Verdict]:
    if authorizer is None:
        raise RuntimeError("no app decides who may charge: `passes` must be installed")
    return authorizer(offers) if offers else []
