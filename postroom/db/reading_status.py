"""What `status` counts: sources, queue and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, func, not_, select

from postroom.core.lifecycle import Status
from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.machinery import QUARANTINE, SIGHTING, SOURCE_STATE, WORK
from postroom.db.orgs import OrgEntry
from postroom.db.reading import OUT_OF_QUARANTINE
from postroom.db.scopes import acting_for_each
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE
from postroom.db.values import STAYING, Verdict, WorkState

_TAKEN = (Verdict.ACCEPTED.value, Verdict.CONFLICT.value)
_MESSAGE: Final = INBOUND_MESSAGE.c
# Built once: a quiet round of cron asks for every org.
_FAILED: Final = select(func.count()).where(
    _MESSAGE.org_id == bindparam("org"), _MESSAGE.status == Status.FAILED
)


@dataclass(frozen=True, slots=True)
class LastPoll:
    """How the last poll of a source ended; `error` is None after a success.

    All that reached the source before `taken_until` was taken; where it `is_behind`, later mail may wait.
    """

    last_attempt_at: datetime
    last_success_at: datetime | None
    error: dict[str, Any] | None
    taken_until: datetime | None
    is_behind: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """The messages that are not at their end; `oldest_at` is when postroom first met the oldest of them."""

    received: int
    stored: int
    due: int
    oldest_at: datetime | None


def last_polls(database: Database) -> dict[str, LastPoll]:
    """Return every source that was ever polled, by name."""
    with database.read() as connection:
        rows = connection.execute(select(SOURCE_STATE)).all()
    return {
        row.source_name: LastPoll(
            row.last_attempt_at, row.last_success_at, row.error_json, row.taken_until, row.is_behind
        )
        for row in rows
    }


def copies_since(database: Database, source_name: str, since: datetime) -> int:
    """Return how many copies the source showed since then; one for several orgs counts once."""
    spot = (SIGHTING.c.folder, SIGHTING.c.uidvalidity, SIGHTING.c.uid, SIGHTING.c.file_name)
    seen = (SIGHTING.c.source_name == source_name, SIGHTING.c.seen_at >= since)
    by_hand = SIGHTING.c.file_name.startswith(OUT_OF_QUARANTINE)
    copies = select(*spot).where(*seen, not_(by_hand)).distinct().subquery()
    with database.read(source=source_name) as connection:
        return connection.scalar(select(func.count()).select_from(copies)) or 0


def oldest_unsettled(database: Database, source_name: str) -> datetime | None:
    """Return when the oldest copy reached the source that is decided, but not let go; None where none is.

    Copies that were left alone on purpose do not count, nor do those that cannot be read.
    """
    waiting = (SIGHTING.c.settled_at.is_(None), SIGHTING.c.verdict.not_in(STAYING))
    oldest = select(func.min(SIGHTING.c.internal_date)).where(SIGHTING.c.source_name == source_name, *waiting)
    with database.read(source=source_name) as connection:
        found: datetime | None = connection.scalar(oldest)
        return found


def was_seen(database: Database, source_name: str) -> bool:
    """Return whether any copy was ever seen in this source."""
    query = select(SIGHTING.c.id).where(SIGHTING.c.source_name == source_name).limit(1)
    with database.read(source=source_name) as connection:
        return connection.scalar(query) is not None


def keeps_anything(database: Database, orgs: Sequence[OrgEntry]) -> bool:
    """Return whether the archive should hold anything: a mail of one of these orgs, or one in quarantine."""
    with database.read(org=NOBODY) as connection:
        if connection.scalar(select(QUARANTINE.c.id).limit(1)) is not None:
            return True
    return any(_has_mail(database, org) for org in orgs)


def _has_mail(database: Database, org: OrgEntry) -> bool:
    query = select(INBOUND_MESSAGE.c.id).where(INBOUND_MESSAGE.c.org_id == org.id).limit(1)
    with database.read(org=org.id) as connection:
        return connection.scalar(query) is not None


def queue(database: Database, now: datetime) -> Queue:
    """Return the depth of the queue over all orgs, from the table that holds ids and times only."""
    open_ones = WORK.c.state.in_((WorkState.RECEIVED, WorkState.STORED))
    with database.read() as connection:
        by_state = connection.execute(select(WORK.c.state, func.count()).group_by(WORK.c.state))
        depth: dict[WorkState, int] = dict(by_state.all())
        is_due = (open_ones, WORK.c.due_at <= now)
        due = connection.scalar(select(func.count()).select_from(WORK).where(*is_due)) or 0
        oldest = connection.scalar(
            select(WORK.c.message_id).where(open_ones).order_by(WORK.c.message_id).limit(1)
        )
    return Queue(
        received=depth.get(WorkState.RECEIVED, 0),
        stored=depth.get(WorkState.STORED, 0),
        due=due,
        oldest_at=made_at(oldest) if oldest else None,
    )


def made_at(row_id: UUID) -> datetime:
    """Return when a row got its id, to the millisecond (RFC 9562 5.7)."""
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)


def failures(database: Database, orgs: Sequence[OrgEntry]) -> tuple[int, Counter[str]]:
    """Return how many messages of these orgs are FAILED, and how many of them came by each source."""
    total, by_source = 0, Counter[str]()
    for org in orgs:
        failed = (INBOUND_MESSAGE.c.org_id == org.id, INBOUND_MESSAGE.c.status == Status.FAILED)
        with database.read(org=org.id) as connection:
            total += connection.scalar(select(func.count()).select_from(INBOUND_MESSAGE).where(*failed)) or 0
            came = (
                select(SIGHTING.c.source_name, func.count(SIGHTING.c.message_id.distinct()))
                .join(INBOUND_MESSAGE, INBOUND_MESSAGE.c.id == SIGHTING.c.message_id)
                .where(*failed, SIGHTING.c.org_id == org.id, SIGHTING.c.verdict.in_(_TAKEN))
                .group_by(SIGHTING.c.source_name)
            )
            by_source.update(dict(connection.execute(came).all()))
    return total, by_source


def failed_count(database: Database, orgs: Sequence[OrgEntry]) -> int:
    """Return how many messages of these orgs are FAILED."""
    total = 0
    with database.read() as connection, acting_for_each(connection) as act_for:
        for org in orgs:
            act_for(org.id)
            total += connection.scalar(_FAILED, {"org": org.id}) or 0
    return total


def counts_of(database: Database, org: OrgEntry) -> tuple[dict[Status, int], int]:
    """Return the org's messages by status, and its documents."""
    by_status = select(INBOUND_MESSAGE.c.status, func.count()).where(INBOUND_MESSAGE.c.org_id == org.id)
    kept = select(func.count()).select_from(DOCUMENT).where(DOCUMENT.c.org_id == org.id)
    with database.read(org=org.id) as connection:
        counted = connection.execute(by_status.group_by(INBOUND_MESSAGE.c.status))
        found: dict[Status, int] = dict(counted.all())
        return {status: found.get(status, 0) for status in Status}, connection.scalar(kept) or 0
