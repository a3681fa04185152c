"""What `status` counts: sources, queue and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, func, not_, select

from postroom.core.lifecycle import Status
from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.machinery import Quarantine, Sighting, SourceState, Work
from postroom.db.models import Document, InboundMessage
from postroom.db.orgs import OrgEntry
from postroom.db.reading import OUT_OF_QUARANTINE
from postroom.db.scopes import acting_for_each
from postroom.db.values import STAYING, Verdict, WorkState

_TAKEN = (Verdict.ACCEPTED.value, Verdict.CONFLICT.value)
_MESSAGE: Final = cast("Table", InboundMessage.__table__).c
# Built once, and past the mapper: a quiet round of cron asks for every org.
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
    with database.read() as session:
        rows = session.scalars(select(SourceState)).all()
    return {
        row.source_name: LastPoll(
            row.last_attempt_at, row.last_success_at, row.error_json, row.taken_until, row.is_behind
        )
        for row in rows
    }


def copies_since(database: Database, source_name: str, since: datetime) -> int:
    """Return how many copies the source showed since then; one for several orgs counts once."""
    spot = (Sighting.folder, Sighting.uidvalidity, Sighting.uid, Sighting.file_name)
    seen = (Sighting.source_name == source_name, Sighting.seen_at >= since)
    by_hand = Sighting.file_name.startswith(OUT_OF_QUARANTINE)
    copies = select(*spot).where(*seen, not_(by_hand)).distinct().subquery()
    with database.read(source=source_name) as session:
        return session.scalar(select(func.count()).select_from(copies)) or 0


def oldest_unsettled(database: Database, source_name: str) -> datetime | None:
    """Return when the oldest copy reached the source that is decided, but not let go; None where none is.

    Copies that were left alone on purpose do not count, nor do those that cannot be read.
    """
    waiting = (Sighting.settled_at.is_(None), Sighting.verdict.not_in(STAYING))
    oldest = select(func.min(Sighting.internal_date)).where(Sighting.source_name == source_name, *waiting)
    with database.read(source=source_name) as session:
        return session.scalar(oldest)


def was_seen(database: Database, source_name: str) -> bool:
    """Return whether any copy was ever seen in this source."""
    query = select(Sighting.id).where(Sighting.source_name == source_name).limit(1)
    with database.read(source=source_name) as session:
        return session.scalar(query) is not None


def keeps_anything(database: Database, orgs: Sequence[OrgEntry]) -> bool:
    """Return whether the archive should hold anything: a mail of one of these orgs, or one in quarantine."""
    with database.read(org=NOBODY) as session:
        if session.scalar(select(Quarantine.id).limit(1)) is not None:
            return True
    return any(_has_mail(database, org) for org in orgs)


def _has_mail(database: Database, org: OrgEntry) -> bool:
    query = select(InboundMessage.id).where(InboundMessage.org_id == org.id).limit(1)
    with database.read(org=org.id) as session:
        return session.scalar(query) is not None


def queue(database: Database, now: datetime) -> Queue:
    """Return the depth of the queue over all orgs, from the table that holds ids and times only."""
    open_ones = Work.state.in_((WorkState.RECEIVED, WorkState.STORED))
    with database.read() as session:
        depth = dict(session.execute(select(Work.state, func.count()).group_by(Work.state)).all())
        is_due = (open_ones, Work.due_at <= now)
        due = session.scalar(select(func.count()).select_from(Work).where(*is_due)) or 0
        oldest = session.scalar(select(Work.message_id).where(open_ones).order_by(Work.message_id).limit(1))
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
        failed = (InboundMessage.org_id == org.id, InboundMessage.status == Status.FAILED)
        with database.read(org=org.id) as session:
            total += session.scalar(select(func.count()).select_from(InboundMessage).where(*failed)) or 0
            came = (
                select(Sighting.source_name, func.count(Sighting.message_id.distinct()))
                .join(InboundMessage, InboundMessage.id == Sighting.message_id)
                .where(*failed, Sighting.org_id == org.id, Sighting.verdict.in_(_TAKEN))
                .group_by(Sighting.source_name)
            )
            by_source.update(dict(session.execute(came).all()))
    return total, by_source


def failed_count(database: Database, orgs: Sequence[OrgEntry]) -> int:
    """Return how many messages of these orgs are FAILED."""
    total = 0
    with database.read() as session, acting_for_each(session) as act_for:
        for org in orgs:
            act_for(org.id)
            total += session.connection().scalar(_FAILED, {"org": org.id}) or 0
    return total


def counts_of(database: Database, org: OrgEntry) -> tuple[dict[Status, int], int]:
    """Return the org's messages by status, and its documents."""
    by_status = select(InboundMessage.status, func.count()).where(InboundMessage.org_id == org.id)
    kept = select(func.count()).select_from(Document).where(Document.org_id == org.id)
    with database.read(org=org.id) as session:
        found = dict(session.execute(by_status.group_by(InboundMessage.status)).all())
        return {status: found.get(status, 0) for status in Status}, session.scalar(kept) or 0
