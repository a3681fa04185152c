"""What the migrations make of an empty SQLite database, as the statements that make the same at once.

python -m tests.contract.db.whole_sqlite writes them where an empty database gets them from.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from postroom.db.schema import HEAD, WHOLE_SQLITE


def migrated(file: Path) -> None:
    """Let the migrations, one after another, make a database of an empty file."""
    engine = create_engine(f"sqlite:///{file}")
    config = Config()
    config.set_main_option("script_location", str(WHOLE_SQLITE.parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
    engine.dispose()


def statements(file: Path) -> str:
    """Return what makes a database with the tables of this one, and its revision as the only row."""
    with closing(sqlite3.connect(file)) as database:
        made = database.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()
        (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        row = f"INSERT INTO alembic_version VALUES ('{revision}');\n"  # noqa: S608  (our own revision)
        lines = "".join(f"{statement};\n" for (statement,) in made).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines) + row


def from_migrations() -> str:
    """Return those statements of a database that the migrations made just now."""
    with tempfile.TemporaryDirectory() as folder:
        migrated(Path(folder) / "postroom.db")
        return statements(Path(folder) / "postroom.db")


if __name__ == "__main__":
    WHOLE_SQLITE.write_text(from_migrations(), encoding="utf-8")
