"""The worker processes of this one: who takes a mail apart, and how many processes there are when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Final, Protocol

import structlog

from postroom.core.lifecycle import SUSPECT
from postroom.db.outcomes import Extracted
from postroom.errors import MessageDeadly, WorkerDied, WorkerUnavailable
from postroom.jobs.crew_wire import Answer, error_of
from postroom.jobs.order import Here, Order
from postroom.stages import counting

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.extract")
_PAUSE_SECONDS: Final = 60.0


class Member(Protocol):
    """A process that takes mails apart; see WorkerProcess."""

    @property
    def held(self) -> int: ...

    @property
    def is_ready(self) -> bool: ...

    @property
    def is_over(self) -> bool: ...

    def require_start(self) -> None: ...

    def take_apart(self, order: Order) -> Answer | None: ...

    def close(self) -> None: ...


class Crew:
    """Up to `most` processes, each of which takes up to `threads` mails apart at once.

    While none is ready, and where `most` is 0, a mail is taken apart by this process.
    """

    def __init__(
        self,
        start: Callable[[], Member],
        *,
        most: int,
        threads: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start, self._most, self._threads, self._clock = start, most, threads, clock
        self._lock = Lock()
        self._members: list[Member] = []
        self._loners: list[Member] = []
        self._not_before = 0.0

    @property
    def ready(self) -> int:
        """Return how many processes take orders now."""
        with self._lock:
            return sum(each.is_ready for each in self._members)

    def muster(self) -> None:
        """Let all processes begin to start that are not there; called whenever there is much to do."""
        with self._lock:
            for gone in [each for each in self._members if each.is_over]:
                self._members.remove(gone)
                self._part_with(gone)
            try:
                while len(self._members) < self._most and self._clock() >= self._not_before:
                    self._members.append(self._start())
                    _log.debug("worker process started", processes=len(self._members))
            except WorkerUnavailable as error:
                self._wait_a_while(error)

    def take_apart(self, order: Order, *, here: Here) -> Extracted:
        """Return what is in a mail, by a process that has a thread to spare, else by `here`.

        A mail that a process died over waits for a process to be ready, and one that several died over gets
        one of its own.  Raises what `extract` does, WorkerDied for a process that may have had others too,
        MessageDeadly for one that had only this.
        """
        if self._most and order.claim.deaths >= SUSPECT:
            return self._alone(order, here)
        answer = self._answer_of_one(order, must=self._most > 0 and order.claim.deaths > 0)
        return here(order) if answer is None else _extracted(answer)

    def close(self) -> None:
        """Let all processes go, and wait for their end; safe to repeat."""
        with self._lock:
            members, self._members, self._loners = [*self._members, *self._loners], [], []
        for member in members:
            member.close()

    def _answer_of_one(self, order: Order, *, must: bool) -> Answer | None:
        """Return the answer of the process that has the least to do, None where none takes the order."""
        if must:
            self.muster()
        with self._lock:
            fit = [each for each in self._members if must or (each.is_ready and each.held < self._threads)]
        for member in sorted(fit, key=lambda each: each.held):
            if must:
                with suppress(WorkerUnavailable):  # said when the next ones are to start
                    member.require_start()
            answer = member.take_apart(order)
            if answer is not None:
                return answer
        return None

    def _alone(self, order: Order, here: Here) -> Extracted:
        try:
            with self._lent() as member:
                answer = member.take_apart(order)
        except WorkerUnavailable as error:
            _log.warning("no worker process", code=error.code, error=str(error), fix=error.fix)
            return here(order)
        except WorkerDied as died:
            raise MessageDeadly(f"a worker process that took this message apart alone {died.cause}") from died
        return here(order) if answer is None else _extracted(answer)

    @contextmanager
    def _lent(self) -> Iterator[Member]:
        """Yield a process that is ready and is given nothing else meanwhile.  Raises WorkerUnavailable."""
        with self._lock:
            idle, self._loners = self._loners, []
        fit = [each for each in idle if not each.is_over]
        member = fit.pop() if fit else self._start()
        with self._lock:
            self._loners += fit
        try:
            member.require_start()
            yield member
        finally:
            with self._lock:
                self._loners.append(member)

    def _part_with(self, gone: Member) -> None:
        """Forget a process; where it never began, another would not either, and is not tried soon."""
        gone.close()
        try:
            gone.require_start()
        except WorkerUnavailable as error:
            self._wait_a_while(error)

    def _wait_a_while(self, error: WorkerUnavailable) -> None:
        self._not_before = self._clock() + _PAUSE_SECONDS
        _log.warning("no worker process", code=error.code, error=str(error), fix=error.fix)


def _extracted(answer: Answer) -> Extracted:
    ledger = counting()
    if ledger is not None and answer.spent:
        ledger.spent_elsewhere(answer.spent)
    if answer.trouble is not None:
        raise error_of(answer.trouble)
    assert answer.extracted is not None  # noqa: S101  (an answer has the one or the other)
    return answer.extracted
