"""The database that the settings name: opened, looked at, and tried step by step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroom.config.settings import Settings
from postroom.db.engine import Database, open_database
from postroom.db.fences import require_fences
from postroom.db.orgs import SqlDirectory
from postroom.db.schema import HEAD, revision
from postroom.errors import FileFault, PostroomError, SchemaMismatch
from postroom.fetcher.step import Step

_SQLITE = "sqlite:///"


@contextmanager
def connected(settings: Settings) -> Iterator[Database]:
    """Yield the database and close it again; the first use of it connects."""
    password = settings.db.password
    database = open_database(settings.db.url, password.reveal() if password else None)
    try:
        yield database
    finally:
        database.close()


def database_name(settings: Settings) -> str:
    """Return what to call the database: the SQLite file, or the URL, in which no secret is."""
    return settings.db.url.removeprefix(_SQLITE)


def database_revision(settings: Settings) -> str | None:
    """Return the revision of the database, None where it has none or is not there; nothing is made.

    Raises FileFault, DatabaseUnavailable, DatabaseCorrupt.
    """
    file = _file(settings)
    if file is not None and not is_there(file):
        return None
    with connected(settings) as database:
        return revision(database)


def knows_org(settings: Settings, slug: str) -> bool:
    """Return whether an org of that slug or alias is declared, or in the database; nothing is made."""
    declared = settings.org.values()
    if any(slug == org.slug or slug in org.aliases for org in declared):
        return True
    if database_revision(settings) is None:
        return False
    with connected(settings) as database:
        return slug in SqlDirectory(database).resolve([slug])


def try_database(settings: Settings) -> Iterator[Step]:
    """Yield what trying the database came to; nothing is made or changed."""
    file = _file(settings)
    try:
        if file is not None:
            _require_usable(file)
        yield Step("schema", _schema_words(settings))
        if file is None:
            with connected(settings) as database:
                if revision(database) == HEAD:
                    require_fences(database)
                    yield Step("fences", "the role is an ordinary one, and row level security is in force")
    except PostroomError as error:
        yield Step("schema", str(error), error)


def _schema_words(settings: Settings) -> str:
    found = database_revision(settings)
    if found is not None and found > HEAD:
        raise SchemaMismatch(
            f"revision {found} is newer than this postroom's {HEAD}", fix="install the newest postroom"
        )
    file = _file(settings)
    if file is not None and not is_there(file):
        return "not there yet; the first start makes it"
    return f"revision {found}" if found == HEAD else f"revision {found or 'none'}; the next start upgrades it"


def _file(settings: Settings) -> Path | None:
    """Return the file of an SQLite database, None for PostgreSQL."""
    url = settings.db.url
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def _require_usable(file: Path) -> None:
    """Return if this user may write the file, or make it.  Raises FileFault."""
    if not is_there(file):
        require_creatable(file, "db.url")
    elif not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK | os.X_OK):
        raise FileFault(f"cannot write {file}", fix="give this user write rights there")


def is_there(path: Path) -> bool:
    """Return whether there is something at `path`.  Raises FileFault where this user may not look."""
    try:
        return path.exists()
    except OSError as error:
        raise FileFault(f"cannot look at {path}: {error.strerror}") from error


def require_creatable(path: Path, key: str) -> None:
    """Return if `path`, which `key` names, could be made: a folder is made near it, and removed again.

    Raises FileFault.
    """
    nearest = next(folder for folder in path.parents if is_there(folder))
    try:
        Path(tempfile.mkdtemp(prefix=".postroom-", dir=nearest)).rmdir()
    except OSError as error:
        raise FileFault(
            f"cannot make {path}: {error.strerror} ({nearest})",
            fix=f"correct `{key}` or `state_dir`, or give this user write rights there",
        ) from error
