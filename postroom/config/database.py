"""Building the settings of the database: an SQLite file, or a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from postroom.config import schema as s
from postroom.config.reader import Table
from postroom.config.settings import Database
from postroom.config.toml import spelled

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql", "postgresql+psycopg")
_EXAMPLE = 'write "postgresql://postroom@db.example/postroom"'


def db(table: Table, state_dir: Path) -> Database:
    """Return the database; a relative SQLite path starts where the key was set."""
    url = table.take(s.DB_URL)
    if "{" in url.replace("{state_dir}", ""):
        table.fault(s.DB_URL, "has a { that is not {state_dir}")
    url = url.replace("{state_dir}", str(state_dir))
    password = table.take_secret(s.DB_PASSWORD)
    if url.partition("://")[0] in _POSTGRESQL:
        _check_postgresql(table, url)
        return Database(url=url, password=password)
    if not url.startswith(_SQLITE):
        table.fault(s.DB_URL, "is neither SQLite nor PostgreSQL", _EXAMPLE)
    elif not _is_sqlite_path(url.removeprefix(_SQLITE)):
        table.fault(s.DB_URL, "must name a file, without options", f'the default is "{s.DB_URL.default}"')
    else:
        url = f"{_SQLITE}{table.folder(s.DB_URL) / url.removeprefix(_SQLITE)}"
        table.show(s.DB_URL, spelled(url))
    if table.has(s.DB_PASSWORD):
        table.warn(s.DB_PASSWORD, "is not used: SQLite has no passwords")
    return Database(url=url, password=password)


def _check_postgresql(table: Table, url: str) -> None:
    found = _split(url)
    if found is None or not found.path.strip("/"):
        table.fault(s.DB_URL, "must name a user, a server and a database", _EXAMPLE)
    elif found.password is not None or "password=" in found.query:
        table.show(s.DB_URL, spelled("********"))
        table.fault(s.DB_URL, "has a password in it; it is shown to anybody", "write it to db.password")


def _split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url)
        _ = found.port  # raises where it is no number
    except ValueError:
        return None
    return found


def _is_sqlite_path(path: str) -> bool:
    return bool(path) and "?" not in path and not path.startswith((":memory:", "file:")) and path[-1] != "/"
