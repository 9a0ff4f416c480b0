"""What makes the search quick, and tolerant to typos, on PostgreSQL: the extension pg_trgm and an index over what is searched.

Made after every `migrate` where they are missing, so that a database whose owner adds the extension later gets them with the next one.
Without the extension everything is found all the same, slower, and only as it is written.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from django.apps import AppConfig, apps
from django.db import DatabaseError, connections, transaction

log = logging.getLogger(__name__)

# Model -> the columns that the search looks through
SEARCHED = {
    "stations.Station": ("identity", "alias", "serial_number"),
    "stations.Connector": ("evse_key",),
    "stations.Location": ("name", "street", "city"),
    "tenancy.Organization": ("name", "city"),
    "tenancy.User": ("name", "email"),
    "passes.ChargePass": ("nickname", "visible_number", "uid"),
}
# Those of stations' own ids of transactions are looked up from their beginning: an ordinary index, and far more rows
BEGINNINGS = {"stations.Transaction": "transaction_id"}


@lru_cache
def available(using: str = "default") -> bool:
    """Whether similar words can be asked for."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure('word_similarity(text,text)') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def build(app_config: AppConfig, using: str = "default", **_rest: Any) -> None:
    """After `migrate`: the extension and the indexes that are missing."""
    if app_config.name != "tenancy" or connections[using].vendor != "postgresql":
        return
    available.cache_clear()
    if not available(using):
        refused = _run(using, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
        available.cache_clear()
        if refused or not available(using):
            log.warning(
                "THE SEARCH WORKS WITHOUT TOLERANCE TO TYPOS AND SLOWLY ON LARGE TABLES: PostgreSQL's extension pg_trgm is not there "
                "and could not be made (%s). Let the database's administrator run CREATE EXTENSION pg_trgm, then run migrate again.",
                refused or "it is not in the search path",
            )
    quote = connections[using].ops.quote_name
    wanted: dict[str, tuple[str, str]] = {}
    if available(using):
        for label, fields in SEARCHED.items():
            # As icontains and istartswith compare: in capitals
            columns = ", ".join(f"UPPER({quote(field)}) gin_trgm_ops" for field in fields)
            wanted[label] = ("GIN", columns)
    for label, field in BEGINNINGS.items():
        wanted[label] = ("BTREE", f"UPPER({quote(field)}) text_pattern_ops")
    for label, (method, columns) in wanted.items():
        table = apps.get_model(label)._meta.db_table
        name = f"{table}_search"
        if not _there(using, name) and _there(using, table):
            refused = _run(using, f"CREATE INDEX {quote(name)} ON {quote(table)} USING {method} ({columns})")
            if refused:
                log.warning("The index %s, which makes the search quick, could not be made: %s", name, refused)


def _there(using: str, name: str) -> bool:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [connections[using].ops.quote_name(name)])
        return bool(cursor.fetchone()[0])


def _run(using: str, statement: str) -> str:
    """Why the database refused; empty when it did not."""
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return str(error).strip().partition("\n")[0]
    return ""
