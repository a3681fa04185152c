"""The part ledgers and the documents of messages, written as one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from postroom.db.ids import new_id
from postroom.db.models import Base, Document, Part
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim, LedgerPart


class NewDocument(NamedTuple):
    """A document that had no row before."""

    id: UUID
    message_id: UUID


def write_ledgers(
    session: Session, org_id: UUID, some: Sequence[Extracted], now: datetime
) -> list[NewDocument]:
    """Replace the ledgers of one org's messages and write their documents; return those that are new.

    A document that an earlier run wrote for the same part and bytes keeps its row and id.
    """
    message_ids = [each.claim.message_id for each in some]
    session.execute(delete(Part).where(Part.org_id == org_id, Part.message_id.in_(message_ids)))
    before = _before(session, org_id, message_ids)
    stale = set(before.values())
    written = []
    for each in some:
        for part in each.parts:
            key = (each.claim.message_id, part.path, part.sha256)
            if part.object_key is None:
                continue
            if key in before:
                stale.discard(before[key])
                continue
            written.append(_document(each.claim, part, now))
    if stale:
        session.execute(delete(Document).where(Document.org_id == org_id, Document.id.in_(stale)))
    _insert(session, Part, [_columns(each.claim, part) for each in some for part in each.parts])
    _insert(session, Document, written)
    return [NewDocument(row["id"], row["message_id"]) for row in written]


def _before(
    session: Session, org_id: UUID, message_ids: Sequence[UUID]
) -> dict[tuple[UUID, str, str | None], UUID]:
    columns = select(Document.message_id, Document.part_path, Document.sha256, Document.id)
    mine = (Document.org_id == org_id, Document.message_id.in_(message_ids))
    found = session.execute(columns.where(*mine))
    return {(message_id, path, sha256): row_id for message_id, path, sha256, row_id in found}


def _insert(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table), rows)


def _columns(claim: Claim, part: LedgerPart) -> dict[str, Any]:
    left_out = {"object_key", "filename_original", "defects"}
    columns = {name: getattr(part, name) for name in LedgerPart.__slots__ if name not in left_out}
    return columns | {"message_id": claim.message_id, "org_id": claim.org_id, "defects": list(part.defects)}


def _document(claim: Claim, part: LedgerPart, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "org_id": claim.org_id,
        "message_id": claim.message_id,
        "part_path": part.path,
        "filename": part.filename or "unnamed",
        "filename_original": part.filename_original,
        "content_type": part.content_type,
        "sniffed": part.sniffed or "application/octet-stream",
        "size_bytes": part.size_bytes,
        "sha256": part.sha256 or "",
        "object_key": part.object_key or "",
        "decode_status": part.decode_status,
        "created_at": now,
    }
