"""What befalls a database, told once for SQLite and once for PostgreSQL: it is locked, it is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from postroom.db.engine import Database
from postroom.db.tables import METADATA
from tests.databases import every_row

_REFUSE = """
CREATE FUNCTION refuse_when_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('rows_written') > {} THEN
    RAISE EXCEPTION 'no space left: the disk is full' USING ERRCODE = 'disk_full';
  END IF;
  RETURN NEW;
END $$;
"""


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Let another program hold the tables against everyone who writes, not who reads; nobody waits for it."""
    tables = ", ".join(METADATA.tables)
    if database.is_shared:
        hold, no_wait = f"LOCK TABLE {tables} IN SHARE MODE", "SET lock_timeout = '1ms'"
    else:
        hold, no_wait = "BEGIN IMMEDIATE", "PRAGMA busy_timeout=0"
    with every_row(database) as other:
        other.exec_driver_sql(hold)
        with _each_connection(database, no_wait):
            yield


@contextmanager
def full(database: Database, spare: int) -> Iterator[None]:
    """Let a full disk have room for a little more: `spare` pages of SQLite, or rows of PostgreSQL."""
    if not database.is_shared:
        with database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        with _each_connection(database, f"PRAGMA max_page_count={pages + spare}"):
            yield
        return
    guard = "CREATE TRIGGER full_disk BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION refuse_when_full()"
    guards = [guard.format(table) for table in METADATA.tables]
    _as_owner(database, "CREATE SEQUENCE rows_written", _REFUSE.format(spare), *guards)
    yield
    _as_owner(database, "DROP FUNCTION refuse_when_full CASCADE", "DROP SEQUENCE rows_written")


@contextmanager
def _each_connection(database: Database, order: str) -> Iterator[None]:
    """Give each connection that is made inside the block an order first; those made before are closed."""

    def give(connection: Any, _record: object) -> None:
        connection.execute(order).close()
        connection.commit()

    engine = database.engine
    engine.dispose()
    event.listen(engine, "connect", give)
    try:
        yield
    finally:
        event.remove(engine, "connect", give)
        engine.dispose()


def _as_owner(database: Database, *orders: str) -> None:
    with database.write() as connection:
        for order in orders:
            connection.exec_driver_sql(order)
