"""Messages whose work is done: written together, each under its own token and for its own org."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Row,
    Select,
    Update,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from postroom.core.lifecycle import Status
from postroom.core.orgs import by_org
from postroom.db.advancing import advance_all
from postroom.db.dialect import insert_all
from postroom.db.ids import new_id
from postroom.db.ledger import write_ledgers
from postroom.db.machinery import OUTBOX, WORK
from postroom.db.outcomes import Extracted
from postroom.db.scopes import acting_for_each
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE, PART
from postroom.db.values import Claim, Owed, WorkState
from postroom.failpoints import reach


def finish(connection: Connection, some: Sequence[Extracted], now: datetime) -> dict[UUID, int]:
    """Write ledgers, documents and outbox and go to PARSED; return how many documents each message has new.

    Messages whose claim is no longer ours are left out.  The rows of each org are written acting for it.
    """
    ours = hold(connection, [each.claim for each in some])
    counts, waiting = dict[UUID, int](), dict[UUID, datetime]()
    held = (each for each in some if each.claim.message_id in ours)
    with acting_for_each(connection) as act_for:
        for org_id, theirs in by_org(held, lambda each: each.claim.org_id):
            act_for(org_id)
            counts |= _parsed(connection, org_id, theirs, waiting, now)
    close_or_owe(connection, counts, waiting)
    reach("finish.written")
    return counts


def _parsed(
    connection: Connection,
    org_id: UUID,
    some: Sequence[Extracted],
    waiting: dict[UUID, datetime],
    now: datetime,
) -> dict[UUID, int]:
    """Write what was found in messages of one org that are STORED, and note in `waiting` what they owe."""
    before = _stored(connection, org_id, [each.claim.message_id for each in some])
    stored = [each for each in some if each.claim.message_id in before]
    if not stored:
        return {}
    facts = [_facts(each, before[each.claim.message_id], now) for each in stored]
    advance_all(connection, org_id, Status.STORED, Status.PARSED, facts)
    reach("finish.advanced")
    again = [message_id for message_id, earlier in before.items() if earlier.was_parsed]
    documents = write_ledgers(connection, org_id, stored, now, again=again)
    owe(connection, [owed(org_id, each.message_id, "document.created", now, each.id) for each in documents])
    waiting |= {message_id: row.owed_since for message_id, row in before.items() if row.owed_since}
    counts = Counter(document.message_id for document in documents)
    waiting |= {message_id: min(now, waiting.get(message_id, now)) for message_id in counts}
    return {message_id: counts[message_id] for message_id in before}


def hold(connection: Connection, held: Iterable[Claim | Owed]) -> set[UUID]:
    """Return the messages whose claims are still ours; the caller's transaction holds their work rows."""
    ask = connection.execute
    return {message_id for tokens in by_token(held) for message_id in ask(_touching(), tokens).scalars()}


@cache
def _touching() -> ReturningUpdate[Any]:
    """Return the statement that holds work rows; made once, for making it costs more than running it."""
    ours = update(WORK).where(*still_theirs())
    return ours.values(holder=WORK.c.holder).returning(WORK.c.message_id)


def by_token(held: Iterable[Claim | Owed]) -> list[dict[str, Any]]:
    """Return what `still_theirs` is given for these claims: most have the same token, so it is asked once."""
    ids: dict[int, list[UUID]] = defaultdict(list)
    for claim in held:
        ids[claim.token].append(claim.message_id)
    return [{"ids": some, "their_token": token} for token, some in sorted(ids.items())]


def still_theirs() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions on the work rows of claims that are still their holders'; see `by_token`."""
    work = WORK.c
    return work.message_id.in_(bindparam("ids", expanding=True)), work.token == bindparam("their_token")


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
        "attempts": 0,
    }


def owe(connection: Connection, announcements: Sequence[Mapping[str, Any]]) -> None:
    """Write announcements that are owed."""
    insert_all(connection, OUTBOX, announcements)


def close_or_owe(
    connection: Connection, message_ids: Collection[UUID], waiting: Mapping[UUID, datetime]
) -> None:
    """End the work on messages that are at their end, or let it wait until the next system was told.

    `waiting` says of those that owe something when that is due; see `still_owed`.  The caller holds the work
    rows.
    """
    by_time: dict[datetime, list[UUID]] = defaultdict(list)
    for message_id, due_at in waiting.items():
        by_time[due_at].append(message_id)
    for due_at, some in by_time.items():
        connection.execute(_waiting_for_the_next(), {"ids": some, "next_at": due_at})
    ended = set(message_ids).difference(waiting)
    if ended:
        connection.execute(_ending(), {"ids": list(ended)})


def still_owed(connection: Connection, org_id: UUID, message_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return when what an org's messages owe to the next system is due; only of those that owe something.

    The connection acts for the org.
    """
    rows = connection.execute(_still_owed(), {"org": org_id, "ids": list(message_ids)})
    return {row.message_id: row.due_since for row in rows}


@cache
def _still_owed() -> Select[Any]:
    outbox = OUTBOX.c
    theirs = outbox.message_id.in_(bindparam("ids", expanding=True))
    mine = (outbox.org_id == bindparam("org"), theirs, outbox.announced_at.is_(None))
    return (
        select(outbox.message_id, func.min(outbox.due_at).label("due_since"))
        .where(*mine)
        .group_by(outbox.message_id)
    )


@cache
def _waiting_for_the_next() -> Update:
    waits: dict[str, Any] = {
        "state": WorkState.OWED,
        "due_at": bindparam("next_at"),
        "holder": None,
        "leased_until": None,
    }
    return update(WORK).where(WORK.c.message_id.in_(bindparam("ids", expanding=True))).values(**waits)


@cache
def _ending() -> Delete:
    return delete(WORK).where(WORK.c.message_id.in_(bindparam("ids", expanding=True)))


def _stored(connection: Connection, org_id: UUID, message_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Return what there is of those that are STORED: `error_json`, `was_parsed` and `owed_since`."""
    rows = connection.execute(_in_stored(), {"org": org_id, "ids": list(message_ids)})
    return {row.id: row for row in rows}


@cache
def _in_stored() -> Select[Any]:
    message = INBOUND_MESSAGE.c
    part, document = PART.c, DOCUMENT.c
    outbox = OUTBOX.c

    def theirs(row: Any) -> tuple[Any, Any]:
        return row.org_id == bindparam("org"), row.message_id == message.id

    was_parsed = exists().where(*theirs(part)) | exists().where(*theirs(document))
    owed_since = select(func.min(outbox.due_at)).where(*theirs(outbox), outbox.announced_at.is_(None))
    mine = (message.org_id == bindparam("org"), message.id.in_(bindparam("ids", expanding=True)))
    wanted = (was_parsed.label("was_parsed"), owed_since.scalar_subquery().label("owed_since"))
    return select(message.id, message.error_json, *wanted).where(*mine, message.status == Status.STORED)


def failed_attempts(error_json: Mapping[str, Any] | None) -> list[Any]:
    """Return the attempts that failed, for `explain`."""
    return list((error_json or {}).get("attempts", []))


def _facts(extracted: Extracted, before: Row[Any], now: datetime) -> dict[str, Any]:
    """Return what changes in a message's row; an error without a code is none any more."""
    failed = failed_attempts(before.error_json)
    return {
        "id": extracted.claim.message_id,
        "attempts": extracted.claim.attempts + 1,
        "next_attempt_at": None,
        "error_json": {"attempts": failed} if failed else None,
        "defects": list(extracted.defects),
        "limits": list(extracted.limits),
        "updated_at": now,
    }
