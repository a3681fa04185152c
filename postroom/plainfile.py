"""A plain file that belongs to somebody else, opened without trust in what lies under its name."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path


class NotPlain(OSError):
    """A pipe, a device, a folder: there is nothing to read."""


def open_plain(path: Path) -> FileIO:
    """Open the plain file at `path` to be read; a link is not followed and a pipe is not waited for.

    Raises OSError, and NotPlain among them.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotPlain(errno.EINVAL, "not a plain file", str(path))
    return FileIO(handle, "rb")
