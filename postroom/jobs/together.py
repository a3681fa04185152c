"""What is done one after the other, held back until it is worth a transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_MOST: Final = 100
_LONGEST_SECONDS: Final = 0.5

T = TypeVar("T")


class Together(Generic[T]):
    """Gathers what comes: complete when nothing more is `expected`, at 100, or when the first has waited.

    It waits for half a second at most, as far as others come.
    """

    def __init__(self, expected: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._left, self._clock = expected, clock
        self._gathered: list[T] = []
        self._since = 0.0

    def add(self, one: T) -> list[T]:
        """Take one in; return all that were gathered if they are complete now, else none."""
        now = self._clock()
        if not self._gathered:
            self._since = now
        self._left -= 1
        self._gathered.append(one)
        has_waited = now - self._since >= _LONGEST_SECONDS
        if self._left > 0 and len(self._gathered) < _MOST and not has_waited:
            return []
        complete, self._gathered = self._gathered, []
        return complete
