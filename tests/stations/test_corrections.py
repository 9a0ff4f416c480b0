"""Transactions that cannot be as they were reported: the guided correction, closing by hand, and joining what belongs together."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from stations.actions.corrections import close_transaction, correct_transaction, version_of
from stations.models import Correction, Transaction, UnmatchedMessage
from tenancy.models import AuditEntry
from tests.conftest import Tree
from tests.stations.test_plots import charge, measure

pytestmark = pytest.mark.django_db


def shown(html: str) -> dict[str, str]:
    """What the form on a page would send."""
    found = dict(re.findall(r'<input type="(?:hidden|datetime-local|number)" name="(\w+)" value="([^"]*)"', html))
    return {name: value for name, value in found.items() if name != "csrfmiddlewaretoken"}


def wrong(tree: Tree, **fields: Any) -> Transaction:
    return charge(tree, **{"problems": ["negative"], "meter_stop": 500} | fields)


def test_a_wrong_meter_is_corrected_with_both_sides_shown_before(tree: Tree, as_bob: Client, bob: Any) -> None:
    row = wrong(tree)
    assert (row.billable, row.to_review, Transaction.objects.billable().count()) == (False, True, 0)
    measure(tree.connector, "Energy.Active.Import.Register", "Wh", {30: 4000, 58: 7500})
    address = f"/transactions/{row.pk}/correct/"
    html = as_bob.get(address).content.decode()
    assert "last meter value, of 1 Jun 2026 10:58:00" in html
    use = re.search(r'name="use" value="(\d+)"', html)
    assert use
    drawn = shown(html) | {"reason": "The meter was read wrong.", "decision": ""}
    taken = as_bob.post(address, drawn | {"use": use[1]}).content.decode()
    assert shown(taken)["meter_stop"] == "7.500"
    assert "The meter was read wrong." in taken, "nothing typed is lost"
    given = shown(taken) | {"reason": "The meter was read wrong.", "decision": "values"}
    summary = as_bob.post(address, given).content.decode()
    assert "Nothing is saved yet." in summary
    assert "-0.50" in summary
    assert "6.50" in summary
    assert not Correction.objects.exists()
    assert as_bob.post(address, given | {"confirmed": "1"}).status_code == 302
    started, ended, reported = row.started_at, row.ended_at, row.reported_end
    row.refresh_from_db()
    assert (row.started_at, row.ended_at, row.reported_end, row.meter_stop) == (started, ended, reported, 7500)
    assert (row.billable, row.to_review, Transaction.objects.billable().count()) == (True, False, 1)
    one = Correction.objects.get()
    assert (one.kind, one.actor, one.before, one.after) == ("values", bob, {"meter_stop": 500}, {"meter_stop": 7500})
    assert AuditEntry.objects.get(verb="transaction_values").changes["meter_stop"] == [500, 7500]
    page = as_bob.get(f"/transactions/{row.pk}/").content.decode()
    assert "corrected, was 0.50" in page
    assert "The meter was read wrong." in page
    assert "meter_stop" not in as_bob.get("/transactions/inbox/?show=problems").content.decode()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"ended_at": "2026-06-01T09:00:00"}, "It cannot end before it began."),
        ({"ended_at": "2099-06-01T09:00:00"}, "This is in the future."),
        ({"meter_stop": "0.9"}, "The meter cannot end below where it began."),
        ({"started_at": "2025-03-30T02:30:00"}, "interpreted in time zone Europe/Amsterdam"),
        ({"started_at": "0001-01-01T00:00:00"}, "There is no such time."),
        ({"started_at": "1926-06-01T10:00:00"}, "This is before 2015"),
        ({"reason": ""}, "Fill this in."),
        ({"decision": "confirm"}, "It cannot be confirmed."),
    ],
)
def test_what_cannot_be_is_told_beside_its_field(tree: Tree, as_bob: Client, values: dict[str, str], told: str) -> None:
    row = wrong(tree)
    address = f"/transactions/{row.pk}/correct/"
    given = shown(as_bob.get(address).content.decode()) | {"reason": "why", "decision": "values", "confirmed": "1"}
    if values:
        given |= {"meter_stop": "7.5"}
    html = as_bob.post(address, given | values).content.decode()
    assert told in html
    assert not Correction.objects.exists()


def test_more_than_the_connector_gives_is_asked_about(tree: Tree, as_bob: Client) -> None:
    row = wrong(tree)
    address = f"/transactions/{row.pk}/correct/"
    given = shown(as_bob.get(address).content.decode()) | {"reason": "why", "decision": "values", "meter_stop": "900", "confirmed": "1"}
    assert "more energy than the connector can give" in as_bob.post(address, given).content.decode()
    assert not Correction.objects.exists()
    assert as_bob.post(address, given | {"sure": "1"}).status_code == 302
    assert Transaction.objects.get().meter_stop == 900_000


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"decision": "confirm"}, "more energy than the connector can give"),
        ({"decision": "values", "started_at": "2026-01-01T10:00:00", "meter_stop": "9"}, "longer than anybody charges"),
    ],
)
def test_what_is_hard_to_believe_is_asked_about(tree: Tree, as_bob: Client, given: dict[str, str], told: str) -> None:
    row = wrong(tree, problems=["too_much"], meter_stop=5_001_000)
    address = f"/transactions/{row.pk}/correct/"
    given = shown(as_bob.get(address).content.decode()) | {"reason": "why", "confirmed": "1"} | given
    assert told in as_bob.post(address, given).content.decode()
    assert not Correction.objects.exists()
    assert as_bob.post(address, given | {"sure": "1"}).status_code == 302


def test_a_time_that_comes_twice_is_taken_and_it_is_said_which(tree: Tree, as_bob: Client) -> None:
    row = wrong(tree, start=datetime(2025, 10, 25, 23, 30, tzinfo=UTC), problems=["clock"], meter_stop=8000)
    address = f"/transactions/{row.pk}/correct/"
    given = shown(as_bob.get(address).content.decode()) | {"reason": "why", "decision": "values"}
    given |= {"started_at": "2025-10-26T02:40:00", "ended_at": "2025-10-26T02:20:00"}
    summary = as_bob.post(address, given).content.decode()
    assert "02:40:00 comes twice, because the clocks go back: the first is meant." in summary
    assert "02:20:00 comes twice, because the clocks go back: the second is meant." in summary
    assert as_bob.post(address, given | {"confirmed": "1"}).status_code == 302
    row.refresh_from_db()
    assert (f"{row.started_at:%H:%M}", f"{row.ended_at:%H:%M}") == ("00:40", "01:20")


def test_an_end_that_contradicts_the_booked_one_can_be_taken(tree: Tree, as_bob: Client) -> None:
    row = charge(tree)
    at = (row.ended_at or row.started_at) + timedelta(minutes=5)
    entry = UnmatchedMessage.objects.create(
        station=tree.station, action="StopTransaction", transaction_id=row.transaction_id, about=row,
        payload={"transactionId": row.pk, "meterStop": 9000, "timestamp": at.isoformat()},
    )  # fmt: skip
    listed = as_bob.get("/transactions/inbox/").content.decode()
    assert f"The station ended transaction {row.pk} once more" in listed
    address = f"/transactions/inbox/{entry.pk}/"
    html = as_bob.get(address).content.decode()
    assert "7.00" in html
    assert "8.00" in html
    given = shown(html)
    assert "Fill this in." in as_bob.post(address, given | {"reason": ""}).content.decode()
    assert as_bob.post(address, given | {"reason": "The meter says so."}).status_code == 302
    row.refresh_from_db()
    entry.refresh_from_db()
    assert (row.meter_stop, row.ended_at, row.billable, entry.resolved_at is not None) == (9000, at, True, True)
    assert Correction.objects.get().kind == "values"


def test_who_was_faster_is_named_as_on_the_page(tree: Tree, as_bob: Client, ada: Any) -> None:
    """Ada is of the platform, where Bob sees no personal data; beside a transaction of his own he is told who decided."""
    row = wrong(tree)
    address = f"/transactions/{row.pk}/correct/"
    given = shown(as_bob.get(address).content.decode()) | {"reason": "why", "decision": "void", "confirmed": "1"}
    correct_transaction(actor=ada, transaction=row, version=version_of(row), values={"meter_stop": 2000}, reason="Read it there.")
    assert "Ada was faster: Values corrected" in as_bob.post(address, given).content.decode()
    assert "Ada" in as_bob.get(f"/transactions/{row.pk}/").content.decode()


def test_of_two_people_the_second_is_told(tree: Tree, as_bob: Client, ada: Any) -> None:
    row = wrong(tree)
    address = f"/transactions/{row.pk}/correct/"
    given = shown(as_bob.get(address).content.decode()) | {"reason": "why", "decision": "void", "confirmed": "1"}
    correct_transaction(actor=ada, transaction=row, version=version_of(row), values={"meter_stop": 2000}, reason="Read it there.")
    html = as_bob.post(address, given).content.decode()
    assert "was faster: Values corrected" in html
    assert not Transaction.objects.get().void
    again = shown(html) | {"reason": "Still not.", "decision": "void", "confirmed": "1"}
    assert as_bob.post(address, again).status_code == 302
    row.refresh_from_db()
    assert (row.void, row.billable, row.meter_stop) == (True, False, 2000)


@pytest.mark.engines
def test_a_decision_is_never_changed(tree: Tree, ada: Any) -> None:
    row = wrong(tree)
    one = correct_transaction(actor=ada, transaction=row, version=version_of(row), values={"meter_stop": 2000}, reason="why")
    with pytest.raises(IntegrityError), transaction.atomic():
        Correction.objects.filter(pk=one.pk).update(reason="Another")
    Correction.objects.filter(pk=one.pk).update(actor=None)
    if connection.vendor == "postgresql":
        with pytest.raises(IntegrityError), transaction.atomic():
            one.delete()


def test_what_never_ended_waits_and_is_closed_by_hand(tree: Tree, as_bob: Client, as_cy: Client) -> None:
    began = timezone.now() - timedelta(days=4)
    row = charge(tree, start=began, minutes=None, meter_last=4200)
    charge(tree, start=timezone.now() - timedelta(days=1), minutes=None)
    inbox = as_bob.get("/transactions/inbox/").content.decode()
    assert f"transaction-{row.pk}" in inbox
    assert "It has not ended." in inbox
    address = f"/transactions/{row.pk}/close/"
    assert as_cy.get(address).status_code == 403
    html = as_bob.get(address).content.decode()
    assert shown(html)["meter_stop"] == "4.200", "the last value is put in already"
    given = shown(html) | {"reason": "The driver is gone.", "confirmed": "1"}
    assert as_bob.post(address, given).status_code == 302
    row.refresh_from_db()
    assert (row.closed_by_hand, row.stop_reason, row.meter_stop, row.billable) == (True, "ClosedByHand", 4200, True)
    page = as_bob.get(f"/transactions/{row.pk}/").content.decode()
    assert "put in by hand" in page
    assert "Closed by hand" in page
    assert "It has ended already." in as_bob.get(address).content.decode()
    with pytest.raises(ValidationError, match="ended meanwhile"):
        close_transaction(actor=None, transaction=row, version=version_of(row), ended_at=began, meter_stop=5000, reason="x")


def test_a_message_without_a_number_becomes_the_end_of_an_open_charge(tree: Tree, as_bob: Client) -> None:
    row = charge(tree, start=timezone.now() - timedelta(hours=3), minutes=None, problems=["not_ended"])
    other = charge(tree, start=timezone.now() - timedelta(hours=3), minutes=None, connector=tree.dc_station.connectors.get(number=1))
    ended = timezone.now() - timedelta(hours=1)
    entry = UnmatchedMessage.objects.create(
        station=tree.station, action="StopTransaction", transaction_id="-1",
        payload={"transactionId": -1, "meterStop": 9000, "timestamp": ended.isoformat(), "reason": "PowerLoss",
                 "transactionData": [{"timestamp": ended.isoformat(), "sampledValue": [
                     {"value": "OCMF|{}|{}", "format": "SignedData", "context": "Transaction.End"}]}]},
    )  # fmt: skip
    address = f"/transactions/inbox/{entry.pk}/"
    html = as_bob.get(address).content.decode()
    for page in (address, f"/transactions/{row.pk}/", f"/transactions/{row.pk}/close/"):
        assert "Gate (LUM-0001)" in as_bob.get(page).content.decode(), page
    assert f'value="{row.pk}"' in html
    assert f'value="{other.pk}"' not in html
    given = {"transaction": row.pk, "reason": "Same card, same meter."}
    summary = as_bob.post(address, given).content.decode()
    assert "Nothing is saved yet." in summary
    hidden = shown(summary)
    assert as_bob.post(address, given | {"version": hidden["version"], "confirmed": "1"}).status_code == 302
    row.refresh_from_db()
    entry.refresh_from_db()
    assert (row.meter_stop, row.stop_reason, row.ended_at, row.problems) == (9000, "PowerLoss", ended, [])
    assert (entry.resolved_at is not None, entry.about) == (True, row)
    kept = row.signed_values.get()
    assert (kept.value, kept.context, kept.at, kept.connector_id) == ("OCMF|{}|{}", "Transaction.End", ended, row.connector_id)
    assert "This was worked off" in as_bob.get(address).content.decode()
    assert row.billable
