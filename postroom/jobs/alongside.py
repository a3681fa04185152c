"""Work that goes on in a thread of its own beside the polls of a round."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from postroom.errors import TransientError
from postroom.pipeline.tally import Tally
from postroom.stages import stage


class Alongside:
    """Calls `work` whenever it is woken, once at a time; leaving the block waits for its end.

    An outage ends one call and is forgotten: whoever works through what is left meets it again.  Any other
    error is raised where the block is left.  `tally` is what came of it all, from then on.
    """

    def __init__(self, work: Callable[[], Tally]) -> None:
        self._work = work
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alongside")
        self._calls: list[Future[Tally]] = []
        self.tally = Tally()

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with stage("beside"):
            self._thread.__exit__(kind, error, trace)
        if error is None:
            self.tally = sum((call.result() for call in self._calls), Tally())

    def wake(self) -> None:
        """Let `work` be called, unless a call is waiting already."""
        if all(call.running() or call.done() for call in self._calls[-1:]):
            self._calls.append(self._thread.submit(self._call))

    def _call(self) -> Tally:
        try:
            return self._work()
        except TransientError:
            return Tally()
