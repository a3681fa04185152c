"""The end of a process that must not last longer, whatever hangs in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from postroom.errors import Exit


@contextmanager
def hard_stop(seconds: float | None, last_words: Callable[[Exit], None]) -> Iterator[None]:
    """Say `last_words` and end the process with TEMPORARY when the block lasts longer; None for no bound.

    It is a kill, and as harmless as one: what was committed stands, and all else is met again.
    """
    if seconds is None:
        yield
        return
    watch = Timer(seconds, _stop, args=(last_words,))
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _stop(last_words: Callable[[Exit], None]) -> None:
    try:
        last_words(Exit.TEMPORARY)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(Exit.TEMPORARY)
