"""What the rows say there must be, in the order of their keys, a page of rows in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import exists, func, literal, select, tuple_
from sqlalchemy.orm import Session

from postroom.core.lifecycle import Status
from postroom.core.places import Place
from postroom.db.copies import place_of
from postroom.db.engine import Database
from postroom.db.finishing import close_or_owe, still_owed
from postroom.db.ids import NOBODY
from postroom.db.inbox import queue
from postroom.db.machinery import Outbox, Quarantine, Sighting, Work
from postroom.db.models import Document, InboundMessage, Part
from postroom.db.values import Wanted, WorkState

_PAGE: Final = 1000


class SqlAudit:
    """The books protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, org_id: UUID) -> int:
        return self._count(org_id, Quarantine if org_id == NOBODY else InboundMessage)

    def documents(self, org_id: UUID) -> int:
        return 0 if org_id == NOBODY else self._count(org_id, Document)

    def raws_wanted(self, org_id: UUID) -> Iterator[Wanted]:
        row: Any = Quarantine if org_id == NOBODY else InboundMessage
        columns = (row.raw_key, row.size_bytes, row.raw_sha256, row.id)
        query = select(*columns).where(*_of(row, org_id), row.raw_key.is_not(None))
        for key, size, sha256, row_id in self._sorted(org_id, query, row.raw_sha256, row.id):
            yield Wanted(key, sha256, size, row_id, None if org_id == NOBODY else row_id)

    def documents_wanted(self, org_id: UUID) -> Iterator[Wanted]:
        row = Document
        columns = (row.object_key, row.message_id, row.size_bytes, row.sha256, row.id)
        query = select(*columns).where(row.org_id == org_id)
        for key, message_id, size, sha256, row_id in self._sorted(org_id, query, row.sha256, row.id):
            yield Wanted(key, sha256, size, row_id, message_id)

    def refers_to(self, org_id: UUID, sha256: str) -> bool:
        tables: Sequence[tuple[Any, Any]] = (
            ((Quarantine, Quarantine.raw_sha256),)
            if org_id == NOBODY
            else ((InboundMessage, InboundMessage.raw_sha256), (Document, Document.sha256))
        )
        with self._database.read(org=org_id) as session:
            found = (exists().where(*_of(row, org_id), digest == sha256) for row, digest in tables)
            return any(session.scalar(select(each)) for each in found)

    def unqueued(self, org_id: UUID) -> Iterator[UUID]:
        row = InboundMessage
        waits = row.status.in_((Status.RECEIVED, Status.STORED))
        query = select(row.id).where(row.org_id == org_id, waits, ~exists().where(Work.message_id == row.id))
        return self._by_id(org_id, query, row.id)

    def untold(self, org_id: UUID) -> Iterator[UUID]:
        row = Outbox
        owed = (row.org_id == org_id, row.announced_at.is_(None))
        query = select(row.message_id).where(*owed, ~exists().where(Work.message_id == row.message_id))
        return self._by_id(org_id, query.distinct(), row.message_id)

    def undocumented(self, org_id: UUID) -> Iterator[UUID]:
        row = Part
        kept = (row.org_id == org_id, row.kept, row.sha256.is_not(None))
        document = exists().where(
            Document.org_id == org_id, Document.message_id == row.message_id, Document.part_path == row.path
        )
        query = select(row.message_id).where(*kept, ~document)
        return self._by_id(org_id, query.distinct(), row.message_id)

    def raw_of(self, org_id: UUID, message_id: UUID) -> Wanted | None:
        with self._database.read(org=org_id) as session:
            row = session.get(InboundMessage, (org_id, message_id))
            if row is None or row.raw_key is None:
                return None
            return Wanted(row.raw_key, row.raw_sha256, row.size_bytes, row.id, row.id)

    def copies(self, org_id: UUID, message_id: UUID, sha256: str) -> list[Place]:
        mine = (Sighting.org_id == org_id, Sighting.message_id == message_id, Sighting.raw_sha256 == sha256)
        with self._database.read(org=org_id) as session:
            return [place_of(row) for row in session.scalars(select(Sighting).where(*mine))]

    def requeue(self, org_id: UUID, message_id: UUID, now: datetime) -> None:
        with self._database.write(org=org_id) as session:
            row = session.get_one(InboundMessage, (org_id, message_id))
            if row.status in {Status.RECEIVED, Status.STORED}:
                queue(session, (org_id, message_id), now, WorkState(row.status.value))
                return
            queue(session, (org_id, message_id), now, WorkState.OWED)
            close_or_owe(session, [message_id], still_owed(session, org_id, [message_id]))

    def _count(self, org_id: UUID, row: Any) -> int:
        with self._database.read(org=org_id) as session:
            return session.scalar(select(func.count()).select_from(row).where(*_of(row, org_id))) or 0

    def _sorted(self, org_id: UUID, query: Any, digest: Any, row_id: Any) -> Iterator[Any]:
        """Yield all rows by digest and id, which are the last two columns; no transaction stays open."""

        def after(row: Any) -> Any:
            position = (literal(row[-2], digest.type), literal(row[-1], row_id.type))
            return tuple_(digest, row_id) > tuple_(*position)

        return self._paged(org_id, query.order_by(digest, row_id), after)

    def _by_id(self, org_id: UUID, query: Any, row_id: Any) -> Iterator[UUID]:
        rows = self._paged(org_id, query.order_by(row_id), lambda row: row_id > row[-1])
        return (found for (found,) in rows)

    def _paged(self, org_id: UUID, query: Any, after: Callable[[Any], Any]) -> Iterator[Any]:
        page = query
        while True:
            with self._database.read(org=org_id) as session:
                found = self._page(session, page)
            yield from found
            if len(found) < _PAGE:
                return
            page = query.where(after(found[-1]))

    @staticmethod
    def _page(session: Session, query: Any) -> Sequence[Any]:
        return session.execute(query.limit(_PAGE)).all()


def _of(row: Any, org_id: UUID) -> tuple[Any, ...]:
    """Return the condition that binds a table to the org; the quarantine is the operators' whole."""
    return () if row is Quarantine else (row.org_id == org_id,)
