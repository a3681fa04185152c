"""The archive of a house in stories: a real one, and the outages and losses that befall it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from postroom.errors import StoreUnavailable
from postroom.storage.store import Draft, Stored, View
from tests.servers.archives import Stock


class Archive:
    """A real store behind a wire that can be cut; it counts what was written."""

    def __init__(self, stock: Stock) -> None:
        self.is_down = False
        self.down_after: int | None = None  # so many writes still succeed
        self.writes: list[str] = []
        self._store, self._stock = stock.store, stock

    def put(self, key: str, content: bytes) -> None:
        self._reach(key)
        self._store.put(key, content)

    def adopt(self, files: Sequence[tuple[str, Path]]) -> set[str]:
        adopted = set[str]()
        for key, path in files:
            self._reach(key)
            adopted |= self._store.adopt([(key, path)])
            if key not in adopted:
                self.writes.pop()
        return adopted

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        self._reach(key)
        self._store.put_file(key, path, sha256)

    def get(self, key: str, sha256: str) -> bytes:
        if self.is_down:
            raise StoreUnavailable(f"the wire is cut: {key}")
        return self._store.get(key, sha256)

    @contextmanager
    def opened(self, key: str, sha256: str) -> Iterator[View]:
        if self.is_down:
            raise StoreUnavailable(f"the wire is cut: {key}")
        with self._store.opened(key, sha256) as view:
            yield view

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        with self._store.draft() as draft:
            yield _CountedDraft(draft, self._reach)

    def folders(self) -> list[str]:
        return self._store.folders()

    def listed(self, folder: str) -> Iterator[Stored]:
        return self._store.listed(folder)

    def probe(self) -> None:
        self._store.probe()

    def tidy(self) -> None:
        self._store.tidy()

    def objects(self) -> list[str]:
        """Return the keys of what lies in the archive."""
        return self._stock.objects()

    def read(self, key: str | None) -> bytes:
        """Return what lies under a key, unchecked."""
        return self._stock.read(str(key))

    def replace(self, key: str | None, content: bytes) -> None:
        """Put other bytes under a key, as no archive should."""
        self._stock.replace(str(key), content)

    def lose(self, key: str | None) -> None:
        """Let an object vanish, as no archive should."""
        self._stock.lose(str(key))

    def _reach(self, key: str) -> None:
        if self.is_down or (self.down_after is not None and len(self.writes) >= self.down_after):
            raise StoreUnavailable(f"the wire is cut: {key}")
        self.writes.append(key)


class _CountedDraft:
    """A draft whose keeping is a write like any other."""

    def __init__(self, draft: Draft, reach: Callable[[str], None]) -> None:
        self._draft, self._reach = draft, reach
        self.write, self.view = draft.write, draft.view

    def keep(self, key: str) -> None:
        self._reach(key)
        self._draft.keep(key)
