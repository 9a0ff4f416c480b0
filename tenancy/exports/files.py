"""Writing the file of an export, in portions, so that a million rows need no more memory than a few thousand."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator
from typing import IO, Any

import tablib
from django.db.models import QuerySet
from import_export.resources import Resource
from openpyxl import Workbook

from ui.lists import ListPage, csv_line, harmless, xlsx_line

PORTION = 1000  # rows that are read at once


class ListResource(Resource):
    """The rows of a list page as its table puts them into a file. The keys are read first, in the order of the list; then the rows, portion
    by portion: no statement stays open meanwhile, and who writes to the same tables waits for nothing."""

    def __init__(self, page: ListPage, rows: QuerySet[Any]) -> None:
        super().__init__()
        self.page, self.rows = page, rows

    def get_queryset(self) -> QuerySet[Any]:
        return self.page.sorted_rows(self.rows)

    def keys(self, most: int) -> array[int]:
        return array("q", self.get_queryset().values_list("pk", flat=True)[:most].iterator(chunk_size=20_000))

    def portions(self, keys: array[int]) -> Iterator[tablib.Dataset]:
        """At least one, so that an empty file has its headers too. Rows that are gone meanwhile are left out."""
        for start in range(0, max(len(keys), 1), PORTION):
            some = keys[start : start + PORTION]
            found = self.page.for_page(self.rows.order_by()).in_bulk(list(some)) if some else {}
            lines = self.page.lines(self.page.table([found[key] for key in some if key in found], sort=False))
            dataset = tablib.Dataset(headers=next(lines))
            for line in lines:
                dataset.append([harmless(cell) for cell in line])
            yield dataset


def write(portions: Iterator[tablib.Dataset], form: str, to: IO[bytes]) -> Iterator[int]:
    """Gives the number of rows after each portion. Cells that a spreadsheet would run are harmless already."""
    done = 0
    if form == "csv":
        text = io.TextIOWrapper(to, encoding="utf-8-sig", newline="", write_through=True)
        writer = csv.writer(text)
        try:
            for number, dataset in enumerate(portions):
                if not number:
                    writer.writerow(dataset.headers or ())
                writer.writerows(csv_line(row) for row in dataset)
                done += len(dataset)
                yield done
        finally:
            text.detach()  # the file stays open, whoever stops
        return
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for number, dataset in enumerate(portions):
        if not number:
            sheet.append(xlsx_line(dataset.headers or ()))
        for row in dataset:
            sheet.append(xlsx_line(row))
        done += len(dataset)
        yield done
    book.save(to)
