"""The PostgreSQL that the tests run against is what they take it for."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from tests.servers.postgres import OWNER, PASSWORD, Postgres
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.postgres


def connect(server: Postgres, database: str, role: str = OWNER) -> psycopg.Connection[tuple[object, ...]]:
    url = server.url(database, role=role).replace("+psycopg", "")
    return psycopg.connect(url, autocommit=True, connect_timeout=2)


@pytest.fixture
def room(postgres: Postgres) -> Iterator[str]:
    name = postgres.make_database()
    yield name
    postgres.drop_database(name)


def test_the_owner_of_a_database_is_bound_by_row_level_security(postgres: Postgres, room: str) -> None:
    with closing(connect(postgres, room)) as connection:
        asked = "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"

        assert connection.execute(asked).fetchall() == [(False, False)]


def test_a_template_is_prepared_once_and_its_copies_do_not_meet(postgres: Postgres) -> None:
    prepared: list[str] = []

    def prepare(url: str) -> None:
        prepared.append(url)
        with closing(psycopg.connect(url.replace("+psycopg", ""), autocommit=True)) as connection:
            connection.execute("CREATE TABLE mail (id int)")

    one, other = postgres.make_database(prepare), postgres.make_database(prepare)
    with closing(connect(postgres, one)) as connection:
        connection.execute("INSERT INTO mail VALUES (1)")
    with closing(connect(postgres, other)) as connection:
        rows = connection.execute("SELECT * FROM mail").fetchall()

    assert (len(prepared), rows) == (1, [])
    for name in (one, other):
        postgres.drop_database(name)


def test_a_second_role_logs_in_and_a_wrong_password_does_not(postgres: Postgres, room: str) -> None:
    postgres.make_role("reader", options="BYPASSRLS")

    with closing(connect(postgres, room, role="reader")) as connection:
        assert connection.execute("SELECT current_user").fetchall() == [("reader",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"host=127.0.0.1 port={postgres.port} dbname={room} user={OWNER} password=wrong")
    assert PASSWORD == "correct horse"


def test_what_was_committed_is_there_after_a_crash_at_the_same_port(postgres: Postgres, room: str) -> None:
    with closing(connect(postgres, room)) as connection:
        connection.execute("CREATE TABLE mail (id int)")

    postgres.stop("immediate")
    postgres.start()

    with closing(connect(postgres, room)) as connection:
        assert connection.execute("SELECT count(*) FROM mail").fetchall() == [(0,)]


def test_a_visitor_who_comes_late_and_says_nothing_does_not_hold_up_a_crash(
    postgres: Postgres, room: str
) -> None:
    def is_stopping() -> bool:
        with pytest.raises(psycopg.OperationalError) as refused:
            connect(postgres, room).close()
        return "shutting down" in str(refused.value)

    with closing(connect(postgres, room)) as connection, ThreadPoolExecutor(1) as beside:
        os.kill(connection.info.backend_pid, signal.SIGSTOP)  # so that stopping takes some seconds
        stopping = beside.submit(postgres.stop, "immediate")
        wait_until(is_stopping, "the server to refuse visitors")
        with socket.create_connection(("127.0.0.1", postgres.port)):
            stopping.result(timeout=40)

    postgres.start()
    with closing(connect(postgres, room)) as connection:
        assert connection.execute("SELECT 7").fetchall() == [(7,)]


def test_a_paused_server_answers_nobody_and_goes_on_afterwards(postgres: Postgres, room: str) -> None:
    with closing(connect(postgres, room)) as connection:
        with postgres.paused(), pytest.raises(psycopg.OperationalError, match="timeout"):
            connect(postgres, room)
        wait_until(lambda: connection.execute("SELECT 7").fetchall() == [(7,)], "an answer")
