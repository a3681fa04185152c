"""The engine: how connections are made, and what each one is told first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from postroom.errors import ConfigFault, DatabaseCorrupt, DatabaseUnavailable

_BUSY_MS = 30_000
_DAMAGED = ("malformed", "not a database", "disk image", "file is encrypted")


class Database:
    """Sessions for reading and writing; every error of the driver leaves here as one of ours."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(postroom_writes=True)

    @property
    def engine(self) -> Engine:
        """Return the engine itself, for migrations."""
        return self._engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that sees one state of the database; nothing is committed."""
        with _translated(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session inside one transaction: committed at the end, rolled back on any error."""
        with _translated(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close all connections; safe to repeat."""
        self._engine.dispose()


def open_database(url: str) -> Database:
    """Return the database at an SQLAlchemy URL; no connection is made yet.

    Raises ConfigFault for a URL that is none.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigFault(f"db.url is no database URL: {error}") from error
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # We say BEGIN ourselves: the driver's own would start a write as a read and fail when it must upgrade.
    connection.isolation_level = None
    # FULL, because a committed row is what lets a source forget its mail (promise P1).
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("postroom_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise  # a broken constraint is a bug or a race, and each caller knows which
    except (DBAPIError, sqlite3.Error) as error:
        words = str(error.orig if isinstance(error, DBAPIError) else error)
        if isinstance(error, DatabaseError | sqlite3.Error) and any(sign in words for sign in _DAMAGED):
            raise DatabaseCorrupt(
                f"the database is damaged: {words}", fix="move its file away and restore a backup of it"
            ) from error
        raise DatabaseUnavailable(f"the database does not work just now: {words}") from error
