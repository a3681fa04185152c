"""Work that is due: claimed under a lease, finished or put back under its token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from postroom.core.lifecycle import Status
from postroom.db.engine import Database
from postroom.db.inbox import advance, new_id
from postroom.db.ledger import write_ledger
from postroom.db.machinery import Outbox, Work
from postroom.db.models import Document, InboundMessage, OrgRow
from postroom.db.values import Claim, LedgerPart
from postroom.errors import LeaseLost


class SqlWorkbench:
    """The workbench protocol on SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, *, limit: int, holder: str, lease_seconds: float, now: datetime) -> list[Claim]:
        until = now + timedelta(seconds=lease_seconds)
        with self._database.write() as session:
            due = (
                select(Work)
                .where(Work.state == Status.STORED, Work.due_at <= now, _is_free(now))
                .order_by(Work.due_at, Work.message_id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            claims = []
            for work in session.scalars(due).all():
                work.holder, work.leased_until, work.token = holder, until, work.token + 1
                claims.append(_claim(session, work))
            return claims

    def renew(self, claims: Sequence[Claim], *, lease_seconds: float, now: datetime) -> None:
        until = now + timedelta(seconds=lease_seconds)
        with self._database.write() as session:
            for claim in claims:
                session.execute(update(Work).where(*_ours(claim)).values(leased_until=until))

    def finish(self, claim: Claim, parts: Sequence[LedgerPart], now: datetime) -> int:
        with self._database.write() as session:
            _close(session, claim)
            facts = {
                "attempts": claim.attempts + 1,
                "next_attempt_at": None,
                "error_json": _only_history(session, claim),
                "updated_at": now,
            }
            if not advance(session, claim.message_id, Status.STORED, Status.PARSED, **facts):
                raise LeaseLost(f"message {claim.message_id} is no longer stored")
            documents = write_ledger(session, claim, parts, now)
            for document in documents:
                session.add(_owed(claim, "document.created", now, document))
            return len(documents)

    def put_back(self, claim: Claim, now: datetime, *, pause_seconds: float) -> None:
        due_at = now + timedelta(seconds=pause_seconds)
        with self._database.write() as session:
            _reopen(session, claim, due_at)
            session.execute(_message(claim).values(next_attempt_at=due_at, updated_at=now))

    def attempt_failed(
        self, claim: Claim, error: Mapping[str, Any], now: datetime, *, retry_at: datetime | None
    ) -> None:
        with self._database.write() as session:
            facts: dict[str, Any] = {"attempts": claim.attempts + 1, "updated_at": now}
            facts |= {"next_attempt_at": retry_at, "error_json": _with_history(session, claim, error)}
            if retry_at is not None:
                _reopen(session, claim, retry_at)
                session.execute(_message(claim).values(**facts))
                return
            _close(session, claim)
            if not advance(session, claim.message_id, Status.STORED, Status.FAILED, **facts):
                raise LeaseLost(f"message {claim.message_id} is no longer stored")
            session.add(_owed(claim, "message.failed", now, None))

    def rescue(self, now: datetime) -> int:
        with self._database.write() as session:
            stalled = (Work.leased_until.is_not(None), Work.leased_until <= now)
            freed = session.execute(
                update(Work)
                .where(*stalled)
                .values(holder=None, leased_until=None, token=Work.token + 1)
                .returning(Work.message_id)
            )
            return len(freed.all())


def _ours(claim: Claim) -> tuple[Any, ...]:
    return Work.message_id == claim.message_id, Work.token == claim.token


def _is_free(now: datetime) -> Any:
    return or_(Work.leased_until.is_(None), Work.leased_until <= now)


def _claim(session: Session, work: Work) -> Claim:
    message = session.get_one(InboundMessage, work.message_id)
    slug = session.scalars(select(OrgRow.slug).where(OrgRow.id == work.org_id)).one()
    assert message.raw_key is not None  # noqa: S101  (a STORED row has one; db/inbox.py writes both together)
    return Claim(
        message_id=work.message_id,
        org_id=work.org_id,
        org=slug,
        source_message_id=message.source_message_id,
        raw_key=message.raw_key,
        raw_sha256=message.raw_sha256,
        size_bytes=message.size_bytes,
        attempts=message.attempts,
        token=work.token,
    )


def _close(session: Session, claim: Claim) -> None:
    gone = session.execute(delete(Work).where(*_ours(claim)).returning(Work.message_id))
    if gone.scalar_one_or_none() is None:
        raise LeaseLost(f"message {claim.message_id} went to another worker")


def _reopen(session: Session, claim: Claim, due_at: datetime) -> None:
    freed = session.execute(
        update(Work)
        .where(*_ours(claim))
        .values(due_at=due_at, holder=None, leased_until=None)
        .returning(Work.message_id)
    )
    if freed.scalar_one_or_none() is None:
        raise LeaseLost(f"message {claim.message_id} went to another worker")


def _message(claim: Claim) -> Any:
    return update(InboundMessage).where(
        InboundMessage.org_id == claim.org_id, InboundMessage.id == claim.message_id
    )


def _with_history(session: Session, claim: Claim, error: Mapping[str, Any]) -> dict[str, Any]:
    """Return the newest error with the earlier ones behind it, for `explain`."""
    return {**error, "attempts": [*_history(session, claim), dict(error)]}


def _only_history(session: Session, claim: Claim) -> dict[str, Any] | None:
    """Return the attempts that failed before one went well; an error without a code is none any more."""
    before = _history(session, claim)
    return {"attempts": before} if before else None


def _history(session: Session, claim: Claim) -> list[Any]:
    failed = session.get_one(InboundMessage, claim.message_id).error_json or {}
    return list(failed.get("attempts", []))


def _owed(claim: Claim, event: str, now: datetime, document: Document | None) -> Outbox:
    document_id = document.id if document else None
    return Outbox(
        id=new_id(),
        org_id=claim.org_id,
        message_id=claim.message_id,
        document_id=document_id,
        event=event,
        created_at=now,
        due_at=now,
    )
