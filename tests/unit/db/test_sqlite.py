"""What SQLite needs of us so that the writers of one process wait no longer than they must."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event, text

from postroom.db import sqlite
from postroom.db.engine import open_database
from postroom.errors import DatabaseUnavailable

WRITERS = 4


def test_no_writer_asks_sqlite_for_its_lock_while_another_of_the_process_has_it(tmp_path: Path) -> None:
    database, together = open_database(f"sqlite:///{tmp_path}/postroom.db"), Barrier(WRITERS)
    asking: list[int] = []
    among: set[int] = set()

    def asked(statement: str) -> None:
        if statement == "BEGIN IMMEDIATE":
            asking.append(1)
            among.add(len(asking))

    def over(_connection: Any) -> None:
        asking.pop()

    def write(_number: int) -> None:
        together.wait(30)
        for _ in range(20):
            with database.write() as connection:
                connection.execute(text("create table if not exists note (word text)"))

    event.listen(database.engine, "connect", lambda driver, _record: driver.set_trace_callback(asked))
    event.listen(database.engine, "commit", over)
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(WRITERS)))
    database.close()

    assert among == {1}


def test_a_writer_that_waits_too_long_hears_that_the_database_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    monkeypatch.setitem(sqlite.CHOICES, "connect_args", {"timeout": 0.05})
    database = open_database(f"sqlite:///{tmp_path}/postroom.db")

    with (
        database.write(),
        pytest.raises(DatabaseUnavailable, match="database is locked"),
        database.write(),
    ):
        pass
    with database.write() as connection:
        connection.execute(text("create table note (word text)"))
    database.close()
