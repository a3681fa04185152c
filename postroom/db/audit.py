"""What the rows say there must be, in the order of their keys, a page of rows in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Table, exists, func, literal, select, tuple_

from postroom.core.lifecycle import Status
from postroom.core.places import Place
from postroom.db.advancing import message_of
from postroom.db.copies import place_of
from postroom.db.engine import Database
from postroom.db.finishing import close_or_owe, still_owed
from postroom.db.ids import NOBODY
from postroom.db.inbox import queue
from postroom.db.machinery import OUTBOX, QUARANTINE, SIGHTING, WORK
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE, PART
from postroom.db.values import Wanted, WorkState

_PAGE: Final = 1000


class SqlAudit:
    """The books protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, org_id: UUID) -> int:
        return self._count(org_id, QUARANTINE if org_id == NOBODY else INBOUND_MESSAGE)

    def documents(self, org_id: UUID) -> int:
        return 0 if org_id == NOBODY else self._count(org_id, DOCUMENT)

    def raws_wanted(self, org_id: UUID) -> Iterator[Wanted]:
        table = QUARANTINE if org_id == NOBODY else INBOUND_MESSAGE
        row = table.c
        columns = (row.raw_key, row.size_bytes, row.raw_sha256, row.id)
        query = select(*columns).where(*_of(table, org_id), row.raw_key.is_not(None))
        for key, size, sha256, row_id in self._sorted(org_id, query, row.raw_sha256, row.id):
            yield Wanted(key, sha256, size, row_id, None if org_id == NOBODY else row_id)

    def documents_wanted(self, org_id: UUID) -> Iterator[Wanted]:
        row = DOCUMENT.c
        columns = (row.object_key, row.message_id, row.size_bytes, row.sha256, row.id)
        query = select(*columns).where(row.org_id == org_id)
        for key, message_id, size, sha256, row_id in self._sorted(org_id, query, row.sha256, row.id):
            yield Wanted(key, sha256, size, row_id, message_id)

    def refers_to(self, org_id: UUID, sha256: str) -> bool:
        tables: Sequence[tuple[Table, Any]] = (
            ((QUARANTINE, QUARANTINE.c.raw_sha256),)
            if org_id == NOBODY
            else ((INBOUND_MESSAGE, INBOUND_MESSAGE.c.raw_sha256), (DOCUMENT, DOCUMENT.c.sha256))
        )
        with self._database.read(org=org_id) as connection:
            found = (exists().where(*_of(table, org_id), digest == sha256) for table, digest in tables)
            return any(connection.scalar(select(each)) for each in found)

    def unqueued(self, org_id: UUID) -> Iterator[UUID]:
        row = INBOUND_MESSAGE.c
        waits = row.status.in_((Status.RECEIVED, Status.STORED))
        query = select(row.id).where(
            row.org_id == org_id, waits, ~exists().where(WORK.c.message_id == row.id)
        )
        return self._by_id(org_id, query, row.id)

    def untold(self, org_id: UUID) -> Iterator[UUID]:
        row = OUTBOX.c
        owed = (row.org_id == org_id, row.announced_at.is_(None))
        query = select(row.message_id).where(*owed, ~exists().where(WORK.c.message_id == row.message_id))
        return self._by_id(org_id, query.distinct(), row.message_id)

    def undocumented(self, org_id: UUID) -> Iterator[UUID]:
        row = PART.c
        kept = (row.org_id == org_id, row.kept, row.sha256.is_not(None))
        document = exists().where(
            DOCUMENT.c.org_id == org_id,
            DOCUMENT.c.message_id == row.message_id,
            DOCUMENT.c.part_path == row.path,
        )
        query = select(row.message_id).where(*kept, ~document)
        return self._by_id(org_id, query.distinct(), row.message_id)

    def raw_of(self, org_id: UUID, message_id: UUID) -> Wanted | None:
        with self._database.read(org=org_id) as connection:
            row = connection.execute(message_of((org_id, message_id))).first()
            if row is None or row.raw_key is None:
                return None
            return Wanted(row.raw_key, row.raw_sha256, row.size_bytes, row.id, row.id)

    def copies(self, org_id: UUID, message_id: UUID, sha256: str) -> list[Place]:
        mine = (
            SIGHTING.c.org_id == org_id,
            SIGHTING.c.message_id == message_id,
            SIGHTING.c.raw_sha256 == sha256,
        )
        with self._database.read(org=org_id) as connection:
            return [place_of(row) for row in connection.execute(select(SIGHTING).where(*mine))]

    def requeue(self, org_id: UUID, message_id: UUID, now: datetime) -> None:
        with self._database.write(org=org_id) as connection:
            row = connection.execute(message_of((org_id, message_id))).one()
            if row.status in {Status.RECEIVED, Status.STORED}:
                queue(connection, (org_id, message_id), now, WorkState(row.status.value))
                return
            queue(connection, (org_id, message_id), now, WorkState.OWED)
            close_or_owe(connection, [message_id], still_owed(connection, org_id, [message_id]))

    def _count(self, org_id: UUID, table: Table) -> int:
        with self._database.read(org=org_id) as connection:
            return connection.scalar(select(func.count()).select_from(table).where(*_of(table, org_id))) or 0

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
            with self._database.read(org=org_id) as connection:
                found = self._page(connection, page)
            yield from found
            if len(found) < _PAGE:
                return
            page = query.where(after(found[-1]))

    @staticmethod
    def _page(connection: Connection, query: Any) -> Sequence[Any]:
        return connection.execute(query.limit(_PAGE)).all()


def _of(table: Table, org_id: UUID) -> tuple[Any, ...]:
    """Return the condition that binds a table to the org; the quarantine is the operators' whole."""
    return () if table is QUARANTINE else (table.c.org_id == org_id,)
