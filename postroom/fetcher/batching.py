"""How copies are put together: at most 50 of them or 32 MiB in one batch, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from postroom.core.limits import MIB

BATCH_COPIES = 50
BATCH_BYTES = 32 * MIB

T = TypeVar("T")


def in_batches(
    copies: Iterable[T],
    size_bytes: Callable[[T], int],
    *,
    most: int = BATCH_COPIES,
    most_bytes: int = BATCH_BYTES,
) -> Iterator[tuple[T, ...]]:
    """Yield `copies` in their order, in full batches; one copy over `most_bytes` stands alone."""
    batch: list[T] = []
    total = 0
    for copy in copies:
        size = size_bytes(copy)
        if batch and (len(batch) == most or total + size > most_bytes):
            yield tuple(batch)
            batch, total = [], 0
        batch.append(copy)
        total += size
    if batch:
        yield tuple(batch)


def in_chunks(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Yield `values` in their order, at most `most` at a time."""
    for start in range(0, len(values), most):
        yield values[start : start + most]
