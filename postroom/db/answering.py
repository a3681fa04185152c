"""Whether a database answers, asked by its driver alone: SQLAlchemy takes longer to load than the answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from postroom.errors import DatabaseCorrupt, DatabaseUnavailable, PostroomError

_SQLITE = "sqlite:///"
_REVISION = "SELECT version_num FROM alembic_version"
_FIX = "look at `db.url`, and at the disk or the server; postroom status says more"


def ask_revision(url: str, password: str | None, *, seconds: float) -> str:
    """Return the schema revision that the database at `url` has; nothing is made or changed.

    Gives up after about so many seconds.  Raises DatabaseUnavailable, DatabaseCorrupt.
    """
    return _ask_file(url, seconds) if url.startswith(_SQLITE) else _ask_server(url, password, seconds)


def _ask_server(url: str, password: str | None, seconds: float) -> str:
    import psycopg  # noqa: PLC0415  (a postroom with SQLite needs none)

    place = url.replace("postgresql+psycopg://", "postgresql://", 1)
    patience = f"-c statement_timeout={round(seconds * 1000)}"
    try:
        with psycopg.connect(
            place, password=password, connect_timeout=max(2, int(seconds)), options=patience
        ) as connection:
            (revision,) = connection.execute(_REVISION).fetchone() or ("none",)
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"the database does not answer: {str(error).strip()}", fix=_FIX) from error
    return str(revision)


def _ask_file(url: str, seconds: float) -> str:
    path = Path(url.removeprefix(_SQLITE))
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", timeout=seconds, uri=True)) as connection:
            (revision,) = connection.execute(_REVISION).fetchone() or ("none",)
    except sqlite3.Error as error:
        raise _told(error, path) from error
    return str(revision)


def _told(error: sqlite3.Error, path: Path) -> PostroomError:
    if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return DatabaseCorrupt(f"the database {path} is damaged: {error}", fix="restore a backup of it")
    return DatabaseUnavailable(f"the database {path} does not answer: {error}", fix=_FIX)
