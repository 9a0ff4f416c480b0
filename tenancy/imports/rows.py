"""Rows of a file to objects: what the Resources of all kinds share.

They are Resources of django-import-export: fields with widgets, `skip_unchanged`, errors by row, objects gathered for one write in bulk.
Reading never writes: `import_data` of a part happens outside of any transaction, so that nobody waits for it, and `write` after it inside
the one that moves the import on. A dry run is one without `write`.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import tablib
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import Resource
from import_export.results import Result, RowResult
from import_export.widgets import Widget

from tenancy.models import Import
from tenancy.names import clean_name
from tenancy.personal import MASK
from ui.templatetags.ui import own_zone

SAMPLE = 20  # rows shown before anything is written: of those that would change something
EMPTIED = "-"  # a cell that empties the value, see Rows.empties
TRUE = {"1", "true", "yes", "y", "on", "x", "ja", "wahr", "waar", "oui", "vrai"}
FALSE = {"0", "false", "no", "n", "off", "nein", "nee", "falsch", "onwaar", "non", "faux"}
_SCIENTIFIC = re.compile(r"\d([.,]\d+)?E\+?\d{1,3}", re.IGNORECASE)
_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T]+(\d{1,2}:\d{2}(?::\d{2})?))?")


class Fault(NamedTuple):
    number: int
    field: str
    value: str
    message: str
    warning: bool = False


class Taken(NamedTuple):
    """What a part came to."""

    new: int
    changed: int
    unchanged: int
    errors: int
    faults: list[Fault]
    sample: list[dict[str, Any]]


def text_of(value: Any) -> str:
    """A cell as text. A whole number is written without a point."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value).strip()


def number_made(value: Any) -> bool:
    """Whether a spreadsheet has made a number of what stood there."""
    return (isinstance(value, int | float) and not isinstance(value, bool)) or bool(_SCIENTIFIC.fullmatch(text_of(value)))


class Text(Widget):
    """At most as long as the model's field."""

    def __init__(self, field: models.Field[Any, Any], *, name: bool = False) -> None:
        super().__init__()
        self.longest, self.name = field.max_length or 0, name

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        text = text_of(value)
        if self.name:
            text = clean_name(text)
        if len(text) > self.longest:
            raise ValidationError(_("At most %d characters.") % self.longest)
        return text


class Choice(Widget):
    """One of the values of the model's field, whatever its capitals; the labels work too. Empty: None."""

    def __init__(self, field: models.Field[Any, Any]) -> None:
        super().__init__()
        self.values = [str(value) for value, _label in field.choices or ()]
        self.found = {re.sub(r"[\s\-]+", "_", value.casefold()): value for value in self.values}

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        text = text_of(value)
        if not text:
            return None
        if (found := self.found.get(re.sub(r"[\s\-]+", "_", text.casefold()))) is None:
            raise ValidationError(_("Write one of: %s.") % ", ".join(self.values))
        return found


class YesNo(Widget):
    """Empty: None."""

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        text = text_of(value).casefold()
        if not text:
            return None
        if text not in TRUE and text not in FALSE:
            raise ValidationError(_("Write yes or no."))
        return text in TRUE

    def render(self, value: Any, obj: Any = None, **rest: Any) -> str:
        return "yes" if value else "no"


class Moment(Widget):
    """A date or a time in the reader's zone. A day without a time is its beginning, or, where it `ends`, its end."""

    def __init__(self, *, ends: bool = False) -> None:
        super().__init__()
        self.ends = ends

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        text = text_of(value)
        if not text:
            return None
        if isinstance(value, int | float):
            raise self._wrong()
        if found := _GERMAN.fullmatch(text):
            text = f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" + (f"T{found[4]:0>5}" if found[4] else "")
        try:
            day = parse_date(text) if len(text) <= 10 else None
            moment = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001 (its zone follows)
            if moment is None or not 1970 < moment.year < 9999:
                raise self._wrong()
            if day and self.ends:
                moment += timedelta(days=1)
            return (moment if moment.tzinfo else timezone.make_aware(moment, own_zone())).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._wrong() from None

    def _wrong(self) -> ValidationError:
        return ValidationError(_("Write a date such as 2027-12-31, or with a time: 2027-12-31T18:00."))

    def render(self, value: Any, obj: Any = None, **rest: Any) -> str:
        return timezone.localtime(value, own_zone()).isoformat() if value else ""


class Column(Field):
    """Of the attribute of its name. `keeps`: an empty cell leaves what is there, because the attribute has no empty value."""

    def __init__(self, name: str, widget: Widget, *, keeps: bool = False) -> None:
        super().__init__(attribute=name, column_name=name, widget=widget, saves_null_values=not keeps)


class Came(RowResult):
    def add_instance_info(self, instance: Any) -> None:
        """Its name and key are for the library's own log."""


class Rows(Resource):
    """Subclasses fill `known` in `prepare` and say in `key_at` which of them a row is about."""

    class Meta:
        instance_loader_class = BaseInstanceLoader
        use_bulk = True
        batch_size = None
        skip_diff = True  # it would copy each object and make HTML of it
        report_skipped = True
        store_instance = True
        use_transactions = False

    of: Import | None = None  # what the rows are of, with how far it is
    repeats_count = False  # the second row about the same thing is no error: it is warned of, and counts

    # Columns that a cell with - empties, where an empty cell leaves what is there. None: an empty cell empties.
    empties: frozenset[str] | None = None

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__()
        self.shown: dict[int, tuple[list[str], list[str] | None]] = {}  # cells after and before
        self.before: list[str] | None = None
        self.columns = list(columns)
        self.at = 0
        self.known: dict[Any, Any] = {}
        self.repeats: list[int] = []
        self.numbers: list[int] = []
        self.warned: list[Fault] = []
        self.touched = array("q")

    # -- what a kind says -----------------------------------------------------------------------------------------------------------------

    def prepare(self, rows: Sequence[dict[str, Any]]) -> None:
        """Reads what all rows of the part need, in a constant number of queries."""
        raise NotImplementedError

    def key_at(self, index: int, row: dict[str, Any]) -> Any:
        """Which of `known` the row is about; ValidationError where that cannot be told."""
        raise NotImplementedError

    def check(self, instance: Any, new: bool, row: dict[str, Any], errors: dict[str, Any]) -> None:
        """Adds to `errors`, by column, what the fields alone cannot see."""

    def bulk_write(self, new: list[Any], changed: list[Any]) -> None:
        raise NotImplementedError

    # -- how it works ---------------------------------------------------------------------------------------------------------------------

    @classmethod
    def get_row_result_class(cls) -> type[RowResult]:
        return Came

    def take(self, rows: Sequence[Sequence[Any]], sample: bool = False) -> Taken:
        """Read a part: [number, number of the row it repeats or 0, cells …] of each row. `write` writes what was read last."""
        self.create_instances: list[Any] = []
        self.update_instances: list[Any] = []
        self.warned, self.touched, self.shown = [], array("q"), {}
        self.numbers, self.repeats = [row[0] for row in rows], [row[1] for row in rows]
        dataset = tablib.Dataset(*(row[2:] for row in rows), headers=self.columns)
        self.prepare([dict(zip(self.columns, row[2:], strict=True)) for row in rows])
        result: Result = self.import_data(dataset, raise_errors=False)
        for error in [*result.base_errors, *(error for row in result.error_rows for error in row.errors)]:
            raise error.error  # ours, or the database's: not the file's
        faults = []
        for invalid in result.invalid_rows:
            cells = dict(zip(self.columns, rows[invalid.number - 1][2:], strict=True))
            for field, messages in invalid.error_dict.items():
                name = "" if field == NON_FIELD_ERRORS else field
                value = text_of(cells.get(name))[:60]
                faults.append(Fault(rows[invalid.number - 1][0], name, value, " ".join(map(str, messages))[:300]))
        kinds = result.totals
        told = self.sample(result) if sample else []
        return Taken(kinds["new"], kinds["update"], kinds["skip"], len(result.invalid_rows), [*faults, *self.warned], told)

    def write(self) -> None:
        """Inside the transaction that moves the import on."""
        self.bulk_write(self.create_instances, self.update_instances)

    def sample(self, result: Result) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for at, (number, row) in enumerate(zip(self.numbers, result.rows, strict=True)):
            if at in self.shown and row.instance is not None and len(found) < SAMPLE:
                cells, before = self.shown[at]
                found.append({"number": number, "type": row.import_type, "cells": cells, "before": before})
        return found

    def warn(self, field: str, value: Any, message: str) -> None:
        self.warned.append(Fault(self.numbers[self.at], field, text_of(value)[:60], message, warning=True))

    def bulk_create(self, *arguments: Any, **rest: Any) -> None:
        """`write` does."""

    bulk_update = bulk_delete = bulk_create

    def before_import_row(self, row: dict[str, Any], **rest: Any) -> None:
        self.at = rest["row_number"] - 1
        before = self.repeats[self.at]
        if before and self.repeats_count:
            self.warn(self.columns[0], row[self.columns[0]], _("This stands in row %d already. The later row counts.") % before)
        elif before:
            raise ValidationError({self.columns[0]: _("This stands in row %d already.") % before})

    def get_instance(self, instance_loader: Any, row: dict[str, Any]) -> Any:
        return self.known.get(self.key_at(self.at, row))

    def after_init_instance(self, instance: Any, new: bool, row: Any, **rest: Any) -> None:
        instance.was, instance.checked = (None if new else self.values(instance)), False
        self.before = self._cells(instance) if not new and len(self.shown) < SAMPLE else None

    def _cells(self, instance: Any) -> list[str]:
        return [text_of(self.fields[name].export(instance)) for name in self.columns]

    def values(self, instance: Any) -> list[Any]:
        return [getattr(instance, name) for name in self.columns]

    def changes(self, instance: Any) -> dict[str, tuple[Any, Any]]:
        """Column -> (before, after), of one that was there."""
        pairs = zip(self.columns, instance.was, self.values(instance), strict=True)
        return {name: (before, after) for name, before, after in pairs if before != after}

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        """Unchanged. What is wrong with it is told all the same."""
        self.validate_instance(instance, import_validation_errors)
        same = instance.was is not None and instance.was == self.values(instance)
        if not same and len(self.shown) < SAMPLE:  # as it is now: a row further below may be about the same thing
            self.shown[self.at] = self._cells(instance), self.before
        return bool(same)

    def cell(self, instance: Any, name: str, value: Any) -> Any:
        """What the cell says, or MASK where it leaves what is there."""
        if self.empties is None:
            return value
        text = text_of(value)
        if not text and instance.was is not None:
            return MASK
        return "" if text == EMPTIED and name in self.empties else value

    def validate_instance(self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True) -> None:
        if instance.checked:
            return
        errors: dict[str, Any] = dict(import_validation_errors or {})
        self.check(instance, instance.was is None, {}, errors)
        if errors:
            raise ValidationError(errors)
        instance.checked = True

    def import_instance(self, instance: Any, row: dict[str, Any], **rest: Any) -> None:
        """As the library's, which takes ValueError alone for what is wrong with a cell."""
        errors: dict[str, Any] = {}
        for name in self.columns:
            if (cell := self.cell(instance, name, row[name])) == MASK:
                continue  # such as what came out of an export masked: it stays as it is
            try:  # what Field.save does of a plain attribute, for millions of rows
                field = self.fields[name]
                value = field.widget.clean(cell, row)
                if value is not None or field.saves_null_values:
                    setattr(instance, field.attribute, value)
            except (ValidationError, ValueError) as error:
                errors[name] = error if isinstance(error, ValidationError) else ValidationError(str(error))
        if errors:
            raise ValidationError(errors)


def packed(keys: Iterable[int]) -> bytes:
    return array("q", sorted(set(keys))).tobytes()


def unpacked(content: bytes | memoryview) -> array[int]:
    found = array("q")
    found.frombytes(bytes(content))
    return found


__all__ = ["Choice", "Column", "Fault", "Moment", "Rows", "Taken", "Text", "YesNo", "number_made", "packed", "text_of", "unpacked"]
