"""The part ledger and the documents of one message, written as one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from postroom.db.ids import new_id
from postroom.db.models import Document, Part
from postroom.db.values import Claim, LedgerPart


def write_ledger(
    session: Session, claim: Claim, parts: Sequence[LedgerPart], now: datetime
) -> list[Document]:
    """Replace the message's ledger and write its documents; return those that are new.

    A document that an earlier run wrote for the same part and bytes keeps its row and id.
    """
    session.execute(delete(Part).where(Part.org_id == claim.org_id, Part.message_id == claim.message_id))
    session.add_all(Part(**_columns(claim, part)) for part in parts)
    before = {document.part_path: document for document in _documents(session, claim)}
    written = []
    for part in parts:
        if part.object_key is None:
            continue
        known = before.pop(part.path, None)
        if known is not None and known.sha256 == part.sha256:
            continue
        if known is not None:
            session.delete(known)
            session.flush()
        written.append(_document(claim, part, now))
    for stale in before.values():
        session.delete(stale)
    session.add_all(written)
    return written


def _documents(session: Session, claim: Claim) -> Sequence[Document]:
    mine = (Document.org_id == claim.org_id, Document.message_id == claim.message_id)
    return session.scalars(select(Document).where(*mine)).all()


def _columns(claim: Claim, part: LedgerPart) -> dict[str, Any]:
    left_out = {"object_key", "filename_original", "defects"}
    columns = {name: getattr(part, name) for name in LedgerPart.__slots__ if name not in left_out}
    return columns | {"message_id": claim.message_id, "org_id": claim.org_id, "defects": list(part.defects)}


def _document(claim: Claim, part: LedgerPart, now: datetime) -> Document:
    return Document(
        id=new_id(),
        org_id=claim.org_id,
        message_id=claim.message_id,
        part_path=part.path,
        filename=part.filename or "unnamed",
        filename_original=part.filename_original,
        content_type=part.content_type,
        sniffed=part.sniffed or "application/octet-stream",
        size_bytes=part.size_bytes,
        sha256=part.sha256 or "",
        object_key=part.object_key or "",
        decode_status=part.decode_status,
        created_at=now,
    )
