"""The clock of one host: the only user of APScheduler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from postroom.errors import PostroomError
from postroom.jobs.house import House, SourceKit
from postroom.jobs.tasks import announce_due, extract_due, poll, rescue_stalled

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_TICK_SECONDS = 5.0  # extraction and announcing are woken when there is work; this is the net below
_RESCUE_SECONDS = 15.0


class Clock:
    """Calls every task when it is due, each at most once at a time; built anew from the config at start."""

    def __init__(self, house: House) -> None:
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        self._house = house
        threads = len(house.sources) + 4
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        for kit in house.sources.values():
            self._every(kit.poll_seconds, f"poll:{kit.name}", partial(self._poll, kit))
        self._every(_TICK_SECONDS, "extract", self._extract)
        self._every(_TICK_SECONDS, "announce", partial(announce_due, house))
        self._every(_RESCUE_SECONDS, "rescue", partial(rescue_stalled, house))

    def start(self) -> None:
        """Start ticking; every task is due at once."""
        self._scheduler.start()

    def wake(self, task: str) -> None:
        """Make `task` ("poll:NAME", "extract", "announce") due now; harmless when it runs or is unknown."""
        try:
            self._scheduler.modify_job(task, next_run_time=datetime.now(UTC))
        except JobLookupError:
            _log.debug("no such task", task=task)

    def stop(self) -> None:
        """Ask the tasks to come to an end, and wait for them."""
        self._house.stopping.set()
        self._scheduler.shutdown(wait=True)

    def _every(self, seconds: float, task: str, call: Callable[[], object]) -> None:
        # Spread by up to a tenth, so that many mailboxes do not all log in at the same moment.
        self._scheduler.add_job(
            partial(_guarded, task, call),
            trigger="interval",
            seconds=seconds,
            jitter=seconds / 10,
            id=task,
            next_run_time=datetime.now(UTC),
        )

    def _poll(self, kit: SourceKit) -> None:
        """Poll until a poll comes back less than full; a wake for a task that still runs would be lost."""
        full = True
        while full and not self._house.stopping.is_set():
            tally = poll(kit, self._house)
            if tally.taken:
                self.wake("extract")
            met = tally.taken + tally.duplicates + tally.quarantined
            full = met >= kit.max_per_poll and not tally.refused

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
