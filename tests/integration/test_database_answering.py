"""A healthcheck's question to a real PostgreSQL: its answer, or soon the words why there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postroom.db.answering import ask_revision
from postroom.db.engine import open_database
from postroom.db.schema import HEAD, upgrade
from postroom.errors import DatabaseUnavailable
from tests.servers.postgres import Postgres
from tests.servers.waiting import free_port

pytestmark = pytest.mark.postgres


def at_newest_schema(url: str) -> None:
    database = open_database(url)
    upgrade(database)
    database.close()


@pytest.fixture
def room(postgres: Postgres) -> Iterator[str]:
    name = postgres.make_database(at_newest_schema)
    yield name
    postgres.drop_database(name)


def test_a_server_answers_with_the_revision_of_its_database(postgres: Postgres, room: str) -> None:
    assert ask_revision(postgres.url(room), None, seconds=5) == HEAD


def test_a_server_that_hangs_is_given_up(postgres: Postgres, room: str) -> None:
    with postgres.paused(), pytest.raises(DatabaseUnavailable, match="the database does not answer"):
        ask_revision(postgres.url(room), None, seconds=0.5)

    assert ask_revision(postgres.url(room), None, seconds=5) == HEAD


def test_a_server_that_is_not_there_is_named() -> None:
    port = free_port()

    with pytest.raises(DatabaseUnavailable, match=str(port)):
        ask_revision(f"postgresql+psycopg://postroom@127.0.0.1:{port}/postroom", "secret-canary", seconds=2)


def test_a_database_without_a_schema_does_not_answer(postgres: Postgres) -> None:
    name = postgres.make_database()

    try:
        with pytest.raises(DatabaseUnavailable, match="alembic_version"):
            ask_revision(postgres.url(name), None, seconds=5)
    finally:
        postgres.drop_database(name)
