"""What every Runner promises: everything due at once, a backlog drained, a bug survived."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import Event, Thread

import pytest

from postroom.db.inbox import SqlInbox
from postroom.db.turns import SqlTurns
from postroom.fetcher.source import Batch, Memory, MessageSource
from postroom.jobs.cluster import ClusterRunner
from postroom.jobs.cluster_jobs import Jobs
from postroom.jobs.embedded import EmbeddedRunner
from postroom.jobs.house import House
from postroom.jobs.runner import EXTRACT, Runner
from tests.databases import fresh_postgres
from tests.house import PDF, Postroom
from tests.mailbox import MailboxInRam, mail
from tests.servers.waiting import wait_until

Hire = Callable[[House], Runner]


@pytest.fixture(params=["embedded", pytest.param("cluster", marks=pytest.mark.postgres)])
def kind(request: pytest.FixtureRequest) -> str:
    """Return which runner it is about."""
    return str(request.param)


@pytest.fixture
def postroom(kind: str, request: pytest.FixtureRequest, open_postroom: Callable[..., Postroom]) -> Postroom:
    """Return a house on the database that fits the runner."""
    if kind == "embedded":
        return open_postroom()
    return open_postroom(database_url=fresh_postgres(request.getfixturevalue("postgres")))


@pytest.fixture
def hire(kind: str, postroom: Postroom) -> Hire:
    """Return what makes a runner for a house of the postroom."""
    if kind == "embedded":
        return EmbeddedRunner
    jobs = Jobs()

    def tell_workers(connection: object) -> None:
        jobs.defer(connection, EXTRACT)

    postroom.inbox = SqlInbox(postroom.database, tell_workers=tell_workers)
    turns, connect = SqlTurns(postroom.database), postroom.database.driver_arguments()
    return partial(ClusterRunner, turns=turns, jobs=jobs, connect=connect)


@contextmanager
def ticking(
    postroom: Postroom, hire: Hire, *sources: MessageSource, max_per_poll: int = 100
) -> Iterator[Runner]:
    """Let a runner run over these sources, polled once an hour only."""
    kits = {source.name: replace(postroom.kit(source), max_per_poll=max_per_poll) for source in sources}
    runner = hire(replace(postroom.house, sources=kits))
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def all_parsed(postroom: Postroom, count: int) -> bool:
    return postroom.statuses() == ["parsed"] * count


def test_a_runner_takes_extracts_and_announces_by_itself(postroom: Postroom, hire: Hire) -> None:
    postroom.orders.put(mail(po=PDF))

    with ticking(postroom, hire, postroom.orders):
        wait_until(lambda: len(postroom.receiver.told) == 1, "the document is announced", 30)

    assert all_parsed(postroom, 1)


def test_a_backlog_is_drained_without_waiting_for_the_next_poll(postroom: Postroom, hire: Hire) -> None:
    for number in range(7):
        postroom.orders.put(mail(f"<{number}@x>"))

    with ticking(postroom, hire, postroom.orders, max_per_poll=2):
        wait_until(lambda: all_parsed(postroom, 7), "all seven are taken", 30)


def test_a_backlog_is_not_hurried_while_the_after_action_is_refused(postroom: Postroom, hire: Hire) -> None:
    for number in range(7):
        postroom.orders.put(mail(f"<{number}@x>"))
    postroom.orders.refuses = True

    with ticking(postroom, hire, postroom.orders, max_per_poll=2):
        wait_until(lambda: all_parsed(postroom, 2), "the first two are taken", 30)

    assert len(postroom.messages()) == 2


def test_mail_that_comes_later_is_taken_when_the_runner_is_woken(postroom: Postroom, hire: Hire) -> None:
    with ticking(postroom, hire, postroom.orders) as runner:
        wait_until(lambda: "orders" in [row.source_name for row in postroom.book()], "the first poll", 30)
        postroom.orders.put(mail())
        runner.wake("poll:orders")

        wait_until(lambda: all_parsed(postroom, 1), "the mail is taken", 30)


def test_waking_what_is_unknown_is_harmless(postroom: Postroom, hire: Hire) -> None:
    with ticking(postroom, hire, postroom.orders) as runner:
        runner.wake("poll:nobody")


def test_a_bug_in_one_task_leaves_the_others_ticking(
    postroom: Postroom, hire: Hire, log: io.StringIO
) -> None:
    class Buggy(MailboxInRam):
        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            raise ZeroDivisionError("a bug")

    postroom.orders.put(mail())

    with ticking(postroom, hire, Buggy("buggy", postroom.folder / "x"), postroom.orders):
        wait_until(lambda: all_parsed(postroom, 1), "the other mailbox is polled", 30)
        wait_until(lambda: '"event": "bug"' in log.getvalue(), "the bug is logged", 30)


def test_a_source_in_trouble_is_logged_and_its_neighbours_polled(
    postroom: Postroom, hire: Hire, log: io.StringIO
) -> None:
    away = MailboxInRam("away", postroom.folder / "x")
    away.is_away = True
    postroom.orders.put(mail())

    with ticking(postroom, hire, away, postroom.orders):
        wait_until(lambda: all_parsed(postroom, 1), "the other mailbox is polled", 30)
        wait_until(lambda: '"code": "E-IMAP-CONNECT"' in log.getvalue(), "the trouble is logged", 30)
        wait_until(lambda: '"event": "next poll put off"' in log.getvalue(), "it is given time", 30)

    (put_off,) = [line for line in log.getvalue().splitlines() if "next poll put off" in line]
    assert '"code": "E-IMAP-CONNECT"' in put_off  # where the database is full, no other line says it


def test_a_stopped_runner_has_asked_its_tasks_to_end(postroom: Postroom, hire: Hire) -> None:
    with ticking(postroom, hire, postroom.orders):
        pass

    assert postroom.house.stopping.is_set()


def test_a_runner_stops_although_a_poll_takes_mail_to_the_last(postroom: Postroom, hire: Hire) -> None:
    begun, stopped = Event(), Event()

    class Slow(MailboxInRam):
        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            begun.set()
            postroom.house.stopping.wait(30)
            yield from super().batches(memory, limit=limit, since=since)

    slow = Slow("slow", postroom.folder / "x")
    slow.put(mail())
    runner = hire(replace(postroom.house, sources={"slow": postroom.kit(slow)}))
    runner.start()
    assert begun.wait(30)

    def stop() -> None:
        runner.stop()
        stopped.set()

    Thread(target=stop, daemon=True).start()

    assert stopped.wait(30), "the runner never stopped"
