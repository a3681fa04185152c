"""Files that hold fetched mails until the batch they belong to is committed."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from postroom.errors import StoreUnavailable
from postroom.failpoints import reach

PREFIX = "postroom-"


@dataclass(frozen=True, slots=True)
class Spooled:
    """The bytes as they were written: hex digest and size."""

    path: Path
    sha256: str
    size_bytes: int


class Spool:
    """Writes files under a folder and remembers them; not durable, for the mailbox still holds every mail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self._before: list[Path] = []

    def write(self, pieces: Iterable[bytes]) -> Spooled:
        """Return a new file with `pieces` in it.  Raises StoreUnavailable, and leaves no half file behind.

        What `pieces` itself raises comes through.
        """
        digest = hashlib.sha256()
        size = 0
        try:
            path, handle = self._new_file()
            with os.fdopen(handle, "wb") as file:
                self._files.append(path)
                for piece in pieces:
                    digest.update(piece)
                    size += file.write(piece)
                reach("imap.spooled")
        except OSError as error:
            raise StoreUnavailable(
                f"cannot write the spool {self._folder}: {error.strerror or error}",
                fix="look at the disk and the rights of `state_dir`",
            ) from error
        return Spooled(path, digest.hexdigest(), size)

    def _new_file(self) -> tuple[Path, int]:
        path = self._folder / f"{PREFIX}{secrets.token_hex(8)}.eml"
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return path, os.open(path, how, 0o600)
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return path, os.open(path, how, 0o600)

    def begin_batch(self, last: Collection[Path] | None = None) -> None:
        """Begin the files of another batch, and unlink those of the batch before the last; never raises.

        While a batch is read, the last one is still worked on: the files in `last`, where some of the next
        were written already, else all.
        """
        _unlink(self._before)
        before = set(self._files if last is None else last)
        self._before = [path for path in self._files if path in before]
        self._files = [path for path in self._files if path not in before]

    def drop(self, path: Path) -> None:
        """Unlink a file that no batch will have; never raises."""
        self._files.remove(path)
        _unlink([path])

    def empty(self) -> None:
        """Unlink every file written so far; never raises, safe to repeat."""
        _unlink(self._before)
        _unlink(self._files)


def _unlink(files: list[Path]) -> None:
    for path in files:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    files.clear()
