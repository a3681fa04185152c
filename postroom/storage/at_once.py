"""One step for many files at once: each waits for its own sync, and a disk does many in one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

_THREADS: Final = 8  # more gain nothing on one disk

T = TypeVar("T")


def at_once(step: Callable[[T], object], items: Collection[T]) -> None:
    """Do `step` to each item; when this returns, all are done.

    Raises what a step raised, once no other is under way any more.  A thread takes every eighth item: to hand
    each one out by itself takes more of the interpreter than most steps.
    """
    if len(items) < 2:  # noqa: PLR2004  (one alone needs no thread)
        _each(step, items)
        return
    threads = min(len(items), _THREADS)
    shares = [islice(items, first, None, threads) for first in range(threads)]
    with ThreadPoolExecutor(threads, thread_name_prefix="archive") as workers:
        list(workers.map(_each, [step] * threads, shares))


def _each(step: Callable[[T], object], items: Iterable[T]) -> None:
    for item in items:
        step(item)
