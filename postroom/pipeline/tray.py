"""Where the content of one part goes while nobody knows yet whether it becomes a document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from postroom.core.limits import MIB
from postroom.storage.store import Draft, ObjectStore, View

_IN_MEMORY = MIB  # bytes; what is bigger is written to the archive's disk at once


class Tray:
    """Takes decoded blocks: a small content stays in memory, a bigger one is a draft of the archive.

    Beyond `most` bytes nothing is written any more: such a content is counted, never kept.
    """

    def __init__(self, store: ObjectStore, *, most: int) -> None:
        self._store, self._most = store, most
        self._small, self._size = bytearray(), 0
        self._held = ExitStack()
        self._draft: Draft | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.__exit__(kind, error, trace)

    @property
    def is_whole(self) -> bool:
        """Return whether all that was written is here."""
        return self._size <= self._most

    def write(self, block: bytes) -> None:
        """Append `block`.  Raises StoreUnavailable."""
        self._size += len(block)
        if not self.is_whole:
            return
        if self._draft is None and self._size <= _IN_MEMORY:
            self._small += block
            return
        if self._draft is None:
            self._draft = self._held.enter_context(self._store.draft())
            self._draft.write(bytes(self._small))
            self._small.clear()
        self._draft.write(block)

    @contextmanager
    def view(self) -> Iterator[View]:
        """Yield what was written, to be looked into.  Raises StoreUnavailable."""
        if self._draft is None:
            yield bytes(self._small)
            return
        with self._draft.view() as view:
            yield view

    def keep(self, key: str) -> None:
        """Store the content under `key`; it is durable when this returns.  Raises StoreUnavailable."""
        if self._draft is None:
            self._store.put(key, bytes(self._small))
        else:
            self._draft.keep(key)
