"""The clock of one host: the only user of APScheduler."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Condition, Event, Thread
from typing import Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from postroom.errors import PostroomError

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_LOOK_SECONDS: Final = 5.0  # between two looks at whether the machine's clock was set back
_SET_BACK_SECONDS: Final = 2.0  # less is a clock that is kept right by small steps


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


class Every(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Due so many seconds after it last was, or up to a tenth later; whatever was missed counts once.

    The library's own interval would look at every second of the days by which a clock was set ahead.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        # Spread, so that many mailboxes do not all log in at the same moment.
        pause = self._seconds * (1 + random.random() / 10)  # noqa: S311  (no secret)
        on_time = (previous or now) + timedelta(seconds=pause)
        return on_time if on_time > now else now + timedelta(seconds=pause)


class Clock:
    """Calls every task when it is due, each at most once at a time; built anew at every start.

    `threads` tasks run at the same moment; none begins once `stopping` is set.  Where the machine's clock is
    set back, all are due at once: the scheduler would wait until it is as late again as it was.
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
        self._ahead = time.time() - time.monotonic()
        self._watch = Thread(target=self._watch_the_time, name="clock", daemon=True)

    def every(
        self, seconds: float, task: str, call: Callable[[], object], *, first_in_seconds: float = 0.0
    ) -> None:
        """Call `call` every so many seconds, at first so many after now; what it raises is logged."""
        self._tasks[task] = Task(partial(self._call, task, call), self._stopping.is_set)
        self._scheduler.add_job(
            self._tasks[task].run,
            trigger=Every(seconds),
            id=task,
            next_run_time=datetime.now(UTC) + timedelta(seconds=first_in_seconds),
        )

    def start(self) -> None:
        """Start ticking; what is due already is called at once."""
        self._scheduler.start()
        self._watch.start()

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
        if self._watch.is_alive():
            self._watch.join()
        for task in self._tasks.values():
            task.join()

    def _call(self, task: str, call: Callable[[], object]) -> None:
        self._note_the_time()
        guarded(task, call)

    def _note_the_time(self) -> float:
        """Return how far the machine's clock is from one that is never set; the furthest ahead is kept."""
        apart = time.time() - time.monotonic()
        self._ahead = max(self._ahead, apart)
        return apart

    def _watch_the_time(self) -> None:
        """Make every task due whenever the machine's clock is behind what it was when tasks were put off."""
        while not self._stopping.wait(_LOOK_SECONDS):
            apart = self._note_the_time()
            if apart < self._ahead - _SET_BACK_SECONDS:
                _log.warning("the clock was set back", seconds=round(self._ahead - apart))
                self._ahead = apart
                for task in self._tasks:
                    self.due_in(0.0, task)


def guarded(task: str, call: Callable[[], object]) -> None:
    """Keep the clock ticking whatever a task does; foreseen errors are logged where they happen."""
    try:
        call()
    except PostroomError as error:
        _log.warning("task ended early", task=task, code=error.code, error=str(error))
    except Exception:
        _log.exception("bug", task=task, code="E-BUG")
