"""What SQLite and PostgreSQL spell through different constructs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Insert, Table, insert, text

_COUNTED: Final = {"preserve_rowcount": True}  # SQLAlchemy does not ask the driver by itself


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows that all name the same columns; return how many, without those whose place is taken.

    A place is taken where a unique key holds it already.
    """
    if not rows:
        return 0
    statement = _inserting_new(_insert(connection), table)
    counted = connection.execute(statement, list(rows), execution_options=_COUNTED)
    return int(counted.rowcount)


@cache
def _inserting_new(spelled: Callable[[Table], Any], table: Table) -> Any:
    """Return the statement of a dialect's `insert`; made once, for making it costs more than running it."""
    return spelled(table).on_conflict_do_nothing()


def insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns, and every one that may not be NULL."""
    if rows:
        connection.execute(_inserting(table), list(rows))


@cache
def _inserting(table: Table) -> Insert:
    return insert(table)


def insert_missing(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless a unique key holds its place already; return whether it was inserted."""
    keys = table.primary_key
    statement = _insert(connection)(table).values(**values).on_conflict_do_nothing().returning(*keys)
    return connection.execute(statement).first() is not None


def wait_for_others(connection: Connection, key: int) -> None:
    """Let one transaction at a time go on from here; SQLite's write lock does it there."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _insert(connection: Connection) -> Any:
    """Return the dialect's own `insert`; the other dialect is never loaded."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415  (long to load)

        return postgresql.insert
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415  (as above)

    return sqlite.insert
