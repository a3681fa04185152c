"""Announcements that are owed, written with the documents and struck off when the next system has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from postroom.core.announcement import Announcement
from postroom.db.engine import Database
from postroom.db.machinery import Outbox
from postroom.db.models import Document, InboundMessage, OrgRow


class SqlOutbox:
    """The outbox protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, *, limit: int, now: datetime) -> list[Announcement]:
        owed = (
            select(Outbox, OrgRow.slug, InboundMessage.source_message_id, Document)
            .join(OrgRow, OrgRow.id == Outbox.org_id)
            .join(InboundMessage, InboundMessage.id == Outbox.message_id)
            .outerjoin(Document, Document.id == Outbox.document_id)
            .where(Outbox.announced_at.is_(None), Outbox.due_at <= now)
            .order_by(Outbox.due_at, Outbox.id)
            .limit(limit)
        )
        with self._database.read() as session:
            return [_announcement(*row) for row in session.execute(owed)]

    def announced(self, event_id: UUID, now: datetime) -> None:
        with self._database.write() as session:
            session.execute(update(Outbox).where(Outbox.id == event_id).values(announced_at=now))

    def failed(self, event_id: UUID, error: Mapping[str, Any], retry_at: datetime) -> None:
        facts = {"attempts": Outbox.attempts + 1, "error_json": dict(error), "due_at": retry_at}
        with self._database.write() as session:
            session.execute(update(Outbox).where(Outbox.id == event_id).values(**facts))


def _announcement(row: Outbox, slug: str, source_message_id: str, document: Document | None) -> Announcement:
    body: dict[str, Any] = {
        "org": slug,
        "message": str(row.message_id),
        "source_message_id": source_message_id,
    }
    if document is not None:
        body |= {
            "document": str(document.id),
            "filename": document.filename,
            "content_type": document.content_type,
            "size": document.size_bytes,
            "sha256": document.sha256,
        }
    return Announcement(
        event_id=row.id,
        event=row.event,
        org=slug,
        message_id=row.message_id,
        document_id=row.document_id,
        attempts=row.attempts,
        body=body,
    )
