"""A moment after which nothing more is begun, on a clock that whoever sets it brings along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at` is a second of `clock`, which only goes forward.

    Whoever waits for somebody waits at least `patience_seconds` before it is that one's fault.
    """

    at: float
    clock: Callable[[], float]
    patience_seconds: float = 5.0

    @property
    def is_finite(self) -> bool:
        """Return whether it ever comes."""
        return self.at != inf

    @property
    def is_over(self) -> bool:
        """Return whether the moment has come."""
        return self.left <= 0.0

    @property
    def left(self) -> float:
        """Return how many seconds are left, never less than none."""
        return max(0.0, self.at - self.clock())

    def wait_seconds(self, usual: float) -> float:
        """Return how long to wait for one answer where `usual` is without a deadline.

        A third of what is left, so that one that never comes leaves time for others; never past the end.
        """
        return min(usual, max(self.left / 3, self.patience_seconds), max(self.left, 0.01))


NEVER: Final = Deadline(inf, lambda: 0.0)
