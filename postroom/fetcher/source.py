"""What postroom asks of a source of mail, and nothing more."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from postroom.core.places import Cursor, Fingerprint, KnownFile, Place


@dataclass(frozen=True, slots=True)
class Fetched:
    """One copy of a message whose raw bytes lie in a file of this machine.

    `path` is a spool file, removed by the source when the batch after the next is asked for.
    `sha256` and `size_bytes` are of those bytes.  `own` says that nobody but postroom writes the file, so
    that its bytes need not be held against the digest again.  `whole` is False for a message over the size
    limit: then `path` holds its header block only, and nothing of it is archived.
    """

    place: Place
    path: Path
    sha256: str
    size_bytes: int
    internal_date: datetime
    fingerprint: Fingerprint | None = None
    whole: bool = True
    own: bool = False

    @property
    def message_bytes(self) -> int:
        """Return the size of the message itself, also where only its header was read."""
        return self.size_bytes if self.whole or self.fingerprint is None else self.fingerprint.size_bytes


@dataclass(frozen=True, slots=True)
class KnownCopy:
    """A copy recognised by its fingerprint after a UIDVALIDITY change; its body was not read again."""

    place: Place
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class UnreadableCopy:
    """A copy that its server lists but cannot give; `size_bytes` is 0 where not even its size can be told."""

    place: Place
    internal_date: datetime
    size_bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Mail that is known to wait in a source, the oldest of it `since` then; None where no date is known."""

    since: datetime | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some copies of one source and folder, and the cursor that is true once they are committed.

    `owed` are copies that were committed before, proved to have the same bytes still: only to be settled.
    The cursor passes those in `unreadable`: from then on the memory keeps them to be tried again.
    `waiting` is what is known to wait in the folder behind this batch.
    """

    fetched: tuple[Fetched, ...]
    known: tuple[KnownCopy, ...] = ()
    cursor: Cursor | None = None
    owed: tuple[Place, ...] = ()
    unreadable: tuple[UnreadableCopy, ...] = ()
    waiting: Waiting | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """Some copies that a source holds: how many, how many of them were not met yet, and which got lost.

    A stray lies behind the cursor, or cannot be taken at all, and was never met: no poll will take it.
    """

    copies: int
    waiting: int
    strays: tuple[Place, ...] = ()


class Memory(Protocol):
    """What postroom remembers of one source between polls; the database keeps it."""

    def cursor(self, folder: str, uidvalidity: int) -> Cursor | None:
        """Return how far this folder has been taken under this UIDVALIDITY; None if never."""
        ...

    def first_bound(self, folder: str) -> Cursor | None:
        """Return the oldest cursor of this folder under any UIDVALIDITY; None if it was never opened."""
        ...

    def remember(self, cursor: Cursor) -> None:
        """Store the cursor of a first connect, before the first batch, so that a crash keeps its `since`."""
        ...

    def known(self, folder: str, fingerprints: Collection[Fingerprint]) -> set[Fingerprint]:
        """Return those of `fingerprints` that a sighting of this source and folder already has."""
        ...

    def bytes_since(self, moment: datetime) -> int:
        """Return how many bytes of mail were read from this source since then."""
        ...

    def done_up_to(self, folder: str, uidvalidity: int) -> int | None:
        """Return the last UID of the folder that was taken, in its newest generation, by one question.

        None where no cursor is known, or where a copy there is to be looked at again (`left`, `unreadable`).
        """
        ...

    def left(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        """Return the copies left alone for want of an org, if orgs or aliases were added since."""
        ...

    def unreadable(self, folder: str, uidvalidity: int) -> Sequence[Place]:
        """Return the copies that the server could not give, the one tried longest ago first."""
        ...

    def sighted(self, file_names: Collection[str]) -> Sequence[KnownFile]:
        """Return the settled sightings of files with these Maildir unique names."""
        ...

    def unrecorded(self, places: Sequence[Place]) -> Sequence[Place]:
        """Return those of `places`, all of this source, that no copy was ever met at."""
        ...

    def owed(self) -> Sequence[KnownFile]:
        """Return the Maildir files that were committed and not settled, oldest sighting first."""
        ...

    def left_alone(self) -> Sequence[KnownFile]:
        """Return the Maildir files left alone for want of an org, while no org or alias was added since."""
        ...


class MessageSource(Protocol):
    """A mailbox or Maildir: lists and reads what is new, and forgets only what it is told to settle."""

    @property
    def name(self) -> str:
        """Return the table name in the configuration (`orders` of `[mailbox.orders]`)."""
        ...

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        """Yield what is new, at most `limit` copies, in batches of at most 50 copies or 32 MiB.

        The next batch may be asked for while the last is still worked on, by another thread, but nothing else
        of the source meanwhile.

        `since` replaces the configured bound of a first connect.  Reading changes nothing at the source.  A
        batch that was not committed is met again next time.  Raises SourceUnavailable (DnsFailed,
        ConnectFailed, TlsFailed, LoginRefused, FolderRefused, ServerFault, MaildirUnusable), and for single
        mails that cannot be read MailUnreadable, after all others were yielded.
        """
        ...

    def settle(self, places: Sequence[Place], *, held: bool = False) -> Sequence[Place]:
        """Apply the after-action; return the places that are done, among them those that are gone.

        `held` says that no org got these mails, but the quarantine.
        Called only after the commit, safe to repeat.  A copy that may be another than the one committed is
        not touched and not done; it is met again.  Raises SourceUnavailable, SettleFailed.
        """
        ...

    def remove(self, places: Sequence[Place]) -> None:
        """Remove mails that were settled before and have been kept long enough; those gone are none.

        Safe to repeat.  A mail that may be another than the one committed is not touched.  Raises
        SourceUnavailable, SettleFailed.
        """
        ...

    def holdings(self, memory: Memory) -> Iterator[Holding]:
        """Yield what the source holds beside what is remembered of it, some hundred copies at a time.

        Nothing is changed at the source.  Raises SourceUnavailable.
        """
        ...

    def picked(self, places: Sequence[Place], *, most_bytes: int) -> Iterator[Batch]:
        """Yield the copies at these places again, in batches without a cursor; those gone are left out.

        `most_bytes` is the size limit for them.  Nothing is changed at the source.  Raises SourceUnavailable.
        """
        ...

    def close(self) -> None:
        """Let go of connections and spool files; safe to repeat, never raises."""
        ...
