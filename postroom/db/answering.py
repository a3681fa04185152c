"""Whether a database answers, asked by its driver alone: SQLAlchemy takes longer to load than the answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from postroom.errors import DatabaseCorrupt, DatabaseUnavailable, PostroomError

_SQLITE = "sqlite:///"
_REVISION = "SELECT version_num FROM alembic_version"
_FIX = "look at the disk, and at `db.url`; postroom status says more"


def ask_revision(url: str, *, seconds: float) -> str:
    """Return the schema revision that the database at `url` has; nothing is made or changed.

    Gives up after about so many seconds.  Raises DatabaseUnavailable, DatabaseCorrupt.
    """
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
