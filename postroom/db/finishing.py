"""Messages of one org whose work is done: written together, each under its own token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from postroom.core.lifecycle import Status
from postroom.db.advancing import advance_all
from postroom.db.ids import new_id
from postroom.db.ledger import write_ledgers
from postroom.db.machinery import Outbox, Work
from postroom.db.models import InboundMessage
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim, Owed, WorkState
from postroom.failpoints import reach


def finish(session: Session, org_id: UUID, some: Sequence[Extracted], now: datetime) -> dict[UUID, int]:
    """Write ledgers, documents and outbox and go to PARSED; return how many documents each message has new.

    Messages whose claim is no longer ours are left out.  The session acts for the org.
    """
    before = _stored(session, org_id, hold(session, org_id, [each.claim for each in some]))
    ours = [each for each in some if each.claim.message_id in before]
    if not ours:
        return {}
    advance_all(
        session,
        org_id,
        Status.STORED,
        Status.PARSED,
        [_facts(each, before[each.claim.message_id], now) for each in ours],
    )
    reach("finish.advanced")
    documents = write_ledgers(session, org_id, ours, now)
    owe(session, [owed(org_id, each.message_id, "document.created", now, each.id) for each in documents])
    close_or_owe(session, org_id, before, now)
    reach("finish.written")
    counts = dict.fromkeys(before, 0)
    for document in documents:
        counts[document.message_id] += 1
    return counts


def hold(session: Session, org_id: UUID, held: Iterable[Claim | Owed]) -> set[UUID]:
    """Return the messages whose claims are still ours; the caller's transaction holds their work rows."""
    ours = (Work.org_id == org_id, *still_theirs(held))
    touched = update(Work).where(*ours).values(holder=Work.holder).returning(Work.message_id)
    return set(session.scalars(touched))


def still_theirs(held: Iterable[Claim | Owed]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions on the work rows of claims that are still their holders'."""
    tokens = [(claim.message_id, claim.token) for claim in held]
    # The ids alone say where to look: SQLite uses no index for pairs.
    ids = [message_id for message_id, _ in tokens]
    return Work.message_id.in_(ids), tuple_(Work.message_id, Work.token).in_(tokens)


def owed(
    org_id: UUID, message_id: UUID, event: str, now: datetime, document_id: UUID | None = None
) -> dict[str, Any]:
    """Return the columns of an announcement that is owed from now on."""
    return {
        "id": new_id(),
        "org_id": org_id,
        "message_id": message_id,
        "document_id": document_id,
        "event": event,
        "created_at": now,
        "due_at": now,
    }


def owe(session: Session, announcements: Sequence[Mapping[str, Any]]) -> None:
    """Write announcements that are owed."""
    if announcements:
        session.execute(insert(Outbox), list(announcements))


def close_or_owe(session: Session, org_id: UUID, message_ids: Collection[UUID], now: datetime) -> None:
    """End the work on messages that are at their end, or let it wait until the next system was told.

    The caller holds their work rows, and the session acts for their org.
    """
    session.flush()
    mine = (Outbox.org_id == org_id, Outbox.message_id.in_(message_ids), Outbox.announced_at.is_(None))
    next_at = select(Outbox.message_id, func.min(Outbox.due_at)).where(*mine).group_by(Outbox.message_id)
    waiting: dict[datetime, list[UUID]] = defaultdict(list)
    for message_id, due_at in session.execute(next_at):
        waiting[due_at].append(message_id)
    for due_at, some in waiting.items():
        waits = {"state": WorkState.OWED, "due_at": due_at, "holder": None, "leased_until": None}
        session.execute(update(Work).where(Work.message_id.in_(some)).values(**waits))
    ended = set(message_ids).difference(*waiting.values())
    if ended:
        session.execute(delete(Work).where(Work.message_id.in_(ended)))


def _stored(session: Session, org_id: UUID, message_ids: Collection[UUID]) -> dict[UUID, list[Any]]:
    """Return those that are STORED, with the attempts that failed before."""
    mine = (InboundMessage.org_id == org_id, InboundMessage.id.in_(message_ids))
    columns = select(InboundMessage.id, InboundMessage.error_json)
    rows = session.execute(columns.where(*mine, InboundMessage.status == Status.STORED))
    return {message_id: failed_attempts(error) for message_id, error in rows}


def failed_attempts(error_json: Mapping[str, Any] | None) -> list[Any]:
    """Return the attempts that failed, for `explain`."""
    return list((error_json or {}).get("attempts", []))


def _facts(extracted: Extracted, failed: list[Any], now: datetime) -> dict[str, Any]:
    """Return what changes in a message's row; an error without a code is none any more."""
    return {
        "id": extracted.claim.message_id,
        "attempts": extracted.claim.attempts + 1,
        "next_attempt_at": None,
        "error_json": {"attempts": failed} if failed else None,
        "defects": list(extracted.defects),
        "limits": list(extracted.limits),
        "updated_at": now,
    }
