"""Transactions through their pages: the list, the station's tab, one transaction, the inbox."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from stations.models import CardOffer, MeterSample, SignedMeterValue, Transaction, UnmatchedMessage
from tenancy.models import AuditEntry
from tests.conftest import CARD, Tree
from tests.stations.test_plots import charge, measure

pytestmark = pytest.mark.django_db
NBSP = "\N{NO-BREAK SPACE}"


def text_of(client: Client, address: str, **query: Any) -> str:
    response = client.get(address, query)
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def listed(html: str) -> list[int]:
    """Primary keys of the transactions on a list page, in its order."""
    return [int(pk) for pk in re.findall(r'class="first [^"]*"><a href="/transactions/(\d+)/[?"]', html)]


def export(client: Client, address: str, **query: Any) -> list[dict[str, str]]:
    response = client.get(address, {"export": "csv"} | query)
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]


# -- list ----------------------------------------------------------------------------------------------------------------------------


def test_totals_leave_out_what_waits_in_the_inbox(tree: Tree, as_bob: Client) -> None:
    charge(tree)
    for at, problem in ((1, "too_much"), (2, "ends_before_start")):
        row = charge(tree, meter_stop=5_001_000, problems=[problem])
        Transaction.objects.filter(pk=row.pk).update(ended_at=row.started_at - timedelta(hours=at))
    Transaction.objects.filter(pk=charge(tree, void=True).pk).update(void=True)
    refused = charge(tree)
    Transaction.objects.filter(pk=refused.pk).update(
        problems=["refused_card"], meter_stop=refused.meter_start, meter_last=refused.meter_start
    )
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text_of(as_bob, "/transactions/")))
    assert "Energy 7.00 kWh Time 2 h 00 min Left out 2 in the inbox, 1 not settled or negative" in said


@pytest.mark.engines
def test_list_shows_what_happened_with_totals(tree: Tree, as_bob: Client) -> None:
    older = charge(tree)
    newer = charge(tree, start=older.started_at + timedelta(days=1), id_tag="04FFEE", stop_reason="EVDisconnected", meter_stop=3500)
    html = text_of(as_bob, "/transactions/")
    assert listed(html) == [newer.pk, older.pk]
    assert f"7.00{NBSP}kWh" in html
    assert f"9.50{NBSP}kWh" in html  # both together
    assert "Pool car 1" in html  # the name of the pass with this UID
    assert "04FFEE" in html
    assert "1 h 00 min" in html
    assert '<th scope="col">Settlement' not in html
    older.settlement = "whitelist"
    older.save()
    assert f'7.00{NBSP}kWh<span class="sub">Whitelisting</span>' in text_of(as_bob, "/transactions/")
    assert f'7.00{NBSP}kWh<span class="sub">' not in text_of(as_bob, "/transactions/", cols="number,energy,settlement")
    assert "the car was unplugged" in html
    assert "connector 1" in html


@pytest.mark.engines
def test_filters(tree: Tree, as_bob: Client) -> None:
    now = timezone.now()
    today = charge(tree, start=now - timedelta(seconds=2), minutes=None)
    older = charge(tree, start=now - timedelta(days=70), problems=["clock"])
    other = charge(tree, start=now - timedelta(days=80), connector=tree.dc_station.connectors.get(number=1), id_tag="04ABCDEF")

    def found(**query: Any) -> list[int]:
        return listed(text_of(as_bob, "/transactions/", **query))

    assert found() == [today.pk, older.pk, other.pk]
    assert found(state="running") == [today.pk]
    assert found(state="ended") == [older.pk, other.pk]
    assert found(state="problem") == [older.pk]
    assert found(period="week") == [today.pk]
    assert found(station="lum-0002") == [other.pk]
    assert found(station="gate") == [today.pk, older.pk]  # its alias
    assert found(card="abcd") == [other.pk]
    assert found(card="pool CAR") == [today.pk, older.pk]  # the pass' name
    assert found(since=f"{now - timedelta(days=70, hours=12):%Y-%m-%d}", until=f"{now - timedelta(days=60):%Y-%m-%d}") == [older.pk]
    Transaction.objects.filter(pk=other.pk).update(settlement="roaming")
    assert found(settlement="roaming") == [other.pk]
    assert found(settlement="none") == [today.pk, older.pk]
    assert found(sort="energy", state="ended") == [older.pk, other.pk]
    assert found(sort="-duration")[0] in {older.pk, other.pk}


def test_a_strangers_pass_is_no_way_to_find_a_card(tree: Tree, as_dan: Client) -> None:
    charge(tree, connector=tree.other_station.connectors.get(number=0))
    html = text_of(as_dan, "/transactions/", card="pool")
    assert listed(html) == []
    assert "Pool car" not in html.replace("Card: pool", "")


def test_days_are_those_of_the_station(tree: Tree, as_bob: Client) -> None:
    """Summer time ends in Amsterdam on 26 October 2025: that day has 25 hours."""
    first = charge(tree, start=datetime(2025, 10, 25, 22, 0, tzinfo=UTC))
    last = charge(tree, start=datetime(2025, 10, 26, 22, 59, 59, tzinfo=UTC))
    charge(tree, start=datetime(2025, 10, 25, 21, 59, 59, tzinfo=UTC))
    charge(tree, start=datetime(2025, 10, 26, 23, 0, tzinfo=UTC))
    html = text_of(as_bob, f"/stations/{tree.station.pk}/transactions/", since="2025-10-26", until="2025-10-26")
    assert listed(html) == [last.pk, first.pk]
    assert "26 Oct 2025 00:00:00 CEST" in html
    assert "26 Oct 2025 23:59:59 CET" in html


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "nonsense"])
def test_no_day_breaks_the_list(tree: Tree, as_bob: Client, day: str) -> None:
    text_of(as_bob, "/transactions/", since=day, until=day)


def test_the_tab_of_a_station_has_its_own_only(tree: Tree, as_bob: Client, as_dan: Client) -> None:
    own = charge(tree)
    charge(tree, connector=tree.dc_station.connectors.get(number=1))
    address = f"/stations/{tree.station.pk}/transactions/"
    assert listed(text_of(as_bob, address)) == [own.pk]
    assert listed(text_of(as_bob, address, connector=2)) == []
    assert as_dan.get(address).status_code == 404
    fragment = as_bob.get(address, {"state": "ended"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert f'hx-get="{address}?state=ended"' in fragment  # the refresh keeps the filter


def test_foreign_transactions_are_in_no_list(tree: Tree, as_dan: Client, as_bob: Client, as_ada: Client) -> None:
    own = charge(tree)
    other = charge(tree, connector=tree.other_station.connectors.get(number=0))
    assert listed(text_of(as_dan, "/transactions/")) == [other.pk]
    assert listed(text_of(as_bob, "/transactions/")) == [own.pk]
    assert listed(text_of(as_ada, "/transactions/", **{"in": f"o{tree.customer.pk}"})) == [own.pk]
    assert listed(text_of(as_ada, "/transactions/", **{"in": f"l{tree.other_location.pk}"})) == [other.pk]


@pytest.mark.parametrize("address", ["/transactions/", "/stations/{station}/transactions/", "/transactions/inbox/?show=problems"])
def test_a_list_costs_the_same_number_of_queries_with_three_rows_and_with_twenty(
    tree: Tree, as_bob: Client, address: str, django_assert_max_num_queries: Any
) -> None:
    address = address.format(station=tree.station.pk)
    for n in range(3):
        charge(tree, id_tag=f"04{n:012X}", problems=["clock"])
    text_of(as_bob, address)
    with django_assert_max_num_queries(40) as few:
        text_of(as_bob, address)
    for n in range(17):
        charge(tree, id_tag=f"05{n:012X}", problems=["clock"])
    with django_assert_max_num_queries(len(few)):
        text_of(as_bob, address)


def test_export_in_the_zone_of_the_location_and_without_formulas(tree: Tree, as_bob: Client) -> None:
    row = charge(tree, id_tag="=cmd()")
    columns = "number,station,card,start,end,duration,energy,settlement,state,stop_reason,organization"
    (line,) = export(as_bob, "/transactions/", cols=columns)
    assert line == {
        "Transaction": str(row.pk), "Station": "Gate (LUM-0001) / 1", "Card": "'=cmd()", "Start": "2026-06-01T10:00:00+02:00",
        "End": "2026-06-01T11:00:00+02:00", "Duration": "1:00:00", "Energy (kWh)": "7.0", "Settlement": "", "State": "Ended",
        "Stop reason": "Local",
        "Organization": "Harbour Offices",
    }  # fmt: skip


def test_export_of_the_tab_names_the_connector(tree: Tree, as_bob: Client) -> None:
    charge(tree)
    (line,) = export(as_bob, f"/stations/{tree.station.pk}/transactions/")
    assert (line["Connector"], line["Card"], line["State"]) == ("1", f"{CARD} (Pool car 1)", "Ended")


def test_the_table_for_spreadsheets(tree: Tree, as_bob: Client) -> None:
    charge(tree)
    response = as_bob.get("/transactions/", {"export": "xlsx"})
    assert response.status_code == 200
    head, line = openpyxl.load_workbook(io.BytesIO(response.content)).worksheets[0].values
    cells = dict(zip(head, line, strict=True))
    assert (cells["Energy (kWh)"], cells["Connector"], cells["Duration"]) == (7, 1, timedelta(hours=1)), "to be added up"


# -- one transaction -----------------------------------------------------------------------------------------------------------------


def test_the_page_has_all_facts(tree: Tree, as_bob: Client) -> None:
    row = charge(tree, reported_start="2026-06-01T08:00:00Z", reported_end="2026-06-01T09:00:01Z", stop_id_tag="04FF")
    CardOffer.objects.create(
        station=tree.station, connector_number=1, at=row.start_received_at, id_tag=CARD, verdict="Accepted", reason="listed",
        action="StartTransaction",
    )  # fmt: skip
    measure(tree.connector, "Energy.Active.Import.Register", "Wh", {30: 4000, 60: 8000})
    html = text_of(as_bob, f"/transactions/{row.pk}/")
    for expected in (
        "LUM-0001", "Quay 7", "Harbour Offices", "Pool car 1", CARD, "04FF", "The pass is on the organization",
        "Stopped at the station",
        f"7.00{NBSP}kWh", f"7.0{NBSP}kW", f"8.0{NBSP}kW", "1 h 00 min", "2026-06-01T09:00:01Z", "1 Jun 2026 11:00:00", "Europe/Amsterdam",
        "worked out from the energy register", f"1.00{NBSP}kWh", f"8.00{NBSP}kWh",
    ):  # fmt: skip
        assert expected in html, expected
    assert "10:30:00" in html  # in the table of values, in the location's zone
    assert "Stop charging" not in html.split('id="main"')[1]


def test_values_of_the_autumn_night_are_in_the_right_hour(tree: Tree, as_bob: Client) -> None:
    start = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)  # 02:30 in summer time
    row = charge(tree, start=start, minutes=90)
    measure(tree.connector, "Power.Active.Import", "W", {30: 1000, 60: 2000}, start=start)
    html = text_of(as_bob, f"/transactions/{row.pk}/")
    table = html.split('id="value-rows"')[1]
    assert re.findall(r"nowrap\">([\d:]+)<", table) == ["02:30:00", "02:00:00", "02:30:00", "03:00:00"]
    assert "1 h 30 min" in html


def test_without_values_it_says_so(tree: Tree, as_bob: Client) -> None:
    html = text_of(as_bob, f"/transactions/{charge(tree).pk}/")
    assert "The station sent none during this transaction." in html


def test_a_running_transaction_can_be_stopped_and_is_live(tree: Tree, as_bob: Client) -> None:
    row = charge(tree, minutes=None, start=timezone.now() - timedelta(minutes=5), meter_last=2500)
    tree.station.connected = True
    tree.station.first_connected_at = tree.station.last_message_at = timezone.now()
    tree.station.save()
    html = text_of(as_bob, f"/transactions/{row.pk}/").split('id="main"')[1]
    assert f"/stations/{tree.station.pk}/commands/stop/" in html
    assert html.count(f'data-live="station:{tree.station.pk}"') == 3  # facts, plot, table
    assert f"1.50{NBSP}kWh" in html
    fragment = as_bob.get(f"/transactions/{row.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert fragment.lstrip().startswith('<div id="transaction"')
    values = as_bob.get(f"/transactions/{row.pk}/", {"part": "values"}, headers={"HX-Request": "true"}).content.decode()
    assert values.lstrip().startswith('<tbody id="value-rows"')


def test_a_station_that_is_away_cannot_be_asked_to_stop(tree: Tree, as_bob: Client) -> None:
    row = charge(tree, minutes=None, start=timezone.now() - timedelta(minutes=5))
    html = text_of(as_bob, f"/transactions/{row.pk}/").split('id="main"')[1]
    assert "/commands/stop/" not in html
    assert "disabled" in html
    assert "never connected" in html


def test_each_problem_is_a_sentence_with_what_now(tree: Tree, as_bob: Client) -> None:
    row = charge(tree, problems=[str(problem) for problem in Transaction.Problem.values], meter_stop=500)
    html = text_of(as_bob, f"/transactions/{row.pk}/")
    assert html.count("What now?") == len(Transaction.Problem.values)
    assert "The meter ended below where it began" in html
    assert f"-0.50{NBSP}kWh" in html


def test_foreign_transactions_do_not_exist(tree: Tree, as_dan: Client) -> None:
    row = charge(tree)
    for address in ("", "plot.json", "signed.json"):
        assert as_dan.get(f"/transactions/{row.pk}/{address}").status_code == 404


def test_what_stations_send_is_never_markup(tree: Tree, as_bob: Client) -> None:
    evil = "<img src=x onerror=alert(1)>"
    row = charge(tree, id_tag=evil, stop_id_tag=evil + "2", stop_reason="<b>", reported_start=evil, reported_end=evil)
    SignedMeterValue.objects.create(connector=tree.connector, transaction=row, at=row.started_at, context="<i>", value=evil)
    for address in ("/transactions/", f"/transactions/{row.pk}/"):
        html = text_of(as_bob, address)
        assert "<img src=x" not in html
        assert escape(evil) in html


def test_signed_values_are_listed_and_downloaded(tree: Tree, as_bob: Client) -> None:
    row = charge(tree)
    assert "Signed meter values" not in text_of(as_bob, f"/transactions/{row.pk}/")
    SignedMeterValue.objects.create(
        connector=tree.connector, transaction=row, at=row.started_at, context="Transaction.Begin", value="OCMF|{}|{}"
    )
    assert "OCMF|{}|{}" in text_of(as_bob, f"/transactions/{row.pk}/")
    response = as_bob.get(f"/transactions/{row.pk}/signed.json")
    assert "attachment" in response["Content-Disposition"]
    assert response.json()["signedValues"] == [{"at": "2026-06-01T08:00:00+00:00", "context": "Transaction.Begin", "value": "OCMF|{}|{}"}]


def test_the_page_costs_the_same_however_much_was_measured(tree: Tree, as_bob: Client, django_assert_max_num_queries: Any) -> None:
    row = charge(tree)
    measure(tree.connector, "Power.Active.Import", "W", {1: 1.0})
    address = f"/transactions/{row.pk}/"
    text_of(as_bob, address)
    with django_assert_max_num_queries(40) as few:
        text_of(as_bob, address)
    measure(tree.connector, "Power.Active.Import", "W", {float(n): 1.0 for n in range(2, 58)})
    assert MeterSample.objects.count() == 57
    with django_assert_max_num_queries(len(few)):
        text_of(as_bob, address)


# -- inbox ---------------------------------------------------------------------------------------------------------------------------


def unmatched(tree: Tree, **fields: Any) -> UnmatchedMessage:
    return UnmatchedMessage.objects.create(
        **{
            "station": tree.station, "action": "StopTransaction", "transaction_id": "-1", "count": 3,
            "payload": {"transactionId": -1, "meterStop": 4711, "idTag": "<script>"},
        }
        | fields
    )  # fmt: skip


def test_the_inbox_says_what_it_is_and_what_now(tree: Tree, as_bob: Client) -> None:
    unmatched(tree)
    unmatched(tree, action="MeterValues", transaction_id="77", count=1, payload={})
    charge(tree, problems=["meter_fell"])
    html = text_of(as_bob, "/transactions/inbox/")
    assert "The station ended a charge that has no number" in html
    assert "Its meter stood at 4711 Wh." in html
    assert "The station sent meter values of transaction 77" in html
    assert "3 times since" in html
    assert escape('"idTag": "<script>"') in html
    problems = text_of(as_bob, "/transactions/inbox/", show="problems")
    assert "The meter fell while the car was charging." in problems


def test_an_empty_inbox_says_so(tree: Tree, as_bob: Client) -> None:
    assert "Nothing waits here." in text_of(as_bob, "/transactions/inbox/")
    assert "Every transaction adds up." in text_of(as_bob, "/transactions/inbox/", show="problems")


def test_dismiss_is_audited_and_final_until_it_comes_again(tree: Tree, as_bob: Client, bob: Any) -> None:
    entry = unmatched(tree)
    assert as_bob.get(f"/transactions/inbox/{entry.pk}/dismiss/").status_code == 405
    response = as_bob.post(f"/transactions/inbox/{entry.pk}/dismiss/", follow=True)
    assert "Dismissed." in response.content.decode()
    assert "has no number" not in text_of(as_bob, "/transactions/inbox/")
    audit = AuditEntry.objects.get(verb="dismiss")
    assert (audit.actor, audit.organization, audit.object_name) == (bob, tree.customer, "StopTransaction -1")
    again = as_bob.post(f"/transactions/inbox/{entry.pk}/dismiss/", follow=True)
    assert "This entry was dismissed already." in again.content.decode()
    assert AuditEntry.objects.filter(verb="dismiss").count() == 1


def test_foreign_entries_do_not_exist(tree: Tree, as_dan: Client) -> None:
    entry = unmatched(tree)
    assert "Nothing waits here." in text_of(as_dan, "/transactions/inbox/")
    assert as_dan.post(f"/transactions/inbox/{entry.pk}/dismiss/").status_code == 404
    entry.refresh_from_db()
    assert entry.resolved_at is None


def test_the_scope_limits_the_inbox(tree: Tree, as_ada: Client) -> None:
    unmatched(tree)
    assert "has no number" in text_of(as_ada, "/transactions/inbox/", **{"in": f"l{tree.location.pk}"})
    assert "Nothing waits here." in text_of(as_ada, "/transactions/inbox/", **{"in": f"o{tree.other_partner.pk}"})
