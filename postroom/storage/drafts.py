"""Files that are written before it is certain that, and under which name, they will be kept."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedRandom, FileIO
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


@contextmanager
def other_name(folder: Path, path: Path) -> Iterator[tuple[FileIO, Path] | None]:
    """Yield the file at `path` by a name in `folder`, and that name, gone at the end unless it was renamed.

    None where it can have no other name there, as on another disk.
    """
    draft = folder / f"{secrets.token_hex(16)}{_SUFFIX}"
    with ExitStack() as stack:
        linked = None
        with suppress(OSError):  # whoever copies it instead is told what is wrong
            held = stack.enter_context(path.open("rb", buffering=0))
            fcntl.flock(held, fcntl.LOCK_EX)  # so that `clear` takes the new name for no leftover
            draft.hardlink_to(path)
            stack.callback(draft.unlink, missing_ok=True)
            linked = stack.enter_context(draft.open("rb", buffering=0)), draft
        yield linked


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
