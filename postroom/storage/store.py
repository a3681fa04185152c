"""What postroom asks of object storage, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from mmap import mmap
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

View: TypeAlias = bytes | mmap
"""The bytes of an object, read-only; they are mapped, so none of them is in memory before it is looked at."""


class Stored(NamedTuple):
    """An object as the archive lists it."""

    key: str
    size_bytes: int


class ObjectStore(Protocol):
    """Write-once objects under slash-separated, content-addressed keys.

    After `put`, `put_file`, `adopt` or a draft's `keep` returns, the object survives a power cut.  Putting
    the same bytes under the same key again is harmless, so an interrupted job may simply run again; a
    half-written object is never visible.  Only `put` and `get` need memory for all of an object.
    """

    def put(self, key: str, content: bytes) -> None:
        """Store `content` under `key`.  Raises StoreUnavailable."""
        ...

    def adopt(self, files: Sequence[tuple[str, Path]]) -> set[str]:
        """Let files become the objects under their keys, where that needs no copy; return the keys of those.

        They are postroom's own, hashed while they were written, and nobody will ever write to them again.
        What is not adopted, such as a file that is gone, is for `put_file`.  Raises StoreUnavailable.
        """
        ...

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Store the bytes of the file at `path`, which must have the hex digest `sha256`.

        Raises SourceChanged when the file is gone, cannot be read or has other bytes, StoreUnavailable.
        """
        ...

    def draft(self) -> AbstractContextManager[Draft]:
        """Yield an object that is written before its key is known; what is not kept leaves nothing behind.

        Raises StoreUnavailable.
        """
        ...

    def get(self, key: str, sha256: str) -> bytes:
        """Return the object, its digest checked.  Raises ObjectMissing, ObjectCorrupt, StoreUnavailable."""
        ...

    def opened(self, key: str, sha256: str) -> AbstractContextManager[View]:
        """Yield the object, its digest checked, for as long as the context lasts.

        Views and slices of it that are no copies must be let go before.  Raises ObjectMissing, ObjectCorrupt,
        StoreUnavailable.
        """
        ...

    def folders(self) -> list[str]:
        """Return the first steps of all keys: the orgs, and what begins with "_".  Raises StoreUnavailable.

        An archive that nothing was ever put into has none.
        """
        ...

    def listed(self, folder: str) -> Iterator[Stored]:
        """Yield the objects below `folder`, in the order of their keys; memory for a page of them is enough.

        What is written or removed meanwhile may be among them or not.  Raises StoreUnavailable.
        """
        ...

    def probe(self) -> None:
        """Write, read back and delete an object of its own.  Raises StoreUnavailable."""
        ...

    def tidy(self) -> None:
        """Remove what a process that died left half-written; what a living one writes stays.

        Safe to repeat and at any time.  Raises StoreUnavailable.
        """
        ...


class Draft(Protocol):
    """An object that is being written."""

    def write(self, block: bytes | memoryview) -> object:
        """Append `block`.  Raises StoreUnavailable."""
        ...

    def view(self) -> AbstractContextManager[View]:
        """Yield what was written so far, before it is kept or after.  Raises StoreUnavailable."""
        ...

    def keep(self, key: str) -> None:
        """Store what was written under `key`; it is durable when this returns, and nothing may follow.

        Raises StoreUnavailable.
        """
        ...
