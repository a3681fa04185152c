"""One batch is read ahead: while the last is routed, archived and committed, its source sends the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, Self, TypeVar

from postroom.stages import in_track, stage

T = TypeVar("T")


class Ahead(Generic[T]):
    """Gives what `coming` yields, and lets a thread read the next as soon as one was given; never two ahead.

    So at most two are in flight.  The first is read where it is asked for, since most often there is none.
    Once `is_over`, nothing more is read; what is being read by then is given still.  An error of the reading
    is raised where its batch would be given.  Leaving the block waits for the reading to end.
    """

    def __init__(self, coming: Iterator[T], *, is_over: Callable[[], bool]) -> None:
        self._coming, self._is_over = coming, is_over
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._reading: Future[T | None] | None = None

    def __enter__(self) -> Self:
        self._thread.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[T]:
        one = self._read()
        while one is not None:
            self._reading = None if self._is_over() else self._thread.submit(self._read)
            yield one
            with stage("await"):
                one = self._reading.result() if self._reading else None

    def rest(self) -> None:
        """Wait until nothing is read, so that the source can be asked for something else; raises nothing."""
        with stage("await"):
            wait([self._reading] if self._reading else [])

    @in_track("ahead")
    def _read(self) -> T | None:
        with stage("fetch"):
            return next(self._coming, None)
