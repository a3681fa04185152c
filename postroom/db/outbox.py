"""Announcements that are owed, written with the documents and struck off when the next system has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, bindparam, case, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from postroom.core.announcement import Announcement
from postroom.core.orgs import by_org
from postroom.db.engine import Database
from postroom.db.fair_share import Leased, OrgRing
from postroom.db.finishing import close_or_owe, hold
from postroom.db.machinery import OUTBOX
from postroom.db.outcomes import Told
from postroom.db.scopes import acting_for_each
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE
from postroom.db.types import UtcDateTime
from postroom.db.values import Owed, Untold, WorkState
from postroom.db.workbench import keep


class SqlOutbox:
    """The outbox protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database, self._ring = database, OrgRing(database, WorkState.OWED)

    def claim(self, *, limit: int, holder: str, lease_seconds: float, now: datetime) -> list[Owed]:
        read = partial(_owed, now=now)
        return self._ring.claim(read, limit=limit, holder=holder, lease_seconds=lease_seconds, now=now)

    def renew(self, claimed: Sequence[Owed], *, lease_seconds: float, now: datetime) -> None:
        with self._database.write(lasts=False) as connection:
            keep(connection, claimed, now + timedelta(seconds=lease_seconds))

    def conclude(self, told: Sequence[Told], now: datetime) -> set[UUID]:
        with self._database.write() as connection:
            ours, waiting = hold(connection, [each.owed for each in told]), dict[UUID, datetime]()
            held = (each for each in told if each.owed.message_id in ours)
            with acting_for_each(connection) as act_for:
                for org_id, theirs in by_org(held, lambda each: each.owed.org_id):
                    act_for(org_id)
                    for failed in (failed for each in theirs for failed in each.untold):
                        _put_off(connection, org_id, failed)
                    waiting |= _strike_off(connection, org_id, theirs, now)
            close_or_owe(connection, ours, waiting)
        return ours


def _strike_off(
    connection: Connection, org_id: UUID, some: Sequence[Told], now: datetime
) -> dict[UUID, datetime]:
    """Note what was announced of one org's messages; return when what they still owe is due, of each."""
    ids = [each.owed.message_id for each in some]
    told = [event_id for each in some for event_id in each.told]
    wanted = {"org": org_id, "ids": ids, "told": told, "now": now}
    waiting = dict[UUID, datetime]()
    for message_id, due_at, announced_at in connection.execute(_striking_off(), wanted):
        if announced_at is None:
            waiting[message_id] = min(due_at, waiting.get(message_id, due_at))
    return waiting


@cache
def _striking_off() -> ReturningUpdate[Any]:
    """Return the statement that notes what was announced, and answers with all that was owed; made once.

    It answers with columns alone: SQLite 3.40 finds an `IS NULL` false there that is true.
    """
    theirs = OUTBOX.c.message_id.in_(bindparam("ids", expanding=True))
    mine = (OUTBOX.c.org_id == bindparam("org"), theirs, OUTBOX.c.announced_at.is_(None))
    told = case((OUTBOX.c.id.in_(bindparam("told", expanding=True)), bindparam("now", type_=UtcDateTime())))
    answer = (OUTBOX.c.message_id, OUTBOX.c.due_at, OUTBOX.c.announced_at)
    return update(OUTBOX).where(*mine).values(announced_at=told).returning(*answer)


def _put_off(connection: Connection, org_id: UUID, failed: Untold) -> None:
    facts = {"attempts": OUTBOX.c.attempts + 1, "error_json": dict(failed.error), "due_at": failed.retry_at}
    mine = (OUTBOX.c.org_id == org_id, OUTBOX.c.id == failed.event_id)
    connection.execute(update(OUTBOX).where(*mine).values(**facts))


def _owed(connection: Connection, org_id: UUID, some: Sequence[Leased], now: datetime) -> list[Owed]:
    """Return what is due of messages of one org, which the connection acts for; the longest owed first."""
    wanted = {"org": org_id, "ids": [work.message_id for work in some], "now": now}
    found: dict[UUID, list[Announcement]] = {work.message_id: [] for work in some}
    for row in connection.execute(_due_now(), wanted):
        found[row.message_id].append(_announcement(row, some[0].slug))
    return [Owed(work.message_id, org_id, work.token, tuple(found[work.message_id])) for work in some]


@cache
def _due_now() -> Select[Any]:
    """Return the query for what is to be announced; made once, for making it costs more than running it."""
    outbox, message = OUTBOX.c, INBOUND_MESSAGE.c
    document = DOCUMENT.c
    its_message = and_(message.org_id == outbox.org_id, message.id == outbox.message_id)
    its_document = and_(document.org_id == outbox.org_id, document.id == outbox.document_id)
    of_it = (outbox.id, outbox.event, outbox.message_id, outbox.document_id, outbox.attempts)
    contents = (document.filename, document.content_type, document.size_bytes, document.sha256)
    mine = (outbox.org_id == bindparam("org"), outbox.message_id.in_(bindparam("ids", expanding=True)))
    return (
        select(*of_it, message.source_message_id, *contents)
        .join_from(OUTBOX, INBOUND_MESSAGE, its_message)
        .outerjoin(DOCUMENT, its_document)
        .where(*mine, outbox.announced_at.is_(None), outbox.due_at <= bindparam("now"))
        .order_by(outbox.due_at, outbox.id)
    )


def _announcement(row: Row[Any], slug: str) -> Announcement:
    body: dict[str, Any] = {
        "org": slug,
        "message": str(row.message_id),
        "source_message_id": row.source_message_id,
    }
    if row.sha256 is not None:  # it names a document that is there
        body |= {
            "document": str(row.document_id),
            "filename": row.filename,
            "content_type": row.content_type,
            "size": row.size_bytes,
            "sha256": row.sha256,
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
