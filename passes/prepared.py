"""Queries that are asked thousands of times a minute: their text is made once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.db import connection
from django.db.models import QuerySet

Compiled = tuple[str, list[tuple[bool, Any]], dict[int, tuple[list[Callable[..., Any]], Any]]]


class Prepared:
    """`build` makes a query of column values out of the collections for its `__in` lookups. Building and compiling one over several
    tables takes longer than PostgreSQL needs to answer it, so its SQL is kept for each size of them, which are filled up to powers of 2."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        self.build = build
        self.compiled: dict[tuple[str, tuple[int, ...]], Compiled] = {}

    def rows(self, *collections: Collection[Any]) -> list[Any]:
        """The rows for these values; none of the collections is empty."""
        filled = [_filled(list(values)) for values in collections]
        key = (connection.vendor, tuple(map(len, filled)))
        if key not in self.compiled:
            self.compiled[key] = self._compile(filled)
        sql, parameters, converters = self.compiled[key]
        given = [value for values in filled for value in values]
        with connection.cursor() as cursor:
            cursor.execute(sql, [given[value] if of_caller else value for of_caller, value in parameters])
            rows: list[Any] = cursor.fetchall()
        if not converters:
            return rows
        changed = [list(row) for row in rows]
        for column, (steps, expression) in converters.items():
            for row in changed:
                for step in steps:
                    row[column] = step(row[column], expression, connection)
        return changed

    def _compile(self, filled: list[list[Any]]) -> Compiled:
        """The SQL, its parameters (a constant, or the place of a value that the caller gives), and what must be done to columns."""
        places: dict[Any, int] = {}
        marks: list[list[Any]] = []
        for values in filled:  # a value that is nowhere else stands for each
            made = [f"\x01{len(places) + n}" if isinstance(values[0], str) else -(10**15) - len(places) - n for n in range(len(values))]
            places |= {mark: len(places) + n for n, mark in enumerate(made)}
            marks.append(made)
        compiler = self.build(*marks).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([expression for expression, _sql, _alias in compiler.select])
        known = [(value in places, places.get(value, value)) for value in parameters]
        if sum(of_caller for of_caller, _ in known) != len(places):
            raise RuntimeError("a value went missing when the query was compiled")
        return sql, known, converters


def _filled(values: list[Any]) -> list[Any]:
    return values + values[:1] * ((1 << (len(values) - 1).bit_length()) - len(values))
