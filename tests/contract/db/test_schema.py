"""What a database promises before any row is written: one schema, made once, and faults told apart."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import String, inspect, text

from postroom.db import machinery, schema
from postroom.db.engine import Database, open_database
from postroom.db.orgs import SqlDirectory
from postroom.db.schema import HEAD, require_head, revision, upgrade
from postroom.db.tables import METADATA
from postroom.db.workbench import SqlWorkbench
from postroom.errors import ConfigFault, DatabaseCorrupt, DatabaseUnavailable, SchemaMismatch
from tests.contract.db.databases import MORNING, Orders
from tests.databases import fresh_postgres, fresh_sqlite
from tests.servers.postgres import Postgres

VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"
UPGRADE = """
import sys
from postroom.db.engine import open_database
from postroom.db.schema import upgrade
database = open_database(sys.argv[1])
sys.stdin.readline()
print(upgrade(database))
database.close()
"""


def test_the_newest_migration_is_the_head() -> None:
    newest = max(path.name for path in VERSIONS.glob("[0-9]*.py"))

    assert newest.partition("_")[0] == HEAD


def is_ours(name: str | None, _kind: str, _parents: object) -> bool:
    """Return whether a table is one of ours, and not of the engine between hosts."""
    return not str(name).startswith("procrastinate_")


def test_the_migrations_make_the_tables_that_the_models_say(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})

        assert compare_metadata(context, METADATA) == []
    assert machinery.WORK.metadata is METADATA


def spelled(index: Any) -> tuple[str, list[str], int, str]:
    options = index["dialect_options"]
    where = options.get("sqlite_where", options.get("postgresql_where", ""))
    return index["name"], index["column_names"], index["unique"], str(where)


def described(database: Database) -> dict[str, object]:
    """Return every table's columns and what binds them, as the database itself tells it."""
    with database.read() as connection:
        inspector = inspect(connection)
        return {
            table: {
                "columns": {(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)},
                "key": inspector.get_pk_constraint(table)["constrained_columns"],
                "unique": {tuple(u["column_names"]) for u in inspector.get_unique_constraints(table)},
                "indexes": sorted(map(spelled, inspector.get_indexes(table))),
                "foreign": sorted(
                    (f["constrained_columns"], f["referred_table"]) for f in inspector.get_foreign_keys(table)
                ),
            }
            for table in inspector.get_table_names()
            if table != "alembic_version" and is_ours(table, "table", None)
        }


def test_the_migrations_bind_the_tables_as_the_models_do(database: Database, twin_url: str) -> None:
    from_models = open_database(twin_url)
    METADATA.create_all(from_models.engine)

    assert described(database) == described(from_models)
    from_models.close()


def test_an_upgraded_database_is_at_the_head_and_needs_nothing_more(database: Database) -> None:
    require_head(database)

    assert revision(database) == HEAD
    assert upgrade(database) is False


def test_an_empty_database_is_told_apart_and_not_changed_by_looking(empty_url: str) -> None:
    empty = open_database(empty_url)

    with pytest.raises(SchemaMismatch, match="at revision none") as mismatch:
        require_head(empty)

    assert revision(empty) is None
    assert mismatch.value.fix == "postroom db upgrade"
    empty.close()


def test_a_database_of_a_newer_postroom_is_refused_and_left_alone(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaMismatch, match="made by another postroom"):
        upgrade(database)
    with pytest.raises(SchemaMismatch, match="at revision 9999"):
        require_head(database)
    assert revision(database) == "9999"


def test_two_processes_that_start_at_once_make_one_schema(empty_url: str) -> None:
    command = [sys.executable, "-c", UPGRADE, empty_url]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        for process in (one, other):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        done = sorted(process.communicate(timeout=50)[0] for process in (one, other))

    assert done == ["False\n", "True\n"]


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    path.write_bytes(b"From: somebody\n" * 500)
    broken = open_database(f"sqlite:///{path}")

    with pytest.raises(DatabaseCorrupt, match="file is not a database"):
        upgrade(broken)

    assert path.read_bytes() == b"From: somebody\n" * 500
    broken.close()


def test_a_damaged_database_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "postroom.db"
    whole = open_database(f"sqlite:///{path}")
    upgrade(whole)
    whole.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    broken = open_database(f"sqlite:///{path}")

    with pytest.raises(DatabaseCorrupt, match="malformed"):
        SqlWorkbench(broken).claim(limit=1, holder="here", lease_seconds=1, now=MORNING)

    broken.close()


def test_a_folder_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    nowhere = open_database(f"sqlite:///{tmp_path / 'not-mounted' / 'postroom.db'}")

    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        upgrade(nowhere)

    nowhere.close()


def test_a_database_that_may_not_be_written_is_an_outage(tmp_path: Path) -> None:
    fresh_sqlite(tmp_path)
    read_only = open_database(f"sqlite:///file:{tmp_path / 'postroom.db'}?mode=ro&uri=true")

    with pytest.raises(DatabaseUnavailable, match="readonly"):
        SqlWorkbench(read_only).rescue(MORNING)

    read_only.close()


def test_an_address_that_is_none_is_a_fault_of_the_config() -> None:
    with pytest.raises(ConfigFault, match="is no database URL"):
        open_database("not a url")


def test_a_transaction_that_fails_leaves_nothing_behind(orders: Orders) -> None:
    with suppress(ZeroDivisionError), orders.database.write() as connection:
        connection.execute(text("DELETE FROM org"))
        raise ZeroDivisionError

    assert orders.commit("<1@x>")


def test_only_what_need_not_last_is_committed_without_a_wait_for_the_disk(tmp_path: Path) -> None:
    database = open_database(fresh_sqlite(tmp_path))

    modes = list[object]()
    for lasts in (True, False, True):
        with database.write(lasts=lasts) as connection:
            modes.append(connection.scalar(text("PRAGMA synchronous")))
    database.close()

    assert modes == [2, 1, 2]  # FULL, NORMAL, FULL


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)],
)
def test_every_connection_to_sqlite_is_durable_and_strict(tmp_path: Path, pragma: str, value: object) -> None:
    database = open_database(fresh_sqlite(tmp_path))

    with database.read() as connection:
        assert connection.scalar(text(f"PRAGMA {pragma}")) == value
    database.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("synchronous_commit", "on"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("lock_timeout", "20s"),
        ("TimeZone", "UTC"),
    ],
)
def test_every_connection_to_postgresql_is_durable_and_lets_go(
    postgres: Postgres, setting: str, value: str
) -> None:
    database = open_database(postgres.url(postgres.make_database()))

    with database.read() as connection:
        assert connection.scalar(text(f"SHOW {setting}")) == value
    database.close()


@pytest.mark.postgres
def test_what_is_read_from_postgresql_is_one_state_and_nothing_can_be_written(postgres: Postgres) -> None:
    database = open_database(fresh_postgres(postgres))
    directory = SqlDirectory(database)

    with database.read() as connection:
        before = connection.scalar(text("SELECT count(*) FROM org"))
        directory.add("acme", MORNING)
        after = connection.scalar(text("SELECT count(*) FROM org"))
    with pytest.raises(DatabaseUnavailable, match="read-only"), database.read() as connection:
        connection.execute(text("DELETE FROM org"))

    assert (before, after) == (0, 0)
    database.close()


# What postroom itself writes: digests, slugs, names out of the config, words of ours.
BOUNDED = {
    "document.decode_status",
    "document.sha256",
    "folder_cursor.source_name",
    "inbound_message.content_sha256",
    "inbound_message.raw_sha256",
    "inbound_message.source",
    "inbound_message.status",
    "lease.name",
    "notice.code",
    "notice.name",
    "oauth_token.source_name",
    "org.slug",
    "org_alias.slug",
    "outbox.event",
    "part.decode_status",
    "part.sha256",
    "quarantine.code",
    "quarantine.raw_sha256",
    "quarantine.source_name",
    "quarantine.state",
    "sighting.message_id_sha256",
    "sighting.raw_sha256",
    "sighting.source_name",
    "sighting.verdict",
    "source_state.kind",
    "source_state.source_name",
    "standing_rule.source_name",
    "turn.source_name",
    "work.state",
}


def test_no_column_that_a_mail_fills_has_a_length(database: Database) -> None:
    columns = [column for table in METADATA.sorted_tables for column in table.columns]

    bounded = {
        f"{column.table.name}.{column.name}"
        for column in columns
        if isinstance(column.type, String) and column.type.length
    }

    assert bounded == BOUNDED
    assert revision(database) == HEAD
