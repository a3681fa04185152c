"""A bound on the time in which something is read past the library."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Timer
from typing import Any

from postroom.fetcher.imap_literals import Wire


def within(seconds: float, doing: Callable[[Wire], None], client: Any) -> None:
    """Cut the connection when the time is over: a server that sends a byte a minute is never too late."""
    watch = Timer(seconds, partial(_cut, client))
    watch.start()
    try:
        doing(client._imap)  # noqa: SLF001 - the library has no way to read an answer bit by bit
    finally:
        watch.cancel()


def _cut(client: Any) -> None:
    with suppress(OSError):
        client.socket().shutdown(socket.SHUT_RDWR)
