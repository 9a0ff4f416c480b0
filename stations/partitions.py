"""Meter samples on PostgreSQL are partitioned by month, so that indexes stay small and old months can be dropped whole.

SQLite has one table.
"""

from __future__ import annotations

from datetime import date

from django.db import connection, transaction
from django.utils import timezone

from stations.models import MeterSample

MONTHS_AHEAD = 3


def prepare() -> None:
    """Make the partitions of this month and the next MONTHS_AHEAD. Anything outside lands in the default partition."""
    if connection.vendor != "postgresql":
        return
    table = MeterSample._meta.db_table
    today = timezone.now().date()
    for ahead in range(-1, MONTHS_AHEAD + 1):
        first, following = _month(today, ahead), _month(today, ahead + 1)
        name = f"{table}_{first:%Y_%m}"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT to_regclass(%s), EXISTS (SELECT 1 FROM {table}_default WHERE at >= %s AND at < %s)", [name, first, following]
            )
            there, in_default = cursor.fetchone()
            if there is None and not in_default:
                cursor.execute(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{first}') TO ('{following}')")


def _month(day: date, ahead: int) -> date:
    months = day.year * 12 + day.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)
