"""The engine between hosts: jobs live and die with their rows, and the work of a dead host is done again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from threading import Event
from typing import Any

import pytest
from sqlalchemy import insert

from postroom.db.engine import Database
from postroom.db.inbox import SqlInbox
from postroom.db.leases import SqlLeases, lease_of_source
from postroom.db.machinery import TURN
from postroom.db.turns import SqlTurns
from postroom.errors import LeaseLost
from postroom.jobs.cluster import ClusterRunner
from postroom.jobs.cluster_engine import Engine, Lane
from postroom.jobs.cluster_jobs import Jobs
from postroom.jobs.runner import EXTRACT
from tests.contract.db.databases import database
from tests.databases import fresh_postgres, opened
from tests.house import PDF, Postroom, open_postroom
from tests.mailbox import MailboxInRam, mail
from tests.servers.fixtures import running_postgres
from tests.servers.postgres import Postgres
from tests.servers.waiting import wait_until

__all__ = ["database", "open_postroom"]

pytestmark = pytest.mark.postgres


@pytest.fixture
def database_url(postgres: Postgres) -> str:
    return fresh_postgres(postgres)


@pytest.fixture
def room(database_url: str, open_postroom: Callable[..., Postroom]) -> Postroom:
    return open_postroom(database_url=database_url)


def jobs_of(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    """Return lane, state and arguments of every job that there is."""
    with database.read() as connection:
        asked = "SELECT task_name, status, args FROM procrastinate_jobs ORDER BY id"
        return [tuple(row) for row in connection.exec_driver_sql(asked)]


def defer(database: Database, lane: str, once: str | None = None, **args: str) -> bool:
    with database.write() as connection:
        return Jobs().defer(connection.connection.driver_connection, lane, once, **args)


def noting(sources: list[str]) -> Callable[..., None]:
    """Return what notes the argument of each job."""

    def note(*, source: str) -> None:
        sources.append(source)

    return note


@contextmanager
def working(database: Database, *lanes: Lane, lease_seconds: float = 30) -> Iterator[Engine]:
    """Let an engine take jobs as long as the block lasts."""
    engine = Engine(database.driver_arguments(), list(lanes), lease_seconds=lease_seconds)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def telling(room: Postroom) -> Jobs:
    """Let every commit of the room tell the workers; return the jobs that it tells them by."""
    jobs = Jobs()

    def tell_workers(connection: object) -> None:
        jobs.defer(connection, EXTRACT)

    room.inbox = SqlInbox(room.database, tell_workers=tell_workers)
    return jobs


@contextmanager
def host(
    room: Postroom, *sources: MailboxInRam, name: str, only_works: bool = False
) -> Iterator[ClusterRunner]:
    """Let a host run on these mailboxes, polled once a minute of the house's clock, which stands still."""
    jobs = telling(room)
    kits = {source.name: replace(room.kit(source), poll_seconds=60) for source in sources}
    house = replace(room.house, sources=kits, holder=name, stopping=Event())
    connect = room.database.driver_arguments()
    runner = ClusterRunner(
        house, turns=SqlTurns(room.database), jobs=jobs, connect=connect, only_works=only_works
    )
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


# --- the jobs ------------------------------------------------------------------------------------


def test_a_job_is_there_when_its_transaction_is_committed_and_only_then(database: Database) -> None:
    with suppress(ZeroDivisionError), database.write() as connection:
        Jobs().defer(connection.connection.driver_connection, EXTRACT)
        raise ZeroDivisionError
    rolled_back = jobs_of(database)

    defer(database, EXTRACT)

    assert (rolled_back, jobs_of(database)) == ([], [("extract", "todo", {})])


def test_a_batch_and_its_job_are_committed_together(room: Postroom) -> None:
    telling(room)
    room.orders.put(mail("<1@x>", po=PDF))
    room.orders.put(mail("<2@x>", po=PDF))

    room.poll()

    assert jobs_of(room.database) == [("extract", "todo", {})]


def test_a_second_job_where_one_waits_is_refused_and_the_transaction_goes_on(database: Database) -> None:
    with database.write() as connection:
        driver, jobs = connection.connection.driver_connection, Jobs()
        first = jobs.defer(driver, "poll", "poll:orders", source="orders")
        second = jobs.defer(driver, "poll", "poll:orders", source="orders")
        due_at = datetime(2025, 3, 4, tzinfo=UTC)
        connection.execute(insert(TURN).values(source_name="orders", due_at=due_at))

    assert (first, second) == (True, False)
    assert jobs_of(database) == [("poll", "todo", {"source": "orders"})]


def test_a_job_is_run_and_leaves_nothing_behind(database: Database) -> None:
    ran: list[str] = []

    with working(database, Lane("poll", noting(ran), 1)):
        defer(database, "poll", source="orders")
        wait_until(lambda: ran == ["orders"], "the job to run")
        wait_until(lambda: jobs_of(database) == [], "the job to be gone")


def test_the_job_of_a_host_that_shows_no_life_is_swept_up_and_made_up_for(database: Database) -> None:
    made_up: list[str] = []
    dead = (
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute') RETURNING id"
    )
    with database.write() as connection:
        (worker,) = connection.exec_driver_sql(dead).one()
    defer(database, "poll", source="orders")
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", (worker,)
        )

    lane = Lane("poll", lambda source: None, 1, stalled=noting(made_up))
    with working(database, lane, lease_seconds=0.9):
        wait_until(lambda: jobs_of(database) == [], "the job to be swept up")

    assert made_up == ["orders"]


def test_an_engine_takes_jobs_again_when_its_database_comes_back(log: io.StringIO) -> None:
    ran: list[str] = []

    with running_postgres() as server:
        database = opened(fresh_postgres(server))
        with working(database, Lane("poll", noting(ran), 1)):
            defer(database, "poll", source="before")
            wait_until(lambda: ran == ["before"], "the first job to run")
            server.stop("immediate")
            wait_until(lambda: "engine interrupted" in log.getvalue(), "the engine to notice", 30)
            server.start()
            database.close()
            defer(database, "poll", source="after")
            wait_until(lambda: ran == ["before", "after"], "the second job to run", 30)
        database.close()

    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize("_round", range(5))
def test_an_engine_that_is_stopped_while_it_begins_comes_to_an_end(database: Database, _round: int) -> None:
    with working(database, Lane("poll", lambda source: None, 2), Lane(EXTRACT, lambda: None, 1)):
        pass


def test_the_engine_makes_the_tables_that_the_migration_was_written_for() -> None:
    tables = (resources.files("procrastinate") / "sql" / "schema.sql").read_bytes()

    # Another digest: write a migration that brings the tables there, and then the new digest here.
    assert hashlib.sha256(tables).hexdigest() == (
        "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009"
    )


# --- the hosts -----------------------------------------------------------------------------------


def test_a_mail_is_taken_by_one_host_and_worked_on_by_whichever(room: Postroom) -> None:
    room.orders.put(mail(po=PDF))

    with host(room, room.orders, name="one"), host(room, room.orders, name="two"):
        wait_until(lambda: len(room.receiver.told) == 1, "the document to be announced", 30)

    assert (room.statuses(), room.orders.read) == (["parsed"], [1])


def test_a_worker_does_what_others_hand_out_and_hands_out_nothing(room: Postroom) -> None:
    room.orders.put(mail(po=PDF))

    with host(room, room.orders, name="worker", only_works=True):
        polled_by_itself = room.messages()
        turns = SqlTurns(room.database)
        turns.enrol({"orders"}, room.clock())
        jobs = Jobs()
        turns.claim(
            {"orders": 60.0},
            room.clock(),
            limit=1,
            dispatch=lambda connection, source: jobs.defer(connection, "poll", source=source),
        )
        wait_until(lambda: room.statuses() == ["parsed"], "the mail to be taken and taken apart", 30)

    assert polled_by_itself == []


def test_a_mailbox_that_fails_rests_for_all_hosts(room: Postroom, log: io.StringIO) -> None:
    room.orders.is_away = True

    with host(room, room.orders, name="one"):
        wait_until(lambda: "next poll put off" in log.getvalue(), "the mailbox to be put off", 30)
    with host(room, room.orders, name="two") as second:
        room.clock.later(3600)
        second.wake("poll:orders")
        wait_until(lambda: log.getvalue().count("next poll put off") == 2, "the second failure", 30)

    assert [turn.due_at - room.clock() for turn in room.rows(TURN)] == [timedelta(seconds=240)]
    assert room.house.book.failures("orders") == 2


def test_a_host_whose_lease_went_to_another_commits_nothing(room: Postroom) -> None:
    room.orders.put(mail(po=PDF))
    leases, name = SqlLeases(room.database), lease_of_source("orders")
    fence = leases.acquire(name, holder="frozen", seconds=30, now=room.clock())
    room.clock.later(31)
    leases.acquire(name, holder="there", seconds=30, now=room.clock())

    with pytest.raises(LeaseLost):
        room.accept(fence=fence)

    assert (room.messages(), room.orders.settled) == ([], [])


def test_a_mailbox_of_another_configuration_is_passed_over(room: Postroom, log: io.StringIO) -> None:
    with host(room, room.orders, name="one"):
        defer(room.database, "poll", source="elsewhere")
        wait_until(lambda: "mailbox of another host's configuration" in log.getvalue(), "the job", 30)
        wait_until(lambda: jobs_of(room.database) == [], "the job to be gone", 30)
