"""What postroom asks of object storage, and nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class ObjectStore(Protocol):
    """Write-once objects under slash-separated, content-addressed keys.

    After `put` or `put_file` returns, the object survives a power cut.  Putting the same bytes under the same
    key again is harmless, so an interrupted job may simply run again; a half-written object is never visible.
    """

    def put(self, key: str, content: bytes) -> None:
        """Store `content` under `key`.  Raises StoreUnavailable."""
        ...

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        """Store the bytes of the file at `path`, which must have the hex digest `sha256`.

        Raises SourceChanged when the file is gone, cannot be read or has other bytes, StoreUnavailable.
        """
        ...

    def get(self, key: str, sha256: str) -> bytes:
        """Return the object, its digest checked.  Raises ObjectMissing, ObjectCorrupt, StoreUnavailable."""
        ...

    def probe(self) -> None:
        """Write, read back and delete an object of its own.  Raises StoreUnavailable."""
        ...
