"""Exports by a job: as its owner sees the list, for its owner alone, begun anew after a crash, forgotten after a week."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openpyxl
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stations import hooks
from stations.models import Transaction
from tenancy import actions
from tenancy.exports import KINDS, files, jobs
from tenancy.models import AuditEntry, Export, Role, User
from tests.conftest import CARD, Tree
from tests.stations.test_plots import charge
from ui import lists

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small(monkeypatch: Any, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(lists, "AT_ONCE", 3)
    monkeypatch.setattr(files, "PORTION", 2)


@pytest.fixture
def five(tree: Tree) -> list[Transaction]:
    charge(tree, connector=tree.other_station.connectors.get(number=0))  # a stranger's
    return [charge(tree, id_tag="=cmd()" if number == 4 else CARD, meter_stop=2000 + number) for number in range(5)]


def wanted(user: User, form: str = "csv", query: str = "") -> Export:
    of = actions.start_export(actor=user, kind=KINDS["transactions"], query=query, form=form)
    jobs.run(of.pk)
    of.refresh_from_db()
    return of


def content(client: Client, of: Export) -> bytes:
    answer = client.get(reverse("export_file", args=[of.pk]))
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def test_a_long_list_is_asked_about_written_and_downloaded(five: list[Transaction], as_bob: Client, as_ada: Client) -> None:
    answer = as_bob.get("/transactions/", {"export": "csv", "settlement": "", "sort": "energy", "in": ""})
    assert answer.status_code == 302
    question = as_bob.get(answer["Location"])
    assert "5 rows of “Transactions” are written to a CSV file." in question.content.decode()
    assert not Export.objects.exists()
    page = as_bob.post(answer["Location"], follow=True)
    of = Export.objects.get()
    assert urlsplit(page.redirect_chain[-1][0]).path == reverse("export", args=[of.pk])
    jobs.run(of.pk)
    html = as_bob.get(reverse("export_live", args=[of.pk])).content.decode()
    assert "Ready" in html
    assert "hx-get" not in html, "it does not ask again when it is done"
    lines = list(csv.DictReader(io.StringIO(content(as_bob, of).decode("utf-8-sig"))))
    assert [line["Transaction"] for line in lines] == [str(row.pk) for row in five]
    assert lines[4]["Card"] == "'=cmd()"
    head = lines[0]
    assert (head["Pass"], head["Station id"], head["Alias"], head["Location"], head["Energy (kWh)"]) == (
        "Pool car 1", "LUM-0001", "Gate", "Quay 7", "1.0",
    )  # fmt: skip
    assert AuditEntry.objects.get(verb="export").changes["format"] == [None, "csv"]
    for address in ("export", "export_live", "export_file"):
        assert as_ada.get(reverse(address, args=[of.pk])).status_code == 404, "not even for the administrator"
    assert as_ada.post(reverse("export_cancel", args=[of.pk])).status_code == 404
    assert f"/exports/{of.pk}/" in as_bob.get("/exports/").content.decode()
    assert f"/exports/{of.pk}/" not in as_ada.get("/exports/").content.decode()


def test_short_lists_come_at_once_and_the_tab_of_a_station_keeps_to_it(tree: Tree, five: list[Transaction], as_bob: Client) -> None:
    assert as_bob.get("/transactions/", {"export": "csv", "until": "2020-01-01"}).status_code == 200
    answer = as_bob.get(f"/stations/{tree.station.pk}/transactions/", {"export": "xlsx"})
    as_bob.post(answer["Location"])
    of = Export.objects.get()
    assert (of.kind, of.query, of.format) == ("station_transactions", f"pk={tree.station.pk}", "xlsx")
    jobs.run(of.pk)
    of.refresh_from_db()
    rows = list(openpyxl.load_workbook(io.BytesIO(content(as_bob, of)), read_only=True).worksheets[0].values)
    assert len(rows) == 6
    assert rows[0][0] == "Transaction"
    assert "=cmd()" not in [cell for row in rows for cell in row]


def test_what_may_be_seen_when_it_is_written_counts(tree: Tree, five: list[Transaction], cy: User, as_cy: Client) -> None:
    masked = wanted(cy)
    assert CARD.encode() not in content(as_cy, masked), "a viewer sees no card numbers"
    of = actions.start_export(actor=cy, kind=KINDS["transactions"], query="", form="csv")
    actions.withdraw_role(actor=None, user=cy, team=actions.team_of(Role.objects.get(default="viewer"), tree.customer))
    jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.problem) == ("failed", "You may not see this list any more.")
    assert as_cy.get(reverse("export_file", args=[masked.pk])).status_code == 403


@pytest.mark.parametrize("query", ["in=o999999", "since=nonsense"])
def test_what_cannot_be_read_is_not_everything(five: list[Transaction], bob: User, query: str) -> None:
    assert wanted(bob, query=query).state == "failed"


@pytest.mark.engines
def test_after_a_crash_it_begins_anew_and_a_cancelled_one_stops(five: list[Transaction], bob: User, monkeypatch: Any) -> None:
    of = actions.start_export(actor=bob, kind=KINDS["transactions"], query="", form="csv")
    write = files.write

    def crash(*arguments: Any) -> Iterator[int]:
        yield from list(write(*arguments))[:1]
        raise SystemExit

    monkeypatch.setattr(files, "write", crash)
    with pytest.raises(SystemExit):
        jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.done) == ("running", 2)
    jobs.run(of.pk)
    assert Export.objects.get().attempts == 1, "somebody may still be at it"
    Export.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(files, "write", write)
    jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.done, of.rows, of.attempts) == ("done", 5, 5, 2)

    def cancel(*arguments: Any) -> Iterator[int]:
        actions.cancel_export(actor=bob, of=Export.objects.latest("pk"))
        yield from write(*arguments)

    monkeypatch.setattr(files, "write", cancel)
    assert wanted(bob).state == "cancelled"
    assert len(default_storage.listdir("exports")[1]) == 1


def test_files_are_forgotten_after_a_week(five: list[Transaction], bob: User) -> None:
    old, new = wanted(bob), wanted(bob)
    Export.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=8))
    assert jobs.forget_old() == 1
    assert [one.pk for one in Export.objects.all()] == [new.pk]
    assert default_storage.listdir("exports")[1] == [Path(new.file.name).name]


def test_an_app_above_adds_its_columns(five: list[Transaction], as_bob: Client, bob: User, monkeypatch: Any) -> None:
    column = hooks.FileColumn("Cost (EUR)", lambda _user, rows: {row.pk: row.energy_wh / 1000 for row in rows}, "read_money")
    monkeypatch.setattr(hooks, "transaction_columns", [column])
    lines = list(csv.DictReader(io.StringIO(content(as_bob, wanted(bob)).decode("utf-8-sig"))))
    assert {line["Cost (EUR)"] for line in lines} == {"1.0", "1.001", "1.002", "1.003", "1.004"}
