"""How much work is claimed at once."""

from __future__ import annotations

from typing import Final

_FEWEST: Final = 20
_MOST: Final = 200
_SECONDS: Final = 1.0  # a portion that takes longer would keep others waiting


class Portion:
    """About as much as was done in a second last time: what is done together is written down together.

    `size` begins small and at most doubles, so that nobody claims what would take long.  Where fewer than
    that were due, nothing is learned of how fast more would be.
    """

    def __init__(self) -> None:
        self.size = _FEWEST

    def done(self, count: int, seconds: float) -> None:
        """Learn from `count` that were done in so many seconds."""
        if count < self.size and seconds < _SECONDS:
            return
        in_a_second = int(count * _SECONDS / max(seconds, 1e-6))
        self.size = max(_FEWEST, min(in_a_second, 2 * self.size, _MOST))
