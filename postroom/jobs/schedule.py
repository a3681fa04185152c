"""The clock of one host: the only user of APScheduler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Condition, Event

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from postroom.errors import PostroomError

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")


class Task:
    """Something that runs once at a time; who asks for it while it runs gets one more run after this one."""

    def __init__(self, call: Callable[[], None], is_over: Callable[[], bool]) -> None:
        self._call = call
        self._is_over = is_over
        self._lock = Condition()
        self._runs = False
        self._again = False

    def ask_again(self) -> None:
        """Ask for a run that begins after this moment."""
        with self._lock:
            self._again = True

    def run(self) -> None:
        """Run, and run again as long as somebody asked meanwhile; return at once while another runs it."""
        with self._lock:
            if self._is_over():
                return
            if self._runs:
                self._again = True
                return
            self._runs = True
        while True:
            with self._lock:
                self._again = False
            self._call()
            with self._lock:
                if not self._again or self._is_over():
                    self._runs = False
                    self._lock.notify_all()
                    return

    def join(self) -> None:
        """Wait until it does not run; once it is over, it will not run again."""
        with self._lock:
            self._lock.wait_for(lambda: not self._runs)


class Clock:
    """Calls every task when it is due, each at most once at a time; built anew at every start.

    `threads` tasks run at the same moment; none begins once `stopping` is set.
    """

    def __init__(self, *, threads: int, stopping: Event) -> None:
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        self._stopping = stopping
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            # Each task sees to it that it runs once at a time: a run refused here would be a wake lost.
            job_defaults={"max_instances": 10, "coalesce": True, "misfire_grace_time": None},
        )
        self._tasks: dict[str, Task] = {}

    def every(self, seconds: float, task: str, call: Callable[[], object]) -> None:
        """Call `call` every so many seconds, and at once when the clock starts; what it raises is logged."""
        self._tasks[task] = Task(partial(guarded, task, call), self._stopping.is_set)
        # Spread by up to a tenth, so that many mailboxes do not all log in at the same moment.
        self._scheduler.add_job(
            self._tasks[task].run,
            trigger="interval",
            seconds=seconds,
            jitter=seconds / 10,
            id=task,
            next_run_time=datetime.now(UTC),
        )

    def start(self) -> None:
        """Start ticking; every task is due at once."""
        self._scheduler.start()

    def wake(self, task: str) -> None:
        """Make a task due now; one that runs will run once more.  What is unknown is ignored."""
        if task in self._tasks:
            self._tasks[task].ask_again()
            self.due_in(0.0, task)

    def due_in(self, seconds: float, task: str) -> None:
        """Put the next run of a task to so many seconds from now, sooner or later than it was."""
        with suppress(JobLookupError):  # the scheduler is stopping, and has let its jobs go
            self._scheduler.modify_job(task, next_run_time=datetime.now(UTC) + timedelta(seconds=seconds))

    def stop(self) -> None:
        """Ask the tasks to come to an end, and wait for them."""
        self._stopping.set()
        # The scheduler would wait for the tasks with a lock held that a task needs to wake another.
        self._scheduler.shutdown(wait=False)
        for task in self._tasks.values():
            task.join()


def guarded(task: str, call: Callable[[], object]) -> None:
    """Keep the clock ticking whatever a task does; foreseen errors are logged where they happen."""
    try:
        call()
    except PostroomError as error:
        _log.warning("task ended early", task=task, code=error.code, error=str(error))
    except Exception:
        _log.exception("bug", task=task, code="E-BUG")
