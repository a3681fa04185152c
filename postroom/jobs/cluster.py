"""The cluster runner: any number of hosts that share one PostgreSQL, each with a clock and an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

import structlog

from postroom.db.protocols import Turns
from postroom.errors import DatabaseUnavailable, LeaseLost, TransientError
from postroom.jobs.announcing import announce_due
from postroom.jobs.cluster_engine import Engine, Lane
from postroom.jobs.cluster_jobs import Jobs
from postroom.jobs.draining import back_off_seconds, drain, poll_once
from postroom.jobs.extracting import extract_due
from postroom.jobs.house import House, SourceKit
from postroom.jobs.rescuing import rescue_stalled
from postroom.jobs.runner import ANNOUNCE, EXTRACT, poll_of
from postroom.jobs.schedule import Clock, Task, guarded

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_POLL: Final = "poll"
_POLLS_AT_ONCE = 8
_CLAIMED_AT_ONCE = 50
_TICK_SECONDS = 5.0  # a batch is announced to all hosts when it is committed; this is the net below
_RESCUE_SECONDS = 15.0
_CLAIM_SECONDS = (0.5, 5.0)  # the shortest and the longest time between two looks at whose turn it is


class ClusterRunner:
    """The runner protocol for a host among others.

    Mailboxes are shared: their turns are in the database, and each poll is a job that some host takes.
    Maildirs are this host's own, and so is the net of sweeps below.  A host that only works has no clock for
    mailboxes: it takes the jobs of the others.
    """

    def __init__(
        self, house: House, *, turns: Turns, jobs: Jobs, connect: Mapping[str, Any], only_works: bool = False
    ) -> None:
        self._house, self._turns, self._jobs, self._enrolled = house, turns, jobs, False
        self._wanted: SimpleQueue[str] = SimpleQueue()
        shared = {kit.name: kit for kit in house.sources.values() if kit.is_shared}
        own = {kit.name: kit for kit in house.sources.values() if not kit.is_shared and not only_works}
        self._seconds = {name: kit.poll_seconds for name, kit in shared.items()}
        self._polls = {
            name: self._task(poll_of(name), partial(self._poll, kit)) for name, kit in shared.items()
        }
        self._extract = self._task(EXTRACT, self._extract_due)
        lanes = [
            Lane(_POLL, self._run_poll, _POLLS_AT_ONCE, stalled=self._poll_again),
            Lane(EXTRACT, self._extract.run, 1),
        ]
        self._engine = Engine(connect, lanes, lease_seconds=house.pace.lease_seconds)
        # One thread for each task, also for those that `every` adds: none waits for another.
        self._clock = Clock(threads=len(own) + 7, stopping=house.stopping)
        for kit in own.values():
            self._clock.every(kit.poll_seconds, poll_of(kit.name), partial(self._poll_own, kit))
        if shared and only_works:
            self._clock.every(_RESCUE_SECONDS, _POLL, self._pass_wishes_on)
        elif shared:
            self._clock.every(self._claim_seconds(), _POLL, self._claim)
        self._clock.every(_TICK_SECONDS, EXTRACT, self._extract.run)
        self._clock.every(_TICK_SECONDS, ANNOUNCE, partial(announce_due, house))
        self._clock.every(_RESCUE_SECONDS, "rescue", partial(rescue_stalled, house))

    def every(self, seconds: float, task: str, call: Callable[[], object]) -> None:
        self._clock.every(seconds, task, call)

    def start(self) -> None:
        self._engine.start()
        self._clock.start()

    def wake(self, task: str) -> None:
        source = task.removeprefix(poll_of(""))
        if source in self._seconds:
            self._wanted.put(source)
        self._clock.wake(_POLL if source in self._seconds else task)

    def stop(self) -> None:
        self._house.stopping.set()
        self._engine.stop()
        self._clock.stop()
        for task in (*self._polls.values(), self._extract):
            task.join()

    # --- polling ---------------------------------------------------------------------------------

    def _claim(self) -> None:
        """Make a job of every poll that is due; each is claimed by one host only."""
        if not self._enrolled:
            self._turns.enrol(self._seconds, self._house.now())
            self._enrolled = True
        claimed = _CLAIMED_AT_ONCE
        self._pass_wishes_on()
        while claimed == _CLAIMED_AT_ONCE and not self._house.stopping.is_set():
            # Spread by up to a tenth, so that many mailboxes do not all log in at the same moment.
            spread = {
                name: each * (0.95 + 0.1 * self._house.jitter()) for name, each in self._seconds.items()
            }
            turns = self._turns.claim(
                spread, self._house.now(), limit=_CLAIMED_AT_ONCE, dispatch=self._dispatch
            )
            claimed = len(turns)

    def _pass_wishes_on(self) -> None:
        """Make the polls due that this host was asked for; whichever host looks next claims them."""
        while not self._wanted.empty():
            self._turns.put(self._wanted.get_nowait(), self._house.now())

    def _dispatch(self, connection: Any, source: str) -> None:
        self._jobs.defer(connection, _POLL, once=poll_of(source), source=source)

    def _run_poll(self, source: str) -> None:
        if source in self._polls:
            self._polls[source].run()
        else:
            _log.warning("mailbox of another host's configuration", source=source)

    def _poll(self, kit: SourceKit) -> None:
        try:
            # Every host was told of each batch when it was committed; none needs to be woken here.
            if poll_once(kit, self._house, took_mail=lambda: None):
                self._go_on(kit)
        except (LeaseLost, DatabaseUnavailable):  # logged by the poll itself; no reason to spare the mailbox
            return
        except TransientError as error:  # logged and recorded by the poll itself
            pause = self._pause(kit, error)
            self._turns.put(kit.name, self._house.now() + timedelta(seconds=pause))

    def _go_on(self, kit: SourceKit) -> None:
        """Let a mailbox that has more be polled again, but behind those that are due already."""
        self._turns.put(kit.name, self._house.now())
        self._clock.wake(_POLL)

    def _poll_own(self, kit: SourceKit) -> None:
        try:
            drain(kit, self._house, took_mail=lambda: None)
        except TransientError as error:  # as above
            self._clock.due_in(self._pause(kit, error), poll_of(kit.name))

    def _pause(self, kit: SourceKit, error: TransientError) -> float:
        """Return how long a source rests; all hosts count its failures together."""
        pause = back_off_seconds(self._house.book.failures(kit.name), error, kit, self._house)
        why = {"code": error.code, "error": str(error)}
        _log.warning("next poll put off", source=kit.name, seconds=round(pause), **why)
        return pause

    def _poll_again(self, source: str) -> None:
        """Let the mailbox be polled now that a host died over."""
        self._turns.put(source, self._house.now())

    def _claim_seconds(self) -> float:
        shortest, longest = _CLAIM_SECONDS
        return min(max(min(self._seconds.values()) / 10, shortest), longest)

    # --- working ---------------------------------------------------------------------------------

    def _extract_due(self) -> None:
        if extract_due(self._house, until_empty=True).documents:
            self._clock.wake(ANNOUNCE)

    def _task(self, name: str, call: Callable[[], object]) -> Task:
        return Task(partial(guarded, name, call), self._house.stopping.is_set)
