"""When a session is cut off: after a silence, and after a whole life, whatever it does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from postroom.smtp_relay import replies
from postroom.smtp_relay.bounds import Bounds

_PAUSE_SECONDS = 1.0  # before a session that must not be cut off now is looked at again


class Deadline:
    """One timer for a session, however many commands it sends; `cut` gets the reply to say."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bounds: Bounds,
        *,
        may_cut: Callable[[], bool],
        cut: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._idle_seconds = bounds.idle_seconds
        self._may_cut = may_cut
        self._cut = cut
        self._heard_at = loop.time()
        self._ends_at = self._heard_at + bounds.session_seconds
        self._timer = loop.call_at(self._cut_at(), self._look)

    def heard(self) -> None:
        """Note that the client is at work."""
        self._heard_at = self._loop.time()

    def cancel(self) -> None:
        """Cut nobody off any more; may be called again."""
        self._timer.cancel()

    def _cut_at(self) -> float:
        return min(self._heard_at + self._idle_seconds, self._ends_at)

    def _look(self) -> None:
        now, cut_at = self._loop.time(), self._cut_at()
        if cut_at > now or not self._may_cut():
            self._timer = self._loop.call_at(max(cut_at, now + _PAUSE_SECONDS), self._look)
        else:
            self._cut(replies.TOO_LONG if now >= self._ends_at else replies.IDLE)
