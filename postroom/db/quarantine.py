"""The quarantine: mails that no org got, and what a person decided about them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, update

from postroom.core.places import Place
from postroom.db.copies import place_of
from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.machinery import QUARANTINE, SIGHTING
from postroom.errors import NotFound

HELD = "held"
ASSIGNING = "assigning"  # an org was chosen; its row may not be written yet, so the entry is still shown
ASSIGNED = "assigned"
DROPPED = "dropped"
_OPEN = (HELD, ASSIGNING)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class HeldMail:
    """One mail in the quarantine."""

    id: int
    source: str
    code: str
    reason: str
    recipient: str
    from_address: str | None
    subject: str | None
    size_bytes: int
    raw_sha256: str
    raw_key: str | None
    received_at: datetime
    seen_at: datetime
    state: str


class SqlQuarantine:
    """Reads and closes quarantine entries; accept is what opens them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def held(self, *, state: str | None = HELD, limit: int | None = None) -> Iterator[HeldMail]:
        """Yield the entries in that state, or in any where it is None, oldest first."""
        query = select(QUARANTINE).order_by(QUARANTINE.c.id)
        if state is not None:
            query = query.where(QUARANTINE.c.state.in_(_OPEN if state == HELD else (state,)))
        return islice(self._paged(query), limit)

    def _paged(self, query: Select[Any]) -> Iterator[HeldMail]:
        """Yield all that `query` finds; no transaction stays open while the reader takes its time."""
        after = 0
        while True:
            with self._database.read(org=NOBODY) as connection:
                rows = connection.execute(query.where(QUARANTINE.c.id > after).limit(_PAGE)).all()
            yield from map(_held, rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].id

    def entry(self, entry_id: int) -> HeldMail:
        """Return one entry in any state.  Raises NotFound."""
        with self._database.read(org=NOBODY) as connection:
            row = connection.execute(select(QUARANTINE).where(QUARANTINE.c.id == entry_id)).first()
            if row is None:
                raise NotFound(f"there is no quarantine entry {entry_id}", fix="postroom quarantine list")
            return _held(row)

    def named(self, message_id: str) -> list[HeldMail]:
        """Return the entries with that Message-ID, with or without its brackets; those of a mailbox only.

        Of a copy in a mailbox the digest of its Message-ID is known, of one in a Maildir it is not.
        """
        bare = message_id.strip()
        digests = {hashlib.sha256(text.encode()).hexdigest() for text in (bare, f"<{bare}>")}
        nobodys = (SIGHTING.c.org_id == NOBODY, SIGHTING.c.message_id_sha256.in_(digests))
        seen = select(SIGHTING.c.quarantine_id).where(*nobodys, SIGHTING.c.quarantine_id.is_not(None))
        query = select(QUARANTINE).where(QUARANTINE.c.id.in_(seen)).order_by(QUARANTINE.c.id)
        with self._database.read(org=NOBODY) as connection:
            return [_held(row) for row in connection.execute(query)]

    def copies(self, entry_id: int) -> list[tuple[Place, str]]:
        """Return where the copies of an entry were seen, each with the header that named its recipient."""
        of_it = (SIGHTING.c.org_id == NOBODY, SIGHTING.c.quarantine_id == entry_id)
        with self._database.read(org=NOBODY) as connection:
            found = connection.execute(select(SIGHTING).where(*of_it).order_by(SIGHTING.c.id))
            return [(place_of(row), row.decided_by) for row in found]

    def choose(self, entry_id: int, org_id: UUID) -> bool:
        """Choose the org that gets a held mail; False if another was chosen or the entry is closed.

        The choice is final, so that two people never give one mail to two orgs; the same one may be repeated.
        """
        with self._database.write(org=NOBODY) as connection:
            again = (QUARANTINE.c.state == ASSIGNING) & (QUARANTINE.c.assigned_org_id == org_id)
            chosen = connection.execute(
                update(QUARANTINE)
                .where(QUARANTINE.c.id == entry_id, (QUARANTINE.c.state == HELD) | again)
                .values(state=ASSIGNING, assigned_org_id=org_id)
                .returning(QUARANTINE.c.id)
            )
            return chosen.scalar_one_or_none() is not None

    def assigned(self, entry_id: int, now: datetime) -> None:
        """Record that the chosen org has the mail; may be repeated."""
        with self._database.write(org=NOBODY) as connection:
            chosen = (QUARANTINE.c.id == entry_id, QUARANTINE.c.state == ASSIGNING)
            connection.execute(update(QUARANTINE).where(*chosen).values(state=ASSIGNED, resolved_at=now))

    def drop(self, entry_id: int, now: datetime) -> bool:
        """Close a held entry without giving it to anybody; False if it is not held any more."""
        with self._database.write(org=NOBODY) as connection:
            dropped = connection.execute(
                update(QUARANTINE)
                .where(QUARANTINE.c.id == entry_id, QUARANTINE.c.state == HELD)
                .values(state=DROPPED, resolved_at=now)
                .returning(QUARANTINE.c.id)
            )
            return dropped.scalar_one_or_none() is not None

    def count(self) -> int:
        """Return how many mails are held."""
        with self._database.read(org=NOBODY) as connection:
            held = select(func.count()).select_from(QUARANTINE).where(QUARANTINE.c.state.in_(_OPEN))
            return connection.scalar(held) or 0

    def newest(self) -> int:
        """Return the id of the newest mail that is held, 0 where none is."""
        with self._database.read(org=NOBODY) as connection:
            return (
                connection.scalar(select(func.max(QUARANTINE.c.id)).where(QUARANTINE.c.state.in_(_OPEN))) or 0
            )


def _held(row: Row[Any]) -> HeldMail:
    return HeldMail(
        id=row.id,
        source=row.source_name,
        code=row.code,
        reason=row.reason,
        recipient=row.recipient,
        from_address=row.from_address,
        subject=row.subject,
        size_bytes=row.size_bytes,
        raw_sha256=row.raw_sha256,
        raw_key=row.raw_key,
        received_at=row.received_at,
        seen_at=row.seen_at,
        state=row.state,
    )
