"""Reading CSV and XLSX files of any size: never whole in memory, never more than the limits, every refusal in words.

A file is kept in the database as it came, in pieces (`keep`), so that any worker can read it; there it is cut into parts of some rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import openpyxl
from django.conf import settings
from django.utils.translation import gettext as _
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from tenancy.imports import Column, Kind, Refused, sheets
from tenancy.models import Import, ImportPart
from ui.lists import harmless

PIECE = 1 << 20  # bytes of a file in one row of the database
IN_MEMORY = 4 << 20
LONGEST_LINE, LONGEST_CELL = 100_000, 500
MOST_COLUMNS = 60
MOST_KEYS = 500_000  # of a file, that are known again further below
LOOKED_BYTES, LOOKED_ROWS = 1_000_000, 10_000  # in which an upload must begin
FORMULA = "=+-@\t\r"  # what ui.lists.harmless puts an apostrophe before
MARKS = ".csv", ".txt", ".tsv", ".xlsx"
Cells = list[Any]


def format_of(name: str) -> str:
    """ "csv" or "xlsx", by the name of the file."""
    lower = name.lower()
    if lower.endswith((".xls", ".xlsm", ".ods", ".numbers")):
        raise Refused(_("This portal reads .xlsx and .csv. Open the file in your spreadsheet and save it as one of these."))
    if not lower.endswith(MARKS):
        raise Refused(_("Choose a file whose name ends in .csv or .xlsx."))
    return "xlsx" if lower.endswith(".xlsx") else "csv"


# -- the file as it came ------------------------------------------------------------------------------------------------------------------


def keep(of: Import, file: IO[bytes]) -> None:
    file.seek(0)
    for number, piece in enumerate(iter(lambda: file.read(PIECE), b"")):
        ImportPart.objects.create(of=of, raw=True, number=number, content=piece)


def kept(of: Import) -> IO[bytes]:
    """The file that `keep` kept."""
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (who asks for it closes it)
    for piece in of.pieces.filter(raw=True).order_by("number").values_list("content", flat=True).iterator(chunk_size=4):
        file.write(bytes(piece))
    file.seek(0)
    return file


# -- its rows -----------------------------------------------------------------------------------------------------------------------------


def rows_of(file: IO[bytes], form: str, *, beginning: bool = False) -> Iterator[tuple[int, Cells]]:
    """(number as a spreadsheet counts, cells) of each row that is not empty; of the beginning alone for somebody who waits for it."""
    file.seek(0)
    if form == "xlsx":
        rows = sheets.sheet(file, MOST_COLUMNS, LOOKED_BYTES if beginning else sheets.SHEET_BYTES)
    else:
        rows = itertools.islice(_lines(file), LOOKED_ROWS if beginning else None)
    for number, cells in rows:
        if any(cell not in (None, "") for cell in cells):
            yield number, cells


def _encoding(file: IO[bytes]) -> str:
    start = file.read(4)
    file.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in iter(lambda: file.read(PIECE), b""):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"  # what spreadsheets of Western Europe write; latin-1 with the euro
    finally:
        file.seek(0)
    return "utf-8-sig"


def _lines(file: IO[bytes]) -> Iterator[tuple[int, Cells]]:
    text = io.TextIOWrapper(file, encoding=_encoding(file), errors="replace", newline="")
    try:
        first = text.readline(LONGEST_LINE)
        delimiter = max(",;\t", key=_unquoted(first).count)
        if told := re.fullmatch(r"sep=(.)\s*", first, re.IGNORECASE):  # as Excel writes it
            delimiter, first = told[1], ""
        yield from enumerate(csv.reader(_bounded(text, first), delimiter=delimiter), 1)
    except csv.Error as error:
        raise Refused(_("This is no CSV file that can be read: %s.") % error) from error
    finally:
        if not file.closed:
            text.detach()  # else it would close what is not its own


def _unquoted(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _bounded(text: io.TextIOWrapper, first: str) -> Iterator[str]:
    if "\x00" in first:
        raise Refused(_("This is no text file. Save it as CSV or XLSX."))
    line = first or text.readline(LONGEST_LINE)
    while line:
        if len(line) >= LONGEST_LINE:
            raise Refused(_("A line of this file is longer than %d characters. Is it a CSV file?") % LONGEST_LINE)
        yield line
        line = text.readline(LONGEST_LINE)


# -- what they mean -----------------------------------------------------------------------------------------------------------------------


class Heads:
    """The first row: which column of the template stands where."""

    def __init__(self, kind: Kind, cells: Cells) -> None:
        places: dict[str, int] = {}
        self.unknown: list[str] = []
        for place, cell in enumerate(cells):
            text = str(cell if cell is not None else "").replace("\ufeff", "").strip()
            name = re.sub(r"[\s\-]+", "_", text.casefold())
            if name in places:
                raise Refused(_("The column “%s” is there twice.") % name)
            if name in kind.names:
                places[name] = place
            elif text:
                self.unknown.append(text[:60])
        needed = [column.name for column in kind.columns if column.required and column.name not in places]
        if not places:
            raise Refused(_("The first row must hold the names of the columns: %s.") % ", ".join(kind.names))
        if needed:
            raise Refused(_("These columns are missing: %s. The first row must name them.") % ", ".join(needed))
        self.columns = [name for name in kind.names if name in places]
        self.places = [places[name] for name in self.columns]

    def row(self, cells: Cells) -> Cells:
        return [_cut(cells[place]) if place < len(cells) else None for place in self.places]


def _cut(cell: Any) -> Any:
    """Without the apostrophe that keeps a formula from running."""
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\x00", "").strip()[:LONGEST_CELL]
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA and text[1:] else text


def look(kind: Kind, file: IO[bytes], form: str) -> Heads:
    """Refuses at once what can be seen at once."""
    rows = rows_of(file, form, beginning=True)
    first = next(rows, None)
    if first is None:
        raise Refused(_("This file is empty."))
    heads = Heads(kind, first[1])
    if next(rows, None) is None:
        raise Refused(_("There is nothing below the names of the columns."))
    file.seek(0)
    return heads


def cut(of: Import, kind: Kind, alive: Callable[[], None]) -> None:
    """The parts of `of`, made anew, and how many rows they hold. `alive` is called now and then, for it can take a while."""
    of.pieces.filter(raw=False).delete()
    most = min(kind.most_rows, settings.IMPORT_MAX_XLSX_ROWS if of.format == "xlsx" else settings.IMPORT_MAX_ROWS)
    with kept(of) as file:
        rows = rows_of(file, of.format)
        heads = Heads(kind, next(rows)[1])
        example = [kind.example[name] for name in heads.columns]
        part: list[Cells] = []
        seen: dict[str, int] = {}
        of.rows = of.parts = 0
        for number, cells in rows:
            row = heads.row(cells)
            if [str(cell or "") for cell in row] == example:
                continue  # the template's own, left in
            of.rows += 1
            if of.rows > most:
                raise Refused(_("This file has more than %s rows, the most that can be imported at once. Divide it.") % f"{most:,}")
            before = 0
            if kind.key and (key := kind.key(dict(zip(heads.columns, row, strict=True)))):
                before = seen.get(key, 0)
                if not before and len(seen) < MOST_KEYS:
                    seen[key] = number
            part.append([number, before, *row])
            if len(part) == kind.part_rows:
                _store(of, part)
                part.clear()
                alive()
        if part:
            _store(of, part)
    if not of.rows:
        raise Refused(_("There is nothing below the names of the columns."))


def _store(of: Import, rows: list[Cells]) -> None:
    content = zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), 1)
    ImportPart.objects.create(of=of, number=of.parts, content=content)
    of.parts += 1


def unpack(part: ImportPart) -> list[Cells]:
    """[number, number of the row that it repeats or 0, cells in the order of the import's columns …] of each row."""
    rows: list[Cells] = json.loads(zlib.decompress(bytes(part.content)))
    return rows


def size(number: int) -> str:
    return f"{number / 1_000_000:,.0f} MB"


# -- templates ----------------------------------------------------------------------------------------------------------------------------


def template_csv(columns: Iterable[Column]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in columns])
    writer.writerow([harmless(column.example) for column in columns])
    return codecs.BOM_UTF8 + text.getvalue().encode()


def template_xlsx(title: str, columns: Iterable[Column]) -> bytes:
    """Cells of the first sheet are text, so that the spreadsheet makes no numbers of card numbers."""
    book = openpyxl.Workbook()
    sheet, notes = book.worksheets[0], book.create_sheet(_("Explanations"))
    sheet.title = re.sub(r"[\[\]:*?/\\]", " ", title)[:31]
    notes.append([_("Column"), _("Needed"), _("What it means"), _("Example")])
    for number, column in enumerate(columns, 1):
        for row, value in enumerate([column.name, column.example, *[None] * 500], 1):
            cell = sheet.cell(row, number, value)
            cell.number_format = "@"
        sheet.cell(1, number).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(number)].width = max(14, len(column.example) + 2)
        notes.append([column.name, _("yes") if column.required else "", str(column.explanation), column.example])
        notes.cell(number + 1, 3).alignment = Alignment(wrap_text=True, vertical="top")
    for letter, width in zip("ABCD", (18, 10, 80, 26), strict=True):
        notes.column_dimensions[letter].width = width
    for cell in notes[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
