"""The machinery of imports: what files it takes, how it goes on after a crash, who may see and do what."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from passes.imports.passes import PASSES, PassRows
from passes.models import ChargePass
from tenancy import actions, rights
from tenancy.imports import KINDS, jobs
from tenancy.models import Import, ImportFault, ImportPart, User
from tests.conftest import Tree
from tests.tenancy.people import somebody

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_parts(monkeypatch: Any) -> None:
    """Three rows in a part."""
    from dataclasses import replace

    monkeypatch.setitem(KINDS, "passes", replace(PASSES, part_rows=3))


def kept(tree: Tree, rows: int = 10, text: str = "") -> Import:
    text = text or "uid\n" + "".join(f"AA0000{number:02}\n" for number in range(rows))
    return actions.upload_import(
        actor=tree.bob, kind=KINDS["passes"], organization=tree.customer, file=io.BytesIO(text.encode()), name="passes.csv"
    )


def checked(tree: Tree, rows: int = 10) -> Import:
    of = kept(tree, rows)
    jobs.run(of.pk)
    of.refresh_from_db()
    assert of.state == "checked"
    return of


def added() -> int:
    return ChargePass.objects.filter(uid__startswith="AA0000").count()


# -- files --------------------------------------------------------------------------------------------------------------------------------


def packed(**entries: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name if "." in name else name.replace("_", "."), content)
    return out.getvalue()


def sheet(*rows: list[Any]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(out)
    return out.getvalue()


ONE_ROW = b'<row r="1"><c r="A1" t="s"><v>0</v></c></row><row><c t="s"><v>%d</v></c></row>'
LETTERS = b"<si><t>uid</t></si>"


def book(rows: bytes = ONE_ROW % 0, strings: bytes = LETTERS, says: int = 0) -> bytes:
    """A spreadsheet with just this in it; `says` is what the directory tells of the size of its strings."""
    relation = '<Relationship Id="%s" Type="http://x/relationships/%s" Target="%s"/>'
    related = [("a", "worksheet", "worksheets/sheet1.xml"), ("b", "sharedStrings", "/xl/sharedStrings.xml")]
    content = packed(**{
        "_rels/.rels": f"<Relationships>{relation % ('w', 'officeDocument', 'xl/workbook.xml')}</Relationships>".encode(),
        "xl/workbook.xml": b'<workbook xmlns:r="r"><sheets><sheet name="Tokens" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"<Relationships>{''.join(relation % one for one in related)}</Relationships>".encode(),
        "xl/worksheets/sheet1.xml": b"<worksheet><sheetData>" + rows + b"</sheetData></worksheet>",
        "xl/sharedStrings.xml": b"<sst>" + strings + b"</sst>",
    })  # fmt: skip
    real = (len(strings) + len(b"<sst></sst>")).to_bytes(4, "little")
    return content.replace(real, says.to_bytes(4, "little")) if says else content


def some(count: int) -> bytes:
    """So many strings, in XML that is not packed suspiciously well."""
    return b"".join(b"<si><t>%x</t></si>" % (number * 2654435761 % 2**32) for number in range(count))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: book(strings=bytes(40_000_000)), "larger than 30 MB"),
        (lambda: book(strings=bytes(20_000_000)), "not written by a spreadsheet"),
        (lambda: book(strings=bytes(40_000_000), says=1000), "no XLSX file that can be read"),
        (lambda: book(rows=b"<row/>" * 700_000 + ONE_ROW % 0), "This file is empty"),
        (lambda: book(rows=b"<row>" + some(400_000).replace(b"si>", b"c>") + b"</row>"), "This file is empty"),
        (lambda: book(rows=b'<row r="9999999999999"/>'), "not written by a spreadsheet"),
        (lambda: book(rows=ONE_ROW % 7), "no XLSX file that can be read"),
    ],
)
def test_a_small_spreadsheet_that_unpacks_to_much_is_refused_while_it_is_little(content: Callable[[], bytes], message: str) -> None:
    from tenancy.imports import Refused, files

    file = io.BytesIO(content())
    began = time.process_time()
    with pytest.raises(Refused, match=message):
        files.look(KINDS["passes"], file, "xlsx")
    assert time.process_time() - began < 3  # it was minutes, and gigabytes


def test_only_as_many_strings_are_read_as_the_first_rows_need() -> None:
    from tenancy.imports import files, sheets

    content = io.BytesIO(book(rows=ONE_ROW % 5, strings=LETTERS + some(800_000)))
    began = time.process_time()
    assert files.look(KINDS["passes"], content, "xlsx").columns == ["uid"]
    assert time.process_time() - began < 1
    cells = [cells for _number, cells in sheets.sheet(content, 60)]
    assert cells == [["uid"], [f"{4 * 2654435761 % 2**32:x}"]]


@pytest.mark.parametrize(
    "content",
    [
        "uid,nickname\nAA000001,Käthe\n".encode(),
        b"\xef\xbb\xbf" + 'UID;"Nickname"\r\nAA000001;"Käthe"\r\n'.encode(),
        b"sep=;\nuid;nickname\nAA000001;K\xe4the\n",
        "uid\tnickname\nAA000001\tKäthe\n".encode("utf-16"),
        b"\n\nnickname,uid\nK\xe4the,'AA000001\n\n",
    ],
)
def test_text_files_of_every_sort(content: bytes, tree: Tree) -> None:
    of = actions.upload_import(actor=tree.bob, kind=PASSES, organization=tree.customer, file=io.BytesIO(content), name="P.CSV")
    jobs.run(of.pk)
    actions.start_import(actor=tree.bob, of=Import.objects.get(pk=of.pk))
    jobs.run(of.pk)
    assert ChargePass.objects.get(uid="AA000001").nickname == "Käthe"


def test_a_spreadsheet_that_begins_further_down(tree: Tree, as_bob: Client) -> None:
    """Its rows are counted as the spreadsheet counts them; days and numbers come as they were meant."""
    head, row = ["nickname", "uid", "valid_until"], [4711, "AA000001", date(2027, 12, 31)]
    content = sheet([], [], head, row, [None], ["x", 12345678, None])
    of = actions.upload_import(actor=tree.bob, kind=PASSES, organization=tree.customer, file=io.BytesIO(content), name="p.xlsx")
    jobs.run(of.pk)
    of.refresh_from_db()
    assert [cell for line in of.sample for cell in line["cells"] if line["type"] == "new"] == [
        "AA000001",
        "4711",
        "2028-01-01T00:00:00+01:00",
    ]
    assert ImportFault.objects.get().number == 6


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.xls", b"x", "save it as one of these"),
        ("p.pdf", b"x", "ends in .csv or .xlsx"),
        ("p.csv", b"   ", "first row must hold the names"),
        ("p.csv", b"\n\n", "This file is empty"),
        ("p.csv", b"uid\n", "nothing below the names"),
        ("p.csv", b"nickname\nx\n", "These columns are missing: uid"),
        ("p.csv", b"uid,UID\nx,y\n", "is there twice"),
        ("p.csv", b"uid\x00\n1\n", "no text file"),
        ("p.csv", b"uid" + b"x" * 200_000, "longer than 100000 characters"),
        ("p.csv", b'uid\n"' + b"x,\n" * 100_000, "no CSV file that can be read"),
        ("p.xlsx", b"PK\x03\x04 nonsense", "no XLSX file that can be read"),
        ("p.xlsx", packed(a_xml=b"<a/>"), "no XLSX file that can be read"),
        ("p.xlsx", packed(**{"xl/workbook.xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "a">]>'}), "not written by a spreadsheet"),
        ("p.xlsx", packed(a_bin=bytes(300_000_000)), "Unpacked, this XLSX file is larger than 200 MB"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(name: str, content: bytes, message: str, tree: Tree, as_bob: Client) -> None:
    answer = as_bob.post(reverse("import_add") + "?kind=passes", {"to": tree.customer.pk, "file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 200
    assert message in str(answer.context["form"].errors["file"])
    assert f'<option value="{tree.customer.pk}" selected>' in answer.text
    assert not Import.objects.exists()


def test_limits(tree: Tree, as_bob: Client, settings: Any) -> None:
    settings.IMPORT_MAX_ROWS = 5
    of = kept(tree)
    jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.parts, of.pieces.count()) == ("failed", 0, 0)
    assert "more than 5 rows" in as_bob.get(reverse("import", args=[of.pk])).text
    settings.IMPORT_MAX_BYTES = 10
    file = SimpleUploadedFile("p.csv", b"uid\nAA112233\n")
    answer = as_bob.post(reverse("import_add") + "?kind=passes", {"to": tree.customer.pk, "file": file})
    assert "This file has" in str(answer.context["form"].errors["file"])


@pytest.mark.parametrize("kind", sorted(KINDS) or ["passes", "tokens"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_template_is_a_file_that_can_be_imported_and_its_example_is_no_row(form: str, kind: str, tree: Tree, as_bob: Client) -> None:
    content = as_bob.get(reverse("import_template"), {"kind": kind, "format": form}).content
    from tenancy.imports import files

    rows = list(files.rows_of(io.BytesIO(content), form))
    assert rows[0][1] == KINDS[kind].names
    example = list(KINDS[kind].example.values())
    assert [str(cell or "") for cell in rows[1][1]] == example[: len(rows[1][1])]
    if form == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(content))
        assert [row[0].value for row in book.worksheets[1].iter_rows(min_row=2)] == KINDS[kind].names
        assert book.worksheets[0]["A3"].number_format == "@"
    if kind == "passes":
        of = actions.upload_import(actor=tree.bob, kind=PASSES, organization=tree.customer, file=io.BytesIO(content), name=f"t.{form}")
        jobs.run(of.pk)
        of.refresh_from_db()
        assert (of.state, of.problem) == ("failed", "There is nothing below the names of the columns.")


# -- the work -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.engines
def test_it_goes_on_where_it_was_after_a_crash_and_writes_each_part_once(tree: Tree, small_parts: None, monkeypatch: Any) -> None:
    of = checked(tree)
    assert (of.parts, of.new) == (4, 10)
    actions.start_import(actor=tree.bob, of=of)
    write, parts = PassRows.bulk_write, []

    def crash(self: PassRows, new: list[Any], changed: list[Any]) -> None:
        write(self, new, changed)
        parts.append(len(new))
        if len(parts) == 3:
            raise SystemExit  # in the middle of the transaction of the third part

    monkeypatch.setattr(PassRows, "bulk_write", crash)
    with pytest.raises(SystemExit):
        jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.position, of.new, added()) == ("importing", 2, 6, 6)
    jobs.run(of.pk)
    assert added() == 6, "the worker that died is believed to be at it still"
    Import.objects.filter(pk=of.pk).update(due_at=timezone.now() - timedelta(minutes=1))
    enqueued: list[int] = []
    monkeypatch.setattr(jobs.django_rq, "enqueue", lambda job, pk: enqueued.append(pk))
    jobs.enqueue_due()
    assert enqueued == [of.pk]
    jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.new, added(), parts) == ("done", 10, 10, [3, 3, 3, 3, 1])
    assert not ImportPart.objects.exists()


@pytest.mark.engines
def test_a_worker_that_lost_its_turn_writes_nothing(tree: Tree, small_parts: None, monkeypatch: Any) -> None:
    of = checked(tree)
    actions.start_import(actor=tree.bob, of=of)
    take = PassRows.take

    def overtaken(self: PassRows, *arguments: Any, **rest: Any) -> Any:
        taken = take(self, *arguments, **rest)
        Import.objects.filter(pk=of.pk).update(position=1)
        return taken

    monkeypatch.setattr(PassRows, "take", overtaken)
    jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, of.position, added()) == ("importing", 1, 0)


def test_a_database_that_fails_is_asked_again_and_then_later(tree: Tree, monkeypatch: Any) -> None:
    of = checked(tree)
    actions.start_import(actor=tree.bob, of=of)
    monkeypatch.setattr(jobs, "PAUSE", 0)
    asked = []

    def away(self: PassRows, new: list[Any], changed: list[Any]) -> None:
        asked.append(1)
        raise OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(PassRows, "bulk_write", away)
        jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, len(asked), of.attempts) == ("importing", 3, 1)
    assert of.due_at is not None
    assert of.due_at > timezone.now() + timedelta(minutes=1)
    Import.objects.filter(pk=of.pk).update(due_at=timezone.now())
    jobs.run(of.pk)
    assert added() == 10
    late = checked(tree)
    actions_left = Import.objects.filter(pk=late.pk).update(state="importing", due_at=timezone.now(), attempts=jobs.MOST_ATTEMPTS)
    jobs.run(late.pk)
    late.refresh_from_db()
    assert (actions_left, late.state) == (1, "failed")
    assert "interrupted each time" in late.problem


def test_it_gives_way_to_other_jobs(tree: Tree, small_parts: None, monkeypatch: Any, django_capture_on_commit_callbacks: Any) -> None:
    monkeypatch.setattr(jobs, "SLICE", 0)
    of = kept(tree)
    for position in range(6):  # read, four parts, the end
        with django_capture_on_commit_callbacks() as nudges:
            jobs.run(of.pk)
        of.refresh_from_db()
        assert of.position == min(position, 4)
        assert len(nudges) == (1 if position < 5 else 0)
    assert of.state == "checked"


@pytest.mark.parametrize("when", ["checked", "importing"])
def test_cancelling(when: str, tree: Tree, small_parts: None, as_bob: Client) -> None:
    of = checked(tree)
    if when == "importing":
        actions.start_import(actor=tree.bob, of=of)
    as_bob.post(reverse("import_cancel", args=[of.pk]))
    jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.state, added(), of.pieces.count(), of.sample) == ("cancelled", 0, 0, [])
    as_bob.post(reverse("import_run", args=[of.pk]), {"errors": "0"})
    of.refresh_from_db()
    assert of.state == "cancelled"
    assert "It is over already." in as_bob.post(reverse("import_cancel", args=[of.pk]), follow=True).text


def test_a_file_that_nobody_imports_is_forgotten(tree: Tree) -> None:
    of = checked(tree)
    assert jobs.forget_old() == 0
    Import.objects.filter(pk=of.pk).update(created_at=timezone.now() - timedelta(days=8))
    assert jobs.forget_old() == 1
    of.refresh_from_db()
    assert (of.state, of.pieces.count(), of.sample) == ("cancelled", 0, [])


def test_errors_are_kept_up_to_a_thousand_and_all_are_counted(tree: Tree, as_bob: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "MOST_FAULTS", 5)
    of = kept(tree, text="uid,nickname\n" + "NL-TNM-B12345-6,x\n" * 9)
    jobs.run(of.pk)
    of.refresh_from_db()
    assert (of.errors, ImportFault.objects.filter(of=of).count()) == (9, 5)
    text = b"".join(as_bob.get(reverse("import_errors", args=[of.pk])).streaming_content).decode()  # type: ignore[attr-defined]
    assert text.splitlines()[1].startswith("2,uid,NL-TNM-B12345-6,")
    assert "Import the" not in as_bob.get(reverse("import", args=[of.pk])).text, "there is no good row"


# -- who ----------------------------------------------------------------------------------------------------------------------------------


def test_leaving_rows_out_is_agreed_to(tree: Tree, as_bob: Client) -> None:
    of = kept(tree, text="uid,nickname\nAA000001,x\n4E+10,x\n")
    jobs.run(of.pk)
    for said in ("0", "", "x", "9" * 30):
        as_bob.post(reverse("import_run", args=[of.pk]), {"errors": said})
        of.refresh_from_db()
        assert of.state == "checked"
    as_bob.post(reverse("import_run", args=[of.pk]), {"errors": "1"})
    of.refresh_from_db()
    assert of.state == "importing"


def test_who_may_no_longer_import_does_not(tree: Tree) -> None:
    person = somebody(tree.customer, [rights.MANAGE_PASSES])
    for take in (
        lambda: actions.withdraw_role(actor=None, user=person, team=person.groups.get().team),
        lambda: User.objects.filter(pk=person.pk).update(is_active=False),
    ):
        of = checked(tree)
        Import.objects.filter(pk=of.pk).update(actor=person)
        of.refresh_from_db()
        actions.start_import(actor=person, of=of)
        take()
        jobs.run(of.pk)
        of.refresh_from_db()
        assert (of.state, added()) == ("failed", 0)


def test_the_history_is_for_those_who_may_import_there(
    tree: Tree, as_bob: Client, as_dan: Client, client_of: Callable[[User], Client], django_assert_max_num_queries: Any
) -> None:
    of = checked(tree)
    assert "passes.csv" in as_bob.get(reverse("imports")).text
    assert "passes.csv" not in as_dan.get(reverse("imports")).text
    networks = client_of(somebody(tree.customer, [rights.MANAGE_NETWORKS]))
    assert "passes.csv" not in networks.get(reverse("imports")).text
    assert networks.get(reverse("import", args=[of.pk])).status_code == 403
    assert as_dan.get(reverse("import", args=[of.pk])).status_code == 404

    def queries() -> int:
        with django_assert_max_num_queries(25) as counted:
            as_bob.get(reverse("imports"), {"per_page": "50"})
        return len(counted.captured_queries)

    queries()
    before = queries()
    Import.objects.bulk_create(
        [
            Import(organization=tree.partner, kind="passes", file_name=f"{number}.csv", format="csv", actor_name="Bob")
            for number in range(27)
        ]
    )
    assert queries() == before


def test_a_page_on_its_way_asks_for_itself_until_it_is_done(tree: Tree, as_bob: Client) -> None:
    of = kept(tree)
    page, live = reverse("import", args=[of.pk]), reverse("import_live", args=[of.pk])
    assert f'hx-get="{live}"' in as_bob.get(page).text
    assert "The file is being read." in as_bob.get(live).text
    jobs.run(of.pk)
    assert "hx-get" not in as_bob.get(live).text
    assert "Import 10 rows" in as_bob.get(live).text
