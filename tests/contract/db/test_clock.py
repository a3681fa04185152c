"""The clock of a shared database: all hosts have the same time, and keep it while the database is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from postroom.db.clock import DatabaseClock
from postroom.db.engine import Database, open_database
from postroom.errors import DatabaseUnavailable
from tests.servers.postgres import Postgres
from tests.servers.waiting import free_port

NEAR = timedelta(seconds=10)


@pytest.fixture
def years_ahead(postgres: Postgres) -> Database:
    """Return a database whose clock is far from this machine's: a function stands before the server's."""
    url = postgres.url(postgres.make_database())
    database = open_database(url)
    with database.write() as connection:
        connection.execute(text("CREATE SCHEMA ahead"))
        connection.execute(
            text(
                "CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
                " AS $$ SELECT pg_catalog.clock_timestamp() + interval '1000 days' $$"
            )
        )
        connection.execute(
            text(
                "ALTER ROLE CURRENT_USER IN DATABASE "
                + url.rpartition("/")[2]
                + " SET search_path = ahead, pg_catalog, public"
            )
        )
    database.close()
    return open_database(url)


@pytest.mark.postgres
def test_a_shared_databases_time_counts_and_not_this_machines(years_ahead: Database) -> None:
    clock = DatabaseClock(years_ahead)

    told = clock()

    assert abs(told - datetime.now(UTC) - timedelta(days=1000)) < NEAR
    assert clock() >= told
    years_ahead.close()


@pytest.mark.postgres
def test_the_time_goes_on_while_the_database_is_away(postgres: Postgres) -> None:
    database = open_database(postgres.url(postgres.make_database()))
    clock = DatabaseClock(database)
    before = clock()
    database.close()

    postgres.stop("immediate")
    try:
        meanwhile = clock()
    finally:
        postgres.start()

    assert timedelta(0) <= meanwhile - before < timedelta(seconds=60)


def test_without_a_first_answer_there_is_no_time() -> None:
    clock = DatabaseClock(open_database(f"postgresql://nobody@127.0.0.1:{free_port()}/x"))

    with pytest.raises(DatabaseUnavailable):
        clock()
