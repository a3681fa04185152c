"""What the database remembers of a source, held in RAM: the other end of a MessageSource in its tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from postroom.core.places import GENERATION, Cursor, Fingerprint, KnownFile, Place
from postroom.fetcher.source import Batch, Fetched, KnownCopy


class MemoryInRam:
    """A Memory, and `commit` as the pipeline does it: sightings and cursor together, or not at all."""

    def __init__(self) -> None:
        self.cursors: dict[tuple[str, int], Cursor] = {}
        self.fingerprints: dict[str, set[Fingerprint]] = {}
        self.files: list[KnownFile] = []
        self.settled: list[KnownFile] = []
        self.unsettled: list[KnownFile] = []
        self.alone: list[Place] = []
        self.not_given: list[Place] = []
        self.orgs_were_added = False
        self.met: set[Place] = set()

    def commit(self, batch: Batch) -> None:
        self.files += map(known_file, batch.fetched)
        met = {copy.place for copy in batch.fetched} | {copy.place for copy in batch.unreadable}
        self.met |= met | {copy.place for copy in batch.known}
        self.not_given = [place for place in self.not_given if place not in met]
        self.not_given += [copy.place for copy in batch.unreadable]
        copies: list[Fetched | KnownCopy] = [*batch.fetched, *batch.known]
        for copy in copies:
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

    def bytes_since(self, moment: datetime) -> int:
        return sum(file.size_bytes for file in self.files)

    def unreadable(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        return [
            place for place in self.not_given if (place.folder, place.uidvalidity) == (folder, uidvalidity)
        ]

    def left(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        here = [place for place in self.alone if (place.folder, place.uidvalidity) == (folder, uidvalidity)]
        return here if self.orgs_were_added else []

    def done_up_to(self, folder: str, uidvalidity: int) -> int | None:
        same = [key for key in self.cursors if key[0] == folder and key[1] % GENERATION == uidvalidity]
        if not same or self.left(*max(same)) or self.unreadable(*max(same)):
            return None
        return self.cursors[max(same)].last_uid

    def sighted(self, file_names: Collection[str]) -> Sequence[KnownFile]:
        return [file for file in self.settled if file.file_name in file_names]

    def unrecorded(self, places: Sequence[Place]) -> Sequence[Place]:
        return [place for place in places if place not in self.met]

    def owed(self) -> Sequence[KnownFile]:
        return self.unsettled

    def left_alone(self) -> Sequence[KnownFile]:
        left = {place.file_name for place in self.alone}
        return [] if self.orgs_were_added else [file for file in self.files if file.file_name in left]


def known_file(copy: Fetched) -> KnownFile:
    """Return what a sighting of this copy says of its file."""
    return KnownFile(copy.place.file_name, copy.size_bytes, copy.internal_date, copy.sha256)
