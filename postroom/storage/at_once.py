"""One step for many objects at once: each waits for its own sync or answer, and a disk does many in one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_THREADS: Final = 8  # more gain nothing on one disk

T = TypeVar("T")


def at_once(step: Callable[[T], object], items: Collection[T]) -> None:
    """Do `step` to each item; when this returns, all are done.

    Raises what a step raised, once no other is under way any more.  Each thread takes the next item itself:
    to hand them out one by one takes more of the interpreter than most steps.
    """
    waiting = iter(items)

    def work() -> None:
        for item in waiting:
            step(item)

    if len(items) < 2:  # noqa: PLR2004  (one alone needs no thread)
        work()
        return
    threads = min(len(items), _THREADS)
    with ThreadPoolExecutor(threads, thread_name_prefix="archive") as workers:
        for begun in [workers.submit(work) for _ in range(threads)]:
            begun.result()
