"""Files that are written before it is certain that, and under which name, they will be kept."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path

_SUFFIX = ".draft"


@contextmanager
def draft_file(folder: Path) -> Iterator[BufferedRandom]:
    """Yield a new empty file in `folder`, to write and read; at the end it is gone, unless it was renamed.

    Its writer holds a lock on it, so that `clear` can tell it from a leftover.  Raises OSError.
    """
    file = _locked(folder)
    try:
        yield file
    finally:
        Path(file.name).unlink(missing_ok=True)
        with suppress(OSError):  # what could not be flushed is not wanted any more
            file.close()


def clear(folder: Path) -> None:
    """Remove the drafts in `folder` whose writers are dead; safe to repeat.  Raises OSError."""
    for path in folder.glob(f"*{_SUFFIX}"):
        # Not there: renamed or removed meanwhile.  Locked: somebody is writing it.
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _locked(folder: Path) -> BufferedRandom:
    while True:
        path = folder / f"{secrets.token_hex(16)}{_SUFFIX}"
        file = path.open("x+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists():  # else somebody cleared it between its making and its lock
                return file
        except OSError:
            path.unlink(missing_ok=True)
            file.close()
            raise
        file.close()
