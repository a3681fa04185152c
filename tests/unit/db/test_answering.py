"""Whether a database answers, without making or changing it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from postroom.db.answering import ask_revision
from postroom.db.engine import open_database
from postroom.db.schema import HEAD, upgrade
from postroom.errors import DatabaseCorrupt, DatabaseUnavailable


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a database at its newest schema, in a folder whose name a URL would escape."""
    folder = tmp_path / "a 100% folder#1"
    folder.mkdir()
    database = open_database(f"sqlite:///{folder}/postroom.db")
    upgrade(database)
    database.close()
    return f"sqlite:///{folder}/postroom.db"


def test_a_database_answers_with_its_revision(url: str) -> None:
    assert ask_revision(url, None, seconds=5) == HEAD


def test_a_database_that_another_writes_answers_all_the_same(url: str) -> None:
    writer = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    try:
        revision = ask_revision(url, None, seconds=0.1)
    finally:
        writer.close()

    assert revision == HEAD


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not answer: unable to open"):
        ask_revision(f"sqlite:///{tmp_path}/postroom.db", None, seconds=5)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "postroom.db").write_bytes(b"no database " * 1000)

    with pytest.raises(DatabaseCorrupt):
        ask_revision(f"sqlite:///{tmp_path}/postroom.db", None, seconds=5)


def test_a_database_without_tables_does_not_answer(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    shutil.move(path, path.with_name("away"))
    sqlite3.connect(path).close()

    with pytest.raises(DatabaseUnavailable, match="no such table"):
        ask_revision(url, None, seconds=5)
