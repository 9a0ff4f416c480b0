"""The Logs tab: every frame both ways, found, paged, opened and downloaded – and what must not be seen in it."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils.html import escape

from stations import frames
from stations.models import Command, Frame, Station
from stations.ocpp import masking
from stations.pages import logs
from tests.conftest import Tree

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def frame(
    station: Station, action: str = "Heartbeat", payload: Any = None, answer: Any = None, *, at: datetime = NOW, out: bool = False,
    error: tuple[str, str] | None = None, took: int = 0, raw: str = "", **fields: Any,
) -> Frame:  # fmt: skip
    """One exchange; `answer` None is none yet, `error` a CALLERROR."""
    reply = raw or (json.dumps([4, "m", *error, {}]) if error else "" if answer is None else json.dumps([3, "m", answer]))
    values = {
        "call": json.dumps([2, "m", action, payload or {}]), "answer": reply, "failed": bool(error),
        "answered_at": at + timedelta(milliseconds=took) if reply else None,
    } | fields  # fmt: skip
    return Frame.objects.create(station=station, at=at, direction="out" if out else "in", action=action, **values)


def page(client: Client, station: Station, **query: Any) -> str:
    response = client.get(f"/stations/{station.pk}/logs/", query)
    assert response.status_code == 200
    return response.content.decode()


def opened(html: str) -> list[int]:
    """Primary keys of the frames on a page, in its order."""
    return [int(pk) for pk in re.findall(r'/logs/(\d+)/[?"]', html)]


def fetch(client: Client, station: Station, kind: str, **query: Any) -> str:
    response = client.get(f"/stations/{station.pk}/logs/download.{kind}", query)
    assert response.status_code == 200
    assert "attachment" in response["Content-Disposition"]
    return b"".join(response.streaming_content).decode("utf-8-sig")


# -- what is seen --------------------------------------------------------------------------------------------------------------------


def test_newest_first_with_a_summary_the_answer_and_the_time_it_took(tree: Tree, as_bob: Client) -> None:
    frame(tree.station, "StatusNotification", {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure", "info": "RCD"}, {})
    frame(
        tree.station, "UnlockConnector", {"connectorId": 2}, {"status": "Unlocked"}, out=True, took=1234, at=NOW + timedelta(milliseconds=7)
    )
    html = page(as_bob, tree.station)
    assert html.index("UnlockConnector</a>") < html.index("StatusNotification</a>")
    assert "connector 1 · Faulted · GroundFailure · RCD" in html
    assert "14:00:00.007" in html  # Amsterdam, in summer
    assert "Unlocked" in html
    assert "1234 ms" in html


@pytest.mark.parametrize(
    ("action", "payload", "answer", "says", "answered"),
    [
        ("Authorize", {"idTag": "04AA"}, {"idTagInfo": {"status": "Invalid"}}, "card 04AA", "Invalid"),
        ("StartTransaction", {"connectorId": 2, "idTag": "04AA", "meterStart": 17, "timestamp": "x"},
         {"transactionId": 99, "idTagInfo": {"status": "Accepted"}}, "connector 2 · card 04AA · meter 17 Wh → transaction 99", "Accepted"),
        ("StopTransaction", {"transactionId": 99, "meterStop": 18, "timestamp": "x", "reason": "PowerLoss"}, {},
         "transaction 99 · meter 18 Wh · PowerLoss", "Answered"),
        ("MeterValues", {"connectorId": 1, "transactionId": 99, "meterValue": [{"timestamp": "x", "sampledValue": [
            {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}, {"value": "5"}, {"value": "1", "measurand": "SoC"},
            {"value": "2"}]}]}, {},
         "connector 1 · transaction 99 · power 7.2 kW · energy 5 · battery 1 · +1",
         "Answered"),
        ("BootNotification", {"chargePointVendor": "ACME", "chargePointModel": "One"}, {"status": "Accepted"}, "ACME · One", "Accepted"),
        ("GetConfiguration", {}, {"configurationKey": [{"key": "A"}, {"key": "B"}]}, "all keys", "2 keys"),
        ("TransactionEvent", {"eventType": "Updated", "timestamp": "x", "triggerReason": "Authorized", "seqNo": 3, "offline": True,
          "transactionInfo": {"transactionId": "T-1", "chargingState": "Charging"}, "evse": {"id": 1, "connectorId": 2},
          "idToken": {"idToken": "A1", "type": "ISO14443"},
          "meterValue": [{"timestamp": "x", "sampledValue": [{"value": 5, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}]}]},
         {"idTokenInfo": {"status": "Accepted"}},
         "Updated · connector 1-2 · transaction T-1 · #3 · Authorized · Charging · card A1 · while offline · energy 5 ×10^3 Wh",
         "Accepted"),
        ("StatusNotification", {"timestamp": "x", "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}, {},
         "connector 1 · Occupied", "Answered"),
        ("MeterValues", {"meterValue": "nonsense"}, {}, "meterValue: nonsense", "Answered"),
    ],
)  # fmt: skip
def test_summaries(tree: Tree, action: str, payload: Any, answer: Any, says: str, answered: str) -> None:
    message = frames.read(frame(tree.station, action, payload, answer), tree.location.zone, cards=True)
    assert (message.summary, message.outcome) == (says, answered)


def test_an_error_says_its_code_and_description(tree: Tree, as_bob: Client) -> None:
    frame(tree.station, "StartTransaction", {}, error=("OccurenceConstraintViolation", "connectorId is missing"))
    assert "OccurenceConstraintViolation · connectorId is missing" in page(as_bob, tree.station)


def test_one_message_in_full_with_its_neighbours(tree: Tree, as_bob: Client) -> None:
    first = frame(tree.station, "Authorize", {"idTag": "A1"}, {"idTagInfo": {"status": "Accepted"}})
    middle = frame(tree.station, "Authorize", {"idTag": "A2"}, {"idTagInfo": {"status": "Accepted"}})  # the same microsecond
    frame(tree.station, at=NOW + timedelta(seconds=1))
    last = frame(tree.station, "Authorize", {"idTag": "A3"}, {}, at=NOW + timedelta(seconds=2))
    html = as_bob.get(f"/stations/{tree.station.pk}/logs/{middle.pk}/?action=Authorize").content.decode()
    assert escape('"idTag": "A2"') in html
    assert f"/logs/{first.pk}/?action=Authorize" in html
    assert f"/logs/{last.pk}/?action=Authorize" in html  # the heartbeat between them is filtered out


def test_a_frame_that_cannot_be_read_is_shown_as_it_came(tree: Tree, as_bob: Client) -> None:
    unreadable = frame(tree.station, "", call="[2, <b>oops", answer='[4,"-1","FormationViolation","This is not JSON.",{}]', failed=True)
    assert "[2, &lt;b&gt;oops" in page(as_bob, tree.station)
    assert "[2, &lt;b&gt;oops" in as_bob.get(f"/stations/{tree.station.pk}/logs/{unreadable.pk}/").content.decode()


def test_what_is_nested_deeply_does_not_blow_up_its_page(tree: Tree, as_bob: Client) -> None:
    deep = frame(tree.station, "DataTransfer", {"data": json.loads("[" * 80 + ",".join(["1"] * 20_000) + "]" * 80)})
    assert len(as_bob.get(f"/stations/{tree.station.pk}/logs/{deep.pk}/").content) < 200_000


@pytest.mark.parametrize("text", ['{"a":' * 900 + "1" + "}" * 900, "[" * 5000, '"\\ud800"', "NaN", '{"n": ' + "9" * 5000 + "}"])
def test_no_text_breaks_the_page(tree: Tree, as_bob: Client, text: str) -> None:
    found = frame(tree.station, "DataTransfer", call=f'[2,"m","DataTransfer",{text}]')
    page(as_bob, tree.station)
    assert as_bob.get(f"/stations/{tree.station.pk}/logs/{found.pk}/").status_code == 200
    fetch(as_bob, tree.station, "jsonl")
    fetch(as_bob, tree.station, "csv")


# -- who sees it ---------------------------------------------------------------------------------------------------------------------


def test_foreign_logs_do_not_exist(tree: Tree, as_dan: Client, as_bob: Client) -> None:
    own, other = frame(tree.station), frame(tree.other_station)
    for address in ("", f"{own.pk}/", "download.csv", "download.jsonl"):
        assert as_dan.get(f"/stations/{tree.station.pk}/logs/{address}").status_code == 404
    # A frame of another station is not found through one's own either.
    assert as_bob.get(f"/stations/{tree.station.pk}/logs/{other.pk}/").status_code == 404
    assert as_bob.get(f"/stations/{tree.dc_station.pk}/logs/{own.pk}/").status_code == 404


def test_what_stations_send_is_never_markup(tree: Tree, as_bob: Client) -> None:
    evil = "<script>alert(1)</script>"
    found = frame(tree.station, evil[:40], {evil: evil}, {"status": evil})
    for html in (page(as_bob, tree.station), as_bob.get(f"/stations/{tree.station.pk}/logs/{found.pk}/").content.decode()):
        assert "<script>alert" not in html
        assert escape(evil) in html


SECRET = "swordfish-0123456789"


@pytest.fixture
def secrets(tree: Tree) -> list[Frame]:
    station = tree.station
    return [
        frame(station, "ChangeConfiguration", {"key": "authorizationKey", "value": SECRET}, {"status": "Accepted"}, out=True),
        frame(station, "GetConfiguration", {}, {"configurationKey": [{"key": "AuthorizationKey", "value": SECRET}]}, out=True),
        frame(station, "GetDiagnostics", {"location": f"ftp://tech:{SECRET}@files.example/up"}, {}, out=True),
        # cut off in the middle
        frame(station, "GetConfiguration", raw='[3,"m",{"configurationKey":[{"key":"AuthorizationKey","value":"' + SECRET, out=True),
        # no object, but text that looks like one
        frame(station, "GetConfiguration", {}, '{"key":"AuthorizationKey","value":"' + SECRET + '"}', out=True),
    ]  # fmt: skip


def test_secrets_are_masked_wherever_a_frame_is_shown(tree: Tree, as_ada: Client, secrets: list[Frame]) -> None:
    pages = [page(as_ada, tree.station), fetch(as_ada, tree.station, "csv"), fetch(as_ada, tree.station, "jsonl")]
    pages += [as_ada.get(f"/stations/{tree.station.pk}/logs/{found.pk}/").content.decode() for found in secrets]
    for text in pages:
        assert "****" in text
        assert "swordfish" not in text


def test_secrets_cannot_be_guessed_by_searching(tree: Tree, as_ada: Client, secrets: list[Frame]) -> None:
    for guess in ("sword", "swordfish-01"):
        assert not {one.pk for one in secrets if one.action != "GetDiagnostics"} & set(opened(page(as_ada, tree.station, text=guess)))


# -- finding -------------------------------------------------------------------------------------------------------------------------


def test_filters(tree: Tree, as_bob: Client) -> None:
    station = tree.station
    beat, meter = frame(station), frame(station, "MeterValues", {"connectorId": 1, "meterValue": []}, {})
    card = frame(station, "Authorize", {"idTag": "04CAFE"}, {"idTagInfo": {"status": "Accepted"}}, at=NOW + timedelta(hours=1))
    broken = frame(station, "StartTransaction", {}, error=("FormationViolation", ""), at=NOW + timedelta(hours=2))
    silent = frame(station, "Reset", {"type": "Soft"}, out=True, at=NOW + timedelta(hours=3))
    Command.objects.create(station=station, action="Reset", deadline=NOW)
    frame(tree.dc_station)

    def found(**query: Any) -> set[int]:
        return set(opened(page(as_bob, station, **query)))

    assert found() == {beat.pk, meter.pk, card.pk, broken.pk, silent.pk}
    assert found(action="Authorize") == {card.pk}
    assert found(direction="out") == {silent.pk}
    assert found(quiet="on") == {card.pk, broken.pk, silent.pk}
    assert found(errors_only="on") == {broken.pk, silent.pk}
    assert found(text="04cafe") == {card.pk}
    # Times are those of the location: 15:00 in Amsterdam is 13:00 UTC.
    assert found(since="2026-06-01T15:00:00", until="2026-06-01T15:00") == {card.pk}
    assert found(since="2026-06-01T15:00:01") == {broken.pk, silent.pk}
    assert "Enter a date and a time." in page(as_bob, station, since="yesterday")
    assert "No message matches." in page(as_bob, station, text="nowhere")


def test_both_hours_of_the_autumn_night_are_told_apart(tree: Tree, as_bob: Client) -> None:
    summer = frame(tree.station, "Authorize", {"idTag": "S"}, at=datetime(2025, 10, 26, 0, 30, tzinfo=UTC))
    winter = frame(tree.station, "Authorize", {"idTag": "W"}, at=datetime(2025, 10, 26, 1, 30, tzinfo=UTC))
    html = page(as_bob, tree.station)
    assert html.count(">02:30:00.000<") == 2
    assert "2025-10-26T02:30:00.000+02:00" in html
    assert "2025-10-26T02:30:00.000+01:00" in html
    # A period over the repeated hour has both of its halves.
    assert opened(page(as_bob, tree.station, since="2025-10-26T02:00", until="2025-10-26T02:59")) == [winter.pk, summer.pk]


@pytest.mark.engines
def test_paging_shows_each_frame_exactly_once(tree: Tree, as_bob: Client) -> None:
    """Also where many share one moment, and while new ones come in."""
    moments = [NOW, NOW, NOW + timedelta(microseconds=1), NOW + timedelta(seconds=1)]
    Frame.objects.bulk_create(
        Frame(station=tree.station, at=moments[n % 4], direction="in", action="Heartbeat", call='[2,"m","Heartbeat",{}]')
        for n in range(130)
    )
    expected = list(Frame.objects.order_by("-at", "-pk").values_list("pk", flat=True))
    seen: list[int] = []
    address = f"/stations/{tree.station.pk}/logs/?quiet="
    last = address
    while address:
        html = as_bob.get(address).content.decode()
        seen += opened(html)
        frame(tree.station, at=NOW + timedelta(hours=1))
        last, address = address, next(iter(re.findall(r'rel="next" href="([^"]+)"', html)), "").replace("&amp;", "&")
    assert seen == expected
    # And back again.
    back = re.findall(r'rel="prev" href="([^"]+)"', as_bob.get(last).content.decode())[0].replace("&amp;", "&")
    assert opened(as_bob.get(back).content.decode()) == expected[50:100]


@pytest.mark.parametrize("cursor", ["x", "1", "1-", "-1-2", "99999999999999999999-1", "1-99999999999999999999"])
def test_a_made_up_place_in_the_log_is_not_found(tree: Tree, as_bob: Client, cursor: str) -> None:
    assert as_bob.get(f"/stations/{tree.station.pk}/logs/", {"before": cursor}).status_code == 404


def test_a_page_costs_the_same_number_of_queries_with_three_frames_and_thirty(
    tree: Tree, as_bob: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        frame(tree.station, "Authorize", {"idTag": "A"}, {})
    page(as_bob, tree.station)
    with django_assert_max_num_queries(40) as few:
        page(as_bob, tree.station)
    for _ in range(27):
        frame(tree.station, "Authorize", {"idTag": "A"}, {})
    with django_assert_max_num_queries(len(few)):
        page(as_bob, tree.station)


def test_only_the_newest_page_is_live(tree: Tree, as_bob: Client) -> None:
    frame(tree.station)
    assert f'data-live="station:{tree.station.pk}"' in page(as_bob, tree.station).split('id="log"')[1]
    older = page(as_bob, tree.station, before=f"{int((NOW + timedelta(days=1)).timestamp())}000000-1")
    assert "data-live" not in older.split('id="log"')[1].split(">")[0]
    fragment = as_bob.get(f"/stations/{tree.station.pk}/logs/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert fragment.lstrip().startswith('<div id="log"')


def test_without_any_message_it_says_what_to_do(tree: Tree, as_bob: Client) -> None:
    assert "has not sent anything yet" in page(as_bob, tree.station)


# -- downloads -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.engines
def test_the_download_has_what_the_filter_matches(tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "CHUNK", 3)
    for n in range(10):
        frame(tree.station, "Authorize", {"idTag": f"T{n}"}, {"idTagInfo": {"status": "Accepted"}}, at=NOW + timedelta(seconds=n // 4))
        frame(tree.station)
    rows = [json.loads(line) for line in fetch(as_bob, tree.station, "jsonl", action="Authorize").splitlines()]
    assert [row["call"][3]["idTag"] for row in rows] == [f"T{n}" for n in reversed(range(10))]
    assert rows[-1] | {"call": 0, "answer": 0} == {
        "at": "2026-06-01T14:00:00.000+02:00", "station": "LUM-0001", "direction": "in", "action": "Authorize", "call": 0, "answer": 0,
        "answered_at": "2026-06-01T14:00:00.000+02:00", "failed": False,
    }  # fmt: skip
    table = list(csv.reader(io.StringIO(fetch(as_bob, tree.station, "csv", quiet="on"))))
    assert len(table) == 11
    assert table[1][3:6] == ["Authorize", "card T9", "Accepted"]


def test_a_download_ends_at_the_bound(tree: Tree, as_bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "CHUNK", 4)
    monkeypatch.setattr(logs, "MOST_DOWNLOADED", 10)
    for _ in range(15):
        frame(tree.station)
    assert len(fetch(as_bob, tree.station, "jsonl").splitlines()) == 10


@pytest.mark.parametrize("formula", ['=HYPERLINK("http://x")', "+1+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_of_the_table_is_a_formula(tree: Tree, as_bob: Client, formula: str) -> None:
    frame(tree.station, formula, {"a": formula}, {"status": formula})
    (row,) = list(csv.reader(io.StringIO(fetch(as_bob, tree.station, "csv"))))[1:]
    assert all(not cell.lstrip("\t").startswith(("=", "+", "-", "@")) for cell in row)


def test_links_keep_the_filter(tree: Tree, as_bob: Client) -> None:
    frame(tree.station, "Authorize", {"idTag": "A"})
    html = page(as_bob, tree.station, action="Authorize", quiet="on")
    links = [urlsplit(link.replace("&amp;", "&")) for link in re.findall(r'href="([^"]*download\.csv[^"]*)"', html)]
    assert parse_qs(links[0].query) == {"action": ["Authorize"], "quiet": ["on"]}


def test_what_answers_nothing_is_told_from_what_still_waits_for_an_answer(tree: Tree, as_ada: Client) -> None:
    frame(tree.station, "Unreadable", call='[3,"nobody",{}]')
    assert "Ignored: nothing waits for it" in page(as_ada, tree.station)
    frame(tree.station, "Reset", {"type": "Soft"}, out=True)
    assert "none yet" in page(as_ada, tree.station)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://bob:p/SECRET@h/x", "ftp://bob:****@h/x"),
        ("see http://u:p@h and http://host:8080/x", "see http://u:****@h and http://host:8080/x"),
        ("ftp://u@h", "ftp://u@h"),
    ],
)
def test_passwords_in_addresses_are_masked(text: str, shown: str) -> None:
    assert masking.without_url_passwords(text) == shown


def test_a_long_frame_is_shown_as_quickly_as_it_is_read() -> None:
    for text in ("A" * 250_000 + "@", "://x:" * 50_000 + "@", "://" * 80_000 + "@"):
        assert masking.without_url_passwords(text).endswith("@")  # in the time that any test has; it took minutes
