"""What an SQLite connection is told first."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy import Connection

_BUSY_MS = 30_000

CHOICES: Final[dict[str, Any]] = {"connect_args": {"timeout": _BUSY_MS / 1000}}
"""The arguments of create_engine."""


def prepare(connection: sqlite3.Connection, _record: Any) -> None:
    """Make a new connection durable and strict."""
    # We say BEGIN ourselves: the driver's own would start a write as a read and fail when it must upgrade.
    connection.isolation_level = None
    # FULL, because a committed row is what lets a source forget its mail (promise P1).
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}").close()


def begin(connection: Connection) -> None:
    """Begin a transaction, as one that writes where the engine's options say so."""
    writes = connection.get_execution_options().get("postroom_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
