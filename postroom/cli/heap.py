"""The memory of a process with many threads."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8  # malloc.h of glibc; mallopt(3)


def share_one_heap() -> None:
    """Let threads that start from now on share one heap, where the C library would give each its own (glibc).

    A thread for each mailbox would leave behind what its first poll needed.  Python's lock lets one thread at
    a time ask for memory nearly always, so nobody waits for another.
    """
    with suppress(AttributeError, OSError):  # another C library has nothing to be told
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
