"""What the database remembers of a source, held in RAM: the other end of a MessageSource in its tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from postroom.core.places import Cursor, Fingerprint, Place
from postroom.fetcher.source import Batch


class MemoryInRam:
    """A Memory, and `commit` as the pipeline does it: sightings and cursor together, or not at all."""

    def __init__(self) -> None:
        self.cursors: dict[tuple[str, int], Cursor] = {}
        self.fingerprints: dict[str, set[Fingerprint]] = {}
        self.settled: set[str] = set()
        self.left_alone: list[Place] = []
        self.orgs_were_added = False

    def commit(self, batch: Batch) -> None:
        for copy in (*batch.fetched, *batch.known):
            if copy.fingerprint is not None:
                self.fingerprints.setdefault(copy.place.folder, set()).add(copy.fingerprint)
        if batch.cursor is not None:
            self.remember(batch.cursor)

    def cursor(self, folder: str, uidvalidity: int) -> Cursor | None:
        return self.cursors.get((folder, uidvalidity))

    def first_bound(self, folder: str) -> Cursor | None:
        return next((cursor for (name, _), cursor in self.cursors.items() if name == folder), None)

    def remember(self, cursor: Cursor) -> None:
        self.cursors[cursor.folder, cursor.uidvalidity] = cursor

    def known(self, folder: str, fingerprints: Collection[Fingerprint]) -> set[Fingerprint]:
        return self.fingerprints.get(folder, set()) & set(fingerprints)

    def left(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        if not self.orgs_were_added:
            return []
        return [
            place for place in self.left_alone if (place.folder, place.uidvalidity) == (folder, uidvalidity)
        ]

    def sighted(self, file_names: Collection[str]) -> set[str]:
        left = {place.file_name for place in self.left_alone}
        return set(file_names) & (self.settled | left)
