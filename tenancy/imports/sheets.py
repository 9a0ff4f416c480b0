"""The first sheet of an XLSX file, row by row. Only what is needed is unpacked, as it is read, and never more than the limits: a file of
a few kilobytes can hold gigabytes, and what its directory says of that may be a lie."""

from __future__ import annotations

import math
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import IO, Any
from xml.parsers import expat

from django.conf import settings
from django.utils.translation import gettext as _
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel, from_ISO8601

from tenancy.imports import Refused

MB = 1_000_000
SHEET_BYTES, STRINGS_BYTES, OTHER_BYTES = 100 * MB, 30 * MB, 5 * MB  # unpacked
MOST_MEMBERS = 1000
MOST_RATIO = 500  # of what is larger than OTHER_BYTES; sheets of real people reach some 20, bombs 1000
MOST_STRINGS = 2_000_000
EXCEL_ROWS, EXCEL_CELL, EXCEL_FORMAT, LONGEST_NUMBER = 1_048_576, 32_767, 255, 40
READ_AT_ONCE = 1 << 16
Cells = list[Any]
Start = Callable[[str, dict[str, str]], None]
Take = Callable[[str], None]


def sheet(file: IO[bytes], columns: int, most: int = SHEET_BYTES) -> Iterator[tuple[int, Cells]]:
    """(number, cells) of each row, `columns` at most. Ends after `most` bytes of the sheet, however much more there is."""
    try:
        with zipfile.ZipFile(file) as packed:
            yield from _Book(packed).rows(columns, most)
    except Refused:
        raise
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, NotImplementedError, RuntimeError, OSError, ValueError, LookupError) as error:
        raise Refused(_("This is no XLSX file that can be read. Is it damaged, or protected by a password?")) from error


class _Book:
    def __init__(self, packed: zipfile.ZipFile) -> None:
        self.packed = packed
        entries = packed.infolist()
        if len(entries) > MOST_MEMBERS or sum(entry.file_size for entry in entries) > settings.IMPORT_MAX_UNPACKED_BYTES:
            raise too_large(settings.IMPORT_MAX_UNPACKED_BYTES)
        self.names = {entry.filename for entry in entries}
        self.path = next((path for _key, kind, path in self._related("") if kind == "officeDocument"), "xl/workbook.xml")
        self.related = list(self._related(self.path))
        self.keys: list[str] = []  # of the relations to the sheets, in their order
        self.epoch = CALENDAR_WINDOWS_1900
        self._all(self.path, self._of_book)
        for kind, most in (("styles", OTHER_BYTES), ("sharedStrings", STRINGS_BYTES), ("worksheet", SHEET_BYTES)):
            for _key, found, path in self.related:
                if found == kind and path in self.names:
                    self._check(packed.getinfo(path), most)

    def _check(self, entry: zipfile.ZipInfo, most: int) -> None:
        """By what the directory says."""
        if entry.file_size > most:
            raise too_large(most)
        packed_badly = entry.file_size > OTHER_BYTES and entry.file_size > MOST_RATIO * entry.compress_size
        # What zipfile unpacks of others is not bounded
        if packed_badly or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise strange()

    def pieces(self, path: str, most: int, start: Start, end: Take | None = None, text: Take | None = None) -> Iterator[int]:
        """Parses a member; how many bytes were unpacked so far, after each piece."""
        entry, read = self.packed.getinfo(path), 0
        self._check(entry, SHEET_BYTES)
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
        parser.StartDoctypeDeclHandler = _no_doctype
        with self.packed.open(entry) as member:
            while piece := member.read(READ_AT_ONCE):
                read += len(piece)
                if read > most:
                    raise too_large(most)
                parser.Parse(piece, False)
                yield read
        parser.Parse(b"", True)
        yield read

    def _all(self, path: str, start: Start) -> None:
        for _read in self.pieces(path, OTHER_BYTES, start):
            pass

    def _related(self, path: str) -> Iterator[tuple[str, str, str]]:
        """(key, kind, path) of what a member refers to."""
        folder, name = posixpath.split(path)
        rels, found = posixpath.join(folder, "_rels", f"{name}.rels"), []

        def start(tag: str, values: dict[str, str]) -> None:
            if local(tag) == "Relationship":
                target = posixpath.normpath(posixpath.join("/", folder, values.get("Target", ""))).lstrip("/")
                found.append((values.get("Id", ""), values.get("Type", "").rpartition("/")[2], target))

        if rels in self.names:
            self._all(rels, start)
        yield from found

    def _of_book(self, tag: str, values: dict[str, str]) -> None:
        if local(tag) == "sheet":
            self.keys += [value for name, value in values.items() if name.endswith(":id")]
        elif local(tag) == "workbookPr" and values.get("date1904") in ("1", "true"):
            self.epoch = CALENDAR_MAC_1904

    def _dates(self) -> dict[int, bool]:
        """Number of the style -> whether it shows a duration, of those that show dates."""
        formats, styles, inside = dict(BUILTIN_FORMATS), [], False

        def start(tag: str, values: dict[str, str]) -> None:
            nonlocal inside
            name = local(tag)
            if name == "numFmt":
                formats[int(values["numFmtId"])] = values.get("formatCode", "")[:EXCEL_FORMAT]
            elif name == "xf":
                if inside:
                    styles.append(int(values.get("numFmtId", 0)))
            else:
                inside = name == "cellXfs" or (inside and name in ("alignment", "protection", "extLst", "ext"))

        if path := self._path("styles"):
            self._all(path, start)
        shown = {key: is_timedelta_format(code) for key, code in formats.items() if is_date_format(code)}
        return {number: shown[key] for number, key in enumerate(styles) if key in shown}

    def _path(self, kind: str) -> str:
        return next((path for _key, found, path in self.related if found == kind and path in self.names), "")

    def rows(self, columns: int, most: int) -> Iterator[tuple[int, Cells]]:
        sheets = {key: path for key, kind, path in self.related if kind == "worksheet" and path in self.names}
        path = next(sheets[key] for key in self.keys if key in sheets) if sheets.keys() & set(self.keys) else ""
        if not path:
            raise strange()
        strings = _Strings(self, self._path("sharedStrings"))
        reader = _Rows(columns, self._dates(), self.epoch)
        for read in self.pieces(path, SHEET_BYTES, reader.start, reader.end, reader.text):
            for number, cells in reader.done:
                yield number, [strings[cell.number] if isinstance(cell, _Shared) else cell for cell in cells]
            reader.done.clear()
            if read > most:
                return


class _Shared:
    """A cell whose text stands in the table of strings."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class _Text:
    """Takes the text of some elements, as much as a cell of a spreadsheet holds."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.taking = self.spoken = False
        self.size = 0

    def text(self, text: str) -> None:
        if self.taking and not self.spoken and self.size < EXCEL_CELL:
            self.parts.append(text[: EXCEL_CELL - self.size])
            self.size += len(text)

    def take(self) -> str:
        found = "".join(self.parts)
        self.parts.clear()
        self.size = 0
        return found


class _Strings(_Text):
    """The table of strings, read as far as it is asked for."""

    def __init__(self, book: _Book, path: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.more = book.pieces(path, STRINGS_BYTES, self.start, self.end, self.text) if path else iter(())

    def start(self, tag: str, _values: dict[str, str]) -> None:
        name = local(tag)
        self.taking = name == "t"
        self.spoken = self.spoken or name == "rPh"  # how it is pronounced

    def end(self, tag: str) -> None:
        name = local(tag)
        self.taking = False
        if name == "rPh":
            self.spoken = False
        elif name == "si":
            self.found.append(self.take())
            if len(self.found) > MOST_STRINGS:
                raise too_large(STRINGS_BYTES)

    def __getitem__(self, number: int) -> str:
        while number >= len(self.found) and next(self.more, None) is not None:
            pass
        return self.found[number] if number >= 0 else ""


class _Rows(_Text):
    """Makes rows of what the parser meets; whoever drives it empties `done`."""

    def __init__(self, columns: int, dates: dict[int, bool], epoch: datetime) -> None:
        super().__init__()
        self.columns, self.dates, self.epoch = columns, dates, epoch
        self.done: list[tuple[int, Cells]] = []
        self.cells: Cells = []
        self.number = self.column = self.style = 0
        self.kind = ""

    def start(self, tag: str, values: dict[str, str]) -> None:
        name = local(tag)
        if name == "c":
            place = values.get("r")
            self.column = column_of(place) if place else self.column + 1
            self.kind, self.style = values.get("t", "n"), int(values.get("s", 0))
            self.take()
        elif name == "row":
            self.number = int(values["r"]) if "r" in values else self.number + 1
            self.cells, self.column = [], 0
            if not 0 < self.number <= EXCEL_ROWS:
                raise strange()
        self.taking = name == "v" if self.kind != "inlineStr" else name == "t"
        self.spoken = self.spoken or name == "rPh"

    def end(self, tag: str) -> None:
        name = local(tag)
        self.taking = False
        if name == "c":
            text = self.take()
            if text and 0 < self.column <= self.columns:
                self.cells.extend([None] * (self.column - len(self.cells)))
                self.cells[self.column - 1] = self._value(text)
        elif name == "row":
            self.done.append((self.number, self.cells))
            self.cells = []
        elif name == "rPh":
            self.spoken = False

    def _value(self, text: str) -> Any:
        if self.kind == "s":
            return _Shared(int(text))
        if self.kind == "b":
            return bool(int(text))
        if self.kind == "d":
            return plain(from_ISO8601(text))  # type: ignore[no-untyped-call]
        if self.kind != "n" or len(text) > LONGEST_NUMBER:
            return text
        number = float(text)
        if not math.isfinite(number):
            return text
        if (duration := self.dates.get(self.style)) is not None:
            try:
                return plain(from_excel(number, self.epoch, timedelta=duration))
            except (OverflowError, ValueError):
                return text
        return int(text) if re.fullmatch(r"\s*[+-]?\d+\s*", text) else number


def local(tag: str) -> str:
    return tag.rpartition(":")[2]


def column_of(place: str) -> int:
    """1 for A7."""
    number = 0
    for sign in place[:3]:
        if not "A" <= sign <= "Z":
            break
        number = number * 26 + ord(sign) - 64
    return number


def plain(cell: Any) -> Any:
    """As JSON has it: a number stays one, so that who reads it can tell that the spreadsheet made a number of what was typed."""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(timespec="seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    return cell if cell is None or isinstance(cell, bool | int | float | str) else str(cell)


def _no_doctype(*_told: Any) -> None:
    raise strange()


def strange() -> Refused:
    return Refused(_("This XLSX file was not written by a spreadsheet. Save it as CSV."))


def too_large(most: int) -> Refused:
    return Refused(_("Unpacked, this XLSX file is larger than %s. Save it as CSV.") % f"{most / MB:,.0f} MB")
