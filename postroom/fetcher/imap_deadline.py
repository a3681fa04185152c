"""Bounds on the time in which a server answers: on one reading past the library, and on all of a round."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Timer
from typing import Any

from postroom.config.settings import Mailbox
from postroom.core.deadline import NEVER
from postroom.errors import BudgetSpent
from postroom.fetcher.imap_literals import Wire
from postroom.fetcher.imap_words import peer


def within(seconds: float, doing: Callable[[Wire], None], client: Any) -> None:
    """Cut the connection when the time is over: a server that sends a byte a minute is never too late."""
    watch = Timer(seconds, partial(_cut, client))
    watch.start()
    try:
        doing(client._imap)  # noqa: SLF001 - the library has no way to read an answer bit by bit
    finally:
        watch.cancel()


class RoundTime:
    """The time of a round, as one connection has to keep it; without a `deadline` it changes nothing."""

    def __init__(self, settings: Mailbox) -> None:
        self.deadline = NEVER
        self._settings = settings
        self._watch: Timer | None = None

    def require(self, error: Exception | None = None) -> None:
        """Return while there is time.  Raises BudgetSpent, from `error`, which came of that."""
        if self.deadline.is_over:
            raise BudgetSpent(f"{peer(self._settings)}: the budget was over before it answered") from error

    def bound(self, client: Any, usual: float) -> None:
        """Bound the wait for the next answer, which is `usual` seconds otherwise.  Raises BudgetSpent."""
        if self.deadline.is_finite:
            self.require()
            client.socket().settimeout(self.deadline.wait_seconds(usual))

    def begin(self, client: Any) -> None:
        """Cut this connection when the time is over, whatever is under way then, unless `end` comes first."""
        if self.deadline.is_finite:
            self._watch = Timer(self.deadline.left, partial(_cut, client))
            self._watch.daemon = True
            self._watch.start()

    def end(self) -> None:
        """Let go of the connection; safe to repeat."""
        if self._watch is not None:
            self._watch.cancel()


def _cut(client: Any) -> None:
    with suppress(OSError):
        client.socket().shutdown(socket.SHUT_RDWR)
