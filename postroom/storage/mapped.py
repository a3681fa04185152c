"""A file's bytes, checked and mapped into memory without being read into it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
from mmap import ACCESS_READ, mmap

from postroom.storage.digest import require_digest
from postroom.storage.store import View


@contextmanager
def mapped(file: BufferedIOBase, key: str, sha256: str) -> Iterator[View]:
    """Yield the bytes of an open file, which must have the hex digest `sha256`.

    The digest is taken by reading blocks, not over the map, whose pages would count as this process's memory.
    Raises ObjectCorrupt, which names `key`, and OSError.
    """
    require_digest(hashlib.file_digest(file, "sha256").hexdigest(), key, sha256)
    with map_of(file) as view:
        yield view


@contextmanager
def map_of(file: BufferedIOBase) -> Iterator[View]:
    """Yield the bytes of an open file.  Raises OSError."""
    if os.fstat(file.fileno()).st_size == 0:
        yield b""  # an empty file cannot be mapped
        return
    view = mmap(file.fileno(), 0, access=ACCESS_READ)
    try:
        yield view
    finally:
        with suppress(BufferError):  # an exception on its way may still hold a slice: freed with it
            view.close()
