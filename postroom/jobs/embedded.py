"""The embedded runner: one process that has the database to itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from postroom.errors import TransientError
from postroom.jobs.announcing import announce_due
from postroom.jobs.draining import back_off_seconds, drain
from postroom.jobs.extracting import extract_due
from postroom.jobs.house import House, SourceKit
from postroom.jobs.rescuing import rescue_stalled
from postroom.jobs.runner import ANNOUNCE, EXTRACT, poll_of
from postroom.jobs.schedule import Clock

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_TICK_SECONDS = 5.0  # extraction and announcing are woken when there is work; this is the net below
_RESCUE_SECONDS = 15.0
_APART_SECONDS = 0.1  # between first polls: what many would need at once, the process would keep for good
_ALL_BEGUN_SECONDS = 2.0


class EmbeddedRunner:
    """The runner protocol on a clock alone: when a source is due, and how often it failed, is in memory."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._failures: dict[str, int] = {}
        # One thread for each task, also for those that `every` adds: none waits for another.
        self._clock = Clock(threads=len(house.sources) + 6, stopping=house.stopping)
        apart = min(_APART_SECONDS, _ALL_BEGUN_SECONDS / max(1, len(house.sources)))
        for place, kit in enumerate(house.sources.values()):
            polling = partial(self._poll, kit)
            self._clock.every(kit.poll_seconds, poll_of(kit.name), polling, first_in_seconds=place * apart)
        self._clock.every(_TICK_SECONDS, EXTRACT, self._extract)
        self._clock.every(_TICK_SECONDS, ANNOUNCE, partial(announce_due, house))
        self._clock.every(_RESCUE_SECONDS, "rescue", partial(rescue_stalled, house))

    def every(self, seconds: float, task: str, call: Callable[[], object]) -> None:
        self._clock.every(seconds, task, call)

    def start(self) -> None:
        self._clock.start()

    def wake(self, task: str) -> None:
        self._clock.wake(task)

    def stop(self) -> None:
        self._clock.stop()

    def _poll(self, kit: SourceKit) -> None:
        try:
            drain(kit, self._house, took_mail=partial(self.wake, EXTRACT))
        except TransientError as error:  # logged and recorded by the poll itself
            self._back_off(kit, error)
        else:
            self._failures[kit.name] = 0

    def _back_off(self, kit: SourceKit, error: TransientError) -> None:
        self._failures[kit.name] = self._failures.get(kit.name, 0) + 1
        pause = back_off_seconds(self._failures[kit.name], error, kit, self._house)
        self._clock.due_in(pause, poll_of(kit.name))
        why = {"code": error.code, "error": str(error)}  # of a database that is full, nobody else tells
        _log.warning("next poll put off", source=kit.name, seconds=round(pause), **why)

    def _extract(self) -> None:
        if extract_due(self._house, until_empty=True).documents:
            self.wake(ANNOUNCE)
