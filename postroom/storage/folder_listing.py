"""What lies in an archive of files, in the order of the keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from postroom.storage.store import Stored


def folders(root: Path) -> list[str]:
    """Return the names of the folders right below `root`, none where it was never made.  Raises OSError."""
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def listed(root: Path, folder: str) -> Iterator[Stored]:
    """Yield the files below a folder of `root`, with one folder's names in memory.  Raises OSError."""
    root.stat()  # an archive that is away is no empty one
    yield from _below(root / folder, folder)


def _below(path: Path, key: str) -> Iterator[Stored]:
    for name, size in _names(path):
        if size is None:
            yield from _below(path / name, f"{key}/{name}")
        else:
            yield Stored(f"{key}/{name}", size)


def _names(path: Path) -> list[tuple[str, int | None]]:
    """Return each name with its size, None for a folder's; as their keys sort, where "/" follows a folder."""
    try:
        with os.scandir(path) as entries:
            found = [
                (entry.name, None if entry.is_dir(follow_symlinks=False) else _size(entry))
                for entry in entries
            ]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda each: each[0] + "/" if each[1] is None else each[0])


def _size(entry: os.DirEntry[str]) -> int:
    return entry.stat(follow_symlinks=False).st_size
