"""Messages of one org whose work is done: written together, each under its own token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

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
    return set(session.execute(_touching(), {"org": org_id, **tokens_of(held)}).scalars())


@cache
def _touching() -> ReturningUpdate[Any]:
    """Return the statement that holds work rows; made once, for making it costs more than running it."""
    work = cast("Table", Work.__table__)
    ours = update(work).where(work.c.org_id == bindparam("org"), *still_theirs())
    return ours.values(holder=work.c.holder).returning(work.c.message_id)


def tokens_of(held: Iterable[Claim | Owed]) -> dict[str, list[Any]]:
    """Return what `still_theirs` is given for these claims."""
    tokens = [(claim.message_id, claim.token) for claim in held]
    return {"ids": [message_id for message_id, _ in tokens], "tokens": tokens}


def still_theirs() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions on the work rows of claims that are still their holders'; see `tokens_of`."""
    work = cast("Table", Work.__table__).c
    pairs = tuple_(work.message_id, work.token).in_(bindparam("tokens", expanding=True))
    # The ids alone say where to look: SQLite uses no index for pairs.
    return work.message_id.in_(bindparam("ids", expanding=True)), pairs


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
        session.execute(insert(cast("Table", Outbox.__table__)), list(announcements))


def close_or_owe(session: Session, org_id: UUID, message_ids: Collection[UUID], now: datetime) -> None:
    """End the work on messages that are at their end, or let it wait until the next system was told.

    The caller holds their work rows, and the session acts for their org.
    """
    session.flush()
    waiting: dict[datetime, list[UUID]] = defaultdict(list)
    for message_id, due_at in session.execute(_still_owed(), {"org": org_id, "ids": list(message_ids)}):
        waiting[due_at].append(message_id)
    for due_at, some in waiting.items():
        session.execute(_waiting_for_the_next(), {"ids": some, "next_at": due_at})
    ended = set(message_ids).difference(*waiting.values())
    if ended:
        session.execute(_ending(), {"ids": list(ended)})


@cache
def _still_owed() -> Select[Any]:
    outbox = cast("Table", Outbox.__table__).c
    theirs = outbox.message_id.in_(bindparam("ids", expanding=True))
    mine = (outbox.org_id == bindparam("org"), theirs, outbox.announced_at.is_(None))
    return select(outbox.message_id, func.min(outbox.due_at)).where(*mine).group_by(outbox.message_id)


@cache
def _waiting_for_the_next() -> Update:
    work = cast("Table", Work.__table__)
    waits: dict[str, Any] = {
        "state": WorkState.OWED,
        "due_at": bindparam("next_at"),
        "holder": None,
        "leased_until": None,
    }
    return update(work).where(work.c.message_id.in_(bindparam("ids", expanding=True))).values(**waits)


@cache
def _ending() -> Delete:
    work = cast("Table", Work.__table__)
    return delete(work).where(work.c.message_id.in_(bindparam("ids", expanding=True)))


def _stored(session: Session, org_id: UUID, message_ids: Collection[UUID]) -> dict[UUID, list[Any]]:
    """Return those that are STORED, with the attempts that failed before."""
    rows = session.execute(_in_stored(), {"org": org_id, "ids": list(message_ids)})
    return {message_id: failed_attempts(error) for message_id, error in rows}


@cache
def _in_stored() -> Select[Any]:
    message = cast("Table", InboundMessage.__table__).c
    mine = (message.org_id == bindparam("org"), message.id.in_(bindparam("ids", expanding=True)))
    return select(message.id, message.error_json).where(*mine, message.status == Status.STORED)


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
