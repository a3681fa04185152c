"""The engine: how connections are made, and what each one is told first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from postroom.db import postgres, sqlite
from postroom.db.faults import translated
from postroom.db.scopes import Scope, begin_within, refuse_unfenced
from postroom.errors import ConfigFault


class Database:
    """Transactions for reading and writing; every error of the driver leaves here as one of ours.

    A connection acts for one org (`org`), for one source (`source`), or for both, and sees no row of another;
    `acting_for` in db/scopes.py changes the org in the middle of a transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(**_one_state(engine))
        self._writing = engine.execution_options(postroom_writes=True)
        self._writing_unsynced = engine.execution_options(postroom_writes=True, postroom_lasts=False)
        self._write_lock = nullcontext if self.is_shared else sqlite.WriteLock().held

    @property
    def engine(self) -> Engine:
        """Return the engine itself, for migrations and listeners."""
        return self._engine

    @property
    def is_shared(self) -> bool:
        """Return whether other hosts may work on the same database."""
        return self._engine.dialect.name == "postgresql"

    def driver_arguments(self) -> dict[str, Any]:
        """Return what the driver's own `connect` takes for a connection like ours, the password among it."""
        _, arguments = self._engine.dialect.create_connect_args(self._engine.url)
        return {**arguments, **(postgres.CHOICES["connect_args"] if self.is_shared else {})}

    @contextmanager
    def read(self, *, org: UUID | None = None, source: str | None = None) -> Iterator[Connection]:
        """Yield a connection in a transaction that sees one state of the database; nothing is committed."""
        with translated(), self._reading.connect() as connection:
            begin_within(connection, Scope(org, source))
            yield connection

    @contextmanager
    def write(
        self, *, org: UUID | None = None, source: str | None = None, lasts: bool = True
    ) -> Iterator[Connection]:
        """Yield a connection inside one transaction: committed at the end, rolled back on any error.

        What need not last (`lasts` False) is committed without a wait for the disk where the database is this
        machine's own: it outlives the process, but perhaps no power cut.
        """
        with (
            translated(),
            self._write_lock(),
            (self._writing if lasts else self._writing_unsynced).begin() as connection,
        ):
            begin_within(connection, Scope(org, source))
            yield connection

    def close(self) -> None:
        """Close all connections; safe to repeat."""
        self._engine.dispose()


def open_database(url: str, password: str | None = None) -> Database:
    """Return the database at an SQLAlchemy URL, of SQLite or PostgreSQL; no connection is made yet.

    Raises ConfigFault for a URL that is none.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigFault(f"db.url is no database URL: {error}") from error
    if parsed.get_backend_name() == "postgresql":
        located = parsed.set(drivername="postgresql+psycopg", password=password or parsed.password)
        return Database(create_engine(located, **postgres.CHOICES))
    engine = create_engine(parsed, **sqlite.CHOICES)
    event.listen(engine, "connect", sqlite.prepare)
    event.listen(engine, "begin", sqlite.begin)
    event.listen(engine, "before_cursor_execute", refuse_unfenced)
    return Database(engine)


def _one_state(engine: Engine) -> dict[str, object]:
    return dict(postgres.READS_ONE_STATE) if engine.dialect.name == "postgresql" else {}
