"""Which revision the database has, and bringing it to ours; alembic is imported only where it migrates."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from postroom.db.dialect import wait_for_others
from postroom.db.engine import Database
from postroom.db.fences import fence, lift
from postroom.db.scopes import migrate_within
from postroom.errors import SchemaMismatch
from postroom.unneeded import without

HEAD = "0011"
"""The newest revision; a test holds it equal to the one in migrations/versions."""

_MIGRATIONS: Final = Path(__file__).parent / "migrations"

WHOLE_SQLITE: Final = _MIGRATIONS / "sqlite.sql"
"""What all migrations make of an empty SQLite database; `make schema` writes it, and a test compares."""

_UPGRADING: Final = 0x706F7374726F6F6D  # the advisory lock of an upgrade: "postroom" in hexadecimal


def revision(database: Database) -> str | None:
    """Return the database's revision, None for an empty one.  Raises DatabaseUnavailable, DatabaseCorrupt."""
    with database.read() as connection:
        return _revision(connection)


def upgrade(database: Database) -> bool:
    """Bring the database to HEAD; return whether anything had to be done.

    All of it is one transaction, and a second process that starts meanwhile waits for it and finds it done.
    Raises SchemaMismatch when the database is newer than this postroom, or was never upgraded by its owner.
    """
    if revision(database) == HEAD:
        return False
    with database.write() as connection:
        _wait_for_others(connection)
        if _revision(connection) == HEAD:
            return False
        if connection.dialect.name == "sqlite" and not inspect(connection).get_table_names():
            _make(connection)
        else:
            _upgrade(connection)
        return True


def mend_fences(database: Database) -> None:
    """Put row level security in force again, whatever somebody did to it; the role owns the tables."""
    with database.write() as connection:
        fence(connection)


def require_head(database: Database) -> None:
    """Return if the database is at HEAD.  Raises SchemaMismatch."""
    found = revision(database)
    if found != HEAD:
        raise SchemaMismatch(
            f"the database is at revision {found or 'none'}, this postroom needs {HEAD}",
            fix="postroom db upgrade",
        )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return str(found) if found else None


def _make(connection: Connection) -> None:
    """Make all tables at once: to load alembic takes half a second, and ten megabytes from then on."""
    migrate_within(connection)
    for statement in WHOLE_SQLITE.read_text(encoding="utf-8").removesuffix(";\n").split(";\n"):
        connection.exec_driver_sql(statement)


def _upgrade(connection: Connection) -> None:
    with without("pygments"):  # mako, alembic's language of templates, would colour its tracebacks with it
        from alembic import command  # noqa: PLC0415  (what a normal start does not need)
        from alembic.config import Config  # noqa: PLC0415  (as above)
        from alembic.util.exc import CommandError  # noqa: PLC0415  (as above)

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    lift(connection)
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise SchemaMismatch(
            f"the database was made by another postroom: {error}", fix="install the newest postroom"
        ) from error
    fence(connection)


def _wait_for_others(connection: Connection) -> None:
    """Let one process at a time upgrade; SQLite's write lock does it there (db/sqlite.py)."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        wait_for_others(connection, _UPGRADING)
