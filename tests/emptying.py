"""What a test that commits leaves behind, taken away quickly.

Django empties every table there is and makes its permissions anew. Most tables are empty still, and nobody has changed what the migrations
have put in; so only tables with rows in them are emptied, and those that the migrations have filled stay as they are. Where that is not
enough, because such a table has changed or because the database does not let us, Django's way is taken.
"""

from __future__ import annotations

from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper


class Emptying:
    """To be made when the migrations have just run."""

    def __init__(self) -> None:
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self._tables = {table: connection.ops.quote_name(table) for table in sorted(tables)}
        with connection.cursor() as cursor:
            self._kept = {table: self._rows(cursor, table) for table in self._filled(cursor)}

    def empty(self) -> bool:
        """Whether the database is again as the migrations left it."""
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    # Waits, as TRUNCATE does, for whoever still writes; then no trigger and no foreign key is in the way.
                    cursor.execute(f"LOCK TABLE {', '.join(self._tables.values())}")
                    cursor.execute("SET LOCAL session_replication_role = replica")
                filled = self._filled(cursor)
                for table in filled - self._kept.keys():
                    cursor.execute(f"DELETE FROM {self._tables[table]}")
                return all(self._rows(cursor, table) == rows for table, rows in self._kept.items())
        except DatabaseError:
            return False

    def _filled(self, cursor: CursorWrapper) -> set[str]:
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quoted})" for name, quoted in self._tables.items())
        )
        return {name for (name,) in cursor.fetchall()}

    def _rows(self, cursor: CursorWrapper, table: str) -> list[tuple[object, ...]]:
        cursor.execute(f"SELECT * FROM {self._tables[table]} ORDER BY 1")
        return cursor.fetchall()
