"""Standard streams that are closed: cron lines and daemons start programs so."""

from __future__ import annotations

import os
import sys


def replace_closed_streams() -> None:
    """Put /dev/null where a standard stream is closed; may be repeated.

    Otherwise the next file to be opened, the database perhaps, would become standard output, and what is
    printed would be written into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
