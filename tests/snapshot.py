"""What many tests begin with, made once: the rows are then put into the database as they are, without the actions that made them.

The actions check, lock, record and derive; that is what tests of actions are for, and takes twenty times as long as the rows themselves.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import connection, models, transaction
from django.db.models.sql import InsertQuery

Made = TypeVar("Made")


class Snapshot(Generic[Made]):
    """Everything that `make` adds to an empty database, and what it returns. Nothing of it stays there until it is asked for `again`.

    Keys are those of the first time, on PostgreSQL too: its sequences go on after them. Times are those of the first time as well.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        with transaction.atomic():
            there = {model: set(model._base_manager.values_list("pk", flat=True)) for model in _models()}
            self._made = pickle.dumps(make())
            added = {model: [row for row in model._base_manager.all() if row.pk not in pks] for model, pks in there.items()}
            self._rows: dict[type[models.Model], list[Any]] = {model: rows for model, rows in added.items() if rows}
            transaction.set_rollback(True)
        self._permissions = _permissions()
        self._statements = self._compiled()

    def again(self) -> Made:
        """The same rows for this test, and objects that belong to it alone."""
        self._follow_permissions()
        with transaction.atomic(), connection.cursor() as cursor:  # checks foreign keys at its end
            for statement, values in self._statements:
                cursor.execute(statement, values)
        made: Made = pickle.loads(self._made)
        return made

    def _compiled(self) -> list[tuple[str, tuple[Any, ...]]]:
        statements: list[tuple[str, tuple[Any, ...]]] = []
        for model, rows in self._rows.items():
            query = InsertQuery(model)
            query.insert_values(model._meta.local_concrete_fields, rows, raw=True)
            statements += query.get_compiler(connection=connection).as_sql()
        return statements

    def _follow_permissions(self) -> None:
        """A test that commits ends by deleting all rows there are. Django then makes its permissions anew, under other keys."""
        if Permission.objects.filter(pk=next(iter(self._permissions.values()))).exists():
            return
        now = _permissions()
        new = {pk: now[name] for name, pk in self._permissions.items()}
        for model, rows in self._rows.items():
            for field in model._meta.local_concrete_fields:
                if field.related_model is Permission:
                    for row in rows:
                        setattr(row, field.attname, new[getattr(row, field.attname)])
        self._permissions = now
        self._statements = self._compiled()


def _models() -> list[type[models.Model]]:
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.managed and not model._meta.proxy]


def _permissions() -> dict[tuple[str, ...], int]:
    return {permission.natural_key(): permission.pk for permission in Permission.objects.select_related("content_type")}
