"""An empty SQLite database gets all tables at once: the very ones that the migrations would make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from postroom.db.engine import open_database
from postroom.db.schema import WHOLE_SQLITE, upgrade
from tests.contract.db.whole_sqlite import from_migrations, statements

LOADED = """
import sys
from postroom.db.engine import open_database
from postroom.db.schema import upgrade
upgrade(open_database(sys.argv[1]))
print(*{name.partition(".")[0] for name in sys.modules})
"""


def loaded_by_an_upgrade(file: Path) -> set[str]:
    """Return which libraries are loaded once the database is at the newest revision."""
    command = [sys.executable, "-c", LOADED, f"sqlite:///{file}"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_what_makes_all_tables_at_once_is_what_the_migrations_make() -> None:
    made = from_migrations()

    assert WHOLE_SQLITE.read_text(encoding="utf-8") == made, "run: make schema"


def test_an_empty_database_gets_all_of_it(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/postroom.db")

    changed = upgrade(database)
    database.close()

    assert changed
    assert statements(tmp_path / "postroom.db") == WHOLE_SQLITE.read_text(encoding="utf-8")


def test_a_first_start_loads_no_alembic(tmp_path: Path) -> None:
    loaded = loaded_by_an_upgrade(tmp_path / "postroom.db")

    assert "sqlalchemy" in loaded
    assert loaded & {"alembic", "mako", "pygments"} == set()


def test_an_upgrade_loads_nothing_that_only_colours(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/postroom.db")
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE of_somebody_else (id INTEGER)")
    database.close()

    loaded = loaded_by_an_upgrade(tmp_path / "postroom.db")

    assert "alembic" in loaded
    assert "pygments" not in loaded
