"""Fresh row ids, and the id that stands for no org."""

from __future__ import annotations

import os
import time
from typing import Final
from uuid import UUID

from postroom.core.ids import uuid7

_NS_PER_MS = 1_000_000

NOBODY: Final = UUID(int=0)
"""The org of what no org has: a copy that went to quarantine, and the operators who look at it."""


def new_id() -> UUID:
    """Return a fresh row id that sorts by the time it was made, to a quarter of a microsecond.

    The bits behind the millisecond hold its fraction (RFC 9562 6.2, method 3), so that rows of one batch keep
    their order.
    """
    unix_ms, rest = divmod(time.time_ns(), _NS_PER_MS)
    fraction = (rest << 12) // _NS_PER_MS
    return uuid7(unix_ms, fraction.to_bytes(2) + os.urandom(8))
