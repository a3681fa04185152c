"""Databases of each kind for tests, and an eye that sees the rows of every org in them."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, create_engine, event

from postroom.db.engine import Database, open_database
from postroom.db.schema import upgrade
from tests.servers.postgres import PASSWORD, Postgres

WITNESS = "witness"
"""The role that no policy binds; postroom itself would refuse to work under it."""


def as_shipped(connection: sqlite3.Connection, _record: object) -> None:
    """Allow a statement as many bound values as SQLite does by itself; some distributions allow more."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)


def opened(url: str) -> Database:
    """Return the database at an URL, with nothing in it that a distribution might have added."""
    database = open_database(url)
    if not database.is_shared:
        event.listen(database.engine, "connect", as_shipped)
    return database


def migrated(url: str) -> None:
    """Bring a database to the newest schema."""
    database = open_database(url)
    upgrade(database)
    database.close()


def on_cluster_leg() -> bool:
    """Return whether the stories are told on PostgreSQL and S3 instead of SQLite and files."""
    return os.environ.get("POSTROOM_LEG") == "cluster"


def fresh_sqlite(folder: Path) -> str:
    """Return the URL of a database in that folder at the newest schema."""
    path = folder / "postroom.db"
    path.write_bytes(_migrated_sqlite())
    return f"sqlite:///{path}"


def furnish(state_dir: Path) -> None:
    """Make a state_dir with a database at the newest schema, as an earlier start would have left it."""
    state_dir.mkdir(mode=0o700, parents=True)
    fresh_sqlite(state_dir)


@cache
def _migrated_sqlite() -> bytes:
    """Return a database file at the newest schema: made once, for making takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "postroom.db"
        migrated(f"sqlite:///{path}")
        return path.read_bytes()


def fresh_postgres(server: Postgres) -> str:
    """Return the URL of a database of its own at the newest schema."""
    call_witness(server)
    return server.url(server.make_database(migrated))


def empty_postgres(server: Postgres) -> str:
    """Return the URL of a database of its own with nothing in it."""
    call_witness(server)
    return server.url(server.make_database())


def call_witness(server: Postgres) -> None:
    """See to it that the witness can log in."""
    if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [WITNESS]):
        server.make_role(WITNESS, options="BYPASSRLS IN ROLE pg_read_all_data, pg_write_all_data")


def _strict(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON").close()


@contextmanager
def every_row(database: Database) -> Iterator[Connection]:
    """Yield a connection that sees and changes the rows of all orgs, in one transaction."""
    url = database.engine.url
    if database.is_shared:
        url = url.set(username=WITNESS, password=PASSWORD)
    engine = create_engine(url)
    if not database.is_shared:
        event.listen(engine, "connect", _strict)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
