"""The clock of one host: the only user of APScheduler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Condition

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from postroom.core.retry import pause_seconds
from postroom.errors import MailUnreadable, PostroomError, TransientError
from postroom.jobs.house import House, SourceKit
from postroom.jobs.tasks import announce_due, extract_due, poll, rescue_stalled
from postroom.pipeline.tally import Tally

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_TICK_SECONDS = 5.0  # extraction and announcing are woken when there is work; this is the net below
_RESCUE_SECONDS = 15.0
_LONGEST_BACK_OFF_SECONDS = 900.0


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
    """Calls every task when it is due, each at most once at a time; built anew from the config at start."""

    def __init__(self, house: House) -> None:
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        self._house = house
        threads = len(house.sources) + 4
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            # Each task sees to it that it runs once at a time: a run refused here would be a wake lost.
            job_defaults={"max_instances": 10, "coalesce": True, "misfire_grace_time": None},
        )
        self._tasks: dict[str, Task] = {}
        self._failures: dict[str, int] = {}
        for kit in house.sources.values():
            self._every(kit.poll_seconds, f"poll:{kit.name}", partial(self._poll, kit))
        self._every(_TICK_SECONDS, "extract", self._extract)
        self._every(_TICK_SECONDS, "announce", partial(announce_due, house))
        self._every(_RESCUE_SECONDS, "rescue", partial(rescue_stalled, house))

    def start(self) -> None:
        """Start ticking; every task is due at once."""
        self._scheduler.start()

    def wake(self, task: str) -> None:
        """Make `task` ("poll:NAME", "extract", "announce") due now; one that runs will run once more."""
        if task in self._tasks:
            self._tasks[task].ask_again()
            self._due_in(0.0, task)

    def stop(self) -> None:
        """Ask the tasks to come to an end, and wait for them."""
        self._house.stopping.set()
        # The scheduler would wait for the tasks with a lock held that a task needs to wake another.
        self._scheduler.shutdown(wait=False)
        for task in self._tasks.values():
            task.join()

    def _due_in(self, seconds: float, task: str) -> None:
        with suppress(JobLookupError):  # the scheduler is stopping, and has let its jobs go
            self._scheduler.modify_job(task, next_run_time=datetime.now(UTC) + timedelta(seconds=seconds))

    def _every(self, seconds: float, task: str, call: Callable[[], object]) -> None:
        self._tasks[task] = Task(partial(_guarded, task, call), self._house.stopping.is_set)
        # Spread by up to a tenth, so that many mailboxes do not all log in at the same moment.
        self._scheduler.add_job(
            self._tasks[task].run,
            trigger="interval",
            seconds=seconds,
            jitter=seconds / 10,
            id=task,
            next_run_time=datetime.now(UTC),
        )

    def _poll(self, kit: SourceKit) -> None:
        """Poll until a poll comes back less than full; after trouble, the next one waits longer each time."""
        try:
            while self._poll_once(kit) and not self._house.stopping.is_set():
                pass
        except TransientError:  # logged and recorded by the poll itself
            self._back_off(kit)
        else:
            self._failures[kit.name] = 0

    def _poll_once(self, kit: SourceKit) -> bool:
        """Return whether there may be more at once; one mail that cannot be read is no reason to wait."""
        counted: list[Tally] = []
        with suppress(MailUnreadable):  # logged and recorded by the poll itself
            poll(kit, self._house, report=counted.append)
        tally = sum(counted, Tally())
        if tally.taken:
            self.wake("extract")
        met = tally.taken + tally.duplicates + tally.quarantined + tally.left
        return met >= kit.max_per_poll and not tally.refused

    def _back_off(self, kit: SourceKit) -> None:
        """Put the next poll off: a server that refuses logins locks out whoever keeps knocking."""
        self._failures[kit.name] = self._failures.get(kit.name, 0) + 1
        pause = pause_seconds(
            self._failures[kit.name] + 1,
            first=kit.poll_seconds,
            cap=max(kit.poll_seconds, _LONGEST_BACK_OFF_SECONDS),
            jitter=self._house.jitter() / 2,
        )
        self._due_in(pause, f"poll:{kit.name}")
        _log.warning("next poll put off", source=kit.name, seconds=round(pause))

    def _extract(self) -> None:
        if extract_due(self._house, until_empty=True).documents:
            self.wake("announce")


def _guarded(task: str, call: Callable[[], object]) -> None:
    """Keep the clock ticking whatever a task does; foreseen errors are logged where they happen."""
    try:
        call()
    except PostroomError as error:
        _log.warning("task ended early", task=task, code=error.code, error=str(error))
    except Exception:
        _log.exception("bug", task=task, code="E-BUG")
