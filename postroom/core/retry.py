"""How long to wait before the next attempt."""

from __future__ import annotations


def pause_seconds(attempt: int, *, first: float, cap: float, jitter: float) -> float:
    """Return the pause after attempt `attempt` (from 1): doubling from `first`, never over `cap`.

    `jitter` is drawn by the caller from 0.0 to 1.0 and takes off up to half, so that what failed together
    does not come back together.
    """
    doublings = min(max(attempt, 1) - 1, 64)
    return min(cap, first * 2.0**doublings) * (1.0 - 0.5 * jitter)
