"""What the ledger does with many messages at once."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from django.utils import timezone

from stations.gateway.book import Book
from stations.gateway.entries import Entry
from tests.conftest import CARD
from tests.ocpp.conftest import Gateway, until


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
def test_a_batch_is_freed_at_once(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cycle in it keeps every entry until the collector stops the whole process, for 100 ms under load."""
    books: list[weakref.ref[Book]] = []
    made = Book.__init__

    def noted(book: Book, batch: list[Entry]) -> None:
        books.append(weakref.ref(book))
        made(book, batch)

    monkeypatch.setattr(Book, "__init__", noted)
    at = timezone.now().isoformat()
    older = gateway.connect()
    value = {"timestamp": at, "sampledValue": [{"value": "1000"}]}
    older.call("StatusNotification", {"connectorId": 1, "status": "Preparing", "errorCode": "NoError"})
    begun = older.call("StartTransaction", {"connectorId": 1, "idTag": CARD, "meterStart": 1000, "timestamp": at})["transactionId"]
    older.call("MeterValues", {"connectorId": 1, "transactionId": begun, "meterValue": [value]})
    older.call("StopTransaction", {"transactionId": begun, "meterStop": 1500, "timestamp": at})
    newer = gateway.connect("LUM-0002", subprotocols=["ocpp2.0.1"])
    for number, kind in enumerate(("Started", "Updated", "Ended")):
        newer.call("TransactionEvent", {
            "eventType": kind, "timestamp": at, "triggerReason": "Authorized", "seqNo": number, "transactionInfo": {"transactionId": "A"},
            "evse": {"id": 1, "connectorId": 1}, "idToken": {"idToken": CARD, "type": "ISO14443"},
        })  # fmt: skip
    older.close()
    newer.close()
    assert len(books) >= 9
    until(lambda: not any(book() for book in books))
