"""What an audit asks of the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol
from uuid import UUID

from postroom.core.places import Place
from postroom.db.values import Wanted


class Books(Protocol):
    """What the rows say there must be; NOBODY stands for the quarantine.

    Whatever is yielded comes page by page: no transaction stays open, and memory for one page is enough.
    """

    def rows(self, org_id: UUID) -> int:
        """Return how many messages an org has, or the quarantine entries."""
        ...

    def documents(self, org_id: UUID) -> int:
        """Return how many documents an org has."""
        ...

    def raws_wanted(self, org_id: UUID) -> Iterator[Wanted]:
        """Yield the raw mails that the archive must have, in the order of their keys, one for each row."""
        ...

    def documents_wanted(self, org_id: UUID) -> Iterator[Wanted]:
        """Yield the documents that the archive must have, in the order of their keys, one for each row."""
        ...

    def refers_to(self, org_id: UUID, sha256: str) -> bool:
        """Return whether any row of the org names the object with this digest."""
        ...

    def unqueued(self, org_id: UUID) -> Iterator[UUID]:
        """Yield the messages that are not at their end and for which nothing is due."""
        ...

    def untold(self, org_id: UUID) -> Iterator[UUID]:
        """Yield the messages of which something is owed to the next system, and for which nothing is due."""
        ...

    def undocumented(self, org_id: UUID) -> Iterator[UUID]:
        """Yield the messages with a part that the ledger calls kept, and no document of it."""
        ...

    def raw_of(self, org_id: UUID, message_id: UUID) -> Wanted | None:
        """Return the raw mail of a message, None where it has none."""
        ...

    def copies(self, org_id: UUID, message_id: UUID, sha256: str) -> list[Place]:
        """Return where copies of a message with just these bytes were seen."""
        ...

    def requeue(self, org_id: UUID, message_id: UUID, now: datetime) -> None:
        """Let a message that waits for nothing be looked at now: extracted, archived or announced."""
        ...
