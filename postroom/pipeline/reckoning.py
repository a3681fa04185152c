"""Rows against objects, both in the order of their keys: what is missing, damaged, or nobody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from postroom.core.places import Place
from postroom.db.books import Books
from postroom.db.ids import NOBODY
from postroom.db.values import Wanted
from postroom.errors import ObjectCorrupt, ObjectMissing
from postroom.storage.store import ObjectStore, Stored


class Trouble(StrEnum):
    """What an audit finds; the words are part of what a version number speaks about."""

    RAW_MISSING = "raw-missing"
    RAW_DAMAGED = "raw-damaged"
    DOCUMENT_MISSING = "document-missing"
    DOCUMENT_DAMAGED = "document-damaged"
    NOT_WRITTEN = "document-not-written"  # the ledger calls a part kept, and there is no document
    NOT_QUEUED = "not-queued"  # not at its end, and nobody would ever look at it again
    NOT_OWED = "not-announced"  # as above, of its announcements
    NOT_TAKEN = "not-taken"  # its source holds it, and no poll will take it
    ORPHAN = "orphan"  # an object that no row names: not unaccounted, a crash may leave one


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not add up, with what a repair needs to know of it."""

    trouble: Trouble
    org: str = ""
    org_id: UUID = NOBODY
    message_id: UUID | None = None
    key: str = ""
    entry_id: int | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """One org, or the quarantine: whose rows and objects are compared, and where its objects lie."""

    org_id: UUID
    org: str
    folder: str


@dataclass(slots=True)
class Counts:
    """How much an audit looked at; `waiting` are the mails that their sources hold and no poll has met."""

    sources: int = 0
    copies: int = 0
    waiting: int = 0
    rows: int = 0
    objects: int = 0
    documents: int = 0


@dataclass(slots=True)
class Reckoner:
    """Compares what rows and archive say; `deep` reads every object and checks its digest.

    `step` is called with how many rows were compared since the last call.
    """

    books: Books
    store: ObjectStore
    deep: bool
    counts: Counts = field(default_factory=Counts)
    step: Callable[[int], None] = lambda _rows: None

    def findings(self, room: Room) -> Iterator[Finding]:
        """Yield what does not add up in one room.  Raises StoreUnavailable, DatabaseUnavailable."""
        wanted = self.books.raws_wanted(room.org_id)
        yield from self._compared(room, "raw", wanted, Trouble.RAW_MISSING, Trouble.RAW_DAMAGED)
        if room.org_id == NOBODY:
            return
        wanted = self.books.documents_wanted(room.org_id)
        yield from self._compared(room, "doc", wanted, Trouble.DOCUMENT_MISSING, Trouble.DOCUMENT_DAMAGED)
        for trouble, rows in (
            (Trouble.NOT_WRITTEN, self.books.undocumented(room.org_id)),
            (Trouble.NOT_QUEUED, self.books.unqueued(room.org_id)),
            (Trouble.NOT_OWED, self.books.untold(room.org_id)),
        ):
            yield from (Finding(trouble, room.org, room.org_id, message_id) for message_id in rows)

    def strangers(self, folder: str) -> Iterator[Finding]:
        """Yield the objects in a folder of the archive that is no org's."""
        for stored in self.store.listed(folder):
            self.counts.objects += 1
            yield Finding(Trouble.ORPHAN, key=stored.key)

    def is_sound(self, wanted: Wanted) -> bool:
        """Return whether the archive has an object with just the bytes that the row recorded."""
        return self._fault(wanted) is None

    def _compared(
        self, room: Room, kind: str, wanted: Iterator[Wanted], missing: Trouble, damaged: Trouble
    ) -> Iterator[Finding]:
        checked: tuple[str, type[Exception] | None] = ("", None)
        for row, stored in in_pairs(wanted, self._listed(f"{room.folder}/{kind}")):
            if row is None:
                if stored and not self.books.refers_to(room.org_id, stored.key.rpartition("/")[2]):
                    yield Finding(Trouble.ORPHAN, room.org, room.org_id, key=stored.key)
                continue
            self.step(1)
            if checked[0] != row.key:  # many documents may be one object
                checked = (row.key, self._judged(row, stored))
            if checked[1] is not None:
                trouble = missing if checked[1] is ObjectMissing else damaged
                entry_id = row.row if isinstance(row.row, int) else None
                yield Finding(trouble, room.org, room.org_id, row.message_id, row.key, entry_id)

    def _listed(self, folder: str) -> Iterator[Stored]:
        for stored in self.store.listed(folder):
            self.counts.objects += 1
            yield stored

    def _judged(self, row: Wanted, stored: Stored | None) -> type[Exception] | None:
        """Look closer where the listing alone leaves a doubt: it may be older than the row."""
        if stored is not None and stored.size_bytes == row.size_bytes and not self.deep:
            return None
        return self._fault(row)

    def _fault(self, row: Wanted) -> type[Exception] | None:
        try:
            with self.store.opened(row.key, row.sha256):
                return None
        except (ObjectMissing, ObjectCorrupt) as error:
            return type(error)


def in_pairs(
    wanted: Iterator[Wanted], stored: Iterator[Stored]
) -> Iterator[tuple[Wanted | None, Stored | None]]:
    """Yield each row with its object or None, and each object that no row names with None.

    Both come in the order of their keys; one of each is held at a time.
    """
    here, is_named = next(stored, None), False
    for row in wanted:
        while here is not None and here.key < row.key:
            if not is_named:
                yield None, here
            here, is_named = next(stored, None), False
        found = here if here is not None and here.key == row.key else None
        is_named = found is not None
        yield row, found
    if here is not None and not is_named:
        yield None, here
    for rest in stored:
        yield None, rest
