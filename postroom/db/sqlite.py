"""What an SQLite connection is told first, and who of one process writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, cast

from sqlalchemy import Connection

_BUSY_SECONDS = 30.0
_SYNCHRONOUS: Final = "postroom_synchronous"  # what a connection was told last

CHOICES: Final[dict[str, Any]] = {"connect_args": {"timeout": _BUSY_SECONDS}}
"""The arguments of create_engine."""


def prepare(connection: sqlite3.Connection, _record: Any) -> None:
    """Make a new connection durable and strict."""
    # We say BEGIN ourselves: the driver's own would start a write as a read and fail when it must upgrade.
    connection.isolation_level = None
    # FULL, because a committed row is what lets a source forget its mail (promise P1).
    patience = f"busy_timeout={_BUSY_SECONDS * 1000:.0f}"
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", patience):
        connection.execute(f"PRAGMA {pragma}").close()


def begin(connection: Connection) -> None:
    """Begin a transaction, as one that writes, and whose commit is synced, where the engine's options say so.

    In WAL mode NORMAL leaves it to a later commit to sync an earlier one, which only a power cut can undo.
    The driver is told itself, for every transaction begins so, and SQLAlchemy would take longer than SQLite.
    """
    options, tell = connection.get_execution_options(), _driver(connection).execute
    if options.get("postroom_writes", False):
        synchronous = "FULL" if options.get("postroom_lasts", True) else "NORMAL"
        if connection.info.get(_SYNCHRONOUS, "FULL") != synchronous:
            tell(f"PRAGMA synchronous={synchronous}").close()
            connection.info[_SYNCHRONOUS] = synchronous
        tell("BEGIN IMMEDIATE").close()
    else:
        tell("BEGIN").close()


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)


class WriteLock:
    """Lets one thread of this process write at a time, and wakes the next one at once.

    SQLite lets one write too, but whom it keeps waiting naps for up to 100 ms between two looks.  Writers in
    other processes still wait that way.
    """

    def __init__(self) -> None:
        self._lock = Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, at most as long as SQLite would; then SQLite itself says that it is locked."""
        mine = self._lock.acquire(timeout=_BUSY_SECONDS)
        try:
            yield
        finally:
            if mine:
                self._lock.release()
