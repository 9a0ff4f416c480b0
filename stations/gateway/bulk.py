"""Many rows in one statement, the fast way of each database: COPY and unnest on PostgreSQL, executemany on SQLite.

Only the ledger uses this, for rows that come by the thousand a second; all else goes through the ORM.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, models

Row = Sequence[Any]


@contextmanager
def together() -> Iterator[None]:
    """What is written inside goes out in one stream and is waited for once (PostgreSQL's pipeline mode). Nothing may be read inside, and
    `insert` not be used. An error of any statement is raised at the end."""
    if connection.vendor == "postgresql":
        with connection.wrap_database_errors, connection.connection.pipeline():
            yield
    else:
        yield


def next_keys(model: type[models.Model], count: int) -> list[int]:
    """Primary keys for `count` rows to come, for those who must know them before. Whoever asks inserts them in the same transaction."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                (connection.ops.quote_name(table), model._meta.pk.column, count),
            )
            return [key for (key,) in cursor.fetchall()]
        # Nobody else writes meanwhile: a transaction holds SQLite's only lock from its first statement on.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", (table,))
        last = (cursor.fetchone() or (0,))[0]
        return list(range(last + 1, last + 1 + count))


def insert(model: type[models.Model], fields: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert; a row that breaks a constraint fails them all."""
    if not rows:
        return
    table, columns, _casts = _shape(model, tuple(fields), connection.vendor)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                copy.write("".join(["\t".join(map(_cell, row)) + "\n" for row in rows]))
        else:
            cursor.executemany(_insert_sql(table, columns), _plain(rows))


def insert_missing(model: type[models.Model], fields: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert, but leave out rows that are there already (any unique constraint)."""
    if not rows:
        return
    table, columns, casts = _shape(model, tuple(fields), connection.vendor)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{cast}[]" for cast in casts)
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING", _arrays(rows)
            )
        else:
            cursor.executemany(_insert_sql(table, columns) + " ON CONFLICT DO NOTHING", _plain(rows))


def update(model: type[models.Model], fields: Sequence[str], rows: Sequence[Row]) -> None:
    """Each row is (primary key, value of fields[0], value of fields[1], …); a key stands in at most one row."""
    if not rows:
        return
    table, columns, casts = _shape(model, (model._meta.pk.name, *fields), connection.vendor)
    key, *columns = columns
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            names = ", ".join(f"v{n}" for n in range(len(casts)))
            arrays = ", ".join(f"%s::{cast}[]" for cast in casts)
            settings = ", ".join(f"{column} = v.v{n}" for n, column in enumerate(columns, 1))
            cursor.execute(f"UPDATE {table} SET {settings} FROM unnest({arrays}) AS v({names}) WHERE {table}.{key} = v.v0", _arrays(rows))
        else:
            settings = ", ".join(f"{column} = %s" for column in columns)
            cursor.executemany(f"UPDATE {table} SET {settings} WHERE {key} = %s", _plain((*row[1:], row[0]) for row in rows))


@functools.cache
def _shape(model: type[models.Model], names: tuple[str, ...], vendor: str) -> tuple[str, list[str], list[str]]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    quote = connection.ops.quote_name
    return quote(model._meta.db_table), [quote(str(field.column)) for field in fields], [_array_type(field) for field in fields]


def _array_type(field: Any) -> str:
    kind = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
    return "text" if str(kind).startswith("varchar") else str(kind)


def _insert_sql(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"


def _arrays(rows: Sequence[Row]) -> list[str]:
    """One array literal per column. As text they cost a third of what psycopg's list dumper takes."""
    return ["{" + ",".join(map(_element, column)) + "}" for column in zip(*rows, strict=True)]


def _element(value: Any) -> str:
    """A value inside an array literal."""
    kind = type(value)
    if kind is int or kind is float:
        return repr(value)
    if value is None:
        return "NULL"
    if kind is bool:
        return "t" if value else "f"
    if kind is datetime:
        return f'"{value.isoformat()}"'
    return '"' + str(_json(value)).replace("\\", "\\\\").replace('"', '\\"') + '"'


_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def _cell(value: Any) -> str:
    """A value in COPY's text format."""
    kind = type(value)
    if kind is int or kind is float:
        return repr(value)
    if value is None:
        return "\\N"
    if kind is bool:
        return "t" if value else "f"
    if kind is datetime:
        return str(value.isoformat())
    text = str(_json(value))
    return _SPECIAL.sub(lambda found: _ESCAPED[found.group()], text) if _SPECIAL.search(text) else text


def _plain(rows: Iterable[Row]) -> list[list[Any]]:
    """SQLite has no time type: the text that Django itself writes."""
    return [[str(value.replace(tzinfo=None)) if isinstance(value, datetime) else _json(value) for value in row] for row in rows]


def _json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value
