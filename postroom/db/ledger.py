"""The part ledgers and the documents of messages, written as one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Delete, Select, bindparam, delete, select

from postroom.db.dialect import insert_all
from postroom.db.ids import new_id
from postroom.db.outcomes import Extracted
from postroom.db.tables import DOCUMENT, PART
from postroom.db.values import Claim, LedgerPart


class NewDocument(NamedTuple):
    """A document that had no row before."""

    id: UUID
    message_id: UUID


def write_ledgers(
    connection: Connection, org_id: UUID, some: Sequence[Extracted], now: datetime, *, again: Sequence[UUID]
) -> list[NewDocument]:
    """Write the ledgers of one org's messages and their documents; return those that are new.

    Of those that are taken apart `again` the ledger is replaced, and a document that an earlier run wrote for
    the same part and bytes keeps its row and id.
    """
    before = _taken_back(connection, org_id, again) if again else {}
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
        connection.execute(delete(DOCUMENT).where(DOCUMENT.c.org_id == org_id, DOCUMENT.c.id.in_(stale)))
    insert_all(connection, PART, [_columns(each.claim, part) for each in some for part in each.parts])
    insert_all(connection, DOCUMENT, written)
    return [NewDocument(row["id"], row["message_id"]) for row in written]


def _taken_back(
    connection: Connection, org_id: UUID, message_ids: Sequence[UUID]
) -> dict[tuple[UUID, str, str | None], UUID]:
    """Empty the ledgers of messages; return the documents that they have, by message, part and digest."""
    connection.execute(_forgetting_parts(), {"org": org_id, "ids": list(message_ids)})
    found = connection.execute(_documents_before(), {"org": org_id, "ids": list(message_ids)})
    return {(message_id, path, sha256): row_id for message_id, path, sha256, row_id in found}


@cache
def _forgetting_parts() -> Delete:
    """Return the statement that empties ledgers; made once, for making it costs more than running it."""
    mine = (PART.c.org_id == bindparam("org"), PART.c.message_id.in_(bindparam("ids", expanding=True)))
    return delete(PART).where(*mine)


@cache
def _documents_before() -> Select[Any]:
    document = DOCUMENT.c
    mine = (document.org_id == bindparam("org"), document.message_id.in_(bindparam("ids", expanding=True)))
    return select(document.message_id, document.part_path, document.sha256, document.id).where(*mine)


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
