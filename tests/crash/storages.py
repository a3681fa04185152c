"""The storages of a campaign: where the rows and the objects of one stage are, and how they are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash.counting import Folder, InBucket, Objects, Rows
from tests.crash.serving import Reach, Servers
from tests.servers.postgres import Postgres

Built = tuple[str, Rows, Objects]
"""A part of the configuration, what asks the database, and what lies in the archive."""


def _on_sqlite(folder: Path, _servers: Servers, _reach: Reach) -> Built:
    state_dir = folder / "host0" / "state"

    def rows(query: str, *values: object) -> list[Any]:
        database = sqlite3.connect(f"file:{state_dir / 'postroom.db'}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(query, values).fetchall()
        finally:
            database.close()

    return "", rows, Folder(state_dir / "archive")


def _on_postgres(_folder: Path, servers: Servers, reach: Reach) -> Built:
    section, rows = _rows_in(servers.postgres(), reach)
    service = servers.rgw().service
    bucket = service.fresh_bucket()
    url = f"s3://{bucket}/?endpoint=http://127.0.0.1:{reach('s3', servers.rgw().port)}"
    keys = f'access_key = "{service.access_key}"\nsecret_key = "{service.secret_key}"\n'
    return f'{section}[storage]\nurl = "{url}"\n{keys}', rows, InBucket(service, bucket)


def _on_postgres_and_files(folder: Path, servers: Servers, reach: Reach) -> Built:
    section, rows = _rows_in(servers.postgres(), reach)
    archive = folder / "archive"
    return f'{section}[storage]\nurl = "file://{archive}"\n', rows, Folder(archive)


def _rows_in(postgres: Postgres, reach: Reach) -> tuple[str, Rows]:
    """Return the [db] section for a fresh database, and what asks it."""
    database = postgres.make_database()

    def rows(query: str, *values: object) -> list[Any]:
        if not postgres.execute("SELECT to_regclass('work') IS NOT NULL", database=database)[0][0]:
            raise sqlite3.OperationalError("no table yet")
        return postgres.execute(query.replace("?", "%s"), values, database=database)

    return postgres.section(database, port=reach("postgres", postgres.port)), rows


BUILDERS: dict[str, Callable[[Path, Servers, Reach], Built]] = {
    "sqlite": _on_sqlite,
    "postgres": _on_postgres,
    "pgfiles": _on_postgres_and_files,
}
"""For each storage, what makes a fresh one for a stage in a folder."""
