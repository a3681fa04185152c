"""A small disk of its own for a folder: it can be filled to the last page, and have room again."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers.fixtures import missing, program

_BALLAST = "ballast"
_BLOCK = bytes(65_536)
_PAGE = bytes(4_096)


@dataclass(frozen=True, slots=True)
class Disk:
    """A tmpfs at `folder`."""

    folder: Path

    def fill(self) -> None:
        """Leave no room for another page."""
        with (self.folder / _BALLAST).open("ab", buffering=0) as ballast:
            for block in (_BLOCK, _PAGE):
                try:
                    while True:
                        ballast.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def make_room(self) -> None:
        """Let it be as empty as it was; safe to repeat."""
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def is_full(self) -> bool:
        return shutil.disk_usage(self.folder).free == 0


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Disk]:
    """Mount a tmpfs at a folder, which is made, as long as the block lasts.

    Where mounting is not allowed, the test is skipped by name; in CI it fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode=700"
    order = [program("mount"), "-t", "tmpfs", "-o", options, "postroom-crash", str(folder)]
    if subprocess.run(order, check=False, capture_output=True).returncode:
        missing("needs root and the right to mount a tmpfs")
    try:
        yield Disk(folder)
    finally:
        with suppress(FileNotFoundError):
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
