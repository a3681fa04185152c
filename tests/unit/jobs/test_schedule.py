"""The clock: a task runs once at a time, and no wake is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event

from postroom.jobs.schedule import Clock, Every, Task


def test_a_task_asked_for_while_it_runs_runs_once_more() -> None:
    runs: list[str] = []

    def call() -> None:
        runs.append("run")
        if len(runs) == 1:
            task.ask_again()
            task.run()  # as from another thread: it must not run inside itself

    task = Task(call, lambda: False)
    task.run()

    assert runs == ["run", "run"]


def test_a_clock_calls_at_once_and_whenever_it_is_woken() -> None:
    first, second = Event(), Event()
    calls: list[str] = []

    def call() -> None:
        calls.append("call")
        (second if first.is_set() else first).set()

    clock = Clock(threads=1, stopping=Event())
    clock.every(3600, "bell", call)
    clock.start()
    assert first.wait(30)
    clock.wake("bell")
    assert second.wait(30)
    clock.stop()

    assert calls == ["call", "call"]


def test_a_stopped_clock_calls_nobody() -> None:
    stopping, calls = Event(), list[str]()
    clock = Clock(threads=1, stopping=stopping)
    clock.every(3600, "bell", lambda: calls.append("call"))
    stopping.set()

    clock.start()
    clock.stop()

    assert calls == []


def test_what_was_missed_while_the_clock_jumped_ahead_counts_once() -> None:
    due, now = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC)

    following = Every(10.0).get_next_fire_time(due, now)

    assert timedelta(seconds=10) <= following - now <= timedelta(seconds=11)


def test_a_task_that_is_on_time_stays_on_time() -> None:
    due = datetime(2026, 11, 2, tzinfo=UTC)

    following = Every(10.0).get_next_fire_time(due, due + timedelta(seconds=3))

    assert timedelta(seconds=10) <= following - due <= timedelta(seconds=11)


def test_a_task_can_begin_later_than_the_clock() -> None:
    rung, calls = Event(), list[str]()
    clock = Clock(threads=2, stopping=Event())
    clock.every(3600, "later", lambda: calls.append("later"), first_in_seconds=3600.0)
    clock.every(3600, "now", rung.set)

    clock.start()
    assert rung.wait(30)
    clock.stop()

    assert calls == []
